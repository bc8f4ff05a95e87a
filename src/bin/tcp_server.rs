//! Lab 2, the server: the bytes of a connection come back in uppercase as they arrive.
//!
//!     cargo run --bin tcp_server
//!
//! Calls introduced here: socket(2), bind(2) and listen(2) (`TcpListener::bind`),
//! accept(2), read(2), write(2), close(2).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use socket_lab::cli::{self, Failure};
use socket_lab::stop::{self, Connections};
use socket_lab::{net, terminal};
use socket2::SockRef;

/// How much one read may take: large enough that the calls cost little.
const BUFFER: usize = 64 * 1024;

/// How long to wait before accept(2) is tried again after an error, for example because
/// the process has no file descriptor left.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Answers the bytes of each connection in uppercase, one connection after another.
#[derive(Parser)]
#[command(name = "tcp_server", version, after_help = EXAMPLES)]
struct Options {
    /// Port to listen on; 0 takes any free one
    #[arg(default_value_t = 12000)]
    port: u16,

    /// Address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    host: String,

    /// End a connection after this long without a byte in either direction
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = cli::seconds)]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --bin tcp_server
  cargo run --bin tcp_server -- 4000 --timeout 60
  cargo run --bin tcp_server -- 0 --host ::1";

fn main() -> ExitCode {
    cli::run(serve)
}

fn serve(options: Options) -> Result<(), Failure> {
    let connections = Connections::default();
    stop::on_signal(&connections)?;
    let address = net::resolve_first(&options.host, options.port)?;

    // Fill in start 2.1: listen, say where, and attend to one client after another

    // Three system calls in one: socket(2) makes a socket, bind(2) gives it an address,
    // listen(2) lets the kernel complete handshakes for it from now on. A client can
    // connect before the first accept: its connection waits in the backlog. (On Unix it
    // also sets SO_REUSEADDR, so that connections of an earlier server that linger in
    // TIME-WAIT do not keep the port.)
    let listener = TcpListener::bind(address)
        .map_err(|error| net::cannot_listen("tcp_server", address, &error))?;
    // Port 0 asked the kernel to choose; the socket knows what it chose.
    let bound = listener.local_addr().map_err(|error| Failure::refused(net::why(&error)))?;
    terminal::say(&format!("The server is ready to receive on {bound}"))?;
    loop {
        // Blocks until a connection is there. The listening socket stays as it is; the
        // connection is a socket of its own, with the same local port.
        match listener.accept() {
            Ok((stream, client)) => attend(stream, client, &connections, &options),
            Err(error) => {
                // The client may have gone before we came to it. Not this server's end.
                cli::notice(format_args!("cannot accept: {}", net::why(&error)));
                thread::sleep(PAUSE_AFTER_ERROR);
            }
        }
    }
    // Fill in instead: todo!("2.1: listen, say where, and attend to one client after another")
    // Fill in end 2.1
}

/// Attends to one client; what goes wrong with its connection is no matter to the next.
fn attend(stream: TcpStream, client: SocketAddr, connections: &Connections, options: &Options) {
    // Known to the signal handler until _place is dropped, so that Ctrl-C can end the
    // connection in good order.
    let stream = Arc::new(stream);
    let Some(_place) = connections.enter(&stream) else { return };
    if let Err(error) = answer_in_uppercase(&stream, options.timeout) {
        cli::notice(match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let time = cli::show_seconds(options.timeout);
                format!("{client}: not a byte for {time}, closed")
            }
            _ => format!("{client}: {}", net::why(&error)),
        });
    }
    // Dropping the stream closes the connection: the client reads the end.
}

/// One connection, from its first byte to the client's end.
fn answer_in_uppercase(mut stream: &TcpStream, timeout: Duration) -> io::Result<()> {
    // Without a limit, one silent client would keep all others waiting for ever.
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    // A write that blocks goes on when much of the send buffer is free again. With a small
    // one a client that reads slowly is not taken for one that does not read.
    SockRef::from(stream).set_send_buffer_size(BUFFER)?;
    // Small answers leave at once instead of waiting for an acknowledgement of the one
    // before (Nagle's algorithm, RFC 9293 §3.7.4).
    stream.set_nodelay(true)?;

    // Fill in start 2.2: answer in uppercase until the client closes its side
    let mut buffer = [0; BUFFER];
    loop {
        // Blocks until at least one byte is there, and returns what is there: half a
        // line or three lines, whatever TCP delivered. Ok(0) is not "nothing yet": it is
        // the client's FIN, the end of what it sends.
        let length = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &mut buffer[..length];
        bytes.make_ascii_uppercase();

        // write(2) may take only a part; write_all repeats it for the rest. It blocks
        // while the buffers on the way to a client that does not read are full.
        stream.write_all(bytes)?;
    }
    // Fill in instead: todo!("2.2: answer in uppercase until the client closes its side")
    // Fill in end 2.2
}
