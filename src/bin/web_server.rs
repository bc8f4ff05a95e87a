//! Lab 3: a web server that serves one request on one connection at a time.
//!
//!     cargo run --bin web_server
//!
//! and in a browser http://localhost:6789/HelloWorld.html. New here is no system call but
//! a protocol: the bytes of a connection have a meaning, laid down in RFC 9112.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use lab_http::files::{self, Root};
use lab_http::head::{self, Malformed, Request};
use lab_http::response::{Head, Status};
use lab_http::target;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, stop, terminal};

/// How long to wait before accept(2) is tried again after an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// What the page for everything that is not there is called, and the text without one.
const NOT_FOUND_PAGE: &str = "filenotfound.html";
const NOT_FOUND_TEXT: &str = "File not found";

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
    let root = Root::open(&options.root).map_err(|error| {
        let shown = options.root.display();
        Failure::refused(format!("cannot open the folder {shown}: {}", net::why(&error)))
            .with_hint("name the folder to serve with --root")
    })?;
    let address = net::resolve_first(&options.host, options.port)?;
    let listener = TcpListener::bind(address)
        .map_err(|error| net::cannot_listen("web_server", address, &error))?;

    let connections = stop::Connections::default();
    stop::on_signal(&connections)?;
    let bound = listener.local_addr().map_err(|error| Failure::refused(net::why(&error)))?;
    terminal::say(&format!("Ready to serve on http://{bound}/"))?;

    let mut left = if options.once { Some(1) } else { options.requests };
    while left != Some(0) {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                cli::notice(format_args!("cannot accept: {}", net::why(&error)));
                thread::sleep(PAUSE_AFTER_ERROR);
                continue;
            }
        };
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
    let mut received = Vec::new();
    let arrival = read_head(stream, &mut received, timeout)?;
    // A browser opens connections in advance, and may never need them.
    let asked = if received.is_empty() { Asked::Nothing } else { Asked::Something };
    match asked {
        Asked::Nothing if matches!(arrival, Arrival::BrokenOff) => return Ok(asked),
        Asked::Nothing => {}
        Asked::Something => terminal::say(terminal::escape(&received).trim_end())?,
    }

    let mut all_read = false;
    let (answer, for_head) = match arrival {
        Arrival::Whole(length) => match head::parse_request(&received[..length]) {
            Ok(request) => {
                all_read = length == received.len();
                terminal::say(&format!("Client request: {}", request.target))?;
                let answer = answer(&request, root).unwrap_or_else(|error| {
                    // Of no concern to the client whether it is descriptors or memory.
                    cli::notice(format_args!("cannot open a file: {}", net::why(&error)));
                    let what = "the server cannot open the file now".to_owned();
                    Answer::refusal(Status::InternalServerError, what)
                });
                (answer, request.method == "HEAD")
            }
            Err(Malformed::Syntax(what)) => (Answer::refusal(Status::BadRequest, what), false),
            Err(Malformed::Version(what)) => {
                (Answer::refusal(Status::HttpVersionNotSupported, what), false)
            }
        },
        Arrival::TooLong => {
            let what =
                format!("the request's head is longer than {} bytes", head::LONGEST_HEAD);
            (Answer::refusal(Status::RequestHeaderFieldsTooLarge, what), false)
        }
        Arrival::TimedOut => {
            (Answer::refusal(Status::RequestTimeout, missing(&received, timeout)), false)
        }
        Arrival::BrokenOff => {
            let what = "the request's head breaks off before its empty line".to_owned();
            (Answer::refusal(Status::BadRequest, what), false)
        }
    };
    send(stream, answer, for_head)?;
    if !all_read {
        net::close_gently(stream)?;
    }
    Ok(asked)
}

/// How the head of a request came.
enum Arrival {
    /// All of it; its length, as more may have come behind it.
    Whole(usize),
    /// More than we are ready to keep, and no end in sight.
    TooLong,
    /// Not all of it in time.
    TimedOut,
    /// The client closed its side in the middle.
    BrokenOff,
}

/// Reads into `received` until a head is whole, or will not be.
fn read_head(
    mut stream: &TcpStream,
    received: &mut Vec<u8>,
    timeout: Duration,
) -> io::Result<Arrival> {
    // For the whole head, not for each byte: a client that sends a byte now and then would
    // otherwise keep all others waiting for ever.
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; 4096];
    loop {
        if let Some(length) = head::head_length(received) {
            let fits = length <= head::LONGEST_HEAD;
            return Ok(if fits { Arrival::Whole(length) } else { Arrival::TooLong });
        }
        if received.len() > head::LONGEST_HEAD {
            return Ok(Arrival::TooLong);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Arrival::TimedOut);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Arrival::BrokenOff),
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(Arrival::TimedOut),
                ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

/// What a request that came in time would have needed.
fn missing(received: &[u8], timeout: Duration) -> String {
    let within = cli::show_seconds(timeout);
    if received.is_empty() {
        format!("no byte of a request came within {within}")
    } else if !received.contains(&b'\n') {
        format!("the request line has no end: within {within} no line end (CR LF) came")
    } else {
        format!("the request's head has no end: within {within} no empty line came")
    }
}

/// A response that is ready to be sent.
struct Answer {
    status: Status,
    media_type: String,
    body: Body,
}

enum Body {
    Text(String),
    File(files::Found),
}

impl Answer {
    fn refusal(status: Status, what: String) -> Self {
        Self {
            status,
            media_type: "text/plain; charset=utf-8".to_owned(),
            body: Body::Text(what),
        }
    }
}

/// The answer to a request that could be read.
fn answer(request: &Request<'_>, root: &Root) -> io::Result<Answer> {
    if !matches!(request.method, "GET" | "HEAD") {
        let what = format!("{} is not done here, only GET and HEAD", request.method);
        return Ok(Answer::refusal(Status::BadRequest, what));
    }
    let file = |status, path: &Path, found| Answer {
        status,
        media_type: files::media_type(path),
        body: Body::File(found),
    };
    if let Some(path) = target::file_path(request.target)
        && let Some(found) = root.find(&path)?
    {
        return Ok(file(Status::Ok, &path, found));
    }
    let page = Path::new(NOT_FOUND_PAGE);
    Ok(match root.find(page)? {
        Some(found) => file(Status::NotFound, page, found),
        None => Answer::refusal(Status::NotFound, NOT_FOUND_TEXT.to_owned()),
    })
}

/// Sends an answer; the one to HEAD is all but the body (RFC 9110 §9.3.2).
fn send(mut stream: &TcpStream, answer: Answer, for_head: bool) -> io::Result<()> {
    let length = match &answer.body {
        Body::Text(text) => text.len() as u64,
        Body::File(found) => found.length,
    };
    let mut head = Head::new(answer.status, SystemTime::now());
    head.field("Content-Type", answer.media_type);
    head.field("Content-Length", length);
    // The client need not wait for more behind this answer (RFC 9112 §9.6).
    head.field("Connection", "close");
    stream.write_all(&head.finish())?;
    if for_head {
        return Ok(());
    }
    match answer.body {
        Body::Text(text) => stream.write_all(text.as_bytes()),
        Body::File(found) => {
            // Not a byte more than announced, even if the file has grown meanwhile. If it
            // has shrunk, the end of the connection tells the client.
            let mut bytes = found.file.take(length);
            io::copy(&mut bytes, &mut stream).map(drop)
        }
    }
}
