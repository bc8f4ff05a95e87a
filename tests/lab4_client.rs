//! Lab 4: a client asks a web server and prints what it says. The checks of `http_client`
//! bring their own server; what is promised is in `labs/4-http-client/README.md`.

#![expect(clippy::expect_used, reason = "a folder that cannot be made fails its check")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::first::First;
use support::http::Asked;
use support::program::{Ended, Launch, Running};
use support::tcp::{Busy, ClosedPort, Listening, Peer};
use support::terminal::Terminal;
use support::{
    A_MOMENT, PATIENCE, Promise, Seen, bytes, handout, manners, names, promise, seed, sockets,
};
use tempfile::TempDir;

static FIRST: First = First::new(
    "http_client",
    "a_file_is_asked_for_and_the_response_printed",
    file_is_asked_for_and_response_printed,
);

// Asking

#[test]
fn a_file_is_asked_for_and_the_response_printed() {
    FIRST.tell();
}

fn file_is_asked_for_and_response_printed() {
    let promise = promise(
        "`http_client HOST PORT FILE` sends `GET FILE HTTP/1.1` and prints status line, \
         headers, an empty line and the body",
    )
    .cause(
        &[Seen::Stdout],
        "on stdout the lines of the head end in a plain newline, and the body stands there as it \
         came",
    )
    .cause(&[Seen::StillOpen], "the body has come whole: Content-Length tells its length")
    .cause(
        &[Seen::Status],
        "the read that brings the end of the head may bring the beginning of the body: keep it",
    )
    .read(handout::ASKING);
    let server = Listening::start();
    let client =
        Launch::new("http_client", &["127.0.0.1", &server.port(), "/index.html"]).start();
    let mut peer = server.accept(&client, &promise);
    Asked::from(&mut peer, &promise).line("GET /index.html HTTP/1.1", &promise);
    // At once: pieces come later.
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n";
    peer.send(&[&head[..], b"Hello, client\n"].concat(), &promise);
    drop(peer);
    client.ended(&promise).status(0, &promise).stdout(
        b"HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 14\n\nHello, client\n",
        &promise,
    );
}

#[test]
fn the_request_has_the_fields_that_servers_expect() {
    let promise = promise("the request has Host, User-Agent, Accept and `Connection: close`")
        .cause(
            &[Seen::Other],
            "Host is the host as it was given, with the port unless that is 80",
        )
        .cause(&[Seen::More], "each field once, an empty line, and nothing behind it")
        .because("a field is missing, or empty: each is a line `Name: value` behind the request line")
        .read(handout::ASKING);
    let asked = ask(&[], &promise);
    let host = format!("127.0.0.1:{}", asked.port);
    asked.request.has("Host", &host, &promise);
    if !asked.request.field("Connection", &promise).eq_ignore_ascii_case("close") {
        promise.broken(Seen::Other, "`Connection` is not `close`");
    }
    for name in ["User-Agent", "Accept"] {
        if asked.request.field(name, &promise).is_empty() {
            promise.broken(Seen::Part, format!("{name} has no value"));
        }
    }
    let Asked { bytes, .. } = &asked.request;
    if bytes.starts_with(b"\r\n") || bytes.contains(&b'\t') || !bytes.is_ascii() {
        promise.broken(Seen::Other, format!("the request was {}", bytes::show(bytes, 80)));
    }
    asked.answered(SMALL, &promise);
}

#[test]
fn a_url_names_host_port_and_file() {
    for (rest, target) in [
        ("/a/b.html", "/a/b.html"),
        ("/a?b=c&d", "/a?b=c&d"),
        ("", "/"),
        ("/", "/"),
        ("?b=c", "/?b=c"),
        ("/page.html#part", "/page.html"),
    ] {
        let promise = promise(format!(
            "`http_client http://127.0.0.1:PORT{rest}` asks for {target}"
        ))
        .cause(
            &[Seen::Other],
            "path and query go into the request line; without a path it is /; what follows # \
                 is for the client alone",
        )
        .read(handout::URL);
        let server = Listening::start();
        let url = format!("http://127.0.0.1:{}{rest}", server.port());
        let asked = take(launch(&[&url]).start(), &server, &promise);
        asked.request.line(&format!("GET {target} HTTP/1.1"), &promise);
        asked.request.has("Host", &format!("127.0.0.1:{}", server.port()), &promise);
        asked.answered(SMALL, &promise);
    }
}

#[test]
fn a_missing_slash_is_added() {
    let promise = promise("a FILE without a leading / gets one")
        .cause(&[Seen::Other], "a request target begins with /")
        .read(handout::URL);
    let asked = ask_for("index.html", &[], &promise);
    asked.request.line("GET /index.html HTTP/1.1", &promise);
    asked.answered(SMALL, &promise);
}

#[test]
fn what_no_uri_may_hold_is_percent_encoded() {
    let promise = promise("characters that no URI may hold are percent-encoded, others stay")
        .cause(
            &[Seen::Other],
            "bytes outside ASCII, spaces and the like become %XX; letters, digits and what means \
             something in a URI stay, and an escape is not escaped again",
        )
        .read(handout::URL);
    for (file, target) in [
        ("/two words.txt", "/two%20words.txt"),
        ("/größe.txt", "/gr%C3%B6%C3%9Fe.txt"),
        ("/a\"b<c>d", "/a%22b%3Cc%3Ed"),
        ("/back\\slash^`{|}", "/back%5Cslash%5E%60%7B%7C%7D"),
        ("/already%20there", "/already%20there"),
        ("/a-b_c.d~e", "/a-b_c.d~e"),
        ("/q?a=b&c=d;e,f:g@h", "/q?a=b&c=d;e,f:g@h"),
    ] {
        let asked = ask_for(file, &[], &promise);
        // %c3 and %C3 are the same (RFC 3986 §6.2.2.1).
        let line = asked.request.line.clone();
        if !same_but_for_hex_digits(&line, &format!("GET {target} HTTP/1.1")) {
            let what = format!("for `{file}` came `{line}`, not `GET {target} HTTP/1.1`");
            promise.broken(Seen::Other, what);
        }
        asked.answered(SMALL, &promise);
    }
}

#[test]
fn a_line_end_in_the_file_or_a_header_is_refused() {
    let promise = promise(
        "CR or LF in FILE, in a URL or in a header is refused: nothing is sent, status 2",
    )
    .cause(
        &[Seen::More, Seen::StillOpen],
        "a line end within a value begins a line of its own: whoever gives the value could \
             write headers or a second request",
    )
    .cause(&[Seen::Status], "a request that cannot be sent is like a wrong argument: status 2")
    .read(handout::URL);
    let server = Listening::start();
    let port = server.port();
    let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let (lf, crlf) = (url("a\nb"), url("a HTTP/1.1\r\nX: y\r\n\r\n"));
    for arguments in [
        &["127.0.0.1", &port, "/a\r\nX: y"][..],
        &["127.0.0.1", &port, "/a\nb"],
        &["127.0.0.1", &port, "/a\rb"],
        &["127.0.0.1", &port, "/a\n"],
        &[&lf],
        &[&crlf],
        &["-H", "X: a\r\nY: b", "127.0.0.1", &port, "/"],
        &["-H", "X: a\nY: b", "127.0.0.1", &port, "/"],
        &["-H", "X: a\rb", "127.0.0.1", &port, "/"],
        &["-H", "X\r\nY: b", "127.0.0.1", &port, "/"],
    ] {
        let end = ended_unheard(&launch(arguments).start(), &server, &promise);
        manners::no_crash_shown(&end, &promise);
        end.status(2, &promise).stdout(b"", &promise).says(&["error:"], &promise);
    }
}

#[test]
fn https_is_refused_with_the_reason() {
    let promise = promise("`https://` is refused, with the reason: nothing is sent, status 2")
        .cause(
            &[Seen::More, Seen::StillOpen],
            "https is HTTP over TLS: to send it in plain text would betray what the s stands for",
        )
        .cause(&[Seen::Stderr], "say why: the message names https or TLS")
        .read(handout::URL);
    let server = Listening::start();
    let url = format!("https://127.0.0.1:{}/", server.port());
    let end = ended_unheard(&launch(&[&url]).start(), &server, &promise);
    end.status(2, &promise).stdout(b"", &promise).says(&["error:"], &promise);
    let errors = end.errors().to_lowercase();
    if !["https", "tls", "encrypt", "ssl"].iter().any(|word| errors.contains(word)) {
        promise.broken(Seen::Stderr, end.told());
    }
}

#[test]
fn headers_can_be_added() {
    let promise =
        promise("-H 'Name: value', as often as one likes, adds fields to the request")
            .cause(&[Seen::Part], "every -H and --header adds one")
            .read(handout::ASKING);
    let more = [
        &["-H", "X-One: first", "--header", "If-None-Match: \"a b\"", "-H", "X-Two:2"][..],
        &["-H", "Referer: http://a:1/b"],
    ]
    .concat();
    let asked = ask(&more, &promise);
    asked.request.line("GET /file.txt HTTP/1.1", &promise);
    asked.request.has("X-One", "first", &promise).has("If-None-Match", "\"a b\"", &promise);
    asked.request.has("X-Two", "2", &promise).has("Referer", "http://a:1/b", &promise);
    asked.request.field("Host", &promise);
    asked.answered(SMALL, &promise);
}

#[test]
fn head_asks_for_the_head_alone() {
    for option in ["-I", "--head"] {
        let promise = promise(format!(
            "with {option} HEAD is sent, and the head is all that comes"
        ))
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "Content-Length says what GET would get; behind the head of an answer to HEAD \
                 nothing comes",
        )
        .read(handout::BODY);
        let asked = ask(&[option], &promise);
        asked.request.line("HEAD /file.txt HTTP/1.1", &promise);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        let end = asked.answered_and_kept_open(head, &promise);
        end.status(0, &promise).stdout(b"HTTP/1.1 200 OK\nContent-Length: 100\n\n", &promise);
    }
}

#[test]
fn verbose_shows_what_was_sent() {
    for option in ["-v", "--verbose"] {
        let promise = promise(format!(
            "with {option} the request stands on stderr, each line behind `>`; stdout stays as it is"
        ))
        .cause(&[Seen::Stdout, Seen::Stderr], "what is no product of the client goes to stderr")
        .read(handout::ASKING);
        let asked = ask(&[option], &promise);
        let host = format!("Host: 127.0.0.1:{}", asked.port);
        let end = asked.answered(SMALL, &promise);
        let errors = end.errors();
        for sent in ["GET /file.txt HTTP/1.1", &host] {
            let shown = |line: &str| {
                line.strip_prefix('>')
                    .is_some_and(|line| line.trim().eq_ignore_ascii_case(sent))
            };
            if !errors.lines().any(shown) {
                promise.broken(Seen::Stderr, format!("no line `> {sent}` in\n{errors}"));
            }
        }
    }
}

#[test]
fn a_name_and_an_ipv6_address_are_asked_too() {
    let promise =
        promise("HOST may be a name, or an IPv6 address; Host says it as it was given")
            .cause(&[Seen::Other], "in Host an IPv6 address stands in brackets")
            .read(handout::URL);
    let server = Listening::start();
    let arguments = ["localhost", &server.port(), "/"];
    let asked = take(launch(&arguments).start(), &server, &promise);
    asked.request.has("Host", &format!("localhost:{}", server.port()), &promise);
    asked.answered(SMALL, &promise);

    if !sockets::has_ipv6() {
        return;
    }
    let server = Listening::on(Ipv6Addr::LOCALHOST.into(), None);
    let (port, url) = (server.port(), format!("http://[::1]:{}/", server.port()));
    for arguments in [&["::1", &port, "/"][..], &[&url]] {
        let asked = take(launch(arguments).start(), &server, &promise);
        asked.request.has("Host", &format!("[::1]:{port}"), &promise);
        asked.answered(SMALL, &promise);
    }
}

#[test]
fn each_address_of_a_name_is_tried_in_turn() {
    FIRST.must_pass();
    if !names::one_has_both() || !sockets::has_ipv6() {
        return;
    }
    let name = names::with_both();
    let promise =
        promise(format!("when the IPv4 addresses of {name} refuse, its IPv6 address is tried"))
            .cause(&[Seen::Ended], "one refusal is not the end: try the next address")
            .read(handout::URL);
    let (server, _closed) = Listening::on_ipv6_alone();
    let client = launch(&[name, &server.port(), "/"]).with_names().start();
    take(client, &server, &promise).answered(SMALL, &promise);
}

#[test]
fn every_field_of_the_response_is_printed() {
    let promise =
        promise("the head is printed line by line as it came, also two fields of one name")
            .cause(
                &[Seen::Stdout],
                "a map of fields keeps one value for each name, and no order",
            )
            .read(handout::RESPONSE);
    let head =
        "HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nX-Empty:\r\nset-cookie: b=2\r\nX: a: b\r\n";
    let response = format!("{head}Content-Length: 1\r\n\r\nx");
    let end = ask(&[], &promise).answered(response.as_bytes(), &promise);
    let printed = bytes::text(&end.status(0, &promise).stdout);
    // Whether a space follows the colon of an empty field is not for us to say.
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let want: Vec<&str> = response.split("\r\n").collect();
    if lines != want {
        promise.broken(Seen::Stdout, format!("stdout is\n{printed}"));
    }
}

// The prompts

const PROMPTS: [&str; 3] = [
    "Enter the host URI: ",
    "Please enter the port: ",
    "Please enter the file you want to request from the server: ",
];

#[test]
fn a_person_is_asked_for_host_port_and_file() {
    let promise = promise(
        "without arguments, on a terminal, the client asks for host, port and file, on stderr",
    )
    .cause(
        &[Seen::Stdout],
        "a prompt is missing, has other words, is on stdout, or stays in a buffer",
    )
    .read(handout::URL);
    let server = Listening::start();
    let (mut terminal, [stdin, stderr]) = Terminal::open();
    let client = launch(&[]).stdin_from(stdin).stderr_to(stderr).start();
    for (prompt, answer) in PROMPTS.iter().zip(["127.0.0.1", &server.port(), "index.html"]) {
        terminal.expect(prompt, &promise);
        terminal.type_in(&format!("{answer}\n"));
    }
    let asked = take(client, &server, &promise);
    asked.request.line("GET /index.html HTTP/1.1", &promise);
    asked.request.has("Host", &format!("127.0.0.1:{}", server.port()), &promise);
    let end = asked.answered(SMALL, &promise);
    if PROMPTS.iter().any(|prompt| bytes::text(&end.stdout).contains(prompt)) {
        promise.broken(Seen::Stdout, "a prompt stands on stdout");
    }
}

#[test]
fn the_answers_can_come_from_a_pipe() {
    let promise = promise("without arguments and terminal, three lines of stdin name host, port and file, and there is no prompt")
        .cause(&[Seen::Stderr], "prompts appear only where stdin is a terminal")
        .read(handout::URL);
    for line_end in ["\n", "\r\n"] {
        let server = Listening::start();
        let lines = ["127.0.0.1", &server.port(), "/index.html", ""].join(line_end);
        let asked = take(launch(&[]).stdin(lines).start(), &server, &promise);
        asked.request.line("GET /index.html HTTP/1.1", &promise);
        let end = asked.answered(SMALL, &promise);
        end.does_not_say(&["Enter the", "Please enter"], &promise);
    }
}

#[test]
fn answers_that_do_not_come_are_an_error() {
    let promise =
        promise("an input that ends before host, port and file are named is an error")
            .cause(
                &[Seen::Status, Seen::Stderr, Seen::More],
                "the end of the input is not an answer",
            )
            .read(handout::URL);
    let server = Listening::start();
    let both = format!("127.0.0.1\n{}\n", server.port());
    for input in ["", "127.0.0.1\n", &both] {
        let client = launch(&[]).stdin(input).start();
        let end = ended_unheard(&client, &server, &promise);
        manners::no_crash_shown(&end, &promise);
        failed(&end, &promise);
    }
}

// Where the body ends

#[test]
fn a_body_is_as_long_as_its_content_length() {
    let promise = promise(
        "the body has as many bytes as Content-Length says; the client does not wait for more",
    )
    .cause(
        &[Seen::StillOpen, Seen::Status],
        "the client waits for the end of the connection, which need not come: count the bytes \
         that Content-Length tells, in capitals or not",
    )
    .cause(&[Seen::Stdout], "what comes behind those bytes is not part of the body")
    .read(handout::BODY);
    for (length, body, sent) in [
        ("5", &b"hello"[..], &b"hello"[..]),
        ("5", b"hello", b"hello, and more\n"),
        ("0", b"", b""),
        ("6", "größ".as_bytes(), "größ".as_bytes()),
    ] {
        let asked = ask(&[], &promise);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length:{length}\r\n\r\n");
        let end = asked.answered_and_kept_open(&[head.as_bytes(), sent].concat(), &promise);
        end.status(0, &promise);
        body_is(&end, body, &promise);
    }
}

#[test]
fn a_body_without_length_goes_on_to_the_end_of_the_connection() {
    let promise =
        promise("without Content-Length and chunks the end of the connection ends the body")
            .cause(&[Seen::Stdout], "read on until read returns 0 bytes")
            .read(handout::BODY);
    for body in [&b"one\ntwo\n"[..], b"", b"no newline"] {
        for version in ["1.1", "1.0"] {
            let asked = ask(&[], &promise);
            let head = format!("HTTP/{version} 200 OK\r\nServer: x\r\n\r\n");
            let end = asked.answered(&[head.as_bytes(), body].concat(), &promise);
            end.status(0, &promise);
            body_is(&end, body, &promise);
        }
    }
}

#[test]
fn a_chunked_body_is_decoded() {
    let promise = promise(
        "a chunked body is printed decoded, and ends with the chunk of length 0",
    )
    .cause(
        &[Seen::Stdout, Seen::Status],
        "lengths are hexadecimal and no part of the body (c and 0000c are 12), what follows a \
         semicolon is ignored, and so are fields between the last chunk and the empty line",
    )
    .cause(&[Seen::StillOpen], "the chunk of length 0, and an empty line, end the body")
    .read(handout::CHUNKS);
    for coded in [
        &b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"[..],
        b"C\r\nhello, world\r\n0\r\n\r\n",
        b"c;name=value;x=\"y\"\r\nhello, world\r\n0;last\r\n\r\n",
        b"0000c\r\nhello, world\r\n000\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
        b"c\r\nhello, world\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let asked = ask(&[], &promise);
        let end = asked.answered_and_kept_open(&[CHUNKED, coded].concat(), &promise);
        end.status(0, &promise);
        body_is(&end, b"hello, world", &promise);
    }
    let promise = promise.instead_because(
        "Transfer-Encoding overrides Content-Length (RFC 9112 §6.3), and its value is in any case",
    );
    // What looks like the last chunk is within one.
    let coded = b"b\r\na\r\n0\r\n\r\nbcd\r\n0\r\n\r\n";
    let end = ask(&[], &promise).answered_and_kept_open(&[CHUNKED, coded].concat(), &promise);
    end.status(0, &promise);
    body_is(&end, b"a\r\n0\r\n\r\nbcd", &promise);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\ntransfer-encoding: CHUNKED\r\n\r\n";
    let coded = b"5\r\nhello\r\n0\r\n\r\n";
    let end = ask(&[], &promise).answered_and_kept_open(&[&head[..], coded].concat(), &promise);
    // Some take it for an error, which it may well be.
    if end.status.code() != Some(1) {
        end.status(0, &promise);
        body_is(&end, b"hello", &promise);
    }
}

#[test]
fn a_response_may_come_in_any_pieces() {
    let promise = promise("a response that comes in pieces, cut anywhere, is printed as one")
        .cause(
            &[Seen::Stdout, Seen::Status, Seen::Ended],
            "one read returns what is there: the head, a chunk's length, even CR LF may come in \
             two reads",
        )
        .read(handout::RESPONSE);
    let chunked =
        [CHUNKED, b"5\r\nhello\r\n1;x\r\n,\r\n6\r\n world\r\n0\r\nA: b\r\n\r\n"].concat();
    let counted = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world".to_vec();
    for response in [chunked, counted] {
        let asked = ask(&[], &promise);
        let end = asked.answered_in_pieces(response.chunks(1), &promise);
        end.status(0, &promise);
        body_is(&end, b"hello, world", &promise);
        let mut random = seed::random();
        let mut rest = &response[..];
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len().min(20)));
            pieces.push(piece);
            rest = after;
        }
        let end = ask(&[], &promise).answered_in_pieces(pieces.into_iter(), &promise);
        end.status(0, &promise);
        body_is(&end, b"hello, world", &promise);
    }
}

#[test]
fn interim_responses_are_passed_over() {
    let promise = promise("1xx responses are passed over; the one that follows is printed")
        .cause(
            &[Seen::Stdout, Seen::StillOpen],
            "100 and 103 only announce the response: read the next head",
        )
        .read(handout::RESPONSE);
    for interim in [
        &b"HTTP/1.1 100 Continue\r\n\r\n"[..],
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let end = ask(&[], &promise).answered(&[interim, SMALL].concat(), &promise);
        end.status(0, &promise).stdout(SMALL_PRINTED, &promise);
    }
}

#[test]
fn some_responses_have_no_body() {
    let promise = promise("204 and 304 have no body, whatever their heads say")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "the Content-Length of a 304 is that of the file, which is not sent",
        )
        .read(handout::BODY);
    for head in [
        &b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"[..],
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    ] {
        let end = ask(&[], &promise).answered_and_kept_open(head, &promise);
        let printed = bytes::text(head).replace("\r\n", "\n");
        end.status(0, &promise).stdout(printed.as_bytes(), &promise);
    }
}

#[test]
fn a_body_that_no_rule_ends_is_an_error() {
    let promise = promise("a head that does not say where its body ends, or a chunk without a length, is an error, status 1")
        .cause(
            &[Seen::Status],
            "a length that is none must not be guessed: the message cannot be read (RFC 9112 §6.3)",
        )
        .cause(&[Seen::StillOpen], "no more can be expected here")
        .read(handout::BODY);
    let chunks = promise
        .instead_because(
            "a chunk is its length, as many bytes, and a line end: anything else is an error",
        )
        .read(handout::CHUNKS);
    for response in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello, world\r\n0\r\n\r\n",
    ] {
        let promise = if response.starts_with(CHUNKED) { &chunks } else { &promise };
        let end = ask(&["--timeout", "1"], promise).answered(response, promise);
        manners::no_crash_shown(&end, promise);
        end.status(1, promise).says(&["error:"], promise);
    }
}

// What was cut short

#[test]
fn a_body_cut_short_is_kept_and_told() {
    let promise = promise("of a body that breaks off what came is printed, then `error: … N of M bytes`, status 1")
        .cause(&[Seen::Status], "the end of the connection is not the end of this body")
        .cause(&[Seen::Stdout], "what came is not thrown away")
        .cause(&[Seen::Stderr], "say how many bytes came, and of how many")
        .read(handout::BODY);
    for (came, of) in [
        (0, 10_u64),
        (4, 10),
        (9, 10),
        (70_000, 100_000),
        // More than 32 bits can count.
        (5, 4_294_967_301),
    ] {
        let body = seed::random_letters(&mut seed::random(), came);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {of}\r\n\r\n");
        let end = ask(&[], &promise).answered(&[head.as_bytes(), &body].concat(), &promise);
        end.status(1, &promise).says(&["error:"], &promise);
        // Digits may be in groups.
        let errors = end.errors().replace(',', "");
        if !errors.contains(&format!("{came} of {of} bytes")) {
            promise.broken(Seen::Stderr, format!("{came} of {of} bytes came; {}", end.told()));
        }
        body_is(&end, &body, &promise);
    }
}

#[test]
fn a_chunked_body_cut_short_is_kept_and_told() {
    let promise = promise("of a chunked body that breaks off what came is printed, then an error that says how many bytes, status 1")
        .cause(&[Seen::Status], "without the chunk of length 0 the body is not whole")
        .cause(
            &[Seen::Stdout, Seen::Stderr],
            "what came of a chunk is not thrown away: print it and count it as it comes",
        )
        .read(handout::CHUNKS);
    let body = seed::random_letters(&mut seed::random(), 4321);
    let whole = [b"10e1\r\n", &body[..], b"\r\n"].concat();
    let begun = [b"1000\r\n", &body[..4096], b"\r\nff\r\n", &body[4096..]].concat();
    for coded in [whole, begun] {
        let end = ask(&[], &promise).answered(&[CHUNKED, &coded].concat(), &promise);
        end.status(1, &promise).says(&["error:"], &promise);
        if !end.errors().replace(',', "").contains("4321") {
            promise.broken(Seen::Stderr, format!("4321 bytes came; {}", end.told()));
        }
        body_is(&end, &body, &promise);
    }
}

#[test]
fn what_came_is_kept_in_the_file_too() {
    let promise =
        promise("with -o, what came of a body cut short stands in the file; status 1")
            .cause(&[Seen::Other], "what came is not thrown away")
            .read(handout::CUT_SHORT);
    let folder = Folder::new();
    let asked = ask(&["-o", &folder.path("part.bin")], &promise);
    let end = asked.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell", &promise);
    end.status(1, &promise).says(&["error:", "4 of 10 bytes"], &promise);
    folder.holds("part.bin", b"hell", &promise);
}

#[test]
fn a_reset_is_an_error() {
    let promise =
        promise("a connection that is reset is an error, status 1, whatever had come")
            .cause(&[Seen::Status], "a failed read is not the end of the body")
            .read(handout::CUT_SHORT);
    for response in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell",
    ] {
        let mut asked = ask(&[], &promise);
        asked.peer.send(response, &promise);
        // Time enough to read it before the reset, which may throw away what is unread.
        asked.client.ended_within(A_MOMENT);
        asked.peer.reset();
        let end = asked.client.ended(&promise);
        manners::no_crash_shown(&end, &promise);
        end.status(1, &promise).says(&["error:"], &promise);
    }
}

#[test]
fn silence_ends_with_the_timeout() {
    let promise = promise("with --timeout 0.5, a server that says nothing more for that long is given up: an error, status 1")
        .cause(&[Seen::StillOpen], "the client waits for ever: set a timeout for reading")
        .cause(&[Seen::Time], "the time is in seconds, from the last byte that came")
        .read(handout::CUT_SHORT);
    let timeout = Duration::from_millis(500);
    for (response, said) in [
        (&b""[..], "error:"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n", "error:"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell", "4 of 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello", "error:"),
    ] {
        let asked = ask(&["--timeout", "0.5"], &promise);
        let end = asked.answered_and_kept_open(response, &promise);
        end.status(1, &promise).says(&["error:", said], &promise);
        end.took_at_least(timeout, &promise);
        if let Some(at) = response.windows(4).position(|part| part == b"\r\n\r\n") {
            body_is(&end, &response[at + 4..], &promise);
        }
    }
}

#[test]
fn each_byte_starts_the_time_anew() {
    let promise = promise("--timeout is for each wait: a body that comes slowly comes whole")
        .cause(
            &[Seen::Status, Seen::Ended, Seen::Reset],
            "the time is not for the whole response, but without progress",
        )
        .read(handout::CUT_SHORT);
    let mut asked = ask(&["--timeout", "1"], &promise);
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow";
    let at = response.len() - 4;
    let mut start = 0;
    for end in [15, 30, at, at + 1, at + 2, at + 3, response.len()] {
        asked.peer.send(&response[start..end], &promise);
        start = end;
        if end < response.len()
            && let Some(end) = asked.client.ended_within(Duration::from_millis(300))
        {
            promise.broken(Seen::Ended, format!("it gave up: {}", end.told()));
        }
    }
    let end = asked.client.ended(&promise);
    end.status(0, &promise);
    body_is(&end, b"slow", &promise);
}

#[test]
fn a_server_too_busy_to_connect_is_given_up_after_the_timeout() {
    FIRST.must_pass();
    let Some(busy) = Busy::start() else { return };
    let promise = promise("--timeout is for connecting too: then an error, status 1")
        .cause(&[Seen::StillOpen], "connect itself may wait for minutes")
        .read(handout::CUT_SHORT);
    let port = busy.address.port().to_string();
    let client = launch(&["--timeout", "0.5", "127.0.0.1", &port, "/"]).start();
    let end = client.ended(&promise);
    end.status(1, &promise).says(&["error:"], &promise).does_not_say(&["refused"], &promise);
    end.took_at_least(Duration::from_millis(500), &promise);
}

// What is no response

#[test]
fn a_client_before_its_server_is_refused() {
    let promise =
        promise("without a server: `error: Connection refused …`, a `hint:`, status 1")
            .cause(&[Seen::Stderr], "the error of connect says it: print it, and what to do")
            .try_it("cargo run --bin http_client -- localhost 9 /")
            .read(handout::REFUSED);
    let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let url = format!("http://127.0.0.1:{}/", closed.port());
    for arguments in [
        &["127.0.0.1", &closed.port(), "/"][..],
        &[&url],
        &["--session", "127.0.0.1", &closed.port()],
    ] {
        let end = launch(arguments).stdin("GET / HTTP/1.0\n\n").start().ended(&promise);
        end.status(1, &promise)
            .stdout(b"", &promise)
            .says(&["error: Connection refused", "\nhint: "], &promise);
        manners::no_crash_shown(&end, &promise);
        manners::plain(&end, &promise);
    }
    let promise =
        promise.instead_because("an address in a message is the resolved one, with its port");
    let end = launch(&["localhost", &closed.port(), "/"]).start().ended(&promise);
    end.status(1, &promise).says(&[&closed.address.to_string()], &promise);
    if sockets::has_ipv6() {
        let closed = ClosedPort::on(Ipv6Addr::LOCALHOST.into());
        let end = launch(&["::1", &closed.port(), "/"]).start().ended(&promise);
        end.status(1, &promise).says(&[&closed.address.to_string()], &promise);
    }
}

#[test]
fn a_reply_that_is_not_http_is_told() {
    let promise = promise("a reply that is not HTTP is an error that says so, status 1")
        .cause(&[Seen::Status], "a response begins with HTTP/, a version and a status code")
        .cause(&[Seen::StillOpen], "what is no HTTP has no end that one could wait for")
        .read(handout::RESPONSE);
    for reply in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"hello\n\nworld\n",
        b"<html>no head</html>\r\n\r\n",
        b"\x00\x01\x02\xff\xfe\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP\r\n\r\n",
    ] {
        let end = ask(&["--timeout", "1"], &promise).answered(reply, &promise);
        manners::no_crash_shown(&end, &promise);
        end.status(1, &promise).says(&["error:"], &promise);
    }
}

#[test]
fn another_kind_of_server_is_given_up_at_once() {
    let promise = promise("a reply that does not begin with HTTP/ is given up at once, although the connection stays open")
        .cause(&[Seen::StillOpen, Seen::Time], "its first bytes tell that it is no HTTP: do not wait for an empty line")
        .read(handout::RESPONSE);
    let asked = ask(&["--timeout", "60"], &promise);
    let end = asked.answered_and_kept_open(b"SSH-2.0-OpenSSH_9.2\r\n", &promise);
    end.status(1, &promise).says(&["error:"], &promise);
}

#[test]
fn a_head_that_breaks_off_is_an_error() {
    let promise = promise("a connection that ends before the head does is an error, status 1")
        .cause(&[Seen::Status], "an empty line ends the head; without it there is no response")
        .read(handout::RESPONSE);
    for response in
        [&b""[..], b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n"]
    {
        let end = ask(&[], &promise).answered(response, &promise);
        manners::no_crash_shown(&end, &promise);
        end.status(1, &promise).says(&["error:"], &promise);
    }
}

#[test]
fn a_flood_of_fields_is_an_error() {
    let promise = promise("a head without end is given up, or ends in an error, status 1")
        .cause(&[Seen::Status, Seen::StillOpen], "set a limit to the length of a head")
        .read(handout::RESPONSE);
    let flood = b"X-Flood: a field and nothing else\r\n".repeat(500_000);
    let mut asked = ask(&["--timeout", "2"], &promise);
    asked.peer.send(b"HTTP/1.1 200 OK\r\n", &promise);
    asked.peer.send_beside(flood);
    asked.peer.stay_open_for(&asked.client);
    let end = asked.client.ended(&promise);
    manners::no_crash_shown(&end, &promise);
    end.status(1, &promise).says(&["error:"], &promise);
}

#[test]
fn each_trouble_has_a_message_of_its_own() {
    let promise = promise("an unknown host, a refused connection, a timeout and a reply that is not HTTP each have their own message")
        .cause(&[Seen::Stderr], "two of them read alike: say what happened")
        .read(handout::EVERY_PROGRAM);
    let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    // No name has a label of more than 63 letters (RFC 1035 §2.3.4), so nobody is asked.
    let nobody = format!("{}.invalid", "x".repeat(64));
    let unknown = launch(&[&nobody, "9", "/"]).start().ended(&promise);
    failed(&unknown, &promise);
    let refused = launch(&["127.0.0.1", &closed.port(), "/"]).start().ended(&promise);
    if unknown.errors().contains("refused") {
        promise.broken(
            Seen::Stderr,
            format!("nobody was asked who could refuse: {}", unknown.told()),
        );
    }
    let silent = ask(&["--timeout", "0.3"], &promise).answered_and_kept_open(b"", &promise);
    let strange = ask(&[], &promise).answered(b"hello\r\n\r\n", &promise);
    let mut messages: Vec<String> = [unknown, refused, silent, strange]
        .iter()
        .map(|end| {
            let errors = end.errors();
            manners::no_crash_shown(end, &promise);
            let line =
                errors.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
            line.chars().filter(|character| !character.is_ascii_digit()).collect()
        })
        .collect();
    messages.sort();
    if messages.iter().any(String::is_empty) || messages.windows(2).any(|two| two[0] == two[1])
    {
        promise.broken(Seen::Stderr, format!("the messages are\n{}", messages.join("\n")));
    }
}

// Where it goes

#[test]
fn every_byte_of_a_body_is_kept() {
    let promise = promise("a body goes byte by byte into a pipe or a file, whatever it holds")
        .cause(
            &[Seen::Stdout, Seen::Other],
            "the body is bytes, not text: write it without decoding it or changing its line ends",
        )
        .read(handout::OUTPUT);
    let body: Vec<u8> = (0..=255).chain((0..=255).rev()).chain(*b"\r\n\n\r\r\n").collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let response = [head.as_bytes(), &body].concat();
    let end = ask(&[], &promise).answered(&response, &promise);
    end.status(0, &promise);
    body_is(&end, &body, &promise);
    let folder = Folder::new();
    for option in ["-o", "--output"] {
        let end =
            ask(&[option, &folder.path("body.bin")], &promise).answered(&response, &promise);
        end.status(0, &promise);
        folder.holds("body.bin", &body, &promise);
    }
}

#[test]
fn what_has_come_is_printed_at_once() {
    let promise = promise("head and body are printed as they come, not when all has come")
        .cause(
            &[Seen::Nothing],
            "the body is gathered before it is printed, or stays in a buffer",
        )
        .read(handout::OUTPUT);
    let mut asked = ask(&[], &promise);
    asked.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nfirst\n", &promise);
    if !asked.client.line_within(PATIENCE, "first") {
        promise
            .broken(Seen::Nothing, "the first line of the body was sent, and is not on stdout");
    }
    asked.peer.send(b"second", &promise);
    drop(asked.peer);
    let end = asked.client.ended(&promise);
    end.status(0, &promise);
    body_is(&end, b"first\nsecond", &promise);
}

#[test]
fn output_goes_to_a_file_and_the_head_to_stdout() {
    let promise =
        promise("with -o FILE the body is all that is in FILE, and the head is printed")
            .cause(&[Seen::Other], "the file is written anew; head lines do not belong into it")
            .cause(&[Seen::Stdout], "the head still goes to stdout, without the body")
            .read(handout::OUTPUT);
    let folder = Folder::new();
    let file = folder.path("page.txt");
    fs::write(&file, b"what was there before, and longer").expect("a file is written");
    let end = ask(&["-o", &file], &promise).answered(SMALL, &promise);
    let head = SMALL_PRINTED.strip_suffix(b"small\n").expect("the body is small");
    end.status(0, &promise).stdout(head, &promise);
    folder.holds("page.txt", b"small\n", &promise);
    if end.stderr.contains(&b'\r') || end.stderr.contains(&0x1b) {
        promise
            .broken(Seen::Stderr, format!("a progress bar is for terminals: {}", end.told()));
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let promise = promise("a FILE that cannot be written is an error that names it, status 1")
        .cause(&[Seen::Status, Seen::Stderr], "creating a file can fail: report it")
        .read(handout::OUTPUT);
    let folder = Folder::new();
    let file = folder.path("no-such-folder/page.txt");
    let server = Listening::start();
    let client = launch(&["-o", &file, "127.0.0.1", &server.port(), "/"]).start();
    // Whether it finds out before it asks or after is its own affair.
    if let Ok(mut peer) = server.accept_if_asked(&client) {
        let _ = peer.read(1024, PATIENCE);
        let _ = peer.try_send(SMALL);
        peer.stay_open_for(&client);
    }
    let end = client.ended(&promise);
    manners::no_crash_shown(&end, &promise);
    end.status(1, &promise).says(&["error:", "page.txt"], &promise);
}

#[test]
fn body_prints_the_body_alone() {
    let promise = promise("with --body nothing but the body is printed")
        .cause(&[Seen::Stdout], "no head, and no newline that the server did not send")
        .read(handout::OUTPUT);
    for body in [&b"small\n"[..], b"no newline", b"\x00\xff\r\n"] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let asked = ask(&["--body"], &promise);
        let end = asked.answered(&[head.as_bytes(), body].concat(), &promise);
        end.status(0, &promise).stdout(body, &promise);
    }
}

#[test]
fn fail_makes_errors_of_the_server_ours() {
    let promise = promise(
        "with --fail 4xx and 5xx end with status 1; without it, and with other answers, with 0",
    )
    .cause(
        &[Seen::Status],
        "with --fail the status code decides: from 400 on the exit status is 1; without it every \
         response is a success",
    )
    .read(handout::OUTPUT);
    for (status, fails) in [
        ("200 OK", 0),
        ("301 Moved Permanently", 0),
        ("400 Bad", 1),
        ("404 Not Found", 1),
        ("503 Busy", 1),
    ] {
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nsmall\n");
        ask(&["--fail"], &promise)
            .answered(response.as_bytes(), &promise)
            .status(fails, &promise)
            .says(if fails == 0 { &[] } else { &["error: "] }, &promise);
        let end = ask(&[], &promise).answered(response.as_bytes(), &promise);
        end.status(0, &promise);
        body_is(&end, b"small\n", &promise);
    }
}

#[test]
fn a_large_body_is_written_in_constant_memory() {
    const LENGTH: usize = 256 << 20;
    const MOST: usize = 128 << 20;
    let promise = promise("256 MiB are written to a file with less memory than half of that")
        .cause(
            &[Seen::More],
            "the body is gathered before it is written: write each piece as it comes",
        )
        .cause(&[Seen::Other], "the body is not what was sent")
        .read(handout::OUTPUT);
    let letters = seed::random_letters(&mut seed::random(), 1 << 20);
    let folder = Folder::new();
    let counted = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
    let chunk = [b"100000\r\n", &letters[..], b"\r\n"].concat();
    for (head, piece, end) in
        [(counted.as_bytes(), &letters, &b""[..]), (CHUNKED, &chunk, b"0\r\n\r\n")]
    {
        let mut asked = ask(&["-o", &folder.path("large.bin")], &promise);
        asked.peer.send(head, &promise);
        let all = LENGTH / letters.len();
        for _ in 1..all {
            asked.peer.send(piece, &promise);
        }
        // The rest is held back, so that the client is still there to be looked at.
        if let Some(peak) = asked.client.peak_memory()
            && peak > MOST
        {
            promise.broken(Seen::More, format!("at its peak it held {} MiB", peak >> 20));
        }
        asked.peer.send(&[piece, end].concat(), &promise);
        drop(asked.peer);
        asked.client.ended(&promise).status(0, &promise);
        let file = PathBuf::from(folder.path("large.bin"));
        if !is_repeated(&file, &letters, all).unwrap_or(false) {
            let length = file.metadata().map_or(0, |data| data.len());
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let happened = format!("{} stand in the file", bytes::count_of(length, LENGTH));
            promise.broken_because(Seen::Other, happened, bytes::cut_short(LENGTH, length));
        }
    }
}

/// Whether a file holds `part` so many times, and nothing else. All of it at once would take
/// as much memory.
fn is_repeated(file: &Path, part: &[u8], times: usize) -> io::Result<bool> {
    let mut file = File::open(file)?;
    let mut read = vec![0; part.len()];
    for _ in 0..times {
        file.read_exact(&mut read)?;
        if read != part {
            return Ok(false);
        }
    }
    Ok(file.read(&mut read)? == 0)
}

#[test]
fn progress_is_shown_on_a_terminal() {
    let promise = promise("with -o, a terminal shows how far the download is")
        .cause(&[Seen::Stderr], "draw a progress bar on stderr while the body comes")
        .read(handout::OUTPUT);
    let (terminal, [stderr]) = Terminal::open();
    let folder = Folder::new();
    let server = Listening::start();
    let file = folder.path("large.bin");
    let launch = launch(&["-o", &file, "127.0.0.1", &server.port(), "/"]);
    let mut asked = take(launch.stderr_to(stderr).start(), &server, &promise);
    asked.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", &promise);
    let piece = vec![b'x'; 1_000_000];
    for _ in 0..3 {
        asked.peer.send(&piece, &promise);
    }
    asked.client.ended(&promise).status(0, &promise);
    let screen = terminal.screen();
    let shown = without_escapes(&bytes::text(&screen));
    // A bar, or figures.
    if !shown.contains(|character: char| "123456789=#>*█▉".contains(character)) {
        promise.broken(Seen::Stderr, format!("on the screen: {}", bytes::show(&screen, 60)));
    }
    folder.holds("large.bin", &piece.repeat(3), &promise);
}

#[test]
fn a_binary_body_is_not_sprayed_on_a_terminal() {
    let promise = promise("a binary body does not appear on a terminal")
        .cause(
            &[Seen::Stdout],
            "a terminal obeys control bytes, and thousands of escapes are no use to anybody: say \
             that the body is binary",
        )
        .read(handout::OUTPUT);
    let mut random = seed::random();
    let noise = seed::random_bytes(&mut random, 20_000);
    for kind in ["image/png", "application/octet-stream"] {
        let body = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x1b[2J\x07", &noise[..]].concat();
        let screen = screen_after(kind, &body, &promise);
        tame(&screen, &promise);
        if screen.len() > 2_000 {
            promise.broken(Seen::Stdout, format!("{} came to it", bytes::count(screen.len())));
        }
    }
}

#[test]
fn a_response_cannot_drive_the_terminal() {
    let promise = promise("on a terminal the control characters of a response are escaped")
        .cause(
            &[Seen::Stdout],
            "the bytes went to the terminal as they are, and a terminal obeys escape sequences",
        )
        .read(handout::OUTPUT);
    let body = "\x1b[31mred\x07 \u{9b}2J\x08 tab\there größe 👋\n";
    let screen =
        screen_after("text/plain\r\nX-Evil: \x1b]0;title\x07", body.as_bytes(), &promise);
    tame(&screen, &promise);
    let text = bytes::text(&screen);
    for word in ["HTTP/1.1 200 OK", "red", "tab\there größe 👋"] {
        if !text.contains(word) {
            let screen = bytes::show(&screen, 80);
            promise.broken(Seen::Stdout, format!("`{word}` is not on the screen: {screen}"));
        }
    }
}

#[test]
fn a_character_in_two_pieces_is_shown_whole() {
    let promise = promise("on a terminal a character is shown whole, however its bytes come")
        .cause(
            &[Seen::Stdout],
            "each read was decoded by itself: a character may be cut in two",
        )
        .read(handout::OUTPUT);
    let (terminal, [stdout]) = Terminal::open();
    let server = Listening::start();
    let launch = launch(&["127.0.0.1", &server.port(), "/"]).stdout_to(stdout);
    let mut asked = take(launch.start(), &server, &promise);
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n";
    asked.peer.send(&[&head[..], b"gr\xc3"].concat(), &promise);
    // Time enough to read this much alone.
    if let Some(end) = asked.client.ended_within(Duration::from_millis(200)) {
        promise.broken(Seen::Ended, format!("it did not wait for the rest: {}", end.told()));
    }
    asked.peer.send(b"\xbcn\n", &promise);
    drop(asked.peer);
    terminal.expect("grün", &promise);
    asked.client.ended(&promise).status(0, &promise);
}

// Sessions

#[test]
fn a_session_keeps_its_connection() {
    let promise = promise(
        "--session sends each request over the same connection and prints `Server response:` and \
         the response",
    )
    .cause(&[Seen::Stdout], "`Server response:` stands on a line of its own before each response")
    .cause(
        &[Seen::Nothing],
        "the next request did not come over this connection: is the response before it over for \
         the client (HEAD has no body, a last chunk may have fields behind it), and does it keep \
         the connection?",
    )
    .cause(&[Seen::Closed], "the connection was not kept for the next request")
    .cause(&[Seen::Ended], "a session goes on until the end of the input")
    .cause(&[Seen::StillOpen, Seen::Part], "an empty line sends a request")
    .read(handout::SESSION);
    let exchanges = [
        (
            "GET /one HTTP/1.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "4\r\nOne\n\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
            "One\n",
        ),
        ("HEAD /two HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "", ""),
        (
            "GET /three HTTP/1.1",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n",
            "Three\n",
            "Three\n",
        ),
        (
            "GET /four HTTP/1.1",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            "",
            "",
        ),
        (
            "GET /five HTTP/1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "Five\n",
            "Five\n",
        ),
    ];
    let typed: String =
        exchanges.iter().map(|(line, ..)| format!("{line}\nX-A: b\n\n")).collect();
    let mut talk = Talk::start(&[], &typed, &promise);
    for (line, head, body, _) in exchanges {
        let request = Asked::from(&mut talk.peer, &promise);
        request.line(line, &promise).has("X-A", "b", &promise);
        talk.peer.send(format!("{head}{body}").as_bytes(), &promise);
    }
    let end = talk.ended(&promise);
    end.status(0, &promise).does_not_say(&["Enter a request"], &promise);
    let printed = bytes::text(&end.stdout);
    let mut rest = &printed[..];
    for (_, head, _, body) in exchanges {
        let part = format!("Server response:\n{}{body}", head.replace("\r\n", "\n"));
        let Some(at) = rest.find(&part) else {
            let shown = part.escape_debug();
            promise.broken(Seen::Stdout, format!("without `{shown}` stdout is\n{printed}"));
        };
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn a_session_has_the_timeout_too() {
    let promise = promise(
        "in a session, too, a server that says nothing for --timeout is an error, status 1",
    )
    .cause(&[Seen::StillOpen], "the client waits for ever: set a timeout for reading")
    .read(handout::SESSION);
    let mut talk = Talk::start(&["--timeout", "0.5"], "GET / HTTP/1.0\n\n", &promise);
    talk.peer.expect(b"GET / HTTP/1.0\r\n\r\n", &promise);
    talk.ended(&promise).status(1, &promise).says(&["error: "], &promise);
}

#[test]
fn a_session_adds_host_and_says_so() {
    let promise = promise(
        "in a session Host is added to an HTTP/1.1 request that lacks it, which stderr says",
    )
    .cause(&[Seen::Part], "HTTP/1.1 demands Host; HTTP/1.0 does not")
    .cause(&[Seen::More, Seen::Other], "a Host that was typed stays as it was typed")
    .cause(&[Seen::Stderr], "what was not typed is told: a person wants to know what was sent")
    .read(handout::SESSION);
    let mut talk = Talk::start(&[], "GET / HTTP/1.1\n\n", &promise);
    let host = format!("127.0.0.1:{}", talk.port);
    Asked::from(&mut talk.peer, &promise).has("Host", &host, &promise);
    talk.peer.send(SMALL, &promise);
    let end = talk.ended(&promise);
    if !end.errors().to_lowercase().contains("host") {
        promise.broken(Seen::Stderr, format!("nothing on stderr says so: {}", end.told()));
    }
    for typed in ["GET / HTTP/1.1\nHOST: other\nX: y\n\n", "GET / HTTP/1.0\nX: y\n\n"] {
        let mut talk = Talk::start(&[], typed, &promise);
        let wanted = typed.replace('\n', "\r\n");
        talk.peer.expect(wanted.as_bytes(), &promise);
        talk.peer.send(SMALL, &promise);
        talk.ended(&promise).status(0, &promise);
    }
}

#[test]
fn a_raw_session_sends_what_is_typed() {
    let promise =
        promise("with --raw a session sends the lines exactly as typed, each with CR LF")
            .cause(&[Seen::Other, Seen::More], "nothing is added and nothing is corrected")
            .read(handout::SESSION);
    for typed in [
        "GET / HTTP/1.1\n\n",
        "get  / HTTP:/1.1\nNo Colon\n\n",
        "GET /größe HTTP/1.1\nA:b \n\n",
    ] {
        let mut talk = Talk::start(&["--raw"], typed, &promise);
        talk.peer.expect(typed.replace('\n', "\r\n").as_bytes(), &promise);
        talk.peer.send(SMALL, &promise);
        talk.ended(&promise).status(0, &promise);
    }
}

#[test]
fn a_session_connects_again_when_the_server_has_closed() {
    let promise = promise("when the server has closed, a session connects again for the next request, and says so on stderr")
        .cause(&[Seen::Nothing, Seen::Ended, Seen::Status], "the end of a connection is not the end of the session")
        .cause(&[Seen::Stderr], "say on stderr that a new connection was made")
        .read(handout::SESSION);
    // Closed as announced, without a word, and because only that could end the body.
    for fields in
        ["Connection: close\r\nContent-Length: 6\r\n", "Content-Length: 6\r\n", "Server: x\r\n"]
    {
        let server = Listening::start();
        let (mut terminal, [stdin]) = Terminal::open();
        let launch = launch(&["--session", "127.0.0.1", &server.port()]);
        let client = launch.stdin_from(stdin).start();
        terminal.type_in("GET /one HTTP/1.1\nHost: a\n\n");
        let mut first = server.accept(&client, &promise);
        Asked::from(&mut first, &promise).line("GET /one HTTP/1.1", &promise);
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\nsmall\n");
        first.send(answer.as_bytes(), &promise);
        drop(first);
        // Typed only now: the client can know that the connection has ended.
        terminal.type_in("GET /two HTTP/1.1\nHost: a\n\n");
        let mut second = server.accept(&client, &promise);
        Asked::from(&mut second, &promise).line("GET /two HTTP/1.1", &promise);
        second.send(SMALL, &promise);
        terminal.type_in("\x04");
        let end = client.ended(&promise);
        end.status(0, &promise);
        if end.stderr.is_empty() {
            promise.broken(Seen::Stderr, format!("stderr says nothing of it: {}", end.told()));
        }
    }
}

#[test]
fn a_session_asks_a_person() {
    let promise = promise("in a session, on a terminal, `Enter a request: ` appears on stderr before each request")
        .cause(&[Seen::Stdout], "the prompt is missing, is on stdout, or stays in a buffer; or the client still waits for a response that is over")
        .read(handout::SESSION);
    let server = Listening::start();
    let (mut terminal, [stdin, stderr]) = Terminal::open();
    let launch = launch(&["--session", "127.0.0.1", &server.port()]);
    let client = launch.stdin_from(stdin).stderr_to(stderr).start();
    let mut peer = None;
    for (times, target) in [(1, "/one"), (2, "/two")] {
        terminal.expect_times(times, "Enter a request: ", &promise);
        terminal.type_in(&format!("GET {target} HTTP/1.1\nHost: a\n\n"));
        // Whether it connects before its first request is its own affair.
        let peer = peer.get_or_insert_with(|| server.accept(&client, &promise));
        Asked::from(peer, &promise).line(&format!("GET {target} HTTP/1.1"), &promise);
        peer.send(SMALL, &promise);
    }
    terminal.expect_times(3, "Enter a request: ", &promise);
    terminal.type_in("\x04");
    let end = client.ended(&promise);
    end.status(0, &promise);
    if bytes::text(&end.stdout).contains("Enter a request") {
        promise.broken(Seen::Stdout, "the prompt stands on stdout");
    }
}

// Like every program

#[test]
fn a_closed_stdout_ends_the_client_quietly() {
    let promise = manners::quiet_end("http_client");
    let server = Listening::start();
    let client = launch(&["127.0.0.1", &server.port(), "/"]).stdout_closed().start();
    if let Ok(mut peer) = server.accept_if_asked(&client) {
        let _ = peer.read(1024, PATIENCE);
        let _ = peer.try_send(b"HTTP/1.1 200 OK\r\n\r\n");
        // There would be more to come for a long while.
        peer.send_beside(b"more of the body\n".repeat(1 << 20));
        peer.stay_open_for(&client);
    }
    manners::said_nothing_of_it(&client.ended(&promise), &promise);
}

#[test]
fn errors_are_plain_text_with_no_color() {
    let promise = promise("errors have no colour on a terminal with NO_COLOR set").because("colour is for a terminal, and for nobody who has set NO_COLOR: ask both before you write an escape sequence")
        .read(handout::EVERY_PROGRAM);
    let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    manners::no_colour_is_no_colour(launch(&["127.0.0.1", &closed.port(), "/"]), &promise);
}

#[test]
fn the_client_explains_its_options() {
    manners::help_describes_every_option(
        "http_client",
        &[
            "host",
            "port",
            "file",
            "--head",
            "-I",
            "--header",
            "-H",
            "--verbose",
            "-v",
            "--output",
            "-o",
            "--body",
            "--fail",
            "--timeout",
            "--session",
            "--raw",
        ],
    );
}

#[test]
fn the_client_tells_its_version() {
    manners::version_is_told("http_client");
}

#[test]
fn the_client_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "http_client",
        &[
            &["localhost", "sixty", "/"],
            &["localhost", "65536", "/"],
            &["--no-such-option", "localhost", "80", "/"],
            &["--timeout", "soon", "localhost", "80", "/"],
            &["-H", "no colon", "localhost", "80", "/"],
            &["localhost", "80", "/", "extra"],
            &["http://"],
            &["http://localhost:port/"],
            &["ftp://localhost/"],
        ],
    );
}

// What several checks do

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsmall\n";

const SMALL_PRINTED: &[u8] = b"HTTP/1.1 200 OK\nContent-Length: 6\n\nsmall\n";

/// The client, if it passes its first check.
fn launch(arguments: &[&str]) -> Launch {
    FIRST.must_pass();
    Launch::new("http_client", arguments)
}

/// A client that has asked and waits for its answer.
struct Waiting {
    client: Running,
    peer: Peer,
    port: String,
    request: Asked,
}

/// Asks a server of ours for /file.txt. The options come first: not every program takes
/// them anywhere.
fn ask(options: &[&str], promise: &Promise) -> Waiting {
    ask_for("/file.txt", options, promise)
}

fn ask_for(file: &str, options: &[&str], promise: &Promise) -> Waiting {
    let server = Listening::start();
    let port = server.port();
    let arguments = [options, &["127.0.0.1", &port, file]].concat();
    take(launch(&arguments).start(), &server, promise)
}

/// Takes the request that `client` sends to `server`.
fn take(client: Running, server: &Listening, promise: &Promise) -> Waiting {
    let mut peer = server.accept(&client, promise);
    let request = Asked::from(&mut peer, promise);
    Waiting { client, peer, port: server.port(), request }
}

impl Waiting {
    /// Sends `response` and closes the connection.
    fn answered(mut self, response: &[u8], promise: &Promise) -> Ended {
        self.peer.send(response, promise);
        drop(self.peer);
        self.client.ended(promise)
    }

    /// Sends `response`, and leaves the connection open and silent.
    fn answered_and_kept_open(mut self, response: &[u8], promise: &Promise) -> Ended {
        self.peer.send(response, promise);
        self.peer.stay_open_for(&self.client);
        self.client.ended(promise)
    }

    /// Sends a response piece by piece, with time enough to read each alone.
    fn answered_in_pieces<'a>(
        mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        promise: &Promise,
    ) -> Ended {
        for piece in pieces {
            if self.peer.try_send(piece).is_err() {
                break; // It has enough, or has given up: its end tells which.
            }
            if let Some(end) = self.client.ended_within(Duration::from_millis(5)) {
                return end;
            }
        }
        self.peer.stay_open_for(&self.client);
        self.client.ended(promise)
    }
}

/// A session, with its requests on stdin.
struct Talk {
    client: Running,
    peer: Peer,
    port: String,
}

impl Talk {
    fn start(options: &[&str], typed: &str, promise: &Promise) -> Self {
        let server = Listening::start();
        let port = server.port();
        let arguments = [options, &["--session", "127.0.0.1", &port]].concat();
        let client = launch(&arguments).stdin(typed).start();
        let peer = server.accept(&client, promise);
        Self { client, peer, port }
    }

    fn ended(self, promise: &Promise) -> Ended {
        self.peer.stay_open_for(&self.client);
        self.client.ended(promise)
    }
}

/// How a client ends that must not send anything to `server`.
fn ended_unheard(client: &Running, server: &Listening, promise: &Promise) -> Ended {
    match server.accept_if_asked(client) {
        Ok(mut peer) => {
            let bytes = peer.read(4096, PATIENCE).unwrap_or_default();
            if !bytes.is_empty() {
                promise.broken(Seen::More, format!("it sent {}", bytes::show(&bytes, 80)));
            }
            client.ended(promise)
        }
        Err(Some(end)) => end,
        Err(None) => client.ended(promise),
    }
}

/// What is behind the first empty line of stdout must be exactly `want`.
fn body_is(end: &Ended, want: &[u8], promise: &Promise) {
    let Some(at) = end.stdout.windows(2).position(|part| part == b"\n\n") else {
        promise.broken(Seen::Stdout, format!("no head was printed: {}", end.told()));
    };
    let body = &end.stdout[at + 2..];
    if let Some(difference) = bytes::difference(want, body) {
        let cut = want.starts_with(body).then(|| bytes::cut_short(want.len(), body.len()));
        let happened = format!("in the body on stdout {difference}");
        promise.broken_because(Seen::Stdout, happened, cut.flatten());
    }
}

/// It must have failed, in words.
fn failed(end: &Ended, promise: &Promise) {
    end.says(&["error:"], promise);
    if !matches!(end.status.code(), Some(1 | 2)) {
        promise.broken(Seen::Status, end.told());
    }
}

/// What is on a terminal's screen after a response with this Content-Type and body.
fn screen_after(media_type: &str, body: &[u8], promise: &Promise) -> Vec<u8> {
    let (terminal, [stdout]) = Terminal::open();
    let server = Listening::start();
    let launch = launch(&["127.0.0.1", &server.port(), "/"]).env("NO_COLOR", "1");
    let asked = take(launch.stdout_to(stdout).start(), &server, promise);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    asked.answered(&[head.as_bytes(), body].concat(), promise).status(0, promise);
    terminal.screen()
}

/// Nothing on the screen may be something that a terminal obeys.
fn tame(screen: &[u8], promise: &Promise) {
    for driving in [&b"\x1b"[..], b"\x07", b"\0", "\u{9b}".as_bytes(), b"\x08"] {
        if screen.windows(driving.len()).any(|window| window == driving) {
            let screen = bytes::show(screen, 70);
            promise.broken(Seen::Stdout, format!("came to the screen: {screen}"));
        }
    }
}

/// What a person sees of text that moves a cursor: ESC, [, parameters, a letter.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |seen, part| {
        seen + part.trim_start_matches(|character: char| !character.is_ascii_alphabetic())
    })
}

fn same_but_for_hex_digits(one: &str, other: &str) -> bool {
    let upper = |text: &str| {
        let mut parts = text.split('%').map(str::to_owned).collect::<Vec<_>>();
        for part in parts.iter_mut().skip(1) {
            let end = part.len().min(2);
            part[..end].make_ascii_uppercase();
        }
        parts.join("%")
    };
    upper(one) == upper(other)
}

/// A folder for what the client writes.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder is made"))
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.to_str().expect("a name in UTF-8").to_owned()
    }

    /// The file must hold exactly these bytes.
    fn holds(&self, name: &str, want: &[u8], promise: &Promise) {
        let got = fs::read(self.path(name)).unwrap_or_default();
        if let Some(difference) = bytes::difference(want, &got) {
            promise.broken(Seen::Other, format!("in the file {difference}"));
        }
    }
}
