//! TCP peers that keep a record: clients of a server under test, and servers for a client
//! under test.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockRef, Socket, Type};

use crate::program::{Ended, Running, Server};
use crate::record::{Lane, What};
use crate::state::{self, State};
use crate::story::{Promise, Seen, broken_machine, fail};
use crate::{A_MOMENT, PATIENCE, bytes};

/// How long an answer may take, however much of it goes on coming.
const LONGEST: Duration = Duration::from_secs(20);

/// How long an answer may take that a peer has provoked by doing what a learner's program
/// seems to wait for.
const PROVOKED: Duration = Duration::from_secs(1);

/// The size of a buffer that is soon full, and that of the segments sent to its owner.
const NARROW: usize = 32 * 1024;
const SEGMENT: u32 = 1400;

/// After so long without progress a sender is taken to be stuck.
const STUCK: Duration = Duration::from_millis(400);

/// Why a connection is reset that should have ended.
pub(crate) const RESET: &str = "the connection was closed while bytes of its client lay unread: \
    close(2) sends RST then, and what is on its way to the client may be lost; read all that \
    the client sends, up to its end, before you close";

/// A reset in words, for a story.
pub(crate) fn reset_told(error: ErrorKind) -> &'static str {
    // On Linux a reset behind the peer's FIN is another error (EPIPE).
    let without_fin = cfg!(target_os = "linux") && error == ErrorKind::ConnectionReset;
    // The kernel resets the connections of a program that has ended, too.
    if without_fin && state::the_program_goes_on() {
        "the connection was reset (RST): it was closed with bytes of ours unread"
    } else {
        "the connection was reset (RST)"
    }
}

/// Fails a check because a connection was reset.
pub(crate) fn was_reset(before: &str, error: ErrorKind, promise: &Promise) -> ! {
    let happened = format!("{before}{}", reset_told(error));
    promise.clone().cause(&[Seen::Reset], RESET).broken(Seen::Reset, happened)
}

/// One end of a connection, ours, with the program under test at the other.
pub struct Peer {
    stream: TcpStream,
    lane: Lane,
    side: Side,
    /// What was sent and has not been looked at in the light of an answer.
    unanswered: Vec<u8>,
    /// Whether we have ended our direction already.
    ended: bool,
    /// How the connection has ended, if not in order.
    broken: Option<ErrorKind>,
    /// A thread that sends beside us, with a descriptor of its own for the connection.
    sending: Option<Sending>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// How reading came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Enough,
    Silence,
    /// It went on, and took too long.
    Late,
    End,
    Reset(ErrorKind),
}

impl Server {
    /// Connects a client, which must succeed.
    pub fn connect(&self, promise: &Promise) -> Peer {
        Peer::connect(self.address, promise)
    }
}

impl Peer {
    /// Connects to the program under test, which must succeed.
    pub fn connect(server: SocketAddr, promise: &Promise) -> Self {
        match TcpStream::connect_timeout(&server, PATIENCE) {
            Ok(stream) => Self::on(stream, Side::Client, server),
            Err(error) => {
                Lane::new("", server).note(What::ClientDid("connect".to_owned()));
                let seen = match error.kind() {
                    ErrorKind::ConnectionRefused => Seen::Refused,
                    // A server that ends meanwhile.
                    ErrorKind::ConnectionReset => Seen::Reset,
                    _ => Seen::Nothing,
                };
                promise.broken(seen, format!("connecting to {server} failed: {error}"));
            }
        }
    }

    /// As [`Peer::connect`], from an address of this machine; `None` if it is none.
    pub fn connect_from(ours: IpAddr, server: SocketAddr, promise: &Promise) -> Option<Self> {
        let socket = new_socket(ours).ok()?;
        socket.bind(&SocketAddr::new(ours, 0).into()).ok()?;
        if let Err(error) = socket.connect_timeout(&server.into(), PATIENCE) {
            promise.broken(Seen::Refused, format!("connecting to {server} failed: {error}"));
        }
        Some(Self::on(socket.into(), Side::Client, server))
    }

    /// As [`Peer::connect`], with little room for what the program sends: its answer has to
    /// wait in its own buffers soon.
    pub fn connect_narrow(server: SocketAddr, promise: &Promise) -> Self {
        let connect = || -> io::Result<TcpStream> {
            let socket = new_socket(server.ip())?;
            socket.set_recv_buffer_size(NARROW)?;
            // The kernel gives a send buffer some segments' room: of the large ones of
            // loopback they would be megabytes.
            let _ = socket.set_tcp_mss(SEGMENT);
            socket.connect_timeout(&server.into(), PATIENCE)?;
            Ok(socket.into())
        };
        match connect() {
            Ok(stream) => Self::on(stream, Side::Client, server),
            Err(error) => {
                promise.broken(Seen::Refused, format!("connecting to {server} failed: {error}"))
            }
        }
    }

    fn on(stream: TcpStream, side: Side, theirs: SocketAddr) -> Self {
        // On a connection that the other side has reset already these fail, and nothing
        // depends on them then.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let ours = stream.local_addr().unwrap_or_else(|error| broken_machine(&error));
        let (client, server) =
            if side == Side::Client { (ours, theirs) } else { (theirs, ours) };
        let lane = Lane::new(&format!(":{}", client.port()), server);
        lane.note(What::ClientDid("connect".to_owned()));
        Self {
            stream,
            lane,
            side,
            unanswered: Vec::new(),
            ended: false,
            broken: None,
            sending: None,
        }
    }

    /// Sends all of `bytes`, which the program must take.
    pub fn send(&mut self, bytes: &[u8], promise: &Promise) {
        self.note_ours(bytes);
        self.note_question(bytes);
        if let Err(error) = self.stream.write_all(bytes) {
            let (seen, what) = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    (Seen::Nothing, format!("it stopped reading{}", self.meanwhile().told))
                }
                _ => (Seen::Reset, format!("the connection was gone: {error}")),
            };
            promise.broken(seen, format!("not all of our bytes could be sent: {what}"));
        }
    }

    /// Sends `bytes` if the program takes them, which it need not.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.note_ours(bytes);
        self.stream.write_all(bytes)
    }

    /// Sends bytes of `letter` until the buffers of both directions are full, because the
    /// program waits for us to read, and tells how many; at most `most`.
    pub fn fill(&mut self, letter: u8, most: usize) -> usize {
        let _ = self.stream.set_write_timeout(Some(STUCK));
        let piece = vec![letter; 16 * 1024];
        let mut sent = 0;
        while sent < most {
            match self.stream.write(&piece) {
                Ok(length) => sent += length,
                Err(_) => break,
            }
        }
        let _ = self.stream.set_write_timeout(Some(PATIENCE));
        self.note_ours(&vec![letter; sent]);
        self.lane.note(What::Silence(STUCK));
        sent
    }

    /// How many bytes lie in our buffer, unread.
    pub fn unread(&self) -> usize {
        let mut buffer = vec![0; 4 << 20];
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(1)));
        self.stream.peek(&mut buffer).unwrap_or_default()
    }

    /// Sends from a thread of its own, for more than the buffers on the way can hold.
    pub fn send_beside(&mut self, bytes: Vec<u8>) -> Sending {
        self.start_sending(bytes, false)
    }

    /// As [`Peer::send_beside`], and then ends our direction (FIN).
    pub fn send_beside_and_half_close(&mut self, bytes: Vec<u8>) -> Sending {
        self.start_sending(bytes, true)
    }

    fn start_sending(&mut self, bytes: Vec<u8>, half_close: bool) -> Sending {
        self.note_ours(&bytes);
        self.note_question(&bytes);
        let sending = Sending::default();
        let (progress, stream) = (sending.clone(), self.stream.try_clone());
        let thread = thread::Builder::new().spawn(move || {
            let send = || -> io::Result<()> {
                let mut stream = stream?;
                for piece in bytes.chunks(64 * 1024) {
                    stream.write_all(piece)?;
                    progress.note(piece.len());
                }
                if half_close { stream.shutdown(Shutdown::Write) } else { Ok(()) }
            };
            progress.end(send().err().map(|error| error.kind()));
        });
        if let Err(error) = thread {
            broken_machine(&error);
        }
        self.sending = Some(sending.clone());
        sending
    }

    /// Waits until `sending` has ended or does not get on, because the buffers of both
    /// directions are full.
    pub fn wait_until_stuck(&self, sending: &Sending) {
        sending.wait_until_stuck();
        self.lane.note(What::Silence(STUCK));
    }

    /// The connection must stay open and silent for `time`.
    pub fn expect_still_open(&mut self, time: Duration, promise: &Promise) {
        let mut more = [0; 256];
        match self.read_some(&mut more, time) {
            Err(Stop::Silence) => {}
            Err(Stop::Reset(error)) => was_reset("", error, promise),
            Ok(0) | Err(_) => promise.broken(Seen::Closed, "the connection was closed"),
            Ok(length) => {
                let more = bytes::show(&more[..length], 60);
                promise.broken(Seen::More, format!("this came: {more}"));
            }
        }
    }

    /// What comes next must be exactly `want`.
    pub fn expect(&mut self, want: &[u8], promise: &Promise) {
        let until = Instant::now() + LONGEST;
        let (got, stop) = self.read_like(want, PATIENCE, until);
        if stop == Stop::Late {
            promise.broken_because(
                Seen::Time,
                format!(
                    "after {} s only {} had come",
                    LONGEST.as_secs(),
                    bytes::count_of(got.len(), want.len())
                ),
                Some(
                    "it is too slow: small buffers (SO_SNDBUF, SO_RCVBUF, or pieces of a few \
                     bytes) make a stream slow; use some ten thousand bytes"
                        .to_owned(),
                ),
            );
        }
        let sent = std::mem::take(&mut self.unanswered);
        let Some(difference) = bytes::difference(want, &got) else { return };
        let mistake = bytes::likely_mistake(&sent, want, &got);
        let differs = got.len() == want.len() || !want.starts_with(&got);
        let (seen, after) = match stop {
            _ if differs => (Seen::Other, String::new()),
            Stop::End => (Seen::Closed, ", then the connection was closed".to_owned()),
            Stop::Reset(error) => (Seen::Reset, format!(", then {}", reset_told(error))),
            _ => {
                let seen = if got.is_empty() { Seen::Nothing } else { Seen::Part };
                let more = if got.is_empty() { "" } else { ", then nothing more" };
                (seen, format!("{more} within {} s", PATIENCE.as_secs()))
            }
        };
        let mut found = mistake;
        let mut happened = difference + &after;
        if matches!(seen, Seen::Nothing | Seen::Part) {
            let state = self.meanwhile();
            happened.push_str(&state.told);
            found = self.provoke(&want[got.len()..]).or(state.cause).or(found);
        }
        promise.clone().cause(&[Seen::Reset], RESET).broken_because(seen, happened, found);
    }

    /// What the program does that lets us wait.
    pub(crate) fn meanwhile(&self) -> State {
        state::of_the_program(self.ends())
    }

    /// Our address and the program's.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.stream.local_addr().ok().zip(self.stream.peer_addr().ok())
    }

    /// The error that has ended the connection, if it was a reset.
    pub(crate) fn reset_by(&self) -> Option<ErrorKind> {
        self.broken
    }

    /// The connection must end here, in order (FIN) or not (RST), without another byte.
    pub fn expect_end(&mut self, limit: Duration, promise: &Promise) {
        let mut more = [0; 256];
        match self.read_some(&mut more, limit) {
            Ok(0) => {}
            Ok(length) => promise.broken(
                Seen::More,
                format!("instead of the end came {}", bytes::show(&more[..length], 60)),
            ),
            Err(Stop::Silence) => {
                let state = self.meanwhile();
                let time = limit.as_secs_f64();
                promise.broken_because(
                    Seen::StillOpen,
                    format!("the connection was still open after {time:.1} s{}", state.told),
                    state.cause,
                );
            }
            Err(_) => {}
        }
    }

    /// No further byte may come for `time`; an end may.
    pub fn expect_no_more(&mut self, time: Duration, promise: &Promise) {
        let mut more = [0; 256];
        if let Ok(length @ 1..) = self.read_some(&mut more, time) {
            let more = &more[..length];
            let are_nul = more.iter().all(|byte| *byte == 0);
            let cause = are_nul.then(|| bytes::WHOLE_BUFFER.to_owned());
            let more = bytes::show(more, 60);
            let happened = format!("behind what was expected came {more}");
            promise.broken_because(Seen::More, happened, cause);
        }
    }

    /// Keeps the connection open for as long as `client` is looked after, so that a client
    /// that waits for our end waits in vain.
    pub fn stay_open_for(self, client: &Running) {
        client.keep(self);
    }

    /// All that still comes while nothing takes longer than `limit`, and whether the
    /// connection then ended.
    pub fn read_to_the_end(&mut self, limit: Duration) -> (Vec<u8>, bool) {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            match self.read_some(&mut buffer, limit) {
                Ok(length) if length > 0 => all.extend_from_slice(&buffer[..length]),
                Ok(_) | Err(Stop::End | Stop::Reset(_)) => return (all, true),
                Err(_) => return (all, false),
            }
        }
    }

    /// Ends our direction (FIN); the other stays open.
    pub fn half_close(&mut self) {
        self.ended = true;
        self.note_did("FIN, no more will come");
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection at once, by RST: what is under way is lost.
    pub fn reset(mut self) {
        self.ended = true;
        self.note_did("RST, the connection is gone");
        self.stop_sending();
        // close(2) with a linger time of 0 sends RST instead of FIN (tcp(7), SO_LINGER).
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Ours is the last descriptor of the connection from now on.
    fn stop_sending(&self) {
        let Some(sending) = &self.sending else { return };
        if !sending.has_ended() {
            let _ = self.stream.shutdown(Shutdown::Both);
            sending.wait_until_ended(PATIENCE);
        }
    }

    /// Our address, as the program under test sees it.
    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap_or_else(|error| broken_machine(&error))
    }

    /// Whether there is something to read, or the end, within `limit`.
    pub fn has_something(&self, limit: Duration) -> bool {
        is_ready(self.stream.as_fd(), PollFlags::POLLIN, limit)
    }

    /// Whether nobody is there any more: a byte sent now, or before, is answered by RST. It is
    /// for who has read to the end: a program that still reads takes the byte.
    pub fn was_reset_within(&mut self, limit: Duration) -> bool {
        let _ = self.try_send(b".");
        is_ready(self.stream.as_fd(), PollFlags::empty(), limit)
    }

    /// Reads what is there, up to `most` bytes; `None` on silence or a reset.
    pub fn read(&mut self, most: usize, limit: Duration) -> Option<Vec<u8>> {
        let mut buffer = vec![0; most];
        let length = self.read_some(&mut buffer, limit).ok()?;
        buffer.truncate(length);
        Some(buffer)
    }

    /// Reads as long as what comes is like `want`.
    fn read_like(&mut self, want: &[u8], limit: Duration, until: Instant) -> (Vec<u8>, Stop) {
        let (mut got, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            if got.len() >= want.len() {
                return (got, Stop::Enough);
            }
            if until < Instant::now() {
                return (got, Stop::Late);
            }
            let room = buffer.len().min(want.len() - got.len());
            match self.read_some(&mut buffer[..room], limit) {
                Ok(0) => return (got, Stop::End),
                Ok(length) => {
                    let from = got.len();
                    got.extend_from_slice(&buffer[..length]);
                    if got[from..] != want[from..from + length] {
                        return (got, Stop::Enough);
                    }
                }
                Err(stop) => return (got, stop),
            }
        }
    }

    fn read_some(&mut self, buffer: &mut [u8], limit: Duration) -> Result<usize, Stop> {
        let limit = limit.max(Duration::from_millis(1));
        // Some systems refuse it when both sides have said that no more will come; what is
        // left can then be read without waiting.
        let _ = self.stream.set_read_timeout(Some(limit));
        let read = loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A reset is reported once, and whoever sends beside us may have had it.
                Ok(0) if self.sending.as_ref().is_some_and(Sending::was_reset) => {
                    break Err(ErrorKind::ConnectionReset.into());
                }
                result => break result,
            }
        };
        let theirs = |text: &str| match self.side {
            Side::Client => What::ServerDid(text.to_owned()),
            Side::Server => What::ClientDid(text.to_owned()),
        };
        match read {
            Ok(0) => {
                self.lane.note(theirs("FIN, no more will come"));
                Ok(0)
            }
            Ok(length) => {
                let bytes = buffer[..length].into();
                self.lane.note(match self.side {
                    Side::Client => What::Came(bytes),
                    Side::Server => What::Sent(bytes),
                });
                Ok(length)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                self.lane.note(What::Silence(limit));
                Err(Stop::Silence)
            }
            Err(error) => {
                self.lane.note(theirs("RST, the connection is gone"));
                self.broken = Some(error.kind());
                Err(Stop::Reset(error.kind()))
            }
        }
    }

    /// Does what a learner's program seems to wait for, to learn what it waits for.
    fn provoke(&mut self, missing: &[u8]) -> Option<String> {
        if self.side == Side::Server {
            return None;
        }
        // Not yet a newline: whoever waits for one goes on waiting then.
        self.try_send(b"x").ok()?;
        if self.read(1, PROVOKED).is_some_and(|came| came.first() == missing.first()) {
            return Some(
                "the answer came only after we had sent another byte: the server waits for more \
                 bytes than it has, and need not get any; answer all that a read returned, at \
                 once"
                    .to_owned(),
            );
        }
        self.try_send(b"\n").ok()?;
        if self.read(1, PROVOKED).is_some_and(|came| came.first() == missing.first()) {
            return Some(
                "the answer came only after we had sent a newline: the server waits for a \
                 whole line (read_line, lines, readline), but a stream need not have lines"
                    .to_owned(),
            );
        }
        self.half_close();
        if self.read(1, PROVOKED).is_some_and(|came| came.first() == missing.first()) {
            return Some(
                "the answer came only after we had closed our side: the server reads to the \
                 end of the stream (read_to_end, read_to_string), or until a buffer is full \
                 (read_exact), before it answers, or keeps its answer in a buffer (BufWriter)"
                    .to_owned(),
            );
        }
        None
    }

    /// As [`Peer::provoke`], where a whole request was sent: an answer to it that comes only
    /// behind our FIN tells that the server has waited for that.
    pub(crate) fn provoke_answer(&mut self) -> Option<String> {
        let is_whole = self.unanswered.windows(4).any(|part| part == b"\r\n\r\n");
        if !is_whole || self.ended {
            return None;
        }
        self.half_close();
        let answer = self.read(1024, PROVOKED)?;
        let status = answer.strip_prefix(b"HTTP/1.1 ")?;
        // Whoever has not seen the end of the head complains that it breaks off.
        let complains = status.starts_with(b"40") && !status.starts_with(b"404");
        (!complains).then(|| {
            "the answer came only after we had closed our side: the server reads to the end of \
             the stream (read_to_end, read_to_string, a loop until 0 bytes), but a client keeps \
             its side open; a request without a body ends with its empty line"
                .to_owned()
        })
    }

    fn note_ours(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let bytes = bytes.into();
        self.lane.note(match self.side {
            Side::Client => What::Sent(bytes),
            Side::Server => What::Came(bytes),
        });
    }

    /// What a server sends is an answer itself.
    fn note_question(&mut self, bytes: &[u8]) {
        if self.side == Side::Client {
            self.unanswered.extend_from_slice(bytes);
        }
    }

    fn note_did(&self, text: &str) {
        let text = text.to_owned();
        self.lane.note(match self.side {
            Side::Client => What::ClientDid(text),
            Side::Server => What::ServerDid(text),
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop_sending();
        if !self.ended {
            self.note_did("FIN, no more will come");
        }
    }
}

/// Bytes on their way from a thread of their own.
#[derive(Clone, Default)]
pub struct Sending(Arc<(Mutex<Progress>, Condvar)>);

#[derive(Default)]
struct Progress {
    sent: usize,
    ended: bool,
    error: Option<ErrorKind>,
}

impl Sending {
    fn note(&self, length: usize) {
        self.change(|progress| progress.sent += length);
    }

    fn end(&self, error: Option<ErrorKind>) {
        self.change(|progress| (progress.ended, progress.error) = (true, error));
    }

    /// Whether a reset has ended it, or is about to.
    fn was_reset(&self) -> bool {
        self.wait_until_ended(A_MOMENT);
        let progress = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.error == Some(ErrorKind::ConnectionReset)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn has_ended(&self) -> bool {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    fn wait_until_ended(&self, limit: Duration) {
        let progress = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(progress, limit, |progress| !progress.ended));
    }

    fn wait_until_stuck(&self) {
        let mut progress = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !progress.ended {
            let before = progress.sent;
            progress = self
                .0
                .1
                .wait_timeout_while(progress, STUCK, |now| now.sent == before && !now.ended)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if progress.sent == before {
                return;
            }
        }
    }
}

/// A server of the check's own, for a client under test.
pub struct Listening {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Listening {
    /// Listens on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into(), None)
    }

    /// Listens on a free port of `ip`. With `buffers`, what the kernel holds for each
    /// connection is that small, in bytes and direction, so that it fills up soon.
    pub fn on(ip: IpAddr, buffers: Option<usize>) -> Self {
        let address = SocketAddr::new(ip, 0);
        Self::try_on(address, buffers).unwrap_or_else(|error| broken_machine(&error))
    }

    /// On the IPv6 loopback address alone: at the IPv4 one the same port is closed for as
    /// long as the second is kept.
    pub fn on_ipv6_alone() -> (Self, ClosedPort) {
        for _ in 0..20 {
            let server = Self::on(Ipv6Addr::LOCALHOST.into(), None);
            let same = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), server.address.port());
            if let Some(closed) = ClosedPort::at(same) {
                return (server, closed);
            }
        }
        fail("twenty times somebody else had the port")
    }

    /// Listens at `address` if nobody else does.
    pub fn try_on(address: SocketAddr, buffers: Option<usize>) -> io::Result<Self> {
        let socket = new_socket(address.ip())?;
        if let Some(buffers) = buffers {
            // Connections inherit them; the receive buffer must be set before listen.
            socket.set_recv_buffer_size(buffers)?;
            socket.set_send_buffer_size(buffers)?;
        }
        // Connections of an earlier server that linger in TIME-WAIT are no obstacle.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(16)?;
        let listener = TcpListener::from(socket);
        Ok(Self { address: listener.local_addr()?, listener })
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Waits until `client` connects.
    pub fn accept(&self, client: &Running, promise: &Promise) -> Peer {
        match self.accept_if_asked(client) {
            Ok(peer) => peer,
            Err(Some(end)) => {
                promise.broken(
                    Seen::Ended,
                    format!("it ended without connecting: {}", end.told()),
                );
            }
            Err(None) => {
                let state = state::of_the_program(None);
                let happened = format!("it did not connect{}", state.told);
                promise.broken_because(Seen::Nothing, happened, state.cause);
            }
        }
    }

    /// As [`Listening::accept`]; without a connection, how the client ended, if it did.
    pub fn accept_if_asked(&self, client: &Running) -> Result<Peer, Option<Ended>> {
        let until = Instant::now() + PATIENCE.max(client.left_to_start());
        loop {
            // Looked at first: if it connected before its end, that is seen by then.
            let end = client.ended_within(Duration::ZERO);
            if self.someone_is_there(Duration::from_millis(20)) {
                return match self.listener.accept() {
                    Ok((stream, from)) => Ok(Peer::on(stream, Side::Server, from)),
                    Err(error) => broken_machine(&error),
                };
            }
            if end.is_some() || until < Instant::now() {
                return Err(end);
            }
        }
    }

    /// Whoever has connected may not have sent anything.
    pub fn expect_no_bytes(&self, promise: &Promise) {
        while self.someone_is_there(Duration::from_millis(1)) {
            let Ok((stream, from)) = self.listener.accept() else { return };
            let bytes = Peer::on(stream, Side::Server, from).read_to_the_end(A_MOMENT).0;
            if !bytes.is_empty() {
                promise.broken(Seen::More, format!("it sent {}", bytes::show(&bytes, 60)));
            }
        }
    }

    fn someone_is_there(&self, limit: Duration) -> bool {
        is_ready(self.listener.as_fd(), PollFlags::POLLIN, limit)
    }
}

/// A port of `ip` on which nobody listens, and that nobody else can take meanwhile: a
/// bound socket that does not listen refuses connections.
pub struct ClosedPort {
    _socket: Socket,
    /// The address where nobody listens.
    pub address: SocketAddr,
}

impl ClosedPort {
    /// Takes a free port of `ip` and leaves it closed.
    pub fn on(ip: IpAddr) -> Self {
        Self::take(SocketAddr::new(ip, 0)).unwrap_or_else(|error| broken_machine(&error))
    }

    /// Takes this very port, if nobody has it.
    pub fn at(address: SocketAddr) -> Option<Self> {
        Self::take(address).ok()
    }

    fn take(address: SocketAddr) -> io::Result<Self> {
        let socket = new_socket(address.ip())?;
        socket.bind(&address.into())?;
        let address = socket.local_addr()?.as_socket().ok_or(ErrorKind::Other)?;
        Ok(Self { _socket: socket, address })
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }
}

/// A server too busy to take another connection: its queue is full, so the kernel drops
/// each further SYN and a client hears nothing at all. `None` where a full queue answers.
pub struct Busy {
    _listener: Socket,
    _waiting: Vec<Socket>,
    /// Its address.
    pub address: SocketAddr,
}

impl Busy {
    /// Listens, and fills its own queue.
    pub fn start() -> Option<Self> {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let start = || -> io::Result<Option<Self>> {
            let listener = new_socket(ip)?;
            listener.bind(&SocketAddr::new(ip, 0).into())?;
            listener.listen(1)?;
            let address = listener.local_addr()?.as_socket().ok_or(ErrorKind::Other)?;
            let mut waiting = Vec::new();
            for _ in 0..16 {
                let client = new_socket(ip)?;
                let full = client.connect_timeout(&address.into(), Duration::from_millis(100));
                match full {
                    Ok(()) => waiting.push(client),
                    Err(error) if error.kind() == ErrorKind::TimedOut => {
                        return Ok(Some(Self {
                            _listener: listener,
                            _waiting: waiting,
                            address,
                        }));
                    }
                    Err(_) => break,
                }
            }
            Ok(None)
        };
        start().unwrap_or_else(|error| broken_machine(&error))
    }
}

/// A reset is something in any case.
fn is_ready(descriptor: BorrowedFd<'_>, something: PollFlags, limit: Duration) -> bool {
    let mut descriptors = [PollFd::new(descriptor, something)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    poll(&mut descriptors, limit).is_ok_and(|ready| ready > 0)
}

fn new_socket(ip: IpAddr) -> io::Result<Socket> {
    Socket::new(if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 }, Type::STREAM, None)
}
