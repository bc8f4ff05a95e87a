//! The checks of what the web servers of labs 3 and 5 promise alike: how a request may
//! come, what it is answered with, and what is never served.

#![expect(clippy::expect_used, reason = "a site that cannot be made fails its check")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::http::{ANSWERED_EARLY, Answer, answer_to_the_end, ask, get};
use crate::manners::{self, ServerProgram};
use crate::program::Server;
use crate::site::{HELLO, NOT_FOUND_PAGE, SECRET, Site};
use crate::story::{Promise, Seen};
use crate::tcp::Peer;
use crate::{A_MOMENT, PATIENCE, bytes, handout, promise, seed};

/// A web server under test.
pub struct WebServer {
    /// What it takes to start it.
    pub program: ServerProgram,
    /// The option that limits the time for a request's head.
    pub head_timeout: &'static str,
}

impl WebServer {
    /// Serves a site, if the server passes its first check. The options come first.
    pub fn serve(&self, site: &Site, more: &[&str]) -> Server {
        self.program.first.must_pass();
        self.serve_first(site, more)
    }

    /// Serves a site, for its first check.
    pub fn serve_first(&self, site: &Site, more: &[&str]) -> Server {
        self.program.start_first(&[&["--root", &site.root()], more].concat())
    }

    /// What a web server must do before anything else is worth a look.
    pub fn a_file_is_served(&self) {
        let site = Site::new();
        let server = self.serve_first(&site, &[]);
        let answer = ask(&server, &get("/HelloWorld.html"), &self.exact());
        answer.status("200 OK", &self.exact()).body(HELLO, &self.exact());
    }
    /// Text or binary, empty or not.
    pub fn a_file_comes_with_its_exact_bytes(&self) {
        let site = Site::new();
        let every_byte: Vec<u8> = (0..=255).collect();
        let random = seed::random_bytes(&mut seed::random(), 100_003);
        let files: [(&str, &[u8]); 6] = [
            ("empty.txt", b""),
            ("one.txt", b"1"),
            ("crlf.txt", b"one\r\ntwo\nthree\r\n\r\n"),
            ("utf8.txt", "Grüße, こんにちは 👋\n".as_bytes()),
            ("every.png", &every_byte),
            ("picture.png", &random),
        ];
        for (name, contents) in files {
            site.file(name, contents);
        }
        let server = self.serve(&site, &[]);
        for (name, contents) in files {
            let answer = ask(&server, &get(&format!("/{name}")), &self.exact());
            answer.status("200", &self.exact()).body(contents, &self.exact());
        }
    }

    /// No buffer holds all of it.
    pub fn a_file_of_100_mebibytes_comes_whole(&self) {
        let site = Site::new();
        let letters = seed::random_letters(&mut seed::random(), 100 << 20);
        site.file("large.txt", &letters);
        let server = self.serve(&site, &[]);
        let answer = ask(&server, &get("/large.txt"), &self.exact());
        answer.status("200", &self.exact()).body(&letters, &self.exact());
    }

    /// The time for a head is not that for an answer.
    pub fn a_client_that_reads_slowly_gets_all(&self) {
        let site = Site::new();
        let letters = seed::random_letters(&mut seed::random(), 16 << 20);
        site.file("large.txt", &letters);
        let server = self.serve(&site, &[self.head_timeout, "1"]);
        let promise = promise("a client that reads slowly gets the whole file")
        .cause(
            &[Seen::Part, Seen::Closed, Seen::Reset],
            format!(
                "{} is for the request's head; the answer takes as long as the client reads, and \
                 no write need take all of it",
                self.head_timeout
            ),
        )
        .read(handout::ANSWER);
        let mut client = server.connect(&promise);
        client.send(&get("/large.txt"), &promise);
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

    /// Content-Type by the name of the file, and what each answer says.
    pub fn the_head_tells_what_the_body_is(&self) {
        let site = Site::new();
        site.file("a.txt", b"text")
            .file("a.png", b"png")
            .file("A.JPG", b"jpg")
            .file("a.jpeg", b"jpeg");
        let launch = self.program.launch(&["--root", &site.root(), "0"]).in_tokyo();
        let server = launch.start().ready(self.program.ready);
        let mut dates = Vec::new();
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
                    Some(
                        "the type goes by the ending of the file's name, in any case"
                            .to_owned(),
                    ),
                );
            }
            dates.push(closes_and_is_dated(&answer));
            if dates.len() == 1 {
                // Long enough for a clock that is looked at once a second.
                let mut idle = server.connect(&promise);
                idle.expect_still_open(Duration::from_millis(2100), &promise);
            }
        }
        if dates[0] == dates[1] {
            let happened = format!("2 s later an answer still has Date: {}", dates[1]);
            dated().broken_because(
                Seen::Other,
                happened,
                Some("Date is the time of this answer: ask the clock for each".to_owned()),
            );
        }
    }

    /// HEAD is GET without the body.
    pub fn head_gets_the_same_without_the_body(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise = promise("HEAD is answered like GET, without the body")
            .cause(&[Seen::Part, Seen::Other], "Content-Length is what GET would have sent")
            .cause(&[Seen::More], "the answer to HEAD ends with its empty line")
            .read(handout::ANSWER);
        for (before, target, status) in [
            ("", "/HelloWorld.html", "200"),
            ("", "/nowhere.html", "404"),
            // The empty line that is skipped before a request.
            ("\r\n", "/HelloWorld.html", "200"),
        ] {
            let request = format!("{before}HEAD {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answer = ask(&server, request.as_bytes(), &promise);
            answer.status(status, &promise);
            answer.is_without_body(&promise);
            let has_length = answer.fields.iter().any(|(name, _)| name == "content-length");
            if status == "404" && !has_length {
                continue; // It need not say how long a page for errors is, but not lie.
            }
            let announced = answer.field("Content-Length", &promise);
            let body = ask(&server, &get(target), &promise).body.len();
            if announced != body.to_string() {
                let happened = format!(
                    "HEAD of {target} got Content-Length: {announced}, and GET a body of {}",
                    bytes::count(body)
                );
                promise.broken(Seen::Other, happened);
            }
            if status == "404" {
                continue;
            }
            if !answer.field("Content-Type", &promise).starts_with("text/html") {
                promise.broken(Seen::Other, "Content-Type is not what GET would have got");
            }
            closes_and_is_dated(&answer);
        }
    }

    /// Nor is any of the `other` targets a file.
    pub fn what_is_not_there_gets_the_page_for_it(&self, site: &Site, other: &[&str]) {
        for folder in ["folder", "folder.html"] {
            fs::create_dir_all(site.path(folder)).expect("a folder is made");
        }
        let server = self.serve(site, &[]);
        let promise = promise("what is no file gets 404 with filenotfound.html as its body")
            .cause(&[Seen::Status], "the status line says 404 too; a folder is no file")
            .cause(
                &[Seen::Part, Seen::Other],
                "something else was sent than the root's filenotfound.html, as it is",
            )
            .read(handout::NOT_THERE);
        let targets = [
            &["/nowhere.html", "/nowhere.png", "/no/such.txt"][..],
            &["/folder.html", "/folder/HelloWorld.html"],
            other,
        ];
        for target in targets.concat() {
            let answer = ask(&server, &get(target), &promise);
            let has_index = site.path("index.html").exists();
            if target == "/" && has_index && answer.status_line.contains(" 200 ") {
                let cause = "/ is no file here, also where the root has an index.html: that \
                             comes in lab 5";
                answer.status("404 Not Found", &promise.only_because(cause));
            }
            answer.status("404 Not Found", &promise).body_to_the_end(NOT_FOUND_PAGE, &promise);
            let media_type = answer.field("Content-Type", &promise);
            if !media_type.to_lowercase().starts_with("text/html") {
                let told = format!("behind {target} came Content-Type: {media_type}");
                let cause = "Content-Type is that of the body that is sent: it is a page in HTML, \
                             whatever was asked for";
                promise.broken_because(Seen::Other, told, Some(cause.to_owned()));
            }
        }
        // It is a file like others: any bytes, and those that it has now.
        let promise = promise.only_because(
            "the page is a file like others: open it anew for each 404, and send its bytes as \
             they are",
        );
        for page in ["<p>Nicht gefunden: größer, こんにちは\r\n".as_bytes(), b"\xff\0\xfe\r\n1"]
        {
            site.file("filenotfound.html", page);
            let answer = ask(&server, &get("/nowhere.html"), &promise);
            answer.status("404 Not Found", &promise).body_to_the_end(page, &promise);
        }
    }

    /// The site need not have a page for what is not there.
    pub fn without_that_page_a_few_words_do(&self) {
        let site = Site::new();
        fs::remove_file(site.path("filenotfound.html")).expect("a file is removed");
        let server = self.serve(&site, &[]);
        let promise = promise("without filenotfound.html a 404 says `File not found`").because("where the root has no filenotfound.html the body is the words `File not found`, and the status is 404 all the same")
            .read(handout::NOT_THERE);
        let words_come = || {
            let answer = ask(&server, &get("/nowhere.html"), &promise);
            answer.status("404 Not Found", &promise);
            if !bytes::text(&answer.body).contains("File not found") {
                let body = bytes::show(&answer.body, 60);
                promise.broken(Seen::Other, format!("the body is {body}"));
            }
        };
        words_come();
        // A folder is no page either.
        fs::create_dir(site.path("filenotfound.html")).expect("a folder is made");
        words_come();
    }

    /// Nothing old is served.
    pub fn a_file_that_changes_is_served_as_it_is(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
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
        // As an editor saves: another file gets the name.
        site.file("new", b"4");
        fs::rename(site.path("new"), site.path("changing.txt")).expect("a file is renamed");
        let answer = ask(&server, &get("/changing.txt"), &promise);
        answer.status("200", &promise).body(b"4", &promise);
        // One that was not there when it was asked for.
        let promise = promise.only_because(
            "whether a file is there is remembered from an earlier request: look for each one",
        );
        ask(&server, &get("/late.txt"), &promise).status("404", &promise);
        site.file("late.txt", b"late");
        ask(&server, &get("/late.txt"), &promise)
            .status("200", &promise)
            .body(b"late", &promise);
        fs::remove_file(site.path("late.txt")).expect("a file is removed");
        ask(&server, &get("/late.txt"), &promise).status("404", &promise);
    }

    /// TCP has no messages.
    pub fn a_request_may_come_in_any_pieces(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
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
        let behind_an_empty_line = [&b"\r\n"[..], &request].concat();
        for (request, cuts) in [
            (&request, &bytewise[..]),
            (&request, &[2]),
            (&request, &[20]),
            (&request, &[end - 3]),
            (&request, &[end - 2]),
            (&request, &[end - 1]),
            (&behind_an_empty_line, &[1]),
            (&behind_an_empty_line, &[2]),
        ] {
            let mut client = server.connect(&promise);
            let (mut start, end) = (0, request.len());
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

    /// RFC 9112 §2.2.
    pub fn a_bare_line_feed_ends_a_line_too(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise = promise("lines that end in LF alone, as nc sends them, are read")
        .cause(
            &[Seen::Nothing, Seen::Status],
            "the server waits for CR LF: a bare LF ends a line too, and one empty line before \
             the request is skipped",
        )
        .try_it(format!(
            "printf 'GET /HelloWorld.html HTTP/1.1\\nHost: a\\n\\n' | nc localhost {}",
            self.program.default_port
        ))
        .read(handout::HEAD);
        for request in [
            "GET /HelloWorld.html HTTP/1.1\nHost: localhost\n\n",
            "GET /HelloWorld.html HTTP/1.1\r\nHost: localhost\n\r\n",
            "\r\nGET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n",
            "\nGET /HelloWorld.html HTTP/1.0\n\n",
        ] {
            ask(&server, request.as_bytes(), &promise)
                .status("200", &promise)
                .body(HELLO, &promise);
        }
        let promise = promise.only_because(
            "LF alone ends a line: to split text into lines may also split it at U+0085 and \
             U+2028, which stand here in the value of a field",
        );
        let fields = "Host: a\r\nUser-Agent: \u{c5}ngstr\u{f6}m \u{85} \u{2028}";
        let request = format!("GET /HelloWorld.html HTTP/1.1\r\n{fields}\r\n\r\n");
        ask(&server, request.as_bytes(), &promise)
            .status("200", &promise)
            .body(HELLO, &promise);
    }

    /// RFC 9112 §3.2, RFC 3986 §2.1.
    pub fn a_target_may_have_a_query_and_escapes(&self) {
        let site = Site::new();
        site.file("two words.txt", b"two words").file("größe.txt", b"size");
        site.file("folder/deep/file.txt", b"deep").file("a..b.txt", b"two dots");
        site.file("a+b.txt", b"plus").file("what?.txt", b"what").file("50%20off.txt", b"off");
        site.file("a#b.html", b"sharp").file("a;b.txt", b"semicolon");
        let server = self.serve(&site, &[]);
        let promise = promise(
            "a query is no part of the name, %20 is a space, a full URL names its path",
        )
        .cause(
            &[Seen::Status, Seen::Other],
            "of a full URL take the path, cut it off at the ?, then decode each %XX to a byte",
        )
        .read(handout::BELOW_ROOT);
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
            ("/a%23b.html", b"sharp"),
            ("/a;b.txt", b"semicolon"),
            ("http://localhost/HelloWorld.html", HELLO),
            ("http://other.example:99/HelloWorld.html?x", HELLO),
            ("HTTP://localhost/HelloWorld.html", HELLO),
        ] {
            let promise = match target.starts_with("HTTP:") {
                true => &promise
                    .only_because("a scheme is the same in any case: HTTP:// is http://"),
                false => &promise,
            };
            ask(&server, &get(target), promise).status("200", promise).body(body, promise);
        }
    }

    /// 400, with words.
    pub fn what_is_no_request_is_told_why(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise = promise(
            "what is no HTTP request gets 400 Bad Request, and words that say why",
        )
        .cause(
            &[Seen::Closed, Seen::Reset],
            "the server crashed or gave up: answer, then close",
        )
        .cause(
            &[Seen::Status],
            "look at all of the request line: GET or HEAD, a target, HTTP/1.x, and single \
                 spaces between them",
        )
        .cause(
            &[Seen::Part],
            "the reason phrase, or the request line over again, says nothing new: write which \
                 part is wrong, and how it should read",
        )
        .read(handout::REQUEST_LINE);
        for request in [
            "GET /HelloWorld.html HTTP:/1.1\r\n\r\n",
            "GET /HelloWorld.html\r\n\r\n",
            "GET\r\n\r\n",
            "hello\r\n\r\n",
            "GET /HelloWorld.html HTTP/one\r\n\r\n",
            "GET /Hello World.html HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /HelloWorld.html HTTP/1.1 again\r\n\r\n",
            "GET /HelloWorld.html HTTP/1x\r\n\r\n",
            "GET /HelloWorld.html HTTP/1\r\n\r\n",
            "GET /HelloWorld.html http/1.1\r\n\r\n",
            "POST /HelloWorld.html HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "DELETE /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "get /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "PATCH /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "BREW /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ] {
            let answer = ask(&server, request.as_bytes(), &promise);
            answer.status("400 Bad Request", &promise);
            if !says_more(&answer, request) {
                promise.broken(
                    Seen::Part,
                    format!("the body says nothing: {}", bytes::show(&answer.body, 80)),
                );
            }
            answer.body_to_the_end(&answer.body, &promise);
        }
    }

    /// A person who made one wants to know which.
    pub fn different_mistakes_are_told_in_different_words(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise =
            promise("the body of a 400 says in words what is wrong with this request")
                .cause(
                    &[Seen::Other],
                    "say more than Bad Request: which part is wrong, and how it should read",
                )
                .read(handout::REQUEST_LINE);
        let told = [
            "GET /HelloWorld.html HTTP:/1.1\r\n\r\n",
            "GET /HelloWorld.html\r\n\r\n",
            "DELETE /HelloWorld.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
        .map(|request| {
            let answer = ask(&server, request.as_bytes(), &promise);
            answer.status("400", &promise);
            let words = words_of(&answer, request);
            (bytes::text(&answer.body), words)
        });
        let [(form, version), (short, _), (method, of_method)] = &told;
        // What is wrong with the first two may be told alike, with the line behind it.
        let alike = [(form, short), (form, method), (short, method), (version, of_method)];
        if let Some((words, _)) = alike.iter().find(|(one, other)| one == other) {
            promise.broken(
                Seen::Other,
                format!("two mistakes are told in the same words: {}", words.trim()),
            );
        }
    }

    /// Odd bytes, odd targets.
    pub fn nothing_that_is_sent_crashes_the_server(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise = promise("whatever bytes come, an answer goes back, and the next request is served")
        .cause(
            &[Seen::Closed, Seen::Reset, Seen::Refused],
            "the bytes were decoded as text, or taken apart as if they had the form that one hopes for",
        )
        .cause(&[Seen::Nothing], "the server waits, or is gone")
        .read(handout::REQUEST_LINE);
        let long_name = format!("GET /{}.html HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(300));
        let deep_path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a/".repeat(3000));
        for (request, statuses) in [
            (
                "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX: größe\r\n\r\n".as_bytes(),
                &["200"][..],
            ),
            (b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX: \xfc\r\n\r\n", &["200", "400"]),
            (
                b"GET /HelloWorld.html HTTP/1.1\r\nHost:localhost\r\nX: a: b\r\nY:\r\n\r\n",
                &["200"],
            ),
            (b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", &["400", "200"]),
            (b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n", &["400", "200"]),
            (b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET http://localhost HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET http://localhost?x HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
            (b"GET HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "404"]),
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

    /// 505, and HTTP/1.x is served.
    pub fn another_version_of_http_is_refused(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
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

    /// 408, with words.
    pub fn a_head_without_end_is_given_up_with_an_explanation(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[self.head_timeout, "0.4"]);
        let promise = promise(format!(
            "a head that does not end within {} gets 408, and words that say what was missing",
            self.head_timeout
        ))
        .cause(
            &[Seen::Nothing, Seen::StillOpen],
            "the server waits for ever: no other client is served meanwhile",
        )
        .cause(&[Seen::Closed], "the end of the time was taken for an error of the connection: tell the client why, with 408, and then close")
        .cause(&[Seen::Part], "the reason phrase alone says nothing new: write what was waited for, as the empty line that ends a head")
        .try_it(format!(
            "printf 'GET /HelloWorld.html' | nc localhost {}",
            self.program.default_port
        ))
        .read(handout::IN_TIME);
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
            if !says_more(&answer, request) {
                let body = bytes::show(&answer.body, 80);
                promise.broken(
                    Seen::Part,
                    format!("the body does not say what was missing: {body}"),
                );
            }
        }
    }

    /// The limit is for the whole head.
    pub fn a_client_that_drips_is_given_up_too(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[self.head_timeout, "0.5"]);
        let promise = promise(
        "the timeout is for the whole head: a client that sends a byte now and then gets 408",
    )
    .cause(
        &[Seen::StillOpen],
        "each byte starts the time anew, or each line: the limit is for the whole head",
    )
    .cause(&[Seen::Status], ANSWERED_EARLY)
    .read(handout::IN_TIME);
        for (start, drop) in [("G", "G"), ("GET / HTTP/1.1\r\n", "X: y\r\n")] {
            let mut client = server.connect(&promise);
            client.send(start.as_bytes(), &promise);
            let mut waited = 0;
            while !client.has_something(Duration::from_millis(100)) {
                waited += 1;
                if waited > 40 {
                    promise.broken(Seen::StillOpen, "after 4 s there was no answer");
                }
                let _ = client.try_send(drop.as_bytes());
            }
            let (all, _) = client.read_to_the_end(PATIENCE);
            Answer::of(&all, &promise).status("408", &promise);
        }
    }

    /// By a client that closes its side.
    pub fn a_head_that_is_broken_off_is_a_bad_request(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
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

    /// RFC 6585 §5.
    pub fn a_head_may_be_long_but_not_too_long(&self) {
        let site = Site::new();
        let server = self.serve(&site, &[]);
        let promise = promise("a head of up to 8,192 bytes is read, a longer one gets 431")
        .cause(&[Seen::Reset, Seen::Closed], "the connection was closed with bytes of the client unread: that sends RST, and the answer is lost")
        .cause(&[Seen::Status], "count what was read before its end was found, and its end too: a client may send for ever")
        .read(handout::HEAD);
        let request = |length: usize| {
            let (start, end) = ("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n");
            format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
        };
        ask(&server, request(8192).as_bytes(), &promise).status("200", &promise);
        // Whether the empty line counts, and the line end before it, may be seen in more than
        // one way.
        for length in [8197, 9000, 100_000] {
            ask(&server, request(length).as_bytes(), &promise).status("431", &promise);
        }
        // However many lines it has.
        let lines: String =
            (0..200).map(|number| format!("X-{number}: {number}\r\n")).collect();
        let many = format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let lines = promise
            .only_because("a head of 200 lines is short enough: only its bytes are limited");
        ask(&server, many.as_bytes(), &lines).status("200", &lines);
        // In many short lines, too.
        let lines = "X: a short line\r\n".repeat(600);
        let many = format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        ask(&server, many.as_bytes(), &promise).status("431", &promise);
        // A body is no part of it.
        let body = "x".repeat(20_000);
        let post = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        ask(&server, post.as_bytes(), &promise).status("400", &promise);
        // One that never ends, too.
        let mut client = server.connect(&promise);
        let _ = client.try_send(&[&b"GET /"[..], &vec![b'x'; 50_000]].concat());
        answer_to_the_end(&mut client, PATIENCE, &promise).status("431", &promise);
    }

    /// In no disguise.
    pub fn there_is_no_way_out_of_the_root(&self) {
        let site = Site::new();
        site.secret("secret.txt").secret("www-private/secret.txt").secret("wwwsecret.txt");
        let outside = site.outside().join("secret.txt");
        symlink(&outside, site.path("link.txt")).expect("a link is made");
        symlink(site.outside(), site.path("up")).expect("a link is made");
        symlink("../secret.txt", site.path("relative.txt")).expect("a link is made");
        symlink("../www-private/secret.txt", site.path("sibling.txt")).expect("a link is made");
        symlink("../www-private", site.path("next")).expect("a link is made");
        site.file("index.html", b"index");
        let absolute = outside.to_str().expect("a name in UTF-8").to_owned();
        let server = self.serve(&site, &[]);
        let promise = promise(
        "no request is answered with a byte from outside the root: 404 or 400",
    )
    .cause(
        &[Seen::Other],
        "the target was joined to the root as it is: decode it once, refuse .., and open the \
             file in a way that cannot leave the root, not even through a symbolic link or into \
             a folder whose name begins like the root's",
    )
    .cause(
        &[Seen::Closed, Seen::Reset, Seen::Nothing],
        "opening a file failed in a way that was not foreseen (as a name with a NUL does): \
             answer 404 all the same",
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
            "/sibling.txt",
            "/next/secret.txt",
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
            if bytes::text(&answer.body).contains(SECRET)
                || answer.status_line.contains(" 200 ")
            {
                promise.broken(Seen::Other, format!("GET {target} got {}", answer.status_line));
            }
            if !(answer.status_line.contains(" 404") || answer.status_line.contains(" 400")) {
                promise
                    .broken(Seen::Status, format!("GET {target} got {}", answer.status_line));
            }
        }
        // The page for what is not there may be a link, too.
        fs::remove_file(site.path("filenotfound.html")).expect("a file is removed");
        symlink(&outside, site.path("filenotfound.html")).expect("a link is made");
        let answer = ask(&server, &get("/nowhere.html"), &promise);
        if bytes::text(&answer.body).contains(SECRET) {
            promise.broken_because(
                Seen::Other,
                "filenotfound.html is a link that leads out, and what it leads to was sent",
                Some("open the page for a 404 as safely as any other file".to_owned()),
            );
        }
    }

    /// Not every link is a way out.
    pub fn a_link_within_the_root_is_served(&self) {
        let site = Site::new();
        symlink("HelloWorld.html", site.path("inside.html")).expect("a link is made");
        let server = self.serve(&site, &[]);
        let link = site.outside().join("link-to-www");
        symlink("www", &link).expect("a link is made");
        let link = link.to_str().expect("a name in UTF-8");
        for target in ["/HelloWorld.html", "/inside.html"] {
            let exact = self.exact();
            ask(&server, &get(target), &exact).status("200", &exact).body(HELLO, &exact);
        }
        let promise = self.exact().only_because(
            "--root may be a link itself: compare a file's place with that which the root's \
             name leads to (realpath, canonicalize), not with the name",
        );
        let server = self.program.start(&["--root", link]);
        ask(&server, &get("/HelloWorld.html"), &promise)
            .status("200", &promise)
            .body(HELLO, &promise);
    }

    /// Not everything with a name is a file.
    pub fn a_named_pipe_does_not_stop_the_server(&self) {
        let site = Site::new();
        nix::unistd::mkfifo(&site.path("pipe.txt"), Mode::S_IRWXU).expect("a pipe is made");
        let server = self.serve(&site, &[]);
        let promise = promise("a named pipe is no file: 404, at once")
            .cause(&[Seen::Nothing], "opening a named pipe waits until somebody writes to it")
            .read(handout::BELOW_ROOT);
        ask(&server, &get("/pipe.txt"), &promise).status("404", &promise);
    }

    /// At each point of an exchange.
    pub fn clients_that_leave_or_reset_change_nothing(&self) {
        let site = Site::new();
        site.file("large.txt", &vec![b'x'; 16 << 20]);
        let server = self.serve(&site, &[]);
        let promise = promise("a client that leaves at any point changes nothing for the next")
            .cause(
                &[Seen::Refused, Seen::Reset, Seen::Closed],
                "the error of one connection ended the server",
            )
            .cause(&[Seen::Nothing], "the server is still busy with a client that has gone")
            .read(handout::HEAD);
        let still_served = || {
            let answer = ask(&server, &get("/HelloWorld.html"), &promise);
            answer.status("200", &promise);
        };
        // A browser's connection in advance, which is never used.
        drop(server.connect(&promise));
        still_served();
        server.connect(&promise).reset();
        still_served();
        for request in [&b"GET /Hello"[..], &get("/HelloWorld.html"), &get("/large.txt")] {
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
        client.send(&get("/large.txt"), &promise);
        client.read(1000, PATIENCE);
        client.reset();
        still_served();
        server.running.signal(Signal::SIGTERM);
        manners::no_crash_shown(&server.running.ended(&promise), &promise);
    }

    /// Nor one that is a file.
    pub fn a_root_that_is_not_there_is_an_error_before_listening(&self) {
        let promise =
            promise("a --root that does not exist is an error, status 1, and nothing listens")
                .cause(&[Seen::StillOpen, Seen::Stdout], "look for the folder before listening")
                .read(handout::EVERY_PROGRAM);
        let site = Site::new();
        let nowhere = site.outside().join("nowhere");
        for root in [nowhere, site.path("HelloWorld.html")] {
            let root = root.to_str().expect("a name in UTF-8");
            let end = self.program.launch(&["--root", root, "0"]).start().ended(&promise);
            manners::no_crash_shown(&end, &promise);
            end.status(1, &promise).stdout(b"", &promise).says(&["error: "], &promise);
        }
    }

    /// Where the machine has it.
    pub fn the_server_works_over_ipv6(&self) {
        let Some(server) = manners::start_on_ipv6(&self.program) else { return };
        let promise = promise("over IPv6 files are served as over IPv4")
            .because("something takes every address for one of IPv4")
            .read(handout::EVERY_PROGRAM);
        ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    }

    /// Whatever address the name has.
    pub fn the_server_can_be_bound_to_a_name(&self) {
        let server = manners::start_on_a_name(&self.program);
        let promise = promise(
            "with --host localhost files are served, and the ready line has an address",
        )
        .because("HOST may be a name: look it up, and bind to the address that it has")
        .read(handout::EVERY_PROGRAM);
        if !server.address.ip().is_loopback() {
            let told = format!("it says that it is bound to {}", server.address);
            promise.broken(Seen::Stdout, told);
        }
        ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    }

    /// With `--host 0.0.0.0`.
    pub fn the_server_can_be_opened_to_all_addresses(&self) {
        let server = self.program.start(&["--host", "0.0.0.0"]);
        let promise = manners::lets_everybody_in();
        if !server.address.ip().is_unspecified() {
            promise.broken(
                Seen::Stdout,
                format!("it says that it is bound to {}", server.address),
            );
        }
        let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.address.port());
        let mut client = Peer::connect(local, &promise);
        client.send(&get("/HelloWorld.html"), &promise);
        answer_to_the_end(&mut client, PATIENCE, &promise).status("200", &promise);
    }

    /// Idle connections are closed then, and hold up nothing.
    pub fn a_signal_ends_it(&self, signal: Signal) {
        let site = Site::new();
        let server = self.serve(&site, &[self.head_timeout, "60"]);
        let promise = manners::stops_in_good_order(&self.program, signal);
        let mut idle = server.connect(&promise);
        // Meanwhile it is accepted; before, no server would know of it.
        idle.expect_still_open(A_MOMENT, &promise);
        server.running.signal(signal);
        // The 5 s are for an answer under way, and there is none.
        let Some(end) = server.running.ended_within(Duration::from_secs(4)) else {
            promise.broken(
                Seen::StillOpen,
                "it was still running after 4 s, with one idle client",
            );
        };
        end.status(0, &promise);
        manners::no_crash_shown(&end, &promise);
        let _ = idle.read_to_the_end(PATIENCE);
    }

    /// A server that is told to end has seconds for it.
    pub fn an_answer_under_way_is_finished(&self) {
        let site = Site::new();
        let letters = seed::random_letters(&mut seed::random(), 8 << 20);
        site.file("large.txt", &letters);
        let server = self.serve(&site, &[]);
        let promise = promise(
            "an answer that is under way when SIGTERM comes is finished first",
        )
        .cause(
            &[Seen::Part, Seen::Closed, Seen::Reset, Seen::Ended],
            "the signal ended the server at once, or the connection was not counted any \
                     more while its answer was being sent",
        )
        .read(handout::EVERY_PROGRAM);
        let mut client = server.connect(&promise);
        client.send(&get("/large.txt"), &promise);
        let Some(start) = client.read(1000, PATIENCE) else {
            promise.broken(Seen::Nothing, "no answer came");
        };
        server.running.signal(Signal::SIGTERM);
        // It has seconds for it, not only what the buffers hold.
        if let Some(end) = server.running.ended_within(Duration::from_millis(1500)) {
            let happened = format!("the server ended before its answer did: {}", end.told());
            promise.broken(Seen::Ended, happened);
        }
        let (rest, _) = client.read_to_the_end(PATIENCE);
        let all = [start, rest].concat();
        Answer::of(&all, &promise).status("200", &promise).body(&letters, &promise);
        let promise = manners::stops_in_good_order(&self.program, Signal::SIGTERM);
        server.running.ended(&promise).status(0, &promise);
    }

    /// But not longer.
    pub fn a_client_that_does_not_read_cannot_hold_up_the_end(&self) {
        let site = Site::new();
        site.file("large.txt", &vec![b'x'; 32 << 20]);
        let server = self.serve(&site, &[]);
        let promise = promise("a client that reads nothing holds up the end for 5 s at most")
            .cause(&[Seen::StillOpen], "the wait for an answer under way has no limit")
            .read(handout::EVERY_PROGRAM);
        let mut client = server.connect(&promise);
        client.send(&get("/large.txt"), &promise);
        client.read(1000, PATIENCE);
        server.running.signal(Signal::SIGTERM);
        match server.running.ended_within(Duration::from_secs(9)) {
            Some(end) => end.status(0, &promise),
            None => promise.broken(Seen::StillOpen, "it was still running after 9 s"),
        };
    }

    /// What is promised of a file.
    fn exact(&self) -> Promise {
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
             its line ends; Content-Length counts bytes, not characters; and a write may take \
             only a part of them",
        )
        .cause(&[Seen::Nothing], "the request ended with an empty line: answer now")
        .cause(&[Seen::Closed, Seen::Reset], "the connection ended without an answer")
        .try_it(format!("curl -i http://localhost:{}/HelloWorld.html", self.program.default_port))
        .read(handout::ANSWER)
    }
}

fn dated() -> Promise {
    promise("each answer says `Connection: close`, and the time in Date")
        .cause(
            &[Seen::Other],
            "Date is the time now, in GMT whatever the clock on the wall says",
        )
        .read(handout::ANSWER)
}

/// Its Date.
fn closes_and_is_dated(answer: &Answer) -> String {
    let promise = &dated();
    let connection = answer.field("Connection", promise);
    if !connection.eq_ignore_ascii_case("close") {
        promise.broken(Seen::Other, format!("Connection: {connection}"));
    }
    answer.is_dated(promise).field("Date", promise).to_owned()
}

/// Whether the body of an answer says more than its reason phrase and the request's words.
fn says_more(answer: &Answer, request: &str) -> bool {
    let words = words_of(answer, request);
    words.chars().filter(|letter| letter.is_alphabetic()).count() >= 4
}

/// What the body of an answer says beyond its reason phrase and the words of the request.
fn words_of(answer: &Answer, request: &str) -> String {
    let mut words = String::new();
    // Without marks of HTML.
    for part in bytes::text(&answer.body).split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        words.push(' ');
    }
    for (escape, character) in [("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'")] {
        words = words.replace(escape, character);
    }
    for word in request.lines().next().unwrap_or_default().split_whitespace() {
        words = words.replace(word, "");
    }
    let phrase = answer.status_line.splitn(3, ' ').skip(1);
    for word in phrase.flat_map(str::split_whitespace).chain(["error", "status"]) {
        words = without(&words, word);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text without a word, in any case.
fn without(text: &str, word: &str) -> String {
    let is_it = |its: &&str| {
        let letters = its.trim_matches(|letter: char| !letter.is_alphanumeric());
        !letters.eq_ignore_ascii_case(word)
    };
    text.split_whitespace().filter(is_it).collect::<Vec<_>>().join(" ")
}
