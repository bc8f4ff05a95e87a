//! What every program of the kit promises, whatever its lab: help, exit statuses, ports,
//! signals, a closed stdout.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::executables::root;
use crate::first::First;
use crate::program::{Ended, Launch, ReadyLine, Server, complete};
use crate::story::{Promise, Seen, quote};
use crate::terminal::Terminal;
use crate::{PATIENCE, bytes, handout, promise, sockets};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;

/// A server under test: what it takes to start it.
pub struct ServerProgram {
    /// Its name.
    pub name: &'static str,
    /// Where it is started, if not in the kit's own folder: it writes a log there.
    pub scratch: Option<&'static str>,
    /// Its ready line.
    pub ready: ReadyLine,
    /// The port it takes when none is given.
    pub default_port: u16,
    /// Whether a port is one of UDP or of TCP.
    pub over: Over,
    /// What it must pass before those checks say anything that need no answer of it, unless
    /// it is `first`.
    pub listens: Option<&'static First>,
    /// What it must pass before its other checks say anything.
    pub first: First,
}

/// A transport protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

impl ServerProgram {
    /// Starts it on a free port, if it passes its first check.
    pub fn start(&self, more: &[&str]) -> Server {
        self.first.must_pass();
        self.start_first(more)
    }

    /// Starts it on a free port, if it passes what comes before any answer.
    pub fn start_listening(&self, more: &[&str]) -> Server {
        self.listens.unwrap_or(&self.first).must_pass();
        self.start_first(more)
    }

    /// Starts it on a free port, for its first check.
    pub fn start_first(&self, more: &[&str]) -> Server {
        // The options first: not every program takes them anywhere.
        self.launch_first(&[more, &["0"]].concat()).start().ready(self.ready)
    }

    /// It with these arguments, the options first, if it passes its first check.
    pub fn launch(&self, arguments: &[&str]) -> Launch {
        self.first.must_pass();
        self.launch_first(arguments)
    }

    /// As [`ServerProgram::launch`], if it passes what comes before any answer.
    fn launch_listening(&self, arguments: &[&str]) -> Launch {
        self.listens.unwrap_or(&self.first).must_pass();
        self.launch_first(arguments)
    }

    fn launch_first(&self, arguments: &[&str]) -> Launch {
        let launch = Launch::new(self.name, arguments);
        let Some(scratch) = self.scratch else { return launch };
        // The folder that a web server serves unless told. It may be there already.
        let _ = symlink(root().join("www"), Path::new(scratch).join("www"));
        launch.in_folder(Path::new(scratch))
    }
}

/// `--help` describes each of `options` and ends with examples.
pub fn help_describes_every_option(program: &'static str, options: &[&str]) {
    let promise = promise(format!(
        "`{program} --help` prints every option ({}) and, at its end, examples; exit status 0",
        options.join(", ")
    ))
    .cause(&[Seen::Status], "who asks for help has made no mistake: print it on stdout, and end with status 0")
    .because("each option needs a line of help: a doc comment at its field; what `after_help` says stands at the end")
    .try_it(format!("cargo run --bin {program} -- --help"))
    .read(handout::EVERY_PROGRAM);
    let end = complete(program, &["--help"]);
    end.status(0, &promise);
    let help = bytes::text(&end.stdout).to_lowercase();
    if help.trim().is_empty() && !end.stderr.is_empty() {
        let cause = "what was asked for belongs on stdout; stderr is for errors".to_owned();
        promise.broken_because(Seen::Stdout, "the help is on stderr", Some(cause));
    }
    for option in options {
        if !help.contains(&option.to_lowercase()) {
            promise.broken(Seen::Stdout, format!("the help does not name {option}"));
        }
    }
    // A heading begins with the word, or has it and does not call the program itself.
    let headings = help.split_inclusive('\n').scan(0, |start, line| {
        *start += line.len();
        Some((*start - line.len(), line))
    });
    let headings = headings.filter(|(_, line)| {
        let calls = line.contains(&format!("{program} "));
        line.trim_start().starts_with("example") || line.contains("example") && !calls
    });
    let Some((examples, _)) = headings.last() else {
        promise.broken(Seen::Stdout, "the help has no heading that says examples");
    };
    if !help[examples..].contains(program) {
        promise.broken(
            Seen::Stdout,
            format!("no example calls {program}, or it is not at the end"),
        );
    }
    let (described, shown) = help.split_at(examples);
    // A line that the one before goes on to is no description of an option.
    let shown = shown.replace("\\\n", " ");
    if shown.lines().any(|line| line.trim_start().starts_with('-')) {
        promise.broken(Seen::Stdout, "options are described behind the examples");
    }
    if let Some(late) =
        options.iter().find(|option| !described.contains(&option.to_lowercase()))
    {
        promise.broken(Seen::Stdout, format!("{late} is not described before the examples"));
    }
    plain(&end, &promise);
}

/// `--version` prints a version.
pub fn version_is_told(program: &'static str) {
    let promise = promise(format!("`{program} --version` prints its version; exit status 0")).because("clap prints it once `version` stands in #[command(…)]; without clap --version is an option like others")
        .try_it(format!("cargo run --bin {program} -- --version"))
        .read(handout::EVERY_PROGRAM);
    let end = complete(program, &["--version"]);
    end.status(0, &promise);
    if end.stdout.trim_ascii().is_empty() {
        let cause = "what was asked for belongs on stdout; stderr is for errors".to_owned();
        let found = (!end.stderr.is_empty()).then_some(cause);
        promise.broken_because(Seen::Stdout, "nothing stands on stdout", found);
    }
}

/// Arguments that no program could use are refused with status 2, before anything is done.
pub fn wrong_arguments_are_refused(program: &'static str, cases: &[&[&str]]) {
    for arguments in cases {
        let shown = arguments.join(" ");
        let promise = promise(format!(
            "`{program} {shown}` is refused: an `error:` on stderr, nothing on stdout, exit \
             status 2"
        ))
        .cause(
            &[Seen::Status],
            "wrong arguments have a status of their own, 2; 1 is for what the network, the \
             peer or a file refuses",
        )
        .cause(&[Seen::StillOpen], "the arguments were taken, and the program went on")
        .cause(
            &[Seen::Stderr],
            "an error is a line `error: WHAT: WHY` on stderr: where a library writes its own \
             words (argparse has `prog: error:`), replace them",
        )
        .cause(
            &[Seen::Stdout],
            "an error goes to stderr; stdout has what a program was asked for",
        )
        .try_it(format!("cargo run --bin {program} -- {shown}; echo $?"))
        .read(handout::EVERY_PROGRAM);
        let end = complete(program, arguments);
        no_crash_shown(&end, &promise);
        end.status(2, &promise).stdout(b"", &promise).says(&["error:"], &promise);
        if !end.errors().lines().any(|line| line.starts_with("error: ")) {
            let said = end.errors();
            promise.broken(
                Seen::Stderr,
                format!("no line begins with `error: `: {}", said.trim_end()),
            );
        }
        plain(&end, &promise);
    }
}

/// A port that is taken is an error that names the way out.
pub fn a_taken_port_is_an_error(program: &ServerProgram) {
    let first = program.start_listening(&[]);
    let promise = promise(format!(
        "a second {} on the same port says `error: … Address already in use` and a `hint:`, \
         exit status 1",
        program.name
    ))
    .cause(
        &[Seen::StillOpen, Seen::Stdout],
        "two servers now share one port and clients reach one or the other (do not set \
         SO_REUSEPORT, nor SO_REUSEADDR on a UDP socket), or the second took another one",
    )
    .cause(
        &[Seen::Stderr],
        "an error has two lines: `error: WHAT: WHY` with the words of the operating system, \
         and a `hint: …` that says what its reader can do",
    )
    .cause(
        &[Seen::Status],
        "a port that is taken is what the network refuses: status 1 (0 is for success, 2 for \
         wrong arguments)",
    )
    .try_it(format!("cargo run --bin {} -- {}", program.name, first.port()))
    .read(handout::EVERY_PROGRAM);
    let second = program.launch_listening(&[&first.port()]).start().ended(&promise);
    if first.running.has_ended() {
        promise.broken_because(Seen::Ended, "the first one has ended meanwhile", None);
    }
    // The hint has a line of its own.
    let says = ["error: ", "Address already in use", "\nhint: "];
    not_ready(&second, program, &promise);
    second.status(1, &promise).says(&says, &promise);
    no_crash_shown(&second, &promise);
    plain(&second, &promise);
    if second.errors().contains("error: Address already in use") {
        promise.broken(Seen::Stderr, "stderr tells why, and not what was tried");
    }
    no_colour_is_no_colour(program.launch_listening(&[&first.port()]), &promise);
}

/// What ends a conversation in other protocols, or in examples elsewhere.
pub const COMMANDS_ELSEWHERE: &[&str] = &[
    "quit", "exit", "bye", "stop", "end", "close", "shutdown", "q", ".", "QUIT\n", "exit\r\n",
];

/// Why they do not here.
pub const NO_WORD_IS_A_COMMAND: &str = "a word was taken for a command: here all bytes are data, and only the client ends a \
     conversation, only a signal the server";

/// Without arguments a server takes its default port on 127.0.0.1, or says that it is
/// taken.
pub fn defaults_are_loopback_and_the_labs_port(program: &ServerProgram) {
    let expected = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), program.default_port);
    let promise = promise(format!("`{}` without arguments takes {expected}", program.name))
        .because("the port has another default, or --host has one that is not 127.0.0.1")
        .try_it(format!("cargo run --bin {}", program.name))
        .read(handout::EVERY_PROGRAM);
    let _lock = alone_with_the_default_port();
    for _ in 0..5 {
        let running = program.launch_listening(&[]).start();
        match running.ready_or_ended(program.ready) {
            Ok(server) if server.address == expected => return,
            Ok(server) => promise.broken(Seen::Stdout, format!("it took {}", server.address)),
            Err(end) => end.status(1, &promise).says(&["Address already in use"], &promise),
        };
        // Somebody works with the kit on this machine. Then the port that is taken shows
        // which one the program wanted, unless it has just become free.
        let taken = match program.over {
            Over::Tcp => TcpListener::bind(expected).is_err(),
            Over::Udp => UdpSocket::bind(expected).is_err(),
        };
        if taken {
            return;
        }
    }
    promise
        .broken(Seen::Stderr, format!("it says that a port is taken, but {expected} is free"));
}

/// Keeps the checks that must use a lab's default port apart from one another, also those
/// of other runs on this machine: for as long as the lock is kept.
pub fn alone_with_the_default_port() -> Option<Flock<File>> {
    let until = Instant::now() + Duration::from_secs(30);
    // A folder that is there anyway: no file is left behind. flock(2) belongs to what was
    // opened, not to the process, so that it keeps two threads apart as well.
    let mut folder = File::open(std::env::temp_dir()).ok()?;
    loop {
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((again, _)) if Instant::now() < until => folder = again,
            Err(_) => return None,
        }
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// Without `--host` only this machine can reach the server.
pub fn only_this_machine_can_reach_it(program: &ServerProgram) {
    let server = program.start_listening(&[]);
    let promise = promise(
        "the server is bound to 127.0.0.1 alone, so that no other machine can reach it",
    )
    .cause(
        &[Seen::Other],
        "the socket is bound to all addresses (0.0.0.0, or an empty host): bind it to 127.0.0.1",
    )
    .read(handout::EVERY_PROGRAM);
    if server.address.ip() != IpAddr::from(Ipv4Addr::LOCALHOST) {
        promise.broken(Seen::Other, format!("it says that it is bound to {}", server.address));
    }
    // Bound to 0.0.0.0 it would hold this address too.
    let other = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), server.address.port());
    if !sockets::has_second_loopback() {
        return;
    }
    let also_there = match program.over {
        Over::Tcp => std::net::TcpStream::connect_timeout(&other, PATIENCE).is_ok(),
        Over::Udp => server.running.holds(other),
    };
    if also_there {
        promise.broken(Seen::Other, format!("it can also be reached at {other}"));
    }
}

/// What clients send is shown, if at all, so that it cannot drive a terminal. `send`
/// sends these bytes and waits for the answer.
pub fn clients_cannot_drive_its_terminal(
    program: &ServerProgram,
    send: impl Fn(&Server, &[u8]),
) {
    let promise = promise(
        "what a client sends stands nowhere on the server's console as it is",
    )
    .cause(
        &[Seen::Stdout],
        "a line that shows a client's bytes must escape control characters: a terminal obeys \
             them",
    )
    .read(handout::EVERY_PROGRAM);
    let server = program.start(&[]);
    send(&server, b"\x1b[31mred\x07\n");
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(&promise);
    for output in [&end.stdout, &end.stderr] {
        if output.contains(&0x1b) || output.contains(&0x07) {
            promise.broken(Seen::Stdout, format!("there stands {}", bytes::show(output, 70)));
        }
    }
}

/// An address that this machine does not have cannot be bound.
pub fn a_foreign_address_is_an_error(program: &ServerProgram) {
    if !sockets::has_ipv6() {
        return;
    }
    let promise = promise("`--host ::2`, which no machine has, is an error, exit status 1")
        .cause(&[Seen::Stderr], "bind can fail: report why, and do not panic")
        .cause(
            &[Seen::StillOpen],
            "only a port that is taken is a reason to try the next one: any other error of bind \
             ends the program",
        )
        .read(handout::EVERY_PROGRAM);
    let end = program.launch_listening(&["--host", "::2", "0"]).start().ended(&promise);
    no_crash_shown(&end, &promise);
    not_ready(&end, program, &promise);
    end.status(1, &promise).says(&["error: "], &promise);
}

/// It did not say that it is ready.
fn not_ready(end: &Ended, program: &ServerProgram, promise: &Promise) {
    if bytes::text(&end.stdout).contains(program.ready.before.trim()) {
        promise.broken_because(
            Seen::Stdout,
            format!("its ready line came: {}", bytes::show(&end.stdout, 70)),
            Some("the ready line is printed before the port is the program's own".to_owned()),
        );
    }
}

/// A server on an IPv6 address, which its ready line shows in brackets.
pub fn start_on_ipv6(program: &ServerProgram) -> Option<Server> {
    program.first.must_pass();
    if !sockets::has_ipv6() {
        return None;
    }
    let promise = promise("`--host ::1` binds the IPv6 loopback address")
        .because(
            "--host is not looked at, or taken for an address of IPv4 (AF_INET, or a name): make \
             the socket for the address that was looked up",
        )
        .read(handout::EVERY_PROGRAM);
    let server = start_with_host(program, "::1", &promise);
    if server.address.ip() != IpAddr::from(Ipv6Addr::LOCALHOST) {
        promise.broken(Seen::Other, format!("it says that it is bound to {}", server.address));
    }
    Some(server)
}

/// A server on an address of this machine that has a name.
pub fn start_on_a_name(program: &ServerProgram) -> Server {
    let promise = promise("`--host localhost` binds an address that localhost has")
        .because("HOST may be a name: look it up (getaddrinfo, ToSocketAddrs)")
        .read(handout::EVERY_PROGRAM);
    start_with_host(program, "localhost", &promise)
}

fn start_with_host(program: &ServerProgram, host: &str, promise: &Promise) -> Server {
    let running = program.launch(&["--host", host, "0"]).start();
    running.ready_or_ended(program.ready).unwrap_or_else(|end| {
        promise.broken(Seen::Ended, format!("it ended at once: {}", end.told()))
    })
}

/// What a server promises that is opened to other machines.
pub fn lets_everybody_in() -> Promise {
    promise("`--host 0.0.0.0` lets clients in at every address of this machine")
        .cause(
            &[Seen::Nothing, Seen::Refused, Seen::Stdout],
            "--host is not looked at: bind to the address that it names",
        )
        .read(handout::EVERY_PROGRAM)
}

/// What a stopping server promises.
pub fn stops_in_good_order(program: &ServerProgram, signal: Signal) -> Promise {
    let how = match signal {
        Signal::SIGINT => "Ctrl-C".to_owned(),
        other => other.to_string(),
    };
    promise(format!("{how} ends {} with exit status 0", program.name))
        .cause(
            &[Seen::Status],
            format!(
                "{signal} is not handled, so it kills the program or becomes an error of it; \
                 catch it and end with status 0"
            ),
        )
        .cause(
            &[Seen::StillOpen],
            format!("{signal} is ignored, or the program waits for its clients"),
        )
        .read(handout::EVERY_PROGRAM)
}

/// `signal` ends a server that has nothing to do.
pub fn a_signal_ends_it(program: &ServerProgram, signal: Signal) {
    let server = program.start_listening(&[]);
    let promise = stops_in_good_order(program, signal);
    server.running.signal(signal);
    let end = server.running.ended(&promise);
    end.status(0, &promise);
    no_crash_shown(&end, &promise);
}

/// A server whose stdout nobody reads ends quietly when it comes to print.
pub fn a_closed_stdout_ends_a_server_quietly(program: &ServerProgram) {
    let promise = quiet_end(program.name);
    let end = program.launch_listening(&["0"]).stdout_closed().start().ended(&promise);
    said_nothing_of_it(&end, &promise);
}

/// What a program promises that is behind a `… | head -1` which has seen enough.
pub fn quiet_end(program: &str) -> Promise {
    promise(format!("{program} ends quietly when nobody reads its stdout any more"))
        .cause(
            &[Seen::Stderr],
            "a failed write to stdout (EPIPE, \"Broken pipe\") became a panic or an error; \
             in Rust, println! panics on it: use write! and look at its result",
        )
        .cause(&[Seen::StillOpen], "a failed write to stdout is not noticed")
        .read(handout::EVERY_PROGRAM)
}

/// Nothing on stderr tells of a failed write. A notice of something else may stand there.
pub fn said_nothing_of_it(end: &Ended, promise: &Promise) {
    end.does_not_say(&["error:", "roken pipe", "EPIPE", "rrno"], promise);
    no_crash_shown(end, promise);
}

/// No escape sequence and no other control character went into a pipe.
pub fn plain(end: &Ended, promise: &Promise) {
    for (stream, output) in [("stdout", &end.stdout), ("stderr", &end.stderr)] {
        if output.contains(&0x1b) {
            promise.broken_because(
                Seen::Stdout,
                format!("there are escape sequences on {stream}: {}", bytes::show(output, 60)),
                Some(
                    "colours belong on a terminal only: ask isatty (is_terminal) for the \
                      stream that is written to"
                        .to_owned(),
                ),
            );
        }
    }
}

/// With NO_COLOR set an error, which `launch` leads to, has no colour on a terminal either.
pub fn no_colour_is_no_colour(launch: Launch, promise: &Promise) {
    let (terminal, [stderr]) = Terminal::open();
    let client = launch.stderr_to(stderr).env("NO_COLOR", "1").start();
    client.ended(promise).status(1, promise);
    let screen = terminal.screen();
    if screen.contains(&0x1b) {
        let screen = bytes::show(&screen, 70);
        promise.broken(Seen::Stderr, format!("with NO_COLOR=1 came {screen}"));
    }
}

/// No panic and no traceback is shown to a user.
pub fn no_crash_shown(end: &Ended, promise: &Promise) {
    let errors = end.errors();
    for sign in
        ["panicked at", "Traceback", "Exception in thread", "RUST_BACKTRACE", "core dumped"]
    {
        if errors.contains(sign) {
            let happened =
                format!("a crash is shown to the user:\n{}", quote(errors.trim().as_bytes()));
            let cause = "the program panicked, or an exception was not caught".to_owned();
            promise.broken_because(Seen::Stderr, happened, Some(cause));
        }
    }
}
