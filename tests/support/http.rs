//! HTTP as the checks speak it: requests in bytes, answers taken apart, and what a client
//! under test asks.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::program::Server;
use crate::story::{Promise, Seen};
use crate::tcp::Peer;
use crate::{PATIENCE, bytes};

/// A response, taken apart.
pub struct Answer {
    /// The first line of the request, if it is known.
    asked: String,
    /// `HTTP/1.1 200 OK`
    pub status_line: String,
    /// Names in lowercase, and values.
    pub fields: Vec<(String, String)>,
    /// All that came behind the head.
    pub body: Vec<u8>,
}

/// Sends `request` over a connection of its own and takes all that comes, up to the end of
/// the connection.
pub fn ask(server: &Server, request: &[u8], promise: &Promise) -> Answer {
    let mut client = server.connect(promise);
    client.send(request, promise);
    answer_to_the_end(&mut client, PATIENCE, promise).to(request)
}

/// A GET for `target` as a browser sends it.
pub fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// Reads a response and the end of the connection behind it.
pub fn answer_to_the_end(client: &mut Peer, limit: Duration, promise: &Promise) -> Answer {
    let (all, ended) = client.read_to_the_end(limit);
    if all.is_empty() {
        let what = if ended {
            "the connection was closed without an answer"
        } else {
            "no answer came"
        };
        promise.broken(if ended { Seen::Closed } else { Seen::Nothing }, what);
    }
    let answer = Answer::of(&all, promise);
    if !ended {
        let says_close = answer
            .fields
            .iter()
            .any(|(name, value)| name == "connection" && value.eq_ignore_ascii_case("close"));
        let cause = if says_close {
            "`Connection: close` is a promise: close the connection behind the answer"
        } else {
            "close the connection behind the answer: its client has not asked for more"
        };
        promise.broken_because(
            Seen::StillOpen,
            "the answer came, but the connection stays open",
            Some(cause.to_owned()),
        );
    }
    answer
}

impl Answer {
    /// Takes a response apart; its head must be one.
    pub fn of(all: &[u8], promise: &Promise) -> Self {
        let Some(end) = head_end(all) else {
            let shown = bytes::show(all, 60);
            promise.broken_because(
                Seen::Other,
                format!("the answer's head has no end: {shown}"),
                Some(why_endless(all).to_owned()),
            );
        };
        let (status_line, mut fields) = split_head(&all[..end], promise);
        fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        let body = all[end + 4..].to_vec();
        Self { asked: String::new(), status_line, fields, body }
    }

    /// Notes which request it is the answer to, for the story.
    fn to(mut self, request: &[u8]) -> Self {
        let line = request.split(|byte| *byte == b'\n').find(|line| line.len() > 1);
        let line = bytes::show(line.unwrap_or_default().trim_ascii(), 60);
        self.asked = format!("{line} got ");
        self
    }

    /// The status line must begin so, as with `HTTP/1.1 404`.
    pub fn status(&self, want: &str, promise: &Promise) -> &Self {
        if !self.status_line.starts_with(&format!("HTTP/1.1 {want}")) {
            let body = bytes::show(&self.body, 60);
            let got = self.got();
            let what = format!("{got}, not HTTP/1.1 {want}; its body is {body}");
            let version = self.status_line.split(' ').next().unwrap_or_default();
            let cause = (version.len() > "HTTP/1.1".len()).then(|| {
                "a status line is a version, a space, a code, a space, words".to_owned()
            });
            promise.broken_because(Seen::Status, what, cause);
        }
        self
    }

    /// In words, for a story: `"GET / HTTP/1.1" got HTTP/1.1 200 OK`.
    fn got(&self) -> String {
        format!("{}{}", self.asked, self.status_line)
    }

    /// The field must be there once, with this value in whatever case.
    pub fn says(&self, name: &str, want: &str, promise: &Promise) -> &Self {
        let value = self.field(name, promise);
        if !value.eq_ignore_ascii_case(want) {
            let happened = format!("`{name}: {value}` came, not `{want}`");
            if want == "keep-alive" {
                let cause = "the connection can go on behind this answer, as the client asked: \
                             say so, and read its next request";
                promise.broken_because(Seen::Other, happened, Some(cause.to_owned()));
            }
            promise.broken(Seen::Other, happened);
        }
        self
    }

    /// The value of a field that must be there once.
    pub fn field(&self, name: &str, promise: &Promise) -> &str {
        let mut values = self.fields.iter().filter(|(its, _)| *its == name.to_lowercase());
        match (values.next(), values.next()) {
            (Some((_, value)), None) => value,
            (found, _) => {
                let count = if found.is_some() { "more than one" } else { "no" };
                promise.broken_because(
                    Seen::Other,
                    format!("{}, and its head has {count} {name}", self.got()),
                    Some(format!("an answer's head has one line `{name}: …`")),
                )
            }
        }
    }

    /// Its Date must be the time now, as HTTP says it.
    pub fn is_dated(&self, promise: &Promise) -> &Self {
        let date = self.field("Date", promise);
        let Ok(said) = httpdate::parse_http_date(date) else {
            promise.broken(
                Seen::Other,
                format!("Date: {date} reads like: Sun, 06 Nov 1994 08:49:37 GMT"),
            );
        };
        if httpdate::fmt_http_date(said) != date {
            let form =
                "this form is an old one; now it is: Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
            promise.broken_because(Seen::Other, format!("Date: {date}"), Some(form));
        }
        let now = SystemTime::now();
        let off = now.duration_since(said).unwrap_or_else(|error| error.duration());
        if off > Duration::from_secs(60) {
            promise.broken(Seen::Other, format!("Date: {date} is {} s off", off.as_secs()));
        }
        self
    }

    /// The field must not be there.
    pub fn has_no(&self, name: &str, promise: &Promise) -> &Self {
        let name = name.to_lowercase();
        if let Some((_, value)) = self.fields.iter().find(|(its, _)| *its == name) {
            promise.broken(Seen::More, format!("{}, with `{name}: {value}`", self.got()));
        }
        self
    }

    /// There must be no body.
    pub fn is_without_body(&self, promise: &Promise) -> &Self {
        if !self.body.is_empty() {
            let body = bytes::show(&self.body, 40);
            promise.broken(Seen::More, format!("a body came: {body}"));
        }
        self
    }

    /// The body must be exactly these bytes, and Content-Length its length.
    pub fn body(&self, want: &[u8], promise: &Promise) -> &Self {
        self.field("Content-Length", promise);
        self.body_to_the_end(want, promise)
    }

    /// As [`Answer::body`], where the end of the connection may end the body too.
    pub fn body_to_the_end(&self, want: &[u8], promise: &Promise) -> &Self {
        let announced = match self.fields.iter().any(|(name, _)| name == "content-length") {
            true => self.field("Content-Length", promise),
            false => &want.len().to_string(),
        };
        if let Some(difference) = bytes::difference(want, &self.body) {
            let text = format!("in the body (Content-Length: {announced}) {difference}");
            let seen = if want.starts_with(&self.body) { Seen::Part } else { Seen::Other };
            promise.broken(seen, text);
        }
        if announced != want.len().to_string() {
            promise.broken_because(
                Seen::Other,
                format!(
                    "Content-Length is {announced}, and the body has {}",
                    bytes::count(want.len())
                ),
                Some("Content-Length counts the bytes of the body, all and no more".to_owned()),
            );
        }
        self
    }
}

/// A connection that goes on behind an answer.
pub struct Kept {
    /// The connection.
    pub client: Peer,
    /// What has come and was not part of an answer yet.
    unread: Vec<u8>,
}

impl Kept {
    /// Connects to the server under test.
    pub fn connect(server: &Server, promise: &Promise) -> Self {
        Self::at(server.address, promise)
    }

    /// As [`Kept::connect`], for a thread of its own, to which the server does not belong.
    pub fn at(server: SocketAddr, promise: &Promise) -> Self {
        Self { client: Peer::connect(server, promise), unread: Vec::new() }
    }

    /// Sends a request and reads the answer to it.
    pub fn ask(&mut self, request: &[u8], promise: &Promise) -> Answer {
        self.client.send(request, promise);
        self.answer(request.starts_with(b"HEAD "), promise).to(request)
    }

    /// Reads the next answer, whose body ends as Content-Length says.
    pub fn answer(&mut self, for_head: bool, promise: &Promise) -> Answer {
        let end = loop {
            if let Some(end) = head_end(&self.unread) {
                break end + 4;
            }
            self.read_more("of its head", promise);
        };
        let mut answer = Answer::of(&self.unread[..end], promise);
        let status = answer.status_line.split(' ').nth(1).unwrap_or_default();
        let length = match answer.field("Content-Length", promise).parse() {
            _ if for_head || status == "304" => 0,
            Ok(length) => length,
            Err(_) => promise.broken(Seen::Other, "Content-Length is no number"),
        };
        while self.unread.len() < end + length {
            self.read_more("of its body", promise);
        }
        answer.body = self.unread[end..end + length].to_vec();
        self.unread.drain(..end + length);
        answer
    }

    fn read_more(&mut self, part: &str, promise: &Promise) {
        let came = bytes::show(&self.unread, 60);
        match self.client.read(64 * 1024, PATIENCE) {
            Some(more) if !more.is_empty() => self.unread.extend(more),
            Some(_) if self.unread.is_empty() => {
                promise.broken(Seen::Closed, "the connection was closed without an answer");
            }
            Some(_) => promise.broken(
                Seen::Closed,
                format!("the answer broke off in the middle {part}: {came}"),
            ),
            None if self.unread.is_empty() => promise.broken(Seen::Nothing, "no answer came"),
            None => promise
                .broken(Seen::Part, format!("the answer stopped in the middle {part}: {came}")),
        }
    }

    /// The connection must end here, without another byte.
    pub fn expect_end(mut self, limit: Duration, promise: &Promise) {
        self.expect_nothing_unread(promise);
        self.client.expect_end(limit, promise);
    }

    /// Nothing more may come, and the connection must stay open, for `time`.
    pub fn expect_open(&mut self, time: Duration, promise: &Promise) {
        self.expect_nothing_unread(promise);
        self.client.expect_still_open(time, promise);
    }

    fn expect_nothing_unread(&self, promise: &Promise) {
        if !self.unread.is_empty() {
            let more = bytes::show(&self.unread, 60);
            promise.broken(Seen::More, format!("behind the answer came {more}"));
        }
    }
}

/// The head of a request as it arrived.
pub struct Asked {
    /// All of it, its empty line included.
    pub bytes: Vec<u8>,
    /// `GET /index.html HTTP/1.1`
    pub line: String,
    /// Names and values.
    fields: Vec<(String, String)>,
}

impl Asked {
    /// Reads a request, which must be one.
    pub fn from(client: &mut Peer, promise: &Promise) -> Self {
        let mut all = Vec::new();
        let end = loop {
            if let Some(end) = head_end(&all) {
                break end;
            }
            match client.read(64 * 1024, PATIENCE) {
                Some(more) if !more.is_empty() && all.len() < 1 << 20 => all.extend(more),
                came => Self::has_no_end(&all, came, promise),
            }
        };
        let behind = &all[end + 4..];
        if !behind.is_empty() {
            let behind = bytes::show(behind, 60);
            promise.broken(Seen::More, format!("behind the request's head came {behind}"));
        }
        let (line, fields) = split_head(&all[..end], promise);
        Self { line, fields, bytes: all }
    }

    fn has_no_end(all: &[u8], came: Option<Vec<u8>>, promise: &Promise) -> ! {
        let (seen, then) = match came {
            Some(_) => (Seen::Closed, "then the client closed"),
            None => (Seen::Part, "then nothing more"),
        };
        match all {
            [] if came.is_some() => promise.broken(seen, "the client closed without a request"),
            [] => promise.broken(Seen::Nothing, "no request came"),
            _ => promise.broken_because(
                seen,
                format!("{} came, {then}", bytes::show(all, 80)),
                Some(why_endless(all).to_owned()),
            ),
        }
    }

    /// The request line must be this.
    pub fn line(&self, want: &str, promise: &Promise) -> &Self {
        if self.line != want {
            promise.broken(Seen::Other, format!("`{}` came, not `{want}`", self.line));
        }
        self
    }

    /// The value of a field that must be there once.
    pub fn field(&self, name: &str, promise: &Promise) -> &str {
        let mut values = self.fields.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => value,
            (None, _) => promise.broken(Seen::Part, format!("the request has no {name}")),
            (Some(_), Some(_)) => {
                promise.broken(Seen::More, format!("the request has more than one {name}"))
            }
        }
    }

    /// The field must be there once, with this value.
    pub fn has(&self, name: &str, want: &str, promise: &Promise) -> &Self {
        let value = self.field(name, promise);
        if value != want {
            promise.broken(Seen::Other, format!("`{name}: {value}` came, not `{want}`"));
        }
        self
    }
}

/// Where the empty line begins that ends a head.
fn head_end(all: &[u8]) -> Option<usize> {
    all.windows(4).position(|part| part == b"\r\n\r\n")
}

/// Why a head has no end.
fn why_endless(all: &[u8]) -> &'static str {
    if all.windows(2).any(|part| part == b"\n\n") {
        "the lines of a head end with CR LF (\\r\\n), not with LF alone"
    } else {
        "an empty line (CR LF) ends a head, also where no body follows"
    }
}

/// The first line of a head, and its fields.
fn split_head(head: &[u8], promise: &Promise) -> (String, Vec<(String, String)>) {
    let text = bytes::text(head);
    if text.replace("\r\n", "").contains(['\r', '\n']) {
        promise.broken_because(
            Seen::Other,
            format!("the head is {}", bytes::show(head, 80)),
            Some("each line of a head ends with CR LF (\\r\\n)".to_owned()),
        );
    }
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let fields = lines.map(|line| match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains([' ', '\t']) => {
            (name.to_owned(), value.trim().to_owned())
        }
        _ => promise.broken_because(
            Seen::Other,
            format!("a line of the head is `{line}`"),
            Some("behind the first line each is a name, a colon and a value".to_owned()),
        ),
    });
    (first, fields.collect())
}
