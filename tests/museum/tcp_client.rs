//! Exhibits of `tcp_client`.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::{End, failed, flaw, manner, message, piece, print_reply, resolve, rest, seconds};

/// Asks over TCP
#[derive(Parser)]
#[command(name = "tcp_client", version, after_help = "Examples:\n  tcp_client ::1 4000 hi")]
struct Options {
    /// Host
    #[arg(default_value = "localhost")]
    host: String,
    /// Port
    #[arg(default_value_t = 12000)]
    port: u16,
    /// Message
    message: Option<OsString>,
    /// Seconds to connect, and without progress
    #[arg(long, default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

pub(crate) fn run() -> End {
    let options = Options::parse();
    let mut message = message(options.message.as_ref())?;
    if flaw("sends-a-newline") {
        message.push(b'\n');
    }
    let port = if flaw("always-port-1") { 1 } else { options.port };
    let addresses = resolve(&options.host, port)?;
    let mut stream = connect(&addresses, options.timeout, "start tcp_server")?;

    let mut reply = Vec::new();
    let end = exchange(&mut stream, &message, &mut reply, options.timeout);
    if end.is_ok() || !reply.is_empty() && !flaw("drops-a-part") {
        print_reply("From Server: ", &reply)?;
    }
    end.map_err(|error| {
        let total = match flaw("tells-characters") {
            true => String::from_utf8_lossy(&message).chars().count(),
            false => message.len(),
        };
        let text = format!("{error}: {} of {total} bytes", reply.len());
        failed(&text, "the server may have ended")
    })
}

pub(crate) fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
    hint: &str,
) -> Result<TcpStream, (u8, String)> {
    let mut first = None;
    for address in addresses {
        let connected = match () {
            () if flaw("panics-on-refusal") => Ok(TcpStream::connect(address).unwrap()),
            () if flaw("connects-for-ever") => TcpStream::connect(address),
            () => TcpStream::connect_timeout(address, timeout),
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                let text = format!("Connection refused: nothing is listening on {address}");
                first.get_or_insert_with(|| failed(&text, hint));
            }
            Err(error) => {
                first
                    .get_or_insert_with(|| failed(&format!("{address}: {error}"), "try again"));
            }
        }
    }
    Err(first.unwrap())
}

fn exchange(
    stream: &mut TcpStream,
    message: &[u8],
    reply: &mut Vec<u8>,
    timeout: Duration,
) -> io::Result<()> {
    if flaw("sends-before-it-reads") {
        stream.write_all(message)?;
    }
    stream.set_nonblocking(true)?;
    stream.set_nodelay(manner("tiny-pieces"))?;
    let mut unsent = if flaw("sends-before-it-reads") { &[][..] } else { message };
    if flaw("one-write") {
        let _ = stream.write(message)?;
        unsent = &[];
    }
    let mut buffer = vec![0; if flaw("one-read") { 1024 } else { 30_000 }];
    let mut last = Instant::now();
    let due = match flaw("counts-characters") {
        true => String::from_utf8_lossy(message).chars().count(),
        false => message.len(),
    };
    loop {
        let waits =
            flaw("waits-for-the-end") || flaw("waits-for-a-newline") && !reply.contains(&b'\n');
        if unsent.is_empty() && reply.len() >= due && !waits {
            if !flaw("does-not-count") {
                reply.truncate(due);
            }
            return Ok(());
        }
        let mut moved = false;
        match stream.write(piece(unsent)) {
            _ if unsent.is_empty() => {}
            Ok(length) => {
                unsent = &unsent[length..];
                moved = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        match stream.read(&mut buffer) {
            Ok(0) if flaw("an-early-end-is-success") || flaw("waits-for-the-end") => {
                return Ok(());
            }
            Ok(0) => return Err(io::Error::other("the server closed")),
            Ok(length) => {
                reply.extend_from_slice(&buffer[..length]);
                moved = true;
                if flaw("one-read") {
                    return Ok(());
                }
            }
            Err(error) if flaw("takes-nothing-yet-for-the-end") && unsent.is_empty() => {
                return Err(error);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if moved {
            if !flaw("timeout-for-all") {
                last = Instant::now();
            }
        } else if last.elapsed() > timeout
            && !flaw("waits-for-ever")
            && (unsent.is_empty() || !flaw("sends-for-ever"))
        {
            return Err(ErrorKind::TimedOut.into());
        } else {
            rest();
        }
    }
}
