//! Three nodes on one database and one bus, each a process of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::process::Stdio;

use sha2::{Digest, Sha256};
use signedcall_server::account;
use signedcall_server::store::{Account, Accounts, CallRecord, Location, Server, read_records};
use signedcall_wire::{AccountId, Branding, ButtonTheme, ClientMessage, Color, Credential, Environment, Hello, Redacted, ServiceMessage};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::lines::Lines;
use crate::nats_server::NatsServer;
use crate::operator::{get, value};
use crate::rig::Postgres;
use crate::support::{Device, Socket, hello, in_time};

/// A process of the service.
pub(super) struct Node {
    pub(super) child: Child,
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) operator: SocketAddr,
    _data: TempDir,
}

impl Node {
    pub(super) fn url(&self) -> String {
        format!("ws://{}/v1/signalling", self.address)
    }

    pub(super) fn is_there(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_none()
    }

    /// Sends its process a signal.
    pub(super) async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.expect("kill").success());
    }

    pub(super) async fn figure(&self, name: &str) -> usize {
        value(&get(self.operator, "/metrics").await.2, name) as usize
    }
}

/// A cluster with one account, whose partition one of its nodes has.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    pub(super) nats: NatsServer,
    pub(super) postgres: Postgres,
    pub(super) database: String,
    pub(super) production: Redacted<String>,
    key: Redacted<String>,
    started: usize,
}

const ACCOUNT: &str = "grocer";

impl Cluster {
    pub(super) async fn start() -> Self {
        let mut cluster = Self::without_nodes();
        for _ in 0..3 {
            cluster.start_node().await;
        }
        cluster.settle().await;
        cluster
    }

    /// One whose nodes reach the database and the bus by lines that can be cut.
    pub(super) async fn start_on_lines() -> (Self, Vec<Lines>) {
        let (mut cluster, mut lines) = (Self::without_nodes(), Vec::new());
        for _ in 0..3 {
            let line = Lines::to(&cluster.database, &cluster.nats.url()).await;
            cluster.start_node_on(&line.database, &line.bus).await;
            lines.push(line);
        }
        cluster.settle().await;
        (cluster, lines)
    }

    fn without_nodes() -> Self {
        let (postgres, nats) = (Postgres::start(), NatsServer::start());
        let database = postgres.new_database();
        let [production, key] = make_account(&database);
        Self { nodes: Vec::new(), nats, postgres, database, production, key, started: 0 }
    }

    /// Starts one more node.
    pub(super) async fn start_node(&mut self) {
        let (store, bus) = (self.database.clone(), self.nats.url());
        self.start_node_on(&store, &bus).await;
    }

    /// Starts one that reaches the database and the bus in another way.
    async fn start_node_on(&mut self, store: &str, bus: &str) {
        self.started += 1;
        let (data, name) = (tempfile::tempdir().expect("a directory"), format!("node{}", self.started));
        let log = File::create(data.path().join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_signedcall-server"));
        command.env_clear().arg("--data").arg(data.path()).args(["--store", store, "--bus", bus, "--node-name", &name]);
        command.args(["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--drain-seconds", "2"]);
        command.arg("--push-to-private-addresses");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().expect("the binary");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).await.expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line} {}", std::fs::read_to_string(data.path().join("log")).unwrap_or_default()));
        let address = |name: &str| ready[name].as_str().expect("an address").parse().expect("an address");
        self.nodes.push(Node { child, name, address: address("listening"), operator: address("operator"), _data: data });
    }

    /// Waits until each partition is where it is to be, and everybody knows of everybody.
    pub(super) async fn settle(&self) {
        in_time(async {
            loop {
                let (mut partitions, mut misplaced, mut all_known) = (0, 0, true);
                for node in &self.nodes {
                    partitions += node.figure("signedcall_cluster_partitions").await;
                    misplaced += node.figure("signedcall_cluster_misplaced_partitions").await;
                    all_known &= node.figure("signedcall_cluster_nodes").await == self.nodes.len();
                }
                if (partitions, misplaced, all_known) == (16, 0, true) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The index of the node that has the account's calls; `None` while nobody of them has.
    pub(super) fn owner(&self) -> Option<usize> {
        let owner = self.ask(&format!("SELECT node FROM owners WHERE partition = {}", partition()));
        let name = owner.split('.').next().unwrap_or_default();
        self.nodes.iter().position(|node| node.name == name)
    }

    /// How often the account's partition was claimed.
    pub(super) fn epoch(&self) -> i64 {
        let epoch = self.ask(&format!("SELECT epoch FROM owners WHERE partition = {}", partition()));
        epoch.parse().expect("a number")
    }

    /// What a query of one value finds.
    fn ask(&self, query: &str) -> String {
        let asked = std::process::Command::new("psql").args(["-X", "-A", "-t", "-c", query, &self.database]).output().expect("psql");
        String::from_utf8(asked.stdout).expect("text").trim().to_owned()
    }

    /// The node that has the account's calls, and two that have not.
    pub(super) fn owner_and_others(&self) -> (usize, [usize; 2]) {
        let owner = self.owner().expect("somebody has them");
        let mut others = (0..self.nodes.len()).filter(|index| *index != owner);
        (owner, [others.next().expect("another"), others.next().expect("another")])
    }

    pub(super) fn hello(&self, cuid: &str) -> Hello {
        Hello { account_id: AccountId(ACCOUNT.to_owned()), ..hello(self.key.clone(), cuid) }
    }

    /// Signs a device in at a node.
    pub(super) async fn sign_in(&self, node: usize, cuid: &str) -> Guest {
        let hello = self.hello(cuid);
        Guest { device: Device::sign_in(&self.nodes[node].url(), hello.clone()).await, hello }
    }

    /// Signs a device in that is of the environment production.
    pub(super) async fn sign_in_for_production(&self, node: usize, cuid: &str) -> Device {
        let credential = Credential::ApiKey(self.production.clone());
        let hello = Hello { credential, environment: Environment::Production, ..self.hello(cuid) };
        Device::sign_in(&self.nodes[node].url(), hello).await
    }

    pub(super) fn records(&self) -> Vec<CallRecord> {
        read_records(Location::Server(Server::parse(&self.database).expect("a server"))).expect("a good store")
    }
}

/// Where the account's calls are, as `partition_of` says in the service.
fn partition() -> u8 {
    1 + Sha256::digest(ACCOUNT.as_bytes())[0] % 16
}

/// Gives its keys for production and development.
fn make_account(database: &str) -> [Redacted<String>; 2] {
    let accounts = Accounts::open(Location::Server(Server::parse(database).expect("a server"))).expect("a new database");
    let black = Color { red: 0, green: 0, blue: 0 };
    let branding = Branding { name: "Grocer".to_owned(), bg_color: black, font_color: black, logo: None, button_theme: ButtonTheme::Light };
    let id = AccountId(ACCOUNT.to_owned());
    let keys = account::add(
        &accounts,
        &Account { id, branding, relay_only: false, max_call: None, single_device: false, call_rates: Default::default() },
    );
    let keys = keys.expect("a new account");
    [Environment::Production, Environment::Development].map(|environment| {
        let key = keys.iter().find(|(of, _)| *of == environment);
        key.expect("one for each").1.clone()
    })
}

/// A device of the account's, which comes back when its socket is closed.
pub(super) struct Guest {
    pub(super) device: Device,
    hello: Hello,
}

impl Guest {
    /// Waits until the service closes the socket.
    pub(super) async fn wait_for_close(&mut self) {
        while self.device.socket.hear().await.is_some() {}
    }

    /// Comes back by any node that is there, as an app does. Says whether its session has gone on.
    pub(super) async fn come_back(&mut self, nodes: &[SocketAddr]) -> bool {
        in_time(async {
            loop {
                for node in nodes {
                    // A node that is gone is no way back.
                    let Ok(stream) = TcpStream::connect(node).await else { continue };
                    drop(stream);
                    let mut socket = Socket::open(&format!("ws://{node}/v1/signalling")).await;
                    socket.say(&self.device.resume_message()).await;
                    match socket.hear().await {
                        Some(ServiceMessage::Resumed) => {
                            self.device.socket = socket;
                            return true;
                        }
                        Some(ServiceMessage::SessionExpired) => {}
                        Some(_) | None => continue,
                    }
                    socket.say(&ClientMessage::Hello(self.hello.clone())).await;
                    if let Some(ServiceMessage::Welcome(welcome)) = socket.hear().await {
                        self.device = Device::welcomed(socket, &self.hello, welcome);
                        return false;
                    }
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}
