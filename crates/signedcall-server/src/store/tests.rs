mod analytics;
mod file;
mod pushes;
mod records;
mod server;
mod upgrades;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use signedcall_wire::{
    AccountId, CallId, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment, Invite, RunId, Timestamp, VoiceReport,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::backlog::Backlog;
use super::records::{Answering, Closing, Opening, commit};
use super::*;
use crate::hub::{AnsweredBy, CloseRecord, KeptAnswer, KeptEnd, KeptReport, NamedDevice, OpenRecord};

fn opening(call: u128) -> OpenRecord {
    let invite = Invite {
        call: CallId(Uuid::from_u128(call)),
        from: Cuid::new("courier_1").expect("a cuid"),
        endpoint: endpoint(1),
        from_name: Some("A courier".to_owned()),
        context: Context::new("Delivery").expect("a context"),
        initiator_image: None,
        receiver_image: None,
        transferred_by: None,
        leads_to: Some(CallId(Uuid::from_u128(77))),
        ring_for_ms: 0,
    };
    OpenRecord {
        account: AccountId("parcelo".to_owned()),
        environment: Environment::Production,
        callee: Cuid::new("customer_1").expect("a cuid"),
        context: Context::new("Your order").expect("a context"),
        invite,
        instead_of: Some(CallId(Uuid::from_u128(99))),
        limit: Some(Duration::from_secs(60)),
        by_company: true,
        rings_on: vec![endpoint(2).device, endpoint(3).device],
        placed_at: Timestamp::from_millis(1_000),
    }
}

fn endpoint(device: u128) -> Endpoint {
    Endpoint { device: DeviceId(Uuid::from_u128(device)), run: RunId(Uuid::from_u128(7)) }
}

fn answer() -> KeptAnswer {
    let at = Timestamp::from_millis;
    KeptAnswer {
        by: endpoint(2),
        device_name: device(2, Some("desk")).name,
        at: at(4_000),
        connected_at: Some(at(4_500)),
        caller_holds: true,
        callee_holds: false,
        ends_at: Some(at(64_000)),
    }
}

fn device(id: u128, name: Option<&str>) -> NamedDevice {
    NamedDevice { id: DeviceId(Uuid::from_u128(id)), name: name.and_then(|name| DeviceName::new(name).ok()) }
}

fn closing(call: u128) -> CloseRecord {
    let at = Timestamp::from_millis;
    let answered = AnsweredBy { device: device(2, Some("desk")), at: at(4_000), connected_at: Some(at(4_500)) };
    let call = CallId(Uuid::from_u128(call));
    CloseRecord { call, answered: Some(answered), declined_by: None, ended_at: at(9_000), reason: EndReason::HungUp }
}

fn opened(call: u128, durable: bool) -> Written {
    Written::Opened { call: opening(call).invite.call, durable }
}

fn report(device: u128, cuid: &str, mos: u16) -> KeptReport {
    let OpenRecord { account, environment, invite, .. } = opening(1);
    let report = VoiceReport { seconds: 5, mos, ..VoiceReport::default() };
    KeptReport { call: invite.call, account, environment, cuid: Cuid::new(cuid).expect("a cuid"), device: endpoint(device).device, report }
}
