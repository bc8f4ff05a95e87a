//! curl asks for several files, and uses its connections again where it may.

use std::fs;
use std::iter;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::executables::root;
use support::http::Answer;
use support::program::Server;
use support::{Promise, Seen, bytes, handout, seed};

use super::{Console, Conversation, KEPT, MODIFIED, MODIFIED_DATE, kept, serve, set_time};
use crate::tools::{curl, run_curl, to_curl};
use crate::{is_now, promise, site, text, url};

/// The kit's site, what is not in it, and what is not served.
const ALL: [(&str, u16); 6] = [
    ("index.html", 200),
    ("nowhere.html", 404),
    ("ladder.png", 200),
    ("style.css", 400),
    ("harbour.jpg", 200),
    ("greetings.txt", 200),
];

/// What curl is to tell of each transfer: see [`Transfer`].
const TRANSFER: &str = "-w '%{http_code} %{num_connects} %{local_port} %{size_download} \
    %header{connection}\\n'";

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_all_over_one_connection() {
    let promise = kept("curl gets each file, the 404 and the 400 over one connection");
    for (options, asking) in [
        (&[][..], KEPT),
        (&[], &format!("--http1.0 {KEPT}")),
        (&["--persistent"], ""),
        (&["--persistent"], KEPT),
    ] {
        let (transfers, console) = get_all(options, asking, &promise);
        Transfer::statuses(&transfers, &ALL.map(|(_, status)| status), &promise);
        Transfer::connects(&transfers, &[1, 0, 0, 0, 0, 0], &promise);
        let version = if asking.contains("1.0") { "1.0" } else { "1.1" };
        let line = |(name, _)| format!("GET /{name} HTTP/{version}");
        let want = Conversation {
            requests: ALL.map(line).to_vec(),
            ..Conversation::of(transfers[0].port, &[])
        };
        console.tells(&[want], &promise);
        let waits = console.count("Request completed, waiting for next request from: ");
        if waits != ALL.len() {
            promise.broken(
                Seen::Stdout,
                format!("the console says `Request completed, …` {waits} times, not 6"),
            );
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_connects_for_each_file_unless_it_asks() {
    let promise = to_curl("without keep-alive each file comes over a connection of its own")
        .cause(
            &[Seen::More],
            "the answer must say `Connection: close`, or curl waits for more on it",
        )
        .read(handout::KEEP_ALIVE);
    for (options, asking) in [
        (&[][..], ""),
        (&[], "--http1.0"),
        (&["--persistent"], "--http1.0"),
        (&["--persistent"], "-H 'Connection: close'"),
    ] {
        let (transfers, console) = get_all(options, asking, &promise);
        Transfer::statuses(&transfers, &ALL.map(|(_, status)| status), &promise);
        Transfer::connects(&transfers, &[1; 6], &promise);
        let told = console.conversations(&promise);
        if told.iter().any(|it| it.requests.len() != 1) || told.len() != ALL.len() {
            promise.broken(Seen::Stdout, format!("the console tells of {told:?}"));
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_connects_again_after_the_last_request_of_a_connection() {
    let promise = kept("with --max-requests 3 curl needs three connections for 7 files").cause(
        &[Seen::Other],
        "the third answer must say `Connection: close`, and no other before it",
    );
    let server = serve(Path::new("www"), &["--max-requests", "3"]);
    let urls = outputs(&server, iter::repeat_n("greetings.txt", 7), Path::new("/dev/null"));
    let transfers = Transfer::all(&curl(&format!("{KEPT} {TRANSFER} {urls}"), &promise));
    Transfer::statuses(&transfers, &[200; 7], &promise);
    Transfer::connects(&transfers, &[1, 0, 0, 1, 0, 0, 1], &promise);
    let said: Vec<&str> = transfers.iter().map(|it| it.connection.as_str()).collect();
    let (on, end) = ("keep-alive", "close");
    if said != [on, on, end, on, on, end, on] {
        promise.broken(Seen::Other, format!("the answers' Connection was {said:?}"));
    }
    let three = ["/greetings.txt"; 3];
    let most =
        |port| Conversation { end: "Maximum".to_owned(), ..Conversation::of(port, &three) };
    let ports = [0, 3, 6].map(|first: usize| transfers[first].port);
    let want = [most(ports[0]), most(ports[1]), Conversation::of(ports[2], &three[..1])];
    Console::when_ended(server, &promise).tells(&want, &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_heads_and_goes_on() {
    let promise = kept("HEAD gets the head that GET would get, and the connection goes on")
        .cause(&[Seen::Other], "to HEAD Content-Length is the length that GET would get");
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(Path::new("www"), &[]);
    let names = ["ladder.png", "nowhere.html", "index.html"];
    let heads = outputs(&server, names, folder.path());
    let page = outputs(&server, ["greetings.txt"], folder.path());
    let told = curl_v(&format!("-I {heads} --next {KEPT} {TRANSFER} {page}"), &promise);
    let transfers = Transfer::all(&told);
    Transfer::statuses(&transfers, &[200, 404, 200, 200], &promise);
    Transfer::connects(&transfers, &[1, 0, 0, 0], &promise);
    for (name, file) in names.into_iter().zip(["ladder.png", "filenotfound.html", "index.html"])
    {
        let head = fs::read(folder.path().join(name)).unwrap_or_default();
        let answer = Answer::of(&head, &promise);
        let length = root().join("www").join(file).metadata().expect("a file").len();
        answer.says("Content-Length", &length.to_string(), &promise);
        answer.says("Connection", "keep-alive", &promise);
    }
    let greetings = fs::read(root().join("www/greetings.txt")).expect("a file of the site");
    is_now(&folder.path().join("greetings.txt"), &greetings, &promise);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_goes_on_after_a_body_that_nobody_wants() {
    let folder = tempfile::tempdir().expect("a folder");
    let promise = kept("a POST gets 400 and the end of its connection; curl makes another one")
        .cause(
            &[Seen::Other],
            "a body that is not read must not be taken for a request: close the connection",
        )
        .read(handout::REQUESTS);
    // From a mebibyte on curl asks first whether the body is wanted (Expect: 100-continue).
    for length in [5, 100_000, 3 << 20] {
        let body = folder.path().join("body");
        fs::write(&body, seed::random_letters(&mut seed::random(), length)).expect("a file");
        let server = serve(Path::new("www"), &["--persistent"]);
        let url = url(&server, "greetings.txt");
        let said = folder.path().join("said");
        let told = curl(
            &format!(
                "{TRANSFER} -o /dev/null '{url}' \
                 --next {TRANSFER} --data-binary '@{}' -o '{}' '{url}' \
                 --next {TRANSFER} -o /dev/null '{url}'",
                text(&body),
                text(&said)
            ),
            &promise,
        );
        let transfers = Transfer::all(&told);
        Transfer::statuses(&transfers, &[200, 400, 200], &promise);
        Transfer::connects(&transfers, &[1, 0, 1], &promise);
        if fs::read(said).unwrap_or_default().len() < 4 {
            promise.broken(Seen::Part, "the body of the 400 says nothing");
        }
        let mut first = Conversation::of(transfers[0].port, &["/greetings.txt"]);
        first.requests.push("POST /greetings.txt HTTP/1.1".to_owned());
        let second = Conversation::of(transfers[2].port, &["/greetings.txt"]);
        Console::when_ended(server, &promise).tells(&[first, second], &promise);
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn curl_gets_only_what_has_changed() {
    let promise = to_curl("curl -z gets 304 for what it has, and the file once it has changed")
        .cause(
            &[Seen::Time],
            "Last-Modified tells when the file was changed: curl -R and -z go by it",
        )
        .cause(
            &[Seen::Other],
            "compare If-Modified-Since with the file's time, in whole seconds",
        )
        .read(handout::CONDITIONAL);
    let (site, folder) = (site(), tempfile::tempdir().expect("a folder"));
    let (original, copy) = (site.path().join("greetings.txt"), folder.path().join("copy.txt"));
    set_time(&original, MODIFIED);
    let server = serve(site.path(), &[]);
    let url = url(&server, "greetings.txt");
    let update = |asking: &str| Transfer::all(&curl_v(asking, &promise));
    let copy_is = |contents: &[u8], time: Duration| {
        is_now(&copy, contents, &promise);
        let its = copy.metadata().and_then(|copy| copy.modified()).expect("a file's time");
        if its != SystemTime::UNIX_EPOCH + time {
            let its = httpdate::fmt_http_date(its);
            promise.broken(Seen::Time, format!("curl's copy is of {its}"));
        }
    };
    let to_copy = format!("-R -o '{}' '{url}'", text(&copy));
    let by_file = format!("-z '{}' {to_copy}", text(&copy));

    let greetings = fs::read(&original).expect("a file of the site");
    Transfer::statuses(&update(&to_copy), &[200], &promise);
    copy_is(&greetings, MODIFIED);

    // The connection goes on behind a 304, which has no body whatever its head says.
    let another = format!("--next {TRANSFER} {KEPT} -o /dev/null '{url}'");
    let later = "Mon, 07 Nov 1994 08:49:37 GMT";
    for asking in [
        by_file.clone(),
        format!("-z '{MODIFIED_DATE}' {to_copy}"),
        format!("-z '{later}' {to_copy}"),
    ] {
        let transfers = update(&format!("{asking} {another}"));
        Transfer::statuses(&transfers, &[304, 200], &promise);
        Transfer::connects(&transfers, &[1, 0], &promise);
        let lengths = [transfers[0].length, transfers[1].length];
        if lengths != [0, greetings.len()] {
            promise.broken(Seen::Other, format!("the bodies were of {lengths:?} bytes"));
        }
        copy_is(&greetings, MODIFIED);
    }
    let earlier = format!("-z 'Sat, 05 Nov 1994 08:49:37 GMT' {to_copy}");
    Transfer::statuses(&update(&earlier), &[200], &promise);

    let changed = b"changed, and shorter\n";
    fs::write(&original, changed).expect("a file is written");
    let then = MODIFIED + Duration::from_secs(1);
    set_time(&original, then);
    Transfer::statuses(&update(&by_file), &[200], &promise);
    copy_is(changed, then);
    Transfer::statuses(&update(&by_file), &[304], &promise);
    copy_is(changed, then);
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn fifty_transfers_at_once_come_whole_to_curl() {
    let promise = to_curl("curl gets fifty files at once, each whole and none mixed up")
        .cause(&[Seen::Other], "what belongs to one connection was shared by its threads")
        .read(handout::THREADS);
    let (site, folder) = (site(), tempfile::tempdir().expect("a folder"));
    let mut random = seed::random();
    let files: Vec<Vec<u8>> = (1..=50)
        .map(|number| seed::random_letters(&mut random, number * 10_000 + number))
        .collect();
    for (number, file) in (1..).zip(&files) {
        fs::write(site.path().join(format!("{number}.txt")), file).expect("a file is written");
    }
    for asking in ["", KEPT] {
        let server = serve(site.path(), &[]);
        let (all, out) = (url(&server, "[1-50].txt"), folder.path().join("#1.txt"));
        let parallel = "-Z --parallel-immediate --parallel-max 50";
        let told = curl(
            &format!("{parallel} {asking} {TRANSFER} -o '{}' '{all}'", text(&out)),
            &promise,
        );
        Transfer::statuses(&Transfer::all(&told), &[200; 50], &promise);
        for (number, file) in (1..).zip(&files) {
            let out = folder.path().join(format!("{number}.txt"));
            is_now(&out, file, &promise);
            fs::remove_file(out).expect("it is removed for the next turn");
        }
        let console = Console::when_ended(server, &promise);
        let told = console.count("Received request from ");
        if told != 50 {
            promise.broken(Seen::Stdout, format!("the console tells of {told} requests"));
        }
    }
}

#[test]
#[ignore = "needs curl; .ci/run installs it"]
fn a_hundred_mebibytes_come_whole_to_curl_and_it_goes_on() {
    let promise = kept("all of a large file comes, and the next one over the same connection")
        .cause(&[Seen::Part], "one read or write need not take all: go on to the end");
    let (site, folder) = (site(), tempfile::tempdir().expect("a folder"));
    let large = seed::random_letters(&mut seed::random(), 100 << 20);
    fs::write(site.path().join("large.bin"), &large).expect("a file is written");
    let server = serve(site.path(), &["--allow", "bin"]);
    let names = ["large.bin", "greetings.txt"];
    let urls = outputs(&server, names, folder.path());
    let transfers = Transfer::all(&curl(&format!("{KEPT} {TRANSFER} {urls}"), &promise));
    Transfer::statuses(&transfers, &[200, 200], &promise);
    Transfer::connects(&transfers, &[1, 0], &promise);
    is_now(&folder.path().join("large.bin"), &large, &promise);
    let greetings = fs::read(site.path().join("greetings.txt")).expect("a file of the site");
    is_now(&folder.path().join("greetings.txt"), &greetings, &promise);
}

/// Gets [`ALL`], which must come whole.
fn get_all(options: &[&str], asking: &str, promise: &Promise) -> (Vec<Transfer>, Console) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(Path::new("www"), options);
    let urls = outputs(&server, ALL.map(|(name, _)| name), folder.path());
    let transfers = Transfer::all(&curl(&format!("{asking} {TRANSFER} {urls}"), promise));
    for (name, _) in ALL.iter().filter(|(_, status)| *status == 200) {
        let contents = fs::read(root().join("www").join(name)).expect("a file of the site");
        is_now(&folder.path().join(name), &contents, promise);
    }
    (transfers, Console::when_ended(server, promise))
}

/// Asks for the connection to go on. curl throws away what comes where no body should be,
/// and only tells of it.
fn curl_v(arguments: &str, promise: &Promise) -> String {
    let end = run_curl(&format!("-v {KEPT} {TRANSFER} {arguments}"), promise);
    end.status(0, promise);
    if let Some(line) = end.errors().lines().find(|line| line.contains("Excess found")) {
        promise.broken_because(
            Seen::More,
            format!("curl says: {}", line.trim_start_matches("* ")),
            Some("to HEAD, and with 304, no body is sent".to_owned()),
        );
    }
    bytes::text(&end.stdout)
}

/// The files' URLs, each with the file in `folder` that it goes to.
fn outputs<'a>(
    server: &Server,
    names: impl IntoIterator<Item = &'a str>,
    folder: &Path,
) -> String {
    let output = |name| match folder.is_dir() {
        true => text(&folder.join(name)).to_owned(),
        false => text(folder).to_owned(),
    };
    let all =
        names.into_iter().map(|name| format!("-o '{}' '{}'", output(name), url(server, name)));
    all.collect::<Vec<_>>().join(" ")
}

/// A transfer as curl tells of it.
#[derive(Debug)]
struct Transfer {
    status: u16,
    /// How many connections were made for it.
    connects: u32,
    /// The port at curl's end.
    port: u16,
    /// The bytes of the body that came.
    length: usize,
    /// What the answer says of it.
    connection: String,
}

impl Transfer {
    fn all(told: &str) -> Vec<Self> {
        let transfer = |line: &str| {
            let mut words = line.split(' ');
            Some(Self {
                status: words.next()?.parse().ok()?,
                connects: words.next()?.parse().ok()?,
                port: words.next()?.parse().ok()?,
                length: words.next()?.parse().ok()?,
                connection: words.next()?.to_owned(),
            })
        };
        told.lines()
            .map(|line| match transfer(line) {
                Some(transfer) => transfer,
                None => {
                    let line = bytes::show(line.as_bytes(), 80);
                    promise("curl prints what -w says").broken(Seen::Stdout, line)
                }
            })
            .collect()
    }

    fn statuses(all: &[Self], want: &[u16], promise: &Promise) {
        let statuses: Vec<u16> = all.iter().map(|transfer| transfer.status).collect();
        if statuses != want {
            let what = format!("curl got the statuses {statuses:?}, not {want:?}");
            promise.broken(Seen::Other, what);
        }
    }

    fn connects(all: &[Self], want: &[u32], promise: &Promise) {
        let connects: Vec<u32> = all.iter().map(|transfer| transfer.connects).collect();
        if connects != want {
            let fewer = connects.iter().sum::<u32>() < want.iter().sum();
            let seen = if fewer { Seen::Other } else { Seen::More };
            let what = format!(
                "for its transfers curl made {connects:?} new connections, not {want:?}"
            );
            promise.broken(seen, what);
        }
    }
}
