//! Exhibits of `http_client`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::tcp_client::connect;
use crate::{End, escape, failed, flaw, manner, options, piece, print, resolve, rest, seconds};

/// The longest head, and the longest line between two chunks.
const LONGEST: usize = 256 * 1024;

/// Asks a web server
#[derive(Parser)]
#[command(name = "http_client", version, after_help = "Examples:\n  http_client ::1 80 /")]
struct Options {
    /// Host, or a URL
    host: Option<OsString>,
    /// Port
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// File
    file: Option<OsString>,
    /// Ask with HEAD
    #[arg(short = 'I', long)]
    head: bool,
    /// Add a field
    #[arg(short = 'H', long = "header", value_parser = field)]
    headers: Vec<(String, String)>,
    /// Show what is sent
    #[arg(short, long)]
    verbose: bool,
    /// Write the body there
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Print the body alone
    #[arg(long)]
    body: bool,
    /// Status 1 on 4xx and 5xx
    #[arg(long)]
    fail: bool,
    /// Seconds to connect, and without progress
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Keep a connection for requests that are typed
    #[arg(long)]
    session: bool,
    /// Send them as they are
    #[arg(long, requires = "session")]
    raw: bool,
}

pub(crate) fn run() -> End {
    if flaw("usage-first") {
        Options::try_parse().map(drop).or_else(|error| {
            if error.use_stderr() {
                Err((2, format!("usage: http_client HOST PORT FILE\nhttp_client: {error}")))
            } else {
                Ok(())
            }
        })?;
    }
    let options: Options = options()?;
    let (site, target) = wanted(&options)?;
    if options.session {
        return session(&options, &site);
    }
    let request = request(&options, &site, &target);
    let stream = site.open(options.timeout)?;
    if options.verbose {
        show_sent(&request)?;
    }
    let mut reply = Reply::new(options.head);
    let mut sink = Sink::new(&options);
    exchange(&stream, &request, &mut reply, &mut sink)?;
    let ignored = flaw("ignores-fail")
        || flaw("fails-without-o-only") && options.output.is_some()
        || flaw("fails-on-get-only") && options.head;
    if reply.status >= 400 && options.fail && !ignored {
        return Err((1, format!("error: the server answered {}", reply.status)));
    }
    Ok(())
}

// Whom to ask, and for what

struct Site {
    host: String,
    port: u16,
}

impl Site {
    /// The value of Host.
    fn name(&self) -> String {
        let host = self.host.split('%').next().unwrap_or_default();
        let host = if host.contains(':') && !flaw("no-brackets") {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        match self.port {
            80 => host,
            _ if flaw("address-in-host") && host == "localhost" => {
                format!("127.0.0.1:{}", self.port)
            }
            _ if flaw("no-port-in-host") => host,
            port => format!("{host}:{port}"),
        }
    }

    fn open(&self, timeout: Duration) -> Result<TcpStream, (u8, String)> {
        let addresses = resolve(&self.host, self.port)?;
        let stream = connect(&addresses, timeout, "start web_server first")?;
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(manner("tiny-pieces")).unwrap();
        Ok(stream)
    }
}

fn wanted(options: &Options) -> Result<(Site, String), (u8, String)> {
    let usage = |why: &str| (2, format!("error: {why}\nhint: HOST PORT FILE, or a URL"));
    let (host, port, file);
    if let Some(given) = &options.host {
        host = given.as_encoded_bytes().to_vec();
        port = options.port;
        file = options.file.as_ref().map(|file| file.as_encoded_bytes().to_vec());
        let url = host.windows(3).any(|part| part == b"://");
        if !url && (port.is_none() || file.is_none() && !options.session) {
            return Err(usage("a port and a file are missing"));
        }
    } else {
        let mut answers = Vec::new();
        for prompt in [
            "Enter the host URI: ",
            "Please enter the port: ",
            "Please enter the file you want to request from the server: ",
        ] {
            let answer = ask(prompt)?;
            let answer = answer.or_else(|| flaw("the-end-is-an-answer").then(Vec::new));
            answers.push(answer.ok_or_else(|| usage("the input ended too early"))?);
        }
        let typed = String::from_utf8_lossy(&answers[1]).trim().to_owned();
        host = answers[0].trim_ascii().to_vec();
        port = if typed.is_empty() { None } else { Some(number(&typed).map_err(usage)?) };
        file = Some(answers.remove(2)).filter(|file| !file.is_empty());
    }
    locate(&host, port, file.as_deref()).map_err(usage)
}

fn number(text: &str) -> Result<u16, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0).ok_or("the port is none")
}

fn locate(
    host: &[u8],
    port: Option<u16>,
    file: Option<&[u8]>,
) -> Result<(Site, String), &'static str> {
    let mut authority = host;
    let (mut path, mut its_port) = (&b"/"[..], None);
    if let Some(at) = host.windows(3).position(|part| part == b"://") {
        match &*host[..at].to_ascii_lowercase() {
            b"http" => {}
            b"https" if flaw("https-in-plain") => {}
            b"https" if flaw("https-in-capitals") && host[..at] == *b"HTTPS" => {}
            b"https" => return Err("https is HTTP over TLS, which is not spoken here"),
            _ => return Err("a URL begins with http://"),
        }
        let rest = &host[at + 3..];
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        (authority, path) = rest.split_at(end);
        if !flaw("sends-the-fragment") {
            path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
        }
        let colon = authority.iter().rposition(|byte| *byte == b':');
        if let Some(colon) = colon.filter(|_| !authority.ends_with(b"]")) {
            let digits = str::from_utf8(&authority[colon + 1..]);
            its_port = Some(number(digits.unwrap_or_default())?);
            authority = &authority[..colon];
        }
    }
    let name = str::from_utf8(authority).unwrap_or_default();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let strange = |letter: char| letter.is_whitespace() || letter.is_control();
    if bare.is_empty() || bare.contains(strange) || bare.contains(['/', '?', '#', '@', '[']) {
        return Err("the host is none");
    }
    let site = Site {
        host: bare.to_owned(),
        port: port.or(its_port).unwrap_or(if flaw("port-8080") { 8080 } else { 80 }),
    };
    Ok((site, target(file.unwrap_or(path))?))
}

fn target(path: &[u8]) -> Result<String, &'static str> {
    if path.iter().any(|byte| b"\r\n".contains(byte)) && !flaw("sends-line-ends") {
        return Err("a line end cannot be part of it");
    }
    let mut path = path;
    while flaw("one-slash-only") && path.starts_with(b"//") {
        path = &path[1..];
    }
    let mut target = String::new();
    if path.first() != Some(&b'/') && !flaw("adds-no-slash") {
        target.push('/');
    }
    if flaw("does-not-encode") || flaw("sends-line-ends") {
        target.push_str(&String::from_utf8_lossy(path));
        return Ok(target);
    }
    for (at, byte) in path.iter().enumerate() {
        let is_escape = path.get(at + 1..at + 3).is_some_and(|digits| {
            *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit) && !flaw("encodes-twice")
        });
        let stays: &[u8] =
            if flaw("encodes-the-query") { b"-._~/" } else { b"-._~:/?[]@!$&'()*+,;=" };
        match byte {
            b' ' if flaw("plus-for-space") => target.push('+'),
            _ if is_escape || byte.is_ascii_alphanumeric() || stays.contains(byte) => {
                target.push(char::from(*byte));
            }
            b'"' if flaw("sends-a-query-as-it-is") && path.contains(&b'?') => target.push('"'),
            0x7f if flaw("sends-del") => target.push('\u{7f}'),
            byte if flaw("one-digit") => target.push_str(&format!("%{byte:X}")),
            byte => target.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(target)
}

fn field(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is: NAME: VALUE")?;
    let value = value.trim_matches([' ', '\t']);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let well = !name.is_empty() && name.bytes().all(is_name) && !value.contains(['\r', '\n']);
    if !well && !flaw("sends-line-ends-in-headers") {
        return Err("a line end, or a name that is none");
    }
    if flaw("headers-are-ascii") {
        return Ok((name.to_owned(), value.replace(|sign: char| !sign.is_ascii(), "?")));
    }
    if flaw("header-values-in-lower-case") {
        return Ok((name.to_owned(), value.to_lowercase()));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn request(options: &Options, site: &Site, target: &str) -> Vec<u8> {
    let method = if options.head { "HEAD" } else { "GET" };
    let mut fields = vec![
        ("Host".to_owned(), site.name()),
        ("User-Agent".to_owned(), "http_client".to_owned()),
        ("Accept".to_owned(), "*/*".to_owned()),
        ("Connection".to_owned(), "close".to_owned()),
    ];
    if flaw("no-host") {
        fields.remove(0);
    }
    if flaw("no-close") {
        fields.pop();
    }
    if flaw("asks-for-gzip") {
        fields.push(("Accept-Encoding".to_owned(), "gzip, deflate".to_owned()));
    }
    let more = match &options.headers[..] {
        [.., last] if flaw("last-header-only") => std::slice::from_ref(last),
        _ if flaw("headers-with-get-only") && options.head => &[],
        headers => headers,
    };
    let is_given = |ours: &str| {
        more.iter().any(|(its, _)| match () {
            () if flaw("two-hosts") => its == ours,
            () if flaw("given-by-prefix") => its.starts_with(ours),
            () => its.eq_ignore_ascii_case(ours),
        })
    };
    fields.retain(|(ours, _)| !is_given(ours));
    fields.extend_from_slice(more);
    if flaw("one-of-each-name") {
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        let mut at = 0;
        fields.retain(|(name, _)| {
            at += 1;
            !names[at..].contains(name)
        });
    }
    let mut lines = vec![format!("{method} {target} HTTP/1.1")];
    lines.extend(fields.iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(String::new());
    if !flaw("no-empty-line") {
        lines.push(String::new());
    }
    lines.join(if flaw("lf-only") { "\n" } else { "\r\n" }).into_bytes()
}

fn show_sent(request: &[u8]) -> End {
    for line in escape(request).lines() {
        let line =
            if flaw("verbose-unencoded") { line.replace("%20", " ") } else { line.to_owned() };
        let line = format!("> {line}\n");
        if flaw("verbose-on-stdout") {
            print(line.as_bytes())?;
        } else {
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
    Ok(())
}

/// A line of stdin; `None` at the end of the input.
fn ask(prompt: &str) -> Result<Option<Vec<u8>>, (u8, String)> {
    let by_stderr = flaw("prompts-by-stderr") && io::stderr().is_terminal();
    if io::stdin().is_terminal() || flaw("always-prompts") || by_stderr {
        if flaw("prompts-on-stdout") {
            print(prompt.as_bytes())?;
        } else {
            let _ = io::stderr().write_all(prompt.as_bytes());
        }
    }
    let mut line = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    read.map_err(|error| (1, format!("error: stdin: {error}")))?;
    if line.is_empty() {
        return Ok(None);
    }
    if flaw("cuts-one-character") {
        line.pop();
        return Ok(Some(line));
    }
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(Some(text.strip_suffix(b"\r").unwrap_or(text).to_vec()))
}

// The response, taken apart as it comes

enum State {
    Head,
    Counted(u64),
    ToTheEnd,
    ChunkSize,
    Chunk(u64),
    BehindChunk,
    Trailer,
    Done,
}

struct Reply {
    state: State,
    for_head: bool,
    /// What came and is not understood yet.
    held: Vec<u8>,
    untouched: bool,
    status: u16,
    keeps_alive: bool,
    came: u64,
    total: Option<u64>,
}

/// What can be told of a response at a time.
enum Event {
    Head(Head),
    Body(Vec<u8>),
}

impl Reply {
    fn new(for_head: bool) -> Self {
        Self {
            state: State::Head,
            for_head,
            held: Vec::new(),
            untouched: true,
            status: 0,
            keeps_alive: false,
            came: 0,
            total: None,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.untouched = false;
        self.held.extend_from_slice(bytes);
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The next event, if it has come. `Err` says what is wrong with the response.
    fn next(&mut self) -> Result<Option<Event>, String> {
        loop {
            match self.state {
                State::Head => return self.head(),
                State::Counted(0) => self.state = State::Done,
                State::Chunk(0) => self.state = State::BehindChunk,
                State::Counted(_) | State::Chunk(_) | State::ToTheEnd => {
                    return Ok(self.piece().map(Event::Body));
                }
                State::ChunkSize => {
                    if flaw("stops-at-0") && self.held.starts_with(b"0") {
                        self.state = State::Done;
                        continue;
                    }
                    let Some(line) = self.line()? else { return Ok(None) };
                    let size = chunk_size(&line)?;
                    self.state = if size == 0 { State::Trailer } else { State::Chunk(size) };
                    if flaw("prints-chunk-sizes") {
                        return Ok(Some(Event::Body([&line[..], b"\r\n"].concat())));
                    }
                    if flaw("no-trailer") && size == 0 {
                        let end = self.held.len().min(2);
                        if self.held.drain(..end).as_slice() != b"\r\n" {
                            return Err("behind the last chunk came something".to_owned());
                        }
                        self.state = State::Done;
                    }
                }
                State::BehindChunk if flaw("skips-two-bytes") => {
                    if self.held.len() < 2 {
                        return Ok(None);
                    }
                    self.held.drain(..2);
                    self.state = State::ChunkSize;
                }
                State::BehindChunk => match self.line()? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => self.state = State::ChunkSize,
                    Some(_) => return Err("a chunk is longer than it says".to_owned()),
                },
                State::Trailer => match self.line()? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => self.state = State::Done,
                    Some(_) => {}
                },
                State::Done => return Ok(None),
            }
        }
    }

    /// Some of the body.
    fn piece(&mut self) -> Option<Vec<u8>> {
        let mut length = self.held.len();
        if let State::Chunk(size) = &self.state
            && flaw("whole-chunks-only")
            && *size > length as u64
        {
            return None;
        }
        if let State::Counted(left) | State::Chunk(left) = &mut self.state {
            length = length.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= length as u64;
        }
        self.came += length as u64;
        let rest = self.held.split_off(length);
        let piece = std::mem::replace(&mut self.held, rest);
        (!piece.is_empty()).then_some(piece)
    }

    /// A line without its end, if it is whole.
    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(end) = self.held.iter().position(|byte| *byte == b'\n') else {
            return match self.held.len() {
                0..LONGEST => Ok(None),
                _ => Err("a line between two chunks has no end".to_owned()),
            };
        };
        let line: Vec<u8> = self.held.drain(..=end).collect();
        let line = &line[..end];
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
    }

    /// The head of the final response.
    fn head(&mut self) -> Result<Option<Event>, String> {
        let mut before = Vec::new();
        let mut head = loop {
            let Some(bytes) = self.next_head()? else { return Ok(None) };
            let head = Head::read(bytes)?;
            let interim = (100..200).contains(&head.status) && head.status != 101;
            if !interim || flaw("1xx-is-the-answer") {
                break head;
            }
            before.extend(head.fields);
        };
        if flaw("keeps-fields-of-1xx") {
            head.fields.extend(before);
        }
        self.status = head.status;
        self.state = self.framing(&head)?;
        let mut options = head.value("Connection").unwrap_or_default();
        if flaw("first-connection-line") {
            let mut fields = head.fields.iter();
            let first = fields.find(|(name, _)| name.eq_ignore_ascii_case("Connection"));
            options = first.map(|(_, value)| value.clone()).unwrap_or_default();
        }
        let options =
            if flaw("close-in-lower-case") { options } else { options.to_lowercase() };
        let says = |option: &str| match () {
            () if flaw("connection-is-one-word") => options.trim() == option,
            () if flaw("close-anywhere") => options.contains(option),
            () => options.split(',').any(|its| its.trim() == option),
        };
        self.keeps_alive = !says("close")
            && (head.is_1_1 || says("keep-alive") || flaw("old-versions-persist"))
            && !matches!(self.state, State::ToTheEnd);
        Ok(Some(Event::Head(head)))
    }

    fn next_head(&mut self) -> Result<Option<Vec<u8>>, String> {
        let begun = &self.held[..self.held.len().min(5)];
        if !b"HTTP/".starts_with(begun) && !flaw("looks-at-whole-heads-only") {
            if flaw("garbage-is-fine") {
                (self.state, self.status) = (State::ToTheEnd, 200);
                return Ok(None);
            }
            return Err("the reply is not HTTP".to_owned());
        }
        if flaw("an-array-for-64-lines") {
            let mut lines = [0; 64];
            let lengths = self.held.split(|byte| *byte == b'\n').map(<[u8]>::len);
            lengths.enumerate().for_each(|(number, length)| lines[number] = length);
        }
        if flaw("four-thousand-bytes-of-head") && self.held.len() > 4096 {
            return Err("the head of the reply is too long".to_owned());
        }
        let Some(end) = head_end(&self.held) else {
            return match self.held.len() {
                0..LONGEST => Ok(None),
                _ => Err("the head of the reply is too long".to_owned()),
            };
        };
        let bytes: Vec<u8> = self.held.drain(..end).collect();
        if flaw("forgets-what-came-with-the-head") {
            self.held.clear();
        }
        Ok(Some(bytes))
    }

    /// How the body ends.
    fn framing(&mut self, head: &Head) -> Result<State, String> {
        let none = self.for_head && !flaw("body-for-head")
            || head.status < 200
            || matches!(head.status, 204 | 304) && !flaw("body-for-304")
            || flaw("nothing-for-205") && head.status == 205
            || flaw("nothing-for-errors") && head.status >= 400
            || flaw("code-anywhere") && String::from_utf8_lossy(&head.bytes).contains(" 204");
        if none {
            return Ok(State::Done);
        }
        let mut coding = head.value("Transfer-Encoding").map(|its| its.to_lowercase());
        let all = String::from_utf8_lossy(&head.bytes).to_lowercase();
        if flaw("chunked-anywhere") && all.contains("chunked") {
            coding = Some("chunked".to_owned());
        }
        let length = head.value("Content-Length").filter(|_| !flaw("waits-for-the-end"));
        if let Some(coding) = coding
            && !(flaw("length-before-chunks") && length.is_some())
        {
            let last = coding.rsplit(',').next().unwrap_or_default().trim();
            let last = if flaw("one-coding-only") { &*coding } else { last };
            return Ok(if last == "chunked" { State::ChunkSize } else { State::ToTheEnd });
        }
        let Some(length) = length else {
            return Ok(if flaw("no-length-is-no-body") {
                State::Done
            } else {
                State::ToTheEnd
            });
        };
        let mut lengths: Vec<_> = length.split(',').map(str::trim).collect();
        lengths.dedup();
        if flaw("first-of-two-lengths") {
            lengths.truncate(1);
        }
        let &[length] = &lengths[..] else {
            return Err("the reply has two lengths".to_owned());
        };
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let number = length.parse().ok().filter(|_| digits || flaw("takes-a-sign"));
        if number.is_none() && flaw("guesses-a-length") {
            return Ok(State::ToTheEnd);
        }
        self.total = Some(number.ok_or(format!("the reply has no length, but {length:?}"))?);
        Ok(State::Counted(number.unwrap()))
    }

    /// What an error should say of the body.
    fn so_far(&self) -> String {
        match (&self.state, self.total) {
            (State::Head, _) if self.held.is_empty() => "no response came".to_owned(),
            (State::Head, _) => "the head of the response is not whole".to_owned(),
            (_, Some(total)) => format!("{} of {total} bytes came", self.came),
            _ => format!("{} bytes came", self.came),
        }
    }
}

/// Where a head ends.
fn head_end(held: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in held.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return Some(end);
        }
    }
    None
}

fn chunk_size(line: &[u8]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    let digits = if flaw("no-chunk-extensions") { &text } else { digits };
    let base = if flaw("decimal-chunk-sizes") { 10 } else { 16 };
    u64::from_str_radix(digits, base)
        .ok()
        .filter(|_| !digits.starts_with('+'))
        .ok_or(format!("a chunk's length is {digits:?}"))
}

struct Head {
    /// As it came.
    bytes: Vec<u8>,
    status: u16,
    is_1_1: bool,
    fields: Vec<(String, String)>,
}

impl Head {
    fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default();
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let code = words.next().unwrap_or_default();
        let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let status = code.parse().ok().filter(|_| digits && version.starts_with("HTTP/1."));
        let status = if flaw("garbage-is-fine") { status.or(Some(200)) } else { status };
        let status = status.filter(|_| {
            words.next().is_some_and(|reason| !reason.is_empty()) || !flaw("needs-a-reason")
        });
        let raw = flaw("raw-errors").then(|| format!("the reply is not HTTP: {line}"));
        let status = status.ok_or(raw.unwrap_or(format!("the reply is not HTTP: {line:?}")))?;
        let mut fields = Vec::<(String, String)>::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            if let (true, Some(last)) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                last.1.push_str(line);
                continue;
            }
            let field = line.split_once(':');
            let (name, value) = field.ok_or("a line of the reply's head has no colon")?;
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let is_1_1 = version != "HTTP/1.0";
        Ok(Self { status, is_1_1, fields, bytes })
    }

    /// All values of that name, in a list.
    fn value(&self, name: &str) -> Option<String> {
        let same = |its: &str| match () {
            () if flaw("exact-field-names") => its == name,
            () if flaw("part-of-a-name") => its.to_lowercase().ends_with(&name.to_lowercase()),
            () => its.eq_ignore_ascii_case(name),
        };
        let values = self.fields.iter().filter(|(its, _)| same(its));
        let values: Vec<&str> = values.map(|(_, value)| &**value).collect();
        (!values.is_empty()).then(|| values.join(","))
    }
}

// From the server to where the body goes

fn exchange(
    mut stream: &TcpStream,
    request: &[u8],
    reply: &mut Reply,
    sink: &mut Sink<'_>,
) -> End {
    let mut unsent = request;
    let mut buffer = vec![0; 64 * 1024];
    let (mut last, mut broken) = (Instant::now(), None);
    loop {
        loop {
            match reply.next() {
                Ok(Some(event)) => sink.take(event, reply)?,
                Ok(None) => break,
                Err(what) => return Err(failed(&what, "is it a web server?")),
            }
        }
        if reply.is_done() {
            return sink.finish(reply);
        }
        let mut moved = false;
        // Not with nothing: even that takes a pending error away, and a read sees the end.
        if !unsent.is_empty() {
            match stream.write(piece(unsent)) {
                Ok(length) => {
                    unsent = &unsent[length..];
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => (unsent, broken) = (&[], Some(error)), // It may have answered.
            }
        }
        let ended = match stream.read(&mut buffer) {
            Ok(0) => Some(broken.take().map_or(Ok(()), Err)),
            Ok(length) => {
                moved = true;
                let in_the_body = !matches!(reply.state, State::Head);
                reply.feed(&buffer[..length]);
                if flaw("one-read-for-the-body") && in_the_body {
                    while let Ok(Some(event)) = reply.next() {
                        sink.take(event, reply)?;
                    }
                    return Ok(());
                }
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) if flaw("a-reset-is-the-end") => return sink.finish(reply),
            Err(error) => Some(Err(error)),
        };
        if let Some(ended) = ended {
            sink.finish(reply)?;
            let why = match &ended {
                Ok(()) => match reply.state {
                    State::ToTheEnd => return Ok(()),
                    State::Head if flaw("no-head-is-fine") => return Ok(()),
                    State::Head => "the server closed the connection".to_owned(),
                    _ if flaw("cut-short-is-fine") => return Ok(()),
                    _ if flaw("cut-short-in-a-session") && sink.options.session => {
                        return Ok(());
                    }
                    _ => "the server closed the connection".to_owned(),
                },
                Err(error) => error.to_string(),
            };
            if let Some(path) = &sink.options.output
                && flaw("removes-a-part")
            {
                let _ = std::fs::remove_file(path);
            }
            return Err(failed(&format!("{why}: {}", reply.so_far()), "try again"));
        }
        let in_the_head = matches!(reply.state, State::Head);
        let timeout = match sink.options.timeout {
            time if flaw("whole-seconds") => Duration::from_secs(time.as_secs().max(1)),
            time if flaw("two-seconds") && time.as_secs() == 10 => Duration::from_secs(2),
            time => time,
        };
        if moved && !flaw("timeout-for-all") && !(flaw("timeout-for-the-head") && in_the_head) {
            last = Instant::now();
        } else if last.elapsed() > timeout
            && !flaw("waits-for-ever")
            && !(sink.options.session && flaw("waits-for-ever-in-a-session"))
        {
            sink.finish(reply)?;
            let seconds = sink.options.timeout.as_secs_f64();
            let what = format!("no progress for {seconds} s: {}", reply.so_far());
            return Err(failed(&what, "--timeout gives it more time"));
        } else if !moved {
            rest();
        }
    }
}

/// Where a response goes.
struct Sink<'a> {
    options: &'a Options,
    file: Option<File>,
    /// Nobody wants the body.
    dropped: bool,
    /// The beginning of a character whose rest is to come.
    begun: Vec<u8>,
    is_text: bool,
    in_a_line: bool,
    shown: Instant,
    /// What the mistake of gathering everything gathers.
    gathered: Vec<u8>,
}

impl<'a> Sink<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            file: None,
            dropped: false,
            begun: Vec::new(),
            is_text: false,
            in_a_line: false,
            shown: Instant::now(),
            gathered: Vec::new(),
        }
    }

    fn take(&mut self, event: Event, reply: &Reply) -> End {
        match event {
            Event::Head(head) => self.head(&head, reply),
            Event::Body(bytes) => self.body(bytes, reply),
        }
    }

    fn head(&mut self, head: &Head, reply: &Reply) -> End {
        let media_type = head.value("Content-Type").unwrap_or_default().to_lowercase();
        self.is_text = media_type.starts_with("text/");
        let lines = head.bytes.split_inclusive(|byte| *byte == b'\n');
        let lines = lines.flat_map(|line| match line.strip_suffix(b"\r\n") {
            Some(text) if !flaw("head-with-crlf") => [text, b"\n"],
            _ => [line, b""],
        });
        let mut head = lines.collect::<Vec<_>>().concat();
        if flaw("one-field-of-a-name") {
            let (text, mut names) = (String::from_utf8_lossy(&head), Vec::new());
            let is_new = |line: &&str| {
                names.push(line.split(':').next().unwrap_or_default().to_lowercase());
                !names[..names.len() - 1].contains(&names[names.len() - 1])
            };
            head = text.split_inclusive('\n').filter(is_new).collect::<String>().into();
        }
        if flaw("decodes-the-head") {
            head = String::from_utf8_lossy(&head).into_owned().into();
        }
        if flaw("a-map-of-fields") {
            let mut names = Vec::new();
            head = head.split_inclusive(|byte| *byte == b'\n').fold(Vec::new(), |all, line| {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                let again = names.contains(&name) && name != b"\n";
                names.push(name);
                if again { all } else { [&all[..], line].concat() }
            });
        }
        if flaw("titles-names") {
            let text = String::from_utf8_lossy(&head).replace("\nset-cookie", "\nSet-Cookie");
            head = text.into();
        }
        if self.options.session {
            print(b"Server response:\n")?;
        }
        let raw = flaw("raw-on-terminal") || flaw("raw-in-a-session") && self.options.session;
        if !self.options.body || flaw("a-head-for-errors") && reply.status >= 400 {
            print(&if io::stdout().is_terminal() && !raw {
                escape(&head).into_bytes()
            } else {
                head.clone()
            })?;
        }
        self.dropped =
            self.options.fail && reply.status >= 400 && self.options.output.is_some();
        if let Some(path) = &self.options.output
            && !self.dropped
            && !reply.is_done()
            && !(flaw("no-empty-file") && matches!(reply.state, State::Counted(0)))
        {
            let mut how = OpenOptions::new();
            how.create(true);
            if flaw("keeps-files") {
                how.write(true).create_new(true)
            } else if flaw("appends") {
                how.append(true)
            } else {
                how.write(true).truncate(true)
            };
            let file = how.open(path).map_err(|error| {
                failed(&format!("{}: {error}", path.display()), "name another file")
            });
            let mut file = if flaw("panics-on-files") { Ok(file.unwrap()) } else { file }?;
            if flaw("head-in-the-file") {
                file.write_all(&head).unwrap();
            }
            self.file = Some(file);
        }
        Ok(())
    }

    fn body(&mut self, mut bytes: Vec<u8>, reply: &Reply) -> End {
        self.in_a_line = bytes.last() != Some(&b'\n');
        if flaw("drops-a-bom") && reply.came == bytes.len() as u64 && bytes.starts_with(b"\xef")
        {
            bytes.drain(..3);
        }
        if flaw("decodes-the-body") || flaw("decodes-in-a-session") && self.options.session {
            bytes = String::from_utf8_lossy(&bytes).into_owned().into();
        }
        if self.dropped {
            return Ok(());
        }
        if flaw("drops-a-part") || flaw("gathers-everything") {
            self.gathered.extend_from_slice(&bytes);
            if !reply.is_done() && !matches!(reply.state, State::Counted(0)) {
                return Ok(());
            }
            bytes = std::mem::take(&mut self.gathered);
        }
        if flaw("keeps-a-buffer-full") {
            self.gathered.extend_from_slice(&bytes);
            if self.gathered.len() < 8192 {
                return Ok(());
            }
            bytes = std::mem::take(&mut self.gathered);
        }
        if let Some(file) = &mut self.file {
            if flaw("escapes-files") && io::stdout().is_terminal() {
                bytes = escape(&bytes).into_bytes();
            }
            let written = file.write_all(&bytes);
            if !flaw("ignores-a-full-disk") {
                written.map_err(|error| failed(&error.to_string(), "free space"))?;
            }
            self.progress(reply, false);
            return Ok(());
        }
        let raw = flaw("raw-on-terminal") || flaw("raw-in-a-session") && self.options.session;
        if !io::stdout().is_terminal() || raw {
            return print(&bytes);
        }
        let mut bytes = [&self.begun[..], &bytes].concat();
        let whole = match str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len() - usize::from(bytes.ends_with(b"\r")),
        };
        let whole = if flaw("decodes-each-read") { bytes.len() } else { whole };
        self.begun = bytes.split_off(whole);
        let text = self.is_text || str::from_utf8(&bytes).is_ok() && !flaw("text-types-only");
        let sprays = flaw("sprays") || flaw("sprays-with-body") && self.options.body;
        if (!text || bytes.contains(&0)) && !sprays {
            self.dropped = true;
            return notice("the body is binary: -o FILE keeps it");
        }
        print(escape(&bytes).as_bytes())
    }

    /// How far a download is, on a terminal.
    fn progress(&mut self, reply: &Reply, at_the_end: bool) {
        let often = self.shown.elapsed() < Duration::from_millis(100);
        if flaw("no-progress") || !io::stderr().is_terminal() || often && !at_the_end {
            return;
        }
        self.shown = Instant::now();
        let end = if at_the_end { "\n" } else { "" };
        let line = match reply.total {
            Some(total) if flaw("divides-by-the-length") => {
                format!("\r{}%{end}", reply.came * 100 / total)
            }
            Some(total) => format!("\r{} of {total} bytes{end}", reply.came),
            None => format!("\r{} bytes{end}", reply.came),
        };
        let _ = io::stderr().write_all(line.as_bytes());
    }

    /// No more will come.
    fn finish(&mut self, reply: &Reply) -> End {
        if self.file.is_some() {
            self.progress(reply, true);
        }
        if flaw("keeps-a-buffer-full") {
            let rest = std::mem::take(&mut self.gathered);
            match &mut self.file {
                Some(file) => file.write_all(&rest).unwrap(),
                None => print(&rest)?,
            }
        }
        if !flaw("loses-what-is-held") {
            print(escape(&std::mem::take(&mut self.begun)).as_bytes())?;
        }
        if self.options.body && flaw("adds-a-newline") {
            print(b"\n")?;
        }
        Ok(())
    }
}

fn notice(what: &str) -> End {
    if flaw("notices-on-stdout") {
        return print(format!("notice: {what}\n").as_bytes());
    }
    let _ = io::stderr().write_all(format!("notice: {what}\n").as_bytes());
    Ok(())
}

// Sessions

fn session(options: &Options, site: &Site) -> End {
    let mut stream = site.open(options.timeout)?;
    let (mut used, mut asked) = (false, false);
    while let Some(mut request) = typed(asked && flaw("asks-once"))? {
        asked = true;
        let method = request.split(|byte| *byte == b' ').next().unwrap_or_default().to_vec();
        let raw = options.raw && !flaw("raw-ignored");
        let asks = !flaw("host-for-get-only") || method == b"GET";
        if lacks_host(&request) && asks && !raw || flaw("always-adds-host") {
            let host = format!("Host: {}\r\n", site.name());
            if !flaw("adds-host-silently") {
                notice(&format!("{} is added", host.trim_end()))?;
            }
            let at = request.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            request.splice(at..at, host.into_bytes());
        }
        if flaw("connects-each-time") && used {
            stream = site.open(options.timeout)?;
        } else if has_ended(&stream) && !flaw("ends-with-the-connection") {
            notice("the server has closed the connection: connecting again")?;
            (stream, used) = (site.open(options.timeout)?, false);
        }
        if options.verbose {
            show_sent(&request)?;
        }
        let mut reply = Reply::new(method == b"HEAD");
        let mut sink = Sink::new(options);
        let mut done = exchange(&stream, &request, &mut reply, &mut sink);
        // It closed while the request was under way. What only reads can be repeated.
        let again = !flaw("ends-with-the-connection")
            && done.is_err()
            && used
            && reply.untouched
            && has_ended(&stream);
        if again && matches!(&*method, b"GET" | b"HEAD") {
            notice("the server has closed the connection: connecting again")?;
            stream = site.open(options.timeout)?;
            reply = Reply::new(method == b"HEAD");
            done = exchange(&stream, &request, &mut reply, &mut sink);
        }
        done?;
        if sink.in_a_line {
            print(b"\n")?;
        }
        used = true;
        if !reply.keeps_alive || !reply.held.is_empty() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
    Ok(())
}

/// A request up to its empty line; `None` at the end of the input.
fn typed(silent: bool) -> Result<Option<Vec<u8>>, (u8, String)> {
    let mut request = Vec::new();
    loop {
        let first = request.is_empty() && !silent || flaw("prompts-for-each-line");
        let prompt = if first { "Enter a request: " } else { "" };
        match ask(prompt)? {
            None if request.is_empty() => return Ok(None),
            None => return Err((2, "error: the input ended within a request".to_owned())),
            Some(line) if line.is_empty() && request.is_empty() => {}
            Some(line) => {
                request.extend_from_slice(&line);
                request.extend_from_slice(b"\r\n");
                if line.is_empty() {
                    return Ok(Some(request));
                }
            }
        }
    }
}

fn lacks_host(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    text.lines().next().is_some_and(|line| line.ends_with(" http/1.1"))
        && !text.contains(if flaw("host-by-its-beginning") { "\nhost" } else { "\nhost:" })
}

/// Whether no request can be sent any more: only an open, idle connection would block.
fn has_ended(stream: &TcpStream) -> bool {
    !stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
