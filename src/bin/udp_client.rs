//! Lab 1, the client: sends one datagram and waits for one in return.
//!
//!     cargo run --bin udp_client
//!
//! Calls introduced here: sendto(2) without a connection, recvfrom(2) with a time limit
//! (`SO_RCVTIMEO`), and with `--connect` what connect(2) means over UDP.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::ValueParser;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, terminal};
use socket2::SockRef;

const DEFAULT_PORT: u16 = 12000;

/// The largest payload of a datagram over IPv6: the length field of a UDP header is 16
/// bits wide and counts its own 8 bytes (RFC 768).
const LARGEST_OVER_IPV6: usize = 65_535 - 8;

/// Over IPv4 the packet with its 20 bytes of header is no longer than that (RFC 791 §3.1).
const LARGEST_OVER_IPV4: usize = LARGEST_OVER_IPV6 - 20;

/// Sends a message in a datagram and prints the reply.
#[derive(Parser)]
#[command(name = "udp_client", version, after_help = EXAMPLES)]
struct Options {
    /// Name or address of the server
    #[arg(default_value = "localhost")]
    host: String,

    /// Port of the server
    #[arg(default_value_t = DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// What to send; without it, one line of standard input
    #[arg(value_parser = ValueParser::os_string())]
    message: Option<OsString>,

    /// How long to wait for a reply to each try
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = cli::seconds)]
    timeout: Duration,

    /// How often to send again when no reply came
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,

    /// Connect the socket, so that the operating system tells what it learns of the server
    #[arg(long)]
    connect: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin udp_client
  cargo run --bin udp_client -- localhost 12000 'hello, world'
  cargo run --bin udp_client -- --timeout 0.5 --retries 3 localhost 4000
  echo hello | cargo run --bin udp_client -- ::1 --connect";

fn main() -> ExitCode {
    cli::run(ask_the_server)
}

fn ask_the_server(options: Options) -> Result<(), Failure> {
    let mut server = net::resolve_first(&options.host, options.port)?;
    if server.ip().is_unspecified() {
        // 0.0.0.0 is what a server says that receives at all addresses. Nobody answers
        // from it: what is sent there goes to this machine and comes back from 127.0.0.1.
        server.set_ip(match server {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let largest = if server.is_ipv4() { LARGEST_OVER_IPV4 } else { LARGEST_OVER_IPV6 };
    let message = match &options.message {
        Some(message) => message.as_encoded_bytes().to_vec(),
        None => terminal::ask_for_message(largest)?,
    };
    if message.len() > largest {
        return Err(Failure::usage(format!(
            "message too long: a datagram to {server} holds at most {largest} bytes"
        )));
    }

    // A client binds too, but does not care to which port: 0 lets the kernel choose one.
    // The server reads it from the datagram and answers there.
    let any = match server {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).map_err(|error| cannot("open a socket", &error))?;
    // Some systems send no datagram that is larger than the send buffer, and give 9,216
    // bytes to it.
    SockRef::from(&socket)
        .set_send_buffer_size(LARGEST_OVER_IPV6)
        .map_err(|error| cannot("set the send buffer", &error))?;
    if options.connect {
        // Fill in start 1.6: connect the socket to the server

        // Nothing is sent: over UDP, connect(2) only notes the peer in the socket. From
        // now on the kernel drops datagrams from others, and reports the ICMP message
        // "port unreachable". To an unconnected socket it would not: that may have sent to
        // many, and recvfrom(2) could not say whose port it was.
        socket.connect(server).map_err(|error| cannot("connect", &error))?;
        // Fill in instead: todo!("1.6: connect the socket to the server");
        // Fill in end 1.6
    }

    // Fill in start 1.5: try as often as the options say, then give up
    let tries = u64::from(options.retries) + 1;
    for number in 1..=tries {
        let last = number == tries;
        if let Some(reply) = try_once(&socket, server, &message, &options, last)? {
            return print(&reply);
        }
        if !last {
            let next = number + 1;
            cli::notice(format_args!("no reply yet, sending again (try {next} of {tries})"));
        }
    }
    Err(no_reply(server, &options, tries))
    // Fill in instead: match try_once(&socket, server, &message, &options, true)? {
    // Fill in instead:     Some(reply) => print(&reply),
    // Fill in instead:     None => Err(no_reply(server, &options, 1)),
    // Fill in instead: }
    // Fill in end 1.5
}

fn print(reply: &[u8]) -> Result<(), Failure> {
    terminal::show(reply)?;
    terminal::say("")
}

/// Sends `message` and waits for the reply; `None` if the time for this try ran out.
fn try_once(
    socket: &UdpSocket,
    server: SocketAddr,
    message: &[u8],
    options: &Options,
    last: bool,
) -> Result<Option<Vec<u8>>, Failure> {
    let deadline = Instant::now() + options.timeout;
    let sent = if options.connect {
        send_to_the_peer(socket, message)
    } else {
        // Fill in start 1.3: send the message to the server

        // Without a connection sending succeeds whether or not there is a server: the
        // datagram is on its way, and nothing comes back to say what became of it.
        socket.send_to(message, server)
        // Fill in instead: todo!("1.3: send the message to the server")
        // Fill in end 1.3
    };
    sent.map_err(|error| cannot(&format!("send to {server}"), &error))?;

    // Fill in start 1.4: wait for the server's reply, and not beyond the deadline
    let mut buffer = [0; LARGEST_OVER_IPV6];
    loop {
        // A receive timeout of zero would mean to wait for ever.
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left)).map_err(|error| cannot("set a timeout", &error))?;
        match socket.recv_from(&mut buffer) {
            // Anyone may send to an unconnected socket. Only the server's word counts.
            Ok((length, from)) if (from.ip(), from.port()) == (server.ip(), server.port()) => {
                return Ok(Some(buffer[..length].to_vec()));
            }
            Ok(_) => {}
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(None),
                ErrorKind::Interrupted => {}
                // Before the last try there is still hope: the server may come up while
                // we wait for this one's time to end.
                ErrorKind::ConnectionRefused if !last => {}
                ErrorKind::ConnectionRefused => return Err(refused(server)),
                _ => return Err(cannot(&format!("receive from {server}"), &error)),
            },
        }
    }
    // Fill in instead: todo!("1.4: wait for the server's reply")
    // Fill in end 1.4
}

/// Sends on a connected socket.
fn send_to_the_peer(socket: &UdpSocket, message: &[u8]) -> io::Result<usize> {
    match socket.send(message) {
        // What came of an earlier try, which the kernel kept for us. It is told instead of
        // sending, and only once.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(message),
        sent => sent,
    }
}

fn no_reply(server: SocketAddr, options: &Options, tries: u64) -> Failure {
    let tries = if tries == 1 { String::new() } else { format!(" ({tries} tries)") };
    let within = cli::show_seconds(options.timeout);
    Failure::refused(format!("no reply from {server} within {within}{tries}")).with_hint(
        format!(
            "UDP has no connection, so a server that is not there, a lost datagram and a lost \
         reply all look like this; is `{}` running?",
            net::start_command("udp_server", server, DEFAULT_PORT)
        ),
    )
}

/// What a connected socket learns from the ICMP message "port unreachable".
fn refused(server: SocketAddr) -> Failure {
    Failure::refused(format!("Connection refused: no socket is bound to {server}")).with_hint(
        format!(
            "start the server first: {}",
            net::start_command("udp_server", server, DEFAULT_PORT)
        ),
    )
}

fn cannot(what: &str, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot {what}: {}", net::why(error)))
}
