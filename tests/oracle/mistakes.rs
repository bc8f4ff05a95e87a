//! Heads and chunk sizes with mistakes in them, as people and programs make them: one at a
//! time, and several.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::Bytes;

/// A part of something, as it should be and as it may be by mistake.
type Part = (&'static str, &'static [&'static str]);

/// What is made of parts.
pub type Parts = &'static [Part];

/// What comes before a request line, its three parts, and what stands between them.
pub const REQUEST_LINE: Parts = &[
    ("", &["\r\n", "\n", "\r\n\r\n", "\n\n\r\n", " ", "\r", "\t", "\0", "\u{feff}"]),
    ("GET", &["", "get", "M-SEARCH", "G T", "G(T", "G\0T", "GÉT", "G\rT", "GET:", "[GET]"]),
    (" ", &["", "  ", "\t", " \t", "\r", "\u{b}", "\n"]),
    (
        "/",
        &[
            "",
            "/a b",
            "/a?b=c",
            "/\0",
            "/größe",
            "/\t",
            "*",
            "/\x7f",
            "http://a/b",
            "/\r",
            "/ÿ",
            "/{}|^`\"<>\\",
            "/#a",
            "a:80",
        ],
    ),
    (" ", &["", "  ", "\t", "\t ", "\r", "\u{c}", "\n"]),
    VERSION,
    LINE_END,
];

/// As [`REQUEST_LINE`], for a status line.
pub const STATUS_LINE: Parts = &[
    ("", &["\r\n", "\n", "\r\n\r\n", " ", "\r", "\t", "\0", "x"]),
    VERSION,
    (" ", &["", "  ", "\t", "\r", "\n", "\r\n "]),
    ("200", &["", "099", "000", "20", "2000", "999", "2x0", "+20", " 20", "²00", "20\0"]),
    (" ", &["", "  ", "\t", "\r", "\n", "\r\n ", "\r\n"]),
    (
        "OK",
        &[
            "",
            "\t",
            "O\0K",
            "\x7f",
            "größe",
            "O\rK",
            "OK\r",
            "OK\r\n more",
            "OK\n\tmore",
            "OK\n \n x",
            "OK\r\n A: b",
            "OK\r\n\rA: b",
        ],
    ),
    LINE_END,
];

const VERSION: Part = (
    "HTTP/1.1",
    &[
        "HTTP/1.0",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/1.10",
        "HTTP/1.1.1",
        "HTTP/1.11",
        "HTTP/1.01",
        "HTTP/2.0",
        "HTTP/0.9",
        "HTTP/2",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1,1",
        "HTTP/1.x",
        "HTTP/+1.1",
        "HTTP/1.-1",
        "HTTP:/1.1",
        "HTTP /1.1",
        "http/1.1",
        "HTTPS/1.1",
        "ICY",
        "",
    ],
);

const LINE_END: Part =
    ("\r\n", &["\n", "\r", "\r\r\n", "\n\r", "\r\n\r", "", "\r\n ", "\n\t", " \r\n", "\0\r\n"]);

const FIELD: Parts = &[
    ("A", &["", "A b", "A\0", "É", "A(", "A=", " A", "\tA", "\rA", "A\r", "A\r\n ", "\x7f"]),
    (":", &["", " :", "\t:", "::", ": ", ":\t", "\r\n :", "\n:", "\r:", ";", "\0:"]),
    (
        "b",
        &[
            "",
            " ",
            "\t b \t",
            "größe",
            "b\0c",
            "b\x7f",
            "\u{1b}[1m",
            "b\rc",
            "\r",
            "\rb",
            "b\r\n c",
            "b\r\n\tc",
            "b\n \n c",
            "\r\n b",
            "b\r\n",
            "b\u{b}",
            "\u{c}b",
        ],
    ),
    LINE_END,
];

/// The line that says how long a chunk is, and the first byte of the chunk.
pub const CHUNK_SIZE: Parts = &[
    (
        "5",
        &[
            "",
            "0",
            "A",
            "f00",
            "g",
            "+5",
            "-1",
            "0x5",
            "5 5",
            " 5",
            "\t5",
            "5_",
            "5h",
            "５",
            "5\0",
            "5.",
            "100000000",
            "0000000000000000f",
            "ffffffffffffffff",
            "10000000000000000",
            "5\r",
            "5\n",
        ],
    ),
    ("", &[" ", "\t", " \t ", "\r", "\u{b}", "\u{c}", "\u{a0}", "\0"]),
    ("", &[";", ";a=b", "; a", ";\0é", ";\r", ";\ra", ";a\nb", "a", ",", ";;", "\""]),
    LINE_END,
    ("x", &["", "\n", "\r\n", " "]),
];

/// A head with one part that may be a mistake, for each mistake.
pub fn slips_in_head(start: Parts) -> Vec<Bytes> {
    slips(&[start, FIELD, &[("C: d", &[]), LINE_END], &[LINE_END]].concat())
}

/// All parts in order as they should be, but for one.
pub fn slips(parts: &[Part]) -> Vec<Bytes> {
    let mut slips = Vec::new();
    for (at, (_, odd)) in parts.iter().enumerate() {
        for bytes in odd.iter().flat_map(|text| spellings(text)) {
            let usual = parts.iter().map(|(usual, _)| usual.as_bytes());
            let mut all: Vec<&[u8]> = usual.collect();
            all[at] = &bytes;
            slips.push(Bytes(all.concat()));
        }
    }
    slips
}

/// A head, any part of which may be a mistake.
pub fn near_head(start: Parts) -> impl Strategy<Value = Bytes> {
    (near(start), vec(near(FIELD), 0..4), near(&[LINE_END])).prop_map(|(start, fields, end)| {
        let fields = fields.iter().map(|field| &field.0[..]).collect::<Vec<_>>().concat();
        Bytes([start.0, fields, end.0].concat())
    })
}

/// All parts in order, any of which may be a mistake.
pub fn near(parts: Parts) -> impl Strategy<Value = Bytes> {
    let each = parts.iter().map(|(usual, odd)| {
        let odd: Vec<Vec<u8>> = odd.iter().flat_map(|text| spellings(text)).collect();
        prop_oneof![5 => Just(usual.as_bytes().to_vec()), 1 => select(odd)]
    });
    each.collect::<Vec<_>>().prop_map(|parts| Bytes(parts.concat()))
}

/// In UTF-8, and in Latin-1 if that is something else.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let latin1: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char).ok()).collect();
    let utf8 = text.as_bytes().to_vec();
    let other = latin1.filter(|latin1| *latin1 != utf8);
    [utf8].into_iter().chain(other).collect()
}
