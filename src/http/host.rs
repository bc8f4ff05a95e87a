//! The host and the port that a URL or a `Host` field names (RFC 3986 §3.2.2).

use std::net::Ipv6Addr;

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2).
pub fn is_host(value: &[u8]) -> bool {
    let bracket = value.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = value[bracket..].iter().position(|byte| *byte == b':').map(|at| bracket + at);
    let (host, port) = match colon {
        Some(colon) => (&value[..colon], &value[colon + 1..]),
        None => (value, &b""[..]),
    };
    let is_fine = match host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")) {
        Some(address) => is_address(address),
        None => is_name(host),
    };
    is_fine && port.iter().all(u8::is_ascii_digit)
}

/// An address of IPv6, or of a kind to come, which begins with a v (IPvFuture).
fn is_address(text: &[u8]) -> bool {
    match text {
        [b'v' | b'V', kind @ ..] => kind.iter().all(|byte| *byte == b':' || in_a_name(byte)),
        _ => str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    }
}

/// A name or an IPv4 address; it may be empty (reg-name).
fn is_name(text: &[u8]) -> bool {
    let mut behind_percent = text.split(|byte| *byte == b'%').skip(1);
    text.iter().all(in_a_name)
        && behind_percent.all(
            |text| matches!(text, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
        )
}

fn in_a_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (value, is) in [
            ("localhost:8080", true),
            ("[::1]:8080", true),
            ("", true),
            ("a b", false),
            ("a/b", false),
            ("me@a", false),
            ("a:b", false),
            ("a:1:2", false),
            ("[::1", false),
            ("[]", false),
            ("[g::1]", false),
            ("[127.0.0.1]", false),
            ("[::ffff:127.0.0.1]", true),
            ("[v1.a:b]", true),
            ("a%20b", true),
            ("a%zz", false),
            ("a%2", false),
        ] {
            assert_eq!(is_host(value.as_bytes()), is, "{value}");
        }
    }
}
