//! Lab 3: a web server that serves one request on one connection at a time. The checks of
//! `web_server`; what it promises is in `labs/3-web-server/README.md`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use support::first::First;
use support::http::{Answer, answer_to_the_end, ask, get};
use support::manners::{self, Over, ServerProgram};
use support::program::{Launch, ReadyLine, Server};
use support::site::{HELLO, NOT_FOUND_PAGE, SECRET, Site};
use support::tcp::Peer;
use support::{PATIENCE, Promise, Seen, bytes, handout, promise, seed};

static SERVER: ServerProgram = ServerProgram {
    name: "web_server",
    ready: ReadyLine::READY_TO_SERVE,
    default_port: 6789,
    over: Over::Tcp,
    first: First::new(
        "web_server",
        "the_server_says_where_it_serves_and_serves_a_file",
        server_says_where_it_serves_and_serves_a_file,
    ),
};

/// Serves a site, if the server passes its first check.
fn serve(site: &Site, more: &[&str]) -> Server {
    SERVER.first.must_pass();
    serve_first(site, more)
}

fn serve_first(site: &Site, more: &[&str]) -> Server {
    SERVER.start_first(&[&["--root", &site.root()], more].concat())
}

// What is served

#[test]
fn the_server_says_where_it_serves_and_serves_a_file() {
    server_says_where_it_serves_and_serves_a_file();
}

fn server_says_where_it_serves_and_serves_a_file() {
    let site = Site::new();
    let server = serve_first(&site, &[]);
    let answer = ask(&server, &get("/HelloWorld.html"), &exact());
    answer.status("200 OK", &exact()).body(HELLO, &exact());
}

#[test]
fn a_file_comes_with_its_exact_bytes() {
    let site = Site::new();
    let every_byte: Vec<u8> = (0..=255).collect();
    let random = seed::random_bytes(&mut seed::random(), 100_003);
    let files: [(&str, &[u8]); 6] = [
        ("empty.txt", b""),
        ("one.txt", b"1"),
        ("crlf.txt", b"one\r\ntwo\nthree\r\n\r\n"),
        ("utf8.txt", "Grüße, こんにちは 👋\n".as_bytes()),
        ("every.bin", &every_byte),
        ("picture.png", &random),
    ];
    for (name, contents) in files {
        site.file(name, contents);
    }
    let server = serve(&site, &[]);
    for (name, contents) in files {
        let answer = ask(&server, &get(&format!("/{name}")), &exact());
        answer.status("200", &exact()).body(contents, &exact());
    }
}

#[test]
fn a_file_of_100_mebibytes_comes_whole() {
    let site = Site::new();
    let letters = seed::random_letters(&mut seed::random(), 100 << 20);
    site.file("large.bin", &letters);
    let server = serve(&site, &[]);
    let answer = ask(&server, &get("/large.bin"), &exact());
    answer.status("200", &exact()).body(&letters, &exact());
}

#[test]
fn a_client_that_reads_slowly_gets_all() {
    let site = Site::new();
    let letters = seed::random_letters(&mut seed::random(), 16 << 20);
    site.file("large.bin", &letters);
    let server = serve(&site, &["--timeout", "1"]);
    let promise = promise("a client that reads slowly gets the whole file")
        .cause(
            &[Seen::Part, Seen::Closed, Seen::Reset],
            "--timeout is for the request's head; the answer takes as long as the client reads, \
             and no write need take all of it",
        )
        .read(handout::ANSWER);
    let mut client = server.connect(&promise);
    client.send(&get("/large.bin"), &promise);
    // For longer than the time for a head, which does not apply to an answer under way.
    let mut all = Vec::new();
    for _ in 0..6 {
        if let Some(end) = server.running.ended_within(Duration::from_millis(300)) {
            promise.broken(Seen::Ended, end.told());
        }
        all.extend(client.read(100_000, PATIENCE).unwrap_or_default());
    }
    all.extend(client.read_to_the_end(PATIENCE).0);
    Answer::of(&all, &promise).status("200", &promise).body(&letters, &promise);
}

#[test]
fn the_head_tells_what_the_body_is() {
    let site = Site::new();
    site.file("a.txt", b"text")
        .file("a.png", b"png")
        .file("A.JPG", b"jpg")
        .file("a.jpeg", b"jpeg");
    let server = serve(&site, &[]);
    for (target, media_type) in [
        ("/HelloWorld.html", "text/html"),
        ("/a.txt", "text/plain"),
        ("/a.png", "image/png"),
        ("/A.JPG", "image/jpeg"),
        ("/a.jpeg", "image/jpeg"),
    ] {
        let promise =
            promise(format!("the answer for {target} says Content-Type: {media_type}"))
                .read(handout::ANSWER);
        let answer = ask(&server, &get(target), &promise);
        let said = answer.status("200", &promise).field("Content-Type", &promise);
        if !said.starts_with(media_type) {
            promise.broken_because(
                Seen::Other,
                format!("Content-Type: {said}"),
                Some("the type goes by the ending of the file's name, in any case".to_owned()),
            );
        }
        closes_and_is_dated(&answer);
    }
}

#[test]
fn head_gets_the_same_without_the_body() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("HEAD is answered like GET, without the body")
        .cause(&[Seen::Part, Seen::Other], "Content-Length is what GET would have sent")
        .cause(&[Seen::More], "the answer to HEAD ends with its empty line")
        .read(handout::ANSWER);
    for (target, status, body) in
        [("/HelloWorld.html", "200", HELLO), ("/nowhere.html", "404", NOT_FOUND_PAGE)]
    {
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = ask(&server, request.as_bytes(), &promise);
        answer.status(status, &promise);
        if !answer.body.is_empty() {
            promise
                .broken(Seen::More, format!("a body came: {}", bytes::show(&answer.body, 40)));
        }
        if status == "404" {
            continue; // What is said of a page for errors is the server's own affair.
        }
        let announced = answer.field("Content-Length", &promise);
        if announced != body.len().to_string() {
            promise.broken(Seen::Other, format!("Content-Length: {announced}"));
        }
        if !answer.field("Content-Type", &promise).starts_with("text/html") {
            promise.broken(Seen::Other, "Content-Type is not what GET would have got");
        }
        closes_and_is_dated(&answer);
    }
}

#[test]
fn what_is_not_there_gets_the_page_for_it() {
    let site = Site::new();
    fs::create_dir(site.path("folder")).expect("a folder is made");
    site.file("index.html", b"not in this lab");
    let server = serve(&site, &[]);
    let promise = promise("what is no file gets 404 with filenotfound.html as its body")
        .cause(
            &[Seen::Status],
            "the status line says 404 too; a folder is no file, and / is none either in this lab",
        )
        .cause(&[Seen::Part, Seen::Other], "the root's filenotfound.html is sent as it is")
        .read(handout::BELOW_ROOT);
    for target in [
        "/nowhere.html",
        "/",
        "/folder",
        "/folder/",
        "/HelloWorld.html/x",
        "/HelloWorld.html/",
        "/folder/HelloWorld.html",
        "/helloworld",
    ] {
        let answer = ask(&server, &get(target), &promise);
        answer.status("404 Not Found", &promise).body_to_the_end(NOT_FOUND_PAGE, &promise);
    }
}

#[test]
fn without_that_page_a_few_words_do() {
    let site = Site::new();
    fs::remove_file(site.path("filenotfound.html")).expect("a file is removed");
    let server = serve(&site, &[]);
    let promise = promise("without filenotfound.html a 404 says `File not found`")
        .read(handout::BELOW_ROOT);
    let answer = ask(&server, &get("/nowhere.html"), &promise);
    answer.status("404 Not Found", &promise);
    if !bytes::text(&answer.body).contains("File not found") {
        promise.broken(Seen::Other, format!("the body is {}", bytes::show(&answer.body, 60)));
    }
}

#[test]
fn a_file_that_changes_is_served_as_it_is() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("each answer has the bytes that the file has now")
        .cause(
            &[Seen::Part, Seen::Other, Seen::Status],
            "the file, or its length, was read before this request: open it for each one",
        )
        .read(handout::ANSWER);
    for contents in [&b"first"[..], b"second, longer", b"3"] {
        site.file("changing.txt", contents);
        let answer = ask(&server, &get("/changing.txt"), &promise);
        answer.status("200", &promise).body(contents, &promise);
    }
}

// How a request may come

#[test]
fn a_request_may_come_in_any_pieces() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("a request that comes in pieces is answered once it is whole")
        .cause(
            &[Seen::Status, Seen::Closed, Seen::Reset, Seen::More],
            "one read was taken for the whole request: read until the empty line is there",
        )
        .cause(&[Seen::Nothing], "the end of the head (CR LF CR LF) may come in two reads")
        .read(handout::HEAD);
    let request = get("/HelloWorld.html");
    let end = request.len();
    // Byte by byte; in the middle of the request line, and at each place of CR LF CR LF.
    let bytewise: Vec<usize> = (1..end).collect();
    for cuts in [&bytewise[..], &[2], &[20], &[end - 3], &[end - 2], &[end - 1]] {
        let mut client = server.connect(&promise);
        let mut start = 0;
        for cut in cuts.iter().chain([&end]) {
            client.send(&request[start..*cut], &promise);
            start = *cut;
            if *cut < end && cuts.len() == 1 {
                // Time enough for the server to read this much alone.
                client.expect_still_open(Duration::from_millis(60), &promise);
            }
        }
        let answer = answer_to_the_end(&mut client, PATIENCE, &promise);
        answer.status("200", &promise).body(HELLO, &promise);
    }
}

#[test]
fn a_bare_line_feed_ends_a_line_too() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("lines that end in LF alone, as nc sends them, are read")
        .cause(
            &[Seen::Nothing, Seen::Status],
            "the server waits for CR LF: a bare LF ends a line too, and one empty line before \
             the request is skipped",
        )
        .try_it("printf 'GET /HelloWorld.html HTTP/1.1\\n\\n' | nc localhost 6789")
        .read(handout::HEAD);
    for request in [
        "GET /HelloWorld.html HTTP/1.1\nHost: localhost\n\n",
        "GET /HelloWorld.html HTTP/1.1\r\nHost: localhost\n\r\n",
        "\r\nGET /HelloWorld.html HTTP/1.1\r\n\r\n",
        "\nGET /HelloWorld.html HTTP/1.0\n\n",
    ] {
        ask(&server, request.as_bytes(), &promise)
            .status("200", &promise)
            .body(HELLO, &promise);
    }
}

#[test]
fn a_target_may_have_a_query_and_escapes() {
    let site = Site::new();
    site.file("two words.txt", b"two words").file("größe.txt", b"size");
    site.file("folder/deep/file.txt", b"deep").file("a..b.txt", b"two dots");
    site.file("a+b.txt", b"plus").file("what?.txt", b"what").file("50%20off.txt", b"off");
    let server = serve(&site, &[]);
    let promise = promise(
        "a query is no part of the name, %20 is a space, a full URL names its path",
    )
    .cause(
        &[Seen::Status, Seen::Other],
        "of a full URL take the path, cut it off at the ?, then decode each %XX to a byte",
    )
    .read(handout::REQUEST_LINE);
    for (target, body) in [
        ("/HelloWorld.html?a=b&c", HELLO),
        ("/Hello%57orld.html", HELLO),
        ("/two%20words.txt", b"two words"),
        ("/gr%C3%B6%c3%9fe.txt", b"size"),
        ("/folder/deep/file.txt", b"deep"),
        ("/a..b.txt", b"two dots"),
        ("/a+b.txt", b"plus"),
        ("/what%3F.txt", b"what"),
        ("/what%3f.txt?what?", b"what"),
        ("/50%2520off.txt", b"off"),
        ("http://localhost/HelloWorld.html", HELLO),
        ("http://other.example:99/HelloWorld.html?x", HELLO),
    ] {
        ask(&server, &get(target), &promise).status("200", &promise).body(body, &promise);
    }
}

#[test]
fn a_request_without_host_is_served_here() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise =
        promise("this server does not ask for a Host field").read(handout::REQUEST_LINE);
    for request in
        ["GET /HelloWorld.html HTTP/1.1\r\n\r\n", "GET /HelloWorld.html HTTP/1.0\r\n\r\n"]
    {
        ask(&server, request.as_bytes(), &promise)
            .status("200", &promise)
            .body(HELLO, &promise);
    }
}

#[test]
fn what_is_no_request_is_told_why() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise =
        promise("what is no HTTP request gets 400 Bad Request, and words that say why")
            .cause(
                &[Seen::Closed, Seen::Reset],
                "the server crashed or gave up: answer, then close",
            )
            .cause(
                &[Seen::Status],
                "look at all of the request line: GET or HEAD, a target, HTTP/1.x, and single \
                 spaces between them",
            )
            .read(handout::REQUEST_LINE);
    for request in [
        "GET /HelloWorld.html HTTP:/1.1\r\n\r\n",
        "GET /HelloWorld.html\r\n\r\n",
        "GET\r\n\r\n",
        "hello\r\n\r\n",
        "GET /HelloWorld.html HTTP/one\r\n\r\n",
        "GET /Hello World.html HTTP/1.1\r\n\r\n",
        "GET /HelloWorld.html HTTP/1.1 again\r\n\r\n",
        "GET /HelloWorld.html HTTP/1x\r\n\r\n",
        "GET /HelloWorld.html HTTP/1\r\n\r\n",
        "GET /HelloWorld.html http/1.1\r\n\r\n",
        "POST /HelloWorld.html HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "DELETE /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "get /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = ask(&server, request.as_bytes(), &promise);
        answer.status("400 Bad Request", &promise);
        if answer.body.len() < 4 {
            promise.broken(
                Seen::Part,
                format!("the body says nothing: {}", bytes::show(&answer.body, 40)),
            );
        }
        answer.body_to_the_end(&answer.body, &promise);
    }
}

#[test]
fn different_mistakes_are_told_in_different_words() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("the body of a 400 says in words what is wrong with this request")
        .cause(
            &[Seen::Other],
            "say more than Bad Request: which part is wrong, and how it should read",
        )
        .read(handout::REQUEST_LINE);
    let mut told = Vec::new();
    for request in [
        "GET /HelloWorld.html HTTP:/1.1\r\n\r\n",
        "GET /HelloWorld.html\r\n\r\n",
        "DELETE /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = ask(&server, request.as_bytes(), &promise);
        answer.status("400", &promise);
        let words = bytes::text(&answer.body);
        if told.contains(&words) {
            promise.broken(
                Seen::Other,
                format!("two mistakes are told in the same words: {words}"),
            );
        }
        told.push(words);
    }
}

#[test]
fn nothing_that_is_sent_crashes_the_server() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("whatever bytes come, an answer goes back, and the next request is served")
        .cause(
            &[Seen::Closed, Seen::Reset, Seen::Refused],
            "the bytes were decoded as text, or taken apart as if they had the form that one hopes for",
        )
        .cause(&[Seen::Nothing], "the server waits, or is gone")
        .read(handout::REQUEST_LINE);
    let long_name = format!("GET /{}.html HTTP/1.1\r\n\r\n", "x".repeat(300));
    let deep_path = format!("GET /{} HTTP/1.1\r\n\r\n", "a/".repeat(3000));
    for (request, statuses) in [
        ("GET /HelloWorld.html HTTP/1.1\r\nX: größe\r\n\r\n".as_bytes(), &["200"][..]),
        (b"GET /HelloWorld.html HTTP/1.1\r\nX: \xfc\r\n\r\n", &["200", "400"]),
        (b"GET /HelloWorld.html HTTP/1.1\r\nHost:localhost\r\nX: a: b\r\nY:\r\n\r\n", &["200"]),
        (b"GET /HelloWorld.html HTTP/1.1\r\nno colon\r\n\r\n", &["400", "200"]),
        (b"GET /HelloWorld.html HTTP/1.1\r\n: no name\r\n\r\n", &["400", "200"]),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET /%zz HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET /%4 HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET /% HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET /%ff%fe HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET http://localhost HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET http:// HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET * HTTP/1.1\r\n\r\n", &["400", "404"]),
        (b"GET HelloWorld.html HTTP/1.1\r\n\r\n", &["400", "404"]),
        (long_name.as_bytes(), &["404", "400"]),
        (deep_path.as_bytes(), &["404", "400"]),
        // How TLS begins: somebody typed https://.
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", &["400"]),
        (b"\0\0\0\0\r\n\r\n", &["400"]),
    ] {
        let answer = ask(&server, request, &promise);
        let status = answer.status_line.split(' ').nth(1).unwrap_or_default();
        if !statuses.contains(&status) {
            answer.status(statuses[0], &promise);
        }
        ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    }
}

#[test]
fn another_version_of_http_is_refused() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("HTTP/1.x is served, and any other HTTP version gets 505")
        .cause(
            &[Seen::Status],
            "HTTP/, a digit, a dot, a digit is a version; ours are all that begin with 1",
        )
        .read(handout::REQUEST_LINE);
    for version in ["HTTP/1.0", "HTTP/1.1", "HTTP/1.2", "HTTP/1.9"] {
        let request = format!("GET /HelloWorld.html {version}\r\nHost: localhost\r\n\r\n");
        ask(&server, request.as_bytes(), &promise).status("200", &promise);
    }
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.1"] {
        let request = format!("GET /HelloWorld.html {version}\r\nHost: localhost\r\n\r\n");
        ask(&server, request.as_bytes(), &promise).status("505", &promise);
    }
}

#[test]
fn a_head_without_end_is_given_up_with_an_explanation() {
    let site = Site::new();
    let server = serve(&site, &["--timeout", "0.4"]);
    let promise = promise("a head that does not end within --timeout gets 408, and words that say what was missing")
        .cause(&[Seen::Nothing, Seen::StillOpen], "the server waits for ever: no other client is served meanwhile")
        .cause(&[Seen::Closed], "tell the client why, with 408, and then close")
        .try_it("printf 'GET /HelloWorld.html' | nc localhost 6789")
        .read(handout::HEAD);
    for request in [
        "GET /HelloWorld.html",
        "GET /HelloWorld.html HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        let begun = Instant::now();
        let answer = ask(&server, request.as_bytes(), &promise);
        answer.status("408 Request Timeout", &promise);
        if begun.elapsed() < Duration::from_millis(350) {
            let text = format!("the answer came after {} ms", begun.elapsed().as_millis());
            promise.broken(Seen::Time, text);
        }
        if answer.body.len() < 4 {
            promise.broken(Seen::Part, "the body does not say what was missing");
        }
    }
}

#[test]
fn empty_lines_alone_get_an_answer_too() {
    let site = Site::new();
    let server = serve(&site, &["--timeout", "0.4"]);
    let promise = promise(
        "a client that sends empty lines and nothing else is answered: 400, or 408 in time",
    )
    .cause(
        &[Seen::Nothing, Seen::StillOpen],
        "no request line came, and none need come: do not wait for ever",
    )
    .cause(&[Seen::Closed, Seen::Reset], "an answer is due before the connection is closed")
    .read(handout::HEAD);
    for request in ["\n\n", "\r\n\r\n", "\r\n\r\n\r\n"] {
        let answer = ask(&server, request.as_bytes(), &promise);
        if !answer.status_line.contains(" 408 ") {
            answer.status("400", &promise);
        }
    }
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
}

#[test]
fn a_silent_client_does_not_keep_others_for_ever() {
    let site = Site::new();
    let server = serve(&site, &["--timeout", "0.4"]);
    let promise = promise("a client that connects and says nothing is given up after --timeout; then the next is served")
        .cause(&[Seen::Nothing], "the time for a head runs from the connection on, not from its first byte")
        .read(handout::HEAD);
    let _silent = server.connect(&promise);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
}

#[test]
fn a_client_that_drips_is_given_up_too() {
    let site = Site::new();
    let server = serve(&site, &["--timeout", "0.5"]);
    let promise = promise(
        "the timeout is for the whole head: a client that sends a byte now and then gets 408",
    )
    .cause(
        &[Seen::StillOpen],
        "each byte starts the time anew: the limit is for the whole head",
    )
    .read(handout::HEAD);
    let mut client = server.connect(&promise);
    let mut waited = 0;
    while !client.has_something(Duration::from_millis(100)) {
        waited += 1;
        if waited > 40 {
            promise.broken(Seen::StillOpen, "after 4 s there was no answer");
        }
        let _ = client.try_send(b"G");
    }
    let (all, _) = client.read_to_the_end(PATIENCE);
    Answer::of(&all, &promise).status("408", &promise);
}

#[test]
fn a_head_that_is_broken_off_is_a_bad_request() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("a head that the client breaks off by closing its side gets 400")
        .cause(&[Seen::Status], "no more bytes will come: that is no timeout")
        .read(handout::HEAD);
    for part in [
        &b"GET /HelloWorld.html HTTP/1.1\r\nHost"[..],
        b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n",
        b"GET /HelloWorld.html HTTP/1.1\r\n",
        b"GET /Hello",
    ] {
        let mut client = server.connect(&promise);
        client.send(part, &promise);
        client.half_close();
        answer_to_the_end(&mut client, PATIENCE, &promise).status("400", &promise);
    }
}

#[test]
fn a_head_may_be_long_but_not_too_long() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("a head of up to 8,192 bytes is read, a longer one gets 431")
        .cause(&[Seen::Reset, Seen::Closed], "the connection was closed with bytes of the client unread: that sends RST, and the answer is lost")
        .cause(&[Seen::Status], "count what was read before its end was found, and its end too: a client may send for ever")
        .read(handout::HEAD);
    let request = |length: usize| {
        let (start, end) = ("GET /HelloWorld.html HTTP/1.1\r\nX: ", "\r\n\r\n");
        format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
    };
    ask(&server, request(8192).as_bytes(), &promise).status("200", &promise);
    // Whether the empty line counts may be seen in more than one way.
    for length in [8200, 9000, 100_000] {
        ask(&server, request(length).as_bytes(), &promise).status("431", &promise);
    }
    // A body is no part of it.
    let body = "x".repeat(20_000);
    let post = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    ask(&server, post.as_bytes(), &promise).status("400", &promise);
    // One that never ends, too.
    let mut client = server.connect(&promise);
    let _ = client.try_send(&[&b"GET /"[..], &vec![b'x'; 50_000]].concat());
    answer_to_the_end(&mut client, PATIENCE, &promise).status("431", &promise);
}

// What must not be served

#[test]
fn there_is_no_way_out_of_the_root() {
    let site = Site::new();
    site.secret("secret.txt").secret("www-private/secret.txt").secret("wwwsecret.txt");
    let outside = site.outside().join("secret.txt");
    symlink(&outside, site.path("link.txt")).expect("a link is made");
    symlink(site.outside(), site.path("up")).expect("a link is made");
    symlink("../secret.txt", site.path("relative.txt")).expect("a link is made");
    site.file("index.html", b"index");
    let absolute = outside.to_str().expect("a name in UTF-8").to_owned();
    let server = serve(&site, &[]);
    let promise = promise(
        "no request is answered with a byte from outside the root: 404 or 400",
    )
    .cause(
        &[Seen::Other],
        "the target was joined to the root as it is: decode it once, refuse .., and open the \
             file in a way that cannot leave the root, not even through a symbolic link or into \
             a folder whose name begins like the root's",
    )
    .read(handout::BELOW_ROOT);
    for target in [
        "/../secret.txt",
        "/../../../../../../../../etc/hostname",
        "/a/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/.%2e/secret.txt",
        "/%252e%252e/secret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/..%c0%afsecret.txt",
        "/../www-private/secret.txt",
        "/../wwwsecret.txt",
        "/link.txt",
        "/relative.txt",
        "/up/secret.txt",
        "//secret.txt",
        "/HelloWorld.html%00.png",
        "/%00",
        "../secret.txt",
        "http://localhost/../secret.txt",
        absolute.as_str(),
        &format!("/{absolute}"),
        &format!("//{absolute}"),
    ] {
        let answer = ask(&server, &get(target), &promise);
        if bytes::text(&answer.body).contains(SECRET) || answer.status_line.contains(" 200 ") {
            promise.broken(Seen::Other, format!("GET {target} got {}", answer.status_line));
        }
        if !(answer.status_line.contains(" 404") || answer.status_line.contains(" 400")) {
            promise.broken(Seen::Status, format!("GET {target} got {}", answer.status_line));
        }
    }
}

#[test]
fn a_link_within_the_root_is_served() {
    let site = Site::new();
    symlink("HelloWorld.html", site.path("inside.html")).expect("a link is made");
    let server = serve(&site, &[]);
    ask(&server, &get("/inside.html"), &exact()).status("200", &exact()).body(HELLO, &exact());
}

#[test]
fn a_named_pipe_does_not_stop_the_server() {
    let site = Site::new();
    nix::unistd::mkfifo(&site.path("pipe.txt"), Mode::S_IRWXU).expect("a pipe is made");
    let server = serve(&site, &[]);
    let promise = promise("a named pipe is no file: 404, at once")
        .cause(&[Seen::Nothing], "opening a named pipe waits until somebody writes to it")
        .read(handout::BELOW_ROOT);
    ask(&server, &get("/pipe.txt"), &promise).status("404", &promise);
}

// One at a time

#[test]
fn requests_are_served_one_at_a_time_and_in_order() {
    let site = Site::new();
    let server = serve(&site, &[]);
    let promise = promise("the second client is answered after the first, not before")
        .cause(
            &[Seen::More],
            "this server serves one connection at a time; many at once come in lab 5",
        )
        .cause(
            &[Seen::Nothing, Seen::Closed, Seen::Reset],
            "the second client waits in the backlog until it is accepted",
        )
        .read(handout::ONE_AT_A_TIME);
    let request = get("/HelloWorld.html");
    let mut first = server.connect(&promise);
    first.send(&request[..10], &promise);
    let mut second = server.connect(&promise);
    second.send(&request, &promise);
    second.expect_still_open(Duration::from_millis(300), &promise);
    first.send(&request[10..], &promise);
    answer_to_the_end(&mut first, PATIENCE, &promise).status("200", &promise);
    answer_to_the_end(&mut second, PATIENCE, &promise).status("200", &promise);
}

#[test]
fn clients_that_leave_or_reset_change_nothing() {
    let site = Site::new();
    site.file("large.bin", &vec![b'x'; 16 << 20]);
    let server = serve(&site, &[]);
    let promise = promise("a client that leaves at any point changes nothing for the next")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Closed],
            "the error of one connection ended the server",
        )
        .cause(&[Seen::Nothing], "the server is still busy with a client that has gone")
        .read(handout::ONE_AT_A_TIME);
    let still_served = || {
        let answer = ask(&server, &get("/HelloWorld.html"), &promise);
        answer.status("200", &promise);
    };
    // A browser's connection in advance, which is never used.
    drop(server.connect(&promise));
    still_served();
    server.connect(&promise).reset();
    still_served();
    for request in [&b"GET /Hello"[..], &get("/HelloWorld.html"), &get("/large.bin")] {
        let mut client = server.connect(&promise);
        client.send(request, &promise);
        client.reset();
        still_served();
        let mut client = server.connect(&promise);
        client.send(request, &promise);
        drop(client);
        still_served();
    }
    // In the middle of a large answer.
    let mut client = server.connect(&promise);
    client.send(&get("/large.bin"), &promise);
    client.read(1000, PATIENCE);
    client.reset();
    still_served();
}

#[test]
fn once_ends_after_one_answer() {
    let site = Site::new();
    let server = serve(&site, &["--once"]);
    let promise = promise("with --once the server exits after one request, status 0")
        .read(handout::ONE_AT_A_TIME);
    ask(&server, &get("/HelloWorld.html"), &promise)
        .status("200", &promise)
        .body(HELLO, &promise);
    server.running.ended(&promise).status(0, &promise);
}

#[test]
fn so_many_requests_are_answered_and_no_more() {
    let site = Site::new();
    let server = serve(&site, &["--requests", "3"]);
    let promise = promise("with --requests 3 the server exits after three requests, status 0")
        .cause(
            &[Seen::Refused, Seen::StillOpen],
            "a request that gets an error is answered too",
        )
        .read(handout::ONE_AT_A_TIME);
    for request in [&get("/nowhere")[..], b"no request\r\n\r\n", &get("/HelloWorld.html")] {
        if let Some(end) = server.running.ended_within(Duration::from_millis(50)) {
            promise.broken(Seen::Ended, end.told());
        }
        ask(&server, request, &promise);
    }
    server.running.ended(&promise).status(0, &promise);
}

#[test]
fn the_console_tells_who_asked_for_what() {
    let site = Site::new();
    let server = serve(&site, &["--requests", "3"]);
    let promise = promise(
        "for each client come `Connected to ADDR:PORT`, the head, `Client request: TARGET`",
    )
    .cause(&[Seen::Stdout], "the lines go to stdout, one after another, at once")
    .read(handout::ONE_AT_A_TIME);
    let mut client = server.connect(&promise);
    let from = client.address();
    client.send(&get("/HelloWorld.html"), &promise);
    client.read_to_the_end(PATIENCE);
    // Whether or not it is served.
    let evil = "GET /\x1b[31m HTTP/1.1\r\nX-Evil: \x1b[31m\x07\x08\u{9b}31m\r\n\r\n";
    ask(&server, evil.as_bytes(), &promise);
    ask(&server, &get("/nowhere.html"), &promise);
    let end = server.running.ended(&promise);
    let console = bytes::text(&end.stdout).replace("\r\n", "\n");
    for line in [
        &format!("Connected to {from}"),
        "GET /HelloWorld.html HTTP/1.1",
        "Host: localhost",
        "Client request: /HelloWorld.html",
        "Client request: /nowhere.html",
    ] {
        if !console.lines().any(|its| its == line) {
            promise.broken(Seen::Stdout, format!("there is no line `{line}` in\n{console}"));
        }
    }
    if console.contains(['\x1b', '\x07', '\x08', '\u{9b}']) {
        promise.broken_because(
            Seen::Stdout,
            "a control character of a client stands there as it is",
            Some("a terminal obeys control characters: escape them".to_owned()),
        );
    }
}

// Like every program

#[test]
fn a_root_that_is_not_there_is_an_error_before_listening() {
    SERVER.first.must_pass();
    let promise =
        promise("a --root that does not exist is an error, status 1, and nothing listens")
            .cause(&[Seen::StillOpen, Seen::Stdout], "look for the folder before listening")
            .read(handout::EVERY_PROGRAM);
    let site = Site::new();
    let nowhere = site.outside().join("nowhere");
    for root in [nowhere, site.path("HelloWorld.html")] {
        let root = root.to_str().expect("a name in UTF-8");
        let end = Launch::new("web_server", &["--root", root, "0"]).start().ended(&promise);
        manners::no_crash_shown(&end, &promise);
        end.status(1, &promise).stdout(b"", &promise).says(&["error: "], &promise);
    }
}

#[test]
fn a_taken_port_is_an_error_of_the_server() {
    manners::a_taken_port_is_an_error(&SERVER);
}

#[test]
fn the_server_takes_port_6789_unless_told() {
    manners::defaults_are_loopback_and_the_labs_port(&SERVER);
}

#[test]
fn only_this_machine_can_reach_the_server_unless_told() {
    manners::only_this_machine_can_reach_it(&SERVER);
}

#[test]
fn an_address_of_another_machine_is_an_error_of_the_server() {
    manners::a_foreign_address_is_an_error(&SERVER);
}

#[test]
fn a_closed_stdout_ends_the_server_quietly() {
    manners::a_closed_stdout_ends_a_server_quietly(&SERVER);
}

#[test]
fn the_server_works_over_ipv6() {
    let Some(server) = manners::start_on_ipv6(&SERVER) else { return };
    let promise =
        promise("over IPv6 files are served as over IPv4").read(handout::EVERY_PROGRAM);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
}

#[test]
fn the_server_can_be_opened_to_all_addresses() {
    let server = SERVER.start(&["--host", "0.0.0.0"]);
    let promise = promise("`--host 0.0.0.0` lets clients in at every address of this machine")
        .cause(&[Seen::Refused], "--host is not looked at")
        .read(handout::EVERY_PROGRAM);
    if !server.address.ip().is_unspecified() {
        promise.broken(Seen::Stdout, format!("it says that it is bound to {}", server.address));
    }
    let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.address.port());
    let mut client = Peer::connect(local, &promise);
    client.send(&get("/HelloWorld.html"), &promise);
    answer_to_the_end(&mut client, PATIENCE, &promise).status("200", &promise);
}

#[test]
fn ctrl_c_ends_the_server_with_status_0() {
    stops_on(Signal::SIGINT);
}

#[test]
fn sigterm_ends_the_server_with_status_0() {
    stops_on(Signal::SIGTERM);
}

fn stops_on(signal: Signal) {
    let site = Site::new();
    let server = serve(&site, &["--timeout", "60"]);
    let promise = manners::stops_in_good_order(&SERVER, signal);
    let mut idle = server.connect(&promise);
    server.running.signal(signal);
    let end = server.running.ended(&promise);
    end.status(0, &promise);
    manners::no_crash_shown(&end, &promise);
    let _ = idle.read_to_the_end(PATIENCE);
}

#[test]
fn an_answer_under_way_is_finished() {
    let site = Site::new();
    let letters = seed::random_letters(&mut seed::random(), 8 << 20);
    site.file("large.bin", &letters);
    let server = serve(&site, &[]);
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGTERM).cause(
        &[Seen::Part, Seen::Closed, Seen::Reset, Seen::Ended],
        "an answer that is under way is finished first",
    );
    let mut client = server.connect(&promise);
    client.send(&get("/large.bin"), &promise);
    let Some(start) = client.read(1000, PATIENCE) else {
        promise.broken(Seen::Nothing, "no answer came");
    };
    server.running.signal(Signal::SIGTERM);
    // It has seconds for it, not only what the buffers hold.
    if let Some(end) = server.running.ended_within(Duration::from_millis(1500)) {
        promise.broken(Seen::Ended, end.told());
    }
    let (rest, _) = client.read_to_the_end(PATIENCE);
    let all = [start, rest].concat();
    Answer::of(&all, &promise).status("200", &promise).body(&letters, &promise);
    server.running.ended(&promise).status(0, &promise);
}

#[test]
fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    let site = Site::new();
    site.file("large.bin", &vec![b'x'; 32 << 20]);
    let server = serve(&site, &[]);
    let promise = promise("a client that reads nothing holds up the end for 5 s at most")
        .cause(&[Seen::StillOpen], "the wait for an answer under way has no limit")
        .read(handout::EVERY_PROGRAM);
    let mut client = server.connect(&promise);
    client.send(&get("/large.bin"), &promise);
    client.read(1000, PATIENCE);
    server.running.signal(Signal::SIGTERM);
    match server.running.ended_within(Duration::from_secs(9)) {
        Some(end) => end.status(0, &promise),
        None => promise.broken(Seen::StillOpen, "it was still running after 9 s"),
    };
}

#[test]
fn the_server_explains_its_options() {
    manners::help_describes_every_option(
        "web_server",
        &["port", "--host", "--root", "--requests", "--once", "--timeout"],
    );
}

#[test]
fn the_server_tells_its_version() {
    manners::version_is_told("web_server");
}

#[test]
fn the_server_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "web_server",
        &[
            &["sixty"],
            &["65536"],
            &["--no-such-option"],
            &["0", "--timeout", "soon"],
            &["0", "--requests", "many"],
            &["0", "extra"],
        ],
    );
}

// What several checks say

fn exact() -> Promise {
    promise("GET of a file gets 200 OK, Content-Length, and the file's exact bytes")
        .cause(&[Seen::Status], "the file is there, below the root")
        .cause(
            &[Seen::Part],
            "the body is shorter than the file: is the length counted in characters, is only one \
             buffer read, or does one write not take all?",
        )
        .cause(
            &[Seen::Other],
            "the body is bytes: read and send the file in binary, without decoding it or changing \
             its line ends; Content-Length counts bytes, not characters",
        )
        .cause(&[Seen::Nothing], "the request ended with an empty line: answer now")
        .cause(&[Seen::Closed, Seen::Reset], "the connection ended without an answer")
        .try_it("curl -i http://localhost:6789/HelloWorld.html")
        .read(handout::ANSWER)
}

fn closes_and_is_dated(answer: &Answer) {
    let promise = &promise("each answer says `Connection: close`, and the time in Date")
        .cause(
            &[Seen::Other],
            "Date is the time now, in GMT whatever the clock on the wall says",
        )
        .read(handout::ANSWER);
    let connection = answer.field("Connection", promise);
    if !connection.eq_ignore_ascii_case("close") {
        promise.broken(Seen::Other, format!("Connection: {connection}"));
    }
    let date = answer.field("Date", promise);
    let now = SystemTime::now();
    let Ok(said) = httpdate::parse_http_date(date) else {
        promise.broken(
            Seen::Other,
            format!("Date: {date} reads like: Sun, 06 Nov 1994 08:49:37 GMT"),
        );
    };
    if httpdate::fmt_http_date(said) != date {
        let form =
            "this form is an old one; now it is: Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
        promise.broken_because(Seen::Other, format!("Date: {date}"), Some(form));
    }
    let off = now.duration_since(said).unwrap_or_else(|error| error.duration());
    if off > Duration::from_secs(60) {
        promise.broken(Seen::Other, format!("Date: {date} is {} s off", off.as_secs()));
    }
}
