//! The line that says how long a chunk is, as ours and httparse read it.

use std::sync::LazyLock;

use httparse::Status;
use lab_http::chunked::Decoder;
use lab_http::head::LONGEST_HEAD;

use crate::difference::{Comparison, Difference, Ours, Said};

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How long the chunk is, or [`LONGEST_MEASURED`] if it is longer.
    pub size: u64,
    /// How many bytes the line has.
    pub length: usize,
}

/// A decoder does not say which size it has read, so it is given that many bytes. They
/// are never looked at, but 2^64 are too many all the same.
pub const LONGEST_MEASURED: u64 = 1 << 34;

/// Ours beside httparse.
pub const CHUNK_SIZES: Comparison<Reading> =
    Comparison { ours, theirs, differences: DIFFERENCES, ending: b"\r\n" };

const DIFFERENCES: &[Difference<Reading>] = &[
    Difference {
        name: "no digit",
        why: "a chunk size has at least one (RFC 9112 §7.1); httparse reads 0, the end of the \
              body",
        ours: Ours::Stricter,
        example: b"\r\n",
        without: |bytes| {
            let no_digit = !bytes.first()?.is_ascii_hexdigit();
            no_digit.then(|| [b"0", bytes].concat())
        },
        forget: |_| {},
    },
    Difference {
        name: "a line longer than a head may be",
        why: "a recipient ought to limit it (RFC 9112 §7.1.1)",
        ours: Ours::Stricter,
        example: &TOO_LONG,
        without: |bytes| {
            let line = first_line(bytes);
            let much = line.len().checked_sub(LONGEST_HEAD).filter(|much| *much > 0)?;
            // What is too much goes from behind the semicolon, or the first white space.
            let start = digits(bytes) + 1;
            (start + much < line.len())
                .then(|| [&bytes[..start], &bytes[start + much..]].concat())
        },
        forget: |_| {},
    },
    Difference {
        name: "a CR without its LF in an extension",
        why: "the recipient refuses it, or reads a space in its place (RFC 9112 §2.2), and \
              ours reads no extension",
        ours: Ours::Laxer,
        example: b"5;a\rb\r\n",
        without: |bytes| {
            let mut bytes = bytes.to_vec();
            let extension = bytes.iter().position(|byte| *byte == b';')?;
            let mut pairs = bytes.windows(2).enumerate().skip(extension);
            let (at, _) = pairs.find(|(_, pair)| pair[0] == b'\r' && pair[1] != b'\n')?;
            bytes[at] = b' ';
            Some(bytes)
        },
        forget: |_| {},
    },
    Difference {
        name: "an LF without its CR",
        why: "ends a line here as in a head (RFC 9112 §2.2), where a client has nobody to \
              disagree with; httparse refuses it, and in an extension reads on",
        ours: Ours::Laxer,
        example: b"5\n",
        without: |bytes| {
            let at = bytes.iter().position(|byte| *byte == b'\n')?;
            let alone = !bytes[..at].ends_with(b"\r");
            alone.then(|| [&bytes[..at], b"\r", &bytes[at..]].concat())
        },
        forget: |reading| reading.length = 0,
    },
    Difference {
        name: "more than 16 digits",
        why: "leading zeros do not make a number larger (RFC 9112 §7.1)",
        ours: Ours::Laxer,
        example: b"0000000000000000a\r\n",
        without: |bytes| {
            let zeros = bytes.iter().take_while(|byte| **byte == b'0').count();
            let much = digits(bytes).checked_sub(16)?.min(zeros);
            (much > 0).then(|| bytes[much..].to_vec())
        },
        forget: |reading| reading.length = 0,
    },
];

const TOO_LONG: [u8; LONGEST_HEAD + 1] = {
    let mut line = [b'x'; LONGEST_HEAD + 1];
    line[0] = b'5';
    line[1] = b';';
    line[LONGEST_HEAD - 1] = b'\r';
    line[LONGEST_HEAD] = b'\n';
    line
};

fn ours(bytes: &[u8]) -> Said<Reading> {
    let line = first_line(bytes);
    let mut decoder = Decoder::default();
    match decoder.step(line) {
        Ok(_) if !line.ends_with(b"\n") => Said::Unfinished,
        Ok((length, _)) => Said::Read(Reading { size: measured(decoder), length }),
        Err(malformed) => Said::Refused(malformed.to_string()),
    }
}

fn theirs(bytes: &[u8]) -> Said<Reading> {
    match httparse::parse_chunk_size(first_line(bytes)) {
        Ok(Status::Complete((length, size))) => {
            Said::Read(Reading { size: size.min(LONGEST_MEASURED), length })
        }
        Ok(Status::Partial) => Said::Unfinished,
        Err(error) => Said::Refused(error.to_string()),
    }
}

/// How many bytes `decoder` takes for those of the chunk that has just begun.
fn measured(mut decoder: Decoder) -> u64 {
    // Nobody writes to them, so that they take no memory. The first byte is a line end,
    // which is what comes behind a chunk.
    static STRIDE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut stride = vec![0; 1 << 24];
        stride[0] = b'\n';
        stride
    });
    let mut size = 0;
    while size < LONGEST_MEASURED
        && let Ok((_, data @ [_, ..])) = decoder.step(&STRIDE)
    {
        size += data.len() as u64;
    }
    size.min(LONGEST_MEASURED)
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
}
