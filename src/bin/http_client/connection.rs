//! A connection to a web server: requests go out, responses come in.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use lab_http::body::{self, Framing};
use lab_http::head::{self, Response};
use lab_http::receive::{self, Cut, NoHead};
use lab_http::url::Url;
use socket_lab::cli::{self, Failure};
use socket_lab::net;

use crate::output::Output;

/// Where lab 3's server listens unless told.
const WEB_SERVER_PORT: u16 = 6789;

/// How much one read takes from the connection at most.
const BUFFER: usize = 64 * 1024;

/// So many interim responses before the final one are too many.
const MOST_INTERIM: usize = 32;

/// A connection to a web server, and what is known of it.
pub(crate) struct Connection {
    /// The stream, with a buffer in front of it for reading.
    source: BufReader<TcpStream>,
    server: SocketAddr,
    timeout: Duration,
}

impl Connection {
    /// Connects to the first address of the host that answers, as in lab 2.
    pub(crate) fn open(url: &Url, timeout: Duration) -> Result<Self, Failure> {
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
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, NoHead> {
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
        let what = format!("{MOST_INTERIM} interim responses, and no final one");
        Err(NoHead::Failed(io::Error::other(what)))
    }

    /// Reads a body to its end.
    pub(crate) fn receive(
        &mut self,
        framing: Framing,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let received = receive::body(&mut self.source, framing, |piece| output.take(piece));
        // What came is kept, also of a body that breaks off.
        let finished = output.finish(received.is_ok());
        received.map_err(|cut| self.cut_short(cut, framing, output.bytes()))?;
        finished
    }

    pub(crate) fn understand<'a>(&self, head: &'a [u8]) -> Result<Response<'a>, Failure> {
        head::parse_response(head).map_err(|wrong| self.not_http(&wrong.to_string()))
    }

    pub(crate) fn framing(
        &self,
        response: &Response<'_>,
        method: &str,
    ) -> Result<Framing, Failure> {
        body::framing(response, method).map_err(|wrong| {
            Failure::refused(format!("the response of {} cannot be read: {wrong}", self.server))
        })
    }

    /// Why no response came, in words.
    pub(crate) fn no_response(&self, none: NoHead) -> Failure {
        let server = self.server;
        let why = match none {
            NoHead::NotHttp(what) => return self.not_http(&what),
            NoHead::TooLong => {
                format!("its head is longer than {} bytes", receive::LONGEST_RESPONSE_HEAD)
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
            .with_hint("is it a web server, without TLS, that listens on this port?")
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
            Framing::Chunked => format!("{what}: {came} bytes came, and not the end of it"),
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

    /// Whether another request can be sent. A server may have closed its side meanwhile,
    /// and may have sent something before that which nobody asked for.
    pub(crate) fn is_open(&self) -> bool {
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
    pub(crate) fn close(&self) {
        // Fails where the server has reset it, which ends it as well.
        let _ = self.source.get_ref().shutdown(Shutdown::Both);
    }

    /// A new connection to the same server.
    pub(crate) fn again(&self, url: &Url) -> Result<Self, Failure> {
        cli::notice(format_args!(
            "the connection is closed; connecting again to {}",
            self.server
        ));
        Self::open(url, self.timeout)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_be_started_on_this_machine_alone() {
        let hint = start_hint(SocketAddr::from(([127, 0, 0, 1], 4000)));
        assert_eq!(hint, "start the server first: cargo run --bin web_server -- 4000");
        let hint = start_hint(SocketAddr::from(([192, 0, 2, 1], 4000)));
        assert_eq!(hint, "is the server running there, and is that its port?");
    }
}
