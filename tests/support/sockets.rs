//! Which sockets a process really has, from /proc. Elsewhere than on Linux nothing is
//! known, and the checks go by what programs say.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;

use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::processes::with_descendants;

/// Addresses at which `root` or a descendant listens for connections or receives
/// datagrams. `None` where that cannot be known.
pub fn open_for_clients(root: Pid) -> Option<Vec<SocketAddr>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let theirs: HashSet<u64> =
        with_descendants(root).into_iter().flat_map(socket_inodes).collect();
    if theirs.is_empty() {
        return Some(Vec::new());
    }
    let listening =
        listening().unwrap_or_else(|| [table("tcp", LISTEN), table("tcp6", LISTEN)].concat());
    let receiving = [table("udp", UNCONNECTED), table("udp6", UNCONNECTED)].concat();
    let open = listening.into_iter().chain(receiving);
    let open = open.filter(|(address, inode)| address.port() != 0 && theirs.contains(inode));
    Some(open.map(|(address, _)| address).collect())
}

#[cfg(target_os = "linux")]
mod sock_diag;

#[cfg(target_os = "linux")]
use sock_diag::listening;

#[cfg(not(target_os = "linux"))]
fn listening() -> Option<Vec<(SocketAddr, u64)>> {
    None
}

/// States of proc_pid_net(5): of a TCP socket, and of a UDP socket.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// The address and the inode of each socket of a table in /proc that is in this state.
fn table(name: &str, state: &str) -> Vec<(SocketAddr, u64)> {
    // Behind a load there are tens of thousands of lines, nearly all of connections.
    let may_fit = format!(" {state} ");
    let sockets = entries(name, |line| line.contains(&may_fit));
    let sockets = sockets.into_iter().filter(|socket| socket.state == state);
    sockets.map(|socket| (socket.local, socket.inode)).collect()
}

/// A socket in the tables of /proc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Its number in proc_pid_net(5), as `01` for an established one.
    pub(crate) state: String,
    /// Bytes that have come and were not read. A FIN counts as one.
    pub(crate) unread: usize,
    /// Of the socket, or 0: then no process has it, as before accept(2).
    pub(crate) inode: u64,
}

/// Whether this is the inode of a UDP socket.
pub(crate) fn receives_datagrams(inode: u64) -> bool {
    let mut tables = ["udp", "udp6"].into_iter();
    tables.any(|table| entries(table, |_| true).iter().any(|socket| socket.inode == inode))
}

/// All TCP sockets of this machine: of a connection both ends, where both are here.
pub(crate) fn tcp_entries() -> Vec<Entry> {
    [entries("tcp", |_| true), entries("tcp6", |_| true)].concat()
}

fn entries(table: &str, may_fit: impl Fn(&str) -> bool) -> Vec<Entry> {
    let lines = fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
    lines.lines().skip(1).filter(|line| may_fit(line)).filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, remote, state, queues, _, _, _, _, inode, ..] = fields[..] else {
        return None;
    };
    let (_, unread) = queues.split_once(':')?;
    Some(Entry {
        local: address(local)?,
        remote: address(remote)?,
        state: state.to_owned(),
        unread: usize::from_str_radix(unread, 16).ok()?,
        inode: inode.parse().ok()?,
    })
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

/// The inodes of all sockets of a process.
pub(crate) fn socket_inodes(pid: Pid) -> Vec<u64> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    descriptors.filter_map(|entry| inode_at(&entry.ok()?.path())).collect()
}

/// The inode of the socket that a process has as this descriptor.
pub(crate) fn inode_of(pid: Pid, descriptor: i32) -> Option<u64> {
    inode_at(Path::new(&format!("/proc/{pid}/fd/{descriptor}")))
}

fn inode_at(descriptor: &Path) -> Option<u64> {
    let target = fs::read_link(descriptor).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
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
    // An IPv4 client of an IPv6 socket is shown as ::ffff:127.0.0.1.
    Some(SocketAddr::new(ip.to_canonical(), port))
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

    #[test]
    fn the_tables_have_what_the_kernel_answers() {
        let listeners = ["127.0.0.1:0", "[::1]:0"].map(std::net::TcpListener::bind);
        let mine = listeners.iter().flatten().filter_map(|mine| mine.local_addr().ok());
        let mine: Vec<SocketAddr> = mine.collect();
        let tables = [table("tcp", LISTEN), table("tcp6", LISTEN)].concat();
        if let Some(answered) = listening() {
            let of_mine = |sockets: Vec<(SocketAddr, u64)>| -> HashSet<(SocketAddr, u64)> {
                sockets.into_iter().filter(|(address, _)| mine.contains(address)).collect()
            };
            let answered = of_mine(answered);
            assert_eq!(answered.len(), mine.len(), "{mine:?} in {answered:?}");
            assert_eq!(answered, of_mine(tables));
        }
    }
}
