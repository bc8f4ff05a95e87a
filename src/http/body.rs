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
    // Fill in start 4.4: find out how the body ends

    // Their heads say what a body would be like, and none follows. Behind a 2xx to CONNECT
    // begins a tunnel.
    let is_tunnel = method == "CONNECT" && matches!(response.status, 200..=299);
    if method == "HEAD" || is_tunnel || matches!(response.status, 100..=199 | 204 | 304) {
        return Ok(Framing::NoBody);
    }
    // It overrides a Content-Length, which may have been true before the coding.
    let mut codings = response.fields.list("Transfer-Encoding");
    if let Some(coding) = codings.next() {
        return match codings.next() {
            None if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            _ => Err(Malformed::Syntax(
                "its body has a transfer coding other than chunked".to_owned(),
            )),
        };
    }
    // A wrong length would cut the body, or wait for more.
    Ok(response.fields.content_length()?.map_or(Framing::ToTheEnd, Framing::Length))
    // Fill in instead: Ok(Framing::ToTheEnd)
    // Fill in end 4.4
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
        assert_eq!(framing_of("CONNECT", 200, ""), Ok(Framing::NoBody));
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
