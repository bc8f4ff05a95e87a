//! The access log, read as others read it: GoAccess takes each line of the combined format,
//! whatever clients have sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use support::http::{Answer, answer_to_the_end, ask};
use support::{PATIENCE, Promise, Seen, bytes, handout, log};
use tempfile::TempDir;

use super::serve_and_log;
use crate::{needs, promise, run, text};

/// GoAccess 1.7 reads lines of up to 4,095 bytes and counts the rest of longer ones as
/// further lines that are none; those of nginx too.
const LONGEST_LINE: usize = 4095;

/// What a client may put into a target, or into a field that is logged.
const HOSTILE: [&[u8]; 22] = [
    b"\"",
    b"\\",
    b"\\\"",
    b"\\x22",
    b"a\"b\"c",
    b"\" 200 1 \"-\" \"forged",
    b"[06/Nov/1994:08:49:37 +0000]",
    b"]][[",
    "Größe".as_bytes(),
    "こんにちは".as_bytes(),
    b"\xff\xfe",
    b"a\tb",
    b"\x01",
    b"\x1b[31m",
    b"\x7f",
    "\u{9b}2J".as_bytes(),
    b"",
    b"-",
    b"%s%n%0a%00",
    b"'",
    b"<script>",
    b"a, b; c",
];

#[test]
#[ignore = "needs goaccess; .ci/run installs it"]
fn goaccess_reads_each_line_of_the_combined_log() {
    needs("goaccess");
    let promise = promise("GoAccess takes each line of the combined log, and counts what was")
        .cause(
            &[Seen::Other],
            "nothing that a client sends may end a field or a line: escape quotation marks, \
             backslashes, and all but printable ASCII, and put - where nothing is known",
        )
        .cause(&[Seen::More, Seen::Part], "there is one line for each exchange")
        .read(handout::LOG);
    let log = LogFile::new();
    let options = [&log.options("combined")[..], &["--keep-alive-timeout", "1"]].concat();
    let server = serve_and_log(Path::new("www"), &options);

    let (mut exchanges, mut bandwidth, mut statuses) = (0, 0, BTreeMap::new());
    let mut note = |answer: &Answer| {
        exchanges += 1;
        bandwidth += answer.body.len();
        let status = answer.status_line.split(' ').nth(1).unwrap_or_default().to_owned();
        *statuses.entry(status).or_insert(0) += 1;
    };
    for request in requests() {
        note(&ask(&server, &request, &promise));
    }
    let mut broken_off = server.connect(&promise);
    broken_off.send(b"GET /index.html HTT", &promise);
    broken_off.half_close();
    note(&answer_to_the_end(&mut broken_off, PATIENCE, &promise));
    for status in ["200", "304", "400", "404", "408", "431", "505"] {
        assert!(statuses.contains_key(status), "no request has got {status}: {statuses:?}");
    }

    let lines = log.lines(exchanges, &promise);
    assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE), "more than GoAccess reads");
    let report = Report::of(&log, &promise);
    if !report.invalid.is_empty() {
        let line =
            bytes::show(report.invalid.lines().next().unwrap_or_default().as_bytes(), 200);
        promise.broken(Seen::Other, format!("GoAccess rejects the line {line}"));
    }
    for (what, want) in [
        ("failed_requests", 0),
        ("valid_requests", exchanges),
        ("total_requests", exchanges),
        ("bandwidth", bandwidth),
    ] {
        let told = report.general(what);
        if told != Some(want) {
            promise.broken(Seen::Other, format!("GoAccess's {what} is {told:?}, not {want}"));
        }
    }
    let told = report.statuses();
    if told != statuses {
        promise.broken(
            Seen::Other,
            format!("the answers were {statuses:?}, and GoAccess counts {told:?}"),
        );
    }

    // What GoAccess is lenient about.
    let entries = Combined::all(&lines, &promise);
    let logged: usize = entries.iter().map(|entry| entry.length as usize).sum();
    if logged != bandwidth {
        promise.broken(Seen::Part, format!("the log tells of {logged} bytes of {bandwidth}"));
    }
}

/// Requests of all kinds, each for a connection of its own.
fn requests() -> Vec<Vec<u8>> {
    let request = |line: &[u8], fields: &[u8]| {
        [line, b" HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n"].concat()
    };
    let mut all = vec![
        request(b"GET /", b""),
        request(b"HEAD /index.html", b""),
        request(b"HEAD /nowhere.html", b""),
        request(b"GET /greetings.txt?a=b&c=[d]", b""),
        request(b"GET /nowhere.html", b""),
        request(b"GET /style.css", b""),
        request(b"GET http://127.0.0.1/index.html", b""),
        request(b"GET /index.html", b"If-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT\r\n"),
        request(b"OPTIONS *", b""),
        request(b"CONNECT a:80", b""),
        request(b"POST /index.html", b"Content-Length: 0\r\n"),
        request(b"BREW /index.html", b""),
        request(b"get /index.html", b""),
        request(b"!#$%&'*+.^_`|~ /index.html", b""),
        request(format!("GET /{}.html", "a".repeat(3800)).as_bytes(), b""),
        request(b"GET /", format!("User-Agent: {}\r\n", "a".repeat(3800)).as_bytes()),
        request(b"GET /", b"User-Agent: \r\nReferer: \r\n"),
        b"GET /index.html HTTP/1.0\r\n\r\n".to_vec(),
        b"GET /index.html HTTP/1.7\r\nHost: a\r\n\r\n".to_vec(),
        b"GET /index.html HTTP/2.0\r\n\r\n".to_vec(),
        b"GET /index.html HTTP:/1.1\r\n\r\n".to_vec(),
        b"GET /index.html\r\n\r\n".to_vec(),
        b"GET /index.html HTTP/1.1\r\n\r\n".to_vec(),
        b"no request\r\n\r\n".to_vec(),
        b"\"no\" \\request\\\r\n\r\n".to_vec(),
        b"\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(),
        b"GET /index.html HTT".to_vec(),
        request(format!("GET /{}", "a".repeat(9000)).as_bytes(), b""),
    ];
    for part in HOSTILE {
        all.push(request(b"GET /", &[b"User-Agent: ", part, b"\r\n"].concat()));
        all.push(request(b"GET /", &[b"Referer: ", part, b"\r\n"].concat()));
        all.push(request(&[b"GET /", part, b".html"].concat(), b""));
        all.push(request(&[part, b" /index.html"].concat(), b""));
    }
    all
}

/// What GoAccess makes of a log.
struct Report {
    json: String,
    /// The lines that it could not read.
    invalid: String,
}

impl Report {
    fn of(log: &LogFile, promise: &Promise) -> Self {
        let [report, invalid] =
            ["report.json", "invalid"].map(|name| log.folder.path().join(name));
        let command = format!(
            "exec goaccess '{}' --no-global-config --no-progress --log-format=COMBINED \
             -o '{}' --invalid-requests='{}'",
            log.path,
            text(&report),
            text(&invalid)
        );
        let end = run(&command, promise);
        let Ok(json) = fs::read(&report) else {
            promise.broken(Seen::Other, format!("GoAccess makes no report: {}", end.told()));
        };
        end.status(0, promise);
        let invalid = fs::read(invalid).unwrap_or_default();
        Self { json: bytes::text(&json), invalid: bytes::text(&invalid) }
    }

    fn general(&self, what: &str) -> Option<usize> {
        self.json.split(&format!("\"{what}\": ")).nth(1).and_then(number)
    }

    /// How many answers had which status.
    fn statuses(&self) -> BTreeMap<String, usize> {
        // The counts stand before what was counted, `"data": "404 - Not Found: …"`.
        let panel = self.json.split("\"status_codes\": ").nth(1).unwrap_or_default();
        let counts = panel.split("\"hits\": {\"count\": ").skip(1).filter_map(|part| {
            let status = part.split("\"data\": \"").nth(1)?.get(..3)?;
            let is_one = status.bytes().all(|byte| byte.is_ascii_digit());
            is_one.then(|| Some((status.to_owned(), number(part)?)))?
        });
        counts.collect()
    }
}

fn number(text: &str) -> Option<usize> {
    text.split(|digit: char| !digit.is_ascii_digit()).next()?.parse().ok()
}

/// The log of a server.
pub(super) struct LogFile {
    folder: TempDir,
    path: String,
}

impl LogFile {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = text(&folder.path().join("access.log")).to_owned();
        Self { folder, path }
    }

    /// The server's options.
    pub(super) fn options<'a>(&'a self, format: &'a str) -> [&'a str; 4] {
        ["--log-format", format, "--log", &self.path]
    }

    /// Its lines, once there are so many; there may be more.
    pub(super) fn lines(&self, least: usize, promise: &Promise) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = bytes::text(&fs::read(&self.path).unwrap_or_default());
            let count = text.lines().count();
            if count >= least && text.ends_with('\n') {
                return text.lines().map(str::to_owned).collect();
            }
            if until < Instant::now() {
                let last = text.lines().last().unwrap_or_default();
                let what =
                    format!("{count} lines, not {least}, are in the log; the last is\n{last}");
                promise.broken(Seen::Part, what);
            }
            thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// A line of the combined format.
#[derive(Debug)]
pub(super) struct Combined {
    pub(super) request: String,
    pub(super) status: String,
    pub(super) length: u64,
    pub(super) agent: String,
}

impl Combined {
    pub(super) fn all(lines: &[String], promise: &Promise) -> Vec<Self> {
        let read = |line: &String| {
            Self::of(line).unwrap_or_else(|| {
                let form = "ADDR - - [DATE] \"REQUEST\" STATUS BYTES \"REFERER\" \"AGENT\"";
                promise.broken(Seen::Other, format!("a line is\n{line}\nand not {form}"));
            })
        };
        lines.iter().map(read).collect()
    }

    fn of(line: &str) -> Option<Self> {
        let fields = log::Combined::of(line)?;
        let said = [fields.request, fields.referer, fields.agent];
        let printable = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let sound = printable
            && fields.before == "127.0.0.1 - - "
            && log::fits("##/???/####:##:##:## +0000", fields.date)
            && !said.iter().any(|it| it.is_empty() || it.contains('"'));
        sound.then_some(Self {
            request: fields.request.to_owned(),
            status: fields.status.to_owned(),
            length: fields.bytes.parse().ok()?,
            agent: fields.agent.to_owned(),
        })
    }
}

/// Two lines of the kit's own format, an exchange.
#[derive(Debug)]
pub(super) struct Lab {
    /// What the client asked for, and what was answered.
    pub(super) connections: [String; 2],
    pub(super) method: String,
    pub(super) file: String,
    pub(super) status: String,
}

impl Lab {
    pub(super) fn all(lines: &[String], promise: &Promise) -> Vec<Self> {
        let read = |pair: &[String]| {
            Self::of(pair).unwrap_or_else(|| {
                let what =
                    format!("these are not the lines of an exchange:\n{}", pair.join("\n"));
                promise.broken(Seen::Other, what);
            })
        };
        lines.chunks(2).map(read).collect()
    }

    fn of(pair: &[String]) -> Option<Self> {
        let [request, response] = pair else { return None };
        let asked = fields(
            request,
            ["Client request from (localhost, 127.0.0.1)", "Connection: ", "Method: "],
            ["Request file name: ", "Date: "],
        )?;
        let answered = fields(
            response,
            ["Server response to (localhost, 127.0.0.1)", "StatusCode: HTTP/1.1 ", "Date: "],
            ["Connection: "],
        )?;
        let [_, wanted, method, file, date] = &asked[..] else { return None };
        let [_, status, then, kept] = &answered[..] else { return None };
        for date in [date, then] {
            httpdate::parse_http_date(date).ok()?;
        }
        Some(Self {
            connections: [wanted.clone(), kept.clone()],
            method: method.clone(),
            file: file.clone(),
            status: status.clone(),
        })
    }
}

/// The values between a line's brackets, which must begin with these words, and no others.
fn fields<const N: usize>(
    line: &str,
    names: [&str; 3],
    more: [&str; N],
) -> Option<Vec<String>> {
    let inside = line.strip_prefix('[')?.strip_suffix(']')?;
    let parts: Vec<&str> = inside.split("][").collect();
    if parts.len() != names.len() + more.len() {
        return None;
    }
    let names = names.into_iter().chain(more);
    let values = parts.into_iter().zip(names).map(|(part, name)| {
        part.strip_prefix(name).filter(|value| !value.contains(['[', ']'])).map(str::to_owned)
    });
    values.collect()
}
