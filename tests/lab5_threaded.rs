//! Lab 5: a web server that serves many clients at once. The checks of
//! `threaded_web_server`; what it promises is in `labs/5-threaded-web-server/README.md`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::crowd::at_once;
use support::first::First;
use support::http::{answer_to_the_end, ask, get};
use support::manners::{self, Over, ServerProgram};
use support::program::{ReadyLine, Server};
use support::serving::WebServer;
use support::site::{HELLO, Site};
use support::tcp::Peer;
use support::{PATIENCE, Promise, Seen, bytes, handout, promise, seed, sockets};

static SERVER: WebServer = WebServer {
    program: ServerProgram {
        name: "threaded_web_server",
        scratch: Some(env!("CARGO_TARGET_TMPDIR")),
        ready: ReadyLine::RUNNING,
        default_port: 8080,
        over: Over::Tcp,
        listens: None,
        first: First::new(
            "threaded_web_server",
            "the_server_says_where_it_runs_and_serves_a_file",
            server_says_where_it_runs_and_serves_a_file,
        ),
    },
    head_timeout: "--keep-alive-timeout",
};

#[test]
fn the_server_says_where_it_runs_and_serves_a_file() {
    SERVER.program.first.tell();
}

fn server_says_where_it_runs_and_serves_a_file() {
    SERVER.a_file_is_served();
}

// Many at once

#[test]
fn a_client_in_the_middle_of_its_request_delays_nobody() {
    let promise = promise(
        "a second client is answered while the first is in the middle of its request",
    )
    .cause(
        &[Seen::Nothing],
        "one connection is served after the other: give each a thread of its own, and accept \
             the next at once",
    )
    .read(handout::THREADS);
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
    let request = get("/HelloWorld.html");
    let mut first = server.connect(&promise);
    first.send(&request[..20], &promise);
    for _ in 0..3 {
        let answer = ask(&server, &request, &promise);
        answer.status("200", &promise).body(HELLO, &promise);
    }
    first.send(&request[20..], &promise);
    let answer = answer_to_the_end(&mut first, PATIENCE, &promise);
    answer.status("200", &promise).body(HELLO, &promise);
}

#[test]
fn five_hundred_clients_in_mid_request_delay_nobody() {
    let promise = promise("with 500 clients in the middle of their requests another one is answered, and then all of them")
        .cause(
            &[Seen::Nothing],
            "a pool of threads is full once each of them waits for a client: a thread for each \
             connection has no such limit",
        )
        .read(handout::THREADS);
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
    let request = get("/HelloWorld.html");
    let mut waiting: Vec<Peer> = (0..500)
        .map(|_| {
            let mut client = server.connect(&promise);
            client.send(&request[..5], &promise);
            client
        })
        .collect();
    ask(&server, &request, &promise).status("200", &promise).body(HELLO, &promise);
    for client in &mut waiting {
        client.send(&request[5..], &promise);
    }
    for client in &mut waiting {
        let answer = answer_to_the_end(client, PATIENCE, &promise);
        answer.status("200", &promise).body(HELLO, &promise);
    }
}

#[test]
fn clients_that_say_nothing_or_read_nothing_delay_nobody() {
    let promise = promise(
        "clients that connect and say nothing, or ask for much and read nothing, delay nobody",
    )
    .cause(&[Seen::Nothing], "a thread waits for them, and the others wait for that thread")
    .read(handout::THREADS);
    let site = Site::new();
    site.file("large.txt", &vec![b'x'; 32 << 20]);
    let server = SERVER.serve(&site, &[]);
    let silent: Vec<Peer> = (0..50).map(|_| server.connect(&promise)).collect();
    let mut deaf: Vec<Peer> = (0..20)
        .map(|_| {
            let mut client = server.connect(&promise);
            client.send(&get("/large.txt"), &promise);
            client
        })
        .collect();
    // Somebody's answer is under way.
    let until = Instant::now() + PATIENCE;
    while !deaf.iter_mut().any(|client| client.has_something(Duration::from_millis(10))) {
        if until < Instant::now() {
            promise.broken(Seen::Nothing, "20 clients asked, and none was answered");
        }
    }
    let answer = ask(&server, &get("/HelloWorld.html"), &promise);
    answer.status("200", &promise).body(HELLO, &promise);
    drop((silent, deaf));
    let answer = ask(&server, &get("/HelloWorld.html"), &promise);
    answer.status("200", &promise).body(HELLO, &promise);
}

#[test]
fn many_clients_at_once_each_get_their_own_file() {
    let promise = promise("fifty clients at once each get the file that they asked for, whole")
        .cause(&[Seen::Other], "threads share something that each should have for itself")
        .cause(
            &[Seen::Part, Seen::Closed, Seen::Reset, Seen::Nothing],
            "an answer broke off, or went to another client: threads share a connection that \
             each should have for itself",
        )
        .read(handout::THREADS);
    let site = Site::new();
    let mut random = seed::random();
    let files: Vec<Vec<u8>> = (0..50)
        .map(|number| seed::random_letters(&mut random, 10_000 * number + number))
        .collect();
    for (number, contents) in files.iter().enumerate() {
        site.file(&format!("{number}.txt"), contents);
    }
    let server = SERVER.serve(&site, &[]);
    let mut clients: Vec<Peer> = files.iter().map(|_| server.connect(&promise)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&get(&format!("/{number}.txt")), &promise);
    }
    for (client, contents) in clients.iter_mut().zip(&files).rev() {
        let answer = answer_to_the_end(client, PATIENCE, &promise);
        answer.status("200", &promise).body(contents, &promise);
    }
}

// One console for all

#[test]
fn the_console_tells_of_each_connection() {
    let promise = promise("for each client come `Received connection from …`, `Received request from …:` with the head below it, and `Connection to … is closed.`")
        .cause(
            &[Seen::Stdout],
            "a line is missing, worded otherwise, or comes too late: each is printed to stdout \
             when it happens, and flushed, also for a client that says nothing or resets",
        )
        .read(handout::CONSOLE);
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
    let mut client = server.connect(&promise);
    let from = client.address();
    client.send(
        b"GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\nX-Two: words here\r\n\r\n",
        &promise,
    );
    client.read_to_the_end(PATIENCE);
    let closed = format!("Connection to {from} is closed.");
    server.running.line_within(PATIENCE, &closed);
    // One that says nothing, and goes in disorder.
    let silent = server.connect(&promise);
    let from_silent = silent.address();
    let says = |line: &str, when: &str| {
        if !server.running.line_within(PATIENCE, line) {
            promise.broken(Seen::Stdout, format!("there is no line `{line}` {when}"));
        }
    };
    says(&format!("Received connection from {from_silent}"), "before its first byte");
    silent.reset();
    says(&format!("Connection to {from_silent} is closed."), "after its RST");
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    let console = bytes::text(&end.stdout).replace("\r\n", "\n");
    let mut lines = console.lines();
    for want in [
        &format!("Received connection from {from}"),
        &format!("Received request from {from}:"),
        "GET /HelloWorld.html HTTP/1.1",
        "Host: a",
        "X-Two: words here",
        &closed,
    ] {
        if !lines.any(|line| line == want) {
            let text = format!("there is no line `{want}`, or not at its place, in\n{console}");
            promise.broken(Seen::Stdout, text);
        }
    }
}

#[test]
fn the_lines_of_clients_are_never_mixed() {
    let promise = promise("with 40 clients at once each line is whole, and each head stays together below its `Received request from`")
        .cause(&[Seen::Stdout], "print what belongs together with one call, under one lock")
        .read(handout::CONSOLE);
    let site = Site::new();
    let server = SERVER.serve(&site, &[]);
    let address = server.address;
    at_once(40, |client| {
        for request in 0..5 {
            let mut peer = Peer::connect(address, &promise);
            let mark = format!("client-{client}-request-{request}");
            let head = format!(
                "GET /HelloWorld.html HTTP/1.1\r\nHost: {mark}\r\nX-Mark: {mark}\r\nX-Again: {mark}\r\n\r\n"
            );
            peer.send(head.as_bytes(), &promise);
            answer_to_the_end(&mut peer, PATIENCE, &promise).status("200", &promise);
        }
    });
    // The last of them may be said a moment after the client has seen its end.
    server
        .running
        .says_within(PATIENCE, |console| console.matches(" is closed.").count() >= 200);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    let console = bytes::text(&end.stdout).replace("\r\n", "\n");
    let lines: Vec<&str> = console.lines().collect();
    // A line of the server's own that nobody promised may stand between; parts of these not.
    let known = ["Received connection from ", "Received request from ", "Connection to "];
    let mut heads = 0;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if line.starts_with("Received request from ") {
            let head = lines.get(at..at + 4).unwrap_or_default();
            let mark = head.get(1).and_then(|line| line.strip_prefix("Host: ")).unwrap_or("-");
            let want = [
                "GET /HelloWorld.html HTTP/1.1".to_owned(),
                format!("Host: {mark}"),
                format!("X-Mark: {mark}"),
                format!("X-Again: {mark}"),
            ];
            if head != want {
                promise.broken(
                    Seen::Stdout,
                    format!("below `{line}` stands\n{}", head.join("\n")),
                );
            }
            heads += 1;
            at += 4;
        } else if known.iter().any(|known| line.rfind(known).is_some_and(|at| at > 0)) {
            promise.broken(Seen::Stdout, format!("there is a line `{line}`"));
        }
    }
    for (words, end) in [("Received connection from ", ""), ("Connection to ", " is closed.")] {
        let is_whole = |line: &&&str| {
            let address = line.strip_prefix(words).and_then(|rest| rest.strip_suffix(end));
            address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
        };
        let count = lines.iter().filter(is_whole).count();
        if count != 200 {
            promise.broken(
                Seen::Stdout,
                format!("of 200 lines `{words}ADDR:PORT{end}` {count} are on the console"),
            );
        }
    }
    if heads != 200 {
        promise
            .broken(Seen::Stdout, format!("{heads} requests, and not 200, are on the console"));
    }
}

#[test]
fn what_clients_send_cannot_drive_the_terminal() {
    let promise = promise("the answer to a request with control characters comes").because("a request with odd bytes is answered like any other: only what is printed of it is escaped");
    manners::clients_cannot_drive_its_terminal(&SERVER.program, |server, bytes| {
        let target = [b"GET /", bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let field = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ", bytes, b"\r\n\r\n"].concat();
        for request in [target, field] {
            ask(server, &request, &promise);
        }
    });
}

#[test]
fn quiet_leaves_the_ready_line() {
    let promise = promise("with --quiet the ready line is all that stands on stdout").because("--quiet is for the lines of connections and requests: they are left out, the ready line stays, errors go to stderr")
        .read(handout::CONSOLE);
    let site = Site::new();
    let server = SERVER.serve(&site, &["--quiet"]);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    let ready =
        format!("Server is running on host/port: {}/{}\n", server.host(), server.port());
    server.running.signal(Signal::SIGTERM);
    server.running.ended(&promise).status(0, &promise).stdout(ready.as_bytes(), &promise);
}

// What is served

#[test]
fn slash_is_the_index() {
    let promise = promise("/ is answered with index.html").because("here / stands for /index.html: put that in its place once the query has been taken off and the target is known").read(handout::SERVED);
    let site = Site::new();
    site.file("index.html", b"the index");
    let server = SERVER.serve(&site, &[]);
    for target in ["/", "/index.html", "/?a=b", "http://localhost/"] {
        let answer = ask(&server, &get(target), &promise);
        answer.status("200", &promise).body(b"the index", &promise);
    }
}

#[test]
fn only_some_kinds_of_files_are_served() {
    let promise = promise("files of .txt .html .png .jpg .jpeg, in any case, are served; another extension gets 400")
        .cause(
            &[Seen::Status],
            "the extension is what stands behind the last dot of the decoded name, in any case; \
             look at it before you look for the file; --allow adds to the list",
        )
        .read(handout::SERVED);
    let site = Site::new();
    for name in [
        "a.txt",
        "b.TXT",
        "c.html",
        "d.png",
        "e.jpg",
        "f.jpeg",
        "g.JPeG",
        "h.css",
        "i.js",
        "j.pdf",
        "k.txt.pdf",
        "l.pdf.txt",
        "m.txtx",
        "n.CSS",
    ] {
        site.file(name, b"contents");
    }
    let server = SERVER.serve(&site, &[]);
    for name in [
        "a.txt",
        "b.TXT",
        "c.html",
        "d.png",
        "e.jpg",
        "f.jpeg",
        "g.JPeG",
        "l.pdf.txt",
        "a.%74xt",
        "a.txt?b.pdf",
    ] {
        let answer = ask(&server, &get(&format!("/{name}")), &promise);
        answer.status("200", &promise).body(b"contents", &promise);
    }
    for name in ["h.css", "i.js", "j.pdf", "k.txt.pdf", "m.txtx", "nowhere.pdf", "h.css?a.txt"]
    {
        ask(&server, &get(&format!("/{name}")), &promise).status("400 Bad Request", &promise);
    }
    let server = SERVER.serve(&site, &["--allow", "css,JS"]);
    for (name, status) in [
        ("h.css", "200"),
        ("n.CSS", "200"),
        ("i.js", "200"),
        ("a.txt", "200"),
        ("j.pdf", "400"),
    ] {
        ask(&server, &get(&format!("/{name}")), &promise).status(status, &promise);
    }
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
    SERVER.what_is_not_there_gets_the_page_for_it(&Site::new(), &["/"]);
}

#[test]
fn without_that_page_a_few_words_do() {
    SERVER.without_that_page_a_few_words_do();
}

#[test]
fn a_file_that_changes_is_served_as_it_is() {
    SERVER.a_file_that_changes_is_served_as_it_is();
}

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

// How a request may come, as in lab 3

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

#[test]
fn clients_that_leave_or_reset_change_nothing() {
    SERVER.clients_that_leave_or_reset_change_nothing();
}

// Limits

#[test]
fn one_connection_too_many_gets_503() {
    let promise = promise("past --max-connections a client gets 503 at once, and others are served again when connections have ended")
        .cause(&[Seen::Nothing], "tell the client, do not let it wait")
        .cause(&[Seen::Status], "count the connections that are open, and count down however one ends")
        .cause(
            &[Seen::Closed, Seen::Reset, Seen::Refused],
            "an answer is due before the connection is closed; and a client too many is no error \
             of its own, for which the server would end",
        )
        .read(handout::LIMITS);
    let site = Site::new();
    let server = SERVER.serve(&site, &["--max-connections", "3"]);
    let request = get("/HelloWorld.html");
    // Three are in the middle of their requests. The first line on the console about each
    // tells that it was accepted.
    let mut open: Vec<Peer> = (0..3).map(|_| server.connect(&promise)).collect();
    for client in &mut open {
        client.send(&request[..10], &promise);
        let accepted = format!("Received connection from {}", client.address());
        server.running.line_within(PATIENCE, &accepted);
    }
    // All at once, so that nobody's refusal may wait for somebody else's end; and each has
    // sent its request, which must not make RST of the answer.
    let mut refused: Vec<Peer> = (0..8).map(|_| server.connect(&promise)).collect();
    for client in &mut refused {
        let _ = client.try_send(&request);
    }
    for client in refused.iter_mut().rev() {
        let answer = answer_to_the_end(client, PATIENCE, &promise);
        answer.status("503 Service Unavailable", &promise);
        answer.says("Connection", "close", &promise);
        answer.body_to_the_end(&answer.body, &promise);
    }
    for client in &mut open {
        client.send(&request[10..], &promise);
        answer_to_the_end(client, PATIENCE, &promise).status("200", &promise);
    }
    is_served_again(&server, &promise);
}

#[test]
fn however_a_connection_ends_its_place_is_free_again() {
    let promise = promise(
        "connections that end by a reset, a timeout or a malformed request do not count any more",
    )
    .cause(
        &[Seen::Status],
        "the count goes down only where a request ended well: give the place back on every way \
         out, a panic included",
    )
    .cause(
        &[Seen::Closed, Seen::Reset, Seen::Nothing],
        "nobody is told that there is no place, or a place is free before its connection has \
         ended",
    )
    .read(handout::LIMITS);
    let site = Site::new();
    let server = SERVER.serve(&site, &["--max-connections", "3", "--keep-alive-timeout", "2"]);
    let ways: [fn(&mut Peer); 4] = [
        |_| {},
        |client| {
            let _ = client.try_send(b"GET /HelloW");
        },
        |client| {
            let _ = client.try_send(b"\xff\xfe\0 %% \r\n\r\n");
            client.read_to_the_end(PATIENCE);
        },
        |client| {
            client.read_to_the_end(PATIENCE);
        },
    ];
    // There is a limit at all.
    let mut clients: Vec<Peer> = (0..4).map(|_| server.connect(&promise)).collect();
    if let Some(last) = clients.last_mut() {
        answer_to_the_end(last, PATIENCE, &promise).status("503", &promise);
    }
    clients.into_iter().for_each(Peer::reset);
    is_served_again(&server, &promise);
    for way in ways {
        let mut clients: Vec<Peer> = (0..4).map(|_| server.connect(&promise)).collect();
        clients.iter_mut().for_each(way);
        clients.into_iter().for_each(Peer::reset);
        is_served_again(&server, &promise);
    }
}

/// Somebody is served, at the latest when the server has seen that others have gone.
fn is_served_again(server: &Server, promise: &Promise) {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask(server, &get("/HelloWorld.html"), promise);
        if answer.status_line.contains(" 200 ") {
            return;
        }
        if until < Instant::now() {
            let text = format!("all connections have ended, and still: {}", answer.status_line);
            promise.broken(Seen::Status, text);
        }
        thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn the_next_free_port_is_taken() {
    let promise = promise(
        "where the port is taken the server says so on stderr, --quiet or not, and takes the \
         next free one",
    )
    .cause(
        &[Seen::Ended],
        "Address already in use is no end here: try the next port, and the next",
    )
    .cause(&[Seen::Stderr], "say on stderr that the port was taken")
    .cause(&[Seen::Other, Seen::Stdout], "the next port is one higher")
    .read(handout::NEXT_PORT);
    let site = Site::new();
    let first = SERVER.serve(&site, &[]);
    let (ip, taken) = (first.address.ip(), first.address.port());
    // So that it must try more than once, if we can have that one.
    let _second = TcpListener::bind((ip, taken.saturating_add(1)));
    let mut passed_over = Vec::new();
    for quiet in [&[][..], &["--quiet"], &["--quiet"], &["--quiet"]] {
        let root = site.root();
        let port = first.port();
        let arguments = [quiet, &["--root", &root, &port]].concat();
        let launch = SERVER.program.launch(&arguments);
        let server = match launch.start().ready_or_ended(ReadyLine::RUNNING) {
            Ok(server) => server,
            Err(end) => promise.broken(Seen::Ended, end.told()),
        };
        let port = server.address.port();
        if port <= taken {
            promise.broken(Seen::Stdout, format!("{taken} is taken, and it took {port}"));
        }
        ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
        server.running.signal(Signal::SIGTERM);
        let end = server.running.ended(&promise);
        if end.errors().trim().is_empty() {
            promise.broken(Seen::Stderr, "nothing is said on stderr");
        }
        let is_free = |port: &u16| sockets::is_free(SocketAddr::new(ip, *port));
        passed_over = (taken.saturating_add(1)..port).filter(is_free).collect();
        if passed_over.is_empty() && !quiet.is_empty() {
            break;
        }
        // Somebody may have held a port for a moment; but not each time.
    }
    if !passed_over.is_empty() {
        promise.broken(
            Seen::Other,
            format!("it passed over ports that are free: {passed_over:?}"),
        );
    }
    ask(&first, &get("/HelloWorld.html"), &promise).status("200", &promise);
}

#[test]
fn a_strict_port_is_this_one_or_none() {
    let promise = promise("with --strict-port a port that is taken is an error, status 1")
        .cause(&[Seen::StillOpen], "no other port will do")
        .read(handout::NEXT_PORT);
    let site = Site::new();
    let first = SERVER.serve(&site, &[]);
    let arguments = ["--root", &site.root(), "--strict-port", &first.port()];
    let end = SERVER.program.launch(&arguments).start().ended(&promise);
    end.status(1, &promise).says(&["error: ", "Address already in use", "hint: "], &promise);
    manners::no_crash_shown(&end, &promise);
}

#[test]
fn the_server_takes_port_8080_unless_told() {
    let promise = promise(
        "without arguments the server takes 127.0.0.1/8080, or the next port that is free",
    )
    .because("the port has another default, or a taken one is not followed by the next")
    .read(handout::CONSOLE);
    let _lock = manners::alone_with_the_default_port();
    let server = SERVER.program.launch(&[]).start().ready(ReadyLine::RUNNING);
    let expected = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080);
    let (ip, port) = (server.address.ip(), server.address.port());
    let taken = || (8080..port).all(|port| !sockets::is_free(SocketAddr::new(ip, port)));
    if ip != expected.ip() || port < 8080 || !taken() {
        promise.broken(Seen::Stdout, format!("it took {ip}/{port}"));
    }
}

// Like every program

#[test]
fn a_root_that_is_not_there_is_an_error_before_listening() {
    SERVER.a_root_that_is_not_there_is_an_error_before_listening();
}

#[test]
fn the_server_works_over_ipv6() {
    SERVER.the_server_works_over_ipv6();
}

#[test]
fn the_server_can_be_opened_to_all_addresses() {
    SERVER.the_server_can_be_opened_to_all_addresses();
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
fn ctrl_c_ends_the_server_with_status_0() {
    SERVER.a_signal_ends_it(Signal::SIGINT);
}

#[test]
fn sigterm_ends_the_server_with_status_0() {
    SERVER.a_signal_ends_it(Signal::SIGTERM);
}

#[test]
fn the_server_tells_its_version() {
    manners::version_is_told("threaded_web_server");
}

#[test]
fn the_server_explains_its_options() {
    manners::help_describes_every_option(
        "threaded_web_server",
        &[
            "port",
            "--host",
            "--strict-port",
            "--root",
            "--allow",
            "--keep-alive-timeout",
            "--max-connections",
            "--quiet",
        ],
    );
}

#[test]
fn the_server_refuses_wrong_arguments() {
    manners::wrong_arguments_are_refused(
        "threaded_web_server",
        &[
            &["eighty"],
            &["65536"],
            &["--no-such-option"],
            &["--keep-alive-timeout", "soon", "0"],
            &["--keep-alive-timeout", "-1", "0"],
            &["--max-connections", "many", "0"],
            &["0", "extra"],
        ],
    );
}
