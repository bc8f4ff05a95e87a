//! A session: requests as a person types them, over one connection for as long as it
//! lasts. It shows what lab 6 is about: keep-alive, 304, the limit of requests.

use std::io::{self, ErrorKind};
use std::net::Shutdown;

use lab_http::body::Framing;
use lab_http::head::Response;
use lab_http::output::Output;
use lab_http::receive::NoHead;
use lab_http::url::Url;
use socket_lab::cli::{self, Failure};
use socket_lab::terminal;

use crate::{Connection, Options, print_head, show_sent};

/// The longest request that can be typed, in bytes.
const LONGEST_TYPED: usize = 64 * 1024;

/// Asks for requests and sends them, until the input ends.
pub(crate) fn talk(options: &Options, url: &Url) -> Result<(), Failure> {
    let mut connection = Connection::open(url, options.timeout)?;
    let mut used = false;
    while let Some(mut request) = typed_request()? {
        if !options.raw && lacks_host(&request) {
            let host = url.host_field();
            cli::notice(format_args!("Host: {host} is added, as HTTP/1.1 demands it"));
            let line_end = request.iter().position(|byte| *byte == b'\n').unwrap_or_default();
            let field = format!("Host: {host}\r\n");
            request.splice(line_end + 1..line_end + 1, field.into_bytes());
        }
        if !connection.is_open() {
            connection = connection.again(url, options)?;
            used = false;
        }
        if options.verbose {
            show_sent(&request);
        }
        let method = request.split(|byte| *byte == b' ').next().unwrap_or_default();
        let method = String::from_utf8_lossy(method).into_owned();
        let head = match connection.ask(&request) {
            // It was closed while our request was on its way. What only reads can be asked
            // for again (RFC 9112 §9.3.1).
            Err(NoHead::Closed(0) | NoHead::Failed(_))
                if used && matches!(&*method, "GET" | "HEAD") && !connection.is_open() =>
            {
                connection = connection.again(url, options)?;
                connection.ask(&request)
            }
            asked => asked,
        };
        let head = head.map_err(|none| connection.no_response(none))?;
        let response = connection.understand(&head)?;
        let framing = connection.framing(&response, &method)?;
        terminal::say("Server response:")?;
        print_head(&head)?;
        let media_type = response.fields.get("Content-Type").unwrap_or_default();
        let mut output = Output::stdout(media_type);
        connection.receive(framing, &mut output)?;
        if !output.ends_a_line() {
            terminal::say("")?;
        }
        used = true;
        if !persists(&response, framing) {
            connection.close();
        }
    }
    Ok(())
}

/// Reads a request up to its empty line; `None` at the end of the input.
fn typed_request() -> Result<Option<Vec<u8>>, Failure> {
    let mut request = Vec::new();
    loop {
        let prompt = if request.is_empty() { "Enter a request: " } else { "" };
        let left = LONGEST_TYPED.saturating_sub(request.len());
        let Some(line) = terminal::ask(prompt, left)? else {
            return if request.is_empty() {
                Ok(None)
            } else {
                Err(Failure::usage("the input ended within a request")
                    .with_hint("an empty line sends it"))
            };
        };
        if line.len() > left {
            return Err(Failure::usage(format!(
                "a request of more than {LONGEST_TYPED} bytes is not sent"
            )));
        }
        if !line.is_empty() {
            request.extend_from_slice(&line);
            request.extend_from_slice(b"\r\n");
        } else if !request.is_empty() {
            request.extend_from_slice(b"\r\n");
            return Ok(Some(request));
        }
    }
}

/// Whether a request says HTTP/1.1 and has no Host, which HTTP/1.1 demands (RFC 9112 §3.2).
fn lacks_host(request: &[u8]) -> bool {
    let mut lines = request.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_host = |line: &[u8]| {
        line.split(|byte| *byte == b':')
            .next()
            .is_some_and(|its| its.eq_ignore_ascii_case(b"Host"))
    };
    lines.next().is_some_and(|line| line.ends_with(b" HTTP/1.1")) && !lines.any(is_host)
}

/// Whether the server keeps the connection open behind this response (RFC 9112 §9.3).
fn persists(response: &Response<'_>, framing: Framing) -> bool {
    let says = |option: &[u8]| {
        response.fields.list("Connection").any(|its| its.eq_ignore_ascii_case(option))
    };
    let unless_told = response.minor_version > 0 || says(b"keep-alive");
    unless_told && !says(b"close") && framing != Framing::ToTheEnd
}

impl Connection {
    /// Whether another request can be sent. A server may have closed its side meanwhile,
    /// and may have sent something before that which nobody asked for.
    fn is_open(&self) -> bool {
        let stream = self.source.get_ref();
        let look = || -> io::Result<usize> {
            stream.set_nonblocking(true)?;
            // peek(2) leaves what it finds where it is.
            let found = stream.peek(&mut [0]);
            stream.set_nonblocking(false)?;
            found
        };
        // Only an open connection without anything to read would block.
        let idle = look().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        idle && self.source.buffer().is_empty()
    }

    /// Ends the connection from our side.
    fn close(&self) {
        // Fails where the server has reset it, which ends it as well.
        let _ = self.source.get_ref().shutdown(Shutdown::Both);
    }

    /// A new connection to the same server.
    fn again(self, url: &Url, options: &Options) -> Result<Self, Failure> {
        cli::notice(format_args!(
            "the server has closed the connection; connecting again to {}",
            self.server
        ));
        Self::open(url, options.timeout)
    }
}
