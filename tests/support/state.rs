//! What a program does that keeps a check waiting, as far as /proc tells: which system call
//! it waits in, whether it computes instead, and what became of the bytes that we have sent.
//! Only a check that fails asks; elsewhere than on Linux nothing is known.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use nix::libc::{self, c_long};
use nix::unistd::Pid;

use crate::processes::with_descendants;
use crate::sockets::{Entry, inode_of, receives_datagrams, socket_inodes, tcp_entries};
use crate::{bytes, record};

/// How often a program is looked at, and how long apart. Only of who runs, or waits, all the
/// time it is said.
const LOOKS: usize = 11;
const APART: Duration = Duration::from_millis(20);

/// Who has run for less time is still starting, as an interpreter may on a busy machine: a
/// second, in ticks of which it has a hundred on Linux.
const BUSY_TICKS: u64 = 100;

/// States of proc_pid_net(5): of an open connection, and of one whose peer has sent its FIN
/// while its program has not closed it.
const ESTABLISHED: &str = "01";
const CLOSE_WAIT: &str = "08";

/// The name of a program that was named just before.
pub(crate) const IT: &str = "it";

/// What was seen, in words.
#[derive(Default)]
pub(crate) struct State {
    /// Goes on behind what happened; empty where nothing is known.
    pub(crate) told: String,
    /// What it comes from, where that is clear.
    pub(crate) cause: Option<String>,
}

/// What the program does that was started last, of those that run. `ends` are ours and its
/// of the connection that the check waits for.
pub(crate) fn of_the_program(ends: Option<(SocketAddr, SocketAddr)>) -> State {
    let programs = record::with(|record| record.programs.clone());
    let running = programs.iter().rev().find_map(|program| Some((program, program.keeper()?)));
    running.map_or_else(State::default, |(program, keeper)| of(program.name(), keeper, ends))
}

/// Whether the program that was started last runs on, and is not about to end.
pub(crate) fn the_program_goes_on() -> bool {
    let last = record::with(|record| record.programs.last().cloned());
    last.is_some_and(|program| {
        program.wait_for_last_words();
        program.is_running()
    })
}

/// What the descendants of `keeper` do, who are the program `name`.
pub(crate) fn of(name: &str, keeper: Pid, ends: Option<(SocketAddr, SocketAddr)>) -> State {
    let Some(threads) = watch(keeper) else { return State::default() };
    let all = tcp_entries();
    let ours = ends.and_then(|(ours, theirs)| {
        all.iter().find(|its| its.local == theirs && its.remote == ours)
    });
    // Of "it" that is known.
    let runs = (name != IT).then(|| "still runs".to_owned());
    let doing = doing(&threads, &all, ours).or(runs);
    let doing = doing.map(|doing| format!("; {name} {doing}"));
    let fate = ours.and_then(fate).map(|fate| format!("; {fate}"));
    State {
        told: [doing, fate].into_iter().flatten().collect(),
        cause: why_busy(&threads, &all),
    }
}

/// A thread, in all looks that were taken at it.
struct Thread {
    process: Pid,
    /// It is the one that main runs on.
    is_main: bool,
    /// It ran, or was ready to, all the time.
    is_busy: bool,
    /// The system call in which it waited all the time, and its first argument.
    waits_in: Option<(c_long, i32)>,
}

/// One look at a thread.
#[derive(PartialEq, Eq)]
struct Look {
    runs: bool,
    call: Option<(c_long, i32)>,
    /// How often it has begun to wait.
    waits: u64,
    /// Time that it has run, in the kernel's ticks.
    ticks: u64,
}

/// The threads that were there all the time; `None` where they cannot be seen.
fn watch(keeper: Pid) -> Option<Vec<Thread>> {
    let mut seen: BTreeMap<(Pid, Pid), Vec<Look>> = BTreeMap::new();
    for look in 0..LOOKS {
        if look > 0 {
            thread::park_timeout(APART);
        }
        for process in with_descendants(keeper).into_iter().skip(1) {
            for thread in threads_of(process) {
                if let Some(look) = look_at(process, thread) {
                    seen.entry((process, thread)).or_default().push(look);
                }
            }
        }
    }
    let threads = seen.into_iter().filter_map(|((process, thread), looks)| {
        let [first, .., last] = &looks[..] else { return None };
        let runs_on = looks.iter().all(|look| look.runs && look.waits == first.waits);
        (looks.len() == LOOKS).then(|| Thread {
            process,
            is_main: process == thread,
            // On a busy machine it may have to wait for a core.
            is_busy: runs_on && first.ticks < last.ticks && last.ticks >= BUSY_TICKS,
            waits_in: first.call.filter(|_| looks.iter().all(|look| look == first)),
        })
    });
    let threads: Vec<Thread> = threads.collect();
    (!threads.is_empty()).then_some(threads)
}

fn threads_of(process: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    threads
        .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .collect()
}

fn look_at(process: Pid, thread: Pid) -> Option<Look> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/task/{thread}/{file}"));
    let (status, stat) = (read("status").ok()?, read("stat").ok()?);
    let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    // "tid (name) state …"; the name may hold anything, also ')'. Times are the 14th and 15th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let runs = fields.next()? == "R";
    let ticks = fields.skip(10).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let call = call(&read("syscall").unwrap_or_default());
    Some(Look { runs, call, waits: waits?.trim().parse().ok()?, ticks })
}

/// The number of a system call and its first argument, a descriptor as a rule, from
/// proc_pid_syscall(5): `45 0x3 …`, or `running`.
fn call(line: &str) -> Option<(c_long, i32)> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    Some((number, i32::try_from(argument).unwrap_or(-1)))
}

/// What the program does, in words: what the thread does that matters to our connection, or
/// else what main does.
fn doing(threads: &[Thread], all: &[Entry], ours: Option<&Entry>) -> Option<String> {
    if threads.iter().any(|thread| thread.is_busy) {
        return Some("runs without ever waiting: a loop keeps a core busy".to_owned());
    }
    let peer = |thread: &Thread| {
        let (_, descriptor) = thread.waits_in?;
        let inode = inode_of(thread.process, descriptor)?;
        match all.iter().find(|its| its.inode == inode) {
            its if its.is_some() && its == ours => Some(Whose::Ours),
            Some(its) => Some(Whose::Of(its.remote)),
            None => receives_datagrams(inode).then_some(Whose::Anybody),
        }
    };
    let is_ours = |thread: &&Thread| matches!(peer(thread), Some(Whose::Ours));
    let known = |number: c_long| CALLS.iter().find(|(call, ..)| *call == number);
    let is_main = |thread: &&Thread| {
        thread.is_main && thread.waits_in.is_some_and(|(number, _)| known(number).is_some())
    };
    let thread = threads.iter().find(is_ours).or_else(|| threads.iter().find(is_main))?;
    let (number, descriptor) = thread.waits_in?;
    let (_, kind, name) = known(number)?;
    let what = match (kind, peer(thread)) {
        (Kind::Accept, _) => "the next connection".to_owned(),
        (Kind::Read, Some(Whose::Ours)) => "more bytes from us".to_owned(),
        (Kind::Read, Some(Whose::Of(other))) => format!("bytes from {other}, not from us"),
        (Kind::Read, Some(Whose::Anybody)) => "the next datagram".to_owned(),
        (Kind::Read, None) if descriptor == 0 => "its stdin".to_owned(),
        (Kind::Read, None) => "something to read".to_owned(),
        (Kind::Write, Some(Whose::Ours)) => "us to read".to_owned(),
        (Kind::Write, Some(Whose::Of(other))) => format!("{other} to read"),
        (Kind::Write, _) => "somebody to read what it writes".to_owned(),
        (Kind::Poll, _) => "one of its descriptors to be ready".to_owned(),
        (Kind::Thread, _) => "a lock or another of its threads".to_owned(),
        (Kind::Time, _) => "a time to be over".to_owned(),
        (Kind::Connect, _) => "its connection".to_owned(),
        (Kind::Open, _) => "a file that somebody else has to open too".to_owned(),
    };
    Some(format!("waits for {what} (in {name})"))
}

/// Who is at the other end of what a thread waits for.
enum Whose {
    Ours,
    Of(SocketAddr),
    Anybody,
}

/// What a system call waits for.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "no call is known there"))]
enum Kind {
    Accept,
    Read,
    Write,
    Poll,
    Thread,
    Time,
    Connect,
    Open,
}

/// The calls in which programs wait, by their numbers on this kind of machine.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
const CALLS: &[(c_long, Kind, &str)] = &[
    (libc::SYS_accept, Kind::Accept, "accept"),
    (libc::SYS_accept4, Kind::Accept, "accept"),
    (libc::SYS_read, Kind::Read, "read"),
    (libc::SYS_readv, Kind::Read, "readv"),
    (libc::SYS_recvfrom, Kind::Read, "recv"),
    (libc::SYS_recvmsg, Kind::Read, "recvmsg"),
    (libc::SYS_write, Kind::Write, "write"),
    (libc::SYS_writev, Kind::Write, "writev"),
    (libc::SYS_sendto, Kind::Write, "send"),
    (libc::SYS_sendmsg, Kind::Write, "sendmsg"),
    (libc::SYS_sendfile, Kind::Write, "sendfile"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, Kind::Poll, "poll"),
    (libc::SYS_ppoll, Kind::Poll, "poll"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, Kind::Poll, "select"),
    (libc::SYS_pselect6, Kind::Poll, "select"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, Kind::Poll, "epoll_wait"),
    (libc::SYS_epoll_pwait, Kind::Poll, "epoll_wait"),
    (libc::SYS_futex, Kind::Thread, "futex"),
    (libc::SYS_nanosleep, Kind::Time, "sleep"),
    (libc::SYS_clock_nanosleep, Kind::Time, "sleep"),
    (libc::SYS_connect, Kind::Connect, "connect"),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, Kind::Open, "open"),
    (libc::SYS_openat, Kind::Open, "open"),
];

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
const CALLS: &[(c_long, Kind, &str)] = &[];

/// What became of what we have sent on this connection.
fn fate(its: &Entry) -> Option<String> {
    let we_have_ended = its.state == CLOSE_WAIT;
    // Our FIN is counted until it is read.
    let unread = its.unread - usize::from(we_have_ended && its.unread > 0);
    match () {
        () if its.state != ESTABLISHED && !we_have_ended => None,
        () if its.inode == 0 => Some("it has not accepted our connection".to_owned()),
        () if unread > 0 => {
            let lie = if unread == 1 { "lies" } else { "lie" };
            Some(format!("{} of ours {lie} unread in its socket", bytes::count(unread)))
        }
        () if we_have_ended => {
            Some("we have closed our side, and it has not closed its own".to_owned())
        }
        () => None,
    }
}

/// Why a program computes that should wait, if its sockets tell.
fn why_busy(threads: &[Thread], all: &[Entry]) -> Option<String> {
    let busy = threads.iter().find(|thread| thread.is_busy)?;
    let inodes = socket_inodes(busy.process);
    let ended = all
        .iter()
        .any(|its| its.state == CLOSE_WAIT && its.unread == 0 && inodes.contains(&its.inode));
    ended.then(|| {
        "it reads 0 bytes again and again from a client that has closed its side: a read of 0 \
         bytes (b\"\" in Python) does not mean \"nothing yet\" but \"nothing more\", so leave \
         the loop and close"
            .to_owned()
    })
}
