-- A store as a service of layout 18 has left it.
PRAGMA foreign_keys = OFF;
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
    , invite TEXT, instead_of TEXT, limit_ms INTEGER, answered_run TEXT, caller_holds INTEGER, callee_holds INTEGER, ends_at_ms INTEGER, answered_name TEXT, declined_by TEXT, declined_name TEXT, rings_on TEXT, caller_report TEXT, callee_report TEXT, by_company INTEGER NOT NULL DEFAULT 0, leads_to TEXT) STRICT;
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
CREATE TABLE withdrawals (number INTEGER NOT NULL) STRICT;
CREATE TABLE token_keys (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        kid           TEXT NOT NULL,
        environment   TEXT NOT NULL,
        algorithm     TEXT NOT NULL,
        public_key    BLOB NOT NULL,
        removed_at_ms INTEGER
    , seed BLOB) STRICT;
CREATE TABLE blocked_users (
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        cuid          TEXT NOT NULL,
        blocked_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
CREATE TABLE used_tokens (
        account TEXT NOT NULL,
        id      BLOB NOT NULL,
        until   INTEGER NOT NULL,
        PRIMARY KEY (account, id)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE quiet_hours (
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        from_minute INTEGER NOT NULL,
        to_minute   INTEGER NOT NULL,
        ahead       INTEGER NOT NULL,
        PRIMARY KEY (account, environment, cuid)
    ) STRICT;
CREATE TABLE erasures (
        number      INTEGER PRIMARY KEY,
        account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        cuid        TEXT NOT NULL,
        pseudonym   TEXT NOT NULL,
        until_ms    INTEGER NOT NULL,
        UNIQUE (account, environment, cuid)
    ) STRICT;
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
CREATE TABLE delivery_log (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook  TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
        delivery INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
        at_ms    INTEGER NOT NULL,
        took_ms  INTEGER NOT NULL,
        status   INTEGER,
        error    TEXT
    ) STRICT;
CREATE TABLE receipt_keys (
        id            TEXT PRIMARY KEY,
        account       TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        environment   TEXT NOT NULL,
        secret        BLOB NOT NULL,
        created_at_ms INTEGER NOT NULL,
        UNIQUE (account, environment)
    ) STRICT;
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
INSERT INTO accounts (id, name, bg_color, font_color, logo, button_theme, relay_only, created_at_ms, max_call_seconds, single_device) VALUES
    ('grocer', 'Grocer', '#0F3D2E', '#FFFFFF', 'https://grocer.example/logo.png', 'dark', 1, 1000, 600, 1),
    ('florist', 'Florist', '#FFFFFF', '#101010', NULL, 'light', 0, 2000, NULL, 0);
INSERT INTO calls (id, account, environment, caller, caller_device, callee, context, placed_at_ms, answered_by, answered_at_ms, connected_at_ms, ended_at_ms, end_reason, invite, instead_of, limit_ms, answered_run, caller_holds, callee_holds, ends_at_ms, answered_name, declined_by, declined_name, rings_on, caller_report, callee_report, by_company, leads_to) VALUES
    ('00000000-0000-0000-0000-000000000001', 'grocer', 'production', 'courier_1', '00000000-0000-0000-0000-000000000002', 'customer_1', 'Your order', 1000, '00000000-0000-0000-0000-000000000003', 2000, 2500, 5000, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'desk', NULL, NULL, NULL, '{"seconds":3,"mos":421,"worst_mos":381,"lost_per_mille":12,"burst_tenths":15,"made_up_per_mille":4,"jitter_ms":7,"wait_ms":40,"round_trip_ms":61,"said_lost_per_mille":3,"said_kbps":48}', '{"seconds":3,"mos":398,"worst_mos":358,"lost_per_mille":12,"burst_tenths":15,"made_up_per_mille":4,"jitter_ms":7,"wait_ms":40,"round_trip_ms":61,"said_lost_per_mille":3,"said_kbps":48}', 0, NULL),
    ('00000000-0000-0000-0000-000000000004', 'grocer', 'production', 'courier_1', '00000000-0000-0000-0000-000000000002', 'customer_1', 'Your order', 6000, NULL, NULL, NULL, 7000, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '00000000-0000-0000-0000-000000000003', 'desk', NULL, NULL, NULL, 0, NULL),
    ('00000000-0000-0000-0000-000000000005', 'grocer', 'production', 'courier_7', '00000000-0000-0000-0000-000000000009', 'customer_1', 'Ring me back', 8000, NULL, NULL, NULL, 8500, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '00000000-0000-0000-0000-000000000006'),
    ('00000000-0000-0000-0000-000000000006', 'grocer', 'production', 'courier_1', '00000000-0000-0000-0000-000000000002', 'customer_1', 'Your order', 10000, '00000000-0000-0000-0000-000000000003', 11000, 11500, NULL, NULL, '{"call":"00000000-0000-0000-0000-000000000006","from":"courier_1","endpoint":{"device":"00000000-0000-0000-0000-000000000002","run":"00000000-0000-0000-0000-000000000007"},"from_name":"A courier","context":"Delivery partner is calling","initiator_image":"https://grocer.example/courier.png","ring_for_ms":35000}', '00000000-0000-0000-0000-000000000005', 600000, '00000000-0000-0000-0000-000000000008', 1, 0, 611000, 'desk', NULL, NULL, '["00000000-0000-0000-0000-000000000003"]', NULL, NULL, 0, NULL),
    ('00000000-0000-0000-0000-000000000010', 'florist', 'development', 'florist_1', '00000000-0000-0000-0000-000000000011', 'florist_2', 'Flowers', 9000, NULL, NULL, NULL, 9500, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO api_keys (id, account, environment, key_hash, named, of_demo, created_at_ms, last_used_at_ms, revoked_at_ms) VALUES
    ('0123456789ab', 'grocer', 'production', 'hash of one', 1, 0, 1000, 2000, NULL),
    ('ba9876543210', 'grocer', 'development', 'hash of another', 1, 0, 1500, NULL, 3000),
    ('cccccccccccc', 'florist', 'development', 'hash of a chosen one', 0, 1, 2000, NULL, NULL);
INSERT INTO withdrawals (number) VALUES (3);
INSERT INTO token_keys (number, account, kid, environment, algorithm, public_key, removed_at_ms, seed) VALUES
    (2, 'grocer', 'ed', 'production', 'EdDSA', X'5866666666666666666666666666666666666666666666666666666666666666', NULL, NULL),
    (3, 'grocer', 'old', 'production', 'EdDSA', X'5866666666666666666666666666666666666666666666666666666666666666', 3000, NULL),
    (5, 'grocer', 'sc-development', 'development', 'EdDSA', X'5866666666666666666666666666666666666666666666666666666666666666', NULL, X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
INSERT INTO blocked_users (account, environment, cuid, blocked_at_ms) VALUES
    ('grocer', 'production', 'courier_9', 4000);
INSERT INTO used_tokens (account, id, until) VALUES
    ('grocer', X'E3316E2BAFEBB6103A3418E8778C0ADC', 4102444800);
INSERT INTO quiet_hours (account, environment, cuid, from_minute, to_minute, ahead) VALUES
    ('grocer', 'production', 'courier_1', 1320, 420, 330),
    ('grocer', 'production', '', 1380, 360, -60);
INSERT INTO erasures (number, account, environment, cuid, pseudonym, until_ms) VALUES
    (1, 'grocer', 'production', 'courier_7', 'erased_of_before', 9000);
INSERT INTO webhooks (id, account, environment, url, events, secret, old_secret, old_until_ms, created_at_ms, failures, failing_since_ms, alarmed_at_ms, off_since_ms) VALUES
    ('aaaaaaaaaaaa', 'grocer', 'production', 'https://grocer.example/calls', 'call.placed,call.ended', 'whsec_new', 'whsec_old', 4102444800000, 1000, 2, 8100, 8200, NULL),
    ('bbbbbbbbbbbb', 'grocer', 'production', 'https://grocer.example/gone', 'call.ended', 'whsec_gone', NULL, NULL, 2000, 0, NULL, NULL, 5000);
INSERT INTO deliveries (number, webhook, call, event, due_at_ms, until_ms, tries) VALUES
    (1, 'aaaaaaaaaaaa', '00000000-0000-0000-0000-000000000001', 'call.ended', NULL, 86405000, 1),
    (4, 'aaaaaaaaaaaa', '00000000-0000-0000-0000-000000000005', 'call.placed', 8300, 4102444800000, 2);
INSERT INTO delivery_log (number, webhook, delivery, at_ms, took_ms, status, error) VALUES
    (1, 'aaaaaaaaaaaa', 1, 5100, 40, 200, NULL),
    (6, 'aaaaaaaaaaaa', 4, 8100, 55, NULL, 'courier_7 is not known');
INSERT INTO receipt_keys (id, account, environment, secret, created_at_ms) VALUES
    ('dddddddddddd', 'grocer', 'production', X'6465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F80818283', 1000);
INSERT INTO analytics_events (number, account, environment, call, cuid, device, event, epoch, context, end_reason) VALUES
    (1, 'grocer', 'production', '00000000-0000-0000-0000-000000000001', 'courier_1', '00000000-0000-0000-0000-000000000002', 'SCOutgoing', 1, 'Your order', NULL),
    (2, 'grocer', 'production', '00000000-0000-0000-0000-000000000001', 'customer_1', '00000000-0000-0000-0000-000000000003', 'SCEnd', 5, 'Your order', 1),
    (3, 'grocer', 'production', '00000000-0000-0000-0000-000000000005', 'courier_7', '00000000-0000-0000-0000-000000000009', 'SCOutgoing', 8, 'Ring me back', NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('deliveries', 9), ('delivery_log', 12), ('token_keys', 7);
CREATE INDEX api_keys_of_accounts ON api_keys (account);
CREATE UNIQUE INDEX good_token_keys ON token_keys (account, kid) WHERE removed_at_ms IS NULL;
CREATE INDEX used_tokens_by_end ON used_tokens (until);
CREATE INDEX ended_calls ON calls (ended_at_ms) WHERE ended_at_ms IS NOT NULL;
CREATE INDEX calls_by_time ON calls (account, environment, placed_at_ms, id);
CREATE INDEX calls_by_caller ON calls (account, environment, caller, placed_at_ms, id);
CREATE INDEX calls_by_callee ON calls (account, environment, callee, placed_at_ms, id);
CREATE INDEX calls_by_reason ON calls (account, environment, end_reason, placed_at_ms, id) WHERE end_reason IS NOT NULL;
CREATE INDEX calls_that_go_on ON calls (account, environment, placed_at_ms, id) WHERE ended_at_ms IS NULL;
CREATE INDEX webhooks_of_accounts ON webhooks (account, environment);
CREATE INDEX due_deliveries ON deliveries (webhook, due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX deliveries_of_webhooks ON deliveries (webhook);
CREATE INDEX delivery_log_of_webhooks ON delivery_log (webhook, number);
CREATE INDEX delivery_log_of_deliveries ON delivery_log (delivery);
CREATE INDEX analytics_events_of_accounts ON analytics_events (account, number);
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
COMMIT;
PRAGMA application_id = 1396924780;
PRAGMA user_version = 18;
