//! Reads what a program writes, as it comes, so that it never blocks on us.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// More than any check expects. What a program writes beyond it is read and dropped.
const MOST: usize = 64 << 20;

#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Tap {
    /// A tap on a stream that nobody writes to.
    pub(crate) fn dry() -> Self {
        let tap = Self::default();
        tap.lock().ended = true;
        tap
    }

    pub(crate) fn on(mut source: impl Read + Send + 'static) -> Self {
        let tap = Self::default();
        let filling = tap.clone();
        let reader = thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match source.read(&mut buffer) {
                    Ok(length) if length > 0 => {
                        let mut state = filling.lock();
                        let room = MOST - state.bytes.len();
                        state.bytes.extend_from_slice(&buffer[..length.min(room)]);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    // A pseudo-terminal ends with an error (EIO), a pipe with Ok(0).
                    Ok(_) | Err(_) => break,
                }
                filling.0.changed.notify_all();
            }
            filling.lock().ended = true;
            filling.0.changed.notify_all();
        });
        assert!(reader.is_ok(), "no thread could be made to read a program's output");
        tap
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Waits until `enough` finds what it looks for in the bytes so far, or says `None`
    /// after `limit` or at the end of the stream.
    pub(crate) fn wait_for<T>(
        &self,
        limit: Duration,
        enough: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(found) = enough(&state.bytes) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the end of the stream; whether it came within `limit`.
    pub(crate) fn wait_for_end(&self, limit: Duration) -> bool {
        self.wait_for(limit, |_| None::<()>);
        self.lock().ended
    }

    pub(crate) fn ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
