//! Others ask `threaded_web_server` (labs 5 and 6): many at once, over connections that go
//! on, for what they have already.

mod chromium;
mod curl;
mod load;
mod log;
mod nc;
mod session;
mod wget;

use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use support::program::{ReadyLine, Server};
use support::{Promise, Seen, bytes, handout, server};

use crate::promise;

/// By these words a client of curl's kind asks for the connection to go on.
const KEPT: &str = "-H 'Connection: keep-alive'";

/// A time of a file, and how HTTP says it.
const MODIFIED: Duration = Duration::from_secs(784_111_777);
const MODIFIED_DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Serves a folder, without a log.
fn serve(root: &Path, options: &[&str]) -> Server {
    serve_and_log(root, &[options, &["--no-log"]].concat())
}

/// Serves a folder; the options say where the log is.
fn serve_and_log(root: &Path, options: &[&str]) -> Server {
    let arguments = [options, &["--root", crate::text(root), "0"]].concat();
    server("threaded_web_server", &arguments, ReadyLine::RUNNING)
}

/// A promise about connections that go on.
fn kept(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Closed],
            "the server closed a connection that its answer had called keep-alive",
        )
        .cause(
            &[Seen::Status, Seen::StillOpen],
            "what Content-Length announces must come, and no more: the next answer follows",
        )
        .cause(
            &[Seen::More],
            "`Connection: keep-alive` in the answer tells the client that it may go on, and \
             the server must then wait for the next request",
        )
        .read(handout::KEEP_ALIVE)
}

/// Gives a file a time that it was changed at.
fn set_time(file: &Path, since_1970: Duration) {
    let file = std::fs::File::options().append(true).open(file).expect("a file of the site");
    file.set_modified(SystemTime::UNIX_EPOCH + since_1970).expect("its time is set");
}

/// What a server's console has told when the server has ended.
struct Console(Vec<String>);

/// What it tells of one connection: the client's address, the requests, how it ended.
#[derive(Debug, PartialEq)]
struct Conversation {
    client: String,
    /// Request lines, as in `GET /index.html HTTP/1.1`.
    requests: Vec<String>,
    /// The first word of its last line: `Connection`, `Timeout` or `Maximum`.
    end: String,
}

impl Console {
    /// Ends the server, which tells of all its connections before.
    fn when_ended(server: Server, promise: &Promise) -> Self {
        server.running.signal(Signal::SIGTERM);
        let end = server.running.ended(promise);
        end.status(0, promise);
        Self(bytes::text(&end.stdout).lines().map(str::to_owned).collect())
    }

    /// The conversations in the order of their beginnings.
    fn conversations(&self, promise: &Promise) -> Vec<Conversation> {
        let mut all: Vec<Conversation> = Vec::new();
        let of =
            |all: &mut [Conversation], client: &str, change: &dyn Fn(&mut Conversation)| {
                match all.iter_mut().rev().find(|it| it.client == client && it.end.is_empty()) {
                    Some(conversation) => change(conversation),
                    None => promise.broken(
                        Seen::Stdout,
                        format!("the console tells of {client}, which is not connected"),
                    ),
                }
            };
        for (number, line) in self.0.iter().enumerate() {
            if let Some(client) = line.strip_prefix("Received connection from ") {
                let client = client.to_owned();
                all.push(Conversation { client, requests: Vec::new(), end: String::new() });
            } else if let Some(client) = line.strip_prefix("Received request from ") {
                let request = self.0.get(number + 1).map_or("", String::as_str);
                of(&mut all, client.trim_end_matches(':'), &|it| {
                    it.requests.push(request.to_owned());
                });
            } else if let Some(told) = line.strip_suffix(" is closed.")
                && let Some((why, client)) = told.split_once(" to ")
            {
                let first = why.split(' ').next().unwrap_or_default();
                of(&mut all, client, &|it| first.trim_matches(',').clone_into(&mut it.end));
            }
        }
        all
    }

    /// Of how many lines this is the beginning.
    fn count(&self, beginning: &str) -> usize {
        self.0.iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// The conversations must have been these.
    fn tells(&self, want: &[Conversation], promise: &Promise) {
        let told = self.conversations(promise);
        if told != want {
            let different = told.iter().zip(want).position(|(told, want)| told != want);
            let at = different.unwrap_or(told.len().min(want.len()));
            let (told_there, want_there) = (told.get(at), want.get(at));
            promise.broken(
                Seen::Stdout,
                format!(
                    "the server's console tells of {} connections, not {}; the {}. is\n\
                     {told_there:?}\nand not\n{want_there:?}",
                    told.len(),
                    want.len(),
                    at + 1
                ),
            );
        }
    }
}

impl Conversation {
    /// Of a client at this port with GET requests, that either side has ended in order.
    fn of(port: u16, targets: &[&str]) -> Self {
        Self {
            client: format!("127.0.0.1:{port}"),
            requests: targets.iter().map(|target| format!("GET {target} HTTP/1.1")).collect(),
            end: "Connection".to_owned(),
        }
    }
}
