//! Loopback, and the name `localhost`.

use std::fs;
use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Finding, joined};
use crate::course::Course;

/// On loopback an answer takes less than a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// What of the hosts file makes `localhost` this machine.
const HOSTS_LINE: &str = "add this line to /etc/hosts: 127.0.0.1 localhost";

/// Whether bytes go around, and to which addresses `localhost` leads.
pub(super) fn examine(_: &Course) -> Vec<Finding> {
    vec![loopback(), localhost(resolved().as_deref())]
}

fn loopback() -> Finding {
    match go_around(Ipv4Addr::LOCALHOST.into()) {
        Ok(()) if go_around(Ipv6Addr::LOCALHOST.into()).is_ok() => {
            Finding::good("loopback works: 127.0.0.1, and ::1 as well")
        }
        Ok(()) => Finding::good("loopback works: 127.0.0.1; no ::1 here, and no lab needs it"),
        Err(error) => Finding::broken(
            format!("no bytes get from 127.0.0.1 to itself: {error}"),
            "`ip addr show lo` should say UP and 127.0.0.1, else `sudo ip link set lo up`; or \
             does a firewall stop it?",
        ),
    }
}

/// Connects to oneself, and sends oneself a datagram.
fn go_around(address: IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE)?;
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(b"around", socket.local_addr()?)?;
    socket.recv_from(&mut [0; 16]).map(drop)
}

/// The addresses of `localhost`, in the order in which a program gets them.
fn resolved() -> Option<Vec<IpAddr>> {
    let (sender, receiver) = mpsc::channel();
    // Where /etc/hosts does not have it, a name server may be asked, which can take long.
    let _ = thread::Builder::new().spawn(move || {
        let found = ("localhost", 0).to_socket_addrs();
        let _ = sender.send(found.map(|found| found.map(|it: SocketAddr| it.ip()).collect()));
    });
    receiver.recv_timeout(PATIENCE).ok()?.ok()
}

fn localhost(addresses: Option<&[IpAddr]>) -> Finding {
    let Some(addresses) = addresses else {
        return Finding::broken("the name localhost leads nowhere", HOSTS_LINE);
    };
    let mut names: Vec<String> = Vec::new();
    for address in addresses.iter().map(ToString::to_string) {
        if !names.contains(&address) {
            names.push(address);
        }
    }
    let what = format!("localhost is {}", joined(&names, "and"));
    if !addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        return Finding::broken(format!("{what}, and not 127.0.0.1"), HOSTS_LINE);
    }
    match addresses.iter().find(|address| !address.is_loopback()) {
        Some(other) => Finding::broken(
            format!("{what}: {other} may be another machine"),
            "take it out of the line of localhost in /etc/hosts",
        ),
        None if names.len() > 1 => Finding::good(format!("{what}, in this order")),
        None => Finding::good(what),
    }
}

/// Whether this Linux runs within Windows.
pub(super) fn is_wsl() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.to_lowercase().contains("microsoft")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_this_machine_over_ipv4() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (v4, v6) = (ip("127.0.0.1"), ip("::1"));
        let both = localhost(Some(&[v6, v4, v4]));
        assert_eq!(both, Finding::good("localhost is ::1 and 127.0.0.1, in this order"));
        assert_eq!(localhost(Some(&[v4])), Finding::good("localhost is 127.0.0.1"));
        for wrong in [None, Some(&[v6][..]), Some(&[]), Some(&[v4, ip("192.0.2.1")])] {
            assert!(localhost(wrong).is_broken(), "{wrong:?}");
        }
    }
}
