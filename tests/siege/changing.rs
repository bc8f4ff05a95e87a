//! Files that change while they are being sent.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::program::Server;
use support::site::Site;
use support::{PATIENCE, Promise, Seen, handout, promise, seed};

use crate::wire::{Client, End, Fault};
use crate::{MIB, alone, ends_quietly, is_served, serve};

/// Longer than a server should have to be afraid of changes that its clock cannot tell apart.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// More than the buffers on the way hold, so that the server is in the middle of it when
/// a client has read a little.
const LARGE: usize = 48 * MIB;

const LARGE_KEPT: &[u8] =
    b"GET /large.txt HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";

#[test]
#[ignore = "sends large files; .ci/run runs it"]
fn a_file_that_shrinks_while_it_is_sent_ends_its_connection() {
    let _alone = alone();
    let promise = length_is_kept().cause(
        &[Seen::StillOpen, Seen::More, Seen::Other],
        "what was announced cannot come any more: only the end of the connection tells",
    );
    let site = Site::new();
    for left in [0, 1, MIB] {
        let contents = vec![b'x'; LARGE];
        site.file("large.txt", &contents);
        let server = serve(&site, &[]);
        let mut client = begin(&server, &promise);
        let file = File::options().write(true).open(site.path("large.txt"));
        file.and_then(|file| file.set_len(left as u64)).expect("a file to cut");
        let (rest, end) = client.rest(2 * PATIENCE);
        if LARGE - BEGUN <= rest.len() {
            promise.broken(Seen::Other, "bytes came in place of those that are gone");
        }
        // With sendfile(2) pages of the file are on the way themselves: what is cut off becomes
        // NUL there. An end that comes too early tells the client not to use any of it.
        if rest.iter().any(|byte| !matches!(byte, b'x' | b'\0')) {
            promise.broken(Seen::More, "behind a body cut short comes something else");
        }
        if end == End::Silence {
            promise.broken(Seen::StillOpen, "the connection is still open");
        }
        let next = ask_kept(&mut connect(&server, &promise), &promise);
        expect(&next, &contents[..left], &promise);
        is_served(&server, &promise);
        ends_quietly(server, 0, &promise);
    }
}

#[test]
#[ignore = "sends large files; .ci/run runs it"]
fn a_file_that_grows_while_it_is_sent_is_sent_as_announced() {
    let _alone = alone();
    let promise = length_is_kept()
        .cause(&[Seen::Other, Seen::More], "send as many bytes as were announced, no more");
    let site = Site::new();
    let mut contents = seed::random_letters(&mut seed::random(), LARGE);
    site.file("large.txt", &contents);
    let server = serve(&site, &[]);
    let mut client = begin(&server, &promise);
    let more = vec![b'+'; MIB];
    File::options()
        .append(true)
        .open(site.path("large.txt"))
        .and_then(|mut file| file.write_all(&more))
        .expect("a file to add to");
    expect(&finish(&mut client, &promise), &contents[BEGUN..], &promise);
    contents.extend(more);
    // The second request was sent behind the first.
    let next = client.answer(false).unwrap_or_else(|(seen, what)| promise.broken(seen, what));
    expect(&next.body, &contents, &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "sends large files; .ci/run runs it"]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    let _alone = alone();
    let promise = length_is_kept();
    let site = Site::new();
    let contents = seed::random_letters(&mut seed::random(), LARGE);
    site.file("large.txt", &contents).file("new.txt", b"new");
    let server = serve(&site, &[]);
    let mut client = begin(&server, &promise);
    fs::rename(site.path("new.txt"), site.path("large.txt")).expect("a file to replace");
    expect(&finish(&mut client, &promise), &contents[BEGUN..], &promise);
    let next = client.answer(false).unwrap_or_else(|(seen, what)| promise.broken(seen, what));
    expect(&next.body, b"new", &promise);
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn a_file_that_was_asked_for_often_is_served_as_it_is_now() {
    let _alone = alone();
    let promise = promise(
        "an answer has what the file holds when it is asked for, also if it was asked for \
         often before and had been left alone for long",
    )
    .cause(&[Seen::Other], "a copy in memory is served that does not hold any more")
    .cause(&[Seen::Status], "where a file was does not matter, only where it is")
    .read(handout::BELOW_ROOT);
    let site = Site::new();
    let names =
        ["changed.txt", "dated.txt", "replaced.txt", "removed.txt", "linked.txt", "a/b.txt"];
    for name in names {
        site.file(name, b"before");
    }
    let server = serve(&site, &["--max-requests", "100000000"]);
    let mut client = connect(&server, &promise);
    let mut ask = |name: &str| {
        let request =
            format!("GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.ask(request.as_bytes());
        answer.unwrap_or_else(|(seen, what)| promise.broken(seen, what))
    };
    let until = Instant::now() + LEFT_ALONE;
    while Instant::now() < until {
        for name in names {
            expect(&ask(name).body, b"before", &promise);
        }
    }

    let path = |name: &str| site.path(name);
    let dated = File::options().write(true).open(path("dated.txt")).expect("a file");
    let date = dated.metadata().and_then(|metadata| metadata.modified()).expect("a date");
    for name in ["changed.txt", "dated.txt", "new.txt"] {
        fs::write(path(name), b"behind").expect("a file to write");
    }
    dated.set_modified(date).expect("a date to put back");
    fs::rename(path("new.txt"), path("replaced.txt")).expect("a file to replace");
    for name in ["changed.txt", "dated.txt", "replaced.txt"] {
        expect(&ask(name).body, b"behind", &promise);
    }

    // None of these changes what is in the file, and all change where it is.
    let outside = |name: &str| site.outside().join(name);
    fs::remove_file(path("removed.txt")).expect("a file to remove");
    fs::rename(path("linked.txt"), outside("linked.txt")).expect("a file to move");
    symlink(outside("linked.txt"), path("linked.txt")).expect("a link");
    fs::rename(path("a"), outside("a")).expect("a folder to move");
    symlink(outside("a"), path("a")).expect("a link");
    for name in ["removed.txt", "linked.txt", "a/b.txt"] {
        let answer = ask(name);
        if answer.head.status != 404 {
            promise
                .broken(Seen::Status, format!("status {} came for {name}", answer.head.status));
        }
    }
    ends_quietly(server, 0, &promise);
}

#[test]
#[ignore = "takes several seconds; .ci/run runs it"]
fn a_file_that_changes_all_the_time_never_puts_answers_out_of_step() {
    let _alone = alone();
    let promise = length_is_kept();
    let site = Site::new();
    site.file("large.txt", b"xxx");
    let server = serve(&site, &[]);
    let (address, stop) = (server.address, AtomicBool::new(false));
    let until = Instant::now() + Duration::from_secs(4);
    let mut random = seed::random();
    let (answers, cut, fault) = thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let counts = ask_for_ever(address, &stop);
                    stop.store(true, Ordering::Relaxed);
                    counts
                })
            })
            .collect();
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            // Emptied first, then written again.
            site.file("large.txt", &vec![b'x'; random.usize(..MIB)]);
        }
        stop.store(true, Ordering::Relaxed);
        let (mut answers, mut cut, mut fault) = (0, 0, None);
        for client in clients {
            match client.join().expect("the client's thread") {
                Ok((its, its_cut)) => (answers, cut) = (answers + its, cut + its_cut),
                Err(its) => fault = Some(its),
            }
        }
        (answers, cut, fault)
    });
    if let Some((seen, what)) = fault {
        promise.broken(seen, what);
    }
    println!("{answers} answers whole, {cut} cut short with their connection");
    if answers == 0 {
        promise.broken(Seen::Nothing, "no answer came whole");
    }
    is_served(&server, &promise);
    ends_quietly(server, 0, &promise);
}

/// Asks for the file again and again. Returns how many answers were whole, and how many
/// ended with their connection.
fn ask_for_ever(
    server: std::net::SocketAddr,
    stop: &AtomicBool,
) -> Result<(usize, usize), Fault> {
    let (mut answers, mut cut) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let mut client = Client::connect(server)?;
        for left in (0..100).rev() {
            client.send(LARGE_KEPT)?;
            let head = match client.head() {
                // Where a server notices before it has said how long the file is.
                Err((Seen::Closed | Seen::Reset, _)) => {
                    cut += 1;
                    break;
                }
                head => head?,
            };
            if head.status != 200 || head.kept != (left > 0) {
                return Err((Seen::Status, format!("status {} came", head.status)));
            }
            match client.body(head.length) {
                Ok(body) if body.iter().all(|byte| *byte == b'x') => answers += 1,
                Ok(_) => {
                    return Err((Seen::Other, "within a body stands an answer".to_owned()));
                }
                Err((Seen::Closed | Seen::Reset, _)) => {
                    cut += 1;
                    break;
                }
                Err(fault) => return Err(fault),
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok((answers, cut))
}

fn length_is_kept() -> Promise {
    promise(
        "on a connection that lives on each body is as long as its Content-Length says, \
         whatever becomes of the file meanwhile",
    )
    .read(handout::KEEP_ALIVE)
}

/// How much of the body [`begin`] reads.
const BEGUN: usize = 64 * 1024;

/// Asks for the large file twice, and reads the beginning of the first answer.
fn begin(server: &Server, promise: &Promise) -> Client {
    let mut client = connect(server, promise);
    let begun = client.send(&LARGE_KEPT.repeat(2)).and_then(|()| {
        let head = client.head()?;
        if head.length != LARGE || !head.kept {
            let text = format!("Content-Length: {} came, not {LARGE}", head.length);
            return Err((Seen::Other, text));
        }
        client.body(BEGUN)
    });
    if let Err((seen, what)) = begun {
        promise.broken(seen, what);
    }
    client
}

/// Reads the rest of the large file.
fn finish(client: &mut Client, promise: &Promise) -> Vec<u8> {
    client.body(LARGE - BEGUN).unwrap_or_else(|(seen, what)| promise.broken(seen, what))
}

fn connect(server: &Server, promise: &Promise) -> Client {
    Client::connect(server.address).unwrap_or_else(|(seen, what)| promise.broken(seen, what))
}

fn ask_kept(client: &mut Client, promise: &Promise) -> Vec<u8> {
    match client.ask(LARGE_KEPT) {
        Ok(answer) => answer.body,
        Err((seen, what)) => promise.broken(seen, what),
    }
}

fn expect(got: &[u8], want: &[u8], promise: &Promise) {
    if let Some(difference) = support::bytes::difference(want, got) {
        promise.broken(Seen::Other, difference);
    }
}
