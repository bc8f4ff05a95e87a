//! Threads for connections.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The address space of a thread's stack, in bytes. A sixteenth of it is enough for what
/// the threads here do, also without optimization. The default of 2 MiB, times 10,000
/// connections, would be more than many machines let a process have.
const STACK: usize = 256 * 1024;

/// How long a thread waits for more work before it ends.
const REST: Duration = Duration::from_secs(1);

/// What a thread is to do.
type Work = Box<dyn FnOnce() + Send>;

/// Runs each work on a thread that has nothing else to do: one that has done its own
/// already, or a new one. To start a thread and to end it takes as long as to answer some
/// requests.
#[derive(Clone, Default)]
pub struct Threads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more_work: Condvar,
}

#[derive(Default)]
struct State {
    /// Never more than there are threads at rest: nobody's work waits for somebody else's.
    work: VecDeque<Work>,
    at_rest: usize,
}

impl Threads {
    /// Has `work` done, at once and beside all that was begun before.
    ///
    /// # Errors
    /// No further thread can be started, and `work` is not done.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.work.len() < state.at_rest {
            state.work.push_back(Box::new(work));
            drop(state);
            self.0.more_work.notify_one();
            return Ok(());
        }
        drop(state);
        let threads = self.clone();
        let begin = move || {
            work();
            while let Some(work) = threads.rest() {
                work();
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(begin).map(drop)
    }

    /// Waits for work, but not for long.
    fn rest(&self) -> Option<Work> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.at_rest += 1;
        let (mut state, _) = self
            .0
            .more_work
            .wait_timeout_while(state, REST, |state| state.work.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.at_rest -= 1;
        state.work.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::ThreadId;

    use super::*;

    /// No thread takes so long to do what it does here.
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn work_does_not_wait_for_other_work() {
        let threads = Threads::default();
        let (say, hear) = mpsc::channel();
        // Each ends only when the next has begun.
        let mut end: Option<mpsc::Sender<()>> = None;
        for _ in 0..20 {
            let (next, begun) = mpsc::channel::<()>();
            let (before, say) = (end.replace(next), say.clone());
            let work = move || {
                drop(before);
                let waited = begun.recv_timeout(LONG);
                let _ = say.send(waited == Err(mpsc::RecvTimeoutError::Disconnected));
            };
            threads.run(work).expect("a thread");
        }
        drop(end);
        for _ in 0..20 {
            assert_eq!(hear.recv_timeout(LONG), Ok(true));
        }
    }

    #[test]
    fn a_thread_that_is_done_takes_the_next_work() {
        let threads = Threads::default();
        let (say, hear) = mpsc::channel::<ThreadId>();
        let run = || {
            let say = say.clone();
            let work = move || say.send(thread::current().id()).unwrap_or_default();
            threads.run(work).expect("a thread");
            hear.recv_timeout(LONG).expect("work that is done")
        };
        let first = run();
        // It says so before it is at rest, so others may have to be started meanwhile.
        let again = (0..1000).any(|_| run() == first);
        assert!(again, "each work had a thread of its own");
    }
}
