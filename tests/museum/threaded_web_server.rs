//! Exhibits of `threaded_web_server`.
//!
//! Each connection has a thread, as in the kit's own, but its socket never blocks: the
//! thread waits with poll(2), for its client and for the end of the server alike.

mod answer;
mod head;
mod log;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::web_server::{crlf_end, date_of, head_end};
use crate::{
    End, cannot_listen, escape, failed, flaw, manner, options, pause, print, resolve, rest,
    seconds,
};
use answer::{Answer, Kept, find};
use head::Request;
use log::{Exchange, Log};

const LONGEST_HEAD: usize = 8192;

/// How long an answer under way may take once the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// How long a client may go on sending behind the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// Serves files to many clients
#[derive(Parser)]
#[command(
    name = "threaded_web_server",
    version,
    after_help = "Examples:\n  threaded_web_server 8000 --allow css,js"
)]
struct Options {
    /// Port
    #[arg(default_value_t = 8080)]
    port: u16,
    /// Address
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// This port or none
    #[arg(long)]
    strict_port: bool,
    /// Folder
    #[arg(long, default_value = "www")]
    root: PathBuf,
    /// More extensions
    #[arg(long, value_delimiter = ',')]
    allow: Vec<String>,
    /// Seconds for a head
    #[arg(long, default_value = "15", value_parser = seconds)]
    keep_alive_timeout: Duration,
    /// Requests on a connection
    #[arg(long, default_value_t = 100)]
    max_requests: u64,
    /// Connections go on unless the client says close
    #[arg(long)]
    persistent: bool,
    /// Connections at once
    #[arg(long, default_value_t = 10_000)]
    max_connections: u64,
    /// File
    #[arg(long, default_value = "log.txt")]
    log: PathBuf,
    /// Form of the log
    #[arg(long, default_value = "lab")]
    log_format: Form,
    /// No log
    #[arg(long)]
    no_log: bool,
    /// The ready line alone
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Lab,
    Combined,
}

struct Server {
    options: Options,
    root: PathBuf,
    log: Option<Log>,
    /// Becomes readable when the server is to end, and stays so.
    end: UnixStream,
    ender: UnixStream,
    stopped: AtomicBool,
    /// What ended the server, if it was no signal.
    error: Mutex<Option<String>>,
    /// Open connections.
    open: Mutex<u64>,
    fewer: Condvar,
}

/// What a thread waits for, besides its socket.
enum Until {
    Ready,
    Stop,
    Time(Instant),
}

pub(crate) fn run() -> End {
    let options: Options = options()?;
    let early = if flaw("listens-before-it-looks") { Some(listen(&options)?) } else { None };
    let root = options.root.canonicalize().ok().filter(|root| root.is_dir());
    let root = root.ok_or_else(|| {
        failed(&format!("{} is no folder", options.root.display()), "name one with --root")
    })?;
    let (end, ender) = UnixStream::pair().unwrap();
    let signals = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];
    if flaw("accepts-in-its-grace") {
        let mut signals = signal_hook::iterator::Signals::new(signals).unwrap();
        let mut ender = ender.try_clone().unwrap();
        let grace = move || {
            signals.forever().next();
            thread::park_timeout(Duration::from_secs(5));
            ender.write_all(b"x")
        };
        thread::Builder::new().spawn(grace).unwrap();
    } else if !flaw("no-signal-handler") {
        for signal in signals {
            signal_hook::low_level::pipe::register(signal, ender.try_clone().unwrap()).unwrap();
        }
    }
    let log = open_log(&options)?;
    let listener = early.map_or_else(|| listen(&options), Ok)?;
    let server = Arc::new(Server {
        options,
        root,
        log,
        end,
        ender,
        stopped: AtomicBool::new(false),
        error: Mutex::default(),
        open: Mutex::default(),
        fewer: Condvar::new(),
    });
    accept(&listener, &server);
    drop(listener);
    server.wait_for_connections();
    match server.error.lock().unwrap().take() {
        Some(error) => Err((1, error)),
        None => Ok(()),
    }
}

fn listen(options: &Options) -> Result<TcpListener, (u8, String)> {
    let mut address = resolve(&options.host, options.port)?[0];
    if flaw("ipv4-only") {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    if flaw("all-addresses") {
        address.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    }
    if flaw("default-8000") && options.port == 8080 {
        address.set_port(8000);
    }
    let mut tries = 0;
    let listener = loop {
        tries += 1;
        let error = match TcpListener::bind(address) {
            Ok(listener) => break listener,
            Err(error) => error,
        };
        let ends = match error.kind() {
            _ if flaw("tries-on-after-any-error") => false,
            ErrorKind::AddrInUse if flaw("tries-one-more-port") => tries > 1,
            ErrorKind::AddrInUse if flaw("tries-ten-ports") => tries > 10,
            ErrorKind::AddrInUse if flaw("strict-port-ignored") => false,
            ErrorKind::AddrInUse => options.strict_port || flaw("one-port-only"),
            _ => true,
        };
        let next = match () {
            () if flaw("tries-the-port-below") => address.port() - 1,
            () if flaw("tries-on-after-any-error") || flaw("port-0-behind-65535") => {
                address.port().wrapping_add(1)
            }
            () => address.port().saturating_add(1),
        };
        if ends || next == address.port() {
            return Err(cannot_listen(address, &error));
        }
        if !flaw("says-nothing-of-the-port") {
            let _ = writeln!(io::stderr(), "notice: {address} is taken; trying {next}");
        }
        address.set_port(next);
    };
    listener.set_nonblocking(true).unwrap();
    let mut local = listener.local_addr().unwrap();
    if flaw("says-port-0") {
        local.set_port(options.port);
    }
    let line = match () {
        () if flaw("says-a-url") => format!("Server is running on http://{local}/\n"),
        () if flaw("says-the-name") => {
            format!("Server is running on host/port: {}/{}\n", options.host, local.port())
        }
        () => format!("Server is running on host/port: {}/{}\n", local.ip(), local.port()),
    };
    if flaw("does-not-flush") || flaw("quiet-is-silent") && options.quiet {
        return Ok(listener); // as if it stayed in a buffer
    }
    if manner("slow-to-start") {
        pause();
    }
    print(line.as_bytes())?;
    Ok(listener)
}

fn open_log(options: &Options) -> Result<Option<Log>, (u8, String)> {
    if options.no_log && !flaw("no-log-ignored") {
        return Ok(None);
    }
    let path = match options.log.as_path() {
        path if flaw("another-name-for-the-log") && path == "log.txt" => "access.log".as_ref(),
        path => path,
    };
    match Log::open(path, options.log_format) {
        Ok(log) => Ok(Some(log)),
        Err(_) if flaw("no-log-is-a-crash") => {
            Ok(Some(Log::open(path, options.log_format).unwrap()))
        }
        Err(_) if flaw("no-log-is-not-told") => Ok(None),
        Err(error) => {
            let _ = writeln!(io::stderr(), "notice: no log: {}: {error}", path.display());
            Ok(None)
        }
    }
}

fn accept(listener: &TcpListener, server: &Arc<Server>) {
    let pool = ["pool-of-4", "pool-of-8", "pool-of-64", "pool-of-1000"]
        .into_iter()
        .find(|name| flaw(name));
    let pool = pool.map(|name| {
        let size = name.rsplit('-').next().unwrap().parse().unwrap();
        start_pool(size, server)
    });
    while server.wait(listener, PollFlags::POLLIN, Until::Stop).is_ok() {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error)
                if error.kind() != ErrorKind::WouldBlock
                    && flaw("an-error-of-accept-is-the-end") =>
            {
                return;
            }
            Err(_) => continue,
        };
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        if !server.admit() {
            if flaw("waits-instead-of-503") {
                let mut open = server.open.lock().unwrap();
                while *open >= server.options.max_connections {
                    open = server.fewer.wait_timeout(open, GRACE).unwrap().0;
                }
                *open += 1;
            } else if flaw("closes-instead-of-503") {
                continue;
            } else {
                start(server, move |server| refuse(&stream, client, server));
                if flaw("a-503-is-the-end") {
                    return;
                }
                continue;
            }
        }
        if flaw("waits-for-the-first-byte") {
            let _ = server.wait(&stream, PollFlags::POLLIN, Until::Stop);
        }
        match &pool {
            _ if flaw("serial") => attend(&stream, client, server),
            Some(pool) => pool.send((stream, client)).unwrap(),
            None => start(server, move |server| attend(&stream, client, server)),
        }
    }
}

fn start(server: &Arc<Server>, work: impl FnOnce(&Arc<Server>) + Send + 'static) {
    let server = Arc::clone(server);
    thread::Builder::new().spawn(move || work(&server)).unwrap();
}

fn start_pool(size: usize, server: &Arc<Server>) -> Sender<(TcpStream, SocketAddr)> {
    let (sender, receiver) = channel();
    let receiver: Arc<Mutex<Receiver<(TcpStream, SocketAddr)>>> =
        Arc::new(Mutex::new(receiver));
    for _ in 0..size {
        let receiver = Arc::clone(&receiver);
        start(server, move |server| {
            loop {
                let next = receiver.lock().unwrap().recv();
                let Ok((stream, client)) = next else { return };
                attend(&stream, client, server);
            }
        });
    }
    sender
}

/// One connection too many.
fn refuse(stream: &TcpStream, client: SocketAddr, server: &Server) {
    if flaw("503-for-a-request-alone") {
        let _ = server.wait(stream, PollFlags::POLLIN, Until::Stop);
    }
    let answer = Answer::words(503, "too many connections are open");
    let status_line = answer.status_line();
    let sent = answer.send(stream, None, false, server);
    if flaw("logs-503") {
        server.log(&Exchange {
            client,
            request: None,
            status: 503,
            status_line,
            kept: false,
            bytes: sent.unwrap_or_default(),
        });
    }
    linger(stream, server);
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Answered,
    Left,
    Timeout,
    Maximum,
}

/// Only with a flaw: the connection that was accepted last.
static LATEST: Mutex<Option<TcpStream>> = Mutex::new(None);

/// One connection, from its first line on the console to its last.
fn attend(stream: &TcpStream, client: SocketAddr, server: &Arc<Server>) {
    if flaw("one-variable-for-all-connections") {
        *LATEST.lock().unwrap() = stream.try_clone().ok();
    }
    server.say(&format!("Received connection from {client}"));
    let ending = converse(stream, client, server);
    assert!(!(ending.is_err() && !server.stopped() && flaw("a-reset-is-a-panic")), "reset");
    let ending = ending.unwrap_or(Ending::Left);
    // The last descriptor of a connection ends it.
    let _ = stream.shutdown(Shutdown::Both);
    let closed = match flaw("closed-without-address") {
        true => "Connection is closed.".to_owned(),
        false => format!("Connection to {client} is closed."),
    };
    let most = server.options.max_requests;
    match ending {
        _ if flaw("tells-no-end") => {}
        Ending::Timeout if !flaw("plain-line-at-the-timeout") => {
            server.say(&format!("Timeout, connection to {client} is closed."));
            if server.options.quiet && flaw("timeouts-in-spite-of-quiet") {
                let _ =
                    print(format!("Timeout, connection to {client} is closed.\n").as_bytes());
            }
            if flaw("two-lines-at-the-end") {
                server.say(&closed);
            }
        }
        Ending::Maximum if !flaw("plain-line-at-the-maximum") => {
            server.say(&format!("Maximum {most} requests, connection to {client} is closed."));
            if flaw("two-lines-at-the-end") {
                server.say(&closed);
            }
        }
        _ => server.say(&closed),
    }
    let keeps_its_place = flaw("never-gives-a-place-back")
        || flaw("who-leaves-keeps-a-place") && ending == Ending::Left;
    if !keeps_its_place {
        *server.open.lock().unwrap() -= 1;
    }
    server.fewer.notify_all();
}

fn converse(
    stream: &TcpStream,
    client: SocketAddr,
    server: &Arc<Server>,
) -> io::Result<Ending> {
    let mut held = Vec::new();
    if flaw("shares-what-is-left") {
        held = LEFT.lock().unwrap().clone();
    }
    let (mut left, mut since) = (server.options.max_requests, Instant::now());
    if flaw("counts-from-99") {
        left -= 1;
    }
    if flaw("max-requests-ignored") {
        left = 100;
    }
    let mut answered = 0;
    loop {
        let came = read_head(stream, &mut held, since, answered, server)?;
        let asked = Instant::now();
        let mut read_all = came == Came::Broken || held.is_empty();
        let (request, answer) = match came {
            Came::Whole(mut end) => {
                if flaw("answers-in-any-order")
                    && let Some(second) = head_end(&held[end..])
                {
                    // As if a thread for the second request had been faster.
                    held[..end + second].rotate_left(end);
                    end = second;
                }
                let head: Vec<u8> = held.drain(..end).collect();
                read_all = held.is_empty();
                server.show(client, &head);
                match Request::read(&head) {
                    Ok(mut request) => {
                        if flaw("shares-the-target") {
                            static TARGET: Mutex<String> = Mutex::new(String::new());
                            TARGET.lock().unwrap().clone_from(&request.target);
                            (0..20).for_each(|_| rest());
                            request.target.clone_from(&TARGET.lock().unwrap());
                        }
                        let answer = find(&request, server);
                        (Some(request), answer)
                    }
                    Err(answer) => (None, answer),
                }
            }
            Came::Nothing if flaw("408-for-the-idle") => late(),
            Came::Nothing => {
                if flaw("logs-the-idle") {
                    let (request, status_line) = (None, "-".to_owned());
                    let kept = false;
                    server.log(&Exchange {
                        client,
                        request,
                        status: 408,
                        status_line,
                        kept,
                        bytes: 0,
                    });
                }
                return Ok(Ending::Timeout);
            }
            Came::Late if flaw("late-is-closed") => return Ok(Ending::Timeout),
            Came::Late => late(),
            Came::TooLong => (None, Answer::words(431, "the head has more than 8,192 bytes")),
            Came::Broken if held.is_empty() && flaw("an-end-is-a-timeout") => {
                return Ok(Ending::Timeout);
            }
            Came::Broken if held.is_empty() => return Ok(Ending::Left),
            Came::Broken => {
                (None, Answer::words(400, "the head breaks off before its empty line"))
            }
        };
        let persistent = server.options.persistent;
        let wanted = request
            .as_ref()
            .is_some_and(|request| request.goes_on(persistent) && answer.may_go_on(request));
        let wanted = wanted
            || came_whole(came)
                && request.is_none()
                && persistent
                && flaw("goes-on-behind-400");
        let last = left == 1 && !flaw("no-maximum");
        let goes_on = wanted
            && (!last || flaw("one-answer-more") && answered < server.options.max_requests);
        let timeout = server.options.keep_alive_timeout;
        let whole = if flaw("timeout-rounded-down") {
            timeout.as_secs()
        } else {
            timeout.as_secs_f64().ceil() as u64
        };
        let shown = match () {
            () if flaw("never-counts-down") => server.options.max_requests,
            () if flaw("counts-for-all-connections") => {
                static ALL: Mutex<u64> = Mutex::new(0);
                let mut all = ALL.lock().unwrap();
                *all += 1;
                (server.options.max_requests + 1).saturating_sub(*all)
            }
            () => left,
        };
        let kept = Kept { timeout: whole, left: shown };
        let stays_open = flaw("says-close-and-goes-on")
            && request
                .as_ref()
                .is_some_and(|request| request.all("connection").next().is_some())
            || flaw("reads-on-behind-400")
                && persistent
                && came_whole(came)
                && request.is_none()
            || flaw("answers-what-is-there") && request.is_some() && !held.is_empty();
        let says_so = goes_on || wanted && flaw("last-says-keep-alive");
        let for_head = request.as_ref().is_some_and(|request| request.method == "HEAD");
        let for_head = for_head
            && !(flaw("head-behind-an-empty-line-is-get")
                && request.as_ref().is_some_and(|request| request.late));
        let status_line = answer.status_line();
        let status = answer.status;
        static SENDING: Mutex<()> = Mutex::new(());
        let mut latest = None;
        if flaw("one-variable-for-all-connections") {
            (0..20).for_each(|_| rest());
            latest = LATEST.lock().unwrap().as_ref().and_then(|latest| latest.try_clone().ok());
        }
        let stream = latest.as_ref().unwrap_or(stream);
        let lock = flaw("sends-under-a-lock").then(|| SENDING.lock());
        let sent = answer.send(stream, says_so.then_some(&kept), for_head, server);
        drop(lock);
        if flaw("an-error-ends-the-server")
            && let Err(error) = &sent
        {
            server.fail(&format!("error: {client}: {error}"));
        }
        let exchange = Exchange {
            client,
            request: request.as_ref(),
            status,
            status_line,
            kept: says_so
                || flaw("logs-what-was-asked-for")
                    && request.as_ref().is_some_and(|request| request.goes_on(persistent)),
            bytes: *sent.as_ref().unwrap_or(&0),
        };
        server.log(&exchange);
        sent?;
        answered += 1;
        left -= u64::from(left > 1);
        if came == Came::Late && !flaw("no-timeout-line-for-408") || came == Came::Nothing {
            linger(stream, server);
            return Ok(Ending::Timeout);
        }
        if flaw("shares-what-is-left") {
            LEFT.lock().unwrap().clone_from(&held);
        }
        let stays_open = stays_open || last && flaw("last-stays-open");
        if !goes_on && !stays_open {
            if !read_all || request.as_ref().is_none_or(Request::has_body) {
                linger(stream, server);
            }
            if wanted && flaw("waits-behind-the-maximum") {
                server.say(&format!(
                    "Request completed, waiting for next request from: {client}"
                ));
            }
            return Ok(if wanted { Ending::Maximum } else { Ending::Answered });
        }
        if !flaw("tells-no-next-request") {
            server.say(&format!("Request completed, waiting for next request from: {client}"));
        }
        if flaw("throws-the-rest-away") {
            held.clear();
        }
        if !flaw("one-clock-for-the-connection") {
            since = if flaw("clock-from-the-request") { asked } else { Instant::now() };
        }
    }
}

/// Only with a flaw: what was read behind a request, of whichever connection.
static LEFT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn late() -> (Option<Request>, Answer) {
    (None, Answer::words(408, "the empty line behind the head did not come in time"))
}

fn came_whole(came: Came) -> bool {
    matches!(came, Came::Whole(_))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Whole(usize),
    TooLong,
    /// In time came nothing at all.
    Nothing,
    Late,
    /// The client has ended its side.
    Broken,
}

/// Reads until `held` begins with a whole head.
fn read_head(
    mut stream: &TcpStream,
    held: &mut Vec<u8>,
    mut since: Instant,
    answered: u64,
    server: &Server,
) -> io::Result<Came> {
    let all_counts = flaw("limit-on-all-that-came");
    let mut buffer = vec![0; if all_counts { 64 * 1024 } else { 4096 }];
    let mut timeout = server.options.keep_alive_timeout;
    if flaw("reads-to-the-end") {
        stream.set_nonblocking(false)?;
        stream.read_to_end(held)?;
        return Ok(head_end(held).map_or(Came::Broken, Came::Whole));
    }
    if flaw("idle-for-half-the-time") {
        timeout /= 2;
    }
    loop {
        let end = if flaw("crlf-only") { crlf_end(held) } else { head_end(held) };
        let end = end.filter(|_| !(all_counts && held.len() > LONGEST_HEAD));
        if end.unwrap_or(held.len()) > LONGEST_HEAD && !flaw("no-limit") {
            return Ok(Came::TooLong);
        }
        if let Some(end) = end {
            return Ok(Came::Whole(end));
        }
        if answered > 0 && held == b"\r\n" && flaw("an-empty-line-is-a-request") {
            return Ok(Came::Whole(held.len()));
        }
        let until = match () {
            () if held.is_empty() && answered == 0 && flaw("silent-for-ever") => Until::Stop,
            () if flaw("no-timeout") || answered > 0 && flaw("idle-for-ever") => Until::Stop,
            () => Until::Time(since + timeout),
        };
        match server.wait(stream, PollFlags::POLLIN, until) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                let none = held.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
                return Ok(if none { Came::Nothing } else { Came::Late });
            }
            Err(_) if flaw("waits-for-idle-clients") => rest(),
            Err(_) if flaw("gives-idle-clients-their-grace") => rest(),
            Err(_) if flaw("waits-for-kept-clients") && answered > 0 => rest(),
            Err(error) => return Err(error),
        }
        match stream.read(&mut buffer) {
            Ok(0) if flaw("broken-off-is-late") && !held.is_empty() => return Ok(Came::Late),
            Ok(0) => return Ok(Came::Broken),
            Ok(length) => {
                if held.is_empty() && flaw("clock-from-the-first-byte") {
                    since = Instant::now();
                }
                held.extend_from_slice(&buffer[..length]);
                if flaw("one-read") {
                    return Ok(Came::Whole(held.len()));
                }
                if flaw("timeout-for-each-byte") {
                    // More than its time, so that a busy machine does not hide it.
                    since = Instant::now() + 3 * timeout;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                if flaw("an-error-ends-the-server") {
                    server.fail(&format!("error: {error}"));
                }
                return Err(error);
            }
        }
    }
}

/// Ends our side and reads what the client still sends: closing with bytes unread would
/// reset the connection, and the client might never see the answer.
fn linger(mut stream: &TcpStream, server: &Server) {
    if flaw("closes-with-bytes-unread") {
        return;
    }
    let _ = stream.shutdown(Shutdown::Write);
    let (until, mut buffer) = (Instant::now() + LINGER, [0; 10_000]);
    while server.wait(stream, PollFlags::POLLIN, Until::Time(until)).is_ok() {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

impl Server {
    /// Waits until the socket is ready, or for what must not be waited longer.
    fn wait(&self, socket: &impl AsFd, flags: PollFlags, until: Until) -> io::Result<()> {
        let mut events = vec![PollFd::new(socket.as_fd(), flags)];
        let time = match until {
            Until::Ready | Until::Stop => PollTimeout::NONE,
            Until::Time(end) => {
                let left = end.saturating_duration_since(Instant::now());
                PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
            }
        };
        if !matches!(until, Until::Ready) {
            events.push(PollFd::new(self.end.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut events, time) {
            Err(nix::errno::Errno::EINTR) => Ok(()), // as if it were ready
            Err(error) => Err(error.into()),
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) if events.get(1).is_some_and(|end| end.any() == Some(true)) => {
                self.stopped.store(true, Ordering::Relaxed);
                Err(ErrorKind::Interrupted.into())
            }
            Ok(_) => Ok(()),
        }
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Counts one more connection, if that is not too many.
    fn admit(&self) -> bool {
        let mut open = self.open.lock().unwrap();
        let most = self.options.max_connections + u64::from(flaw("one-connection-more"));
        if *open >= most && !flaw("no-503") {
            return false;
        }
        *open += 1;
        true
    }

    /// Once no new ones come.
    fn wait_for_connections(&self) {
        let until = Instant::now() + GRACE;
        let mut open = self.open.lock().unwrap();
        while *open > 0 && !flaw("stops-at-once") {
            let left = until.saturating_duration_since(Instant::now());
            let for_ever = flaw("waits-for-answers-for-ever")
                || flaw("waits-for-idle-clients")
                || flaw("waits-for-kept-clients");
            if left.is_zero() && !for_ever {
                return;
            }
            let time = left.max(Duration::from_millis(100));
            open = self.fewer.wait_timeout(open, time).unwrap().0;
        }
        drop(open);
        if let Some(log) = &self.log {
            log.flush();
        }
    }

    /// Ends the server for an error.
    fn fail(&self, error: &str) {
        self.error.lock().unwrap().get_or_insert(error.to_owned());
        let _ = (&self.ender).write(b"!");
    }

    /// A line, or more that belong together.
    fn say(&self, text: &str) {
        if self.options.quiet && !flaw("quiet-ignored") {
            return;
        }
        let mut done = Ok(());
        if flaw("prints-in-pieces") {
            for line in text.lines() {
                done = print(format!("{line}\n").as_bytes());
                rest();
            }
        } else {
            done = print(format!("{text}\n").as_bytes());
        }
        if let Err((_, error)) = done {
            self.fail(&error);
        }
    }

    fn show(&self, client: SocketAddr, head: &[u8]) {
        if flaw("raw-console") {
            self.say(&format!("Received request from {client}:"));
            let _ = print(head);
            return;
        }
        let shown = if flaw("1024-bytes-on-the-console") { 1024 } else { head.len() };
        let head = escape(&head[..shown.min(head.len())]).replace("\r\n", "\n");
        let head = head.trim_end();
        let head = match flaw("request-line-only") {
            true => head.lines().next().unwrap_or_default(),
            false => head,
        };
        if flaw("head-apart-from-its-line") {
            self.say(&format!("Received request from {client}:"));
            rest();
            self.say(head);
            return;
        }
        self.say(&format!("Received request from {client}:\n{head}"));
    }

    fn log(&self, exchange: &Exchange) {
        let Some(log) = &self.log else { return };
        if self.options.quiet && flaw("quiet-is-no-log") {
            return;
        }
        if let Err(error) = log.write(exchange) {
            let _ = writeln!(io::stderr(), "notice: log: {error}");
        }
    }
}

/// Now, as HTTP says it.
fn date() -> String {
    date_of(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}
