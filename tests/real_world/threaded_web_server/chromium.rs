//! A browser asks: over few connections, and for what it has only if it has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use support::{Promise, Seen, handout};

use super::log::{Combined, Lab, LogFile};
use super::{Console, kept, serve_and_log};
use crate::tools::{Chromium, to_chromium};
use crate::{contains, site, url};

/// A browser opens no more connections to a server (Chromium's limit for HTTP/1.1).
const MOST_CONNECTIONS: usize = 6;

/// Tells the sizes of a page's pictures once all are there.
const SIZES: &str = "onload = () => document.body.dataset.sizes = [...document.images]
    .map(image => image.naturalWidth + ' x ' + image.naturalHeight).join(', ');";

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_loads_many_pictures_over_few_connections() {
    let chromium = Chromium::alone();
    let promise = kept("a page and its 24 pictures come to a browser over 6 connections")
        .cause(&[Seen::Other], "a picture is 0 x 0 if its bytes are not those of the file");
    let site = site();
    let mut page = "<!doctype html><link rel=icon href='data:,'>".to_owned();
    for number in 0..24 {
        fs::copy(site.path().join("ladder.png"), site.path().join(format!("{number}.png")))
            .expect("a copy is made");
        page += &format!("<img src={number}.png>");
    }
    page += &format!("<script>{SIZES}</script>");
    fs::write(site.path().join("pictures.html"), page).expect("a page is written");
    let log = LogFile::new();
    let server = serve_and_log(site.path(), &log.options("lab"));
    let document = chromium.document(&url(&server, "pictures.html"), &promise);
    let sizes = ["1280 x 640"; 24].join(", ");
    contains(&document, &format!("data-sizes=\"{sizes}\""), &promise);

    let told = Console::when_ended(server, &promise).conversations(&promise);
    let mut asked: Vec<&str> =
        told.iter().flat_map(|it| &it.requests).map(String::as_str).collect();
    asked.sort_unstable();
    let pictures = (0..24).map(|number| format!("GET /{number}.png HTTP/1.1"));
    let mut wanted: Vec<String> = pictures.collect();
    wanted.push("GET /pictures.html HTTP/1.1".to_owned());
    wanted.sort_unstable();
    if asked != wanted {
        promise.broken(Seen::Stdout, format!("Chromium asked {asked:?}"));
    }
    let used = told.iter().filter(|it| !it.requests.is_empty()).count();
    if used > MOST_CONNECTIONS {
        promise.broken(Seen::More, format!("25 requests took {used} connections"));
    }
    let exchanges = exchanges(&log, 25, &promise);
    let files: BTreeMap<&str, &str> =
        exchanges.iter().map(|it| (it.file.as_str(), it.status.as_str())).collect();
    if files.len() != 25 || files.values().any(|status| *status != "200 OK") {
        promise.broken(Seen::Other, format!("the log tells of {exchanges:?}"));
    }
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_shows_the_site_from_many_threads() {
    let chromium = Chromium::alone();
    let promise = to_chromium("a browser shows index.html, its picture, and the page of a 404")
        .cause(&[Seen::Other], "a 404 without a body gets a page of the browser's own")
        .read(handout::SERVED);
    let site = site();
    // Beside frames with the site's pages, a script that tells what is in them.
    let page = "<!doctype html><link rel=icon href='data:,'>
        <iframe src=/></iframe><iframe src=nowhere.html></iframe>
        <script>
          onload = () => document.body.dataset.seen = Array.from(frames, ({document}) =>
            [document.title, ...[...document.images].map(it => it.naturalWidth)].join(' ')
          ).join(', ');
        </script>";
    fs::write(site.path().join("frames.html"), page).expect("a page is written");
    let log = LogFile::new();
    let server = serve_and_log(site.path(), &log.options("lab"));
    let document = chromium.document(&url(&server, "frames.html"), &promise);
    contains(&document, "data-seen=\"Socket lab 1280, 404: not here\"", &promise);
    let mut told: Vec<String> = exchanges(&log, 4, &promise)
        .iter()
        .map(|it| format!("{} {}", it.file, it.status))
        .collect();
    told.sort();
    let want = [
        "/frames.html 200 OK",
        "/index.html 200 OK", // asked for as /
        "/ladder.png 200 OK",
        "/nowhere.html 404 Not Found",
    ];
    if told != want {
        promise.broken(Seen::Other, format!("the log tells of {told:?}"));
    }
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_reloads_and_gets_304() {
    let chromium = Chromium::alone();
    let promise = has_it_already("a page that a browser loads again comes as 304");
    let site = site();
    let page = "<!doctype html><link rel=icon href='data:,'>
        <img src=ladder.png><img src=harbour.jpg>
        <script>
          const visit = Number(sessionStorage.visits ?? 0) + 1;
          sessionStorage.visits = visit;
          onload = () => {
            if (visit < 3) return location.reload();
            const sizes = [...document.images].map(it => it.naturalWidth + ' x ' + it.naturalHeight);
            document.body.dataset.seen = `visit ${visit}: ${sizes.join(', ')}`;
          };
        </script>";
    fs::write(site.path().join("again.html"), page).expect("a page is written");
    let log = LogFile::new();
    let server = serve_and_log(site.path(), &log.options("lab"));
    let document = chromium.document(&url(&server, "again.html"), &promise);
    contains(&document, "data-seen=\"visit 3: 1280 x 640, 960 x 540\"", &promise);
    let asked = Console::when_ended(server, &promise).count("Received request from ");
    // A reload asks again for the page. The pictures may be taken for fresh, or asked for.
    let exchanges = exchanges(&log, asked, &promise);
    let statuses = |file: &str| {
        let its = exchanges.iter().filter(|it| it.file == file);
        its.map(|it| it.status.as_str()).collect::<Vec<_>>()
    };
    let page = statuses("/again.html");
    if page != ["200 OK", "304 Not Modified", "304 Not Modified"] {
        promise.broken(Seen::Other, format!("for the page the log has {page:?}"));
    }
    for picture in ["/ladder.png", "/harbour.jpg"] {
        let [first, again @ ..] = &statuses(picture)[..] else {
            promise.broken(Seen::Part, format!("the log has nothing of {picture}"));
        };
        if *first != "200 OK" || again.iter().any(|status| *status != "304 Not Modified") {
            promise
                .broken(Seen::Other, format!("for {picture} the log has {first}, {again:?}"));
        }
    }
}

#[test]
#[ignore = "needs chromium; .ci/run installs it"]
fn chromium_comes_back_and_gets_only_what_has_changed() {
    let chromium = Chromium::alone();
    let promise = has_it_already(
        "on a second visit a browser gets 304 for what it has, on a third what has changed",
    );
    let site = site();
    let log = LogFile::new();
    let server = serve_and_log(site.path(), &log.options("combined"));
    // Without Cache-Control a browser takes a file for fresh for a tenth of its age: so let
    // them be young, and the next visit comes later.
    touch(&site.path().join("index.html"));
    touch(&site.path().join("ladder.png"));
    let url = url(&server, "index.html");
    let mut before = 0;
    for (title, index, picture) in
        [("It works", "200", "200"), ("It works", "304", "304"), ("Changed", "200", "304")]
    {
        if title == "Changed" {
            let path = site.path().join("index.html");
            let page = fs::read_to_string(&path).expect("a file of the site");
            fs::write(&path, page.replace("It works", title)).expect("a page is written");
        }
        let document = chromium.document(&url, &promise);
        contains(&document, &format!("<h1>{title}</h1>"), &promise);
        let entries = Combined::all(&log.lines(before + 2, &promise), &promise);
        let told: Vec<(&str, &str)> = entries[before..]
            .iter()
            .map(|entry| (entry.request.as_str(), entry.status.as_str()))
            .collect();
        let want = [("GET /index.html HTTP/1.1", index), ("GET /ladder.png HTTP/1.1", picture)];
        if told != want {
            promise.broken(Seen::Other, format!("the log tells of {told:?}, not {want:?}"));
        }
        if let Some(entry) = entries.iter().find(|it| !it.agent.contains("Mozilla/5.0 ")) {
            promise.broken(Seen::Stdout, format!("in the log the browser is {entry:?}"));
        }
        before = entries.len();
    }
}

fn has_it_already(should: &str) -> Promise {
    to_chromium(should)
        .cause(
            &[Seen::Other, Seen::Part],
            "a browser asks by the time in Last-Modified (If-Modified-Since): send it with \
             each 200 and 304, and answer 304 to a time that is not before the file's",
        )
        .read(handout::CONDITIONAL)
}

/// The log's exchanges, all of them GETs over connections that go on.
fn exchanges(log: &LogFile, count: usize, promise: &Promise) -> Vec<Lab> {
    let lines = log.lines(count * 2, promise);
    if lines.len() != count * 2 {
        let what = format!("{} lines, not {}, are in the log", lines.len(), count * 2);
        promise.broken(Seen::More, what);
    }
    let exchanges = Lab::all(&lines, promise);
    let odd = exchanges
        .iter()
        .find(|it| it.connections.iter().any(|it| it != "keep-alive") || it.method != "GET");
    if let Some(odd) = odd {
        promise.broken(Seen::Other, format!("a browser keeps its connections: {odd:?}"));
    }
    exchanges
}

/// Makes a file one of this moment.
fn touch(file: &Path) {
    let file = fs::File::options().append(true).open(file).expect("a file of the site");
    file.set_modified(SystemTime::now()).expect("its time is set");
}
