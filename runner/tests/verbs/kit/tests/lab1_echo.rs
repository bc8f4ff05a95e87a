//! The checks of `echo_server`.

use support::first::First;
use support::program::ReadyLine;
use support::{A_MOMENT, PATIENCE, Promise, Seen, promise, server};

static LISTENS: First =
    First::new("echo_server", "it_says_where_it_listens", says_where_it_listens);

static ANSWERS: First =
    First::new("echo_server", "a_line_comes_back", line_comes_back).after(&LISTENS);

fn start() -> support::program::Server {
    server("echo_server", &["0"], ReadyLine::READY_TO_RECEIVE)
}

fn echo() -> Promise {
    promise("what is sent comes back")
        .cause(&[Seen::Nothing], "the server waits for more, or for the end")
        .read("labs/1-echo/README.md#12-sending-it-back")
}

#[test]
fn it_says_where_it_listens() {
    LISTENS.tell();
}

fn says_where_it_listens() {
    start();
}

#[test]
fn a_line_comes_back() {
    ANSWERS.tell();
}

fn line_comes_back() {
    let server = start();
    let mut client = server.connect(&echo());
    client.send(b"hello\n", &echo());
    client.expect(b"hello\n", &echo());
}

#[test]
fn another_line_comes_back() {
    ANSWERS.must_pass();
    let server = start();
    let mut client = server.connect(&echo());
    for line in ["one\n", "two\n"] {
        client.send(line.as_bytes(), &echo());
        client.expect(line.as_bytes(), &echo());
    }
}

#[test]
fn nothing_comes_back_for_nothing() {
    ANSWERS.must_pass();
    let server = start();
    let mut client = server.connect(&echo());
    client.half_close();
    client.expect_no_more(A_MOMENT, &echo());
    client.expect_end(PATIENCE, &echo());
}
