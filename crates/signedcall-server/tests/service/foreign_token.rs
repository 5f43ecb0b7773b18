//! User tokens that one company has minted, shown at another.

use signedcall_wire::{Credential, ErrorCode, Hello};

use crate::keys::Grocer;
use crate::renewals::{register_key, token};
use crate::sign_in::refused;
use crate::support::{Device, hello};

#[tokio::test]
async fn a_token_that_another_company_has_minted_lets_nobody_in() {
    let Grocer { service, account, .. } = Grocer::start().await;
    // Both call their keys the same.
    let (ours, theirs) = (register_key(&service, "demo"), register_key(&service, "grocer"));
    let good = hello(service.service.demo_key().expect("a demo account").clone(), "courier_1");
    let shown = |credential| Hello { credential: Credential::UserToken(credential), ..good.clone() };
    let at_home = Hello { account_id: account.id.clone(), ..shown(token(&theirs, "grocer", "courier_1", "home")) };
    Device::sign_in(&service.service.url(), at_home).await;

    for (credential, what) in [
        (token(&theirs, "grocer", "courier_1", "other"), "what is good there"),
        (token(&theirs, "demo", "courier_1", "named"), "what they have signed in our name"),
        (token(&ours, "grocer", "courier_1", "renamed"), "what we have signed in theirs"),
    ] {
        let refusal = refused(&service, shown(credential)).await;
        assert_eq!(refusal.code, ErrorCode::ApiKeyRequired, "{what}: {refusal:?}");
    }
    Device::sign_in(&service.service.url(), shown(token(&ours, "demo", "courier_1", "ours"))).await;
}
