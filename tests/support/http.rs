//! HTTP as the checks speak it: requests in bytes, answers taken apart, and what a client
//! under test asks.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::program::Server;
use crate::story::{Promise, Seen};
use crate::tcp::{Peer, RESET, reset_told, was_reset};
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
    /// The request had no end yet: its empty line was not sent.
    early: bool,
    /// The error by which its connection ended, if it was reset.
    reset: Option<ErrorKind>,
}

/// Why a request is answered that has not come whole.
pub const ANSWERED_EARLY: &str = "the request was answered before it was whole: one read was taken \
    for all of it, but its empty line (CR LF) was never sent; read on until that comes";

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

/// A request that asks to keep the connection for another one.
pub fn kept(method: &str, target: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        .into_bytes()
}

/// Reads a response and the end of the connection behind it.
pub fn answer_to_the_end(client: &mut Peer, limit: Duration, promise: &Promise) -> Answer {
    let (all, ended) = client.read_to_the_end(limit);
    if all.is_empty() {
        no_answer(client, ended, limit, promise);
    }
    let mut answer = Answer::taken_apart(all, promise);
    answer.reset = client.reset_by();
    if !ended {
        let state = client.meanwhile();
        let length = answer.announced().unwrap_or_default();
        // Without a body at all it may be the answer to HEAD.
        if (1..length).contains(&answer.body.len()) {
            let came = bytes::count_of(answer.body.len(), length);
            promise.broken_because(
                Seen::Part,
                format!("the answer stopped in its body: {came} came{}", state.told),
                bytes::cut_short(length, answer.body.len()).or(state.cause),
            );
        }
        promise.broken_because(
            Seen::StillOpen,
            format!("the answer came, but the connection stays open{}", state.told),
            Some(why_open(&answer).to_owned()),
        );
    }
    answer
}

/// A request was sent, and not a byte came.
fn no_answer(client: &mut Peer, ended: bool, limit: Duration, promise: &Promise) -> ! {
    if let Some(error) = client.reset_by() {
        was_reset("no answer came: ", error, promise);
    }
    if ended {
        promise.broken(Seen::Closed, "the connection was closed without an answer");
    }
    let state = client.meanwhile();
    let happened = format!("no answer came within {} s{}", limit.as_secs_f64(), state.told);
    let found = client.provoke_answer().or(state.cause);
    promise.broken_because(Seen::Nothing, happened, found);
}

const CLOSE_IS_A_PROMISE: &str =
    "`Connection: close` is a promise: close the connection behind the answer";

/// Why a connection is to be closed behind an answer.
fn why_open(answer: &Answer) -> &'static str {
    if answer.says_close() {
        CLOSE_IS_A_PROMISE
    } else {
        "close the connection behind the answer: its client has not asked for more"
    }
}

impl Answer {
    /// Takes a response apart; its head must be one.
    pub fn of(all: &[u8], promise: &Promise) -> Self {
        Self::taken_apart(all.to_vec(), promise)
    }

    fn taken_apart(mut all: Vec<u8>, promise: &Promise) -> Self {
        let Some(end) = head_end(&all) else {
            let shown = bytes::show(&all, 60);
            promise.broken_because(
                Seen::Other,
                format!("the answer's head has no end: {shown}"),
                Some(why_endless(&all).to_owned()),
            );
        };
        let (status_line, mut fields) = split_head(&all[..end], promise);
        fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        // In place: a body may be large.
        all.drain(..end + 4);
        let asked = String::new();
        Self { asked, status_line, fields, body: all, early: false, reset: None }
    }

    /// Notes which request it is the answer to, for the story.
    fn to(mut self, request: &[u8]) -> Self {
        let line = request.split(|byte| *byte == b'\n').find(|line| line.len() > 1);
        let line = bytes::show(line.unwrap_or_default().trim_ascii(), 60);
        self.asked = format!("{line} got ");
        let empty_lines = [&b"\n\r\n"[..], b"\n\n"];
        self.early =
            empty_lines.iter().all(|end| request.windows(end.len()).all(|part| part != *end));
        self
    }

    /// What Content-Length says, if there is one.
    fn announced(&self) -> Option<usize> {
        let length = self.fields.iter().find(|(name, _)| name == "content-length");
        length?.1.parse().ok()
    }

    fn says_close(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(name, its)| name == "connection" && its.eq_ignore_ascii_case("close"))
    }

    /// The status line must begin so, as with `HTTP/1.1 404`.
    pub fn status(&self, want: &str, promise: &Promise) -> &Self {
        if !self.status_line.starts_with(&format!("HTTP/1.1 {want}")) {
            let body = bytes::show(&self.body, 60);
            let got = self.got();
            if !self.status_line.starts_with("HTTP/") && !self.asked.is_empty() {
                let happened = format!("{got}, which is no status line");
                promise.broken_because(Seen::Other, happened, Some(NO_STATUS_LINE.to_owned()));
            }
            let what = format!("{got}, not HTTP/1.1 {want}; its body is {body}");
            let version = self.status_line.split(' ').next().unwrap_or_default();
            let cause = (version.len() > "HTTP/1.1".len()).then(|| {
                "a status line is a version, a space, a code, a space, words".to_owned()
            });
            let promise = match self.early {
                true => &promise.clone().cause(&[Seen::Status], ANSWERED_EARLY),
                false => promise,
            };
            promise.broken_because(Seen::Status, what, cause);
        }
        self
    }

    /// In words, for a story: `"GET / HTTP/1.1" got HTTP/1.1 200 OK`.
    fn got(&self) -> String {
        // Where no answer begins this may be megabytes of a body.
        let line = match self.status_line.len() {
            ..=200 => self.status_line.clone(),
            _ => bytes::show(self.status_line.as_bytes(), 200),
        };
        format!("{}{line}", self.asked)
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
            let cause = "Date is the time now, in GMT whatever the time zone of the machine";
            let happened = format!("Date: {date} is {} s off", off.as_secs());
            promise.broken_because(Seen::Other, happened, Some(cause.to_owned()));
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
        if self.body == want && announced == want.len().to_string() {
            return self;
        }
        let characters = bytes::fewer_characters(want).map(|count| count.to_string());
        let counts_characters = characters.is_some_and(|count| count == announced);
        let Some(difference) = bytes::difference(want, &self.body) else {
            let length = bytes::count(want.len());
            let cause = if counts_characters { COUNTS_CHARACTERS } else { COUNTS_BYTES };
            promise.broken_because(
                Seen::Other,
                format!("Content-Length is {announced}, and the body has {length}"),
                Some(cause.to_owned()),
            );
        };
        let mut text = format!("in the body (Content-Length: {announced}) {difference}");
        let seen = if want.starts_with(&self.body) { Seen::Part } else { Seen::Other };
        let found = match self.reset {
            _ if counts_characters => Some(COUNTS_CHARACTERS.to_owned()),
            _ if seen == Seen::Other => None,
            Some(error) => {
                text.push_str(&format!(", then {}", reset_told(error)));
                Some(RESET.to_owned())
            }
            None => bytes::cut_short(want.len(), self.body.len()),
        };
        promise.broken_because(seen, text, found);
    }
}

/// Why an answer does not begin with its status line.
const NO_STATUS_LINE: &str = "an answer begins with its status line, HTTP/1.1 200 OK; on a \
    connection that goes on, what comes behind a body is taken for the next answer, so send no \
    more bytes than Content-Length says";

/// Why Content-Length is another number than that of the bytes.
const COUNTS_BYTES: &str = "Content-Length counts the bytes of the body, all and no more";
const COUNTS_CHARACTERS: &str = "Content-Length is the number of characters of the body, but it \
    counts the bytes of the body: a letter like ü has two in UTF-8. Measure the bytes that you \
    send, not the text";

/// A connection that goes on behind an answer.
pub struct Kept {
    /// The connection.
    pub client: Peer,
    /// What has come and was not part of an answer yet.
    unread: Vec<u8>,
    /// Whether the last answer was to be the last.
    says_close: bool,
}

impl Kept {
    /// Connects to the server under test.
    pub fn connect(server: &Server, promise: &Promise) -> Self {
        Self::at(server.address, promise)
    }

    /// As [`Kept::connect`], for a thread of its own, to which the server does not belong.
    pub fn at(server: SocketAddr, promise: &Promise) -> Self {
        let client = Peer::connect(server, promise);
        Self { client, unread: Vec::new(), says_close: false }
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
        self.says_close = answer.says_close();
        answer
    }

    fn read_more(&mut self, part: &str, promise: &Promise) {
        let came = bytes::show(&self.unread, 60);
        let read = self.client.read(64 * 1024, PATIENCE);
        match (read, self.client.reset_by()) {
            (Some(more), _) if !more.is_empty() => self.unread.extend(more),
            (end, _) if self.unread.is_empty() => {
                no_answer(&mut self.client, end.is_some(), PATIENCE, promise);
            }
            (Some(_), _) => promise.broken(
                Seen::Closed,
                format!("the answer broke off in the middle {part}: {came}"),
            ),
            (None, Some(error)) => {
                let before = format!("the answer broke off in the middle {part}: {came}; ");
                was_reset(&before, error, promise);
            }
            (None, None) => {
                let state = self.client.meanwhile();
                let of_its_head = head_end(&self.unread).is_none();
                let cause = of_its_head.then(|| why_endless(&self.unread).to_owned());
                promise.broken_because(
                    Seen::Part,
                    format!("the answer stopped in the middle {part}: {came}{}", state.told),
                    cause.or(state.cause),
                );
            }
        }
    }

    /// The connection must end here, without another byte.
    pub fn expect_end(mut self, limit: Duration, promise: &Promise) {
        self.expect_nothing_unread(promise);
        let promise = match self.says_close {
            true => &promise.clone().cause(&[Seen::StillOpen], CLOSE_IS_A_PROMISE),
            false => promise,
        };
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
                came => Self::has_no_end(client, &all, came, promise),
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

    fn has_no_end(client: &Peer, all: &[u8], came: Option<Vec<u8>>, promise: &Promise) -> ! {
        let (seen, then) = match came {
            Some(_) => (Seen::Closed, "then the client closed"),
            None if client.reset_by().is_some() => (Seen::Reset, "then RST"),
            None => (Seen::Part, "then nothing more"),
        };
        let told = if seen == Seen::Part { client.meanwhile().told } else { String::new() };
        match all {
            [] if came.is_some() => promise.broken(seen, "the client closed without a request"),
            [] if seen == Seen::Reset => promise.broken(seen, "RST came, and no request"),
            [] => promise.broken(Seen::Nothing, format!("no request came{told}")),
            _ => promise.broken_because(
                seen,
                format!("{} came, {then}{told}", bytes::show(all, 80)),
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

    /// The values of all fields of that name, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| &**value).collect()
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
