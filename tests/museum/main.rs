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

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use clap::Parser;
use clap::builder::Resettable;

/// How a program ends: with a status, and what it says on stderr.
pub(crate) type End = Result<(), (u8, String)>;

const EXIT_UNKNOWN: u8 = 99;

fn main() -> ExitCode {
    let call = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&call).file_name().and_then(|name| name.to_str());
    if manner("slow-to-start") {
        pause();
    }
    if flaw("traceback-on-ctrl-c") {
        shows_a_traceback();
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
            let status = if flaw("an-error-is-status-0") { 0 } else { status };
            if flaw("colour-by-stdout") && io::stdout().is_terminal() {
                eprintln!("\x1b[31m{text}\x1b[0m");
            } else {
                tell(&text);
            }
            ExitCode::from(status)
        }
    }
}

/// Says what went wrong.
fn tell(text: &str) {
    let mut text = text.to_owned();
    if flaw("one-message-for-all") {
        text = "error: that did not work".to_owned();
    }
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    if flaw("always-in-colour")
        || flaw("colour-if-forced") && forced
        || flaw("colour-despite-no-color") && io::stderr().is_terminal()
    {
        text = text.replacen("error:", "\x1b[31merror:\x1b[0m", 1);
    }
    if flaw("errors-on-stdout") {
        let _ = print(format!("{text}\n").as_bytes());
    } else {
        eprintln!("{text}");
    }
}

/// The options that a program was called with.
pub(crate) fn options<T: Parser>() -> Result<T, (u8, String)> {
    let mut command = T::command();
    if flaw("help-without-examples") {
        command = command.after_help(Resettable::Reset);
    }
    if flaw("examples-first") {
        let examples = command.get_after_help().unwrap().clone();
        command = command.before_help(examples).after_help(Resettable::Reset);
    }
    if flaw("help-without-descriptions") {
        let last = command.get_arguments().last().unwrap().get_id().clone();
        command = command.mut_arg(last, |argument| argument.hide(true));
    }
    if flaw("no-version") {
        command = command.disable_version_flag(true);
    }
    for (name, argument, value) in [
        ("any-port-unless-told", "port", "0"),
        ("echo-port-unless-told", "port", "7"),
        ("open-unless-told", "host", "0.0.0.0"),
        ("three-seconds-unless-told", "timeout", "3"),
        ("one-retry-unless-told", "retries", "1"),
    ] {
        if flaw(name) {
            command = command.mut_args(|its| match its.get_id() == argument {
                true => its.default_value(value),
                false => its,
            });
        }
    }
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if flaw("reads-numbers-as-atoi-does") {
        let is_word =
            |argument: &OsStr| argument.as_encoded_bytes().iter().all(u8::is_ascii_lowercase);
        arguments.iter_mut().filter(|it| is_word(it)).for_each(|it| *it = "0".into());
    }
    let error = match command.try_get_matches_from(arguments) {
        Ok(matches) => return Ok(T::from_arg_matches(&matches).unwrap()),
        Err(error) => error,
    };
    let text = error.to_string().trim_end().to_owned();
    if !error.use_stderr() && flaw("help-is-an-error") {
        return Err((2, text));
    }
    if !error.use_stderr() {
        error.exit();
    }
    assert!(!flaw("panics-on-arguments"), "{text}");
    Err((if flaw("status-1-for-arguments") { 1 } else { 2 }, text))
}

/// Ends on Ctrl-C as scripts do that have not thought of it.
fn shows_a_traceback() {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT]).unwrap();
    let wait = move || {
        if signals.forever().next().is_some() {
            eprintln!("Traceback (most recent call last):\n  …\nKeyboardInterrupt");
            let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
        }
    };
    thread::Builder::new().spawn(wait).unwrap();
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
    let (ctrl_c, terminate) = (SIGINT, SIGTERM);
    for (signal, unhandled) in [(ctrl_c, "sigterm-only"), (terminate, "ctrl-c-only")] {
        if !flaw(unhandled) {
            signal_hook::flag::register(signal, Arc::clone(&flag)).unwrap();
        }
    }
    if flaw("ctrl-c-is-status-130") {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(ctrl_c, 130, always).unwrap();
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
    assert!(!flaw("panics-on-bind"), "{text}");
    failed(&format!("listening on {address} failed: {text}"), "port 0 takes any free port")
}

pub(crate) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, (u8, String)> {
    if flaw("addresses-only") && host.parse::<IpAddr>().is_err() {
        return Err((1, format!("error: {host}: invalid IP address")));
    }
    let found = (host, port).to_socket_addrs();
    if flaw("panics-on-an-unknown-host") {
        assert!(found.is_ok(), "{host} is not known");
    }
    let silent = flaw("says-nothing-of-an-unknown-host");
    let unknown = |error: io::Error| match silent {
        true => (1, "\n".to_owned()),
        false => (1, format!("error: {host}: {error}")),
    };
    let mut found: Vec<SocketAddr> = found.map_err(unknown)?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    if flaw("host-ignored") {
        found = vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)];
    }
    if flaw("looks-up-ipv4-alone") && found.iter().all(SocketAddr::is_ipv6) {
        return Err((1, format!("error: {host}: no address of its family")));
    }
    if flaw("ipv6-first") && host.parse::<IpAddr>().is_err() {
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
        Err(_) if flaw("ignores-a-closed-stdout") => Ok(()),
        Err(error)
            if error.kind() == io::ErrorKind::BrokenPipe
                && !flaw("a-closed-stdout-is-an-error")
                || flaw("a-full-stdout-is-closed") =>
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
    } else if flaw("prints-the-form-of-bytes") {
        line.extend(format!("b'{}'", reply.escape_ascii()).bytes());
    } else if io::stdout().is_terminal() && flaw("escapes-esc-alone") {
        line.extend(String::from_utf8_lossy(reply).replace('\x1b', "^[").bytes());
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
pub(crate) fn message(argument: Option<&OsString>) -> Result<Vec<u8>, (u8, String)> {
    if flaw("prompts-first") {
        prompt();
    }
    let is_missing = |argument: &&OsString| flaw("empty-is-missing") && argument.is_empty();
    if let Some(argument) = argument.filter(|argument| !is_missing(argument)) {
        return Ok(argument.as_encoded_bytes().to_vec());
    }
    if !flaw("prompts-first") {
        prompt();
    }
    let mut line = Vec::new();
    if flaw("reads-all-of-stdin") {
        io::stdin().lock().read_to_end(&mut line).unwrap();
        line = line.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    } else {
        io::stdin().lock().read_until(b'\n', &mut line).unwrap();
    }
    if line.is_empty() && flaw("asks-again-at-the-end") {
        io::stdin().lock().read_until(b'\n', &mut line).unwrap();
    }
    let none = line.is_empty() || flaw("an-empty-line-is-none") && line == b"\n";
    if none && !flaw("end-is-empty-line") {
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

/// Asks for a message where somebody can answer.
fn prompt() {
    if !io::stdin().is_terminal() && !flaw("always-prompts") {
        return;
    }
    let prompt = b"Input lowercase sentence: ";
    if flaw("prompts-on-stdout") {
        io::stdout().write_all(prompt).and_then(|()| io::stdout().flush()).unwrap();
    } else {
        io::stderr().write_all(prompt).unwrap();
    }
}

/// Reads an option's time.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    if flaw("odd-times-are-a-crash") {
        return Ok(Duration::from_secs_f64(number));
    }
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
    if flaw("prints-what-comes") {
        let _ = print(&[bytes, b"\n"].concat());
    }
    let mut answer: Vec<u8> = match flaw("no-upper-bound") {
        // Not only letters stand behind a.
        true => bytes.iter().map(|byte| byte - u8::from(*byte >= b'a') * 32).collect(),
        false => bytes.iter().map(u8::to_ascii_uppercase).collect(),
    };
    if flaw("ends-at-a-nul") {
        answer = answer.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    }
    answer
}
