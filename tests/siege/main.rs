//! `threaded_web_server` under siege: thousands of clients, hostile ones, a full disk,
//! descriptors and threads that run out. What labs 5 and 6 promise must hold there too.
//!
//!     cargo test --test siege -- --ignored
//!     LAB_SOAK=3600 cargo test --test siege soak -- --ignored --nocapture

#![expect(clippy::expect_used, reason = "a site that cannot be made fails its check")]
#![expect(clippy::print_stdout, reason = "figures, for whoever runs it with --nocapture")]

mod changing;
mod crowd;
mod log;
mod mutation;
mod scarce;
mod soak;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use support::http::ask;
use support::processes::Usage;
use support::program::{Ended, Launch, ReadyLine, Server};
use support::site::{HELLO, Site};
use support::{PATIENCE, Promise, Seen, manners};

/// A GET that asks for the connection to go on.
const KEPT: &[u8] =
    b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";

/// One that asks for its end.
const LAST: &[u8] = b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// So many lines on stderr are enough to tell of a trouble that lasts.
const ENOUGH_NOTICES: usize = 10;

/// How long a server may run, on a machine however busy.
const LONGEST: Duration = Duration::from_secs(200);

const MIB: usize = 1 << 20;

/// One after another: each of them needs the processors and the descriptors for itself.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn launch(site: &Site, options: &[&str]) -> Launch {
    let root = site.root();
    let arguments = [options, &["--root", &root, "0"]].concat();
    Launch::new("threaded_web_server", &arguments).for_at_most(LONGEST)
}

/// A server that says and writes no more than it must.
fn serve(site: &Site, options: &[&str]) -> Server {
    let options = [options, &["--quiet", "--no-log"]].concat();
    launch(site, &options).start().ready(ReadyLine::RUNNING)
}

/// One more client is served, promptly.
fn is_served(server: &Server, promise: &Promise) {
    let asked = Instant::now();
    let answer = ask(server, LAST, promise);
    answer.status("200 OK", promise).body(HELLO, promise);
    if PATIENCE < asked.elapsed() {
        let took = asked.elapsed().as_secs_f64();
        promise.broken(Seen::Time, format!("the answer took {took:.1} s"));
    }
}

/// As [`is_served`], for a server that gets a while to recover.
fn is_served_again(server: &Server, promise: &Promise) {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer =
            wire::Client::connect(server.address).and_then(|mut client| client.ask(LAST));
        match answer {
            Ok(answer) if answer.head.status == 200 => break,
            _ if Instant::now() < until => thread::park_timeout(Duration::from_millis(10)),
            Ok(answer) => {
                let status = answer.head.status;
                promise.broken(Seen::Status, format!("the trouble is over, and still {status}"))
            }
            Err((seen, what)) => promise.broken(seen, what),
        }
    }
    is_served(server, promise);
}

/// What the server uses once it has served somebody. All zero where that is not known.
fn usage_at_rest(server: &Server, promise: &Promise) -> Usage {
    is_served(server, promise);
    let mut usage = server.running.usage().unwrap_or_default();
    let until = Instant::now() + PATIENCE;
    // The thread that served may not have ended yet.
    loop {
        thread::park_timeout(Duration::from_millis(50));
        let now = server.running.usage().unwrap_or_default();
        if now == usage || until < Instant::now() {
            return now;
        }
        usage = now;
    }
}

/// The server has soon no more threads and descriptors than before.
fn settles(server: &Server, before: Usage, promise: &Promise) -> Usage {
    let until = Instant::now() + 2 * PATIENCE;
    loop {
        let now = server.running.usage().unwrap_or_default();
        if now.threads <= before.threads && now.descriptors <= before.descriptors {
            return now;
        }
        if until < Instant::now() {
            let text = format!(
                "{} s after the last client has gone the server has {} threads and {} \
                 descriptors; before there were {} and {}",
                2 * PATIENCE.as_secs(),
                now.threads,
                now.descriptors,
                before.threads,
                before.descriptors
            );
            promise.broken(Seen::StillOpen, text);
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Ends the server in order, which must have said no more than `most` lines on stderr.
fn ends_quietly(server: Server, most: usize, promise: &Promise) -> Ended {
    server.running.signal(Signal::SIGTERM);
    let limit = 3 * PATIENCE;
    let Some(end) = server.running.ended_within(limit) else {
        promise.broken(Seen::StillOpen, "SIGTERM does not end it");
    };
    end.status(0, promise);
    manners::no_crash_shown(&end, promise);
    let errors = end.errors();
    let count = errors.lines().count();
    if most < count {
        let first = errors.lines().next().unwrap_or_default();
        let text = format!("{count} lines stand on stderr, the first: {first}");
        promise.broken(Seen::Stderr, text);
    }
    end
}

/// How many descriptors this process, and a server that it starts, may have: as many as
/// it can get.
fn descriptors_allowed() -> usize {
    let limit = Resource::RLIMIT_NOFILE;
    let Ok((soft, hard)) = getrlimit(limit) else { return 256 };
    let wanted = hard.min(100_000).max(soft);
    let got = if setrlimit(limit, wanted, hard).is_ok() { wanted } else { soft };
    usize::try_from(got).unwrap_or(usize::MAX)
}
