//! Users who are not called at this hour.

use std::time::{SystemTime, UNIX_EPOCH};

use signedcall::{CallStatus, EndReason};
use signedcall_server::{QuietHours, account};
use signedcall_wire::{AccountId, Cuid, Environment};

use crate::support::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_somebody_in_quiet_hours_is_told_so_and_nothing_rings() {
    let mut service = Service::start().await;
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 60;
    let of_day = |minute: u64| u16::try_from(minute % (24 * 60)).expect("a minute of the day");
    let hours = QuietHours { from: of_day(minute), to: of_day(minute + 120), ahead: 0 };
    let (id, bobby) = (AccountId("demo".to_owned()), Cuid::new("bobby").expect("a cuid"));
    account::set_quiet_hours(&service.accounts(), &id, Environment::Development, Some(&bobby), Some(hours)).expect("an account");
    service.restart().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    alice.call("bobby").await;
    alice.expect_all(&[CallStatus::Placed, CallStatus::Ended(EndReason::QuietHours)]).await;
    let call = bobby.call("alice").await;
    bobby.expect_all(&[CallStatus::Placed, CallStatus::Ringing]).await;
    bobby.line.hangup(call).await.expect("it rings");
    bobby.expect(CallStatus::Ended(EndReason::Cancelled)).await;
    bobby.leave_in_silence().await;
}
