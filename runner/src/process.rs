//! One command, with an end: what it says is read as it comes and bounded, and it can be
//! stopped with all that it started.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// More than any story has. What a command writes beyond it is read and dropped.
const MOST_OUTPUT: usize = 256 << 10;

/// How long after its limit a command may take to end what it has started.
const GRACE: Duration = Duration::from_secs(10);

/// Ends what runs, once: no command starts behind it.
#[derive(Default)]
pub struct Stop {
    is_set: AtomicBool,
    running: Mutex<BTreeSet<u32>>,
}

impl Stop {
    /// Ends all that runs. A keeper ends what it keeps when it gets SIGHUP.
    pub fn stop(&self) {
        let running = self.lock();
        self.is_set.store(true, Ordering::SeqCst);
        for id in running.iter() {
            // It may have ended by itself, but has not been waited for.
            let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGHUP);
        }
    }

    /// Whether [`Stop::stop`] was called.
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Starts a command, which is waited for by [`Stop::wait`].
    ///
    /// # Errors
    /// It cannot be started, or nothing may start any more.
    pub fn start(&self, command: &mut Command) -> io::Result<Child> {
        let mut running = self.lock();
        if self.is_set() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        running.insert(child.id());
        Ok(child)
    }

    /// Waits for a command that is about to end. Under the lock, so that its process id is
    /// nobody else's while [`Stop::stop`] may use it.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
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

/// Runs a command to its end. It is expected to end by itself after `limit` at the latest,
/// as what a keeper keeps does; if even that fails it is killed.
///
/// # Errors
/// It cannot be started, or was stopped.
pub fn run(command: &mut Command, limit: Duration, stop: &Stop) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = stop.start(command)?;
    let stdout = child.stdout.take().map(read);
    let stderr = child.stderr.take().map(read);
    let until = started + limit + GRACE;
    let mut outputs = [stdout, stderr].map(|output| output.and_then(|it| received(&it, until)));
    if outputs.iter().any(Option::is_none) {
        // Somebody else still has its ends of the pipes.
        let _ = child.kill();
    }
    let status = stop.wait(&mut child)?;
    if stop.is_set() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let mut output = |number: usize| {
        let bytes = outputs.get_mut(number).and_then(Option::take).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Ended { status, stdout: output(0), stderr: output(1), took: started.elapsed() })
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
