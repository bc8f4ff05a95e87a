//! Receiving a response: its head, then its body, whichever way that ends.
//!
//! Both read from a [`BufReader`]: a buffer in front of the connection, which hands out what
//! has come (`fill_buf`) and is told how much of it was used (`consume`). A read may bring
//! the end of a head together with the beginning of a body, and even of the next response;
//! what was not used stays there.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use crate::body::Framing;
use crate::chunked::Decoder;
use crate::head::{self, Malformed};

/// The longest head that a client reads, in bytes. Servers may send long cookies, so it is
/// more than what they take from us.
pub const LONGEST_RESPONSE_HEAD: usize = 64 * 1024;

/// Every response begins with it (RFC 9112 §4).
const BEGINNING: &[u8] = b"HTTP/";

/// Why no head came.
#[derive(Debug)]
pub enum NoHead {
    /// The connection ended after so many bytes of it.
    Closed(usize),
    /// It is longer than [`LONGEST_RESPONSE_HEAD`].
    TooLong,
    /// What came cannot be a head of HTTP/1.x; in words.
    NotHttp(String),
    /// The connection failed, or nothing came in time.
    Failed(io::Error),
}

/// Why a body did not come whole.
#[derive(Debug)]
pub enum Cut<Undelivered> {
    /// The connection ended.
    Closed,
    /// The chunked coding is broken; in words.
    Malformed(Malformed),
    /// The connection failed, or nothing came in time.
    Failed(io::Error),
    /// It came, but could not be handed on.
    Undelivered(Undelivered),
}

/// Reads the head of a response, up to its empty line.
///
/// # Errors
/// [`NoHead`] says why there is none.
pub fn head(source: &mut BufReader<impl Read>) -> Result<Vec<u8>, NoHead> {
    // Fill in start 4.2: read to the empty line, and leave what is behind it
    let mut head = Vec::new();
    loop {
        let bytes = next(source).map_err(NoHead::Failed)?;
        if bytes.is_empty() {
            return Err(NoHead::Closed(head.len()));
        }
        let (before, came) = (head.len(), bytes.len());
        head.extend_from_slice(bytes);
        // Not later than this: another kind of server may greet us and then wait.
        let beginning = &head[..head.len().min(BEGINNING.len())];
        if !BEGINNING.starts_with(beginning) {
            return Err(NoHead::NotHttp(format!(
                "it begins with \"{}\"",
                head[..head.len().min(24)].escape_ascii()
            )));
        }
        if let Some(length) = head::head_length(&head) {
            source.consume(length - before);
            head.truncate(length);
            head::mend(&mut head);
            return if length > LONGEST_RESPONSE_HEAD {
                Err(NoHead::TooLong)
            } else {
                Ok(head)
            };
        }
        source.consume(came);
        if head.len() > LONGEST_RESPONSE_HEAD {
            return Err(NoHead::TooLong);
        }
    }
    // Fill in instead: let head = next(source).map_err(NoHead::Failed)?.to_vec();
    // Fill in instead: source.consume(head.len());
    // Fill in instead: Ok(head)
    // Fill in end 4.2
}

/// Reads a body to its end, handing each piece of it to `deliver` as it comes.
///
/// # Errors
/// [`Cut`] says why it is not whole. What came before has been delivered.
pub fn body<Undelivered>(
    source: &mut BufReader<impl Read>,
    framing: Framing,
    mut deliver: impl FnMut(&[u8]) -> Result<(), Undelivered>,
) -> Result<(), Cut<Undelivered>> {
    match framing {
        Framing::NoBody => {}
        Framing::Length(mut left) => {
            while left > 0 {
                let bytes = more(source)?;
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let data = &bytes[..bytes.len().min(most)];
                deliver(data).map_err(Cut::Undelivered)?;
                let taken = data.len();
                left -= taken as u64;
                source.consume(taken);
            }
        }
        Framing::Chunked => {
            let mut chunks = Decoder::default();
            while !chunks.is_done() {
                let (taken, data) = chunks.step(more(source)?).map_err(Cut::Malformed)?;
                deliver(data).map_err(Cut::Undelivered)?;
                source.consume(taken);
            }
        }
        // Only here is the end of the connection the end of the body.
        Framing::ToTheEnd => loop {
            let bytes = next(source).map_err(Cut::Failed)?;
            if bytes.is_empty() {
                break;
            }
            deliver(bytes).map_err(Cut::Undelivered)?;
            let taken = bytes.len();
            source.consume(taken);
        },
    }
    Ok(())
}

/// As [`next`], in the middle of a body: at least one byte.
fn more<Undelivered>(source: &mut BufReader<impl Read>) -> Result<&[u8], Cut<Undelivered>> {
    match next(source) {
        Ok([]) => Err(Cut::Closed),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Cut::Failed(error)),
    }
}

/// What has come and is not used yet; if there is nothing, waits for more. Empty at the end
/// of the connection.
fn next(source: &mut BufReader<impl Read>) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(source.buffer())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection on which `bytes` come, at most `piece` at a time.
    fn connection(bytes: &[u8], piece: usize) -> BufReader<&[u8]> {
        BufReader::with_capacity(piece, bytes)
    }

    fn read(bytes: &[u8], piece: usize, framing: Framing) -> (Vec<u8>, Result<(), Cut<()>>) {
        let (mut source, mut got) = (connection(bytes, piece), Vec::new());
        let end = body(&mut source, framing, |data| {
            got.extend_from_slice(data);
            Ok(())
        });
        (got, end)
    }

    #[test]
    fn a_head_comes_alone_in_whatever_pieces() {
        let all = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody";
        for piece in 1..=all.len() {
            let mut source = connection(all, piece);
            let head = head(&mut source).expect("a head");
            assert_eq!(head, &all[..all.len() - 4], "in pieces of {piece}");
            let mut rest = Vec::new();
            source.read_to_end(&mut rest).expect("the rest");
            assert_eq!(rest, b"body");
        }
    }

    #[test]
    fn what_is_no_head_is_told_apart() {
        let head = |bytes: &[u8]| head(&mut connection(bytes, 10));
        assert!(matches!(head(b""), Err(NoHead::Closed(0))));
        assert!(matches!(head(b"HTTP/1.1 200 OK\r\n"), Err(NoHead::Closed(17))));
        assert!(matches!(head(b"SSH-2.0-x\r\n"), Err(NoHead::NotHttp(_))));
        assert!(matches!(head(b"HTML"), Err(NoHead::NotHttp(_))));
        let flood = [&b"HTTP/1.1 200 OK\r\n"[..], &b"A: b\r\n".repeat(20_000)].concat();
        assert!(matches!(head(&flood), Err(NoHead::TooLong)));
    }

    #[test]
    fn a_head_may_be_long_but_not_too_long() {
        let with_length = |length: usize| {
            let (start, end) = ("HTTP/1.1 200 OK\r\nA: ", "\r\n\r\n");
            format!("{start}{}{end}", "b".repeat(length - start.len() - end.len()))
        };
        for piece in [1000, 8192, 2 * LONGEST_RESPONSE_HEAD] {
            let read = |length| head(&mut connection(with_length(length).as_bytes(), piece));
            assert!(read(64 * 1024).is_ok());
            assert!(matches!(read(64 * 1024 + 1), Err(NoHead::TooLong)));
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        for piece in 1..12 {
            for (bytes, framing, want, whole) in [
                (&b"hello, more"[..], Framing::Length(5), &b"hello"[..], true),
                (b"hell", Framing::Length(5), b"hell", false),
                (b"hello", Framing::ToTheEnd, b"hello", true),
                (b"", Framing::ToTheEnd, b"", true),
                (b"hello", Framing::NoBody, b"", true),
                (b"5\r\nhello\r\n0\r\n\r\nmore", Framing::Chunked, b"hello", true),
                (b"5\r\nhello\r\n", Framing::Chunked, b"hello", false),
                (b"5\r\nhellooo", Framing::Chunked, b"hello", false),
            ] {
                let (got, end) = read(bytes, piece, framing);
                assert_eq!((&got[..], end.is_ok()), (want, whole), "{framing:?}");
            }
        }
    }
}
