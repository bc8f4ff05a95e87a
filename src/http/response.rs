//! The head of a response: a status line, and fields in a fixed order.

use std::fmt::{Display, Write};
use std::time::SystemTime;

/// A status that the servers of the kit answer with (RFC 9110 §15, RFC 6585 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 404
    NotFound,
    /// 408
    RequestTimeout,
    /// 431
    RequestHeaderFieldsTooLarge,
    /// 500
    InternalServerError,
    /// 505
    HttpVersionNotSupported,
}

impl Status {
    /// The code and its reason phrase, as in `404 Not Found`.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::RequestTimeout => "408 Request Timeout",
            Self::RequestHeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Self::InternalServerError => "500 Internal Server Error",
            Self::HttpVersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// A response head while it is being written.
pub struct Head(String);

impl Head {
    /// Begins with the status line, and the `Date` that a server with a clock must send
    /// (RFC 9110 §6.6.1).
    pub fn new(status: Status, now: SystemTime) -> Self {
        let mut head = Self(format!("HTTP/1.1 {}\r\n", status.line()));
        head.field("Date", httpdate::fmt_http_date(now));
        head
    }

    /// Adds a field. Neither name nor value may hold CR or LF.
    pub fn field(&mut self, name: &str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{name}: {value}\r\n");
    }

    /// Ends the head with its empty line.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push_str("\r\n");
        self.0.into_bytes()
    }
}
