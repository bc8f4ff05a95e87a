//! What is answered: a file, words, or that nothing has changed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::poll::PollFlags;

use super::head::Request;
use super::{Server, date};
use crate::web_server::{below, date_of, media_type, name_of};
use crate::{flaw, piece, rest};

/// So much of a file is held at a time.
const PIECE: usize = 64 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) struct Answer {
    pub(super) status: u16,
    media_type: &'static str,
    /// Seconds since 1970.
    modified: Option<u64>,
    length: u64,
    body: Body,
    /// Only with a flaw: what the answer is for.
    location: Option<String>,
}

enum Body {
    None,
    Bytes(Vec<u8>),
    File(File),
}

/// What an answer says of its connection.
pub(super) struct Kept {
    /// Seconds of idleness.
    pub(super) timeout: u64,
    /// Requests, this one included.
    pub(super) left: u64,
}

impl Answer {
    pub(super) fn words(status: u16, words: &str) -> Self {
        Self::of(status, TEXT, words.into())
    }

    fn of(status: u16, media_type: &'static str, bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        let body = Body::Bytes(bytes);
        Self { status, media_type, modified: None, length, body, location: None }
    }

    fn file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let data = file.metadata()?;
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut modified = seconds(data.modified()?);
        if flaw("modified-now") {
            modified = seconds(SystemTime::now());
        }
        if flaw("remembers-the-time") {
            static FIRST: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());
            modified = *FIRST.lock().unwrap().entry(path.to_owned()).or_insert(modified);
        }
        let mut answer = Self {
            status: 200,
            media_type: media_type(path),
            modified: Some(modified),
            length: data.len(),
            body: Body::File(file),
            location: None,
        };
        if flaw("all-html") {
            answer.media_type = "text/html";
        }
        if flaw("decodes-the-file") {
            let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
            answer.length = text.len() as u64;
            answer.body = Body::Bytes(text.into());
        }
        if flaw("counts-characters") {
            answer.length = String::from_utf8_lossy(&fs::read(path)?).chars().count() as u64;
        }
        if flaw("reads-once-for-all") {
            static FIRST: Mutex<BTreeMap<PathBuf, Vec<u8>>> = Mutex::new(BTreeMap::new());
            let read = || fs::read(path).unwrap();
            let bytes =
                FIRST.lock().unwrap().entry(path.to_owned()).or_insert_with(read).clone();
            answer.length = bytes.len() as u64;
            answer.body = Body::Bytes(bytes);
        }
        Ok(answer)
    }

    /// Whether anything but the request itself is wrong, so that others may follow it.
    pub(super) fn may_go_on(&self, request: &Request) -> bool {
        match self.status {
            404 if flaw("404-closes") => false,
            304 if flaw("304-closes") => false,
            400 if flaw("another-extension-closes") && request.method == "GET" => false,
            400 if flaw("another-method-closes") && request.method != "GET" => false,
            _ => !request.has_body(),
        }
    }

    /// One for each file.
    fn lock(&self) -> Arc<Mutex<()>> {
        static LOCKS: Mutex<BTreeMap<u64, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
        match &self.body {
            Body::File(file) => {
                let number = file.metadata().unwrap().ino();
                Arc::clone(LOCKS.lock().unwrap().entry(number).or_default())
            }
            _ => Arc::default(),
        }
    }

    /// Sends it, in as few pieces as can be; how much of its body was sent.
    pub(super) fn send(
        mut self,
        stream: &TcpStream,
        kept: Option<&Kept>,
        for_head: bool,
        server: &Server,
    ) -> io::Result<u64> {
        let lock = flaw("one-reader-at-a-time").then(|| self.lock());
        let _alone = lock.as_ref().map(|lock| lock.lock().unwrap());
        let mut piece = self.head(kept, for_head).into_bytes();
        let head = piece.len() as u64;
        let mut all = 0;
        let bodiless = for_head
            && !flaw("head-with-body")
            && !(flaw("head-with-the-body-of-an-error") && self.status >= 400)
            || self.status == 304 && !flaw("304-with-body");
        if bodiless {
            self.body = Body::None;
        }
        if let Body::Bytes(bytes) = &self.body {
            piece.extend(bytes);
        }
        let file = match &self.body {
            Body::File(file) => Some(file),
            _ => None,
        };
        let mut left = if file.is_some() { self.length } else { 0 };
        loop {
            if let Some(file) = file
                && left > 0
            {
                let start = piece.len();
                file.take(left.min(PIECE as u64)).read_to_end(&mut piece)?;
                if piece.len() == start && flaw("a-shrunk-file-is-fine") {
                    return Ok(all);
                }
                if piece.len() == start {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                left -= (piece.len() - start) as u64;
                if flaw("shares-its-buffer") {
                    static BUFFER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
                    let mut buffer = BUFFER.lock().unwrap();
                    if buffer.len() < piece.len() {
                        buffer.resize(piece.len(), b'.');
                    }
                    buffer[start..piece.len()].copy_from_slice(&piece[start..]);
                    drop(buffer);
                    // While others use it, too.
                    (0..5).for_each(|_| rest());
                    let end = piece.len();
                    piece[start..].copy_from_slice(&BUFFER.lock().unwrap()[start..end]);
                }
            }
            all += piece.len() as u64;
            write(stream, &piece, server)?;
            piece.clear();
            if file.is_some() && self.length == 0 && flaw("an-empty-file-is-an-error") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if left == 0 {
                return Ok(if flaw("bytes-with-head") { all } else { all - head });
            }
        }
    }

    pub(super) fn status_line(&self) -> String {
        let reason = match self.status {
            200 => "OK",
            304 => "Not Modified",
            400 => "Bad Request",
            404 => "Not Found",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "HTTP Version Not Supported",
        };
        let status = if flaw("always-200") { 200 } else { self.status };
        format!("HTTP/1.1 {status} {reason}")
    }

    fn head(&self, kept: Option<&Kept>, for_head: bool) -> String {
        let mut lines = vec![self.status_line()];
        if self.status == 503 && flaw("503-by-hand") {
            return format!("{}\r\nContent-Length: {}\r\n\r\n", lines[0], self.length);
        }
        if let Some(location) = &self.location {
            lines.push(format!("Content-Location: {location}"));
        }
        if !(self.status >= 400 && flaw("no-date-for-errors")) {
            let date = match flaw("date-in-local-time") {
                true => later(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()),
                false => date(),
            };
            lines.push(format!("Date: {date}"));
        }
        if !(self.status == 304 && flaw("304-without-type")) {
            lines.push(format!("Content-Type: {}", self.media_type));
        }
        let length = match () {
            () if for_head && flaw("length-0-for-head") => 0,
            () if self.status == 304 && flaw("304-with-length-0") => 0,
            () => self.length,
        };
        if !(self.status == 304 && flaw("304-without-length")) {
            lines.push(format!("Content-Length: {length}"));
        }
        let no_modified = for_head && flaw("not-modified-for-get-only")
            || self.status == 304 && flaw("304-without-last-modified");
        if let Some(modified) = self.modified.filter(|_| !no_modified) {
            let date = match () {
                () if flaw("modified-in-local-time") => {
                    date_of(modified + 3600).replace("GMT", "CET")
                }
                () if flaw("threads-share-a-date") => {
                    static SHARED: AtomicU64 = AtomicU64::new(0);
                    SHARED.store(modified, Ordering::Relaxed);
                    rest();
                    date_of(SHARED.load(Ordering::Relaxed))
                }
                () => date_of(modified),
            };
            lines.push(format!("Last-Modified: {date}"));
        }
        match kept {
            Some(kept) => {
                lines.push("Connection: keep-alive".to_owned());
                let is_short = self.status == 304 && flaw("304-without-keep-alive");
                if !flaw("no-keep-alive-field") && !is_short {
                    let Kept { timeout, left } = kept;
                    lines.push(format!("Keep-Alive: timeout={timeout}, max={left}"));
                }
            }
            None if flaw("no-connection-for-errors") && self.status >= 400 => {}
            None => lines.push("Connection: close".to_owned()),
        }
        let end = if flaw("lf-only") { "\n" } else { "\r\n" };
        lines.iter().map(|line| format!("{line}{end}")).collect::<String>() + end
    }
}

/// Only with a flaw: the time in a zone that is 9 hours ahead, called GMT.
pub(super) fn later(seconds: u64) -> String {
    date_of(seconds + 9 * 3600)
}

/// All of `bytes`, however long the client takes.
fn write(mut stream: &TcpStream, mut bytes: &[u8], server: &Server) -> io::Result<()> {
    let start = std::time::Instant::now();
    while !bytes.is_empty() {
        // Well before its time, so that a busy machine does not hide it.
        if flaw("timeout-for-all") && start.elapsed() > server.options.keep_alive_timeout / 4 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if flaw("stops-at-once") && server.stopped() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match stream.write(piece(bytes)) {
            Ok(_) if flaw("one-write") => return Ok(()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                server.wait(stream, PollFlags::POLLOUT, super::Until::Ready)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is there for a request.
pub(super) fn find(request: &Request, server: &Server) -> Answer {
    let mut answer = search(request, server);
    if flaw("tells-the-name-decoded") {
        let name = name_of(&request.target).unwrap_or_default();
        answer.location = Some(format!("/{}", String::from_utf8_lossy(&name)));
    }
    answer
}

fn search(request: &Request, server: &Server) -> Answer {
    if !matches!(&*request.method, "GET" | "HEAD") && !flaw("any-method") {
        return Answer::words(400, "only GET and HEAD are done here");
    }
    let Some(name) = name_of(&request.target) else {
        return Answer::words(400, "a target begins with a slash");
    };
    let is_index = match () {
        () if flaw("slash-is-nothing") => false,
        () if flaw("slash-alone-is-the-index") => request.target == "/",
        () => name.is_empty(),
    };
    let name = if is_index { b"index.html".to_vec() } else { name };
    let found = || {
        let path = below(&server.root, name.clone())?;
        Answer::file(&path).ok()
    };
    if flaw("looks-for-the-file-first") && found().is_none() {
        return not_there(server);
    }
    let ending = Path::new(std::ffi::OsStr::from_bytes(&name)).extension();
    if ending.is_none() && !flaw("no-extension-is-served") && !flaw("ends-without-a-dot") {
        return not_there(server);
    }
    if !is_served(&name, &server.options.allow) {
        if flaw("404-for-another-extension") {
            return not_there(server);
        }
        return Answer::words(400, "files of this kind are not served");
    }
    match found() {
        Some(file) => unless_fresh(file, request),
        None if flaw("304-for-what-is-not-there")
            && request.all("if-modified-since").next().is_some() =>
        {
            Answer::of(304, TEXT, Vec::new())
        }
        None => not_there(server),
    }
}

/// By its extension.
fn is_served(name: &[u8], allowed: &[String]) -> bool {
    let name = PathBuf::from(std::ffi::OsString::from_vec(name.to_vec()));
    let extension = name.extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or_default();
    if extension.is_empty() && flaw("no-extension-is-served") {
        return true;
    }
    let extension = match () {
        () if flaw("case-sensitive-extensions") => extension.to_owned(),
        () if flaw("extension-behind-the-first-dot") => {
            let name = name.to_string_lossy();
            name.split_once('.').map_or("", |(_, extension)| extension).to_lowercase()
        }
        () => extension.to_lowercase(),
    };
    let known = ["txt", "html", "png", "jpg", "jpeg"];
    if flaw("ends-without-a-dot") {
        let name = name.to_string_lossy().to_lowercase();
        let mut all = known.into_iter().chain(allowed.iter().map(String::as_str));
        return all.any(|known| name.ends_with(&known.to_lowercase()));
    }
    if flaw("extension-anywhere") {
        let name = name.to_string_lossy().to_lowercase();
        return known.iter().any(|known| name.contains(&format!(".{known}")))
            || allowed.iter().any(|more| name.contains(&format!(".{more}")));
    }
    if flaw("allow-replaces") && !allowed.is_empty() {
        return allowed.contains(&extension);
    }
    known.contains(&&*extension)
        || allowed.iter().any(|more| more.eq_ignore_ascii_case(&extension))
            && !flaw("allow-ignored")
        || flaw("every-extension")
        || flaw("serves-what-browsers-show") && matches!(&*extension, "htm" | "gif")
}

fn not_there(server: &Server) -> Answer {
    let page = below(&server.root, b"filenotfound.html".to_vec());
    let page = page.ok_or(io::ErrorKind::NotFound.into()).and_then(fs::read);
    match page {
        Ok(page) if !flaw("no-page") => Answer::of(404, "text/html; charset=utf-8", page),
        _ => {
            assert!(!flaw("panics-without-page"), "filenotfound.html is not there");
            Answer::words(404, "File not found")
        }
    }
}

fn unless_fresh(file: Answer, request: &Request) -> Answer {
    let dates: Vec<&str> = request.all("if-modified-since").collect();
    let (&[said], Some(modified)) = (&dates[..], file.modified) else { return file };
    let read = read_date(said);
    if flaw("crashes-on-an-unreadable-date") {
        read.unwrap();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let fresh = match read {
        _ if flaw("any-date-is-fresh") => true,
        _ if flaw("304-for-get-only") && request.method == "HEAD" => false,
        _ if flaw("compares-text") => said >= date_of(modified).as_str(),
        None => flaw("unreadable-is-fresh"),
        Some(date) if flaw("only-equal-is-fresh") => date == modified,
        Some(date) if flaw("only-later-is-fresh") => date > modified,
        // The fraction of a second that a file's time has and the date has not.
        Some(date) if flaw("compares-fractions") => date as f64 >= modified as f64 + 0.7,
        Some(date) if flaw("reads-dates-in-local-time") => date >= modified + 9 * 3600,
        Some(date) if flaw("the-future-is-not-fresh") && date > now => false,
        Some(date) => date >= modified,
    };
    if fresh { Answer { status: 304, ..file } } else { file }
}

/// A date in one of the three forms, in seconds since 1970.
fn read_date(text: &str) -> Option<u64> {
    let words = text.replace([',', '-'], " ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] if !flaw("reads-no-asctime") => (day, month, year, time),
        _ => return None,
    };
    let month =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            .iter()
            .position(|name| *name == month)? as u64;
    let (day, mut year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    if year < 100 {
        if flaw("reads-no-rfc-850") {
            return None;
        }
        // In RFC 9110 what would be more than 50 years ahead lies behind.
        year += if year < 70 { 2000 } else { 1900 };
    }
    let parts: Vec<u64> = time.split(':').filter_map(|part| part.parse().ok()).collect();
    let &[hour, minute, second] = &parts[..] else { return None };
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1970 {
        return None;
    }
    // Months from March on, so that the leap day is the last of its year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}
