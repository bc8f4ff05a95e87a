//! The file system of a folder, as far as Linux tells.

use std::fs;
use std::path::{Path, PathBuf};

/// File systems in which others may change files without this machine being told: those of
/// WSL's Windows drives (9p, drvfs), of networks, and what FUSE brings.
const SILENT: &[&str] =
    &["9p", "drvfs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "vboxsf", "fuse"];

/// Whether changes in a folder may not be told.
pub(crate) fn is_silent(folder: &Path) -> bool {
    file_system(folder).is_some_and(|kind| {
        let kind = kind.split('.').next().unwrap_or_default();
        SILENT.contains(&kind)
    })
}

/// The type of a folder's file system, as `ext4` or `9p`; `None` where that is not known.
pub(crate) fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    kind_of(&folder, &fs::read_to_string("/proc/self/mountinfo").ok()?)
}

/// In the lines of proc_pid_mountinfo(5) the innermost mount counts, and of several at one
/// place the last.
fn kind_of(folder: &Path, mounts: &str) -> Option<String> {
    let mut found: Option<(PathBuf, &str)> = None;
    for line in mounts.lines() {
        let (Some(place), Some(kind)) = (
            line.split(' ').nth(4),
            line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next()),
        ) else {
            continue;
        };
        let place = PathBuf::from(unescaped(place));
        let is_inner = found.as_ref().is_none_or(|(outer, _)| place.starts_with(outer));
        if folder.starts_with(&place) && is_inner {
            found = Some((place, kind));
        }
    }
    found.map(|(_, kind)| kind.to_owned())
}

/// Spaces and the like are written in octal digits.
fn unescaped(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |place, (code, character)| place.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
90 22 0:60 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs
91 22 0:61 / /home/a\\040b rw shared:1 - fuse.sshfs a@b:/ rw
";

    #[test]
    fn the_innermost_mount_counts() {
        for (folder, kind) in
            [("/home/x", "ext4"), ("/mnt/c/Users", "9p"), ("/home/a b/kit", "fuse.sshfs")]
        {
            assert_eq!(kind_of(Path::new(folder), MOUNTS).as_deref(), Some(kind));
        }
        assert_eq!(kind_of(Path::new("/"), ""), None);
    }
}
