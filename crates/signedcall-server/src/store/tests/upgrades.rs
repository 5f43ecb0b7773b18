//! Stores as released services have left them, in each kind of store, with something in every table: brought up to date, each row means what it has meant.
//!
//! The texts of `layouts` are what was there then, and are not changed when a layout is added. What of them a later layout has another column for, or takes away,
//! is said by the test of that layout.

use std::collections::{BTreeMap, BTreeSet};

use signedcall_wire::{Branding, ButtonTheme, Color, PushService, Redacted};

use super::*;
use crate::hub::{Basis, CallRates, KeyId, Quiet, QuietHours, Reach, TokenKeyId};
use crate::push::{ApnsCredential, ApnsProof};
use crate::store::owners::{Epoch, Owners, Partition};
use crate::store::sql::params;
use crate::store::testing::{TestStore, on_each_store_at_once};
use crate::tokens::{TokenAlgorithm, TokenKey};
use crate::webhooks::{CallEvent, WebhookId};

on_each_store_at_once![a_store_of_layout_18_means_what_it_has_meant, a_store_of_layout_22_means_what_it_has_meant];

async fn a_store_of_layout_18_means_what_it_has_meant(store: &TestStore) {
    upgrade(store, include_str!("../layouts/18.sql"), include_str!("../layouts/postgres-18.sql"));
    what_there_is_of_companies(store);
    what_there_is_of_calls(store);
    a_token_that_was_used_is_used(store).await;
    what_was_to_be_told_is_told_and_what_was_to_be_erased_is_erased(store);
}

async fn a_store_of_layout_22_means_what_it_has_meant(store: &TestStore) {
    upgrade(store, include_str!("../layouts/22.sql"), include_str!("../layouts/postgres-22.sql"));
    what_there_is_of_companies(store);
    what_there_is_of_calls(store);
    what_there_is_of_pushes(store);
    what_there_is_of_operators(store);
    a_token_that_was_used_is_used(store).await;
    what_was_to_be_told_is_told_and_what_was_to_be_erased_is_erased(store);
}

fn is_file(store: &TestStore) -> bool {
    matches!(store.at(), Location::File(_))
}

/// Every table with its columns in their order.
fn tables(store: &TestStore) -> BTreeMap<String, Vec<String>> {
    let columns = if is_file(store) {
        "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY c.cid"
    } else {
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> 'signedcall_layout' ORDER BY ordinal_position"
    };
    let mut tables = BTreeMap::<_, Vec<String>>::new();
    for (table, column) in
        store.connect().query(columns, params![], |row| Ok((row.get::<String>(0)?, row.get(1)?))).expect("tables and their columns")
    {
        tables.entry(table).or_default().push(column);
    }
    tables
}

/// What is in those columns of each table.
fn rows(store: &TestStore, tables: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let text =
        |column: &String| if is_file(store) { format!("quote({column})") } else { format!("coalesce(CAST({column} AS TEXT), 'NULL')") };
    let rows = |table: &String, columns: &Vec<String>| {
        let columns: Vec<_> = columns.iter().map(text).collect();
        let select = format!("SELECT {} FROM {table}", columns.join(" || ' | ' || "));
        let mut rows = store.connect().query(&select, params![], |row| row.get(0)).expect("rows");
        rows.sort();
        rows
    };
    tables.iter().map(|(table, columns)| (table.clone(), rows(table, columns))).collect()
}

/// What a store is made of beside its rows.
fn made_of(store: &TestStore) -> BTreeSet<String> {
    let parts = if is_file(store) {
        "SELECT 'column ' || t.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk || ' ' || coalesce(c.dflt_value, '')
         FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type IN ('table', 'index') AND t.name NOT LIKE 'sqlite_%'
         UNION ALL SELECT type || ' ' || name || ' of ' || tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'
         UNION ALL SELECT 'index ' || t.name || ' ' || c.seqno || ' ' || coalesce(c.name, '') FROM sqlite_schema t, pragma_index_info(t.name) c
         WHERE t.type = 'index'
         UNION ALL SELECT 'key ' || t.name || ' ' || k.\"from\" || ' ' || k.\"table\" || ' ' || k.on_delete
         FROM sqlite_schema t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table'"
    } else {
        "SELECT CAST(concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default, is_identity, collation_name) AS TEXT)
         FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL SELECT CAST(indexdef AS TEXT) FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
         UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    };
    store.connect().query(parts, params![], |row| row.get(0)).expect("what it is made of").into_iter().collect()
}

/// Makes a store of before, brings it up to date, and makes sure that it is what a new one is, with every row that it has had.
fn upgrade(store: &TestStore, file: &str, server: &str) {
    store.run(if is_file(store) { file } else { server });
    let earlier = tables(store);
    let before = rows(store, &earlier);
    assert!(before.values().all(|rows| !rows.is_empty()), "something is in each: {before:#?}");
    drop(Accounts::open(store.at()).expect("it is brought up to date"));
    assert_eq!(store.at().layout().expect("a good store"), Some(LAYOUT));
    assert_eq!(rows(store, &earlier), before);
    let fresh = if is_file(store) { TestStore::in_a_file() } else { TestStore::on_postgres() };
    drop(fresh.at().open().expect("a new store"));
    assert_eq!(made_of(store), made_of(&fresh));
    if is_file(store) {
        assert_eq!(store.text("SELECT max(integrity_check) FROM pragma_integrity_check").as_deref(), Some("ok"));
        assert_eq!(store.number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    } else {
        let owner = Owners::open(store.at()).expect("a store").owner_of(Partition(11)).expect("a good store").expect("it is claimed");
        assert_eq!((owner.node.0.as_str(), owner.epoch), ("one", Epoch(4)));
    }
}

fn grocer() -> AccountId {
    AccountId("grocer".to_owned())
}

fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("a cuid")
}

/// The numbers of the texts are decimal.
fn id(number: u128) -> Uuid {
    Uuid::parse_str(&format!("00000000-0000-0000-0000-{number:012}")).expect("an id")
}

fn color(text: &str) -> Color {
    Color::try_from(text.to_owned()).expect("a colour")
}

/// The public key of the texts: the base point of Ed25519.
fn public_key() -> Vec<u8> {
    let mut point = vec![0x66; 32];
    point[0] = 0x58;
    point
}

fn what_there_is_of_companies(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a store");
    let branding = |name: &str, [bg_color, font_color]: [&str; 2], logo: Option<&str>, button_theme| Branding {
        name: name.to_owned(),
        bg_color: color(bg_color),
        font_color: color(font_color),
        logo: logo.map(str::to_owned),
        button_theme,
    };
    let florist = Account {
        id: AccountId("florist".to_owned()),
        branding: branding("Florist", ["#FFFFFF", "#101010"], None, ButtonTheme::Light),
        relay_only: false,
        max_call: None,
        single_device: false,
        call_rates: CallRates::default(),
    };
    let looks = branding("Grocer", ["#0F3D2E", "#FFFFFF"], Some("https://grocer.example/logo.png"), ButtonTheme::Dark);
    let of_grocer = Account {
        id: grocer(),
        branding: looks,
        relay_only: true,
        max_call: Some(Duration::from_secs(600)),
        single_device: true,
        call_rates: CallRates::default(),
    };
    assert_eq!(accounts.list().expect("a good store"), [florist, of_grocer]);

    let (_, good) = accounts.find(&grocer()).expect("a good store").expect("it is there");
    assert_eq!(good.iter().map(|key| (key.id.0.as_str(), key.key_hash.as_str())).collect::<Vec<_>>(), [("0123456789ab", "hash of one")]);
    let keys = accounts.keys(&grocer()).expect("a good store").expect("it is there");
    let moments: BTreeSet<_> = keys.iter().map(|key| (key.id.0.as_str(), key.last_used_at.as_deref(), key.revoked_at.as_deref())).collect();
    let known = [("0123456789ab", Some("1970-01-01T00:00:02Z"), None), ("ba9876543210", None, Some("1970-01-01T00:00:03Z"))];
    assert_eq!(moments, known.into());
    assert_eq!(accounts.withdrawals().expect("a good store"), 3);
    let withdrawn = accounts.withdrawn().expect("a good store");
    assert_eq!(withdrawn.keys, [KeyId("ba9876543210".to_owned())].into());
    assert_eq!(withdrawn.token_keys, [TokenKeyId(3)].into());
    assert_eq!(withdrawn.users, [(grocer(), Environment::Production, cuid("courier_9"))].into());

    let registered = RegisteredKey {
        id: TokenKeyId(2),
        environment: Environment::Production,
        key: TokenKey { kid: "ed".to_owned(), algorithm: TokenAlgorithm::EdDsa, public_key: public_key() },
    };
    assert_eq!(accounts.token_keys(&grocer()).expect("a good store"), Some(vec![registered]));
    let signing = accounts.signing_key(&grocer(), Environment::Development).expect("a good store").expect("it is there");
    assert_eq!((signing.kid.as_str(), signing.seed.expose()), ("sc-development", &(0..32).collect::<Vec<u8>>()));
    let receipts = accounts.receipt_key(&grocer(), Environment::Production).expect("a good store").expect("it is there");
    assert_eq!((receipts.id.as_str(), receipts.secret), ("dddddddddddd", (100..132).collect::<Vec<u8>>()));

    let Quiet { users, accounts: of_all } = accounts.quiet_hours().expect("a good store");
    let hours = QuietHours { from: 1_320, to: 420, ahead: 330 };
    assert_eq!(users, [((grocer(), Environment::Production, cuid("courier_1")), hours)].into());
    assert_eq!(of_all, [((grocer(), Environment::Production), QuietHours { from: 1_380, to: 360, ahead: -60 })].into());
}

fn what_there_is_of_calls(store: &TestStore) {
    let records = read_records(store.at()).expect("a good store");
    let said: Vec<_> = records.iter().map(|record| (record.caller.as_str(), record.placed_at_ms, record.end_reason)).collect();
    let known = [
        ("courier_1", 1_000, Some(1)),
        ("courier_1", 6_000, Some(3)),
        ("courier_7", 8_000, Some(3)),
        ("florist_1", 9_000, Some(5)),
        ("courier_1", 10_000, None),
    ];
    assert_eq!(said, known);
    let first = &records[0];
    assert_eq!([first.answered_at_ms, first.connected_at_ms, first.ended_at_ms], [Some(2_000), Some(2_500), Some(5_000)]);
    let reports = [first.caller_report.expect("a report"), first.callee_report.expect("a report")];
    assert_eq!(reports.map(|report| (report.mos, report.round_trip_ms)), [(421, Some(61)), (398, Some(61))]);
    assert!(records[2].by_company && !first.by_company);
    assert_eq!(records[2].leads_to, Some(id(6).to_string()));
    assert_eq!(records[4].instead_of, Some(id(5).to_string()));

    let (records, _written, legacy) = Records::start(store.at(), None).expect("a store");
    records.finish();
    let [open] = legacy.open.as_slice() else { panic!("one goes on: {:?}", legacy.open) };
    assert_eq!(open.record.invite.call, CallId(id(6)));
    assert_eq!(open.record.invite.initiator_image.as_deref(), Some("https://grocer.example/courier.png"));
    assert_eq!((open.record.limit, open.record.rings_on.as_slice()), (Some(Duration::from_secs(600)), &[DeviceId(id(3))][..]));
    let answer = open.answer.as_ref().expect("it is answered");
    assert_eq!(answer.by, Endpoint { device: DeviceId(id(3)), run: RunId(id(8)) });
    assert_eq!((answer.caller_holds, answer.callee_holds, answer.ends_at), (true, false, Some(Timestamp::from_millis(611_000))));
    assert_eq!(answer.device_name, DeviceName::new("desk").ok());
}

fn what_there_is_of_pushes(store: &TestStore) {
    let pushes = Pushes::open(store.at()).expect("a store");
    let user = (grocer(), Environment::Production, cuid("customer_1"));
    let known = [
        (user.clone(), DeviceId(id(3)), Reach::Push(Basis::ApiKey(KeyId("0123456789ab".to_owned())))),
        (user.clone(), DeviceId(id(12)), Reach::Push(Basis::TokenKey(TokenKeyId(2)))),
        (user, DeviceId(id(13)), Reach::LoggedOut),
    ];
    assert_eq!(pushes.known(None).expect("a good store"), known);
    let due = pushes.due(SystemTime::now(), Most { of_user: 10, of_account: 10 }, &BTreeSet::new()).expect("a good store");
    let [due] = due.as_slice() else { panic!("one is due: {due:?}") };
    assert_eq!((due.number, due.device, due.tries), (5, DeviceId(id(12)), 1));
    assert_eq!(due.target.by, PushService::WebPush { endpoint: Redacted::new("https://push.example/12".to_owned()) });
    assert_eq!(pushes.key(b"another").expect("a good store"), (200..232).collect::<Vec<u8>>());
    let proof =
        ApnsProof::Key { team_id: "TEAM123456".to_owned(), key_id: "KEY1234567".to_owned(), key: Redacted::new("a key in PEM".to_owned()) };
    let apns = ApnsCredential { bundle_id: "example.grocer".to_owned(), proof };
    assert_eq!(pushes.apns(&grocer(), Environment::Production).expect("a good store"), Some(apns));
    let (records, _written, legacy) = Records::start(store.at(), None).expect("a store");
    records.finish();
    assert_eq!(legacy.open.iter().flat_map(|open| open.settled.clone()).collect::<Vec<_>>(), [DeviceId(id(3))]);
}

fn what_there_is_of_operators(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a store");
    let operators = accounts.operators().expect("a good store");
    let known: Vec<_> = operators.iter().map(|operator| (operator.name.as_str(), operator.has_password)).collect();
    assert_eq!(known, [("admin", true), ("second", false)]);
    assert_eq!(accounts.password_hash("admin").expect("a good store").as_deref(), Some("hash of a password"));
    assert_eq!(accounts.link([7; 32], SystemTime::now()).expect("a good store").as_deref(), Some("second"));
    let session = accounts.session([8; 32], SystemTime::now()).expect("a good store").expect("it goes on");
    assert_eq!((session.operator.as_str(), session.seen_at_ms), ("admin", 9_000));
    let log = accounts.audit_page(None, i64::MAX, 10).expect("a good store");
    let said: Vec<_> = log.iter().map(|row| (row.number, row.action.as_str(), row.subject.as_deref(), row.outcome.as_str())).collect();
    let call = id(1).to_string();
    let known =
        [(4, "hang_up", Some(call.as_str()), "not_known"), (2, "sign_in", None, "refused"), (1, "block_user", Some("courier_9"), "done")];
    assert_eq!(said, known);
    for change in ["UPDATE audit_log SET operator = 'somebody else'", "DELETE FROM audit_log"] {
        assert!(store.connect().run(change).is_err(), "{change}");
    }
    let entry =
        AuditEntry { operator: "admin".to_owned(), action: "use_link", account: None, environment: None, subject: None, outcome: "done" };
    accounts.audit(&entry, SystemTime::now()).expect("a good store");
    let next = accounts.audit_page(None, i64::MAX, 1).expect("a good store")[0].number;
    assert_eq!(next, 10, "a number that was given before is not given again");
}

async fn a_token_that_was_used_is_used(store: &TestStore) {
    let tokens = UsedTokens::start(store.at()).expect("a store");
    let take = async |jti| tokens.take(&grocer(), jti, 4_102_444_800, 1_000).await.expect("a good store");
    assert_eq!((take("a token").await, take("another").await), (false, true));
}

/// After everything else, since it changes what there is.
fn what_was_to_be_told_is_told_and_what_was_to_be_erased_is_erased(store: &TestStore) {
    let accounts = Accounts::open(store.at()).expect("a store");
    let hooks = accounts.webhooks(&grocer()).expect("a good store").expect("it is there");
    let known: Vec<_> = hooks.iter().map(|hook| (hook.url.as_str(), hook.events.as_slice(), hook.off_since.is_some())).collect();
    let events: [&[CallEvent]; 2] = [&[CallEvent::Placed, CallEvent::Ended], &[CallEvent::Ended]];
    assert_eq!(known, [("https://grocer.example/calls", events[0], false), ("https://grocer.example/gone", events[1], true)]);
    let outbox = Outbox::open(store.at()).expect("a store");
    let now = SystemTime::now();
    let [state] = outbox.with_something_due(now).expect("a good store").try_into().expect("one webhook");
    assert_eq!(state.secrets.iter().map(|secret| secret.expose().as_str()).collect::<Vec<_>>(), ["whsec_new", "whsec_old"]);
    let due = outbox.due(&state, now, 10, &BTreeSet::new()).expect("a good store");
    assert_eq!(due.iter().map(|due| (due.number, due.tries)).collect::<Vec<_>>(), [(4, 2)]);
    let log = || accounts.deliveries(&grocer(), &WebhookId("aaaaaaaaaaaa".to_owned())).expect("a good store").expect("it is there");
    let tried: Vec<_> = log().into_iter().map(|tried| (tried.at, tried.status, tried.error)).collect();
    let failed = "courier_7 is not known".to_owned();
    assert_eq!(tried, [("1970-01-01T00:00:05Z".to_owned(), Some(200), None), ("1970-01-01T00:00:08Z".to_owned(), None, Some(failed))]);

    let told = || {
        let events = accounts.analytics_events(&grocer()).expect("a good store").expect("it is there");
        events.into_iter().map(|event| (event.event, event.cuid, event.epoch)).collect::<Vec<_>>()
    };
    let of_others =
        [("SCOutgoing", "courier_1", 1), ("SCEnd", "customer_1", 5)].map(|(event, cuid, at)| (event.to_owned(), cuid.to_owned(), at));
    assert_eq!(told().len(), 3);
    while accounts.erase_some(now).expect("a good store") {}
    assert_eq!(told(), of_others);
    assert_eq!(log().into_iter().filter_map(|tried| tried.error).collect::<Vec<_>>(), [""; 0]);
    let callers: Vec<_> = read_records(store.at()).expect("a good store").into_iter().map(|record| record.caller).collect();
    assert_eq!(callers, ["courier_1", "courier_1", "erased_of_before", "florist_1", "courier_1"]);
    assert_eq!(store.number("SELECT count(*) FROM erasures"), 0, "it is done");
}
