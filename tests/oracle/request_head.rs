//! The head of a request, as ours and httparse read it.

use httparse::{EMPTY_HEADER, Status};
use lab_http::head;

use crate::Bytes;
use crate::difference::{Comparison, Difference, Ours, Said};

/// What a request head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// `GET`
    pub method: String,
    /// As it was sent.
    pub target: String,
    /// `1` in HTTP/1.1.
    pub minor_version: u8,
    /// Names, and values without the white space around them.
    pub fields: Vec<(String, Bytes)>,
    /// How many bytes the head has, its empty line included.
    pub length: usize,
}

/// Ours beside httparse, as that is unless told to be more patient: a server's reader.
pub const REQUEST_HEADS: Comparison<Reading> =
    Comparison { ours, theirs, differences: DIFFERENCES, ending: b"\n\n" };

const DIFFERENCES: &[Difference<Reading>] = &[
    Difference {
        name: "a second empty line before the request line",
        why: "RFC 9112 §2.2 asks servers to pass over at least one; ours takes what follows \
              for the end of a head with nothing in it, and says so",
        ours: Ours::Stricter,
        example: b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        without: |bytes| {
            let rest = after_empty_line(bytes)?;
            after_empty_line(rest).map(<[u8]>::to_vec)
        },
        forget: |_| {},
    },
    Difference {
        name: "characters beyond ASCII in the target",
        why: "a URI has none, they are percent-encoded (RFC 9112 §3.2, RFC 3986 §2)",
        ours: Ours::Stricter,
        example: "GET /größe HTTP/1.1\r\n\r\n".as_bytes(),
        without: |bytes| {
            let mut bytes = bytes.to_vec();
            let start = bytes.len() - after_empty_line(&bytes).unwrap_or(&bytes).len();
            let line = bytes[start..].split_mut(|byte| *byte == b'\n').next()?;
            let target = line.split_mut(|byte| *byte == b' ').nth(1)?;
            let mut beyond = target.iter_mut().filter(|byte| !byte.is_ascii()).peekable();
            beyond.peek()?;
            beyond.for_each(|byte| *byte = b'x');
            Some(bytes)
        },
        forget: |_| {},
    },
    Difference {
        name: "a minor version above 1",
        why: "it is read as the highest minor version that the recipient knows (RFC 9110 §2.5)",
        ours: Ours::Laxer,
        example: b"GET / HTTP/1.2\r\n\r\n",
        without: |bytes| {
            let rest = after_empty_line(bytes).unwrap_or(bytes);
            let line = rest.split(|byte| *byte == b'\n').next()?;
            let version = line.iter().rposition(|byte| *byte == b' ')? + 1;
            minor_version_one(bytes, bytes.len() - rest.len() + version)
        },
        forget: |reading| reading.minor_version = 1,
    },
];

fn ours(bytes: &[u8]) -> Said<Reading> {
    let Some(length) = head::head_length(bytes) else { return Said::Unfinished };
    match head::parse_request(&bytes[..length]) {
        Ok(request) => Said::Read(Reading {
            method: request.method.to_owned(),
            target: request.target.to_owned(),
            minor_version: request.minor_version,
            fields: request
                .fields
                .iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
            length,
        }),
        Err(malformed) => Said::Refused(malformed.to_string()),
    }
}

fn theirs(bytes: &[u8]) -> Said<Reading> {
    // Room for as many fields as there are lines.
    let mut fields = vec![EMPTY_HEADER; bytes.iter().filter(|byte| **byte == b'\n').count()];
    let mut request = httparse::Request::new(&mut fields);
    match (request.parse(bytes), request) {
        (
            Ok(Status::Complete(length)),
            httparse::Request {
                method: Some(method),
                path: Some(target),
                version: Some(version),
                headers,
            },
        ) => Said::Read(Reading {
            method: method.to_owned(),
            target: target.to_owned(),
            minor_version: version,
            fields: headers
                .iter()
                .map(|field| (field.name.to_owned(), field.value.into()))
                .collect(),
            length,
        }),
        (Ok(_), _) => Said::Unfinished,
        (Err(error), _) => Said::Refused(error.to_string()),
    }
}

/// What follows an empty line, if `bytes` begin with one.
pub(crate) fn after_empty_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n"))
}

/// With `HTTP/1.1` in place of a higher 1.x at `at`, and nothing but a line end or a space
/// behind it.
pub(crate) fn minor_version_one(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let version = bytes.get(at..)?.strip_prefix(b"HTTP/1.")?;
    if !matches!(version, [b'2'..=b'9', b' ' | b'\r' | b'\n', ..]) {
        return None;
    }
    let mut bytes = bytes.to_vec();
    bytes[at + b"HTTP/1.".len()] = b'1';
    Some(bytes)
}
