//! The layout of the store's file, and how an older one is brought up to date.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Location, StoreError};

/// Marks a file as ours, so that another program's database is refused and not written to: "SCal".
const APPLICATION_ID: i32 = 0x5343_616C;
/// How long to wait for the other process when an account is added while the service runs.
pub(super) const BUSY_FOR: Duration = Duration::from_secs(5);

/// What brings a file from one version to the next; the version is the number of steps taken. Databases on servers take those behind the eighteenth too
/// ([`server_layout`](super::server_layout)).
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE accounts (
        id            TEXT PRIMARY KEY,
        name          TEXT NOT NULL,
        bg_color      TEXT NOT NULL,
        font_color    TEXT NOT NULL,
        logo          TEXT,
        button_theme  TEXT NOT NULL,
        relay_only    INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE credentials (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        key_hash      TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment)
    ) STRICT;
    CREATE TABLE calls (
        id              TEXT PRIMARY KEY,
        account         TEXT NOT NULL,
        environment     TEXT NOT NULL,
        caller          TEXT NOT NULL,
        caller_device   TEXT NOT NULL,
        callee          TEXT NOT NULL,
        context         TEXT NOT NULL,
        placed_at_ms    INTEGER NOT NULL,
        answered_by     TEXT,
        answered_at_ms  INTEGER,
        connected_at_ms INTEGER,
        ended_at_ms     INTEGER,
        end_reason      INTEGER
    ) STRICT;
    CREATE INDEX calls_by_time ON calls (account, placed_at_ms);
    CREATE INDEX open_calls ON calls (id) WHERE ended_at_ms IS NULL;
",
    "
    ALTER TABLE accounts ADD COLUMN max_call_seconds INTEGER;
",
    // What a call needs to go on after a restart; nothing of it once it is over.
    "
    ALTER TABLE calls ADD COLUMN invite TEXT;
    ALTER TABLE calls ADD COLUMN instead_of TEXT;
    ALTER TABLE calls ADD COLUMN limit_ms INTEGER;
    ALTER TABLE calls ADD COLUMN answered_run TEXT;
    ALTER TABLE calls ADD COLUMN caller_holds INTEGER;
    ALTER TABLE calls ADD COLUMN callee_holds INTEGER;
    ALTER TABLE calls ADD COLUMN ends_at_ms INTEGER;
    CREATE INDEX ended_calls ON calls (ended_at_ms);
",
    "
    ALTER TABLE accounts ADD COLUMN single_device INTEGER NOT NULL DEFAULT 0;
",
    // What the callee's other devices are told: which one has answered or declined.
    "
    ALTER TABLE calls ADD COLUMN answered_name TEXT;
    ALTER TABLE calls ADD COLUMN declined_by TEXT;
    ALTER TABLE calls ADD COLUMN declined_name TEXT;
",
    // Which of the callee's devices a call can ring on; nothing of it once it is over.
    "
    ALTER TABLE calls ADD COLUMN rings_on TEXT;
",
    // How each side heard the other, as its device has reported it.
    "
    ALTER TABLE calls ADD COLUMN caller_report TEXT;
    ALTER TABLE calls ADD COLUMN callee_report TEXT;
",
    // Several api keys for an environment, each with an id of its own, and a number that changes whenever something is withdrawn. Known of each key is whether
    // it says itself what it is called, as those of before do not, and whether it is one that the demo account was given, which had no others before.
    "
    CREATE TABLE api_keys (
        id              TEXT PRIMARY KEY,
        account         TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment     TEXT NOT NULL,
        key_hash        TEXT NOT NULL,
        named           INTEGER NOT NULL,
        of_demo         INTEGER NOT NULL DEFAULT 0,
        created_at_ms   INTEGER NOT NULL,
        last_used_at_ms INTEGER,
        revoked_at_ms   INTEGER
    ) STRICT;
    CREATE INDEX api_keys_of_accounts ON api_keys (account);
    INSERT INTO api_keys (id, account, environment, key_hash, named, of_demo, created_at_ms)
        SELECT lower(hex(randomblob(6))), account, environment, key_hash, 0, account = 'demo', created_at_ms FROM credentials;
    DROP TABLE credentials;
    CREATE TABLE withdrawals (number INTEGER NOT NULL) STRICT;
    INSERT INTO withdrawals VALUES (0);
",
    // The public keys that an account signs user tokens with. Each as it was registered has a number of its own, and is known for a while after it was taken
    // away: sessions rest on it.
    "
    CREATE TABLE token_keys (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        kid           TEXT NOT NULL,
        environment   TEXT NOT NULL,
        algorithm     TEXT NOT NULL,
        public_key    BLOB NOT NULL,
        removed_at_ms INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX good_token_keys ON token_keys (account, kid) WHERE removed_at_ms IS NULL;
",
    // Users whom an account lets in no more.
    "
    CREATE TABLE blocked_users (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        cuid          TEXT NOT NULL,
        blocked_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
",
    // Which user tokens were used, until they expire.
    "
    CREATE TABLE used_tokens (
        account TEXT NOT NULL,
        id      BLOB NOT NULL,
        until   INTEGER NOT NULL,
        PRIMARY KEY (account, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX used_tokens_by_end ON used_tokens (until);
",
    // When users are not called, in minutes of the day; of an account's other users where no user is named.
    "
    CREATE TABLE quiet_hours (
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        from_minute INTEGER NOT NULL,
        to_minute   INTEGER NOT NULL,
        ahead       INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
",
    // Every way in which a company looks through its calls, the newest first: in each index are those that are found by it, and no others, since all of them are written
    // with every call. And of each call whether the company itself has asked for it, and to which other one it leads then.
    "
    ALTER TABLE calls ADD COLUMN by_company INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE calls ADD COLUMN leads_to TEXT;
    DROP INDEX open_calls;
    DROP INDEX ended_calls;
    CREATE INDEX ended_calls ON calls (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
    DROP INDEX calls_by_time;
    CREATE INDEX calls_by_time ON calls (account, environment, placed_at_ms, id);
    CREATE INDEX calls_by_caller ON calls (account, environment, caller, placed_at_ms, id);
    CREATE INDEX calls_by_callee ON calls (account, environment, callee, placed_at_ms, id);
    CREATE INDEX calls_by_reason ON calls (account, environment, end_reason, placed_at_ms, id) WHERE end_reason IS NOT NULL;
    CREATE INDEX calls_that_go_on ON calls (account, environment, placed_at_ms, id) WHERE ended_at_ms IS NULL;
",
    // Whom companies have erased, until that is done; and the secret parts of those keys by which the service signs user tokens itself.
    "
    CREATE TABLE erasures (
        number      INTEGER PRIMARY KEY,
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        pseudonym   TEXT NOT NULL,
        until_ms    INTEGER NOT NULL,
        UNIQUE (account, environment, cuid)
    ) STRICT;
    ALTER TABLE token_keys ADD COLUMN seed BLOB;
",
    // Who is told of calls, what each is still to be told, and what came of it. A delivery is due until it is done or given up.
    "
    CREATE TABLE webhooks (
        id               TEXT PRIMARY KEY,
        account          TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment      TEXT NOT NULL,
        url              TEXT NOT NULL,
        events           TEXT NOT NULL,
        secret           TEXT NOT NULL,
        old_secret       TEXT,
        old_until_ms     INTEGER,
        created_at_ms    INTEGER NOT NULL,
        failures         INTEGER NOT NULL DEFAULT 0,
        failing_since_ms INTEGER,
        alarmed_at_ms    INTEGER,
        off_since_ms     INTEGER
    ) STRICT;
    CREATE INDEX webhooks_of_accounts ON webhooks (account, environment);
    CREATE TABLE deliveries (
        number    INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook   TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
        call      TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        event     TEXT NOT NULL,
        due_at_ms INTEGER,
        until_ms  INTEGER NOT NULL,
        tries     INTEGER NOT NULL DEFAULT 0,
        UNIQUE (call, event, webhook)
    ) STRICT;
    CREATE INDEX due_deliveries ON deliveries (webhook, due_at_ms) WHERE due_at_ms IS NOT NULL;
    CREATE INDEX deliveries_of_webhooks ON deliveries (webhook);
    CREATE TABLE delivery_log (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
        delivery INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
        at_ms    INTEGER NOT NULL,
        took_ms  INTEGER NOT NULL,
        status   INTEGER,
        error    TEXT
    ) STRICT;
    CREATE INDEX delivery_log_of_webhooks ON delivery_log (webhook, number);
    CREATE INDEX delivery_log_of_deliveries ON delivery_log (delivery);
",
    // What receipts are signed with.
    "
    CREATE TABLE receipt_keys (
        id            TEXT PRIMARY KEY,
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        secret        BLOB NOT NULL,
        created_at_ms INTEGER NOT NULL,
        UNIQUE (account, environment)
    ) STRICT;
",
    // What devices tell of calls for their account's analytics, each thing once.
    "
    CREATE TABLE analytics_events (
        number      INTEGER PRIMARY KEY,
        account     TEXT NOT NULL,
        environment TEXT NOT NULL,
        call        TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        cuid        TEXT NOT NULL,
        device      TEXT NOT NULL,
        event       TEXT NOT NULL,
        epoch       INTEGER NOT NULL,
        context     TEXT NOT NULL,
        end_reason  INTEGER,
        UNIQUE (call, cuid, device, event)
    ) STRICT;
    CREATE INDEX analytics_events_of_accounts ON analytics_events (account, number);
",
    // Whoever is erased from the record of a call is erased from what else is known of it: what they have told of it themselves, its reason, and what receivers
    // of webhooks may have said of it.
    "
    CREATE TRIGGER erased_callers AFTER UPDATE OF caller ON calls WHEN OLD.caller <> NEW.caller BEGIN
        DELETE FROM analytics_events WHERE call = NEW.id AND cuid = OLD.caller;
        UPDATE analytics_events SET context = '' WHERE call = NEW.id;
        UPDATE delivery_log SET error = NULL WHERE delivery IN (SELECT number FROM deliveries WHERE call = NEW.id);
    END;
    CREATE TRIGGER erased_callees AFTER UPDATE OF callee ON calls WHEN OLD.callee <> NEW.callee BEGIN
        DELETE FROM analytics_events WHERE call = NEW.id AND cuid = OLD.callee;
        UPDATE analytics_events SET context = '' WHERE call = NEW.id;
        UPDATE delivery_log SET error = NULL WHERE delivery IN (SELECT number FROM deliveries WHERE call = NEW.id);
    END;
",
    // Where devices are reached by push, and by what right they have said so; nowhere, and so for a reason, where their users have signed out. What is to be pushed to
    // them still, and what has been, until its call does not ring any more.
    "
    CREATE TABLE push_targets (
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        device      TEXT NOT NULL,
        target      TEXT,
        api_key     TEXT,
        token_key   INTEGER,
        kept_at_ms  INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid, device)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pushes (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        call          TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        account       TEXT NOT NULL,
        environment   TEXT NOT NULL,
        cuid          TEXT NOT NULL,
        device        TEXT NOT NULL,
        due_at_ms     INTEGER,
        expires_at_ms INTEGER NOT NULL,
        tries         INTEGER NOT NULL DEFAULT 0,
        settled       INTEGER NOT NULL DEFAULT 0,
        UNIQUE (call, device),
        FOREIGN KEY (account, environment, cuid, device) REFERENCES push_targets ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX due_pushes ON pushes (due_at_ms) WHERE due_at_ms IS NOT NULL;
    CREATE INDEX pushes_by_target ON pushes (account, environment, cuid, device);
    CREATE INDEX pushes_by_end ON pushes (expires_at_ms);
",
    // What the service shows to those who bring its pushes: its own key to Web Push services, and what accounts have entered to Apple.
    "
    CREATE TABLE push_key (secret BLOB NOT NULL) STRICT;
    CREATE TABLE apns_credentials (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        credential    TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment)
    ) STRICT, WITHOUT ROWID;
",
    // Who may sign in to the dashboard.
    "
    CREATE TABLE operators (
        name          TEXT PRIMARY KEY,
        password_hash TEXT,
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE operator_links (
        operator TEXT PRIMARY KEY REFERENCES operators (name) ON DELETE CASCADE,
        hash     BLOB NOT NULL UNIQUE,
        until_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE operator_sessions (
        hash       BLOB PRIMARY KEY,
        operator   TEXT NOT NULL REFERENCES operators (name) ON DELETE CASCADE,
        seen_at_ms INTEGER NOT NULL,
        until_ms   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX operator_sessions_of_operators ON operator_sessions (operator, seen_at_ms);
",
    // What they have done there, which nobody changes afterwards.
    "
    CREATE TABLE audit_log (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms       INTEGER NOT NULL,
        operator    TEXT NOT NULL,
        action      TEXT NOT NULL,
        account     TEXT,
        environment TEXT,
        subject     TEXT,
        outcome     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_log_of_accounts ON audit_log (account, number);
    CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
    CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
",
];

/// The version that all steps lead to.
pub(crate) const LAYOUT: u32 = MIGRATIONS.len() as u32;

/// Opens the store's file, makes it when it is missing, and brings it up to date.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    create_private(path)?;
    let failed = |error| describe(path, error);
    let mut connection = open_again(path)?;
    // Reads only: looking through a large file must not keep a running service from writing.
    identify(&connection, path)?;
    check(&connection, path)?;
    if version(&connection, path)? != LAYOUT {
        migrate(&mut connection, path)?;
    }
    // Only once the file is known to be ours: the journal's mode is written into it.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    Ok(connection)
}

/// Opens a store's file that is there, without a look at what is in it.
pub(super) fn open_again(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| describe(path, error);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_FOR).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    // What is deleted, or moved to another page, is overwritten: whoever was erased is not to be found in the file.
    connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
    Ok(connection)
}

/// Opens a store's file that is there, so that nothing in it can be changed.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| describe(path, error))?;
    connection.busy_timeout(BUSY_FOR).map_err(|error| describe(path, error))?;
    Ok(connection)
}

/// Looks whether a file is a store of this version or an earlier one, and whole, and says of which version.
pub(super) fn examine(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    identify(connection, path)?;
    check(connection, path)?;
    let version = version(connection, path)?;
    if version > LAYOUT { Err(StoreError::Newer { store: path.into(), version }) } else { Ok(version) }
}

/// The layout of the store in `path`, if there is one. Nothing in it is changed.
pub(super) fn layout(path: &Path) -> Result<Option<u32>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    examine(&open_to_read(path)?, path).map(|version| Some(version).filter(|version| *version > 0))
}

/// Whether there is a store in `path` that [`open`] does not change: it is up to date, or of a newer version, which is an error then.
pub(super) fn is_current(path: &Path) -> Result<bool, StoreError> {
    if !path.exists() {
        return Ok(false);
    }
    Ok(version(&open_again(path)?, path)? >= LAYOUT)
}

fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| describe(path, error))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| describe(path, error);
    let migration = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have taken the same steps meanwhile.
    let version = version(&migration, path)?;
    let Some(steps) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        return Err(StoreError::Newer { store: path.into(), version });
    };
    for step in steps {
        migration.execute_batch(step).map_err(failed)?;
    }
    migration.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    migration.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    migration.commit().map_err(failed)
}

/// Makes a store as the service of an earlier version has made it, by the statements of that time.
#[cfg(test)]
pub(crate) fn make_earlier(path: &Path, version: usize) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    for step in &MIGRATIONS[..version] {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", version as u32)?;
    Ok(connection)
}

/// It holds who called whom: nobody else on the machine may read it.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().map_or(Ok(()), create_private_directory);
    let made = directory.and_then(|()| std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path));
    made.and_then(|_| give_to_owner_of_folder(path)).map_err(|source| StoreError::File { path: path.to_owned(), source })
}

/// Gives a file to whoever owns the directory that it is in. A command that root types must leave nothing behind that the service cannot open; SQLite does
/// the same with its journal.
pub(crate) fn give_to_owner_of_folder(path: &Path) -> std::io::Result<()> {
    let Some(folder) = path.parent().filter(|_| rustix::process::geteuid().is_root()) else { return Ok(()) };
    let (folder, file) = (folder.metadata()?, path.metadata()?);
    let is_theirs = (folder.uid(), folder.gid()) == (file.uid(), file.gid());
    if is_theirs { Ok(()) } else { chown(path, Some(folder.uid()), Some(folder.gid())) }
}

/// Makes the data directory, and those that it is in, when they are missing.
pub(crate) fn create_private_directory(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether the file is ours, or has nothing in it.
fn identify(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| describe(path, error);
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if id != APPLICATION_ID && (id != 0 || tables > 0) {
        return Err(StoreError::Foreign(path.into()));
    }
    Ok(())
}

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| describe(path, error);
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), verdict }) }
}

fn describe(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = PathBuf::from(path);
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::Foreign(Location::File(path)),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, verdict: error.to_string() },
        Some(_) | None => Location::File(path).failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores as released services have left them, in the words of that time: a step that was changed afterwards would not fit them.
    const RELEASED: [(u32, &str); 2] = [(7, include_str!("layouts/7.sql")), (12, include_str!("layouts/12.sql"))];

    /// What a store is made of, by name, without the way in which that was written.
    fn made_of(connection: &Connection) -> Vec<(String, Vec<String>)> {
        let mut tables =
            connection.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").expect("a store");
        let names: Vec<String> = tables.query_map([], |row| row.get(0)).expect("a store").map(|name| name.expect("a name")).collect();
        let columns = |name: &String| {
            let columns = "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || pk || ' ' || coalesce(dflt_value, '') FROM pragma_table_xinfo(?)
                           UNION ALL SELECT coalesce(name, '') FROM pragma_index_xinfo(?)";
            let mut columns = connection.prepare(columns).expect("a store");
            let columns = columns.query_map([name, name], |row| row.get(0)).expect("a store").map(|column| column.expect("a column"));
            let mut columns: Vec<String> = columns.collect();
            // Where a column stands depends on when it was added.
            columns.sort();
            columns
        };
        names.iter().map(|name| (name.clone(), columns(name))).collect()
    }

    #[test]
    fn a_store_of_each_released_layout_becomes_what_a_new_one_is_and_keeps_every_row() {
        let directory = tempfile::tempdir().expect("a directory");
        let fresh = made_of(&open(&directory.path().join("fresh.sqlite")).expect("a new store"));
        for (layout, text) in RELEASED {
            let path = directory.path().join(format!("{layout}.sqlite"));
            Connection::open(&path).and_then(|older| older.execute_batch(text)).expect("a store of before");
            let store = open(&path).expect("it is brought up to date");
            assert_eq!(version(&store, &path).expect("a version"), LAYOUT);
            assert_eq!(made_of(&store), fresh, "layout {layout}");
            let one = |query: &str| store.query_row(query, [], |row| row.get::<_, String>(0)).expect(query);
            let account = "SELECT name || bg_color || font_color || logo || button_theme || relay_only || max_call_seconds || single_device FROM accounts";
            assert_eq!(one(account), "Grocer#0F3D2E#FFFFFFhttps://grocer.example/logo.pngdark16001", "layout {layout}");
            let keys = "SELECT group_concat(environment || ' ' || key_hash, ', ') FROM (SELECT * FROM api_keys ORDER BY environment DESC)";
            assert_eq!(one(keys), "production hash of one, development hash of another", "layout {layout}");
            let calls =
                "SELECT group_concat(caller || ' ' || callee || ' ' || placed_at_ms || ' ' || ended_at_ms || ' ' || end_reason, ', ')
                         FROM (SELECT * FROM calls ORDER BY placed_at_ms)";
            assert_eq!(one(calls), "courier_1 customer_1 1000 5000 1, courier_1 customer_1 6000 7000 3", "layout {layout}");
            let rest =
                "SELECT (SELECT count(*) FROM token_keys) || (SELECT count(*) FROM blocked_users) || (SELECT count(*) FROM used_tokens)
                               || (SELECT count(*) FROM quiet_hours)";
            assert_eq!(one(rest), if layout < 12 { "0000" } else { "1111" }, "layout {layout}");
            let sound: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
            assert_eq!(sound, "ok", "layout {layout}");
            let foreign = store.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([])).expect("a verdict");
            assert!(!foreign, "layout {layout}");
        }
    }

    #[test]
    fn the_keys_of_a_store_that_had_one_for_each_environment_stay_good() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.sqlite");
        let older = make_earlier(&path, 7).expect("a new file");
        older
            .execute_batch(
                "INSERT INTO accounts VALUES ('grocer', 'Grocer', '#000000', '#FFFFFF', NULL, 'light', 0, 1, NULL, 0);
                 INSERT INTO accounts VALUES ('demo', 'Parcelo', '#000000', '#FFFFFF', NULL, 'light', 0, 1, NULL, 0);
                 INSERT INTO credentials VALUES
                     ('grocer', 'production', 'one', 1), ('grocer', 'development', 'two', 2), ('demo', 'development', 'three', 3);",
            )
            .expect("an account with its keys");
        drop(older);
        let connection = open(&path).expect("a store of before");
        let mut keys = connection
            .prepare("SELECT environment || ' ' || key_hash, length(id), named, of_demo FROM api_keys ORDER BY created_at_ms")
            .expect("keys");
        let keys = keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).expect("keys");
        let keys: Vec<(String, u32, bool, bool)> = keys.map(|key| key.expect("a key")).collect();
        let key = |text: &str, of_demo| (text.to_owned(), 12, false, of_demo);
        assert_eq!(keys, [key("production one", false), key("development two", false), key("development three", true)]);
    }
}
