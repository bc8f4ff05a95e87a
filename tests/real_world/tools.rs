//! curl, wget, nc and Chromium, and what a failure of theirs may mean.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use support::executables::root;
use support::http::Answer;
use support::program::{Ended, Server};
use support::{Promise, Seen, bytes, handout};
use tempfile::TempDir;

use crate::{SILENCE, is_now, needs, promise, run, text};

/// A promise of `web_server` that curl holds it to.
pub(crate) fn to_curl(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Status],
            "curl's exit status tells: 18 is a body shorter than Content-Length, 28 silence, \
             52 no answer at all, 56 a reset",
        )
        .cause(&[Seen::Part], "one read or write need not take all: go on to the end")
}

pub(crate) fn to_wget(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Status],
            "wget's exit status tells: 8 is an error status, as that of a link that leads to \
             nothing; 4 is a connection that failed, or ended before Content-Length said",
        )
        .cause(&[Seen::Other], "wget goes by Content-Type: it looks for links in text/html")
        .read(handout::ANSWER)
}

pub(crate) fn to_chromium(should: &str) -> Promise {
    promise(should).cause(
        &[Seen::Nothing, Seen::StillOpen],
        "a browser waits for as many bytes as Content-Length says, or for the connection's end",
    )
}

/// What curl tells in the end: status, bytes of the body, its media type.
pub(crate) const TOLD: &str = "%{http_code} %{size_download} %{content_type}";

pub(crate) fn run_curl(arguments: &str, promise: &Promise) -> Ended {
    needs("curl");
    // Without the user's own settings and proxies.
    const OPTIONS: &str = "-q -sS --noproxy '*' --speed-limit 1 --speed-time";
    run(&format!("exec curl {OPTIONS} {SILENCE} {arguments}"), promise)
}

/// Runs curl, with success; what it prints.
pub(crate) fn curl(arguments: &str, promise: &Promise) -> String {
    let end = run_curl(arguments, promise);
    end.status(0, promise);
    bytes::text(&end.stdout)
}

pub(crate) fn wget(folder: &TempDir, options: &str, url: &str, promise: &Promise) -> Ended {
    needs("wget");
    let folder = text(folder.path());
    let command = format!(
        "exec wget --no-config --no-proxy --no-hsts -nv -t 1 -T {SILENCE} -P '{folder}' \
         {options} '{url}'"
    );
    run(&command, promise)
}

/// These files of the kit's site must be in the folder, and no others.
pub(crate) fn has_taken(folder: &TempDir, names: &[&str], promise: &Promise) {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    let mut taken: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    taken.sort();
    if taken != names {
        promise.broken(Seen::Other, format!("wget has taken {taken:?}, not {names:?}"));
    }
    for name in names {
        let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
        is_now(&folder.path().join(name), &contents, promise);
    }
}

/// Sends what printf(1) makes of `request` and takes all that comes until the server closes.
pub(crate) fn nc(request: &str, server: &Server, promise: &Promise) -> Answer {
    needs("nc");
    let (host, port) = (server.host(), server.port());
    let command = format!("printf '{request}' | nc {host} {port}");
    let end = run(&command, promise);
    end.status(0, promise);
    Answer::of(&end.stdout, promise)
}

pub(crate) fn has_words(answer: &Answer, promise: &Promise) {
    if answer.body.len() < 4 {
        let body = bytes::show(&answer.body, 60);
        promise.broken(Seen::Part, format!("the body says nothing: {body}"));
    }
}

/// Chromium, with a folder of its own for all that it keeps.
pub(crate) struct Chromium {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Chromium {
    /// Waits until no other check has one: each would keep all cores busy alone.
    pub(crate) fn alone() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        needs("chromium");
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { folder: tempfile::tempdir().expect("a folder"), _alone: alone }
    }

    /// Its document of a page when all is loaded and the scripts have run.
    pub(crate) fn document(&self, url: &str, promise: &Promise) -> String {
        // No name is looked up. The time of the budget is virtual: it stands still while
        // something is being loaded, at most for as long as the timeout says.
        const OPTIONS: &str = "--headless --no-sandbox --disable-gpu --disable-quic \
            --no-first-run --disable-background-networking --disable-component-update \
            --disable-sync --disable-dev-shm-usage --no-proxy-server --log-level=3 \
            --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
            --virtual-time-budget=10000 --timeout=20000 --dump-dom";
        let home = text(self.folder.path());
        let command = format!(
            "HOME='{home}' TMPDIR='{home}' exec chromium {OPTIONS} \
             --user-data-dir='{home}/user' '{url}'"
        );
        let end = run(&command, promise);
        end.status(0, promise);
        if end.stdout.is_empty() {
            promise
                .broken(Seen::Nothing, "Chromium has no document: the page never came whole");
        }
        bytes::text(&end.stdout)
    }
}
