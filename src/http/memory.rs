//! The small files that were asked for lately, kept in memory.
//!
//! To open a file, to ask what it is, to read and to close it are four system calls for each
//! request, and cost more than all else that this program does for one. For a file that is
//! kept here it is enough to ask whether it, and each folder on the way to it, is still the
//! same. Where a file system does not tell that for sure, nothing is kept.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Stat, statat};

use crate::files::{MediaType, length, modified};

/// The longest file that is kept, in bytes.
pub(crate) const LONGEST: u64 = 64 * 1024;

/// The most memory that all of them may take together, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// How long a file must have been left alone before it is kept. Its times advance in steps
/// of some milliseconds, and of two changes within one step the second would not show.
const SETTLED: Duration = Duration::from_secs(3);

/// The file systems that tell of each change at once (statfs(2), linux/magic.h): ext, XFS,
/// Btrfs, F2FS, ZFS, tmpfs, overlayfs. Over a network they do so after a while, and on FAT a
/// program can set `st_ctime`.
#[cfg(target_os = "linux")]
const TRUSTED: [u64; 7] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];

/// What has been kept.
pub(crate) struct Memory {
    shelf: RwLock<Shelf>,
    settled: Duration,
    /// The folder whose files are kept, if its file system is trusted.
    root: Option<Stat>,
}

#[derive(Default)]
struct Shelf {
    /// By name as it was asked for. (A `Path` would not do: `a` and `a/` are the same there.)
    files: HashMap<OsString, Arc<Kept>>,
    bytes: usize,
}

/// A small file as it was when it was read.
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: SystemTime,
    pub(crate) media_type: MediaType,
    /// The folders on the way to it, and itself.
    way: Vec<Stat>,
}

impl Memory {
    /// For files below `folder`.
    pub(crate) fn new(folder: &Dir) -> Self {
        Self { shelf: RwLock::default(), settled: SETTLED, root: trusted(folder) }
    }

    /// The file with that name below `folder`, if it is kept and still the same.
    pub(crate) fn recall(&self, folder: &Dir, name: &OsStr) -> Option<Arc<Kept>> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::clone(shelf.files.get(name)?);
        drop(shelf);
        let mut steps = steps(name).zip(&kept.way);
        if steps.all(|(step, was)| look(folder, step).is_some_and(|now| is_same(&now, was))) {
            return Some(kept);
        }
        self.shelf.write().unwrap_or_else(PoisonError::into_inner).take(name);
        None
    }

    /// Reads a file that was found under that name, and keeps it unless it was changed a
    /// moment ago, or there is a symbolic link on the way to it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(
        &self,
        folder: &Dir,
        name: &OsStr,
        file: File,
        stat: &Stat,
    ) -> io::Result<Arc<Kept>> {
        let mut bytes = Vec::with_capacity(length(stat) as usize);
        file.take(length(stat)).read_to_end(&mut bytes)?;
        let way = self.way(folder, name);
        let way = way.filter(|way| way.last().is_some_and(|last| is_same(last, stat)));
        let is_kept = way.is_some() && unchanged_for(stat) > self.settled;
        let kept = Arc::new(Kept {
            bytes,
            modified: modified(stat),
            media_type: MediaType::of(name.as_ref()),
            way: way.unwrap_or_default(),
        });
        if is_kept {
            self.shelf.write().unwrap_or_else(PoisonError::into_inner).put(name, &kept);
        }
        Ok(kept)
    }

    /// What there is now on the way to the file; `None` if there is a symbolic link or
    /// another file system, or if this is but another spelling of its name, with `//` or dots,
    /// of which there may be any number.
    fn way(&self, folder: &Dir, name: &OsStr) -> Option<Vec<Stat>> {
        let root = self.root?;
        let mut parts = name.as_bytes().split(|byte| *byte == b'/');
        if parts.any(|part| matches!(part, b"" | b"." | b"..")) {
            return None;
        }
        let steps = steps(name).map(|step| look(folder, step));
        steps.map(|stat| stat.filter(|stat| stat.st_dev == root.st_dev)).collect()
    }
}

/// The folder, if its file system is trusted.
fn trusted(folder: &Dir) -> Option<Stat> {
    #[cfg(target_os = "linux")]
    {
        let kind = u64::try_from(rustix::fs::fstatfs(folder).ok()?.f_type).ok()?;
        TRUSTED.contains(&kind).then(|| rustix::fs::fstat(folder).ok()).flatten()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        None
    }
}

impl Shelf {
    fn put(&mut self, name: &OsStr, kept: &Arc<Kept>) {
        self.take(name);
        // What is asked for often will soon be back.
        if self.bytes + size(name, kept) > MOST {
            *self = Self::default();
        }
        self.bytes += size(name, kept);
        self.files.insert(name.to_owned(), Arc::clone(kept));
    }

    fn take(&mut self, name: &OsStr) {
        if let Some(kept) = self.files.remove(name) {
            self.bytes -= size(name, &kept);
        }
    }
}

/// About how much memory it takes.
fn size(name: &OsStr, kept: &Kept) -> usize {
    kept.bytes.len() + name.len() + size_of_val(&kept.way[..]) + size_of::<Kept>()
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
fn steps(name: &OsStr) -> impl Iterator<Item = &[u8]> {
    let name = name.as_bytes();
    let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.chain([name.len()]).map(|end| &name[..end])
}

/// What is there now; `None` for nothing and for a symbolic link. As long as there is none at
/// any step, the name leads to nothing but what is below the folder.
fn look(folder: &Dir, step: &[u8]) -> Option<Stat> {
    let stat = statat(folder, step, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    (FileType::from_raw_mode(stat.st_mode) != FileType::Symlink).then_some(stat)
}

/// Whether it is the same folder, or the same file with the same content, unless a program is
/// changing that through mapped memory (mmap(2)), or with a write(2) that takes seconds.
fn is_same(now: &Stat, was: &Stat) -> bool {
    let is_folder = FileType::from_raw_mode(now.st_mode) == FileType::Directory;
    (now.st_dev, now.st_ino, now.st_mode) == (was.st_dev, was.st_ino, was.st_mode)
        && (is_folder || changes(now) == changes(was))
}

/// What differs after a change of a file. `st_ctime` is the one time that no program can
/// set (inode(7)): no change hides behind a date that was put back.
fn changes(stat: &Stat) -> impl PartialEq {
    let modified = (stat.st_mtime, stat.st_mtime_nsec);
    let changed = (stat.st_ctime, stat.st_ctime_nsec);
    (stat.st_size, modified, changed)
}

/// How long ago a file was changed.
fn unchanged_for(stat: &Stat) -> Duration {
    let changed = Duration::from_secs(u64::try_from(stat.st_ctime).unwrap_or(0));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
    // A time to come tells that the clock has been put back.
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;
    use std::time::Instant;

    use cap_std::ambient_authority;
    use rustix::fs::fstat;
    use tempfile::TempDir;

    use super::*;

    /// A folder with a memory that keeps every file that was not changed this second.
    struct Site {
        path: TempDir,
        folder: Dir,
        memory: Memory,
    }

    impl Site {
        fn new() -> Self {
            let path = TempDir::new().expect("a folder");
            let folder = Dir::open_ambient_dir(path.path(), ambient_authority());
            let folder = folder.expect("a folder");
            // As if its file system were trusted, whichever it is.
            let (settled, root) = (Duration::ZERO, fstat(&folder).ok());
            let memory = Memory { settled, root, ..Memory::new(&folder) };
            Self { path, folder, memory }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.path.path().join(name)
        }

        fn read(&self, name: &str) -> Arc<Kept> {
            let file = File::open(self.path(name)).expect("a file");
            let stat = fstat(&file).expect("a file");
            self.memory.read(&self.folder, name.as_ref(), file, &stat).expect("a file to read")
        }

        fn recall(&self, name: &str) -> Option<Arc<Kept>> {
            self.memory.recall(&self.folder, name.as_ref())
        }

        /// Writes a file and reads it until it is kept: in its second it is not.
        fn keep(&self, name: &str, contents: &[u8]) {
            fs::write(self.path(name), contents).expect("a file to write");
            let until = Instant::now() + Duration::from_secs(10);
            while self.recall(name).is_none() {
                assert!(Instant::now() < until, "{name} is not kept");
                assert_eq!(self.read(name).bytes, contents);
            }
        }
    }

    #[test]
    fn a_file_that_stays_the_same_is_not_read_again() {
        let site = Site::new();
        fs::create_dir(site.path("a")).expect("a folder");
        for name in ["kept.txt", "a/kept.txt"] {
            site.keep(name, b"kept");
            let (first, second) = (site.recall(name), site.recall(name));
            assert!(
                first.zip(second).is_some_and(|(first, second)| Arc::ptr_eq(&first, &second))
            );
        }
    }

    #[test]
    fn what_was_changed_a_moment_ago_is_not_kept() {
        let mut site = Site::new();
        site.memory.settled = SETTLED;
        fs::write(site.path("new.txt"), b"new").expect("a file to write");
        assert_eq!(site.read("new.txt").bytes, b"new");
        assert!(site.recall("new.txt").is_none());
    }

    #[test]
    fn no_change_goes_unnoticed() {
        fn write(site: &Site, name: &str) -> io::Result<()> {
            fs::write(site.path(name), b"behind")
        }
        let change = |what: &str, change: fn(&Site)| {
            let site = Site::new();
            fs::create_dir(site.path("a")).expect("a folder");
            site.keep("a/b.txt", b"before");
            change(&site);
            assert!(site.recall("a/b.txt").is_none(), "{what}");
        };
        change("other bytes, as many", |site| write(site, "a/b.txt").expect("a change"));
        change("the same, and the date put back", |site| {
            let file = File::options().write(true).open(site.path("a/b.txt")).expect("a file");
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            write(site, "a/b.txt").expect("a change");
            file.set_modified(modified.expect("a date")).expect("a date put back");
        });
        change("more bytes", |site| {
            fs::write(site.path("a/b.txt"), b"before, and more").expect("a change");
        });
        change("removed", |site| fs::remove_file(site.path("a/b.txt")).expect("a change"));
        change("another file in its place", |site| {
            write(site, "new").expect("a file");
            fs::rename(site.path("new"), site.path("a/b.txt")).expect("a change");
        });
        change("a folder in its place", |site| {
            fs::remove_file(site.path("a/b.txt")).expect("a change");
            fs::create_dir(site.path("a/b.txt")).expect("a change");
        });
        change("moved, and a link to it in its place", |site| {
            fs::rename(site.path("a/b.txt"), site.path("c")).expect("a change");
            symlink("../c", site.path("a/b.txt")).expect("a change");
        });
        // The file itself does not change by this, not even its st_ctime.
        change("its folder moved, and a link to it in its place", |site| {
            let inode = |name| fs::metadata(site.path(name)).expect("a file").ino();
            let before = inode("a/b.txt");
            fs::rename(site.path("a"), site.path("c")).expect("a change");
            symlink("c", site.path("a")).expect("a change");
            assert_eq!(inode("a/b.txt"), before);
        });
    }

    #[test]
    fn a_file_is_kept_under_one_name() {
        let site = Site::new();
        fs::create_dir(site.path("a")).expect("a folder");
        site.keep("a/b.txt", b"kept");
        symlink("a", site.path("link")).expect("a link");
        for name in ["a//b.txt", "a/./b.txt", "./a/b.txt", "a/../a/b.txt", "link/b.txt"] {
            assert_eq!(site.read(name).bytes, b"kept");
            assert!(site.recall(name).is_none(), "{name}");
        }
        assert!(site.recall("a/b.txt/").is_none());
    }

    #[test]
    fn nothing_is_kept_where_changes_may_not_show() {
        let mut site = Site::new();
        site.keep("kept.txt", b"kept");
        site.memory = Memory { root: None, ..Memory::new(&site.folder) };
        site.memory.settled = Duration::ZERO;
        assert_eq!(site.read("kept.txt").bytes, b"kept");
        assert!(site.recall("kept.txt").is_none());
        let proc = Dir::open_ambient_dir("/proc", ambient_authority());
        assert!(proc.is_ok_and(|proc| trusted(&proc).is_none()));
    }

    #[test]
    fn there_is_a_limit() {
        let mut shelf = Shelf::default();
        let kept = |length| {
            let (modified, media_type) = (SystemTime::UNIX_EPOCH, MediaType::TEXT);
            Arc::new(Kept { bytes: vec![b'x'; length], modified, media_type, way: Vec::new() })
        };
        let (large, empty) = (kept(LONGEST as usize), kept(0));
        for number in 0..100_000 {
            let name = OsString::from(format!("{number}.txt"));
            shelf.put(&name, if number % 100 == 0 { &large } else { &empty });
            assert!(shelf.bytes <= MOST, "{} bytes", shelf.bytes);
            assert!(shelf.files.contains_key(&name));
        }
        let all = shelf.files.iter().map(|(name, kept)| size(name, kept));
        assert_eq!(all.sum::<usize>(), shelf.bytes);
    }

    #[test]
    fn what_is_kept_is_counted() {
        let way = fstat(File::open("/").expect("a folder")).expect("a folder");
        let other = size_of::<Kept>() + size_of::<Stat>() + "a".len();
        let kept = |size: usize| {
            Arc::new(Kept {
                bytes: vec![0; size - other],
                modified: SystemTime::UNIX_EPOCH,
                media_type: MediaType::TEXT,
                way: vec![way],
            })
        };
        let mut shelf = Shelf::default();
        for (name, size, count, bytes) in [
            ("a", MOST / 2, 1, MOST / 2),
            ("b", MOST / 2, 2, MOST),
            // Twice the same is once.
            ("b", MOST / 2, 2, MOST),
            ("a", MOST / 4, 2, MOST / 4 * 3),
            ("c", MOST / 4 + 1, 1, MOST / 4 + 1),
        ] {
            shelf.put(name.as_ref(), &kept(size));
            assert_eq!((shelf.files.len(), shelf.bytes), (count, bytes), "{name}");
        }
        shelf.take("c".as_ref());
        assert_eq!((shelf.files.len(), shelf.bytes), (0, 0));
        assert!(MOST as u64 > 100 * LONGEST, "all that a site has, if it is a small one");
    }
}
