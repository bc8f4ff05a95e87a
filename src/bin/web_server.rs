//! Lab 3: a web server that serves one request on one connection at a time.
//!
//!     cargo run --bin web_server
//!
//! and in a browser http://localhost:6789/HelloWorld.html. New here is no system call but
//! a protocol: the bytes of a connection have a meaning, laid down in RFC 9112.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use clap::Parser;
use lab_http::arrival::{Arrival, HeadReader};
use lab_http::dates::Dates;
use lab_http::files::Root;
use lab_http::head::{self, Request};
use lab_http::response::{self, Answer, Head, Status};
use lab_http::target;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, stop, terminal};

/// How long to wait before accept(2) is tried again after an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Serves the files of a folder, one request at a time.
#[derive(Parser)]
#[command(name = "web_server", version, after_help = EXAMPLES)]
struct Options {
    /// Port to listen on; 0 takes any free one
    #[arg(default_value_t = 6789)]
    port: u16,

    /// Address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    host: String,

    /// Folder whose files are served
    #[arg(long, value_name = "DIR", default_value = "www")]
    root: PathBuf,

    /// Exit after N requests have been answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,

    /// Exit after one request
    #[arg(long, conflicts_with = "requests")]
    once: bool,

    /// How long a request's head may take to come
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = cli::seconds)]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin web_server
  cargo run --bin web_server -- 8000 --root my/site
  cargo run --bin web_server -- 0 --once --timeout 30";

fn main() -> ExitCode {
    cli::run(serve)
}

fn serve(options: Options) -> Result<(), Failure> {
    let root = Root::open(&options.root)?;
    let address = net::resolve_first(&options.host, options.port)?;
    let listener = TcpListener::bind(address)
        .map_err(|error| net::cannot_listen("web_server", address, &error))?;

    let connections = stop::Connections::default();
    stop::on_signal(&connections)?;
    let bound = listener.local_addr().map_err(|error| Failure::refused(net::why(&error)))?;
    terminal::say(&format!("Ready to serve on http://{bound}/"))?;

    let mut accepts = true;
    let mut left = if options.once { Some(1) } else { options.requests };
    while left != Some(0) {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                // Said once, until it works again.
                if std::mem::take(&mut accepts) {
                    cli::notice(format_args!("cannot accept: {}", net::why(&error)));
                }
                thread::sleep(PAUSE_AFTER_ERROR);
                continue;
            }
        };
        accepts = true;
        // As in lab 2: known to the signal handler until _place is dropped.
        let stream = Arc::new(stream);
        let Some(_place) = connections.enter(&stream) else { continue };
        match converse(&stream, client, &root, options.timeout) {
            Ok(Asked::Something) => left = left.map(|left| left - 1),
            Ok(Asked::Nothing) => {}
            Err(Trouble::Console(failure)) => return Err(failure),
            Err(Trouble::Connection(error)) => {
                cli::notice(format_args!("{client}: {}", net::why(&error)));
            }
        }
    }
    Ok(())
}

/// Whether a connection brought a byte of a request.
enum Asked {
    Something,
    Nothing,
}

/// What may go wrong on the way to an answer.
enum Trouble {
    /// With this client. The next one is served.
    Connection(io::Error),
    /// With our own stdout.
    Console(Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Console(failure)
    }
}

/// One connection, from its first byte to its end.
fn converse(
    stream: &TcpStream,
    client: SocketAddr,
    root: &Root,
    timeout: Duration,
) -> Result<Asked, Trouble> {
    terminal::say(&format!("Connected to {client}"))?;
    response::prepare(stream)?;
    let mut received = Vec::new();
    let arrival = HeadReader::new(stream, timeout).read_head(&mut received)?;
    if received.is_empty() && arrival == Arrival::BrokenOff {
        // A browser opens connections in advance, and may never need them.
        return Ok(Asked::Nothing);
    }
    let head = match arrival {
        Arrival::Whole(length) => &received[..length],
        _ => &received,
    };
    if !head.is_empty() {
        terminal::say(terminal::escape(head).trim_end())?;
    }

    let request = arrival.request(&received, timeout);
    // Behind the head of a sound request nothing comes, unless it has a body.
    let all_read = head.len() == received.len()
        && request.as_ref().is_ok_and(|request| !announces_a_body(request));
    let answer = match request {
        Ok(request) => {
            terminal::say(&format!("Client request: {}", request.target))?;
            answer(&request, root).unwrap_or_else(|error| {
                let (shown, why) = (request.target, net::why(&error));
                cli::notice(format_args!("cannot open {shown}: {why}"));
                Answer::text(Status::ServiceUnavailable, "the server cannot open the file now")
            })
        }
        Err(refusal) => refusal,
    };
    send(stream, answer, head::asks_for_head(head))?;
    if received.is_empty() {
        return Ok(Asked::Nothing);
    }
    if !all_read {
        net::close_gently(stream)?;
    }
    Ok(Asked::Something)
}

/// Whether something may come behind the head that is part of this request all the same.
fn announces_a_body(request: &Request<'_>) -> bool {
    ["Content-Length", "Transfer-Encoding"]
        .into_iter()
        .any(|name| request.fields.get(name).is_some())
}

/// The answer to a request that could be read: the file that it means, or why not.
fn answer(request: &Request<'_>, root: &Root) -> io::Result<Answer> {
    // Fill in start 3.2: refuse what is not done here, and say it well if nothing is there
    if !matches!(request.method, "GET" | "HEAD") {
        let what = format!("{} is not done here, only GET and HEAD", request.method);
        return Ok(Answer::text(Status::BadRequest, what));
    }
    if let Err(wrong) = target::check(request) {
        return Ok(Answer::text(Status::BadRequest, wrong));
    }
    if let Some(path) = target::file_path(request.target)
        && let Some(found) = root.find(&path)?
    {
        return Ok(Answer::file(Status::Ok, found));
    }
    Answer::not_found(root)
    // Fill in instead: let path = target::file_path(request.target).unwrap_or_default();
    // Fill in instead: match root.find(&path)? {
    // Fill in instead:     Some(found) => Ok(Answer::file(Status::Ok, found)),
    // Fill in instead:     None => Ok(Answer::text(Status::NotFound, "there is no such file")),
    // Fill in instead: }
    // Fill in end 3.2
}

/// Sends an answer; the one to HEAD is all but the body (RFC 9110 §9.3.2).
fn send(stream: &TcpStream, answer: Answer, for_head: bool) -> io::Result<()> {
    let mut head = Head::default();
    answer.describe(&mut head, Dates::default().text(SystemTime::now()));
    // The client need not wait for more behind this answer (RFC 9112 §9.6).
    head.line(["Connection: close"]);
    if for_head { head.send(stream) } else { answer.send(&mut head, stream, &mut 0) }
}
