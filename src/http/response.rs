//! Responses: a status line, fields, and a body that is a file or a few words.

use std::fmt::{Display, Write as _};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use socket2::SockRef;

use crate::files::{self, Found, Root};

/// What the page for everything that is not there is called, and the text without one.
const NOT_FOUND_PAGE: &str = "filenotfound.html";
const NOT_FOUND_TEXT: &str = "File not found";

/// What a server says in words.
const TEXT: &str = "text/plain; charset=utf-8";

/// How long a client may take nothing of its answer. A write(2) of which a part went into
/// the send buffer gives that up after this time, and the next one after as much again.
const STALLED: Duration = Duration::from_secs(15);

/// The send buffer of a connection, in bytes. A write that blocks goes on when a third of it
/// is free again: of the megabytes that a kernel would give it, a slow but honest client may
/// not free as much in [`STALLED`].
const SEND_BUFFER: usize = 256 * 1024;

/// How much of a file is read and written at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// Sets what a connection needs so that nothing keeps its answers waiting: not for ever if
/// the client does not read them, and not for a moment otherwise.
///
/// # Errors
/// The client has gone already.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Nagle's algorithm keeps a small segment back until the one before is acknowledged (RFC
    // 9293 §3.7.4), for which many a client takes its time (delayed ACK): 40 ms and more.
    stream.set_nodelay(true)?;
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
    media_type: String,
    body: Body,
}

enum Body {
    Text(String),
    File(Found),
}

impl Answer {
    /// A few words, as a body that a person can read.
    pub fn text(status: Status, what: impl Display) -> Self {
        Self { status, media_type: TEXT.to_owned(), body: Body::Text(format!("{what}\n")) }
    }

    /// The file that was found at `path`.
    pub fn file(status: Status, path: &Path, found: Found) -> Self {
        Self { status, media_type: files::media_type(path), body: Body::File(found) }
    }

    /// 404, with the page that the root has for it.
    ///
    /// # Errors
    /// As [`Root::find`].
    pub fn not_found(root: &Root) -> io::Result<Self> {
        let page = Path::new(NOT_FOUND_PAGE);
        Ok(match root.find(page)? {
            Some(found) => Self::file(Status::NotFound, page, found),
            None => Self {
                status: Status::NotFound,
                media_type: TEXT.to_owned(),
                body: Body::Text(NOT_FOUND_TEXT.to_owned()),
            },
        })
    }

    /// When its file was last changed.
    pub fn modified(&self) -> Option<SystemTime> {
        match &self.body {
            Body::File(found) => found.modified,
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

    /// The beginning of the response's head, which says when it is made and describes the
    /// body.
    pub fn head(&self, now: SystemTime) -> Head {
        let mut head = Head::new(self.status, now);
        head.field("Content-Type", &self.media_type);
        head.field("Content-Length", self.length());
        head
    }

    /// Sends the head, and the body behind it, whose bytes are added to `sent` as they go.
    ///
    /// # Errors
    /// The client takes no more, the file cannot be read, or it has become shorter than it
    /// was: what was announced as the length is then not true any more.
    pub fn send(self, head: Head, mut stream: &TcpStream, sent: &mut u64) -> io::Result<()> {
        let mut piece = head.finish();
        let found = match self.body {
            Body::Text(text) => {
                piece.extend_from_slice(text.as_bytes());
                stream.write_all(&piece)?;
                *sent += text.len() as u64;
                return Ok(());
            }
            Body::File(found) => found,
        };
        // Not a byte more than announced, even if the file has grown meanwhile.
        let mut bytes = found.file.take(found.length);
        // The head goes out with the beginning of the file: one write, one segment.
        while bytes.limit() > 0 {
            let room = (PIECE.saturating_sub(piece.len()) as u64).min(bytes.limit());
            // All at once: as it is, the vector would grow in steps, with a read for each.
            piece.reserve(room as usize);
            let read = bytes.by_ref().take(room).read_to_end(&mut piece)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            stream.write_all(&piece)?;
            *sent += read as u64;
            piece.clear();
        }
        stream.write_all(&piece)
    }
}

/// A response head while it is being written.
pub struct Head(String);

impl Head {
    /// Begins with the status line, and the `Date` that a server with a clock must send
    /// (RFC 9110 §6.6.1).
    fn new(status: Status, now: SystemTime) -> Self {
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
