//! What some modules of the kit do, once more: on the whole input at once, and as close to
//! the words of the RFCs as possible.

use lab_http::body::Framing;
use lab_http::head::{LONGEST_HEAD, Response};

use crate::Bytes;

/// The length of the head that `bytes` begin with: the lines up to the first empty one
/// that is not the very first line.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (nth, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        length += line.len();
        if nth > 0 && matches!(line, b"\n" | b"\r\n") {
            return Some(length);
        }
    }
    None
}

/// A response head, mended: first each CR without its LF, and NUL, become a space (RFC 9112
/// §2.2, RFC 9110 §5.5), then each line end of a field line before white space (RFC 9112
/// §5.2).
pub fn mended(head: &[u8]) -> Bytes {
    let mut head = head.to_vec();
    for at in 0..head.len() {
        let bare = head[at] == b'\r' && head.get(at + 1) != Some(&b'\n');
        if bare || head[at] == b'\0' {
            head[at] = b' ';
        }
    }
    let status_line = head.iter().take_while(|byte| **byte != b'\n').count();
    for at in status_line + 1..head.len() {
        if head[at] == b'\n' && matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            head[at] = b' ';
            if head[at - 1] == b'\r' {
                head[at - 1] = b' ';
            }
        }
    }
    Bytes(head)
}

/// How the body of a response ends, in the order of RFC 9112 §6.3; `None` if the head
/// contradicts itself.
pub fn framing(response: &Response<'_>, method: &str) -> Option<Framing> {
    let members = |name: &str| -> Vec<String> {
        let named = response.fields.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
        let values = named.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let values: Vec<String> = values.collect();
        let members = values.iter().flat_map(|value| value.split(','));
        members.map(|member| member.trim_matches([' ', '\t']).to_owned()).collect()
    };
    match response.status {
        _ if method == "HEAD" => return Some(Framing::NoBody),
        100..=199 | 204 | 304 => return Some(Framing::NoBody),
        200..=299 if method == "CONNECT" => return Some(Framing::NoBody),
        _ => {}
    }
    let mut codings = members("Transfer-Encoding");
    codings.retain(|coding| !coding.is_empty());
    if !codings.is_empty() {
        let chunked = codings.len() == 1 && codings[0].eq_ignore_ascii_case("chunked");
        return chunked.then_some(Framing::Chunked);
    }
    let lengths = members("Content-Length");
    let Some(first) = lengths.first() else { return Some(Framing::ToTheEnd) };
    let mut numbers = lengths.iter().map(|length| decimal(length));
    let first = decimal(first)?;
    numbers.all(|number| number == Some(first)).then_some(Framing::Length(first))
}

fn decimal(digits: &str) -> Option<u64> {
    let mut number: Option<u64> = None;
    for char in digits.chars() {
        let larger = number.unwrap_or(0).checked_mul(10)?;
        number = Some(larger.checked_add(char.to_digit(10)?.into())?);
    }
    number
}

/// A chunked body, as far as it could be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// What there is of the body.
    pub body: Bytes,
    /// How it went on.
    pub end: End,
}

/// How a coded body went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has come whole, in so many bytes.
    Whole(usize),
    /// More must come.
    Unfinished,
    /// It is no coding.
    Broken,
}

/// Decodes a chunked body (RFC 9112 §7.1).
pub fn chunked(coded: &[u8]) -> Chunked {
    let (mut body, mut rest) = (Vec::new(), coded);
    let end = decode(&mut body, &mut rest);
    let end = end.map_or_else(|end| end, |()| End::Whole(coded.len() - rest.len()));
    Chunked { body: Bytes(body), end }
}

fn decode(body: &mut Vec<u8>, rest: &mut &[u8]) -> Result<(), End> {
    loop {
        let size = chunk_size(next_line(rest)?)?;
        if size == 0 {
            break;
        }
        let here = rest.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        body.extend_from_slice(&rest[..here]);
        *rest = &rest[here..];
        // This also when the chunk breaks off, as then no line follows.
        if !next_line(rest)?.is_empty() {
            return Err(End::Broken);
        }
    }
    let mut trailers = 0;
    loop {
        let before = rest.len();
        if next_line(rest)?.is_empty() {
            return Ok(());
        }
        trailers += before - rest.len();
        if trailers > LONGEST_HEAD {
            return Err(End::Broken);
        }
    }
}

/// Takes a line, and its line end off.
fn next_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], End> {
    let line = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() > LONGEST_HEAD {
        return Err(End::Broken);
    }
    let bare = line.strip_suffix(b"\n").ok_or(End::Unfinished)?;
    *rest = &rest[line.len()..];
    Ok(bare.strip_suffix(b"\r").unwrap_or(bare))
}

/// `chunk-size [ BWS ";" … ]`, where BWS is spaces and tabs.
fn chunk_size(line: &[u8]) -> Result<u64, End> {
    let mut size: Option<u64> = None;
    let mut bytes = line.iter();
    let next = loop {
        let Some(byte) = bytes.next() else { break None };
        let Some(digit) = char::from(*byte).to_digit(16) else { break Some(byte) };
        let longer = size.unwrap_or(0).checked_mul(16).ok_or(End::Broken)?;
        size = Some(longer + u64::from(digit));
    };
    let mut behind = next.into_iter().chain(bytes);
    match behind.find(|byte| !matches!(byte, b' ' | b'\t')) {
        None | Some(b';') => size.ok_or(End::Broken),
        Some(_) => Err(End::Broken),
    }
}

/// How a body of which all has come ends: the bytes that are of it, and whether it is
/// whole; how many bytes of `stream` it took then.
pub fn body(stream: &[u8], framing: Framing) -> (Bytes, Option<usize>) {
    match framing {
        Framing::NoBody => (Bytes::default(), Some(0)),
        Framing::ToTheEnd => (stream.into(), Some(stream.len())),
        Framing::Length(length) => {
            match usize::try_from(length).ok().filter(|length| *length <= stream.len()) {
                Some(length) => (stream[..length].into(), Some(length)),
                None => (stream.into(), None),
            }
        }
        Framing::Chunked => {
            let Chunked { body, end } = chunked(stream);
            (body, if let End::Whole(taken) = end { Some(taken) } else { None })
        }
    }
}

/// `text` with what `%` and two hexadecimal digits stand for (RFC 3986 §2.1); another `%`
/// means itself.
pub fn percent_decoded(text: &[u8]) -> Bytes {
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut decoded, mut rest) = (Vec::new(), text);
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = match behind {
            [a, b, ..] if first == b'%' => digit(*a).zip(digit(*b)).map(|(a, b)| a * 16 + b),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    Bytes(decoded)
}

/// The file that a request target in origin form names, if it may be served: the path
/// decoded, without the slashes before it.
pub fn file_name(target: &str) -> Option<String> {
    let path = target.split('?').next()?;
    if !path.starts_with('/') {
        return None;
    }
    let name = String::from_utf8(percent_decoded(path.as_bytes()).0).ok()?;
    let odd = name.contains('\0') || name.contains('\\');
    let up = name == ".."
        || name.starts_with("../")
        || name.ends_with("/..")
        || name.contains("/../");
    (!odd && !up).then(|| name.trim_start_matches('/').to_owned())
}
