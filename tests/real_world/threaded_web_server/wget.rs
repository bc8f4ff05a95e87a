//! wget asks: it likes to keep its connection.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::{Seen, handout};

use super::log::{Combined, LogFile};
use super::{Console, MODIFIED, kept, serve, serve_and_log, set_time};
use crate::tools::{has_taken, to_wget, wget};
use crate::{is_now, site, url};

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_follows_the_links_of_the_site_over_one_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(Path::new("www"), &[]);
    let promise = kept("`wget -r -l 1` takes what index.html links to over one connection");
    let end = wget(&folder, "-r -l 1 -nd", &url(&server, "index.html"), &promise);
    end.status(8, &promise); // one of the links leads to nothing
    let linked =
        ["HelloWorld.html", "greetings.txt", "harbour.jpg", "index.html", "ladder.png"];
    has_taken(&folder, &linked, &promise);
    let told = Console::when_ended(server, &promise).conversations(&promise);
    if told.len() != 1 {
        promise.broken(Seen::More, format!("wget connected {} times: {told:?}", told.len()));
    }
}

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_connects_again_after_the_last_request_of_a_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(Path::new("www"), &["--max-requests", "2"]);
    let promise =
        kept("with --max-requests 2 wget takes all over several connections, two files each");
    let end = wget(&folder, "-r -l 1 -nd", &url(&server, "index.html"), &promise);
    end.status(8, &promise);
    let linked =
        ["HelloWorld.html", "greetings.txt", "harbour.jpg", "index.html", "ladder.png"];
    has_taken(&folder, &linked, &promise);
    let told = Console::when_ended(server, &promise).conversations(&promise);
    let (last, others) = told.split_last().expect("wget has connected");
    // Of an answer that it does not want wget reads the head alone, so it may be the one to
    // end the connection.
    if others.iter().any(|it| it.requests.len() != 2) || last.requests.len() > 2 {
        promise.broken(Seen::Stdout, format!("the console tells of {told:?}"));
    }
}

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_n_takes_only_what_has_changed() {
    let promise = to_wget("`wget -N` takes a file once, and again when it has changed")
        .cause(
            &[Seen::Time, Seen::More],
            "Last-Modified tells when the file was changed, and wget asks by that time \
             (If-Modified-Since)",
        )
        .read(handout::CONDITIONAL);
    let (site, folder) = (site(), tempfile::tempdir().expect("a folder"));
    let (original, copy) =
        (site.path().join("greetings.txt"), folder.path().join("greetings.txt"));
    set_time(&original, MODIFIED);
    let log = LogFile::new();
    let server = serve_and_log(site.path(), &log.options("combined"));
    let greetings = fs::read(&original).expect("a file of the site");
    let (changed, then) = (b"It has changed.\n", MODIFIED + Duration::from_secs(60));
    let mut entries = 0;
    // How long the body was that came, each time.
    for (turn, length, contents, time) in [
        ("first", greetings.len(), &greetings[..], MODIFIED),
        ("second", 0, &greetings, MODIFIED),
        ("third", changed.len(), changed, then),
        ("fourth", 0, changed, then),
    ] {
        if turn == "third" {
            fs::write(&original, changed).expect("a file is written");
            set_time(&original, then);
        }
        wget(&folder, "-N", &url(&server, "greetings.txt"), &promise).status(0, &promise);
        is_now(&copy, contents, &promise);
        let its = copy.metadata().and_then(|copy| copy.modified()).expect("a file's time");
        if its != SystemTime::UNIX_EPOCH + time {
            let its = httpdate::fmt_http_date(its);
            promise.broken(Seen::Time, format!("wget's copy is of {its}, the {turn} time"));
        }
        let told = Combined::all(&log.lines(entries + 1, &promise), &promise);
        let came: u64 = told[entries..].iter().map(|entry| entry.length).sum();
        if came != length as u64 {
            let what = format!("the {turn} time {came} bytes came, not {length}: {told:?}");
            promise.broken(Seen::More, what);
        }
        entries = told.len();
    }
}
