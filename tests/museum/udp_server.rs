//! Exhibits of `udp_server`.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

use clap::Parser;
use socket2::{Domain, Socket, Type};

use crate::{End, answer, cannot_listen, flaw, ready, resolve, rest, stop_flag, stopped};

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
    let options = Options::parse();
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
    let mut only = None;
    let mut answered = 0;
    while !stopped(&stop) || flaw("ignores-signals") {
        match socket.recv_from(&mut buffer) {
            Ok((0, _)) if flaw("empty-is-the-end") => return Ok(()),
            Ok(_) if flaw("a-thousand-and-no-more") && answered == 1000 => return Ok(()),
            Ok((length, client)) => {
                answered += 1;
                let reply = answer(&buffer[..length]);
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
                } else {
                    let _ = socket.send_to(&reply, client);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest(),
            Err(_) => {}
        }
    }
    Ok(())
}

fn open(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    socket.set_reuse_address(flaw("shares-its-port"))?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
