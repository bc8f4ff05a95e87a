//! The kit's HTTP held against implementations that others keep: what these tests and the
//! fuzz targets in `fuzz/` have in common. In reading order:
//!
//! - [`difference`]: how two readers are compared, and what they may differ in;
//! - [`request_head`], [`response_head`], [`chunk_size`]: ours beside httparse;
//! - [`plain`]: the same again as plainly as possible, for what httparse does not do;
//! - [`exchange`]: what a server makes of a request, the same again;
//! - [`invariants`]: what holds for any bytes at all;
//! - [`generate`], [`mistakes`]: requests, responses and codings, right and wrong ones.

pub mod chunk_size;
pub mod difference;
pub mod exchange;
pub mod generate;
pub mod invariants;
pub mod mistakes;
pub mod plain;
pub mod request_head;
pub mod response_head;

use std::fmt;

/// Why something does not hold, in words.
pub type Verdict = Result<(), String>;

/// Bytes, which are shown as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

/// Bytes as a message shows them.
pub fn shown(bytes: &[u8]) -> String {
    format!("{:?}", Bytes::from(bytes))
}
