//! One executable that plays every exhibit of the museum.
//!
//! It is the program by whose name it is called, and has the one mistake that
//! `MUSEUM_EXHIBIT` names. Without a name it has none: then it is a right program, built
//! unlike the kit's own (sockets that never block, and a loop that asks them).

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what shows the mistakes of beginners may look like it"
)]

mod http_client;
mod tcp_client;
mod tcp_server;
mod threaded_web_server;
mod udp_client;
mod udp_server;
mod web_server;

use std::io::{self, BufRead, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How a program ends: with a status, and what it says on stderr.
pub(crate) type End = Result<(), (u8, String)>;

const EXIT_UNKNOWN: u8 = 99;

fn main() -> ExitCode {
    let call = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&call).file_name().and_then(|name| name.to_str());
    if manner("slow-to-start") {
        pause();
    }
    let end = match program {
        Some("udp_server") => udp_server::run(),
        Some("udp_client") => udp_client::run(),
        Some("tcp_server") => tcp_server::run(),
        Some("tcp_client") => tcp_client::run(),
        Some("web_server") => web_server::run(),
        Some("threaded_web_server") => threaded_web_server::run(),
        Some("http_client") => http_client::run(),
        _ => Err((EXIT_UNKNOWN, "error: call this by the name of a program".to_owned())),
    };
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err((_, text)) if text.is_empty() => ExitCode::SUCCESS,
        Err((status, text)) => {
            if flaw("colour-by-stdout") && io::stdout().is_terminal() {
                eprintln!("\x1b[31m{text}\x1b[0m");
            } else {
                eprintln!("{text}");
            }
            ExitCode::from(status)
        }
    }
}

/// Whether this mistake is to be made.
pub(crate) fn flaw(name: &str) -> bool {
    std::env::var_os("MUSEUM_EXHIBIT").is_some_and(|exhibit| exhibit == name)
}

/// Whether it is to go about it in this manner, which is a right one.
pub(crate) fn manner(name: &str) -> bool {
    flaw(name)
}

/// What the next write is to take.
pub(crate) fn piece(bytes: &[u8]) -> &[u8] {
    let most = match bytes.len() {
        _ if !manner("tiny-pieces") => bytes.len(),
        // What is long would take for ever, but for its end.
        1000.. => 1000,
        length => length.min(1 + length % 7),
    };
    &bytes[..most]
}

/// Longer than any program should need to start.
pub(crate) fn pause() {
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        rest();
    }
}

/// Set once SIGINT or SIGTERM has come.
pub(crate) fn stop_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).unwrap();
    }
    flag
}

pub(crate) fn stopped(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// Nothing to do for a moment.
pub(crate) fn rest() {
    thread::park_timeout(Duration::from_millis(1));
}

pub(crate) fn failed(what: &str, hint: &str) -> (u8, String) {
    if flaw("no-hint") {
        (1, format!("error: {what}"))
    } else {
        (1, format!("error: {what}\nhint: {hint}"))
    }
}

pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> (u8, String) {
    let text = error.to_string();
    failed(&format!("listening on {address} failed: {text}"), "port 0 takes any free port")
}

pub(crate) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, (u8, String)> {
    let found = (host, port).to_socket_addrs();
    let mut found: Vec<SocketAddr> =
        found.map_err(|error| (1, format!("error: {host}: {error}")))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    if flaw("ipv6-first") && host == "localhost" {
        found = vec![SocketAddr::new("::1".parse().unwrap(), port)];
    }
    Ok(found)
}

/// Prints the ready line.
pub(crate) fn ready(mut address: SocketAddr, asked: u16) -> End {
    if manner("slow-to-start") {
        pause();
    }
    if flaw("says-port-0") && asked == 0 {
        address.set_port(0);
    }
    let line = format!("The server is ready to receive on {address}\n");
    if flaw("does-not-flush") {
        return Ok(()); // as if it stayed in a buffer
    }
    if flaw("says-localhost") {
        return print(
            format!("The server is ready to receive on localhost:{}\n", address.port())
                .as_bytes(),
        );
    }
    print(line.as_bytes())
}

pub(crate) fn print(bytes: &[u8]) -> End {
    let mut out = io::stdout();
    let done = out.write_all(bytes).and_then(|()| out.flush());
    if flaw("panics-on-closed-stdout") {
        done.unwrap();
        return Ok(());
    }
    match done {
        Err(error)
            if error.kind() == io::ErrorKind::BrokenPipe || flaw("a-full-stdout-is-closed") =>
        {
            Err((0, String::new()))
        }
        Err(error) => Err((1, format!("error: stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints a peer's bytes.
pub(crate) fn print_reply(before: &str, reply: &[u8]) -> End {
    let mut line = before.as_bytes().to_vec();
    if flaw("decodes-the-reply") {
        line.extend(String::from_utf8_lossy(reply).bytes());
    } else if io::stdout().is_terminal() && !flaw("raw-on-terminal") {
        line.extend(escape(reply).bytes());
    } else {
        line.extend(reply);
    }
    line.push(b'\n');
    print(&line)
}

/// Text that cannot drive a terminal.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            let ends_a_line = character == '\r' && characters.peek() == Some(&'\n');
            if character.is_control() && !matches!(character, '\n' | '\t') && !ends_a_line {
                text.extend(character.escape_unicode());
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

/// The message: an argument, or a line of stdin.
pub(crate) fn message(argument: Option<&std::ffi::OsString>) -> Result<Vec<u8>, (u8, String)> {
    if let Some(argument) = argument {
        return Ok(argument.as_encoded_bytes().to_vec());
    }
    if io::stdin().is_terminal() || flaw("always-prompts") {
        let prompt = b"Input lowercase sentence: ";
        if flaw("prompts-on-stdout") {
            io::stdout().write_all(prompt).and_then(|()| io::stdout().flush()).unwrap();
        } else {
            io::stderr().write_all(prompt).unwrap();
        }
    }
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line).unwrap();
    if line.is_empty() && !flaw("end-is-empty-line") {
        return Err((2, "error: no message: no line on stdin".to_owned()));
    }
    if line.last() == Some(&b'\n') && !flaw("sends-the-newline") {
        line.pop();
    }
    if flaw("trims-the-message") {
        line = String::from_utf8_lossy(&line).trim().into();
    }
    Ok(line)
}

/// Reads an option's time.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

/// Makes a server's answer of a client's bytes.
pub(crate) fn answer(bytes: &[u8]) -> Vec<u8> {
    if flaw("unicode-uppercase") {
        return String::from_utf8_lossy(bytes).to_uppercase().into();
    }
    if flaw("trims-the-answer") {
        return String::from_utf8_lossy(bytes).trim_end().to_ascii_uppercase().into();
    }
    bytes.iter().map(u8::to_ascii_uppercase).collect()
}
