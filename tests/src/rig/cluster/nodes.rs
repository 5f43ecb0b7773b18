//! Three nodes, with a database and a bus of their own.

#[path = "../../../../crates/signedcall-server/tests/rig/nats.rs"]
mod nats_server;
#[expect(dead_code, reason = "tests share one, and kill it")]
#[path = "../../../../crates/signedcall-server/tests/rig/postgres.rs"]
mod postgres;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use signedcall_server::account;
use signedcall_server::store::{Account, Accounts, CallRecord, Location, Server, read_records};
use signedcall_tests::{PATIENCE, Process, Rig, program};
use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Environment};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use self::nats_server::NatsServer;
use self::postgres::Postgres;
use super::guest::Key;

/// How many nodes there are.
const NODES: usize = 3;
/// How long the nodes may take to divide the partitions.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where nodes that are ready listen: what a balancer in front of them knows.
pub(super) type Ways = Arc<Mutex<Vec<SocketAddr>>>;

struct Node {
    name: String,
    process: Process,
    listening: SocketAddr,
    operator: SocketAddr,
}

pub(super) struct Nodes<'a> {
    rig: &'a Rig,
    nodes: Vec<Node>,
    started: usize,
    ways: Ways,
    accounts: Vec<(String, Key)>,
    store: Server,
    database: String,
    nats: NatsServer,
    postgres: Postgres,
}

impl<'a> Nodes<'a> {
    pub(super) async fn start(rig: &'a Rig, accounts: usize) -> Result<Self> {
        let (postgres, nats) = (Postgres::start(), NatsServer::start());
        let database = postgres.new_database();
        let store = Server::parse(&database)?;
        let accounts = make_accounts(&store, (0..accounts).map(|number| format!("company_{number}")))?;
        let mut all = Self { rig, nodes: Vec::new(), started: 0, ways: Ways::default(), accounts, store, database, nats, postgres };
        for _ in 0..NODES {
            all.start_one().await?;
        }
        all.settle().await?;
        Ok(all)
    }

    /// A way to the node alone that has an account's calls.
    pub(super) async fn way_to_owner(&self, account: usize) -> Result<Ways> {
        let (account, _) = &self.accounts[account];
        let partition = format!("1 + get_byte(sha256(convert_to('{account}', 'UTF8')), 0) % 16");
        let find = format!("SELECT split_part(node, '.', 1) FROM owners WHERE partition = {partition}");
        let found = tokio::process::Command::new("psql").args(["-X", "-A", "-t", "-c", &find, &self.database]).output().await?;
        let name = String::from_utf8(found.stdout)?;
        let owner = self.nodes.iter().find(|node| node.name == name.trim());
        let owner = owner.with_context(|| format!("{name:?} has the calls of {account}, and is none of the nodes"))?;
        Ok(Ways::new(Mutex::new(vec![owner.listening])))
    }

    pub(super) fn kill_bus(&mut self) {
        self.nats.kill();
    }

    pub(super) fn start_bus(&mut self) {
        tokio::task::block_in_place(|| self.nats.start_again());
    }

    pub(super) fn stop_database(&self) {
        tokio::task::block_in_place(|| self.postgres.stop());
    }

    pub(super) fn start_database(&self) {
        tokio::task::block_in_place(|| self.postgres.start_again());
    }

    pub(super) fn count(&self) -> usize {
        NODES
    }

    pub(super) fn ways(&self) -> Ways {
        Arc::clone(&self.ways)
    }

    pub(super) fn account(&self, number: usize) -> &(String, Key) {
        &self.accounts[number]
    }

    pub(super) async fn start_one(&mut self) -> Result<()> {
        self.started += 1;
        let name = format!("node{}", self.started);
        let mut command = Command::new(program("signedcall-server")?);
        command
            .args(["--store", &self.database, "--bus", &self.nats.url(), "--node-name", &name, "--data"])
            .arg(self.rig.folder().join(&name));
        command.args(["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--waiting-connections", "8000"]);
        let process = Process::start(&name, &mut command, self.rig.folder())?;
        let line = process.line("that it listens", PATIENCE, |line| line.starts_with('{') && line.contains("listening")).await?;
        let ready: serde_json::Value = serde_json::from_str(&line.text)?;
        let address = |name: &str| -> Result<SocketAddr> { Ok(ready[name].as_str().context("an address")?.parse()?) };
        let node = Node { name, process, listening: address("listening")?, operator: address("operator")? };
        self.nodes.push(node);
        self.tell_ways(self.nodes.len());
        Ok(())
    }

    /// Who is asked from now on: the last so many.
    fn tell_ways(&self, count: usize) {
        let listening = self.nodes[self.nodes.len() - count..].iter().map(|node| node.listening).collect();
        *self.ways.lock().unwrap_or_else(PoisonError::into_inner) = listening;
    }

    /// Ends the oldest as a crash would, which a balancer does not know at once. Says when.
    pub(super) fn kill_one(&mut self) -> Result<Instant> {
        let killed = Instant::now();
        self.nodes.first_mut().context("a node")?.process.kill()?;
        self.nodes.remove(0);
        Ok(killed)
    }

    /// Starts one more, and asks the oldest to stop.
    pub(super) async fn restart_oldest(&mut self) -> Result<()> {
        self.tell_ways(self.nodes.len() - 1);
        let status = self.nodes.remove(0).process.end().await?;
        ensure!(status.success(), "a node that was asked to stop has ended with {status}");
        self.start_one().await
    }

    /// Waits until each partition is where it is to be.
    pub(super) async fn settle(&self) -> Result<()> {
        let look = async {
            loop {
                let (mut partitions, mut misplaced, mut all_known) = (0, 0, true);
                for node in &self.nodes {
                    let page = page(node.operator).await?;
                    partitions += value(&page, "signedcall_cluster_partitions")?;
                    misplaced += value(&page, "signedcall_cluster_misplaced_partitions")?;
                    all_known &= value(&page, "signedcall_cluster_nodes")? == self.nodes.len();
                }
                if (partitions, misplaced, all_known) == (16, 0, true) {
                    return Ok(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(SETTLED_WITHIN, look).await.context("the nodes do not divide the partitions")?
    }

    /// All records, once none is open any more: devices are told of an end before it is written.
    pub(super) async fn closed_records(&self) -> Result<Vec<CallRecord>> {
        let until = Instant::now() + PATIENCE;
        loop {
            let records = read_records(Location::Server(self.store.clone()))?;
            if records.iter().all(|record| record.end_reason.is_some()) || Instant::now() > until {
                return Ok(records);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Makes accounts, with a key of each for development.
fn make_accounts(store: &Server, ids: impl IntoIterator<Item = String>) -> Result<Vec<(String, Key)>> {
    let accounts = Accounts::open(Location::Server(store.clone()))?;
    let (green, white) = (Color { red: 0x0F, green: 0x3D, blue: 0x2E }, Color { red: 0xFF, green: 0xFF, blue: 0xFF });
    let make = |id: String| {
        let branding = Branding { name: id.clone(), bg_color: green, font_color: white, logo: None, button_theme: ButtonTheme::Light };
        let account = Account {
            id: AccountId(id.clone()),
            branding,
            relay_only: false,
            max_call: None,
            single_device: false,
            call_rates: Default::default(),
        };
        let keys = account::add(&accounts, &account)?;
        let key = keys.into_iter().find(|(environment, _)| *environment == Environment::Development);
        Ok((id, key.context("a key for development")?.1))
    };
    ids.into_iter().map(make).collect()
}

async fn page(operator: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(operator).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

fn value(page: &str, name: &str) -> Result<usize> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("no {name} in\n{page}"))?.trim().parse::<f64>()? as usize)
}
