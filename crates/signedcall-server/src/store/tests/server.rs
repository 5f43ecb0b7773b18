//! What holds of a store on a server: several services use it at once, and it goes away and comes back.

use std::sync::Barrier;

use super::*;
use crate::account;
use crate::store::owners::{ClaimError, Epoch, LEASE, NodeId, Owners, Partition, RenewError, partition_of};
use crate::store::records::Committed;
use crate::store::sql::{Connection, params};
use crate::store::testing::TestStore;
use crate::store::testing::postgres::Postgres;

fn node(name: &str) -> NodeId {
    NodeId(name.to_owned())
}

/// Where the account of [`opening`] is.
const PARTITION: Partition = Partition(5);

/// As if a service had said nothing for longer than a lease, of a database that has been there all that time.
fn let_the_lease_run_out(store: &TestStore) {
    let runs_for = "SELECT CAST(extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000 AS BIGINT)";
    while store.number(runs_for) <= LEASE.as_millis() as i64 {
        std::thread::yield_now();
    }
    store.run("UPDATE owners SET renewed_at_ms = renewed_at_ms - 60000");
}

#[test]
fn a_database_that_was_away_for_longer_than_a_lease_has_cost_nobody_a_tenure() {
    let server = Postgres::start();
    let store = TestStore::on(&server);
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let_the_lease_run_out(&store);
    server.stop();
    server.start_again();
    let another = Owners::open(store.at()).expect("a store");
    let refused = another.claim(PARTITION, &node("two")).expect_err("nobody could renew it meanwhile");
    assert!(matches!(&refused, ClaimError::Held(owner) if owner.free_in > std::time::Duration::ZERO), "{refused}");
    let (mine, owners) = another.renew_all(&node("one")).expect("a good store");
    assert_eq!((mine, owners[&PARTITION].node.clone()), (vec![first.clone()], node("one")));
    another.release(&first).expect("a good store");
    assert_eq!(another.renew_all(&node("one")).expect("a good store").0, [], "it was given up");
    assert_eq!(another.claim(PARTITION, &node("two")).expect("it was given up").epoch, Epoch(2));
}

#[test]
fn a_database_and_a_file_have_the_same_tables_and_columns() {
    let (file, server) = (TestStore::in_a_file(), TestStore::on_postgres());
    let columns = |store: &TestStore, query: &str| {
        drop(store.at().open().expect("a new store"));
        store.connect().query(query, params![], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?))).expect("columns")
    };
    let of_file = columns(
        &file,
        "SELECT t.name, c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'bigint' WHEN 'BLOB' THEN 'bytea' ELSE 'text' END
                || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN '' ELSE '?' END
         FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.name",
    );
    let of_server = columns(
        &server,
        "SELECT CAST(table_name AS TEXT), CAST(column_name || ' ' || data_type || CASE is_nullable WHEN 'YES' THEN '?' ELSE '' END AS TEXT)
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN ('owners', 'signedcall_layout')
         ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\"",
    );
    assert_eq!(of_server, of_file);
    let indexes = |store: &TestStore, query: &str| store.connect().query(query, params![], |row| row.get::<String>(0)).expect("indexes");
    let of_file = indexes(&file, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name");
    let made = "SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_key' AND indexname NOT LIKE '%\\_pkey'
                ORDER BY indexname COLLATE \"C\"";
    assert_eq!(indexes(&server, made), of_file);
}

#[test]
fn of_services_that_start_at_once_on_a_new_database_one_lays_it_out() {
    let store = TestStore::on_postgres();
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        let open = || {
            together.wait();
            Accounts::open(store.at()).expect("a store").list().expect("a good store").len()
        };
        let opened: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        for opened in opened {
            assert_eq!(opened.join().expect("no bug"), 0);
        }
    });
    assert_eq!(store.number("SELECT count(*) FROM signedcall_layout"), 1);
    assert_eq!(store.number("SELECT version FROM signedcall_layout"), i64::from(LAYOUT));
}

#[test]
fn a_database_of_a_newer_version_or_of_another_program_is_refused_in_words_and_left_as_it_is() {
    let store = TestStore::on_postgres();
    drop(Accounts::open(store.at()).expect("a new store"));
    store.run("UPDATE signedcall_layout SET version = 99");
    let refused = Accounts::open(store.at()).expect_err("it is newer");
    assert!(matches!(refused, StoreError::Newer { version: 99, .. }) && refused.to_string().contains("postgres://"), "{refused}");

    let store = TestStore::on_postgres();
    store.run("CREATE TABLE diary (day BIGINT)");
    let refused = Accounts::open(store.at()).expect_err("a diary");
    assert!(matches!(refused, StoreError::Foreign(_)), "{refused}");
    assert_eq!(store.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 1);
}

#[test]
fn a_partition_is_one_service_s_until_its_lease_runs_out_and_each_tenure_has_a_higher_epoch() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    assert_eq!(owners.owner_of(PARTITION).expect("a good store"), None);
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    assert_eq!(first.epoch, Epoch(1));
    let refused = owners.claim(PARTITION, &node("two")).expect_err("it is somebody's");
    assert!(matches!(&refused, ClaimError::Held(owner) if owner.node == node("one") && owner.epoch == Epoch(1)), "{refused}");
    owners.renew(&first).expect("it goes on");
    let_the_lease_run_out(&store);
    owners.renew(&first).expect("nobody else has claimed it");
    let_the_lease_run_out(&store);
    let second = owners.claim(PARTITION, &node("two")).expect("the first one is gone");
    assert_eq!(second.epoch, Epoch(2));
    assert!(matches!(owners.renew(&first), Err(RenewError::Fenced(tenure)) if tenure == first));
    owners.release(&first).expect("a good store");
    assert_eq!(owners.owner_of(PARTITION).expect("a good store").map(|owner| owner.node), Some(node("two")));
    owners.release(&second).expect("a good store");
    assert_eq!(owners.claim(PARTITION, &node("one")).expect("it was given up").epoch, Epoch(3));
    assert_eq!(owners.claim(PARTITION, &node("one")).expect("its own").epoch, Epoch(4), "what it did before is over");
}

#[test]
fn of_services_that_claim_a_partition_at_once_one_has_it() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let together = Barrier::new(4);
    for partition in (0..20).map(Partition) {
        std::thread::scope(|scope| {
            let claim = |name: String| {
                let owners = Owners::open(store.at()).expect("a store");
                together.wait();
                owners.claim(partition, &NodeId(name)).is_ok()
            };
            let claims: Vec<_> = (0..4).map(|number| scope.spawn(move || claim(number.to_string()))).collect();
            assert_eq!(claims.into_iter().map(|claim| claim.join().expect("no bug")).filter(|won| *won).count(), 1);
        });
    }
}

#[test]
fn whoever_has_lost_its_calls_without_noticing_writes_nothing_of_them_any_more() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let (records, mut written, _legacy) = Records::start(store.at(), Some(first)).expect("a store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    let_the_lease_run_out(&store);
    let second = owners.claim(PARTITION, &node("two")).expect("the first one is gone");
    records.answer(opening(1).invite.call, answer(), now);
    records.close(closing(1), now);
    records.open(opening(2), now);
    let told: Vec<_> = std::iter::from_fn(|| written.blocking_recv())
        .take_while(|told| *told != Written::NotOpened { call: opening(2).invite.call })
        .collect();
    assert!(told.contains(&Written::Fenced), "{told:?}");
    records.finish();
    assert_eq!(store.number("SELECT count(*) FROM calls WHERE ended_at_ms IS NULL AND answered_by IS NULL"), 1, "it is as it was");
    let (records, _written, legacy) = Records::start(store.at(), Some(second)).expect("a store");
    assert_eq!(legacy.open.len(), 1, "the call goes on elsewhere");
    records.close(closing(1), now);
    records.finish();
    assert_eq!(store.number("SELECT count(*) FROM calls WHERE end_reason IS NOT NULL"), 1);
}

#[test]
fn whoever_claims_a_partition_waits_for_what_is_being_written_of_it() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let_the_lease_run_out(&store);
    let writer = store.connect();
    let writing = writer.begin_beside_others().expect("a store");
    assert!(crate::store::owners::goes_on(&writing, &first).expect("a good store"));
    std::thread::scope(|scope| {
        let claim = scope.spawn(|| owners.claim(PARTITION, &node("two")).map(|tenure| tenure.epoch));
        // Until the server says that somebody waits.
        while store.number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
            std::thread::yield_now();
        }
        writing.commit().expect("a store");
        assert_eq!(claim.join().expect("no bug").expect("the lease is over"), Epoch(2));
    });
}

#[test]
fn whoever_opens_a_partition_reads_its_calls_alone_and_changes_no_others() {
    let store = TestStore::on_postgres();
    let (records, _written, _legacy) = Records::start(store.at(), None).expect("a new store");
    let now = SystemTime::now();
    let of = |call: u128, account: &str| OpenRecord { account: AccountId(account.to_owned()), ..opening(call) };
    for (call, account) in [(1, "parcelo"), (2, "grocer"), (3, "clinic"), (4, "parcelo"), (5, "grocer"), (6, "ours_é")] {
        records.open(of(call, account), now);
    }
    records.close(closing(4), now);
    records.close(closing(5), now);
    records.finish();
    // As an older version would have left them.
    store.run("UPDATE calls SET invite = NULL WHERE account IN ('clinic', 'parcelo') AND ended_at_ms IS NULL");
    let owners = Owners::open(store.at()).expect("a store");
    for account in ["grocer", "ours_é"] {
        let partition = partition_of(&AccountId(account.to_owned()));
        let tenure = owners.claim(partition, &node("one")).expect("it is nobody's");
        let (records, _written, legacy) = Records::start(store.at(), Some(tenure)).expect("a store");
        let open: Vec<_> = legacy.open.iter().map(|call| call.record.account.0.as_str()).collect();
        let ended: Vec<_> = legacy.ended.iter().map(|call| call.account.0.as_str()).collect();
        assert_eq!((open, ended), (vec![account], if account == "grocer" { vec!["grocer"] } else { vec![] }));
        records.finish();
    }
    assert_eq!(store.number("SELECT count(*) FROM calls WHERE ended_at_ms IS NULL"), 4, "those of others are as they were");
}

#[test]
fn whoever_says_that_it_is_there_waits_for_nobody_who_writes() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let writer = store.connect();
    let writing = writer.begin_beside_others().expect("a store");
    assert!(crate::store::owners::goes_on(&writing, &first).expect("a good store"));
    assert_eq!(owners.renew_all(&node("one")).expect("nobody is in the way").0, std::slice::from_ref(&first));
    let_the_lease_run_out(&store);
    std::thread::scope(|scope| {
        let claim = scope.spawn(|| owners.claim(PARTITION, &node("two")));
        while store.number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0 {
            std::thread::yield_now();
        }
        // The same service claims another, and says of all that it is there.
        assert_eq!(owners.renew_all(&node("three")).expect("it has a connection of its own").0, []);
        assert!(!claim.is_finished());
        let busy = claim.join().expect("no bug").expect_err("somebody writes for too long");
        assert!(matches!(busy, ClaimError::Contended), "{busy}");
    });
    writing.commit().expect("a store");
    assert_eq!(owners.claim(PARTITION, &node("two")).expect("nobody writes any more").epoch, Epoch(2));
}

#[test]
fn whoever_has_fallen_asleep_while_it_wrote_keeps_nobody_from_its_calls_for_long() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let first = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let sleeper = store.connect();
    sleeper.pause_within(LEASE).expect("a store");
    let writing = sleeper.begin_beside_others().expect("a store");
    assert!(crate::store::owners::goes_on(&writing, &first).expect("a good store"));
    let_the_lease_run_out(&store);
    let second = loop {
        match owners.claim(PARTITION, &node("two")) {
            Ok(tenure) => break tenure,
            Err(ClaimError::Contended) => {}
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(second.epoch, Epoch(2));
    assert!(writing.commit().is_err(), "what it had begun is undone");
}

#[test]
fn of_an_answer_nobody_is_told_before_it_is_durable_where_others_may_have_the_call() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let owners = Owners::open(store.at()).expect("a store");
    let tenure = owners.claim(PARTITION, &node("one")).expect("it is nobody's");
    let figures = Arc::<StoreFigures>::default();
    let (records, mut written, _legacy) = Records::start_beside(store.at(), Some(tenure), (&figures, &Arc::default())).expect("a store");
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    store.run("ALTER TABLE calls RENAME TO hidden");
    records.answer(opening(1).invite.call, answer(), SystemTime::now());
    while figures.failures() == 0 {
        std::thread::yield_now();
    }
    records.open(opening(2), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(Written::NotOpened { call: opening(2).invite.call }), "and not the answer before it");
    store.run("ALTER TABLE hidden RENAME TO calls");
    assert_eq!(written.blocking_recv(), Some(Written::Answered { call: opening(1).invite.call }));
    assert_eq!(store.number("SELECT count(*) FROM calls WHERE answered_by IS NOT NULL"), 1);
    records.finish();
}

#[tokio::test]
async fn of_two_services_that_a_token_is_brought_to_at_once_one_lets_it_in() {
    let store = TestStore::on_postgres();
    drop(store.at().open().expect("a new store"));
    let services = [UsedTokens::start(store.at()).expect("a store"), UsedTokens::start(store.at()).expect("a store")];
    let account = AccountId("one".to_owned());
    for round in 0..50 {
        let (one, other) = (format!("a{round}"), format!("b{round}"));
        // In opposite orders.
        let [first, second] = &services;
        let taken = tokio::join!(
            first.take(&account, &one, 100, 0),
            first.take(&account, &other, 100, 0),
            second.take(&account, &other, 100, 0),
            second.take(&account, &one, 100, 0),
        );
        let taken = [taken.0, taken.1, taken.2, taken.3].map(|taken| u8::from(taken.expect("a good store")));
        assert_eq!((taken[0] + taken[3], taken[1] + taken[2]), (1, 1));
    }
}

#[test]
fn of_two_services_that_add_keys_at_once_none_adds_one_too_many() {
    let store = TestStore::on_postgres();
    let accounts = [Accounts::open(store.at()).expect("a new store"), Accounts::open(store.at()).expect("a store")];
    let id = opening(1).account;
    account::add(&accounts[0], &Account { id: id.clone(), ..crate::demo::demo_account() }).expect("a new account");
    let together = Barrier::new(2);
    std::thread::scope(|scope| {
        for accounts in &accounts {
            scope.spawn(|| {
                together.wait();
                while account::add_key(accounts, &id, Environment::Production).is_ok() {}
            });
        }
    });
    let good = store.number("SELECT count(*) FROM api_keys WHERE environment = 'production' AND revoked_at_ms IS NULL");
    assert_eq!(good, i64::try_from(MAX_KEYS).expect("a few"));
}

#[test]
fn records_are_written_once_the_server_is_back_and_none_is_lost_or_there_twice() {
    let server = Postgres::start();
    let store = TestStore::on(&server);
    let figures = Arc::<StoreFigures>::default();
    let (records, mut written, _legacy) = Records::start_beside(store.at(), None, (&figures, &Arc::default())).expect("a new store");
    let now = SystemTime::now();
    records.open(opening(1), now);
    assert_eq!(written.blocking_recv(), Some(opened(1, true)));
    for (stop, call) in [(Postgres::stop as fn(&Postgres), 2), (Postgres::kill, 3)] {
        stop(&server);
        records.open(opening(call), now);
        assert_eq!(
            written.blocking_recv(),
            Some(Written::NotOpened { call: opening(call).invite.call }),
            "a call without a record is refused"
        );
        let failures = figures.failures();
        if call == 2 {
            records.close(closing(1), now);
        }
        while figures.failures() == failures && call == 2 {
            std::thread::yield_now();
        }
        server.start_again();
        // By itself, and as soon as there is something to be written.
        records.open(opening(call + 10), now);
        let outcome = written.blocking_recv();
        assert_eq!(outcome, Some(opened(call + 10, true)));
    }
    records.finish();
    let records = read_records(store.at()).expect("a good store");
    let ended: Vec<_> = records.iter().map(|record| (record.call.clone(), record.end_reason)).collect();
    let id = |call: u128| opening(call).invite.call.to_string();
    assert_eq!(ended, [(id(1), Some(EndReason::HungUp.number())), (id(12), None), (id(13), None)]);
}

#[test]
fn whoever_reads_connects_again_and_a_transaction_is_never_gone_on_with_over_another_connection() {
    let server = Postgres::start();
    let store = TestStore::on(&server);
    let accounts = Accounts::open(store.at()).expect("a new store");
    assert_eq!(accounts.list().expect("a good store"), []);
    let connection = store.connect();
    let transaction = connection.begin().expect("a store");
    transaction.execute("UPDATE withdrawals SET number = 41", params![]).expect("a store");
    server.kill();
    let away = accounts.list().expect_err("there is no server");
    assert!(matches!(&away, StoreError::Failed { source, .. } if source.is_away()), "{away}");
    server.start_again();
    assert_eq!(accounts.list().expect("it is back"), []);
    let gone = transaction.execute("UPDATE withdrawals SET number = 42", params![]).expect_err("it began over another connection");
    assert!(gone.is_away(), "{gone}");
    assert!(transaction.commit().is_err());
    assert_eq!(store.number("SELECT number FROM withdrawals"), 0);
    connection.execute("UPDATE withdrawals SET number = 43", params![]).expect("the next one is over a new connection");
    assert_eq!(store.number("SELECT number FROM withdrawals"), 43);
}

#[test]
fn a_call_that_is_refused_since_nobody_knows_whether_it_is_written_down_has_no_record_that_stays_open() {
    let store = TestStore::on_postgres();
    let (records, mut written, _legacy) = Records::start(store.at(), None).expect("a new store");
    // The server ends the connection in the middle of the commit, which may or may not have been done for all that anybody knows.
    store.run(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON calls DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()",
    );
    records.open(opening(1), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(Written::NotOpened { call: opening(1).invite.call }));
    store.run("DROP TRIGGER cut ON calls");
    records.open(opening(2), SystemTime::now());
    assert_eq!(written.blocking_recv(), Some(opened(2, true)));
    records.finish();
    let open = "SELECT count(*) FROM calls WHERE ended_at_ms IS NULL";
    assert_eq!(store.number(open), 1, "that of the call that was placed");
}

#[test]
fn the_record_of_a_refused_call_is_ended_and_no_other_of_the_same_id() {
    let store = TestStore::on_postgres();
    let connection = store.at().open().expect("a new store");
    let (now, figures) = (SystemTime::now(), StoreFigures::default());
    let beginning = |call, placed_at| Box::new(Opening { record: opening(call), placed_at, handed_in: Instant::now() });
    let both = [beginning(1, now), beginning(2, now)];
    assert!(matches!(commit(&connection, None, &both, &Backlog::default(), &figures), Ok(Committed::Done { .. })));
    let mut backlog = Backlog::default();
    backlog.refuse([beginning(1, now), beginning(2, now - Duration::from_secs(1)), beginning(3, now)]);
    commit(&connection, None, &[], &backlog, &figures).expect("a good store");
    let reasons: Vec<_> = read_records(store.at()).expect("a good store").into_iter().map(|record| record.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::InternalError.number()), None]);
}

#[test]
fn what_is_committed_is_safe_whatever_the_database_has_set() {
    let store = TestStore::on_postgres();
    for off in ["synchronous_commit = off", "default_transaction_isolation = 'repeatable read'"] {
        store.run(&format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$", off.replace('\'', "''")));
    }
    assert_eq!(store.text("SELECT current_setting('synchronous_commit')"), Some("on".to_owned()));
    assert_eq!(store.text("SELECT current_setting('transaction_isolation')"), Some("read committed".to_owned()));
}

#[test]
fn text_that_no_database_can_hold_is_found_nowhere_and_never_written() {
    let store = TestStore::on_postgres();
    let accounts = Accounts::open(store.at()).expect("a new store");
    assert_eq!(accounts.find(&AccountId("demo\0".to_owned())).expect("a good store"), None);
    let connection: Connection = store.connect();
    assert!(connection.execute("UPDATE accounts SET name = ?", params!["a\0b"]).is_err());
}
