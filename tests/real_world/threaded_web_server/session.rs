//! The kit's own client asks over connections that go on.

use std::fs;
use std::path::Path;

use support::executables::root;
use support::{Seen, bytes, handout};

use super::{Console, kept, serve};
use crate::http_client::{KEEP_ALIVE, Printed, ask, build_the_client, exact, session};

#[test]
#[ignore = "takes a server and a client of the kit; the labs' checks bring their own"]
fn http_client_finds_the_end_of_each_answer_itself() {
    build_the_client();
    let promise = exact("the client ends with the body, although the connection goes on");
    let server = serve(Path::new("www"), &[]);
    for name in ["index.html", "greetings.txt", "ladder.png", "harbour.jpg"] {
        let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
        let printed = ask(&KEEP_ALIVE, server.address, name, &promise);
        printed.status_line("HTTP/1.1 200 OK", &promise);
        printed.says("Connection", "keep-alive", &promise).body(&contents, &promise);
        let head = [&["-I"], &KEEP_ALIVE[..]].concat();
        let printed = ask(&head, server.address, name, &promise);
        printed.says("Content-Length", &contents.len().to_string(), &promise);
        printed.body(b"", &promise);
    }
}

#[test]
#[ignore = "takes a server and a client of the kit; the labs' checks bring their own"]
fn a_session_shows_keep_alive_304_and_the_limit() {
    build_the_client();
    let promise = kept(
        "a session shows how max= counts down, a 304 and the end at the limit; then it \
         connects again",
    )
    .cause(&[Seen::Stdout], "max= counts down, from --max-requests in the first answer")
    .read(handout::SESSION);
    let server = serve(Path::new("www"), &["--max-requests", "4"]);
    let keep = "Connection: keep-alive\n";
    let typed = [
        format!("GET /greetings.txt HTTP/1.1\n{keep}\n"),
        format!("HEAD /nowhere.html HTTP/1.1\n{keep}\n"),
        format!(
            "GET /greetings.txt HTTP/1.1\n{keep}If-Modified-Since: Thu, 01 Jan 2099 00:00:00 \
             GMT\n\n"
        ),
        format!("GET /HelloWorld.html HTTP/1.1\n{keep}\n"),
        "GET /greetings.txt HTTP/1.1\n\n".to_owned(),
    ];
    let end = session(server.address).stdin(typed.concat()).start().ended(&promise);
    end.status(0, &promise).says(&["connecting again"], &promise);
    let console = bytes::text(&end.stdout);
    let parts: Vec<&str> = console.split("Server response:\n").skip(1).collect();
    let greetings = fs::read(root().join("www/greetings.txt")).expect("a file of the site");
    let page = fs::read(root().join("www/HelloWorld.html")).expect("a file of the site");
    let wanted: [(&str, Option<&str>, &[u8]); 5] = [
        ("200 OK", Some("timeout=15, max=4"), &greetings),
        ("404 Not Found", Some("timeout=15, max=3"), b""),
        ("304 Not Modified", Some("timeout=15, max=2"), b""),
        ("200 OK", None, &page),
        ("200 OK", None, &greetings),
    ];
    if parts.len() != wanted.len() {
        let count = parts.len();
        promise.broken(Seen::Stdout, format!("{count} responses stand on stdout, not 5"));
    }
    for (part, (status, keep_alive, body)) in parts.iter().zip(wanted) {
        // A body without a line end at its end may be given one.
        let part = if body.is_empty() { part } else { part.trim_end() };
        let printed = Printed::of(part.as_bytes(), &promise);
        printed.status_line(&format!("HTTP/1.1 {status}"), &promise);
        let connection = if keep_alive.is_some() { "keep-alive" } else { "close" };
        printed.says("Connection", connection, &promise);
        if printed.field("Keep-Alive") != keep_alive {
            let [its, due] =
                [printed.field("Keep-Alive"), keep_alive].map(|it| it.unwrap_or("missing"));
            promise.broken(Seen::Stdout, format!("Keep-Alive is {its}, and should be {due}"));
        }
        printed.body(body.trim_ascii_end(), &promise);
    }
    let told = Console::when_ended(server, &promise).conversations(&promise);
    let told: Vec<(usize, &str)> =
        told.iter().map(|it| (it.requests.len(), it.end.as_str())).collect();
    if told != [(4, "Maximum"), (1, "Connection")] {
        promise.broken(Seen::Stdout, format!("requests and ends of connections: {told:?}"));
    }
}
