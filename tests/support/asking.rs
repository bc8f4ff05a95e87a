//! What the clients of labs 1 and 2 promise alike: where their message comes from, whom
//! they ask unless told, what a terminal gets to see.

use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::first::First;
use crate::program::{Ended, Launch, Running};
use crate::story::{Promise, Seen};
use crate::terminal::Terminal;
use crate::{A_MOMENT, PATIENCE, bytes, handout, manners, names, promise, tcp, udp};

const PROMPT: &str = "Input lowercase sentence: ";

/// Where both clients look for a server unless told.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 12000);

/// A server of the check's own that hears one message and answers it.
pub trait Answering: Sized {
    /// What the client prints before a reply.
    const BEFORE_REPLY: &'static [u8];

    /// Starts at `address`, which may be taken.
    fn try_start(address: SocketAddr) -> std::io::Result<Self>;

    /// Where it is.
    fn address(&self) -> SocketAddr;

    /// Hears `message` from `client`, exactly, and answers with `reply`.
    fn answer(&self, client: &Running, message: &[u8], reply: &[u8], promise: &Promise);

    /// Hears `message` and is silent.
    fn hear(&self, client: &Running, message: &[u8], promise: &Promise);

    /// As [`Answering::answer`], if the client asks at all before it ends.
    fn answer_if_asked(&self, client: &Running, reply: &[u8]);

    /// Nothing may have been sent to it.
    fn heard_nothing(&self, promise: &Promise);
}

impl Answering for udp::Listening {
    const BEFORE_REPLY: &'static [u8] = b"";

    fn try_start(address: SocketAddr) -> std::io::Result<Self> {
        Self::try_on(address)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn answer(&self, client: &Running, message: &[u8], reply: &[u8], promise: &Promise) {
        let question = self.receive(client, promise);
        question.must_be(message, promise);
        self.reply(&question, reply);
    }

    fn hear(&self, client: &Running, message: &[u8], promise: &Promise) {
        self.receive(client, promise).must_be(message, promise);
    }

    fn answer_if_asked(&self, client: &Running, reply: &[u8]) {
        if let Ok(question) = self.receive_if_sent(client) {
            self.reply(&question, reply);
        }
    }

    fn heard_nothing(&self, promise: &Promise) {
        self.expect_no_more(Duration::from_millis(1), promise);
    }
}

impl Answering for tcp::Listening {
    const BEFORE_REPLY: &'static [u8] = b"From Server: ";

    fn try_start(address: SocketAddr) -> std::io::Result<Self> {
        Self::try_on(address, None)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn answer(&self, client: &Running, message: &[u8], reply: &[u8], promise: &Promise) {
        let mut peer = self.accept(client, promise);
        peer.expect(message, promise);
        peer.expect_no_more(A_MOMENT / 3, promise);
        peer.send(reply, promise);
        // Whoever waits for more than the reply waits here until the check is over.
        peer.stay_open_for(client);
    }

    fn hear(&self, client: &Running, message: &[u8], promise: &Promise) {
        let mut peer = self.accept(client, promise);
        peer.expect(message, promise);
        peer.stay_open_for(client);
    }

    fn answer_if_asked(&self, client: &Running, reply: &[u8]) {
        if let Ok(mut peer) = self.accept_if_asked(client) {
            // A client that has seen that nobody reads may be gone already.
            let _ = peer.read(reply.len(), PATIENCE);
            let _ = peer.try_send(reply);
            peer.stay_open_for(client);
        }
    }

    fn heard_nothing(&self, promise: &Promise) {
        self.expect_no_bytes(promise);
    }
}

/// A client under test, and the kind of server it asks.
pub struct Asking<Server> {
    client: &'static str,
    read: &'static str,
    reaches: &'static First,
    first: First,
    server: PhantomData<fn() -> Server>,
}

impl<Server: Answering> Asking<Server> {
    /// A client of that name, what it must pass before those checks say anything in which
    /// it gets no reply, and before the others, and where to read about what it does.
    pub const fn new(
        client: &'static str,
        reaches: &'static First,
        first: First,
        read: &'static str,
    ) -> Self {
        Self { client, reaches, first, read, server: PhantomData }
    }

    /// The client with these arguments, which will get no reply, if it gets so far at all.
    pub fn launch_in_vain(&self, arguments: &[&str]) -> Launch {
        self.reaches.must_pass();
        Launch::new(self.client, arguments)
    }

    /// Is the client's first check.
    pub fn tell_first(&self) {
        self.first.tell();
    }

    /// Goes on only if the client passes its first check.
    pub fn must_pass(&self) {
        self.first.must_pass();
    }

    /// The client with these arguments, if it passes its first check.
    pub fn launch(&self, arguments: &[&str]) -> Launch {
        self.must_pass();
        Launch::new(self.client, arguments)
    }

    /// Starts the client, which is to ask `server` for `message`. The options come first:
    /// not every program takes them anywhere.
    pub fn start(&self, options: &[&str], server: SocketAddr, message: &str) -> Running {
        self.must_pass();
        self.ask(options, server, message)
    }

    /// As [`Asking::start`], where it will get no reply.
    pub fn start_in_vain(
        &self,
        options: &[&str],
        server: SocketAddr,
        message: &str,
    ) -> Running {
        self.reaches.must_pass();
        self.ask(options, server, message)
    }

    fn ask(&self, options: &[&str], server: SocketAddr, message: &str) -> Running {
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        Launch::new(self.client, &[options, &[&*host, &*port, message]].concat()).start()
    }

    /// One line of stdin is the message.
    pub fn the_message_can_come_from_stdin(&self) {
        let promise =
            promise("without MESSAGE one line of stdin is sent, without its line end")
                .cause(&[Seen::More], "the line end, or the next line, was sent too")
                .cause(
                    &[Seen::Other, Seen::Part],
                    "exactly the line end goes: spaces are part of the message",
                )
                .try_it(format!("echo hello | cargo run --bin {}", self.client))
                .read(self.read);
        for (input, message) in [
            ("hello\n", "hello"),
            ("  spaced \t\n", "  spaced \t"),
            ("only the first\nnot the second\n", "only the first"),
            ("größe\n", "größe"),
            ("a\0b\n", "a\0b"),
        ] {
            self.takes_from_stdin(input.as_bytes(), message.as_bytes(), &promise);
        }
        let promise = promise.only_because(
            "a line is bytes, and need not be text: read it without decoding (read_until, \
             sys.stdin.buffer)",
        );
        self.takes_from_stdin(b"gr\xf6\xdfe \xff\n", b"gr\xf6\xdfe \xff", &promise);
        let promise = promise.only_because(
            "a line ends with \\n alone: splitlines of Python and the like end it at other \
             characters, too (\\x0b, \\x0c, \\x1c, U+0085)",
        );
        let odd = "a\x0bb\x0cc\x1cd\x1ee\u{85}f";
        self.takes_from_stdin(format!("{odd}\n").as_bytes(), odd.as_bytes(), &promise);
        let promise = promise.only_because(
            "the last line may have no line end: cut one off where it is, and not the last byte \
             whatever it is",
        );
        self.takes_from_stdin(b"no line end", b"no line end", &promise);
    }

    fn takes_from_stdin(&self, input: &[u8], message: &[u8], promise: &Promise) {
        let (server, launch) = self.launch_beside_server(&[]);
        let client = launch.stdin(input).start();
        let reply = message.to_ascii_uppercase();
        server.answer(&client, message, &reply, promise);
        self.printed(&client, &reply, promise);
    }

    /// An input without any line is an error.
    pub fn no_line_on_stdin_is_an_error(&self) {
        let promise = promise(
            "an input that ends before any line is an error: nothing is sent, status 2",
        )
        .cause(
            &[Seen::More],
            "the end of the input is not an empty line: no line was typed at all",
        )
        .cause(&[Seen::Status], "there is nothing to send, as with a wrong argument: status 2")
        .try_it(format!("cargo run --bin {} < /dev/null; echo $?", self.client))
        .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&[]);
        let end = launch.stdin("").start().ended(&promise);
        server.heard_nothing(&promise);
        end.status(2, &promise).stdout(b"", &promise).says(&["error:"], &promise);
        manners::no_crash_shown(&end, &promise);
    }

    /// Nobody is asked who is not there.
    pub fn there_is_no_prompt_without_a_terminal(&self) {
        let promise = promise("the prompt appears only where stdin is a terminal")
            .cause(
                &[Seen::Stdout, Seen::Stderr],
                "ask isatty (is_terminal) for stdin before prompting",
            )
            .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&[]);
        let client = launch.stdin("hi\n").start();
        server.answer(&client, b"hi", b"HI", &promise);
        let end = self.printed(&client, b"HI", &promise);
        end.does_not_say(&["Input"], &promise);

        let (server, launch) = self.launch_beside_server(&[]);
        let (terminal, [stderr]) = Terminal::open();
        let client = launch.stdin("hi\n").stderr_to(stderr).start();
        server.answer(&client, b"hi", b"HI", &promise);
        self.printed(&client, b"HI", &promise);
        let screen = terminal.screen();
        if bytes::text(&screen).contains("Input") {
            promise.broken_because(
                Seen::Stderr,
                format!("on the screen stands {}", bytes::show(&screen, 60)),
                Some("it is stdin that must be a terminal, not stderr or stdout".to_owned()),
            );
        }
    }

    /// Ctrl-C while it waits for the reply.
    pub fn ctrl_c_shows_no_crash(&self) {
        let promise = promise("Ctrl-C ends the client without a traceback")
            .because("the interrupt is an exception like others (KeyboardInterrupt): catch it, and end")
            .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&["hi"]);
        let client = launch.start();
        server.hear(&client, b"hi", &promise);
        client.signal(Signal::SIGINT);
        if let Some(end) = client.ended_within(PATIENCE) {
            manners::no_crash_shown(&end, &promise);
        }
    }

    /// Numbers and names that can be read, and are of no use.
    pub fn odd_arguments_show_no_crash(&self) {
        let promise = promise(
            "a time that no clock has and a name that no host can have are no reason to crash",
        )
        .because(
            "refuse a time that is out of reach, and report a name that cannot be looked up",
        )
        .read(handout::EVERY_PROGRAM);
        for time in ["inf", "1e300"] {
            let (server, launch) = self.launch_with(&["--timeout", time], &["hi"]);
            let client = launch.start();
            server.answer_if_asked(&client, b"HI");
            let end = client.ended(&promise);
            manners::no_crash_shown(&end, &promise);
            if !matches!(end.status.code(), Some(0..=2)) {
                promise.broken(Seen::Status, format!("with --timeout {time}: {}", end.told()));
            }
        }
        let long = "a".repeat(70);
        for name in ["a..b", long.as_str()] {
            let asking = self.launch_in_vain(&[name, "9", "hi"]).with_names();
            let end = if names::are_known() { asking.start().ended(&promise) } else { break };
            manners::no_crash_shown(&end, &promise);
            if !matches!(end.status.code(), Some(1 | 2)) {
                promise.broken(Seen::Status, end.told());
            }
            end.stdout(b"", &promise).says(&["error: "], &promise);
        }
    }

    /// A person is asked, on stderr.
    pub fn a_person_is_asked_on_stderr(&self) {
        let promise = promise(format!(
            "where stdin is a terminal, `{PROMPT}` appears on stderr, and the answer is sent"
        ))
        .cause(
            &[Seen::Stdout],
            "the prompt is printed on stdout, or stays in a buffer: write it to stderr and flush",
        )
        .cause(&[Seen::Nothing], "stdin is read to its end: one line is enough")
        .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&[]);
        let (mut terminal, [stdin, stderr]) = Terminal::open();
        let client = launch.stdin_from(stdin).stderr_to(stderr).start();
        terminal.expect(PROMPT, &promise);
        terminal.type_in("typed\n");
        server.answer(&client, b"typed", b"TYPED", &promise);
        self.printed(&client, b"TYPED", &promise);
    }

    /// Nobody is asked for what is given.
    pub fn a_given_message_is_not_asked_for(&self) {
        let promise = promise("with MESSAGE there is no prompt, even at a terminal")
            .cause(&[Seen::Stderr], "prompt only where MESSAGE is missing")
            .cause(
                &[Seen::Nothing, Seen::StillOpen],
                "stdin is read although there is MESSAGE: leave it alone then",
            )
            .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&["given"]);
        let (_terminal, [stdin]) = Terminal::open();
        let client = launch.stdin_from(stdin).start();
        server.answer(&client, b"given", b"GIVEN", &promise);
        self.printed(&client, b"GIVEN", &promise).does_not_say(&["Input"], &promise);
    }

    /// An address that cannot be found is an error like others. Nobody is asked for this
    /// one: the interface that it names is not there (RFC 4007 §11).
    pub fn an_unknown_host_is_an_error(&self) {
        let promise = promise("a host that cannot be found is an `error:`, not a crash")
            .cause(&[Seen::Stderr, Seen::Status], "looking up a name can fail (getaddrinfo)")
            .read(handout::EVERY_PROGRAM);
        let end =
            self.launch_in_vain(&["::1%no-such-interface", "9", "hi"]).start().ended(&promise);
        manners::no_crash_shown(&end, &promise);
        end.stdout(b"", &promise).says(&["error:"], &promise);
        if !matches!(end.status.code(), Some(1 | 2)) {
            promise.broken(Seen::Status, end.told());
        }

        if names::are_known() {
            let promise = promise.clone().cause(
                &[Seen::Status],
                "the network does not know that host, which is status 1; 2 is for arguments \
                 that cannot be right anywhere",
            );
            let asking = self.launch_in_vain(&[names::NOBODY, "9", "hi"]).with_names();
            let end = asking.start().ended(&promise);
            manners::no_crash_shown(&end, &promise);
            end.status(1, &promise).stdout(b"", &promise).says(&["error:"], &promise);
        }
    }

    /// A message is sent as it was given, be it empty.
    pub fn a_given_message_is_sent_as_it_is(&self) {
        let promise = promise(
            "MESSAGE is sent as it is given: spaces are part of it, and it may be empty",
        )
        .cause(&[Seen::Other, Seen::Part], "nothing may be cut off or changed")
        .cause(&[Seen::More], "an empty MESSAGE is one: stdin is not read then")
        .cause(
            &[Seen::Ended, Seen::Nothing],
            "MESSAGE was refused: any is sent as it is, also one of no bytes",
        )
        .read(self.read);
        for message in ["  a \t", "größe", "-", ""] {
            let arguments: &[&str] = if message == "-" { &["--", message] } else { &[message] };
            let (server, launch) = self.launch_beside_server(arguments);
            let client = launch.stdin("not this\n").start();
            let reply = message.to_ascii_uppercase();
            server.answer(&client, message.as_bytes(), reply.as_bytes(), &promise);
            self.printed(&client, reply.as_bytes(), &promise);
        }
    }

    /// Ctrl-D at the prompt is the end of the input.
    pub fn a_person_may_say_nothing(&self) {
        let promise = promise("Ctrl-D at the prompt is an error: nothing is sent, status 2")
            .because("the end of the input is not an empty line, nor a reason to ask again")
            .read(handout::EVERY_PROGRAM);
        let (server, launch) = self.launch_beside_server(&[]);
        let (mut terminal, [stdin, stderr]) = Terminal::open();
        let client = launch.stdin_from(stdin).stderr_to(stderr).start();
        terminal.expect(PROMPT, &promise);
        terminal.type_in("\x04");
        terminal.expect("error:", &promise);
        client.ended(&promise).status(2, &promise).stdout(b"", &promise);
        server.heard_nothing(&promise);
    }

    /// Escape sequences of a peer do not reach a terminal.
    pub fn a_reply_cannot_drive_the_terminal(&self) {
        let promise = promise("on a terminal the control characters of a reply are escaped")
            .cause(
                &[Seen::Stdout],
                "the reply's bytes went to the terminal as they are, and a terminal obeys escape \
                 sequences",
            )
            .read(handout::EVERY_PROGRAM);
        let reply = "\x1b[31mred\x07 \x1b]0;title\x07 \u{9b}2J \x7f\x08\x0e tab\there größe";
        let message = "x".repeat(reply.len());
        let (server, launch) = self.launch_beside_server(&[&message]);
        let (terminal, [stdout]) = Terminal::open();
        let client = launch.stdout_to(stdout).env("NO_COLOR", "1").start();
        server.answer(&client, message.as_bytes(), reply.as_bytes(), &promise);
        client.ended(&promise).status(0, &promise);
        let screen = terminal.screen();
        for driving in [&b"\x1b"[..], b"\x07", "\u{9b}".as_bytes(), b"\x7f", b"\x08", b"\x0e"] {
            if screen.windows(driving.len()).any(|window| window == driving) {
                let screen = bytes::show(&screen, 70);
                promise.broken(Seen::Stdout, format!("came to the screen: {screen}"));
            }
        }
        let promise = promise.instead_because(
            "more was escaped than control characters, or the reply was not taken for UTF-8",
        );
        for text in ["red", "2J ", " tab", "here größe"] {
            terminal.expect(text, &promise);
        }
        let screen = bytes::text(&terminal.screen());
        let between = screen.split_once(" tab").and_then(|(_, rest)| rest.split_once("here"));
        if between.is_none_or(|(between, _)| !between.trim().is_empty()) {
            let cause = "tabs and line ends do no harm: they are not escaped".to_owned();
            let happened =
                format!("the tab is not as it was: {}", bytes::show(screen.as_bytes(), 80));
            promise.broken_because(Seen::Stdout, happened, Some(cause));
        }
    }

    /// Without arguments the client asks port 12000 of this machine.
    pub fn without_arguments_port_12000_of_this_machine_is_asked(&self) {
        let promise = promise(format!("`{}` without arguments asks {DEFAULT}", self.client))
            .because("the defaults of HOST and PORT are localhost and 12000")
            .read(handout::EVERY_PROGRAM);
        let ask = |options| self.launch(options).stdin("hello\n").start();
        let _lock = manners::alone_with_the_default_port();
        let Ok(server) = Server::try_start(DEFAULT) else {
            // Somebody has that port, perhaps a learner's own server. Whatever it says, and
            // if it says nothing, the client has asked at the right place if it names it.
            let end = ask(&["--timeout", "1"]).ended(&promise);
            let errors = end.errors();
            let named = errors.contains("12000") || errors.contains("of 5 bytes");
            if end.status.code() != Some(0) && !named {
                promise.broken(Seen::Stderr, end.told());
            }
            return;
        };
        let client = ask(&[]);
        server.answer(&client, b"hello", b"HELLO", &promise);
        self.printed(&client, b"HELLO", &promise);
    }

    /// Nobody reads the reply.
    pub fn a_closed_stdout_ends_the_client_quietly(&self) {
        let promise = manners::quiet_end(self.client);
        let (server, launch) = self.launch_beside_server(&["hi"]);
        let client = launch.stdout_closed().start();
        server.answer_if_asked(&client, b"HI");
        manners::said_nothing_of_it(&client.ended(&promise), &promise);
    }

    /// The client must end with status 0 and have printed the reply and a newline.
    pub fn printed(&self, client: &Running, reply: &[u8], promise: &Promise) -> Ended {
        let end = client.ended(promise);
        end.status(0, promise);
        self.printed_reply(&end, reply, promise);
        end
    }

    /// It must have printed the reply, and over UDP a newline; over TCP it may.
    pub fn printed_reply(&self, end: &Ended, reply: &[u8], promise: &Promise) {
        let line = [Server::BEFORE_REPLY, reply, b"\n"].concat();
        let newline_is_up_to_it = !Server::BEFORE_REPLY.is_empty();
        let without = &line[..line.len() - 1];
        if end.stdout == line || newline_is_up_to_it && end.stdout == without {
            return;
        }
        let printed = end.stdout.strip_prefix(Server::BEFORE_REPLY).unwrap_or_default();
        let printed = printed.strip_suffix(b"\n").unwrap_or(printed);
        let before = bytes::text(Server::BEFORE_REPLY);
        let text = bytes::text(&end.stdout);
        let times = if before.is_empty() { 0 } else { text.matches(&*before).count() };
        let uppercase = String::from_utf8_lossy(reply).to_uppercase();
        let mistake = match () {
            () if times > 1 => {
                Some(format!("`{}` is printed for each read: print it once", before.trim()))
            }
            () if printed != reply && printed == uppercase.as_bytes() => Some(
                "the client itself makes the reply uppercase: that is the server's work; print \
                 what came"
                    .to_owned(),
            ),
            () => bytes::likely_mistake(reply, reply, printed),
        };
        end.stdout_or(&line, mistake, promise);
    }

    /// A server on a free port, and the client that is about to ask it.
    fn launch_beside_server(&self, more: &[&str]) -> (Server, Launch) {
        self.launch_with(&[], more)
    }

    /// As [`Asking::launch_beside_server`], with these options.
    fn launch_with(&self, options: &[&str], more: &[&str]) -> (Server, Launch) {
        let free = SocketAddr::new(DEFAULT.ip(), 0);
        let server = Server::try_start(free)
            .unwrap_or_else(|error| crate::story::fail(&format!("no port is free: {error}")));
        let port = server.address().port().to_string();
        let launch = self.launch(&[options, &["127.0.0.1", &port], more].concat());
        (server, launch)
    }

    /// Errors have no colour in a pipe, nor on a terminal with NO_COLOR set. `arguments`
    /// lead to an error.
    pub fn errors_are_plain_text(&self, arguments: &[&str]) {
        let promise =
            promise("errors have no colour in a pipe, nor anywhere with NO_COLOR set").because("colour is for a terminal, and for nobody who has set NO_COLOR: ask both before you write an escape sequence")
                .read(handout::EVERY_PROGRAM);
        for forced in ["0", "1"] {
            let client = self.launch(arguments).env("CLICOLOR_FORCE", forced).start();
            let end = client.ended(&promise);
            end.status(1, &promise);
            manners::plain(&end, &promise);
        }

        manners::no_colour_is_no_colour(self.launch(arguments), &promise);
    }
}
