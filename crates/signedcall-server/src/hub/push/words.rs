//! What the hub asks of whoever keeps and sends pushes.

use signedcall_wire::{AccountId, CallId, Cuid, DeviceId, EndReason, Environment, PushTarget, RequestId, SessionId};

use crate::hub::Basis;

/// Where a device is reached by push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepPush {
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
    /// Where; `None`: nowhere.
    pub target: Option<PushTarget>,
    /// By what right it says so.
    pub by: Basis,
}

/// A device that was reached by push before is let in by another right, on which its pushes rest from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewPush {
    /// Its account.
    pub account: AccountId,
    /// Its environment.
    pub environment: Environment,
    /// Its user.
    pub cuid: Cuid,
    /// The device.
    pub device: DeviceId,
    /// The right.
    pub by: Basis,
}

/// A device that is reached by push no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgetPush {
    /// Its account.
    pub account: AccountId,
    /// Its environment.
    pub environment: Environment,
    /// Its user.
    pub cuid: Cuid,
    /// The device.
    pub device: DeviceId,
    /// Whether it is because its user has signed out there, which is remembered.
    pub logged_out: bool,
}

/// A push that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPush {
    /// The call.
    pub call: CallId,
    /// The company.
    pub account: AccountId,
    /// Which of its environments.
    pub environment: Environment,
    /// Who is called.
    pub cuid: Cuid,
    /// On which device.
    pub device: DeviceId,
    /// When the call stops ringing, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// What has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// Its device rings.
    Rings,
    /// The call was over before, or answered elsewhere.
    Ended(EndReason),
    /// It could not be brought.
    NotBrought,
}
