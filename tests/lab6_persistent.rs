//! Lab 6: many requests on one connection, answers that spare a body, and a log. The checks
//! of `threaded_web_server`; what it promises is in `labs/6-persistent-connections/README.md`.

#![expect(clippy::expect_used, reason = "a site that cannot be made fails its check")]

use std::fs;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use support::crowd::at_once;
use support::first::First;
use support::http::{ANSWERED_EARLY, Answer, Kept, answer_to_the_end, ask, get, kept};
use support::log::{Combined, DATE, fits, http_date_is_now};
use support::manners::{Over, ServerProgram};
use support::program::{ReadyLine, Server};
use support::site::{HELLO, NOT_FOUND_PAGE, Site};
use support::tcp::Peer;
use support::{PATIENCE, Promise, Seen, bytes, handout, manners, promise, sockets};

static SERVER: ServerProgram = ServerProgram {
    name: "threaded_web_server",
    scratch: Some(env!("CARGO_TARGET_TMPDIR")),
    ready: ReadyLine::RUNNING,
    default_port: 8080,
    over: Over::Tcp,
    listens: None,
    first: First::new(
        "threaded_web_server",
        "each_answer_says_date_and_connection",
        answers_say_date_and_connection,
    ),
};

/// Where it is 9 hours later than in GMT.
const TOKYO: &str = "Asia/Tokyo";
const LATER_IN_TOKYO: u64 = 9 * 3600;

/// The time of HelloWorld.html in the sites here, in seconds since 1970 and as HTTP says it.
const MODIFIED: u64 = 784_111_777;
const MODIFIED_AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn the_server_explains_what_it_has_learnt() {
    manners::help_describes_every_option(
        "threaded_web_server",
        &["--max-requests", "--persistent", "--log", "--log-format", "--no-log"],
    );
    manners::wrong_arguments_are_refused(
        "threaded_web_server",
        &[&["--max-requests", "many", "0"], &["--log-format", "xml", "0"]],
    );
}

#[test]
fn each_answer_says_date_and_connection() {
    SERVER.first.tell();
}

fn answers_say_date_and_connection() {
    let promise = promise("each answer, be it 200, 404 or 400, says Date and Connection").because("the fields are written for some answers only: let one function write the head of all")
        .read(handout::KEEP_ALIVE);
    let site = Site::new();
    let (server, _log) = serve_first(&site, &[]);
    for (request, status) in [
        (&get("/HelloWorld.html")[..], "200"),
        (&get("/nowhere.html"), "404"),
        (b"no request\r\n\r\n", "400"),
    ] {
        let answer = ask(&server, request, &promise);
        answer.status(status, &promise).says("Connection", "close", &promise);
        answer.is_dated(&promise);
    }
}

#[test]
fn so_does_each_answer_to_what_went_wrong() {
    let promise = promise("304, 408, 431, 503 and 505 say Date and Connection like any other")
        .cause(
            &[Seen::Other],
            "these answers are made in another place: let all of them go through one",
        )
        .read(handout::KEEP_ALIVE);
    let site = dated_site();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "2"]);
    let unmodified = (conditional("GET", MODIFIED_AT), "304");
    for (request, status) in unreadable().into_iter().chain([unmodified]) {
        let answer = ask(&server, &request, &promise);
        answer.status(status, &promise).says("Connection", "close", &promise);
        answer.is_dated(&promise);
    }
    let (server, _log) = serve(&site, &["--max-connections", "1"]);
    let mut first = server.connect(&promise);
    first.expect_still_open(Duration::from_millis(100), &promise);
    let answer = answer_to_the_end(&mut server.connect(&promise), PATIENCE, &promise);
    answer.status("503", &promise).says("Connection", "close", &promise);
    answer.is_dated(&promise);
}

// Keeping the connection

#[test]
fn an_answer_says_that_its_connection_is_kept() {
    let promise = promise(
        "the answer to a client that sends `Connection: keep-alive` says so too, with \
         `Keep-Alive: timeout=15, max=100`",
    )
    .cause(
        &[Seen::Other],
        "timeout= is in whole seconds, rounded up; max= is the number of requests that are \
         left on this connection, this one counted",
    )
    .read(handout::KEEP_ALIVE);
    let site = Site::new();
    for (options, limits) in [
        (&[][..], "timeout=15, max=100"),
        (&["--keep-alive-timeout", "2.5", "--max-requests", "7"], "timeout=3, max=7"),
    ] {
        let (server, _log) = serve(&site, options);
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(&kept("GET", "/HelloWorld.html"), &promise);
        answer.says("Connection", "keep-alive", &promise);
        answer.says("Keep-Alive", limits, &promise);
    }
}

#[test]
fn a_connection_is_kept_for_a_client_that_asks_for_it() {
    let promise = promise(
        "a client that sends `Connection: keep-alive` gets it back, with `Keep-Alive: \
         timeout=15, max=100`, then max=99, on the same connection",
    )
    .cause(&[Seen::Closed, Seen::Reset], "the connection was closed behind the first answer")
    .cause(
        &[Seen::Other],
        "the fields name the seconds of idleness, and the requests left on this connection",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    for left in [100, 99, 98] {
        let answer = client.ask(&kept("GET", "/HelloWorld.html"), &promise);
        answer.status("200 OK", &promise).body(HELLO, &promise);
        answer.says("Connection", "keep-alive", &promise);
        answer.says("Keep-Alive", &format!("timeout=15, max={left}"), &promise);
    }
    client.expect_open(Duration::from_millis(100), &promise);
    // Each connection has its own hundred.
    let answer =
        Kept::connect(&server, &promise).ask(&kept("GET", "/HelloWorld.html"), &promise);
    answer.says("Keep-Alive", "timeout=15, max=100", &promise);
}

#[test]
fn a_connection_is_closed_unless_the_client_asks() {
    const CASE: &str = "the case of a field's name and of its words means nothing: compare both \
         in lowercase";
    const LIST: &str = "the value of Connection is a list: take it apart at its commas, and each \
         word without the white space around it";
    const SPACE: &str = "behind a colon may stand a space, a tab or nothing: split at the colon \
         alone, and trim what follows";
    const LINES: &str = "a field may come in several lines, which are one list: look at all of \
         them, not at the first or the last (RFC 9110 §5.3)";
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    for fields in [
        "",
        "Connection: close\r\n",
        "Connection: keep-alive, close\r\n",
        "Connection: keep-alive\r\nConnection: close\r\n",
        "Connection: close\r\nConnection: keep-alive\r\n",
        "Connection: x\r\n",
        "Connection: not-keep-alive\r\n",
        "Keep-Alive: timeout=5\r\n",
    ] {
        let with = match fields.trim_end() {
            "" => "without `Connection: keep-alive`".to_owned(),
            fields => format!("to a client that sends `{}`", fields.replace("\r\n", "` and `")),
        };
        let not_asked = match fields.contains("close") && fields.contains("keep-alive") {
            true => {
                "close wins, wherever it stands: in any line of Connection, as any word of it"
            }
            false => {
                "persistence is asked for here, also in HTTP/1.1, by the whole word \
                      keep-alive in Connection"
            }
        };
        let promise = promise(format!(
            "{with} the answer says `Connection: close`, and the connection ends"
        ))
        .cause(&[Seen::StillOpen], "the connection stays open although the answer says close")
        .cause(&[Seen::Other, Seen::More], not_asked)
        .read(handout::REQUESTS);
        let request = format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(request.as_bytes(), &promise);
        answer.status("200", &promise).says("Connection", "close", &promise);
        answer.has_no("Keep-Alive", &promise);
        client.expect_end(PATIENCE, &promise);
    }
    for (asks, cause) in [
        ("Connection: Keep-Alive", CASE),
        ("CONNECTION: keep-alive", CASE),
        ("connection: x, keep-alive", LIST),
        ("Connection: x-close ,keep-alive", LIST),
        ("Connection: keep-alive,x", LIST),
        ("Connection:keep-alive", SPACE),
        ("Connection:\tkeep-alive", SPACE),
        ("Connection: x\r\nConnection: keep-alive", LINES),
        ("Connection: keep-alive\r\nConnection: x", LINES),
    ] {
        for version in ["1.1", "1.0"] {
            let shown = asks.replace("\r\n", "` and `").replace('\t', "\\t");
            let cause = if version == "1.0" { "HTTP/1.0 may ask for it too" } else { cause };
            let promise = promise(format!(
                "a client of HTTP/{version} that sends `{shown}` gets `Connection: keep-alive`, \
                 and the connection goes on"
            ))
            .because(cause)
            .read(handout::REQUESTS);
            let request =
                format!("GET /HelloWorld.html HTTP/{version}\r\nHost: a\r\n{asks}\r\n\r\n");
            let mut client = Kept::connect(&server, &promise);
            for _ in 0..2 {
                let answer = client.ask(request.as_bytes(), &promise);
                answer.status("200", &promise);
                let said = answer.field("Connection", &promise);
                if !said.eq_ignore_ascii_case("keep-alive") {
                    promise.broken(Seen::Other, format!("`Connection: {said}` came"));
                }
            }
        }
    }
}

#[test]
fn persistent_makes_it_the_other_way_round() {
    let promise =
        promise("with --persistent HTTP/1.1 connections go on unless the client says close")
            .cause(
                &[Seen::Other, Seen::StillOpen, Seen::Closed],
                "the client's close ends it, and HTTP/1.0 has no such default (RFC 9112 §9.3)",
            )
            .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--persistent"]);
    let request = |version: &str, field: &str| {
        format!("GET /HelloWorld.html HTTP/{version}\r\nHost: a\r\n{field}\r\n").into_bytes()
    };
    let mut client = Kept::connect(&server, &promise);
    client.ask(&request("1.1", ""), &promise).says("Connection", "keep-alive", &promise);
    client.ask(&request("1.1", "Connection: close\r\n"), &promise).says(
        "Connection",
        "close",
        &promise,
    );
    client.expect_end(PATIENCE, &promise);
    for closes in ["CONNECTION: Close\r\n", "Connection: x\r\nConnection: y,close\r\n"] {
        let promise = promise
            .only_because("close counts in any case, and in each line and word of Connection");
        let mut client = Kept::connect(&server, &promise);
        client.ask(&request("1.1", closes), &promise).says("Connection", "close", &promise);
        client.expect_end(PATIENCE, &promise);
    }
    let mut client = Kept::connect(&server, &promise);
    let asks = request("1.0", "Connection: keep-alive\r\n");
    client.ask(&asks, &promise).says("Connection", "keep-alive", &promise);
    client.ask(&request("1.0", ""), &promise).says("Connection", "close", &promise);
    client.expect_end(PATIENCE, &promise);
}

#[test]
fn the_last_request_of_a_hundred_closes_the_connection() {
    let promise = promise("the 100th answer says `Connection: close`, and the connection ends")
        .cause(
            &[Seen::Other],
            "each request counts, whatever its answer; max= is 100 in the first answer, and the \
             answer to the last one says close",
        )
        .cause(&[Seen::Closed], "the connection was closed too early")
        .cause(
            &[Seen::Stdout],
            "the last line of a connection tells how it ended: here, that it has had all its requests",
        )
        .read(handout::REQUESTS);
    for (options, most) in
        [(&[][..], 100), (&["--max-requests", "3"], 3), (&["--max-requests", "1"], 1)]
    {
        let site = Site::new();
        let (server, _log) = serve(&site, options);
        let mut client = Kept::connect(&server, &promise);
        let address = client.client.address();
        for left in (1..=most).rev() {
            let target = if left % 3 == 1 { "/nowhere.html" } else { "/HelloWorld.html" };
            let answer = client.ask(&kept("GET", target), &promise);
            if left > 1 {
                answer.says("Connection", "keep-alive", &promise);
                answer.says("Keep-Alive", &format!("timeout=15, max={left}"), &promise);
            } else {
                answer.says("Connection", "close", &promise);
            }
        }
        client.expect_end(PATIENCE, &promise);
        let line = format!("Maximum {most} requests, connection to {address} is closed.");
        let others = [format!("Connection to {address} is closed.")];
        let console = console_says(server, &[&line], &[&others[0]], &promise);
        let waits = format!("Request completed, waiting for next request from: {address}");
        let count = console.lines().filter(|line| *line == waits).count();
        if count != most - 1 {
            promise.broken_because(
                Seen::Stdout,
                format!("of {most} answers {count} are followed by `{waits}`"),
                Some(
                    "that line says that the server waits for another request: it follows each \
                     answer but the last one"
                        .to_owned(),
                ),
            );
        }
    }
}

const CONSOLE_TELLS_THE_END: &str = "the console tells once how each connection ended: `Timeout, \
     …` or `Maximum …` stands in place of `Connection to … is closed.`";

#[test]
fn an_idle_connection_is_closed_after_the_timeout() {
    let promise = promise("a connection that is idle for --keep-alive-timeout is closed, and the console says `Timeout, …`")
        .cause(&[Seen::StillOpen], "the wait for the next request has no end")
        .cause(&[Seen::Time, Seen::Closed, Seen::Reset], "it was closed too early")
        .cause(&[Seen::Other], "timeout= is in whole seconds, rounded up")
        .cause(
            &[Seen::More],
            "a client that has sent no byte of its next request is no mistake: the connection \
             is closed without an answer",
        )
        .cause(&[Seen::Stdout], CONSOLE_TELLS_THE_END)
        .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "1.6"]);
    let mut client = Kept::connect(&server, &promise);
    let address = client.client.address();
    let answer = client.ask(&kept("GET", "/HelloWorld.html"), &promise);
    answer.says("Keep-Alive", "timeout=2, max=100", &promise);
    client.expect_open(Duration::from_millis(1000), &promise);
    client.expect_end(PATIENCE, &promise);
    let line = format!("Timeout, connection to {address} is closed.");
    console_says(server, &[&line], &[&format!("Connection to {address} is closed.")], &promise);
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "1.2"]);
    let mut silent = server.connect(&promise);
    let answer = Kept::connect(&server, &promise).ask(&kept("GET", "/nowhere.html"), &promise);
    answer.says("Keep-Alive", "timeout=2, max=100", &promise);
    // Whoever has asked for nothing yet may get 408, but gets the end.
    let line = format!("Timeout, connection to {} is closed.", silent.address());
    if !silent.read_to_the_end(PATIENCE).1 {
        promise.broken_because(
            Seen::StillOpen,
            "a client that has connected and sent nothing still has its connection",
            Some("the clock runs from accept at first, not from the first byte".to_owned()),
        );
    }
    console_says(server, &[&line], &[], &promise);
}

#[test]
fn the_end_of_an_idle_connection_is_no_exchange() {
    let promise =
        promise("the log has nothing of an idle connection's end, as nothing was asked")
            .because(
                "log an exchange once its request has come: where none has begun there is none",
            )
            .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &["--keep-alive-timeout", "0.3"]);
    let mut client = Kept::connect(&server, &promise);
    client.ask(&kept("GET", "/HelloWorld.html"), &promise);
    let line = format!("Timeout, connection to {} is closed.", client.client.address());
    client.expect_end(PATIENCE, &promise);
    console_says(server, &[&line], &[], &promise);
    log.lines(2, &promise);
}

#[test]
fn the_clock_restarts_with_each_request() {
    let promise =
        promise("the timeout runs from the last answer: a client that asks in time goes on")
            .cause(&[Seen::Closed, Seen::Reset], "the time is not for the whole connection")
            .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "2"]);
    let mut client = Kept::connect(&server, &promise);
    for _ in 0..3 {
        client.ask(&kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
        client.expect_open(Duration::from_millis(1000), &promise);
    }
}

#[test]
fn the_clock_does_not_wait_for_the_first_byte() {
    let promise = promise(
        "the time for a head runs from the last answer, not from its first byte",
    )
    .cause(
        &[Seen::StillOpen],
        "a client that is idle for most of the time and then begins to drip has only the \
             rest of it",
    )
    .cause(&[Seen::Other], "Date is the time of each answer, not of the first")
    .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "4"]);
    let mut client = Kept::connect(&server, &promise);
    let first = client.ask(&kept("GET", "/HelloWorld.html"), &promise);
    client.expect_open(Duration::from_millis(3000), &promise);
    client.client.send(b"GET /HelloWorld.html HTTP/1.1\r\n", &promise);
    if !client.client.has_something(Duration::from_millis(2800)) {
        promise.broken(Seen::StillOpen, "5.8 s after the last answer there is still no 408");
    }
    let last = client.answer(false, &promise);
    last.status("408", &promise).is_dated(&promise);
    if last.field("Date", &promise) == first.field("Date", &promise) {
        let date = last.field("Date", &promise);
        promise.broken(Seen::Other, format!("two answers 4 s apart both say Date: {date}"));
    }
}

#[test]
fn a_client_that_drips_is_given_up() {
    let promise =
        promise("the timeout is for the whole head: a client that drips bytes gets 408")
            .cause(
                &[Seen::StillOpen],
                "each byte starts the time anew: it is each request that does",
            )
            .cause(&[Seen::Closed], "an answer is due, as a part of a request has come")
            .cause(&[Seen::Status], ANSWERED_EARLY)
            .cause(&[Seen::Stdout], CONSOLE_TELLS_THE_END)
            .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "0.6"]);
    let mut client = Kept::connect(&server, &promise);
    let address = client.client.address();
    client.ask(&kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
    client.client.send(b"G", &promise);
    let mut waited = 0;
    while !client.client.has_something(Duration::from_millis(100)) {
        waited += 1;
        if waited > 40 {
            promise.broken(Seen::StillOpen, "after 4 s there was no answer");
        }
        let _ = client.client.try_send(b"G");
    }
    client.answer(false, &promise).status("408", &promise).says(
        "Connection",
        "close",
        &promise,
    );
    let _ = client.client.read_to_the_end(PATIENCE);
    console_says(
        server,
        &[&format!("Timeout, connection to {address} is closed.")],
        &[],
        &promise,
    );
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGTERM);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "60"]);
    let mut idle: Vec<Kept> = (0..20).map(|_| Kept::connect(&server, &promise)).collect();
    for client in &mut idle {
        client.ask(&kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
    }
    server.running.signal(Signal::SIGTERM);
    server.running.ended(&promise).status(0, &promise);
}

#[test]
fn the_console_tells_each_step() {
    let promise = promise("behind each answer on a connection that goes on the console says `Request completed, waiting for next request from: ADDR:PORT`").because("the line tells that the server waits for the next request: it follows each answer behind which the connection goes on, and no other")
        .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    let address = client.client.address();
    client.ask(&kept("GET", "/HelloWorld.html"), &promise);
    client.ask(b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n", &promise);
    client.expect_end(PATIENCE, &promise);
    let lines = [
        format!("Received connection from {address}"),
        format!("Received request from {address}:"),
        format!("Request completed, waiting for next request from: {address}"),
        format!("Received request from {address}:"),
        format!("Connection to {address} is closed."),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let console = console_says(server, &lines, &[], &promise);
    let waits = console.matches("waiting for next request").count();
    if waits != 1 {
        let text = format!("it says so {waits} times, after one of two answers it waits");
        promise.broken(Seen::Stdout, text);
    }
}

#[test]
fn a_client_that_leaves_is_not_told_as_a_timeout() {
    let promise = promise(
        "a client that closes its kept connection itself is told on the console as `Connection \
         to ADDR:PORT is closed.`",
    )
    .cause(
        &[Seen::Stdout],
        "a read of 0 bytes is the client's end, not a timeout: tell them apart",
    )
    .cause(
        &[Seen::StillOpen, Seen::More],
        "a read of 0 bytes is the client's end: close the connection too",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    let address = client.client.address();
    client.ask(&kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
    client.client.half_close();
    client.expect_end(PATIENCE, &promise);
    console_says(
        server,
        &[&format!("Connection to {address} is closed.")],
        &[&format!("Timeout, connection to {address} is closed.")],
        &promise,
    );
}

#[test]
fn a_client_that_resets_is_no_crash() {
    let promise = promise(
        "a client that resets its connection, between two requests or in the middle of something, \
         ends that connection, and no crash is shown",
    )
    .because("an error of one connection ends that one: catch it there, and go on")
    .read(handout::REQUESTS);
    let site = Site::new();
    site.file("large.txt", &vec![b'x'; 32 << 20]);
    let (server, _log) = serve(&site, &[]);
    let mut clients = [(); 3].map(|()| server.connect(&promise));
    let addresses = [0, 1, 2].map(|client: usize| clients[client].address());
    for (client, sent) in
        clients.iter_mut().zip(["HelloWorld.html", "large.txt", "HelloWorld.html"])
    {
        client.send(&kept("GET", &format!("/{sent}")), &promise);
        if !client.has_something(PATIENCE) {
            promise.broken(Seen::Nothing, "no answer came");
        }
    }
    // Now all answers but the large one have been sent.
    clients[2].send(b"GET /", &promise);
    clients.into_iter().for_each(Peer::reset);
    for address in addresses {
        let line = format!("Connection to {address} is closed.");
        if !server.running.line_within(PATIENCE, &line) {
            promise.broken(Seen::Stdout, format!("there is no line `{line}`"));
        }
    }
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    manners::no_crash_shown(&end, &promise);
}

// One request after another

#[test]
fn pipelined_requests_are_answered_in_order() {
    let promise = promise("requests that come in one segment are all answered, in their order")
        .cause(
            &[Seen::Nothing, Seen::Closed],
            "what was read behind the first request was thrown away: keep it for the next",
        )
        .cause(
            &[Seen::Other],
            "the answers come in the order of the requests; what was answered is taken out of \
             the connection's buffer, which is its own, and nothing else is",
        )
        .cause(
            &[Seen::Status],
            "what was read behind the first request was thrown away, so that the next one begins \
             in its middle",
        )
        .read(handout::REQUESTS);
    let site = Site::new();
    let names: Vec<String> = (0..20).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        site.file(name, format!("this is {name}").repeat(100).as_bytes());
    }
    let (server, _log) = serve(&site, &[]);
    let requests: Vec<u8> =
        names.iter().flat_map(|name| kept("GET", &format!("/{name}"))).collect();
    // Whole, and cut in places where no request ends.
    for piece in [requests.len(), 100, 33] {
        let mut client = Kept::connect(&server, &promise);
        for piece in requests.chunks(piece) {
            client.client.send(piece, &promise);
        }
        for name in &names {
            let answer = client.answer(false, &promise);
            answer.status("200", &promise);
            answer.body(format!("this is {name}").repeat(100).as_bytes(), &promise);
        }
    }
    // What one client leaves unanswered is not read as another's.
    for _ in 0..5 {
        let mut client = Kept::connect(&server, &promise);
        client.client.send(&[get("/1.txt"), kept("GET", "/2.txt")].concat(), &promise);
        client.answer(false, &promise).status("200", &promise);
        drop(client);
        let answer = Kept::connect(&server, &promise).ask(&kept("GET", "/3.txt"), &promise);
        answer.body("this is 3.txt".repeat(100).as_bytes(), &promise);
    }
    // An empty line before a request is passed over (RFC 9112 §2.2).
    let mut client = Kept::connect(&server, &promise);
    let request = kept("HEAD", "/1.txt");
    client.client.send(&[&request[..], b"\r\n", &request].concat(), &promise);
    for _ in 0..2 {
        client.answer(true, &promise).status("200", &promise);
    }
    client.expect_open(Duration::from_millis(100), &promise);
    // Also one that comes long before it, as from clients that end a body with CR LF.
    let promise = promise.only_because(
        "an empty line before a request is no request, and not its end: pass over it, and wait \
         for more (RFC 9112 §2.2)",
    );
    let mut client = Kept::connect(&server, &promise);
    client.client.send(&[&request[..], b"\r\n"].concat(), &promise);
    client.answer(true, &promise).status("200", &promise);
    client.expect_open(Duration::from_millis(100), &promise);
    client.ask(&request, &promise).status("200", &promise);
}

#[test]
fn a_long_pipeline_is_answered_to_its_end() {
    let promise = promise(
        "of 1,000 requests that come without a pause each is answered, and counted in max=",
    )
    .cause(
        &[Seen::Status],
        "the limit of 8,192 bytes is for one head: count from its beginning to its empty line, \
         not all that the connection has brought",
    )
    .because(
        "what was read behind a request is the beginning of the next: keep it, however much it is",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--max-requests", "5000"]);
    let mut client = Kept::connect(&server, &promise);
    client.client.send_beside(kept("HEAD", "/HelloWorld.html").repeat(1000));
    for left in (4001..=5000).rev() {
        let answer = client.answer(true, &promise);
        answer.status("200", &promise);
        answer.says("Keep-Alive", &format!("timeout=15, max={left}"), &promise);
    }
}

#[test]
fn an_empty_file_is_an_answer_like_any() {
    let promise = promise(
        "an empty file is 200 with `Content-Length: 0`, and the connection goes on behind it",
    )
    .because("a file of 0 bytes has a head, no body, and is no error")
    .read(handout::REQUESTS);
    let site = Site::new();
    site.file("empty.txt", b"");
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    for (target, body) in
        [("/empty.txt", &b""[..]), ("/HelloWorld.html", HELLO), ("/empty.txt", b"")]
    {
        let answer = client.ask(&kept("GET", target), &promise);
        answer.status("200", &promise).says(
            "Content-Length",
            &body.len().to_string(),
            &promise,
        );
        answer.body(body, &promise);
    }
    client.expect_open(Duration::from_millis(100), &promise);
}

#[test]
fn the_clock_does_not_run_while_an_answer_is_sent() {
    let promise = promise(
        "a client that takes longer than --keep-alive-timeout to read an answer may ask again \
         behind it",
    )
    .because(
        "the timeout runs from the last answer: look at the clock when it has been sent, not when \
         its request came",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let length = 48 << 20;
    site.file("large.txt", &vec![b'x'; length]);
    let (server, _log) = serve(&site, &["--keep-alive-timeout", "2"]);
    let mut client = server.connect(&promise);
    client.send(&kept("GET", "/large.txt"), &promise);
    // For longer than the timeout, and the server gets on all the time.
    let (mut all, mut behind) = (Vec::new(), usize::MAX);
    for pause in 0.. {
        if pause < 12
            && let Some(end) = server.running.ended_within(Duration::from_millis(250))
        {
            promise.broken(Seen::Ended, end.told());
        }
        let until = behind.min(all.len() + (3 << 20));
        while all.len() < until {
            match client.read(until - all.len(), PATIENCE) {
                Some(more) if !more.is_empty() => all.extend(more),
                _ => {
                    let came = bytes::count_of(all.len(), length);
                    promise.broken(
                        Seen::Part,
                        format!("the answer stopped in its body: {came} came"),
                    );
                }
            }
            if behind == usize::MAX
                && let Some(end) = all.windows(4).position(|part| part == b"\r\n\r\n")
            {
                behind = end + 4 + length;
            }
        }
        if all.len() == behind {
            break;
        }
    }
    client.send(&get("/HelloWorld.html"), &promise);
    let answer = answer_to_the_end(&mut client, PATIENCE, &promise);
    answer.status("200", &promise).body(HELLO, &promise);
}

#[test]
fn an_answer_without_a_file_keeps_the_connection_too() {
    let promise = promise(
        "404, and 400 for an extension or a method, keep the connection if that was asked for",
    )
    .cause(&[Seen::Closed], "these requests were read well: the next can follow")
    .read(handout::REQUESTS);
    let site = Site::new();
    site.file("style.css", b"css");
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    for (method, target, status) in [
        ("GET", "/nowhere.html", "404"),
        ("HEAD", "/nowhere.html", "404"),
        ("GET", "/style.css", "400"),
        ("DELETE", "/HelloWorld.html", "400"),
        ("GET", "/HelloWorld.html", "200"),
    ] {
        let answer = client.ask(&kept(method, target), &promise);
        answer.status(status, &promise).says("Connection", "keep-alive", &promise);
        answer.field("Keep-Alive", &promise);
    }
}

#[test]
fn a_malformed_request_is_told_and_the_connection_closed() {
    let site = Site::new();
    let (server, _log) = serve(&site, &["--persistent"]);
    const LENGTHS: &str = "a request has one length: two that differ contradict each other";
    const DIGITS: &str = "a length is digits, 0 to 9, and nothing else: functions that read \
         numbers take more than that";
    const CR: &str = "a CR without LF ends no line, and stands in none";
    const NAME: &str = "a field is a name, a colon and a value, and nothing stands between name \
         and colon";
    const FOLDED: &str = "a line that begins with white space is no field, and continues none";
    const HOST: &str = "a request of HTTP/1.1 has one Host, not none and not two";
    let fields = [
        ("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", LENGTHS),
        ("Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n", LENGTHS),
        ("Host: a\r\nContent-Length: 5, 6\r\n", LENGTHS),
        ("Host: a\r\nContent-Length: five\r\n", DIGITS),
        ("Host: a\r\nContent-Length: -1\r\n", DIGITS),
        ("Host: a\r\nContent-Length: +5\r\n", DIGITS),
        ("Host: a\r\nContent-Length: 1_0\r\n", DIGITS),
        ("Host: a\r\nContent-Length: 5 5\r\n", DIGITS),
        ("Host: a\r\nContent-Length: 0x5\r\n", DIGITS),
        ("Host: a\r\nContent-Length: ٥\r\n", DIGITS),
        ("Host: a\r\nX: one\rtwo\r\n", CR),
        ("Host: a\r\nX: one\rY: two\r\n", CR),
        ("Host: a\r\nX: one\r\r\n", CR),
        ("Host: a\r\nX : y\r\n", NAME),
        ("Host: a\r\nX\t: y\r\n", NAME),
        ("Host : a\r\n", NAME),
        ("Host: a\r\nX: y\r\n z\r\n", FOLDED),
        ("Host: a\r\nX: y\r\n\tz\r\n", FOLDED),
        ("Host: a\r\nNo colon\r\n", NAME),
        ("Host: a\r\nNa me: x\r\n", NAME),
        ("Host: a\r\n: x\r\n", NAME),
        ("", HOST),
        ("Host: a\r\nHost: a\r\n", HOST),
        ("Host: a\r\nHost: b\r\n", HOST),
    ];
    let heads = fields
        .iter()
        .map(|(fields, why)| (format!("GET /HelloWorld.html HTTP/1.1\r\n{fields}\r\n"), *why));
    let bare_cr = ("GET /HelloWorld.html\r HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), CR);
    for (head, why) in heads.chain([bare_cr]) {
        let shown = head.escape_debug();
        let promise = promise(format!(
            "\"{shown}\" gets 400, `Connection: close`, and the connection ends"
        ))
        .cause(
            &[Seen::StillOpen, Seen::Other],
            "where a request cannot be read nobody knows where the next begins: close",
        )
        .cause(
            &[Seen::Status],
            format!(
                "{why}; lenient reading is how requests are smuggled past proxies (RFC 9112 §11.2)"
            ),
        )
        .read(handout::BODIES);
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(head.as_bytes(), &promise);
        answer.status("400", &promise).says("Connection", "close", &promise);
        client.expect_end(PATIENCE, &promise);
    }
}

#[test]
fn what_only_looks_like_a_mistake_is_served() {
    const SPACE: &str = "white space behind a colon, and at the end of a value, may be there or \
         not: split at the colon alone, then trim (RFC 9112 §5)";
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    for (version, fields, cause) in [
        ("1.0", "", "HTTP/1.0 has no Host: ask for one in HTTP/1.1 alone (RFC 9112 §3.2)"),
        ("1.1", "Host:a\r\n", SPACE),
        ("1.1", "Host:\ta \t \r\n", SPACE),
        ("1.1", "HOST: a\r\n", "the case of a field's name means nothing (RFC 9110 §5.1)"),
        ("1.1", "Host: a\r\nX:\r\n", "a field's value may be empty (RFC 9110 §5.5)"),
        ("1.1", "Host: a\r\nX: y:z: \r\n", "a name ends at the first colon of its line"),
    ] {
        let head = format!("GET /HelloWorld.html HTTP/{version}\r\n{fields}\r\n");
        let promise = promise(format!("\"{}\" is served", head.escape_debug()))
            .because(cause)
            .read(handout::BODIES);
        ask(&server, head.as_bytes(), &promise).status("200", &promise).body(HELLO, &promise);
    }
}

#[test]
fn an_answer_comes_whole_though_its_request_has_a_body() {
    let promise = promise(
        "an answer that takes its time comes whole, although its request's body comes meanwhile",
    )
    .because(
        "close(2) with bytes of the client unread sends RST, which destroys what is on its way: \
         end your side (shutdown), read what the client still sends, then close",
    )
    .read(handout::BODIES);
    let site = Site::new();
    let letters = vec![b'x'; 2 << 20];
    site.file("large.txt", &letters);
    let (server, _log) = serve(&site, &[]);
    let mut client = Peer::connect_narrow(server.address, &promise);
    client.send(b"GET /large.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", &promise);
    // The answer waits for us to read, if the server does not wait for the body.
    client.has_something(Duration::from_millis(1000));
    client.send(b"a=b&c", &promise);
    let (all, _) = client.read_to_the_end(PATIENCE);
    if all.is_empty() {
        promise.broken_because(
            Seen::Nothing,
            "no answer came",
            Some(
                "a request with a body is answered too, and then its connection closed"
                    .to_owned(),
            ),
        );
    }
    let answer = Answer::of(&all, &promise);
    answer.status("200", &promise);
    if answer.body.len() < letters.len() {
        let came = bytes::count_of(answer.body.len(), letters.len());
        promise.broken(Seen::Reset, format!("the answer broke off in its body: {came} came"));
    }
    answer.body(&letters, &promise);
}

#[test]
fn a_request_with_a_body_is_answered_and_its_connection_closed() {
    let promise = promise(
        "a request with a body is answered, and its connection closed behind that",
    )
    .cause(&[Seen::StillOpen, Seen::More], "the body was taken for the next request")
    .cause(
        &[Seen::Other],
        "behind a body that is not read nobody knows where the next request begins: the \
                 answer says close",
    )
    .cause(
        &[Seen::Reset],
        "the connection was closed with bytes of the client unread, which sends RST",
    )
    .read(handout::BODIES);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--persistent"]);
    let smuggled = "GET /filenotfound.html HTTP/1.1\r\nHost: a\r\n\r\n";
    for (method, framing, body, status) in [
        ("GET", format!("Content-Length: {}", smuggled.len()), smuggled.to_owned(), "200"),
        (
            "GET",
            "Transfer-Encoding: chunked".to_owned(),
            format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()),
            "200",
        ),
        (
            "GET",
            "TRANSFER-ENCODING:Chunked".to_owned(),
            format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len()),
            "200",
        ),
        ("POST", "Content-Length: 5".to_owned(), "a=b&c".to_owned(), "400"),
    ] {
        let head = format!(
            "{method} /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n{framing}\r\n\r\n"
        );
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(format!("{head}{body}").as_bytes(), &promise);
        answer.status(status, &promise).says("Connection", "close", &promise);
        client.expect_end(PATIENCE, &promise);
    }
    let mut client = Kept::connect(&server, &promise);
    let none = b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    client.ask(none, &promise).says("Connection", "keep-alive", &promise);
}

#[test]
fn nothing_behind_a_refused_request_is_answered() {
    let promise = promise(
        "behind a request that cannot be read nothing is answered: one 400, then the end",
    )
    .cause(
        &[Seen::More, Seen::StillOpen],
        "where a request cannot be read nobody knows where it ends: what stands behind \
                 it may be its body, put there to pass for a request (RFC 9112 §11.2)",
    )
    .cause(
        &[Seen::Reset],
        "the connection was closed with bytes of the client unread, which sends RST",
    )
    .read(handout::BODIES);
    let site = Site::new();
    let (server, _log) = serve(&site, &["--persistent"]);
    let smuggled = kept("GET", "/filenotfound.html");
    for (start, status) in [
        (
            "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "400",
        ),
        (
            "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 50",
            "400",
        ),
        ("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nContent-Length : 50", "400"),
        ("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 50", "400"),
        ("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 50", "400"),
        ("GET /HelloWorld.html HTTP/1.1", "400"),
        ("GET /HelloWorld.html HTTP:/1.1\r\nHost: a", "400"),
        ("GET /HelloWorld.html HTTP/2.0\r\nHost: a", "505"),
        ("hello", "400"),
    ] {
        let request = [start.as_bytes(), b"\r\n\r\n", &smuggled].concat();
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(&request, &promise);
        answer.status(status, &promise).says("Connection", "close", &promise);
        client.expect_end(PATIENCE, &promise);
    }
}

#[test]
fn nothing_behind_the_last_answer_is_answered() {
    let promise = promise(
        "behind an answer that says `Connection: close` no request is answered",
    )
    .cause(&[Seen::Closed], "the connection was closed behind the first answer")
    .cause(
        &[Seen::More, Seen::StillOpen],
        "a client that pipelines has sent more already: `close` means that it is not looked \
             at (RFC 9112 §9.6)",
    )
    .cause(
        &[Seen::Status],
        "HTTP/1.0 has no Host: ask for one in HTTP/1.1 alone (RFC 9112 §3.2)",
    )
    .cause(
        &[Seen::Other],
        "also with --persistent a client's close, HTTP/1.0 and the last of --max-requests end the \
         connection, and nothing before that does",
    )
    .cause(
        &[Seen::Reset],
        "the connection was closed with bytes of the client unread, which sends RST",
    )
    .read(handout::REQUESTS);
    let site = Site::new();
    let next = kept("GET", "/HelloWorld.html");
    let (server, _log) = serve(&site, &["--persistent", "--max-requests", "3"]);
    for (request, answers) in [
        (&b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"[..], 1),
        (b"GET /HelloWorld.html HTTP/1.0\r\n\r\n", 1),
        (&next, 3),
    ] {
        let mut client = Kept::connect(&server, &promise);
        client.client.send(&[request, &next.repeat(5)].concat(), &promise);
        for left in (0..answers).rev() {
            let answer = client.answer(false, &promise);
            answer.status("200", &promise).body(HELLO, &promise);
            let connection = if left == 0 { "close" } else { "keep-alive" };
            answer.says("Connection", connection, &promise);
        }
        client.expect_end(PATIENCE, &promise);
    }
}

#[test]
fn an_answer_to_head_never_has_a_body() {
    let promise =
        promise("whatever HEAD is answered with, the answer ends with its empty line")
            .cause(
                &[Seen::More],
                "a body behind an answer to HEAD passes for the next answer (RFC 9110 §9.3.2)",
            )
            .read(handout::REQUESTS);
    let site = dated_site();
    site.file("style.css", b"css");
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    for (before, target, status) in [
        ("", "/HelloWorld.html", "200"),
        ("\r\n", "/HelloWorld.html", "200"),
        ("", "/nowhere.html", "404"),
        ("", "/style.css", "400"),
    ] {
        client.client.send(&[before.as_bytes(), &kept("HEAD", target)].concat(), &promise);
        client.answer(true, &promise).status(status, &promise);
        client.expect_open(Duration::from_millis(50), &promise);
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_spoils_no_other_answer() {
    let promise = promise(
        "a file that grows while it is sent ends where Content-Length says; one that shrinks \
         cannot, so the connection ends",
    )
    .cause(
        &[Seen::More],
        "send as many bytes as Content-Length announces; if there are fewer, close: otherwise \
         the next answer is taken for the rest of this one (RFC 9112 §6.3)",
    )
    .cause(&[Seen::StillOpen], "the client waits for bytes that will never come: close")
    .read(handout::REQUESTS);
    let site = Site::new();
    let length = 32 << 20;
    let (server, _log) = serve(&site, &[]);
    let next = b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n";
    for becomes in [40 << 20, 1000] {
        site.file("large.txt", &vec![b'x'; length]);
        let mut client = server.connect(&promise);
        client.send(&kept("GET", "/large.txt"), &promise);
        // The rest fits into no buffer: it waits for us to read.
        let mut all = client.read(1000, PATIENCE).unwrap_or_default();
        let file = fs::File::options().write(true).open(site.path("large.txt"));
        file.and_then(|file| file.set_len(becomes)).expect("a file's length is set");
        client.send(next, &promise);
        let (rest, ended) = client.read_to_the_end(PATIENCE);
        all.extend(rest);
        let mut answer = Answer::of(&all, &promise);
        answer.status("200", &promise).says("Content-Length", &length.to_string(), &promise);
        if answer.body.len() >= length {
            let next = Answer::of(&answer.body.split_off(length), &promise);
            next.status("200", &promise).body(HELLO, &promise);
        } else if answer.body.ends_with(HELLO) {
            promise.broken(Seen::More, "the next answer stands within the body of this one");
        }
        if !ended {
            promise
                .broken(Seen::StillOpen, "nothing more comes, and the connection stays open");
        }
    }
}

#[test]
fn no_client_can_put_a_field_into_an_answer() {
    let promise = promise("nothing that a client sends becomes a field of the answer")
        .cause(
            &[Seen::Other],
            "a decoded %0d%0a in a head ends its line: put nothing from the request there (RFC \
             9112 §11.1)",
        )
        .read(handout::REQUESTS);
    let site = Site::new();
    let (server, _log) = serve(&site, &[]);
    for target in [
        "/%0d%0aForged:%20yes",
        "/a.html%0d%0aForged:%20yes",
        "/%0d%0aForged:%20yes%0d%0a/a.html",
        "/HelloWorld.html?%0d%0aForged:%20yes",
        "/%0aForged:%20yes%0a.html",
    ] {
        let answer = ask(&server, &get(target), &promise);
        if answer.fields.iter().any(|(name, _)| name == "forged") {
            promise.broken(Seen::Other, format!("GET {target} got a field `Forged`"));
        }
    }
}

// Not sending what the client has

#[test]
fn an_answer_says_when_its_file_was_changed() {
    let promise = promise(
        "200 says Date, Content-Type, Content-Length and Last-Modified; HEAD says the same",
    )
    .cause(&[Seen::Other], "Last-Modified is the time of the file, in GMT")
    .read(handout::CONDITIONAL);
    let site = dated_site();
    let (server, _log) = serve_in_tokyo(&site, &[]);
    for method in ["GET", "HEAD"] {
        let request = format!("{method} /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = ask(&server, request.as_bytes(), &promise);
        answer.status("200", &promise);
        answer.says("Last-Modified", MODIFIED_AT, &promise);
        answer.says("Content-Length", &HELLO.len().to_string(), &promise);
        if !answer.field("Content-Type", &promise).starts_with("text/html") {
            promise.broken(
                Seen::Other,
                format!("Content-Type: {}", answer.field("Content-Type", &promise)),
            );
        }
        answer.is_dated(&promise);
        if method == "HEAD" && !answer.body.is_empty() {
            promise
                .broken(Seen::More, format!("a body came: {}", bytes::show(&answer.body, 40)));
        }
    }
}

#[test]
fn a_file_that_the_client_has_is_not_sent_again() {
    let site = dated_site();
    let (server, _log) = serve_in_tokyo(&site, &[]);
    for date in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Wed Nov 16 08:49:37 1994",
        // Two digits of a year: the one that is not more than 50 years ahead.
        "Friday, 01-Mar-30 00:00:00 GMT",
        "Mon, 07 Nov 1994 08:49:37 GMT",
        "Sat, 01 Jan 2050 00:00:00 GMT",
    ] {
        let promise = promise(format!("If-Modified-Since: {date} gets 304, without a body: it is at or after the file's time, {MODIFIED_AT} (and 0.7 s; the server's time zone is {TOKYO})"))
            .cause(
                &[Seen::Status],
                "compare dates, not their text: a date at or after the file's time, in whole \
                 seconds, in all three forms (RFC 9110 §5.6.7), in the future too, and for HEAD \
                 as for GET",
            )
            .cause(
                &[Seen::Other, Seen::More],
                "304 has no body; its Content-Length is what GET would send",
            )
            .read(handout::CONDITIONAL);
        for method in ["GET", "HEAD"] {
            let answer = ask(&server, &conditional(method, date), &promise);
            if (method, date) == ("GET", MODIFIED_AT)
                && answer.status_line.starts_with("HTTP/1.1 200")
            {
                let line = answer.status_line;
                promise.broken_because(Seen::Status, line, why_not_fresh(&server, &promise));
            }
            answer.status("304 Not Modified", &promise);
            answer.is_without_body(&promise);
            let in_gmt = promise.only_because("Last-Modified is the time of the file, in GMT");
            answer.says("Last-Modified", MODIFIED_AT, &in_gmt);
            answer.says("Content-Length", &HELLO.len().to_string(), &promise);
            answer.field("Content-Type", &promise);
            answer.is_dated(&promise);
        }
    }
}

/// Why the file's own date gets no 304, if other dates tell.
fn why_not_fresh(server: &Server, promise: &Promise) -> Option<String> {
    let is_fresh = |later: u64| {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED + later);
        let request = conditional("GET", &httpdate::fmt_http_date(date));
        ask(server, &request, promise).status_line.starts_with("HTTP/1.1 304")
    };
    if is_fresh(1) {
        let cause = "compare in whole seconds, and take an equal date for fresh: the file's time \
                     has a fraction, which no HTTP date can say";
        return Some(cause.to_owned());
    }
    (!is_fresh(LATER_IN_TOKYO - 1) && is_fresh(LATER_IN_TOKYO + 1)).then(|| {
        format!(
            "the client's date or the file's time was taken for local time, which is 9 h ahead \
             here (TZ={TOKYO}): HTTP's dates are in GMT"
        )
    })
}

#[test]
fn what_was_not_modified_keeps_the_connection_too() {
    let promise = promise(
        "304 keeps the connection, and the next answer begins behind its head",
    )
    .cause(
        &[Seen::Nothing, Seen::Closed],
        "304 has no body, whatever its Content-Length says: the next request can follow",
    )
    .read(handout::CONDITIONAL);
    let site = dated_site();
    let (server, _log) = serve(&site, &[]);
    let mut client = Kept::connect(&server, &promise);
    let asked = format!("Connection: keep-alive\r\nIf-Modified-Since: {MODIFIED_AT}\r\n");
    let again = format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{asked}\r\n");
    for left in [100, 99, 98] {
        let answer = client.ask(again.as_bytes(), &promise);
        answer.status("304", &promise).says("Connection", "keep-alive", &promise);
        let promise = promise.only_because("304 says and counts what any other answer does");
        answer.says("Keep-Alive", &format!("timeout=15, max={left}"), &promise);
    }
    client.expect_open(Duration::from_millis(100), &promise);
    let promise = support::promise("a field's name may come in capitals")
        .because("the case of a field's name means nothing: compare names in lowercase")
        .read(handout::CONDITIONAL);
    let request = again.replace("If-Modified-Since: ", "IF-MODIFIED-SINCE:");
    client.ask(request.as_bytes(), &promise).status("304", &promise);
}

#[test]
fn an_old_copy_or_a_date_that_is_none_gets_the_file() {
    let site = dated_site();
    let (server, _log) = serve_in_tokyo(&site, &[]);
    for date in [
        "Sun, 06 Nov 1994 08:49:36 GMT",
        "Saturday, 05-Nov-94 08:49:37 GMT",
        "Sat Nov  5 08:49:37 1994",
        "yesterday",
        "1994-11-06 08:49:37",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "0",
        "",
    ] {
        let promise = promise(format!(
            "If-Modified-Since: {date} gets 200 and the file, which is of {MODIFIED_AT}"
        ))
        .cause(
            &[Seen::Status],
            "the file is younger than that date; or it is none, and as good as not there: \
             compare dates in GMT, whatever the server's time zone, not their text",
        )
        .cause(&[Seen::Closed, Seen::Reset], "a date that cannot be read crashed the thread")
        .read(handout::CONDITIONAL);
        let answer = ask(&server, &conditional("GET", date), &promise);
        answer.status("200", &promise).body(HELLO, &promise);
    }
    let promise = promise("what is not there gets 404, whatever its If-Modified-Since says")
        .cause(&[Seen::Status], "look for the file first, and at dates only if it is there")
        .read(handout::CONDITIONAL);
    let missing = b"GET /nowhere.html HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n\r\n";
    ask(&server, missing, &promise).status("404", &promise).body(NOT_FOUND_PAGE, &promise);
}

#[test]
fn a_file_that_changes_is_sent_again() {
    let promise = promise("after a file has changed, a copy from before is not fresh any more")
        .cause(&[Seen::Status, Seen::Other], "look at the file for each request")
        .read(handout::CONDITIONAL);
    let fresh = support::promise("until a file changes, a copy of it is fresh")
        .cause(
            &[Seen::Status, Seen::Other],
            "compare dates, not their text, in whole seconds: the time of a file has fractions",
        )
        .read(handout::CONDITIONAL);
    let site = dated_site();
    let (server, _log) = serve(&site, &[]);
    let request = conditional("GET", MODIFIED_AT);
    ask(&server, &request, &fresh).status("304", &fresh);
    site.file("HelloWorld.html", b"changed");
    ask(&server, &request, &promise).status("200", &promise).body(b"changed", &promise);
}

// The log

#[test]
fn the_log_has_two_lines_for_each_exchange() {
    let promise = promise(
        "for each exchange the log gets two lines, in the form that the handout shows",
    )
    .cause(&[Seen::Other], "the fields, their order and the brackets are fixed")
    .cause(
        &[Seen::Nothing, Seen::Part],
        "each exchange has a line for the request and one for the response, whatever its \
                 status: they must be in the file when it is over, not in a buffer",
    )
    .read(handout::LOG);
    let site = Site::new();
    site.file("index.html", b"index");
    let (server, log) = serve_in_tokyo(&site, &[]);
    let mut lines = 0;
    for (request, connection, method, file, status) in [
        (&kept("HEAD", "/")[..], "keep-alive", "HEAD", "/index.html", "200 OK"),
        (&kept("GET", "/nowhere.html"), "keep-alive", "GET", "/nowhere.html", "404 Not Found"),
        (&get("/HelloWorld.html?a=b"), "close", "GET", "/HelloWorld.html", "200 OK"),
        (
            &conditional("GET", "Sat, 01 Jan 2050 00:00:00 GMT"),
            "close",
            "GET",
            "/HelloWorld.html",
            "304 Not Modified",
        ),
        (
            b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\na=b&c",
            "keep-alive",
            "GET",
            "/HelloWorld.html",
            "200 OK",
        ),
        (b"no request\r\n\r\n", "-", "-", "-", "400 Bad Request"),
    ] {
        let mut client = Kept::connect(&server, &promise);
        let answer = client.ask(request, &promise);
        answer.status(status, &promise);
        let kept = answer.field("Connection", &promise).to_lowercase();
        lines += 2;
        // Here already, while the connection is still there.
        let log = log.lines(lines, &promise);
        let client = "(localhost, 127.0.0.1)";
        let request = format!(
            "[Client request from {client}][Connection: {connection}][Method: {method}][Request file name: {file}][Date: {DATE}]"
        );
        // A request that says nothing of Connection is one whose connection closes; and one
        // that could not be read has two words, if one likes.
        let or = if method == "-" {
            request.replacen(
                "[Method: -][Request file name: -]",
                "[Method: no][Request file name: request]",
                1,
            )
        } else {
            request.replacen("[Connection: close]", "[Connection: -]", 1)
        };
        let response = format!(
            "[Server response to {client}][StatusCode: HTTP/1.1 {status}][Date: {DATE}][Connection: {kept}]"
        );
        for (want, or, line) in
            [(&request, &or, &log[lines - 2]), (&response, &response, &log[lines - 1])]
        {
            if !fits(want, line) && !fits(or, line) {
                let told = format!("a line is\n{line}\nand should be\n{want}");
                promise.broken_because(Seen::Other, told, wrong_field(want, line));
            }
            if !is_of_now(line) {
                let told = format!("a line is\n{line}\nbut that is not the time in GMT");
                promise.broken_because(Seen::Other, told, Some(IN_GMT.to_owned()));
            }
        }
    }
    // The last answer says close to a client that asks for more.
    let site = Site::new();
    let (server, log) = serve(&site, &["--max-requests", "1", "--log-format", "lab"]);
    ask(&server, &kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
    let line = &log.lines(2, &promise)[1];
    if !line.ends_with("[Connection: close]") {
        let told = format!("the answer said `Connection: close`, and its line is\n{line}");
        promise.broken_because(Seen::Other, told, Some(CONNECTION_LOGGED.to_owned()));
    }
}

#[test]
fn a_quiet_server_writes_its_log() {
    let promise = promise("with --quiet the log gets its lines like without")
        .because("--quiet is for the console alone; what turns the log off is --no-log")
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &["--quiet"]);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    log.lines(2, &promise);
}

#[test]
fn dates_are_right_however_many_threads_write_them() {
    let promise = promise(
        "with 8 clients at once each Date, each Last-Modified and each date in the log is right",
    )
    .because(
        "threads share something that makes dates (a SimpleDateFormat, a buffer) and disturb one \
         another: let each have its own, or use what threads may share",
    )
    .read(handout::LOG);
    let site = Site::new();
    let modified = |client: u64| {
        SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED + client * 40_000_001)
    };
    for client in 0..8 {
        let name = format!("{client}.txt");
        site.file(&name, b"text");
        let file = fs::File::options().write(true).open(site.path(&name));
        file.and_then(|file| file.set_modified(modified(client)))
            .expect("a file's time is set");
    }
    let (server, log) = serve(&site, &[]);
    let address = server.address;
    at_once(8, |client| {
        let want = httpdate::fmt_http_date(modified(client as u64));
        let requests = kept("HEAD", &format!("/{client}.txt")).repeat(20);
        let mut client = Kept::at(address, &promise);
        for _ in 0..5 {
            client.client.send(&requests, &promise);
            for _ in 0..20 {
                let answer = client.answer(true, &promise);
                answer.status("200", &promise).says("Last-Modified", &want, &promise);
                let date = answer.field("Date", &promise);
                if !http_date_is_now(date) {
                    promise.broken(Seen::Other, format!("an answer has `Date: {date}`"));
                }
            }
        }
    });
    for line in log.lines(1600, &promise) {
        if !is_of_now(&line) {
            promise.broken(Seen::Other, format!("a line of the log is\n{line}"));
        }
    }
}

const IN_GMT: &str = "Date is the time in GMT, as in the answer's Date field";
const CONNECTION_LOGGED: &str = "Connection is keep-alive or close: in the request's line what \
     the client asks for, close if it says nothing, in the response's what the server says";

/// Whether the date in a line of the log is about now.
fn is_of_now(line: &str) -> bool {
    let date = line.split("[Date: ").nth(1).and_then(|rest| rest.split(']').next());
    date.is_some_and(http_date_is_now)
}

/// Which field of a line of the log is not as it should be.
fn wrong_field(want: &str, line: &str) -> Option<String> {
    let fields = |line: &str| -> Vec<String> {
        line.trim_matches(['[', ']']).split("][").map(str::to_owned).collect()
    };
    let (want, has) = (fields(want), fields(line));
    if want.len() != has.len() {
        return None;
    }
    let (want, has) = want.iter().zip(&has).find(|(want, has)| !fits(want, has))?;
    let name = want.split(": ").next()?;
    if want.contains(": ") && !has.starts_with(name) {
        return None;
    }
    let cause = match name {
        "Date" => IN_GMT.to_owned(),
        "Request file name" => {
            "the file's name is that of the target: without its query, and /index.html for /"
                .to_owned()
        }
        "Connection" => CONNECTION_LOGGED.to_owned(),
        "StatusCode" => {
            "the status line stands in the log as it was sent, with its words".to_owned()
        }
        name if name.contains("(localhost") => {
            "in brackets stand a name and the address: localhost for a loopback address, else \
             the address again"
                .to_owned()
        }
        name => format!("{name} is not as in the exchange, or not at its place"),
    };
    Some(cause)
}

#[test]
fn what_could_not_be_read_is_in_the_log_too() {
    let promise = promise("408, 431 and 505 are exchanges too: two lines for each in the log")
        .cause(
            &[Seen::Nothing, Seen::Part],
            "these answers leave on another path: log on the way that all answers take",
        )
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &["--keep-alive-timeout", "2"]);
    let mut lines = 0;
    for (request, status) in unreadable() {
        ask(&server, &request, &promise).status(status, &promise);
        lines += 2;
        let log = log.lines(lines, &promise);
        let line = &log[lines - 1];
        if !line.contains(&format!("][StatusCode: HTTP/1.1 {status} ")) {
            promise.broken(Seen::Other, format!("of the {status} there is the line\n{line}"));
        }
    }
}

#[test]
fn a_refused_connection_is_not_in_the_log() {
    let promise =
        promise("a connection that was refused with 503 is no exchange: no line in the log")
            .cause(&[Seen::More], "nobody has read a request there")
            .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &["--max-connections", "1"]);
    let mut first = server.connect(&promise);
    first.expect_still_open(Duration::from_millis(100), &promise);
    answer_to_the_end(&mut server.connect(&promise), PATIENCE, &promise)
        .status("503", &promise);
    first.send(&get("/HelloWorld.html"), &promise);
    answer_to_the_end(&mut first, PATIENCE, &promise).status("200", &promise);
    log.lines(2, &promise);
}

#[test]
fn the_loopback_address_of_ipv6_is_localhost_too() {
    if !sockets::has_ipv6() {
        return;
    }
    let promise = promise("a client at ::1 is `(localhost, ::1)` in the log")
        .cause(&[Seen::Other], "ask the address whether it is a loopback one")
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &["--host", "::1"]);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    for line in log.lines(2, &promise) {
        if !line.contains("(localhost, ::1)]") {
            promise.broken(Seen::Other, format!("a line is\n{line}"));
        }
    }
}

#[test]
fn each_loopback_address_is_localhost() {
    let promise = promise("a client at 127.0.0.2 is `(localhost, 127.0.0.2)` in the log")
        .cause(
            &[Seen::Other],
            "ask the address whether it is a loopback one: all that begin with 127. are",
        )
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &[]);
    let there = Ipv4Addr::new(127, 0, 0, 2).into();
    // Not every system has more than one such address.
    let Some(mut client) = Peer::connect_from(there, server.address, &promise) else { return };
    client.send(&get("/HelloWorld.html"), &promise);
    answer_to_the_end(&mut client, PATIENCE, &promise).status("200", &promise);
    for line in log.lines(2, &promise) {
        if !line.contains("(localhost, 127.0.0.2)]") {
            promise.broken(Seen::Other, format!("a line is\n{line}"));
        }
    }
}

#[test]
fn a_log_is_appended_to() {
    let promise = promise("what the log holds already stays, and new lines come behind it")
        .cause(
            &[Seen::Other, Seen::Part, Seen::Nothing],
            "open the log to append (O_APPEND), do not truncate it",
        )
        .read(handout::LOG);
    let site = Site::new();
    let log = Log::of(&site);
    fs::write(site.outside().join("log.txt"), "an earlier line\n").expect("a log is written");
    // One server after another, and two at once.
    let mut lines = 1;
    for servers in [1, 1, 2] {
        let servers: Vec<Server> = (0..servers).map(|_| serve(&site, &[]).0).collect();
        for server in servers.iter().chain(&servers) {
            ask(server, &get("/HelloWorld.html"), &promise);
            lines += 2;
            log.lines(lines, &promise);
        }
        for server in servers {
            server.running.signal(Signal::SIGTERM);
            server.running.ended(&promise).status(0, &promise);
        }
    }
    if log.lines(lines, &promise)[0] != "an earlier line" {
        promise.broken(Seen::Other, "the first line is not what was there before");
    }
}

#[test]
fn the_log_survives_a_killed_server() {
    let promise =
        promise("what was answered is in the log even if the server is killed (SIGKILL)")
            .cause(
                &[Seen::Nothing, Seen::Part],
                "lines that wait in a buffer are lost with the process: write each at once",
            )
            .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &[]);
    // Each answer tells that the exchange before it is over, so that only the lines of the
    // last one may be missing.
    let mut client = Kept::connect(&server, &promise);
    for _ in 0..10 {
        client.ask(&kept("GET", "/HelloWorld.html"), &promise).status("200", &promise);
    }
    server.running.kill();
    server.running.ended(&promise);
    let text = fs::read_to_string(&log.0).unwrap_or_default();
    let lines = text.lines().count();
    if !matches!(lines, 18 | 20) || !text.ends_with('\n') {
        let end = bytes::show(&text.as_bytes()[text.len().saturating_sub(40)..], 40);
        promise.broken(
            if lines == 0 { Seen::Nothing } else { Seen::Part },
            format!("of 10 exchanges, 20 lines, {lines} are in the log, and its end is {end}"),
        );
    }
}

#[test]
fn no_client_can_forge_a_line_or_a_field() {
    let promise = promise("nothing that a client sends adds a line or a field to the log")
        .cause(
            &[Seen::More, Seen::Other],
            "escape what ends a field: brackets, quotation marks, line ends",
        )
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve(&site, &[]);
    for target in [
        "/a.html][Method:FORGED][x",
        "/%0a[Client%20request%20from%20(forged,%201.2.3.4)]",
        "/%0d%0aFORGED.html",
        "/%1b[31mFORGED.html",
        "/]].html",
    ] {
        ask(&server, &get(target), &promise);
    }
    ask(&server, b"GET /\r[Method: FORGED] HTTP/1.1\r\nHost: a\r\n\r\n", &promise);
    ask(&server, b"GET /\x1b[31mFORGED.html HTTP/1.1\r\nHost: a\r\n\r\n", &promise);
    ask(
        &server,
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive][Method: FORGED\r\n\r\n",
        &promise,
    );
    for line in log.lines(16, &promise) {
        let fields = if line.starts_with("[Client request from (") { 5 } else { 4 };
        let brackets = (line.matches('[').count(), line.matches(']').count());
        let sound = line
            .starts_with("[Client request from (localhost, 127.0.0.1)][Connection: ")
            || line.starts_with("[Server response to (localhost, 127.0.0.1)][StatusCode: ");
        if brackets != (fields, fields)
            || !sound
            || !line.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        {
            promise.broken(Seen::Other, format!("a line is\n{line}"));
        }
    }
}

#[test]
fn fifty_clients_at_once_do_not_mix_their_lines() {
    let promise =
        promise("with 50 clients at once each exchange has its two lines, one below the other")
            .cause(
                &[Seen::Other],
                "write both lines with one call: between two writes others may get in",
            )
            .cause(&[Seen::Part, Seen::Nothing], "lines were lost")
            .read(handout::LOG);
    let site = Site::new();
    for client in 0..50 {
        site.file(&format!("{client}.txt"), b"text");
    }
    let (server, log) = serve(&site, &[]);
    let address = server.address;
    at_once(50, |client| {
        for _ in 0..10 {
            let request = get(&format!("/{client}.txt"));
            Kept::at(address, &promise).ask(&request, &promise).status("200", &promise);
        }
    });
    let lines = log.lines(1000, &promise);
    let mut counts = std::collections::HashMap::new();
    for pair in lines.chunks(2) {
        let [request, response] = pair else { break };
        let file = request
            .split("[Request file name: ")
            .nth(1)
            .and_then(|rest| rest.split(']').next());
        let (Some(file), true) = (file, response.starts_with("[Server response to ")) else {
            promise.broken(Seen::Other, format!("two lines are\n{request}\n{response}"));
        };
        *counts.entry(file.to_owned()).or_insert(0) += 1;
    }
    if counts.len() != 50 || counts.values().any(|count| *count != 10) {
        promise.broken(Seen::Part, format!("requests for each file: {counts:?}"));
    }
}

#[test]
fn the_combined_format_is_the_one_that_analysers_read() {
    let promise = promise("--log-format combined writes `ADDR - - [DATE] \"REQUEST\" STATUS BYTES \"REFERER\" \"AGENT\"`")
        .cause(
            &[Seen::Other, Seen::More],
            "this is the NCSA combined format, field by field; what is not there is \"-\", and \
             what could end a field is escaped",
        )
        .read(handout::LOG);
    let site = Site::new();
    let (server, log) = serve_in_tokyo(&site, &["--log-format", "combined"]);
    let length = HELLO.len().to_string();
    let mut lines = 0;
    for (request, line, status, bytes, referer, agent) in [
        (
            "GET /HelloWorld.html?a=b HTTP/1.1\r\nHost: a\r\nReferer: http://a/\r\nUser-Agent: my agent\r\n\r\n",
            Some("GET /HelloWorld.html?a=b HTTP/1.1"),
            "200",
            Some(&*length),
            Some("http://a/"),
            Some("my agent"),
        ),
        (
            "GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n",
            Some("GET /HelloWorld.html HTTP/1.1"),
            "200",
            Some(&*length),
            Some("-"),
            Some("-"),
        ),
        (
            "HEAD /HelloWorld.html HTTP/1.1\r\nHost: a\r\n\r\n",
            Some("HEAD /HelloWorld.html HTTP/1.1"),
            "200",
            Some("0"),
            Some("-"),
            Some("-"),
        ),
        (
            "GET /\"a\"\\ HTTP/1.1\r\nHost: a\r\nReferer: \"\\\r\nUser-Agent: an \"agent\" \\\r\n\r\n",
            None,
            "40",
            None,
            None,
            None,
        ),
        ("no request\r\n\r\n", None, "400", None, Some("-"), Some("-")),
    ] {
        ask(&server, request.as_bytes(), &promise);
        lines += 1;
        let entry = &log.lines(lines, &promise)[lines - 1];
        let wrong = |what: &str| -> ! {
            promise.broken_because(Seen::Other, format!("{what}, in the line\n{entry}"), Some(format!(
                "{what}: this is the NCSA combined format, field by field; what is not there is \
                 \"-\", and what could end a field is escaped")))
        };
        let Some(fields) = Combined::of(entry) else { wrong("its fields are not these") };
        let said = |field: &str, want: Option<&str>| want.is_none_or(|want| field == want);
        let no_bytes = bytes == Some("0") && fields.bytes == "-";
        match () {
            () if fields.before != "127.0.0.1 - - " => {
                wrong("it does not begin with the address")
            }
            () if !fields.is_of_now() => wrong(
                "the date does not read like [10/Oct/2000:13:55:36 +0000], or is not now (the zone behind it is that of the time)",
            ),
            () if !said(fields.request, line) => {
                wrong("the request line is not as it was sent")
            }
            () if !fields.status.starts_with(status) => {
                wrong("the status is not that of the answer")
            }
            () if !said(fields.bytes, bytes) && !no_bytes => {
                wrong("the bytes are not those of the body")
            }
            () if !said(fields.referer, referer) => wrong("Referer is not as it was sent"),
            () if !said(fields.agent, agent) => wrong("User-Agent is not as it was sent"),
            () => {}
        }
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    let promise = promise(
        "where the log cannot be opened the server says so on stderr, and serves on without one, \
         or ends with status 1",
    )
    .cause(&[Seen::Stderr, Seen::Status], "opening a file can fail: report it, and do not crash")
    .read(handout::LOG);
    SERVER.first.must_pass();
    let site = Site::new();
    let nowhere = site.outside().join("no-such-folder/log.txt");
    let arguments = ["--root", &site.root(), "--log", &nowhere.display().to_string(), "0"];
    let end = match SERVER.launch(&arguments).start().ready_or_ended(SERVER.ready) {
        Ok(server) => {
            ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
            server.running.signal(Signal::SIGTERM);
            server.running.ended(&promise)
        }
        Err(end) => end,
    };
    manners::no_crash_shown(&end, &promise);
    if !matches!(end.status.code(), Some(0 | 1)) {
        promise.broken(Seen::Status, end.told());
    }
    if !end.errors().to_lowercase().contains("log") {
        promise.broken(Seen::Stderr, end.told());
    }
}

#[test]
fn the_log_is_log_txt_unless_told() {
    let promise = promise(
        "the log is log.txt in the folder where the server was started; with --no-log there is \
         none",
    )
    .cause(&[Seen::Nothing], "without --log the log is log.txt")
    .cause(&[Seen::More], "--no-log was given")
    .read(handout::LOG);
    SERVER.first.must_pass();
    for (options, logs) in [(&[][..], true), (&["--no-log"], false)] {
        let site = Site::new();
        let root = site.root();
        let arguments = [options, &["--root", &root, "0"]].concat();
        let launch = SERVER.launch(&arguments).in_folder(site.outside());
        let server = launch.start().ready(SERVER.ready);
        ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
        server.running.signal(Signal::SIGTERM);
        server.running.ended(&promise).status(0, &promise);
        let there = site.outside().join("log.txt").exists();
        match (logs, there) {
            (true, false) => promise.broken(Seen::Nothing, "there is no log.txt"),
            (false, true) => promise.broken(Seen::More, "there is a log.txt"),
            _ => {}
        }
    }
}

// What several checks do

/// Serves a site with its log beside the root, if the server passes its first check.
fn serve(site: &Site, more: &[&str]) -> (Server, Log) {
    SERVER.first.must_pass();
    serve_first(site, more)
}

fn serve_first(site: &Site, more: &[&str]) -> (Server, Log) {
    let log = site.outside().join("log.txt").display().to_string();
    let options = ["--root", &site.root(), "--log", &log];
    (SERVER.start_first(&[&options, more].concat()), Log::of(site))
}

/// Serves a site where the clock on the wall says something else than GMT.
fn serve_in_tokyo(site: &Site, more: &[&str]) -> (Server, Log) {
    SERVER.first.must_pass();
    let log = site.outside().join("log.txt").display().to_string();
    let root = site.root();
    let arguments = [&["--root", &root, "--log", &log][..], more, &["0"]].concat();
    (SERVER.launch(&arguments).in_tokyo().start().ready(SERVER.ready), Log::of(site))
}

/// A site whose page is older than HTTP.
fn dated_site() -> Site {
    let site = Site::new();
    let page = fs::File::options().write(true).open(site.path("HelloWorld.html"));
    // Most of a second later, which HTTP dates cannot say.
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(MODIFIED * 1000 + 700);
    page.and_then(|page| page.set_modified(time)).expect("a file's time is set");
    site
}

/// Requests that are not read to their end, or not at all, and what they get.
fn unreadable() -> [(Vec<u8>, &'static str); 3] {
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000));
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), "408"),
        (long.into_bytes(), "431"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_vec(), "505"),
    ]
}

fn conditional(method: &str, date: &str) -> Vec<u8> {
    format!(
        "{method} /HelloWorld.html HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: {date}\r\n\r\n"
    )
    .into_bytes()
}

/// Ends the server and looks for lines on its console, in this order, and for none of the
/// others.
fn console_says(server: Server, lines: &[&str], others: &[&str], promise: &Promise) -> String {
    let mut wanted = lines.iter().peekable();
    server.running.line_within(PATIENCE, lines.last().copied().unwrap_or_default());
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(promise);
    let console = bytes::text(&end.stdout);
    let shown = last_lines(&console);
    for line in console.lines() {
        wanted.next_if(|want| **want == line);
    }
    if let Some(missing) = wanted.next() {
        promise.broken(
            Seen::Stdout,
            format!("there is no line `{missing}`, or not at its place, in\n{shown}"),
        );
    }
    if let Some(other) = others.iter().find(|other| console.lines().any(|line| line == **other))
    {
        promise.broken(Seen::Stdout, format!("there is a line `{other}` in\n{shown}"));
    }
    console
}

/// The end of a console that may be long.
fn last_lines(console: &str) -> String {
    const MOST: usize = 8;
    let lines: Vec<&str> = console.lines().collect();
    match lines.len().checked_sub(MOST) {
        Some(cut @ 1..) => format!("…\n{}", lines[cut..].join("\n")),
        _ => lines.join("\n"),
    }
}

/// The log that a server of ours writes.
struct Log(std::path::PathBuf);

impl Log {
    fn of(site: &Site) -> Self {
        Self(site.outside().join("log.txt"))
    }

    /// Its lines, once there are so many, whole.
    fn lines(&self, count: usize, promise: &Promise) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&self.0).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.len() > count {
                promise.broken(
                    Seen::More,
                    format!("{} lines, not {count}, are in the log", lines.len()),
                );
            }
            if lines.len() == count && text.ends_with('\n') {
                return lines;
            }
            if until < Instant::now() {
                let last = lines.last().map_or("", String::as_str);
                let seen = if lines.is_empty() { Seen::Nothing } else { Seen::Part };
                promise.broken(
                    seen,
                    format!(
                        "{} lines, not {count}, are in the log; the last is\n{last}",
                        lines.len()
                    ),
                );
            }
            thread::park_timeout(Duration::from_millis(5));
        }
    }
}
