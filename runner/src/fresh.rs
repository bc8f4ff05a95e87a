//! cargo goes by times: a file that comes back with an older one, as from a backup, it takes
//! for built. A check must not pass, or fail, because of that, so here contents count.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::build::{Built, Program};
use crate::progress::FOLDER;
use crate::project::{SOURCES, files_below};

const FILE: &str = "built.json";

/// What was there when something was built last.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// A number for what stood in each file.
    files: BTreeMap<PathBuf, u64>,
    /// What has ever been built of them.
    executables: BTreeSet<PathBuf>,
}

/// Gives the present time to files that have changed, but not by their times. Where that
/// cannot be done cargo's judgement has to do.
pub(crate) fn before_build(root: &Path) -> Contents {
    let known = fs::read(root.join(FOLDER).join(FILE)).ok();
    let known: Option<Contents> = known.and_then(|known| serde_json::from_slice(&known).ok());
    let known = known.unwrap_or_default();
    let built_at = known.executables.iter().filter_map(|file| modified(file)).max();
    let mut files = BTreeMap::new();
    let mut sources = files_below(root, Path::new(SOURCES)).unwrap_or_default();
    sources.push("Cargo.toml".into());
    for file in sources {
        let path = root.join(&file);
        let Ok(content) = fs::read(&path) else { continue };
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let hash = hasher.finish();
        let has_changed = known.files.get(&file).is_some_and(|before| *before != hash);
        if has_changed && modified(&path) <= built_at {
            let touched = File::options().append(true).open(&path);
            let _ = touched.and_then(|file| file.set_modified(SystemTime::now()));
        }
        files.insert(file, hash);
    }
    Contents { files, executables: known.executables }
}

/// Remembers what was there, and what was built of it.
pub(crate) fn after_build(root: &Path, mut contents: Contents, built: &Built) {
    contents.executables.retain(|file| file.exists());
    contents.executables.extend(built.programs.values().filter_map(|program| match program {
        Program::Compiled { executable, .. } => Some(executable.clone()),
        Program::Broken(_) => None,
    }));
    let folder = root.join(FOLDER);
    let text = serde_json::to_vec_pretty(&contents).unwrap_or_default();
    // Half written it would be none, which does no harm.
    let _ = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(FILE), text));
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
