//! The listening sockets of this machine, asked for as ss(8) does (sock_diag(7)).
//!
//! /proc/net/tcp names them too. But whoever reads it makes the kernel look through all the
//! room that it has for connections, which takes a hundred times as long.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use nix::libc::{
    AF_INET, AF_INET6, AF_NETLINK, IPPROTO_TCP, NETLINK_SOCK_DIAG, NLM_F_DUMP, NLM_F_REQUEST,
    NLMSG_DONE,
};
use socket2::{Domain, Protocol, Socket, Type};

/// What the kernel calls a request for sockets, and a socket in its answer.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// The number of the state in the kernel's books; a request has a bit for each.
const LISTEN: u32 = 10;

/// Bytes of `struct nlmsghdr`, `struct inet_diag_req_v2` and `struct inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const SOCKET: usize = 72;

/// More than the kernel puts into one datagram of its answer.
const BUFFER: usize = 64 * 1024;

/// The kernel answers at once, if it does.
const LIMIT: Duration = Duration::from_secs(1);

/// The address and the inode of each TCP socket that listens. `None` where the kernel does
/// not tell.
pub(super) fn listening() -> Option<Vec<(SocketAddr, u64)>> {
    let family = Domain::from(AF_NETLINK);
    let kernel =
        Socket::new(family, Type::DGRAM, Some(Protocol::from(NETLINK_SOCK_DIAG))).ok()?;
    kernel.set_read_timeout(Some(LIMIT)).ok()?;
    let mut sockets = Vec::new();
    for family in [AF_INET, AF_INET6] {
        // Sent to nobody in particular: on a netlink socket that is the kernel.
        kernel.send(&request(u8::try_from(family).ok()?)).ok()?;
        read_answer(&kernel, &mut sockets)?;
    }
    Some(sockets)
}

/// For all sockets of a family that listen, whatever their address: its field is left 0.
fn request(family: u8) -> Vec<u8> {
    let length = u32::try_from(HEADER + REQUEST).unwrap_or_default();
    let flags = u16::try_from(NLM_F_REQUEST | NLM_F_DUMP).unwrap_or_default();
    let protocol = u8::try_from(IPPROTO_TCP).unwrap_or_default();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.resize(HEADER, 0);
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend((1_u32 << LISTEN).to_ne_bytes());
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

/// Datagrams of messages, up to the one that says that it was the last.
fn read_answer(mut kernel: &Socket, sockets: &mut Vec<(SocketAddr, u64)>) -> Option<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = match kernel.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            came => came.ok()?,
        };
        let mut messages = &buffer[..length];
        while !messages.is_empty() {
            let (length, kind) = (word(messages, 0)? as usize, half(messages, 4)?);
            if i32::from(kind) == NLMSG_DONE {
                return Some(());
            }
            if kind != SOCK_DIAG_BY_FAMILY {
                return None; // An error: it cannot tell.
            }
            sockets.push(socket(messages.get(HEADER..length)?)?);
            // Each begins at a multiple of 4.
            messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// One `struct inet_diag_msg`.
fn socket(message: &[u8]) -> Option<(SocketAddr, u64)> {
    let port = u16::from_be_bytes(message.get(4..6)?.try_into().ok()?);
    let ip = match i32::from(*message.first()?) {
        AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(message.get(8..12)?).ok()?).into(),
        _ => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(message.get(8..24)?).ok()?)),
    };
    let inode = word(message, SOCKET - 4)?;
    Some((SocketAddr::new(ip, port), inode.into()))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
