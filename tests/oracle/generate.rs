//! Requests, responses and codings: right ones, and right ones that have been damaged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::{Bytes, Verdict};

/// The choices of a run that was not told otherwise, so that each run makes the same ones.
const SEED: u64 = 20_110;

/// Holds `check` against `cases` values of `strategy`, chosen from `LAB_SEED`, and names
/// the smallest one that it found to fail.
pub fn for_all<S: Strategy>(cases: u32, strategy: S, check: impl Fn(S::Value) -> Verdict) {
    let seed = std::env::var("LAB_SEED").ok().and_then(|seed| seed.trim().parse().ok());
    let seed = seed.unwrap_or(SEED);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        // Enough to come from a hundred bytes to the few that matter.
        max_shrink_iters: 10_000,
        ..Config::default()
    };
    let result = TestRunner::new(config)
        .run(&strategy, |value| check(value).map_err(TestCaseError::fail));
    assert!(
        result.is_ok(),
        "{}\nthe same choices again: LAB_SEED={seed}",
        result.err().map(|error| error.to_string()).unwrap_or_default()
    );
}

/// A head, and what it says.
#[derive(Clone, Debug)]
pub struct Message {
    /// The head, and then what is none of it.
    pub bytes: Bytes,
    /// How many of them are the head.
    pub length: usize,
    /// The three parts of the first line.
    pub start: [Bytes; 3],
    /// Names, and values without the white space around them.
    pub fields: Vec<(String, Bytes)>,
}

/// A request that any reader must read.
pub fn request() -> impl Strategy<Value = Message> {
    let minor =
        select(vec!["HTTP/1.1", "HTTP/1.0"]).prop_map(|version| version.as_bytes().to_vec());
    let start = (token(8), run(0x21..=0x7e, 1..20), minor);
    (select(vec!["", "", "", "\r\n", "\n"]), message(start.prop_map(<[Vec<u8>; 3]>::from)))
        .prop_map(|(empty, message)| Message {
            bytes: Bytes([empty.as_bytes(), &message.bytes.0].concat()),
            length: empty.len() + message.length,
            ..message
        })
}

/// A response that any reader must read.
pub fn response() -> impl Strategy<Value = Message> {
    let minor =
        select(vec!["HTTP/1.1", "HTTP/1.0"]).prop_map(|version| version.as_bytes().to_vec());
    let status = (100..1000u16).prop_map(|status| status.to_string().into_bytes());
    let start = (minor, status, value_bytes(12));
    message(start.prop_map(<[Vec<u8>; 3]>::from))
}

fn message(start: impl Strategy<Value = [Vec<u8>; 3]>) -> impl Strategy<Value = Message> {
    let field = (token(6), white(), value_bytes(10), white());
    let fields = vec((field, line_end()), 0..5);
    (start, line_end(), fields, line_end(), vec(any::<u8>(), 0..6)).prop_map(
        |(start, start_end, lines, end, behind)| {
            let mut bytes = [start.join(&b" "[..]), start_end].concat();
            let mut fields = Vec::new();
            for ((name, before, value, after), end) in lines {
                bytes.extend([&name[..], b":", &before, &value, &after, &end].concat());
                let value = trimmed(&value);
                fields.push((String::from_utf8_lossy(&name).into_owned(), Bytes(value)));
            }
            bytes.extend(end);
            let length = bytes.len();
            bytes.extend(behind);
            Message { bytes: Bytes(bytes), length, start: start.map(Bytes), fields }
        },
    )
}

/// What a coding says, and the coding.
#[derive(Clone, Debug)]
pub struct Coding {
    /// The body.
    pub body: Bytes,
    /// Coded, and then what is none of it.
    pub bytes: Bytes,
    /// How many of them are the coding.
    pub length: usize,
}

/// A chunked coding that any reader must read, but for a bare LF, which ours does.
pub fn coding() -> impl Strategy<Value = Coding> {
    let extension = prop_oneof![
        4 => Just(Vec::new()),
        1 => run(0x20..=0x7e, 0..8).prop_map(|text| [b";".to_vec(), text].concat()),
        1 => Just(b" \t; a=\"b;\\\"c\"".to_vec()),
        1 => Just(b" ".to_vec()),
    ];
    let line = || (0..3usize, any::<bool>(), extension.clone(), line_end());
    let size =
        |size: usize, (zeros, upper, extension, end): (usize, bool, Vec<u8>, Vec<u8>)| {
            let digits = if upper { format!("{size:X}") } else { format!("{size:x}") };
            [b"0".repeat(zeros), digits.into_bytes(), extension, end].concat()
        };
    let chunk = (vec(any::<u8>(), 1..40), line(), line_end());
    let trailer = (token(5), value_bytes(8), line_end());
    (vec(chunk, 0..5), line(), vec(trailer, 0..3), line_end(), vec(any::<u8>(), 0..6)).prop_map(
        move |(chunks, last, trailers, end, behind)| {
            let (mut body, mut bytes) = (Vec::new(), Vec::new());
            for (data, line, end) in chunks {
                bytes.extend([size(data.len(), line), data.clone(), end].concat());
                body.extend(data);
            }
            bytes.extend(size(0, last));
            for (name, value, end) in trailers {
                bytes.extend([&name[..], b": ", &value, &end].concat());
            }
            bytes.extend(end);
            let length = bytes.len();
            bytes.extend(behind);
            Coding { body: Bytes(body), bytes: Bytes(bytes), length }
        },
    )
}

/// Lengths of the pieces in which bytes come.
pub fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(1..30usize, 1..6)
}

/// What has come of `bytes` after one to four accidents.
pub fn damaged(bytes: impl Strategy<Value = Bytes>) -> impl Strategy<Value = Bytes> {
    (bytes, vec(damage(), 1..5)).prop_map(|(mut bytes, damages)| {
        damages.iter().for_each(|damage| damage.strike(&mut bytes.0));
        bytes
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Delete(Index, usize),
    Duplicate(Index, usize),
    Truncate(Index),
    /// In place of one of the line ends.
    LineEnd(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let inserted = select(vec![
        " ", " ", "\t", "\0", "\u{e9}", "\r", "\n", "\r\n", "\r\n ", ":", ";", ",", "0", "+",
        "/", "%", "\x7f", "\u{b}", "\u{c}",
    ]);
    let line_end = select(vec!["\n", "\r", "\r\r\n", "\r\n ", "\n\t", "\r\n\r\n", "\n\r", ""]);
    let bytes = |text: &str| text.as_bytes().to_vec();
    prop_oneof![
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        (any::<Index>(), inserted).prop_map(move |(at, text)| Damage::Insert(at, bytes(text))),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, vec![byte])),
        (any::<Index>(), 1..4usize).prop_map(|(at, length)| Damage::Delete(at, length)),
        (any::<Index>(), 1..12usize).prop_map(|(at, length)| Damage::Duplicate(at, length)),
        any::<Index>().prop_map(Damage::Truncate),
        (any::<Index>(), line_end).prop_map(move |(at, text)| Damage::LineEnd(at, bytes(text))),
    ]
}

impl Damage {
    fn strike(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bit) => *at.get_mut(bytes) ^= bit,
            Self::Insert(at, text) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, text.iter().copied());
            }
            Self::Delete(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..bytes.len().min(at + length));
            }
            Self::Duplicate(at, length) => {
                let at = at.index(bytes.len());
                let again = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
            Self::LineEnd(at, text) => {
                let ends: Vec<usize> =
                    (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
                if !ends.is_empty() {
                    let end = *at.get(&ends);
                    let start = if bytes[..end].ends_with(b"\r") { end - 1 } else { end };
                    bytes.splice(start..=end, text.iter().copied());
                }
            }
        }
    }
}

/// Bytes of a token (RFC 9110 §5.6.2).
fn token(most: usize) -> impl Strategy<Value = Vec<u8>> + Clone {
    let signs = b"!#$%&'*+-.^_`|~".iter().copied();
    let bytes: Vec<u8> =
        (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z').chain(signs).collect();
    vec(select(bytes), 1..=most)
}

/// Bytes that a field value, or a reason phrase, may have (RFC 9110 §5.5).
fn value_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> + Clone {
    let byte =
        prop_oneof![8 => 0x21..=0x7eu8, 1 => 0x80..=0xffu8, 2 => Just(b' '), 1 => Just(b'\t')];
    vec(byte, 0..=most)
}

fn run(
    bytes: std::ops::RangeInclusive<u8>,
    length: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(bytes, length)
}

fn white() -> impl Strategy<Value = Vec<u8>> + Clone {
    vec(select(vec![b' ', b'\t']), 0..3)
}

fn line_end() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop_oneof![3 => Just(b"\r\n".to_vec()), 1 => Just(b"\n".to_vec())]
}

fn trimmed(value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    while let Some(b' ' | b'\t') = value.last() {
        value.pop();
    }
    let start = value.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0);
    value.split_off(start)
}
