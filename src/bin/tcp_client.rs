//! Lab 2, the client: sends a message and reads until as many bytes have come back.
//!
//!     cargo run --bin tcp_client
//!
//! Calls introduced here: connect(2), and shutdown(2) to end one direction of a
//! connection while the other goes on.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::ValueParser;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, terminal};
use socket2::SockRef;

const DEFAULT_PORT: u16 = 12000;

/// How much one read or write moves.
const BUFFER: usize = 64 * 1024;

/// How often a reading thread that waits looks at the clock.
const LOOK: Duration = Duration::from_millis(50);

/// Sends a message over a connection and prints the reply.
#[derive(Parser)]
#[command(name = "tcp_client", version, after_help = EXAMPLES)]
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

    /// How long to wait for the connection, and then without progress
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = cli::seconds)]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin tcp_client
  cargo run --bin tcp_client -- localhost 12000 'hello, world'
  cargo run --bin tcp_client -- --timeout 0.5 ::1 4000 hello
  echo hello | cargo run --bin tcp_client";

fn main() -> ExitCode {
    cli::run(ask_the_server)
}

fn ask_the_server(options: Options) -> Result<(), Failure> {
    // The message first: a person who is still typing should not keep a server busy.
    let message = match &options.message {
        Some(message) => message.as_encoded_bytes().to_vec(),
        None => terminal::ask_for_message(usize::MAX)?,
    };
    let addresses = net::resolve(&options.host, options.port)?;
    let stream = connect(&addresses, options.timeout)?;

    let mut reply = Vec::new();
    let ended = exchange(&stream, &message, &mut reply, options.timeout);
    let printed = match &ended {
        Err(_) if reply.is_empty() => Ok(()),
        _ => print_reply(&reply),
    };
    ended.map_err(|error| {
        let (came, all) = (reply.len(), message.len());
        let what = match error.kind() {
            ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
            ErrorKind::TimedOut => {
                format!("no progress for {}", cli::show_seconds(options.timeout))
            }
            _ => net::why(&error),
        };
        Failure::refused(format!("{what}: {came} of {all} bytes came back"))
    })?;
    printed
}

fn print_reply(reply: &[u8]) -> Result<(), Failure> {
    terminal::print(b"From Server: ")?;
    terminal::show(reply)?;
    terminal::say("")
}

/// Connects to the first of `addresses` that answers.
fn connect(addresses: &[SocketAddr], timeout: Duration) -> Result<TcpStream, Failure> {
    // Fill in start 2.3: connect to the first address that answers
    let mut failures = Vec::new();
    for &address in addresses {
        // Blocks while the kernels exchange SYN, SYN+ACK and ACK. If nothing listens on
        // the port, the other kernel answers with RST: "Connection refused", at once.
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => failures.push(cannot_connect(address, timeout, &error)),
        }
    }
    // The first address is the one that the user most likely meant.
    Err(failures.swap_remove(0))
    // Fill in instead: todo!("2.3: connect to the first address that answers")
    // Fill in end 2.3
}

fn cannot_connect(address: SocketAddr, timeout: Duration, error: &io::Error) -> Failure {
    let start = net::start_command("tcp_server", address, DEFAULT_PORT);
    net::cannot_connect(address, timeout, error, &format!("start the server first: {start}"))
}

/// Sends `message` while `reply` comes in, until as many bytes have come back.
///
/// Both at once: a server that answers as it reads stops reading when nobody takes its
/// answers. A client that first sent everything would then wait for the server, and the
/// server for the client.
fn exchange(
    stream: &TcpStream,
    message: &[u8],
    reply: &mut Vec<u8>,
    timeout: Duration,
) -> io::Result<()> {
    // A write that blocks goes on when much of the send buffer is free again; with a small
    // one, progress shows early. The read timeout is short so that the reading thread can
    // look at the clock of both directions. It is set here, once: some systems refuse to
    // set it when both sides have said that no more will come.
    SockRef::from(stream).set_send_buffer_size(BUFFER)?;
    stream.set_read_timeout(Some(timeout.min(LOOK)))?;
    let progress = Progress(Mutex::new(Instant::now()));
    // Fill in start 2.6: send and receive at the same time
    thread::scope(|scope| {
        // An error of this thread is not lost: the receiving one sees the same
        // connection end, and knows better how much came back.
        thread::Builder::new().spawn_scoped(scope, || send(stream, message, &progress))?;
        let ended = receive(stream, message.len(), reply, timeout, &progress);
        // Wakes the sending thread, should it still be blocked in write(2).
        let _ = stream.shutdown(Shutdown::Both);
        ended
    })
    // Fill in instead: send(stream, message, &progress)?;
    // Fill in instead: receive(stream, message.len(), reply, timeout, &progress)
    // Fill in end 2.6
}

fn send(mut stream: &TcpStream, message: &[u8], progress: &Progress) -> io::Result<()> {
    // Fill in start 2.4: send the message, and say that no more will come
    for piece in message.chunks(BUFFER) {
        stream.write_all(piece)?;
        progress.note();
    }
    // Sends FIN: the server reads Ok(0), "no more from this client", and can still answer.
    stream.shutdown(Shutdown::Write)
    // Fill in instead: todo!("2.4: send the message, and say that no more will come")
    // Fill in end 2.4
}

fn receive(
    mut stream: &TcpStream,
    expected: usize,
    reply: &mut Vec<u8>,
    timeout: Duration,
    progress: &Progress,
) -> io::Result<()> {
    // Fill in start 2.5: receive until as many bytes have come back as were sent
    let mut buffer = [0; BUFFER];
    while reply.len() < expected {
        if progress.age() >= timeout {
            return Err(ErrorKind::TimedOut.into());
        }
        // Not one byte more than was sent: the reply ends there.
        let most = BUFFER.min(expected - reply.len());
        match stream.read(&mut buffer[..most]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                reply.extend_from_slice(&buffer[..length]);
                progress.note();
            }
            Err(error) => match error.kind() {
                // Nothing yet. Perhaps the other direction has moved meanwhile.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(())
    // Fill in instead: todo!("2.5: receive until as many bytes have come back as were sent")
    // Fill in end 2.5
}

/// When a byte last moved, in either direction.
struct Progress(Mutex<Instant>);

impl Progress {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
