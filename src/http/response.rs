//! Responses: a status line, fields, and a body that is a file or a few words.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use smallvec::SmallVec;
use socket2::SockRef;

use crate::files::{Content, Found, MediaType, Root};
use crate::transfer;

/// What the page for everything that is not there is called, and the text without one.
const NOT_FOUND_PAGE: &str = "filenotfound.html";
const NOT_FOUND_TEXT: &str = "File not found";

/// How long a client may take nothing of its answer. Somebody may be reading what has come.
const STALLED: Duration = Duration::from_secs(30);

/// How much of a response stands on the stack, in bytes: a head, which takes about half of
/// it, and a body that is short enough.
const MESSAGE: usize = 512;

/// Sets what a connection needs so that nothing keeps its answers waiting: not for ever if
/// the client does not read them, and not for a moment otherwise.
///
/// # Errors
/// The client has gone already.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Nagle's algorithm keeps a small segment back until the one before is acknowledged (RFC
    // 9293 §3.7.4), for which many a client takes its time (delayed ACK): 40 ms and more.
    stream.set_nodelay(true)?;
    give_up_when_stalled(stream)
}

/// The user timeout (RFC 5482) ends a connection on which data, or the window for it, does
/// not get any further, however much the send buffer holds: a slow client is not stalled.
/// (Linux 5.1 to 5.10 may not count a window that stays shut: for them the other limit, which
/// is so long because a write(2) goes on only when much of a large buffer is free again.)
#[cfg(target_os = "linux")]
fn give_up_when_stalled(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(STALLED))?;
    stream.set_write_timeout(Some(10 * STALLED))
}

/// A write(2) gives up. It goes on only when much of the send buffer is free again: of a
/// large one a slow but honest client may not free as much in time.
#[cfg(not(target_os = "linux"))]
fn give_up_when_stalled(stream: &TcpStream) -> io::Result<()> {
    const SEND_BUFFER: usize = 256 * 1024;
    SockRef::from(stream).set_send_buffer_size(SEND_BUFFER)?;
    stream.set_write_timeout(Some(STALLED))
}

/// A status that the servers of the kit answer with (RFC 9110 §15, RFC 6585 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 304
    NotModified,
    /// 400
    BadRequest,
    /// 404
    NotFound,
    /// 408
    RequestTimeout,
    /// 412
    PreconditionFailed,
    /// 431
    RequestHeaderFieldsTooLarge,
    /// 503
    ServiceUnavailable,
    /// 505
    HttpVersionNotSupported,
}

impl Status {
    /// The code alone, as in `404`.
    pub fn code(self) -> &'static str {
        &self.line()[..3]
    }

    /// The code and its reason phrase, as in `404 Not Found`.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::RequestTimeout => "408 Request Timeout",
            Self::PreconditionFailed => "412 Precondition Failed",
            Self::RequestHeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Self::ServiceUnavailable => "503 Service Unavailable",
            Self::HttpVersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// What a request is answered with.
pub struct Answer {
    /// How it went.
    pub status: Status,
    media_type: MediaType,
    body: Body,
}

enum Body {
    Text(String),
    File(Found),
}

impl Answer {
    /// A few words, as a body that a person can read.
    pub fn text(status: Status, what: impl Display) -> Self {
        Self { status, media_type: MediaType::TEXT, body: Body::Text(format!("{what}\n")) }
    }

    /// The file that was found.
    pub fn file(status: Status, found: Found) -> Self {
        Self { status, media_type: found.media_type, body: Body::File(found) }
    }

    /// 404, with the page that the root has for it.
    ///
    /// # Errors
    /// As [`Root::find`].
    pub fn not_found(root: &Root) -> io::Result<Self> {
        Ok(match root.find(Path::new(NOT_FOUND_PAGE))? {
            Some(found) => Self::file(Status::NotFound, found),
            None => Self {
                status: Status::NotFound,
                media_type: MediaType::TEXT,
                body: Body::Text(NOT_FOUND_TEXT.to_owned()),
            },
        })
    }

    /// When its file was last changed.
    pub fn modified(&self) -> Option<SystemTime> {
        match &self.body {
            Body::File(found) => Some(found.modified),
            Body::Text(_) => None,
        }
    }

    /// The length of its body in bytes.
    pub fn length(&self) -> u64 {
        match &self.body {
            Body::Text(text) => text.len() as u64,
            Body::File(found) => found.length,
        }
    }

    /// Begins a head: the status line, and what every answer says of itself; `date` is now.
    pub fn describe(&self, head: &mut Head, date: &str) {
        // Fill in start 3.1: write the status line, Date, Content-Type and Content-Length
        head.line(["HTTP/1.1 ", self.status.line()]);
        // A server with a clock must send it (RFC 9110 §6.6.1).
        head.line(["Date: ", date]);
        head.line(["Content-Type: ", self.media_type.name(), self.media_type.parameter()]);
        // In bytes, not characters: it tells the client where the body ends (§8.6).
        head.line(["Content-Length: ", &self.length().to_string()]);
        // Fill in instead: todo!("3.1: write the status line, Date, Content-Type and Content-Length")
        // Fill in end 3.1
    }

    /// Ends the head, and sends it and the body. The bytes of the body are added to `sent`:
    /// those of a short one when all have gone, those of a long one as they go.
    ///
    /// # Errors
    /// The client takes no more, the file cannot be read, or it has become shorter than it
    /// was: what was announced as the length is then not true any more.
    pub fn send(
        &self,
        head: &mut Head,
        mut stream: &TcpStream,
        sent: &mut u64,
    ) -> io::Result<()> {
        head.line([]);
        let head = &mut head.0;
        let body = match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::File(Found { content: Content::InMemory(kept), .. }) => &kept.bytes,
            Body::File(Found { content: Content::File(file), length, .. }) => {
                return transfer::send_file(head, file, *length, stream, sent);
            }
        };
        // Head and body in one write: one segment, if they fit into one.
        if head.len() + body.len() <= MESSAGE {
            head.extend_from_slice(body);
            stream.write_all(head)?;
        } else {
            transfer::send_both(head, body, stream)?;
        }
        *sent += body.len() as u64;
        Ok(())
    }
}

/// A response head while it is being written.
#[derive(Default)]
pub struct Head(SmallVec<[u8; MESSAGE]>);

impl Head {
    /// Adds a line, as in `["Connection: ", "close"]`. No part may hold CR or LF.
    pub fn line<const PARTS: usize>(&mut self, parts: [&str; PARTS]) {
        // With `write!` this would be half of all the work that is done for a request here.
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
        self.0.extend_from_slice(b"\r\n");
    }

    /// Ends it, and sends it alone.
    ///
    /// # Errors
    /// The client takes no more.
    pub fn send(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        self.line([]);
        stream.write_all(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn nothing_keeps_an_answer_waiting_once_a_connection_is_prepared() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).expect("a connection");
        let (stream, _) = listener.accept().expect("a connection");
        prepare(&stream).expect("a client that is still there");
        assert!(stream.nodelay().expect("a socket"));
        assert!(stream.write_timeout().expect("a socket").is_some_and(|time| time >= STALLED));
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().ok(), Some(Some(STALLED)));
    }
}
