//! Threads for connections.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
pub struct Threads(Arc<Mutex<Vec<Arc<Resting>>>>);

/// A thread that has nothing to do.
#[derive(Default)]
struct Resting {
    work: Mutex<Option<Work>>,
    given: Condvar,
}

impl Threads {
    /// Has `work` done, at once and beside all that was begun before.
    ///
    /// # Errors
    /// No further thread can be started, and `work` is not done.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut at_rest = lock(&self.0);
        // The last one that came to rest: if there are more than are needed, the others are
        // left to end.
        if let Some(thread) = at_rest.pop() {
            *lock(&thread.work) = Some(Box::new(work));
            drop(at_rest);
            thread.given.notify_one();
            return Ok(());
        }
        drop(at_rest);
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
        let resting = Arc::new(Resting::default());
        lock(&self.0).push(Arc::clone(&resting));
        let (mut work, _) = resting
            .given
            .wait_timeout_while(lock(&resting.work), REST, |work| work.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(work) = work.take() {
            return Some(work);
        }
        drop(work);
        // From here on no work is given to this thread; some may have been before.
        lock(&self.0).retain(|its| !Arc::ptr_eq(its, &resting));
        lock(&resting.work).take()
    }
}

/// A thread that panicked while it held one of these locks has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::mpsc;
    use std::thread::ThreadId;
    use std::time::Instant;

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
        // It says so before it is at rest, so another may have to be started meanwhile.
        let mut seen = HashSet::new();
        let again = (0..1000).any(|_| !seen.insert(run()));
        assert!(again, "each work had a thread of its own");
    }

    #[test]
    fn threads_that_are_not_needed_end() {
        let threads = Threads::default();
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        for _ in 0..20 {
            let ended = Arc::clone(&ended);
            threads.run(move || lock(&ended).recv().unwrap_or_default()).expect("a thread");
        }
        drop(end);
        // One of them is needed all the time.
        let until = Instant::now() + LONG;
        let alive = || Arc::strong_count(&threads.0) - 1;
        while alive() > 5 {
            assert!(Instant::now() < until, "{} threads are left", alive());
            let (say, hear) = mpsc::channel::<()>();
            threads.run(move || drop(say)).expect("a thread");
            let _ = hear.recv_timeout(LONG);
        }
    }
}
