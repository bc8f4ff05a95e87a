//! The machine: which cores are used, what it is, and whether others use it too.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;
use nix::unistd::Pid;

use crate::proc::{self, Processes};

/// A measurement is disturbed if other work took more of the time than this, as a share of
/// one core.
pub(crate) const DISTURBED: f64 = 0.05;

/// The clocks of proc(5) tick a hundred times a second: less than this many seconds may be
/// nothing at all.
const TWO_TICKS: f64 = 0.02;

/// One core for the server, another for what loads it.
pub(crate) struct Cores {
    server: usize,
    generator: usize,
}

impl Cores {
    /// The first two that this process may use. From now on it runs on the second.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(SELF)?;
        let mut cores = (0..CpuSet::count()).filter(|&core| allowed.is_set(core) == Ok(true));
        let (Some(server), Some(generator)) = (cores.next(), cores.next()) else {
            bail!("this takes two cores: one for the server, one for its load");
        };
        let cores = Self { server, generator };
        cores.pin_to_generator()?;
        Ok(cores)
    }

    pub(crate) fn pin_to_server(&self) -> Result<()> {
        pin_to(self.server)
    }

    pub(crate) fn pin_to_generator(&self) -> Result<()> {
        pin_to(self.generator)
    }
}

/// Sched_setaffinity(2) takes 0 for the thread that calls.
const SELF: Pid = Pid::from_raw(0);

fn pin_to(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(SELF, &set)?)
}

/// Allows as many descriptors as there may be; how many that is.
pub(crate) fn allow_descriptors() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// Looks at what others do while something is measured.
pub(crate) struct Watch {
    since: Instant,
    others: Duration,
    stolen: Duration,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let others = Processes::now().cpu_of_others(Pid::this());
        Self { others, stolen: proc::stolen(), since: Instant::now() }
    }

    /// The share of one core that others have had since then; what the clocks cannot tell
    /// from nothing is nothing.
    pub(crate) fn others(&self) -> f64 {
        let wall = self.since.elapsed().as_secs_f64();
        let others = Processes::now().cpu_of_others(Pid::this()).saturating_sub(self.others);
        let stolen = proc::stolen().saturating_sub(self.stolen);
        share(others + stolen, wall)
    }
}

fn share(others: Duration, wall: f64) -> f64 {
    (others.as_secs_f64() - TWO_TICKS).max(0.0) / wall.max(f64::EPSILON)
}

/// Lines that say what was measured on, and when.
pub(crate) fn description(cores: &Cores) -> Vec<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, value)| value)
    };
    let count = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| format!("{} {}", name.sysname().display(), name.release().display()),
    );
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or("unknown", |name| name.trim_matches('"'));
    vec![
        format!("Date: {}", httpdate::fmt_http_date(SystemTime::now())),
        format!("CPU: {} (model {}), {count} cores", field("model name"), field("model\t")),
        format!("System: {system}, kernel {kernel}"),
        format!("Servers on core {}, their load on core {}", cores.server, cores.generator),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ticks_are_nothing_and_more_is_a_share_of_a_core() {
        assert_eq!(share(Duration::from_millis(20), 1.0), 0.0);
        let half = share(Duration::from_millis(520), 1.0);
        assert!((half - 0.5).abs() < 1e-9, "{half}");
    }
}
