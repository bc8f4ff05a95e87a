//! A long run under a mixed load, half of the time under attack.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use support::http::get;
use support::processes::Usage;
use support::program::{ReadyLine, Server};
use support::site::{HELLO, NOT_FOUND_PAGE, Site};
use support::{PATIENCE, Seen, handout, promise, seed};

use crate::usage_at_rest;
use crate::wire::{Client, Fault};
use crate::{KEPT, MIB, alone, ends_quietly, is_served_again, launch, log, settles};

/// How many clients there are that only want to be served.
const HONEST: usize = 3;

/// What memory may grow by behind the first attack, in bytes. What allocators keep for
/// later is part of it; a leak of a few bytes for each request is more than that in an
/// hour, and one of a buffer or a stack is more in a minute.
const MOST_GROWTH: usize = 12 * MIB;

/// A log that is longer is emptied, as those who look after servers do. In bytes.
const LONG_LOG: u64 = 64 << 20;

/// What the server holds for the deaf.
const LARGE: usize = 20 * MIB;

static SOME: [u8; 200_000] = [b's'; 200_000];

#[test]
#[ignore = "runs for 20 s, or for LAB_SOAK seconds; .ci/run runs it"]
fn soak() {
    let _alone = alone();
    let promise = promise(format!(
        "after a long time, half of it under attack, the server has as many threads and \
         descriptors as in the beginning, and at most {} MiB more memory than after the \
         first attack",
        MOST_GROWTH / MIB
    ))
    .cause(&[Seen::StillOpen], "something is left behind when a connection ends")
    .cause(&[Seen::More], "something is kept for each request or connection")
    .read(handout::LIMITS);
    let seconds = std::env::var("LAB_SOAK").ok().and_then(|text| text.trim().parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(20).clamp(4, 24 * 3600));
    let phase = (length / 8).min(Duration::from_secs(30));

    let site = Site::new();
    site.file("large.txt", &vec![b'x'; LARGE]).file("some.txt", &SOME);
    let log = site.outside().join("log.txt");
    let shown = log.display().to_string();
    let limits = ["--max-connections", "150", "--keep-alive-timeout", "2"];
    let options = [&limits[..], &["--quiet", "--log", &shown]].concat();
    let server = launch(&site, &options)
        .for_at_most(2 * length + Duration::from_secs(120))
        .start()
        .ready(ReadyLine::RUNNING);
    let first = usage_at_rest(&server, &promise);
    let field = Field::new(server.address);
    field.tell(0, "start", first);

    let mut random = seed::random();
    let mut warm = None;
    let until = Instant::now() + length;
    let threads_left = thread::scope(|scope| {
        for _ in 0..HONEST {
            let (mut random, field) = (random.fork(), &field);
            scope.spawn(move || field.be_honest(&mut random));
        }
        for attack in ATTACKS {
            let (mut random, field) = (random.fork(), &field);
            scope.spawn(move || {
                while !field.ended() {
                    if field.is_calm() {
                        thread::park_timeout(Duration::from_millis(10));
                    } else {
                        attack(field, &mut random);
                    }
                }
            });
        }
        while Instant::now() < until && !field.ended() {
            field.wait(phase);
            field.sample(&server, "calm");
            field.phase.fetch_add(1, Ordering::Relaxed);
            field.wait(phase);
            field.sample(&server, "attack");
            // The attackers go, and take what they hold with them.
            field.phase.fetch_add(1, Ordering::Relaxed);
            let crowd = Usage {
                // A connection may still be ending while its client has the next one.
                threads: first.threads + 2 * HONEST,
                descriptors: first.descriptors + 2 * HONEST,
                ..first
            };
            let Some(now) = field.recovers(&server, crowd) else {
                field.end();
                return false;
            };
            warm.get_or_insert(now);
            field.phase.fetch_add(1, Ordering::Relaxed);
            if std::fs::metadata(&log).is_ok_and(|data| data.len() > LONG_LOG) {
                let emptied = std::fs::File::options().write(true).open(&log);
                emptied.and_then(|file| file.set_len(0)).expect("a log to empty");
            }
        }
        field.end();
        true
    });
    let fault = field.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((seen, what)) = fault {
        promise.broken(seen, format!("a client in calm weather: {what}"));
    }
    is_served_again(&server, &promise);
    let last = settles(&server, first, &promise);
    field.tell(field.began.elapsed().as_secs(), "end", last);
    if !threads_left {
        promise.broken(Seen::StillOpen, "it takes too long to recover from an attack");
    }
    let warm = warm.unwrap_or_default();
    if warm.memory + MOST_GROWTH < last.memory {
        let [warm, last] = [warm, last].map(|usage| usage.memory / MIB);
        let text = format!("{warm} MiB after the first attack have become {last} MiB");
        promise.broken(Seen::More, text);
    }
    ends_quietly(server, 0, &promise);
    let pairs = log::whole_pairs(&log, 1, &promise);
    println!("the log has {pairs} pairs of lines");
}

/// Where honest clients and attackers meet.
struct Field {
    server: SocketAddr,
    began: Instant,
    /// Modulo 3, 0 is calm, 1 an attack, 2 the time in which the attackers go.
    phase: AtomicUsize,
    ended: AtomicBool,
    served: AtomicU64,
    /// Honest clients that were turned away, under attack.
    refused: AtomicU64,
    attacks: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

impl Field {
    fn new(server: SocketAddr) -> Self {
        Self {
            server,
            began: Instant::now(),
            phase: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            served: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            attacks: AtomicU64::new(0),
            fault: Mutex::new(None),
        }
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Nobody attacks, as also when it is all over.
    fn is_calm(&self) -> bool {
        self.ended() || self.phase.load(Ordering::Relaxed) % 3 != 1
    }

    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.ended() {
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn sample(&self, server: &Server, what: &str) {
        let usage = server.running.usage().unwrap_or_default();
        self.tell(self.began.elapsed().as_secs(), what, usage);
    }

    fn tell(&self, second: u64, what: &str, usage: Usage) {
        println!(
            "{second:>6} s {what:<7} {:>7} KiB {:>4} threads {:>4} descriptors; {} served, \
             {} turned away, {} hostile connections",
            usage.memory / 1024,
            usage.threads,
            usage.descriptors,
            self.served.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
            self.attacks.load(Ordering::Relaxed),
        );
    }

    /// What the server uses when it has no more than `crowd` again; `None` if it takes too
    /// long.
    fn recovers(&self, server: &Server, crowd: Usage) -> Option<Usage> {
        let until = Instant::now() + 2 * PATIENCE;
        while Instant::now() < until && !self.ended() {
            let now = server.running.usage().unwrap_or_default();
            if now.threads <= crowd.threads && now.descriptors <= crowd.descriptors {
                return Some(now);
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        None
    }

    fn connect(&self) -> Option<Client> {
        self.attacks.fetch_add(1, Ordering::Relaxed);
        Client::connect(self.server).ok()
    }

    /// Asks for this and that, and looks at the answers.
    fn be_honest(&self, random: &mut Rng) {
        while !self.ended() {
            let before = self.phase.load(Ordering::Relaxed);
            let Err(fault) = self.converse(random) else { continue };
            let now = self.phase.load(Ordering::Relaxed);
            // Under attack it may be turned away, but not be told something wrong.
            let was_calm = before == now && before.is_multiple_of(3);
            if was_calm || fault.0 == Seen::Other {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                self.end();
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                thread::park_timeout(Duration::from_millis(5));
            }
        }
    }

    fn converse(&self, random: &mut Rng) -> Result<(), Fault> {
        let mut client = Client::connect(self.server)?;
        for _ in 0..random.usize(1..20) {
            let (method, target, more, status, body): (_, _, _, _, &[u8]) =
                match random.u8(..16) {
                    0..6 => ("GET", "/HelloWorld.html", "", 200, HELLO),
                    6..8 => ("HEAD", "/HelloWorld.html", "", 200, b""),
                    8..10 => ("GET", "/nowhere.txt", "", 404, NOT_FOUND_PAGE),
                    10..13 => {
                        let since = "If-Modified-Since: Tue, 31 Dec 2999 23:59:59 GMT\r\n";
                        ("GET", "/HelloWorld.html", since, 304, b"")
                    }
                    13 => ("HEAD", "/no.pdf", "", 400, b""),
                    _ => ("GET", "/some.txt", "", 200, &SOME),
                };
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n{more}\r\n"
            );
            let together = random.usize(1..4);
            client.send(request.repeat(together).as_bytes())?;
            for _ in 0..together {
                let answer = client.answer(method == "HEAD")?;
                match answer.head.status {
                    its if its == status => {}
                    503 => return Err((Seen::Status, "503 came".to_owned())),
                    its => {
                        let text = format!("{method} {target} got {its}, not {status}");
                        return Err((Seen::Other, text));
                    }
                }
                if answer.body != body {
                    let text = format!("{method} {target} got another body");
                    return Err((Seen::Other, text));
                }
                self.served.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

type Attack = fn(&Field, &mut Rng);

const ATTACKS: [Attack; 6] = [say_nothing, drip, reset, do_not_read, send_garbage, flood];

/// Some hold their connections for as long as the attack goes on.
fn hold(field: &Field, count: usize, begin: &[u8], again: &[u8]) {
    let mut held: Vec<Option<Client>> = (0..count).map(|_| None).collect();
    while !field.is_calm() {
        for place in &mut held {
            if let Some(client) = place
                && client.send(again).is_ok()
            {
                continue;
            }
            *place = field.connect().and_then(|mut client| {
                client.send(begin).ok()?;
                Some(client)
            });
        }
        thread::park_timeout(Duration::from_millis(100));
    }
}

fn say_nothing(field: &Field, _: &mut Rng) {
    let mut silent = Vec::new();
    while !field.is_calm() {
        silent.extend(field.connect());
        if silent.len() > 30 {
            silent.remove(0);
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn drip(field: &Field, _: &mut Rng) {
    hold(field, 20, b"GET /", b"x");
}

fn do_not_read(field: &Field, _: &mut Rng) {
    hold(field, 20, &get("/large.txt"), b"");
}

fn reset(field: &Field, random: &mut Rng) {
    let Some(mut client) = field.connect() else { return };
    let _ = client.send(&KEPT[..random.usize(..=KEPT.len())]);
    if random.bool() {
        client.has_something(Duration::from_millis(2));
    }
    client.reset();
}

fn send_garbage(field: &Field, random: &mut Rng) {
    let Some(mut client) = field.connect() else { return };
    let length = random.usize(..10_000);
    let mut garbage = seed::random_bytes(random, length);
    garbage.extend(b"\r\n\r\n");
    let _ = client.send(&garbage);
    client.half_close();
    client.rest(Duration::from_millis(500));
}

/// More at a time than the server takes.
fn flood(field: &Field, random: &mut Rng) {
    let clients: Vec<Client> = (0..random.usize(100..400))
        .filter_map(|_| {
            let mut client = field.connect()?;
            client.send(KEPT).ok()?;
            Some(client)
        })
        .collect();
    thread::park_timeout(Duration::from_millis(100));
    drop(clients);
    thread::park_timeout(Duration::from_millis(200));
}
