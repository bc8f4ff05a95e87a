//! The chunked transfer coding, by which a server sends a body whose length it does not
//! know when it begins (RFC 9112 §7.1).
//!
//! ```text
//! 6\r\n              so many bytes follow, in hexadecimal
//! hello \r\n
//! 5;x=y\r\n          what stands behind a semicolon is an extension, and ignored
//! world\r\n
//! 0\r\n              the last chunk
//! X-Sum: 7\r\n       fields may follow, the trailers
//! \r\n
//! ```

use crate::head::{LONGEST_HEAD, Malformed, excerpt};

/// Decodes a chunked body, which may come in any pieces.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// What has come of the line that is being read.
    line: Vec<u8>,
    /// Bytes of trailers so far.
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Within the line that says how long a chunk is.
    Size,
    /// Within a chunk, with so many bytes to come.
    Data(u64),
    /// Within the line end behind a chunk.
    DataEnd,
    /// Within the lines behind the last chunk.
    Trailers,
    Done,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Size, line: Vec::new(), trailers: 0 }
    }
}

impl Decoder {
    /// Whether the body has come whole.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes one step through `bytes`, the next of the coded body: how many it has taken,
    /// and those of them that are of the body. It takes at least one, until it is done.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong in words.
    pub fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<(usize, &'a [u8]), Malformed> {
        match self.state {
            State::Done => Ok((0, &[])),
            State::Data(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let data = &bytes[..bytes.len().min(most)];
                self.state = match left - data.len() as u64 {
                    0 => State::DataEnd,
                    left => State::Data(left),
                };
                Ok((data.len(), data))
            }
            State::Size | State::DataEnd | State::Trailers => {
                let line_end = bytes.iter().position(|byte| *byte == b'\n');
                let taken = line_end.map_or(bytes.len(), |end| end + 1);
                self.line.extend_from_slice(&bytes[..taken]);
                if self.line.len() > LONGEST_HEAD {
                    return Err(syntax(format!("a line of it is over {LONGEST_HEAD} bytes")));
                }
                if line_end.is_some() {
                    self.state = self.after_line()?;
                    self.line.clear();
                }
                Ok((taken, &[]))
            }
        }
    }

    /// What the line that has just come means.
    fn after_line(&mut self) -> Result<State, Malformed> {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Fill in start 4.5: go on to what comes behind this line
        match self.state {
            State::Size => Ok(match chunk_size(line)? {
                0 => State::Trailers,
                size => State::Data(size),
            }),
            State::DataEnd if line.is_empty() => Ok(State::Size),
            State::DataEnd => {
                Err(syntax(format!("a chunk goes on behind its end: \"{}\"", excerpt(line))))
            }
            _ if line.is_empty() => Ok(State::Done),
            _ => {
                self.trailers += self.line.len();
                if self.trailers > LONGEST_HEAD {
                    return Err(syntax(format!("its trailers are over {LONGEST_HEAD} bytes")));
                }
                Ok(State::Trailers)
            }
        }
        // Fill in instead: todo!("4.5: go on to what comes behind this line")
        // Fill in end 4.5
    }
}

/// Reads `1a` of `1a;name=value`.
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, rest) = line.split_at(digits);
    // White space before the semicolon is bad form, but is read (RFC 9112 §7.1.1).
    let behind = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let ends_well = matches!(behind, None | Some(b';'));
    let size = str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
    size.filter(|_| ends_well)
        .ok_or_else(|| syntax(format!("\"{}\" is no chunk size in hexadecimal", excerpt(line))))
}

fn syntax(what: String) -> Malformed {
    Malformed::Syntax(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, and how many bytes of `coded` it took; what is missing is no error.
    fn decode(coded: &[u8], piece: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut decoder, mut body, mut taken) = (Decoder::default(), Vec::new(), 0);
        for piece in coded.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() && !decoder.is_done() {
                let (step, data) = decoder.step(rest)?;
                body.extend_from_slice(data);
                rest = &rest[step..];
                taken += step;
            }
        }
        Ok((body, taken, decoder.is_done()))
    }

    const CODED: &[u8] =
        b"6\r\nhello \r\n05;x=\"y\"\r\nworld\r\n1 \n!\n000\r\nX-Sum: 7\r\nY: 8\r\n\r\n";

    #[test]
    fn a_body_comes_whole_in_whatever_pieces() {
        for piece in 1..=CODED.len() {
            let decoded = decode(CODED, piece);
            assert_eq!(decoded, Ok((b"hello world!".to_vec(), CODED.len(), true)), "{piece}");
        }
    }

    #[test]
    fn what_follows_the_body_is_not_taken() {
        let coded = [CODED, b"HTTP/1.1 200 OK"].concat();
        assert_eq!(
            decode(&coded, coded.len()),
            Ok((b"hello world!".to_vec(), CODED.len(), true))
        );
    }

    #[test]
    fn a_body_that_breaks_off_is_not_done() {
        for end in 0..CODED.len() {
            let (body, _, done) = decode(&CODED[..end], 7).expect("a beginning");
            assert!(!done && b"hello world!".starts_with(&body), "after {end} bytes");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for coded in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\na\r\n",
            b"0x1\r\na\r\n",
            b"1 1\r\na\r\n",
            b"1\r\nab\r\n",
            b"10000000000000000\r\n",
        ] {
            assert!(decode(coded, 1).is_err(), "{}", coded.escape_ascii());
        }
        assert!(decode(&[b'0'; LONGEST_HEAD + 1], 100).is_err());
        let trailers = [&b"0\r\n"[..], &b"a: b\r\n".repeat(LONGEST_HEAD)].concat();
        assert!(decode(&trailers, 100).is_err());
    }

    #[test]
    fn a_line_and_all_trailers_may_be_as_long_as_a_head() {
        for (length, is_taken) in [(LONGEST_HEAD, true), (LONGEST_HEAD + 1, false)] {
            let padded = |before: &str, end: &str| {
                let filler = "x".repeat(length - before.len() - end.len());
                format!("{before}{filler}{end}").into_bytes()
            };
            let size = padded("0;", "\r\n");
            assert_eq!(decode(&size, size.len()).is_ok(), is_taken, "{length}");
            let trailers = [b"0\r\nA: b\r\n".to_vec(), padded("B: ", "\r\n")[6..].to_vec()];
            let trailers = trailers.concat();
            assert_eq!(decode(&trailers, trailers.len()).is_ok(), is_taken, "{length}");
        }
    }
}
