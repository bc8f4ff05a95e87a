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

/// Where the heads of requests are read from: a connection, and how long each may take.
pub struct HeadReader<'a> {
    stream: &'a TcpStream,
    timeout: Duration,
    /// The read timeout that the socket has now. To set it is a system call, and from one
    /// request to the next it is mostly the same.
    set: Option<Duration>,
}

/// How much is read at a time, in bytes: most heads are shorter.
const ROOM: usize = 1024;

impl<'a> HeadReader<'a> {
    /// `timeout` is for a whole head, not for each byte: a client that sends a byte now and
    /// then would otherwise keep the connection for ever.
    pub fn new(stream: &'a TcpStream, timeout: Duration) -> Self {
        Self { stream, timeout, set: None }
    }

    /// Reads into `received`, which may hold bytes already, until a head is whole or will
    /// not be. The clock begins to run now.
    ///
    /// # Errors
    /// The connection failed.
    pub fn read_head(&mut self, received: &mut Vec<u8>) -> io::Result<Arrival> {
        // Fill in start 3.4: read until the head is whole, and no longer than the time for it
        let start = Instant::now();
        let mut left = self.timeout;
        loop {
            if let Some(arrival) = arrived(received) {
                return Ok(arrival);
            }
            if left.is_zero() {
                return Ok(Arrival::TimedOut);
            }
            match self.read_within(left, received) {
                Ok(0) => return Ok(Arrival::BrokenOff),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    // Our own limit. ETIMEDOUT is another matter: the kernel has given the
                    // connection up.
                    ErrorKind::WouldBlock => return Ok(Arrival::TimedOut),
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
            left = self.timeout.saturating_sub(start.elapsed());
        }
        // Fill in instead: loop {
        // Fill in instead:     if let Some(arrival) = arrived(received) {
        // Fill in instead:         return Ok(arrival);
        // Fill in instead:     }
        // Fill in instead:     if self.read_within(self.timeout, received)? == 0 {
        // Fill in instead:         return Ok(Arrival::BrokenOff);
        // Fill in instead:     }
        // Fill in instead: }
        // Fill in end 3.4
    }

    /// As read(2), to the end of `received`.
    fn read_within(&mut self, time: Duration, received: &mut Vec<u8>) -> io::Result<usize> {
        if self.set != Some(time) {
            self.stream.set_read_timeout(Some(time))?;
            self.set = Some(time);
        }
        let mut buffer = [0; ROOM];
        let length = self.stream.read(&mut buffer)?;
        received.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

/// Whether enough has come to tell.
fn arrived(received: &[u8]) -> Option<Arrival> {
    match head::head_length(received) {
        Some(length) if length <= LONGEST_HEAD => Some(Arrival::Whole(length)),
        None if received.len() <= LONGEST_HEAD => None,
        _ => Some(Arrival::TooLong),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_does_not_come_in_time_is_told_what_it_lacks() {
        let told = |received: &[u8]| missing(received, Duration::from_secs(2));
        assert!(told(b"").starts_with("no byte of a request came"));
        assert!(told(b"GET / HT").starts_with("the request line has no end"));
        assert!(told(b"GET / HTTP/1.1\r\nHos").starts_with("the request's head has no end"));
    }
}
