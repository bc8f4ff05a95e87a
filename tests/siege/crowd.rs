//! Many clients at once, most of them a burden.

use std::thread;
use std::time::{Duration, Instant};

use support::http::{ask, get};
use support::processes::Usage;
use support::program::ReadyLine;
use support::site::{HELLO, Site};
use support::{PATIENCE, Promise, Seen, handout, promise, seed};

use crate::wire::{Answer, Client, End, Fault};
use crate::{
    KEPT, LAST, MIB, alone, descriptors_allowed, ends_quietly, is_served, launch, serve,
};
use crate::{settles, usage_at_rest};

/// What an idle connection may cost in memory: a thread's stack as far as it was used, and
/// what the program keeps of it. In bytes.
const PER_IDLE: usize = 64 * 1024;

#[test]
#[ignore = "opens 10,000 connections; .ci/run runs it"]
fn ten_thousand_idle_connections_delay_nobody() {
    let _alone = alone();
    let promise = promise(format!(
        "with 10,000 idle connections another client is served promptly, and each of them \
         costs at most {} KiB of memory",
        PER_IDLE / 1024
    ))
    .cause(&[Seen::Nothing, Seen::Time], "an idle connection costs the others time")
    .cause(&[Seen::Other], "a connection keeps buffers that it needs only for an answer")
    .cause(&[Seen::StillOpen], "what belongs to a connection must end with it")
    .read(handout::LIMITS);
    let crowd = descriptors_allowed().saturating_sub(500).min(10_000);
    if crowd < 10_000 {
        println!("only {crowd} connections: ulimit -n allows no more here");
    }
    let site = Site::new();
    let options = ["--max-connections", "11000", "--keep-alive-timeout", "300"];
    let options = [&options[..], &["--quiet", "--no-log"]].concat();
    let server = launch(&site, &options).start().ready(ReadyLine::RUNNING);
    let before = usage_at_rest(&server, &promise);
    let began = Instant::now();
    let mut idle = Vec::with_capacity(crowd);
    for number in 1..=crowd {
        let asked = Client::connect(server.address).and_then(|mut client| {
            is_hello(&client.ask(KEPT)?)?;
            Ok(client)
        });
        match asked {
            Ok(client) => idle.push(client),
            Err((seen, what)) => promise.broken(seen, format!("client {number}: {what}")),
        }
    }
    let filled = began.elapsed();
    for _ in 0..10 {
        is_served(&server, &promise);
    }
    // Who was idle is not forgotten.
    for client in idle.iter_mut().step_by(crowd.div_ceil(100).max(1)) {
        tell(client.ask(KEPT).and_then(|answer| is_hello(&answer)), &promise);
    }
    if let Some(now) = server.running.usage() {
        let each = now.memory.saturating_sub(before.memory) / crowd;
        println!(
            "{crowd} idle connections in {:.1} s: {} threads, {} MiB, {each} bytes each",
            filled.as_secs_f64(),
            now.threads,
            now.memory / MIB
        );
        if PER_IDLE < each {
            promise.broken(Seen::Other, format!("each costs {each} bytes"));
        }
    }
    drop(idle);
    settles(&server, before, &promise);
    is_served(&server, &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn five_hundred_clients_that_drip_delay_nobody_and_get_408() {
    let _alone = alone();
    let promise = promise(
        "clients that send a byte each second get 408 after --keep-alive-timeout, here 3 s; \
         another one is served promptly meanwhile",
    )
    .cause(&[Seen::StillOpen], "the time is for the whole head, and not for each byte")
    .cause(&[Seen::Nothing, Seen::Time], "the slow ones cost the others time")
    .read(handout::LIMITS);
    let site = Site::new();
    let server = serve(&site, &["--keep-alive-timeout", "3"]);
    let before = usage_at_rest(&server, &promise);
    let request = get("/HelloWorld.html");
    let mut drippers: Vec<Client> =
        (0..500).map(|_| tell(Client::connect(server.address), &promise)).collect();
    let began = Instant::now();
    for (second, byte) in request.iter().enumerate() {
        drippers.retain_mut(|client| {
            if client.has_something(Duration::ZERO) {
                let answer = tell(client.answer(false), &promise);
                if answer.head.status != 408 || answer.head.kept {
                    let status = answer.head.status;
                    promise.broken(Seen::Status, format!("a client that drips got {status}"));
                }
                let (more, end) = client.rest(PATIENCE);
                if !more.is_empty() || end == End::Silence {
                    promise.broken(Seen::More, "the connection goes on behind its 408");
                }
                return false;
            }
            // Who is being refused at this moment takes no more.
            let _ = client.send(&[*byte]);
            true
        });
        if drippers.is_empty() {
            break;
        }
        if Duration::from_secs(3) + PATIENCE < began.elapsed() {
            let text = format!("{} clients still drip", drippers.len());
            promise.broken(Seen::StillOpen, text);
        }
        let next = began + Duration::from_secs(second as u64 + 1);
        while Instant::now() < next {
            is_served(&server, &promise);
            thread::park_timeout(Duration::from_millis(50));
        }
    }
    settles(&server, before, &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn five_hundred_silent_clients_delay_nobody_and_are_given_up() {
    let _alone = alone();
    let promise = promise(
        "clients that connect and say nothing are given up after --keep-alive-timeout; \
         another one is served promptly meanwhile",
    )
    .cause(&[Seen::StillOpen], "the wait for the first request has no end")
    .read(handout::KEEP_ALIVE);
    let site = Site::new();
    let server = serve(&site, &["--keep-alive-timeout", "2"]);
    let before = usage_at_rest(&server, &promise);
    let mut silent: Vec<Client> =
        (0..500).map(|_| tell(Client::connect(server.address), &promise)).collect();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        is_served(&server, &promise);
        thread::park_timeout(Duration::from_millis(50));
    }
    for client in &mut silent {
        if client.rest(PATIENCE).1 == End::Silence {
            promise.broken(Seen::StillOpen, "a connection without a request is still open");
        }
    }
    settles(&server, before, &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn clients_that_read_nothing_cost_no_more_than_a_buffer() {
    const DEAF: usize = 20;
    const MOST: usize = 64 * MIB;
    let _alone = alone();
    let promise = promise(format!(
        "{DEAF} clients that ask for 100 MiB and read nothing cost less than {} MiB of \
         memory together, and delay nobody",
        MOST / MIB
    ))
    .cause(&[Seen::Other], "the file is read whole; send it in pieces, as they are taken")
    .read(handout::THREADS);
    let site = Site::new();
    site.file("large.txt", b"");
    // A hole takes no room on the disk.
    std::fs::File::options()
        .write(true)
        .open(site.path("large.txt"))
        .and_then(|file| file.set_len(100 * MIB as u64))
        .expect("a large file");
    let server = serve(&site, &[]);
    let before = usage_at_rest(&server, &promise);
    let deaf: Vec<Client> = (0..DEAF)
        .map(|_| {
            let mut client = tell(Client::connect(server.address), &promise);
            tell(client.send(&get("/large.txt")), &promise);
            client
        })
        .collect();
    for client in &deaf {
        if !client.has_something(PATIENCE) {
            promise.broken(Seen::Nothing, "no part of the large file came");
        }
    }
    for _ in 0..10 {
        is_served(&server, &promise);
    }
    if let Some(peak) = server.running.peak_memory() {
        let more = peak.saturating_sub(before.memory);
        println!("{DEAF} deaf clients: {} MiB more", more / MIB);
        if MOST < more {
            promise.broken(Seen::Other, format!("{} MiB more are used", more / MIB));
        }
    }
    drop(deaf);
    settles(&server, before, &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes 30 s; .ci/run runs it"]
fn a_client_that_reads_nothing_is_given_up() {
    let _alone = alone();
    let promise = promise("a client that takes nothing of its answer for 30 s is given up")
        .cause(&[Seen::StillOpen], "a write that blocks has no limit (SO_SNDTIMEO)")
        .cause(&[Seen::Time], "a client that reads slowly is none that reads nothing")
        .read(handout::LIMITS);
    let site = Site::new();
    site.file("large.txt", &vec![b'x'; 20 * MIB]);
    let server = launch(&site, &["--no-log"]).start().ready(ReadyLine::RUNNING);
    let mut deaf = server.connect(&promise);
    deaf.send(&get("/large.txt"), &promise);
    let over = format!("Connection to {} is closed.", deaf.address());
    if server.running.line_within(Duration::from_secs(8), &over) {
        promise.broken(Seen::Time, "it was given up within 8 s");
    }
    if !server.running.line_within(Duration::from_secs(40), &over) {
        promise.broken(Seen::StillOpen, "48 s later it is still there");
    }
    is_served(&server, &promise);
}

#[test]
#[ignore = "is about a fraction of a second; .ci/run runs it"]
fn those_who_were_refused_take_nobodys_place() {
    let _alone = alone();
    let promise = promise(
        "a client that was refused, and does not go, takes no place: when one is free, the next \
         client is served",
    )
    .cause(
        &[Seen::Status],
        "refused connections that are not closed yet are counted like those that are served",
    )
    .read(handout::LIMITS);
    let site = Site::new();
    let options = ["--no-log", "--max-connections", "1"];
    let server = launch(&site, &options).start().ready(ReadyLine::RUNNING);
    let first = server.connect(&promise);
    let accepted = format!("Received connection from {}", first.address());
    server.running.line_within(PATIENCE, &accepted);
    let mut refused: Vec<_> = (0..3).map(|_| server.connect(&promise)).collect();
    for client in &mut refused {
        if !client.has_something(PATIENCE) {
            promise.broken(Seen::Nothing, "no 503 came");
        }
    }
    let over = format!("Connection to {} is closed.", first.address());
    first.reset();
    server.running.line_within(PATIENCE, &over);
    // Said a moment before the place is free; refused connections are kept for a second.
    let until = Instant::now() + Duration::from_millis(500);
    while ask(&server, LAST, &promise).status_line.contains(" 503 ") {
        if until < Instant::now() {
            promise.broken(Seen::Status, "nobody is served, and still 503 comes");
        }
    }
    drop(refused);
}

/// Where in an exchange a client goes away.
#[derive(Clone, Copy, Debug)]
enum Point {
    BeforeAByte,
    InTheRequestLine,
    BehindTheHead,
    InTheAnswer,
    BetweenTwoRequests,
    BehindTheLast,
}

const POINTS: [Point; 6] = [
    Point::BeforeAByte,
    Point::InTheRequestLine,
    Point::BehindTheHead,
    Point::InTheAnswer,
    Point::BetweenTwoRequests,
    Point::BehindTheLast,
];

#[test]
#[ignore = "makes thousands of connections; .ci/run runs it"]
fn clients_that_reset_at_any_point_leave_nothing_behind() {
    const OF_EACH: usize = 400;
    let _alone = alone();
    let promise = promise(
        "whenever clients reset their connections, the server goes on, and has as many \
         threads and descriptors afterwards as before",
    )
    .cause(&[Seen::Refused, Seen::Ended], "an error on one connection ended the server")
    .cause(&[Seen::StillOpen], "an error leaves a thread or a connection behind")
    .read(handout::THREADS);
    let site = Site::new();
    site.file("some.txt", &vec![b'x'; 2 * MIB]);
    let server = serve(&site, &[]);
    let before = usage_at_rest(&server, &promise);
    let mut random = seed::random();
    let mut points: Vec<Point> =
        POINTS.into_iter().flat_map(|point| [point; OF_EACH]).collect();
    random.shuffle(&mut points);
    let mut open: Vec<Client> = Vec::new();
    for point in points {
        let mut client = tell(Client::connect(server.address), &promise);
        let result = (|| -> Result<(), Fault> {
            match point {
                Point::BeforeAByte => Ok(()),
                Point::InTheRequestLine => client.send(&KEPT[..random.usize(1..20)]),
                Point::BehindTheHead => client.send(&get("/some.txt")),
                Point::InTheAnswer => {
                    client.send(&get("/some.txt"))?;
                    let head = client.head()?;
                    client.body(random.usize(..head.length / 2)).map(drop)
                }
                Point::BetweenTwoRequests => is_hello(&client.ask(KEPT)?),
                Point::BehindTheLast => is_hello(&client.ask(&get("/HelloWorld.html"))?),
            }
        })();
        if let Err((seen, what)) = result {
            promise.broken(seen, format!("with a client about to reset ({point:?}): {what}"));
        }
        // Some at once, some when others have come meanwhile.
        open.push(client);
        while open.len() > random.usize(1..20) {
            open.swap_remove(random.usize(..open.len())).reset();
        }
    }
    open.into_iter().for_each(Client::reset);
    is_served(&server, &promise);
    let after: Usage = settles(&server, before, &promise);
    println!("before {before:?}, after {} resets {after:?}", OF_EACH * POINTS.len());
    ends_quietly(server, 0, &promise);
}

fn is_hello(answer: &Answer) -> Result<(), Fault> {
    if answer.head.status != 200 {
        return Err((Seen::Status, format!("status {} came", answer.head.status)));
    }
    if answer.body != HELLO {
        return Err((Seen::Other, "the body is not that of the file".to_owned()));
    }
    Ok(())
}

fn tell<T>(result: Result<T, Fault>, promise: &Promise) -> T {
    result.unwrap_or_else(|(seen, what)| promise.broken(seen, what))
}
