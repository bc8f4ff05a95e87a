//! What the RFCs ask of `threaded_web_server` beyond what the labs promise, so that a
//! student's program may do without it.
//!
//!     cargo test --test conformance -- --ignored
//!
//! Which rule of the RFCs is kept where is in `src/http/CONFORMANCE.md`.

use std::fs;
use std::time::{Duration, SystemTime};

use support::http::{Answer, answer_to_the_end, ask, get};
use support::program::{ReadyLine, Server};
use support::site::{HELLO, Site};
use support::{PATIENCE, Seen, handout, promise, server};

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_client_that_waits_before_its_body_is_not_kept_waiting() {
    let promise = promise(
        "a client that says `Expect: 100-continue` and holds its body back is answered, or told \
         100 Continue, before it has sent a byte of that body",
    )
    .cause(
        &[Seen::Nothing],
        "the server waits for the body and the client for the server (RFC 9110 §10.1.1)",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let server = serve(&site);
    for (method, status) in [("GET", "200"), ("POST", "400")] {
        let head = format!(
            "{method} /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        );
        let mut client = server.connect(&promise);
        client.send(head.as_bytes(), &promise);
        if !client.has_something(PATIENCE) {
            promise.broken(Seen::Nothing, "no answer came");
        }
        let mut all = client.read(64 * 1024, PATIENCE).unwrap_or_default();
        if all.starts_with(b"HTTP/1.1 100") {
            client.send(b"a=b&c", &promise);
            let end = all.windows(4).position(|part| part == b"\r\n\r\n");
            all.drain(..end.map_or(all.len(), |end| end + 4));
        }
        all.extend(client.read_to_the_end(PATIENCE).0);
        Answer::of(&all, &promise).status(status, &promise);
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn head_of_a_malformed_request_has_no_body_either() {
    let promise = promise("HEAD is answered without a body, even where it cannot be served")
        .cause(&[Seen::More], "a client knows that none follows its HEAD (RFC 9110 §9.3.2)")
        .read(handout::REQUESTS);
    let site = Site::new();
    let server = serve(&site);
    for fields in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nX : y\r\n",
        "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let request = format!("HEAD /HelloWorld.html HTTP/1.1\r\n{fields}\r\n");
        let mut client = server.connect(&promise);
        client.send(request.as_bytes(), &promise);
        let answer = answer_to_the_end(&mut client, PATIENCE, &promise);
        answer.status("400", &promise);
        if !answer.body.is_empty() {
            promise.broken(Seen::More, "a body came");
        }
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn odd_lengths_and_odd_white_space_are_refused() {
    let promise = promise("what a lenient reader would mend is refused")
        .cause(&[Seen::Status], "others on the way may mend it otherwise (RFC 9112 §11.2)")
        .read(handout::REQUESTS);
    let site = Site::new();
    let server = serve(&site);
    for fields in [
        "Host: a\r\nContent-Length: +5\r\n",
        "Host: a\r\nContent-Length: 1_0\r\n",
        "Host: a\r\nContent-Length: 0x5\r\n",
        " Host: a\r\n",
        "\tX: y\r\nHost: a\r\n",
        "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: a\r\nTransfer-Encoding: chunked, identity\r\n",
    ] {
        let request = format!("GET /HelloWorld.html HTTP/1.1\r\n{fields}\r\n");
        ask(&server, request.as_bytes(), &promise).status("400", &promise);
    }
    let bare = b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n";
    site.file("index.html", b"the index");
    ask(&server, bare, &promise).status("200", &promise).body(b"the index", &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn conditions_that_do_not_hold_get_412() {
    let promise = promise("a file that is not as the request demands gets 412")
        .cause(
            &[Seen::Status],
            "If-Match and If-Unmodified-Since come first (RFC 9110 §13.2.2)",
        )
        .read(handout::CONDITIONAL);
    let site = Site::new();
    let server = serve(&site);
    for (field, status) in [
        ("If-Match: *", "200"),
        ("If-Match: \"a\"", "412"),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "412"),
        ("If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "200"),
        ("If-None-Match: *", "304"),
        ("If-None-Match: \"a\"", "200"),
    ] {
        let request = format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        ask(&server, request.as_bytes(), &promise).status(status, &promise);
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn no_file_is_said_to_be_from_the_future() {
    let promise = promise(
        "Last-Modified is never later than Date, whatever the file's time is",
    )
    .cause(
        &[Seen::Other],
        "of the file's time and now, say the earlier: a client could not ask again with a \
             time that its server has not reached (RFC 9110 §8.8.2.1)",
    )
    .read(handout::CONDITIONAL);
    let site = Site::new();
    let server = serve(&site);
    let file = fs::File::options().write(true).open(site.path("HelloWorld.html"));
    let later = SystemTime::now() + Duration::from_secs(366 * 24 * 60 * 60);
    file.and_then(|file| file.set_modified(later)).expect("a file's time is set");
    let answer = ask(&server, &get("/HelloWorld.html"), &promise);
    answer.status("200", &promise).body(HELLO, &promise);
    let time = |name| {
        let said = answer.field(name, &promise);
        httpdate::parse_http_date(said).unwrap_or_else(|_| {
            promise.broken(Seen::Other, format!("{name}: {said} is no date"))
        })
    };
    if time("Last-Modified") > time("Date") {
        let (modified, date) =
            (answer.field("Last-Modified", &promise), answer.field("Date", &promise));
        promise.broken(Seen::Other, format!("Date: {date}, and Last-Modified: {modified}"));
    }
}

fn serve(site: &Site) -> Server {
    server(
        "threaded_web_server",
        &["--root", &site.root(), "--no-log", "0"],
        ReadyLine::RUNNING,
    )
}
