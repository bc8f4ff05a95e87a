//! Names whose addresses the checks have chosen: a program can be started with an /etc/hosts
//! of its own, in a mount namespace of its own (mount_namespaces(7)). The machine's stays as
//! it is, and no server for names is asked.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::executables::{keeper, root};
use crate::sockets;

/// Has an IPv6 address and two of IPv4: `::1`, 127.0.0.1, 127.0.0.2.
pub const MANY: &str = "many.test";

/// Is the name of no host.
pub const NOBODY: &str = "nobody.test";

/// A name that has both kinds of addresses for a program started with these names.
pub fn with_both() -> &'static str {
    if are_known() { MANY } else { "localhost" }
}

/// Whether there is such a name.
pub fn one_has_both() -> bool {
    are_known() || sockets::localhost_has_both()
}

/// The environment variable by which the keeper is told to let these names be known.
pub const SWITCH: &str = "LAB_NAMES";

/// Whether programs can be started so here: on Linux, by the administrator or where users
/// may make namespaces.
pub fn are_known() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let parent = std::process::id().to_string();
        let mut command = Command::new(keeper());
        command.args([&parent, "5", "cat", "/etc/hosts"]).env(SWITCH, "1");
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        output.is_ok_and(|output| {
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains(MANY)
        })
    })
}

/// Lets the names be known to this process and those that it starts. It must have one thread.
///
/// # Errors
/// No namespace can be made here.
pub fn make_known() -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::mount::{MsFlags, mount};
        const NOTHING: Option<&str> = None;
        enter_a_namespace()?;
        mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
        for file in ["hosts", "nsswitch.conf", "resolv.conf"] {
            let place = PathBuf::from("/etc").join(file);
            if place.exists() {
                let ours = root().join("tests/support/names").join(file);
                mount(Some(&ours), &place, NOTHING, MsFlags::MS_BIND, NOTHING)?;
            }
        }
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(nix::errno::Errno::ENOTSUP)
}

#[cfg(target_os = "linux")]
fn enter_a_namespace() -> nix::Result<()> {
    use nix::errno::Errno;
    use nix::sched::{CloneFlags, unshare};
    use nix::unistd::{getgid, getuid};
    use std::fs::write;

    if unshare(CloneFlags::CLONE_NEWNS) != Err(Errno::EPERM) {
        return Ok(());
    }
    // Who is not the administrator is it in a user namespace (user_namespaces(7)).
    let (user, group) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ];
    for (file, map) in maps {
        write(file, map).map_err(|_| Errno::EPERM)?;
    }
    Ok(())
}
