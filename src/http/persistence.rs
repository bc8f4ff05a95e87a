//! Whether a connection goes on, and what a server must know of a request before it keeps
//! one for another request (RFC 9112 §3.2, §6, §9.3).

use crate::head::{Fields, Malformed, Request, excerpt};
use crate::host;

/// Whether a message lets its connection go on (RFC 9112 §9.3).
///
/// Connections persist from HTTP/1.1 on unless one side says `close`, and in HTTP/1.0 where
/// it says `keep-alive`. With `asked_only` this holds for HTTP/1.1 as well.
pub fn is_wanted(minor_version: u8, fields: Fields<'_>, asked_only: bool) -> bool {
    // Fill in start 4.6: see what the message says of its connection
    let says =
        |option: &[u8]| fields.list("Connection").any(|its| its.eq_ignore_ascii_case(option));
    let unless_told = !asked_only && minor_version > 0;
    (unless_told || says(b"keep-alive")) && !says(b"close")
    // Fill in instead: false
    // Fill in end 4.6
}

/// Whether a body follows the head, whose bytes must not be taken for the next request
/// (RFC 9112 §6.3).
///
/// # Errors
/// The fields contradict themselves. Whoever guesses then, and guesses otherwise than a
/// proxy before it, lets a client smuggle requests past that proxy (§11.2).
pub fn has_body(request: &Request<'_>) -> Result<bool, Malformed> {
    // Fill in start 6.3: see whether a body is announced, and refuse what nobody can be sure of
    let fields = request.fields;
    if fields.get("Transfer-Encoding").is_some() {
        if fields.get("Content-Length").is_some() {
            return Err(syntax("Content-Length and Transfer-Encoding exclude each other"));
        }
        if request.minor_version == 0 {
            return Err(syntax("HTTP/1.0 has no Transfer-Encoding"));
        }
        let mut codings = fields.list("Transfer-Encoding");
        let only = (codings.next(), codings.next());
        return match only {
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(true),
            _ => Err(syntax("the only transfer coding that is read here is chunked")),
        };
    }
    Ok(fields.content_length()?.is_some_and(|length| length > 0))
    // Fill in instead: Ok(false)
    // Fill in end 6.3
}

/// HTTP/1.1 demands one `Host` field, and that it names a host (RFC 9112 §3.2).
///
/// # Errors
/// It is missing, there twice, or no host.
pub fn check_host(request: &Request<'_>) -> Result<(), Malformed> {
    let mut hosts = request.fields.all("Host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if host::is_host(host) => Ok(()),
        (Some(host), None) => Err(syntax(format!("\"{}\" is no host", excerpt(host)))),
        (Some(_), Some(_)) => Err(syntax("there is more than one Host field")),
        (None, _) if request.minor_version == 0 => Ok(()),
        (None, _) => Err(syntax("the Host field is missing, which HTTP/1.1 demands")),
    }
}

fn syntax(what: impl Into<String>) -> Malformed {
    Malformed::Syntax(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::parse_request;

    fn with<T>(version: &str, fields: &str, read: impl FnOnce(&Request<'_>) -> T) -> T {
        let head = format!("GET / HTTP/{version}\r\n{fields}\r\n");
        read(&parse_request(head.as_bytes()).expect("a request"))
    }

    #[test]
    fn a_connection_persists_where_it_is_wanted() {
        for (version, fields, asked_only, wanted) in [
            ("1.1", "", true, false),
            ("1.1", "", false, true),
            ("1.0", "", false, false),
            ("1.0", "Connection: Keep-Alive\r\n", true, true),
            ("1.1", "Connection: keep-alive\r\n", true, true),
            ("1.1", "Connection: close\r\n", false, false),
            ("1.1", "Connection: keep-alive, close\r\n", true, false),
            ("1.1", "Connection: x\r\nConnection: keep-alive\r\n", true, true),
        ] {
            let is = with(version, fields, |request| {
                is_wanted(request.minor_version, request.fields, asked_only)
            });
            assert_eq!(is, wanted, "{version} {fields:?} {asked_only}");
        }
    }

    #[test]
    fn a_body_is_announced() {
        for (fields, announced) in [
            ("", false),
            ("Content-Length: 0\r\n", false),
            ("Content-Length: 5\r\n", true),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", true),
            ("Transfer-Encoding: Chunked\r\n", true),
        ] {
            assert_eq!(with("1.1", fields, has_body), Ok(announced), "{fields:?}");
        }
    }

    #[test]
    fn a_body_whose_end_is_in_doubt_is_refused() {
        for (version, fields) in [
            ("1.1", "Content-Length: 5\r\nContent-Length: 6\r\n"),
            ("1.1", "Content-Length: 5, 6\r\n"),
            ("1.1", "Content-Length: +5\r\n"),
            ("1.1", "Content-Length: \r\n"),
            ("1.1", "Content-Length: 5,\r\n"),
            ("1.1", "Content-Length: 99999999999999999999\r\n"),
            ("1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            ("1.1", "Transfer-Encoding: gzip\r\n"),
            ("1.1", "Transfer-Encoding: chunked, chunked\r\n"),
            ("1.1", "Transfer-Encoding: \r\n"),
            ("1.0", "Transfer-Encoding: chunked\r\n"),
        ] {
            assert!(with(version, fields, has_body).is_err(), "{version} {fields:?}");
        }
    }

    #[test]
    fn there_is_one_host() {
        for (version, fields, fine) in [
            ("1.1", "Host: localhost:8080\r\n", true),
            ("1.1", "Host: [::1]:8080\r\n", true),
            ("1.1", "Host: \r\n", true),
            ("1.1", "", false),
            ("1.0", "", true),
            ("1.1", "Host: a\r\nHost: a\r\n", false),
            ("1.0", "Host: a\r\nhost: b\r\n", false),
            ("1.1", "Host: a b\r\n", false),
        ] {
            assert_eq!(with(version, fields, check_host).is_ok(), fine, "{version} {fields:?}");
        }
    }
}
