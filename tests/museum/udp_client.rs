//! Exhibits of `udp_client`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::{End, failed, flaw, message, print_reply, resolve, rest, seconds};

/// Asks over UDP
#[derive(Parser)]
#[command(name = "udp_client", version, after_help = "Examples:\n  udp_client ::1 4000 hi")]
struct Options {
    /// Host
    #[arg(default_value = "localhost")]
    host: String,
    /// Port
    #[arg(default_value_t = 12000)]
    port: u16,
    /// Message
    message: Option<OsString>,
    /// Seconds for each try
    #[arg(long, default_value = "2", value_parser = seconds)]
    timeout: Duration,
    /// Tries after the first
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// Connect the socket
    #[arg(long)]
    connect: bool,
}

pub(crate) fn run() -> End {
    let mut options = Options::parse();
    options.connect |= flaw("always-connects");
    options.connect &= !flaw("never-connects");
    let mut message = message(options.message.as_ref())?;
    if flaw("sends-a-nul") {
        message.push(0);
    }
    let server = resolve(&options.host, options.port)?[0];
    let most = if server.is_ipv4() { 65_507 } else { 65_527 };
    let length = match flaw("limits-characters") {
        true => String::from_utf8_lossy(&message).chars().count(),
        false => message.len(),
    };
    if length > most && !flaw("sends-what-cannot-fit") {
        let status = if flaw("status-1-for-arguments") { 1 } else { 2 };
        return Err((status, "error: message: more than a datagram holds".to_owned()));
    }
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).unwrap();
    if options.connect {
        socket.connect(server).unwrap();
    }
    socket.set_nonblocking(true).unwrap();

    let tries =
        if flaw("retries-are-tries") { options.retries.max(1) } else { options.retries + 1 };
    for number in 1..=tries {
        let cut =
            if flaw("sends-what-cannot-fit") { message.len().min(most) } else { message.len() };
        if number == 1 || !flaw("retries-only-wait") {
            let sent = if options.connect {
                socket.send(&message[..cut])
            } else {
                socket.send_to(&message[..cut], server)
            };
            if let Err(error) = sent
                && error.kind() != ErrorKind::ConnectionRefused
            {
                return Err(failed(
                    &format!("sending to {server} failed: {error}"),
                    "try again",
                ));
            }
        }
        let mut start = Instant::now();
        let mut buffer = vec![0; if flaw("small-buffer") { 1024 } else { 65_535 }];
        while start.elapsed() < options.timeout || flaw("waits-for-ever") {
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == server || flaw("believes-strangers") => {
                    if flaw("sends-all-retries") && number < tries {
                        let _ = socket.send_to(&message, server);
                    }
                    return print_reply("", &buffer[..length]);
                }
                Ok(_) if flaw("strangers-restart-the-clock") => start = Instant::now(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    let gives_up = flaw("always-connects") || flaw("refused-is-the-end");
                    if number == tries || gives_up {
                        return Err(failed(
                            &format!("Connection refused: {server}"),
                            "start udp_server",
                        ));
                    }
                }
                Err(_) => rest(),
            }
        }
    }
    let within = if flaw("within-2-always") { 2.0 } else { options.timeout.as_secs_f64() };
    let end = failed(
        &format!("no reply from {server} within {within} s"),
        "UDP cannot tell a lost datagram from a server that is not there",
    );
    if flaw("no-reply-is-success") { print_reply(&end.1, b"") } else { Err(end) }
}
