//! How the head of a request arrives, in whatever pieces, in time or not.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket_lab::cli;

use crate::head::{self, LONGEST_HEAD, Malformed, Request};
use crate::response::{Answer, Status};

/// How the head of a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All of it; its length in bytes, as more may have come behind it.
    Whole(usize),
    /// More than [`LONGEST_HEAD`], and no end in sight.
    TooLong,
    /// Not all of it in time.
    TimedOut,
    /// The client closed its side in the middle, or before it began.
    BrokenOff,
}

/// Reads from `stream` into `received`, which may hold bytes already, until a head is whole
/// or will not be.
///
/// `timeout` is for the whole head, not for each byte: a client that sends a byte now and
/// then would otherwise keep the connection for ever.
///
/// # Errors
/// The connection failed.
pub fn read_head(
    mut stream: &TcpStream,
    received: &mut Vec<u8>,
    timeout: Duration,
) -> io::Result<Arrival> {
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; 4096];
    loop {
        if let Some(length) = head::head_length(received) {
            let fits = length <= LONGEST_HEAD;
            return Ok(if fits { Arrival::Whole(length) } else { Arrival::TooLong });
        }
        if received.len() > LONGEST_HEAD {
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

impl Arrival {
    /// The request, if its head came whole and is one.
    ///
    /// # Errors
    /// The answer that says what is wrong, and which status that is (RFC 9110 §15.5, RFC
    /// 6585 §5).
    pub fn request(self, received: &[u8], timeout: Duration) -> Result<Request<'_>, Answer> {
        let (status, what) = match self {
            Self::Whole(length) => match head::parse_request(&received[..length]) {
                Ok(request) => return Ok(request),
                Err(Malformed::Syntax(what)) => (Status::BadRequest, what),
                Err(Malformed::Version(what)) => (Status::HttpVersionNotSupported, what),
            },
            Self::TooLong => (
                Status::RequestHeaderFieldsTooLarge,
                format!("the request's head is longer than {LONGEST_HEAD} bytes"),
            ),
            Self::TimedOut => (Status::RequestTimeout, missing(received, timeout)),
            Self::BrokenOff => (
                Status::BadRequest,
                "the request's head breaks off before its empty line".to_owned(),
            ),
        };
        Err(Answer::text(status, what))
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
