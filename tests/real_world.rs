//! The kit's programs among strangers: `http_client` asks nginx and Python's http.server;
//! curl, wget, nc and Chromium ask `web_server`. What the labs' own checks take for HTTP is
//! held here against what others take for it.
//!
//!     cargo test --test real_world -- --ignored
//!
//! needs these tools, on Debian in packages of the same names (nc is in netcat-openbsd).

#![expect(clippy::expect_used, reason = "a folder that cannot be made fails its check")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use support::executables::{path_of, root};
use support::http::{Answer, get};
use support::program::{Ended, Launch, ReadyLine, Running, Server};
use support::story::check_name;
use support::tcp::Peer;
use support::terminal::Terminal;
use support::{PATIENCE, Promise, Seen, bytes, handout, seed, server};
use tempfile::TempDir;

/// Bytes that a client or server which takes them for text would change.
const TEXT: &str = "Grüße, こんにちは 👋\r\nno line end at the end";

/// A server that is asked so keeps the connection open, so the client itself must find out
/// where the body ends.
const KEEP_ALIVE: [&str; 2] = ["-H", "Connection: keep-alive"];

/// A browser is a dozen processes, and the machine may be busy. Where something is wrong,
/// most tools say so sooner, after [`SILENCE`].
const LONGEST: Duration = Duration::from_secs(45);

/// So many seconds without progress, and a tool gives up.
const SILENCE: &str = "8";

// http_client asks nginx

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn files_come_from_nginx_byte_for_byte() {
    let nginx = Nginx::start();
    let every_byte: Vec<u8> = (0..=255).collect();
    let random = seed::random_bytes(&mut seed::random(), 100_003);
    let promise = exact("Content-Length tells where the body of a file ends");
    for (name, contents) in [
        ("text.txt", TEXT.as_bytes()),
        ("empty.txt", b""),
        ("every.bin", &every_byte),
        ("random.bin", &random),
    ] {
        nginx.file(name, contents);
        for options in [&[][..], &KEEP_ALIVE] {
            let printed = ask(options, nginx.address, name, &promise);
            printed.status_line("HTTP/1.1 200 OK", &promise);
            printed.says("Content-Length", &contents.len().to_string(), &promise);
            printed.body(contents, &promise);
        }
        let end = start(&["--body"], nginx.address, name).ended(&promise);
        end.status(0, &promise).stdout(contents, &promise);
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn ten_mebibytes_come_from_nginx_into_a_pipe_and_into_a_file() {
    let nginx = Nginx::start();
    let large = seed::random_bytes(&mut seed::random(), 10 << 20);
    nginx.file("large.bin", &large);
    let promise = exact("all of a large file comes, be it into a pipe or into a file");
    ask(&KEEP_ALIVE, nginx.address, "large.bin", &promise).body(&large, &promise);

    let file = nginx.folder.path().join("large.out");
    let printed = ask(&["-o", text(&file)], nginx.address, "large.bin", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(b"", &promise);
    is_now(&file, &large, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_makes_up_as_it_goes_comes_without_its_chunks() {
    let nginx = Nginx::start();
    let promise = promise("a chunked body comes without its chunk sizes, to its last chunk")
        .cause(&[Seen::Stdout], "the sizes of the chunks and their line ends are no data")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "a chunk of length 0 ends the body: the connection stays open",
        )
        .read(handout::BODY);

    nginx.file("made/page.html", SSI);
    let printed = ask(&KEEP_ALIVE, nginx.address, "made/page.html", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise).body(SSI_MADE, &promise);

    let letters = seed::random_letters(&mut seed::random(), 1 << 20);
    let pieces: Vec<&[u8]> = letters.chunks(5000).collect();
    nginx.file("made/long.txt", &pieces.join(&b"[here]"[..]));
    let printed = ask(&KEEP_ALIVE, nginx.address, "made/long.txt", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise);
    printed.body(&pieces.join(&b"and there"[..]), &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_compresses_comes_as_it_was_compressed() {
    needs("gzip");
    let nginx = Nginx::start();
    let letters = seed::random_letters(&mut seed::random(), 300_000);
    nginx.file("gzip/letters.txt", &letters);
    let promise = promise("a compressed body arrives so that gzip can unpack it")
        .cause(&[Seen::Stdout, Seen::Status], "chunked bodies are bytes too, not text")
        .read(handout::BODY);
    let file = nginx.folder.path().join("letters.gz");
    let options = [&["-H", "Accept-Encoding: gzip", "-o", text(&file)], &KEEP_ALIVE[..]];
    let printed = ask(&options.concat(), nginx.address, "gzip/letters.txt", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise);
    printed.says("Content-Encoding", "gzip", &promise);
    let end = run(&format!("exec gzip -dc '{}'", text(&file)), &promise);
    end.status(0, &promise).stdout(&letters, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn the_end_of_a_connection_ends_the_body_where_nginx_says_no_more() {
    let nginx = Nginx::start();
    nginx.file("unmeasured/page.html", SSI);
    let promise =
        promise("without Content-Length and chunks the body goes on to the connection's end")
            .cause(&[Seen::Stdout], "no Content-Length does not mean a length of 0")
            .read(handout::BODY);
    let printed = ask(&KEEP_ALIVE, nginx.address, "unmeasured/page.html", &promise);
    for field in ["Content-Length", "Transfer-Encoding"] {
        assert_eq!(printed.field(field), None, "nginx was told not to send it");
    }
    printed.body(SSI_MADE, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_has_not_changed_comes_as_304_without_a_body() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes());
    let promise = promise("a conditional request gets 304 Not Modified, which has no body")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "304 has no body, whatever its head says: do not wait for one",
        )
        .read(handout::BODY);
    let first = ask(&[], nginx.address, "text.txt", &promise);
    for (condition, validator) in
        [("If-Modified-Since", "Last-Modified"), ("If-None-Match", "ETag")]
    {
        let known = first.field(validator).unwrap_or_default();
        let condition = format!("{condition}: {known}");
        let options = [&["-H", &condition], &KEEP_ALIVE[..]].concat();
        let printed = ask(&options, nginx.address, "text.txt", &promise);
        printed.status_line("HTTP/1.1 304 Not Modified", &promise).body(b"", &promise);
    }
    let long_ago = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT";
    let printed = ask(&["-H", long_ago], nginx.address, "text.txt", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(TEXT.as_bytes(), &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn head_at_nginx_gets_the_head_alone() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes()).file("made/page.html", SSI);
    let promise = promise("with -I the head comes, and no body is waited for")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "to HEAD the head tells what GET would get; no body comes, whatever it says",
        )
        .read(handout::BODY);
    let options = [&["-I"], &KEEP_ALIVE[..]].concat();
    let printed = ask(&options, nginx.address, "text.txt", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(b"", &promise);
    printed.says("Content-Length", &TEXT.len().to_string(), &promise);
    for (file, status_line) in
        [("made/page.html", "HTTP/1.1 200 OK"), ("nowhere", "HTTP/1.1 404 Not Found")]
    {
        let printed = ask(&options, nginx.address, file, &promise);
        printed.status_line(status_line, &promise).body(b"", &promise);
    }
    let log = nginx.stop(&promise);
    let methods = log.iter().filter(|exchange| exchange.request.starts_with("HEAD /"));
    assert_eq!(methods.count(), 3, "nginx saw {log:?}");
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_404_of_nginx_is_a_page_like_others_unless_it_should_fail() {
    let nginx = Nginx::start();
    let promise = promise("a 404 is printed like any response; with --fail it is status 1")
        .cause(&[Seen::Status], "the server has answered, so all went well: unless with --fail")
        .read(handout::OUTPUT);
    let printed = ask(&[], nginx.address, "nowhere", &promise);
    printed.status_line("HTTP/1.1 404 Not Found", &promise);
    printed.shows("<h1>404 Not Found</h1>", &promise);
    let end = start(&["--fail"], nginx.address, "nowhere").ended(&promise);
    end.status(1, &promise).says(&["error:", "404"], &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_redirect_of_nginx_is_shown_and_not_followed() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes());
    let promise = promise("a redirect is shown as it is: 301, Location, and its page")
        .cause(&[Seen::Stdout], "this client asks once: a person decides where to go on")
        .read(handout::RESPONSE);
    let printed = ask(&[], nginx.address, "old.txt", &promise);
    printed.status_line("HTTP/1.1 301 Moved Permanently", &promise);
    let to = format!("http://127.0.0.1:{}/text.txt", nginx.address.port());
    printed.says("Location", &to, &promise);
    printed.shows("<h1>301 Moved Permanently</h1>", &promise);
    let log = nginx.stop(&promise);
    assert_eq!(log.len(), 1, "nginx saw {log:?}");
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_with_nginx_is_one_connection() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes()).file("made/page.html", SSI);
    let promise = promise(
        "a session sends its requests over one connection, one after another",
    )
    .cause(
        &[Seen::Other],
        "HTTP/1.1 keeps a connection unless one side says close: send the next request over \
             the same one",
    )
    .cause(
        &[Seen::Stdout],
        "a body that was not read to its very end is taken for the next response",
    )
    .cause(&[Seen::StillOpen, Seen::Status], "a body that never comes was waited for")
    .read(handout::SESSION);
    // The next one follows a body with a length, chunks, no body to HEAD, one to 404.
    let requests = [
        "GET /text.txt",
        "GET /made/page.html",
        "HEAD /text.txt",
        "GET /nowhere",
        "GET /text.txt",
    ];
    let typed: String =
        requests.iter().map(|request| format!("{request} HTTP/1.1\n\n")).collect();
    let end = session(nginx.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise);
    let console = bytes::text(&end.stdout);
    let parts: Vec<&str> = console.split("Server response:\n").skip(1).collect();
    if parts.len() != requests.len() {
        let count = parts.len();
        promise.broken(Seen::Stdout, format!("{count} responses stand on stdout, not 5"));
    }
    let status_lines = ["200 OK", "200 OK", "200 OK", "404 Not Found", "200 OK"];
    for (part, status) in parts.iter().zip(status_lines) {
        let printed = Printed::of(part.as_bytes(), &promise);
        printed.status_line(&format!("HTTP/1.1 {status}"), &promise);
    }
    for (part, body) in [(0, TEXT.as_bytes()), (1, SSI_MADE), (4, TEXT.as_bytes())] {
        // A body without a line end at its end may be given one.
        let printed = Printed::of(parts[part].trim_end().as_bytes(), &promise);
        printed.body(body.trim_ascii_end(), &promise);
    }

    let log = nginx.stop(&promise);
    let places: Vec<(&str, u32)> =
        log.iter().map(|exchange| (&*exchange.connection, exchange.place)).collect();
    let first = places.first().map_or("", |(connection, _)| connection);
    if places != [(first, 1), (first, 2), (first, 3), (first, 4), (first, 5)] {
        promise.broken(Seen::Other, format!("nginx's (connection, request) were {places:?}"));
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_connects_again_when_nginx_says_close() {
    let nginx = Nginx::start();
    nginx.file("once/text.txt", TEXT.as_bytes());
    let promise = connects_again();
    let typed = "GET /once/text.txt HTTP/1.1\n\n".repeat(3);
    let end = session(nginx.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    let came = bytes::text(&end.stdout).matches(TEXT).count();
    if came != 3 {
        promise.broken(Seen::Stdout, format!("the file came {came} times, not 3"));
    }
    nginx.stop_after_connections(3, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_connects_again_when_nginx_has_waited_too_long() {
    let nginx = Nginx::start();
    nginx.file("briefly/one.txt", b"The first has come.\n");
    nginx.file("briefly/two.txt", b"The second has come.\n");
    let promise = connects_again();
    let (mut terminal, [stdin, stdout]) = Terminal::open();
    let client = session(nginx.address).stdin_from(stdin).stdout_to(stdout).start();
    terminal.type_in("GET /briefly/one.txt HTTP/1.1\n\n");
    terminal.expect("The first has come.", &promise);

    // nginx waits as long for the next request on a connection of ours, and we have been
    // served after the client: when ours is closed, so is the client's.
    let mut ours = Peer::connect(nginx.address, &promise);
    ours.send(&get("/briefly/one.txt"), &promise);
    let (_, closed) = ours.read_to_the_end(PATIENCE);
    assert!(closed, "nginx was told to close idle connections soon");

    terminal.type_in("GET /briefly/two.txt HTTP/1.1\n\n");
    terminal.expect("The second has come.", &promise);
    terminal.type_in("\x04");
    let end = client.ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    nginx.stop_after_connections(3, &promise); // one of them ours
}

// http_client asks Python

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn pages_and_pictures_come_from_python_byte_for_byte() {
    let site = site();
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = exact("a file comes from Python's http.server as it is");
        for name in ["index.html", "greetings.txt", "ladder.png", "harbour.jpg"] {
            let contents = fs::read(site.path().join(name)).expect("a file of the site");
            let printed = ask(&[], python.address, name, &promise);
            printed.status_line(&format!("{version} 200 OK"), &promise);
            printed.body(&contents, &promise);
        }
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_listing_of_python_is_a_page() {
    let site = tempfile::tempdir().expect("a folder");
    for name in ["one.txt", "two words.txt", "größe.txt"] {
        fs::write(site.path().join(name), TEXT).expect("a file is written");
    }
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = promise("/ at Python's http.server is a listing of the folder")
            .read(handout::RESPONSE);
        let printed = ask(&[], python.address, "/", &promise);
        printed.status_line(&format!("{version} 200 OK"), &promise);
        for (link, name) in [
            ("one.txt", "one.txt"),
            ("two%20words.txt", "two words.txt"),
            ("gr%C3%B6%C3%9Fe.txt", "größe.txt"),
        ] {
            printed.shows(&format!("<a href=\"{link}\">"), &promise);
            // As the listing has it, and as a person would write it.
            for file in [link, name] {
                let printed = ask(&[], python.address, file, &promise);
                printed.body(TEXT.as_bytes(), &promise);
            }
        }
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_404_of_python_is_a_page_like_others_unless_it_should_fail() {
    let site = site();
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = promise("a 404 is printed like any response; with --fail it is status 1")
            .cause(
                &[Seen::Status],
                "the server has answered, so all went well: unless with --fail",
            )
            .read(handout::OUTPUT);
        let printed = ask(&[], python.address, "nowhere", &promise);
        printed.status_line(&format!("{version} 404 File not found"), &promise);
        printed.shows("Error code: 404", &promise);
        let end = start(&["--fail"], python.address, "nowhere").ended(&promise);
        end.status(1, &promise).says(&["error:", "404"], &promise);
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_session_connects_again_for_each_request_to_an_old_server() {
    let site = site();
    let python = python(site.path(), "");
    let promise = connects_again();
    let typed = "GET /greetings.txt HTTP/1.1\n\n".repeat(2);
    let end = session(python.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    let greetings = fs::read_to_string(site.path().join("greetings.txt")).expect("UTF-8");
    let came = bytes::text(&end.stdout).matches(&greetings).count();
    if came != 2 {
        promise.broken(Seen::Stdout, format!("the file came {came} times, not 2"));
    }
}

// curl asks web_server

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_the_site_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl gets each file of the kit's site, and is told what it is")
        .cause(&[Seen::Other], "a body is bytes, and its file's name tells its Content-Type")
        .read(handout::ANSWER);
    for (name, media_type) in [
        ("index.html", "text/html"),
        ("greetings.txt", "text/plain"),
        ("ladder.png", "image/png"),
        ("harbour.jpg", "image/jpeg"),
    ] {
        for version in ["", "--http1.0"] {
            let file = folder.path().join(name);
            let (url, out) = (url(&server, name), text(&file));
            let told = curl(&format!("{version} -o '{out}' -w '{TOLD}' '{url}'"), &promise);
            let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
            is_now(&file, &contents, &promise);
            let want = format!("200 {} {media_type}", contents.len());
            if !told.starts_with(&want) {
                promise.broken(Seen::Other, format!("curl was told `{told}`, not `{want}`"));
            }
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_100_mebibytes_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let letters = seed::random_letters(&mut seed::random(), 100 << 20);
    fs::write(folder.path().join("large.bin"), &letters).expect("a file is written");
    let server = web_server(folder.path(), &[]);
    let promise = to_curl("curl gets all of a large file").read(handout::ANSWER);
    let file = folder.path().join("large.out");
    curl(&format!("-o '{}' '{}'", text(&file), url(&server, "large.bin")), &promise);
    is_now(&file, &letters, &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_a_head_as_for_get() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl -I gets the head that GET would get")
        .cause(&[Seen::Other], "to HEAD Content-Length is the length that GET would get")
        .read(handout::ANSWER);
    for (name, file, status) in [
        ("ladder.png", "ladder.png", "200 OK"),
        ("nowhere.html", "filenotfound.html", "404 Not Found"),
    ] {
        let head = curl(&format!("-I '{}'", url(&server, name)), &promise);
        let answer = Answer::of(head.as_bytes(), &promise);
        answer.status(status, &promise);
        let announced = answer.field("Content-Length", &promise);
        let length = root().join("www").join(file).metadata().expect("a file").len();
        if announced != length.to_string() {
            promise.broken(Seen::Other, format!("Content-Length: {announced}, not {length}"));
        }
        if !answer.field("Connection", &promise).eq_ignore_ascii_case("close") {
            promise.broken_because(
                Seen::Other,
                "Connection is not close",
                Some("curl would try to use the connection again".to_owned()),
            );
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_the_page_for_what_is_not_there() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl gets 404 and the page for it; with --fail it ends with 22")
        .cause(&[Seen::Other], "the status is part of the answer: the page alone says nothing")
        .read(handout::BELOW_ROOT);
    let page = fs::read_to_string(root().join("www/filenotfound.html")).expect("UTF-8");
    let url = url(&server, "nowhere.html");
    let told = curl(&format!("-w '{TOLD}' '{url}'"), &promise);
    let want = format!("{page}404 {} text/html", page.len());
    if !told.starts_with(&want) {
        let came = bytes::show(told.as_bytes(), 200);
        promise.broken(Seen::Other, format!("curl printed {came}, not the page and 404"));
    }
    let end = run_curl(&format!("--fail '{url}'"), &promise);
    end.status(22, &promise).stdout(b"", &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn what_else_curl_asks_for_changes_nothing() {
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_curl("what the server does not know is passed over: 200, and the whole file")
            .cause(
                &[Seen::Other],
                "a server may ignore Range (RFC 9110 §14.2), and Expect of a request without a \
                 body (§10.1.1), but it must not do half of it",
            )
            .read(handout::REQUEST_LINE);
    let greetings = fs::read_to_string(root().join("www/greetings.txt")).expect("UTF-8");
    for asking in [
        "-H 'Expect: 100-continue'",
        "-r 0-9",
        "-r -5",
        "--compressed",
        "-z 'Sun, 06 Nov 1994 08:49:37 GMT'",
        "-H 'Connection: keep-alive, Upgrade' -H 'Upgrade: h2c'",
        "-b 'crumbs=many' -A 'Mozilla/5.0' -e http://127.0.0.1/ -u me:word",
    ] {
        let told = curl(
            &format!("{asking} -w '{TOLD}' '{}'", url(&server, "greetings.txt")),
            &promise,
        );
        let want = format!("{greetings}200 {} text/plain", greetings.len());
        if !told.starts_with(&want) {
            let came = bytes::show(told.as_bytes(), 200);
            promise.broken(Seen::Other, format!("with {asking} curl printed {came}"));
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_connects_again_for_each_url() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("for each of several URLs curl makes a connection of its own")
        .cause(
            &[Seen::Other],
            "one request is answered on a connection: say `Connection: close`, and close",
        )
        .read(handout::ONE_AT_A_TIME);
    let names = ["index.html", "nowhere.html", "ladder.png", "HelloWorld.html"];
    let urls: Vec<String> =
        names.iter().map(|name| format!("-o /dev/null '{}'", url(&server, name))).collect();
    let told =
        curl(&format!("-w '%{{http_code}} %{{num_connects}}\\n' {}", urls.join(" ")), &promise);
    if told != "200 1\n404 1\n200 1\n200 1\n" {
        promise.broken(Seen::Other, format!("statuses and new connections were\n{told}"));
    }
    let wanted = names.map(|name| format!("/{name}"));
    let asked = requests_when_stopped(server, &promise);
    if asked != wanted {
        promise.broken(Seen::Stdout, format!("the server tells of requests for {asked:?}"));
    }
}

// wget asks web_server

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_takes_a_page_with_what_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise = to_wget("`wget -p` takes the page and its picture, and no more");
    let end = wget(&folder, "-p -nd", &url(&server, "index.html"), &promise);
    end.status(0, &promise);
    has_taken(&folder, &["index.html", "ladder.png"], &promise);
}

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_follows_the_links_of_the_site() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_wget("`wget -r -l 1` takes what index.html links to, and tells of the 404");
    let end = wget(&folder, "-r -l 1 -nd", &url(&server, "index.html"), &promise);
    end.status(8, &promise);
    let linked =
        ["HelloWorld.html", "greetings.txt", "harbour.jpg", "index.html", "ladder.png"];
    has_taken(&folder, &linked, &promise);
}

// A person with nc asks web_server

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nc_is_answered_although_it_sends_bare_line_feeds() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("a request whose lines end in LF alone gets the file")
        .cause(
            &[Seen::StillOpen],
            "nc goes on until the server closes: close behind the answer",
        )
        .read(handout::HEAD);
    let page = fs::read(root().join("www/HelloWorld.html")).expect("a file of the site");
    for request in [
        r"GET /HelloWorld.html HTTP/1.1\n\n",
        r"GET /HelloWorld.html HTTP/1.1\nHost: localhost\n\n",
        r"GET /HelloWorld.html HTTP/1.0\r\n\n",
    ] {
        let answer = nc(request, &server, &promise);
        answer.status("200 OK", &promise).body(&page, &promise);
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nothing_follows_the_head_that_nc_asks_for() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("HEAD gets a head, and nothing behind its empty line")
        .cause(
            &[Seen::StillOpen],
            "nc goes on until the server closes: close behind the answer",
        )
        .read(handout::ANSWER);
    for (target, status) in [("/HelloWorld.html", "200 OK"), ("/nowhere", "404 Not Found")] {
        let answer = nc(&format!(r"HEAD {target} HTTP/1.1\n\n"), &server, &promise);
        answer.status(status, &promise);
        if !answer.body.is_empty() {
            let body = bytes::show(&answer.body, 60);
            promise.broken(Seen::More, format!("behind the head came {body}"));
        }
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nc_is_told_what_is_missing() {
    let server = web_server(Path::new("www"), &["--timeout", "0.5"]);
    let promise = promise("a request line without its end gets 408, and words that say why")
        .cause(&[Seen::StillOpen], "the server waits for ever for the rest of the request")
        .read(handout::HEAD);
    let answer = nc("GET /HelloWorld.html", &server, &promise);
    answer.status("408 Request Timeout", &promise);
    has_words(&answer, &promise);
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn empty_lines_from_nc_are_no_request() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("empty lines and nothing else get 400, and words that say why")
        .cause(&[Seen::Status], "one empty line before the request is passed over, not two")
        .read(handout::REQUEST_LINE);
    let answer = nc(r"\n\n", &server, &promise);
    answer.status("400 Bad Request", &promise);
    has_words(&answer, &promise);
}

// Chromium asks web_server

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_asks_for_the_page_and_its_picture_alone() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_chromium("a browser asks for index.html and its picture, for no icon or else")
            .read(handout::ONE_AT_A_TIME);
    let document = chromium.document(&url(&server, "index.html"), &promise);
    contains(&document, "<h1>It works</h1>", &promise);
    let asked = requests_when_stopped(server, &promise);
    if asked != ["/index.html", "/ladder.png"] {
        promise.broken(Seen::Stdout, format!("Chromium asked for {asked:?}"));
    }
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_can_show_the_pictures() {
    let chromium = Chromium::alone();
    let site = site();
    let page = "<!doctype html><link rel=icon href='data:,'>
        <img src=ladder.png><img src=harbour.jpg><img src=nowhere.png>
        <script>
          onload = () => document.body.dataset.sizes = [...document.images]
            .map(image => image.naturalWidth + ' x ' + image.naturalHeight).join(', ');
        </script>";
    fs::write(site.path().join("pictures.html"), page).expect("a page is written");
    let server = web_server(site.path(), &[]);
    let promise = to_chromium("a browser can make pictures of what the server sends for them")
        .cause(&[Seen::Other], "a picture is 0 x 0 if its bytes are not those of the file")
        .read(handout::ANSWER);
    let document = chromium.document(&url(&server, "pictures.html"), &promise);
    contains(&document, "data-sizes=\"1280 x 640, 960 x 540, 0 x 0\"", &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_follows_links() {
    let chromium = Chromium::alone();
    let site = site();
    // A frame beside which a script clicks: to HelloWorld.html, and there back again.
    let page = "<!doctype html><link rel=icon href='data:,'><iframe src=index.html></iframe>
        <script>
          const frame = document.querySelector('iframe'), seen = [];
          frame.onload = () => {
            const page = frame.contentDocument;
            seen.push(frame.contentWindow.location.pathname + ': ' + page.title);
            document.body.dataset.seen = seen.join(', ');
            const next = ['HelloWorld.html', 'index.html', 'nowhere.html'][seen.length - 1];
            if (next) page.querySelector(`a[href='${next}']`).click();
          };
        </script>";
    fs::write(site.path().join("clicking.html"), page).expect("a page is written");
    let server = web_server(site.path(), &[]);
    let promise =
        to_chromium("the links of the kit's site lead from page to page in a browser")
            .read(handout::ANSWER);
    let document = chromium.document(&url(&server, "clicking.html"), &promise);
    let way = "/index.html: Socket lab, /HelloWorld.html: Hello, World!, \
               /index.html: Socket lab, /nowhere.html: 404: not here";
    contains(&document, &format!("data-seen=\"{way}\""), &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_shows_the_page_for_what_is_not_there() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &[]);
    let promise = to_chromium("a browser shows filenotfound.html for what is not there")
        .cause(&[Seen::Other], "a 404 without a body gets a page of the browser's own")
        .read(handout::BELOW_ROOT);
    let document = chromium.document(&url(&server, "nowhere.html"), &promise);
    contains(&document, "<h1>404: not here</h1>", &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn connections_in_advance_do_not_keep_the_page_from_chromium() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &["--timeout", "1"]);
    let promise = promise("connections that are opened and not used do not keep a page away")
        .cause(
            &[Seen::Nothing, Seen::StillOpen, Seen::Other],
            "the server waits for ever for a request that never comes",
        )
        .read(handout::ONE_AT_A_TIME);
    let _idle = [server.connect(&promise), server.connect(&promise)];
    let document = chromium.document(&url(&server, "index.html"), &promise);
    contains(&document, "<h1>It works</h1>", &promise);
    let asked = requests_when_stopped(server, &promise);
    if asked != ["/index.html", "/ladder.png"] {
        promise.broken(Seen::Stdout, format!("Chromium asked for {asked:?}"));
    }
}

// What several checks say

fn promise(should: &str) -> Promise {
    let again = format!("cargo test --test real_world {} -- --ignored", check_name());
    support::promise(should).try_it(again)
}

fn exact(should: &str) -> Promise {
    promise(should)
        .cause(&[Seen::Stdout, Seen::Other], "a body is bytes: nothing may change or cut them")
        .cause(&[Seen::Part], "one read or write need not take all: go on to the end")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "all of the body has come, and the connection stays open: do not wait for its end",
        )
        .read(handout::BODY)
}

/// A promise of `web_server` that curl holds it to.
fn to_curl(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Status],
            "curl's exit status tells: 18 is a body shorter than Content-Length, 28 silence, \
             52 no answer at all, 56 a reset",
        )
        .cause(&[Seen::Part], "one read or write need not take all: go on to the end")
}

fn to_wget(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Status],
            "wget's exit status tells: 8 is an error status, as that of a link that leads to \
             nothing; 4 is a connection that failed, or ended before Content-Length said",
        )
        .cause(&[Seen::Other], "wget goes by Content-Type: it looks for links in text/html")
        .read(handout::ANSWER)
}

fn to_chromium(should: &str) -> Promise {
    promise(should).cause(
        &[Seen::Nothing, Seen::StillOpen],
        "a browser waits for as many bytes as Content-Length says, or for the connection's end",
    )
}

fn connects_again() -> Promise {
    promise(
        "when the server has closed, a session connects again for the next request, and says \
         so on stderr",
    )
    .cause(
        &[Seen::Status, Seen::StillOpen],
        "the end of a connection is not that of the session",
    )
    .cause(&[Seen::Other], "a connection that the server keeps is used again, no other")
    .read(handout::SESSION)
}

/// Fails the check where a tool is missing, which has been asked for.
fn needs(tool: &str) {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers; not everybody looks there.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    if !folders.into_iter().any(|folder| folder.join(tool).is_file()) {
        promise(&format!("{tool} is installed, as this check needs it"))
            .try_it(".ci/run, which installs what is missing, or a package manager")
            .broken(Seen::Nothing, format!("there is no {tool} in PATH"));
    }
}

/// Runs a command line to its end.
fn run(command: &str, promise: &Promise) -> Ended {
    Launch::shell(command).start().ended_within(LONGEST).unwrap_or_else(|| {
        let limit = LONGEST.as_secs();
        let what = format!("after {limit} s this had not ended: {command}");
        promise.broken(Seen::StillOpen, what)
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

/// A copy of the kit's site, to which pages can be added.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(root().join("www")).expect("www/ is there") {
        let entry = entry.expect("an entry of www/");
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy is made");
    }
    folder
}

/// The file must have been written with these bytes.
fn is_now(file: &Path, want: &[u8], promise: &Promise) {
    let got = fs::read(file).unwrap_or_default();
    if let Some(difference) = bytes::difference(want, &got) {
        let name = file.file_name().unwrap_or_default().display();
        let seen = if want.starts_with(&got) { Seen::Part } else { Seen::Other };
        promise.broken(seen, format!("in the file {name}: {difference}"));
    }
}

// nginx, and what it is told to do

const SSI: &[u8] =
    b"<!--#set var=\"who\" value=\"nginx\" --><p>Hello, <!--#echo var=\"who\" -->!\n";
const SSI_MADE: &[u8] = b"<p>Hello, nginx!\n";

const CONFIGURATION: &str = "
daemon off;
pid nginx.pid;
error_log error.log;
events {}
http {
  types { text/html html; text/plain txt; }
  default_type application/octet-stream;
  log_format places '$connection $connection_requests $request';
  access_log access.log places;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  server {
    listen ADDRESS;
    root site;
    sub_filter_types text/plain;
    sub_filter_once off;
    location /made/ { ssi on; sub_filter '[here]' 'and there'; }
    location /gzip/ { gzip on; gzip_types text/plain; }
    location /unmeasured/ { ssi on; chunked_transfer_encoding off; }
    location = /old.txt { return 301 /text.txt; }
    location /once/ { keepalive_requests 1; }
    location /briefly/ { keepalive_timeout 300ms; }
  }
}
";

/// nginx with a folder of its own, in which all that it writes stays.
struct Nginx {
    running: Running,
    address: SocketAddr,
    folder: TempDir,
}

/// A line of its log: the request was the `place`th on its connection.
#[derive(Debug)]
struct Exchange {
    connection: String,
    place: u32,
    request: String,
}

impl Nginx {
    fn start() -> Self {
        needs("nginx");
        build_the_client();
        let folder = tempfile::tempdir().expect("a folder");
        // The socket is ours and listens already, so the port is nobody else's and clients
        // may connect at once. nginx takes sockets over as from an older nginx that is being
        // replaced: their descriptors are in the variable NGINX.
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let mut configuration = CONFIGURATION.replace("ADDRESS", &address.to_string());
        if folder.path().metadata().expect("it is there").uid() == 0 {
            // Else its workers would become somebody who may not read the folder.
            configuration.insert_str(0, "user root;");
        }
        fs::write(folder.path().join("nginx.conf"), configuration).expect("a file is written");
        fs::create_dir(folder.path().join("site")).expect("a folder is made");
        let command = format!(
            "PATH=$PATH:/usr/sbin NGINX='0;' exec nginx -e error.log -p '{}' -c nginx.conf",
            text(folder.path())
        );
        let running = Launch::shell(&command).stdin_from(socket.into()).start();
        Self { running, address, folder }
    }

    fn file(&self, name: &str, contents: &[u8]) -> &Self {
        let path = self.folder.path().join("site").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        fs::write(path, contents).expect("a file is written");
        self
    }

    /// Ends it; then its log is complete.
    fn stop(self, promise: &Promise) -> Vec<Exchange> {
        self.running.signal(Signal::SIGTERM);
        self.running.ended(promise);
        let log = fs::read_to_string(self.folder.path().join("access.log"));
        let exchange = |line: &str| {
            let mut words = line.splitn(3, ' ');
            Some(Exchange {
                connection: words.next()?.to_owned(),
                place: words.next()?.parse().ok()?,
                request: words.next()?.to_owned(),
            })
        };
        log.expect("a log").lines().map(|line| exchange(line).expect("our format")).collect()
    }

    fn stop_after_connections(self, want: usize, promise: &Promise) {
        let log = self.stop(promise);
        let connections: BTreeSet<&str> = log.iter().map(|it| &*it.connection).collect();
        if connections.len() != want {
            let count = connections.len();
            promise.broken(Seen::Other, format!("nginx saw {count} connections, not {want}"));
        }
    }
}

// Python

/// Options, and the version of HTTP that it then speaks.
const PYTHON: [(&str, &str); 2] = [("", "HTTP/1.0"), ("--protocol HTTP/1.1", "HTTP/1.1")];

fn python(folder: &Path, options: &str) -> Server {
    needs("python3");
    build_the_client();
    let folder = text(folder);
    // Debian's own, if it is there: what stands before it in PATH may be a script that
    // takes its time to find another.
    let command = format!(
        "PATH=/usr/bin:$PATH exec python3 -u -m http.server --bind 127.0.0.1 \
         --directory '{folder}' {options} 0"
    );
    Launch::shell(&command).start().ready(ReadyLine {
        before: "Serving HTTP on 127.0.0.1 port ",
        form: "PORT",
        address: |rest| {
            let port = rest.split(' ').next()?.parse().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        },
    })
}

// http_client

/// Servers are kept for a minute, and building may take longer: so it comes first.
fn build_the_client() {
    path_of("http_client");
}

/// The options come first: not every program takes them anywhere.
fn start(options: &[&str], server: SocketAddr, file: &str) -> Running {
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    let before = ["--timeout", SILENCE];
    Launch::new("http_client", &[&before, options, &[&host, &port, file]].concat()).start()
}

fn session(server: SocketAddr) -> Launch {
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    Launch::new("http_client", &["--timeout", SILENCE, "--session", &host, &port])
}

/// Asks, with success, and takes apart what is printed.
fn ask(options: &[&str], server: SocketAddr, file: &str, promise: &Promise) -> Printed {
    let end = start(options, server, file).ended(promise);
    end.status(0, promise);
    Printed::of(&end.stdout, promise)
}

/// A response as `http_client` prints it.
struct Printed {
    head: String,
    body: Vec<u8>,
}

impl Printed {
    fn of(stdout: &[u8], promise: &Promise) -> Self {
        let Some(end) = stdout.windows(2).position(|part| part == b"\n\n") else {
            let shown = bytes::show(stdout, 120);
            promise.broken(Seen::Stdout, format!("no empty line ends the head: {shown}"));
        };
        Self { head: bytes::text(&stdout[..end]), body: stdout[end + 2..].to_vec() }
    }

    fn status_line(&self, want: &str, promise: &Promise) -> &Self {
        if self.head.lines().next() != Some(want) {
            promise.broken(Seen::Stdout, format!("not `{want}`, but the head\n{}", self.head));
        }
        self
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The head must have this field.
    fn says(&self, name: &str, want: &str, promise: &Promise) -> &Self {
        if self.field(name) != Some(want) {
            promise.broken(Seen::Stdout, format!("no `{name}: {want}` in\n{}", self.head));
        }
        self
    }

    fn body(&self, want: &[u8], promise: &Promise) {
        if let Some(difference) = bytes::difference(want, &self.body) {
            promise.broken(Seen::Stdout, format!("in the body {difference}"));
        }
    }

    /// The body must have this somewhere.
    fn shows(&self, want: &str, promise: &Promise) {
        contains(&bytes::text(&self.body), want, promise);
    }
}

// web_server, and its clients

fn web_server(root: &Path, options: &[&str]) -> Server {
    let arguments = [options, &["--root", text(root), "0"]].concat();
    server("web_server", &arguments, ReadyLine::READY_TO_SERVE)
}

fn url(server: &Server, name: &str) -> String {
    format!("http://{}/{name}", server.address)
}

/// Ends the server; the targets of all requests that it has told of.
fn requests_when_stopped(server: Server, promise: &Promise) -> Vec<String> {
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(promise);
    end.status(0, promise);
    let console = bytes::text(&end.stdout);
    let targets = console.lines().filter_map(|line| line.strip_prefix("Client request: "));
    targets.map(str::to_owned).collect()
}

/// What curl tells in the end: status, bytes of the body, its media type.
const TOLD: &str = "%{http_code} %{size_download} %{content_type}";

fn run_curl(arguments: &str, promise: &Promise) -> Ended {
    needs("curl");
    // Without the user's own settings and proxies.
    const OPTIONS: &str = "-q -sS --noproxy '*' --speed-limit 1 --speed-time";
    run(&format!("exec curl {OPTIONS} {SILENCE} {arguments}"), promise)
}

/// Runs curl, with success; what it prints.
fn curl(arguments: &str, promise: &Promise) -> String {
    let end = run_curl(arguments, promise);
    end.status(0, promise);
    bytes::text(&end.stdout)
}

fn wget(folder: &TempDir, options: &str, url: &str, promise: &Promise) -> Ended {
    needs("wget");
    let folder = text(folder.path());
    let command = format!(
        "exec wget --no-config --no-proxy --no-hsts -nv -t 1 -T {SILENCE} -P '{folder}' \
         {options} '{url}'"
    );
    run(&command, promise)
}

/// These files of the kit's site must be in the folder, and no others.
fn has_taken(folder: &TempDir, names: &[&str], promise: &Promise) {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    let mut taken: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    taken.sort();
    if taken != names {
        promise.broken(Seen::Other, format!("wget has taken {taken:?}, not {names:?}"));
    }
    for name in names {
        let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
        is_now(&folder.path().join(name), &contents, promise);
    }
}

/// Sends what printf(1) makes of `request` and takes all that comes until the server closes.
fn nc(request: &str, server: &Server, promise: &Promise) -> Answer {
    needs("nc");
    let (host, port) = (server.host(), server.port());
    let command = format!("printf '{request}' | nc {host} {port}");
    let end = run(&command, promise);
    end.status(0, promise);
    Answer::of(&end.stdout, promise)
}

fn has_words(answer: &Answer, promise: &Promise) {
    if answer.body.len() < 4 {
        let body = bytes::show(&answer.body, 60);
        promise.broken(Seen::Part, format!("the body says nothing: {body}"));
    }
}

/// Chromium, with a folder of its own for all that it keeps.
struct Chromium {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Chromium {
    /// Waits until no other check has one: each would keep all cores busy alone.
    fn alone() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        needs("chromium");
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { folder: tempfile::tempdir().expect("a folder"), _alone: alone }
    }

    /// Its document of a page when all is loaded and the scripts have run.
    fn document(&self, url: &str, promise: &Promise) -> String {
        // No name is looked up. The time of the budget is virtual: it stands still while
        // something is being loaded, at most for as long as the timeout says.
        const OPTIONS: &str = "--headless --no-sandbox --disable-gpu --disable-quic \
            --no-first-run --disable-background-networking --disable-component-update \
            --disable-sync --disable-dev-shm-usage --no-proxy-server --log-level=3 \
            --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
            --virtual-time-budget=10000 --timeout=20000 --dump-dom";
        let home = text(self.folder.path());
        let command = format!(
            "HOME='{home}' TMPDIR='{home}' exec chromium {OPTIONS} \
             --user-data-dir='{home}/user' '{url}'"
        );
        let end = run(&command, promise);
        end.status(0, promise);
        if end.stdout.is_empty() {
            promise
                .broken(Seen::Nothing, "Chromium has no document: the page never came whole");
        }
        bytes::text(&end.stdout)
    }
}

fn contains(document: &str, want: &str, promise: &Promise) {
    if !document.contains(want) {
        let shown = bytes::show(document.as_bytes(), 400);
        promise.broken(Seen::Other, format!("there is no `{want}` in {shown}"));
    }
}
