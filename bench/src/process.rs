//! Programs that are started here, each on its core, and surely ended.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::machine::Cores;
use crate::proc::{self, Processes};
use crate::stop;

/// How long a server may take to say that it is ready.
const START: Duration = Duration::from_secs(10);

/// Killed processes end at once, but for one that the kernel holds in a device.
const PATIENCE_WITH_THE_KILLED: Duration = Duration::from_secs(5);

/// What a user's shell may hold and must not change what is measured.
const UNWANTED: [&str; 9] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "WGETRC",
];

/// A server. It and all that it started end when this is dropped.
pub(crate) struct Server {
    child: Child,
    name: String,
}

impl Server {
    /// Starts it on the core for servers.
    pub(crate) fn start(command: &mut Command, cores: &Cores) -> Result<Self> {
        stop::unless_asked()?;
        for name in UNWANTED {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        // A process is born on the cores of the thread that starts it.
        cores.pin_to_server()?;
        let child = command.spawn().with_context(|| format!("cannot start {name}"));
        cores.pin_to_generator()?;
        Ok(Self { child: child?, name })
    }

    /// Starts one that says its port in the first line that it prints, as in
    /// `… on 127.0.0.1:4711`.
    pub(crate) fn start_and_hear(command: &mut Command, cores: &Cores) -> Result<(Self, u16)> {
        let mut server = Self::start(command.stdout(Stdio::piped()), cores)?;
        let stdout = server.child.stdout.take().context("no stdout")?;
        let (say, hear) = mpsc::channel();
        thread::Builder::new().spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = say.send(line);
        })?;
        let line = hear.recv_timeout(START).unwrap_or_default();
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
        let port =
            port.with_context(|| format!("{} said no port, but {line:?}", server.name))?;
        Ok((server, port))
    }

    /// CPU time that it and all that it started have used.
    pub(crate) fn cpu(&self) -> Duration {
        Processes::now().cpu_of_family(self.pid())
    }

    /// User memory of it and all that it started, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let processes = Processes::now();
        let family = processes.family(self.pid());
        family.iter().map(|stat| proc::memory(stat.pid)).sum()
    }

    /// An error if it has ended.
    pub(crate) fn must_live(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended: {status}", self.name),
            None => Ok(()),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = Processes::now();
        let family: Vec<Pid> =
            processes.family(self.pid()).iter().map(|stat| stat.pid).collect();
        for &pid in &family {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.wait();
        // Its children are ours now (see stop::on_signal).
        for &pid in family.iter().filter(|&&pid| pid != self.pid()) {
            let _ = waitpid(pid, None);
        }
    }
}

/// Runs a command on the core for generators to its end, which must come within `limit`,
/// and gives its stdout.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<String> {
    stop::unless_asked()?;
    for name in UNWANTED {
        command.env_remove(name);
    }
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let said = hear(child.stdout.take())?;
    let complained = hear(child.stderr.take())?;
    // Whoever waits for the end of a pipe uses no CPU time meanwhile.
    let output = said.recv_timeout(limit);
    if output.is_err() {
        let _ = child.kill();
    }
    let status = child.wait()?;
    let output = output.map_err(|_| anyhow!("{name} was not done after {limit:?}"))?;
    if !status.success() {
        let complaint = complained.recv_timeout(limit).unwrap_or_default();
        bail!("{}", complaint_of(&name, status, &complaint));
    }
    Ok(output)
}

fn complaint_of(name: &str, status: ExitStatus, complaint: &str) -> String {
    let short = name.rsplit('/').next().unwrap_or(name);
    let why = complaint.lines().next_back().unwrap_or("no reason given");
    format!("{short}: {status}: {why}")
}

/// Reads all of a pipe on a thread of its own.
fn hear(pipe: Option<impl Read + Send + 'static>) -> Result<mpsc::Receiver<String>> {
    let mut pipe = pipe.context("no pipe")?;
    let (say, hear) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = say.send(String::from_utf8_lossy(&bytes).into_owned());
    })?;
    Ok(hear)
}

/// Ends all descendants of this process.
pub(crate) fn end_all() {
    let give_up = Instant::now() + PATIENCE_WITH_THE_KILLED;
    while Instant::now() < give_up {
        let processes = Processes::now();
        for stat in processes.family(Pid::this()) {
            if stat.pid != Pid::this() {
                let _ = kill(stat.pid, Signal::SIGKILL);
            }
        }
        // Those whose own parent ends become our children, and come next.
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
    }
}
