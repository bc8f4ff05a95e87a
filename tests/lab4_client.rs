//! Lab 4: a client asks a web server and prints what it says. The checks of `http_client`
//! bring their own server; what is promised is in `labs/4-http-client/README.md`.

#![expect(clippy::expect_used, reason = "a folder that cannot be made fails its check")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
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
        &[Seen::Closed],
        "a connection was made and closed without a request: one is enough, and the request goes \
         over it",
    )
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
    // Whoever asks for a coding must decode it.
    let codings = asked.request.values("Accept-Encoding").join(", ").to_lowercase();
    if ["gzip", "deflate", "br", "zstd"].iter().any(|coding| codings.contains(coding)) {
        promise.broken_because(
            Seen::More,
            format!("the request has `Accept-Encoding: {codings}`"),
            Some("it asks for a body that is compressed: leave the field out".to_owned()),
        );
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
fn a_url_without_a_port_means_port_80() {
    FIRST.must_pass();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    if TcpStream::connect_timeout(&server, A_MOMENT).is_ok() {
        return; // Somebody serves there, and would be asked.
    }
    let promise = promise(
        "`http_client http://127.0.0.1/` asks at port 80, which the error names if nobody \
         listens there",
    )
    .because("a URL with http and without a port means port 80 (RFC 9110 §4.2.1)")
    .read(handout::URL);
    let end = launch(&["http://127.0.0.1/"]).start().ended(&promise);
    end.status(1, &promise);
    let errors = end.errors();
    let name = server.to_string();
    let named = errors.split(&name).skip(1);
    let mut behind = named.map(|rest| rest.chars().next().unwrap_or(' '));
    // 127.0.0.1:8080 is another one.
    if !behind.any(|next| !next.is_ascii_digit()) {
        promise.broken(Seen::Stderr, format!("the error does not name {server}:\n{errors}"));
    }
}

#[test]
fn a_missing_slash_is_added() {
    let promise =
        promise("a FILE without a leading / gets one, and another one stays as it is")
            .cause(
                &[Seen::Other],
                "a request target begins with /, and // is not the same as /",
            )
            .read(handout::URL);
    for (file, target) in [("index.html", "/index.html"), ("//index.html", "//index.html")] {
        let asked = ask_for(file, &[], &promise);
        asked.request.line(&format!("GET {target} HTTP/1.1"), &promise);
        asked.answered(SMALL, &promise);
    }
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
        ("/q?a=b c\"", "/q?a=b%20c%22"),
        ("/tab\there", "/tab%09here"),
        ("/\u{1}and\u{7f}", "/%01and%7F"),
    ] {
        let asked = ask_for(file, &[], &promise);
        // %c3 and %C3 are the same (RFC 3986 §6.2.2.1).
        let line = asked.request.line.clone();
        if !same_but_for_hex_digits(&line, &format!("GET {target} HTTP/1.1")) {
            let file = file.escape_debug();
            let what = format!("for `{file}` came `{line}`, not `GET {target} HTTP/1.1`");
            let cause = match target {
                target if target.contains("b%20c") => Some("a query is encoded like a path"),
                target if target.contains("%0") => Some(
                    "control characters, also the last one of ASCII (DEL), become %XX too, with \
                     two digits",
                ),
                _ => None,
            };
            promise.broken_because(Seen::Other, what, cause.map(str::to_owned));
        }
        asked.answered(SMALL, &promise);
    }
    for (file, targets) in [("/100%", ["/100%", "/100%25"]), ("/a%zz", ["/a%zz", "/a%25zz"])] {
        let promise =
            support::promise("a % with which no escape begins is sent, as it is or as %25")
                .because("of the two characters behind a % each may be missing, or no digit")
                .read(handout::URL);
        let asked = ask_for(file, &[], &promise);
        let line = &asked.request.line;
        if !targets.iter().any(|target| *line == format!("GET {target} HTTP/1.1")) {
            promise.broken(Seen::Other, format!("for `{file}` came `{line}`"));
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
        .cause(
            &[Seen::Status],
            "a URL that cannot be asked for is like a wrong argument: status 2",
        )
        .read(handout::URL);
    let server = Listening::start();
    let port = server.port();
    for scheme in ["https", "HTTPS"] {
        let url = format!("{scheme}://127.0.0.1:{port}/");
        let end = ended_unheard(&launch(&[&url]).start(), &server, &promise);
        end.status(2, &promise).stdout(b"", &promise).says(&["error:"], &promise);
        let errors = end.errors().to_lowercase();
        if !["https", "tls", "encrypt", "ssl"].iter().any(|word| errors.contains(word)) {
            promise.broken(Seen::Stderr, end.told());
        }
    }
    // Whether HOST may be a URL is not for us to say.
    let launch = launch(&["https://127.0.0.1", &port, "/"]);
    failed(&ended_unheard(&launch.start(), &server, &promise), &promise);
}

#[test]
fn headers_can_be_added() {
    let promise =
        promise("-H 'Name: value', as often as one likes, adds fields to the request")
            .cause(&[Seen::Part], "every -H and --header adds one")
            .cause(
                &[Seen::Other],
                "the name ends at the first colon, and the value is sent as it was given: with \
                 its colons, spaces and capitals",
            )
            .cause(
                &[Seen::Ended],
                "'Name: value' is split at its first colon, behind which no space need follow",
            )
            .read(handout::ASKING);
    let more = [
        &["-H", "X-One: First", "--header", "If-None-Match: \"a b\"", "-H", "X-Two:2"][..],
        &["-H", "Referer: http://a:1/b", "-H", "Accept-Language: de"],
    ]
    .concat();
    let asked = ask(&more, &promise);
    asked.request.line("GET /file.txt HTTP/1.1", &promise);
    asked.request.has("X-One", "First", &promise).has("If-None-Match", "\"a b\"", &promise);
    asked.request.has("X-Two", "2", &promise).has("Referer", "http://a:1/b", &promise);
    asked.request.has("Accept-Language", "de", &promise);
    let ours = promise.instead_because(
        "only a field of the very same name takes the place of one that is sent anyway",
    );
    for name in ["Host", "User-Agent", "Accept"] {
        if asked.request.values(name).len() != 1 {
            ours.broken(Seen::Status, format!("with -H the request has not one `{name}`"));
        }
    }
    asked.answered(SMALL, &promise);
    let asked = ask(&["-I", "-H", "X-One: First"], &promise);
    asked.request.has("X-One", "First", &promise);
    asked.answered(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", &promise);
}

#[test]
fn a_header_may_be_given_twice() {
    let promise = promise("-H 'X: 1' -H 'X: 2' sends both")
        .because("a map of fields keeps one value for each name: keep a list")
        .read(handout::ASKING);
    let asked = ask(&["-H", "X-Same: 1", "-H", "X-Other: 3", "-H", "X-Same: 2"], &promise);
    // In two lines, or in one as a list, which means the same (RFC 9110 §5.3).
    let values = asked.request.values("X-Same").join(",").replace(' ', "");
    if values != "1,2" {
        promise.broken(Seen::Part, format!("of X-Same came the values `{values}`"));
    }
    asked.answered(SMALL, &promise);
}

#[test]
fn a_given_host_takes_the_place_of_ours() {
    let promise = promise("with -H 'host: other' the request has one Host, and it is `other`")
        .cause(
            &[Seen::More],
            "a request with two Hosts is refused by every server: a field that the user gives, \
             in whatever case, takes the place of the one that is sent anyway",
        )
        .cause(&[Seen::Other], "what the user gives counts more than what is sent anyway")
        .read(handout::ASKING);
    let asked = ask(&["-H", "host: other.example", "-H", "user-agent: Mine"], &promise);
    asked.request.has("Host", "other.example", &promise).has("User-Agent", "Mine", &promise);
    asked.answered(SMALL, &promise);
}

#[test]
fn a_header_outside_ascii_is_sent_as_it_is() {
    let promise = promise("-H 'X: grün €' is sent with the very same bytes")
        .because(
            "an argument is bytes, here in UTF-8: to encode it as Latin-1 or ASCII fails or \
             changes it",
        )
        .read(handout::ASKING);
    let server = Listening::start();
    let client = launch(&["-H", "X-Green: grün €", "127.0.0.1", &server.port(), "/"]).start();
    match server.accept_if_asked(&client) {
        Ok(mut peer) => {
            Asked::from(&mut peer, &promise).has("X-Green", "grün €", &promise);
            peer.send(SMALL, &promise);
            drop(peer);
            client.ended(&promise).status(0, &promise);
        }
        // Some refuse it, as RFC 9110 §5.5 would have it.
        Err(Some(end)) => {
            manners::no_crash_shown(&end, &promise);
            end.status(2, &promise).says(&["error:"], &promise);
        }
        Err(None) => promise.broken(Seen::Nothing, "it did not connect"),
    }
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
        .cause(&[Seen::Other], "the method is another one then: HEAD stands where GET stood")
        .cause(&[Seen::Stdout], "the head is printed as with GET, and an empty line behind it")
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
        .cause(&[Seen::Stdout], "what is no product of the client goes to stderr, and what is one still to stdout")
        .cause(&[Seen::Stderr], "show what is really sent: escapes, added fields and all")
        .read(handout::ASKING);
        let asked = ask_for("/two words.txt", &[option, "-H", "X-Extra: Yes"], &promise);
        let sent = bytes::text(&asked.request.bytes);
        let end = asked.answered(SMALL, &promise);
        end.status(0, &promise).stdout(SMALL_PRINTED, &promise);
        let errors = end.errors();
        let shown: Vec<String> =
            errors.lines().filter_map(|line| line.strip_prefix('>')).map(plainly).collect();
        for line in sent.lines().filter(|line| !line.is_empty()) {
            if !shown.contains(&plainly(line)) {
                let cause = shown.len() < 2;
                let cause =
                    cause.then(|| "each line that is sent stands behind a `>`".to_owned());
                let happened =
                    format!("`{line}` was sent, and is no line behind `>` in\n{errors}");
                promise.broken_because(Seen::Stderr, happened, cause);
            }
        }
    }
}

/// A line of a head, however it is written: names are in any case, and a space behind the
/// colon may be there or not.
fn plainly(line: &str) -> String {
    match line.trim().split_once(':') {
        Some((name, value)) if !name.contains(' ') => {
            format!("{}: {}", name.to_lowercase(), value.trim())
        }
        _ => line.trim().to_owned(),
    }
}

#[test]
fn a_name_and_an_ipv6_address_are_asked_too() {
    let promise =
        promise("HOST may be a name, or an IPv6 address; Host says it as it was given")
            .cause(&[Seen::Other], "in Host an IPv6 address stands in brackets")
            .cause(
                &[Seen::Ended],
                "an address may be one of IPv6 as well: let getaddrinfo tell",
            )
            .read(handout::URL);
    // A server may have many names, and goes by Host.
    let by_name = support::promise("with HOST localhost, Host says localhost and the port")
        .because("Host is the name as it was given, not the address that was found for it")
        .read(handout::URL);
    let server = Listening::start();
    let arguments = ["localhost", &server.port(), "/"];
    let asked = take(launch(&arguments).start(), &server, &promise);
    asked.request.has("Host", &format!("localhost:{}", server.port()), &by_name);
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
    let head = [
        &b"HTTP/1.1 200 Fine by me"[..],
        b"Set-Cookie: a=1",
        b"X-Empty:",
        b"set-cookie: b=2",
        b"Set-Cookie: c=3",
        b"x-CASE: a: B",
        "X-Text: gr\u{fc}n \u{2028} \u{85} .".as_bytes(),
        b"X-Latin: caf\xe9",
        b"Content-Length: 1",
    ];
    let response = [&head.join(&b"\r\n"[..])[..], b"\r\n\r\nx"].concat();
    let end = ask(&[], &promise).answered(&response, &promise);
    let printed = &end.status(0, &promise).stdout;
    // Whether a space follows the colon of an empty field is not for us to say.
    let lines = printed.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let lines: Vec<&[u8]> = lines.collect();
    let want = [&head[..], &[b"", b"x"]].concat();
    if lines != want {
        let shown = printed.escape_ascii().to_string().replace("\\n", "\n");
        let cause = why_not_as_it_came(&want, &lines);
        promise.broken_because(Seen::Stdout, format!("stdout is\n{shown}"), cause);
    }
    // The words behind the code may be missing, but not the space before them.
    let promise = promise.instead_because("the words behind the status code may be missing");
    let response = b"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx";
    let end = ask(&[], &promise).answered(response, &promise);
    if !end.status(0, &promise).stdout.starts_with(b"HTTP/1.1 200") {
        promise.broken(Seen::Stdout, end.told());
    }
}

/// What made other lines of a head, if that can be told.
fn why_not_as_it_came(want: &[&[u8]], lines: &[&[u8]]) -> Option<String> {
    let (want, line) = want.iter().zip(lines).find(|(want, line)| want != line)?;
    let cause = match want {
        want if want.starts_with(b"HTTP/") => {
            "the status line is printed as it came: its words are the server's, and may be many"
        }
        want if want.eq_ignore_ascii_case(line) => {
            "names are printed as they came: that case does not matter is no reason to change it"
        }
        want if !want.is_ascii() => {
            "the head is bytes: what is decoded as text and encoded again may be something else, \
             and text has more line ends than HTTP (splitlines)"
        }
        want if want.starts_with(line) && line.contains(&b':') => {
            "only the first colon of a line ends the name: a value may hold more of them"
        }
        _ => return None,
    };
    Some(cause.to_owned())
}

#[test]
fn a_long_head_is_read_to_its_end() {
    let promise = promise("a head of 6,000 bytes, such as cookies make, is read to its end")
        .because("a head has no length known in advance: read on until its empty line comes")
        .read(handout::RESPONSE);
    let field = format!("Set-Cookie: a={}\r\n", "c".repeat(1_000));
    let head = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 6\r\n\r\n", field.repeat(6));
    let end = ask(&[], &promise).answered(format!("{head}small\n").as_bytes(), &promise);
    let printed = format!("{}small\n", head.replace("\r\n", "\n"));
    end.status(0, &promise).stdout(printed.as_bytes(), &promise);
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
        .cause(&[Seen::Stderr, Seen::Stdout], "prompts appear only where stdin is a terminal: ask isatty for stdin, not for another stream")
        .cause(&[Seen::Other], "a line goes without its line end, which the last one may lack")
        .read(handout::URL);
    for last_end in ["\n", ""] {
        let server = Listening::start();
        let lines = format!("127.0.0.1\n{}\n/index.html{last_end}", server.port());
        let asked = take(launch(&[]).stdin(lines).start(), &server, &promise);
        asked.request.line("GET /index.html HTTP/1.1", &promise);
        let end = asked.answered(SMALL, &promise);
        end.does_not_say(&["Enter the", "Please enter"], &promise);
        end.stdout(SMALL_PRINTED, &promise);
    }
    // A person may look at its stderr all the same.
    let server = Listening::start();
    let (terminal, [stderr]) = Terminal::open();
    let lines = format!("127.0.0.1\n{}\n/index.html\n", server.port());
    let client = launch(&[]).stdin(lines).stderr_to(stderr).start();
    take(client, &server, &promise).answered(SMALL, &promise).status(0, &promise);
    let screen = bytes::text(&terminal.screen());
    if PROMPTS.iter().any(|prompt| screen.contains(prompt)) {
        promise.broken(Seen::Stderr, format!("on the screen stands {screen}"));
    }
}

#[test]
fn answers_that_do_not_come_are_an_error() {
    let promise =
        promise("an input that ends before host, port and file are named is an error")
            .cause(
                &[Seen::Status, Seen::Stderr, Seen::StillOpen, Seen::More],
                "the end of the input is not an answer, and none will come any more",
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
    // Nothing but a field of that very name tells it.
    for (head, cause) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length:\t5 \r\n\r\n",
            "spaces and tabs around a value are no part of it (RFC 9110 §5.5)",
        ),
        (
            "HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\nContent-Length: 5\r\n\r\n",
            "the field is called Content-Length, from the beginning of its line to the colon",
        ),
        (
            "HTTP/1.1 200 OK\r\nX-Note: not chunked\r\nContent-Length: 5\r\n\r\n",
            "a body is chunked if the value of Transfer-Encoding says so, and nothing else does",
        ),
        (
            "HTTP/1.1 200 No 204, no 304 here\r\nContent-Length: 5\r\n\r\n",
            "the status code is the second word of the status line; what follows it is for people",
        ),
    ] {
        let promise =
            support::promise("fields and status go by their places in the head alone")
                .because(cause)
                .read(handout::BODY);
        let response = format!("{head}hello");
        let asked = ask(&[], &promise);
        let end = asked.answered_and_kept_open(response.as_bytes(), &promise);
        end.status(0, &promise);
        body_is(&end, b"hello", &promise);
    }
}

#[test]
fn all_other_responses_have_a_body() {
    for (status, cause) in [
        ("201 Created", "every 2xx but 204 may have a body"),
        ("205 Reset Content", "only 1xx, 204 and 304 have none, and answers to HEAD"),
        (
            "301 Moved Permanently",
            "a 301 is a response like others: it is printed with its body, and not followed",
        ),
        ("404 Not Found", "an error is a response like others: its body is printed, too"),
        (
            "500 Internal Server Error",
            "an error is a response like others: its body is printed, too",
        ),
    ] {
        let promise = promise(format!("the body of a {status} is printed like that of a 200"))
            .because(cause)
            .read(handout::BODY);
        let head =
            format!("HTTP/1.1 {status}\r\nLocation: /other\r\nContent-Length: 3\r\n\r\n");
        let asked = ask(&[], &promise);
        let end = asked.answered_and_kept_open(format!("{head}abc").as_bytes(), &promise);
        let printed = format!("{}abc", head.replace("\r\n", "\n"));
        end.status(0, &promise).stdout(printed.as_bytes(), &promise);
    }
}

#[test]
fn a_body_without_length_goes_on_to_the_end_of_the_connection() {
    let promise =
        promise("without Content-Length and chunks the end of the connection ends the body")
            .cause(&[Seen::Stdout], "read on until read returns 0 bytes")
            .read(handout::BODY);
    // More than the buffers on the way, or a first read, hold.
    let large = b"0123456789abcde\n".repeat(3 << 16);
    for body in [&b"one\ntwo\n"[..], b"", b"no newline", &large] {
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
    // What looks like the last chunk is within one.
    let counted = promise.instead_because(
        "a chunk ends where its length says: line ends, and even what looks like the last \
         chunk, may be a part of it",
    );
    let coded = b"b\r\na\r\n0\r\n\r\nbcd\r\n0\r\n\r\n";
    let end = ask(&[], &counted).answered_and_kept_open(&[CHUNKED, coded].concat(), &counted);
    end.status(0, &counted);
    body_is(&end, b"a\r\n0\r\n\r\nbcd", &counted);
    // Some take these for errors, which they may well be.
    for (fields, cause) in [
        (
            "Content-Length: 3\r\ntransfer-encoding: CHUNKED\r\n",
            "Transfer-Encoding overrides Content-Length (RFC 9112 §6.3), and its value is in any \
             case",
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            "if the last coding of Transfer-Encoding is chunked, then chunks end the body",
        ),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            "if the last coding of Transfer-Encoding is chunked, then chunks end the body",
        ),
    ] {
        let promise = support::promise("what Transfer-Encoding says ends the body")
            .because(cause)
            .read(handout::CHUNKS);
        let coded = format!("HTTP/1.1 200 OK\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n");
        let end = ask(&[], &promise).answered_and_kept_open(coded.as_bytes(), &promise);
        if end.status.code() != Some(1) {
            end.status(0, &promise);
            body_is(&end, b"hello", &promise);
        }
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
            &[Seen::Stdout, Seen::StillOpen, Seen::Status],
            "100 and 103 only announce the response: read the next head, which stands for itself",
        )
        .read(handout::RESPONSE);
    for interim in [
        &b"HTTP/1.1 100 Continue\r\n\r\n"[..],
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n",
    ] {
        let end = ask(&[], &promise).answered(&[interim, SMALL].concat(), &promise);
        end.status(0, &promise).stdout(SMALL_PRINTED, &promise);
    }
}

#[test]
fn some_responses_have_no_body() {
    for (head, cause) in [
        (
            &b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"[..],
            "the Content-Length of a 304 is that of the file, which is not sent",
        ),
        (
            b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
            "a 304 tells of a file which is not sent, nor are its chunks",
        ),
        (
            b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
            "a 304 has no body: nothing comes behind its head, not even the end of the connection",
        ),
        (
            b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
            "a 204 has no body: nothing comes behind its head, not even the end of the connection",
        ),
    ] {
        let promise = promise("204 and 304 have no body, whatever their heads say")
            .cause(&[Seen::StillOpen, Seen::Status], cause)
            .cause(&[Seen::Stdout], "the head is printed, and an empty line behind it")
            .read(handout::BODY);
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
            "a length that is none must not be guessed: it is digits and nothing else, and of two \
             that differ neither is right (RFC 9112 §6.3)",
        )
        .cause(&[Seen::StillOpen], "no more can be expected here")
        .read(handout::BODY);
    let chunks = promise
        .instead_because(
            "a chunk is its length, in hexadecimal digits alone, as many bytes, and a line end: \
             anything else is an error",
        )
        .read(handout::CHUNKS);
    for response in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5 bytes\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\nhellohello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 8\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
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
            .cause(
                &[Seen::Status, Seen::Stderr],
                "a body that is cut short is an error wherever it goes: say `N of M bytes`",
            )
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
        .cause(&[Seen::StillOpen], "the client waits for ever: set a timeout for reading (or --timeout is not used)")
        .cause(&[Seen::Time], "the time is in seconds, from the last byte that came")
        .cause(&[Seen::Ended], "times may be fractional: 0.5 is half a second")
        .cause(&[Seen::Status, Seen::Stderr], "a response that does not come, or not to its end, is an error: status 1")
        .cause(&[Seen::Stdout], "what came before is printed all the same")
        .read(handout::CUT_SHORT);
    let timeout = Duration::from_millis(500);
    for response in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nServer: x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello",
    ] {
        let asked = ask(&["--timeout", "0.5"], &promise);
        let end = asked.answered_and_kept_open(response, &promise);
        end.status(1, &promise).says(&["error:"], &promise);
        end.took_at_least(timeout, &promise);
        if let Some(at) = response.windows(4).position(|part| part == b"\r\n\r\n") {
            body_is(&end, &response[at + 4..], &promise);
        }
    }
}

#[test]
fn a_timeout_may_be_a_part_of_a_second() {
    const MOST: Duration = Duration::from_millis(900);
    let promise = promise("--timeout 0.1 ends the wait for a silent server within a second")
        .because("times may be fractional: 0.1 must not become 1, and --timeout must be used")
        .read(handout::CUT_SHORT);
    // A busy machine may take its time; hardly so often.
    for _ in 0..5 {
        let server = Listening::start();
        let arguments = ["--timeout", "0.1", "127.0.0.1", &server.port(), "/"];
        let client = launch(&arguments).start();
        let Ok(mut peer) = server.accept_if_asked(&client) else { return };
        if peer.read_to_the_end(MOST).1 {
            return;
        }
    }
    promise.broken(Seen::Time, "it waited for more than 0.9 s, five times");
}

#[test]
fn without_a_timeout_a_server_has_ten_seconds() {
    let promise = promise("unless told, the client waits for 10 s: a server may think for 5")
        .because("the time that --timeout has unless given is 10 seconds")
        .read(handout::CUT_SHORT);
    let asked = ask(&[], &promise);
    if let Some(end) = asked.client.ended_within(Duration::from_millis(5300)) {
        promise.broken(Seen::Ended, format!("it gave up: {}", end.told()));
    }
    asked.answered(SMALL, &promise).status(0, &promise);
}

#[test]
fn each_byte_starts_the_time_anew() {
    let promise =
        promise("--timeout is for each wait: a response that comes slowly comes whole")
            .cause(
                &[Seen::Status, Seen::Ended, Seen::Reset],
                "the time is not for the whole response, but without progress",
            )
            .read(handout::CUT_SHORT);
    let mut asked = ask(&["--timeout", "1.5"], &promise);
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nslowly";
    let at = response.len() - 6;
    let mut start = 0;
    // Head and body both take longer than that.
    let pieces = [6, 12, 18, 24, 30].into_iter().chain(at..=response.len());
    for end in pieces {
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
    body_is(&end, b"slowly", &promise);
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
            .cause(&[Seen::Stdout], "an error is no product: it goes to stderr")
            .cause(
                &[Seen::Status],
                "that the network said no is status 1: 0 is for success, 2 for wrong arguments",
            )
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
        manners::plain(&end, &promise);
        end.status(1, &promise)
            .stdout(b"", &promise)
            .says(&["error: Connection refused", "\nhint: "], &promise);
        manners::no_crash_shown(&end, &promise);
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
        .cause(&[Seen::Status], "an empty line ends the head; without it there is no response, and a 100 is none either")
        .read(handout::RESPONSE);
    for response in [
        &b""[..],
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
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
    // It begins like a text in UTF-8 with a byte order mark.
    let body = b"\xef\xbb\xbf".iter().copied().chain(0..=255).chain((0..=255).rev());
    let body: Vec<u8> = body.chain(*b"\r\n\n\r\r\n").collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let response = [head.as_bytes(), &body].concat();
    let end = ask(&[], &promise).answered(&response, &promise);
    end.status(0, &promise);
    if end.stdout.ends_with(b"\n\n") {
        let cause = "only from a terminal a binary body is withheld: ask isatty for stdout";
        let happened = format!("of the body nothing was printed: {}", end.told());
        promise.broken_because(Seen::Stdout, happened, Some(cause.to_owned()));
    }
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
            .cause(
                &[Seen::Status],
                "a file that is there is no reason to fail: it is written anew",
            )
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
    let file = folder.path("empty.txt");
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    ask(&["-o", &file], &promise).answered(response, &promise).status(0, &promise);
    if !Path::new(&file).is_file() {
        let cause = "a body of no bytes is a body: it makes an empty file";
        promise.broken_because(Seen::Other, "there is no file", Some(cause.to_owned()));
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
fn a_full_disk_is_an_error() {
    let promise = promise("a write that fails is an error, status 1, and not a crash")
        .cause(
            &[Seen::Status, Seen::Stderr],
            "a write can fail when the disk is full, and the last one when the file is closed: \
             look at the result of each",
        )
        .read(handout::OUTPUT);
    let folder = Folder::new();
    for length in [6, 100_000] {
        let server = Listening::start();
        let file = folder.path("page.txt");
        let launch = launch(&["-o", &file, "127.0.0.1", &server.port(), "/"]);
        // As full as can be: no file may have any bytes.
        let launch = launch.under("trap '' XFSZ; ulimit -f 0");
        let mut asked = take(launch.start(), &server, &promise);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let _ = asked.peer.try_send(&[head.as_bytes(), &vec![b'x'; length]].concat());
        drop(asked.peer);
        let end = asked.client.ended(&promise);
        manners::no_crash_shown(&end, &promise);
        end.status(1, &promise).says(&["error:"], &promise);
    }
    // Stdout may be a file as well; this one is always full.
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let server = Listening::start();
    let launch = launch(&["127.0.0.1", &server.port(), "/"]);
    let asked = take(launch.stdout_to(full.into()).start(), &server, &promise);
    let end = asked.answered(SMALL, &promise);
    manners::no_crash_shown(&end, &promise);
    // Some runtimes have a status of their own for what fails while they end.
    if end.status.success() {
        promise.broken(Seen::Status, format!("stdout was full, and yet: {}", end.told()));
    }
    end.says(&["error:"], &promise);
}

#[test]
fn body_prints_the_body_alone() {
    let promise = promise("with --body nothing but the body is printed")
        .cause(&[Seen::Stdout], "no head, and no newline that the server did not send")
        .read(handout::OUTPUT);
    for (status, body) in [
        ("200 OK", &b"small\n"[..]),
        ("200 OK", b"no newline"),
        ("200 OK", b"\x00\xff\r\n"),
        ("404 Not Found", b"nothing there\n"),
    ] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
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
        ("599 Own", 1),
    ] {
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nsmall\n");
        ask(&["--fail"], &promise)
            .answered(response.as_bytes(), &promise)
            .status(fails, &promise)
            .says(if fails == 0 { &[] } else { &["error: "] }, &promise);
        let end = ask(&[], &promise).answered(response.as_bytes(), &promise);
        end.status(0, &promise);
        let promise = promise.instead_because(
            "without --fail the body of an error is printed like any other, and so is that of a \
             redirection",
        );
        body_is(&end, b"small\n", &promise);
    }
    let promise = promise.instead_because("--fail counts as much together with -I or with -o");
    let end = ask(&["--fail", "-I"], &promise)
        .answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n", &promise);
    end.status(1, &promise).says(&["error: "], &promise);
    let folder = Folder::new();
    let end = ask(&["--fail", "-o", &folder.path("page.txt")], &promise)
        .answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsmall\n", &promise);
    end.status(1, &promise).says(&["error: "], &promise);
}

#[test]
fn a_large_body_is_written_in_constant_memory() {
    const LENGTH: usize = 256 << 20;
    const MOST: usize = 128 << 20;
    // After the first an eighth of it must have been taken, and all after the second.
    const PATIENT: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(40)];
    let promise = promise("256 MiB are written to a file with less memory than half of that")
        .cause(
            &[Seen::More],
            "the body is gathered before it is written: write each piece as it comes",
        )
        .cause(&[Seen::Other], "the body is not what was sent")
        .cause(
            &[Seen::Time],
            "each read and each write costs a system call: take many kilobytes with each, not a \
             byte or a line",
        )
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
        let start = Instant::now();
        for sent in 1..all {
            asked.peer.send(piece, &promise);
            let time = start.elapsed();
            if time > PATIENT[1] || time > PATIENT[0] && sent < all / 8 {
                let time = time.as_secs();
                let happened = format!("after {time} s it had taken {sent} of {all} MiB");
                promise.broken(Seen::Time, happened);
            }
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
        .cause(
            &[Seen::Status],
            "a body may have no length that is known, or one of 0, by which nothing is divided",
        )
        .cause(&[Seen::Other], "what is written to a file is never escaped")
        .read(handout::OUTPUT);
    let folder = Folder::new();
    // Escape sequences among it, which would be escaped on a terminal.
    let piece = b"\x1b[31m bytes \xff\r\n".repeat(50_000);
    for (field, pieces) in
        [("Content-Length: 2250000", 3), ("Server: x", 3), ("Content-Length: 0", 0)]
    {
        let (terminal, [stderr]) = Terminal::open();
        let (_screen, [stdout]) = Terminal::open();
        let server = Listening::start();
        let file = folder.path("large.bin");
        let launch = launch(&["-o", &file, "127.0.0.1", &server.port(), "/"]);
        let client = launch.stdout_to(stdout).stderr_to(stderr).start();
        let mut asked = take(client, &server, &promise);
        asked.peer.send(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n").as_bytes(), &promise);
        for _ in 0..pieces {
            asked.peer.send(&piece, &promise);
        }
        drop(asked.peer);
        let end = asked.client.ended(&promise);
        let screen = terminal.screen();
        if end.status.code() != Some(0) {
            let screen = bytes::show(&screen, 60);
            promise.broken(Seen::Status, format!("{}; on the screen: {screen}", end.told()));
        }
        folder.holds("large.bin", &piece.repeat(pieces), &promise);
        let shown = without_escapes(&bytes::text(&screen));
        // A bar, or figures.
        let is_shown = shown.contains(|character: char| "123456789=#>*█▉".contains(character));
        if pieces > 0 && !is_shown {
            let screen = bytes::show(&screen, 60);
            promise.broken(Seen::Stderr, format!("on the screen: {screen}"));
        }
    }
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
    let body = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x1b[2J\x07", &noise[..]].concat();
    for (options, fields, cause) in [
        (&[][..], "Content-Type: image/png", None),
        (&[], "Content-Type: application/octet-stream", None),
        (&[], "Server: x", Some("not every server tells a type: look at the bytes, too")),
        (&["--body"], "Content-Type: image/png", Some("with --body a terminal is one as well")),
    ] {
        let (screen, _) = screen_with(options, fields, &body, &promise);
        tame(&screen, &promise);
        if screen.len() > 2_000 {
            let happened = format!("{} came to it", bytes::count(screen.len()));
            promise.broken_because(Seen::Stdout, happened, cause.map(str::to_owned));
        }
    }
}

#[test]
fn text_of_another_type_is_shown_on_a_terminal() {
    let promise = promise("a body of application/json is text, and shown on a terminal")
        .because(
            "that a type does not begin with text/ makes no body binary: look at its bytes",
        )
        .read(handout::OUTPUT);
    let body = "{\"größe\": [1, 2]}\n";
    let screen = screen_after("application/json", body.as_bytes(), &promise);
    if !bytes::text(&screen).contains(body.trim_end()) {
        let screen = bytes::show(&screen, 80);
        promise.broken(Seen::Stdout, format!("on the screen stands {screen}"));
    }
}

#[test]
fn what_is_no_text_does_not_vanish_on_a_terminal() {
    let promise = promise("bytes that are no text leave a trace on a terminal, or a notice")
        .because(
            "what cannot be decoded must not be passed over in silence: show it escaped, as \
             U+FFFD, or say that the body is binary; also what is held back at the end",
        )
        .read(handout::OUTPUT);
    for (body, before, after) in [(&b"all gr\xc3"[..], "gr", ""), (b"wro\xffng\n", "wro", "ng")]
    {
        let (screen, end) = screen_with(&[], "Content-Type: text/plain", body, &promise);
        let text = String::from_utf8_lossy(&screen);
        let trace = text.rsplit(before).next().unwrap_or_default().trim();
        if end.stderr.is_empty() && trace == after {
            let screen = bytes::show(&screen, 80);
            promise.broken(Seen::Stdout, format!("on the screen stands {screen}"));
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
    let body = "\x1b[31mred\x07 \u{9b}2J\x08 \x7f\x0c tab\there größe 👋\n";
    let screen =
        screen_after("text/plain\r\nX-Evil: \x1b]0;title\x07", body.as_bytes(), &promise);
    tame(&screen, &promise);
    let text = bytes::text(&screen);
    for word in ["HTTP/1.1 200 OK", "red", "tab\there größe 👋"] {
        if !text.contains(word) {
            let screen = bytes::show(&screen, 80);
            let happened = format!("`{word}` is not on the screen: {screen}");
            let cause = "text stays readable: it is UTF-8, and only control characters other \
                         than line ends and tabs are escaped";
            promise.broken_because(Seen::Stdout, happened, Some(cause.to_owned()));
        }
    }
}

#[test]
fn an_error_cannot_drive_the_terminal() {
    let promise = promise("on a terminal the server's bytes in an error are escaped, too")
        .cause(
            &[Seen::Stdout],
            "an error that quotes what came shows a terminal the server's escape sequences: \
             escape control characters there as well",
        )
        .cause(&[Seen::Status], "this is an error, status 1")
        .read(handout::OUTPUT);
    for (options, response) in [
        (&[][..], &b"\x1b]0;title\x07 is no HTTP\r\n\r\n"[..]),
        (&[], b"HTTP/1.1 \x1b[2J\x07 is no code\r\n\r\n"),
        (&["--fail"], b"HTTP/1.1 404 \x1b[2J\x07Gone\r\nContent-Length: 0\r\n\r\n"),
        (&[], b"HTTP/1.1 200 OK\r\nContent-Length: \x1b[2J\x07\r\n\r\n"),
        (&[], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\x1b[2J\x07\r\n"),
    ] {
        let (terminal, [stderr]) = Terminal::open();
        let server = Listening::start();
        let launch = launch(&[options, &["127.0.0.1", &server.port(), "/"]].concat());
        let client = launch.stderr_to(stderr).env("NO_COLOR", "1").start();
        take(client, &server, &promise).answered(response, &promise).status(1, &promise);
        tame(&terminal.screen(), &promise);
    }
}

#[test]
fn a_character_in_two_pieces_is_shown_whole() {
    let promise = promise("on a terminal a character is shown whole, however its bytes come")
        .cause(
            &[Seen::Stdout],
            "each read was decoded by itself: a character may be cut in two, and half of one is \
             no sign of a binary body",
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
            &b"4\r\nOne\n\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"[..],
            &b"One\n"[..],
        ),
        ("HEAD /two HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"", b""),
        (
            "GET /three HTTP/1.1",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n",
            b"Three\n",
            b"Three\n",
        ),
        (
            "GET /four HTTP/1.1",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            b"",
            b"",
        ),
        (
            "GET /five HTTP/1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n",
            b"\0Fiv\xff\n",
            b"\0Fiv\xff\n",
        ),
    ];
    let typed: String =
        exchanges.iter().map(|(line, ..)| format!("{line}\nX-A: b\n\n")).collect();
    let mut talk = Talk::start(&[], &typed, &promise);
    let mut promise_of_next = promise.clone();
    for (line, head, body, _) in exchanges {
        let request = Asked::from(&mut talk.peer, &promise_of_next);
        request.line(line, &promise).has("X-A", "b", &promise);
        // Announced by one that is passed over, in a session too.
        let interim = if line.contains("/five") { "HTTP/1.1 100 Continue\r\n\r\n" } else { "" };
        talk.peer.send(&[interim.as_bytes(), head.as_bytes(), body].concat(), &promise);
        promise_of_next = behind_chunks(&promise, head);
    }
    let over = support::promise("at the end of the input a session ends, with status 0")
        .cause(&[Seen::StillOpen], "is the last response over for the client? It has a length, and a 1xx before it is passed over")
        .cause(&[Seen::Status], "all requests had a response: that is success")
        .cause(&[Seen::Stderr], "prompts appear only where stdin is a terminal")
        .read(handout::SESSION);
    let end = talk.ended(&over);
    end.status(0, &over).does_not_say(&["Enter a request"], &over);
    let mut rest = &end.stdout[..];
    for (_, head, _, body) in exchanges {
        let printed = format!("Server response:\n{}", head.replace("\r\n", "\n"));
        let part = [printed.as_bytes(), body].concat();
        let Some(at) = rest.windows(part.len()).position(|its| its == part) else {
            let cause = (!body.is_ascii()).then(|| {
                "a body is bytes in a session, too, and a 1xx before it is passed over"
                    .to_owned()
            });
            let (shown, rest) = (bytes::show(&part, 100), bytes::show(rest, 200));
            let happened = format!("without {shown} the rest of stdout is {rest}");
            promise.broken_because(Seen::Stdout, happened, cause);
        };
        rest = &rest[at + part.len()..];
    }
}

/// What a session promises behind a response with this head.
fn behind_chunks(promise: &Promise, head: &str) -> Promise {
    if !head.contains("chunked") {
        return promise.clone();
    }
    support::promise("the next request comes over the same connection")
        .cause(
            &[Seen::Closed, Seen::Nothing],
            "the connection was not kept for the next request; or some of the response was left \
             unread: behind the chunk of length 0 come fields, and an empty line",
        )
        .read(handout::SESSION)
}

#[test]
fn a_body_cut_short_in_a_session_is_told() {
    let promise = promise(
        "in a session, too, a body that breaks off is an error with `N of M bytes`, and the exit \
         status is 1",
    )
    .because("the end of the connection is not the end of this body: say how much came of it")
    .read(handout::SESSION);
    let mut talk = Talk::start(&[], "GET / HTTP/1.1\nHost: a\n\n", &promise);
    Asked::from(&mut talk.peer, &promise);
    talk.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell", &promise);
    drop(talk.peer);
    let end = talk.client.ended(&promise);
    end.status(1, &promise).says(&["error: ", "4 of 10 bytes"], &promise);
}

#[test]
fn a_session_cannot_drive_the_terminal() {
    let promise = promise("in a session, too, a terminal gets the server's bytes escaped")
        .cause(
            &[Seen::Stdout],
            "the bytes went to the terminal as they are, and a terminal obeys escape sequences",
        )
        .read(handout::SESSION);
    let (terminal, [stdout]) = Terminal::open();
    let server = Listening::start();
    let launch = launch(&["--session", "127.0.0.1", &server.port()]).env("NO_COLOR", "1");
    let client = launch.stdin("GET / HTTP/1.1\nHost: a\n\n").stdout_to(stdout).start();
    let mut peer = server.accept(&client, &promise);
    Asked::from(&mut peer, &promise);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Evil: \x1b[2J\x07\r\n";
    let response = format!("{head}Content-Length: 13\r\n\r\n\x1b[31mevil\x07 ok\n");
    peer.send(response.as_bytes(), &promise);
    peer.stay_open_for(&client);
    client.ended(&promise).status(0, &promise);
    tame(&terminal.screen(), &promise);
}

#[test]
fn a_session_has_the_timeout_too() {
    let promise = promise(
        "in a session, too, a server that says nothing for --timeout is an error, status 1",
    )
    .cause(&[Seen::StillOpen], "the client waits for ever: set a timeout for reading")
    .cause(
        &[Seen::Status],
        "a session in which a request had no response ends with status 1, at its end or at once",
    )
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
    .cause(
        &[Seen::Part],
        "HTTP/1.1 demands Host, whatever the method, and no other field is one, be its name alike \
         or its value",
    )
    .cause(&[Seen::Other], "Host is the host as it was given, with the port unless that is 80")
    .cause(&[Seen::Stderr], "what was not typed is told: a person wants to know what was sent")
    .read(handout::SESSION);
    for typed in [
        "GET / HTTP/1.1\n\n",
        "HEAD / HTTP/1.1\n\n",
        "GET / HTTP/1.1\nHostname: x\nX-Note: host: y\n\n",
    ] {
        let mut talk = Talk::start(&[], typed, &promise);
        let host = format!("127.0.0.1:{}", talk.port);
        Asked::from(&mut talk.peer, &promise).has("Host", &host, &promise);
        let response =
            if typed.starts_with("HEAD") { &SMALL[..SMALL.len() - 6] } else { SMALL };
        talk.peer.send(response, &promise);
        let end = talk.ended(&promise);
        if !end.errors().to_lowercase().contains("host") {
            let happened = format!("nothing on stderr says so: {}", end.told());
            promise.broken(Seen::Stderr, happened);
        }
    }
    for (typed, cause) in [
        (
            "GET / HTTP/1.1\nHOST: other\nX: y\n\n",
            "a Host that was typed stays as it was typed, and is the only one: names are in any \
             case",
        ),
        ("GET / HTTP/1.0\nX: y\n\n", "HTTP/1.0 demands no Host: none is added there"),
    ] {
        let promise =
            support::promise("in a session what is typed is sent, and nothing is added")
                .because(cause)
                .read(handout::SESSION);
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
        .cause(&[Seen::Ended, Seen::Status], "the end of a connection, in whatever way, is not the end of the session")
        .cause(&[Seen::Stderr], "say on stderr that a new connection was made")
        .read(handout::SESSION);
    for (fields, how) in [
        // As announced, in whatever case: even if the server is slow to close it.
        ("Connection: Close\r\nContent-Length: 6\r\n", Close::Announced),
        ("Content-Length: 6\r\n", Close::InOrder),
        ("Content-Length: 6\r\n", Close::Reset),
        // Only that can end the body.
        ("Server: x\r\n", Close::InOrder),
    ] {
        let server = Listening::start();
        let (mut terminal, [stdin]) = Terminal::open();
        let launch = launch(&["--session", "127.0.0.1", &server.port()]);
        let client = launch.stdin_from(stdin).start();
        terminal.type_in("GET /one HTTP/1.1\nHost: a\n\n");
        let mut first = server.accept(&client, &promise);
        Asked::from(&mut first, &promise).line("GET /one HTTP/1.1", &promise);
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\nsmall\n");
        first.send(answer.as_bytes(), &promise);
        match how {
            Close::Announced => first.stay_open_for(&client),
            Close::InOrder => drop(first),
            Close::Reset => {
                // Not before it has come: a reset would throw it away.
                client.says_within(PATIENCE, |text| text.contains("small"));
                first.reset();
            }
        }
        // Typed only now: the client can know that the connection has ended.
        terminal.type_in("GET /two HTTP/1.1\nHost: a\n\n");
        let connects = promise.clone().cause(&[Seen::Nothing], how.cause());
        let mut second = server.accept(&client, &connects);
        let asks = promise.clone().cause(
            &[Seen::Nothing, Seen::Closed, Seen::Part],
            "a new connection was made, but the request was not sent over it",
        );
        Asked::from(&mut second, &asks).line("GET /two HTTP/1.1", &promise);
        second.send(SMALL, &promise);
        terminal.type_in("\x04");
        let end = client.ended(&promise);
        end.status(0, &promise);
        if end.errors().replace("Enter a request:", "").trim().is_empty() {
            promise.broken(Seen::Stderr, format!("stderr says nothing of it: {}", end.told()));
        }
    }
}

/// How a server ends a connection.
#[derive(Clone, Copy)]
enum Close {
    Announced,
    InOrder,
    Reset,
}

impl Close {
    /// Why a client did not connect again.
    fn cause(self) -> &'static str {
        match self {
            Self::Announced => {
                "behind `Connection: close`, in whatever case, nothing can be asked over this \
                 connection"
            }
            _ => "the end of a connection, in whatever way, is not the end of the session",
        }
    }
}

#[test]
fn a_session_knows_when_its_connection_is_over() {
    let version = "it persists from HTTP/1.1 on, and in HTTP/1.0 only where keep-alive is said";
    let list =
        "Connection is a list, and may stand in several lines: look for the word `close` in it";
    for (answer, is_over, why) in [
        ("HTTP/1.1 200 OK\r\nConnection: x-a, close\r\n", true, list),
        ("HTTP/1.1 200 OK\r\nConnection: x-a\r\nConnection: close\r\n", true, list),
        ("HTTP/1.1 200 OK\r\nconnection:\tCLOSE \r\n", true, list),
        ("HTTP/1.1 200 OK\r\nConnection: x-close\r\n", false, list),
        ("HTTP/1.0 200 OK\r\n", true, version),
    ] {
        let over = if is_over { "over another connection" } else { "over the same connection" };
        let said: Vec<&str> = answer.lines().collect();
        let promise = promise(format!(
            "behind `{}` the next request of a session comes {over}",
            said.join("`, `")
        ))
        .because(why)
        .read(handout::SESSION);
        let server = Listening::start();
        let requests = "GET /one HTTP/1.1\nHost: a\n\nGET /two HTTP/1.1\nHost: a\n\n";
        let client =
            launch(&["--session", "127.0.0.1", &server.port()]).stdin(requests).start();
        let mut first = server.accept(&client, &promise);
        Asked::from(&mut first, &promise).line("GET /one HTTP/1.1", &promise);
        first.send(format!("{answer}Content-Length: 6\r\n\r\nsmall\n").as_bytes(), &promise);
        let mut next = if is_over {
            // A server may be slow to close it.
            first.stay_open_for(&client);
            server.accept(&client, &promise)
        } else {
            first
        };
        Asked::from(&mut next, &promise).line("GET /two HTTP/1.1", &promise);
        next.send(SMALL, &promise);
        drop(next);
        client.ended(&promise).status(0, &promise);
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
    let times = bytes::text(&terminal.screen()).matches("Enter a request: ").count();
    if times > 3 {
        let cause = "a request has several lines: ask before the first one alone";
        let happened = format!("it was asked {times} times for two requests and the end");
        promise.broken_because(Seen::Stderr, happened, Some(cause.to_owned()));
    }
}

// Like every program

#[test]
fn ctrl_c_ends_the_client_without_a_crash() {
    let promise = promise("Ctrl-C ends a client that waits, without a panic or a traceback")
        .because("Ctrl-C is how people end a program: handle it, or let it end the program")
        .read(handout::EVERY_PROGRAM);
    let asked = ask(&[], &promise);
    asked.client.signal(Signal::SIGINT);
    asked.peer.stay_open_for(&asked.client);
    manners::no_crash_shown(&asked.client.ended(&promise), &promise);
}

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
    let asking = || launch(&["127.0.0.1", &closed.port(), "/"]);
    manners::no_colour_is_no_colour(asking(), &promise);
    // Each stream for itself may be a terminal.
    let (_terminal, [stdout]) = Terminal::open();
    manners::plain(&asking().stdout_to(stdout).start().ended(&promise), &promise);
    let (_terminal, [stderr]) = Terminal::open();
    let server = Listening::start();
    let launch = launch(&["127.0.0.1", &server.port(), "/"]).stderr_to(stderr);
    let end = take(launch.start(), &server, &promise).answered(SMALL, &promise);
    manners::plain(&end, &promise);
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
            &["--timeout=-1", "localhost", "80", "/"],
            &["--timeout", "nan", "localhost", "80", "/"],
            &["-H", "no colon", "localhost", "80", "/"],
            &["localhost", "80", "/", "extra"],
            &["http://"],
            &["http://localhost:port/"],
            &["ftp://localhost/"],
        ],
    );
    let promise = promise("an error begins with `error: `, in a line of its own")
        .because(
            "what reads arguments may have words of its own for an error, as argparse has: \
             write yours instead",
        )
        .read(handout::EVERY_PROGRAM);
    let end = Launch::new("http_client", &["--no-such-option"]).start().ended(&promise);
    if !end.errors().lines().any(|line| line.starts_with("error: ")) {
        promise.broken(Seen::Stderr, format!("no line does: {}", end.told()));
    }
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
    screen_with(&[], &format!("Content-Type: {media_type}"), body, promise).0
}

/// What is on a terminal's screen after a response with these fields and body, and what
/// came to stderr, which is none.
fn screen_with(
    options: &[&str],
    fields: &str,
    body: &[u8],
    promise: &Promise,
) -> (Vec<u8>, Ended) {
    let (terminal, [stdout]) = Terminal::open();
    let server = Listening::start();
    let port = server.port();
    let arguments = [options, &["127.0.0.1", &port, "/"]].concat();
    let launch = launch(&arguments).env("NO_COLOR", "1");
    let asked = take(launch.stdout_to(stdout).start(), &server, promise);
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {length}\r\n\r\n");
    let end = asked.answered(&[head.as_bytes(), body].concat(), promise);
    end.status(0, promise);
    (terminal.screen(), end)
}

/// Nothing on the screen may be something that a terminal obeys.
fn tame(screen: &[u8], promise: &Promise) {
    let driving =
        [&b"\x1b"[..], b"\x07", b"\0", "\u{9b}".as_bytes(), b"\x08", b"\x7f", b"\x0c"];
    for driving in driving {
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
