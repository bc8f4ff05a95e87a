//! Lab 1: every datagram comes back in uppercase. The checks of `udp_server` and
//! `udp_client`; what they promise is in `labs/1-udp-uppercase/README.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::asking::{Answering, Asking};
use support::first::First;
use support::manners::{self, Over, ServerProgram};
use support::program::{Ended, Launch, ReadyLine, Server};
use support::udp::{ClosedPort, Listening};
use support::{Promise, Seen, client, handout, names, promise, seed, sockets};

static RECEIVES: First = First::new(
    "udp_server",
    "the_server_says_where_it_receives",
    server_says_where_it_receives,
);

static SERVER: ServerProgram = ServerProgram {
    name: "udp_server",
    scratch: None,
    ready: ReadyLine::READY_TO_RECEIVE,
    default_port: 12000,
    over: Over::Udp,
    listens: Some(&RECEIVES),
    first: First::new(
        "udp_server",
        "the_server_answers_in_uppercase",
        server_answers_in_uppercase,
    )
    .after(&RECEIVES),
};

/// The largest payload over IPv4.
const LARGEST: usize = 65_507;

static SENDS: First = First::new(
    "udp_client",
    "the_client_sends_its_message_in_a_datagram",
    client_sends_its_message_in_a_datagram,
);

static CLIENT: Asking<Listening> = Asking::new(
    "udp_client",
    &SENDS,
    First::new("udp_client", "the_client_prints_the_reply", client_prints_the_reply)
        .after(&SENDS),
    handout::DATAGRAM,
);

// The server

#[test]
fn the_server_says_where_it_receives() {
    RECEIVES.tell();
}

fn server_says_where_it_receives() {
    SERVER.start_first(&[]);
}

#[test]
fn the_server_answers_in_uppercase() {
    SERVER.first.tell();
}

fn server_answers_in_uppercase() {
    let server = SERVER.start_first(&[]);
    echoes(&server, b"hello", &uppercase());
}

#[test]
fn only_the_letters_a_to_z_change() {
    let server = SERVER.start(&[]);
    let every_byte: Vec<u8> = (0..=255).collect();
    echoes(&server, &every_byte, &uppercase());
}

#[test]
fn letters_outside_ascii_stay_as_they_are() {
    let server = SERVER.start(&[]);
    echoes(&server, "grüße, señor ŷ – ½ ☃ ı ß ﬁ ё".as_bytes(), &uppercase());
}

#[test]
fn white_space_and_line_ends_are_data() {
    let server = SERVER.start(&[]);
    for datagram in
        [&b" spaces "[..], b"line\n", b"line\r\n", b"\ttab\t", b"\n", b" ", b"\0", b"nul\0\0"]
    {
        echoes(&server, datagram, &uppercase());
    }
}

#[test]
fn an_empty_datagram_gets_an_empty_one() {
    let server = SERVER.start(&[]);
    let promise = promise("an empty datagram is answered with an empty one")
        .cause(
            &[Seen::Nothing, Seen::Other],
            "a length of 0 was taken for the end or for nothing: over UDP it is a datagram \
             like any other",
        )
        .read(handout::DATAGRAM);
    echoes(&server, b"", &promise);
    echoes(&server, b"still there", &promise);
}

#[test]
fn the_largest_datagram_comes_back_whole() {
    let server = SERVER.start(&[]);
    let letters = seed::random_letters(&mut seed::random(), LARGEST);
    echoes(&server, &letters, &sizes());
}

#[test]
fn datagrams_of_many_sizes_come_back_whole() {
    let server = SERVER.start(&[]);
    let mut random = seed::random();
    let round = [512, 1000, 1024, 1472, 1500, 2048, 4096, 8192, 10_000, 16_384, 32_768, 65_000];
    let around = round.iter().flat_map(|size| [size - 1, *size, size + 1]);
    let sizes_tried: Vec<usize> =
        around.chain((0..10).map(|_| random.usize(1..LARGEST))).collect();
    for size in sizes_tried {
        let bytes = seed::random_letters(&mut random, size);
        echoes(&server, &bytes, &sizes());
    }
}

#[test]
fn each_datagram_gets_one_reply_of_its_own() {
    let server = SERVER.start(&[]);
    let client = server.udp_client();
    let promise = promise("each datagram is answered by exactly one")
        .cause(&[Seen::Other], "one call of sendto is one datagram, as one of recvfrom is")
        .cause(&[Seen::More], "more than one reply was sent for a datagram")
        .read(handout::DATAGRAM);
    for datagram in [b"one", b"two", b"six"] {
        client.send(datagram);
    }
    client.expect_all(&[b"ONE", b"TWO", b"SIX"], &promise);
    client.expect_nothing(&promise);
}

#[test]
fn a_datagram_that_comes_again_is_answered_again() {
    let server = SERVER.start(&[]);
    let client = server.udp_client();
    let promise = promise("a datagram with the same bytes as the last one gets a reply, too")
        .because(
            "a client sends again when a reply was lost, and needs the reply: every datagram is \
             answered, whatever came before",
        )
        .read(handout::DATAGRAM);
    for _ in 0..3 {
        client.send(b"again");
        client.expect_all(&[b"AGAIN"], &promise);
    }
}

#[test]
fn no_word_ends_the_server() {
    let server = SERVER.start(&[]);
    let promise = promise("`quit`, `exit` and the like are data as any other")
        .because(manners::NO_WORD_IS_A_COMMAND)
        .read(handout::DATAGRAM);
    for word in manners::COMMANDS_ELSEWHERE {
        echoes(&server, word.as_bytes(), &promise);
    }
    for byte in 0..=b' ' {
        echoes(&server, &[byte], &promise);
    }
    echoes(&server, b"still there", &promise);
}

#[test]
fn any_number_of_datagrams_is_answered() {
    let server = SERVER.start(&[]);
    let client = server.udp_client();
    let promise = promise("the 1,100th datagram is answered as the first was")
        .because(
            "the server counts what it answers, or keeps something of each: it receives and \
             sends in a loop without an end",
        )
        .read(handout::DATAGRAM);
    for _ in 0..1100 {
        client.send(b"again");
        client.expect(b"again", b"AGAIN", &promise);
    }
}

#[test]
fn a_server_waits_for_datagrams_as_long_as_it_takes() {
    let server = SERVER.start(&[]);
    let promise = promise("a server that nobody asks waits until somebody does")
        .because("a server has no timeout: recvfrom waits for as long as it takes")
        .read(handout::DATAGRAM);
    // Most timeouts that somebody might have chosen are over then.
    if let Some(end) = server.running.ended_within(Duration::from_secs(6)) {
        promise.broken(Seen::Ended, end.told());
    }
    echoes(&server, b"at last", &promise);
}

#[test]
fn two_clients_at_once_get_their_own_replies() {
    let server = SERVER.start(&[]);
    let (a, b) = (server.udp_client(), server.udp_client());
    let promise = promise("each client gets the replies to its own datagrams")
        .cause(
            &[Seen::Nothing],
            "the server talks to one client only: answer each datagram to the address that \
             recvfrom reports with it, and do not connect the socket",
        )
        .cause(&[Seen::Other], "a reply went to another client")
        .read(handout::DATAGRAM);
    a.send(b"from a");
    b.send(b"from b");
    a.send(b"again a");
    b.expect_all(&[b"FROM B"], &promise);
    b.send(b"again b");
    a.expect_all(&[b"FROM A", b"AGAIN A"], &promise);
    b.expect_all(&[b"AGAIN B"], &promise);
    a.expect_nothing(&promise);
}

#[test]
fn clients_that_vanish_do_not_stop_the_server() {
    let server = SERVER.start(&[]);
    let promise =
        promise("clients that are gone when their reply comes change nothing for others")
            .cause(
                &[Seen::Nothing, Seen::Ended],
                "an error for one client (ICMP port unreachable) ended the server or its loop",
            )
            .read(handout::DATAGRAM);
    for _ in 0..20 {
        // Its socket is closed before the reply can have come.
        server.udp_client().send(b"gone");
        let patient = server.udp_client();
        patient.send(b"here");
        patient.expect(b"here", b"HERE", &promise);
    }
}

#[test]
fn a_burst_of_datagrams_is_answered() {
    let server = SERVER.start(&[]);
    let client = server.udp_client();
    let promise = promise("32 datagrams sent at once are all answered").because("the server must be back in recvfrom before its receive buffer is full: what does not fit there is lost, so do not wait between two datagrams").read(handout::DATAGRAM);
    let datagrams: Vec<String> = (10..42).map(|number| format!("datagram {number}")).collect();
    for datagram in &datagrams {
        client.send(datagram.as_bytes());
    }
    let replies: Vec<String> = datagrams.iter().map(|it| it.to_ascii_uppercase()).collect();
    let replies: Vec<&[u8]> = replies.iter().map(String::as_bytes).collect();
    client.expect_all(&replies, &promise);
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
            let client = support::udp::Client::of(address);
            client.send(b"open");
            client.expect(b"open", b"OPEN", &promise);
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
fn ctrl_c_ends_the_server_with_status_0() {
    manners::a_signal_ends_it(&SERVER, Signal::SIGINT);
}

#[test]
fn sigterm_ends_the_server_with_status_0() {
    manners::a_signal_ends_it(&SERVER, Signal::SIGTERM);
}

#[test]
fn a_signal_ends_a_server_that_has_served() {
    let server = SERVER.start(&[]);
    echoes(&server, b"served", &uppercase());
    let promise = manners::stops_in_good_order(&SERVER, Signal::SIGTERM);
    server.running.signal(Signal::SIGTERM);
    server.running.ended(&promise).status(0, &promise);
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
    manners::help_describes_every_option("udp_server", &["port", "--host"]);
}

#[test]
fn the_server_tells_its_version() {
    manners::version_is_told("udp_server");
}

#[test]
fn the_server_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "udp_server",
        &[&["twelve"], &["65536"], &["-1"], &["--no-such-option"], &["0", "extra"]],
    );
}

// The client

#[test]
fn the_client_sends_its_message_in_a_datagram() {
    SENDS.tell();
}

fn client_sends_its_message_in_a_datagram() {
    let promise = promise("the message goes out as it is, in one datagram")
        .cause(
            &[Seen::Ended],
            "with MESSAGE nothing is asked and stdin is not read, which may be at its end: send \
             the third argument",
        )
        .cause(
            &[Seen::More, Seen::Other, Seen::Part],
            "the bytes of the message are sent, and nothing else: no line end and no NUL",
        )
        .read(handout::SENDING);
    let server = Listening::start();
    let client = client("udp_client", &["127.0.0.1", &server.port(), "Hello, World"]);
    server.receive(&client, &promise).must_be(b"Hello, World", &promise);
}

#[test]
fn the_client_prints_the_reply() {
    CLIENT.tell_first();
}

fn client_prints_the_reply() {
    let promise = promise("the reply and a newline are printed")
        .cause(
            &[Seen::Stdout],
            "what is printed must be what the server sent, whatever that is, and a newline",
        )
        .read(handout::DATAGRAM);
    let server = Listening::start();
    let client = client("udp_client", &["127.0.0.1", &server.port(), "Hello, World"]);
    let question = server.receive(&client, &promise);
    question.must_be(b"Hello, World", &promise);
    // Not what the client could have made of its message by itself.
    server.reply(&question, b"any REPLY");
    CLIENT.printed(&client, b"any REPLY", &promise);
}

#[test]
fn the_message_can_come_from_stdin() {
    CLIENT.the_message_can_come_from_stdin();
}

#[test]
fn an_empty_line_on_stdin_is_an_empty_datagram() {
    let promise = promise("an empty line is a message of no bytes; so may the reply be")
        .cause(&[Seen::Ended, Seen::Nothing], "an empty line is a line: it is sent")
        .cause(&[Seen::StillOpen, Seen::Stdout, Seen::Status], "an empty datagram is a reply")
        .read(handout::DATAGRAM);
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
    let port = ClosedPort::on(Ipv4Addr::LOCALHOST.into()).port();
    CLIENT.errors_are_plain_text(&["--timeout", "0.2", "127.0.0.1", &port, "hi"]);
}

#[test]
fn a_reply_goes_into_a_pipe_byte_by_byte() {
    let promise = promise("the bytes of the reply are printed exactly as they came")
        .cause(&[Seen::Stdout], "the reply is bytes, not text: write it without decoding it")
        .read(handout::EVERY_PROGRAM);
    let every_byte: Vec<u8> = (0..=255).collect();
    for reply in
        [&every_byte[..], b"ends in a line end\n", b"\xff\xfe", b"", b" \t ", b"a\r\nb"]
    {
        replied(reply, &promise);
    }
}

#[test]
fn the_largest_reply_is_printed_whole() {
    let promise = promise("a reply of 65,507 bytes is printed whole")
        .cause(
            &[Seen::Stdout],
            "the receive buffer is too small: what does not fit is lost; give it 65,535 bytes",
        )
        .read(handout::DATAGRAM);
    replied(&seed::random_letters(&mut seed::random(), LARGEST), &promise);
}

#[test]
fn the_largest_message_is_sent_whole() {
    let promise =
        promise("a message of 65,507 bytes goes out in one datagram")
            .cause(
                &[Seen::Ended],
                "65,507 bytes are what a datagram can hold (65,535 less 20 for IP and 8 for \
                 UDP): only more than that is refused",
            )
            .because("a datagram is sent whole by one send: do not cut the message or write it in pieces; the reply needs a receive buffer of 65,507 bytes").read(handout::DATAGRAM);
    let message = seed::random_letters(&mut seed::random(), LARGEST);
    let server = Listening::start();
    let client = CLIENT.launch(&["127.0.0.1", &server.port()]).stdin(&message[..]).start();
    let question = server.receive(&client, &promise);
    question.must_be(&message, &promise);
    server.reply(&question, b"ALL");
    CLIENT.printed(&client, b"ALL", &promise);
}

#[test]
fn a_message_that_cannot_fit_is_refused_before_anything_is_sent() {
    let promise = promise(
        "a message of 65,508 bytes fits into no datagram: an error, status 2, nothing is sent",
    )
    .cause(&[Seen::Status], "a message that cannot be sent is a wrong argument: status 2")
    .cause(&[Seen::More], "a part of the message was sent: a datagram is all or nothing")
    .read(handout::DATAGRAM);
    let server = Listening::start();
    let port = server.port();
    let message = vec![b'a'; LARGEST + 1];
    let from_stdin = CLIENT.launch(&["127.0.0.1", &port]).stdin(message.clone());
    let message = String::from_utf8_lossy(&message);
    let from_argument = CLIENT.launch(&["127.0.0.1", &port, &message]);
    // More bytes than fit, and fewer characters.
    let counts_bytes = promise.only_because(
        "40,000 letters é are 80,000 bytes in UTF-8: count bytes, not characters",
    );
    let of_two_bytes = CLIENT.launch(&["127.0.0.1", &port]).stdin("é".repeat(40_000));
    for (launch, promise) in
        [(from_stdin, &promise), (from_argument, &promise), (of_two_bytes, &counts_bytes)]
    {
        let end = launch.start().ended(promise);
        server.expect_no_more(Duration::from_millis(1), promise);
        end.status(2, promise).stdout(b"", promise).says(&["error: "], promise);
        manners::no_crash_shown(&end, promise);
    }
}

#[test]
fn datagrams_from_strangers_are_ignored() {
    let promise = promise("a datagram from anyone but the server is ignored")
        .cause(
            &[Seen::Stdout],
            "the client took the first datagram that came: compare the sender that recvfrom \
             reports, address and port, with the server's",
        )
        .cause(
            &[Seen::Ended, Seen::Stderr, Seen::Status],
            "a datagram from a stranger ended the wait: go on waiting",
        )
        .read(handout::WAITING);
    let (server, stranger) = (Listening::start(), Listening::start());
    let client = CLIENT.start(&[], server.address, "hello");
    let question = server.receive(&client, &promise);
    stranger.intrude(&question, &server, b"STRANGER");
    stranger.intrude(&question, &server, b"");
    // The same port of another address is somebody else.
    let namesake = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), server.address.port()));
    if let Ok(namesake) = Listening::try_on(namesake) {
        namesake.intrude(&question, &server, b"NAMESAKE");
    }
    server.reply(&question, b"HELLO");
    CLIENT.printed(&client, b"HELLO", &promise);
}

#[test]
fn strangers_do_not_make_the_client_wait_longer() {
    let promise = promise("the time for a try runs from its sending, whatever strangers send")
        .cause(
            &[Seen::StillOpen],
            "each datagram starts the time anew (wait only for what is left of it), or there is no \
             timeout",
        )
        .read(handout::WAITING);
    let (server, stranger) = (Listening::start(), Listening::start());
    let client = CLIENT.start(&["--timeout", "0.5"], server.address, "hello");
    let question = server.receive(&client, &promise);
    let give_up = Instant::now() + Duration::from_secs(3);
    let end = loop {
        stranger.intrude(&question, &server, b"STRANGER");
        if let Some(end) = client.ended_within(Duration::from_millis(100)) {
            break end;
        }
        if give_up < Instant::now() {
            promise.broken(Seen::StillOpen, "a timeout of 0.5 s was not over after 3 s");
        }
    };
    no_reply(&end, server.address, &promise);
}

#[test]
fn a_client_before_its_server_hears_nothing_until_the_timeout() {
    let promise = promise(
        "without a server: `error: no reply from ADDR:PORT within 2 s`, a hint, status 1, after \
         2 s",
    )
    .cause(
        &[Seen::Stderr],
        "over UDP without a connection nothing is refused: sending succeeds, and only the time \
         tells. Is the socket connected?",
    )
    .cause(&[Seen::StillOpen], "without a timeout (SO_RCVTIMEO, settimeout) recvfrom waits for ever; or it is not 2 s")
    .try_it("cargo run --bin udp_client -- localhost 9 hello")
    .read(handout::WAITING);
    let nobody = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT.start(&[], nobody.address, "hello").ended(&promise);
    no_reply(&end, nobody.address, &promise);
    let message = format!("error: no reply from {} within 2 s", nobody.address);
    end.says(&[&message], &promise);
    end.took_at_least(Duration::from_secs(2), &promise);
}

#[test]
fn the_timeout_is_as_long_as_told() {
    let promise =
        promise("`--timeout` is the time that the client waits for a reply, in seconds")
            .cause(
                &[Seen::Stderr, Seen::Status],
                "a timeout is an error: `error: …` on stderr, status 1; and --timeout takes \
                 fractions of a second",
            )
            .cause(
                &[Seen::Time],
                "the value of --timeout is not used, or taken for milliseconds",
            )
            .cause(&[Seen::StillOpen], "there is no timeout, or another one than told")
            .read(handout::WAITING);
    // One that is shorter than the 2 s without it, and one that is longer.
    let server = Listening::start();
    let clients = [("0.4", 400), ("2.5", 2500)].map(|(timeout, least)| {
        let client = CLIENT.start(&["--timeout", timeout], server.address, "hello");
        server.receive(&client, &promise).must_be(b"hello", &promise);
        (client, Duration::from_millis(least))
    });
    for (client, least) in clients {
        let end = client.ended(&promise);
        no_reply(&end, server.address, &promise);
        end.took_at_least(least, &promise);
        within(&end, least, &promise);
    }
}

#[test]
fn a_slow_reply_within_the_time_counts() {
    let promise = promise("a reply that comes within the time is taken").because("the client gives up before its time is over, or does not print what comes late: each try waits for as long as --timeout says").read(handout::WAITING);
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "4"], server.address, "hello");
    let question = server.receive(&client, &promise);
    // A slow server: the client must still be there after half a second.
    if let Some(end) = client.ended_within(Duration::from_millis(500)) {
        promise.broken(Seen::Ended, format!("it gave up too early: {}", end.told()));
    }
    server.reply(&question, b"HELLO");
    CLIENT.printed(&client, b"HELLO", &promise);
}

#[test]
fn without_retries_the_message_is_sent_once() {
    let promise = promise("without --retries the message is sent exactly once")
        .cause(&[Seen::More], "retries are 0 unless told")
        .read(handout::WAITING);
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "0.3"], server.address, "once");
    server.receive(&client, &promise);
    client.ended(&promise).status(1, &promise);
    server.expect_no_more(Duration::from_millis(1), &promise);
}

#[test]
fn each_retry_sends_the_message_again() {
    let promise = promise(
        "`--timeout 0.5 --retries 3` sends the message four times in all, each time waits 0.5 s, \
         then gives up",
    )
    .cause(&[Seen::Ended], "each retry sends the datagram again, then waits --timeout again")
    .cause(&[Seen::More], "3 retries are 4 tries in all")
    .cause(&[Seen::Time], "each try waits --timeout for itself, and only then the next one goes out")
    .read(handout::RETRIES);
    let server = Listening::start();
    let options = ["--timeout", "0.5", "--retries", "3"];
    let started = Instant::now();
    let client = CLIENT.start(&options, server.address, "again");
    let tries = [(); 4].map(|()| {
        server.receive(&client, &promise).must_be(b"again", &promise);
        Instant::now()
    });
    let end = client.ended(&promise);
    server.expect_no_more(Duration::from_millis(1), &promise);
    no_reply(&end, server.address, &promise);
    end.took_at_least(Duration::from_secs(2), &promise);
    // Whatever delays them here, they are not sooner than the client's start.
    let early = tries.iter().zip([0, 500, 1000, 1500]).find(|(at, least)| {
        at.saturating_duration_since(started) + Duration::from_millis(20)
            < Duration::from_millis(*least)
    });
    if let Some((at, least)) = early {
        let text = format!(
            "{:.2} s after its start came a try that was due after {:.1} s",
            at.saturating_duration_since(started).as_secs_f64(),
            Duration::from_millis(least).as_secs_f64()
        );
        promise.broken(Seen::Time, text);
    }
    // A busy machine may make one of the last two late, but hardly both by so much.
    let shortest =
        tries[1..].windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or_default();
    if shortest > Duration::from_millis(950) {
        let text = format!("{:.2} s and more passed before a retry", shortest.as_secs_f64());
        promise.broken(Seen::Time, text);
    }
}

#[test]
fn a_reply_to_a_retry_is_printed_once() {
    let promise = promise("a lost reply is made good by a retry; one reply is printed")
        .cause(&[Seen::Ended], "the client tries once only: --retries says how often again")
        .cause(&[Seen::Stdout], "the first reply ends the wait: what comes behind it, as to an earlier try, is not printed")
        .read(handout::RETRIES);
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "0.3", "--retries", "20"], server.address, "lost");
    // As if the reply to the first try had been lost.
    server.receive(&client, &promise);
    let second = server.receive(&client, &promise);
    second.must_be(b"lost", &promise);
    server.reply(&second, b"LOST");
    server.reply(&second, b"LOST");
    CLIENT.printed(&client, b"LOST", &promise);

    let promise = promise.only_because("the reply has come: no further try goes out");
    let server = Listening::start();
    let client = CLIENT.start(&["--timeout", "4", "--retries", "2"], server.address, "once");
    let only = server.receive(&client, &promise);
    server.reply(&only, b"ONCE");
    CLIENT.printed(&client, b"ONCE", &promise);
    server.expect_no_more(Duration::from_millis(1), &promise);
}

#[test]
fn a_server_started_while_retries_remain_is_reached() {
    let promise = promise("a client with retries left reaches a server that starts after it")
        .cause(
            &[Seen::Ended],
            "the client gave up although it had retries left; with a connected socket, an ICMP \
             message (port unreachable) is no end before the last try",
        )
        .read(handout::RETRIES);
    reaches_a_late_server(&["--timeout", "0.2", "--retries", "50"], &promise);
}

#[test]
fn a_connected_client_reaches_a_server_that_starts_late() {
    let promise = promise("with --connect, too, retries reach a server that starts after it")
        .because(
            "\"Connection refused\" (ICMP port unreachable) is no end before the last try: wait \
             until the time of this one is over, then send again",
        )
        .read(handout::UDP_CONNECT);
    reaches_a_late_server(&["--connect", "--timeout", "0.2", "--retries", "50"], &promise);
}

/// A server starts while the client has retries left, and must be reached.
fn reaches_a_late_server(options: &[&str], promise: &Promise) {
    // The port is given up for a moment, and anybody may take it then.
    for _ in 0..5 {
        let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
        let client = CLIENT.start(options, closed.address, "early");
        // Long enough for more than one try to find nobody.
        if let Some(end) = client.ended_within(Duration::from_millis(700)) {
            promise.broken(Seen::Ended, format!("it gave up: {}", end.told()));
        }
        let Ok(server) = closed.open() else { continue };
        let question = server.receive(&client, promise);
        question.must_be(b"early", promise);
        server.reply(&question, b"EARLY");
        CLIENT.printed(&client, b"EARLY", promise);
        return;
    }
    promise.broken(Seen::Refused, "five times somebody else took the port");
}

#[test]
fn a_client_started_before_the_real_server_reaches_it() {
    let promise = promise("udp_client with retries reaches a udp_server that starts after it")
        .cause(&[Seen::Ended], "the client gave up although it had retries left")
        .read(handout::RETRIES);
    for _ in 0..5 {
        let closed = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
        let port = closed.port();
        let client =
            CLIENT.start(&["--timeout", "0.2", "--retries", "50"], closed.address, "early");
        if let Some(end) = client.ended_within(Duration::from_millis(300)) {
            promise.broken(Seen::Ended, format!("it gave up: {}", end.told()));
        }
        drop(closed);
        let server = Launch::new("udp_server", &[&port]).start();
        if let Some(end) = server.ended_within(Duration::from_millis(200)) {
            // Somebody else was faster to take the port.
            end.says(&["Address already in use"], &promise);
            continue;
        }
        let _server = server.ready(SERVER.ready);
        CLIENT.printed(&client, b"EARLY", &promise);
        return;
    }
    promise.broken(Seen::Refused, "five times somebody else took the port");
}

#[test]
fn the_wrong_port_looks_like_no_server() {
    let server = SERVER.start(&[]);
    let promise = promise("a server on another port is not there: no reply within the time").because("sending succeeds whether somebody is there or not; only the timeout ends the wait, with an error that names the address, and status 1")
        .read(handout::WAITING);
    let wrong = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT.start(&["--timeout", "0.3"], wrong.address, "hello").ended(&promise);
    no_reply(&end, wrong.address, &promise);
    echoes(&server, b"right port", &uppercase());
}

#[test]
fn a_connected_client_is_told_that_nobody_is_there() {
    let promise = promise(
        "with --connect and no server: `Connection refused`, a hint, status 1",
    )
    .cause(
        &[Seen::Stderr],
        "only a connected socket hears of the ICMP message: call connect, then send and recv, and \
         do not pass over what it reports in the last try",
    )
    .read(handout::UDP_CONNECT);
    let nobody = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT.start(&["--connect"], nobody.address, "hello").ended(&promise);
    end.status(1, &promise)
        .stdout(b"", &promise)
        .says(&["error: ", "Connection refused", "hint: "], &promise);
}

#[test]
fn a_connected_client_gets_its_reply() {
    let promise = promise("with --connect the exchange is the same").because("connect(2) on a UDP socket only sets the peer's address: send and recv then go without one, and other senders are not heard").read(handout::UDP_CONNECT);
    let (server, stranger) = (Listening::start(), Listening::start());
    let client = CLIENT.start(&["--connect"], server.address, "hello");
    let question = server.receive(&client, &promise);
    question.must_be(b"hello", &promise);
    stranger.intrude(&question, &server, b"STRANGER");
    server.reply(&question, b"HELLO");
    CLIENT.printed(&client, b"HELLO", &promise);
}

#[test]
fn the_client_works_over_ipv6() {
    CLIENT.must_pass();
    if !sockets::has_ipv6() {
        return;
    }
    let promise = promise("`udp_client ::1 PORT` talks over IPv6").because("a socket bound to 0.0.0.0 cannot send to an IPv6 address: bind it to [::]:0 where the server's address is one").read(handout::EVERY_PROGRAM);
    let server = Listening::on(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0));
    let client = CLIENT.start(&[], server.address, "six");
    let question = server.receive(&client, &promise);
    server.reply(&question, b"SIX");
    CLIENT.printed(&client, b"SIX", &promise);

    let nobody = ClosedPort::on(IpAddr::from(Ipv6Addr::LOCALHOST));
    let end = CLIENT.start(&["--timeout", "0.3"], nobody.address, "six").ended(&promise);
    no_reply(&end, nobody.address, &promise);
}

#[test]
fn a_name_means_its_ipv4_address_first() {
    let name = names::with_both();
    let promise =
        promise(format!("`udp_client {name} PORT` asks 127.0.0.1, and says so in its errors"))
            .cause(
                &[Seen::Nothing, Seen::Ended],
                "a name may have several addresses, in any order: take an IPv4 address first",
            )
            .cause(
                &[Seen::Stderr],
                "addresses in messages are the resolved ones, 127.0.0.1:12000",
            )
            .read(handout::EVERY_PROGRAM);
    let server = Listening::start();
    let client = CLIENT
        .launch(&[name, &server.address.port().to_string(), "named"])
        .with_names()
        .start();
    let question = server.receive(&client, &promise);
    server.reply(&question, b"NAMED");
    CLIENT.printed(&client, b"NAMED", &promise);

    let nobody = ClosedPort::on(Ipv4Addr::LOCALHOST.into());
    let end = CLIENT
        .launch(&["--timeout", "0.3", name, &nobody.address.port().to_string(), "named"])
        .with_names()
        .start()
        .ended(&promise);
    no_reply(&end, nobody.address, &promise);
}

#[test]
fn the_client_explains_its_options() {
    manners::help_describes_every_option(
        "udp_client",
        &["host", "port", "message", "--timeout", "--retries", "--connect"],
    );
}

#[test]
fn the_client_tells_its_version() {
    manners::version_is_told("udp_client");
}

#[test]
fn the_client_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "udp_client",
        &[
            &["localhost", "twelve", "hi"],
            &["localhost", "65536", "hi"],
            &["--no-such-option"],
            &["--timeout", "soon", "localhost", "9", "hi"],
            &["--timeout", "nan", "localhost", "9", "hi"],
            &["--retries", "often", "localhost", "9", "hi"],
            &["--retries", "-1", "localhost", "9", "hi"],
            &["localhost", "9", "hi", "extra"],
        ],
    );
}

// What several checks say

/// A datagram comes back with a-z as A-Z.
fn echoes(server: &Server, datagram: &[u8], promise: &Promise) {
    let client = server.udp_client();
    client.send(datagram);
    client.expect(datagram, &datagram.to_ascii_uppercase(), promise);
}

fn uppercase() -> Promise {
    promise("a datagram comes back with a-z as A-Z and every other byte as it was")
        .cause(&[Seen::Other], "change the bytes a-z and no others")
        .cause(
            &[Seen::Nothing],
            "recvfrom and sendto: the reply goes to the address it came from",
        )
        .try_it("cargo run --bin udp_client")
        .read(handout::DATAGRAM)
}

fn sizes() -> Promise {
    promise("a datagram of any size up to 65,507 bytes comes back whole")
        .cause(
            &[Seen::Part, Seen::Nothing],
            "the receive buffer is too small: what does not fit is lost; give it 65,535 bytes",
        )
        .read(handout::DATAGRAM)
}

/// A client that gets `reply` prints it.
fn replied(reply: &[u8], promise: &Promise) {
    let server = Listening::start();
    let client = CLIENT.start(&[], server.address, "hi");
    let question = server.receive(&client, promise);
    server.reply(&question, reply);
    CLIENT.printed(&client, reply, promise);
}

/// The time in the message must be that of the option.
fn within(end: &Ended, time: Duration, promise: &Promise) {
    let errors = end.errors();
    let told = errors.split_once(" within ").map_or("", |(_, rest)| rest).trim_start();
    let length = told.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(told.len());
    let (number, unit) = told.split_at(length);
    let scale = if unit.trim_start().starts_with("ms") { 1000.0 } else { 1.0 };
    let number = number.parse::<f64>().unwrap_or_default() / scale;
    if (number - time.as_secs_f64()).abs() > 0.001 {
        promise.broken_because(
            Seen::Stderr,
            format!("stderr is {}", errors.trim_end()),
            Some(
                "the message tells another time than --timeout: print the option's value, \
                  with its fraction"
                    .to_owned(),
            ),
        );
    }
}

/// The client must have given up for want of a reply.
fn no_reply(end: &Ended, server: SocketAddr, promise: &Promise) {
    let error = format!("error: no reply from {server} within");
    end.says(&[&error, "hint: "], promise).status(1, promise).stdout(b"", promise);
}
