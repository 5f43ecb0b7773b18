//! What the other side learns of this machine's addresses.

/// A candidate line (RFC 8839, section 5.1) as the other side may see it: where calls are relayed only, nothing but addresses of relays, and those without
/// the address that the relay was asked from, in whose place stands none, as browsers write it.
pub(super) fn candidate_shown(line: &str, relay_only: bool) -> Option<String> {
    if !relay_only {
        return Some(line.to_owned());
    }
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if !words.windows(2).any(|pair| pair == ["typ", "relay"]) {
        return None;
    }
    for at in 1..words.len() {
        words[at] = match words[at - 1] {
            "raddr" if words[at].contains(':') => "::",
            "raddr" => "0.0.0.0",
            "rport" => "0",
            _ => words[at],
        };
    }
    Some(words.join(" "))
}

/// A session description as the other side may see it.
pub(super) fn description_shown(sdp: &str, relay_only: bool) -> String {
    let shown = |line: &str| match line.strip_prefix("a=candidate:") {
        Some(_) => candidate_shown(line, relay_only),
        None => Some(line.to_owned()),
    };
    sdp.lines().filter_map(shown).flat_map(|line| [line, "\r\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "candidate:1 1 udp 1694498815 203.0.113.7 49152 typ relay raddr 192.0.2.44 rport 40123";

    #[test]
    fn who_is_relayed_only_shows_nothing_of_the_own_address() {
        let hidden = "candidate:1 1 udp 1694498815 203.0.113.7 49152 typ relay raddr 0.0.0.0 rport 0";
        assert_eq!(candidate_shown(RELAY, true).as_deref(), Some(hidden));
        let six = "candidate:2 1 udp 1 2001:db8::7 49152 typ relay raddr 2001:db8::44 rport 40123 generation 0";
        let hidden = "candidate:2 1 udp 1 2001:db8::7 49152 typ relay raddr :: rport 0 generation 0";
        assert_eq!(candidate_shown(six, true).as_deref(), Some(hidden));
        for own in
            ["candidate:3 1 udp 1 192.0.2.44 40123 typ host", "candidate:4 1 udp 1 198.51.100.4 1 typ srflx raddr 192.0.2.44 rport 2", ""]
        {
            assert_eq!(candidate_shown(own, true), None, "{own}");
        }
    }

    #[test]
    fn everybody_else_shows_every_candidate_as_it_is() {
        for line in [RELAY, "candidate:3 1 udp 1 192.0.2.44 40123 typ host"] {
            assert_eq!(candidate_shown(line, false).as_deref(), Some(line));
        }
    }

    #[test]
    fn a_description_is_cleaned_likewise() {
        let host = "a=candidate:3 1 udp 1 192.0.2.44 40123 typ host\r\n";
        let sdp = format!("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n{host}a={RELAY}\r\na=mid:0\r\n");
        assert_eq!(description_shown(&sdp, false), sdp);
        let shown = description_shown(&sdp, true);
        assert!(!shown.contains("192.0.2.44") && shown.contains("203.0.113.7"), "{shown}");
        assert!(
            shown.starts_with("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\na=candidate:1 ") && shown.ends_with("rport 0\r\na=mid:0\r\n"),
            "{shown}"
        );
    }
}
