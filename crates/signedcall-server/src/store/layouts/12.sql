-- A store as a service of layout 12 has left it.
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id            TEXT PRIMARY KEY,
        name          TEXT NOT NULL,
        bg_color      TEXT NOT NULL,
        font_color    TEXT NOT NULL,
        logo          TEXT,
        button_theme  TEXT NOT NULL,
        relay_only    INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL
    , max_call_seconds INTEGER, single_device INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "accounts" VALUES('grocer','Grocer','#0F3D2E','#FFFFFF','https://grocer.example/logo.png','dark',1,1000,600,1);
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
INSERT INTO "api_keys" VALUES('0123456789ab','grocer','production','hash of one',1,0,1000,2000,NULL);
INSERT INTO "api_keys" VALUES('ba9876543210','grocer','development','hash of another',1,0,1000,NULL,3000);
CREATE TABLE blocked_users (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        cuid          TEXT NOT NULL,
        blocked_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
INSERT INTO "blocked_users" VALUES('grocer','production','courier_9',4000);
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
    , invite TEXT, instead_of TEXT, limit_ms INTEGER, answered_run TEXT, caller_holds INTEGER, callee_holds INTEGER, ends_at_ms INTEGER, answered_name TEXT, declined_by TEXT, declined_name TEXT, rings_on TEXT, caller_report TEXT, callee_report TEXT) STRICT;
INSERT INTO "calls" VALUES('00000000-0000-0000-0000-000000000001','grocer','production','courier_1','00000000-0000-0000-0000-000000000002','customer_1','Your order',1000,'00000000-0000-0000-0000-000000000003',2000,2500,5000,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'desk',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES('00000000-0000-0000-0000-000000000004','grocer','production','courier_1','00000000-0000-0000-0000-000000000002','customer_1','Your order',6000,NULL,NULL,NULL,7000,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'00000000-0000-0000-0000-000000000003',NULL,NULL,NULL,NULL);
CREATE TABLE quiet_hours (
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        from_minute INTEGER NOT NULL,
        to_minute   INTEGER NOT NULL,
        ahead       INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
INSERT INTO "quiet_hours" VALUES('grocer','production','courier_1',1320,420,330);
CREATE TABLE token_keys (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        kid           TEXT NOT NULL,
        environment   TEXT NOT NULL,
        algorithm     TEXT NOT NULL,
        public_key    BLOB NOT NULL,
        removed_at_ms INTEGER
    ) STRICT;
INSERT INTO "token_keys" VALUES(1,'grocer','ed','production','EdDSA',X'00',NULL);
CREATE TABLE used_tokens (
        account TEXT NOT NULL,
        id      BLOB NOT NULL,
        until   INTEGER NOT NULL,
        PRIMARY KEY (account, id)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "used_tokens" VALUES('grocer',X'00112233445566778899AABBCCDDEEFF',600);
CREATE TABLE withdrawals (number INTEGER NOT NULL) STRICT;
INSERT INTO "withdrawals" VALUES(0);
CREATE INDEX calls_by_time ON calls (account, placed_at_ms);
CREATE INDEX open_calls ON calls (id) WHERE ended_at_ms IS NULL;
CREATE INDEX ended_calls ON calls (ended_at_ms);
CREATE INDEX api_keys_of_accounts ON api_keys (account);
CREATE UNIQUE INDEX good_token_keys ON token_keys (account, kid) WHERE removed_at_ms IS NULL;
CREATE INDEX used_tokens_by_end ON used_tokens (until);
COMMIT;
PRAGMA application_id = 1396924780;
PRAGMA user_version = 12;
