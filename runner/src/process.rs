//! One command, with an end: what it says is read as it comes and bounded, and it can be
//! stopped with all that it started.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// More than any story has. What a command writes beyond it is read and dropped.
const MOST_OUTPUT: usize = 256 << 10;

/// What one has to end in that was told to, before it is killed.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Ends what runs, once: no command starts behind it.
#[derive(Default)]
pub struct Stop {
    is_set: AtomicBool,
    running: Mutex<BTreeSet<u32>>,
}

impl Stop {
    /// Ends all that runs. A keeper ends what it keeps when it gets SIGHUP; of cargo the
    /// compilers end too, which would otherwise go on writing.
    pub fn stop(&self) {
        let running = self.lock();
        self.is_set.store(true, Ordering::SeqCst);
        for id in running.iter() {
            // It may have ended by itself, but has not been waited for.
            end_group(*id);
        }
    }

    /// Whether [`Stop::stop`] was called.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Starts a command in a process group of its own, which is waited for by
    /// [`Stop::wait`]. Ctrl-C at the terminal does not reach it, but [`Stop::stop`].
    ///
    /// # Errors
    /// It cannot be started, or nothing may start any more.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Child> {
        let mut running = self.lock();
        if self.is_set() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.process_group(0).spawn()?;
        running.insert(child.id());
        Ok(child)
    }

    /// Waits for a command that is about to end. Under the lock, so that its process id is
    /// nobody else's while [`Stop::stop`] may use it.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub(crate) fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let mut running = self.lock();
        let status = child.wait();
        running.remove(&child.id());
        status
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a command ended.
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The beginning of what it wrote to stdout.
    pub stdout: String,
    /// The beginning of what it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

/// Runs a command to its end, which must come within `limit`.
///
/// # Errors
/// It cannot be started, was stopped ([`io::ErrorKind::Interrupted`]), or did not end
/// ([`io::ErrorKind::TimedOut`]).
pub fn run(command: &mut Command, limit: Duration, stop: &Stop) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = stop.start(command)?;
    let stdout = child.stdout.take().map(read);
    let stderr = child.stderr.take().map(read);
    let until = started + limit;
    let mut outputs = [stdout, stderr].map(|output| output.and_then(|it| received(&it, until)));
    let is_late = outputs.iter().any(Option::is_none);
    if is_late {
        // It has not ended, or somebody else still has its ends of the pipes.
        end_group(child.id());
        thread::park_timeout(LAST_MOMENT);
        let _ = child.kill();
    }
    let status = stop.wait(&mut child)?;
    if stop.is_set() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    if is_late {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut output = |number: usize| {
        let bytes = outputs.get_mut(number).and_then(Option::take).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Ended { status, stdout: output(0), stderr: output(1), took: started.elapsed() })
}

/// Tells a process and those of its group to end.
fn end_group(id: u32) {
    let _ = killpg(Pid::from_raw(id.cast_signed()), Signal::SIGHUP);
}

/// Reads to the end, on a thread of its own.
fn read(mut source: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    // Without a thread nothing is received, and the command is killed.
    let _ = thread::Builder::new().spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    let room = MOST_OUTPUT - all.len();
                    all.extend_from_slice(buffer.get(..length.min(room)).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = sender.send(all);
    });
    receiver
}

fn received(output: &Receiver<Vec<u8>>, until: Instant) -> Option<Vec<u8>> {
    output.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}
