//! Ending a server in good order on Ctrl-C (SIGINT), SIGTERM or a closed terminal (SIGHUP).

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cli::Failure;

/// How long a response under way may take to finish once the server is told to end.
const GRACE: Duration = Duration::from_secs(5);

/// The connections that a server has open, known so that it can end without cutting an
/// answer short.
#[derive(Clone, Default)]
pub struct Connections(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    one_closed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    open: HashMap<u64, Arc<TcpStream>>,
    entered: u64,
}

/// A connection's place among the open ones, given up when it is dropped.
pub struct Place {
    connections: Connections,
    number: u64,
}

impl Connections {
    /// Puts `stream` among the open connections, or says `None` because the server is
    /// ending and takes no more.
    pub fn enter(&self, stream: &Arc<TcpStream>) -> Option<Place> {
        let mut state = self.0.lock();
        if state.stopping {
            return None;
        }
        state.entered += 1;
        let number = state.entered;
        state.open.insert(number, Arc::clone(stream));
        Some(Place { connections: self.clone(), number })
    }

    /// How many are open now.
    pub fn count(&self) -> usize {
        self.0.lock().open.len()
    }

    /// Whether the server is ending.
    pub fn are_ending(&self) -> bool {
        self.0.lock().stopping
    }

    /// Takes no more connections, ends the idle ones, and waits for the others at most
    /// `grace`.
    fn finish(&self, grace: Duration) {
        let mut state = self.0.lock();
        state.stopping = true;
        for stream in state.open.values() {
            // A thread that is blocked in read(2) wakes up with Ok(0), as if the client
            // had closed its side; one that is writing its answer goes on.
            let _ = stream.shutdown(Shutdown::Read);
        }
        let _ = self
            .0
            .one_closed
            .wait_timeout_while(state, grace, |state| !state.open.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.0.lock();
        state.open.remove(&self.number);
        // Otherwise nobody waits for it.
        if state.stopping {
            self.connections.0.one_closed.notify_all();
        }
    }
}

impl Shared {
    /// A thread that panicked while it held the lock has left nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From now on Ctrl-C and SIGTERM end the process with status 0, after the answers that
/// are under way. A server without connections, as over UDP, passes an empty
/// [`Connections`].
///
/// # Errors
/// The operating system does not take the signal handler.
pub fn on_signal(connections: &Connections) -> Result<(), Failure> {
    let connections = connections.clone();
    // The closure runs on a thread of its own, not inside the signal handler, so it may
    // take locks and wait.
    ctrlc::set_handler(move || end(&connections))
        .map_err(|error| Failure::refused(format!("cannot handle Ctrl-C: {error}")))
}

/// Begins to end the process with status 0, after the answers that are under way: also that
/// of the thread which calls this.
pub fn begin(connections: &Connections) {
    if std::mem::replace(&mut connections.0.lock().stopping, true) {
        return; // It has begun already.
    }
    let ending = connections.clone();
    if thread::Builder::new().spawn(move || end(&ending)).is_err() {
        end(connections);
    }
}

/// Ends the process with status 0, after the answers that are under way.
#[expect(clippy::disallowed_methods, reason = "the main thread is blocked in accept or recv")]
fn end(connections: &Connections) {
    connections.finish(GRACE);
    std::process::exit(0);
}
