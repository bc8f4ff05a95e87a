//! Lab 3: a web server that serves one request on one connection at a time. The checks of
//! `web_server`; what it promises is in `labs/3-web-server/README.md`.

use std::time::Duration;

use nix::sys::signal::Signal;
use support::first::First;
use support::http::{answer_to_the_end, ask, get};
use support::manners::{self, Over, ServerProgram};
use support::program::{ReadyLine, Server};
use support::serving::WebServer;
use support::site::{HELLO, Site};
use support::{PATIENCE, Promise, Seen, bytes, handout, promise};

static SERVER: WebServer = WebServer {
    program: ServerProgram {
        name: "web_server",
        scratch: None,
        ready: ReadyLine::READY_TO_SERVE,
        default_port: 6789,
        over: Over::Tcp,
        listens: None,
        first: First::new(
            "web_server",
            "the_server_says_where_it_serves_and_serves_a_file",
            server_says_where_it_serves_and_serves_a_file,
        ),
    },
    head_timeout: "--timeout",
};

// What is served

#[test]
fn the_server_says_where_it_serves_and_serves_a_file() {
    SERVER.program.first.tell();
}

fn server_says_where_it_serves_and_serves_a_file() {
    SERVER.a_file_is_served();
}

#[test]
fn a_file_comes_with_its_exact_bytes() {
    SERVER.a_file_comes_with_its_exact_bytes();
}

#[test]
fn a_file_of_100_mebibytes_comes_whole() {
    SERVER.a_file_of_100_mebibytes_comes_whole();
}

#[test]
fn a_client_that_reads_slowly_gets_all() {
    SERVER.a_client_that_reads_slowly_gets_all();
}

#[test]
fn the_head_tells_what_the_body_is() {
    SERVER.the_head_tells_what_the_body_is();
}

#[test]
fn head_gets_the_same_without_the_body() {
    SERVER.head_gets_the_same_without_the_body();
}

#[test]
fn what_is_not_there_gets_the_page_for_it() {
    // There is no index in this lab.
    let site = Site::new();
    site.file("index.html", b"index").file("folder/index.html", b"index");
    let targets =
        ["/", "/folder", "/folder/", "/helloworld", "/HelloWorld.html/", "/HelloWorld.html/x"];
    SERVER.what_is_not_there_gets_the_page_for_it(&site, &targets);
}

#[test]
fn without_that_page_a_few_words_do() {
    SERVER.without_that_page_a_few_words_do();
}

#[test]
fn a_file_that_changes_is_served_as_it_is() {
    SERVER.a_file_that_changes_is_served_as_it_is();
}

// How a request may come

#[test]
fn a_request_may_come_in_any_pieces() {
    SERVER.a_request_may_come_in_any_pieces();
}

#[test]
fn a_bare_line_feed_ends_a_line_too() {
    SERVER.a_bare_line_feed_ends_a_line_too();
}

#[test]
fn a_target_may_have_a_query_and_escapes() {
    SERVER.a_target_may_have_a_query_and_escapes();
}

#[test]
fn a_request_without_host_is_served_here() {
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
    let promise = promise("this server does not ask for a Host field")
        .because("a request without Host is refused, which only lab 6 asks for")
        .read(handout::REQUEST_LINE);
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
    SERVER.what_is_no_request_is_told_why();
}

#[test]
fn different_mistakes_are_told_in_different_words() {
    SERVER.different_mistakes_are_told_in_different_words();
}

#[test]
fn nothing_that_is_sent_crashes_the_server() {
    SERVER.nothing_that_is_sent_crashes_the_server();
}

#[test]
fn another_version_of_http_is_refused() {
    SERVER.another_version_of_http_is_refused();
}

#[test]
fn a_head_without_end_is_given_up_with_an_explanation() {
    SERVER.a_head_without_end_is_given_up_with_an_explanation();
}

#[test]
fn empty_lines_alone_get_an_answer_too() {
    let site = Site::new();
    let server = SERVER.serve(&site, &["--timeout", "0.4"]);
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
    let server = SERVER.serve(&site, &["--timeout", "0.4"]);
    let promise = promise("a client that connects and says nothing is given up after --timeout; then the next is served")
        .cause(&[Seen::Nothing], "the time for a head runs from the connection on, not from its first byte")
        .read(handout::IN_TIME);
    let _silent = server.connect(&promise);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
}

#[test]
fn a_client_that_drips_is_given_up_too() {
    SERVER.a_client_that_drips_is_given_up_too();
}

#[test]
fn a_head_that_is_broken_off_is_a_bad_request() {
    SERVER.a_head_that_is_broken_off_is_a_bad_request();
}

#[test]
fn a_head_may_be_long_but_not_too_long() {
    SERVER.a_head_may_be_long_but_not_too_long();
}

// What must not be served

#[test]
fn there_is_no_way_out_of_the_root() {
    SERVER.there_is_no_way_out_of_the_root();
}

#[test]
fn a_link_within_the_root_is_served() {
    SERVER.a_link_within_the_root_is_served();
}

#[test]
fn a_named_pipe_does_not_stop_the_server() {
    SERVER.a_named_pipe_does_not_stop_the_server();
}

// One at a time

#[test]
fn requests_are_served_one_at_a_time_and_in_order() {
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
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
    SERVER.clients_that_leave_or_reset_change_nothing();
}

/// A client that connects and leaves without a byte. Whether it got an answer, which then
/// is one of those that are counted.
fn asks_nothing(server: &Server, promise: &Promise) -> bool {
    let mut client = server.connect(promise);
    client.half_close();
    let (answer, _) = client.read_to_the_end(PATIENCE);
    if !answer.is_empty() {
        return true;
    }
    if let Some(end) = server.running.ended_within(Duration::from_millis(50)) {
        promise.broken_because(Seen::Ended, end.told(), Some(COUNTS_CONNECTIONS.to_owned()));
    }
    false
}

#[test]
fn once_ends_after_one_answer() {
    let site = Site::new();
    let server = SERVER.serve(&site, &["--once"]);
    let promise = promise("with --once the server exits after one request, status 0").because("--once means --requests 1: after the first answer the loop ends, and with it the program")
        .read(handout::ONE_AT_A_TIME);
    if !asks_nothing(&server, &promise) {
        ask(&server, &get("/HelloWorld.html"), &promise)
            .status("200", &promise)
            .body(HELLO, &promise);
    }
    server.running.ended(&promise).status(0, &promise);
}

#[test]
fn so_many_requests_are_answered_and_no_more() {
    let site = Site::new();
    let server = SERVER.serve(&site, &["--requests", "3"]);
    let promise = promise("with --requests 3 the server exits after three requests, status 0")
        .cause(
            &[Seen::Refused, Seen::StillOpen],
            "a request that gets an error is answered too",
        )
        .cause(&[Seen::Ended], COUNTS_CONNECTIONS)
        .read(handout::ONE_AT_A_TIME);
    let answered = usize::from(asks_nothing(&server, &promise));
    let requests = [&get("/nowhere")[..], b"no request\r\n\r\n", &get("/HelloWorld.html")];
    for request in &requests[answered..] {
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
    // Longer than a check waits: what is printed at the timeout is not printed at once.
    let server = SERVER.serve(&site, &["--requests", "5", "--timeout", "30"]);
    let promise = promise(
        "for each client come `Connected to ADDR:PORT`, the head, `Client request: TARGET`",
    )
    .cause(&[Seen::Stdout], "the lines go to stdout, one after another, at once")
    .read(handout::ONE_AT_A_TIME);
    let mut client = server.connect(&promise);
    let from = client.address();
    let connected = format!("Connected to {from}");
    if !server.running.line_within(PATIENCE, &connected) {
        promise.broken_because(
            Seen::Nothing,
            format!("a client has connected, and no line `{connected}` came"),
            Some(
                "the line is due as soon as the client has connected, and must be flushed: \
                 into a pipe it stays in the program's buffer until then"
                    .to_owned(),
            ),
        );
    }
    let long = format!("X-Long: {}", "long ".repeat(600).trim_end());
    let head = format!(
        "GET /HelloWorld.html HTTP/1.1\r\nzebra:no space\r\nHost: localhost\r\n\
         X-UPPER: 2\r\n{long}\r\nx-lower: 1\r\nX-UPPER: 1\r\n\r\n"
    );
    client.send(head.as_bytes(), &promise);
    client.read_to_the_end(PATIENCE);
    if !server.running.line_within(PATIENCE, "Client request: /HelloWorld.html") {
        let happened = "a request was answered, and no line `Client request: /HelloWorld.html` \
                        came";
        let cause = "the line is missing or differs, or it is not flushed: into a pipe it stays \
                     in the program's buffer until then";
        promise.broken_because(Seen::Nothing, happened, Some(cause.to_owned()));
    }
    let shown = head.trim_end().replace("\r\n", "\n");
    if !server.running.says_within(PATIENCE, |all| all.replace("\r\n", "\n").contains(&shown)) {
        promise.broken_because(
            Seen::Stdout,
            "the head that we sent does not stand there line by line",
            Some(
                "the head is printed as it came: all of it, each line once, in order, spelled \
                 as the client spelled it"
                    .to_owned(),
            ),
        );
    }
    // Whether or not it is served.
    let evil = "GET /\x1b[31m HTTP/1.1\r\nX-Evil: \x1b[31m\x07\x08\u{9b}31m\r\n\r\n";
    ask(&server, evil.as_bytes(), &promise);
    // Decoded it is no less evil.
    ask(&server, &get("/%1b%5b31m%07%c2%9b.html"), &promise);
    ask(&server, &get("/a%0aClient%20request:%20/forged"), &promise);
    ask(&server, &get("/nowhere.html"), &promise);
    let end = server.running.ended(&promise);
    let console = bytes::text(&end.stdout).replace("\r\n", "\n");
    for line in [
        &connected,
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
    if console.lines().any(|its| its == "Client request: /forged") {
        promise.broken_because(
            Seen::Stdout,
            "a client has made a line of its own: Client request: /forged",
            Some(
                "the line has the target as it came; decoded, %0a in it begins another line"
                    .to_owned(),
            ),
        );
    }
}

// Like every program

#[test]
fn a_root_that_is_not_there_is_an_error_before_listening() {
    SERVER.a_root_that_is_not_there_is_an_error_before_listening();
}

#[test]
fn a_taken_port_is_an_error_of_the_server() {
    manners::a_taken_port_is_an_error(&SERVER.program);
}

#[test]
fn the_server_takes_port_6789_unless_told() {
    manners::defaults_are_loopback_and_the_labs_port(&SERVER.program);
}

#[test]
fn only_this_machine_can_reach_the_server_unless_told() {
    manners::only_this_machine_can_reach_it(&SERVER.program);
}

#[test]
fn an_address_of_another_machine_is_an_error_of_the_server() {
    manners::a_foreign_address_is_an_error(&SERVER.program);
}

#[test]
fn a_closed_stdout_ends_the_server_quietly() {
    manners::a_closed_stdout_ends_a_server_quietly(&SERVER.program);
}

#[test]
fn the_server_works_over_ipv6() {
    SERVER.the_server_works_over_ipv6();
}

#[test]
fn the_server_can_be_bound_to_a_name() {
    SERVER.the_server_can_be_bound_to_a_name();
}

#[test]
fn the_server_can_be_opened_to_all_addresses() {
    SERVER.the_server_can_be_opened_to_all_addresses();
}

#[test]
fn ctrl_c_ends_the_server_with_status_0() {
    SERVER.a_signal_ends_it(Signal::SIGINT);
}

#[test]
fn sigterm_ends_the_server_with_status_0() {
    SERVER.a_signal_ends_it(Signal::SIGTERM);
}

#[test]
fn an_answer_under_way_is_finished() {
    SERVER.an_answer_under_way_is_finished();
}

#[test]
fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    SERVER.a_client_that_does_not_read_cannot_hold_up_the_end();
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

const COUNTS_CONNECTIONS: &str =
    "answers are counted, not connections: a client that left without a byte got none";
