//! A session: requests as a person types them, over one connection for as long as it
//! lasts. It shows what lab 6 is about: keep-alive, 304, the limit of requests.

use lab_http::body::Framing;
use lab_http::head::{self, Response};
use lab_http::persistence;
use lab_http::receive::NoHead;
use lab_http::url::Url;
use socket_lab::cli::{self, Failure};
use socket_lab::terminal;

use crate::connection::Connection;
use crate::output::Output;
use crate::{Options, print_head, show_sent};

/// The longest request that can be typed, in bytes.
const LONGEST_TYPED: usize = 64 * 1024;

/// Asks for requests and sends them, until the input ends.
pub(crate) fn talk(options: &Options, url: &Url) -> Result<(), Failure> {
    let mut connection = Connection::open(url, options.timeout)?;
    let (mut used, mut failures) = (false, 0);
    while let Some(mut request) = typed_request()? {
        if !options.raw && lacks_host(&request) {
            add_host(&mut request, &url.host_field());
        }
        if !connection.is_open() {
            connection = connection.again(url)?;
            used = false;
        }
        if options.verbose {
            show_sent(&request);
        }
        let mut asked = connection.ask(&request);
        // It was closed while our request was on its way. What only reads can be asked for
        // again (RFC 9112 §9.3.1).
        let reads = matches!(method(&request), b"GET" | b"HEAD");
        if let Err(NoHead::Closed(0) | NoHead::Failed(_)) = asked
            && (used && reads && !connection.is_open())
        {
            connection = connection.again(url)?;
            asked = connection.ask(&request);
        }
        used = true;
        match answer(&mut connection, &request, asked) {
            Ok(true) => {}
            Ok(false) => connection.close(),
            // The next request may have more luck.
            Err(Failure::Refused(why)) => {
                cli::complain(&why);
                connection.close();
                failures += 1;
            }
            Err(failure) => return Err(failure),
        }
    }
    match failures {
        0 => Ok(()),
        1 => Err(Failure::refused("one request had no whole response")),
        many => Err(Failure::refused(format!("{many} requests had no whole response"))),
    }
}

/// Prints the response to a request, and tells whether its connection goes on.
fn answer(
    connection: &mut Connection,
    request: &[u8],
    asked: Result<Vec<u8>, NoHead>,
) -> Result<bool, Failure> {
    let head = asked.map_err(|none| connection.no_response(none))?;
    let response = connection.understand(&head)?;
    terminal::say("Server response:")?;
    print_head(&head)?;
    let framing = connection.framing(&response, &String::from_utf8_lossy(method(request)))?;
    let mut output = Output::stdout(&response);
    connection.receive(framing, &mut output)?;
    output.end_line()?;
    Ok(goes_on(request, &response, framing))
}

/// The first word of a request.
fn method(request: &[u8]) -> &[u8] {
    request.split(|byte| *byte == b' ').next().unwrap_or_default()
}

/// Whether neither side has said that the connection ends here (RFC 9112 §9.3).
fn goes_on(request: &[u8], response: &Response<'_>, framing: Framing) -> bool {
    let ours = head::parse_request(request);
    let we_close =
        ours.is_ok_and(|ours| !persistence::is_wanted(ours.minor_version, ours.fields, false));
    let fields = response.fields;
    // An old server that sends chunks is not to be trusted with a second request (§6.1);
    // behind 101 another protocol is spoken.
    let is_odd = response.minor_version == 0 && framing == Framing::Chunked;
    persistence::is_wanted(response.minor_version, fields, false)
        && !we_close
        && !is_odd
        && framing != Framing::ToTheEnd
        && response.status != 101
}

fn add_host(request: &mut Vec<u8>, host: &str) {
    cli::notice(format_args!("Host: {host} is added, as HTTP/1.1 demands it"));
    let end = request.iter().position(|byte| *byte == b'\n').map_or(request.len(), |at| at + 1);
    request.splice(end..end, format!("Host: {host}\r\n").into_bytes());
}

/// Reads a request up to its empty line; `None` at the end of the input.
fn typed_request() -> Result<Option<Vec<u8>>, Failure> {
    let mut request = Vec::new();
    loop {
        let prompt = if request.is_empty() { "Enter a request: " } else { "" };
        let left = LONGEST_TYPED.saturating_sub(request.len());
        let Some(line) = terminal::ask(prompt, left)? else {
            return if request.is_empty() {
                Ok(None)
            } else {
                Err(Failure::usage("the input ended within a request")
                    .with_hint("an empty line sends it"))
            };
        };
        if line.len() > left {
            return Err(Failure::usage(format!(
                "a request of more than {LONGEST_TYPED} bytes is not sent"
            )));
        }
        if !line.is_empty() {
            request.extend_from_slice(&line);
            request.extend_from_slice(b"\r\n");
        } else if !request.is_empty() {
            request.extend_from_slice(b"\r\n");
            return Ok(Some(request));
        }
    }
}

/// Whether a request says HTTP/1.1 and has no Host, which HTTP/1.1 demands (RFC 9112 §3.2).
fn lacks_host(request: &[u8]) -> bool {
    let mut lines = request.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_host = |line: &[u8]| {
        line.split(|byte| *byte == b':')
            .next()
            .is_some_and(|its| its.eq_ignore_ascii_case(b"Host"))
    };
    lines.next().is_some_and(|line| line.ends_with(b" HTTP/1.1")) && !lines.any(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_on_unless_one_side_or_the_protocol_ends_it() {
        let plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let length = Framing::Length(1);
        for (request, answer, framing, expected) in [
            (plain, "HTTP/1.1 200 OK\r\n\r\n", length, true),
            (plain, "HTTP/1.1 200 OK\r\n\r\n", Framing::Chunked, true),
            (plain, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", length, false),
            (plain, "HTTP/1.0 200 OK\r\n\r\n", length, false),
            (plain, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", length, true),
            (
                plain,
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
                Framing::Chunked,
                false,
            ),
            (plain, "HTTP/1.1 200 OK\r\n\r\n", Framing::ToTheEnd, false),
            (plain, "HTTP/1.1 101 Switching Protocols\r\n\r\n", Framing::NoBody, false),
            (
                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
                "HTTP/1.1 200 OK\r\n\r\n",
                length,
                false,
            ),
            ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", length, false),
            // What is no request says nothing of the connection.
            ("nonsense\r\n\r\n", "HTTP/1.1 400 No\r\n\r\n", length, true),
        ] {
            let response = head::parse_response(answer.as_bytes()).expect("a response");
            let goes_on = goes_on(request.as_bytes(), &response, framing);
            assert_eq!(goes_on, expected, "{request:?}, {answer:?}, {framing:?}");
        }
    }

    #[test]
    fn host_is_lacking_in_http_1_1_alone() {
        for (request, expected) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHostess: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nhOST: a\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("nonsense\r\n\r\n", false),
        ] {
            assert_eq!(lacks_host(request.as_bytes()), expected, "{request:?}");
        }
    }
}
