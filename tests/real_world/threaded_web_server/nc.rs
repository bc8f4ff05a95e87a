//! A person with nc asks, line by line and several requests at once.

use std::fs;
use std::path::Path;

use support::executables::root;
use support::http::Answer;
use support::program::{Launch, Server};
use support::terminal::Terminal;
use support::{Promise, Seen, bytes, handout};

use super::{Console, kept, serve};
use crate::tools::{has_words, nc};
use crate::{needs, promise, run};

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nc_is_answered_by_threads_although_it_sends_bare_line_feeds() {
    let server = serve(Path::new("www"), &[]);
    let promise = promise("a request whose lines end in LF alone gets the file, and the end")
        .cause(
            &[Seen::StillOpen],
            "nc goes on until the server closes: nobody has asked for more",
        )
        .read(handout::HEAD);
    let page = fs::read(root().join("www/HelloWorld.html")).expect("a file of the site");
    for request in [
        r"GET /HelloWorld.html HTTP/1.1\nHost: localhost\n\n",
        r"GET /HelloWorld.html HTTP/1.1\nHost: localhost\r\n\n",
        r"GET /HelloWorld.html HTTP/1.0\n\n",
    ] {
        let answer = nc(request, &server, &promise);
        answer.status("200 OK", &promise).body(&page, &promise);
        answer.says("Connection", "close", &promise);
    }
    let told = Console::when_ended(server, &promise).conversations(&promise);
    if let Some(late) = told.iter().find(|it| it.end != "Connection") {
        promise.broken(Seen::StillOpen, format!("the console tells of {late:?}"));
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn a_person_at_nc_types_one_request_after_another() {
    needs("nc");
    let server = serve(Path::new("www"), &[]);
    let promise = kept("requests that a person types one after another are answered each")
        .cause(&[Seen::Stdout], "the connection was asked to go on, and must");
    let (mut terminal, [stdin, stdout]) = Terminal::open();
    let command = format!("exec nc {} {}", server.host(), server.port());
    let client = Launch::shell(&command).stdin_from(stdin).stdout_to(stdout).start();
    for (target, connection, sign) in [
        ("/HelloWorld.html", "keep-alive", "max=100"),
        ("/nowhere.html", "keep-alive", "max=99"),
        ("/greetings.txt", "close", "four."),
    ] {
        // Line by line, as Enter sends them.
        for line in [
            &format!("GET {target} HTTP/1.1"),
            "Host: a",
            &format!("Connection: {connection}"),
            "",
        ] {
            terminal.type_in(&format!("{line}\n"));
        }
        terminal.expect(sign, &promise);
    }
    // nc has heard of the connection's end if it now ends itself.
    terminal.type_in("\x04");
    client.ended(&promise).status(0, &promise);
    let told = Console::when_ended(server, &promise).conversations(&promise);
    if told.len() != 1 || told[0].requests.len() != 3 {
        promise.broken(Seen::Stdout, format!("the console tells of {told:?}"));
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn two_requests_in_one_printf_are_both_answered() {
    let promise = kept("two requests that nc sends at once are answered in their order")
        .cause(
            &[Seen::Nothing],
            "what was read behind the first request was thrown away: keep it for the next",
        )
        .read(handout::REQUESTS);
    let first = r"GET /greetings.txt HTTP/1.1\nHost: a\nConnection: keep-alive\n\n";
    for (nc, second) in [
        // The server ends it, as it was asked to.
        ("nc", r"GET /HelloWorld.html HTTP/1.1\nHost: a\n\n"),
        ("nc", r"GET /HelloWorld.html HTTP/1.1\nHost: a\nConnection: close\n\n"),
        // nc says that no more will come (FIN) behind the second request, and both are
        // answered nevertheless.
        ("nc -N", r"GET /HelloWorld.html HTTP/1.1\nHost: a\nConnection: keep-alive\n\n"),
    ] {
        let server = serve(Path::new("www"), &[]);
        let came = both(nc, &format!("{first}{second}"), &server, &promise);
        let greetings = fs::read(root().join("www/greetings.txt")).expect("a file of the site");
        let page = fs::read(root().join("www/HelloWorld.html")).expect("a file of the site");
        let mut answer = Answer::of(&came, &promise);
        answer.status("200 OK", &promise).says("Connection", "keep-alive", &promise);
        if answer.body.len() <= greetings.len() {
            promise.broken(Seen::Nothing, "no second answer came");
        }
        let behind = answer.body.split_off(greetings.len());
        answer.body(&greetings, &promise);
        let answer = Answer::of(&behind, &promise);
        answer.status("200 OK", &promise).body(&page, &promise);
        let told = Console::when_ended(server, &promise).conversations(&promise);
        if told.len() != 1 || told[0].requests.len() != 2 || told[0].end != "Connection" {
            promise.broken(Seen::Stdout, format!("the console tells of {told:?}"));
        }
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn a_request_that_drips_from_nc_is_given_up() {
    needs("nc");
    let server = serve(Path::new("www"), &["--keep-alive-timeout", "1"]);
    let promise = promise("a letter now and then gets 408 when the time for a request is over")
        .cause(
            &[Seen::StillOpen, Seen::Nothing],
            "each byte starts the time anew: it is each request that does",
        )
        .cause(&[Seen::Stdout], "the console's last line for it begins with `Timeout,`")
        .read(handout::KEEP_ALIVE);
    // printf fails once nc is gone; else all of it takes 8 s.
    let drip = "for i in $(seq 40); do printf G || exit; sleep 0.2; done; echo all >&2";
    let end = run(&format!("({drip}) | nc {} {}", server.host(), server.port()), &promise);
    end.status(0, &promise);
    if end.errors().contains("all") {
        promise.broken(Seen::StillOpen, "the connection was open for all of 40 letters");
    }
    if end.stdout.is_empty() {
        promise.broken(Seen::Nothing, "nothing came from the server");
    }
    let answer = Answer::of(&end.stdout, &promise);
    answer.status("408 Request Timeout", &promise).says("Connection", "close", &promise);
    has_words(&answer, &promise);
    let told = Console::when_ended(server, &promise).conversations(&promise);
    if told.len() != 1 || told[0].end != "Timeout" {
        promise.broken(Seen::Stdout, format!("the console tells of {told:?}"));
    }
}

/// All that comes for what printf(1) makes of `requests`.
fn both(nc: &str, requests: &str, server: &Server, promise: &Promise) -> Vec<u8> {
    needs("nc");
    let command = format!("printf '{requests}' | {nc} {} {}", server.host(), server.port());
    let end = run(&command, promise);
    end.status(0, promise);
    if end.stdout.is_empty() {
        let said = bytes::text(&end.stderr);
        promise.broken(Seen::Nothing, format!("nothing came; nc says {said:?}"));
    }
    end.stdout
}
