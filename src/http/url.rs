//! What a client makes of `http://host:port/path` (RFC 9110 §4.2.1, RFC 3986).

use std::fmt::Write;

/// The port that a URL means when it names none (RFC 9110 §4.2.1).
pub const DEFAULT_PORT: u16 = 80;

/// Where to ask, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// A name or an address, an IPv6 one without its brackets.
    pub host: String,
    /// The TCP port of the server.
    pub port: u16,
    /// Path and query, as the request line takes them. Never empty.
    pub target: String,
}

impl Url {
    /// Whether `text` is meant to be a URL at all, as it begins with a scheme.
    pub fn is_meant(text: &[u8]) -> bool {
        text.windows(SEPARATOR.len()).any(|part| part == SEPARATOR)
    }

    /// Reads a URL.
    ///
    /// # Errors
    /// Says in words what is wrong with it, or why it cannot be asked for.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let separator = text.windows(SEPARATOR.len()).position(|part| part == SEPARATOR);
        let Some((scheme, rest)) = separator.map(|at| text.split_at(at)) else {
            return Err("a URL begins with http://".to_owned());
        };
        let rest = &rest[SEPARATOR.len()..];
        if scheme.eq_ignore_ascii_case(b"https") {
            return Err("https is HTTP over TLS, which encrypts; this client speaks plain \
                        HTTP only"
                .to_owned());
        }
        if !scheme.eq_ignore_ascii_case(b"http") {
            return Err(format!("{} is not http", scheme.escape_ascii()));
        }
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
        let (host, port) = read_authority(authority)?;
        // What follows a # is for the client alone and is never sent (RFC 9110 §4.2.5).
        let path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
        Ok(Self { host, port, target: target(path)? })
    }

    /// The root of a server whose name or address a person has written.
    ///
    /// # Errors
    /// It is empty or has characters that no host has.
    pub fn of_host(text: &[u8]) -> Result<Self, String> {
        Ok(Self { host: read_host(text)?, port: DEFAULT_PORT, target: "/".to_owned() })
    }

    /// The value of the `Host` field: the port only where it is not the default one (RFC
    /// 9110 §7.2).
    pub fn host_field(&self) -> String {
        let host = match self.host.split_once('%') {
            // The zone of an IPv6 address means something on this machine alone (RFC 4007
            // §6).
            Some((address, _zone)) => address,
            None => &self.host,
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if self.port == DEFAULT_PORT { host } else { format!("{host}:{}", self.port) }
    }
}

const SEPARATOR: &[u8] = b"://";

/// A TCP port, in digits.
///
/// # Errors
/// It is none, or 0.
pub fn port(text: &[u8]) -> Result<u16, String> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let number =
        str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("\"{}\" is no port: 1 to 65535", text.escape_ascii()))
}

/// The request target for a path and query as a person writes them: a missing `/` is
/// added, and what no URI may hold is percent-encoded (RFC 3986 §2).
///
/// # Errors
/// CR or LF is in it, which would end the request line: whoever can put them into a
/// target can write header lines of their own.
pub fn target(path: &[u8]) -> Result<String, String> {
    // Fill in start 4.3: add the slash, encode what no URI may hold, refuse line ends
    if path.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err(format!("a line end is in it: \"{}\"", path.escape_ascii()));
    }
    let mut target = String::with_capacity(path.len() + 1);
    if path.first() != Some(&b'/') {
        target.push('/');
    }
    for (at, &byte) in path.iter().enumerate() {
        let rest = &path[at + 1..];
        let escape = match byte {
            // Already an escape, or a percent sign that means itself?
            b'%' => {
                !matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
            }
            // In a target a # can only be part of a file's name.
            b'#' => true,
            _ => !(byte.is_ascii_alphanumeric() || IN_A_URI.contains(&byte)),
        };
        if escape {
            // Writing to a String cannot fail.
            let _ = write!(target, "%{byte:02X}");
        } else {
            target.push(char::from(byte));
        }
    }
    Ok(target)
    // Fill in instead: Ok(String::from_utf8_lossy(path).into_owned())
    // Fill in end 4.3
}

/// Besides letters and digits (RFC 3986 §2.2, §2.3).
const IN_A_URI: &[u8] = b"-._~:/?[]@!$&'()*+,;=";

/// `localhost:8080`, `[::1]`.
fn read_authority(authority: &[u8]) -> Result<(String, u16), String> {
    if authority.contains(&b'@') {
        return Err("a user name before the host is not sent by this client".to_owned());
    }
    // The colons of an IPv6 address are within brackets.
    let colon = authority.iter().rposition(|byte| *byte == b':');
    let (name, port) = match colon.filter(|_| !authority.ends_with(b"]")) {
        Some(colon) => (&authority[..colon], &authority[colon + 1..]),
        None => (authority, &b""[..]),
    };
    if name.contains(&b':') && !name.starts_with(b"[") {
        return Err(
            "in a URL an IPv6 address stands in brackets: http://[::1]:8080/".to_owned()
        );
    }
    let port = if port.is_empty() { DEFAULT_PORT } else { self::port(port)? };
    Ok((read_host(name)?, port))
}

/// A host as a person may write it, without the brackets of an IPv6 address.
fn read_host(text: &[u8]) -> Result<String, String> {
    let bare = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    let shown = || text.escape_ascii();
    if bare.is_empty() {
        return Err("no host is named".to_owned());
    }
    if let [name, port] = bare.split(|byte| *byte == b':').collect::<Vec<_>>()[..]
        && port.iter().all(u8::is_ascii_digit)
    {
        let (name, port) = (name.escape_ascii(), port.escape_ascii());
        return Err(format!(
            "a host has no port: write {name} {port}, or http://{name}:{port}/"
        ));
    }
    // It becomes part of a header line, so nothing may pass that could end one.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    let name = str::from_utf8(bare).map_err(|_| format!("\"{}\" is no host name", shown()))?;
    // Behind a percent sign stands the zone of an IPv6 address.
    let (address, zone) = match name.split_once('%') {
        Some((address, zone)) if address.contains(':') => (address, zone),
        _ => (name, ""),
    };
    // Brackets are for IPv6 addresses alone.
    let in_brackets = bare.len() < text.len();
    let is_host = !in_brackets || address.contains(':');
    if is_host && address.bytes().chain(zone.bytes()).all(fits) {
        Ok(name.to_owned())
    } else {
        Err(format!("\"{}\" is no host name", shown()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, u16, String) {
        let url = Url::parse(url.as_bytes()).expect(url);
        (url.host, url.port, url.target)
    }

    #[test]
    fn a_url_has_a_host_a_port_and_a_target() {
        for (url, host, port, target) in [
            ("http://localhost:6789/index.html", "localhost", 6789, "/index.html"),
            ("http://localhost", "localhost", 80, "/"),
            ("HTTP://localhost:/", "localhost", 80, "/"),
            ("http://127.0.0.1:80/a?b=c#part", "127.0.0.1", 80, "/a?b=c"),
            ("http://localhost?b=/c", "localhost", 80, "/?b=/c"),
            ("http://[::1]:8080/a/../b", "::1", 8080, "/a/../b"),
            ("http://[::1]", "::1", 80, "/"),
            ("http://a.example/http://b/", "a.example", 80, "/http://b/"),
        ] {
            assert_eq!(parts(url), (host.to_owned(), port, target.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, words) in [
            ("https://localhost/", "TLS"),
            ("ftp://localhost/", "not http"),
            ("localhost/", "begins with http://"),
            ("http://", "no host"),
            ("http:///index.html", "no host"),
            ("http://localhost:0/", "no port"),
            ("http://localhost:65536/", "no port"),
            ("http://localhost:+1/", "no port"),
            ("http://::1/", "brackets"),
            ("http://[localhost]/", "no host name"),
            ("http://me:word@localhost/", "user name"),
            ("http://local host/", "no host name"),
            ("http://localhost\r\n/", "no host name"),
            ("http://localhost/a\r\nX: y", "line end"),
        ] {
            let error = Url::parse(url.as_bytes()).expect_err(url);
            assert!(error.contains(words), "{url}: {error}, not {words}");
        }
    }

    #[test]
    fn what_no_uri_may_hold_is_encoded() {
        for (path, wanted) in [
            ("index.html", "/index.html"),
            ("", "/"),
            ("/a b", "/a%20b"),
            ("/größe", "/gr%C3%B6%C3%9Fe"),
            ("/a%20b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/%zz", "/%25zz"),
            ("/a#b", "/a%23b"),
            ("/a?b=c&d", "/a?b=c&d"),
            ("/\"<>\\^`{|}\t", "/%22%3C%3E%5C%5E%60%7B%7C%7D%09"),
            ("/../a//b", "/../a//b"),
        ] {
            assert_eq!(target(path.as_bytes()).as_deref(), Ok(wanted));
        }
        assert_eq!(target(b"\xff").as_deref(), Ok("/%FF"));
    }

    #[test]
    fn the_host_field_names_only_another_port() {
        for (host, port, field) in [
            ("localhost", 80, "localhost"),
            ("localhost", 8080, "localhost:8080"),
            ("[::1]", 8080, "[::1]:8080"),
            ("fe80::1%eth0", 80, "[fe80::1]"),
        ] {
            let url = Url { port, ..Url::of_host(host.as_bytes()).expect(host) };
            assert_eq!(url.host_field(), field);
        }
    }
}
