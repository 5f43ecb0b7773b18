use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::output_of;

/// The network of all hosts; the first address is the router's.
const PREFIX: [u8; 3] = [10, 77, 5];
/// The same with IPv6: of the addresses that are nobody's but a network's own (RFC 4193).
const PREFIX_6: Ipv6Addr = Ipv6Addr::new(0xFD77, 5, 0, 0, 0, 0, 0, 0);

/// Which addresses a network has, and no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Those of IPv4.
    #[default]
    Four,
    /// Those of IPv6.
    Six,
}

impl Family {
    fn address(self, last: u8) -> IpAddr {
        match self {
            Self::Four => {
                let [a, b, c] = PREFIX;
                Ipv4Addr::new(a, b, c, last).into()
            }
            Self::Six => Ipv6Addr::from_bits(PREFIX_6.to_bits() | u128::from(last)).into(),
        }
    }

    /// What is said to `ip` to give somebody an address. It is not looked first whether somebody has it: nobody has.
    fn addition(self, last: u8, interface: &str) -> Vec<String> {
        let (length, end): (u8, &[&str]) = match self {
            Self::Four => (24, &[]),
            Self::Six => (64, &["nodad"]),
        };
        let words = ["address", "add", &format!("{}/{length}", self.address(last)), "dev", interface].map(str::to_owned);
        words.into_iter().chain(end.iter().map(|word| (*word).to_owned())).collect()
    }
}

/// What each host calls its way out.
const INTERFACE: &str = "eth0";

/// Hosts on a network of their own, by namespaces of the kernel: links between them can be cut, and their addresses change.
///
/// Needs the right to administer networks, which root has. Everything goes with the value.
#[derive(Debug)]
pub struct Network {
    family: Family,
    /// The router, to which every host is connected.
    router: String,
    hosts: Vec<String>,
}

/// One host of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host(usize);

/// Whether this user may make one.
pub fn may_make_networks() -> bool {
    rustix::process::geteuid().is_root()
}

impl Network {
    /// Makes a router and so many hosts.
    pub fn new(hosts: usize) -> Result<(Self, Vec<Host>)> {
        Self::of(Family::default(), hosts)
    }

    /// As [`new`](Self::new), with such addresses.
    pub fn of(family: Family, hosts: usize) -> Result<(Self, Vec<Host>)> {
        let name = |part: &str| format!("rig-{}-{part}", std::process::id());
        let mut network = Self { family, router: name("router"), hosts: Vec::new() };
        ip(&["netns", "add", &network.router]).context("making hosts in network namespaces takes root")?;
        network.at_router(&["link", "add", "bridge", "type", "bridge"])?;
        network.at_router(&["link", "set", "bridge", "up"])?;
        network.at_router(&words(&family.addition(1, "bridge")))?;
        network.at_router(&["link", "set", "lo", "up"])?;
        let mut made = Vec::new();
        for index in 0..hosts {
            let host = name(&format!("host{index}"));
            ip(&["netns", "add", &host])?;
            network.hosts.push(host.clone());
            let plug = plug(index);
            network.at_router(&["link", "add", &plug, "type", "veth", "peer", "name", INTERFACE, "netns", &host])?;
            network.at_router(&["link", "set", &plug, "master", "bridge", "up"])?;
            let host = Host(index);
            network.at(host, &["link", "set", "lo", "up"])?;
            network.at(host, &["link", "set", INTERFACE, "up"])?;
            network.take_address(host, u8::try_from(index + 10)?)?;
            made.push(host);
        }
        Ok((network, made))
    }

    /// The router's address: a service that runs there is reached by every host.
    pub fn router_address(&self) -> IpAddr {
        self.family.address(1)
    }

    /// The words that come before a program that is to run on the router.
    pub(crate) fn within_router(&self) -> Vec<OsString> {
        within(&self.router)
    }

    /// A program on a host.
    pub fn command(&self, host: Host, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(within(&self.hosts[host.0]).iter().skip(1)).arg(program);
        command
    }

    /// Lets nothing through between a host and the router. The host sees its interface up and its address kept: only silence.
    pub fn cut(&self, host: Host) -> Result<()> {
        self.at_router(&["link", "set", &plug(host.0), "nomaster"])
    }

    /// Mends the link.
    pub fn mend(&self, host: Host) -> Result<()> {
        self.at_router(&["link", "set", &plug(host.0), "master", "bridge"])
    }

    /// Gives a host another address in the place of the one it has, as another network would.
    pub fn change_address(&self, host: Host, last: u8) -> Result<()> {
        self.at(host, &["address", "flush", "dev", INTERFACE])?;
        self.take_address(host, last)
    }

    fn take_address(&self, host: Host, last: u8) -> Result<()> {
        self.at(host, &words(&self.family.addition(last, INTERFACE)))?;
        self.at(host, &["route", "add", "default", "via", &self.router_address().to_string()])
    }

    fn at_router(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.router], arguments].concat())
    }

    fn at(&self, host: Host, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.hosts[host.0]], arguments].concat())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.router]) {
            drop(ip(&["netns", "delete", namespace]));
        }
    }
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn plug(host: usize) -> String {
    format!("plug{host}")
}

fn within(namespace: &str) -> Vec<OsString> {
    ["ip", "netns", "exec", namespace].map(OsString::from).to_vec()
}

fn ip(arguments: &[&str]) -> Result<()> {
    output_of(Command::new("ip").args(arguments)).map(drop)
}
