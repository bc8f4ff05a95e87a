//! Others ask `web_server` (lab 3).

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use support::executables::root;
use support::http::Answer;
use support::program::{ReadyLine, Server};
use support::{Promise, Seen, bytes, handout, seed, server};

use crate::tools::{
    Chromium, TOLD, curl, has_taken, has_words, nc, run_curl, to_chromium, to_curl, to_wget,
    wget,
};
use crate::{contains, is_now, promise, site, text, url};

// curl asks web_server

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_the_site_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl gets each file of the kit's site, and is told what it is")
        .cause(&[Seen::Other], "a body is bytes, and its file's name tells its Content-Type")
        .read(handout::ANSWER);
    for (name, media_type) in [
        ("index.html", "text/html"),
        ("greetings.txt", "text/plain"),
        ("ladder.png", "image/png"),
        ("harbour.jpg", "image/jpeg"),
    ] {
        for version in ["", "--http1.0"] {
            let file = folder.path().join(name);
            let (url, out) = (url(&server, name), text(&file));
            let told = curl(&format!("{version} -o '{out}' -w '{TOLD}' '{url}'"), &promise);
            let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
            is_now(&file, &contents, &promise);
            let want = format!("200 {} {media_type}", contents.len());
            if !told.starts_with(&want) {
                promise.broken(Seen::Other, format!("curl was told `{told}`, not `{want}`"));
            }
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_100_mebibytes_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let letters = seed::random_letters(&mut seed::random(), 100 << 20);
    fs::write(folder.path().join("large.bin"), &letters).expect("a file is written");
    let server = web_server(folder.path(), &[]);
    let promise = to_curl("curl gets all of a large file").read(handout::ANSWER);
    let file = folder.path().join("large.out");
    curl(&format!("-o '{}' '{}'", text(&file), url(&server, "large.bin")), &promise);
    is_now(&file, &letters, &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_a_head_as_for_get() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl -I gets the head that GET would get")
        .cause(&[Seen::Other], "to HEAD Content-Length is the length that GET would get")
        .read(handout::ANSWER);
    for (name, file, status) in [
        ("ladder.png", "ladder.png", "200 OK"),
        ("nowhere.html", "filenotfound.html", "404 Not Found"),
    ] {
        let head = curl(&format!("-I '{}'", url(&server, name)), &promise);
        let answer = Answer::of(head.as_bytes(), &promise);
        answer.status(status, &promise);
        let announced = answer.field("Content-Length", &promise);
        let length = root().join("www").join(file).metadata().expect("a file").len();
        if announced != length.to_string() {
            promise.broken(Seen::Other, format!("Content-Length: {announced}, not {length}"));
        }
        if !answer.field("Connection", &promise).eq_ignore_ascii_case("close") {
            promise.broken_because(
                Seen::Other,
                "Connection is not close",
                Some("curl would try to use the connection again".to_owned()),
            );
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_the_page_for_what_is_not_there() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("curl gets 404 and the page for it; with --fail it ends with 22")
        .cause(&[Seen::Other], "the status is part of the answer: the page alone says nothing")
        .read(handout::BELOW_ROOT);
    let page = fs::read_to_string(root().join("www/filenotfound.html")).expect("UTF-8");
    let url = url(&server, "nowhere.html");
    let told = curl(&format!("-w '{TOLD}' '{url}'"), &promise);
    let want = format!("{page}404 {} text/html", page.len());
    if !told.starts_with(&want) {
        let came = bytes::show(told.as_bytes(), 200);
        promise.broken(Seen::Other, format!("curl printed {came}, not the page and 404"));
    }
    let end = run_curl(&format!("--fail '{url}'"), &promise);
    end.status(22, &promise).stdout(b"", &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn what_else_curl_asks_for_changes_nothing() {
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_curl("what the server does not know is passed over: 200, and the whole file")
            .cause(
                &[Seen::Other],
                "a server may ignore Range (RFC 9110 §14.2), and Expect of a request without a \
                 body (§10.1.1), but it must not do half of it",
            )
            .read(handout::REQUEST_LINE);
    let greetings = fs::read_to_string(root().join("www/greetings.txt")).expect("UTF-8");
    for asking in [
        "-H 'Expect: 100-continue'",
        "-r 0-9",
        "-r -5",
        "--compressed",
        "-z 'Sun, 06 Nov 1994 08:49:37 GMT'",
        "-H 'Connection: keep-alive, Upgrade' -H 'Upgrade: h2c'",
        "-b 'crumbs=many' -A 'Mozilla/5.0' -e http://127.0.0.1/ -u me:word",
    ] {
        let told = curl(
            &format!("{asking} -w '{TOLD}' '{}'", url(&server, "greetings.txt")),
            &promise,
        );
        let want = format!("{greetings}200 {} text/plain", greetings.len());
        if !told.starts_with(&want) {
            let came = bytes::show(told.as_bytes(), 200);
            promise.broken(Seen::Other, format!("with {asking} curl printed {came}"));
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_connects_again_for_each_url() {
    let server = web_server(Path::new("www"), &[]);
    let promise = to_curl("for each of several URLs curl makes a connection of its own")
        .cause(
            &[Seen::Other],
            "one request is answered on a connection: say `Connection: close`, and close",
        )
        .read(handout::ONE_AT_A_TIME);
    let names = ["index.html", "nowhere.html", "ladder.png", "HelloWorld.html"];
    let urls: Vec<String> =
        names.iter().map(|name| format!("-o /dev/null '{}'", url(&server, name))).collect();
    let told =
        curl(&format!("-w '%{{http_code}} %{{num_connects}}\\n' {}", urls.join(" ")), &promise);
    if told != "200 1\n404 1\n200 1\n200 1\n" {
        promise.broken(Seen::Other, format!("statuses and new connections were\n{told}"));
    }
    let wanted = names.map(|name| format!("/{name}"));
    let asked = requests_when_stopped(server, &promise);
    if asked != wanted {
        promise.broken(Seen::Stdout, format!("the server tells of requests for {asked:?}"));
    }
}

// wget asks web_server

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_takes_a_page_with_what_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise = to_wget("`wget -p` takes the page and its picture, and no more");
    let end = wget(&folder, "-p -nd", &url(&server, "index.html"), &promise);
    end.status(0, &promise);
    has_taken(&folder, &["index.html", "ladder.png"], &promise);
}

#[test]
#[ignore = "needs wget; .ci/run installs it"]
fn wget_follows_the_links_of_the_site() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_wget("`wget -r -l 1` takes what index.html links to, and tells of the 404");
    let end = wget(&folder, "-r -l 1 -nd", &url(&server, "index.html"), &promise);
    end.status(8, &promise);
    let linked =
        ["HelloWorld.html", "greetings.txt", "harbour.jpg", "index.html", "ladder.png"];
    has_taken(&folder, &linked, &promise);
}

// A person with nc asks web_server

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nc_is_answered_although_it_sends_bare_line_feeds() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("a request whose lines end in LF alone gets the file")
        .cause(
            &[Seen::StillOpen],
            "nc goes on until the server closes: close behind the answer",
        )
        .read(handout::HEAD);
    let page = fs::read(root().join("www/HelloWorld.html")).expect("a file of the site");
    for request in [
        r"GET /HelloWorld.html HTTP/1.1\n\n",
        r"GET /HelloWorld.html HTTP/1.1\nHost: localhost\n\n",
        r"GET /HelloWorld.html HTTP/1.0\r\n\n",
    ] {
        let answer = nc(request, &server, &promise);
        answer.status("200 OK", &promise).body(&page, &promise);
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nothing_follows_the_head_that_nc_asks_for() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("HEAD gets a head, and nothing behind its empty line")
        .cause(
            &[Seen::StillOpen],
            "nc goes on until the server closes: close behind the answer",
        )
        .read(handout::ANSWER);
    for (target, status) in [("/HelloWorld.html", "200 OK"), ("/nowhere", "404 Not Found")] {
        let answer = nc(&format!(r"HEAD {target} HTTP/1.1\n\n"), &server, &promise);
        answer.status(status, &promise);
        if !answer.body.is_empty() {
            let body = bytes::show(&answer.body, 60);
            promise.broken(Seen::More, format!("behind the head came {body}"));
        }
    }
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn nc_is_told_what_is_missing() {
    let server = web_server(Path::new("www"), &["--timeout", "0.5"]);
    let promise = promise("a request line without its end gets 408, and words that say why")
        .cause(&[Seen::StillOpen], "the server waits for ever for the rest of the request")
        .read(handout::HEAD);
    let answer = nc("GET /HelloWorld.html", &server, &promise);
    answer.status("408 Request Timeout", &promise);
    has_words(&answer, &promise);
}

#[test]
#[ignore = "needs nc; .ci/run installs it"]
fn empty_lines_from_nc_are_no_request() {
    let server = web_server(Path::new("www"), &[]);
    let promise = promise("empty lines and nothing else get 400, and words that say why")
        .cause(&[Seen::Status], "one empty line before the request is passed over, not two")
        .read(handout::REQUEST_LINE);
    let answer = nc(r"\n\n", &server, &promise);
    answer.status("400 Bad Request", &promise);
    has_words(&answer, &promise);
}

// Chromium asks web_server

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_asks_for_the_page_and_its_picture_alone() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &[]);
    let promise =
        to_chromium("a browser asks for index.html and its picture, for no icon or else")
            .read(handout::ONE_AT_A_TIME);
    let document = chromium.document(&url(&server, "index.html"), &promise);
    contains(&document, "<h1>It works</h1>", &promise);
    let asked = requests_when_stopped(server, &promise);
    if asked != ["/index.html", "/ladder.png"] {
        promise.broken(Seen::Stdout, format!("Chromium asked for {asked:?}"));
    }
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_can_show_the_pictures() {
    let chromium = Chromium::alone();
    let site = site();
    let page = "<!doctype html><link rel=icon href='data:,'>
        <img src=ladder.png><img src=harbour.jpg><img src=nowhere.png>
        <script>
          onload = () => document.body.dataset.sizes = [...document.images]
            .map(image => image.naturalWidth + ' x ' + image.naturalHeight).join(', ');
        </script>";
    fs::write(site.path().join("pictures.html"), page).expect("a page is written");
    let server = web_server(site.path(), &[]);
    let promise = to_chromium("a browser can make pictures of what the server sends for them")
        .cause(&[Seen::Other], "a picture is 0 x 0 if its bytes are not those of the file")
        .read(handout::ANSWER);
    let document = chromium.document(&url(&server, "pictures.html"), &promise);
    contains(&document, "data-sizes=\"1280 x 640, 960 x 540, 0 x 0\"", &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_follows_links() {
    let chromium = Chromium::alone();
    let site = site();
    // A frame beside which a script clicks: to HelloWorld.html, and there back again.
    let page = "<!doctype html><link rel=icon href='data:,'><iframe src=index.html></iframe>
        <script>
          const frame = document.querySelector('iframe'), seen = [];
          frame.onload = () => {
            const page = frame.contentDocument;
            seen.push(frame.contentWindow.location.pathname + ': ' + page.title);
            document.body.dataset.seen = seen.join(', ');
            const next = ['HelloWorld.html', 'index.html', 'nowhere.html'][seen.length - 1];
            if (next) page.querySelector(`a[href='${next}']`).click();
          };
        </script>";
    fs::write(site.path().join("clicking.html"), page).expect("a page is written");
    let server = web_server(site.path(), &[]);
    let promise =
        to_chromium("the links of the kit's site lead from page to page in a browser")
            .read(handout::ANSWER);
    let document = chromium.document(&url(&server, "clicking.html"), &promise);
    let way = "/index.html: Socket lab, /HelloWorld.html: Hello, World!, \
               /index.html: Socket lab, /nowhere.html: 404: not here";
    contains(&document, &format!("data-seen=\"{way}\""), &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_shows_the_page_for_what_is_not_there() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &[]);
    let promise = to_chromium("a browser shows filenotfound.html for what is not there")
        .cause(&[Seen::Other], "a 404 without a body gets a page of the browser's own")
        .read(handout::BELOW_ROOT);
    let document = chromium.document(&url(&server, "nowhere.html"), &promise);
    contains(&document, "<h1>404: not here</h1>", &promise);
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn connections_in_advance_do_not_keep_the_page_from_chromium() {
    let chromium = Chromium::alone();
    let server = web_server(Path::new("www"), &["--timeout", "1"]);
    let promise = promise("connections that are opened and not used do not keep a page away")
        .cause(
            &[Seen::Nothing, Seen::StillOpen, Seen::Other],
            "the server waits for ever for a request that never comes",
        )
        .read(handout::ONE_AT_A_TIME);
    let _idle = [server.connect(&promise), server.connect(&promise)];
    let document = chromium.document(&url(&server, "index.html"), &promise);
    contains(&document, "<h1>It works</h1>", &promise);
    let asked = requests_when_stopped(server, &promise);
    if asked != ["/index.html", "/ladder.png"] {
        promise.broken(Seen::Stdout, format!("Chromium asked for {asked:?}"));
    }
}

// web_server, and its clients

fn web_server(root: &Path, options: &[&str]) -> Server {
    let arguments = [options, &["--root", text(root), "0"]].concat();
    server("web_server", &arguments, ReadyLine::READY_TO_SERVE)
}

/// Ends the server; the targets of all requests that it has told of.
fn requests_when_stopped(server: Server, promise: &Promise) -> Vec<String> {
    server.running.signal(Signal::SIGTERM);
    let end = server.running.ended(promise);
    end.status(0, promise);
    let console = bytes::text(&end.stdout);
    let targets = console.lines().filter_map(|line| line.strip_prefix("Client request: "));
    targets.map(str::to_owned).collect()
}
