//! The access log.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::answer::later;
use super::head::Request;
use super::{Form, date};
use crate::{flaw, rest};

pub(super) struct Log {
    file: Mutex<File>,
    form: Form,
    /// Only with a flaw: what is not written yet.
    held: Mutex<Vec<u8>>,
}

pub(super) struct Exchange<'a> {
    pub(super) client: SocketAddr,
    /// What could be read.
    pub(super) request: Option<&'a Request>,
    pub(super) status: u16,
    pub(super) status_line: String,
    pub(super) kept: bool,
    pub(super) bytes: u64,
}

impl Log {
    pub(super) fn open(path: &Path, form: Form) -> std::io::Result<Self> {
        let mut options = File::options();
        options.create(true);
        if flaw("truncates-the-log") {
            options.write(true).truncate(true);
        } else {
            options.append(true);
        }
        let file = Mutex::new(options.open(path)?);
        Ok(Self { file, form, held: Mutex::default() })
    }

    pub(super) fn write(&self, exchange: &Exchange) -> std::io::Result<()> {
        if exchange.request.is_none() && flaw("no-lines-for-400") {
            return Ok(());
        }
        if exchange.status == 408 && flaw("no-lines-for-408") {
            return Ok(());
        }
        let form = if flaw("log-format-ignored") { Form::Lab } else { self.form };
        let lines = match form {
            Form::Lab => exchange.lab(),
            Form::Combined => exchange.combined(),
        };
        if flaw("buffers-the-log") {
            let mut held = self.held.lock().unwrap();
            held.extend(lines.bytes());
            if held.len() > 8192 {
                self.file.lock().unwrap().write_all(&std::mem::take(&mut *held))?;
            }
            return Ok(());
        }
        if flaw("two-writes") {
            for line in lines.split_inclusive('\n') {
                self.file.lock().unwrap().write_all(line.as_bytes())?;
                rest();
            }
            return Ok(());
        }
        self.file.lock().unwrap().write_all(lines.as_bytes())
    }

    /// At the end of the server.
    pub(super) fn flush(&self) {
        let _ = self.file.lock().unwrap().write_all(&self.held.lock().unwrap());
    }
}

impl Exchange<'_> {
    fn lab(&self) -> String {
        let Self { client, request, status_line, .. } = self;
        let address = client.ip().to_canonical();
        let is_local = match flaw("localhost-is-127.0.0.1") {
            true => address.to_string() == "127.0.0.1",
            false => address.is_loopback(),
        };
        let name = match is_local && !flaw("address-without-localhost") {
            true => "localhost".to_owned(),
            false => address.to_string(),
        };
        let client = format!("({name}, {address})");
        let kept = if self.kept { "keep-alive" } else { "close" };
        let mut connection =
            request.and_then(|request| request.all("connection").next()).unwrap_or("-");
        if flaw("connection-of-the-answer") {
            connection = kept;
        }
        let connection = match flaw("logs-connection-as-it-comes") {
            true => connection.to_owned(),
            false => escape(connection),
        };
        let method = request.map_or("-", |request| &request.method);
        let file = request.map_or("-".to_owned(), |request| file_name(&request.target));
        let status = match () {
            () if flaw("status-without-reason") => &status_line[..12],
            () => status_line,
        };
        let date =
            if flaw("log-in-local-time") { date().replace("GMT", "CEST") } else { date() };
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let date = if flaw("log-in-local-time-as-gmt") { later(now()) } else { date };
        let (open, close) = if flaw("wrong-brackets") { ("(", ")") } else { ("[", "]") };
        let fields = |fields: &[String]| -> String {
            fields.iter().map(|field| format!("{open}{field}{close}")).collect()
        };
        let mut request_line = vec![
            format!("Client request from {client}"),
            format!("Connection: {connection}"),
            format!("Method: {method}"),
            format!("Request file name: {file}"),
            format!("Date: {date}"),
        ];
        if flaw("fields-in-another-order") {
            request_line.swap(1, 2);
        }
        let answer_line = [
            format!("Server response to {client}"),
            format!("StatusCode: {status}"),
            format!("Date: {date}"),
            format!("Connection: {kept}"),
        ];
        if flaw("one-line-for-both") {
            return format!("{}{}\n", fields(&request_line), fields(&answer_line));
        }
        format!("{}\n{}\n", fields(&request_line), fields(&answer_line))
    }

    fn combined(&self) -> String {
        let Self { client, request, status, .. } = self;
        // Fri, 05 Apr 2024 13:33:33 GMT
        let now = date();
        let date = match () {
            () if flaw("http-dates-in-combined") => now,
            () => format!(
                "{}/{}/{}:{} +0000",
                &now[5..7],
                &now[8..11],
                &now[12..16],
                &now[17..25]
            ),
        };
        let line = request.map_or("-".to_owned(), |request| quoted(&request.line));
        let field = |name: &str| match request.and_then(|request| request.all(name).next()) {
            Some(value) if flaw("quotes-as-they-come") => value.to_owned(),
            Some(value) => quoted(value),
            None => "-".to_owned(),
        };
        let status = match flaw("reason-in-combined") {
            true => self.status_line[9..].to_owned(),
            false => status.to_string(),
        };
        let bytes = self.bytes;
        if flaw("common-for-combined") {
            return format!("{} - - [{date}] \"{line}\" {status} {bytes}\n", client.ip());
        }
        let (referer, agent) = (field("referer"), field("user-agent"));
        format!(
            "{} - - [{date}] \"{line}\" {status} {bytes} \"{referer}\" \"{agent}\"\n",
            client.ip()
        )
    }
}

fn file_name(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    if path == "/" && !flaw("logs-slash-as-it-comes") {
        return "/index.html".to_owned();
    }
    if flaw("logs-targets-as-they-come") {
        return path.to_owned();
    }
    if flaw("logs-names-decoded") {
        let name = crate::web_server::name_of(target).unwrap_or_default();
        return format!("/{}", String::from_utf8_lossy(&name).replace(['[', ']'], "_"));
    }
    escape(path)
}

/// What cannot end a field, or a line.
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'[' | b']' | b'"' | b'\\' => format!("\\x{byte:02x}"),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    text.bytes().map(escape).collect()
}

/// What cannot end a quotation.
fn quoted(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    text.bytes().map(escape).collect()
}
