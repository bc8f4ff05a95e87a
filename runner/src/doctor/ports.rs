//! The labs' ports, and servers of the kit that still run.
//!
//! A port that is taken is a note and never worse, as each server takes another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::ask::ask;
use super::processes::{self, Process, Socket};
use super::{Finding, joined};
use crate::course::{Course, Port, Protocol};
use crate::screen::{count, cut};

/// What the program of the checks is called that starts the programs of the kit.
const KEEPER: &str = "keeper";

/// Columns of another program's command line.
const MOST_COMMAND: usize = 70;

/// Who holds a port.
enum Holder {
    /// A program of this kit.
    Own(Process),
    /// Any other one.
    Foreign(Process),
    /// One of another user, whose process cannot be seen.
    User(u32),
    /// Nobody says.
    Unknown,
}

/// Each port: whether it is free, and who holds it. Then the servers on other ports.
pub(super) fn examine(course: &Course) -> Vec<Finding> {
    let sockets = processes::sockets();
    let is_blind = cfg!(target_os = "linux") && sockets.is_none();
    let sockets = sockets.unwrap_or_default();
    let holders = processes::holders(&sockets);
    let seen = Seen { course, sockets, holders };

    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for (port, labs) in ports(course) {
        findings.push(seen.port(port, &labs, &mut told));
        findings.extend(seen.beside(port));
    }
    findings.extend(seen.servers(&told));
    if is_blind {
        findings.push(Finding::note(
            "sockets cannot be seen in /proc/net, so nobody knows who holds a port",
            "`lsof -nP -i :12000` may tell; the labs work all the same",
        ));
    }
    findings
}

/// Each port, and the labs whose programs take it.
fn ports(course: &Course) -> BTreeMap<Port, Vec<u8>> {
    let mut ports: BTreeMap<Port, Vec<u8>> = BTreeMap::new();
    for lab in &course.labs {
        for port in &lab.plan.ports {
            ports.entry(*port).or_default().push(lab.number);
        }
    }
    ports
}

/// Binds a port as a server does, for a moment: std sets SO_REUSEADDR for TCP, so what is in
/// TIME-WAIT is not in the way.
fn bind(port: Port) -> io::Result<()> {
    let address = (Ipv4Addr::LOCALHOST, port.number);
    match port.protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
    }
}

struct Seen<'a> {
    course: &'a Course,
    sockets: Vec<Socket>,
    holders: HashMap<u64, u32>,
}

impl Seen<'_> {
    fn port(&self, port: Port, labs: &[u8], told: &mut BTreeSet<u32>) -> Finding {
        let numbers: Vec<String> = labs.iter().map(ToString::to_string).collect();
        let labs_named = if labs.len() == 1 { "lab" } else { "labs" };
        let what = format!("port {port} ({labs_named} {})", joined(&numbers, "and"));
        let server = self.server(labs);
        match bind(port) {
            Ok(()) => Finding::good(format!("{what} is free")),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let holder = self.holder(port);
                if let Holder::Own(process) = &holder {
                    told.insert(process.id);
                }
                taken(&what, &holder, &server)
            }
            Err(error) => Finding::note(
                format!("{what} cannot be bound: {error}"),
                format!("try another one: `cargo run --bin {server} -- 0` takes any free port"),
            ),
        }
    }

    /// The server of the first of these labs.
    fn server(&self, labs: &[u8]) -> String {
        let lab = labs.first().and_then(|lab| self.course.lab(*lab));
        let programs = lab.map(|lab| lab.plan.programs.as_slice()).unwrap_or_default();
        let server = programs.iter().find(|name| is_server(name)).or(programs.first());
        server.cloned().unwrap_or_else(|| "PROGRAM".to_owned())
    }

    fn holder(&self, port: Port) -> Holder {
        let socket =
            self.sockets.iter().find(|socket| socket.port == port && socket.is_in_the_way());
        let process = match socket {
            Some(socket) => match self.process(socket) {
                Some(process) => Some(process),
                None if !processes::is_me(socket.user) => {
                    return Holder::User(socket.user);
                }
                None => None,
            },
            None => by_lsof(port),
        };
        match process {
            Some(process) if self.is_own(&process) => Holder::Own(process),
            Some(process) => Holder::Foreign(process),
            None => Holder::Unknown,
        }
    }

    fn process(&self, socket: &Socket) -> Option<Process> {
        processes::process(socket.holder(&self.holders)?)
    }

    /// Whether it is a program of the course, in a folder in which cargo builds.
    fn is_own(&self, process: &Process) -> bool {
        let named = self.course.labs.iter().flat_map(|lab| &lab.plan.programs);
        let is_named = named.into_iter().any(|name| *name == process.name);
        let elsewhere = env::var_os("CARGO_TARGET_DIR");
        is_named
            && process.executable.as_ref().is_none_or(|path| {
                path.components().any(|part| part.as_os_str() == "target")
                    || elsewhere.is_some_and(|folder| path.starts_with(Path::new(&folder)))
            })
    }

    /// `localhost` is ::1 as well, and curl and browsers may try that first.
    fn beside(&self, port: Port) -> Option<Finding> {
        if port.protocol == Protocol::Udp {
            return None;
        }
        let socket = self.sockets.iter().find(|socket| {
            socket.port == port && socket.address == IpAddr::V6(Ipv6Addr::LOCALHOST)
        })?;
        let who = self.process(socket).map_or_else(
            || format!("a program of user {}", processes::user_name(socket.user)),
            |process| format!("{} (pid {})", process.name, process.id),
        );
        Some(Finding::note(
            format!("{who} listens on [::1]:{}, which is localhost, too", port.number),
            format!("ask your own server at http://127.0.0.1:{}/ by its address", port.number),
        ))
    }

    /// Servers of the kit that hold other ports than those that were told of. One that a
    /// check has started ends with it.
    fn servers(&self, told: &BTreeSet<u32>) -> Vec<Finding> {
        let mut found: BTreeMap<u32, (Process, Vec<Port>)> = BTreeMap::new();
        for socket in &self.sockets {
            let Some(process) = self.process(socket) else { continue };
            if is_server(&process.name)
                && self.is_own(&process)
                && !told.contains(&process.id)
                && processes::process(process.parent).is_none_or(|it| it.name != KEEPER)
            {
                found
                    .entry(process.id)
                    .or_insert_with(|| (process, Vec::new()))
                    .1
                    .push(socket.port);
            }
        }
        let findings = found.into_values().map(|(process, ports)| {
            let mut ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            ports.dedup();
            let ports_named = if ports.len() == 1 { "port" } else { "ports" };
            Finding::note(
                format!("{} runs on {ports_named} {}", own(&process), joined(&ports, "and")),
                end(&process),
            )
        });
        findings.collect()
    }
}

/// Clients have UDP sockets as well.
fn is_server(program: &str) -> bool {
    !program.contains("client")
}

/// What macOS has in place of /proc.
fn by_lsof(port: Port) -> Option<Process> {
    let (which, listening) = match port.protocol {
        Protocol::Tcp => (format!("-iTCP:{}", port.number), &["-sTCP:LISTEN"][..]),
        Protocol::Udp => (format!("-iUDP:{}", port.number), &[][..]),
    };
    let mut lsof = Command::new("lsof");
    let said = ask(lsof.args(["-nP", "+c", "0", "-FpcuR", &which]).args(listening))?;
    first_process(&said.stdout)
}

/// The first process in what `lsof -F` says: a letter and a value in each line.
fn first_process(fields: &str) -> Option<Process> {
    let value = |letter| fields.lines().find_map(|line: &str| line.strip_prefix(letter));
    let name = value('c')?.to_owned();
    Some(Process {
        id: value('p')?.parse().ok()?,
        parent: value('R').and_then(|parent| parent.parse().ok()).unwrap_or_default(),
        command: name.clone(),
        name,
        executable: None,
        is_outdated: false,
        user: value('u').and_then(|user| user.parse().ok())?,
        age: None,
    })
}

fn taken(what: &str, holder: &Holder, server: &str) -> Finding {
    let other =
        format!("take another port: `cargo run --bin {server} -- 0` takes any free one");
    match holder {
        Holder::Own(process) => Finding::note(
            format!("{what} is taken: {} still runs there", own(process)),
            end(process),
        ),
        Holder::Foreign(process) => {
            let is_mine = processes::is_me(process.user);
            let (whose, remedy) = if is_mine {
                (String::new(), format!("end that program if you can do without, or {other}"))
            } else {
                (format!(" of user {}", processes::user_name(process.user)), other)
            };
            // The whole command tells more, unless it is the name again.
            let command = cut(&process.command.escape_debug().to_string(), MOST_COMMAND);
            let command = if command.is_empty() || command == process.name {
                String::new()
            } else {
                format!(": {command}")
            };
            let Process { name, id, .. } = process;
            Finding::note(
                format!("{what} is taken by {name}{whose} (pid {id}){command}"),
                remedy,
            )
        }
        Holder::User(user) => Finding::note(
            format!("{what} is taken by a program of user {}", processes::user_name(*user)),
            other,
        ),
        Holder::Unknown => Finding::note(
            format!("{what} is taken, and it is not known by whom{}", beyond()),
            other,
        ),
    }
}

/// Where a holder may be that cannot be seen.
fn beyond() -> &'static str {
    if super::network::is_wsl() { ", perhaps by a program of Windows" } else { "" }
}

/// `your own tcp_server (pid 1234, since 12 minutes)`.
fn own(process: &Process) -> String {
    let Process { name, id, .. } = process;
    let whose = if processes::is_me(process.user) {
        format!("your own {name}")
    } else {
        format!("a {name} of user {}", processes::user_name(process.user))
    };
    let age = process.age.map(|age| format!(", for {}", shown(age))).unwrap_or_default();
    let outdated = if process.is_outdated { ", of before the last build" } else { "" };
    format!("{whose} (pid {id}{age}{outdated})")
}

fn end(process: &Process) -> String {
    format!("if you need it no more, end it: Ctrl-C in its terminal, or `kill {}`", process.id)
}

/// A time in the unit that tells most.
fn shown(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..100 => count(seconds, "second"),
        100..6_000 => count(seconds / 60, "minute"),
        6_000..172_800 => count(seconds / 3_600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn seen(course: &Course) -> Seen<'_> {
        let sockets = processes::sockets().unwrap_or_default();
        let holders = processes::holders(&sockets);
        Seen { course, sockets, holders }
    }

    #[test]
    fn a_port_that_is_held_is_found_with_its_process() {
        let course = Course { root: ".".into(), labs: Vec::new() };
        let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let udp = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let numbers =
            [tcp.local_addr().map(|it| it.port()), udp.local_addr().map(|it| it.port())];
        for (number, protocol) in numbers.into_iter().zip([Protocol::Tcp, Protocol::Udp]) {
            let port = Port { number: number.expect("an address"), protocol };
            let finding = seen(&course).port(port, &[1], &mut BTreeSet::new());
            let id = process::id();
            assert!(finding.what.contains(&format!("(pid {id})")), "{finding:?}");
            assert!(finding.remedy().is_some_and(|remedy| remedy.contains("-- 0")));
            assert!(!finding.is_broken());
        }
    }

    #[test]
    fn a_port_that_nobody_holds_is_free() {
        let course = Course { root: ".".into(), labs: Vec::new() };
        let finding = seen(&course).port(
            Port { number: 0, protocol: Protocol::Udp },
            &[1, 2],
            &mut BTreeSet::new(),
        );
        assert_eq!(finding, Finding::good("port 0/udp (labs 1 and 2) is free"));
    }

    #[test]
    fn what_lsof_says_is_read() {
        let process = first_process("p4711\nR1\nctcp_server\nu501\nf3\n").expect("a process");
        assert_eq!((process.id, process.parent, process.user), (4711, 1, 501));
        assert_eq!(process.name, "tcp_server");
        assert_eq!(first_process(""), None);
    }

    #[test]
    fn an_own_server_is_told_apart() {
        let process = Process {
            id: 77,
            parent: 1,
            name: "tcp_server".to_owned(),
            executable: Some("/kit/target/debug/tcp_server".into()),
            is_outdated: true,
            command: "target/debug/tcp_server".to_owned(),
            user: processes::process(process::id()).expect("this process").user,
            age: Some(Duration::from_secs(720)),
        };
        let finding = taken("port 1/tcp (lab 2)", &Holder::Own(process), "tcp_server");
        assert_eq!(
            finding.what,
            "port 1/tcp (lab 2) is taken: your own tcp_server (pid 77, for 12 minutes, of \
             before the last build) still runs there"
        );
        assert!(finding.remedy().is_some_and(|remedy| remedy.contains("`kill 77`")));
    }
}
