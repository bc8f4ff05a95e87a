//! The access log: who asked for what, and what the answer was.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use clap::ValueEnum;

use crate::dates::Dates;
use crate::head::Request;
use crate::response::Status;
use crate::target;

/// How an exchange is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Two lines for each exchange
    Lab,
    /// One line in the NCSA combined format, which log analysers read
    Combined,
}

/// A request and its response.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// Who asked.
    pub client: IpAddr,
    /// When the request had come.
    pub asked: SystemTime,
    /// What was asked, if that could be read.
    pub request: Option<&'a Request<'a>>,
    /// Whether the client asked for the connection to go on.
    pub keep_alive: bool,
    /// What was answered.
    pub status: Status,
    /// When.
    pub answered: SystemTime,
    /// Whether the response said that the connection goes on.
    pub kept: bool,
    /// The bytes of the response's body.
    pub body: u64,
}

/// A log file, to which lines are appended.
pub struct Log {
    file: File,
    format: Format,
    /// Whether the last line was written in part only.
    torn: Mutex<bool>,
}

impl Log {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, format: Format) -> io::Result<Self> {
        let torn = ends_within_a_line(path).unwrap_or(false);
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file, format, torn: Mutex::new(torn) })
    }

    /// Adds an exchange, with a single write(2). Because the file was opened to be appended
    /// to, no other thread's or program's lines get between, and what was written is there
    /// even if this program is killed the moment after.
    ///
    /// # Errors
    /// It was not written, or in part only.
    pub fn add(&self, exchange: &Exchange<'_>, dates: &mut Dates) -> io::Result<()> {
        let lines = exchange.lines(self.format, dates);
        // A disk that was full for a while leaves a part of a line. The next one is whole.
        let mut torn = self.torn.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = if *torn { format!("\n{lines}") } else { lines };
        // If nothing at all could be written, what was torn is so still.
        let written = (&self.file).write(lines.as_bytes())?;
        *torn = written < lines.len();
        if *torn { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Exchange<'_> {
    /// The line, or the lines, that tell of it, each with its line end.
    pub fn lines(&self, format: Format, dates: &mut Dates) -> String {
        match format {
            Format::Lab => self.lab(dates),
            Format::Combined => self.combined(dates),
        }
    }

    /// As in `[Client request from (localhost, 127.0.0.1)][Connection: keep-alive]…`.
    fn lab(&self, dates: &mut Dates) -> String {
        // Fill in start 6.5: write down the request and the response, a line for each
        let client = self.client.to_canonical();
        let name =
            if client.is_loopback() { "localhost".to_owned() } else { client.to_string() };
        let (connection, method, file) = match self.request {
            Some(request) => {
                (said(self.keep_alive), request.method, shown(target::path(request.target)))
            }
            None => ("-", "-", "-".to_owned()),
        };
        let request = format!(
            "[Client request from ({name}, {client})][Connection: {connection}][Method: \
             {method}][Request file name: {file}][Date: {}]\n",
            dates.text(self.asked),
        );
        let response = format!(
            "[Server response to ({name}, {client})][StatusCode: HTTP/1.1 {}][Date: \
             {}][Connection: {}]\n",
            self.status.line(),
            dates.text(self.answered),
            said(self.kept),
        );
        request + &response
        // Fill in instead: String::new()
        // Fill in end 6.5
    }

    /// As in `127.0.0.1 - - [05/Apr/2024:13:33:33 +0000] "GET / HTTP/1.1" 200 905 "-" "curl"`.
    fn combined(&self, dates: &mut Dates) -> String {
        // "Fri, 05 Apr 2024 13:33:33 GMT", a fixed form (RFC 9110 §5.6.7).
        let date = dates.text(self.asked);
        let (day, month, year) = (&date[5..7], &date[8..11], &date[12..16]);
        let time = &date[17..25];
        let field = |name| {
            let value = self.request.and_then(|request| request.fields.get(name));
            value.filter(|value| !value.is_empty()).unwrap_or(b"-")
        };
        let mut line = self.client.to_canonical().to_string();
        line.extend([" - - [", day, "/", month, "/", year, ":", time, " +0000] \""]);
        match self.request {
            Some(request) => {
                quote(request.method.as_bytes(), &mut line);
                line.push(' ');
                quote(request.target.as_bytes(), &mut line);
                line.extend([" HTTP/1.", &request.minor_version.to_string()]);
            }
            None => line.push('-'),
        }
        line.extend(["\" ", self.status.code(), " ", &self.body.to_string(), " \""]);
        quote(field("Referer"), &mut line);
        line.push_str("\" \"");
        quote(field("User-Agent"), &mut line);
        line.push_str("\"\n");
        line
    }
}

/// Whether an earlier run has left a part of a line, for instance on a full disk.
fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    // A pipe has no end to look at, and opening it would wait.
    if !path.metadata()?.is_file() {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn said(keep_alive: bool) -> &'static str {
    if keep_alive { "keep-alive" } else { "close" }
}

/// A path as it stands between brackets, which it could otherwise close.
fn shown(path: &str) -> String {
    match path {
        "/" => "/index.html".to_owned(),
        path => path.replace('[', "%5B").replace(']', "%5D"),
    }
}

/// Adds text as it stands between quotation marks, as Apache and nginx write it: what could
/// end the field or the line is escaped.
fn quote(text: &[u8], line: &mut String) {
    for &byte in text {
        if matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\') {
            line.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\x{byte:02X}");
        }
    }
}
