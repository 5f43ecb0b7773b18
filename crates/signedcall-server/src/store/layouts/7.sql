-- A store as a service of layout 7 has left it.
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
CREATE TABLE credentials (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        key_hash      TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment)
    ) STRICT;
INSERT INTO "credentials" VALUES('grocer','production','hash of one',1000);
INSERT INTO "credentials" VALUES('grocer','development','hash of another',1000);
CREATE INDEX calls_by_time ON calls (account, placed_at_ms);
CREATE INDEX open_calls ON calls (id) WHERE ended_at_ms IS NULL;
CREATE INDEX ended_calls ON calls (ended_at_ms);
COMMIT;
PRAGMA application_id = 1396924780;
PRAGMA user_version = 7;
