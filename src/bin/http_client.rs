//! Lab 4: an HTTP client.
//!
//!     cargo run --bin http_client -- http://localhost:6789/HelloWorld.html
//!
//! The other side of lab 3. Sending a request is easy; new is that a client must find out
//! where the response ends.

#[path = "http_client/session.rs"]
mod session;

use std::ffi::OsString;
use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::ValueParser;
use lab_http::body::{self, Framing};
use lab_http::head::{self, Response};
use lab_http::output::Output;
use lab_http::receive::{self, Cut, NoHead};
use lab_http::url::{self, Url};
use socket_lab::cli::{self, Failure};
use socket_lab::{net, terminal};

/// Where lab 3's server listens unless told.
const WEB_SERVER_PORT: u16 = 6789;

/// How much one read takes from the connection at most.
const BUFFER: usize = 64 * 1024;

/// So many interim responses before the final one are too many.
const MOST_INTERIM: usize = 32;

/// The longest answer to a prompt, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Asks a web server for a file and prints the response.
#[derive(Parser)]
#[command(name = "http_client", version, after_help = EXAMPLES)]
struct Options {
    /// Name or address of the server, or a URL; without arguments the program asks
    #[arg(value_name = "HOST|URL", value_parser = ValueParser::os_string())]
    host: Option<OsString>,

    /// Port of the server
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// What to ask for
    #[arg(value_parser = ValueParser::os_string())]
    file: Option<OsString>,

    /// Ask for the head of the response alone, with HEAD
    #[arg(short = 'I', long)]
    head: bool,

    /// Send this field too, or in place of the client's own; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// Show on standard error what is sent
    #[arg(short, long)]
    verbose: bool,

    /// Write the body to FILE
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print the body alone
    #[arg(long)]
    body: bool,

    /// Exit with status 1 on 4xx and 5xx; -o then leaves FILE as it is
    #[arg(long)]
    fail: bool,

    /// How long to wait for the connection, and then without progress
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::seconds)]
    timeout: Duration,

    /// Keep one connection and send the requests that are typed
    #[arg(long, conflicts_with_all = ["head", "headers", "output", "body", "fail", "file"])]
    session: bool,

    /// In a session, send requests exactly as typed, without adding Host
    #[arg(long, requires = "session")]
    raw: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin http_client -- localhost 6789 index.html
  cargo run --bin http_client -- -v http://localhost:6789/index.html
  cargo run --bin http_client -- -o ladder.png http://localhost:6789/ladder.png
  cargo run --bin http_client -- -I -H 'Accept: text/plain' localhost 6789 greetings.txt
  cargo run --bin http_client -- --session localhost 8080";

fn main() -> ExitCode {
    cli::run(|options: Options| {
        let url = wanted(&options)?;
        if options.session { session::talk(&options, &url) } else { fetch(&options, &url) }
    })
}

/// Whom to ask, and for what.
fn wanted(options: &Options) -> Result<Url, Failure> {
    let bytes = |argument: &OsString| argument.as_encoded_bytes().to_vec();
    let file = options.file.as_ref().map(bytes);
    match (options.host.as_ref().map(bytes), options.port) {
        (Some(host), port) if Url::is_meant(&host) => locate(&host, port, file.as_deref()),
        (Some(host), Some(port)) if file.is_some() || options.session => {
            locate(&host, Some(port), file.as_deref())
        }
        (None, _) if !options.session => {
            let host = answer("Enter the host URI: ")?;
            let port = answer("Please enter the port: ")?;
            let file = answer("Please enter the file you want to request from the server: ")?;
            // An empty answer leaves what the URI says, or port 80 and /.
            let port = match port.trim_ascii() {
                b"" => None,
                port => Some(url::port(port).map_err(Failure::usage)?),
            };
            locate(host.trim_ascii(), port, Some(&*file).filter(|file| !file.is_empty()))
        }
        _ => Err(Failure::usage("whom to ask, and for what?")
            .with_hint("give HOST PORT FILE, or a URL like http://localhost:6789/index.html")),
    }
}

fn answer(prompt: &str) -> Result<Vec<u8>, Failure> {
    terminal::ask(prompt, LONGEST_ANSWER)?.ok_or_else(|| {
        Failure::usage("the input ended before host, port and file were named")
            .with_hint("give HOST PORT FILE, or a URL, as arguments")
    })
}

/// `host` may be a URL; what is given besides it counts more than what it says.
fn locate(host: &[u8], port: Option<u16>, file: Option<&[u8]>) -> Result<Url, Failure> {
    let read = || {
        let mut url = match Url::is_meant(host) {
            true => Url::parse(host)?,
            false => Url::of_host(host)?,
        };
        url.port = port.unwrap_or(url.port);
        if let Some(file) = file {
            url.target = url::target(file)?;
        }
        Ok(url)
    };
    read().map_err(|why: String| Failure::usage(format!("cannot ask: {why}")))
}

/// Reads the value of `--header`. A line end in it would begin a field, or a request, that
/// nobody asked for.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it reads like 'Name: value'")?;
    if !head::is_field_name(name.as_bytes()) {
        return Err(format!("{name:?} is no field name"));
    }
    if value.contains(|character: char| character.is_control() && character != '\t') {
        return Err("a line end or another control character is in it".to_owned());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// One request, one response, and the connection is closed.
fn fetch(options: &Options, url: &Url) -> Result<(), Failure> {
    let method = if options.head { "HEAD" } else { "GET" };
    let request = request(method, url, &options.headers);
    let mut connection = Connection::open(url, options.timeout)?;
    if options.verbose {
        show_sent(&request);
    }
    let head = connection.ask(&request).map_err(|none| connection.no_response(none))?;
    let response = connection.understand(&head)?;
    let framing = connection.framing(&response, method)?;
    if !options.body {
        print_head(&head)?;
    }

    let failed = options.fail && response.status >= 400;
    let length = match framing {
        Framing::Length(length) => Some(length),
        _ => None,
    };
    let mut output = match &options.output {
        // What is in the file stays there where no body takes its place.
        Some(_) if failed || framing == Framing::NoBody => Output::nowhere(),
        Some(path) => Output::file(path, length)?,
        None => Output::stdout(response.fields.get("Content-Type").unwrap_or_default()),
    };
    connection.receive(framing, &mut output)?;
    if failed {
        let reason = terminal::escape(response.reason);
        return Err(Failure::refused(format!(
            "the server answered {} {reason}",
            response.status
        )));
    }
    Ok(())
}

/// A request head. A field that the user gives takes the place of ours.
fn request(method: &str, url: &Url, headers: &[(String, String)]) -> Vec<u8> {
    let given = |name: &str| headers.iter().any(|(its, _)| its.eq_ignore_ascii_case(name));
    let ours = [
        ("Host", url.host_field()),
        ("User-Agent", concat!("http_client/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("Accept", "*/*".to_owned()),
        // We ask once, so the server need not wait for more.
        ("Connection", "close".to_owned()),
    ];
    let mut request = format!("{method} {} HTTP/1.1\r\n", url.target);
    let theirs = headers.iter().map(|(name, value)| (&**name, &**value));
    let ours = ours.iter().map(|(name, value)| (*name, &**value));
    for (name, value) in ours.filter(|(name, _)| !given(name)).chain(theirs) {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// A connection to a web server, and what is known of it.
struct Connection {
    /// The stream, with a buffer in front of it for reading.
    source: BufReader<TcpStream>,
    server: SocketAddr,
    timeout: Duration,
}

impl Connection {
    /// Connects to the first address of the host that answers, as in lab 2.
    fn open(url: &Url, timeout: Duration) -> Result<Self, Failure> {
        let mut failures = Vec::new();
        for server in net::resolve(&url.host, url.port)? {
            let connected = TcpStream::connect_timeout(&server, timeout).and_then(|stream| {
                // From now on for each read and write alone: without progress.
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                Ok(stream)
            });
            match connected {
                Ok(stream) => {
                    let source = BufReader::with_capacity(BUFFER, stream);
                    return Ok(Self { source, server, timeout });
                }
                Err(error) => {
                    let hint = start_hint(server);
                    failures.push(net::cannot_connect(server, timeout, &error, &hint));
                }
            }
        }
        Err(failures.swap_remove(0))
    }

    /// Sends a request and reads the head of the final response.
    fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, NoHead> {
        let sent = self.source.get_ref().write_all(request);
        for _ in 0..MOST_INTERIM {
            let head = receive::head(&mut self.source).map_err(|none| match (none, &sent) {
                // A server may answer and close before it has read everything. Only
                // without an answer the error of sending tells more.
                (NoHead::Closed(0), Err(error)) => NoHead::Failed(error.kind().into()),
                (none, _) => none,
            })?;
            let status = head::parse_response(&head).map_or(0, |response| response.status);
            // RFC 9110 §15.2: 1xx says only that the answer is still to come, but for 101:
            // from there on the server would speak another protocol.
            if !(100..=199).contains(&status) || status == 101 {
                return Ok(head);
            }
        }
        Err(NoHead::NotHttp(format!("{MOST_INTERIM} interim responses and no final one")))
    }

    /// Reads a body to its end.
    fn receive(&mut self, framing: Framing, output: &mut Output) -> Result<(), Failure> {
        let received = receive::body(&mut self.source, framing, |piece| output.take(piece));
        // What came is kept, also of a body that breaks off.
        let finished = output.finish();
        received.map_err(|cut| self.cut_short(cut, framing, output.bytes()))?;
        finished
    }

    fn understand<'a>(&self, head: &'a [u8]) -> Result<Response<'a>, Failure> {
        head::parse_response(head).map_err(|wrong| self.not_http(&wrong.to_string()))
    }

    fn framing(&self, response: &Response<'_>, method: &str) -> Result<Framing, Failure> {
        body::framing(response, method).map_err(|wrong| self.not_http(&wrong.to_string()))
    }

    /// Why no response came, in words.
    fn no_response(&self, none: NoHead) -> Failure {
        let server = self.server;
        let why = match none {
            NoHead::NotHttp(what) => return self.not_http(&what),
            NoHead::TooLong => {
                return self.not_http(&format!(
                    "its head is longer than {} bytes",
                    receive::LONGEST_RESPONSE_HEAD
                ));
            }
            NoHead::Closed(0) => "the server closed the connection".to_owned(),
            NoHead::Closed(bytes) => {
                format!("the server closed the connection after {bytes} bytes of a head")
            }
            NoHead::Failed(error) => self.why(&error),
        };
        Failure::refused(format!("no response from {server}: {why}"))
    }

    fn not_http(&self, what: &str) -> Failure {
        Failure::refused(format!("the reply of {} is not HTTP/1.x: {what}", self.server))
            .with_hint("is it a web server that listens on this port?")
    }

    /// How much of a body came, and why not all.
    fn cut_short(&self, cut: Cut<Failure>, framing: Framing, came: u64) -> Failure {
        let what = match cut {
            Cut::Undelivered(failure) => return failure,
            Cut::Closed => "the server closed the connection".to_owned(),
            Cut::Malformed(what) => format!("the chunked body is malformed: {what}"),
            Cut::Failed(error) => self.why(&error),
        };
        Failure::refused(match framing {
            Framing::Length(all) => format!("{what}: {came} of {all} bytes came"),
            Framing::Chunked => format!("{what}: {came} bytes came, and no last chunk"),
            _ => format!("{what}: {came} bytes came"),
        })
    }

    fn why(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("no progress for {}", cli::show_seconds(self.timeout))
            }
            _ => net::why(error),
        }
    }
}

/// What to do where no server listens.
fn start_hint(server: SocketAddr) -> String {
    if server.ip().is_loopback() {
        let start = net::start_command("web_server", server, WEB_SERVER_PORT);
        format!("start the server first: {start}")
    } else {
        "is the server running there, and is that its port?".to_owned()
    }
}

/// Prints a response head, with the line ends that belong here.
fn print_head(head: &[u8]) -> Result<(), Failure> {
    let mut lines = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        lines.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
        if line.ends_with(b"\r\n") {
            lines.push(b'\n');
        }
    }
    terminal::show(&lines)
}

/// Shows on stderr what was sent.
fn show_sent(request: &[u8]) {
    for line in terminal::escape(request).lines() {
        terminal::note(format!("> {line}").trim_end());
    }
}
