//! Each error of R37 that a caller can meet, by what a user would do to meet it.

use signedcall::{CallStatus, Credentials, EndReason, ErrorCode, Metadata, Options, Redacted, SignedCall, Tones};
use tokio::time::timeout;

use crate::calls::connect;
use crate::support::{PATIENCE, Phone, Service, ToneSound};

pub(crate) async fn refusal(mut options: Options) -> ErrorCode {
    options.sound = Some(ToneSound::of(1_000));
    let outcome = timeout(PATIENCE, SignedCall::init(options)).await.expect("signing in has an end");
    outcome.expect_err("it is refused").code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_fails_with_the_error_of_what_is_wrong() {
    let service = Service::start().await;
    let with = |change: fn(&mut Options)| {
        let mut options = service.options("alice");
        change(&mut options);
        refusal(options)
    };
    assert_eq!(with(|options| options.service_url = "ws://127.0.0.1:1".to_owned()).await, ErrorCode::NetworkNotAvailable);
    assert_eq!(with(|options| options.service_url = "not a url".to_owned()).await, ErrorCode::NetworkNotAvailable);
    assert_eq!(with(|options| options.service_url = "ws://192.0.2.1:7443".to_owned()).await, ErrorCode::NetworkNotAvailable);
    assert_eq!(with(|options| options.account_id.clear()).await, ErrorCode::AccountIdRequired);
    assert_eq!(with(|options| options.credentials = Credentials::ApiKey(Redacted::default())).await, ErrorCode::ApiKeyRequired);
    assert_eq!(
        with(|options| options.credentials = Credentials::ApiKey(Redacted::new("wrong".to_owned()))).await,
        ErrorCode::ApiKeyRequired
    );
    assert_eq!(with(|options| options.production = Some(true)).await, ErrorCode::ProductionFieldRequired);
    assert_eq!(with(|options| options.production = None).await, ErrorCode::ProductionFieldRequired);
    assert_eq!(with(|options| options.cuid.clear()).await, ErrorCode::CuidMissing);
    assert_eq!(with(|options| options.cuid = "four".to_owned()).await, ErrorCode::InvalidLengthCuid);
    assert_eq!(with(|options| options.cuid = "91_8899555".to_owned()).await, ErrorCode::InvalidCuid);
    assert_eq!(with(|options| options.name = Some("n".repeat(51))).await, ErrorCode::InvalidNameLength);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_is_refused_where_the_account_has_its_users_on_one() {
    let (service, key) = Service::start_with_account("strict", |account| account.single_device = true).await;
    let options = || Options { account_id: "strict".to_owned(), credentials: Credentials::ApiKey(key.clone()), ..service.options("alice") };
    let first = Phone::sign_in(options(), ToneSound::of(1_000)).await;
    assert_eq!(refusal(options()).await, ErrorCode::CuidAlreadyConnectedElsewhere);
    first.leave_in_silence().await;
    Phone::sign_in(options(), ToneSound::of(1_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tone_that_cannot_be_played_is_named_when_signing_in() {
    let service = Service::start().await;
    let mut options = service.options("alice");
    options.sound = Some(ToneSound::of(1_000));
    options.tones = Tones { outgoing_tone: Some("/nowhere/tone.mp3".into()), ringtone: None };
    let error = SignedCall::init(options).await.expect_err("there is no such file");
    assert!(error.detail.contains("/nowhere/tone.mp3"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_refused_with_the_error_of_what_is_wrong() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call =
        async |to: &str, context: &str| alice.line.call(to, context, Metadata::default()).await.map(drop).map_err(|error| error.code);
    assert_eq!(call("nobody_here", "Order").await, Err(ErrorCode::ContactNotReachable));
    assert_eq!(call("alice", "Order").await, Err(ErrorCode::CanNotCallSelf));
    assert_eq!(call("", "Order").await, Err(ErrorCode::CuidMissing));
    assert_eq!(call("four", "Order").await, Err(ErrorCode::InvalidLengthCuid));
    assert_eq!(call("bobby", "Pizza 🍕").await, Err(ErrorCode::CallContextInvalid));
    assert_eq!(call("bobby", "शुभ संध्या").await, Ok(()));
    assert_eq!(call("bobby", "Again").await, Err(ErrorCode::OngoingCall));
    let ringing = bobby.expect(CallStatus::Placed).await;
    bobby.line.decline(ringing).await.expect("the call rings");
    bobby.expect_all(&[CallStatus::Ringing, CallStatus::Ended(EndReason::Declined)]).await;
    alice.expect_all(&[CallStatus::Placed, CallStatus::Ringing, CallStatus::Ended(EndReason::Declined)]).await;
    alice.line.call("bobby", "شريك التوصيل", Metadata::default()).await.expect("words of any script");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_microphone_one_signs_in_and_calls_nobody() {
    let service = Service::start().await;
    let alice = Phone::sign_in(service.options("alice"), ToneSound::without_microphone()).await;
    let problem = alice.line.view().borrow().microphone_problem.as_ref().map(|problem| problem.code);
    assert_eq!(problem, Some(ErrorCode::MicrophonePermissionNotGranted));
    let refused = alice.line.call("bobby", "Order", Metadata::default()).await.expect_err("nobody could hear alice");
    assert_eq!(refused.code, ErrorCode::MicrophonePermissionNotGranted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_without_a_microphone_tells_the_caller_why() {
    let service = Service::start().await;
    let mut alice = service.phone("alice").await;
    let mut bobby = Phone::sign_in(service.options("bobby"), ToneSound::without_microphone()).await;
    let call = alice.call("bobby").await;
    bobby.expect_all(&[CallStatus::Placed, CallStatus::Ringing]).await;
    let refused = bobby.line.answer(call).await.expect_err("nobody could hear bobby");
    assert_eq!(refused.code, ErrorCode::MicrophonePermissionNotGranted);
    alice.expect_all(&[CallStatus::Placed, CallStatus::Ringing, CallStatus::Ended(EndReason::MicrophoneRefused)]).await;
    bobby.expect(CallStatus::Ended(EndReason::MicrophoneRefused)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callees_microphone_that_does_not_open_ends_the_call_for_both() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    let call = alice.call("bobby").await;
    bobby.expect_all(&[CallStatus::Placed, CallStatus::Ringing]).await;
    alice.expect_all(&[CallStatus::Placed, CallStatus::Ringing]).await;
    bobby.sound.break_microphone();
    bobby.line.answer(call).await.expect("the call rings");
    alice.until("over", |view| view.call.is_none()).await;
    let reasons = [alice, bobby].map(|mut phone| async move {
        loop {
            let event = phone.next().await;
            if let CallStatus::Ended(reason) = event.status {
                break reason;
            }
        }
    });
    for reason in reasons {
        assert_eq!(reason.await, EndReason::MicrophoneRefused);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_can_be_signed_out_while_the_first_talks() {
    let service = Service::start().await;
    let (mut alice, mut bobby) = (service.phone("alice").await, service.phone("bobby").await);
    connect(&mut alice, &mut bobby, "bobby").await;
    service.phone("bobby").await.leave_in_silence().await;
    bobby.sound.hears_tone(1_000).await;
}
