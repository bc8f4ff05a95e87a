//! The kit's programs among strangers. What the labs' own checks take for HTTP is held here
//! against what others take for it:
//!
//! - [`nginx`], [`python`]: servers that `http_client` asks;
//! - [`web_server`]: curl, wget, nc and Chromium ask it;
//! - [`threaded_web_server`]: they, ab, wrk and the kit's own client ask it, over connections
//!   that go on, and GoAccess reads its log;
//! - [`http_client`], [`tools`]: how the clients are run.
//!
//!     cargo test --test real_world -- --ignored
//!
//! needs these tools, on Debian in packages of the same names (nc is in netcat-openbsd, ab in
//! apache2-utils).

#![expect(clippy::expect_used, reason = "a folder that cannot be made fails its check")]

mod http_client;
mod nginx;
mod python;
mod threaded_web_server;
mod tools;
mod web_server;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::executables::root;
use support::program::{Ended, Launch, Server};
use support::story::check_name;
use support::{Promise, Seen, bytes};
use tempfile::TempDir;

/// Bytes that a client or server which takes them for text would change.
const TEXT: &str = "Grüße, こんにちは 👋\r\nno line end at the end";

/// A browser is a dozen processes, and the machine may be busy. Where something is wrong,
/// most tools say so sooner, after [`SILENCE`].
const LONGEST: Duration = Duration::from_secs(45);

/// So many seconds without progress, and a tool gives up.
const SILENCE: &str = "8";

fn promise(should: &str) -> Promise {
    let again = format!("cargo test --test real_world {} -- --ignored", check_name());
    support::promise(should).try_it(again)
}

/// Fails the check where a tool is missing, which has been asked for.
fn needs(tool: &str) {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where Debian has servers; not everybody looks there.
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    if !folders.into_iter().any(|folder| folder.join(tool).is_file()) {
        promise(&format!("{tool} is installed, as this check needs it"))
            .try_it(".ci/run, which installs what is missing, or a package manager")
            .broken(Seen::Nothing, format!("there is no {tool} in PATH"));
    }
}

/// Runs a command line to its end.
fn run(command: &str, promise: &Promise) -> Ended {
    Launch::shell(command).start().ended_within(LONGEST).unwrap_or_else(|| {
        let limit = LONGEST.as_secs();
        let what = format!("after {limit} s this had not ended: {command}");
        promise.broken(Seen::StillOpen, what)
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

fn url(server: &Server, name: &str) -> String {
    format!("http://{}/{name}", server.address)
}

/// A copy of the kit's site, to which pages can be added.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(root().join("www")).expect("www/ is there") {
        let entry = entry.expect("an entry of www/");
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy is made");
    }
    folder
}

/// The file must have been written with these bytes.
fn is_now(file: &Path, want: &[u8], promise: &Promise) {
    let got = fs::read(file).unwrap_or_default();
    if let Some(difference) = bytes::difference(want, &got) {
        let name = file.file_name().unwrap_or_default().display();
        let seen = if want.starts_with(&got) { Seen::Part } else { Seen::Other };
        promise.broken(seen, format!("in the file {name}: {difference}"));
    }
}

fn contains(document: &str, want: &str, promise: &Promise) {
    if !document.contains(want) {
        let shown = bytes::show(document.as_bytes(), 400);
        promise.broken(Seen::Other, format!("there is no `{want}` in {shown}"));
    }
}
