//! Names to addresses, and the errors of sockets in words.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::cli::{self, Failure};

/// The addresses of `host`, IPv4 first, each with `port`. Never empty.
///
/// `host` is a name, an IPv4 address, or an IPv6 address with or without brackets.
///
/// # Errors
/// The name is unknown, or nobody could be asked.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // getaddrinfo(3) asks /etc/hosts and the domain name system.
    let found = (bare, port).to_socket_addrs().map_err(|error| {
        Failure::refused(format!("cannot find the address of {host}: {}", why(&error)))
            .with_hint("is the name spelled right? `localhost` is this machine")
    })?;
    // ::ffff:127.0.0.1 is an IPv4 address in the clothes of IPv6 (RFC 4291 §2.5.5.2).
    let canonical = |address: SocketAddr| match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, port)),
        IpAddr::V6(_) => address,
    };
    let mut addresses: Vec<SocketAddr> = found.map(canonical).collect();
    if addresses.is_empty() {
        return Err(Failure::refused(format!(
            "cannot find the address of {host}: it has none"
        )));
    }
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

/// The one address that a server binds: the first of `host`.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_first(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    Ok(resolve(host, port)?[0])
}

/// What to tell the user of `program` when bind(2) or listen(2) on `address` failed.
pub fn cannot_listen(program: &str, address: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::refused(format!("cannot listen on {address}: {}", why(error)));
    match error.kind() {
        io::ErrorKind::AddrInUse => failure.with_hint(format!(
            "another program, perhaps an older {program}, holds port {}: end it, or take \
             any free port with `cargo run --bin {program} -- 0`",
            address.port()
        )),
        io::ErrorKind::AddrNotAvailable => failure.with_hint(
            "--host takes an address of this machine: 127.0.0.1 for this machine alone, \
             0.0.0.0 to let others in",
        ),
        io::ErrorKind::PermissionDenied => {
            failure.with_hint("ports below 1024 are for the administrator; take a higher one")
        }
        _ => failure,
    }
}

/// What to tell the user when connect(2) to `address` failed, with `timeout` as its limit.
/// `hint` says what to do where nothing listens.
pub fn cannot_connect(
    address: SocketAddr,
    timeout: Duration,
    error: &io::Error,
    hint: &str,
) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::refused(format!("Connection refused: nothing is listening on {address}"))
                .with_hint(hint)
        }
        io::ErrorKind::TimedOut => Failure::refused(format!(
            "cannot connect to {address}: no answer within {}",
            cli::show_seconds(timeout)
        ))
        .with_hint("a busy server, a firewall on the way, or a machine that is off"),
        _ => Failure::refused(format!("cannot connect to {address}: {}", why(error))),
    }
}

/// How long, and how much, a client may go on sending behind its last answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// Ends a connection on which bytes of the client may still be under way.
///
/// A close(2) with bytes unread sends RST, and RST lets the client's kernel throw away what
/// it has not read yet: our answer. So we first say that no more will come from us, and read
/// what the client still sends, for a while (RFC 9112 §9.6).
///
/// # Errors
/// The connection ended in disorder meanwhile.
pub fn close_gently(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + LINGER;
    let (mut buffer, mut left) = ([0; 4096], LINGER_BYTES);
    loop {
        let time = deadline.saturating_duration_since(Instant::now());
        if time.is_zero() || left == 0 {
            return Ok(());
        }
        stream.set_read_timeout(Some(time))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => left = left.saturating_sub(length),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(()),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

/// The command that starts `server` where a client looked for it.
pub fn start_command(server: &str, address: SocketAddr, default_port: u16) -> String {
    let host = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => String::new(),
        other => format!(" --host {other}"),
    };
    let port = match address.port() {
        port if port == default_port => String::new(),
        port => format!(" {port}"),
    };
    let separator = if host.is_empty() && port.is_empty() { "" } else { " --" };
    format!("cargo run --bin {server}{separator}{host}{port}")
}

/// An error's reason without the number that the operating system gave it.
pub fn why(error: &io::Error) -> String {
    // What read(2) and write(2) say when a socket's timeout has run out.
    if error.kind() == io::ErrorKind::WouldBlock {
        return "timed out".to_owned();
    }
    let text = error.to_string();
    let end = text.find(" (os error ").unwrap_or(text.len());
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_may_stand_in_brackets() {
        for host in ["::1", "[::1]"] {
            let addresses = resolve(host, 80).map_err(|failure| format!("{failure:?}"));
            assert_eq!(addresses, Ok(vec![SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80))]));
        }
    }

    #[test]
    fn the_start_command_names_only_what_is_not_the_default() {
        let command = |address| start_command("tcp_server", address, 12000);
        let v4 = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let v6 = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 12000));
        assert_eq!(command(v4(12000)), "cargo run --bin tcp_server");
        assert_eq!(command(v4(4000)), "cargo run --bin tcp_server -- 4000");
        let other = SocketAddr::from(([127, 0, 0, 2], 4000));
        assert_eq!(command(v6), "cargo run --bin tcp_server -- --host ::1");
        assert_eq!(command(other), "cargo run --bin tcp_server -- --host 127.0.0.2 4000");
    }

    #[test]
    fn an_address_that_cannot_be_had_comes_with_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        for (kind, hint) in [
            (io::ErrorKind::AddrInUse, "an older web_server, holds port 80"),
            (io::ErrorKind::AddrNotAvailable, "an address of this machine"),
            (io::ErrorKind::PermissionDenied, "take a higher one"),
        ] {
            let told = format!("{:?}", cannot_listen("web_server", address, &kind.into()));
            assert!(told.contains(hint), "{told}");
        }
    }

    #[test]
    fn reasons_are_words() {
        for number in 1..130 {
            let words = why(&io::Error::from_raw_os_error(number));
            assert!(!words.is_empty() && !words.contains("os error"), "{words}");
        }
    }
}
