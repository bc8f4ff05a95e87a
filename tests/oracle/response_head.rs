//! The head of a response, as ours and httparse read it.

use httparse::{EMPTY_HEADER, ParserConfig, Status};
use lab_http::head;

use crate::Bytes;
use crate::difference::{Comparison, Difference, Ours, Said};
use crate::request_head::{after_empty_line, minor_version_one};

/// What a response head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// `1` in HTTP/1.1.
    pub minor_version: u8,
    /// `200`
    pub status: u16,
    /// Empty if it is not ASCII: httparse hands out no other.
    pub reason: Bytes,
    /// Names, and values without the white space around them.
    pub fields: Vec<(String, Bytes)>,
    /// How many bytes the head has, its empty line included.
    pub length: usize,
}

/// Ours beside httparse, as a client's reader.
///
/// Of its switches two are on, because a client has to do what they stand for: lines that
/// continue the one before (RFC 9112 §5.2), and white space before the colon (§5.1, where
/// proxies must take it away from responses rather than refuse them). `mend` and httparse
/// unfold lines in ways of their own, so each is held against the other. The rest stay
/// off: invalid fields would be dropped without a word, so that nothing were left to
/// compare ours with, and more spaces around the status code is what neither reads.
pub const RESPONSE_HEADS: Comparison<Reading> =
    Comparison { ours, theirs, differences: DIFFERENCES, ending: b"\n\n" };

const DIFFERENCES: &[Difference<Reading>] = &[
    Difference {
        name: "an empty line before the status line",
        why: "RFC 9112 §2.2 asks only servers to pass over it",
        ours: Ours::Stricter,
        example: b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        without: |bytes| after_empty_line(bytes).map(<[u8]>::to_vec),
        forget: |_| {},
    },
    Difference {
        name: "a status below 100",
        why: "there is none (RFC 9110 §15)",
        ours: Ours::Stricter,
        example: b"HTTP/1.1 099 X\r\n\r\n",
        without: |bytes| {
            let at = b"HTTP/1.1 ".len();
            let mut bytes = bytes.to_vec();
            *bytes.get_mut(at).filter(|byte| **byte == b'0')? = b'1';
            Some(bytes)
        },
        forget: |_| {},
    },
    // What follows is in the order in which it must be taken away, as the first two may
    // make a line one that continues the one before.
    Difference {
        name: "a CR without its LF",
        why: "the recipient refuses it, or reads a space in its place (RFC 9112 §2.2)",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        without: |bytes| with_spaces(bytes, |byte, next| byte == b'\r' && next != b'\n'),
        forget: |_| {},
    },
    Difference {
        name: "NUL",
        why: "the recipient refuses it, or reads a space in its place (RFC 9110 §5.5)",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
        without: |bytes| with_spaces(bytes, |byte, _| byte == b'\0'),
        forget: |_| {},
    },
    Difference {
        name: "a line that goes on before its colon has come",
        why: "a folded line is joined before it is interpreted (RFC 9112 §5.2)",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 OK\r\nA\r\n : b\r\n\r\n",
        without: |bytes| {
            rewritten(bytes, |is_status_line, lines| {
                let mut colons = lines.iter().map(|line| line.contains(&b':'));
                let later = colons.next() == Some(false) && colons.any(|colon| colon);
                (later && !is_status_line).then(|| joined(lines))
            })
        },
        forget: |_| {},
    },
    Difference {
        name: "what is no field name",
        why: "a client looks for the fields it knows and finds them none the less (RFC 9110 \
              §5.1: an unrecognised field is ignored)",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 OK\r\nA b: c\r\nD: e\r\n\r\n",
        without: |bytes| {
            rewritten(bytes, |is_status_line, lines| {
                let (name, _) = split_at_colon(lines.first()?)?;
                let fine = is_status_line || head::is_field_name(trim_end(name));
                (!fine).then(Vec::new)
            })
        },
        forget: |reading| {
            reading.fields.retain(|(name, _)| head::is_field_name(name.as_bytes()));
            reading.length = 0;
        },
    },
    Difference {
        name: "a control character in a value",
        why: "it may be retained where it does no harm (RFC 9110 §5.5), and ours escapes \
              what it shows on a terminal",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 OK\r\nA: b\x01c\x7f\r\n\r\n",
        without: |bytes| {
            rewritten(bytes, |is_status_line, lines| {
                let field = lines.concat();
                let (name, value) = split_at_colon(&field).filter(|_| !is_status_line)?;
                Some([name, b":", &visible(value)?].concat())
            })
        },
        forget: |reading| {
            for (_, Bytes(value)) in &mut reading.fields {
                *value = visible(value).unwrap_or_else(|| value.clone());
            }
        },
    },
    Difference {
        name: "a control character in the reason phrase",
        why: "a client should ignore that phrase (RFC 9112 §4)",
        ours: Ours::Laxer,
        example: b"HTTP/1.1 200 O\x0cK\r\n\r\n",
        without: |bytes| {
            rewritten(bytes, |is_status_line, lines| {
                visible(&lines.concat()).filter(|_| is_status_line)
            })
        },
        forget: |reading| {
            let Bytes(reason) = &mut reading.reason;
            *reason = visible(reason).unwrap_or_else(|| reason.clone());
        },
    },
    Difference {
        name: "a minor version above 1",
        why: "it is read as the highest minor version that the recipient knows (RFC 9110 §2.5)",
        ours: Ours::Laxer,
        example: b"HTTP/1.9 200 OK\r\n\r\n",
        without: |bytes| minor_version_one(bytes, 0),
        forget: |reading| reading.minor_version = 1,
    },
];

fn ours(bytes: &[u8]) -> Said<Reading> {
    let Some(length) = head::head_length(bytes) else { return Said::Unfinished };
    let mut bytes = bytes[..length].to_vec();
    head::mend(&mut bytes);
    match head::parse_response(&bytes) {
        Ok(response) => Said::Read(Reading {
            minor_version: response.minor_version,
            status: response.status,
            reason: if response.reason.is_ascii() {
                response.reason.into()
            } else {
                Bytes::default()
            },
            fields: response
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
    let mut reader = ParserConfig::default();
    reader.allow_obsolete_multiline_headers_in_responses(true);
    reader.allow_spaces_after_header_name_in_responses(true);
    // Room for as many fields as there are lines.
    let mut fields = vec![EMPTY_HEADER; bytes.iter().filter(|byte| **byte == b'\n').count()];
    let mut response = httparse::Response::new(&mut fields);
    match (reader.parse_response(&mut response, bytes), response) {
        (
            Ok(Status::Complete(length)),
            httparse::Response {
                version: Some(version),
                code: Some(status),
                reason: Some(reason),
                headers,
            },
        ) => Said::Read(Reading {
            minor_version: version,
            status,
            reason: reason.into(),
            fields: headers
                .iter()
                .map(|field| (field.name.to_owned(), Bytes(unfolded(field.value))))
                .collect(),
            length,
        }),
        (Ok(_), _) => Said::Unfinished,
        (Err(error), _) => Said::Refused(error.to_string()),
    }
}

/// httparse leaves the line ends in a value that it has unfolded.
fn unfolded(value: &[u8]) -> Vec<u8> {
    value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

/// A head with other lines in place of some; `None` if there is nothing to rewrite.
///
/// `rewrite` is told whether it is the status line, and given the line with those that
/// continue it.
fn rewritten(
    bytes: &[u8],
    rewrite: impl Fn(bool, &[&[u8]]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    let (mut is_status_line, mut changed) = (true, false);
    while !matches!(rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
        let mut lines: Vec<&[u8]> = Vec::new();
        while let Some(line) = rest.split_inclusive(|byte| *byte == b'\n').next()
            && (lines.is_empty() || matches!(line, [b' ' | b'\t', ..]))
        {
            lines.push(line);
            rest = &rest[line.len()..];
        }
        let other = rewrite(is_status_line, &lines);
        changed |= other.is_some();
        all.extend(other.unwrap_or_else(|| lines.concat()));
        is_status_line = false;
    }
    all.extend_from_slice(rest);
    changed.then_some(all)
}

/// A line and those that continue it as one, of the same length.
fn joined(lines: &[&[u8]]) -> Vec<u8> {
    let all = lines.concat();
    let end = if all.ends_with(b"\r\n") { 2 } else { 1 };
    let (text, end) = all.split_at(all.len().saturating_sub(end));
    [&unfolded(text), end].concat()
}

fn split_at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((&line[..colon], &line[colon + 1..]))
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    &bytes[..last.map_or(0, |last| last + 1)]
}

/// With an x for each control character but those of white space and line ends; `None` if
/// there is none.
fn visible(bytes: &[u8]) -> Option<Vec<u8>> {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
    let odd = bytes.iter().any(is_odd);
    odd.then(|| bytes.iter().map(|byte| if is_odd(byte) { b'x' } else { *byte }).collect())
}

/// With a space for each byte that, with the one behind it, `is_odd`; `None` if there is
/// none.
fn with_spaces(bytes: &[u8], is_odd: impl Fn(u8, u8) -> bool) -> Option<Vec<u8>> {
    let mut spaced = bytes.to_vec();
    for (at, pair) in bytes.windows(2).enumerate() {
        if is_odd(pair[0], pair[1]) {
            spaced[at] = b' ';
        }
    }
    (spaced != bytes).then_some(spaced)
}
