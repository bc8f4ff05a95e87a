//! Many clients at once, whose failures are told as one check's.

use std::panic::resume_unwind;
use std::thread::{self, Builder};

use crate::record;
use crate::story::{broken_machine, check_name, fail, fail_quietly};

/// Does `work` for so many clients, each with its number and on a thread of its own. Of
/// those that fail one tells its story.
pub fn at_once(clients: usize, work: impl Fn(usize) + Sync) {
    let name = check_name();
    let programs = record::with(|record| record.programs.clone());
    let failure = thread::scope(|scope| {
        let started: Vec<_> = (0..clients)
            .map(|client| {
                let (work, programs) = (&work, programs.clone());
                let as_this_check = move || {
                    fail_quietly();
                    record::with(|record| record.programs = programs);
                    work(client);
                };
                let thread =
                    Builder::new().name(name.clone()).spawn_scoped(scope, as_this_check);
                thread.unwrap_or_else(|error| broken_machine(&error))
            })
            .collect();
        // All are waited for, or the scope would say that one panicked.
        let ends: Vec<_> = started.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ends.into_iter().find_map(Result::err)
    });
    match failure.map(|failure| failure.downcast::<String>()) {
        None => {}
        Some(Ok(story)) => fail(&story),
        Some(Err(other)) => resume_unwind(other),
    }
}
