//! Lab 4: an HTTP client.
//!
//!     cargo run --bin http_client -- http://localhost:6789/HelloWorld.html
//!
//! The other side of lab 3. Sending a request is easy; new is that a client must find out
//! where the response ends.

mod connection;
mod output;
mod session;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::ValueParser;
use connection::Connection;
use lab_http::body::Framing;
use lab_http::head;
use lab_http::url::{self, Url};
use output::Output;
use socket_lab::cli::{self, Failure};
use socket_lab::terminal;

/// The longest answer to a prompt, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Asks a web server for a file and prints the response.
#[derive(Parser)]
#[command(name = "http_client", version, after_help = EXAMPLES)]
struct Options {
    /// Server, or a URL; without any the program asks
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

    /// Send this field too; repeatable
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

    /// Exit with status 1 on 4xx and 5xx, and write no FILE
    #[arg(long)]
    fail: bool,

    /// Longest wait for the connection, and for any byte
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::seconds)]
    timeout: Duration,

    /// Keep one connection and send what is typed
    #[arg(long, conflicts_with_all = NOT_IN_A_SESSION)]
    session: bool,

    /// In a session, do not add Host
    #[arg(long, requires = "session", conflicts_with_all = NOT_IN_A_SESSION)]
    raw: bool,
}

const NOT_IN_A_SESSION: [&str; 6] = ["head", "headers", "output", "body", "fail", "file"];

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
    let Some(host) = options.host.as_ref().map(bytes) else {
        if options.session {
            return Err(Failure::usage("a session with whom? HOST and PORT are missing"));
        }
        return ask_for_url();
    };
    let missing = match (options.port, &file) {
        _ if Url::is_meant(&host) => None,
        (None, _) => Some("PORT"),
        (_, None) if !options.session => Some("FILE"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(Failure::usage(format!("{missing} is missing"))
            .with_hint("give HOST PORT FILE, or a URL like http://localhost:6789/index.html"));
    }
    locate(&host, options.port, file.as_deref())
}

/// Asks the person at the terminal.
fn ask_for_url() -> Result<Url, Failure> {
    let host = answer("Enter the host URI: ")?;
    let host = host.trim_ascii();
    locate(host, None, None)?;
    let port = answer("Please enter the port: ")?;
    // An empty answer leaves what the URI says, or port 80 and /.
    let port = match port.trim_ascii() {
        b"" => None,
        port => Some(url::port(port).map_err(Failure::usage)?),
    };
    let file = answer("Please enter the file you want to request from the server: ")?;
    locate(host, port, Some(&*file).filter(|file| !file.is_empty()))
}

fn answer(prompt: &str) -> Result<Vec<u8>, Failure> {
    match terminal::ask(prompt, LONGEST_ANSWER)? {
        Some(answer) if answer.len() <= LONGEST_ANSWER => Ok(answer),
        Some(_) => {
            Err(Failure::usage(format!("an answer is longer than {LONGEST_ANSWER} bytes")))
        }
        None => Err(Failure::usage("the input ended before host, port and file were named")
            .with_hint("give HOST PORT FILE, or a URL, as arguments")),
    }
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
    if !options.body {
        print_head(&head)?;
    }
    let framing = connection.framing(&response, method)?;

    // What is in a file stays there where no body takes its place.
    let failed = options.fail && response.status >= 400;
    if framing != Framing::NoBody && !(failed && options.output.is_some()) {
        let mut output = match &options.output {
            Some(path) => Output::file(path, framing)?,
            None => Output::stdout(&response),
        };
        connection.receive(framing, &mut output)?;
    }
    if failed {
        let reason = head::excerpt(response.reason);
        let status = response.status;
        return Err(Failure::refused(format!("the server answered {status} {reason}")));
    }
    Ok(())
}

/// A request head. A field that the user gives takes the place of ours.
fn request(method: &str, url: &Url, headers: &[(String, String)]) -> Vec<u8> {
    // Fill in start 4.1: write the request line, the fields, and an empty line
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
    // Fill in instead: todo!("4.1: write the request line, the fields, and an empty line")
    // Fill in end 4.1
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
