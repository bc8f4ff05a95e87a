//! Requests, good and bad, mutated in every way that comes to mind.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use fastrand::Rng;
use nix::sys::signal::Signal;
use support::log::{Combined, fits};
use support::program::{Ended, ReadyLine};
use support::site::{HELLO, NOT_FOUND_PAGE, SECRET, Site};
use support::{PATIENCE, Promise, Seen, bytes, handout, manners, promise, seed};

use crate::wire::{self, Client, End, Fault};
use crate::{alone, is_served, launch, log};

const CLIENTS: usize = 4;

/// Most requests on one connection.
const MOST_ON_ONE: usize = 8;

#[test]
#[ignore = "sends more than 80,000 requests; .ci/run runs it"]
fn mutated_requests_on_persistent_connections_are_all_answered_in_form() {
    let end = bombard(80_000, &["--persistent"], |site, answers, promise| {
        let log = site.outside().join("log.txt");
        let pairs = log::whole_pairs(&log, 0, promise);
        if pairs != answers {
            let text = format!("{answers} answers came, and the log has {pairs} pairs");
            promise.broken(Seen::Part, text);
        }
    });
    is_harmless(&end);
}

#[test]
#[ignore = "sends more than 20,000 requests; .ci/run runs it"]
fn mutated_requests_leave_a_combined_log_in_form() {
    let options = ["--log-format", "combined"];
    let end = bombard(20_000, &options, |site, answers, promise| {
        let log = std::fs::read(site.outside().join("log.txt")).expect("a log");
        let log = String::from_utf8(log).expect("a log of ASCII alone");
        for line in log.lines() {
            if !is_combined(line) {
                let line: String = line.escape_debug().take(300).collect();
                promise.broken(Seen::Other, format!("a line of the log is: {line}"));
            }
        }
        let lines = log.lines().count();
        if lines != answers {
            let text = format!("{answers} answers came, and the log has {lines} lines");
            promise.broken(Seen::Part, text);
        }
    });
    is_harmless(&end);
}

fn on_each_request() -> Promise {
    promise(
        "whatever a client sends, each connection ends in time, each answer is in form (no \
         5xx but 505), nothing comes from outside the root, and the server goes on",
    )
    .cause(&[Seen::StillOpen], "a connection ends when the client has ended its side")
    .read(handout::REQUESTS)
}

/// Sends requests until so many are answered, and has the log looked at once all of it is
/// there. What comes behind a malformed request is not answered.
fn bombard(
    count: usize,
    options: &[&str],
    look_at_log: impl Fn(&Site, usize, &Promise),
) -> Ended {
    let _alone = alone();
    let promise = on_each_request();
    let site = Site::new();
    site.file("index.html", b"<p>index\n").file("empty.txt", b"").file("a b.txt", b"space");
    site.file("sub/deep.txt", b"deep").file("no.pdf", b"not served");
    site.secret("secret.txt").secret("www2/secret.txt").secret("outside/deep.txt");
    for (link, target) in [("out.txt", "../secret.txt"), ("up", ".."), ("in.txt", "a b.txt")] {
        symlink(target, site.path(link)).expect("a link");
    }
    let log = site.outside().join("log.txt").display().to_string();
    let options = [options, &["--log", &log]].concat();
    let server = launch(&site, &options).start().ready(ReadyLine::RUNNING);

    let address = server.address;
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut random = seed::random();
    let began = Instant::now();
    let results: Vec<Result<Counts, Fault>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut random = Rng::with_seed(random.u64(..));
                let (answered, stop) = (&answered, &stop);
                scope.spawn(move || {
                    let mut counts = Counts::default();
                    while !stop.load(Ordering::Relaxed) {
                        let before = counts.answers();
                        converse(address, &mut random, &mut counts)
                            .inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                        let more = counts.answers() - before;
                        if count <= answered.fetch_add(more, Ordering::Relaxed) + more {
                            break;
                        }
                    }
                    Ok(counts)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("its thread")).collect()
    });
    let mut all = Counts::default();
    for result in results {
        match result {
            Ok(counts) => all.add(&counts),
            Err((seen, what)) => promise.broken(seen, what),
        }
    }
    println!(
        "{} requests in {:.1} s over {} connections: {} answers; 200 {}, 304 {}, 400 \
         {}, 404 {}, 431 {}, 505 {}; {} connections reset",
        all.requests,
        began.elapsed().as_secs_f64(),
        all.connections,
        all.answers(),
        all.ok,
        all.fresh,
        all.bad,
        all.missing,
        all.long,
        all.version,
        all.resets,
    );
    is_served(&server, &promise);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    end.status(0, &promise);
    look_at_log(&site, all.answers() + 1, &promise);
    end
}

/// Its console has no control characters, and its stderr nothing at all.
fn is_harmless(end: &Ended) {
    let promise = promise("what clients send stands on the console so that it does no harm")
        .read(handout::CONSOLE);
    manners::no_crash_shown(end, &promise);
    if !end.stderr.is_empty() {
        let shown = bytes::show(&end.stderr, 200);
        promise.broken(Seen::Stderr, format!("stderr has {shown}"));
    }
    let console = match std::str::from_utf8(&end.stdout) {
        Ok(console) => console.to_owned(),
        // As much as is kept of a long output may end within a character.
        Err(error) if error.error_len().is_none() => bytes::text(&end.stdout),
        Err(error) => {
            let at = &end.stdout[error.valid_up_to()..];
            promise.broken(Seen::Stdout, format!("not text: {}", bytes::show(at, 60)));
        }
    };
    for line in console.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.chars().any(|character| character.is_control() && character != '\t') {
            let line: String = line.escape_debug().take(200).collect();
            promise.broken(Seen::Stdout, format!("a line of the console is: {line}"));
        }
    }
}

/// A line of the combined format in which a quotation mark of a client is `\x22`.
fn is_combined(line: &str) -> bool {
    let printable = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable
        && line.matches('"').count() == 6
        && Combined::of(line).is_some_and(|fields| {
            fields.before == "127.0.0.1 - - "
                && fits("##/???/####:##:##:## +0000", fields.date)
                && fields.bytes != "-"
        })
}

#[derive(Default)]
struct Counts {
    requests: usize,
    connections: usize,
    ok: usize,
    fresh: usize,
    bad: usize,
    missing: usize,
    long: usize,
    version: usize,
    resets: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.connections += other.connections;
        self.ok += other.ok;
        self.fresh += other.fresh;
        self.bad += other.bad;
        self.missing += other.missing;
        self.long += other.long;
        self.version += other.version;
        self.resets += other.resets;
    }

    fn answers(&self) -> usize {
        self.ok + self.fresh + self.bad + self.missing + self.long + self.version
    }
}

/// One connection with some requests, all sent before an answer is read.
fn converse(server: SocketAddr, random: &mut Rng, counts: &mut Counts) -> Result<(), Fault> {
    let requests = random.usize(1..=MOST_ON_ONE);
    let sent: Vec<u8> = (0..requests).flat_map(|_| mutated(random)).collect();
    counts.requests += requests;
    let told = |(seen, what): Fault| (seen, format!("{what}; sent was {}", excerpt(&sent)));
    let mut client = Client::connect(server)?;
    // Who is refused in the middle cannot send the rest.
    let whole = client.send(&sent).is_ok();
    client.half_close();
    let (came, end) = client.rest(PATIENCE);
    counts.connections += 1;
    match end {
        End::Silence => {
            let what = "the connection did not end".to_owned();
            return Err(told((Seen::StillOpen, what)));
        }
        End::Reset => counts.resets += 1,
        End::Closed if !whole => counts.resets += 1,
        End::Closed => {}
    }
    if came.is_empty() && !sent.trim_ascii().is_empty() {
        return Err(told((Seen::Closed, "no answer came".to_owned())));
    }
    take_apart(&came, &sent, counts).map_err(|what| told((Seen::Other, what)))
}

/// What was sent, as long as is needed to do it again.
fn excerpt(sent: &[u8]) -> String {
    bytes::show(sent, 1500)
}

/// Each of the answers must be in form.
fn take_apart(came: &[u8], sent: &[u8], counts: &mut Counts) -> Result<(), String> {
    if contains(came, SECRET.as_bytes()) {
        return Err("something from outside the root came".to_owned());
    }
    let (mut rest, mut without_body, mut goes_on) = (came, 0, true);
    while !rest.is_empty() {
        let shown = bytes::show(rest, 80);
        if !goes_on {
            return Err(format!("behind an answer with `Connection: close` came {shown}"));
        }
        let head =
            wire::head(rest)?.ok_or_else(|| format!("an answer's head broke off: {shown}"))?;
        rest = &rest[head.size..];
        goes_on = head.kept;
        *match head.status {
            200 => &mut counts.ok,
            304 => &mut counts.fresh,
            400 => &mut counts.bad,
            404 => &mut counts.missing,
            431 => &mut counts.long,
            505 => &mut counts.version,
            other => return Err(format!("status {other} came: {shown}")),
        } += 1;
        if head.status == 304 {
            continue;
        }
        // No body here begins like an answer.
        if head.length > 0 && (rest.is_empty() || rest.starts_with(b"HTTP/1.1 ")) {
            without_body += 1;
            continue;
        }
        if rest.len() < head.length {
            return Err(format!("{} of a body came: {shown}", bytes::count(rest.len())));
        }
        let body = &rest[..head.length];
        let served: [&[u8]; 5] = [HELLO, b"<p>index\n", b"", b"space", b"deep"];
        if head.status == 200 && !served.contains(&body) && body != NOT_FOUND_PAGE {
            return Err(format!("no file has the contents that came: {shown}"));
        }
        rest = &rest[head.length..];
    }
    const HEAD: &[u8] = b"HEAD /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n";
    if sent == HEAD && without_body != 1 {
        return Err("the answer to a HEAD had a body".to_owned());
    }
    let most = sent.windows(5).filter(|part| part == b"HEAD ").count();
    if most < without_body {
        return Err(format!(
            "{without_body} answers had no body, and only {most} HEAD were sent"
        ));
    }
    Ok(())
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|its| its == part)
}

/// Requests to begin with, good and bad. A `~` stands for `Host: a` and the empty line.
const CORPUS: [&str; 46] = [
    "GET / HTTP/1.1~",
    "GET /index.html HTTP/1.1~",
    "GET /HelloWorld.html HTTP/1.1~",
    "HEAD /HelloWorld.html HTTP/1.1~",
    "GET /a%20b.txt HTTP/1.1~",
    "GET /empty.txt HTTP/1.1~",
    "GET /sub/deep.txt?q=1 HTTP/1.1~",
    "GET /sub/../HelloWorld.html HTTP/1.1~",
    "GET /in.txt HTTP/1.1~",
    "GET /out.txt HTTP/1.1~",
    "GET /up/secret.txt HTTP/1.1~",
    "GET /../secret.txt HTTP/1.1~",
    "GET /%2e%2e/secret.txt HTTP/1.1~",
    "GET /..%2fsecret.txt HTTP/1.1~",
    "GET /%252e%252e/secret.txt HTTP/1.1~",
    "GET /..\\secret.txt HTTP/1.1~",
    "GET /../www2/secret.txt HTTP/1.1~",
    "GET //../outside/deep.txt HTTP/1.1~",
    "GET /HelloWorld.html%00.txt HTTP/1.1~",
    "GET /no.pdf HTTP/1.1~",
    "GET /nowhere.txt HTTP/1.1~",
    "HEAD /nowhere.txt HTTP/1.1~",
    "GET http://a/HelloWorld.html HTTP/1.1~",
    "GET http://a HTTP/1.1~",
    "GET HelloWorld.html HTTP/1.1~",
    "OPTIONS * HTTP/1.1~",
    "DELETE /HelloWorld.html HTTP/1.1~",
    "POST /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5~",
    "GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6~",
    "GET /HelloWorld.html HTTP/1.1\r\nConnection: keep-alive~",
    "GET /HelloWorld.html HTTP/1.1\r\nConnection: close~",
    "GET /HelloWorld.html HTTP/1.0\r\n\r\n",
    "GET /HelloWorld.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /HelloWorld.html HTTP/2.0~",
    "GET /HelloWorld.html HTTP:/1.1~",
    "GET /HelloWorld.html\r\n\r\n",
    "GET /HelloWorld.html HTTP/1.1\nHost: a\n\n",
    "GET /HelloWorld.html HTTP/1.1\r\n\r\n",
    "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET /HelloWorld.html HTTP/1.1\r\nIf-Modified-Since: Tue, 31 Dec 2999 23:59:59 GMT~",
    "GET /HelloWorld.html HTTP/1.1\r\nIf-Modified-Since: Sun Nov  6 08:49:37 1994~",
    "GET /HelloWorld.html HTTP/1.1\r\nUser-Agent: a\"b\\c\r\nReferer: http://a/[x]~",
    "GET /HelloWorld.html HTTP/1.1\r\nX : y~",
    "GET /HelloWorld.html HTTP/1.1\r\nX: y\r\n folded~",
];

/// Pieces that mean something to somebody.
const PIECES: [&str; 28] = [
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    "\x1b[2J",
    "\u{9b}",
    "é",
    "%2e",
    "%2F",
    "%00",
    "%",
    "%ff",
    "%C3%A9",
    "..",
    "/",
    "\\",
    ":",
    " ",
    "\t",
    "?",
    "\"",
    "][",
    "HTTP/1.1",
    "HEAD ",
    "Host: b\r\n",
    "Connection: close\r\n",
    "Content-Length: 0\r\n",
];

fn mutated(random: &mut Rng) -> Vec<u8> {
    let mut request = chosen(random);
    // Some stay as they are, so that connections go on behind them.
    for _ in 0..[0, 0, 1, 1, 1, 2][random.usize(..6)] {
        mutate(&mut request, random);
    }
    request
}

fn chosen(random: &mut Rng) -> Vec<u8> {
    let chosen = CORPUS[random.usize(..CORPUS.len())];
    chosen.replace('~', "\r\nHost: a\r\n\r\n").into_bytes()
}

fn mutate(request: &mut Vec<u8>, random: &mut Rng) {
    let at = random.usize(..=request.len());
    let end = at + random.usize(..=(request.len() - at).min(12));
    match random.u8(..12) {
        0 if at < request.len() => request[at] ^= 1 << random.u8(..8),
        1 if at < request.len() => request[at] = random.u8(..),
        2 | 3 => {
            let piece = PIECES[random.usize(..PIECES.len())];
            request.splice(at..at, piece.bytes());
        }
        4 => drop(request.drain(at..end)),
        5 => {
            let again = request[at..end].repeat(random.usize(1..4));
            request.splice(at..at, again);
        }
        6 => {
            let other = chosen(random);
            request.truncate(at);
            request.extend(&other[random.usize(..=other.len())..]);
        }
        7 => request.truncate(at),
        8 => {
            let (from, to) = [("\r\n", "\n"), ("\n", "\r"), ("\r\n", "\n\r"), ("\n", "\r\n")]
                [random.usize(..4)];
            let text = bytes::text(request);
            let times = random.usize(1..5);
            *request = text.replacen(from, to, times).into_bytes();
        }
        9 if at < request.len() => {
            let byte = if random.bool() { request[at] } else { random.u8(..) };
            let escaped = format!("%{byte:02x}");
            request.splice(at..=at, escaped.bytes());
        }
        10 => request[at..end].make_ascii_uppercase(),
        // A long one now and then, around the limit of a head.
        11 if random.u8(..8) == 0 => {
            let long = vec![random.u8(b'!'..=b'~'); random.usize(100..9000)];
            request.splice(at..at, long);
        }
        _ => {}
    }
}
