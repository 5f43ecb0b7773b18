//! Quiet hours that are set while the service runs, as another process sets them.

use std::time::{SystemTime, UNIX_EPOCH};

use signedcall_server::{QuietHours, Settings, account, open_accounts};
use signedcall_wire::{AccountId, Cuid, EndReason, Environment, Request, ServiceEvent};
use tokio::time::timeout;

use crate::support::{PATIENCE, TestService, new_call};

#[tokio::test]
async fn quiet_hours_reach_a_service_that_runs_and_end_there_as_well() {
    let service = TestService::start().await;
    let (mut caller, mut callee) = (service.sign_in("courier_1").await, service.sign_in("customer_1").await);
    let accounts = open_accounts(&Settings::on_loopback(service.data.path().to_owned())).expect("the store");
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() / 60 % 1_440;
    let at = |minute: u64| u16::try_from(minute % 1_440).expect("a minute of the day");
    let two_hours = QuietHours { from: at(minute + 1_380), to: at(minute + 60), ahead: 0 };
    let cuid = Cuid::new("customer_1").expect("a cuid");
    for hours in [Some(two_hours), None] {
        let demo = AccountId("demo".to_owned());
        account::set_quiet_hours(&accounts, &demo, Environment::Development, Some(&cuid), hours).expect("an account");
        // The service may look only after the first of these calls.
        let until_they_count = async {
            loop {
                let (call, request) = new_call("customer_1");
                caller.ask(request).await.expect("a call");
                let is_quiet = tokio::select! {
                    event = caller.event() => {
                        assert_eq!(event, ServiceEvent::Ended { call, reason: EndReason::QuietHours, other_device: None });
                        true
                    }
                    event = callee.event() => {
                        assert!(matches!(event, ServiceEvent::Invite(_)), "{event:?}");
                        caller.ask(Request::Hangup { call, reason: EndReason::Cancelled }).await.expect("it rings");
                        for ended in [caller.event().await, callee.event().await] {
                            assert!(matches!(ended, ServiceEvent::Ended { .. }), "{ended:?}");
                        }
                        false
                    }
                };
                if is_quiet == hours.is_some() {
                    break;
                }
            }
        };
        timeout(PATIENCE, until_they_count).await.expect("they count within a second");
    }
}
