//! `cargo xtask cluster`: three nodes of the service on this machine, with the database and the bus that they need, until Ctrl-C.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::packages::{self, Need};
use crate::processes::{Companion, describe, output_of, run_logged};
use crate::run::{READY_PATIENCE, demo_key};
use crate::ui;
use crate::workspace::{Profile, Workspace, on_path};

/// The nodes, by the names of their settings in `deploy/cluster`.
const NODES: [&str; 3] = ["one", "two", "three"];
/// Where the settings say that the database and the bus are.
const DATABASE_PORT: u16 = 15432;
const BUS_PORT: u16 = 14222;
/// The database, and whom it belongs to.
const DATABASE: &str = "signedcall";
/// More than three nodes hold.
const CONNECTIONS: u32 = 300;
/// How often the processes are looked after.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// Runs three nodes until Ctrl-C.
///
/// # Errors
/// Something cannot be installed, built or started, or ends early.
pub(crate) fn cluster(workspace: &Workspace, load: bool) -> Result<()> {
    let log = workspace.fresh_log("cluster.log")?;
    let Cluster { servers, folder, alone: _alone, .. } = start(workspace, &log, &NODES, load)?;
    println!("      the account `demo` has the key in {}", folder.join("api.key").display());
    println!("      `{}` prints a link to choose a password for the dashboard", describe(&link_command(workspace, &folder, "admin")));
    println!("      logs are in {}; Ctrl-C ends all, and the database is gone then", folder.display());
    watch(servers)
}

/// Nodes that run, with their database and their bus. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Cluster {
    servers: Vec<Companion>,
    folder: PathBuf,
    /// That there is no other on this machine, for as long as this one runs.
    alone: File,
    /// Where the first node's dashboard is.
    pub(crate) dashboard: String,
}

impl Cluster {
    /// A link by which an operator chooses a password.
    ///
    /// # Errors
    /// The service makes none.
    pub(crate) fn link(&self, workspace: &Workspace, operator: &str) -> Result<String> {
        Ok(output_of(&mut link_command(workspace, &self.folder, operator))?.trim().to_owned())
    }
}

/// Runs the first node alone, with the companies that call each other: enough to look at, and nothing to wait for where the machine is busy.
///
/// # Errors
/// Something cannot be installed, built or started, or ends early.
pub(crate) fn start_one(workspace: &Workspace, log: &Path) -> Result<Cluster> {
    start(workspace, log, &NODES[..1], true)
}

/// Installs what is missing, builds the service, and runs some nodes of it on a new database.
fn start(workspace: &Workspace, log: &Path, nodes: &[&'static str], load: bool) -> Result<Cluster> {
    let folder = workspace.target.join("cluster");
    println!("[1/4] packages of the operating system");
    packages::ensure(workspace, &[Need::Build, Need::Servers])?;
    println!("[2/4] dashboard");
    ui::build(workspace, log)?;
    println!("[3/4] service (the first time takes minutes)");
    let mut build = workspace.cargo(&["build", "--locked", "--bins", "--package", "signedcall-server"]);
    if load {
        build.args(["--package", "signedcall-tests"]);
    }
    run_logged(&mut build, log)?;
    println!("[4/4] starting");
    std::fs::create_dir_all(&folder)?;
    let alone = alone(&std::env::temp_dir())?;
    let mut servers = vec![start_database(log, &folder)?, start_bus(&folder)?];
    let key = demo_key(&folder.join("api.key"))?;
    let (mut addresses, mut dashboards) = (Vec::new(), Vec::new());
    for &name in nodes {
        let (node, line) = start_node(workspace, &folder, name, &key, load)?;
        let ready: Value = serde_json::from_str(&line).with_context(|| format!("the node's readiness line is not JSON: {line}"))?;
        let address = |name: &str| ready[name].as_str().unwrap_or("nowhere").to_owned();
        let (listening, dashboard, operator) = (address("listening"), address("dashboard"), address("operator"));
        println!("      {name:<6} ws://{listening}  dashboard http://{dashboard}  figures http://{operator}/metrics");
        servers.push(node);
        addresses.push(listening);
        dashboards.push(format!("http://{dashboard}"));
    }
    if load {
        let mut command = Command::new(workspace.program("rig", Profile::Debug));
        command.arg("load").arg(format!("postgres://{DATABASE}@127.0.0.1:{DATABASE_PORT}/{DATABASE}")).args(addresses);
        servers.push(Companion::start("load", &command, &folder.join("load.log"))?);
        println!("      the users of four companies call each other, and have for a month");
    }
    let dashboard = dashboards.into_iter().next().context("there is a first node")?;
    Ok(Cluster { servers, folder, alone, dashboard })
}

fn link_command(workspace: &Workspace, folder: &Path, operator: &str) -> Command {
    let mut command = Command::new(workspace.program("signedcall-server", Profile::Debug));
    command.arg("--config").arg(settings(workspace, NODES[0])).arg("--data").arg(folder.join(NODES[0]));
    command.args(["operator", "link", operator]);
    command
}

fn settings(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("deploy/cluster").join(name).with_extension("toml")
}

fn start_node(workspace: &Workspace, folder: &Path, name: &'static str, key: &str, load: bool) -> Result<(Companion, String)> {
    let mut command = Command::new(workspace.program("signedcall-server", Profile::Debug));
    command.arg("--config").arg(settings(workspace, name)).arg("--data").arg(folder.join(name)).env("SIGNEDCALL_DEMO_KEY", key);
    if load {
        // What the companies' webhooks and pushes lead to is on this machine.
        command.args(["--webhooks-to-private-addresses", "--push-to-private-addresses"]);
    }
    Companion::start_until_ready(name, &command, &folder.join(format!("{name}.log")), READY_PATIENCE)
}

fn start_bus(folder: &Path) -> Result<Companion> {
    let mut command = Command::new(on_path("nats-server").context("nats-server is installed by now")?);
    command.args(["--addr", "127.0.0.1", "--port", &BUS_PORT.to_string()]);
    let mut bus = Companion::start("bus", &command, &folder.join("bus.log"))?;
    wait_for(&mut bus, BUS_PORT)?;
    Ok(bus)
}

/// Makes sure that no other is running on this machine, whose database would be taken away, until what this gives is dropped.
fn alone(folder: &Path) -> Result<File> {
    let path = folder.join("signedcall-cluster.lock");
    let lock = File::options().create(true).append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("another `cargo xtask cluster` is running on this machine, with the same ports"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Starts a database that only this machine reaches, and that is nothing but an example: whoever is on the machine may do with it what they like.
fn start_database(log: &Path, folder: &Path) -> Result<Companion> {
    let binaries = binaries().context("PostgreSQL is installed by now")?;
    // Not in the target folder, which a user without privileges may not reach.
    let data = std::env::temp_dir().join("signedcall-cluster");
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    std::fs::create_dir(&data)?;
    let user = unprivileged()?;
    if let Some((user, group)) = user {
        chown(&data, Some(user), Some(group))?;
    }
    let program = |name: &str| {
        let program = binaries.join(name);
        // A server refuses to be run by root.
        let Some((user, group)) = user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups", "--pdeathsig", "TERM", "--"]);
        command.arg(program);
        command
    };
    let cluster = data.join("data");
    let mut make = program("initdb");
    make.arg("-D").arg(&cluster).args(["-U", DATABASE, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]).current_dir(&data);
    run_logged(&mut make, log)?;
    let mut serve = program("postgres");
    serve.arg("-D").arg(&cluster).args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={DATABASE_PORT}")]);
    serve.args(["-c", &format!("unix_socket_directories={}", data.display()), "-c", &format!("max_connections={CONNECTIONS}")]);
    serve.current_dir(&data);
    let mut database = Companion::start("database", &serve, &folder.join("database.log"))?;
    wait_for(&mut database, DATABASE_PORT)?;
    let until = Instant::now() + READY_PATIENCE;
    let port = DATABASE_PORT.to_string();
    let ready = || Command::new(binaries.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
    while !ready()?.success() {
        if Instant::now() > until {
            bail!("the database does not become ready\n{}", database.log_tail());
        }
        std::thread::sleep(WATCH_INTERVAL);
    }
    output_of(Command::new(binaries.join("createdb")).args(["-h", "127.0.0.1", "-p", &port, "-U", DATABASE, DATABASE]))?;
    Ok(database)
}

/// Waits until a server listens.
fn wait_for(server: &mut Companion, port: u16) -> Result<()> {
    let until = Instant::now() + READY_PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if server.ended()?.is_some() || Instant::now() > until {
            bail!("the {} does not listen on port {port}\n{}", server.name, server.log_tail());
        }
        std::thread::sleep(WATCH_INTERVAL);
    }
    Ok(())
}

/// Says when one ends, as whoever tries the cluster may have wanted, and goes on with the others until none is left.
fn watch(mut servers: Vec<Companion>) -> Result<()> {
    while !servers.is_empty() {
        let mut left = Vec::new();
        for mut server in servers {
            match server.ended()? {
                Some(status) => println!("      {} has ended: {status}", server.name),
                None => left.push(server),
            }
        }
        servers = left;
        std::thread::sleep(WATCH_INTERVAL);
    }
    Ok(())
}

/// Where the database's programs are: Debian keeps those of each version in a folder of their own.
fn binaries() -> Option<PathBuf> {
    let of_debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    let others = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    of_debian.chain(others).find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// The user and group of the packaged server, where this is run by root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    let number = |option: &str, user: &[&str]| -> Result<u32> { Ok(output_of(Command::new("id").arg(option).args(user))?.trim().parse()?) };
    if number("-u", &[])? != 0 {
        return Ok(None);
    }
    Ok(Some((number("-u", &["postgres"])?, number("-g", &["postgres"])?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_on_the_machine_is_refused_and_one_after_the_first_is_not() {
        let folder = std::env::temp_dir().join(format!("xtask-alone-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let first = alone(&folder).unwrap();
        assert!(alone(&folder).unwrap_err().to_string().contains("is running"));
        drop(first);
        alone(&folder).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_settings_lead_to_the_database_and_the_bus_that_are_started() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/cluster");
        for name in NODES {
            let text = std::fs::read_to_string(deploy.join(name).with_extension("toml")).unwrap();
            let settings: toml::Table = text.parse().unwrap();
            assert_eq!(settings["node_name"].as_str(), Some(name));
            assert_eq!(settings["bus"].as_str(), Some(format!("nats://127.0.0.1:{BUS_PORT}").as_str()));
            let store = format!("postgres://{DATABASE}@127.0.0.1:{DATABASE_PORT}/{DATABASE}");
            assert_eq!(settings["store"].as_str(), Some(store.as_str()));
        }
    }
}
