//! Exhibits of `web_server`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use crate::{
    End, cannot_listen, escape, failed, flaw, manner, options, pause, piece, print, resolve,
    rest, seconds, stop_flag, stopped,
};

const LONGEST_HEAD: usize = 8192;

/// How long an answer under way may take once the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// How long a client may go on sending behind an error.
const LINGER: Duration = Duration::from_secs(1);

/// Serves files
#[derive(Parser)]
#[command(name = "web_server", version, after_help = "Examples:\n  web_server 8000 --once")]
struct Options {
    /// Port
    #[arg(default_value_t = 6789)]
    port: u16,
    /// Address
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Folder
    #[arg(long, default_value = "www")]
    root: PathBuf,
    /// Requests to answer
    #[arg(long)]
    requests: Option<u64>,
    /// Answer one request
    #[arg(long)]
    once: bool,
    /// Seconds for a head
    #[arg(long, default_value = "5", value_parser = seconds)]
    timeout: Duration,
}

#[derive(Clone)]
struct Site {
    root: PathBuf,
    timeout: Duration,
    stop: Arc<AtomicBool>,
}

pub(crate) fn run() -> End {
    let options: Options = options()?;
    let early = if flaw("listens-before-it-looks") { Some(listen(&options)?) } else { None };
    let named = |root: PathBuf| match flaw("compares-with-the-roots-name") {
        true => options.root.clone(),
        false => root,
    };
    let root = options.root.canonicalize().ok().filter(|root| root.is_dir()).map(named);
    let root = root.ok_or_else(|| {
        failed(&format!("{} is no folder", options.root.display()), "name one with --root")
    })?;
    let site = Site { root, timeout: options.timeout, stop: stop_flag() };
    let listener = early.map_or_else(|| listen(&options), Ok)?;

    let once = options.once && !flaw("once-ignored");
    let mut left = options.requests.or(once.then_some(1));
    while left != Some(0) && !stopped(&site.stop) {
        let Ok((stream, client)) = listener.accept() else {
            rest();
            continue;
        };
        if flaw("many-at-once") {
            let site = site.clone();
            let serving = thread::Builder::new().spawn(move || serve(&stream, client, &site));
            serving.unwrap();
            continue;
        }
        let answered = serve(&stream, client, &site)?;
        if answered.is_some_and(|status| status == 200 || !flaw("counts-200-only")) {
            left = left.map(|left| left - 1);
        }
        if flaw("stays-open") {
            std::mem::forget(stream);
        }
    }
    Ok(())
}

fn listen(options: &Options) -> Result<TcpListener, (u8, String)> {
    let address = resolve(&options.host, options.port)?[0];
    let mut bound = TcpListener::bind(address);
    if bound.is_err() && flaw("any-address-will-do") {
        bound = TcpListener::bind("127.0.0.1:0");
    }
    if bound.is_err() && flaw("next-port-if-taken") {
        bound = TcpListener::bind((address.ip(), address.port() + 1));
    }
    let listener = bound.map_err(|error| cannot_listen(address, &error))?;
    listener.set_nonblocking(true).unwrap();
    let local = listener.local_addr().unwrap();
    let address = match () {
        () if flaw("no-brackets") => format!("{}:{}", local.ip(), local.port()),
        () if flaw("host-as-it-was-typed") => format!("{}:{}", options.host, local.port()),
        () => local.to_string(),
    };
    if manner("slow-to-start") {
        pause();
    }
    print(format!("Ready to serve on http://{address}/\n").as_bytes())?;
    Ok(listener)
}

/// One connection; the status of what was answered.
fn serve(
    stream: &TcpStream,
    client: SocketAddr,
    site: &Site,
) -> Result<Option<u16>, (u8, String)> {
    let connected = format!("Connected to {client}\n");
    if !flaw("connected-once-it-asks") {
        print(connected.as_bytes())?;
    }
    let mut held = Vec::new();
    let Ok(came) = read_head(stream, &mut held, site) else { return Ok(None) };
    if held.is_empty() && came == Came::BrokenOff {
        // It never asked.
        return Ok(flaw("counts-connections").then_some(200));
    }
    if flaw("connected-once-it-asks") {
        print(connected.as_bytes())?;
    }
    if flaw("raw-console") {
        print(&held)?;
    } else if flaw("shows-1000-bytes-of-a-head") {
        let start = &held[..held.len().min(1000)];
        print(format!("{}\n", escape(start).replace("\r\n", "\n").trim_end()).as_bytes())?;
    } else {
        print(format!("{}\n", escape(&held).replace("\r\n", "\n").trim_end()).as_bytes())?;
    }
    let mut read_all = false;
    let answer = match came {
        Came::Whole(end) => {
            read_all = end == held.len();
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            if head.trim().is_empty() && flaw("closes-on-empty-lines") {
                return Ok(None);
            }
            let request = Request::read(head.trim_start_matches(['\r', '\n']));
            if let Ok(request) = &request {
                let line = format!("Client request: {}\n", escape(request.target.as_bytes()));
                if flaw("prints-the-decoded-target") {
                    let name = name_of(&request.target).unwrap_or_default();
                    print(&[b"Client request: /", &name[..], b"\n"].concat())?;
                } else {
                    print(line.as_bytes())?;
                }
            }
            match request {
                Ok(request) => find(&request, &site.root),
                Err(_) if flaw("closes-before-a-body") && !read_all => return Ok(None),
                Err(answer) => answer,
            }
        }
        Came::TooLong => Answer::words(431, "the head has more than 8,192 bytes"),
        Came::Late if flaw("late-is-closed") => return Ok(None),
        Came::Late if flaw("late-alone") => Answer::words(408, "408 Request Timeout"),
        Came::Late => Answer::words(408, "the empty line behind the head did not come in time"),
        Came::BrokenOff => Answer::words(400, "the head breaks off before its empty line"),
    };
    let sent = send(stream, &answer.bytes(), site);
    if flaw("panics-on-a-client-that-left") {
        sent.as_ref().unwrap();
    }
    if flaw("an-error-ends-the-server")
        && let Err(error) = &sent
    {
        return Err((1, format!("error: {client}: {error}")));
    }
    if !read_all {
        linger(stream, site);
    }
    Ok(sent.is_ok().then_some(answer.status))
}

#[derive(PartialEq, Eq)]
enum Came {
    Whole(usize),
    TooLong,
    Late,
    BrokenOff,
}

fn read_head(mut stream: &TcpStream, held: &mut Vec<u8>, site: &Site) -> io::Result<Came> {
    if flaw("reads-to-the-end") {
        stream.read_to_end(held)?;
        return Ok(head_end(held).map_or(Came::BrokenOff, Came::Whole));
    }
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let (mut start, mut buffer) = (Instant::now(), [0; 1000]);
    loop {
        let end = if flaw("crlf-only") { crlf_end(held) } else { head_end(held) };
        if end.unwrap_or(held.len()) > LONGEST_HEAD && !flaw("no-limit") {
            return Ok(Came::TooLong);
        }
        let lines = held.iter().filter(|byte| **byte == b'\n').count();
        if lines > 100 && flaw("a-hundred-lines") {
            return Ok(Came::TooLong);
        }
        if let Some(end) = end {
            return Ok(Came::Whole(end));
        }
        if stopped(&site.stop) {
            return Err(ErrorKind::Interrupted.into());
        }
        match stream.read(&mut buffer) {
            Ok(0) if flaw("broken-off-is-late") => return Ok(Came::Late),
            Ok(0) => return Ok(Came::BrokenOff),
            Ok(length) => {
                if held.is_empty() && flaw("clock-from-the-first-byte") {
                    start = Instant::now();
                }
                held.extend_from_slice(&buffer[..length]);
                if flaw("one-read") {
                    return Ok(Came::Whole(held.len()));
                }
                if flaw("empty-line-in-one-piece") && *held == b"\r" {
                    return Ok(Came::Whole(1));
                }
                let line_ends = buffer[..length].contains(&b'\n');
                if flaw("timeout-for-each-byte") || flaw("timeout-for-each-line") && line_ends {
                    start = Instant::now();
                }
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Err(_) if held.is_empty() && flaw("clock-from-the-first-byte") => rest(),
            Err(_) if start.elapsed() > site.timeout && !flaw("no-timeout") => {
                return Ok(Came::Late);
            }
            Err(_) => rest(),
        }
    }
}

/// The end of the first empty line but one at the very beginning.
pub(crate) fn head_end(held: &[u8]) -> Option<usize> {
    let mut end = 0;
    for (number, line) in held.split_inclusive(|byte| *byte == b'\n').enumerate() {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") && number > 0 {
            return Some(end);
        }
    }
    None
}

pub(crate) fn crlf_end(held: &[u8]) -> Option<usize> {
    held.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4)
}

struct Request {
    for_head: bool,
    target: String,
}

impl Request {
    fn read(head: &str) -> Result<Self, Answer> {
        let bad = |why: &str| {
            let why = if flaw("bad-request-alone") { "Bad Request" } else { why };
            if flaw("bad-request-with-its-line") {
                let line = head.lines().next().unwrap_or_default();
                return Err(Answer::words(400, &format!("<h1>Bad Request</h1>{line}")));
            }
            Err(Answer::words(400, why))
        };
        let head = &match flaw("lines-of-unicode") {
            true => head.replace(['\u{85}', '\u{2028}'], "\n"),
            false => head.to_owned(),
        };
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        if flaw("panics-on-a-short-line") {
            assert!(!words[1].is_empty() && !words[2].is_empty());
        }
        let &[method, target, version] = &words[..] else {
            return bad("a request line is: METHOD TARGET HTTP/1.1");
        };
        match version.strip_prefix("HTTP/").map(str::as_bytes) {
            _ if flaw("any-version") => {}
            Some(b"1.0" | b"1.1") => {}
            Some([b'1', b'.', digit]) if digit.is_ascii_digit() => {}
            Some([major, b'.', minor])
                if major.is_ascii_digit() && minor.is_ascii_digit() && !flaw("no-505") =>
            {
                return Err(Answer::words(505, "HTTP/1.1 is spoken here"));
            }
            _ => return bad("the version reads: HTTP/1.1"),
        }
        let is_get = method == "GET" || flaw("any-method");
        if target.is_empty() || !is_get && method != "HEAD" {
            return bad("only GET and HEAD are done here");
        }
        for field in lines.take_while(|line| !line.is_empty()) {
            let name = field.split_once(':').map_or("", |(name, _)| name);
            if name.is_empty() || name.contains([' ', '\t']) {
                return bad("a field line is: NAME: VALUE");
            }
        }
        if flaw("asks-for-host") && !head.to_lowercase().contains("\nhost:") {
            return bad("there is no Host");
        }
        Ok(Self { for_head: method == "HEAD", target: target.to_owned() })
    }
}

struct Answer {
    status: u16,
    media_type: &'static str,
    body: Vec<u8>,
    for_head: bool,
}

impl Answer {
    fn words(status: u16, words: &str) -> Self {
        let media_type = "text/plain; charset=utf-8";
        Self { status, media_type, body: words.into(), for_head: false }
    }

    fn file(status: u16, path: &Path) -> Option<Self> {
        let mut body = if flaw("reads-once-for-all") {
            static FIRST: Mutex<BTreeMap<PathBuf, Vec<u8>>> = Mutex::new(BTreeMap::new());
            let read = || fs::read(path).unwrap();
            FIRST.lock().unwrap().entry(path.to_owned()).or_insert_with(read).clone()
        } else {
            fs::read(path).ok()?
        };
        if flaw("decodes-the-page") && status == 404 {
            body = String::from_utf8_lossy(&body).into_owned().into();
        }
        if flaw("decodes-the-file") {
            body = String::from_utf8_lossy(&body).into_owned().into();
        }
        if flaw("text-mode") && str::from_utf8(&body).is_ok() {
            body = String::from_utf8_lossy(&body).replace("\r\n", "\n").into();
        }
        if flaw("one-buffer") {
            body.truncate(8192);
        }
        Some(Self { status, media_type: media_type(path), body, for_head: false })
    }

    fn bytes(&self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            _ => "HTTP Version Not Supported",
        };
        let length = match () {
            () if flaw("counts-characters") => {
                String::from_utf8_lossy(&self.body).chars().count()
            }
            () if self.for_head && flaw("length-0-for-head") => 0,
            () if self.for_head && self.status == 404 && flaw("length-0-for-head-of-404") => 0,
            () => self.body.len(),
        };
        let status = if flaw("always-200") { 200 } else { self.status };
        static START: LazyLock<String> = LazyLock::new(date);
        let date = match () {
            () if flaw("local-date") => "2024-04-05 13:33:33".to_owned(),
            () if flaw("date-of-the-start") => START.clone(),
            () => date(),
        };
        let mut head = format!(
            "HTTP/1.1 {status} {reason}\r\nDate: {date}\r\nContent-Type: {}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n",
            self.media_type
        );
        if flaw("no-length") {
            head = head.replace(&format!("Content-Length: {length}\r\n"), "");
        }
        if flaw("lf-only") {
            head = head.replace("\r\n", "\n");
        }
        let mut bytes = head.into_bytes();
        if !self.for_head || flaw("head-with-body") {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Content-Type.
pub(crate) fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let extension = match () {
        () if flaw("lowercase-types-only") => extension.into_owned(),
        () => extension.to_lowercase(),
    };
    match &*extension {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "css" => "text/css",
        "js" => "text/javascript",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// What is there for a request.
fn find(request: &Request, root: &Path) -> Answer {
    let found = locate(&request.target, root).and_then(|path| Answer::file(200, &path));
    let page = || {
        if flaw("no-page") {
            return None;
        }
        let page = match flaw("page-from-anywhere") {
            true => root.join("filenotfound.html"),
            false => below(root, b"filenotfound.html".to_vec())?,
        };
        let mut answer = Answer::file(404, &page)?;
        if flaw("page-typed-by-the-request") {
            answer.media_type = media_type(Path::new(&request.target));
        }
        Some(answer)
    };
    let answer = found.or_else(page);
    if flaw("panics-without-page") {
        assert!(answer.is_some(), "filenotfound.html is not there");
    }
    let answer = answer.unwrap_or_else(|| Answer::words(404, "File not found"));
    Answer { for_head: request.for_head, ..answer }
}

fn locate(target: &str, root: &Path) -> Option<PathBuf> {
    let mut name = name_of(target)?;
    if name.is_empty() && flaw("serves-an-index") {
        name = b"index.html".to_vec();
    }
    static MISSING: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    if flaw("remembers-what-is-missing") && MISSING.lock().unwrap().contains(&name) {
        return None;
    }
    let found = below(root, name.clone());
    if found.is_none() {
        MISSING.lock().unwrap().push(name);
    }
    found
}

/// The name that a target has for a file, decoded.
pub(crate) fn name_of(target: &str) -> Option<Vec<u8>> {
    let path = match target.split_once("://") {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("http")
                && !flaw("no-full-urls")
                && (scheme == "http" || !flaw("lowercase-schemes-only")) =>
        {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let path = path.strip_prefix('/')?;
    let path = if flaw("keeps-the-query") { path } else { path.split('?').next()? };
    if flaw("looks-for-dots-before-decoding") && path.contains("..") {
        return None;
    }
    Some(if flaw("does-not-decode") { path.into() } else { decode(path.as_bytes()) })
}

/// The file of this name, if there is one.
pub(crate) fn below(root: &Path, name: Vec<u8>) -> Option<PathBuf> {
    let mut whole = root.as_os_str().to_owned().into_vec();
    whole.push(b'/');
    whole.extend(name);
    let joined = PathBuf::from(OsString::from_vec(whole));
    let file = joined.canonicalize().ok()?;
    let inside = match () {
        () if flaw("joins-and-opens") || flaw("looks-for-dots-before-decoding") => true,
        () if flaw("follows-links") => !joined.to_string_lossy().contains(".."),
        () if flaw("refuses-links") => file == joined,
        // The mistake: as text, /www-private begins like /www.
        () if flaw("compares-text") => file.to_str()?.starts_with(root.to_str()?),
        () => file.starts_with(root),
    };
    let opened = file.is_file() || flaw("opens-pipes") && !file.is_dir();
    (inside && opened).then_some(file)
}

fn decode(mut text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    while let [first, rest @ ..] = text {
        let digits = rest.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if flaw("panics-on-a-bad-escape") {
            assert!(*first != b'%' || byte.is_some(), "invalid digit found in string");
        }
        match (first, byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                text = &rest[2..];
            }
            _ => {
                decoded.push(*first);
                text = rest;
            }
        }
    }
    decoded
}

fn send(mut stream: &TcpStream, mut bytes: &[u8], site: &Site) -> io::Result<()> {
    let (start, mut asked_to_stop) = (Instant::now(), None);
    while !bytes.is_empty() {
        if stopped(&site.stop) {
            let since = *asked_to_stop.get_or_insert_with(Instant::now);
            let no_limit = flaw("waits-for-answers-for-ever");
            if since.elapsed() > GRACE && !no_limit || flaw("stops-at-once") {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        // Well before its time, so that a busy machine does not hide it.
        if flaw("timeout-for-all") && start.elapsed() > site.timeout / 4 {
            return Err(ErrorKind::TimedOut.into());
        }
        match stream.write(piece(bytes)) {
            Ok(_) if flaw("one-write") => return Ok(()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends our side and reads what the client still sends: closing with bytes unread would
/// reset the connection, and the client might never see the answer.
fn linger(mut stream: &TcpStream, site: &Site) {
    let _ = stream.shutdown(Shutdown::Write);
    let (start, mut buffer) = (Instant::now(), [0; 10_000]);
    while start.elapsed() < LINGER && !stopped(&site.stop) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest(),
            Err(_) => return,
        }
    }
}

/// Now, as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date() -> String {
    date_of(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Seconds since 1970, in the same form.
pub(crate) fn date_of(seconds: u64) -> String {
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = &"ThuFriSatSunMonTueWed"[day as usize % 7 * 3..][..3];
    let mut year = 1970;
    let mut month = 0;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let length = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
        if day < length {
            break;
        }
        day -= length;
        month = (month + 1) % 12;
        year += u64::from(month == 0);
    }
    let month = &"JanFebMarAprMayJunJulAugSepOctNovDec"[month * 3..][..3];
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let (day, second) = (day + 1, second % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
