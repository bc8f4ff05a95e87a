//! Which process is whose child, from /proc. Elsewhere than on Linux nothing is known.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use nix::unistd::Pid;

/// What a program uses at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory (proc_pid_status(5), VmRSS).
    pub memory: usize,
    /// Threads.
    pub threads: usize,
    /// Open descriptors.
    pub descriptors: usize,
}

/// The children of `parent`.
pub fn children(parent: Pid) -> Vec<Pid> {
    if kernel_lists_children() {
        return listed_children(parent);
    }
    children_among(&with_parents(), parent).collect()
}

/// The process and all that it started, directly or not.
pub(crate) fn with_descendants(root: Pid) -> Vec<Pid> {
    let listed = kernel_lists_children();
    let processes = if listed { Vec::new() } else { with_parents() };
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        if listed {
            family.extend(listed_children(parent));
        } else {
            family.extend(children_among(&processes, parent));
        }
        next += 1;
    }
    family
}

/// The most memory that one of the process and its descendants has had at a time, in bytes
/// (proc_pid_status(5), VmHWM).
pub(crate) fn peak_memory(root: Pid) -> Option<usize> {
    let peaks = with_descendants(root).into_iter().filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<usize>().ok()
    });
    peaks.max().map(|kilobytes| kilobytes * 1024)
}

/// What all descendants of `keeper` use together; `None` if there is none.
pub(crate) fn usage(keeper: Pid) -> Option<Usage> {
    let one = |pid: &Pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name| -> Option<usize> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Usage {
            memory: number("VmRSS:")? * 1024,
            threads: number("Threads:")?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
        })
    };
    let all = with_descendants(keeper);
    all[1..].iter().filter_map(one).reduce(|sum, more| Usage {
        memory: sum.memory + more.memory,
        threads: sum.threads + more.threads,
        descriptors: sum.descriptors + more.descriptors,
    })
}

/// Whether the kernel lists each thread's children (CONFIG_PROC_CHILDREN), so that not all
/// processes of the machine need be looked at.
fn kernel_lists_children() -> bool {
    static LISTS: OnceLock<bool> = OnceLock::new();
    *LISTS.get_or_init(|| Path::new("/proc/thread-self/children").exists())
}

/// The children of each thread of `parent`.
fn listed_children(parent: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
    let lists = threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let numbers: String = lists.collect();
    numbers.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
}

fn children_among(processes: &[(Pid, Pid)], parent: Pid) -> impl Iterator<Item = Pid> {
    processes.iter().filter(move |(_, its)| *its == parent).map(|(pid, _)| *pid)
}

/// All processes, each with its parent.
fn with_parents() -> Vec<(Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // "pid (name) state ppid …"; the name may hold anything, also ')'.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((Pid::from_raw(pid), Pid::from_raw(parent)))
        })
        .collect()
}
