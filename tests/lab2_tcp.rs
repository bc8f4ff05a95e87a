//! Lab 2: the bytes of a connection come back in uppercase. The checks of `tcp_server` and
//! `tcp_client`; what they promise is in `labs/2-tcp-uppercase/README.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::asking::{Answering, Asking};
use support::first::First;
use support::manners::{self, Over, ServerProgram};
use support::program::{Ended, Launch, ReadyLine, Server};
use support::tcp::{Busy, ClosedPort, Listening, Peer};
use support::terminal::Terminal;
use support::{
    A_MOMENT, PATIENCE, Promise, Seen, bytes, client, handout, names, promise, seed, sockets,
};

static LISTENS: First =
    First::new("tcp_server", "the_server_says_where_it_listens", server_says_where_it_listens);

static SERVER: ServerProgram = ServerProgram {
    name: "tcp_server",
    scratch: None,
    ready: ReadyLine::READY_TO_RECEIVE,
    default_port: 12000,
    over: Over::Tcp,
    listens: Some(&LISTENS),
    first: First::new(
        "tcp_server",
        "the_server_answers_in_uppercase",
        server_answers_in_uppercase,
    )
    .after(&LISTENS),
};

static CONNECTS: First = First::new("tcp_client", "the_client_connects", client_connects);

static SENDS: First =
    First::new("tcp_client", "the_client_sends_its_message", client_sends_its_message)
        .after(&CONNECTS);

static CLIENT: Asking<Listening> = Asking::new(
    "tcp_client",
    &CONNECTS,
    First::new("tcp_client", "the_client_prints_the_reply", client_prints_the_reply)
        .after(&SENDS),
    handout::STREAM,
);

/// More than all buffers on the way can hold.
const PLENTY: usize = 16 << 20;

// The server

#[test]
fn the_server_says_where_it_listens() {
    LISTENS.tell();
}

fn server_says_where_it_listens() {
    SERVER.start_first(&[]);
}

#[test]
fn the_server_answers_in_uppercase() {
    SERVER.first.tell();
}

fn server_answers_in_uppercase() {
    let server = SERVER.start_first(&[]);
    // The easiest client there is: a line, and then its end.
    let mut client = server.connect(&uppercase());
    client.send(b"hello\n", &uppercase());
    client.half_close();
    client.expect(b"HELLO\n", &uppercase());
    client.expect_no_more(A_MOMENT, &uppercase());
}

#[test]
fn only_the_letters_a_to_z_change() {
    let server = SERVER.start(&[]);
    let every_byte: Vec<u8> = (0..=255).collect();
    echoes(&server, &every_byte, &uppercase());
    echoes(&server, "grüße, señor ŷ – ½ ☃ ı ß ﬁ ё".as_bytes(), &uppercase());
    echoes(&server, b"  white \t space \r\n and line ends\n\n \0\0", &uppercase());
}

#[test]
fn bytes_without_a_newline_are_answered() {
    let server = SERVER.start(&[]);
    let promise = promise(
        "a client that sends neither a newline nor an end gets its answer at once",
    )
    .cause(
        &[Seen::Nothing],
        "the server waits for something that this client does not send: a newline, or the end",
    )
    .try_it(format!("printf hello | nc {} {}", server.host(), server.port()))
    .read(handout::STREAM);
    let mut client = server.connect(&promise);
    client.send(b"hello", &promise);
    client.expect(b"HELLO", &promise);
}

#[test]
fn each_byte_is_answered_as_it_arrives() {
    let server = SERVER.start(&[]);
    let promise = promise("each byte comes back before the next one is sent")
        .cause(
            &[Seen::Nothing],
            "the server waits until it has more bytes, or keeps its answer in a buffer: answer \
             what each read returned, and flush",
        )
        .cause(&[Seen::Closed], "the server reads once for each connection: read again and again, until a read returns 0 \
             bytes (Ok(0), b\"\" in Python)")
        .read(handout::STREAM);
    let mut client = server.connect(&promise);
    for byte in b"one by one\nand a second line" {
        client.send(&[*byte], &promise);
        client.expect(&[byte.to_ascii_uppercase()], &promise);
    }
}

#[test]
fn a_connection_goes_on_until_the_client_ends_it() {
    let server = SERVER.start(&[]);
    let promise =
        promise("one connection may carry many messages, until the client closes its side")
            .cause(
                &[Seen::Closed, Seen::Reset],
                "the server reads once for each connection: read again and again, until a read returns 0 \
             bytes (Ok(0), b\"\" in Python)",
            )
            .cause(
                &[Seen::Nothing],
                "the server reads once for each connection: read again and again, until a read returns 0 \
             bytes (Ok(0), b\"\" in Python)",
            )
            .read(handout::STREAM);
    let mut client = server.connect(&promise);
    for message in ["first\n", "second, longer than the first\n"] {
        client.send(message.as_bytes(), &promise);
        client.expect(message.to_ascii_uppercase().as_bytes(), &promise);
    }
    let promise = promise.only_because(
        "an empty line was taken for the end, or for nothing: it is data like any other, and only \
         a read of 0 bytes is the end",
    );
    for message in ["\n", "x", "\r\n", "y"] {
        client.send(message.as_bytes(), &promise);
        client.expect(message.to_ascii_uppercase().as_bytes(), &promise);
    }
}

#[test]
fn what_was_sent_before_the_end_is_still_answered() {
    let server = SERVER.start(&[]);
    let promise = promise(
        "a client that sends, closes its side and then reads gets all of its answer, then the end",
    )
    .cause(
        &[Seen::Closed],
        "the end of the client's bytes (Ok(0)) ends one direction only: what was read before \
         is still answered",
    )
    .cause(&[Seen::StillOpen], "after Ok(0) nothing more will come: close the connection")
    .cause(
        &[Seen::Reset],
        "the connection was closed with bytes of the client unread, or with a linger time of 0: \
         that sends RST, and what is under way is lost",
    )
    .read(handout::ENDS);
    let message = seed::random_letters(&mut seed::random(), 3_000_000);
    let mut client = server.connect(&promise);
    let sending = client.send_beside_and_half_close(message.clone());
    // The server may be done with its part before we read ours.
    client.wait_until_stuck(&sending);
    if let Some(end) = server.running.ended_within(Duration::from_millis(500)) {
        promise.broken(Seen::Ended, end.told());
    }
    client.expect(&message.to_ascii_uppercase(), &promise);
    client.expect_end(PATIENCE, &promise);
    drop(sending);

    let mut client = server.connect(&promise);
    client.send(b"short", &promise);
    client.half_close();
    client.expect(b"SHORT", &promise);
    client.expect_end(PATIENCE, &promise);

    // The end comes while an answer waits for room.
    let promise = promise.only_because(
        "the end of the client's bytes came while an answer was not out yet, and the connection \
         was closed: first send what is left",
    );
    // How much fits into the buffers is the system's matter: one of these is a little more.
    for size in (1..=16).map(|number| number * 40_000) {
        let mut client = Peer::connect_narrow(server.address, &promise);
        let sending = client.send_beside_and_half_close(vec![b'n'; size]);
        if let Some(end) = server.running.ended_within(Duration::from_millis(50)) {
            promise.broken(Seen::Ended, end.told());
        }
        client.expect(&vec![b'N'; size], &promise);
        client.expect_end(PATIENCE, &promise);
        drop(sending);
    }
}

#[test]
fn a_client_that_says_nothing_and_leaves_is_no_matter() {
    let server = SERVER.start(&[]);
    let promise = promise("a connection without a byte just ends; the next client is served")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Closed],
            "reading nothing (Ok(0)) ended the server",
        )
        .cause(
            &[Seen::StillOpen, Seen::Nothing],
            "a read of 0 bytes is the end: close, and go on",
        )
        .read(handout::STREAM);
    let mut client = server.connect(&promise);
    client.half_close();
    client.expect_end(PATIENCE, &promise);
    drop(server.connect(&promise));
    echoes(&server, b"next", &promise);
}

#[test]
fn sixteen_mebibytes_come_back_whole() {
    let server = SERVER.start(&[]);
    let promise = promise("16 MiB come back whole to a client that reads while it sends")
        .cause(
            &[Seen::Nothing, Seen::Part],
            "one write may take only a part of the bytes (write_all, sendall repeat it), and \
             answers must go out while more is read",
        )
        .cause(
            &[Seen::Other],
            "bytes were lost or repeated where a read or write was a partial one",
        )
        .read(handout::BUFFERS);
    let message = seed::random_letters(&mut seed::random(), PLENTY);
    let mut client = server.connect(&promise);
    let _sending = client.send_beside(message.clone());
    client.expect(&message.to_ascii_uppercase(), &promise);
}

#[test]
fn a_client_that_reads_late_loses_nothing() {
    let server = SERVER.start(&[]);
    let promise = promise(
        "the answer waits for a client that sends much before it reads, and nothing is lost",
    )
    .cause(
        &[Seen::Other, Seen::Part, Seen::Closed],
        "while the client does not read, a write takes only a part of the bytes, or none: go on \
         with the rest",
    )
    .read(handout::BUFFERS);
    let message = seed::random_letters(&mut seed::random(), PLENTY);
    let mut client = server.connect(&promise);
    let sending = client.send_beside(message.clone());
    // Until the buffers in both directions are full, or all is sent.
    client.wait_until_stuck(&sending);
    client.expect(&message.to_ascii_uppercase(), &promise);
}

#[test]
fn bytes_in_pieces_of_any_size_come_back_in_order() {
    let server = SERVER.start(&[]);
    let promise = promise("bytes sent in pieces of any size come back, all and in order")
        .cause(
            &[Seen::Other, Seen::Part, Seen::Closed, Seen::Reset],
            "a read returns any part of the stream: answer exactly the bytes that it returned, \
             until there are no more",
        )
        .read(handout::STREAM);
    let mut random = seed::random();
    let mut client = server.connect(&promise);
    for _ in 0..200 {
        let size = random.usize(1..3000);
        let piece = seed::random_bytes(&mut random, size);
        client.send(&piece, &promise);
        client.expect(&piece.to_ascii_uppercase(), &promise);
    }
}

#[test]
fn one_client_after_another_is_served() {
    let server = SERVER.start(&[]);
    let promise = promise("when a connection has ended, the next client is served")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Closed],
            "the server ends after its first client: accept again, in a loop",
        )
        .cause(
            &[Seen::Nothing],
            "the server does not come back to accept: a read of 0 bytes is the end of a connection",
        )
        .read(handout::STREAM);
    for message in [&b"first"[..], b"second", b"third", b"fourth"] {
        echoes(&server, message, &promise);
    }
}

#[test]
fn a_client_that_waits_is_served_when_its_turn_comes() {
    let server = SERVER.start(&[]);
    let promise = promise(
        "a client that connects while another is served gets its answer afterwards",
    )
    .cause(
        &[Seen::Refused, Seen::Closed, Seen::Reset],
        "the second client was sent away: it waits in the listen backlog until it is accepted",
    )
    .read(handout::STREAM);
    let mut first = server.connect(&promise);
    first.send(b"first", &promise);
    first.expect(b"FIRST", &promise);
    let mut second = server.connect(&promise);
    second.send(b"second", &promise);
    first.send(b" still first", &promise);
    first.expect(b" STILL FIRST", &promise);
    drop(first);
    second.expect(b"SECOND", &promise);
}

#[test]
fn a_reset_ends_that_connection_only() {
    let server = SERVER.start(&[]);
    let promise = promise("a client that resets its connection changes nothing for the next")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Nothing],
            "the error of one connection (\"Connection reset by peer\", \"Broken pipe\") ended the \
             server: handle it, then accept the next. If the server goes on without a word, it has \
             not taken a read of 0 bytes for the end",
        )
        .read(handout::STREAM);
    // Before the first byte, after an answer, and in the middle of a long one.
    server.connect(&promise).reset();
    echoes(&server, b"after the first", &promise);
    let mut client = server.connect(&promise);
    client.send(b"hello", &promise);
    client.expect(b"HELLO", &promise);
    client.reset();
    echoes(&server, b"after the second", &promise);
    let mut client = server.connect(&promise);
    let sending = client.send_beside(vec![b'a'; PLENTY]);
    client.wait_until_stuck(&sending);
    client.reset();
    echoes(&server, b"after the third", &promise);
    // One that is gone when its turn comes: the first write to it is answered with RST, a
    // further one fails.
    let mut first = server.connect(&promise);
    first.send(b"first", &promise);
    first.expect(b"FIRST", &promise);
    let mut gone = server.connect(&promise);
    gone.send(&[b'a'; 60_000], &promise);
    drop(gone);
    drop(first);
    echoes(&server, b"after the fourth", &promise);
}

#[test]
fn clients_that_leave_before_their_turn_are_no_matter() {
    let server = SERVER.start(&[]);
    let promise = promise("clients that give up while they wait change nothing for others")
        .cause(
            &[Seen::Refused, Seen::Reset, Seen::Nothing],
            "an error for one client, in accept or in the first read, ended the server, or a read \
             of 0 bytes was not taken for its end",
        )
        .read(handout::STREAM);
    let first = || {
        let mut first = server.connect(&promise);
        first.send(b"first", &promise);
        first.expect(b"FIRST", &promise);
        first
    };
    let impatient = [
        |mut client: Peer| drop(client.try_send(b"never mind")),
        |mut client: Peer| {
            let _ = client.try_send(b"never mind");
            client.reset();
        },
        Peer::reset,
    ];
    for leave in impatient {
        let first = first();
        leave(server.connect(&promise));
        drop(first);
        echoes(&server, b"here", &promise);
    }
}

#[test]
fn a_silent_client_is_ended_after_the_timeout() {
    let server = SERVER.start(&["--timeout", "0.4"]);
    let promise = promise("`--timeout 0.4` ends a connection after 0.4 s without a byte")
        .cause(
            &[Seen::StillOpen, Seen::Nothing],
            "the server waits for ever for a byte, and all others wait for it: set a timeout on \
             the connection (SO_RCVTIMEO, settimeout), of the length that --timeout says",
        )
        .cause(&[Seen::Refused, Seen::Reset], "the timeout of one connection ended the server")
        .read(handout::STREAM);
    let mut silent = server.connect(&promise);
    let mut waiting = server.connect(&promise);
    waiting.send(b"my turn", &promise);
    silent.expect_end(PATIENCE, &promise);
    waiting.expect(b"MY TURN", &promise);
    waiting.expect_end(PATIENCE, &promise);
    echoes(&server, b"next", &promise);
}

#[test]
fn a_client_that_stops_reading_is_ended_after_the_timeout() {
    let server = SERVER.start(&["--timeout", "1"]);
    let promise = promise("a client that sends but never reads is ended after the timeout too")
        .cause(
            &[Seen::StillOpen, Seen::Nothing],
            "a write blocks for ever once the buffers to the client are full: set a timeout for \
             writing too (SO_SNDTIMEO)",
        )
        .cause(&[Seen::Refused], "the error of one connection ended the server")
        .read(handout::STREAM);
    let mut stuck = server.connect(&promise);
    let sending = stuck.send_beside(vec![b'a'; PLENTY]);
    stuck.wait_until_stuck(&sending);
    let mut waiting = server.connect(&promise);
    waiting.send(b"my turn", &promise);
    waiting.expect(b"MY TURN", &promise);
}

#[test]
fn a_silent_client_has_a_while_unless_told() {
    let server = SERVER.start(&[]);
    let promise = promise("without --timeout a client may be silent for 15 s")
        .cause(&[Seen::Closed, Seen::Reset], "the timeout is 15 s unless told")
        .read(handout::STREAM);
    let mut silent = server.connect(&promise);
    // Not all of it, for the sake of those who wait for this check.
    silent.expect_still_open(Duration::from_secs(6), &promise);
}

#[test]
fn a_server_waits_for_clients_as_long_as_it_takes() {
    let server = SERVER.start(&["--timeout", "0.3"]);
    let promise =
        promise("the timeout is one of connections: without clients the server waits")
            .cause(
                &[Seen::Ended, Seen::Refused],
                "accept has no timeout, or one that is no error",
            )
            .read(handout::STREAM);
    if let Some(end) = server.running.ended_within(Duration::from_secs(1)) {
        promise.broken(Seen::Ended, end.told());
    }
    echoes(&server, b"at last", &promise);
}

#[test]
fn no_word_ends_the_server() {
    let server = SERVER.start(&[]);
    let promise = promise("`quit`, `exit` and the like are data as any other")
        .because(manners::NO_WORD_IS_A_COMMAND)
        .read(handout::STREAM);
    let mut client = server.connect(&promise);
    for word in manners::COMMANDS_ELSEWHERE {
        client.send(word.as_bytes(), &promise);
        client.expect(word.to_ascii_uppercase().as_bytes(), &promise);
    }
    for byte in 0..=b' ' {
        client.send(&[byte], &promise);
        client.expect(&[byte], &promise);
    }
    drop(client);
    echoes(&server, b"still there", &promise);
}

#[test]
fn pieces_as_large_as_a_buffer_are_answered_at_once() {
    let server = SERVER.start(&[]);
    let promise = promise("512 bytes are answered at once, as are 1,024, 2,048 and so on")
        .cause(
            &[Seen::Nothing, Seen::Part],
            "a read that fills the buffer does not mean that more will come: answer what a read \
             returned before the next one",
        )
        .cause(
            &[Seen::Closed, Seen::Reset, Seen::Other],
            "answer exactly the bytes that a read returned, also if they fill the buffer",
        )
        .read(handout::STREAM);
    let mut client = server.connect(&promise);
    let mut random = seed::random();
    for size in (9..=16).map(|power| 1 << power) {
        let piece = seed::random_letters(&mut random, size);
        client.send(&piece, &promise);
        client.expect(&piece.to_ascii_uppercase(), &promise);
    }
}

#[test]
fn any_number_of_clients_is_served() {
    let server = SERVER.start(&[]);
    let promise = promise(
        "the server has no limit: the 150th client is served as the first was",
    )
    .because(
        "the server counts its clients, or keeps something of each (a descriptor that is \
             not closed): drop the stream when its connection has ended",
    )
    .read(handout::STREAM);
    let descriptors = || server.running.usage().map_or(0, |usage| usage.descriptors);
    let mut before = 0;
    for number in 1..=150 {
        echoes(&server, format!("client {number}").as_bytes(), &promise);
        if number == 10 {
            before = descriptors();
        }
    }
    // Some may be about to be closed.
    let until = Instant::now() + PATIENCE;
    while descriptors() > before + 70 {
        if until < Instant::now() {
            let now = descriptors();
            promise.broken_because(
                Seen::More,
                format!("after 10 clients it had {before} descriptors open, after 150 {now}"),
                Some(
                    "each client's connection stays open: close it when it has ended"
                        .to_owned(),
                ),
            );
        }
        echoes(&server, b"one more", &promise);
    }
}

#[test]
fn a_slow_client_is_not_ended() {
    let server = SERVER.start(&["--timeout", "1.5"]);
    let promise = promise(
        "each byte starts the timeout anew: a slow client is not a silent one",
    )
    .cause(
        &[Seen::Closed, Seen::Reset],
        "the timeout counts from the start of the connection, or is not given by --timeout",
    )
    .read(handout::STREAM);
    let mut slow = server.connect(&promise);
    for byte in b"slowly" {
        slow.send(&[*byte], &promise);
        slow.expect(&[byte.to_ascii_uppercase()], &promise);
        slow.expect_still_open(Duration::from_millis(400), &promise);
    }
}

#[test]
fn ctrl_c_ends_the_server_with_status_0() {
    manners::a_signal_ends_it(&SERVER, Signal::SIGINT);
}

#[test]
fn sigterm_ends_the_server_with_status_0() {
    manners::a_signal_ends_it(&SERVER, Signal::SIGTERM);
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let server = SERVER.start(&[]);
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGTERM).cause(
        &[Seen::Ended, Seen::StillOpen],
        "an idle connection is closed at once, so that the server can end",
    );
    let mut client = server.connect(&promise);
    client.send(b"idle", &promise);
    client.expect(b"IDLE", &promise);
    server.running.signal(Signal::SIGTERM);
    // Sooner than the 5 s that an answer under way may take.
    let Some(end) = server.running.ended_within(Duration::from_secs(4)) else {
        promise.broken(Seen::StillOpen, "4 s after the signal the server was still running");
    };
    client.expect_end(PATIENCE, &promise);
    end.status(0, &promise);
}

#[test]
fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    let server = SERVER.start(&[]);
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGINT).only_because(
        "a response under way may take 5 s to finish, not more: a write to a client that does \
             not read needs a limit, too (SO_SNDTIMEO, settimeout)",
    );
    let mut stuck = server.connect(&promise);
    let sending = stuck.send_beside(vec![b'a'; PLENTY]);
    stuck.wait_until_stuck(&sending);
    server.running.signal(Signal::SIGINT);
    let grace = Duration::from_secs(5);
    let Some(end) = server.running.ended_within(grace + Duration::from_secs(2)) else {
        promise.broken_because(
            Seen::StillOpen,
            "the server was still running 7 s after the signal",
            Some("a response under way may take 5 s to finish, not more".to_owned()),
        );
    };
    end.status(0, &promise);
}

#[test]
fn an_answer_under_way_is_finished_at_the_end() {
    let server = SERVER.start(&[]);
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGTERM).only_because(
        "the answer under way was dropped: send what was read, then close and end (5 s at most)",
    );
    let mut client = Peer::connect_narrow(server.address, &promise);
    let sent = client.fill(b'n', PLENTY);
    // What is here already comes whatever the server does.
    let here = client.unread();
    server.running.signal(Signal::SIGTERM);
    // One that drops its answer has done so by then; a right one waits for us.
    let ended = server.running.ended_within(Duration::from_secs(1));
    let (came, _) = client.read_to_the_end(PATIENCE);
    if came.len() <= here && here < sent {
        let came = bytes::count_of(came.len(), sent);
        promise.broken(
            Seen::Reset,
            format!("{came} came, and no more than was here before the signal"),
        );
    }
    ended.unwrap_or_else(|| server.running.ended(&promise)).status(0, &promise);
}

#[test]
fn the_server_works_over_ipv6() {
    let Some(server) = manners::start_on_ipv6(&SERVER) else { return };
    echoes(&server, b"six", &uppercase());
}

#[test]
fn the_server_takes_a_name_as_its_host() {
    let server = manners::start_on_a_name(&SERVER);
    echoes(&server, b"named", &uppercase());
}

#[test]
fn the_server_can_be_opened_to_all_addresses() {
    let server = SERVER.start(&["--host", "0.0.0.0"]);
    let promise = manners::lets_everybody_in();
    for ip in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)] {
        if ip == Ipv4Addr::LOCALHOST || sockets::has_second_loopback() {
            let address = SocketAddr::new(ip.into(), server.address.port());
            let mut client = Peer::connect(address, &promise);
            client.send(b"open", &promise);
            client.expect(b"OPEN", &promise);
        }
    }
}

#[test]
fn only_this_machine_can_reach_the_server_unless_told() {
    manners::only_this_machine_can_reach_it(&SERVER);
}

#[test]
fn the_server_takes_port_12000_unless_told() {
    manners::defaults_are_loopback_and_the_labs_port(&SERVER);
}

#[test]
fn a_taken_port_is_an_error_of_the_server() {
    manners::a_taken_port_is_an_error(&SERVER);
}

#[test]
fn a_closed_stdout_ends_the_server_quietly() {
    manners::a_closed_stdout_ends_a_server_quietly(&SERVER);
}

#[test]
fn clients_cannot_drive_the_servers_terminal() {
    manners::clients_cannot_drive_its_terminal(&SERVER, |server, bytes| {
        echoes(server, bytes, &uppercase());
    });
}

#[test]
fn an_address_of_another_machine_is_an_error_of_the_server() {
    manners::a_foreign_address_is_an_error(&SERVER);
}

#[test]
fn the_server_explains_its_options() {
    manners::help_describes_every_option("tcp_server", &["port", "--host", "--timeout"]);
}

#[test]
fn the_server_tells_its_version() {
    manners::version_is_told("tcp_server");
}

#[test]
fn the_server_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "tcp_server",
        &[
            &["twelve"],
            &["65536"],
            &["--no-such-option"],
            &["0", "--timeout", "soon"],
            &["0", "extra"],
        ],
    );
}

// The client

#[test]
fn the_client_connects() {
    CONNECTS.tell();
}

fn client_connects() {
    let promise = promise("the client connects to the host and the port that it was given")
        .cause(
            &[Seen::Ended, Seen::Nothing],
            "HOST and PORT are the first two arguments; no other server is asked",
        )
        .read(handout::REFUSED);
    let server = Listening::start();
    let client = client("tcp_client", &["127.0.0.1", &server.port(), "hello"]);
    server.accept(&client, &promise);
}

#[test]
fn the_client_sends_its_message() {
    SENDS.tell();
}

fn client_sends_its_message() {
    let promise = promise("the bytes of the message, and only they, are sent")
        .cause(
            &[Seen::More, Seen::Other, Seen::Part],
            "the bytes of the message are sent, and nothing else: no line end and no NUL",
        )
        .read(handout::ENDS);
    let server = Listening::start();
    let client = client("tcp_client", &["127.0.0.1", &server.port(), "Hello, World"]);
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"Hello, World", &promise);
    peer.expect_no_more(A_MOMENT / 3, &promise);
}

#[test]
fn the_client_prints_the_reply() {
    CLIENT.tell_first();
}

fn client_prints_the_reply() {
    let promise = promise("`From Server: `, the reply and a newline are printed")
    .cause(&[Seen::Stdout], "what is printed must be what the server sent, whatever that is")
    .cause(
        &[Seen::StillOpen],
        "the client waits for the server to close: the reply ends when as many bytes have come \
         back as were sent",
    )
    .cause(
        &[Seen::Status],
        "the reply was there, and was given up: a read that finds nothing for a moment fails \
         with WouldBlock or TimedOut, which is no end; read on until the timeout is over",
    )
    .read(handout::REPLY);
    let server = Listening::start();
    let client = client("tcp_client", &["127.0.0.1", &server.port(), "Hello, World"]);
    // Not what the client could have made of its message by itself.
    server.answer(&client, b"Hello, World", b"any REPLY 12", &promise);
    CLIENT.printed(&client, b"any REPLY 12", &promise);
}

#[test]
fn the_message_can_come_from_stdin() {
    CLIENT.the_message_can_come_from_stdin();
}

#[test]
fn an_empty_line_on_stdin_is_an_empty_message() {
    let promise = promise("an empty line is a message of no bytes, with a reply of no bytes")
        .cause(
            &[Seen::StillOpen],
            "no byte was sent, so the reply has no byte either: it is whole",
        )
        .cause(&[Seen::Ended], "an empty line is a line")
        .read(handout::STREAM);
    let server = Listening::start();
    let client = CLIENT.launch(&["127.0.0.1", &server.port()]).stdin("\n").start();
    server.answer(&client, b"", b"", &promise);
    CLIENT.printed(&client, b"", &promise);
}

#[test]
fn no_line_on_stdin_is_an_error() {
    CLIENT.no_line_on_stdin_is_an_error();
}

#[test]
fn there_is_no_prompt_without_a_terminal() {
    CLIENT.there_is_no_prompt_without_a_terminal();
}

#[test]
fn a_person_is_asked_on_stderr() {
    CLIENT.a_person_is_asked_on_stderr();
}

#[test]
fn a_given_message_is_sent_as_it_is() {
    CLIENT.a_given_message_is_sent_as_it_is();
}

#[test]
fn a_given_message_is_not_asked_for() {
    CLIENT.a_given_message_is_not_asked_for();
}

#[test]
fn an_unknown_host_is_an_error() {
    CLIENT.an_unknown_host_is_an_error();
}

#[test]
fn ctrl_c_at_the_client_shows_no_traceback() {
    CLIENT.ctrl_c_shows_no_crash();
}

#[test]
fn odd_times_and_names_are_no_crash_of_the_client() {
    CLIENT.odd_arguments_show_no_crash();
}

#[test]
fn a_person_may_say_nothing() {
    CLIENT.a_person_may_say_nothing();
}

#[test]
fn a_reply_cannot_drive_the_terminal() {
    CLIENT.a_reply_cannot_drive_the_terminal();
}

#[test]
fn without_arguments_the_client_asks_port_12000_of_this_machine() {
    CLIENT.without_arguments_port_12000_of_this_machine_is_asked();
}

#[test]
fn a_closed_stdout_ends_the_client_quietly() {
    CLIENT.a_closed_stdout_ends_the_client_quietly();
}

#[test]
fn errors_are_plain_text_in_a_pipe_and_with_no_color() {
    let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    CLIENT.errors_are_plain_text(&["127.0.0.1", &closed.port(), "hi"]);
}

#[test]
fn a_reply_goes_into_a_pipe_byte_by_byte() {
    let promise = promise("the bytes of the reply are printed exactly as they came")
        .cause(&[Seen::Stdout], "the reply is bytes, not text: write it without decoding it")
        .read(handout::EVERY_PROGRAM);
    let every_byte: Vec<u8> = (0..=255).collect();
    for reply in [
        &every_byte[..],
        b"ends in a line end\n",
        b"\xff\xfe",
        b" \t ",
        b"a\r\nb",
        b"nul\0\0",
        b"\0before",
    ] {
        let server = Listening::start();
        let client = CLIENT.start(&[], server.address, &"m".repeat(reply.len()));
        server.answer(&client, &vec![b'm'; reply.len()], reply, &promise);
        CLIENT.printed(&client, reply, &promise);
    }
}

#[test]
fn a_reply_in_pieces_is_read_to_its_end() {
    let promise = promise("a reply that comes in pieces, one byte at a time, is printed whole")
        .cause(
            &[Seen::Stdout, Seen::Ended, Seen::Status, Seen::Reset],
            "the client reads once, or to a newline: one read returns what is there, so read until \
             as many bytes have come as were sent",
        )
        .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, "piece\nby piece");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"piece\nby piece", &promise);
    for byte in b"PIECE\nBY PIECE" {
        peer.send(&[*byte], &promise);
        // Time enough to read it alone.
        if let Some(end) = client.ended_within(Duration::from_millis(15)) {
            if *byte != b'E' {
                promise.broken(Seen::Ended, format!("it ended too early: {}", end.told()));
            }
            break;
        }
    }
    CLIENT.printed(&client, b"PIECE\nBY PIECE", &promise);
}

#[test]
fn a_character_in_two_pieces_is_shown_whole() {
    let promise = promise("on a terminal a character is shown whole, however its bytes come")
        .cause(
            &[Seen::Stdout],
            "each read was decoded by itself: a character may be cut in two",
        )
        .read(handout::STREAM);
    let server = Listening::start();
    let (terminal, [stdout]) = Terminal::open();
    let port = server.port();
    let client = CLIENT.launch(&["127.0.0.1", &port, "abcde"]).stdout_to(stdout).start();
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"abcde", &promise);
    peer.send(b"gr\xc3", &promise);
    // Time enough to read this much alone.
    if let Some(end) = client.ended_within(Duration::from_millis(200)) {
        promise.broken(Seen::Ended, format!("it did not wait for the rest: {}", end.told()));
    }
    peer.send(b"\xbcn", &promise);
    terminal.expect("grün", &promise);
    client.ended(&promise).status(0, &promise);
}

#[test]
fn the_reply_ends_with_as_many_bytes_as_were_sent() {
    let promise = promise("the reply is as long as the message; what the server sends behind it is not part of it")
        .cause(&[Seen::Stdout], "the client prints what came: count the bytes")
        .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, "hello");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"hello", &promise);
    let _ = peer.try_send(b"HELLO AND MORE");
    peer.stay_open_for(&client);
    CLIENT.printed(&client, b"HELLO", &promise);

    // The end of the reply and what is behind it in one piece.
    let client = CLIENT.start(&[], server.address, "hello");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"hello", &promise);
    peer.send(b"HEL", &promise);
    // Time enough to read this much alone.
    if let Some(end) = client.ended_within(Duration::from_millis(100)) {
        promise.broken(Seen::Ended, format!("it did not wait for the rest: {}", end.told()));
    }
    let _ = peer.try_send(b"LO AND MORE");
    peer.stay_open_for(&client);
    CLIENT.printed(&client, b"HELLO", &promise);
}

#[test]
fn a_message_larger_than_all_buffers_comes_back() {
    let promise = promise("16 MiB come back whole from a server that answers as it reads")
        .cause(
            &[Seen::Nothing, Seen::StillOpen, Seen::Reset, Seen::Closed],
            "both sides send and nobody reads, or only a part of the line was read from stdin: the client must read while it sends (a second \
             thread, or a poll loop)",
        )
        .cause(
            &[Seen::Stdout],
            "one write may take only a part of the bytes (write_all, sendall)",
        )
        .read(handout::BUFFERS);
    let message = seed::random_letters(&mut seed::random(), PLENTY);
    // Small buffers on our side: whatever the machine's are, both directions fill up.
    let server = Listening::on(Ipv4Addr::LOCALHOST.into(), Some(64 * 1024));
    let client = CLIENT
        // Whoever first sends all, and gives up after the timeout, is stuck for long.
        .launch(&["--timeout", "60", "127.0.0.1", &server.port()])
        .stdin([&message[..], b"\n"].concat())
        .start();
    let mut peer = server.accept(&client, &promise);
    let mut heard = 0;
    let until = Instant::now() + 4 * PATIENCE;
    while heard < PLENTY {
        let more = peer.read(64 * 1024, PATIENCE).filter(|bytes| !bytes.is_empty());
        let Some(mut bytes) = more.filter(|_| Instant::now() < until) else {
            promise.broken(Seen::Nothing, format!("it stopped sending after {heard} bytes"));
        };
        heard += bytes.len();
        bytes.make_ascii_uppercase();
        peer.send(&bytes, &promise);
    }
    CLIENT.printed(&client, &message.to_ascii_uppercase(), &promise);
}

#[test]
fn a_server_that_never_reads_is_given_up() {
    let promise = promise(
        "with --timeout 1 the client ends, though much of its message is not sent yet",
    )
    .cause(
        &[Seen::StillOpen],
        "the time without progress counts for sending, too: a write waits for ever for a server \
         that does not read, and so does whoever waits for the thread that writes",
    )
    .read(handout::BUFFERS);
    let server = Listening::on(Ipv4Addr::LOCALHOST.into(), Some(64 * 1024));
    let mut message = vec![b'm'; PLENTY];
    message.push(b'\n');
    let arguments = ["--timeout", "1", "127.0.0.1", &server.port()];
    let client = CLIENT.launch(&arguments).stdin(message).start();
    server.accept(&client, &promise).stay_open_for(&client);
    let end = client.ended(&promise);
    manners::no_crash_shown(&end, &promise);
    end.status(1, &promise).says(&["error: "], &promise);
}

#[test]
fn a_client_before_its_server_is_refused() {
    let promise = promise(
        "without a server: `error: Connection refused: nothing is listening on ADDR:PORT`, a \
         hint with the server's start command, status 1",
    )
    .cause(
        &[Seen::StillOpen],
        "over TCP the refusal comes at once; there is nothing to wait for",
    )
    .try_it("cargo run --bin tcp_client -- localhost 9 hello")
    .read(handout::REFUSED);
    let nobody = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT.start_in_vain(&[], nobody.address, "hello").ended(&promise);
    refused(&end, nobody.address, &promise);
}

#[test]
fn the_wrong_port_is_refused() {
    let server = SERVER.start(&[]);
    let promise = promise("a server on another port is not there: the connection is refused").because("connect fails at once if nobody listens on that port: say so, with the address, and end with status 1")
        .read(handout::REFUSED);
    let wrong = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT.start_in_vain(&[], wrong.address, "hello").ended(&promise);
    refused(&end, wrong.address, &promise);
    echoes(&server, b"right port", &uppercase());
}

#[test]
fn the_client_and_the_server_understand_each_other() {
    let server = SERVER.start(&[]);
    let promise = promise("tcp_client gets its answer from tcp_server").because("both pass alone, but not together: one waits for something (a newline, the end) that the other does not send").read(handout::STREAM);
    for message in ["hello", "zweite Größe", "x"] {
        let client = CLIENT.start(&[], server.address, message);
        CLIENT.printed(&client, message.to_ascii_uppercase().as_bytes(), &promise);
    }
}

#[test]
fn a_server_that_closes_early_is_an_error() {
    let promise = promise(
        "what came before the server closed is printed; an error says that 123 of 300 bytes \
         came, status 1",
    )
    .cause(
        &[Seen::Status],
        "the end of the connection is not always the end of the reply: count",
    )
    .cause(&[Seen::StillOpen], "a read of 0 bytes is the end: nothing more will come")
    .cause(&[Seen::Stdout], "what came before the end is still the server's reply: print it")
    .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, &"m".repeat(300));
    let mut peer = server.accept(&client, &promise);
    peer.expect(&[b'm'; 300], &promise);
    peer.send(&[b'M'; 123], &promise);
    peer.half_close();
    let end = client.ended(&promise);
    end.status(1, &promise);
    CLIENT.printed_reply(&end, &[b'M'; 123], &promise);
    end.says(&["error: ", "123", "300"], &promise);
    if end.errors().contains("300 of 123") {
        promise.broken_because(
            Seen::Stderr,
            format!("stderr is {}", end.errors().trim_end()),
            Some(
                "the two numbers stand in each other's place: 123 bytes came, of 300"
                    .to_owned(),
            ),
        );
    }
    manners::no_crash_shown(&end, &promise);

    let promise = promise.only_because(
        "how much came of how much is counted in bytes: a letter ü is two of them",
    );
    let client = CLIENT.start(&[], server.address, &"ü".repeat(150));
    let mut peer = server.accept(&client, &promise);
    peer.expect("ü".repeat(150).as_bytes(), &promise);
    peer.send(&"Ü".repeat(60).as_bytes()[..119], &promise);
    peer.half_close();
    let end = client.ended(&promise);
    end.status(1, &promise).says(&["error: ", "119", "300"], &promise);
}

#[test]
fn a_server_that_closes_at_once_is_an_error() {
    let promise = promise("a server that closes without a reply is an error, status 1")
        .cause(&[Seen::Status], "a read of 0 bytes is the end, not an empty reply")
        .cause(&[Seen::StillOpen], "a read of 0 bytes is the end: nothing more will come")
        .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, "hello");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"hello", &promise);
    drop(peer);
    let end = client.ended(&promise);
    end.status(1, &promise).says(&["error: "], &promise);
    manners::no_crash_shown(&end, &promise);
}

#[test]
fn a_server_that_resets_is_an_error() {
    let promise = promise("a connection that is reset in mid-stream is an error, status 1")
        .cause(&[Seen::Stderr], "the error of a read or write is reported, not a panic")
        .read(handout::ENDS);
    let server = Listening::on(Ipv4Addr::LOCALHOST.into(), Some(64 * 1024));
    let mut message = vec![b'm'; PLENTY];
    message.push(b'\n');
    let client = CLIENT.launch(&["127.0.0.1", &server.port()]).stdin(message).start();
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"mmm", &promise);
    peer.send(b"MMM", &promise);
    peer.reset();
    let end = client.ended(&promise);
    end.status(1, &promise).says(&["error: "], &promise);
    manners::no_crash_shown(&end, &promise);
}

#[test]
fn what_came_before_a_reset_is_printed() {
    let promise = promise(
        "what came before a reset is printed; an error says that 123 of 300 bytes came, status 1",
    )
    .cause(&[Seen::Status], "a reset is not the end of the reply")
    .cause(&[Seen::Stdout], "what came before is still the server's reply: print it")
    .cause(&[Seen::Stderr], "the error of a read is reported, with how much came")
    .read(handout::ENDS);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, &"m".repeat(300));
    let mut peer = server.accept(&client, &promise);
    peer.expect(&[b'm'; 300], &promise);
    peer.send(&[b'M'; 123], &promise);
    // Time to read them: a reset may make the kernel forget what nobody has read.
    if let Some(end) = client.ended_within(Duration::from_millis(500)) {
        promise.broken(Seen::Ended, format!("it did not wait for the rest: {}", end.told()));
    }
    peer.reset();
    let end = client.ended(&promise);
    manners::no_crash_shown(&end, &promise);
    end.status(1, &promise).says(&["error: ", "123", "300"], &promise);
    CLIENT.printed_reply(&end, &[b'M'; 123], &promise);
}

#[test]
fn a_silent_server_is_given_up_after_the_timeout() {
    let promise =
        promise("`--timeout 0.5` gives up 0.5 s after the last byte, with what has come")
            .cause(
                &[Seen::StillOpen],
                "without a timeout (SO_RCVTIMEO, settimeout) a read waits for ever",
            )
            .cause(&[Seen::Stdout], "what came before is still the server's reply: print it")
            .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "0.5"], server.address, "hello");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"hello", &promise);
    peer.send(b"HE", &promise);
    let end = client.ended(&promise);
    end.status(1, &promise);
    CLIENT.printed_reply(&end, b"HE", &promise);
    end.says(&["error: "], &promise);
    manners::no_crash_shown(&end, &promise);
    end.took_at_least(Duration::from_millis(500), &promise);
    if let Some((_, told)) = end.errors().split_once(" within ") {
        let number = told.split(' ').next().and_then(|number| number.parse::<f64>().ok());
        if told.starts_with(|it: char| it.is_ascii_digit())
            && number.is_some_and(|number| number != 0.5 && number != 500.0)
        {
            promise.broken_because(
                Seen::Stderr,
                format!("stderr is {}", end.errors().trim_end()),
                Some("the message tells another time than --timeout".to_owned()),
            );
        }
    }

    let client = CLIENT.start(&[], server.address, "hello");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"hello", &promise);
    peer.send(b"HE", &promise);
    peer.half_close();
    let closed = client.ended(&promise).errors();
    let silent = end.errors();
    let up_to_closed =
        |text: &str| text.split_once("closed").map(|(up_to, _)| up_to.to_owned());
    if up_to_closed(&silent).is_some() && up_to_closed(&silent) == up_to_closed(&closed) {
        promise.broken_because(
            Seen::Stderr,
            format!("stderr is {}", silent.trim_end()),
            Some(
                "a server that is silent is not one that has closed: a read that times out is \
                 another thing than one of 0 bytes"
                    .to_owned(),
            ),
        );
    }
}

#[test]
fn a_silent_server_has_a_while_unless_told() {
    let promise = promise("without --timeout a server may be silent for 10 s")
        .cause(&[Seen::Ended], "the timeout is 10 s unless told")
        .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, "hello");
    server.hear(&client, b"hello", &promise);
    // Not all of it, for the sake of those who wait for this check.
    if let Some(end) = client.ended_within(Duration::from_secs(6)) {
        promise.broken(Seen::Ended, format!("it gave up: {}", end.told()));
    }
}

#[test]
fn a_slow_server_is_not_given_up() {
    let promise =
        promise("each byte starts the timeout anew: a slow server is not a silent one")
            .cause(
                &[Seen::Ended],
                "the timeout counts from the start: it is for the time without progress",
            )
            .cause(
                &[Seen::Part],
                "the client reads once: read until as many bytes have come as were sent",
            )
            .read(handout::REPLY);
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "1.5"], server.address, "slowly");
    let mut peer = server.accept(&client, &promise);
    peer.expect(b"slowly", &promise);
    for byte in b"SLOWL" {
        peer.send(&[*byte], &promise);
        if let Some(end) = client.ended_within(Duration::from_millis(400)) {
            let seen = if end.status.code() == Some(0) { Seen::Part } else { Seen::Ended };
            promise.broken(seen, format!("it did not wait for the rest: {}", end.told()));
        }
    }
    peer.send(b"Y", &promise);
    CLIENT.printed(&client, b"SLOWLY", &promise);
}

#[test]
fn a_server_too_busy_to_connect_is_given_up_after_the_timeout() {
    CONNECTS.must_pass();
    let Some(busy) = Busy::start() else { return };
    let promise = promise("`--timeout 0.5` also limits how long connecting may take")
        .cause(
            &[Seen::StillOpen, Seen::Time],
            "connect waits as long as the kernel likes, some minutes (connect_timeout, settimeout)",
        )
        .read(handout::REFUSED);
    let end =
        CLIENT.start_in_vain(&["--timeout", "0.5"], busy.address, "hello").ended(&promise);
    end.status(1, &promise).stdout(b"", &promise).says(&["error: "], &promise);
    manners::no_crash_shown(&end, &promise);
    end.took_at_least(Duration::from_millis(500), &promise);
}

#[test]
fn the_client_works_over_ipv6() {
    CLIENT.must_pass();
    if !sockets::has_ipv6() {
        return;
    }
    let promise = promise("`tcp_client ::1 PORT` talks over IPv6, and writes [::1]:PORT").because("the socket, or the way in which host and port are put together, is of IPv4 alone: ToSocketAddrs (getaddrinfo) knows both, and SocketAddr writes the brackets")
        .read(handout::EVERY_PROGRAM);
    let server = Listening::on(Ipv6Addr::LOCALHOST.into(), None);
    let client = CLIENT.start(&[], server.address, "six");
    server.answer(&client, b"six", b"SIX", &promise);
    CLIENT.printed(&client, b"SIX", &promise);

    let nobody = ClosedPort::on(IpAddr::from(Ipv6Addr::LOCALHOST));
    let end = CLIENT.start(&[], nobody.address, "six").ended(&promise);
    refused(&end, nobody.address, &promise);
}

#[test]
fn a_name_means_its_ipv4_address_first() {
    let name = names::with_both();
    let promise =
        promise(format!("`tcp_client {name} PORT` asks 127.0.0.1, and says so in its errors"))
            .cause(
                &[Seen::Ended, Seen::Nothing],
                "a name may have several addresses, in any order: try IPv4 first",
            )
            .cause(
                &[Seen::Stderr],
                "addresses in messages are the resolved ones, 127.0.0.1:12000",
            )
            .read(handout::EVERY_PROGRAM);
    let server = Listening::start();
    // Somebody listens on the other address too, where it exists.
    let namesake = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), server.address.port());
    let _namesake = Listening::try_on(namesake, None);
    let client = CLIENT
        .launch(&[name, &server.address.port().to_string(), "named"])
        .with_names()
        .start();
    server.answer(&client, b"named", b"NAMED", &promise);
    CLIENT.printed(&client, b"NAMED", &promise);

    if !sockets::localhost_has_both() {
        let nobody = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
        let end = CLIENT
            .launch(&["localhost", &nobody.address.port().to_string(), "named"])
            .start()
            .ended(&promise);
        refused(&end, nobody.address, &promise);
    }
}

#[test]
fn each_address_of_a_name_is_tried_in_turn() {
    CONNECTS.must_pass();
    if !names::one_has_both() || !sockets::has_ipv6() {
        return;
    }
    let name = names::with_both();
    let promise =
        promise(format!("when the IPv4 addresses of {name} refuse, its IPv6 address is tried"))
            .cause(
                &[Seen::Ended],
                "a name may have several addresses: try each until one connects",
            )
            .read(handout::REFUSED);
    let (server, _closed) = Listening::on_ipv6_alone();
    let client =
        Launch::new("tcp_client", &[name, &server.port(), "hello"]).with_names().start();
    server.accept(&client, &promise);
}

#[test]
fn the_client_explains_its_options() {
    manners::help_describes_every_option(
        "tcp_client",
        &["host", "port", "message", "--timeout"],
    );
}

#[test]
fn the_client_tells_its_version() {
    manners::version_is_told("tcp_client");
}

#[test]
fn the_client_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "tcp_client",
        &[
            &["localhost", "twelve", "hi"],
            &["localhost", "65536", "hi"],
            &["--no-such-option"],
            &["--timeout", "soon", "localhost", "9", "hi"],
            &["--timeout", "nan", "localhost", "9", "hi"],
            &["localhost", "9", "hi", "extra"],
        ],
    );
}

// What several checks say

/// A connection's bytes come back with a-z as A-Z, without a newline or an end.
fn echoes(server: &Server, message: &[u8], promise: &Promise) {
    let mut client = server.connect(promise);
    client.send(message, promise);
    client.expect(&message.to_ascii_uppercase(), promise);
}

fn uppercase() -> Promise {
    promise("what a client sends comes back with a-z as A-Z and every other byte as it was")
        .cause(&[Seen::Other], "change the bytes a-z and no others")
        .cause(&[Seen::Refused], "bind, listen, accept: in this order, on the port given")
        .try_it("cargo run --bin tcp_client")
        .read(handout::STREAM)
}

fn refused(end: &Ended, server: SocketAddr, promise: &Promise) {
    let error = format!("error: Connection refused: nothing is listening on {server}");
    end.says(&[&error, "hint: ", "tcp_server"], promise);
    end.status(1, promise).stdout(b"", promise);
}
