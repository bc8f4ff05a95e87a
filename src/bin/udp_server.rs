//! Lab 1, the server: every datagram comes back in uppercase.
//!
//!     cargo run --bin udp_server
//!
//! Calls introduced here: socket(2) and bind(2) (`UdpSocket::bind`), recvfrom(2), sendto(2).

use std::net::UdpSocket;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, stop, terminal};
use socket2::SockRef;

/// The largest payload that the 16-bit length field of a UDP header allows: 65,535 less
/// its own 8 bytes (RFC 768). Over IPv4 the IP header takes 20 more.
const LARGEST_DATAGRAM: usize = 65_535 - 8;

/// How long to wait before recvfrom(2) is tried again after an error, so that one that
/// stays does not keep the machine busy.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Answers each datagram with its bytes, a-z as A-Z.
#[derive(Parser)]
#[command(name = "udp_server", version, after_help = EXAMPLES)]
struct Options {
    /// Port to receive on; 0 takes any free one
    #[arg(default_value_t = 12000)]
    port: u16,

    /// Address to receive on; 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    host: String,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin udp_server
  cargo run --bin udp_server -- 4000
  cargo run --bin udp_server -- 0 --host ::1";

fn main() -> ExitCode {
    cli::run(serve)
}

fn serve(options: Options) -> Result<(), Failure> {
    stop::on_signal(&stop::Connections::default())?;
    let address = net::resolve_first(&options.host, options.port)?;

    // Fill in start 1.1: bind a socket to the address, and say where it receives

    // A UDP server has one socket for all its clients. Once it is bound to a port, the
    // kernel queues each datagram that arrives there, whoever sent it.
    let socket = UdpSocket::bind(address)
        .map_err(|error| net::cannot_listen("udp_server", address, &error))?;
    // Port 0 asked the kernel to choose; the socket knows what it chose.
    let bound = socket.local_addr().map_err(|error| Failure::refused(net::why(&error)))?;
    terminal::say(&format!("The server is ready to receive on {bound}"))?;
    // Fill in instead: let socket: UdpSocket = todo!("1.1: bind a socket to the address");
    // Fill in end 1.1

    // Some systems send no datagram that is larger than the send buffer, and give 9,216
    // bytes to it.
    SockRef::from(&socket)
        .set_send_buffer_size(LARGEST_DATAGRAM)
        .map_err(|error| Failure::refused(net::why(&error)))?;
    answer_each_datagram(&socket)
}

fn answer_each_datagram(socket: &UdpSocket) -> Result<(), Failure> {
    // Fill in start 1.2: send each datagram back in uppercase to where it came from

    // What does not fit into the buffer of recvfrom is thrown away by the kernel, so it
    // must hold the largest datagram there can be.
    let mut buffer = [0; LARGEST_DATAGRAM];
    loop {
        // Blocks until a datagram is there and takes exactly one, whole. There is no
        // connection, so only the datagram itself tells who sent it. A length of 0 is an
        // empty datagram, not the end of anything.
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                // Never this server's end: some systems report here that an earlier
                // reply found nobody.
                cli::notice(format_args!("cannot receive: {}", net::why(&error)));
                thread::sleep(PAUSE_AFTER_ERROR);
                continue;
            }
        };
        let datagram = &mut buffer[..length];
        datagram.make_ascii_uppercase();

        // One call, one datagram. Success means that the kernel has taken it, not that it
        // has arrived, nor that it will.
        if let Err(error) = socket.send_to(datagram, client) {
            cli::notice(format_args!("cannot answer {client}: {}", net::why(&error)));
        }
    }
    // Fill in instead: socket.recv_from(&mut []).map_err(|error| Failure::refused(net::why(&error)))?;
    // Fill in instead: todo!("1.2: send each datagram back in uppercase")
    // Fill in end 1.2
}
