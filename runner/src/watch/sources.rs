//! The programs' texts, and being told when they change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Result;
use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::Event;
use crate::project::{SOURCES, source_files};

/// How often is looked where the system does not tell.
const POLL: Duration = Duration::from_millis(500);

/// The programs' texts, by file, relative to the project's folder.
pub(super) type Texts = BTreeMap<PathBuf, Vec<u8>>;

/// What stands in the programs and what they share; `None` in a moment in which somebody
/// moves them about.
pub(super) fn texts(root: &Path) -> Option<Texts> {
    let files = source_files(root).ok()?.into_iter();
    files.map(|file| Some((file.clone(), fs::read(root.join(file)).ok()?))).collect()
}

/// Whoever tells of changes, for as long as it lives.
pub(super) struct Watched {
    _watcher: Box<dyn Watcher>,
    /// Whether it only looks every now and then.
    pub(super) is_polled: bool,
}

/// Tells of changes below `src/`: as they come, or with `poll`, and where nobody tells of
/// them, every now and then.
pub(super) fn watch(root: &Path, poll: bool, sender: Sender<Event>) -> Result<Watched> {
    let tell = move |event: notify::Result<notify::Event>| {
        // What was only opened and read has not changed. Where something went wrong, a look
        // does no harm.
        if event.map_or(true, |event| !event.kind.is_access()) {
            let _ = sender.send(Event::Saved);
        }
    };
    let config = Config::default().with_poll_interval(POLL).with_compare_contents(true);
    let sources = root.join(SOURCES);
    if !poll {
        let told = RecommendedWatcher::new(tell.clone(), config).and_then(|mut watcher| {
            watcher.watch(&sources, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        // It fails for example where this user has no more inotify(7) instances.
        if let Ok(watcher) = told {
            return Ok(Watched { _watcher: Box::new(watcher), is_polled: false });
        }
    }
    let mut watcher = PollWatcher::new(tell, config)?;
    watcher.watch(&sources, RecursiveMode::Recursive)?;
    Ok(Watched { _watcher: Box::new(watcher), is_polled: true })
}
