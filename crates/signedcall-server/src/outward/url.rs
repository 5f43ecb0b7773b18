//! Where a server may lie that somebody else has chosen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use signedcall_wire::is_public_address;
use url::{Host, Url};

/// The most bytes of a URL.
const MAX_URL_BYTES: usize = 2 * 1024;

/// Where clouds keep what a machine may know of itself, its keys among it, though the addresses are of the kind that somebody gives out: Amazon's and
/// Google's, and Alibaba's. The others lie where machines give addresses to themselves.
const OF_CLOUDS: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
];

/// Why nothing is sent to a URL.
#[derive(Debug, thiserror::Error)]
#[error("url {url:?}: {why}")]
pub struct InvalidUrl {
    /// The URL.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Whether an address may be connected to. Near ones are this machine's and its own network's, and never those that a network is administered by.
pub(super) fn may_be_reached(address: IpAddr, near_too: bool) -> bool {
    is_public_address(address) || (near_too && is_near(address))
}

/// Whether an address is this machine's or one of its own network that somebody has given out, and not one behind which clouds keep what a machine may
/// know of itself.
pub(super) fn is_near(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if OF_CLOUDS.contains(&address) {
        return false;
    }
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && b & 0b1100_0000 == 64;
            address.is_loopback() || address.is_private() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// Reads a URL that can be sent to.
pub(crate) fn check(text: &str, near_too: bool) -> Result<Url, InvalidUrl> {
    let wrong = |why| Err(InvalidUrl { url: text.to_owned(), why });
    let Ok(url) = Url::parse(text) else { return wrong("it is no URL") };
    match url.scheme() {
        "https" => {}
        "http" if near_too => {}
        _ => return wrong("it has to begin with https://"),
    }
    if text.len() > MAX_URL_BYTES || url.as_str().len() > MAX_URL_BYTES {
        return wrong("it has more than 2048 bytes");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("it cannot hold a name or password");
    }
    if url.fragment().is_some() {
        return wrong("what follows # is not sent to anybody");
    }
    let address = match url.host() {
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        None => return wrong("it names no host"),
    };
    if address.is_some_and(|address| !may_be_reached(address, near_too)) {
        return wrong("its address is not one of the public network");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_sent_to_is_refused_in_words() {
        for text in ["https://hooks.example", "https://hooks.example:8443/calls?of=acme", "https://1.1.1.1/", "https://[2606:4700::1111]/"]
        {
            assert!(check(text, false).is_ok(), "{text}");
        }
        for text in
            ["http://127.0.0.1:80/", "http://billing.internal/", "https://10.0.0.1/", "https://[fd12::1]/", "https://[::ffff:10.0.0.1]/"]
        {
            assert!(check(text, false).is_err() && check(text, true).is_ok(), "{text}");
        }
        let long = format!("https://hooks.example/{}", "x".repeat(MAX_URL_BYTES));
        for (text, why) in [
            ("hooks.example", "no URL"),
            ("", "no URL"),
            ("https://", "no URL"),
            ("ftp://hooks.example", "https://"),
            ("file:///etc/passwd", "https://"),
            (&long, "2048"),
            ("https://me:secret@hooks.example", "password"),
            ("https://me@hooks.example", "password"),
            ("https://hooks.example/#calls", "#"),
            ("https://169.254.169.254/latest", "public"),
            ("https://[fe80::1]/", "public"),
            ("https://224.0.0.1/", "public"),
            ("https://0.0.0.0/", "public"),
            ("https://[::ffff:169.254.169.254]/", "public"),
            ("https://2852039166/", "public"),
            ("https://[fd00:ec2::254]/", "public"),
            ("https://[fd20:ce::254]/", "public"),
            ("https://100.100.100.200/", "public"),
            ("https://[::ffff:100.100.100.200]/", "public"),
        ] {
            for near_too in [false, true] {
                let refused = check(text, near_too).expect_err(text).to_string();
                assert!(refused.contains(why), "{text}: {refused}");
            }
        }
    }
}
