//! Which sockets a process really has, from /proc. Elsewhere than on Linux nothing is
//! known, and the checks go by what programs say.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::processes::with_descendants;

/// Addresses at which `root` or a descendant listens for connections or receives
/// datagrams. `None` where that cannot be known.
pub fn open_for_clients(root: Pid) -> Option<Vec<SocketAddr>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut addresses = Vec::new();
    for pid in with_descendants(root) {
        let inodes = socket_inodes(pid);
        if inodes.is_empty() {
            continue;
        }
        // proc_pid_net(5): state 0A is LISTEN; 07 is an unconnected UDP socket.
        for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
            let lines =
                fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            // Behind a load there are tens of thousands of lines, nearly all of connections.
            let may_fit = format!(" {state} ");
            for line in lines.lines().skip(1).filter(|line| line.contains(&may_fit)) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                if let [_, local, _, its_state, _, _, _, _, _, inode, ..] = fields[..]
                    && its_state == state
                    && inodes.contains(inode)
                    && let Some(address) = address(local)
                    && address.port() != 0
                {
                    addresses.push(address);
                }
            }
        }
    }
    Some(addresses)
}

/// Whether this machine has an IPv6 loopback address.
pub fn has_ipv6() -> bool {
    std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// Whether `localhost` here has an IPv4 and an IPv6 address.
pub fn localhost_has_both() -> bool {
    let found = ("localhost", 1).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    found.is_ok_and(|found| {
        found.iter().any(SocketAddr::is_ipv4) && found.iter().any(SocketAddr::is_ipv6)
    })
}

/// Whether this machine takes all of 127.0.0.0/8 as its own, as Linux does.
pub fn has_second_loopback() -> bool {
    std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).is_ok()
}

fn socket_inodes(pid: Pid) -> HashSet<String> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    descriptors
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// `0100007F:2EE0` is 127.0.0.1:12000: words of 4 bytes in the machine's own order.
fn address(field: &str) -> Option<SocketAddr> {
    let (ip, port) = field.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = Vec::new();
    for start in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(start..start + 8)?, 16).ok()?;
        octets.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether a listening socket could be bound there, and nobody's connections of before stand
/// in the way (TIME_WAIT).
pub fn is_free(address: SocketAddr) -> bool {
    // std's TcpListener would pass over those by SO_REUSEADDR; a server need not.
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    socket.is_ok_and(|socket| socket.bind(&address.into()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_sockets_are_found() {
        let me = Pid::this();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mine = [listener.local_addr().expect("bound"), socket.local_addr().expect("bound")];
        if let Some(found) = open_for_clients(me) {
            assert!(
                mine.iter().all(|address| found.contains(address)),
                "{mine:?} in {found:?}"
            );
        }
    }
}
