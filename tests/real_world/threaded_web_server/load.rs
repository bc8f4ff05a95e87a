//! ab (ApacheBench) and wrk ask thousands of times, sixteen clients at once. Nothing here is
//! about how fast: each request must get its answer.

use std::path::Path;

use support::{Promise, Seen, bytes, handout};

use super::{Console, KEPT, serve};
use crate::{needs, promise, run, url};

const AB_REQUESTS: usize = 2000;
const CLIENTS: usize = 16;

#[test]
#[ignore = "needs ab; .ci/run installs it"]
fn ab_counts_no_failed_request() {
    let promise = under_load("ab makes 2,000 connections, 16 at a time; none fails");
    let told = ab("", &promise);
    let connections = told.console.conversations(&promise);
    if connections.iter().filter(|it| it.requests.len() == 1).count() != AB_REQUESTS {
        let count = connections.len();
        promise.broken(Seen::Stdout, format!("the console tells of {count} connections"));
    }
}

#[test]
#[ignore = "needs ab; .ci/run installs it"]
fn ab_k_is_told_which_connections_go_on() {
    let promise =
        under_load("`ab -k` counts as kept all but each 100th request of a connection")
            .cause(
                &[Seen::Other],
                "each answer must say truly whether the connection goes on: keep-alive, and \
             close in the 100th",
            )
            .read(handout::KEEP_ALIVE);
    let told = ab("-k", &promise);
    let kept = told.number("Keep-Alive requests:").unwrap_or_default();
    // Its clients need not get on alike: at most each has had 99 requests beyond its last
    // hundred, at least all requests came in hundreds.
    let least = AB_REQUESTS - AB_REQUESTS / 100;
    let most = AB_REQUESTS - (AB_REQUESTS - 99 * CLIENTS).div_ceil(100);
    if !(least..=most).contains(&kept) {
        promise.broken(Seen::Other, format!("ab counts {kept} kept, not {least} to {most}"));
    }
    let maximum = told.console.count("Maximum 100 requests, connection to ");
    if kept + maximum != AB_REQUESTS {
        promise.broken(
            Seen::Stdout,
            format!(
                "ab counts {kept} kept of 2,000, and the server ended {maximum} by its limit"
            ),
        );
    }
    let connections = told.console.conversations(&promise);
    let connections = connections.iter().filter(|it| !it.requests.is_empty()).count();
    if connections > maximum + CLIENTS {
        promise.broken(
            Seen::More,
            format!(
                "ab made {connections} connections, although only {maximum} were at their end"
            ),
        );
    }
}

#[test]
#[ignore = "needs wrk; .ci/run installs it"]
fn wrk_sees_no_error_on_connections_that_go_on() {
    let promise = under_load("for 2 s wrk sees no error on 16 connections that go on");
    let without_limit = ["--max-requests", "1000000000"];
    for (options, asking) in
        [(&without_limit[..], KEPT), (&[&without_limit[..], &["--persistent"]].concat(), "")]
    {
        let (count, console) = wrk(options, asking, &promise);
        // Beside them there is one by which wrk finds out whether there is a server.
        let told = console.conversations(&promise);
        let served = told.iter().filter(|it| !it.requests.is_empty()).count();
        if served != CLIENTS {
            let (seen, made) =
                (if served > CLIENTS { Seen::More } else { Seen::Nothing }, told.len());
            promise.broken(
                seen,
                format!(
                    "of wrk's {made} connections {served} had answers, {count} in all, not 16"
                ),
            );
        }
    }
}

#[test]
#[ignore = "needs wrk; .ci/run installs it"]
fn wrk_sees_no_error_where_connections_end() {
    let promise = under_load("for 2 s wrk sees no error on connections that end as was said");
    // Where each has one request only ab asks: wrk would leave 10,000 connections a second in
    // TIME_WAIT.
    for (options, most) in [(&[][..], 100), (&["--max-requests", "20"], 20)] {
        let (count, console) = wrk(options, KEPT, &promise);
        let connections = console.count("Received connection from ");
        if connections < count / most {
            promise.broken(
                Seen::Other,
                format!(
                    "wrk made {connections} connections for {count} requests of {most} each"
                ),
            );
        }
    }
}

fn under_load(should: &str) -> Promise {
    promise(should)
        .cause(
            &[Seen::Status, Seen::Part],
            "a connection was ended before its answer was whole, or by RST: is something \
             of the client's unread when it is closed?",
        )
        .cause(
            &[Seen::More],
            "an answer that says keep-alive promises to wait for the next request",
        )
        .cause(&[Seen::Nothing], "some clients wait for others: give each a thread of its own")
        .cause(&[Seen::StillOpen], "the tool waits for an answer that never comes whole")
        .read(handout::THREADS)
}

/// What ab has told, and the server.
struct Told {
    report: String,
    console: Console,
}

/// Runs ab, which must see each request answered with 200 and the file's length.
fn ab(options: &str, promise: &Promise) -> Told {
    needs("ab");
    let server = serve(Path::new("www"), &[]);
    let url = url(&server, "HelloWorld.html");
    let end = run(
        &format!("exec ab -q -s 8 -n {AB_REQUESTS} -c {CLIENTS} {options} '{url}'"),
        promise,
    );
    end.status(0, promise);
    let report = bytes::text(&end.stdout);
    let told = Told { report, console: Console::when_ended(server, promise) };
    for (what, want) in [
        ("Complete requests:", Some(AB_REQUESTS)),
        ("Failed requests:", Some(0)),
        ("Non-2xx responses:", None),
        ("Write errors:", None),
    ] {
        if told.number(what) != want {
            let lines = told.report.lines();
            let said: Vec<&str> = lines
                .skip_while(|line| !line.starts_with(what))
                .take_while(|line| line.starts_with(what) || line.starts_with(' '))
                .map(str::trim)
                .collect();
            promise.broken(Seen::Part, format!("ab says: {}", said.join(" ")));
        }
    }
    told
}

impl Told {
    fn number(&self, what: &str) -> Option<usize> {
        self.report.lines().find_map(|line| line.strip_prefix(what))?.trim().parse().ok()
    }
}

/// Runs wrk, which must see no error; how many answers it had.
fn wrk(options: &[&str], asking: &str, promise: &Promise) -> (usize, Console) {
    needs("wrk");
    let server = serve(Path::new("www"), options);
    let url = url(&server, "HelloWorld.html");
    let command = format!("exec wrk -t1 -c{CLIENTS} -d2s --timeout 8s {asking} '{url}'");
    let end = run(&command, promise);
    end.status(0, promise);
    let report = bytes::text(&end.stdout);
    for trouble in ["Socket errors", "Non-2xx"] {
        if let Some(line) = report.lines().find(|line| line.contains(trouble)) {
            promise.broken(Seen::Part, format!("wrk says: {}", line.trim()));
        }
    }
    let count =
        report.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let Some(count @ 1..) = count else {
        promise.broken(Seen::Part, format!("wrk had no answer: {report}"));
    };
    (count, Console::when_ended(server, promise))
}
