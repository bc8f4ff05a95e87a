//! Exhibits of `udp_server`.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use crate::{
    End, answer, cannot_listen, flaw, options, ready, resolve, rest, stop_flag, stopped,
};

/// What fits into a packet of Ethernet.
const MTU: usize = 1472;

/// Uppercase over UDP
#[derive(Parser)]
#[command(name = "udp_server", version, after_help = "Examples:\n  udp_server 4000")]
struct Options {
    /// Port
    #[arg(default_value_t = 12000)]
    port: u16,
    /// Address
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
}

pub(crate) fn run() -> End {
    let options: Options = options()?;
    let host = if flaw("all-addresses") { "0.0.0.0" } else { &options.host };
    let address = resolve(host, options.port)?[0];
    let socket = open(address).map_err(|error| cannot_listen(address, &error))?;
    let stop = stop_flag();
    let mut local = socket.local_addr().unwrap();
    if flaw("all-addresses") {
        local.set_ip("127.0.0.1".parse().unwrap());
    }
    ready(local, options.port)?;

    let mut buffer = vec![0; if flaw("small-buffer") { 2048 } else { 65_535 }];
    let (mut only, mut served) = (None, false);
    let (mut last, mut before, mut rounds) = (Instant::now(), Vec::new(), 0);
    while !stopped(&stop)
        || flaw("ignores-signals")
        || served && flaw("ignores-signals-once-it-serves")
    {
        match socket.recv_from(&mut buffer) {
            Ok((0, _)) if flaw("empty-is-the-end") => return Ok(()),
            Ok((length, client)) => {
                (served, last, rounds) = (true, Instant::now(), rounds + 1);
                if flaw("a-thousand-rounds") && rounds == 1000
                    || flaw("quit-ends-it") && buffer.starts_with(b"quit")
                {
                    return Ok(());
                }
                let reply = answer(&buffer[..length]);
                if flaw("no-repetitions") && reply == before {
                    continue;
                }
                before.clone_from(&reply);
                let client = *only.get_or_insert(client);
                if !flaw("first-client-only") {
                    only = None;
                }
                if flaw("replies-from-another-socket") {
                    let other =
                        UdpSocket::bind((socket.local_addr().unwrap().ip(), 0)).unwrap();
                    let _ = other.send_to(&reply, client);
                } else if flaw("replies-twice") {
                    let _ = socket.send_to(&reply, client);
                    let _ = socket.send_to(&reply, client);
                } else if flaw("replies-in-pieces") && length > MTU {
                    for piece in reply.chunks(MTU) {
                        let _ = socket.send_to(piece, client);
                    }
                } else {
                    let _ = socket.send_to(&reply, client);
                }
            }
            Err(_) if flaw("ends-when-idle") && last.elapsed() > Duration::from_secs(3) => {
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest(),
            Err(error) if flaw("an-error-ends-the-server") => {
                return Err((1, format!("error: recvfrom: {error}")));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn open(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let is_ipv4 = address.is_ipv4() || flaw("socket-of-ipv4");
    let domain = if is_ipv4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    if flaw("an-error-ends-the-server") {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    }
    if flaw("small-socket-buffer") {
        socket.set_recv_buffer_size(1024)?;
    }
    socket.set_reuse_address(flaw("shares-its-port"))?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
