//! A request's head, taken apart line by line.

use super::answer::Answer;
use crate::flaw;

pub(super) struct Request {
    pub(super) line: String,
    pub(super) method: String,
    pub(super) target: String,
    /// Whether an empty line came first.
    pub(super) late: bool,
    minor: u8,
    /// Names in lowercase, and values.
    fields: Vec<(String, String)>,
}

impl Request {
    /// Reads a head, up to its empty line. What cannot be read is answered so.
    pub(super) fn read(head: &[u8]) -> Result<Self, Answer> {
        if flaw("panics-on-odd-bytes") {
            String::from_utf8(head.to_vec()).unwrap();
        }
        let text = String::from_utf8_lossy(head);
        let text = text.strip_prefix("\r\n").or(text.strip_prefix('\n')).unwrap_or(&text);
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let mut request = Self::read_line(lines.next().unwrap_or_default())?;
        request.late = head.starts_with(b"\r") || head.starts_with(b"\n");
        for line in lines.take_while(|line| !line.is_empty()) {
            request.read_field(line)?;
        }
        request.check()?;
        Ok(request)
    }

    fn read_line(line: &str) -> Result<Self, Answer> {
        let words: Vec<&str> = line.split(' ').collect();
        if flaw("panics-on-a-short-line") {
            assert!(!words[1].is_empty() && !words[2].is_empty());
        }
        let &[method, target, version] = &words[..] else {
            return bad("a request line is: METHOD TARGET HTTP/1.1");
        };
        if !is_token(method) || target.is_empty() || has_bare_cr(line) {
            return bad("a request line begins with GET, a space, and a target");
        }
        let minor = match version.as_bytes() {
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                if *major != b'1' && !flaw("no-505") {
                    return Err(Answer::words(505, "HTTP/1.1 is spoken here"));
                }
                minor - b'0'
            }
            _ => return bad("the version reads: HTTP/1.1"),
        };
        Ok(Self {
            line: line.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            late: false,
            minor,
            fields: Vec::new(),
        })
    }

    fn read_field(&mut self, line: &str) -> Result<(), Answer> {
        if has_bare_cr(line) {
            return bad("a CR stands alone: lines end with CR LF");
        }
        if line.starts_with([' ', '\t']) {
            if flaw("takes-folded-lines")
                && let Some((_, value)) = self.fields.last_mut()
            {
                value.push_str(line);
                return Ok(());
            }
            return bad("a field line begins with a space");
        }
        let colon = if flaw("colon-and-space") { ": " } else { ":" };
        let Some((name, value)) = line.split_once(colon) else {
            if flaw("takes-a-line-without-colon") {
                return Ok(());
            }
            return bad("a field line is: NAME: VALUE");
        };
        let name = if flaw("takes-a-space-before-the-colon") { name.trim_end() } else { name };
        let is_name = is_token(name) || name.is_empty() && flaw("takes-a-field-without-name");
        if !is_name {
            return bad("a field's name ends at its colon, without a space");
        }
        let is_unknown = flaw("capitals-are-another-name") && name == name.to_uppercase();
        let name = if is_unknown { name.to_owned() } else { name.to_lowercase() };
        self.fields.push((name, value.trim().to_owned()));
        Ok(())
    }

    /// Whether the fields agree with one another.
    fn check(&self) -> Result<(), Answer> {
        let hosts = self.all("host").count();
        let asks_for_host = self.minor > 0 || flaw("asks-1.0-for-a-host");
        if hosts == 0 && asks_for_host && !flaw("asks-for-no-host") {
            return bad("HTTP/1.1 asks for a Host");
        }
        if hosts > 1 && !flaw("takes-two-hosts") {
            return bad("there is more than one Host");
        }
        let lengths: Vec<&str> = self.all("content-length").collect();
        let is_number = |text: &&str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
                || flaw("takes-a-list-of-lengths") && text.contains(',')
                || flaw("takes-any-length")
                || flaw("takes-a-sign-of-a-length") && text.parse::<u64>().is_ok()
        };
        if !lengths.iter().all(is_number) {
            return bad("Content-Length is a number");
        }
        if lengths.iter().any(|length| *length != lengths[0]) && !flaw("takes-unequal-lengths")
        {
            return bad("there are two lengths, and they differ");
        }
        let chunked = self.all("transfer-encoding").next().is_some();
        if chunked && !lengths.is_empty() && !flaw("takes-both-lengths") {
            return bad("Content-Length and Transfer-Encoding exclude each other");
        }
        Ok(())
    }

    /// The values of a field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(its, _)| its == name).map(|(_, value)| &**value)
    }

    pub(super) fn has_body(&self) -> bool {
        if flaw("any-length-is-a-body") && self.all("content-length").next().is_some() {
            return true;
        }
        let sized = self.all("content-length").any(|text| !text.trim_matches('0').is_empty());
        let mut codings = self.all("transfer-encoding");
        let chunked = match flaw("chunked-in-lowercase-only") {
            true => codings.any(|coding| coding == "chunked"),
            false => codings.next().is_some(),
        };
        sized && !flaw("takes-a-body-for-a-request")
            || chunked && !flaw("takes-chunks-for-a-request")
    }

    /// Whether the client wants to go on behind this request.
    pub(super) fn goes_on(&self, persistent: bool) -> bool {
        if flaw("keeps-for-all") {
            return !self.all("connection").any(|value| value == "close");
        }
        if flaw("keeps-none") {
            return false;
        }
        let persistent = persistent && !flaw("persistent-ignored");
        let may_be_default = self.minor > 0 || flaw("persistent-for-1.0");
        if flaw("case-sensitive-keep-alive") {
            let mut tokens = self.all("connection").flat_map(|value| value.split(", "));
            let closes = self.all("connection").any(|value| value.contains("close"));
            return !closes && tokens.any(|token| token == "keep-alive");
        }
        if flaw("whole-value-only") {
            let asks = |value: &str| value.eq_ignore_ascii_case("keep-alive");
            let closes = |value: &str| value.eq_ignore_ascii_case("close");
            return self.all("connection").any(asks) && !self.all("connection").any(closes);
        }
        if flaw("keep-alive-beats-close") {
            let asks = |value: &str| value.to_lowercase().contains("keep-alive");
            return self.all("connection").any(asks) || persistent && may_be_default;
        }
        if flaw("refuses-1.0") && self.minor == 0 {
            return false;
        }
        let lines = if flaw("one-line-of-connection") { 1 } else { usize::MAX };
        let says = |word: &str| {
            let mut tokens =
                self.all("connection").take(lines).flat_map(|value| value.split(','));
            tokens.any(|token| token.trim().eq_ignore_ascii_case(word))
        };
        let closes = says("close") && !(persistent && flaw("persistent-never-closes"));
        !closes && (says("keep-alive") || persistent && may_be_default)
    }
}

fn bad<T>(why: &str) -> Result<T, Answer> {
    Err(Answer::words(400, if flaw("bad-request-alone") { "Bad Request" } else { why }))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn has_bare_cr(line: &str) -> bool {
    line.contains('\r') && !flaw("takes-a-bare-cr")
}
