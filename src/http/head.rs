//! The head of an HTTP/1.x message: where it ends, and what it says (RFC 9112).
//!
//! ```text
//! GET /index.html HTTP/1.1     the request line: method, request target, version
//! Host: localhost:6789         field lines: a name, a colon, a value
//! Accept: */*
//!                              an empty line ends the head
//! ```
//!
//! A head that has not come whole is no error: [`head_length`] says `None`, and one reads
//! on. Only what can never become a message is an error, and says in words what is wrong.

use std::fmt;

/// The longest head that the servers here read, in bytes. RFC 9112 §3 recommends at least
/// 8,000 for the request line alone.
pub const LONGEST_HEAD: usize = 8192;

/// What a request head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do: `GET`, `HEAD`, … Names are case-sensitive (RFC 9110 §9.1).
    pub method: &'a str,
    /// What to do it with, as it was sent: `/index.html?lang=en`.
    pub target: &'a str,
    /// `1` in HTTP/1.1: whether the connection persists unless told (RFC 9112 §9.3).
    pub minor_version: u8,
    /// The field lines.
    pub fields: Fields<'a>,
}

/// What a response head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// `1` in HTTP/1.1.
    pub minor_version: u8,
    /// `200`, `404`, … (RFC 9110 §15).
    pub status: u16,
    /// The words behind the status, which mean nothing to a program.
    pub reason: &'a [u8],
    /// The field lines.
    pub fields: Fields<'a>,
}

/// The field lines of a head that has been read without complaint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    /// With which letters the names begin, a bit for each. Most fields that a server looks
    /// for are not there, and need not be searched for.
    initials: u32,
}

/// Why a head can never be a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It breaks the grammar; what is wrong, in words for its author.
    Syntax(String),
    /// It is HTTP, but not HTTP/1.x.
    Version(String),
}

/// The length of the head that `bytes` begin with, its empty line included, once it is
/// there.
///
/// A line ends with CR LF, but a bare LF will do (RFC 9112 §2.2). One empty line before
/// the request line is passed over, as the same section asks of servers.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    // Fill in start 3.3: find the empty line that ends the head
    let mut start = skip_empty_line(bytes);
    loop {
        let end = start + bytes[start..].iter().position(|byte| *byte == b'\n')?;
        let line = &bytes[start..end];
        start = end + 1;
        if line.is_empty() || line == b"\r" {
            return Some(start);
        }
    }
    // Fill in instead: if bytes.is_empty() { None } else { Some(bytes.len()) }
    // Fill in end 3.3
}

/// Whether the request that begins here, be it one that can be read or not, has the method
/// HEAD, whose answer has no body (RFC 9110 §9.3.2).
pub fn asks_for_head(bytes: &[u8]) -> bool {
    bytes[skip_empty_line(bytes)..].starts_with(b"HEAD ")
}

/// Reads a request head, as long as [`head_length`] says.
///
/// # Errors
/// [`Malformed`] with what is wrong in words.
pub fn parse_request(head: &[u8]) -> Result<Request<'_>, Malformed> {
    let (line, rest) = split_start_line(&head[skip_empty_line(head)..]);
    let line = without_cr(line)?;
    if line.is_empty() {
        return Err(syntax(
            "the request line is empty; it reads like: GET /index.html HTTP/1.1",
        ));
    }
    let line = visible_ascii(line)?;

    // Fill in start 3.5: take the request line apart, and refuse what is none

    // RFC 9112 §3: method SP request-target SP HTTP-version, each SP a single space.
    let mut parts = line.split(' ');
    let (method, target, version) = match (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) {
        (Some(method), Some(target), Some(version), None) => (method, target, version),
        (_, _, None, _) => {
            return Err(syntax(format!(
                "the request line has no version at its end: \"{line}\"; it reads like: \
                 GET /index.html HTTP/1.1"
            )));
        }
        _ => {
            return Err(syntax(format!(
                "the request line has more than three parts: \"{line}\"; a space within the \
                 target is written %20"
            )));
        }
    };
    if method.is_empty() || !method.bytes().all(is_token_byte) {
        return Err(syntax(format!("\"{method}\" is no method; it reads like: GET")));
    }
    if target.is_empty() {
        return Err(syntax(
            "two spaces stand where the request target should be, like /index.html",
        ));
    }
    let minor_version = minor_version(version)?;
    // Fill in instead: let mut words = line.split_whitespace();
    // Fill in instead: let method = words.next().unwrap_or("GET");
    // Fill in instead: let target = words.next().unwrap_or("/");
    // Fill in instead: let minor_version = 1;
    // Fill in end 3.5

    lines(rest).try_for_each(check_field)?;
    Ok(Request { method, target, minor_version, fields: Fields::new(rest) })
}

/// Reads a response head, as long as [`head_length`] says and after [`mend`].
///
/// A client is more patient than a server: a field that no server should have sent does
/// no harm as long as the client looks for another one.
///
/// # Errors
/// [`Malformed`] with what is wrong in words.
pub fn parse_response(head: &[u8]) -> Result<Response<'_>, Malformed> {
    let (line, rest) = split_start_line(head);
    // RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]; some servers leave
    // the last space out.
    let mut parts = without_cr(line)?.splitn(3, |byte| *byte == b' ');
    let version = visible_ascii(parts.next().unwrap_or_default())?;
    let minor_version = minor_version(version)?;
    let status = match parts.next() {
        Some([a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => {
            [a, b, c].iter().fold(0, |number, digit| number * 10 + u16::from(*digit - b'0'))
        }
        _ => return Err(syntax("the status line has no status code of three digits")),
    };
    let is_no_field =
        |line: &&[u8]| !line.contains(&b':') || matches!(line, [b' ' | b'\t', ..]);
    if let Some(line) = lines(rest).find(is_no_field) {
        return Err(syntax(format!("a line is no field: \"{}\"", excerpt(line))));
    }
    let reason = parts.next().unwrap_or_default();
    Ok(Response { minor_version, status, reason, fields: Fields::new(rest) })
}

/// Makes a response head readable that a strict reader would refuse, as a client should: a
/// field line that continues the one before, a CR without its LF, and NUL become spaces
/// (RFC 9112 §5.2, §2.2, RFC 9110 §5.5).
pub fn mend(head: &mut [u8]) {
    let first_line = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    // From the end, as a CR that has become a space may make its line one that continues.
    for at in (0..head.len()).rev() {
        match (head[at], head.get(at + 1).copied()) {
            // Behind the status line there is no field to be continued.
            (b'\n', Some(b' ' | b'\t')) if at > first_line => head[at] = b' ',
            (b'\r', next) if next != Some(b'\n') => head[at] = b' ',
            (b'\0', _) => head[at] = b' ',
            _ => {}
        }
    }
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let initials = lines(bytes).fold(0, |initials, line| initials | initial(line));
        Self { bytes, initials }
    }

    /// The value of the first field of that name. Names are case-insensitive (RFC 9110
    /// §5.1).
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all fields of that name, in order.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let there = self.initials & initial(name.as_bytes()) != 0;
        let lines = lines(if there { self.bytes } else { &[] });
        lines.filter_map(move |line| {
            let (its, rest) = line.split_at_checked(name.len())?;
            if !its.eq_ignore_ascii_case(name.as_bytes()) {
                return None;
            }
            let rest = trim(rest.strip_suffix(b"\r").unwrap_or(rest));
            rest.strip_prefix(b":").map(trim)
        })
    }

    /// All fields, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        lines(self.bytes).filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = str::from_utf8(trim(&line[..colon])).ok()?;
            Some((name, trim(&line[colon + 1..])))
        })
    }

    /// The number of bytes that `Content-Length` announces, if it is there (RFC 9110 §8.6).
    ///
    /// # Errors
    /// It is no number, or there are several and they differ: whoever guesses then which
    /// one is right may guess otherwise than others on the way (RFC 9112 §6.3).
    pub fn content_length(self) -> Result<Option<u64>, Malformed> {
        let mut length = None;
        let values = self.all("Content-Length");
        for value in values.flat_map(|value| value.split(|byte| *byte == b',')).map(trim) {
            // Digits and nothing else: `parse` would take a sign.
            let digits = value.iter().all(u8::is_ascii_digit);
            let number = str::from_utf8(value).ok().filter(|_| digits);
            let number = number.and_then(|number| number.parse::<u64>().ok());
            match number.filter(|number| length.is_none_or(|before| before == *number)) {
                Some(number) => length = Some(number),
                None => {
                    let shown = excerpt(value);
                    let what = format!("\"{shown}\" is no Content-Length, or not the same one");
                    return Err(syntax(what));
                }
            }
        }
        Ok(length)
    }

    /// The members of a field whose value is a list with commas, in all lines of that name
    /// together (RFC 9110 §5.3, §5.6.1).
    pub fn list(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let values = self.all(name);
        let members = values.flat_map(|value| value.split(|byte| *byte == b','));
        members.map(trim).filter(|member| !member.is_empty())
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.iter().map(|(name, value)| (name, value.escape_ascii().to_string()));
        f.debug_map().entries(fields).finish()
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) | Self::Version(what) => f.write_str(what),
        }
    }
}

/// The start line with its CR, and the field lines.
fn split_start_line(head: &[u8]) -> (&[u8], &[u8]) {
    let end = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    let (line, rest) = head.split_at(end);
    (line, rest.get(1..).unwrap_or_default())
}

/// The bit for the character that a field line begins with, be it in upper or lower case.
fn initial(line: &[u8]) -> u32 {
    1 << (line.first().unwrap_or(&b':') & 0x1f)
}

/// The lines up to the empty one, without their LF.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.take_while(|line| !line.is_empty() && *line != b"\r")
}

/// A field line of a request: name, colon, optional white space around the value (RFC
/// 9112 §5).
fn check_field(line: &[u8]) -> Result<(), Malformed> {
    let line = without_cr(line)?;
    let shown = || excerpt(line);
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        // §5.2: such a line used to continue the one before; a server must refuse it.
        return Err(syntax(format!("a field line begins with white space: \"{}\"", shown())));
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Err(syntax(format!("a field line has no colon: \"{}\"", shown())));
    };
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    if !is_field_name(name) {
        // §5.1: white space before the colon must be refused; requests have been
        // smuggled past proxies with it.
        return Err(syntax(format!("\"{}\" is no field name", excerpt(name))));
    }
    // RFC 9110 §5.5: CR, LF and NUL are dangerous; other control characters are invalid.
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(syntax(format!(
            "a field's value has a control character: \"{}\"",
            shown()
        )));
    }
    Ok(())
}

/// Whether `name` is one that a field may have: a token (RFC 9110 §5.1).
pub fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().copied().all(is_token_byte)
}

/// A line without the CR of its line end. Another CR would end the line for some readers
/// and not for others (RFC 9112 §2.2).
fn without_cr(line: &[u8]) -> Result<&[u8], Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') {
        return Err(syntax("a CR stands where no LF follows"));
    }
    Ok(line)
}

/// The start line as text: letters, digits, signs and spaces of ASCII.
fn visible_ascii(line: &[u8]) -> Result<&str, Malformed> {
    let visible = line.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    match str::from_utf8(line) {
        Ok(text) if visible => Ok(text),
        _ => Err(syntax(format!(
            "the first line has characters that must be percent-encoded, or is no HTTP at all: \
             \"{}\"",
            excerpt(line)
        ))),
    }
}

/// `1` of `HTTP/1.1` (RFC 9112 §2.3).
fn minor_version(version: &str) -> Result<u8, Malformed> {
    match version.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => Ok(minor - b'0'),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Malformed::Version(format!("{version} is not spoken here, but HTTP/1.1 is")))
        }
        other => {
            Err(syntax(format!("\"{}\" is no version; it reads: HTTP/1.1", excerpt(other))))
        }
    }
}

/// The beginning of what a peer has sent, for a message: it may be long, and may be
/// anything.
pub fn excerpt(bytes: &[u8]) -> String {
    const MOST: usize = 60;
    let cut = if bytes.len() > MOST { "…" } else { "" };
    format!("{}{cut}", bytes[..bytes.len().min(MOST)].escape_ascii())
}

/// Characters of a token, that is of methods and field names (RFC 9110 §5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without the spaces and tabs around it.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn skip_empty_line(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => 0,
    }
}

fn syntax(what: impl Into<String>) -> Malformed {
    Malformed::Syntax(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(head: &[u8]) -> Result<Request<'_>, Malformed> {
        assert_eq!(head_length(head), Some(head.len()), "{:?}", head.escape_ascii());
        parse_request(head)
    }

    #[test]
    fn a_head_has_its_length_once_it_is_whole() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(head_length(&head[..end]), None, "after {end} bytes");
        }
        assert_eq!(head_length(head), Some(head.len()));
        assert_eq!(head_length(&[&head[..], b"GET / HTTP/1.1"].concat()), Some(head.len()));
        assert_eq!(head_length(b"GET / HTTP/1.0\n\nrest"), Some(16));
        assert_eq!(head_length(b"\r\nGET / HTTP/1.0\n\r\n"), Some(19));
        assert_eq!(head_length(b"\n\n"), Some(2));
    }

    #[test]
    fn a_request_is_read() {
        let head = b"GET /a%20b?c HTTP/1.1\r\nHost: localhost\r\nACCEPT:\t*/* \r\n\r\n";
        let request = request(head).expect("a request");
        assert_eq!((request.method, request.target), ("GET", "/a%20b?c"));
        assert_eq!(request.minor_version, 1);
        assert_eq!(request.fields.get("host"), Some(&b"localhost"[..]));
        assert_eq!(request.fields.get("Accept"), Some(&b"*/*"[..]));
        assert_eq!(request.fields.get("Cookie"), None);
    }

    #[test]
    fn a_request_for_a_head_may_be_malformed_or_behind_an_empty_line() {
        for bytes in ["HEAD / HTTP/1.1\r\n\r\n", "\r\nHEAD / HTTP/1.1", "\nHEAD  "] {
            assert!(asks_for_head(bytes.as_bytes()), "{bytes:?}");
        }
        for bytes in ["GET / HTTP/1.1\r\n\r\n", "HEADER / HTTP/1.1", "head /", "\n\nHEAD /"] {
            assert!(!asks_for_head(bytes.as_bytes()), "{bytes:?}");
        }
    }

    #[test]
    fn line_feeds_alone_end_lines_too() {
        let request = request(b"\nHEAD / HTTP/1.0\nA: 1\nA: 2, 3\n\n").expect("a request");
        assert_eq!((request.method, request.minor_version), ("HEAD", 0));
        let list: Vec<&[u8]> = request.fields.list("a").collect();
        assert_eq!(list, [b"1", b"2", b"3"]);
    }

    #[test]
    fn what_is_no_request_line_is_refused() {
        for head in [
            &b"\r\n\r\n"[..],
            b"GET /\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /a b HTTP/1.1\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET  HTTP/1.1\r\n\r\n",
            b"G(T / HTTP/1.1\r\n\r\n",
            b"GET / HTTP:/1.1\r\n\r\n",
            b"GET / http/1.1\r\n\r\n",
            b"GET / HTTP/1.10\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET /\xe9 HTTP/1.1\r\n\r\n",
        ] {
            let shown = head.escape_ascii().to_string();
            let error = request(head).expect_err(&shown);
            assert!(!error.to_string().is_empty(), "{shown} is refused without a word");
        }
    }

    #[test]
    fn what_is_wrong_with_a_field_is_said_in_words() {
        for (head, words) in [
            (&b"GET / HTTP/1.1\r\nHost\r\n\r\n"[..], "no colon"),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "\"Host \" is no field name"),
            (b"GET / HTTP/1.1\r\n: a\r\n\r\n", "no field name"),
            (b"GET / HTTP/1.1\r\n A: b\r\n\r\n", "white space"),
            (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "white space"),
            (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "CR"),
            (b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", "control character"),
            (b"GET /\r HTTP/1.1\r\n\r\n", "CR"),
        ] {
            let error = request(head).expect_err(&head.escape_ascii().to_string());
            assert!(error.to_string().contains(words), "{error}, not {words}");
        }
    }

    #[test]
    fn only_another_version_is_told_apart() {
        let version = |head| matches!(request(head), Err(Malformed::Version(_)));
        assert!(version(b"GET / HTTP/2.0\r\n\r\n"));
        assert!(version(b"GET / HTTP/0.9\r\n\r\n"));
        assert!(!version(b"GET / HTTP/1.9\r\n\r\n"));
        assert!(!version(b"GET / HTTX/2.0\r\n\r\n"));
    }

    #[test]
    fn a_response_need_not_be_strict() {
        let mut head = b"HTTP/1.1 200 O\rK\r\nA : 1\r\nB: 2,\r\n\t3\nC: 4\n 5\r\n\r\n".to_vec();
        mend(&mut head);
        assert_eq!(head_length(&head), Some(head.len()));
        let response = parse_response(&head).expect("a response");
        assert_eq!(response.reason, b"O K");
        assert_eq!(response.fields.get("a"), Some(&b"1"[..]));
        let list: Vec<&[u8]> = response.fields.list("b").collect();
        assert_eq!(list, [b"2", b"3"]);
        assert_eq!(response.fields.get("c"), Some(&b"4  5"[..]));
    }

    #[test]
    fn what_no_field_may_hold_becomes_a_space_and_a_status_line_is_not_continued() {
        let mut head = b"HTTP/1.1 200 OK\r\n B: 1\r\nA: 1\x002\n\r\n".to_vec();
        mend(&mut head);
        assert_eq!(head, b"HTTP/1.1 200 OK\r\n B: 1\r\nA: 1 2\n\r\n");
    }

    #[test]
    fn it_is_told_whether_a_request_line_has_too_few_parts_or_too_many() {
        let told = |head| format!("{:?}", request(head).err());
        assert!(told(b"GET\r\n\r\n").contains("has no version"));
        assert!(told(b"GET /\r\n\r\n").contains("has no version"));
        assert!(told(b"GET /a b HTTP/1.1\r\n\r\n").contains("more than three parts"));
    }

    #[test]
    fn fields_are_read_in_order_and_shown_in_messages() {
        let head = b"HTTP/1.1 200 OK\r\nA : one\r\nb:\xff\r\n\r\nbody: no\r\n";
        let fields = parse_response(head).expect("a response").fields;
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [("A", &b"one"[..]), ("b", b"\xff")]);
        assert_eq!(format!("{fields:?}"), r#"{"A": "one", "b": "\\xff"}"#);
    }

    #[test]
    fn an_excerpt_has_the_first_60_bytes() {
        assert_eq!(excerpt(&[b'a'; 59]), "a".repeat(59));
        assert_eq!(excerpt(&[b'a'; 60]), "a".repeat(60));
        assert_eq!(excerpt(&[b'a'; 61]), "a".repeat(60) + "…");
        assert_eq!(excerpt(b"\x1b"), "\\x1b");
    }

    #[test]
    fn a_response_is_read() {
        for (line, reason) in [
            ("HTTP/1.1 404 Not Found", &b"Not Found"[..]),
            ("HTTP/1.1 404 ", b""),
            ("HTTP/1.1 404", b""),
        ] {
            let head = format!("{line}\r\nServer: x\r\n\r\n");
            let response = parse_response(head.as_bytes()).expect("a response");
            assert_eq!((response.status, response.reason), (404, reason));
            assert_eq!(response.fields.get("server"), Some(&b"x"[..]));
        }
        for line in [
            "HTTP/1.1 40 No",
            "HTTP/1.1 4040 No",
            "HTTP/1.1",
            "404 Not Found",
            "ICY 200 OK",
            "HTTP/1.1 200 OK\r\nno colon",
        ] {
            let head = format!("{line}\r\n\r\n");
            assert!(parse_response(head.as_bytes()).is_err(), "{line}");
        }
    }
}
