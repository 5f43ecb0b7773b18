//! Events' consequences in few words, so that a table of tests fits on a line.

use signedcall_wire::{CallId, ClientMessage, Context, Cuid, DeviceId, Endpoint, Invite, Request, RunId, Signal};
use uuid::Uuid;

use crate::call::Action;
use crate::{Command, Dial, Greeting};

pub(crate) fn cuid(text: &str) -> Cuid {
    Cuid::new(text).expect("a valid cuid")
}

pub(crate) const fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

pub(crate) const fn device(number: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(number))
}

/// A device in the first run of its program.
pub(crate) const fn endpoint(device: DeviceId) -> Endpoint {
    Endpoint { device, run: RunId(Uuid::from_u128(1)) }
}

/// The same device, after its program has started again.
pub(crate) const fn restarted(device: DeviceId) -> Endpoint {
    Endpoint { device, run: RunId(Uuid::from_u128(2)) }
}

pub(crate) fn context() -> Context {
    Context::new("Delivery partner is calling").expect("a valid context")
}

pub(crate) fn dial(number: u128, to: &str) -> Dial {
    Dial {
        call: call(number),
        to: cuid(to),
        context: context(),
        remote_context: None,
        initiator_image: None,
        receiver_image: None,
        max_duration: None,
    }
}

pub(crate) fn invite(number: u128, from: &str, from_device: DeviceId) -> Invite {
    Invite {
        call: call(number),
        from: cuid(from),
        endpoint: endpoint(from_device),
        from_name: None,
        context: context(),
        initiator_image: None,
        receiver_image: None,
        transferred_by: None,
        leads_to: None,
        ring_for_ms: 35_000,
    }
}

pub(crate) fn candidate() -> Signal {
    Signal::Candidate { candidate: "candidate".to_owned().into() }
}

pub(crate) fn actions(actions: &[Action]) -> String {
    let words = actions.iter().map(|action| match action {
        Action::Do(doing) => command(doing),
        Action::Ask(asked) => format!("ask {}", request(asked)),
    });
    words.collect::<Vec<_>>().join(", ")
}

pub(crate) fn commands(commands: &[Command]) -> String {
    commands.iter().map(command).collect::<Vec<_>>().join(", ")
}

fn command(command: &Command) -> String {
    match command {
        Command::Greet(Greeting::SignIn) => "greet".to_owned(),
        Command::Greet(Greeting::Resume { last_seq, .. }) => format!("resume from {last_seq}"),
        Command::Send(ClientMessage::Request { request: asked, .. }) => format!("ask {}", request(asked)),
        Command::Send(ClientMessage::Ack { seq }) => format!("ack {seq}"),
        Command::Send(ClientMessage::Hello(_) | ClientMessage::Resume(_) | ClientMessage::Renew(_) | ClientMessage::Unknown) => {
            "send".to_owned()
        }
        Command::CloseLink => "close link".to_owned(),
        Command::ReopenLink { after } => format!("reopen link after {} ms", after.as_millis()),
        Command::Refused { code, .. } => format!("refused {code:?}"),
        Command::SignedIn => "signed in".to_owned(),
        Command::UseIce(_) => "ice".to_owned(),
        Command::UseBranding(_) => "branding".to_owned(),
        Command::Placed { call } => format!("placed {}", call.0.as_u128()),
        Command::NotPlaced { call, error } => format!("not placed {} {error:?}", call.0.as_u128()),
        Command::Transferred { call } => format!("transferred {}", call.0.as_u128()),
        Command::NotTransferred { call, error } => format!("not transferred {} {error:?}", call.0.as_u128()),
        Command::EventsKept { events, error: None } => format!("kept {} events", events.len()),
        Command::EventsKept { events, error: Some(error) } => format!("not kept {} events {error:?}", events.len()),
        Command::ReceiptCame { call, receipt: Ok(_) } => format!("receipt of {}", call.0.as_u128()),
        Command::ReceiptCame { call, receipt: Err(error) } => format!("no receipt of {} {error:?}", call.0.as_u128()),
        Command::NotIdle { error } => format!("not idle {error:?}"),
        Command::UsePushKey(_) => "push key".to_owned(),
        Command::PushSet { target, error: None } => format!("pushes {}", if target.is_some() { "set" } else { "off" }),
        Command::PushSet { error: Some(error), .. } => format!("pushes not set {error:?}"),
        Command::SeekService => "seek service".to_owned(),
        Command::PushHandled { number, outcome } => format!("push {number} {outcome:?}"),
        Command::Report(report) => {
            let on = report.other_device.as_ref().map(|name| format!(" on {name}")).unwrap_or_default();
            format!("report {} {:?}{on}", report.call.0.as_u128(), report.status)
        }
        Command::PlayTone(None) => "no tone".to_owned(),
        Command::PlayTone(Some(tone)) => format!("tone {tone:?}"),
        Command::PrepareMedia { device, role, .. } => format!("prepare {} {role:?}", device.0.as_u128()),
        Command::ApplySignal { device, .. } => format!("apply signal of {}", device.0.as_u128()),
        Command::RestartMedia { device, .. } => format!("restart {}", device.0.as_u128()),
        Command::DropMedia { device, .. } => format!("drop {}", device.0.as_u128()),
        Command::StartVoice { device, .. } => format!("start voice {}", device.0.as_u128()),
        Command::StopVoice { .. } => "stop voice".to_owned(),
        Command::SetMuted { muted, .. } => format!("muted {muted}"),
    }
}

fn request(request: &Request) -> String {
    match request {
        Request::Call(new) => format!("call {}", new.call.0.as_u128()),
        Request::Ringing { call } => format!("ringing {}", call.0.as_u128()),
        Request::Accept { call } => format!("accept {}", call.0.as_u128()),
        Request::Decline { call, reason } => format!("decline {} {reason:?}", call.0.as_u128()),
        Request::Hangup { call, reason } => format!("hangup {} {reason:?}", call.0.as_u128()),
        Request::MediaConnected { call } => format!("media connected {}", call.0.as_u128()),
        Request::Hold { call, on } => format!("{} {}", if *on { "hold" } else { "resume" }, call.0.as_u128()),
        Request::Transfer { call, to, .. } => format!("transfer {} to {to}", call.0.as_u128()),
        Request::Signal { to, .. } => format!("signal to {}", to.device.0.as_u128()),
        Request::ReportVoice { call, .. } => format!("report voice {}", call.0.as_u128()),
        Request::KeepEvents { events } => format!("keep {} events", events.len()),
        Request::Receipt { call } => format!("receipt of {}", call.0.as_u128()),
        Request::TakeSecondCalls { on } => format!("second calls {on}"),
        Request::PushTo { target } => format!("push {}", if target.is_some() { "here" } else { "nowhere" }),
        Request::Logout => "logout".to_owned(),
        Request::GoIdle => "go idle".to_owned(),
        Request::Unknown => "unknown".to_owned(),
    }
}
