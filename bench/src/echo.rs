//! The echo servers: ours, in C as the limit, in Python as a course would write them.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::Bench;
use crate::process::Server;
use crate::tools::{Party, source};

/// Which echo.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Echo {
    Udp,
    /// One TCP connection after another.
    TcpMessages,
    /// Many TCP connections at once.
    TcpThreads,
}

/// The echo servers of the table.
pub(crate) const PARTIES: [Party; 3] = [Party::Ours, Party::C, Party::Python];

/// Starts one; it and its port.
pub(crate) fn start(echo: Echo, party: Party, bench: &Bench) -> Result<(Server, u16)> {
    let name = match echo {
        Echo::Udp => "udp",
        Echo::TcpMessages => "tcp_messages",
        Echo::TcpThreads => "tcp_threads",
    };
    let mut command = match (party, echo) {
        (Party::Ours, Echo::Udp) => ours(bench, "udp_server")?,
        (Party::Ours, Echo::TcpMessages) => ours(bench, "tcp_server")?,
        (Party::Ours, Echo::TcpThreads) => bail!("serves one connection at a time"),
        (Party::C, _) => Command::new(bench.tools.in_c(name)?),
        (Party::Python, _) => {
            let mut command = Command::new(bench.tools.installed("python3")?);
            command.arg(source(&format!("python/{name}.py")));
            command
        }
        (other, _) => bail!("{} is no echo server", other.name()),
    };
    Server::start_and_hear(command.stderr(Stdio::null()), &bench.cores)
}

fn ours(bench: &Bench, name: &str) -> Result<Command> {
    let mut command = Command::new(bench.tools.ours(name)?);
    command.arg("0");
    Ok(command)
}
