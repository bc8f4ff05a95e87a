//! What the kernel tells about processes (proc(5)).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// A line of `/proc/PID/stat`.
#[derive(Debug, PartialEq)]
pub(crate) struct Stat {
    pub(crate) pid: Pid,
    parent: Pid,
    name: String,
    /// CPU time, in ticks, of all its threads and of the children that it has waited for:
    /// what a process has used is not lost when it ends, but counts for its parent.
    ticks: u64,
}

/// All processes of the machine at one moment.
pub(crate) struct Processes(Vec<Stat>);

impl Processes {
    pub(crate) fn now() -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats = entries.filter_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.parse::<i32>().ok()?;
            parse_stat(&fs::read_to_string(entry.path().join("stat")).ok()?)
        });
        Self(stats.collect())
    }

    /// `root` and all that it started, directly or not.
    pub(crate) fn family(&self, root: Pid) -> Vec<&Stat> {
        let mut family: Vec<&Stat> = self.0.iter().filter(|stat| stat.pid == root).collect();
        let mut next = 0;
        while next < family.len() {
            let parent = family[next].pid;
            family.extend(self.0.iter().filter(|stat| stat.parent == parent));
            next += 1;
        }
        family
    }

    /// CPU time of `root` and all that it started.
    pub(crate) fn cpu_of_family(&self, root: Pid) -> Duration {
        time(self.family(root).iter().map(|stat| stat.ticks).sum())
    }

    /// CPU time of everybody else. The kernel's threads that carry packets do so for us,
    /// so they are not among them.
    pub(crate) fn cpu_of_others(&self, root: Pid) -> Duration {
        let family: Vec<Pid> = self.family(root).iter().map(|stat| stat.pid).collect();
        let others = self
            .0
            .iter()
            .filter(|stat| !family.contains(&stat.pid) && !stat.name.starts_with("ksoftirqd/"));
        time(others.map(|stat| stat.ticks).sum())
    }
}

/// Time that the hypervisor gave to other machines, on all cores.
pub(crate) fn stolen() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks =
        stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    time(ticks.unwrap_or(0))
}

/// Memory of a process in user space, in bytes, pages that it shares counted in parts (Pss).
pub(crate) fn memory(pid: Pid) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| path.clone())?;
    parse_pss(&rollup).with_context(|| format!("{path} has no line Pss"))
}

fn parse_stat(line: &str) -> Option<Stat> {
    // "pid (name) state ppid …"; the name may hold anything, also ')'.
    let (pid, rest) = line.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // utime, stime, cutime, cstime are fields 14 to 17, the state is field 3.
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat {
        pid: Pid::from_raw(pid.parse().ok()?),
        parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
        name: name.to_owned(),
        ticks,
    })
}

fn parse_pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn time(ticks: u64) -> Duration {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second.and_then(|ticks| u32::try_from(ticks).ok()).unwrap_or(100);
    Duration::from_secs(ticks) / per_second
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, parent: i32, ticks: [u64; 4]) -> String {
        let [user, system, child_user, child_system] = ticks;
        format!(
            "{pid} (a) b) S {parent} 1 1 0 -1 4194560 9 0 0 0 \
             {user} {system} {child_user} {child_system} 20 0 1 0 7 8 9\n"
        )
    }

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = parse_stat(&stat(12, 3, [1, 2, 30, 40])).expect("a line of stat");
        assert_eq!((stat.pid.as_raw(), stat.parent.as_raw()), (12, 3));
        assert_eq!((stat.name.as_str(), stat.ticks), ("a) b", 73));
    }

    #[test]
    fn a_family_is_a_process_and_its_descendants() {
        let lines = [(1, 0), (10, 1), (11, 10), (12, 11), (20, 1)];
        let stats = lines.map(|(pid, parent)| stat(pid, parent, [100, 0, 0, 0]));
        let all = Processes(stats.iter().filter_map(|line| parse_stat(line)).collect());
        let family: Vec<i32> =
            all.family(Pid::from_raw(10)).iter().map(|stat| stat.pid.as_raw()).collect();
        assert_eq!(family, [10, 11, 12]);
        assert_eq!(all.cpu_of_family(Pid::from_raw(10)), time(300));
        assert_eq!(all.cpu_of_others(Pid::from_raw(10)), time(200));
    }

    #[test]
    fn memory_is_the_proportional_share() {
        let rollup =
            "55-7f ---p 0 00:00 0 [rollup]\nRss:  5000 kB\nPss:   1234 kB\nPss_Dirty: 7 kB\n";
        assert_eq!(parse_pss(rollup), Some(1234 * 1024));
        assert_eq!(parse_pss("Rss: 5 kB\n"), None);
    }
}
