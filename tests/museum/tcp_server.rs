//! Exhibits of `tcp_server`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Parser;
use socket2::SockRef;

use crate::{
    End, answer, cannot_listen, flaw, options, piece, ready, resolve, rest, seconds, stop_flag,
    stopped,
};

/// How long an answer under way may take once the server is to end.
const GRACE: Duration = Duration::from_secs(4);

/// Uppercase over TCP
#[derive(Parser)]
#[command(name = "tcp_server", version, after_help = "Examples:\n  tcp_server 4000")]
struct Options {
    /// Port
    #[arg(default_value_t = 12000)]
    port: u16,
    /// Address
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Seconds without a byte that end a connection
    #[arg(long, default_value = "15", value_parser = seconds)]
    timeout: Duration,
}

pub(crate) fn run() -> End {
    let options: Options = options()?;
    let host = if flaw("all-addresses") { "0.0.0.0" } else { &options.host };
    let address = resolve(host, options.port)?[0];
    let mut listener =
        TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))?;
    listener.set_nonblocking(true).unwrap();
    let stop = if flaw("no-signal-handler") { <_>::default() } else { stop_flag() };
    let mut local = listener.local_addr().unwrap();
    if flaw("all-addresses") {
        local.set_ip("127.0.0.1".parse().unwrap());
    }
    ready(local, options.port)?;

    let start = Instant::now();
    let mut clients = 0;
    while !stopped(&stop) {
        match listener.accept() {
            Ok((stream, _)) => {
                clients += 1;
                if flaw("a-hundred-clients") && clients > 100 {
                    return Ok(());
                }
                if flaw("asks-who-it-is") {
                    stream.peer_addr().unwrap();
                }
                let served = if flaw("listens-anew-for-each-client") {
                    drop(listener);
                    let served = serve(stream, options.timeout, &stop);
                    listener = TcpListener::bind(local).unwrap();
                    listener.set_nonblocking(true).unwrap();
                    served
                } else {
                    serve(stream, options.timeout, &stop)
                };
                if flaw("an-error-ends-the-server") {
                    served.map_err(|error| (1, format!("error: connection: {error}")))?;
                }
                if flaw("one-client-only") {
                    return Ok(());
                }
            }
            Err(_) if flaw("timeout-for-accept") && start.elapsed() > options.timeout => {
                return Err((1, "error: accept: timed out".to_owned()));
            }
            Err(_) => rest(),
        }
    }
    Ok(())
}

fn serve(mut stream: TcpStream, timeout: Duration, stop: &AtomicBool) -> io::Result<()> {
    if flaw("waits-for-a-full-buffer") {
        return serve_full_buffers(&stream);
    }
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let size =
        if flaw("one-read") || flaw("goes-on-after-a-full-buffer") { 1024 } else { 10_000 };
    let (mut buffer, mut ready, mut held) = (vec![0; size], Vec::new(), Vec::new());
    let start = Instant::now();
    let (mut last, mut ended, mut is_full) = (start, false, false);
    let mut asked_to_stop = None;
    loop {
        if stopped(stop) && !flaw("waits-for-its-clients") {
            let since = *asked_to_stop.get_or_insert_with(Instant::now);
            let no_limit = flaw("waits-for-answers-for-ever");
            // Not at the first pause, so that a busy machine does not hide it.
            let has_paused = !no_limit || last.elapsed() > GRACE / 2;
            if (ready.is_empty() || flaw("resets-at-the-end")) && has_paused
                || since.elapsed() > GRACE && !no_limit
            {
                if flaw("resets-at-the-end") {
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                }
                return Ok(());
            }
        }
        let before = last;
        // Nothing more is taken in while an answer is on its way out.
        if ready.is_empty() && !ended {
            match stream.read(&mut buffer) {
                Ok(0) if flaw("reads-on-at-the-end") => last = Instant::now(),
                Ok(0) => ended = true,
                Ok(length) => {
                    held.extend_from_slice(&buffer[..length]);
                    last = Instant::now();
                    is_full = length == buffer.len();
                    if flaw("quit-ends-it") && held.starts_with(b"quit") {
                        signal_hook::low_level::raise(signal_hook::consts::SIGTERM)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let enough = match () {
            () if flaw("waits-for-the-end") => ended,
            () if flaw("goes-on-after-a-full-buffer") => !is_full || ended,
            () if flaw("waits-for-a-newline") => held.contains(&b'\n') || ended,
            () => !held.is_empty(),
        };
        if enough && !held.is_empty() {
            ready = answer(&held);
            held.clear();
            if flaw("flushes-at-a-newline") && !ended {
                let end = ready.iter().rposition(|byte| *byte == b'\n');
                held = ready.split_off(end.map_or(0, |at| at + 1));
            }
            if flaw("whole-buffer") {
                ready.resize(1024, 0);
            }
        }
        if !ready.is_empty() {
            match stream.write(piece(&ready)) {
                Ok(length) => {
                    ready.drain(..length);
                    last = Instant::now();
                    if flaw("one-write") {
                        ready.clear();
                    }
                    if flaw("one-read") {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if ended && ready.is_empty() && held.is_empty() {
            if flaw("does-not-close") {
                std::mem::forget(stream);
            }
            return Ok(());
        }
        let idle = if flaw("timeout-for-all") { start } else { last };
        let is_free = flaw("no-timeout") || flaw("no-timeout-for-writing") && !ready.is_empty();
        if idle.elapsed() > timeout && !is_free {
            return Err(ErrorKind::TimedOut.into());
        }
        if last == before {
            rest();
        }
    }
}

/// Answers once a buffer is full, or at the end.
fn serve_full_buffers(mut stream: &TcpStream) -> io::Result<()> {
    loop {
        let mut bytes = Vec::new();
        stream.take(1024).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(());
        }
        stream.write_all(&answer(&bytes))?;
    }
}
