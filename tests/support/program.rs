//! The programs that the checks start: what they say, and how they end.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::Predicate;
use predicates::str::contains;

use crate::executables::{command_shown, keeper, path_of, root};
use crate::names;
use crate::processes::Usage;
use crate::state::{self, State};
use crate::story::{Promise, Seen, broken_machine, quote};
use crate::tap::Tap;
use crate::tcp::Peer;
use crate::{A_MOMENT, PATIENCE, bytes, handout, processes, promise, record, sockets};

/// How long a program may take to get ready. An interpreter on a busy machine needs some
/// of it.
const START: Duration = Duration::from_secs(10);

/// How long after its socket is there a program may take to say so.
const WORD_AFTER_DEED: Duration = Duration::from_secs(3);

/// After this the keeper ends the program even if the check has forgotten it.
const KEEPER_LIMIT: Duration = Duration::from_secs(60);

/// The signal by which a keeper ends a program.
const SIGKILL: i32 = Signal::SIGKILL as i32;

/// How long a client may take to end that has got what it seems to wait for.
const PROVOKED: Duration = Duration::from_secs(1);

/// How often a starting program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How often the sockets of one that has said nothing are looked up, which takes long on a
/// machine with many connections.
const LOOK_AT_SOCKETS: Duration = Duration::from_millis(500);

/// A program to be started.
pub struct Launch {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<OsString>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    environment: Vec<(&'static str, &'static str)>,
    folder: PathBuf,
    before: Option<String>,
    limit: Duration,
}

enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Terminal(OwnedFd),
}

enum Output {
    Read,
    Nobody,
    Terminal(OwnedFd),
}

impl Launch {
    /// `name` of the kit's own, or of the folder that `LAB_PROGRAMS` names.
    pub fn new(name: &'static str, arguments: &[&str]) -> Self {
        Self::of(name, path_of(name), arguments)
    }

    /// A command line, run by sh(1).
    pub fn shell(command: &str) -> Self {
        Self::of("sh", "/bin/sh".into(), &["-c", command])
    }

    fn of(name: &'static str, path: PathBuf, arguments: &[&str]) -> Self {
        Self {
            name,
            path,
            arguments: arguments.iter().map(OsString::from).collect(),
            stdin: Input::Nothing,
            stdout: Output::Read,
            stderr: Output::Read,
            environment: Vec::new(),
            // Where people start it: cargo runs a check in its package's folder.
            folder: root(),
            before: None,
            limit: KEEPER_LIMIT,
        }
    }

    /// What the program reads from stdin, through a pipe, before its end.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Stdin is a terminal.
    #[must_use]
    pub fn stdin_from(mut self, terminal: OwnedFd) -> Self {
        self.stdin = Input::Terminal(terminal);
        self
    }

    /// Stdout is a terminal, or a file.
    #[must_use]
    pub fn stdout_to(mut self, terminal: OwnedFd) -> Self {
        self.stdout = Output::Terminal(terminal);
        self
    }

    /// Stderr is a terminal.
    #[must_use]
    pub fn stderr_to(mut self, terminal: OwnedFd) -> Self {
        self.stderr = Output::Terminal(terminal);
        self
    }

    /// Stdout is a pipe that nobody reads any more, as behind `… | head -1`.
    #[must_use]
    pub fn stdout_closed(mut self) -> Self {
        self.stdout = Output::Nobody;
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Its clock on the wall is that of Tokyo, 9 hours later than GMT.
    #[must_use]
    pub fn in_tokyo(self) -> Self {
        let is_known = Path::new("/usr/share/zoneinfo/Asia/Tokyo").exists();
        // The second form needs no list of zones.
        self.env("TZ", if is_known { "Asia/Tokyo" } else { "JST-9" })
    }

    /// The names of [`names`] are known to it, where that can be.
    #[must_use]
    pub fn with_names(self) -> Self {
        if names::are_known() { self.env(names::SWITCH, "1") } else { self }
    }

    /// The folder that it is started in.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// What sh(1) does before it becomes the program `"$@"`, as in `ulimit -n 64`.
    #[must_use]
    pub fn under(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }

    /// The program may run for so long, and not just for a minute.
    #[must_use]
    pub fn for_at_most(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the program under a keeper.
    pub fn start(self) -> Running {
        let mut shown = command_shown(self.name, &self.path);
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            if argument.chars().count() > 40 {
                let _ = write!(shown, " '…{} bytes…'", argument.len());
            } else if argument.is_empty() || argument.contains([' ', '\'', '\n', '\\']) {
                let _ = write!(shown, " '{argument}'");
            } else {
                let _ = write!(shown, " {argument}");
            }
        }

        let mut command = Command::new(keeper());
        command.arg(std::process::id().to_string()).arg(self.limit.as_secs().to_string());
        if let Some(before) = self.before {
            shown = format!("({before}; {shown})");
            command.args(["/bin/sh", "-c", &format!("{before}; exec \"$@\""), "sh"]);
        }
        command
            .arg(&self.path)
            .args(&self.arguments)
            .current_dir(self.folder)
            // What a user's shell may hold must not change what a program says, or when.
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("RUST_BACKTRACE", "0")
            .env_remove("PYTHONUNBUFFERED")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .envs(self.environment);
        let mut input = Vec::new();
        match self.stdin {
            Input::Nothing => command.stdin(Stdio::null()),
            Input::Bytes(bytes) => {
                input = bytes;
                command.stdin(Stdio::piped())
            }
            Input::Terminal(terminal) => command.stdin(terminal),
        };
        match self.stdout {
            Output::Read => command.stdout(Stdio::piped()),
            Output::Nobody => {
                let (_, unread) = io::pipe().unwrap_or_else(|error| broken_machine(&error));
                command.stdout(unread)
            }
            Output::Terminal(terminal) => command.stdout(terminal),
        };
        match self.stderr {
            Output::Read | Output::Nobody => command.stderr(Stdio::piped()),
            Output::Terminal(terminal) => command.stderr(terminal),
        };

        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| broken_machine(&error));
        drop(command); // and with it our ends of pipes and terminals
        if let Some(stdin) = child.stdin.take() {
            feed(stdin, input);
        }
        let process = Arc::new(Process {
            name: self.name,
            command: shown,
            started,
            stdout: child.stdout.take().map_or_else(Tap::dry, Tap::on),
            stderr: child.stderr.take().map_or_else(Tap::dry, Tap::on),
            keeper: Mutex::new(child),
            serving: AtomicBool::new(false),
        });
        record::with(|record| record.programs.push(Arc::clone(&process)));
        Running { process, kept: RefCell::default() }
    }
}

/// Starts a client, or any program that ends by itself, with an empty stdin.
pub fn client(name: &'static str, arguments: &[&str]) -> Running {
    Launch::new(name, arguments).start()
}

/// How a server says that it is ready.
#[derive(Clone, Copy)]
pub struct ReadyLine {
    /// The line up to the address.
    pub before: &'static str,
    /// The rest of the line, with ADDR and PORT.
    pub form: &'static str,
    /// Reads the rest of the line.
    pub address: fn(&str) -> Option<SocketAddr>,
}

impl ReadyLine {
    /// `The server is ready to receive on ADDR:PORT`
    pub const READY_TO_RECEIVE: Self = Self {
        before: "The server is ready to receive on ",
        form: "ADDR:PORT",
        address: |rest| rest.parse().ok(),
    };

    /// `Ready to serve on http://ADDR:PORT/`
    pub const READY_TO_SERVE: Self = Self {
        before: "Ready to serve on http://",
        form: "ADDR:PORT/",
        address: |rest| rest.strip_suffix('/')?.parse().ok(),
    };

    /// `Server is running on host/port: ADDR/PORT`
    pub const RUNNING: Self = Self {
        before: "Server is running on host/port: ",
        form: "ADDR/PORT",
        address: |rest| {
            let (ip, port) = rest.rsplit_once('/')?;
            // With brackets or without: both are ways to write an IPv6 address.
            let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
            Some(SocketAddr::new(bare.parse().ok()?, port.parse().ok()?))
        },
    };
}

/// Starts a server and waits until it says that it is ready, which must be true.
pub fn server(name: &'static str, arguments: &[&str], ready: ReadyLine) -> Server {
    Launch::new(name, arguments).start().ready(ready)
}

/// Runs a program that ends by itself, with an empty stdin and nobody to talk to.
pub fn complete(name: &'static str, arguments: &[&str]) -> Ended {
    let path = path_of(name);
    let started = Instant::now();
    let output = assert_cmd::Command::new(keeper())
        .arg(std::process::id().to_string())
        .arg(START.as_secs().to_string())
        .arg(path)
        .args(arguments)
        .current_dir(root())
        .env("LC_ALL", "C.UTF-8")
        .env("RUST_BACKTRACE", "0")
        // The keeper is the one to end a program that does not: it knows its descendants.
        .timeout(START * 2)
        .output()
        .unwrap_or_else(|error| broken_machine(&error));
    Ended {
        status: output.status,
        stdout: output.stdout,
        stderr: output.stderr,
        took: started.elapsed(),
    }
}

/// A started program and all its descendants, which end when this is dropped.
pub struct Running {
    process: Arc<Process>,
    kept: RefCell<Vec<Box<dyn Any>>>,
}

/// A server that is ready.
pub struct Server {
    /// The program.
    pub running: Running,
    /// The address that it says it has.
    pub address: SocketAddr,
}

/// How a program ended, and all that it wrote.
pub struct Ended {
    /// Exit status, or the signal that ended it.
    pub status: ExitStatus,
    /// All of its stdout; empty where that was a terminal.
    pub stdout: Vec<u8>,
    /// All of its stderr; empty where that was a terminal.
    pub stderr: Vec<u8>,
    /// From its start to its end.
    pub took: Duration,
}

impl Running {
    /// The command that a person would type for it.
    pub fn command(&self) -> &str {
        &self.process.command
    }

    /// Keeps something, as a connection to it, for as long as the program is looked after.
    pub fn keep(&self, something: impl Any) {
        self.kept.borrow_mut().push(Box::new(something));
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.process.status().is_some()
    }

    /// Whether one of its sockets is open for clients at `address`, or at all addresses.
    /// Not known elsewhere than on Linux.
    pub fn holds(&self, address: SocketAddr) -> bool {
        self.sockets().unwrap_or_default().iter().any(|socket| {
            socket.port() == address.port()
                && (socket.ip() == address.ip() || socket.ip().is_unspecified())
        })
    }

    /// The most memory that it, or a process that it started, has had at a time, in bytes.
    /// Not known elsewhere than on Linux.
    pub fn peak_memory(&self) -> Option<usize> {
        let keeper = pid(&self.process.lock());
        processes::peak_memory(keeper)
    }

    /// What it, and what it started, uses now. Not known elsewhere than on Linux.
    pub fn usage(&self) -> Option<Usage> {
        let keeper = pid(&self.process.lock());
        processes::usage(keeper)
    }

    /// The process id of the program itself. Not known elsewhere than on Linux.
    pub fn id(&self) -> Option<Pid> {
        let keeper = pid(&self.process.lock());
        processes::children(keeper).first().copied()
    }

    /// Whether this line comes on stdout within `limit`.
    pub fn line_within(&self, limit: Duration, line: &str) -> bool {
        self.says_within(limit, |text| text.lines().any(|its| its == line))
    }

    /// Whether stdout is, within `limit`, as `wanted` says.
    pub fn says_within(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let there = |bytes: &[u8]| wanted(&bytes::text(bytes)).then_some(());
        self.process.stdout.wait_for(limit, there).is_some()
    }

    /// Whether stderr is, within `limit`, as `wanted` says.
    pub fn notes_within(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let there = |bytes: &[u8]| wanted(&bytes::text(bytes)).then_some(());
        self.process.stderr.wait_for(limit, there).is_some()
    }

    /// Sends a signal to the program (and its process group, as a terminal does).
    pub fn signal(&self, signal: Signal) {
        self.process.serving.store(false, Ordering::Relaxed);
        let keeper = self.process.lock();
        let _ = kill(pid(&keeper), signal);
    }

    /// Ends the program with SIGKILL, which nobody can catch.
    pub fn kill(&self) {
        // To the keeper this means to kill all that it has started. Killed itself, it would
        // leave the program behind.
        self.signal(Signal::SIGHUP);
    }

    /// Waits at most `limit` for the end; `None` if it goes on.
    pub fn ended_within(&self, limit: Duration) -> Option<Ended> {
        let until = Instant::now() + limit;
        let process = &self.process;
        // The keeper is the last to hold the other ends of the pipes. Where both went to
        // a terminal there is nothing to wait for but the status.
        for tap in [&process.stdout, &process.stderr] {
            if !tap.wait_for_end(until.saturating_duration_since(Instant::now())) {
                return None;
            }
        }
        let status = process.wait_until(until)?;
        Some(Ended {
            status,
            stdout: process.stdout.bytes(),
            stderr: process.stderr.bytes(),
            took: process.started.elapsed(),
        })
    }

    /// Waits for the end, which must come in time: in that of a check's patience, or in
    /// that which a program may take to start.
    pub fn ended(&self, promise: &Promise) -> Ended {
        let to_start = if self.has_connected() { Duration::ZERO } else { self.left_to_start() };
        let limit = PATIENCE.max(to_start);
        self.ended_within(limit).unwrap_or_else(|| {
            let (name, limit) = (self.process.name, limit.as_secs_f64());
            let state = self.state();
            let mut happened = format!("{name} was still running after {limit:.0} s");
            happened.push_str(&state.told);
            let found = self.provoke(&mut happened).or(state.cause);
            promise.broken_because(Seen::StillOpen, happened, found)
        })
    }

    /// Whether a connection of it is kept for it.
    fn has_connected(&self) -> bool {
        self.kept.borrow().iter().any(|kept| kept.is::<Peer>())
    }

    /// What it does that we wait for.
    fn state(&self) -> State {
        let kept = self.kept.borrow();
        let ends = kept.iter().find_map(|kept| kept.downcast_ref::<Peer>()?.ends());
        let keeper = self.process.keeper();
        keeper.map_or_else(State::default, |keeper| state::of(state::IT, keeper, ends))
    }

    /// Does what a client seems to wait for that has its reply, to learn what that is. A
    /// cause if that is certain; more of what `happened` otherwise.
    fn provoke(&self, happened: &mut String) -> Option<String> {
        // With a timeout it is to end by itself, whatever the reply.
        let has_limit = self.process.command.contains("--timeout");
        let mut kept = self.kept.take();
        let peer = kept.iter_mut().find_map(|kept| kept.downcast_mut::<Peer>())?;
        if has_limit || self.has_ended() {
            return None;
        }
        let ends_well =
            || self.ended_within(PROVOKED).is_some_and(|end| end.status.code() == Some(0));
        if self.process.name == "tcp_client" && peer.try_send(b"\n").is_ok() && ends_well() {
            return Some(
                "it ended as soon as we had sent a newline: it waits for a whole line \
                 (read_line, readline), but a reply need not have a newline"
                    .to_owned(),
            );
        }
        drop(kept);
        if ends_well() {
            happened.push_str("; it ended as soon as we had closed the connection");
        }
        None
    }

    /// What is left of the time that a program may take to start.
    pub fn left_to_start(&self) -> Duration {
        START.saturating_sub(self.process.started.elapsed())
    }

    /// Waits for the ready line, and on Linux for the socket that it promises.
    pub fn ready(self, ready: ReadyLine) -> Server {
        let promise = self.ready_promise(ready);
        let command = self.command().to_owned();
        match self.ready_or_ended(ready) {
            Ok(server) => server,
            Err(end) => {
                // An option's value, if it has a fraction.
                let fraction = command.split(' ').skip_while(|word| *word != "--timeout");
                let fraction = fraction.skip(1).take(1).any(|value| value.contains('.'));
                let cause = (fraction && !end.errors().contains("Address already in use"))
                    .then(|| {
                        "times in options may have a fraction: read a float, not a whole number"
                            .to_owned()
                    });
                let told = format!("it ended at once: {}", end.told());
                promise.broken_because(Seen::Ended, told, cause);
            }
        }
    }

    fn ready_promise(&self, ready: ReadyLine) -> Promise {
        promise(format!(
            "`{}` prints `{}{}` on stdout at once, with its real address",
            self.command(),
            ready.before,
            ready.form
        ))
        .try_it(self.command())
        .read(handout::EVERY_PROGRAM)
    }

    /// As [`Running::ready`]; how it ended if it did so before it was ready.
    pub fn ready_or_ended(self, ready: ReadyLine) -> Result<Server, Ended> {
        let promise = self.ready_promise(ready);
        let line = self.line_that_begins(ready.before, &promise)?;
        let Some(address) = (ready.address)(&line[ready.before.len()..]) else {
            promise.broken_because(
                Seen::Stdout,
                format!("its first line is `{}`", quote(line.as_bytes())),
                Some(format!(
                    "after these words comes {}, with the socket's address",
                    ready.form
                )),
            );
        };
        if address.port() == 0 {
            promise.broken_because(
                Seen::Stdout,
                format!("it says port 0: `{line}`"),
                Some(
                    "0 asks the kernel for any free port; ask the socket which one it got \
                      (getsockname, local_addr)"
                        .to_owned(),
                ),
            );
        }
        let until = Instant::now() + WORD_AFTER_DEED;
        while let Some(open) = self.sockets() {
            if open.iter().any(|socket| socket.port() == address.port()) {
                break;
            }
            if self.has_ended() || until < Instant::now() {
                let really = match &open[..] {
                    [] if self.has_ended() => "it has ended already".to_owned(),
                    [] => "no socket of it is open for clients".to_owned(),
                    [socket, ..] => format!("its socket is at {socket}"),
                };
                promise.broken(Seen::Refused, format!("it says `{line}`, but {really}"));
            }
            self.process.stderr.wait_for(LOOK, |_| None::<()>);
            thread::yield_now();
        }
        self.process.serving.store(true, Ordering::Relaxed);
        Ok(Server { running: self, address })
    }

    /// The ready line, which must come while the program runs; else how it ended.
    fn line_that_begins(&self, ready: &str, promise: &Promise) -> Result<String, Ended> {
        let process = &self.process;
        let until = process.started + START;
        let (mut deed, mut look_next) = (None, Instant::now() + LOOK_AT_SOCKETS);
        loop {
            // Between the last look and now it may have come.
            let late = until < Instant::now();
            let line = process.stdout.wait_for(LOOK, |bytes| {
                let text = bytes::text(bytes);
                let mut whole =
                    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
                whole.find(|line| line.starts_with(ready)).map(str::to_owned)
            });
            if let Some(line) = line {
                return Ok(line);
            }
            if process.stdout.ended()
                && let Some(end) = self.ended_within(PATIENCE)
            {
                return Err(end);
            }
            let mut open = Vec::new();
            if look_next < Instant::now() {
                open = self.sockets().unwrap_or_default();
                look_next = Instant::now() + LOOK_AT_SOCKETS;
            }
            if let Some(socket) = open.first() {
                let since = *deed.get_or_insert_with(Instant::now);
                if since.elapsed() > WORD_AFTER_DEED {
                    let (happened, cause) = without_ready_line(&process.stdout.bytes(), ready);
                    let happened = format!("it listens on {socket}, but {happened}");
                    promise.broken_because(Seen::Stdout, happened, Some(cause.to_owned()));
                }
            }
            if late {
                promise.broken(Seen::Nothing, format!("nothing for {} s", START.as_secs()));
            }
        }
    }

    fn sockets(&self) -> Option<Vec<SocketAddr>> {
        let keeper = pid(&self.process.lock());
        sockets::open_for_clients(keeper)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.serving.store(false, Ordering::Relaxed);
        self.process.end();
    }
}

impl Server {
    /// Its address, as an argument.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }
}

impl Ended {
    /// In words, with what it said last.
    pub fn told(&self) -> String {
        let mut told = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(_)) if self.was_ended() => {
                format!(
                    "it was still running after {} s, so the check ended it",
                    START.as_secs()
                )
            }
            (None, Some(number)) => match Signal::try_from(number) {
                Ok(signal) => format!("killed by {signal}"),
                Err(_) => format!("killed by signal {number}"),
            },
            (None, None) => "no exit status".to_owned(),
        };
        for (stream, output) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !output.is_empty() {
                let _ = write!(told, "\n{stream}: {}", quote(output));
            }
        }
        told
    }

    /// Its stderr as text.
    pub fn errors(&self) -> String {
        bytes::text(&self.stderr)
    }

    /// The exit status must be `code`.
    pub fn status(&self, code: i32, promise: &Promise) -> &Self {
        if self.status.code() != Some(code) {
            let seen = if self.was_ended() { Seen::StillOpen } else { Seen::Status };
            let swapped = match (code, self.status.code()) {
                (1, Some(2)) => Some(
                    "2 is for wrong arguments; the network, the peer or a file that says no is 1",
                ),
                (2, Some(1)) => Some(
                    "1 is for what the network or a file refuses; arguments that cannot be used are 2",
                ),
                _ => None,
            };
            let happened = format!("not exit status {code}, but: {}", self.told());
            promise.broken_because(seen, happened, swapped.map(str::to_owned));
        }
        self
    }

    /// It must have taken at least `time`.
    pub fn took_at_least(&self, time: Duration, promise: &Promise) {
        // Timers of sockets may be a jiffy early.
        if self.took + Duration::from_millis(20) < time {
            let text = format!("it ended after {:.2} s", self.took.as_secs_f64());
            promise.broken(Seen::Time, text);
        }
    }

    /// Whether it did not end by itself.
    fn was_ended(&self) -> bool {
        self.status.signal() == Some(SIGKILL) && self.took >= START
    }

    /// Stdout must be exactly these bytes.
    pub fn stdout(&self, want: &[u8], promise: &Promise) -> &Self {
        self.stdout_or(want, None, promise)
    }

    /// Stdout must be exactly these bytes, or it comes from this mistake.
    pub fn stdout_or(&self, want: &[u8], mistake: Option<String>, promise: &Promise) -> &Self {
        if let Some(difference) = bytes::difference(want, &self.stdout) {
            let mut happened = format!("on stdout {difference}");
            if !self.stderr.is_empty() {
                let _ = write!(happened, "\nstderr: {}", quote(&self.stderr));
            }
            promise.broken_because(Seen::Stdout, happened, mistake);
        }
        self
    }

    /// Each of `fragments` must stand on stderr.
    pub fn says(&self, fragments: &[&str], promise: &Promise) -> &Self {
        let errors = self.errors();
        if let Some(missing) =
            fragments.iter().find(|fragment| !contains(**fragment).eval(&errors))
        {
            let said = match quote(&self.stderr) {
                said if said.is_empty() => "nothing stands on stderr".to_owned(),
                said => format!("stderr is:\n{said}"),
            };
            let missing = missing.trim_start_matches('\n');
            let elsewhere = contains(missing).eval(&bytes::text(&self.stdout));
            // All that is missing is how the line begins.
            let bare = missing.strip_prefix("error: ").filter(|bare| !bare.is_empty());
            let cause = match () {
                () if elsewhere => {
                    Some("it stands on stdout: errors, hints and notices go to stderr")
                }
                () if missing.starts_with("hint: ") => {
                    Some("a line `hint: …` that says what to do is missing")
                }
                () if bare.is_some_and(|bare| contains(bare).eval(&errors)) => {
                    Some("the line of an error begins with `error: `")
                }
                () => None,
            };
            let happened = format!("{said}\nwithout: {missing}");
            promise.broken_because(Seen::Stderr, happened, cause.map(str::to_owned));
        }
        self
    }

    /// None of `fragments` may stand on stderr.
    pub fn does_not_say(&self, fragments: &[&str], promise: &Promise) -> &Self {
        let errors = self.errors();
        if fragments.iter().any(|fragment| contains(*fragment).eval(&errors)) {
            promise.broken(Seen::Stderr, format!("stderr is:\n{}", quote(&self.stderr)));
        }
        self
    }
}

/// What is wrong with the stdout of a server that listens and does not say so.
fn without_ready_line(stdout: &[u8], ready: &str) -> (String, &'static str) {
    match bytes::text(stdout).lines().next() {
        None => (
            "no line came on stdout".to_owned(),
            "the line is not printed, goes to stderr, or is not flushed: into a pipe it stays in \
             the program's buffer until it is flushed",
        ),
        Some(line) if line.starts_with(ready) => {
            ("its line has no end".to_owned(), "the line has no newline at its end")
        }
        Some(line) => {
            (format!("its first line is `{}`", quote(line.as_bytes())), "the words differ")
        }
    }
}

/// A program's process, as the record of its check sees it.
pub(crate) struct Process {
    name: &'static str,
    command: String,
    started: Instant,
    stdout: Tap,
    stderr: Tap,
    keeper: Mutex<Child>,
    /// Whether it is a server that is ready and has not been told to end.
    serving: AtomicBool,
}

impl Process {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Gives a program that is about to end a moment to say why.
    pub(crate) fn wait_for_last_words(&self) {
        let until = Instant::now() + A_MOMENT;
        if self.stderr.wait_for_end(A_MOMENT) {
            // Its keeper has closed stderr too, and so ends in this moment.
            self.wait_until(until);
        }
    }

    /// The command by which to see the same, if it is a server that people can talk to.
    pub(crate) fn by_hand(&self) -> Option<String> {
        // What lies in a folder of the check's own is gone with it.
        let is_lasting = !self.command.contains(&*std::env::temp_dir().to_string_lossy());
        let serving = self.serving.load(Ordering::Relaxed);
        (serving && is_lasting).then(|| self.command.clone())
    }

    /// The command that was run, if it is a client's: with a server it is what was sent that
    /// makes the difference.
    pub(crate) fn ran(&self) -> Option<String> {
        self.name.ends_with("_client").then(|| self.command.clone())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status().is_none()
    }

    /// The keeper's process id, for as long as the program runs.
    pub(crate) fn keeper(&self) -> Option<Pid> {
        let mut keeper = self.lock();
        matches!(keeper.try_wait(), Ok(None)).then(|| pid(&keeper))
    }

    /// How it ended, if it should still be serving.
    pub(crate) fn desertion(&self) -> Option<String> {
        let serving = self.serving.load(Ordering::Relaxed);
        // These end when they have done what they were told.
        let may_end = ["--once", "--requests"].iter().any(|told| self.command.contains(told));
        let status = self.status().filter(|_| serving && !may_end)?;
        Some(match status.code() {
            Some(code) => format!("exit status {code}"),
            None => "killed by a signal".to_owned(),
        })
    }

    /// The line in which a crashed program says why.
    pub(crate) fn crash(&self) -> Option<String> {
        let stderr = bytes::text(&self.stderr.bytes());
        if let Some(at) = stderr.find("panicked at ") {
            let mut lines = stderr[at..].lines();
            // As cargo knows it and as people know it.
            let place = lines.next().unwrap_or_default().replace("src/http/../bin", "src/bin");
            let place = if place.contains("/rustc/") {
                "panicked in the standard library:".to_owned()
            } else {
                place
            };
            let why: String = lines.next().unwrap_or_default().chars().take(200).collect();
            return Some(format!("{place} {why}"));
        }
        if stderr.contains("Traceback (most recent call last)") {
            return stderr.lines().rfind(|line| !line.is_empty()).map(str::to_owned);
        }
        match self.status()?.signal().and_then(|signal| Signal::try_from(signal).ok()) {
            Some(
                signal @ (Signal::SIGSEGV | Signal::SIGABRT | Signal::SIGBUS | Signal::SIGFPE),
            ) => Some(format!("killed by {signal}")),
            _ => None,
        }
    }

    /// The last lines that it wrote to stderr.
    pub(crate) fn last_words(&self) -> Option<String> {
        let stderr = bytes::text(&self.stderr.bytes());
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(2)..];
        (!last.is_empty()).then(|| quote(last.join("\n").as_bytes()))
    }

    fn status(&self) -> Option<ExitStatus> {
        self.lock().try_wait().ok().flatten()
    }

    fn wait_until(&self, until: Instant) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.status() {
                return Some(status);
            }
            if until < Instant::now() {
                return None;
            }
            // Both streams have ended, so the status is a matter of microseconds; where
            // they are terminals nothing else tells of it.
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn end(&self) {
        let mut keeper = self.lock();
        if let Ok(None) = keeper.try_wait() {
            let _ = kill(pid(&keeper), Signal::SIGHUP);
            let _ = keeper.wait();
        }
    }

    /// The child is reaped only under this lock, so its process id stays its own.
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Writes `bytes` to a program's stdin beside the check: a pipe holds only 64 KiB.
fn feed(mut stdin: ChildStdin, bytes: Vec<u8>) {
    let fed = thread::Builder::new().spawn(move || {
        // A program that does not want all of it closes its end.
        let _ = stdin.write_all(&bytes);
    });
    if let Err(error) = fed {
        broken_machine(&error);
    }
}
