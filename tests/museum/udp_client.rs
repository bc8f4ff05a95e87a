//! Exhibits of `udp_client`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::{End, failed, flaw, message, options, print_reply, resolve, rest, seconds};

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
    let mut options: Options = options()?;
    if flaw("timeout-in-milliseconds") && options.timeout != Duration::from_secs(2) {
        options.timeout /= 1000;
    }
    options.connect |= flaw("always-connects");
    options.connect &= !flaw("never-connects");
    let mut message = message(options.message.as_ref())?;
    if flaw("sends-a-nul") {
        message.push(0);
    }
    let server = resolve(&options.host, options.port)?[0];
    let most = if server.is_ipv4() { 65_507 } else { 65_527 };
    if message.len() > most && !flaw("sends-what-cannot-fit") {
        let status = if flaw("status-1-for-arguments") { 1 } else { 2 };
        return Err((status, "error: message: more than a datagram holds".to_owned()));
    }
    if options.connect && flaw("connects-over-tcp") {
        TcpStream::connect(server)
            .map_err(|_| failed(&format!("Connection refused: {server}"), "start it"))?;
    }
    let local = if server.is_ipv4() || flaw("socket-of-ipv4") { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).unwrap();
    if options.connect {
        socket.connect(server).unwrap();
    }
    socket.set_nonblocking(true).unwrap();

    let tries =
        if flaw("retries-are-tries") { options.retries.max(1) } else { options.retries + 1 };
    let first = Instant::now();
    let mut printed = false;
    for number in 1..=tries {
        let cut =
            if flaw("sends-what-cannot-fit") { message.len().min(most) } else { message.len() };
        if number == 1 || !flaw("retries-only-wait") {
            let sent = if flaw("sends-in-pieces") {
                message.chunks(1024).try_fold(0, |_, piece| socket.send_to(piece, server))
            } else if options.connect {
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
        let mut start = if flaw("one-timeout-for-all-tries") { first } else { Instant::now() };
        let mut buffer = vec![0; if flaw("small-buffer") { 1024 } else { 65_535 }];
        while start.elapsed() < options.timeout || flaw("waits-for-ever") {
            match socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == server && flaw("prints-until-the-timeout") => {
                    print_reply("", &buffer[..length])?;
                    printed = true;
                }
                Ok((length, from)) if from == server || flaw("believes-strangers") => {
                    return print_reply("", &buffer[..length]);
                }
                Ok(_) if flaw("strangers-restart-the-clock") => start = Instant::now(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    if number == tries || flaw("always-connects") || flaw("refused-is-the-end")
                    {
                        return Err(failed(
                            &format!("Connection refused: {server}"),
                            "start udp_server",
                        ));
                    }
                }
                Err(_) => rest(),
            }
        }
        if printed {
            return Ok(());
        }
    }
    let within = options.timeout.as_secs_f64();
    let what = match flaw("errors-without-address") {
        true => format!("no reply within {within} s"),
        false => format!("no reply from {server} within {within} s"),
    };
    let end = failed(&what, "UDP cannot tell a lost datagram from a server that is not there");
    if flaw("no-reply-is-success") { print_reply(&end.1, b"") } else { Err(end) }
}
