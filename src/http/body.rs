//! How the body of a response ends (RFC 9112 §6).

use crate::head::{Malformed, Response};

/// What tells a client that the body has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    NoBody,
    /// So many bytes have come.
    Length(u64),
    /// A chunk of length 0 has come, as in [`crate::chunked`].
    Chunked,
    /// The server has closed the connection.
    ToTheEnd,
}

/// How the body of `response` ends, which answers a request with `method` (RFC 9112 §6.3).
///
/// # Errors
/// The head contradicts itself, or names a coding that this client did not ask for.
pub fn framing(response: &Response<'_>, method: &str) -> Result<Framing, Malformed> {
    // Their heads say what a body would be like, and none follows.
    if method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304) {
        return Ok(Framing::NoBody);
    }
    let fields = response.fields;
    // It overrides a Content-Length, which may have been true before the coding.
    let mut codings = fields.list("Transfer-Encoding");
    if let Some(coding) = codings.next() {
        return match (coding, codings.next()) {
            (chunked, None) if chunked.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            _ => Err(Malformed::Syntax(
                "its body has a transfer coding other than chunked".to_owned(),
            )),
        };
    }
    // Said twice it must be the same: a wrong one would cut the body, or wait for more.
    let mut lengths = fields.list("Content-Length");
    let Some(length) = lengths.next() else {
        return Ok(match fields.get("Content-Length") {
            None => Framing::ToTheEnd,
            Some(_) => return Err(no_length(b"")),
        });
    };
    let number = read_length(length).ok_or_else(|| no_length(length))?;
    match lengths.find(|other| read_length(other) != Some(number)) {
        None => Ok(Framing::Length(number)),
        Some(other) => Err(no_length(&[length, other].join(&b", "[..]))),
    }
}

/// Digits and nothing else (RFC 9110 §8.6): no sign, which `parse` would take.
fn read_length(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn no_length(text: &[u8]) -> Malformed {
    Malformed::Syntax(format!("\"{}\" is no Content-Length", text.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::parse_response;

    fn framing_of(method: &str, status: u16, fields: &str) -> Result<Framing, Malformed> {
        let head = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
        framing(&parse_response(head.as_bytes()).expect("a response"), method)
    }

    #[test]
    fn a_body_ends_as_its_head_says() {
        let get = |fields| framing_of("GET", 200, fields);
        assert_eq!(get("Content-Length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(
            get("Content-Length: 5, 5\r\ncontent-length: 5\r\n"),
            Ok(Framing::Length(5))
        );
        assert_eq!(get("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
        assert_eq!(get(both), Ok(Framing::Chunked));
        assert_eq!(get(""), Ok(Framing::ToTheEnd));
    }

    #[test]
    fn some_responses_have_none_whatever_they_say() {
        for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 103)] {
            for fields in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
                assert_eq!(framing_of(method, status, fields), Ok(Framing::NoBody));
            }
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for fields in [
            "Content-Length: +5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: \r\n",
            "Content-Length: five\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 6\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
        ] {
            assert!(framing_of("GET", 200, fields).is_err(), "{fields}");
        }
    }
}
