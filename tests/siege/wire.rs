//! A client that keeps no record of what passes, because there are many of them, and
//! answers taken apart strictly.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use support::{PATIENCE, Seen, bytes};

/// What was seen instead of what was promised.
pub(crate) type Fault = (Seen, String);

pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// How a connection, or the wait for it, came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
    Silence,
}

/// A response's head.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Whether the connection goes on.
    pub(crate) kept: bool,
    /// The value of Content-Length.
    pub(crate) length: usize,
    /// How long the head itself is, in bytes.
    pub(crate) size: usize,
}

/// A response.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE).map_err(|error| {
            let seen = match error.kind() {
                ErrorKind::ConnectionRefused => Seen::Refused,
                // A server that ends meanwhile.
                ErrorKind::ConnectionReset => Seen::Reset,
                _ => Seen::Nothing,
            };
            (seen, format!("connecting failed: {error}"))
        })?;
        // On a connection that is gone already these fail, which the first read tells.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Ok(Self { stream, unread: Vec::new() })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => (Seen::Nothing, "the server stopped reading".to_owned()),
            _ => (Seen::Reset, format!("the connection was gone: {error}")),
        })
    }

    pub(crate) fn half_close(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection by RST: what is under way is lost.
    pub(crate) fn reset(self) {
        // close(2) with a linger time of 0 sends RST instead of FIN (tcp(7), SO_LINGER).
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Whether something has come, or the end, within `limit`.
    pub(crate) fn has_something(&self, limit: Duration) -> bool {
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let mut descriptors = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        !self.unread.is_empty() || poll(&mut descriptors, limit).is_ok_and(|ready| ready > 0)
    }

    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        self.send(request)?;
        self.answer(request.starts_with(b"HEAD "))
    }

    /// Reads the next answer.
    pub(crate) fn answer(&mut self, for_head: bool) -> Result<Answer, Fault> {
        let head = self.head()?;
        let length = if for_head || head.status == 304 { 0 } else { head.length };
        let body = self.body(length)?;
        Ok(Answer { head, body })
    }

    /// Reads the next answer's head.
    pub(crate) fn head(&mut self) -> Result<Head, Fault> {
        loop {
            if let Some(head) = head(&self.unread).map_err(|wrong| (Seen::Other, wrong))? {
                self.unread.drain(..head.size);
                return Ok(head);
            }
            self.read_more()?;
        }
    }

    /// Reads so many bytes of a body.
    pub(crate) fn body(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        while self.unread.len() < length {
            self.read_more()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// All that still comes within `limit` in all, and how it ended.
    pub(crate) fn rest(&mut self, limit: Duration) -> (Vec<u8>, End) {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Err(end) = self.read(left) {
                return (std::mem::take(&mut self.unread), end);
            }
        }
    }

    fn read_more(&mut self) -> Result<(), Fault> {
        let before = self.unread.len();
        self.read(PATIENCE).map_err(|end| {
            let came = bytes::show(&self.unread[..before], 60);
            match end {
                End::Silence if before == 0 => (Seen::Nothing, "no answer came".to_owned()),
                End::Silence => (Seen::Part, format!("the answer stopped: {came}")),
                End::Closed if before == 0 => {
                    (Seen::Closed, "the connection was closed without an answer".to_owned())
                }
                End::Closed => (Seen::Closed, format!("the answer broke off: {came}")),
                End::Reset => (Seen::Reset, format!("the connection was reset: {came}")),
            }
        })
    }

    fn read(&mut self, limit: Duration) -> Result<(), End> {
        let _ = self.stream.set_read_timeout(Some(limit.max(Duration::from_millis(1))));
        let mut buffer = [0; 16 * 1024];
        loop {
            return match self.stream.read(&mut buffer) {
                Ok(0) => Err(End::Closed),
                Ok(length) => {
                    self.unread.extend_from_slice(&buffer[..length]);
                    Ok(())
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(End::Silence),
                    _ => Err(End::Reset),
                },
            };
        }
    }
}

/// Reads the head that `all` begins with; `None` if it has not come whole.
pub(crate) fn head(all: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = all.windows(4).position(|part| part == b"\r\n\r\n") else {
        let shown = || bytes::show(all, 60);
        let begins = all.iter().zip(b"HTTP/1.1 ").all(|(its, want)| its == want);
        return if begins {
            Ok(None)
        } else {
            Err(format!("no answer begins so: {}", shown()))
        };
    };
    let text = bytes::text(&all[..end]);
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
    let Some(Ok(status)) = status.map(|(code, _)| code.parse()) else {
        return Err(format!("`{line}` is no status line"));
    };
    let mut fields = Vec::new();
    for line in lines {
        match line.split_once(": ") {
            Some((name, value)) if !line.contains(char::is_control) => {
                fields.push((name.to_ascii_lowercase(), value));
            }
            _ => return Err(format!("`{}` is no field", line.escape_debug())),
        }
    }
    let field = |name: &str| {
        let mut values = fields.iter().filter(|(its, _)| its == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(*value),
            (found, _) => {
                let count = if found.is_some() { "two" } else { "no" };
                Err(format!("`{line}` has {count} {name}: {}", text.escape_debug()))
            }
        }
    };
    let length = field("content-length")?;
    let length = length.parse().map_err(|_| format!("Content-Length is `{length}`"))?;
    let date = field("date")?;
    httpdate::parse_http_date(date).map_err(|_| format!("Date is `{date}`"))?;
    let kept = match field("connection")? {
        "keep-alive" => true,
        "close" => false,
        other => return Err(format!("Connection is `{other}`")),
    };
    Ok(Some(Head { status, kept, length, size: end + 4 }))
}
