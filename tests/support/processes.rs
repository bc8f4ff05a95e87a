//! Which process is whose child, from /proc. Elsewhere than on Linux nothing is known.

use std::fs;

use nix::unistd::Pid;

/// The children of `parent`.
pub fn children(parent: Pid) -> Vec<Pid> {
    children_among(&with_parents(), parent).collect()
}

/// The process and all that it started, directly or not.
pub(crate) fn with_descendants(root: Pid) -> Vec<Pid> {
    let processes = with_parents();
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        family.extend(children_among(&processes, family[next]));
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
