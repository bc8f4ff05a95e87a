//! `http_client` asks Python's http.server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use support::program::{Launch, ReadyLine, Server};
use support::{Seen, bytes, handout};

use crate::http_client::{ask, build_the_client, connects_again, exact, session, start};
use crate::{TEXT, needs, promise, site, text};

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn pages_and_pictures_come_from_python_byte_for_byte() {
    let site = site();
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = exact("a file comes from Python's http.server as it is");
        for name in ["index.html", "greetings.txt", "ladder.png", "harbour.jpg"] {
            let contents = fs::read(site.path().join(name)).expect("a file of the site");
            let printed = ask(&[], python.address, name, &promise);
            printed.status_line(&format!("{version} 200 OK"), &promise);
            printed.body(&contents, &promise);
        }
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_listing_of_python_is_a_page() {
    let site = tempfile::tempdir().expect("a folder");
    for name in ["one.txt", "two words.txt", "größe.txt"] {
        fs::write(site.path().join(name), TEXT).expect("a file is written");
    }
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = promise("/ at Python's http.server is a listing of the folder")
            .read(handout::RESPONSE);
        let printed = ask(&[], python.address, "/", &promise);
        printed.status_line(&format!("{version} 200 OK"), &promise);
        for (link, name) in [
            ("one.txt", "one.txt"),
            ("two%20words.txt", "two words.txt"),
            ("gr%C3%B6%C3%9Fe.txt", "größe.txt"),
        ] {
            printed.shows(&format!("<a href=\"{link}\">"), &promise);
            // As the listing has it, and as a person would write it.
            for file in [link, name] {
                let printed = ask(&[], python.address, file, &promise);
                printed.body(TEXT.as_bytes(), &promise);
            }
        }
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_404_of_python_is_a_page_like_others_unless_it_should_fail() {
    let site = site();
    for (options, version) in PYTHON {
        let python = python(site.path(), options);
        let promise = promise("a 404 is printed like any response; with --fail it is status 1")
            .cause(
                &[Seen::Status],
                "the server has answered, so all went well: unless with --fail",
            )
            .read(handout::OUTPUT);
        let printed = ask(&[], python.address, "nowhere", &promise);
        printed.status_line(&format!("{version} 404 File not found"), &promise);
        printed.shows("Error code: 404", &promise);
        let end = start(&["--fail"], python.address, "nowhere").ended(&promise);
        end.status(1, &promise).says(&["error:", "404"], &promise);
    }
}

#[test]
#[ignore = "needs python3; .ci/run installs it"]
fn a_session_connects_again_for_each_request_to_an_old_server() {
    let site = site();
    let python = python(site.path(), "");
    let promise = connects_again();
    let typed = "GET /greetings.txt HTTP/1.1\n\n".repeat(2);
    let end = session(python.address).stdin(typed).start().ended(&promise);
    end.status(0, &promise).says(&["connect"], &promise);
    let greetings = fs::read_to_string(site.path().join("greetings.txt")).expect("UTF-8");
    let came = bytes::text(&end.stdout).matches(&greetings).count();
    if came != 2 {
        promise.broken(Seen::Stdout, format!("the file came {came} times, not 2"));
    }
}

/// Options, and the version of HTTP that it then speaks.
const PYTHON: [(&str, &str); 2] = [("", "HTTP/1.0"), ("--protocol HTTP/1.1", "HTTP/1.1")];

fn python(folder: &Path, options: &str) -> Server {
    needs("python3");
    build_the_client();
    let folder = text(folder);
    // Debian's own, if it is there: what stands before it in PATH may be a script that
    // takes its time to find another.
    let command = format!(
        "PATH=/usr/bin:$PATH exec python3 -u -m http.server --bind 127.0.0.1 \
         --directory '{folder}' {options} 0"
    );
    Launch::shell(&command).start().ready(ReadyLine {
        before: "Serving HTTP on 127.0.0.1 port ",
        form: "PORT",
        address: |rest| {
            let port = rest.split(' ').next()?.parse().ok()?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        },
    })
}
