//! Lab 5: a web server that serves many clients at once. The checks of
//! `threaded_web_server`; what it promises is in `labs/5-threaded-web-server/README.md`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use support::crowd::at_once;
use support::first::First;
use support::http::{answer_to_the_end, ask, get};
use support::manners::{self, Over, ServerProgram};
use support::program::{ReadyLine, Server};
use support::serving::WebServer;
use support::site::{HELLO, Site};
use support::tcp::Peer;
use support::{A_MOMENT, PATIENCE, Promise, Seen, bytes, handout, promise, seed, sockets};

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
        "a second client is answered while the first is in the middle of its request, or does \
         not read its answer",
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

    let large = vec![b'x'; 16 << 20];
    site.file("large.txt", &large);
    let promise = promise.only_because(
        "a lock is held while an answer is sent: each client may take as long as it likes for \
         its own",
    );
    let mut first = server.connect(&promise);
    first.send(&get("/large.txt"), &promise);
    first.has_something(PATIENCE);
    let answer = ask(&server, &get("/large.txt"), &promise);
    answer.status("200", &promise).body(&large, &promise);
    let answer = answer_to_the_end(&mut first, PATIENCE, &promise);
    answer.status("200", &promise).body(&large, &promise);
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
    let mut waiting = in_mid_request(&server, 500, &request[..5], &promise);
    one_more_is_answered(&server, &request, &promise);
    for client in &mut waiting {
        client.send(&request[5..], &promise);
    }
    for client in &mut waiting {
        let answer = answer_to_the_end(client, PATIENCE, &promise);
        answer.status("200", &promise).body(HELLO, &promise);
    }
}

#[test]
fn a_thousand_clients_in_mid_request_delay_nobody() {
    let promise =
        promise("with 1,100 clients in the middle of their requests another one is answered")
            .because(
                "a pool of threads is full once each of them waits for a client, however large \
                 it is: a thread for each connection has no such limit",
            )
            .read(handout::THREADS);
    // Each of them takes a descriptor, of ours and of the server's, and a shell may give
    // fewer to who does not ask for more.
    let (wanted, limit) = (2000, Resource::RLIMIT_NOFILE);
    let Ok((soft, hard)) = getrlimit(limit) else { return };
    if soft < wanted && (hard < wanted || setrlimit(limit, wanted, hard).is_err()) {
        return;
    }
    let site = Site::new();
    let launch = SERVER.program.launch(&["--root", &site.root(), "0"]);
    let server = launch.under(format!("ulimit -n {wanted}")).start().ready(ReadyLine::RUNNING);
    let request = get("/HelloWorld.html");
    let _waiting = in_mid_request(&server, 1100, &request[..5], &promise);
    one_more_is_answered(&server, &request, &promise);
}

fn one_more_is_answered(server: &Server, request: &[u8], promise: &Promise) {
    let mut next = server.connect(promise);
    next.send(request, promise);
    let (mut before, begun) = (None, Instant::now());
    while !next.has_something(CROWDED) {
        // It may still be starting threads for those before it.
        let now = server.running.usage();
        if before == Some(now) || begun.elapsed() > CROWDED * 5 {
            let text = format!("no answer came within {} s", begun.elapsed().as_secs());
            promise.broken(Seen::Nothing, text);
        }
        before = Some(now);
    }
    let answer = answer_to_the_end(&mut next, PATIENCE, promise);
    answer.status("200", promise).body(HELLO, promise);
}

/// How long a server may take to answer one client more, with hundreds of threads.
/// As long as more and more of them run, it may take longer.
const CROWDED: Duration = Duration::from_secs(4);

/// How long hundreds of clients may take to connect. With room for them in the queue it is a
/// matter of milliseconds.
const CONNECTING: Duration = Duration::from_secs(10);

/// Clients that have sent a part of a request.
fn in_mid_request(server: &Server, count: usize, part: &[u8], promise: &Promise) -> Vec<Peer> {
    let backlog = promise_of_room();
    let until = Instant::now() + CONNECTING;
    let mut clients = Vec::new();
    while clients.len() < count {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let came = clients.len();
            let text =
                format!("in {} s {came} of {count} clients got in", CONNECTING.as_secs());
            backlog.broken(Seen::Time, text);
        }
        let mut client = server.connect(&backlog);
        client.send(part, promise);
        clients.push(client);
    }
    clients
}

/// What hundreds of clients at once need first.
fn promise_of_room() -> Promise {
    promise("hundreds of clients that connect one behind the other get in at once")
        .cause(
            &[Seen::Time, Seen::Nothing],
            "listen's backlog is too small for a burst of clients, or a pool of threads is full and \
             nobody accepts: ask for a backlog of 128 or more, and accept at once",
        )
        .read(handout::THREADS)
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
            "an answer broke off, stopped, or went to another client: threads share something \
             that each should have for itself, or each write takes a few bytes",
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
    let mut long = server.connect(&promise);
    let from_long = long.address();
    let many: String =
        (0..100).map(|line| format!("X-{line}: words of a long head\r\n")).collect();
    let words = "x".repeat(3000);
    let head =
        format!("GET /HelloWorld.html HTTP/1.1\r\nHost: a\r\n{many}X-Long: {words}\r\n\r\n");
    long.send(head.as_bytes(), &promise);
    long.read_to_the_end(PATIENCE);
    server.running.line_within(PATIENCE, &format!("Connection to {from_long} is closed."));
    let whole = promise.instead_because(
        "a head has up to 8,192 bytes, and all of them are shown: print what was read up to its \
         empty line, not only the first read or a part of it",
    );
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
    let last = format!("X-Long: {words}");
    if !console.lines().any(|line| line == last) {
        let text = format!("of a head of {} bytes the last line is missing", head.len());
        whole.broken(Seen::Stdout, text);
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
    let is_silent = |server: Server| {
        let ready =
            format!("Server is running on host/port: {}/{}\n", server.host(), server.port());
        server.running.signal(Signal::SIGTERM);
        server.running.ended(&promise).status(0, &promise).stdout(ready.as_bytes(), &promise);
    };
    // Answers, timeouts with and without a part of a head, a reset, a head that is none.
    let server = SERVER.serve(&site, &["--quiet", "--keep-alive-timeout", "1"]);
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    for request in [&b""[..], b"GET /Hello", b"nonsense\r\n\r\n"] {
        let mut client = server.connect(&promise);
        let _ = client.try_send(request);
        client.read_to_the_end(PATIENCE);
    }
    let mut client = server.connect(&promise);
    let _ = client.try_send(b"GET /Hello");
    client.reset();
    ask(&server, &get("/HelloWorld.html"), &promise).status("200", &promise);
    is_silent(server);
    // One connection too many.
    let options = ["--quiet", "--max-connections", "1", "--keep-alive-timeout", "1"];
    let server = SERVER.serve(&site, &options);
    let _open = server.connect(&promise);
    server.connect(&promise).read_to_the_end(PATIENCE);
    is_silent(server);
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
        "o.gif",
        "p.htm",
        "q.xhtml",
        "r.GIF",
        "v1.txt/s.pdf",
        "README",
        "notestxt",
        "v1.txt/notes",
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
    for name in [
        "h.css",
        "i.js",
        "j.pdf",
        "k.txt.pdf",
        "m.txtx",
        "nowhere.pdf",
        "h.css?a.txt",
        "o.gif",
        "p.htm",
        "q.xhtml",
        "r.GIF",
        "v1.txt/s.pdf",
    ] {
        ask(&server, &get(&format!("/{name}")), &promise).status("400 Bad Request", &promise);
    }
    // Whether a name without an extension is not there or not served is not promised.
    for name in ["README", "notestxt", "v1.txt/notes"] {
        let answer = ask(&server, &get(&format!("/{name}")), &promise);
        if !answer.status_line.contains(" 404") {
            answer.status("400", &promise);
        }
    }
    let promise = with_allow();
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

/// What `--allow` promises.
fn with_allow() -> Promise {
    promise(
        "started with --allow css,JS the server serves these too, in any case, and all that it \
         serves without; another extension gets 400",
    )
    .cause(
        &[Seen::Status],
        "--allow adds to the list: each of the extensions between its commas, compared in any \
         case",
    )
    .read(handout::SERVED)
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

#[test]
fn clients_that_reset_are_no_crash_of_a_thread() {
    let promise = promise("no panic and no traceback is shown, whatever clients do")
        .cause(
            &[Seen::Stderr],
            "an error of a connection (reset, broken pipe) is no reason for a thread to crash: \
             catch it around all that is done for a connection, and close that",
        )
        .read(handout::EVERY_PROGRAM);
    let site = Site::new();
    site.file("large.txt", &vec![b'x'; 16 << 20]).file("empty.txt", b"");
    let server = SERVER.serve(&site, &[]);
    let mut gone = Vec::new();
    let requests = [&b""[..], b"GET /Hello", &get("/HelloWorld.html"), &get("/large.txt")];
    for request in requests.into_iter().cycle().take(40) {
        let mut client = server.connect(&promise);
        gone.push(client.address());
        let _ = client.try_send(request);
        if request.len() > 10 {
            // The answer is under way, or about to be.
            client.has_something(PATIENCE);
        }
        client.reset();
    }
    for target in ["/empty.txt", "/HelloWorld.html"] {
        ask(&server, &get(target), &promise).status("200", &promise);
    }
    // It has seen that they are gone, if it says so.
    let closed = |console: &str| {
        gone.iter().all(|gone| console.contains(&format!("Connection to {gone} is closed.")))
    };
    server.running.says_within(PATIENCE, closed);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    manners::no_crash_shown(&end, &promise);
}

// Limits

#[test]
fn one_connection_too_many_gets_503() {
    let promise = promise("past --max-connections a client gets 503 at once, and others are served again when connections have ended")
        .cause(&[Seen::Nothing], "tell the client, do not let it wait")
        .cause(&[Seen::Status], "count the connections that are open, and count down however one ends")
        .cause(
            &[Seen::Stdout],
            "each line is printed to stdout when it happens, and flushed: into a pipe it stays \
             in a buffer otherwise",
        )
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
        if !server.running.line_within(PATIENCE, &accepted) {
            promise.broken(Seen::Stdout, format!("there is no line `{accepted}`"));
        }
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
    // Who says nothing is told, too, and long before his time is over.
    let mut silent = server.connect(&promise);
    if !silent.has_something(PATIENCE) {
        let text =
            format!("a client that says nothing got no 503 within {} s", PATIENCE.as_secs());
        let cause = "a client too many is refused as soon as it is accepted: answer before \
                     anything of it is read";
        promise.broken_because(Seen::Nothing, text, Some(cause.to_owned()));
    }
    answer_to_the_end(&mut silent, PATIENCE, &promise).status("503", &promise);
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

#[test]
fn descriptors_that_run_out_do_not_end_the_server() {
    let promise = promise(
        "a server that gets no descriptor for a connection serves again when others have ended",
    )
    .because(
        "accept can fail for a while (EMFILE, \"Too many open files\"): that is no reason to \
         leave the loop around it",
    )
    .read(handout::LIMITS);
    let (site, descriptors) = (Site::new(), 100);
    let launch = SERVER.program.launch(&["--root", &site.root(), "0"]);
    let server =
        launch.under(format!("ulimit -n {descriptors}")).start().ready(ReadyLine::RUNNING);
    // More than it can have; who finds its queue full need not wait.
    let many: Vec<TcpStream> = (0..descriptors + 20)
        .map_while(|_| TcpStream::connect_timeout(&server.address, A_MOMENT).ok())
        .collect();
    // It takes as many as it can, and cannot take all.
    server.running.says_within(Duration::from_secs(1), |console| {
        console.matches("Received connection from").count() >= many.len()
    });
    drop(many);
    is_served_again(&server, &promise);
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    manners::no_crash_shown(&end, &promise);
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
fn ports_are_tried_one_after_the_other_up_to_the_last() {
    let promise = promise(
        "where many ports in a row are taken the first free one is used, and behind 65535 there \
         is none: an error, status 1",
    )
    .cause(
        &[Seen::Ended],
        "as many ports are tried as are taken, one after the other, without a limit",
    )
    .cause(
        &[Seen::StillOpen, Seen::Stdout],
        "the next port is one higher, and 65535 is the last: do not go on with 0 (that is any \
         port), and report that the port is taken",
    )
    .because("behind 65535 comes no port: report that it is taken, with status 1")
    .read(handout::NEXT_PORT);
    SERVER.program.first.must_pass();
    if !sockets::has_second_loopback() {
        return;
    }
    // Nobody else is at this address.
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, 83, high, low.clamp(1, 254));
    let (host, site) = (ip.to_string(), Site::new());
    let root = site.root();
    let launch = |port: u16| {
        let arguments = ["--root", &root, "--host", &host, &port.to_string()];
        SERVER.program.launch(&arguments).start()
    };
    let row = || -> std::io::Result<Vec<TcpListener>> {
        let first = TcpListener::bind((ip, 0))?;
        let start = first.local_addr()?.port();
        let more = (1..20).map(|more| TcpListener::bind((ip, start.saturating_add(more))));
        [Ok(first)].into_iter().chain(more).collect()
    };
    // Somebody who has all addresses may have one of them.
    if let Some(taken) = (0..10).find_map(|_| row().ok())
        && let Some(last) = taken.last().and_then(|last| last.local_addr().ok())
        && let Some(free) = last.port().checked_add(1)
        && sockets::is_free((ip, free).into())
    {
        match launch(last.port() - 19).ready_or_ended(ReadyLine::RUNNING) {
            Ok(server) if server.address == (ip, free).into() => {}
            Ok(server) => {
                let text = format!(
                    "{}…{} were taken and {free} was not, and it took {}",
                    last.port() - 19,
                    last.port(),
                    server.address
                );
                promise.broken(Seen::Stdout, text);
            }
            Err(end) => promise.broken(Seen::Ended, end.told()),
        }
    }
    let Ok(_last) = TcpListener::bind((ip, u16::MAX)) else { return };
    match launch(u16::MAX).ready_or_ended(ReadyLine::RUNNING) {
        Ok(server) => promise
            .broken(Seen::StillOpen, format!("65535 is taken, and it took {}", server.address)),
        Err(end) => {
            manners::no_crash_shown(&end, &promise);
            end.status(1, &promise).says(&["error: "], &promise);
        }
    }
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
fn the_server_can_be_bound_to_a_name() {
    SERVER.the_server_can_be_bound_to_a_name();
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
fn who_comes_after_the_signal_is_not_served() {
    let promise = promise(
        "once SIGTERM has come no new client is served, while an answer under way is finished",
    )
    .because(
        "the server goes on accepting until its last answer has ended: leave the loop around \
         accept, and close the listening socket, as soon as the signal comes",
    )
    .read(handout::EVERY_PROGRAM);
    let site = Site::new();
    site.file("large.txt", &vec![b'x'; 32 << 20]);
    let server = SERVER.serve(&site, &[]);
    let mut first = server.connect(&promise);
    first.send(&get("/large.txt"), &promise);
    if first.read(1000, PATIENCE).is_none() {
        promise.broken(Seen::Nothing, "no answer came");
    }
    server.running.signal(Signal::SIGTERM);
    // The signal may take a moment, but not as long as the answer may.
    let until = Instant::now() + Duration::from_secs(4);
    let mut served = 0;
    while is_still_served(server.address) {
        served += 1;
        if until < Instant::now() {
            let text = format!("4 s after SIGTERM new clients are served ({served} were)");
            promise.broken(Seen::StillOpen, text);
        }
    }
}

/// Whether a new client is answered at once. It may be refused, or get no answer.
fn is_still_served(server: SocketAddr) -> bool {
    let connected = TcpStream::connect_timeout(&server, A_MOMENT);
    let ask = |mut stream: TcpStream| -> std::io::Result<bool> {
        stream.set_read_timeout(Some(A_MOMENT))?;
        stream.write_all(&get("/HelloWorld.html"))?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.starts_with(b"HTTP/1.1 200"))
    };
    connected.and_then(ask).unwrap_or(false)
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
