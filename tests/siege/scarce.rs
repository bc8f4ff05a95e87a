//! Descriptors and threads that run out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::unistd::Uid;
use support::program::ReadyLine;
use support::site::Site;
use support::{PATIENCE, Seen, handout, promise};

use crate::wire::{Client, Fault};
use crate::{ENOUGH_NOTICES, KEPT, alone, ends_quietly, is_served_again, launch};
use crate::{settles, usage_at_rest};

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn when_descriptors_run_out_clients_wait_or_are_refused() {
    const CLIENTS: usize = 200;
    let _alone = alone();
    let promise = promise(format!(
        "with descriptors for some 50 connections (ulimit -n 64) each of {CLIENTS} clients \
         is answered or refused as others go, and stderr tells of it in a few lines",
    ))
    .cause(&[Seen::Refused, Seen::Ended], "an accept that fails must not end the server")
    .cause(&[Seen::Nothing], "after an accept that failed the next one may succeed")
    .cause(&[Seen::Stderr], "say it when it begins, not each time")
    .read(handout::LIMITS);
    let site = Site::new();
    let server = launch(&site, &["--quiet", "--no-log", "--keep-alive-timeout", "60"])
        .under("ulimit -n 64")
        .start()
        .ready(ReadyLine::RUNNING);
    let before = usage_at_rest(&server, &promise);
    let connect = || -> Result<Client, Fault> {
        let mut client = Client::connect(server.address)?;
        client.send(KEPT)?;
        Ok(client)
    };
    let mut waiting: Vec<Client> = (0..CLIENTS)
        .map(|_| connect().unwrap_or_else(|(seen, what)| promise.broken(seen, what)))
        .collect();
    let mut attended = VecDeque::new();
    let mut last = Instant::now();
    let mut statuses = [0; 3];
    while !waiting.is_empty() {
        let heard = waiting.iter().position(|client| client.has_something(Duration::ZERO));
        if let Some(heard) = heard {
            let mut client = waiting.swap_remove(heard);
            last = Instant::now();
            match client.answer(false).map(|answer| answer.head.status) {
                Ok(200) => statuses[0] += 1,
                Ok(503) => statuses[1] += 1,
                Err((Seen::Closed | Seen::Reset, _)) => statuses[2] += 1,
                Ok(other) => promise.broken(Seen::Status, format!("status {other} came")),
                Err((seen, what)) => promise.broken(seen, what),
            }
            // Some ask on and on, also where no file can be opened any more.
            for _ in 0..if statuses[0] % 10 == 0 { 90 } else { 0 } {
                if client.ask(KEPT).is_err() {
                    break;
                }
            }
            attended.push_back(client);
        } else if waiting[0].has_something(Duration::from_millis(20)) {
            // Comes next.
        } else if PATIENCE < last.elapsed() {
            let text = format!("{} clients still wait, and others have gone", waiting.len());
            promise.broken(Seen::Nothing, text);
        } else {
            attended.pop_front();
        }
    }
    let [served, told, closed] = statuses;
    println!("{served} served, {told} told 503, {closed} closed");
    drop(attended);
    is_served_again(&server, &promise);
    settles(&server, before, &promise);
    let end = ends_quietly(server, ENOUGH_NOTICES, &promise);
    print!("{}", end.errors());
}

#[test]
#[ignore = "needs root, and prlimit and setpriv (util-linux); .ci/run runs it"]
fn when_threads_cannot_be_started_clients_are_refused() {
    const CLIENTS: usize = 120;
    if !Uid::effective().is_root() {
        println!("passed over: only root can become a user who has no other threads");
        return;
    }
    // The limit is on all threads of a user, and root has none. A new user has no other
    // threads, and keeps root's right to read the site.
    let few_threads = format!(
        "set -- prlimit --nproc=40 setpriv --reuid={} --clear-groups \
         --inh-caps=-all,+dac_override --ambient-caps=+dac_override \"$@\"",
        1_000_000_000 + std::process::id()
    );
    let _alone = alone();
    let promise = promise(format!(
        "where some dozens of threads are allowed each of {CLIENTS} clients is answered or refused, \
         and when they have gone others are served; stderr tells of it in a few lines",
    ))
    .cause(
        &[Seen::Refused, Seen::Ended],
        "a thread that cannot be started is an error of one connection (in Rust, \
         thread::spawn panics: use thread::Builder)",
    )
    .cause(&[Seen::Nothing], "say 503, or close; nobody is there who would answer")
    .cause(&[Seen::Stderr], "say it when it begins, not each time")
    .read(handout::LIMITS);
    let site = Site::new();
    let server = launch(&site, &["--quiet", "--no-log", "--keep-alive-timeout", "60"])
        .under(few_threads)
        .start()
        .ready(ReadyLine::RUNNING);
    let before = usage_at_rest(&server, &promise);
    for round in 1..=3 {
        let mut statuses = [0; 3];
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let asked = Client::connect(server.address).and_then(|mut client| {
                let status = client.ask(KEPT)?.head.status;
                Ok((client, status))
            });
            match asked {
                Ok((client, status @ (200 | 503))) => {
                    statuses[usize::from(status == 503)] += 1;
                    clients.push(client);
                }
                Err((Seen::Closed | Seen::Reset, _)) => statuses[2] += 1,
                Ok((_, other)) => {
                    promise.broken(Seen::Status, format!("status {other} came"));
                }
                Err((seen, what)) => promise.broken(seen, what),
            }
        }
        let [served, told, closed] = statuses;
        println!("round {round}: {served} served, {told} told 503, {closed} closed");
        if served == CLIENTS || served == 0 {
            promise.broken(Seen::Other, "the limit on threads shows nothing here");
        }
        drop(clients);
        is_served_again(&server, &promise);
        settles(&server, before, &promise);
    }
    let end = ends_quietly(server, ENOUGH_NOTICES, &promise);
    print!("{}", end.errors());
}
