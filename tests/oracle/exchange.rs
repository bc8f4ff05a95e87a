//! What a server makes of a request that it could read: whether the connection goes on,
//! whether the file is sent, and what the log says. Beside the same once more, as close to
//! the words of the RFCs as possible.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV6};
use std::time::{Duration, SystemTime};

use lab_http::condition;
use lab_http::dates::Dates;
use lab_http::head::{self, Request};
use lab_http::log::{Exchange, Format};
use lab_http::persistence;
use lab_http::response::Status;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Bytes, Verdict};

/// The second in which the file was changed: Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: u64 = 784_111_777;

/// What holds for a request that `input` begins with, if it can be read.
///
/// # Errors
/// Says what does not hold.
pub fn exchange(input: &[u8]) -> Verdict {
    let Some(length) = head::head_length(input) else { return Ok(()) };
    let Ok(request) = head::parse_request(&input[..length]) else { return log(None) };
    persistence(&request)?;
    condition(&request)?;
    log(Some(&request))
}

fn persistence(request: &Request<'_>) -> Verdict {
    let options = members(request, "connection");
    let says = |option: &str| options.iter().any(|its| its.eq_ignore_ascii_case(option));
    for asked_only in [false, true] {
        // RFC 9112 §9.3, line by line; `asked_only` takes away the second.
        let wanted = if says("close") {
            false
        } else if request.minor_version >= 1 && !asked_only {
            true
        } else {
            says("keep-alive")
        };
        let is = persistence::is_wanted(request.minor_version, request.fields, asked_only);
        same("whether the connection goes on", &is, &wanted)?;
    }

    // RFC 9112 §6.3: a body that ends in one way, or none.
    let (codings, lengths) = (values(request, "transfer-encoding"), lengths(request));
    let has_body = match (&codings[..], lengths) {
        ([], Ok(None | Some(0))) => Some(false),
        ([], Ok(Some(_))) => Some(true),
        ([], Err(())) => None,
        (_, _) if request.fields.get("content-length").is_some() => None,
        (_, _) if request.minor_version == 0 => None,
        (codings, _) => {
            let codings = codings.join(",");
            let mut codings =
                codings.split(',').map(trimmed).filter(|coding| !coding.is_empty());
            let chunked = codings.next().is_some_and(|its| its.eq_ignore_ascii_case("chunked"));
            (chunked && codings.next().is_none()).then_some(true)
        }
    };
    same("whether there is a body", &persistence::has_body(request).ok(), &has_body)?;

    // RFC 9112 §3.2.
    let hosts = values(request, "host");
    let sound = match &hosts[..] {
        [] => request.minor_version == 0,
        [host] => is_authority(host),
        _ => false,
    };
    same("whether there is a host", &persistence::check_host(request).is_ok(), &sound)
}

/// `Err` where Content-Length is no number, or several that differ.
fn lengths(request: &Request<'_>) -> Result<Option<u64>, ()> {
    let all = values(request, "content-length").join(",");
    if request.fields.get("content-length").is_none() {
        return Ok(None);
    }
    let mut numbers = Vec::new();
    for number in all.split(',').map(trimmed) {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        numbers.push(number.parse::<u64>().map_err(|_| ())?);
    }
    numbers.dedup();
    match numbers[..] {
        [number] => Ok(Some(number)),
        _ => Err(()),
    }
}

/// `uri-host [ ":" port ]`, read from the end.
fn is_authority(value: &str) -> bool {
    let digits = value.bytes().rev().take_while(u8::is_ascii_digit).count();
    let host = value[..value.len() - digits].strip_suffix(':').unwrap_or(value);
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let escaped = |(at, _)| host.get(at + 1..at + 3).is_some_and(hex);
    match host.strip_prefix("[v").or(host.strip_prefix("[V")) {
        Some(future) => future
            .strip_suffix(']')
            .is_some_and(|address| address.bytes().all(|byte| allowed(byte) || byte == b':')),
        // A socket address may have a zone as well, behind a %.
        None if host.starts_with('[') => {
            !host.contains('%') && format!("{host}:0").parse::<SocketAddrV6>().is_ok()
        }
        None => host.bytes().all(allowed) && host.match_indices('%').all(escaped),
    }
}

fn condition(request: &Request<'_>) -> Verdict {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(MODIFIED * 1000 + 999);
    let date = |name: &str| match &values(request, name)[..] {
        [date] => httpdate::parse_http_date(date).ok().map(|date| {
            let since = date.duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| since.as_secs())
        }),
        _ => None,
    };
    // RFC 9110 §13.2.2, step by step, for files without entity tags.
    let (matches, none_match) = (values(request, "if-match"), values(request, "if-none-match"));
    let want = match (matches.first(), date("if-unmodified-since")) {
        (Some(tags), _) if tags != "*" => Status::PreconditionFailed,
        (None, Some(date)) if MODIFIED > date => Status::PreconditionFailed,
        _ => match (none_match.first(), date("if-modified-since")) {
            (Some(tags), _) if tags == "*" => Status::NotModified,
            (None, Some(date)) if MODIFIED <= date => Status::NotModified,
            _ => Status::Ok,
        },
    };
    same("the status of a file", &condition::status(request, modified), &want)
}

fn log(request: Option<&Request<'_>>) -> Verdict {
    let exchange = Exchange {
        client: IpAddr::from(Ipv4Addr::LOCALHOST),
        asked: SystemTime::UNIX_EPOCH,
        request,
        keep_alive: true,
        status: Status::NotFound,
        answered: SystemTime::UNIX_EPOCH,
        kept: false,
        body: 17,
    };
    let lines = exchange.lines(Format::Lab, &mut Dates::default());
    let printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    let counts = |text: &str| {
        [b'\n', b'[', b']'].map(|wanted| text.bytes().filter(|byte| *byte == wanted).count())
    };
    hold(printable(&lines) && counts(&lines) == [2, 9, 9], || format!("the log: {lines}"))?;

    let line = exchange.lines(Format::Combined, &mut Dates::default());
    let mut parts = line.split('"');
    let shape = [
        parts.next() == Some("127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "),
        parts.next().is_some(),
        parts.next() == Some(" 404 17 "),
        parts.next().is_some(),
        parts.next() == Some(" "),
        parts.next().is_some(),
        parts.next() == Some("\n"),
        parts.next().is_none(),
    ];
    let escapes = line.matches('\\').count() == line.matches("\\x").count();
    hold(printable(&line) && shape == [true; 8] && escapes, || format!("the log: {line}"))
}

/// A request with some of the fields that decide on what follows it.
pub fn exchanges() -> impl Strategy<Value = Bytes> {
    const DATES: [&str; 7] = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:36 GMT",
        "Sun Nov  6 08:49:38 1994",
        "Fri, 01 Jan 2500 00:00:00 GMT",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "",
    ];
    let field = |name: &'static [&'static str], values: &'static [&'static str]| {
        (select(name), select(values)).prop_map(|(name, value)| format!("{name}:{value}\r\n"))
    };
    let any_date =
        field(&["If-Modified-Since", "If-Unmodified-Since", "if-modified-since"], &DATES);
    let tags = field(
        &["If-None-Match", "If-Match", "IF-MATCH"],
        &["*", "\"x\"", " * ", "*, \"x\"", ""],
    );
    let connection = field(
        &["Connection", "connection"],
        &[
            "close",
            "keep-alive",
            "Keep-Alive, x",
            "x,close ,y",
            "closed",
            "",
            ",",
            "keep_alive",
        ],
    );
    let framing = field(
        &["Content-Length", "Transfer-Encoding", "transfer-encoding"],
        &[
            "0",
            "5",
            "5, 5",
            "5,6",
            "+5",
            "0x5",
            "",
            ",",
            "99999999999999999999",
            "chunked",
            "Chunked ",
            "gzip, chunked",
            "chunked, chunked",
            "identity",
            "\tchunked,",
        ],
    );
    let host = field(
        &["Host", "host"],
        &[
            "a", "", "a:80", "[::1]:80", "[::1]", "a b", "a,b", "[::1", "::1]", "a:", ":",
            "a:b", "a/b", "u@a", "a:1:2", "ä", "[a]b:1", "%41", "a]", "[]",
        ],
    );
    let text = field(
        &["User-Agent", "Referer"],
        &["plain", "\"", "\\", "a\"b\\\"c", "[x][y]", "größe", "\u{7f}", "\t"],
    );
    let fields = vec(prop_oneof![any_date, tags, connection, framing, host, text], 0..5);
    let target = select(vec!["/", "/a]b[c", "/\"", "/\\", "/%0a", "*", "http://a/]", "/ä"]);
    (select(vec!["GET", "HEAD", "P]OST", "[", "G'T"]), target, 0..3u8, fields).prop_map(
        |(method, target, minor, fields)| {
            let fields = fields.concat();
            let head = format!("{method} {target} HTTP/1.{minor}\r\n{fields}\r\n");
            Bytes::from(&*head)
        },
    )
}

fn values(request: &Request<'_>, name: &str) -> Vec<String> {
    let named = request.fields.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
    // A byte for a character: what is no UTF-8 must not become equal to something.
    named.map(|(_, value)| value.iter().map(|byte| char::from(*byte)).collect()).collect()
}

fn members(request: &Request<'_>, name: &str) -> Vec<String> {
    let all = values(request, name).join(",");
    all.split(',').map(|member| trimmed(member).to_owned()).collect()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Verdict {
    hold(is == should_be, || format!("{what}: {is:?}, not {should_be:?}"))
}

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}
