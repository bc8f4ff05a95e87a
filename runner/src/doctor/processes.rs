//! Which process has which socket, as Linux tells in /proc: proc_pid_net(5), proc_pid_fd(5).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::course::{Port, Protocol};

/// The state of a TCP socket that listens, and of a UDP socket that is not connected.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// Linux counts times of processes in hundredths of a second (`USER_HZ`), on all machines
/// that a student has.
const TICKS: u64 = 100;

/// A socket that receives what comes for its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) port: Port,
    /// Of this machine; `0.0.0.0` and `::` are all of them.
    pub(super) address: IpAddr,
    /// The user who made it.
    pub(super) user: u32,
    inode: u64,
}

/// A process, as far as one may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) parent: u32,
    /// The name of its executable, or what it calls itself.
    pub(super) name: String,
    /// Its executable, unless it is somebody else's.
    pub(super) executable: Option<PathBuf>,
    /// Whether its executable is there no more: it was built anew, or removed.
    pub(super) is_outdated: bool,
    /// How it was called.
    pub(super) command: String,
    pub(super) user: u32,
    /// How long it has been running.
    pub(super) age: Option<Duration>,
}

/// The sockets that receive, of all processes; `None` where they cannot be seen.
pub(super) fn sockets() -> Option<Vec<Socket>> {
    let mut found = Vec::new();
    let (mut is_seen, tables) = (
        false,
        [
            ("tcp", Protocol::Tcp),
            ("tcp6", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("udp6", Protocol::Udp),
        ],
    );
    for (table, protocol) in tables {
        // Without IPv6 there are no tables for it.
        let Ok(text) = fs::read_to_string(format!("/proc/net/{table}")) else { continue };
        is_seen = true;
        found.extend(text.lines().skip(1).filter_map(|line| socket(line, protocol)));
    }
    // The tables are read from a place to the next one, counted from the start: where a socket
    // is made before it meanwhile, the one at that place comes again.
    let mut inodes = HashSet::new();
    found.retain(|socket| inodes.insert(socket.inode));
    is_seen.then_some(found)
}

/// Reads a line of such a table.
fn socket(line: &str, protocol: Protocol) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let state = match protocol {
        Protocol::Tcp => LISTEN,
        Protocol::Udp => UNCONNECTED,
    };
    if fields.get(3) != Some(&state) {
        return None;
    }
    let (address, number) = fields.get(1)?.split_once(':')?;
    let number = u16::from_str_radix(number, 16).ok()?;
    Some(Socket {
        port: Port { number, protocol },
        address: address_of(address)?,
        user: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// The kernel writes the bytes of an address as numbers of 32 bits, in its own byte order.
fn address_of(digits: &str) -> Option<IpAddr> {
    if ![8, 32].contains(&digits.len()) {
        return None;
    }
    let words: Option<Vec<[u8; 4]>> = digits
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect();
    let bytes = words?.concat();
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

/// The processes that have these sockets: an id for each inode. One may belong to several
/// processes, of which the first counts; those of other users cannot be seen.
pub(super) fn holders(sockets: &[Socket]) -> HashMap<u64, u32> {
    let wanted: HashMap<String, u64> = sockets
        .iter()
        .map(|socket| (format!("socket:[{}]", socket.inode), socket.inode))
        .collect();
    let mut found = HashMap::new();
    for id in ids() {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{id}/fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Ok(target) = fs::read_link(descriptor.path()) else { continue };
            let inode = target.to_str().and_then(|target| wanted.get(target));
            if let Some(inode) = inode {
                found.entry(*inode).or_insert(id);
            }
        }
    }
    found
}

impl Socket {
    /// The process that has it, of those that [`holders`] has found.
    pub(super) fn holder(&self, holders: &HashMap<u64, u32>) -> Option<u32> {
        holders.get(&self.inode).copied()
    }

    /// Whether a server at 127.0.0.1 cannot have its port.
    pub(super) fn is_in_the_way(&self) -> bool {
        // A socket at `::` mostly takes IPv4 as well (IPV6_V6ONLY, ipv6(7)).
        self.address == IpAddr::V4(Ipv4Addr::LOCALHOST) || self.address.is_unspecified()
    }
}

/// All processes, by their ids in ascending order.
fn ids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut ids: Vec<u32> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}

/// What is known of a process; `None` if it has ended.
pub(super) fn process(id: u32) -> Option<Process> {
    let folder = PathBuf::from(format!("/proc/{id}"));
    let user = fs::metadata(&folder).ok()?.uid();
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let (comm, parent, started) = facts(&stat)?;
    let executable = fs::read_link(folder.join("exe")).ok();
    let shown = executable.as_ref().map(|path| path.to_string_lossy().into_owned());
    let path = shown.as_deref().map(|path| path.strip_suffix(" (deleted)").unwrap_or(path));
    let name = path.and_then(|path| path.rsplit('/').next()).unwrap_or(comm).to_owned();
    let command = fs::read(folder.join("cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let uptime: Option<f64> = uptime.and_then(|text| text.split(' ').next()?.parse().ok());
    let age = uptime.map(|uptime| {
        let started = Duration::from_millis(started.saturating_mul(1000 / TICKS));
        Duration::try_from_secs_f64(uptime).unwrap_or_default().saturating_sub(started)
    });
    let is_outdated = shown.as_deref() != path;
    let executable = path.map(PathBuf::from);
    Some(Process { id, parent, name, executable, is_outdated, command, user, age })
}

/// Of a line of proc_pid_stat(5): what the process calls itself, its parent, and when it was
/// started, in ticks since the machine was. The name may hold anything, parentheses too.
fn facts(stat: &str) -> Option<(&str, u32, u64)> {
    let (_, rest) = stat.split_once('(')?;
    let (comm, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some((comm, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// Whether it is the user who runs this program.
pub(super) fn is_me(user: u32) -> bool {
    Uid::current().as_raw() == user
}

/// A user's name, or a number if there is none.
pub(super) fn user_name(user: u32) -> String {
    let known = User::from_uid(Uid::from_raw(user)).ok().flatten();
    known.map_or_else(|| format!("number {user}"), |known| known.name)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::process;

    use super::*;

    #[test]
    fn lines_of_the_tables_are_read() {
        let tcp = "   0: 0100007F:2EE0 00000000:0000 0A 00000000:00000000 00:00000000 \
                   00000000  1000        0 31337 1 00000000924e1b54 100 0 0 10 0";
        let port = |number, protocol| Port { number, protocol };
        let expected = Socket {
            port: port(12000, Protocol::Tcp),
            address: Ipv4Addr::LOCALHOST.into(),
            user: 1000,
            inode: 31337,
        };
        if cfg!(target_endian = "little") {
            assert_eq!(socket(tcp, Protocol::Tcp), Some(expected));
            let ip6 = address_of("00000000000000000000000001000000");
            assert_eq!(ip6, Some(Ipv6Addr::LOCALHOST.into()));
        }
        assert_eq!(socket(&tcp.replace(" 0A ", " 06 "), Protocol::Tcp), None);
        assert_eq!(socket("", Protocol::Udp), None);
        assert_eq!(socket("a b:c d", Protocol::Udp), None);
        assert_eq!(address_of("00"), None);
        assert_eq!(address_of("0100007X"), None);
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        let stat = "77 (a) (b) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        assert_eq!(facts(stat), Some(("a) (b", 1, 4711)));
        assert_eq!(facts(""), None);
    }

    #[test]
    fn the_holder_of_a_port_is_found() {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let udp = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let Some(sockets) = sockets() else { return };
        for (number, protocol) in [
            (tcp.local_addr().expect("an address").port(), Protocol::Tcp),
            (udp.local_addr().expect("an address").port(), Protocol::Udp),
        ] {
            let port = Port { number, protocol };
            let ours: Vec<_> =
                sockets.iter().filter(|socket| socket.port == port).cloned().collect();
            assert_eq!(ours.len(), 1, "{port}");
            assert!(ours[0].is_in_the_way());
            let id = ours[0].holder(&holders(&ours)).expect("a holder");
            assert_eq!(id, process::id());
            let process = super::process(id).expect("a process");
            assert!(process.age.is_some_and(|age| age < Duration::from_secs(24 * 3600)));
            assert!(!process.is_outdated && !process.command.is_empty());
        }
    }
}
