//! A PostgreSQL server for tests: Debian's own, run by a user without privileges, reached by a socket in a directory that is gone with the test's process.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Keeps the server for as long as the test's process lives, whatever becomes of that. Each line on its input is something to do, and each on its output says
/// that it is done.
const KEEPER: &str = r#"
    trap '' INT
    dir=$1 bin=$2
    control() { "$bin/pg_ctl" -D "$dir/data" -w -t 60 -s "$@" >>"$dir/log" 2>&1 </dev/null; }
    begin() { control -l "$dir/log" start; }
    "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/log" 2>&1 || exit 1
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$dir'" "max_connections = 300" "fsync = off" >>"$dir/data/postgresql.conf"
    cat "$dir/settings" >>"$dir/data/postgresql.conf"
    begin || exit 1
    echo begun
    while read -r what; do
        case $what in
            stop) control -m fast stop ;;
            kill) control -m immediate stop ;;
            start) begin ;;
        esac && echo "$what"
    done
    control -m immediate stop
    rm -rf "$dir"
"#;

/// A server of its own for whoever stops and starts it, or the one that all other tests of a process share.
#[derive(Debug)]
pub(crate) struct Postgres {
    directory: PathBuf,
    binaries: PathBuf,
    keeper: Mutex<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    process: Child,
}

impl Postgres {
    /// The server that tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server.
    pub(crate) fn start() -> Self {
        Self::start_as(&[], |_| {})
    }

    /// Starts a server with some settings, for which files may be put into its directory before.
    pub(crate) fn start_as(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let binaries = binaries().expect("PostgreSQL is not installed, which `cargo xtask test` does: Debian's package postgresql");
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // Short: the name of a socket may have a hundred characters.
        let directory = PathBuf::from(format!("/tmp/signedcall-pg-{}-{number}", std::process::id()));
        std::fs::create_dir(&directory).expect("a directory");
        prepare(&directory);
        let settings = (settings.join("\n") + "\n").replace("DIRECTORY", &directory.display().to_string());
        std::fs::write(directory.join("settings"), settings).expect("a file");
        let mut command = if rustix::process::geteuid().is_root() {
            // A server refuses to be run by root.
            let user = unprivileged().expect("the user postgres, which Debian's package postgresql makes");
            let files = std::fs::read_dir(&directory).expect("a directory").map(|file| file.expect("a file").path());
            for path in files.chain([directory.clone()]) {
                chown(&path, Some(user.0), Some(user.1)).expect("what is given away");
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid", &user.0.to_string(), "--regid", &user.1.to_string(), "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let command = command.args(["-c", KEEPER, "keeper"]).arg(&directory).arg(&binaries).current_dir(&directory);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("setpriv and sh");
        let (to, from) = (process.stdin.take(), BufReader::new(process.stdout.take().expect("a pipe")));
        let server = Self { directory, binaries, keeper: Mutex::new(Keeper { to, from, process }) };
        server.hear("begun");
        server
    }

    /// Ends the server; who is connected is told so.
    pub(crate) fn stop(&self) {
        self.tell("stop");
    }

    /// Ends the server as a crash would.
    pub(crate) fn kill(&self) {
        self.tell("kill");
    }

    /// Starts it again.
    pub(crate) fn start_again(&self) {
        self.tell("start");
    }

    /// The URL of a new database.
    pub(crate) fn new_database(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", MADE.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(self.binaries.join("createdb")).arg("-h").arg(&self.directory).args(["-U", "postgres", &name]).status();
        assert!(made.expect("createdb").success(), "{name}: {}", self.log());
        format!("postgres://postgres@/{name}?host={}", self.directory.display())
    }

    fn tell(&self, what: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let to = keeper.to.as_mut().expect("it is there until this is dropped");
        writeln!(to, "{what}").expect("the keeper listens");
        drop(keeper);
        self.hear(what);
    }

    fn hear(&self, what: &str) {
        let mut said = String::new();
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).from.read_line(&mut said).expect("a pipe");
        assert_eq!(said.trim(), what, "{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        keeper.to = None;
        // It stops the server, and takes the directory away.
        let _ = keeper.process.wait();
    }
}

/// Where the server's programs are: Debian keeps those of each version in a directory of their own.
fn binaries() -> Option<PathBuf> {
    let of_debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    let others = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    of_debian.chain(others).find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// The user and group of the packaged server.
fn unprivileged() -> Option<(u32, u32)> {
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    let fields: Vec<&str> = users.lines().find(|line| line.starts_with("postgres:"))?.split(':').collect();
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}
