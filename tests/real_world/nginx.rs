//! `http_client` asks nginx.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;
use support::http::get;
use support::program::{Launch, Running};
use support::tcp::Peer;
use support::terminal::Terminal;
use support::{PATIENCE, Promise, Seen, bytes, handout, seed};
use tempfile::TempDir;

use crate::http_client::{
    KEEP_ALIVE, Printed, ask, build_the_client, connects_again, exact, session, start,
};
use crate::{TEXT, is_now, needs, promise, run, text};

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn files_come_from_nginx_byte_for_byte() {
    let nginx = Nginx::start();
    let every_byte: Vec<u8> = (0..=255).collect();
    let random = seed::random_bytes(&mut seed::random(), 100_003);
    let promise = exact("Content-Length tells where the body of a file ends");
    for (name, contents) in [
        ("text.txt", TEXT.as_bytes()),
        ("empty.txt", b""),
        ("every.bin", &every_byte),
        ("random.bin", &random),
    ] {
        nginx.file(name, contents);
        for options in [&[][..], &KEEP_ALIVE] {
            let printed = ask(options, nginx.address, name, &promise);
            printed.status_line("HTTP/1.1 200 OK", &promise);
            printed.says("Content-Length", &contents.len().to_string(), &promise);
            printed.body(contents, &promise);
        }
        let end = start(&["--body"], nginx.address, name).ended(&promise);
        end.status(0, &promise).stdout(contents, &promise);
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn ten_mebibytes_come_from_nginx_into_a_pipe_and_into_a_file() {
    let nginx = Nginx::start();
    let large = seed::random_bytes(&mut seed::random(), 10 << 20);
    nginx.file("large.bin", &large);
    let promise = exact("all of a large file comes, be it into a pipe or into a file");
    ask(&KEEP_ALIVE, nginx.address, "large.bin", &promise).body(&large, &promise);

    let file = nginx.folder.path().join("large.out");
    let printed = ask(&["-o", text(&file)], nginx.address, "large.bin", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(b"", &promise);
    is_now(&file, &large, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_makes_up_as_it_goes_comes_without_its_chunks() {
    let nginx = Nginx::start();
    let promise = promise("a chunked body comes without its chunk sizes, to its last chunk")
        .cause(&[Seen::Stdout], "the sizes of the chunks and their line ends are no data")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "a chunk of length 0 ends the body: the connection stays open",
        )
        .read(handout::BODY);

    nginx.file("made/page.html", SSI);
    let printed = ask(&KEEP_ALIVE, nginx.address, "made/page.html", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise).body(SSI_MADE, &promise);

    let letters = seed::random_letters(&mut seed::random(), 1 << 20);
    let pieces: Vec<&[u8]> = letters.chunks(5000).collect();
    nginx.file("made/long.txt", &pieces.join(&b"[here]"[..]));
    let printed = ask(&KEEP_ALIVE, nginx.address, "made/long.txt", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise);
    printed.body(&pieces.join(&b"and there"[..]), &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_compresses_comes_as_it_was_compressed() {
    needs("gzip");
    let nginx = Nginx::start();
    let letters = seed::random_letters(&mut seed::random(), 300_000);
    nginx.file("gzip/letters.txt", &letters);
    let promise = promise("a compressed body arrives so that gzip can unpack it")
        .cause(&[Seen::Stdout, Seen::Status], "chunked bodies are bytes too, not text")
        .read(handout::BODY);
    let file = nginx.folder.path().join("letters.gz");
    let options = [&["-H", "Accept-Encoding: gzip", "-o", text(&file)], &KEEP_ALIVE[..]];
    let printed = ask(&options.concat(), nginx.address, "gzip/letters.txt", &promise);
    printed.says("Transfer-Encoding", "chunked", &promise);
    printed.says("Content-Encoding", "gzip", &promise);
    let end = run(&format!("exec gzip -dc '{}'", text(&file)), &promise);
    end.status(0, &promise).stdout(&letters, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn the_end_of_a_connection_ends_the_body_where_nginx_says_no_more() {
    let nginx = Nginx::start();
    nginx.file("unmeasured/page.html", SSI);
    let promise =
        promise("without Content-Length and chunks the body goes on to the connection's end")
            .cause(&[Seen::Stdout], "no Content-Length does not mean a length of 0")
            .read(handout::BODY);
    let printed = ask(&KEEP_ALIVE, nginx.address, "unmeasured/page.html", &promise);
    for field in ["Content-Length", "Transfer-Encoding"] {
        assert_eq!(printed.field(field), None, "nginx was told not to send it");
    }
    printed.body(SSI_MADE, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn what_nginx_has_not_changed_comes_as_304_without_a_body() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes());
    let promise = promise("a conditional request gets 304 Not Modified, which has no body")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "304 has no body, whatever its head says: do not wait for one",
        )
        .read(handout::BODY);
    let first = ask(&[], nginx.address, "text.txt", &promise);
    for (condition, validator) in
        [("If-Modified-Since", "Last-Modified"), ("If-None-Match", "ETag")]
    {
        let known = first.field(validator).unwrap_or_default();
        let condition = format!("{condition}: {known}");
        let options = [&["-H", &condition], &KEEP_ALIVE[..]].concat();
        let printed = ask(&options, nginx.address, "text.txt", &promise);
        printed.status_line("HTTP/1.1 304 Not Modified", &promise).body(b"", &promise);
    }
    let long_ago = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT";
    let printed = ask(&["-H", long_ago], nginx.address, "text.txt", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(TEXT.as_bytes(), &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn head_at_nginx_gets_the_head_alone() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes()).file("made/page.html", SSI);
    let promise = promise("with -I the head comes, and no body is waited for")
        .cause(
            &[Seen::StillOpen, Seen::Status],
            "to HEAD the head tells what GET would get; no body comes, whatever it says",
        )
        .read(handout::BODY);
    let options = [&["-I"], &KEEP_ALIVE[..]].concat();
    let printed = ask(&options, nginx.address, "text.txt", &promise);
    printed.status_line("HTTP/1.1 200 OK", &promise).body(b"", &promise);
    printed.says("Content-Length", &TEXT.len().to_string(), &promise);
    for (file, status_line) in
        [("made/page.html", "HTTP/1.1 200 OK"), ("nowhere", "HTTP/1.1 404 Not Found")]
    {
        let printed = ask(&options, nginx.address, file, &promise);
        printed.status_line(status_line, &promise).body(b"", &promise);
    }
    let log = nginx.stop(&promise);
    let methods = log.iter().filter(|exchange| exchange.request.starts_with("HEAD /"));
    assert_eq!(methods.count(), 3, "nginx saw {log:?}");
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_404_of_nginx_is_a_page_like_others_unless_it_should_fail() {
    let nginx = Nginx::start();
    let promise = promise("a 404 is printed like any response; with --fail it is status 1")
        .cause(&[Seen::Status], "the server has answered, so all went well: unless with --fail")
        .read(handout::OUTPUT);
    let printed = ask(&[], nginx.address, "nowhere", &promise);
    printed.status_line("HTTP/1.1 404 Not Found", &promise);
    printed.shows("<h1>404 Not Found</h1>", &promise);
    let end = start(&["--fail"], nginx.address, "nowhere").ended(&promise);
    end.status(1, &promise).says(&["error:", "404"], &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_redirect_of_nginx_is_shown_and_not_followed() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes());
    let promise = promise("a redirect is shown as it is: 301, Location, and its page")
        .cause(&[Seen::Stdout], "this client asks once: a person decides where to go on")
        .read(handout::RESPONSE);
    let printed = ask(&[], nginx.address, "old.txt", &promise);
    printed.status_line("HTTP/1.1 301 Moved Permanently", &promise);
    let to = format!("http://127.0.0.1:{}/text.txt", nginx.address.port());
    printed.says("Location", &to, &promise);
    printed.shows("<h1>301 Moved Permanently</h1>", &promise);
    let log = nginx.stop(&promise);
    assert_eq!(log.len(), 1, "nginx saw {log:?}");
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_with_nginx_is_one_connection() {
    let nginx = Nginx::start();
    nginx.file("text.txt", TEXT.as_bytes()).file("made/page.html", SSI);
    let promise = promise(
        "a session sends its requests over one connection, one after another",
    )
    .cause(
        &[Seen::Other],
        "HTTP/1.1 keeps a connection unless one side says close: send the next request over \
             the same one",
    )
    .cause(
        &[Seen::Stdout],
        "a body that was not read to its very end is taken for the next response",
    )
    .cause(&[Seen::StillOpen, Seen::Status], "a body that never comes was waited for")
    .read(handout::SESSION);
    // The next one follows a body with a length, chunks, no body to HEAD, one to 404.
    let requests = [
        "GET /text.txt",
        "GET /made/page.html",
        "HEAD /text.txt",
        "GET /nowhere",
        "GET /text.txt",
    ];
    let typed: String =
        requests.iter().map(|request| format!("{request} HTTP/1.1\n\n")).collect();
    let end = session(nginx.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise);
    let console = bytes::text(&end.stdout);
    let parts: Vec<&str> = console.split("Server response:\n").skip(1).collect();
    if parts.len() != requests.len() {
        let count = parts.len();
        promise.broken(Seen::Stdout, format!("{count} responses stand on stdout, not 5"));
    }
    let status_lines = ["200 OK", "200 OK", "200 OK", "404 Not Found", "200 OK"];
    for (part, status) in parts.iter().zip(status_lines) {
        let printed = Printed::of(part.as_bytes(), &promise);
        printed.status_line(&format!("HTTP/1.1 {status}"), &promise);
    }
    for (part, body) in [(0, TEXT.as_bytes()), (1, SSI_MADE), (4, TEXT.as_bytes())] {
        // A body without a line end at its end may be given one.
        let printed = Printed::of(parts[part].trim_end().as_bytes(), &promise);
        printed.body(body.trim_ascii_end(), &promise);
    }

    let log = nginx.stop(&promise);
    let places: Vec<(&str, u32)> =
        log.iter().map(|exchange| (&*exchange.connection, exchange.place)).collect();
    let first = places.first().map_or("", |(connection, _)| connection);
    if places != [(first, 1), (first, 2), (first, 3), (first, 4), (first, 5)] {
        promise.broken(Seen::Other, format!("nginx's (connection, request) were {places:?}"));
    }
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_connects_again_when_nginx_says_close() {
    let nginx = Nginx::start();
    nginx.file("once/text.txt", TEXT.as_bytes());
    let promise = connects_again();
    let typed = "GET /once/text.txt HTTP/1.1\n\n".repeat(3);
    let end = session(nginx.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    let came = bytes::text(&end.stdout).matches(TEXT).count();
    if came != 3 {
        promise.broken(Seen::Stdout, format!("the file came {came} times, not 3"));
    }
    nginx.stop_after_connections(3, &promise);
}

#[test]
#[ignore = "needs nginx; .ci/run installs it"]
fn a_session_connects_again_when_nginx_has_waited_too_long() {
    let nginx = Nginx::start();
    nginx.file("briefly/one.txt", b"The first has come.\n");
    nginx.file("briefly/two.txt", b"The second has come.\n");
    let promise = connects_again();
    let (mut terminal, [stdin, stdout]) = Terminal::open();
    let client = session(nginx.address).stdin_from(stdin).stdout_to(stdout).start();
    terminal.type_in("GET /briefly/one.txt HTTP/1.1\n\n");
    terminal.expect("The first has come.", &promise);

    // nginx waits as long for the next request on a connection of ours, and we have been
    // served after the client: when ours is closed, so is the client's.
    let mut ours = Peer::connect(nginx.address, &promise);
    ours.send(&get("/briefly/one.txt"), &promise);
    let (_, closed) = ours.read_to_the_end(PATIENCE);
    assert!(closed, "nginx was told to close idle connections soon");

    terminal.type_in("GET /briefly/two.txt HTTP/1.1\n\n");
    terminal.expect("The second has come.", &promise);
    terminal.type_in("\x04");
    let end = client.ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    nginx.stop_after_connections(3, &promise); // one of them ours
}

const SSI: &[u8] =
    b"<!--#set var=\"who\" value=\"nginx\" --><p>Hello, <!--#echo var=\"who\" -->!\n";
const SSI_MADE: &[u8] = b"<p>Hello, nginx!\n";

const CONFIGURATION: &str = "
daemon off;
pid nginx.pid;
error_log error.log;
events {}
http {
  types { text/html html; text/plain txt; }
  default_type application/octet-stream;
  log_format places '$connection $connection_requests $request';
  access_log access.log places;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  server {
    listen ADDRESS;
    root site;
    sub_filter_types text/plain;
    sub_filter_once off;
    location /made/ { ssi on; sub_filter '[here]' 'and there'; }
    location /gzip/ { gzip on; gzip_types text/plain; }
    location /unmeasured/ { ssi on; chunked_transfer_encoding off; }
    location = /old.txt { return 301 /text.txt; }
    location /once/ { keepalive_requests 1; }
    location /briefly/ { keepalive_timeout 300ms; }
  }
}
";

/// nginx with a folder of its own, in which all that it writes stays.
struct Nginx {
    running: Running,
    address: SocketAddr,
    folder: TempDir,
}

/// A line of its log: the request was the `place`th on its connection.
#[derive(Debug)]
struct Exchange {
    connection: String,
    place: u32,
    request: String,
}

impl Nginx {
    fn start() -> Self {
        needs("nginx");
        build_the_client();
        let folder = tempfile::tempdir().expect("a folder");
        // The socket is ours and listens already, so the port is nobody else's and clients
        // may connect at once. nginx takes sockets over as from an older nginx that is being
        // replaced: their descriptors are in the variable NGINX.
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let mut configuration = CONFIGURATION.replace("ADDRESS", &address.to_string());
        if folder.path().metadata().expect("it is there").uid() == 0 {
            // Else its workers would become somebody who may not read the folder.
            configuration.insert_str(0, "user root;");
        }
        fs::write(folder.path().join("nginx.conf"), configuration).expect("a file is written");
        fs::create_dir(folder.path().join("site")).expect("a folder is made");
        let command = format!(
            "PATH=$PATH:/usr/sbin NGINX='0;' exec nginx -e error.log -p '{}' -c nginx.conf",
            text(folder.path())
        );
        let running = Launch::shell(&command).stdin_from(socket.into()).start();
        Self { running, address, folder }
    }

    fn file(&self, name: &str, contents: &[u8]) -> &Self {
        let path = self.folder.path().join("site").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        fs::write(path, contents).expect("a file is written");
        self
    }

    /// Ends it; then its log is complete.
    fn stop(self, promise: &Promise) -> Vec<Exchange> {
        self.running.signal(Signal::SIGTERM);
        self.running.ended(promise);
        let log = fs::read_to_string(self.folder.path().join("access.log"));
        let exchange = |line: &str| {
            let mut words = line.splitn(3, ' ');
            Some(Exchange {
                connection: words.next()?.to_owned(),
                place: words.next()?.parse().ok()?,
                request: words.next()?.to_owned(),
            })
        };
        log.expect("a log").lines().map(|line| exchange(line).expect("our format")).collect()
    }

    fn stop_after_connections(self, want: usize, promise: &Promise) {
        let log = self.stop(promise);
        let connections: BTreeSet<&str> = log.iter().map(|it| &*it.connection).collect();
        if connections.len() != want {
            let count = connections.len();
            promise.broken(Seen::Other, format!("nginx saw {count} connections, not {want}"));
        }
    }
}
