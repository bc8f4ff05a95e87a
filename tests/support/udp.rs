//! UDP peers that keep a record: clients of a server under test, and servers for a client
//! under test.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::program::{Ended, Running, Server};
use crate::record::{Lane, What};
use crate::story::{Promise, Seen, broken_machine};
use crate::{A_MOMENT, PATIENCE, bytes, state};

/// Larger than any datagram, so that one that is too long shows.
const BUFFER: usize = 70_000;

/// A client of the server under test, with a socket of its own.
pub struct Client {
    socket: UdpSocket,
    server: SocketAddr,
    lane: Lane,
}

impl Server {
    /// A further client.
    pub fn udp_client(&self) -> Client {
        Client::of(self.address)
    }
}

impl Client {
    /// A client that talks to `server`.
    pub fn of(server: SocketAddr) -> Self {
        let (socket, address) = bound(loopback_like(server.ip()));
        let lane = Lane::new(&format!(":{}", address.port()), server);
        Self { socket, server, lane }
    }

    /// Sends one datagram.
    pub fn send(&self, datagram: &[u8]) {
        self.lane.note(What::Sent(datagram.into()));
        if let Err(error) = self.socket.send_to(datagram, self.server) {
            broken_machine(&error);
        }
    }

    /// The next datagram must be exactly `want`, from the server's own address, in answer
    /// to `sent`.
    pub fn expect(&self, sent: &[u8], want: &[u8], promise: &Promise) {
        let Some((got, from)) = receive(&self.socket, PATIENCE) else {
            self.lane.note(What::Silence(PATIENCE));
            let state = state::of_the_program(None);
            let happened = format!("no reply within {} s{}", PATIENCE.as_secs(), state.told);
            promise.broken_because(Seen::Nothing, happened, state.cause);
        };
        self.lane.note(What::Came(got[..].into()));
        if from.port() != self.server.port() {
            promise.broken_because(
                Seen::Other,
                format!("a reply came from {from}, not from {}", self.server),
                Some(
                    "the reply was sent through another socket than the one that received: \
                      the client does not know it"
                        .to_owned(),
                ),
            );
        }
        let Some(difference) = bytes::difference(want, &got) else { return };
        let seen = match () {
            () if want.starts_with(&got) => Seen::Part,
            () if got.starts_with(want) => Seen::More,
            () => Seen::Other,
        };
        let mut mistake = bytes::likely_mistake(sent, want, &got);
        let rest = want.strip_prefix(&got[..]).filter(|_| seen == Seen::Part);
        let next = rest.and_then(|_| receive(&self.socket, A_MOMENT));
        if rest.zip(next).is_some_and(|(rest, (next, _))| rest.starts_with(&next)) {
            let cut = "the reply was cut into several datagrams: send it whole, with one call";
            mistake = Some(cut.to_owned());
        }
        if seen == Seen::More {
            let stale = "more came than belongs to this datagram: send back only as many bytes \
                         of the buffer as the last receive has filled";
            mistake.get_or_insert_with(|| stale.to_owned());
        }
        promise.broken_because(seen, format!("in the reply {difference}"), mistake);
    }

    /// The next datagrams must be exactly `wants`, in any order: UDP promises none.
    pub fn expect_all(&self, wants: &[&[u8]], promise: &Promise) {
        let mut missing = wants.to_vec();
        while !missing.is_empty() {
            let Some((got, _)) = receive(&self.socket, PATIENCE) else {
                self.lane.note(What::Silence(PATIENCE));
                let first = bytes::show(missing[0], 40);
                let text = format!(
                    "{} of {} came; not {first}",
                    wants.len() - missing.len(),
                    wants.len()
                );
                promise.broken(Seen::Nothing, text);
            };
            self.lane.note(What::Came(got[..].into()));
            match missing.iter().position(|want| *want == got) {
                Some(place) => drop(missing.swap_remove(place)),
                None => {
                    let seen = if wants.contains(&&got[..]) { Seen::More } else { Seen::Other };
                    let text = format!("{} came, which was not due", bytes::show(&got, 40));
                    promise.broken(seen, text);
                }
            }
        }
    }

    /// No datagram may come for a moment.
    pub fn expect_nothing(&self, promise: &Promise) {
        if let Some((got, _)) = receive(&self.socket, A_MOMENT) {
            self.lane.note(What::Came(got[..].into()));
            promise.broken(Seen::More, format!("a datagram came: {}", bytes::show(&got, 40)));
        }
    }

    /// The next datagram, if one comes in time.
    pub fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        let (got, _) = receive(&self.socket, limit)?;
        self.lane.note(What::Came(got[..].into()));
        Some(got)
    }
}

/// A server of the check's own, for a client under test.
pub struct Listening {
    socket: UdpSocket,
    /// Where it receives.
    pub address: SocketAddr,
    lane: std::cell::OnceCell<Lane>,
}

/// A datagram of the client under test.
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Datagram {
    /// It must hold exactly the bytes of `message`.
    pub fn must_be(&self, message: &[u8], promise: &Promise) {
        let Some(difference) = bytes::difference(message, &self.bytes) else { return };
        let seen = match () {
            () if message.starts_with(&self.bytes) => Seen::Part,
            () if self.bytes.starts_with(message) => Seen::More,
            () => Seen::Other,
        };
        promise.broken(seen, format!("in the datagram that the client sent, {difference}"));
    }
}

impl Listening {
    /// Receives on a free port of 127.0.0.1.
    pub fn start() -> Self {
        Self::on(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
    }

    /// Receives at `address`.
    pub fn on(address: SocketAddr) -> Self {
        Self::try_on(address).unwrap_or_else(|error| broken_machine(&error))
    }

    /// Receives at `address` if nobody else does.
    pub fn try_on(address: SocketAddr) -> io::Result<Self> {
        let (socket, address) = bind(address)?;
        Ok(Self { address, socket, lane: std::cell::OnceCell::new() })
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Waits for the next datagram of `client`, the program under test.
    pub fn receive(&self, client: &Running, promise: &Promise) -> Datagram {
        match self.receive_if_sent(client) {
            Ok(datagram) => datagram,
            Err(Some(end)) => {
                let again = if self.lane.get().is_some() { " again" } else { "" };
                let happened = format!("it ended without sending{again}: {}", end.told());
                let taken = end.errors().contains("ddress already in use").then(|| {
                    "a client needs no port of its own choice: do not bind it, or to port 0"
                        .to_owned()
                });
                promise.broken_because(Seen::Ended, happened, taken);
            }
            Err(None) => {
                let told = state::of_the_program(None).told;
                let happened = format!("no datagram came from it, or no further one{told}");
                promise.broken(Seen::Nothing, happened)
            }
        }
    }

    /// As [`Listening::receive`]; without a datagram, how the client ended, if it did.
    pub fn receive_if_sent(&self, client: &Running) -> Result<Datagram, Option<Ended>> {
        let until = Instant::now() + PATIENCE.max(client.left_to_start());
        loop {
            // Looked at first: what it sent before its end is there by then.
            let end = client.ended_within(Duration::ZERO);
            if let Some((bytes, from)) = receive(&self.socket, Duration::from_millis(20)) {
                let port = format!(":{}", from.port());
                let lane = self.lane.get_or_init(|| Lane::new(&port, self.address));
                lane.note(What::Sent(bytes[..].into()));
                return Ok(Datagram { from, bytes });
            }
            if end.is_some() || until < Instant::now() {
                return Err(end);
            }
        }
    }

    /// Answers.
    pub fn reply(&self, to: &Datagram, bytes: &[u8]) {
        if let Some(lane) = self.lane.get() {
            lane.note(What::Came(bytes.into()));
        }
        self.send(to, bytes);
    }

    /// Sends to the client from here, but as somebody it has not asked.
    pub fn intrude(&self, on: &Datagram, server: &Self, bytes: &[u8]) {
        if let Some(lane) = server.lane.get() {
            lane.note(What::ServerDid(format!(
                "from {}, a stranger: {}",
                self.address,
                bytes::show(bytes, 12)
            )));
        }
        self.send(on, bytes);
    }

    /// No further datagram may have come.
    pub fn expect_no_more(&self, time: Duration, promise: &Promise) {
        if let Some((bytes, _)) = receive(&self.socket, time) {
            if let Some(lane) = self.lane.get() {
                lane.note(What::Sent(bytes[..].into()));
            }
            let text = format!("a further datagram came: {}", bytes::show(&bytes, 40));
            promise.broken(Seen::More, text);
        }
    }

    fn send(&self, to: &Datagram, bytes: &[u8]) {
        match self.socket.send_to(bytes, to.from) {
            // The client may have ended; its socket is then gone.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => broken_machine(&error),
        }
    }
}

/// A port of `ip` at which nobody receives, and that nobody else can take meanwhile: a
/// socket connected to a peer of its own does not take datagrams from others, and the
/// kernel answers them with "port unreachable".
pub struct ClosedPort {
    socket: UdpSocket,
    /// The address where nobody receives.
    pub address: SocketAddr,
}

impl ClosedPort {
    /// Takes a free port of `ip` and leaves it closed.
    pub fn on(ip: IpAddr) -> Self {
        let (socket, address) = bound(SocketAddr::new(ip, 0));
        if let Err(error) = socket.connect(address) {
            broken_machine(&error);
        }
        Self { socket, address }
    }

    /// Its port, as an argument.
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Gives the port up and receives on it from now on.
    pub fn open(self) -> io::Result<Listening> {
        let Self { socket, address } = self;
        drop(socket);
        Listening::try_on(address)
    }
}

fn bound(address: SocketAddr) -> (UdpSocket, SocketAddr) {
    bind(address).unwrap_or_else(|error| broken_machine(&error))
}

fn bind(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind(address)?;
    // The largest datagram takes more of the buffer than its bytes.
    let _ = SockRef::from(&socket).set_recv_buffer_size(1 << 20);
    let _ = SockRef::from(&socket).set_send_buffer_size(BUFFER);
    let address = socket.local_addr()?;
    Ok((socket, address))
}

fn loopback_like(ip: IpAddr) -> SocketAddr {
    let loopback = if ip.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    loopback.parse().unwrap_or_else(|_| SocketAddr::new(ip, 0))
}

fn receive(socket: &UdpSocket, limit: Duration) -> Option<(Vec<u8>, SocketAddr)> {
    let until = Instant::now() + limit;
    let mut buffer = vec![0; BUFFER];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
            return None;
        }
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                buffer.truncate(length);
                return Some((buffer, from));
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                return None;
            }
            Err(_) => {}
        }
    }
}
