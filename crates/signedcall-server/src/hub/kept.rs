//! What the hub has written down, and goes on from when the service is started again.

use std::time::Duration;

use signedcall_wire::{
    AccountId, AnalyticsEvent, CallId, Context, Cuid, DeviceId, DeviceName, EndReason, Endpoint, Environment, Invite, RequestId, SessionId,
    Timestamp, VoiceReport,
};

/// Events for analytics, as a device tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvents {
    /// The device's session.
    pub session: SessionId,
    /// Its request.
    pub request: RequestId,
    /// Its account.
    pub account: AccountId,
    /// Its environment.
    pub environment: Environment,
    /// Its user.
    pub cuid: Cuid,
    /// The device.
    pub device: DeviceId,
    /// The events.
    pub events: Vec<AnalyticsEvent>,
}

/// A receipt that a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedReceipt {
    /// The device's session.
    pub session: SessionId,
    /// Its request.
    pub request: RequestId,
    /// Its account.
    pub account: AccountId,
    /// Its environment.
    pub environment: Environment,
    /// Its user.
    pub cuid: Cuid,
    /// The call.
    pub call: CallId,
}

/// The beginning of a call's record, and what has to be known to go on with it once the service has been started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRecord {
    /// The company.
    pub account: AccountId,
    /// Which of its environments.
    pub environment: Environment,
    /// Who is called.
    pub callee: Cuid,
    /// Why, as the caller sees it.
    pub context: Context,
    /// Which call it is, who calls, and what the callee's devices are told.
    pub invite: Invite,
    /// The call that it is to take the place of, when somebody transfers it.
    pub instead_of: Option<CallId>,
    /// The longest that it may last from its answer.
    pub limit: Option<Duration>,
    /// Whether the company's backend has asked for it.
    pub by_company: bool,
    /// The callee's devices that it can ring on.
    pub rings_on: Vec<DeviceId>,
    /// When it was asked for.
    pub placed_at: Timestamp,
}

/// A call that has outlived the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCall {
    /// How it began.
    pub record: OpenRecord,
    /// How it goes on; `None` when it was not answered.
    pub answer: Option<KeptAnswer>,
    /// Fresh ids, for the caller's device and the one that answered, which the hub waits for.
    pub sessions: [SessionId; 2],
    /// The devices that were called by push, where it is known what has become of that: they are not called so again.
    pub settled: Vec<DeviceId>,
}

/// A call that had ended when the service was started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEnd {
    /// The call.
    pub call: CallId,
    /// The company.
    pub account: AccountId,
    /// Which of its environments.
    pub environment: Environment,
    /// Who called, and from which device.
    pub caller: (Cuid, DeviceId),
    /// Who was called.
    pub callee: Cuid,
    /// What had answered.
    pub answered_by: Option<NamedDevice>,
    /// What had declined for all of the callee's devices.
    pub declined_by: Option<NamedDevice>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why, as the caller was told.
    pub reason: EndReason,
}

/// What has to be known of an answered call to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// What answered.
    pub by: Endpoint,
    /// What its user's other devices call it.
    pub device_name: Option<DeviceName>,
    /// When.
    pub at: Timestamp,
    /// When both sides had media; `None` when they have not.
    pub connected_at: Option<Timestamp>,
    /// Whether the caller holds it.
    pub caller_holds: bool,
    /// Whether the callee holds it.
    pub callee_holds: bool,
    /// When its time is over, if it is limited.
    pub ends_at: Option<Timestamp>,
}

/// A device, and what its user's others call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDevice {
    /// The installation.
    pub id: DeviceId,
    /// Its name, if it has said one that can be shown.
    pub name: Option<DeviceName>,
}

/// The end of a call's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseRecord {
    /// The call.
    pub call: CallId,
    /// Who answered it, and when; `None` when nobody did.
    pub answered: Option<AnsweredBy>,
    /// What has declined it for all of the callee's devices, if that was its end.
    pub declined_by: Option<NamedDevice>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Why, as the caller was told.
    pub reason: EndReason,
}

/// How a call sounded, as a device says that may have talked in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReport {
    /// The call.
    pub call: CallId,
    /// The device's account.
    pub account: AccountId,
    /// Its environment.
    pub environment: Environment,
    /// Its user.
    pub cuid: Cuid,
    /// The device.
    pub device: DeviceId,
    /// How it sounded.
    pub report: VoiceReport,
}

/// The answer of a call, for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredBy {
    /// The callee's device that won.
    pub device: NamedDevice,
    /// When it answered.
    pub at: Timestamp,
    /// When both sides had media; `None` when they never had.
    pub connected_at: Option<Timestamp>,
}
