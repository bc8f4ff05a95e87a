//! From a request target to the name of a file below the server's root (RFC 9112 §3.2).

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::head::{Malformed, Request};
use crate::host;

/// The path that `target` names, relative to the root; `None` if it can name no file
/// there.
///
/// `/a%20b.txt?lang=en` names `a b.txt`: a query is no part of the name, and `%20` is a
/// space. An absolute target, as `http://localhost/a.txt`, names the same as its path.
/// `/` names the root itself, an empty path.
pub fn file_path(target: &str) -> Option<PathBuf> {
    // Fill in start 3.6: leave out the query, decode the escapes, refuse what is no file's name
    let path = path(target).strip_prefix('/')?;
    // Decoded once, and only here. Whoever decodes twice turns %252e into a dot.
    let path = percent_decode_str(path).decode_utf8().ok()?;
    // NUL ends a name for the system calls, a backslash is a slash to some of them, and
    // `..` leads up. None of them is in the name of a file that we would serve. What lies
    // outside the root is kept out where the file is opened, whatever passes here.
    if path.contains(['\0', '\\']) || path.split('/').any(|segment| segment == "..") {
        return None;
    }
    Some(path.trim_start_matches('/').into())
    // Fill in instead: Some(target.trim_start_matches('/').into())
    // Fill in end 3.6
}

/// Whether the target of a GET or HEAD has one of the two forms that it may have: a path,
/// or a URL of http (RFC 9112 §3.2).
///
/// # Errors
/// It has neither.
pub fn check(request: &Request<'_>) -> Result<(), Malformed> {
    let (method, target) = (request.method, request.target);
    let is_fine = match behind_scheme(target) {
        // A URL of http must name a host (RFC 9110 §4.2.1), and no user (§4.2.4).
        Some(rest) => {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            !authority.is_empty()
                && !authority.starts_with(':')
                && host::is_host(authority.as_bytes())
        }
        None => target.starts_with('/'),
    };
    if is_fine || !matches!(method, "GET" | "HEAD") {
        return Ok(());
    }
    Err(Malformed::Syntax(format!(
        "\"{target}\" is neither a path, like /index.html, nor a URL"
    )))
}

/// The path of a target, as it was sent: without a query, and without scheme and host.
pub fn path(target: &str) -> &str {
    let path = without_authority(target);
    path.split_once('?').map_or(path, |(path, _query)| path)
}

/// The path and query of a target in absolute form, which a server must accept (RFC 9112
/// §3.2.2).
fn without_authority(target: &str) -> &str {
    let Some(rest) = behind_scheme(target) else { return target };
    match rest.find(['/', '?']) {
        Some(path) if rest[path..].starts_with('/') => &rest[path..],
        _ => "/",
    }
}

/// What follows `http://`, if the target is in absolute form.
fn behind_scheme(target: &str) -> Option<&str> {
    const SCHEME: &str = "http://";
    let scheme = target.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| &target[SCHEME.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_a_file() {
        for (target, path) in [
            ("/", ""),
            ("/index.html", "index.html"),
            ("/a/b.txt", "a/b.txt"),
            ("/a%20b.txt?c=d", "a b.txt"),
            ("/gr%C3%BC%C3%9Fe.txt", "grüße.txt"),
            ("//index.html", "index.html"),
            ("/%252e%252e/x", "%2e%2e/x"),
            ("http://localhost:6789/index.html", "index.html"),
            ("HTTP://localhost", ""),
            ("http://localhost?a=/b", ""),
            ("/...", "..."),
        ] {
            assert_eq!(file_path(target), Some(path.into()), "{target}");
        }
    }

    #[test]
    fn no_way_leads_up() {
        for target in [
            "/..",
            "/../secret",
            "/a/../../secret",
            "/%2e%2e/secret",
            "/.%2E/secret",
            "/a/%2e%2e%2fsecret",
            "/..\\secret",
            "/%5csecret",
            "/index.html%00.png",
            "/%ff",
            "index.html",
            "*",
            "",
            "http://localhost/../secret",
        ] {
            assert_eq!(file_path(target), None, "{target}");
        }
    }

    #[test]
    fn a_target_has_one_of_two_forms() {
        let check = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\n\r\n");
            let request = crate::head::parse_request(head.as_bytes()).expect(target);
            check(&request)
        };
        for target in ["/", "/a", "http://a", "http://a/b", "HTTP://a?b", "http://[::1]:80/a"] {
            assert_eq!(check(target), Ok(()), "{target}");
        }
        for target in [
            "a",
            "*",
            "http://",
            "HTTP:///a",
            "http://:80/a",
            "http://?a",
            "ftp://a/",
            "http://[::1/a",
            "http://a:b/",
            "http://me@a/",
        ] {
            assert!(check(target).is_err(), "{target}");
        }
    }
}
