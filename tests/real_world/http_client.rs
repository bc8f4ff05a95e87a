//! `http_client` as the checks here run it, and what it prints.

use std::net::SocketAddr;

use support::executables::path_of;
use support::program::{Launch, Running};
use support::{Promise, Seen, bytes, handout};

use crate::{SILENCE, contains, promise};

/// A server that is asked so keeps the connection open, so the client itself must find out
/// where the body ends.
pub(crate) const KEEP_ALIVE: [&str; 2] = ["-H", "Connection: keep-alive"];

pub(crate) fn exact(should: &str) -> Promise {
    promise(should)
        .cause(&[Seen::Stdout, Seen::Other], "a body is bytes: nothing may change or cut them")
        .cause(&[Seen::Part], "one read or write need not take all: go on to the end")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "all of the body has come, and the connection stays open: do not wait for its end",
        )
        .read(handout::BODY)
}

pub(crate) fn connects_again() -> Promise {
    promise(
        "when the server has closed, a session connects again for the next request, and says \
         so on stderr",
    )
    .cause(
        &[Seen::Status, Seen::StillOpen],
        "the end of a connection is not that of the session",
    )
    .cause(&[Seen::Other], "a connection that the server keeps is used again, no other")
    .read(handout::SESSION)
}

/// Servers are kept for a minute, and building may take longer: so it comes first.
pub(crate) fn build_the_client() {
    path_of("http_client");
}

/// The options come first: not every program takes them anywhere.
pub(crate) fn start(options: &[&str], server: SocketAddr, file: &str) -> Running {
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    let before = ["--timeout", SILENCE];
    Launch::new("http_client", &[&before, options, &[&host, &port, file]].concat()).start()
}

pub(crate) fn session(server: SocketAddr) -> Launch {
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    Launch::new("http_client", &["--timeout", SILENCE, "--session", &host, &port])
}

/// Asks, with success, and takes apart what is printed.
pub(crate) fn ask(
    options: &[&str],
    server: SocketAddr,
    file: &str,
    promise: &Promise,
) -> Printed {
    let end = start(options, server, file).ended(promise);
    end.status(0, promise);
    Printed::of(&end.stdout, promise)
}

/// A response as `http_client` prints it.
pub(crate) struct Printed {
    head: String,
    body: Vec<u8>,
}

impl Printed {
    pub(crate) fn of(stdout: &[u8], promise: &Promise) -> Self {
        let Some(end) = stdout.windows(2).position(|part| part == b"\n\n") else {
            let shown = bytes::show(stdout, 120);
            promise.broken(Seen::Stdout, format!("no empty line ends the head: {shown}"));
        };
        Self { head: bytes::text(&stdout[..end]), body: stdout[end + 2..].to_vec() }
    }

    pub(crate) fn status_line(&self, want: &str, promise: &Promise) -> &Self {
        if self.head.lines().next() != Some(want) {
            promise.broken(Seen::Stdout, format!("not `{want}`, but the head\n{}", self.head));
        }
        self
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The head must have this field.
    pub(crate) fn says(&self, name: &str, want: &str, promise: &Promise) -> &Self {
        if self.field(name) != Some(want) {
            promise.broken(Seen::Stdout, format!("no `{name}: {want}` in\n{}", self.head));
        }
        self
    }

    pub(crate) fn body(&self, want: &[u8], promise: &Promise) {
        if let Some(difference) = bytes::difference(want, &self.body) {
            promise.broken(Seen::Stdout, format!("in the body {difference}"));
        }
    }

    /// The body must have this somewhere.
    pub(crate) fn shows(&self, want: &str, promise: &Promise) {
        contains(&bytes::text(&self.body), want, promise);
    }
}
