//! What the kit's own programs do beyond what the labs promise, so that a student's program
//! may do otherwise: the words of notices and hints, what an interrupted call and a crowded
//! machine are to them.
//!
//!     cargo test --test details -- --ignored
//!
//! With the labs' checks they are what [`proof mutants`](proof/mutants.rs) tests by.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::http::{Asked, answer_to_the_end, ask, get, kept};
use support::program::{Ended, Launch, ReadyLine, Running, Server};
use support::site::Site;
use support::tcp::{Listening, Peer};
use support::terminal::Terminal;
use support::{A_MOMENT, PATIENCE, Promise, Seen, client, promise, server, udp};

// Labs 1 and 2

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn each_further_try_is_told() {
    let promise =
        promise("udp_client says of each further try which it is, and how many failed");
    let closed = udp::ClosedPort::on([127, 0, 0, 1].into());
    let tell = |retries| {
        let arguments = ["--timeout", "0.1", "--retries", retries, "127.0.0.1", &closed.port()];
        let end = Launch::new("udp_client", &arguments).stdin("hi\n").start().ended(&promise);
        let lines: Vec<String> = end.errors().lines().map(str::to_owned).collect();
        lines
    };
    let lines = tell("2");
    let again = "notice: no reply yet, sending again";
    let told = lines.iter().filter(|line| line.starts_with("notice:"));
    let due = [format!("{again} (try 2 of 3)"), format!("{again} (try 3 of 3)")];
    if !told.eq(&due) || !lines.iter().any(|line| line.ends_with("within 0.1 s (3 tries)")) {
        promise.broken(Seen::Stderr, lines.join("\n"));
    }
    let lines = tell("0");
    if !lines[0].ends_with("within 0.1 s") || lines.iter().any(|line| line.contains("notice")) {
        promise.broken(Seen::Stderr, lines.join("\n"));
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_server_that_comes_up_between_two_tries_is_found_with_connect_too() {
    let promise = promise("with --connect only the refusal of the last try is an error");
    let closed = udp::ClosedPort::on([127, 0, 0, 1].into());
    let arguments =
        ["--connect", "--timeout", "0.5", "--retries", "9", "127.0.0.1", &closed.port(), "hi"];
    let client = client("udp_client", &arguments);
    if !client.notes_within(PATIENCE, |text| text.contains("try 2 of 10")) {
        promise.broken(Seen::Stderr, "it does not try again");
    }
    let Ok(server) = closed.open() else { return }; // Somebody else was faster.
    let question = server.receive(&client, &promise);
    server.reply(&question, b"HI");
    client.ended(&promise).status(0, &promise).stdout(b"HI\n", &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_program_that_is_stopped_and_goes_on_has_lost_nothing() {
    let promise = promise("a call that a signal interrupted (EINTR, signal(7)) is made again");
    let answering = udp::Listening::start();
    let asking = client("udp_client", &["127.0.0.1", &answering.port(), "hi"]);
    let question = answering.receive(&asking, &promise);
    interrupt(&asking, &promise);
    answering.reply(&question, b"HI");
    asking.ended(&promise).status(0, &promise).stdout(b"HI\n", &promise);

    let uppercase = server("tcp_server", &["0"], ReadyLine::READY_TO_RECEIVE);
    let mut peer = uppercase.connect(&promise);
    for _ in 0..2 {
        peer.send(b"one", &promise);
        peer.expect(b"ONE", &promise);
        interrupt(&uppercase.running, &promise);
    }

    let site = Site::new();
    let web = web_server(&site);
    let mut peer = web.connect(&promise);
    web.running.says_within(PATIENCE, |text| text.contains("Connected to"));
    interrupt(&web.running, &promise);
    peer.send(&get("/HelloWorld.html"), &promise);
    answer_to_the_end(&mut peer, PATIENCE, &promise).status("200", &promise);

    // And while it waits for a client to read on.
    let (large, small) = (vec![b'x'; 32 << 20], vec![b'#'; 64 << 10]);
    site.file("large.txt", &large).file("small.txt", &small);
    let threaded = threaded_web_server(&site, &["--quiet", "--max-requests", "512"]);
    for server in [&web, &threaded] {
        let mut peer = server.connect(&promise);
        peer.send(&get("/large.txt"), &promise);
        interrupt_once_full(&peer, server, &promise);
        let answer = answer_to_the_end(&mut peer, PATIENCE * 4, &promise);
        answer.status("200", &promise).body(&large, &promise);
    }
    let mut peer = threaded.connect(&promise);
    peer.send(&kept("GET", "/small.txt").repeat(512), &promise);
    interrupt_once_full(&peer, &threaded, &promise);
    let (all, _) = peer.read_to_the_end(PATIENCE * 4);
    let (got, due) = (all.iter().filter(|byte| **byte == b'#').count(), large.len());
    if got != due {
        promise.broken(Seen::Part, format!("of 512 small files {got} bytes of {due} came"));
    }
}

/// Waits until a server does not get on because `peer` does not read.
fn wait_until_full(peer: &Peer, server: &Server) {
    peer.has_something(PATIENCE);
    let mut before = 0;
    while peer.unread() > before {
        before = peer.unread();
        server.running.notes_within(A_MOMENT, |_| false);
    }
}

/// Interrupts a server that does not get on because `peer` does not read.
fn interrupt_once_full(peer: &Peer, server: &Server, promise: &Promise) {
    wait_until_full(peer, server);
    // A write(2) that has sent a part returns that instead, and there may be room for more.
    for _ in 0..4 {
        interrupt(&server.running, promise);
    }
}

fn web_server(site: &Site) -> Server {
    server("web_server", &["--root", &site.root(), "0"], ReadyLine::READY_TO_SERVE)
}

fn threaded_web_server(site: &Site, more: &[&str]) -> Server {
    let root = site.root();
    let options = [&["--root", &root, "--no-log", "0"], more].concat();
    server("threaded_web_server", &options, ReadyLine::RUNNING)
}

/// Stops a program that waits, and lets it go on. On Linux alone, where it can be seen.
fn interrupt(program: &Running, promise: &Promise) {
    let Some(id) = program.id() else { return };
    until_it_is('S', id, promise);
    for (signal, then) in [(Signal::SIGSTOP, 'T'), (Signal::SIGCONT, 'S')] {
        if kill(id, signal).is_err() {
            promise.broken(Seen::Ended, "it has ended");
        }
        until_it_is(then, id, promise);
    }
}

/// Waits until the state of each of a process's threads, as in proc_pid_stat(5), is this.
fn until_it_is(state: char, id: Pid, promise: &Promise) {
    let until = Instant::now() + PATIENCE;
    let its = |thread: fs::DirEntry| {
        let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    };
    loop {
        let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let states: Vec<char> = threads.filter_map(its).collect();
        if states.iter().all(|its| *its == state) {
            return;
        }
        if until < Instant::now() {
            promise.broken(Seen::Nothing, format!("its states are {states:?}, not {state}"));
        }
        thread::yield_now();
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn tcp_client_tells_apart_why_no_reply_came() {
    let promise = promise("tcp_client tells apart an end, silence and a reset, with what came");
    for (part, close, error) in [
        (&b""[..], true, "error: the server closed the connection: 0 of 5 bytes came back"),
        (b"HEL", true, "error: the server closed the connection: 3 of 5 bytes came back"),
        (b"HEL", false, "error: no progress for 0.3 s: 3 of 5 bytes came back"),
    ] {
        let server = Listening::start();
        let arguments = ["--timeout", "0.3", "127.0.0.1", &server.port(), "hello"];
        let client = client("tcp_client", &arguments);
        let mut peer = server.accept(&client, &promise);
        peer.expect(b"hello", &promise);
        if !part.is_empty() {
            peer.send(part, &promise);
        }
        if close {
            drop(peer);
        } else {
            peer.stay_open_for(&client);
        }
        let end = client.ended(&promise);
        let stdout = match part {
            [] => Vec::new(),
            part => [b"From Server: ", part, b"\n"].concat(),
        };
        end.says(&[error], &promise).stdout(&stdout, &promise).status(1, &promise);
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn tcp_server_says_why_it_has_ended_a_connection() {
    let promise = promise("tcp_server says of a silent client how long it was silent");
    let server = server("tcp_server", &["0", "--timeout", "0.3"], ReadyLine::READY_TO_RECEIVE);
    let mut peer = server.connect(&promise);
    peer.expect_end(PATIENCE, &promise);
    let line = format!("notice: {}: not a byte for 0.3 s, closed", peer.address());
    if !server.running.notes_within(PATIENCE, |text| text.contains(&line)) {
        promise.broken(Seen::Stderr, format!("stderr does not say `{line}`"));
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn colour_is_for_a_terminal_that_has_it() {
    let promise =
        promise("errors are coloured on a terminal, unless NO_COLOR or TERM=dumb is set");
    for (name, value, coloured) in [
        ("TERM", "xterm", true),
        ("NO_COLOR", "", true),
        ("NO_COLOR", "1", false),
        ("TERM", "dumb", false),
    ] {
        let (terminal, [stderr]) = Terminal::open();
        let launch = Launch::new("udp_client", &["--no-such-option"]).env(name, value);
        let client = launch.stderr_to(stderr).start();
        terminal.expect("error:", &promise);
        client.ended(&promise).status(2, &promise);
        if terminal.screen().contains(&b'\x1b') != coloured {
            let told = if coloured { "has no colour" } else { "is coloured" };
            promise.broken(Seen::Stderr, format!("with {name}={value} the error {told}"));
        }
    }
}

// Lab 4

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn http_client_says_which_argument_is_missing() {
    let promise = promise("http_client says which of HOST PORT FILE is missing");
    for (arguments, error) in [
        (&["127.0.0.1"][..], "error: PORT is missing"),
        (&["127.0.0.1", "9"], "error: FILE is missing"),
        (&["--session", "127.0.0.1"], "error: PORT is missing"),
        (&["--session"], "error: a session with whom?"),
    ] {
        let end = client("http_client", arguments).ended(&promise);
        end.says(&[error], &promise).status(2, &promise).stdout(b"", &promise);
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn an_answer_to_a_prompt_may_be_long_but_not_too_long() {
    let promise = promise("an answer may have 65,536 bytes, and one more is an error");
    let ask = |length: usize, server: &Listening| {
        let file = format!("/{}", "a".repeat(length - 1));
        let answers = format!("127.0.0.1\n{}\n{file}\n", server.port());
        (Launch::new("http_client", &[]).stdin(answers).start(), file)
    };
    let server = Listening::start();
    let (client, file) = ask(64 * 1024, &server);
    let mut peer = server.accept(&client, &promise);
    Asked::from(&mut peer, &promise).line(&format!("GET {file} HTTP/1.1"), &promise);
    peer.send(answer("ok\n").as_bytes(), &promise);
    drop(peer);
    client.ended(&promise).status(0, &promise);

    let (client, _) = ask(64 * 1024 + 1, &server);
    let end = client.ended(&promise);
    end.status(2, &promise).says(&["an answer is longer than 65536 bytes"], &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_body_that_breaks_off_is_told_by_how_its_end_would_be_known() {
    let promise = promise("http_client says how much of a body came, and why not all");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    for (response, close, error) in [
        (
            chunked,
            true,
            "error: the server closed the connection: 5 bytes came, and not the end of it",
        ),
        (length, true, "error: the server closed the connection: 5 of 9 bytes came"),
        (length, false, "error: no progress for 0.3 s: 5 of 9 bytes came"),
    ] {
        let server = Listening::start();
        let arguments = ["--timeout", "0.3", "--body", "127.0.0.1", &server.port(), "/"];
        let client = client("http_client", &arguments);
        let mut peer = server.accept(&client, &promise);
        Asked::from(&mut peer, &promise);
        peer.send(response.as_bytes(), &promise);
        if close {
            drop(peer);
        } else {
            peer.stay_open_for(&client);
        }
        let end = client.ended(&promise);
        end.says(&[error], &promise).stdout(b"hello", &promise).status(1, &promise);
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_file_stays_as_it_is_where_no_body_comes() {
    let promise = promise("`-o FILE` leaves FILE alone where the response has no body for it");
    let folder = Site::new();
    folder.file("kept.txt", b"kept");
    let kept = folder.path("kept.txt");
    for (options, response) in [
        (&["-I"][..], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_owned()),
        (&[], "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()),
        (&["--fail"], "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n".to_owned()),
    ] {
        let server = Listening::start();
        let output = kept.display().to_string();
        let rest = ["-o", &output, "127.0.0.1", &server.port(), "/"];
        let client = client("http_client", &[options, &rest].concat());
        let mut peer = server.accept(&client, &promise);
        Asked::from(&mut peer, &promise);
        peer.send(response.as_bytes(), &promise);
        peer.stay_open_for(&client);
        client.ended(&promise);
        if fs::read(&kept).unwrap_or_default() != b"kept" {
            promise.broken(Seen::Other, format!("with {options:?} the file was written"));
        }
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_terminal_shows_how_far_a_file_is_and_a_pipe_does_not() {
    let promise = promise("with `-o FILE` a terminal shows how much came of how much");
    let folder = Site::new();
    let output = folder.path("new.txt").display().to_string();
    for (response, shown) in [
        (answer("small\n"), "6 B of 6 B"),
        ("HTTP/1.1 200 OK\r\n\r\nsmall\n".to_owned(), " 6 B, "),
    ] {
        let serve = |launch: Launch, server: &Listening| {
            let client = launch.start();
            let mut peer = server.accept(&client, &promise);
            Asked::from(&mut peer, &promise);
            peer.send(response.as_bytes(), &promise);
            drop(peer);
            client.ended(&promise)
        };
        let launch = |server: &Listening| {
            Launch::new("http_client", &["-o", &output, "127.0.0.1", &server.port(), "/"])
        };
        let server = Listening::start();
        let (terminal, [stderr]) = Terminal::open();
        let end = serve(launch(&server).stderr_to(stderr), &server);
        end.status(0, &promise);
        terminal.expect(shown, &promise);
        if !terminal.screen().ends_with(b"\n") {
            promise.broken(Seen::Stderr, "what comes next stands in the same line");
        }

        let server = Listening::start();
        let end = serve(launch(&server), &server);
        if !end.stderr.is_empty() {
            promise.broken(Seen::Stderr, format!("in a pipe it is {:?}", end.errors()));
        }
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_terminal_gets_text_and_is_told_of_what_is_none() {
    let promise = promise("on a terminal text is shown to its last byte, and nothing else");
    let binary = "the body is binary and is not shown";
    for (fields, body, shown, is_hidden) in [
        ("", "größe".as_bytes(), "größe", false),
        ("Content-Type: TEXT/plain\r\n", b"gr\xf6\xdfe", "gr", false),
        // Cut within a character.
        ("Content-Type: text/plain\r\n", b"last \xc3", "last \\xc3", false),
        ("", b"gr\xf6\xdfe", "", true),
        ("Content-Type: text/plain\r\n", b"with \0", "", true),
    ] {
        let server = Listening::start();
        let (terminal, [stdout, stderr]) = Terminal::open();
        let launch = Launch::new("http_client", &["127.0.0.1", &server.port(), "/"]);
        let client = launch.stdout_to(stdout).stderr_to(stderr).start();
        let mut peer = server.accept(&client, &promise);
        Asked::from(&mut peer, &promise);
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        peer.send(&[head.as_bytes(), body].concat(), &promise);
        client.ended(&promise).status(0, &promise);
        terminal.expect(if is_hidden { binary } else { shown }, &promise);
        let screen = String::from_utf8_lossy(&terminal.screen()).into_owned();
        if screen.contains(binary) != is_hidden {
            promise.broken(Seen::Stdout, format!("the body {body:?} is shown as {screen:?}"));
        }
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_session_asks_again_only_what_was_lost_and_changes_nothing() {
    let promise = promise(
        "a session asks again only where a kept connection was closed under a GET or HEAD",
    );
    let typed = |method: &str| format!("{method} /two HTTP/1.1\nHost: a\n\n");
    // On a new connection nothing was lost.
    let server = Listening::start();
    let session = session(&server, &typed("GET"));
    let mut peer = server.accept(&session, &promise);
    Asked::from(&mut peer, &promise);
    drop(peer);
    not_asked_again(&server, &session, &promise)
        .says(&["the server closed the connection", "one request had no whole"], &promise);

    for method in ["GET", "HEAD", "POST", "DELETE"] {
        let (server, session, mut peer) = kept_session(&typed(method), &promise);
        Asked::from(&mut peer, &promise).line(&format!("{method} /two HTTP/1.1"), &promise);
        drop(peer);
        if !matches!(method, "GET" | "HEAD") {
            not_asked_again(&server, &session, &promise);
            continue;
        }
        let mut peer = server.accept(&session, &promise);
        Asked::from(&mut peer, &promise).line(&format!("{method} /two HTTP/1.1"), &promise);
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n", &promise);
        drop(peer);
        session.ended(&promise).status(0, &promise);
    }

    // A connection that is open may still bring the answer.
    let (server, session, mut peer) = kept_session(&typed("GET"), &promise);
    Asked::from(&mut peer, &promise);
    peer.stay_open_for(&session);
    not_asked_again(&server, &session, &promise).says(&["no progress for 0.5 s"], &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_session_counts_what_went_wrong() {
    let promise = promise("at its end a session says how many requests had no whole response");
    let server = Listening::start();
    let typed = "GET /one HTTP/1.1\nHost: a\n\n".repeat(2);
    let session = session(&server, &typed);
    for _ in 0..2 {
        let mut peer = server.accept(&session, &promise);
        Asked::from(&mut peer, &promise);
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", &promise);
    }
    let end = session.ended(&promise);
    end.says(&["2 requests had no whole response"], &promise).status(1, &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn each_response_of_a_session_begins_on_a_line_of_its_own() {
    let promise = promise("a session ends a line that the body has not ended, and no other");
    let server = Listening::start();
    let session = session(&server, &"GET / HTTP/1.1\nHost: a\n\n".repeat(2));
    let mut peer = server.accept(&session, &promise);
    for body in ["no end", "end\n"] {
        Asked::from(&mut peer, &promise);
        peer.send(answer(body).as_bytes(), &promise);
    }
    peer.stay_open_for(&session);
    let head =
        |length| format!("Server response:\nHTTP/1.1 200 OK\nContent-Length: {length}\n\n");
    let stdout = format!("{}no end\n{}end\n", head(6), head(4));
    session.ended(&promise).status(0, &promise).stdout(stdout.as_bytes(), &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_typed_request_may_be_long_but_not_too_long() {
    let promise = promise("a typed request may have 65,536 bytes before its empty line");
    let line = "GET / HTTP/1.1";
    let longest = 64 * 1024 - line.len() - "\r\n".len();
    for (length, status) in [(longest, 0), (longest + 1, 2)] {
        let server = Listening::start();
        let field = format!("Host: {}", "a".repeat(length - "Host: ".len()));
        let session = session(&server, &format!("{line}\n{field}\n\n"));
        let mut peer = server.accept(&session, &promise);
        if status == 0 {
            let asked = Asked::from(&mut peer, &promise);
            asked.has("Host", &field["Host: ".len()..], &promise);
            peer.send(answer("ok\n").as_bytes(), &promise);
        }
        peer.stay_open_for(&session);
        let end = session.ended(&promise);
        end.status(status, &promise);
        if status == 2 {
            end.says(&["a request of more than 65536 bytes is not sent"], &promise);
        }
    }
}

/// A response with this body.
fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A session with this as its input.
fn session(server: &Listening, typed: &str) -> Running {
    let arguments = ["--session", "--timeout", "0.5", "127.0.0.1", &server.port()];
    Launch::new("http_client", &arguments).stdin(typed).start()
}

/// A session that has had an answer and has sent its next request.
fn kept_session(typed: &str, promise: &Promise) -> (Listening, Running, Peer) {
    let server = Listening::start();
    let session = session(&server, &format!("GET /one HTTP/1.1\nHost: a\n\n{typed}"));
    let mut peer = server.accept(&session, promise);
    Asked::from(&mut peer, promise).line("GET /one HTTP/1.1", promise);
    peer.send(answer("one\n").as_bytes(), promise);
    (server, session, peer)
}

/// The session must end with an error and without another connection.
fn not_asked_again(server: &Listening, session: &Running, promise: &Promise) -> Ended {
    match server.accept_if_asked(session) {
        Ok(_) => promise.broken(Seen::More, "it connected again"),
        Err(None) => promise.broken(Seen::StillOpen, "it neither asked again nor ended"),
        Err(Some(end)) => {
            end.status(1, promise);
            end
        }
    }
}

// Labs 3 and 5

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_crowded_machine_is_told_once() {
    let promise = promise("that descriptors have run out is told, and not for every attempt");
    let site = Site::new();
    let arguments = ["--root", &site.root(), "--no-log", "0"];
    let launch = Launch::new("threaded_web_server", &arguments).under("ulimit -n 32");
    let server = launch.start().ready(ReadyLine::RUNNING);
    let mut crowd: Vec<Peer> = (0..64).map(|_| server.connect(&promise)).collect();
    let line = "notice: cannot serve a connection: ";
    if !server.running.notes_within(PATIENCE, |text| text.contains(line)) {
        promise.broken(Seen::Nothing, "stderr does not tell of it");
    }
    // Meanwhile it has tried more than once: it pauses for 50 ms.
    server.running.notes_within(A_MOMENT, |_| false);
    // What cannot be opened now may be there all the same.
    crowd[0].send(&get("/HelloWorld.html"), &promise);
    answer_to_the_end(&mut crowd[0], PATIENCE, &promise).status("503", &promise);
    drop(crowd);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    if end.errors().matches(line).count() != 1 {
        promise.broken(Seen::Stderr, end.errors());
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_connection_is_closed_in_stages_where_more_may_come() {
    let promise = promise(
        "where more may come from a client, the server ends its own side and reads on, as RST \
         could take the answer with it (RFC 9112 §9.6); elsewhere it closes at once",
    );
    let site = Site::new();
    let full = threaded_web_server(&site, &["--max-connections", "1"]);
    let mut only = full.connect(&promise);
    only.send(&kept("GET", "/HelloWorld.html"), &promise);
    only.has_something(PATIENCE);
    let plain = get("/HelloWorld.html");
    let with = |field: &str| {
        let end = plain.len() - 2;
        [&plain[..end], field.as_bytes(), b"\r\n\r\n"].concat()
    };
    let requests = [
        [&plain[..], b"more"].concat(),
        with("Content-Length: 4"),
        with("Transfer-Encoding: chunked"),
        b"no request\r\n\r\n".to_vec(),
    ];
    for (server, refuses) in
        [(web_server(&site), false), (threaded_web_server(&site, &[]), false), (full, true)]
    {
        let answered = |request: &[u8]| Answered::by(&server, request, &promise);
        let reads_on_behind = |request: &[u8]| {
            if answered(request).is_closed_at_once() {
                let request = String::from_utf8_lossy(request);
                promise.broken(Seen::Part, format!("it closes at once behind\n{request}"));
            }
        };
        if refuses {
            reads_on_behind(&plain);
        } else if !answered(&plain).client.was_reset_within(A_MOMENT) {
            promise.broken(Seen::More, "it does not close at once behind the last request");
        }
        requests.iter().for_each(|request| reads_on_behind(request));
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn what_comes_behind_the_last_request_is_read_for_a_while() {
    let promise = promise(
        "what comes behind the last request is read for a second, and a mebibyte of it at most",
    );
    let site = Site::new();
    let request = [get("/HelloWorld.html"), b"more".to_vec()].concat();
    for server in [web_server(&site), threaded_web_server(&site, &[])] {
        let mut slow = Answered::by(&server, &request, &promise);
        interrupt(&server.running, &promise);
        if slow.is_closed_at_once() {
            promise.broken(Seen::Part, "it closes when a signal interrupts it");
        }
        let until = Instant::now() + PATIENCE;
        while !slow.client.was_reset_within(A_MOMENT) {
            if until < Instant::now() {
                promise.broken(Seen::More, "it reads on for ever");
            }
        }
        let mut fast = Answered::by(&server, &request, &promise);
        let pieces = 1024;
        if (0..pieces).all(|_| fast.client.try_send(&[b'.'; 64 << 10]).is_ok()) {
            promise.broken(Seen::More, "it reads as much as a client likes to send");
        }
        server.running.signal(Signal::SIGTERM);
        let end = server.running.ended(&promise);
        if !end.errors().is_empty() {
            promise.broken(Seen::Stderr, end.errors());
        }
    }
}

/// A client that has read its answer to the end.
struct Answered {
    client: Peer,
    since: Instant,
}

impl Answered {
    fn by(server: &Server, request: &[u8], promise: &Promise) -> Self {
        let since = Instant::now();
        let mut client = server.connect(promise);
        // A server that refuses it need not read it.
        let _ = client.try_send(request);
        client.read_to_the_end(PATIENCE);
        Self { client, since }
    }

    /// Whether the server does not read on. On a machine so busy that this cannot be told
    /// from a server that has done so long enough, it is given credit.
    fn is_closed_at_once(&mut self) -> bool {
        self.client.was_reset_within(A_MOMENT) && self.since.elapsed() < Duration::from_secs(1)
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn who_resets_in_the_middle_of_small_files_is_gone() {
    let promise = promise("an answer that can no longer be sent is given up");
    let site = Site::new();
    site.file("small.txt", &vec![b'#'; 64 << 10]);
    let server = threaded_web_server(&site, &["--max-requests", "512"]);
    let mut client = server.connect(&promise);
    client.send(&kept("GET", "/small.txt").repeat(512), &promise);
    wait_until_full(&client, &server);
    let line = format!("Connection to {} is closed.", client.address());
    client.reset();
    if !server.running.line_within(PATIENCE, &line) {
        promise.broken(Seen::Stdout, format!("there is no line `{line}`"));
    }
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn who_is_asking_when_the_server_ends_is_not_blamed() {
    let promise = promise(
        "a head that breaks off because the server ends is no mistake of its client: no 400",
    );
    let site = Site::new();
    let server = threaded_web_server(&site, &[]);
    let mut client = server.connect(&promise);
    client.send(b"GET / HTTP/1.1\r\n", &promise);
    let line = format!("Received connection from {}", client.address());
    if !server.running.line_within(PATIENCE, &line) {
        promise.broken(Seen::Stdout, format!("there is no line `{line}`"));
    }
    server.running.signal(Signal::SIGTERM);
    let (answer, _) = client.read_to_the_end(PATIENCE);
    if !answer.is_empty() {
        promise.broken(Seen::Part, String::from_utf8_lossy(&answer));
    }
    server.running.ended(&promise).status(0, &promise);
}

#[test]
#[ignore = "beyond what the labs promise; .ci/run runs it"]
fn a_large_file_is_not_held_in_memory() {
    let promise = promise("a file of 64 MiB is sent by a server that needs less than 32 MiB");
    let site = Site::new();
    let large = vec![b'x'; 64 << 20];
    site.file("large.txt", &large);
    for (name, server) in [
        ("web_server", web_server(&site)),
        ("threaded_web_server", threaded_web_server(&site, &[])),
    ] {
        let mut peer = server.connect(&promise);
        peer.send(&get("/large.txt"), &promise);
        let answer = answer_to_the_end(&mut peer, PATIENCE * 4, &promise);
        answer.status("200", &promise).body(&large, &promise);
        if server.running.peak_memory().is_some_and(|bytes| bytes > 32 << 20) {
            promise.broken(Seen::More, format!("{name} needed more"));
        }
    }
}
