//! Which light connections (`wake`) devices are reached by.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use signedcall_wire::{PushService, PushTarget};
use url::Url;

use super::sql::{Connection, params};
use super::{Location, StoreError};

/// How long the question may take: it reads a few rows by an index.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// How many targets are looked at that end in the same line: more than one computer has users of this service in one profile.
const MOST: u32 = 32;

/// Where devices are reached, to be read by whoever holds light connections.
#[derive(Debug)]
pub(crate) struct WakeTargets {
    at: Location,
    connection: Mutex<Connection>,
}

impl WakeTargets {
    /// Opens a store that is up to date.
    pub(crate) fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        let connection = at.open_again()?;
        connection.only_read().map_err(|error| at.failed(error))?;
        Ok(Self { at, connection: Mutex::new(connection) })
    }

    /// Whether pushes of some device go to an endpoint with this origin, as a URL has it (RFC 6454, section 6.1), and this end.
    pub(crate) fn lead_to(&self, line: &str, origin: &str) -> Result<bool, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let within = connection.answer_within(ANSWERED_WITHIN);
        let targets = within.and_then(|()| connection.query(&query(&connection), params![line], |row| row.get::<String>(0)));
        Ok(targets.map_err(|error| self.at.failed(error))?.iter().any(|target| is_at(target, origin)))
    }
}

/// In the words of the index, or it would not be used.
fn query(connection: &Connection) -> String {
    let place = connection.place_in("target", "/v1/wake/");
    format!("SELECT target FROM push_targets WHERE {place} > 0 AND substr(target, {place} + 9, 43) = ? LIMIT {MOST}")
}

fn is_at(target: &str, origin: &str) -> bool {
    match serde_json::from_str(target) {
        Ok(PushTarget { by: PushService::WebPush { endpoint }, .. }) => {
            Url::parse(endpoint.expose()).is_ok_and(|endpoint| endpoint.origin().ascii_serialization() == origin)
        }
        Ok(PushTarget { by: PushService::Apns { .. } | PushService::Unknown, .. }) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{TestStore, on_each_store};
    use crate::store::{Accounts, make_earlier};

    on_each_store![
        a_line_is_known_while_a_device_is_reached_by_it_and_by_the_origin_of_its_endpoint,
        a_line_is_looked_up_by_an_index_however_many_devices_there_are,
    ];

    const LINE: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    fn kept(device: u8, endpoint: &str) -> String {
        format!(
            r#"INSERT INTO push_targets (account, environment, cuid, device, target, kept_at_ms)
               VALUES ('demo', 'development', 'courier_1', '{device}', '{{"by":"web_push","endpoint":"{endpoint}","p256dh":"","auth":""}}', 1)"#
        )
    }

    fn a_line_is_known_while_a_device_is_reached_by_it_and_by_the_origin_of_its_endpoint(store: &TestStore) {
        let accounts = Accounts::open(store.at()).expect("a new store");
        crate::account::add(&accounts, &crate::demo::demo_account()).expect("a new account");
        let targets = WakeTargets::open(store.at()).expect("a store");
        let knows = |line: &str, origin: &str| targets.lead_to(line, origin).expect("a good store");
        store.run(&kept(1, "https://push.example/1"));
        assert!(!knows(LINE, "https://calls.example"));
        store.run(&kept(2, &format!("https://Calls.example:443/voice/v1/wake/{LINE}")));
        assert!(knows(LINE, "https://calls.example"));
        assert!(!knows(LINE, "https://evil.example") && !knows(&LINE.replace('4', "5"), "https://calls.example"));
        store.run("UPDATE push_targets SET target = NULL WHERE device = '2'");
        assert!(!knows(LINE, "https://calls.example"), "its user has signed out");
    }

    fn a_line_is_looked_up_by_an_index_however_many_devices_there_are(store: &TestStore) {
        let connection = store.at().open().expect("a new store");
        let query = query(&connection).replace('?', "''");
        let plan: Vec<String> = if matches!(store.at(), Location::File(_)) {
            connection.query(&format!("EXPLAIN QUERY PLAN {query}"), params![], |row| row.get(3)).expect("a plan")
        } else {
            connection.run("SET enable_seqscan = off").expect("a setting");
            connection.query(&format!("EXPLAIN {query}"), params![], |row| row.get(0)).expect("a plan")
        };
        assert!(plan.iter().any(|step| step.contains("push_targets_by_line")), "{plan:#?}");
    }

    #[test]
    fn lines_of_devices_that_an_earlier_version_has_kept_are_known() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join("store.sqlite");
        let earlier = make_earlier(&path, 22).expect("a new file");
        let account = "INSERT INTO accounts (id, name, bg_color, font_color, logo, button_theme, relay_only, created_at_ms)
                       VALUES ('demo', 'Parcelo', '#000000', '#FFFFFF', NULL, 'light', 1, 1000)";
        earlier.execute(account, ()).expect("a row");
        earlier.execute(&kept(1, &format!("https://calls.example/v1/wake/{LINE}")), ()).expect("a row");
        drop((earlier, Accounts::open(&path).expect("it is brought up to date")));
        assert!(WakeTargets::open(&path).expect("a store").lead_to(LINE, "https://calls.example").expect("a good store"));
    }
}
