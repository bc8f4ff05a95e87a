//! The web servers: ours and its peers, each set up as its users would for speed.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;
use tempfile::TempDir;

use crate::Bench;
use crate::http::Connection;
use crate::process::Server;
use crate::site::{SMALL, SMALL_LENGTH};
use crate::tools::Party;

/// How long a server may take to its first answer.
const START: Duration = Duration::from_secs(10);

/// How often another port is tried, should somebody take ours between asking the kernel
/// for a free one and starting the server there.
const TRIES: usize = 3;

/// Connections that a server must be able to hold.
const MOST_CONNECTIONS: usize = 20_000;

/// How long a connection may be idle, in seconds: longer than any measurement.
const IDLE: u64 = 120;

/// The web servers of the table.
pub(crate) const PARTIES: [Party; 4] =
    [Party::Ours, Party::Nginx, Party::Lighttpd, Party::Python];

/// They, and what a thread for each connection can do at best with a small page.
pub(crate) const PARTIES_AND_LIMIT: [Party; 5] =
    [Party::Ours, Party::Nginx, Party::Lighttpd, Party::Python, Party::C];

/// A web server that has given its first answer.
pub(crate) struct WebServer {
    pub(crate) server: Server,
    pub(crate) port: u16,
    /// From its start to its first answer.
    pub(crate) start: Duration,
    log: Option<PathBuf>,
    _folder: TempDir,
}

impl WebServer {
    /// Starts one on a free port, with or without an access log.
    pub(crate) fn start(party: Party, bench: &Bench, logs: bool) -> Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::try_start(party, bench, logs) {
                Err(_) if tries < TRIES => {}
                result => return result,
            }
        }
    }

    fn try_start(party: Party, bench: &Bench, logs: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-server-").tempdir()?;
        let log = logs.then(|| folder.path().join("access.log"));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let setup = Setup { bench, port, folder: folder.path(), log: log.as_deref() };
        let started = Instant::now();
        if party == Party::C {
            let (mut server, port) = Server::start_and_hear(&mut setup.limit()?, &bench.cores)?;
            wait_for_first_answer(&mut server, port)?;
            return Ok(Self { server, port, start: started.elapsed(), log, _folder: folder });
        }
        let mut command = match party {
            Party::Ours => setup.ours()?,
            Party::Nginx => setup.nginx()?,
            Party::Lighttpd => setup.lighttpd()?,
            Party::Python => setup.python()?,
            other => bail!("{} is no web server", other.name()),
        };
        let mut server = Server::start(&mut command, &bench.cores)?;
        wait_for_first_answer(&mut server, port)?;
        Ok(Self { server, port, start: started.elapsed(), log, _folder: folder })
    }

    /// How long the access log is, if there is one, in bytes.
    pub(crate) fn log_length(&self) -> Result<Option<u64>> {
        self.log.as_ref().map(|log| Ok(fs::metadata(log)?.len())).transpose()
    }

    /// Forgets what has been logged. All servers append, so they go on at the beginning.
    pub(crate) fn empty_log(&self) -> Result<()> {
        if let Some(log) = &self.log {
            OpenOptions::new().write(true).open(log)?.set_len(0)?;
        }
        Ok(())
    }
}

/// Asks until there is an answer; a connection that is refused costs microseconds.
fn wait_for_first_answer(server: &mut Server, port: u16) -> Result<()> {
    let until = Instant::now() + START;
    loop {
        match Connection::open(port, 0) {
            Ok(mut connection) => {
                let length = connection.get(SMALL)?;
                ensure!(length == SMALL_LENGTH, "a small file of {length} bytes");
                return Ok(());
            }
            Err(error) if Instant::now() > until => {
                return Err(error).context("no answer from a started server");
            }
            Err(_) => server.must_live()?,
        }
    }
}

/// How a server is to be set up.
struct Setup<'a> {
    bench: &'a Bench,
    port: u16,
    folder: &'a Path,
    log: Option<&'a Path>,
}

impl Setup<'_> {
    fn ours(&self) -> Result<Command> {
        let mut command = Command::new(self.bench.tools.ours("threaded_web_server")?);
        command.arg(self.port.to_string()).args(["--strict-port", "--quiet", "--persistent"]);
        command.arg("--root").arg(self.bench.site.root());
        command.args(["--max-requests", "1000000000"]);
        command.arg(format!("--max-connections={MOST_CONNECTIONS}"));
        command.arg(format!("--keep-alive-timeout={IDLE}"));
        match self.log {
            Some(log) => command.args(["--log-format", "combined", "--log"]).arg(log),
            None => command.arg("--no-log"),
        };
        command.stdout(Stdio::null()).stderr(self.errors()?);
        Ok(command)
    }

    /// It chooses its port by itself, and writes no log.
    fn limit(&self) -> Result<Command> {
        let mut command = Command::new(self.bench.tools.in_c("http_threads")?);
        command.arg(self.bench.site.root().join(SMALL)).stderr(self.errors()?);
        Ok(command)
    }

    /// One worker, as one core is given.
    fn nginx(&self) -> Result<Command> {
        let nginx = self.bench.tools.installed("nginx")?;
        let folder = self.folder.display();
        // Who starts it as root would otherwise have a worker that may not read the site.
        let user = if Uid::effective().is_root() { "user root;" } else { "" };
        let log =
            self.log.map_or("off".to_owned(), |log| format!("{} combined", log.display()));
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .concat();
        let configuration = format!(
            "daemon off;
             {user}
             worker_processes 1;
             worker_rlimit_nofile {descriptors};
             pid {folder}/nginx.pid;
             error_log {folder}/errors;
             events {{ worker_connections {MOST_CONNECTIONS}; }}
             http {{
               {temporary}
               types {{ text/html html; text/plain txt; }}
               sendfile on;
               tcp_nopush on;
               tcp_nodelay on;
               keepalive_requests 1000000000;
               keepalive_timeout {IDLE}s;
               access_log {log};
               server {{ listen 127.0.0.1:{port}; root {root}; }}
             }}
             ",
            descriptors = self.bench.descriptors,
            port = self.port,
            root = self.bench.site.root().display(),
        );
        let path = self.folder.join("nginx.conf");
        fs::write(&path, configuration)?;
        let mut command = Command::new(nginx);
        command.arg("-p").arg(self.folder).arg("-c").arg(path).arg("-e").arg("errors");
        command.stdout(Stdio::null()).stderr(self.errors()?);
        Ok(command)
    }

    fn lighttpd(&self) -> Result<Command> {
        let lighttpd = self.bench.tools.installed("lighttpd")?;
        let log = self.log.map_or(String::new(), |log| {
            format!(
                "server.modules += (\"mod_accesslog\")\naccesslog.filename = \"{}\"\n",
                log.display()
            )
        });
        // It counts the requests of a connection in 16 bits.
        let configuration = format!(
            "server.document-root = \"{root}\"
             server.bind = \"127.0.0.1\"
             server.port = {port}
             server.errorlog = \"{folder}/errors.lighttpd\"
             server.max-fds = {descriptors}
             server.max-connections = {connections}
             server.max-keep-alive-requests = 65535
             server.max-keep-alive-idle = {IDLE}
             mimetype.assign = (\".html\" => \"text/html\", \".txt\" => \"text/plain\")
             {log}",
            root = self.bench.site.root().display(),
            folder = self.folder.display(),
            port = self.port,
            descriptors = self.bench.descriptors.min(32_768),
            connections = MOST_CONNECTIONS.min(16_384),
        );
        let path = self.folder.join("lighttpd.conf");
        fs::write(&path, configuration)?;
        let mut command = Command::new(lighttpd);
        command.arg("-D").arg("-f").arg(path);
        command.stdout(Stdio::null()).stderr(self.errors()?);
        Ok(command)
    }

    /// Keep-alive needs `--protocol`, of Python 3.11. It always logs, to stderr.
    fn python(&self) -> Result<Command> {
        let mut command = Command::new(self.bench.tools.installed("python3")?);
        command.args(["-m", "http.server", "--protocol", "HTTP/1.1", "--bind", "127.0.0.1"]);
        command.arg("--directory").arg(self.bench.site.root()).arg(self.port.to_string());
        command.stdout(Stdio::null()).stderr(match self.log {
            Some(log) => OpenOptions::new().create(true).append(true).open(log)?.into(),
            None => Stdio::null(),
        });
        Ok(command)
    }

    /// Where a server's complaints go.
    fn errors(&self) -> Result<File> {
        File::create(self.folder.join("errors")).context("cannot make a file for errors")
    }
}
