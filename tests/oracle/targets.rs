//! What is asked for: request targets and the files they name, and URLs, which the url
//! crate reads too.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use lab_http::target::file_path;
use lab_http::url::{self, Url};
use oracle::generate::{damaged, for_all};
use oracle::{Bytes, Verdict, invariants};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const CASES: u32 = 512;

#[test]
fn no_target_names_a_file_outside_the_root() {
    let part = select(vec![
        "/", "/", "/", "//", ".", "..", "...", "%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "\\",
        "%00", "\0", "%25", "%252e", "%", "%2", "%zz", "%ff", "%C3%A9", "%c3", "é", "a",
        "a.txt", "?", "#", "*", " ", "http://", "HTTP://h", "https://",
    ]);
    let parts = (select(vec!["/", "/", "/", "", "http://h", "hTTp://h:1/"]), vec(part, 0..8));
    let target = parts.prop_map(|(start, parts)| start.to_owned() + &parts.concat());
    for_all(CASES, target, |target| invariants::file_path(&target));
    for_all(CASES, any::<String>(), |target| invariants::file_path(&target));
}

#[test]
fn a_file_is_found_by_its_name() {
    for_all(CASES, file_name(), |name| {
        let names = |target: &str| match file_path(target) {
            Some(path) if path == Path::new(&name) => Ok(()),
            other => Err(format!("{target} names {other:?}")),
        };
        // A percent sign before two digits, and a question mark, mean something in a path.
        if !name.contains('?') && !escaped(&name) {
            names(&url::target(name.as_bytes())?)?;
        }
        names(&url::target(name.replace('%', "%25").replace('?', "%3f").as_bytes())?)
    });
}

/// Names that a file below the root may have.
fn file_name() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => select("ab.~%?#&=+;:'\"<>^`{|}[] \t-_2eFfC/".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    vec(char, 0..12).prop_map(String::from_iter).prop_filter("no file below the root", |name| {
        let up = name.split('/').any(|segment| segment == "..");
        !up && !name.contains(['\r', '\n', '\0', '\\']) && !name.starts_with('/')
    })
}

/// Whether there is a percent sign with two hexadecimal digits.
fn escaped(name: &str) -> bool {
    let hex = u8::is_ascii_hexdigit;
    name.as_bytes().windows(3).any(|part| part[0] == b'%' && hex(&part[1]) && hex(&part[2]))
}

#[test]
fn whatever_is_asked_for_can_be_sent_and_means_the_same() {
    let byte = prop_oneof![2 => select(b"%2e/.?# \\\0".to_vec()), 1 => any::<u8>()];
    for_all(CASES, vec(byte, 0..16).prop_map(Bytes), |path| invariants::target(&path.0));
    let url = plain_url().prop_map(|url| Bytes(url.into_bytes()));
    for_all(CASES, damaged(url), |url| invariants::target(&url.0));
}

#[test]
fn a_plain_url_is_read_as_the_url_crate_reads_it() {
    for_all(CASES, plain_url(), |url| agree(&url));
}

/// That host, port and target are the same for both.
fn agree(text: &str) -> Verdict {
    let (ours, theirs) = (Url::parse(text.as_bytes())?, ours_of(text)?);
    // Ours leaves a host as it was typed.
    let address = |host: &str| host.parse::<Ipv6Addr>().map(|address| address.to_string());
    let host = address(&ours.host).unwrap_or_else(|_| ours.host.to_ascii_lowercase());
    if (Url { host, ..ours.clone() }) == theirs {
        Ok(())
    } else {
        Err(format!("{ours:?}, not {theirs:?}"))
    }
}

/// What the url crate reads, in our terms.
fn ours_of(text: &str) -> Result<Url, String> {
    let url = ::url::Url::parse(text).map_err(|error| error.to_string())?;
    let host = match url.host().ok_or("no host")? {
        ::url::Host::Domain(name) => name.to_owned(),
        ::url::Host::Ipv4(address) => address.to_string(),
        ::url::Host::Ipv6(address) => address.to_string(),
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let port = url.port_or_known_default().ok_or("no port")?;
    Ok(Url { host, port, target: url.path().to_owned() + &query })
}

/// A URL with nothing in it that the two read differently on purpose.
fn plain_url() -> impl Strategy<Value = String> {
    let scheme = select(vec!["http", "http", "HTTP", "Http"]);
    let host = prop_oneof![
        // No last label of digits, which the url crate takes for part of an address, and
        // no xn--, which is a name in other letters.
        4 => "([a-zA-Z][a-z0-9_]{0,4}(-[a-z0-9]{1,3})?\\.){0,2}[a-z][a-z0-9]{0,5}",
        1 => any::<Ipv4Addr>().prop_map(|address| address.to_string()),
        1 => any::<Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ];
    let port = prop_oneof![
        Just(String::new()),
        Just(":".to_owned()),
        (1..=u16::MAX).prop_map(|port| format!(":{port}")),
    ];
    let segment = "[a-zA-Z0-9_~!$&'()*+,;=:@\"<>ß漢-]{0,4}(%[0-9a-fA-F]{2}x)?";
    let path = vec(segment, 0..4).prop_map(|segments| {
        segments.iter().map(|segment| format!("/{segment}")).collect::<String>()
    });
    let query = option::of("[a-zA-Z0-9._~!$&()*+,;=:@/?\"<>ß漢 -]{0,6}[a-z0-9]");
    let fragment = option::of("[a-z#?/]{0,4}");
    (scheme, host, port, path, query, fragment).prop_map(
        |(scheme, host, port, path, query, fragment)| {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
            format!("{scheme}://{host}{port}{path}{query}{fragment}")
        },
    )
}

#[test]
fn what_a_person_types_is_sent_where_the_url_crate_tidies_it_up() {
    for (text, ours, theirs) in [
        // So that one can try what a server makes of it.
        ("http://h/a/../b", "/a/../b", "/b"),
        ("http://h/./a", "/./a", "/a"),
        ("http://h/%2e%2E/a", "/%2e%2E/a", "/a"),
        // The url crate reads what browsers do (WHATWG URL); ours encodes what RFC 3986
        // has no place for, and nothing else.
        ("http://h/a\\b", "/a%5Cb", "/a/b"),
        ("http://h/a|b", "/a%7Cb", "/a|b"),
        ("http://h/100%", "/100%25", "/100%"),
        ("http://h/?a'b", "/?a'b", "/?a%27b"),
        ("http://h/a\tb", "/a%09b", "/ab"),
        ("http://h/a ", "/a%20", "/a"),
    ] {
        assert_eq!(
            Url::parse(text.as_bytes()).map(|url| url.target),
            Ok(ours.to_owned()),
            "{text}"
        );
        assert_eq!(ours_of(text).map(|url| url.target), Ok(theirs.to_owned()), "{text}");
    }
}

#[test]
fn a_host_is_what_was_typed_where_the_url_crate_works_it_out() {
    for (text, ours, theirs) in [
        ("http://127.1/", "127.1", "127.0.0.1"),
        ("http://0x7f000001/", "0x7f000001", "127.0.0.1"),
        ("http://[0:0::1]/", "0:0::1", "::1"),
        ("http://LocalHost/", "LocalHost", "localhost"),
    ] {
        assert_eq!(
            Url::parse(text.as_bytes()).map(|url| url.host),
            Ok(ours.to_owned()),
            "{text}"
        );
        assert_eq!(ours_of(text).map(|url| url.host), Ok(theirs.to_owned()), "{text}");
    }
}

#[test]
fn ours_refuses_what_it_would_not_send() {
    for text in [
        // A port that nobody listens on, and a user name (RFC 9110 §4.2.4).
        "http://h:0/",
        "http://me@h/",
        "http://me:word@h/",
        // What the url crate passes over or puts right.
        "http:/h/",
        "http:h",
        "http:///h/",
        "http://a%62c/",
        "http://h\\a",
        " http://h/",
    ] {
        assert!(Url::parse(text.as_bytes()).is_err(), "{text}");
        assert!(ours_of(text).is_ok(), "{text}");
    }
}
