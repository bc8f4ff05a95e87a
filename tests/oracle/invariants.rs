//! What holds for any bytes at all. One function for each fuzz target; `corpus.rs` runs
//! them over what the fuzzers have found worth keeping.

use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Component;

use lab_http::body;
use lab_http::chunked::Decoder;
use lab_http::head::{self, Fields, Malformed};
use lab_http::receive::{self, Cut, LONGEST_RESPONSE_HEAD, NoHead};
use lab_http::target;
use lab_http::url::{self, Url};

use crate::chunk_size::CHUNK_SIZES;
use crate::exchange::exchange;
use crate::plain::{self, Chunked, End};
use crate::request_head::REQUEST_HEADS;
use crate::response_head::RESPONSE_HEADS;
use crate::{Bytes, Verdict, shown};

/// What must hold for some bytes.
pub type Invariant = fn(&[u8]) -> Verdict;

/// By the names of the fuzz targets.
pub const ALL: [(&str, Invariant); 5] = [
    ("request_head", request_head),
    ("exchange", exchange),
    ("response", response),
    ("chunked", chunked),
    ("target", target),
];

/// What a server may be sent.
///
/// # Errors
/// Says what does not hold.
pub fn request_head(input: &[u8]) -> Verdict {
    REQUEST_HEADS.compare(input)?;
    let length = head::head_length(input);
    same("the length of the head", &length, &plain::head_length(input))?;
    let Some(length) = length else { return Ok(()) };
    let head = &input[..length];
    same("the length, nothing behind it", &head::head_length(head), &Some(length))?;
    for end in length.saturating_sub(4)..length {
        same("the length, its end missing", &head::head_length(&head[..end]), &None)?;
    }
    let request = match head::parse_request(head) {
        Ok(request) => request,
        Err(malformed) => {
            let version = matches!(malformed, Malformed::Version(_));
            hold(version == other_version(head), || {
                format!("{malformed:?} of {}", shown(head))
            })?;
            return can_be_shown(&malformed.to_string());
        }
    };
    let (method, target) = (request.method, request.target);
    hold(head::is_field_name(method.as_bytes()), || format!("no method: {method}"))?;
    let visible = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
    hold(visible, || format!("no target: {target:?}"))?;
    hold(request.minor_version <= 9, || format!("HTTP/1.{}", request.minor_version))?;
    fields(request.fields)?;
    for (name, value) in request.fields.iter() {
        hold(head::is_field_name(name.as_bytes()), || format!("no field name: {name}"))?;
        let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        hold(!value.iter().any(odd), || format!("{name} is {}", shown(value)))?;
    }
    // Written once more as it was understood, it says the same.
    let mut again =
        format!("{method} {target} HTTP/1.{}\r\n", request.minor_version).into_bytes();
    for (name, value) in request.fields.iter() {
        again.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    again.extend_from_slice(b"\r\n");
    let reread = head::parse_request(&again).map_err(|error| error.to_string())?;
    same("the length, written again", &head::head_length(&again), &Some(again.len()))?;
    same(
        "the request line, written again",
        &(reread.method, reread.target),
        &(method, target),
    )?;
    hold(reread.fields.iter().eq(request.fields.iter()), || {
        format!("{:?}, not {:?}", reread.fields, request.fields)
    })?;
    file_path(target)
}

/// Whether the request line of `head` is one but for a version like HTTP/2.0.
fn other_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').find(|line| !matches!(*line, b"" | b"\r"));
    let line = line.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).unwrap_or_default();
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    match parts[..] {
        [
            method,
            target,
            [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', b'0'..=b'9'],
        ] => {
            head::is_field_name(method)
                && !target.is_empty()
                && target.iter().all(u8::is_ascii_graphic)
                && *major != b'1'
        }
        _ => false,
    }
}

/// What a client may be sent: its first byte says how the rest comes, and the rest is it.
///
/// # Errors
/// Says what does not hold.
pub fn response(input: &[u8]) -> Verdict {
    let Some((how, stream)) = input.split_first() else { return Ok(()) };
    RESPONSE_HEADS.compare(stream)?;
    let method = ["GET", "GET", "HEAD", "CONNECT"][usize::from(how / 64)];
    let came = received(stream, usize::from(how % 64) + 1, method)?;
    same("in pieces, and whole", &came, &received(stream, stream.len() + 1, method)?)?;

    let length = plain::head_length(stream);
    let (head, rest) = match (&came, length) {
        (Received::NoHead(why), _) => {
            let holds = match *why {
                "closed" => length.is_none() && begins_like_http(stream),
                "too long" => {
                    stream.len() > LONGEST_RESPONSE_HEAD
                        && length.is_none_or(|length| length > LONGEST_RESPONSE_HEAD)
                }
                "not HTTP" => !begins_like_http(stream),
                _ => false,
            };
            return hold(holds, || format!("no head, as {why}, in {}", shown(stream)));
        }
        (Received::Head { head, .. } | Received::Body { head, .. }, Some(length)) => {
            same("the head", head, &plain::mended(&stream[..length]))?;
            (&head.0[..], &stream[length..])
        }
        (_, None) => return Err(format!("a head in {}", shown(stream))),
    };
    hold(begins_like_http(stream), || format!("a head in {}", shown(stream)))?;
    same("the mended head's length", &head::head_length(head), &Some(head.len()))?;
    let mut again = head.to_vec();
    head::mend(&mut again);
    same("what is mended, mended", &Bytes(again), &head.into())?;
    let response = match head::parse_response(head) {
        Ok(response) => response,
        Err(malformed) => return can_be_shown(&malformed.to_string()),
    };
    hold((100..=999).contains(&response.status), || format!("status {}", response.status))?;
    fields(response.fields)?;
    let framing = body::framing(&response, method);
    let want = plain::framing(&response, method);
    hold(framing.as_ref().ok() == want.as_ref(), || {
        format!("{framing:?} of {method} and {response:?}, not {want:?}")
    })?;
    match (framing, &came) {
        (Err(malformed), Received::Head { .. }) => can_be_shown(&malformed.to_string()),
        (Ok(framing), Received::Body { body, left, .. }) => {
            let (want, taken) = plain::body(rest, framing);
            same("the body", body, &want)?;
            let behind = taken.map(|taken| rest[taken..].into());
            same("what is left behind the body", left, &behind)
        }
        (framing, came) => Err(format!("{framing:?}, and {came:?}")),
    }
}

/// What became of a response.
#[derive(Debug, PartialEq, Eq)]
enum Received {
    NoHead(&'static str),
    /// And no body, as the head does not tell how that ends.
    Head {
        head: Bytes,
    },
    /// What has been left for the next response, if the body has come whole.
    Body {
        head: Bytes,
        body: Bytes,
        left: Option<Bytes>,
    },
}

/// Receives a response that comes at most `piece` bytes at a time.
fn received(stream: &[u8], piece: usize, method: &str) -> Result<Received, String> {
    let mut source = BufReader::with_capacity(piece, Interrupted { stream, now: false });
    let head = match receive::head(&mut source) {
        Ok(head) => head,
        Err(NoHead::Closed(came)) => {
            same("how much came", &came, &stream.len())?;
            return Ok(Received::NoHead("closed"));
        }
        Err(NoHead::TooLong) => return Ok(Received::NoHead("too long")),
        Err(NoHead::NotHttp(why)) => {
            can_be_shown(&why)?;
            return Ok(Received::NoHead("not HTTP"));
        }
        Err(NoHead::Failed(error)) => return Err(format!("the connection failed: {error}")),
    };
    let framing =
        head::parse_response(&head).and_then(|response| body::framing(&response, method));
    let Ok(framing) = framing else { return Ok(Received::Head { head: Bytes(head) }) };
    let mut body = Vec::new();
    let end = receive::body(&mut source, framing, |data| {
        body.extend_from_slice(data);
        Ok::<(), String>(())
    });
    let whole = match end {
        Ok(()) => true,
        Err(Cut::Malformed(malformed)) => {
            can_be_shown(&malformed.to_string())?;
            false
        }
        Err(Cut::Closed) => false,
        Err(cut) => return Err(format!("the connection failed: {cut:?}")),
    };
    let mut left = Vec::new();
    source.read_to_end(&mut left).map_err(|error| error.to_string())?;
    let left = whole.then_some(Bytes(left));
    Ok(Received::Body { head: Bytes(head), body: Bytes(body), left })
}

/// A connection whose every other read is interrupted by a signal.
struct Interrupted<'a> {
    stream: &'a [u8],
    now: bool,
}

impl Read for Interrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.now = !self.now;
        if self.now { Err(ErrorKind::Interrupted.into()) } else { self.stream.read(buffer) }
    }
}

/// Whether `stream` may be, or become, a response.
fn begins_like_http(stream: &[u8]) -> bool {
    stream.iter().zip(b"HTTP/").all(|(came, wanted)| came == wanted)
}

/// A chunked body: its first byte says in which pieces the rest comes, and the rest is it.
///
/// # Errors
/// Says what does not hold.
pub fn chunked(input: &[u8]) -> Verdict {
    let Some((how, coded)) = input.split_first() else { return Ok(()) };
    CHUNK_SIZES.compare(coded)?;
    chunked_in_pieces(coded, &[usize::from(*how) + 1])?;
    chunked_in_pieces(coded, &[coded.len().max(1)])?;
    chunked_in_pieces(coded, &[1])
}

/// A chunked body that comes in pieces of these lengths, and then again of these, and so on.
///
/// # Errors
/// It does not come out as it must, or a step takes nothing.
pub fn chunked_in_pieces(coded: &[u8], pieces: &[usize]) -> Verdict {
    let want = plain::chunked(coded);
    let (mut decoder, mut body, mut taken) = (Decoder::default(), Vec::new(), 0);
    let mut lengths = pieces.iter().copied().cycle();
    let mut piece: &[u8] = &[];
    let end = loop {
        if decoder.is_done() {
            break End::Whole(taken);
        }
        if piece.is_empty() {
            if taken == coded.len() {
                break End::Unfinished;
            }
            let length = lengths.next().unwrap_or(1).max(1);
            piece = &coded[taken..coded.len().min(taken + length)];
        }
        let (took, data) = match decoder.step(piece) {
            Ok(step) => step,
            Err(malformed) => {
                can_be_shown(&malformed.to_string())?;
                break End::Broken;
            }
        };
        hold((1..=piece.len()).contains(&took), || {
            format!("a step took {took} of {} bytes of {}", piece.len(), shown(coded))
        })?;
        body.extend_from_slice(data);
        piece = &piece[took..];
        taken += took;
    };
    if decoder.is_done() {
        let step = decoder.step(&coded[taken..]);
        same("a step when all is done", &step, &Ok((0, &[][..])))?;
    }
    same(
        &format!("in pieces of {pieces:?}, {}", shown(coded)),
        &Chunked { body: Bytes(body), end },
        &want,
    )
}

/// What is asked for: a request target, a path as a person writes it, a URL.
///
/// # Errors
/// Says what does not hold.
pub fn target(input: &[u8]) -> Verdict {
    if let Ok(text) = str::from_utf8(input) {
        file_path(text)?;
    }
    let line_end = input.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    match url::target(input) {
        Err(why) => {
            hold(line_end, || format!("{} is refused: {why}", shown(input)))?;
            can_be_shown(&why)?;
        }
        Ok(target) => {
            hold(!line_end, || format!("{} is taken", shown(input)))?;
            sendable(&target)?;
            let again = url::target(target.as_bytes());
            same("the target of a target", &again.as_deref(), &Ok(target.as_str()))?;
            let slash = if input.starts_with(b"/") { &b""[..] } else { b"/" };
            let meant = plain::percent_decoded(&[slash, input].concat());
            let says = plain::percent_decoded(target.as_bytes());
            same("what the target means", &says, &meant)?;
            file_path(&target)?;
        }
    }
    match Url::parse(input) {
        Err(why) => can_be_shown(&why),
        Ok(url) => located(&url),
    }
}

/// That a URL which has been read can be asked for, and is what it says.
fn located(url: &Url) -> Verdict {
    hold(url.port != 0 && !url.host.is_empty(), || format!("{url:?}"))?;
    sendable(&url.target)?;
    let field = url.host_field();
    let harmless = |byte: u8| byte.is_ascii_graphic() && !b"/?#@".contains(&byte);
    hold(!field.is_empty() && field.bytes().all(harmless), || format!("Host: {field}"))?;
    if url.host.contains('%') {
        return Ok(()); // A zone, which is never sent.
    }
    let again = Url::parse(format!("http://{field}{}", url.target).as_bytes());
    same("the URL, written again", &again.as_ref(), &Ok(url))
}

/// That a request line takes `target` as it is, and that it is made of what a URI may hold
/// (RFC 3986 §2).
fn sendable(target: &str) -> Verdict {
    let line = format!("GET {target} HTTP/1.1\r\n\r\n");
    let request = head::parse_request(line.as_bytes()).map_err(|error| error.to_string())?;
    same("the target of a request", &request.target, &target)?;
    let allowed =
        |char: char| char.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?[]".contains(char);
    let mut parts = target.split('%');
    let first = parts.next().unwrap_or_default();
    let holds = first.starts_with('/')
        && first.chars().all(allowed)
        && parts.all(|part| {
            part.len() >= 2
                && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
                && part.chars().all(allowed)
        });
    hold(holds, || format!("no target: {target}"))
}

/// That a request target names nothing outside the root, and what it should.
///
/// # Errors
/// Says what does not hold.
pub fn file_path(target: &str) -> Verdict {
    let path = target::file_path(target);
    if let Some(path) = &path {
        let text = path.to_str().ok_or_else(|| format!("no UTF-8: {path:?} of {target:?}"))?;
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        let fits = path.is_relative()
            && path.components().all(inside)
            && !text.contains(['\0', '\\'])
            && text.split('/').all(|segment| segment != "..");
        hold(fits, || format!("{path:?} of {target:?}"))?;
    }
    let path = path.map(|path| path.to_string_lossy().into_owned());
    let has_scheme =
        target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let want = if has_scheme {
        // The path begins at the first slash, unless a query has begun before.
        let rest = &target[7..];
        let authority = rest.split('?').next().unwrap_or_default();
        plain::file_name(authority.find('/').map_or("/", |slash| &rest[slash..]))
    } else {
        plain::file_name(target)
    };
    same(&format!("the file that {target:?} names"), &path, &want)
}

/// That the fields of a name are found by it.
fn fields(fields: Fields<'_>) -> Verdict {
    for (name, _) in fields.iter() {
        let named: Vec<&[u8]> = fields
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        let shouted = name.to_ascii_uppercase();
        same(&format!("all of {shouted}"), &fields.all(&shouted).collect(), &named)?;
        same(
            &format!("the first of {shouted}"),
            &fields.get(&shouted),
            &named.first().copied(),
        )?;
        let together = named.join(&b","[..]);
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let members: Vec<Vec<u8>> = together
            .split(|byte| *byte == b',')
            .map(|member| {
                let start: Vec<u8> = member.iter().copied().skip_while(is_space).collect();
                let mut end: Vec<u8> = start.into_iter().rev().skip_while(is_space).collect();
                end.reverse();
                end
            })
            .filter(|member| !member.is_empty())
            .collect();
        let list: Vec<Vec<u8>> = fields.list(&shouted).map(<[u8]>::to_vec).collect();
        same(&format!("the members of {shouted}"), &list, &members)?;
    }
    Ok(())
}

/// That a message from bytes of a peer can be printed, and be the body of a response.
fn can_be_shown(message: &str) -> Verdict {
    let harmless = !message.is_empty() && !message.contains(char::is_control);
    hold(harmless, || format!("{message:?} is no message"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Verdict {
    hold(is == should_be, || format!("{what}: {is:?}, not {should_be:?}"))
}

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}
