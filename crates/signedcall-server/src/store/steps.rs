//! The layout of the store, step by step.

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
    // Whoever is erased is erased from there as well, and nothing else is changed.
    "
    CREATE INDEX audit_log_by_subject ON audit_log (account, subject) WHERE subject IS NOT NULL;
    DROP TRIGGER audit_log_stays;
    CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
        WHEN OLD.subject IS NULL OR NEW.subject IS DISTINCT FROM '(erased)'
             OR (NEW.number, NEW.at_ms, NEW.operator, NEW.action, NEW.account, NEW.environment, NEW.outcome)
                IS DISTINCT FROM (OLD.number, OLD.at_ms, OLD.operator, OLD.action, OLD.account, OLD.environment, OLD.outcome)
        BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
",
    // By which light connection a device is reached (`wake`): found in the endpoint that its target is kept with, whoever has kept it.
    "
    CREATE INDEX push_targets_by_line ON push_targets (substr(target, instr(target, '/v1/wake/') + 9, 43)) WHERE instr(target, '/v1/wake/') > 0;
",
    // How many calls may be placed in a minute, where an account has set that itself: by one user, and by all.
    "
    ALTER TABLE accounts ADD COLUMN user_calls_per_minute INTEGER;
    ALTER TABLE accounts ADD COLUMN account_calls_per_minute INTEGER;
",
];
