//! Labs 5 and 6: a web server with a thread for each connection, and more than one request
//! on a connection.
//!
//!     cargo run --bin threaded_web_server
//!
//! and in a browser http://localhost:8080/. A thread that waits for its client keeps nobody
//! else waiting; that is the whole secret of lab 5. Lab 6 keeps the connection for further
//! requests, answers 304 to clients that have a file already, and writes a log.

use std::ffi::OsStr;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
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
use lab_http::log::{Exchange, Format, Log};
use lab_http::response::{self, Answer, Head, Status};
use lab_http::threads::Threads;
use lab_http::{condition, persistence, target};
use socket_lab::cli::{self, Failure, Seldom};
use socket_lab::stop::{self, Connections};
use socket_lab::{net, terminal};
use socket2::SockRef;

/// So many connections may wait to be accepted, if the kernel allows as many (tcp(7),
/// somaxconn). With the 128 of std a burst of clients would find the backlog full.
const BACKLOG: i32 = 4096;

/// How long to wait before accept(2) is tried again after an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// So many connections over the limit are told so; beyond that, each gets the answer and
/// no time to read it.
const MOST_REFUSALS: usize = 100;

/// What is served unless `--allow` adds to it.
const EXTENSIONS: [&str; 5] = ["txt", "html", "png", "jpg", "jpeg"];

/// What `/` means.
const INDEX: &str = "index.html";

/// Serves the files of a folder to many clients at once.
#[derive(Parser)]
#[command(name = "threaded_web_server", version, after_help = EXAMPLES)]
struct Options {
    /// Port to listen on; 0 takes any free one
    #[arg(default_value_t = 8080)]
    port: u16,

    /// Address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    host: String,

    /// Fail if the port is taken, and do not try the next one
    #[arg(long)]
    strict_port: bool,

    /// Folder whose files are served
    #[arg(long, value_name = "DIR", default_value = "www")]
    root: PathBuf,

    /// Serve files with these extensions too, as in css,js
    #[arg(long, value_name = "EXT", value_delimiter = ',')]
    allow: Vec<String>,

    /// How long a connection may be idle, and a request's head may take to come
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = cli::seconds)]
    keep_alive_timeout: Duration,

    /// Close a connection after so many requests
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: u64,

    /// Keep connections open unless the client says close, as HTTP/1.1 has it
    #[arg(long)]
    persistent: bool,

    /// Answer 503 where more connections are open
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    max_connections: u64,

    /// File to which the access log is appended
    #[arg(long, value_name = "FILE", default_value = "log.txt")]
    log: PathBuf,

    /// How the log is written
    #[arg(long, value_name = "FORMAT", default_value = "lab")]
    log_format: Format,

    /// Write no log
    #[arg(long, conflicts_with_all = ["log", "log_format"])]
    no_log: bool,

    /// Print the ready line alone
    #[arg(long)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin threaded_web_server
  cargo run --bin threaded_web_server -- 8000 --root my/site --allow css,js
  cargo run --bin threaded_web_server -- --persistent --log-format combined --log access.log";

fn main() -> ExitCode {
    cli::run(serve)
}

fn serve(options: Options) -> Result<(), Failure> {
    let root = Root::open(&options.root)?;
    // Each connection takes a descriptor, and a shell lets a process have 1,024 unless the
    // process asks for more. Where it gets none, it goes on with what it has.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let listener = listen(&options)?;
    let connections = Connections::default();
    stop::on_signal(&connections)?;
    // Otherwise a file that has reached its limit of size (RLIMIT_FSIZE), be it the log or
    // stdout, ends the server; like this the write fails.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let log = open_log(&options);
    let server = Arc::new(Server {
        options,
        root,
        threads: Threads::default(),
        connections,
        refused: Connections::default(),
        log,
        troubles: Troubles::default(),
    });
    let bound = listener.local_addr().map_err(|error| Failure::refused(net::why(&error)))?;
    terminal::say(&format!("Server is running on host/port: {}/{}", bound.ip(), bound.port()))?;

    loop {
        // Waits for a connection, and returns a new socket for it alone. It has the same
        // local port as the listening one; what tells connections apart is the client's
        // address and port.
        let accepted = listener.accept();
        if let Err(error) =
            accepted.and_then(|(stream, client)| hand_over(&server, stream, client))
        {
            // Most likely the descriptors, or the threads, have run out. Who comes now waits
            // in the backlog until others have gone.
            server
                .troubles
                .accept
                .notice(format_args!("cannot serve a connection: {}", lacking(&error)));
            thread::sleep(PAUSE_AFTER_ERROR);
        }
    }
}

/// What there is too little of. EAGAIN says it of threads (pthread_create(3)); of sockets
/// it says that their time has run out.
fn lacking(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "no further thread can be started".to_owned(),
        _ => net::why(error),
    }
}

/// Listens on the port, or on the next one that is free.
fn listen(options: &Options) -> Result<TcpListener, Failure> {
    let mut address = net::resolve_first(&options.host, options.port)?;
    // Fill in start 5.4: take the next free port, unless this one alone will do
    let listener = loop {
        match TcpListener::bind(address) {
            Ok(listener) => break listener,
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && !options.strict_port
                    && address.port() < u16::MAX =>
            {
                let next = address.port() + 1;
                cli::notice(format_args!("port {} is taken, trying {next}", address.port()));
                address.set_port(next);
            }
            Err(error) => return Err(cannot_listen(address, &error)),
        }
    };
    // Fill in instead: let listener =
    // Fill in instead:     TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))?;
    // Fill in end 5.4
    // On a socket that listens already, listen(2) only sets the backlog anew.
    SockRef::from(&listener).listen(BACKLOG).map_err(|error| cannot_listen(address, &error))?;
    Ok(listener)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    net::cannot_listen("threaded_web_server", address, error)
}

/// Opens the log. A server without one is better than none.
fn open_log(options: &Options) -> Option<Log> {
    if options.no_log {
        return None;
    }
    Log::open(&options.log, options.log_format)
        .inspect_err(|error| {
            let (shown, why) = (options.log.display(), net::why(error));
            cli::notice(format_args!("no log is written: cannot open {shown}: {why}"));
        })
        .ok()
}

/// Gives a connection a place and a thread of its own, or turns it away.
fn hand_over(server: &Arc<Server>, stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    let stream = Arc::new(stream);
    if server.connections.count() as u64 >= server.options.max_connections {
        return turn_away(server, stream);
    }
    // As in lab 2: known to the signal handler until `place` is dropped.
    let Some(place) = server.connections.enter(&stream) else { return Ok(()) };
    // Fill in start 5.1: attend to the client on a thread of its own
    let (attendant, attended) = (Arc::clone(server), Arc::clone(&stream));
    let work = move || {
        attendant.attend(&attended, client);
        drop(place);
    };
    server.threads.run(work).inspect_err(|_| drop(refuse(&stream)))
    // Fill in instead: server.attend(&stream, client);
    // Fill in instead: drop(place);
    // Fill in instead: Ok(())
    // Fill in end 5.1
}

/// Tells a client that its connection is one too many, and keeps nobody waiting by it.
fn turn_away(server: &Server, stream: Arc<TcpStream>) -> io::Result<()> {
    // Fill in start 5.3: refuse the client, and let it read that, on a thread of its own
    if server.refused.count() >= MOST_REFUSALS {
        let _ = refuse(&stream);
        return Ok(());
    }
    let Some(place) = server.refused.enter(&stream) else { return Ok(()) };
    let refused = Arc::clone(&stream);
    let work = move || {
        let _ = refuse(&refused).and_then(|()| net::close_gently(&refused));
        drop(place);
    };
    server.threads.run(work).inspect_err(|_| drop(refuse(&stream)))
    // Fill in instead: drop(stream);
    // Fill in instead: Ok(())
    // Fill in end 5.3
}

/// Says that this connection is one too many.
fn refuse(stream: &TcpStream) -> io::Result<()> {
    let what = "too many connections are open, try again later";
    let answer = Answer::text(Status::ServiceUnavailable, what);
    let mut head = Head::default();
    answer.describe(&mut head, Dates::default().text(SystemTime::now()));
    head.line(["Connection: close"]);
    answer.send(&mut head, stream, &mut 0)
}

/// What all threads share.
struct Server {
    options: Options,
    root: Root,
    threads: Threads,
    connections: Connections,
    /// Those that were one too many, and are being told so: they take nobody's place.
    refused: Connections,
    log: Option<Log>,
    troubles: Troubles,
}

/// What the server goes on in spite of.
#[derive(Default)]
struct Troubles {
    /// No descriptor or thread for another connection.
    accept: Seldom,
    /// No descriptor for a file.
    open: Seldom,
    /// No room for the log.
    log: Seldom,
    /// No room for what is printed.
    print: Seldom,
}

/// How a connection ended.
enum Ended {
    /// Nothing, or not all of a request, came in time.
    TimedOut,
    /// It has had all the requests that it may have.
    Maximum,
    /// One of the two sides wanted it so.
    Closed,
}

/// What comes behind a request on its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// Another request, if the client likes.
    Another,
    /// Nothing.
    Nothing,
    /// Something that is not read here, or nobody can tell.
    Unknown,
}

impl Server {
    /// Attends to one client, from its connection to its end.
    fn attend(&self, stream: &TcpStream, client: SocketAddr) {
        self.say(|| format!("Received connection from {client}"));
        let conversation = Conversation {
            server: self,
            stream,
            client,
            dates: Dates::default(),
            changes: Dates::default(),
        };
        let ended = conversation.converse();
        // From here on the client knows; what it still sends is of no interest.
        let _ = stream.shutdown(Shutdown::Both);
        let why = match ended {
            Ok(Ended::TimedOut) => "Timeout, connection".to_owned(),
            Ok(Ended::Maximum) => {
                format!("Maximum {} requests, connection", self.options.max_requests)
            }
            // Clients come and go as they like.
            Ok(Ended::Closed) | Err(_) => "Connection".to_owned(),
        };
        self.say(|| format!("{why} to {client} is closed."));
    }
}

/// A connection, and what is remembered from one request on it to the next.
struct Conversation<'a> {
    server: &'a Server,
    stream: &'a TcpStream,
    client: SocketAddr,
    /// When requests and answers came and went.
    dates: Dates,
    /// When the files were changed.
    changes: Dates,
}

impl Conversation<'_> {
    /// Answers one request after another.
    fn converse(mut self) -> io::Result<Ended> {
        let Self { server, stream, client, .. } = self;
        let timeout = server.options.keep_alive_timeout;
        response::prepare(stream)?;
        // What has come and is not answered yet. A client may send several requests
        // without waiting for the answers (pipelining, RFC 9112 §9.3.2).
        let mut received = Vec::new();
        let mut heads = HeadReader::new(stream, timeout);
        let mut left = server.options.max_requests;
        loop {
            // The clock runs from the last answer, at first from the accept.
            let arrival = heads.read_head(&mut received)?;
            // The empty line that is passed over before a request begins none.
            let nothing = matches!(received[..], [] | [b'\n'] | [b'\r'] | [b'\r', b'\n']);
            match arrival {
                Arrival::TimedOut if nothing => return Ok(Ended::TimedOut),
                Arrival::BrokenOff if nothing => return Ok(Ended::Closed),
                // It was this server that broke it off.
                Arrival::BrokenOff if server.connections.are_ending() => {
                    return Ok(Ended::Closed);
                }
                _ => {}
            }
            let asked = SystemTime::now();
            let length = match arrival {
                Arrival::Whole(length) => length,
                _ => received.len(),
            };
            server.say(|| {
                let head = terminal::escape(&received[..length]);
                format!("Received request from {client}:\n{}", head.trim_end())
            });

            let (request, answer, behind) = match arrival.request(&received, timeout) {
                Ok(request) => {
                    let (answer, behind) = server.answer(&request);
                    (Some(request), answer, behind)
                }
                Err(refusal) => (None, refusal, Behind::Unknown),
            };
            // The client wants to ask again, and may.
            let goes_on = behind == Behind::Another && left > 1;
            let for_head = head::asks_for_head(&received);
            let status = answer.status;
            let mut body = 0;
            let sent = self.send(answer, asked, for_head, goes_on.then_some(left), &mut body);
            if let Some(log) = &server.log {
                let exchange = Exchange {
                    client: client.ip(),
                    asked,
                    request: request.as_ref(),
                    keep_alive: request.is_some_and(|request| server.is_wanted(&request)),
                    status,
                    answered: SystemTime::now(),
                    kept: goes_on,
                    body,
                };
                self.log(log, &exchange);
            }
            sent?;

            // Fill in start 6.2: go on to the next request, of which a part may be there already
            received.drain(..length);
            if !goes_on {
                if behind != Behind::Nothing || !received.is_empty() {
                    net::close_gently(stream)?;
                }
                return Ok(match (arrival, behind) {
                    (Arrival::TimedOut, _) => Ended::TimedOut,
                    (_, Behind::Another) if left == 1 => Ended::Maximum,
                    _ => Ended::Closed,
                });
            }
            server
                .say(|| format!("Request completed, waiting for next request from: {client}"));
            left -= 1;
            // Fill in instead: if behind != Behind::Nothing || received.len() > length {
            // Fill in instead:     net::close_gently(stream)?;
            // Fill in instead: }
            // Fill in instead: return Ok(Ended::Closed);
            // Fill in end 6.2
        }
    }

    /// Sends an answer, with the number of requests that the connection may have from this
    /// one on if it goes on; counts the bytes of body that were sent.
    // Not within `converse`, whose frame is on the stack of a thread as long as its client
    // is there, idle or not: a page more of memory for each.
    #[inline(never)]
    fn send(
        &mut self,
        answer: Answer,
        now: SystemTime,
        for_head: bool,
        keep_alive: Option<u64>,
        body: &mut u64,
    ) -> io::Result<()> {
        let mut head = Head::default();
        answer.describe(&mut head, self.dates.text(now));
        if let (Status::Ok | Status::NotModified, Some(time)) =
            (answer.status, answer.modified())
        {
            // A time to come would be a lie by the server's own clock (RFC 9110 §8.8.2.1).
            head.line(["Last-Modified: ", self.changes.text(time.min(now))]);
        }
        // Fill in start 6.1: say whether the connection goes on, for how long and how often
        match keep_alive {
            Some(most) => {
                // In whole seconds, rounded up: half a second must not become none.
                let timeout = self.server.options.keep_alive_timeout;
                let timeout = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
                let (timeout, most) = (timeout.to_string(), most.to_string());
                head.line(["Connection: keep-alive"]);
                head.line(["Keep-Alive: timeout=", &timeout, ", max=", &most]);
            }
            None => head.line(["Connection: close"]),
        }
        // Fill in instead: head.line(["Connection: close"]);
        // Fill in end 6.1
        if for_head || answer.status == Status::NotModified {
            return head.send(self.stream);
        }
        answer.send(&mut head, self.stream, body)
    }

    /// Writes the log. Apart for the same reason.
    #[inline(never)]
    fn log(&mut self, log: &Log, exchange: &Exchange<'_>) {
        if let Err(error) = log.add(exchange, &mut self.dates) {
            let why = net::why(&error);
            self.server.troubles.log.notice(format_args!("the log cannot be written: {why}"));
        }
    }
}

impl Server {
    /// The answer to a request that could be read, and what comes behind it.
    fn answer(&self, request: &Request<'_>) -> (Answer, Behind) {
        let sound = target::check(request)
            .and_then(|()| persistence::check_host(request))
            .and_then(|()| persistence::has_body(request));
        let behind = match sound {
            Ok(false) if self.is_wanted(request) => Behind::Another,
            Ok(false) => Behind::Nothing,
            Ok(true) => Behind::Unknown,
            Err(wrong) => {
                return (Answer::text(Status::BadRequest, wrong), Behind::Unknown);
            }
        };
        if !matches!(request.method, "GET" | "HEAD") {
            let what = format!("{} is not done here, only GET and HEAD", request.method);
            return (Answer::text(Status::BadRequest, what), behind);
        }
        let answer = self.find(request).unwrap_or_else(|error| {
            let (shown, why) = (request.target, net::why(&error));
            self.troubles.open.notice(format_args!("cannot open {shown}: {why}"));
            Answer::text(Status::ServiceUnavailable, "the server cannot open the file now")
        });
        (answer, behind)
    }

    /// The file that a request means, or why there is none for it.
    fn find(&self, request: &Request<'_>) -> io::Result<Answer> {
        let Some(path) = target::file_path(request.target) else {
            return Answer::not_found(&self.root);
        };
        // Fill in start 5.2: take the index for /, and refuse what is of another kind
        let path = if path.as_os_str().is_empty() { PathBuf::from(INDEX) } else { path };
        let Some(extension) = path.extension() else {
            return Answer::not_found(&self.root);
        };
        if !self.serves(extension) {
            let what = format!("files like {} are not served here", path.display());
            return Ok(Answer::text(Status::BadRequest, what));
        }
        // Fill in instead: // As it is now, the path is looked up whatever it names.
        // Fill in end 5.2
        let Some(found) = self.root.find(&path)? else {
            return Answer::not_found(&self.root);
        };
        let status = condition::status(request, found.modified);
        if status == Status::PreconditionFailed {
            return Ok(Answer::text(status, "the file is not as the request demands"));
        }
        Ok(Answer::file(status, found))
    }

    fn serves(&self, extension: &OsStr) -> bool {
        let allowed = self.options.allow.iter().map(|its| its.trim_start_matches('.'));
        EXTENSIONS.into_iter().chain(allowed).any(|its| extension.eq_ignore_ascii_case(its))
    }

    fn is_wanted(&self, request: &Request<'_>) -> bool {
        persistence::is_wanted(request.minor_version, request.fields, !self.options.persistent)
    }

    /// Prints whole lines at once, so that those of other threads do not get between. They
    /// are not even made where nothing is printed.
    fn say(&self, lines: impl FnOnce() -> String) {
        if self.options.quiet {
            return;
        }
        match terminal::say(&lines()) {
            Ok(()) => {}
            // Nobody reads our stdout any more.
            Err(Failure::OutputClosed) => stop::begin(&self.connections),
            Err(_) => {
                self.troubles
                    .print
                    .notice("nothing can be printed any more: is the disk full?");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_in_words() {
        let told = |kind: io::ErrorKind| lacking(&kind.into());
        assert_eq!(told(io::ErrorKind::WouldBlock), "no further thread can be started");
        assert_ne!(told(io::ErrorKind::ConnectionAborted), told(io::ErrorKind::WouldBlock));
        assert!(!told(io::ErrorKind::ConnectionAborted).is_empty());
    }
}
