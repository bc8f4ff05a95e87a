//! Exhibits of `tcp_server`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::{
    End, answer, cannot_listen, flaw, piece, ready, resolve, rest, seconds, stop_flag, stopped,
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
    let options = Options::parse();
    let host = if flaw("all-addresses") { "0.0.0.0" } else { &options.host };
    let address = resolve(host, options.port)?[0];
    let listener =
        TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))?;
    listener.set_nonblocking(true).unwrap();
    let stop = if flaw("no-signal-handler") { <_>::default() } else { stop_flag() };
    let mut local = listener.local_addr().unwrap();
    if flaw("all-addresses") {
        local.set_ip("127.0.0.1".parse().unwrap());
    }
    ready(local, options.port)?;

    while !stopped(&stop) {
        match listener.accept() {
            Ok((stream, _)) => {
                let served = serve(stream, options.timeout, &stop);
                if flaw("an-error-ends-the-server") {
                    served.map_err(|error| (1, format!("error: connection: {error}")))?;
                }
                if flaw("leaks-descriptors") {
                    std::mem::forget(listener.try_clone().unwrap());
                }
                if flaw("one-client-only") {
                    return Ok(());
                }
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
    let size = if flaw("one-read") { 1024 } else { 10_000 };
    let (mut buffer, mut ready, mut held) = (vec![0; size], Vec::new(), Vec::new());
    let start = Instant::now();
    let (mut last, mut ended) = (start, false);
    let mut asked_to_stop = None;
    loop {
        if stopped(stop) {
            let since = *asked_to_stop.get_or_insert_with(Instant::now);
            if ready.is_empty()
                || flaw("drops-its-answer-at-the-end")
                || since.elapsed() > GRACE
            {
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
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let enough = match () {
            () if flaw("waits-for-the-end") => ended,
            () if flaw("waits-for-a-newline") => held.contains(&b'\n') || ended,
            () => !held.is_empty(),
        };
        if enough && !held.is_empty() {
            ready = answer(&held);
            held.clear();
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
        if ended && ready.is_empty() {
            if flaw("does-not-close") {
                std::mem::forget(stream);
            }
            return Ok(());
        }
        let idle = if flaw("timeout-for-all") { start } else { last };
        if idle.elapsed() > timeout && !flaw("no-timeout") {
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
