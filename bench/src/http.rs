//! Just enough of an HTTP client: asks for a file on a connection that is kept.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long an answer may make no progress.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long a whole answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A head must fit into this.
const LARGEST_HEAD: usize = 8192;

/// A connection to a server on this machine.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects; `buffer` is how much is read at a time, in bytes.
    pub(crate) fn open(port: u16, buffer: usize) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; buffer.max(LARGEST_HEAD)] })
    }

    /// Asks for a file, and reads and forgets it; how many bytes it had.
    pub(crate) fn get(&mut self, file: &str) -> Result<u64> {
        let request = format!("GET /{file} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;

        let until = Instant::now() + LIMIT;
        let mut filled = 0;
        let (head, length) = loop {
            ensure!(filled < self.buffer.len(), "a head without an end");
            let count = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(count > 0, "the server closed the connection before its answer");
            filled += count;
            let end = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        let mut left = length.checked_sub((filled - head) as u64).context("too long a body")?;
        while left > 0 {
            let count = self.stream.read(&mut self.buffer)?;
            ensure!(count > 0, "the server closed the connection {left} bytes too early");
            ensure!(Instant::now() < until, "not a whole answer within {LIMIT:?}");
            left = left.checked_sub(count as u64).context("too long a body")?;
        }
        Ok(length)
    }

    /// The connection alone, with nothing more to be said.
    pub(crate) fn into_idle(self) -> TcpStream {
        self.stream
    }
}

/// The length that the head of a good answer names.
fn content_length(head: &[u8]) -> Result<u64> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("200"), "the answer is {status}");
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.context("an answer without Content-Length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_a_good_answer() {
        let head = b"HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 228";
        assert_eq!(content_length(head).expect("a length"), 228);
        assert!(content_length(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9").is_err());
        assert!(content_length(b"HTTP/1.1 200 OK\r\nDate: now").is_err());
    }
}
