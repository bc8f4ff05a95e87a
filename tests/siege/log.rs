//! The log where it cannot be written, for a while or at all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use support::program::{ReadyLine, Server};
use support::site::Site;
use support::{PATIENCE, Promise, Seen, handout, promise};

use crate::wire::{Client, End};
use crate::{ENOUGH_NOTICES, KEPT, LAST, alone, ends_quietly, is_served, launch};

#[test]
#[ignore = "is about a full disk; .ci/run runs it"]
fn a_full_disk_is_told_once_and_stops_nobody() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let _alone = alone();
    let promise = serves_on();
    let site = Site::new();
    let server = serve_with_log(&site, "/dev/full", None);
    exchanges(&server, 500, &promise);
    told_once(server, &promise);
}

#[test]
#[ignore = "is about a log that cannot be written; .ci/run runs it"]
fn a_log_in_an_impossible_place_is_told_once_and_stops_nobody() {
    let _alone = alone();
    let promise = serves_on();
    let site = Site::new();
    site.secret("file.txt");
    for place in ["www", "file.txt/log.txt", "no-such-folder/log.txt", "www/"] {
        let place = site.outside().join(place).display().to_string();
        let server = serve_with_log(&site, &place, None);
        exchanges(&server, 100, &promise);
        told_once(server, &promise);
    }
}

#[test]
#[ignore = "is about a log that is moved away; .ci/run runs it"]
fn a_log_that_is_moved_or_removed_stops_nobody() {
    let _alone = alone();
    let promise = promise(
        "a log may be renamed, emptied or removed while the server writes it; the server \
         serves on, and its lines stay whole",
    )
    .read(handout::LOG);
    let site = Site::new();
    let [log, moved] = ["log.txt", "log.1"].map(|name| site.outside().join(name));
    let server = serve_with_log(&site, &log.display().to_string(), None);
    exchanges(&server, 50, &promise);
    fs::rename(&log, &moved).expect("a log to rename");
    exchanges(&server, 50, &promise);
    wait_for_pairs(&[&log, &moved], 100, &promise);
    let emptied = if log.exists() { &log } else { &moved };
    fs::File::options()
        .write(true)
        .open(emptied)
        .and_then(|file| file.set_len(0))
        .expect("a log to empty");
    let left: usize = [&log, &moved].map(|log| whole_pairs(log, 0, &promise)).iter().sum();
    exchanges(&server, 50, &promise);
    wait_for_pairs(&[&log, &moved], left + 50, &promise);
    let _ = (fs::remove_file(&log), fs::remove_file(&moved));
    exchanges(&server, 50, &promise);
    ends_quietly(server, ENOUGH_NOTICES, &promise);
}

#[test]
#[ignore = "needs prlimit (util-linux); .ci/run runs it"]
fn a_disk_that_is_full_for_a_while_tears_no_line_but_one() {
    let promise = promise(
        "when a disk was full and has room again, the log goes on with a line of its own; \
         only the line that did not fit is torn",
    )
    .cause(&[Seen::Part], "what comes behind a torn line must begin on a line of its own")
    .read(handout::LOG);
    // The limit plays the full disk; sh counts it in blocks of 512 or 1,024 bytes.
    full_for_a_while("trap '' XFSZ; ulimit -S -f 8", &promise);
}

#[test]
#[ignore = "needs prlimit (util-linux); .ci/run runs it"]
fn a_limit_on_the_size_of_files_does_not_end_the_server() {
    let promise = promise("a log that has reached ulimit -f is one that cannot be written")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Closed, Seen::Ended],
            "a write beyond the limit raises SIGXFSZ, which ends a program that does not \
             handle it (setrlimit(2), RLIMIT_FSIZE)",
        )
        .read(handout::LOG);
    full_for_a_while("ulimit -S -f 8", &promise);
}

fn full_for_a_while(limit: &'static str, promise: &Promise) {
    let _alone = alone();
    let site = Site::new();
    let log = site.outside().join("log.txt");
    let server = serve_with_log(&site, &log.display().to_string(), Some(limit));
    exchanges(&server, 100, promise);
    let while_full = fs::metadata(&log).map_or(0, |data| data.len());
    assert!(while_full <= 8 * 1024, "the limit on the log does not hold: {while_full} bytes");
    let Some(id) = server.running.id() else { return };
    let lifted =
        Command::new("prlimit").args(["--pid", &id.to_string(), "--fsize=unlimited"]).status();
    assert!(lifted.is_ok_and(|status| status.success()), "prlimit cannot lift the limit");
    exchanges(&server, 20, promise);
    // Behind the answer comes the log.
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let (fitted, since) = text.split_at(usize::try_from(while_full).unwrap_or(0));
        let before = fitted.lines().count() / 2;
        let torn = usize::from(!fitted.ends_with('\n') || fitted.lines().count() % 2 == 1);
        // What is left of the torn pair ends with the first line end, if it was torn.
        let behind =
            if fitted.ends_with('\n') { since } else { since.trim_start_matches('\n') };
        if behind.lines().count() >= 40 || until < Instant::now() {
            println!("{before} pairs before the disk was full, {torn} torn");
            if torn == 1 && !fitted.ends_with('\n') && !since.starts_with('\n') {
                let line = since.lines().next().unwrap_or_default();
                let text = format!("behind a torn line, on the same one, stands: {line}");
                promise.broken(Seen::Part, text);
            }
            let count = pairs(behind).unwrap_or_else(|line| {
                promise.broken(Seen::Part, format!("this line is not whole: {line}"))
            });
            if count != 20 {
                let text = format!("20 exchanges since then have left {count} pairs of lines");
                promise.broken(Seen::Part, text);
            }
            break;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    told_once(server, promise);
}

fn serves_on() -> Promise {
    promise(
        "where the log cannot be written the server says so on stderr, once and not for \
         each request, and serves on",
    )
    .cause(&[Seen::Ended], "a server without a log is better than none")
    .cause(&[Seen::Stderr], "say it when it begins to fail, not each time")
    .read(handout::LOG)
}

fn serve_with_log(site: &Site, log: &str, under: Option<&'static str>) -> Server {
    let launch = launch(site, &["--quiet", "--log", log]);
    let launch = if let Some(limit) = under { launch.under(limit) } else { launch };
    launch.start().ready(ReadyLine::RUNNING)
}

/// So many requests, ten on each connection. Behind the end of a connection nothing is
/// written to the log any more.
fn exchanges(server: &Server, count: usize, promise: &Promise) {
    for _ in 0..count / 10 {
        let asked = Client::connect(server.address).and_then(|mut client| {
            for left in (0..10).rev() {
                match client.ask(if left > 0 { KEPT } else { LAST })?.head.status {
                    200 => {}
                    other => return Err((Seen::Status, format!("status {other} came"))),
                }
            }
            match client.rest(PATIENCE).1 {
                End::Silence => Err((Seen::StillOpen, "it stays open".to_owned())),
                End::Closed | End::Reset => Ok(()),
            }
        });
        if let Err((seen, what)) = asked {
            promise.broken(seen, what);
        }
    }
}

/// Something stands on stderr about the log, and not much.
fn told_once(server: Server, promise: &Promise) {
    is_served(&server, promise);
    let end = ends_quietly(server, ENOUGH_NOTICES, promise);
    if !end.errors().contains("log") {
        promise.broken(Seen::Stderr, "nothing on stderr tells of the log");
    }
}

fn wait_for_pairs(logs: &[&Path], count: usize, promise: &Promise) {
    let until = Instant::now() + PATIENCE;
    loop {
        let found: usize = logs.iter().map(|log| whole_pairs(log, 0, promise)).sum();
        if found == count {
            return;
        }
        if until < Instant::now() {
            let text = format!("{found} pairs of lines are in the log, not {count}");
            promise.broken(Seen::Part, text);
        }
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// The pairs of lines in a log, if there is one, of which each must be whole.
pub(crate) fn whole_pairs(log: &Path, least: usize, promise: &Promise) -> usize {
    let text = fs::read_to_string(log).unwrap_or_default();
    let count = pairs(&text).unwrap_or_else(|line| {
        promise.broken(Seen::Other, format!("a line of the log is: {line}"))
    });
    if count < least {
        promise.broken(Seen::Part, format!("only {count} pairs of lines are in the log"));
    }
    count
}

/// How many pairs of lines `log` has, or the first line that is not as it should be.
fn pairs(log: &str) -> Result<usize, String> {
    let wrong = |line: &str| line.escape_debug().take(300).collect::<String>();
    if !log.is_empty() && !log.ends_with('\n') {
        return Err(wrong(log.lines().last().unwrap_or_default()));
    }
    let mut count = 0;
    let mut lines = log.split_terminator('\n');
    while let Some(request) = lines.next() {
        let response = lines.next().unwrap_or_default();
        if !is_request(request) {
            return Err(wrong(request));
        }
        if !is_response(response) {
            return Err(wrong(response));
        }
        count += 1;
    }
    Ok(count)
}

fn is_request(line: &str) -> bool {
    let names = ["Client request from (localhost, 127.0.0.1)", "Connection: ", "Method: "];
    let names = [&names[..], &["Request file name: ", "Date: "]].concat();
    parts(line, &names).is_some_and(|parts| {
        matches!(parts[1], "keep-alive" | "close" | "-") && is_date(parts[4])
    })
}

fn is_response(line: &str) -> bool {
    let names = ["Server response to (localhost, 127.0.0.1)", "StatusCode: HTTP/1.1 "];
    let names = [&names[..], &["Date: ", "Connection: "]].concat();
    parts(line, &names).is_some_and(|parts| {
        let code = parts[1].split(' ').next().unwrap_or_default();
        code.len() == 3 && is_date(parts[2]) && matches!(parts[3], "keep-alive" | "close")
    })
}

/// The values in `[name value][name value]…`, if the line has just these.
fn parts<'a>(line: &'a str, names: &[&str]) -> Option<Vec<&'a str>> {
    let inside = line.strip_prefix('[')?.strip_suffix(']')?;
    if inside.contains(char::is_control) {
        return None;
    }
    let parts: Vec<&str> = inside.split("][").collect();
    if parts.len() != names.len() {
        return None;
    }
    let value = |(part, name): (&&'a str, &&str)| {
        part.strip_prefix(name).filter(|value| !value.contains(['[', ']']))
    };
    parts.iter().zip(names).map(value).collect()
}

fn is_date(text: &str) -> bool {
    httpdate::parse_http_date(text).is_ok()
}
