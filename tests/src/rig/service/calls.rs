//! Calls that are set up and ended by devices without media: everything that goes over the signalling socket of a call.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use signedcall_wire::{CallId, Context, Cuid, EndReason, NewCall, Redacted, Request, ServiceEvent, Signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::device::{Device, Target};

/// A session description's length, as the app's are.
const SDP_BYTES: usize = 1_500;
/// Devices that sign in at the same time.
const AT_ONCE: usize = 32;

/// Two devices that call each other again and again.
pub(super) struct Pair {
    caller: Device,
    callee: Device,
    to: Cuid,
}

impl Pair {
    /// Signs so many pairs in.
    pub(super) async fn several(target: &Target, name: &str, count: usize) -> Result<Vec<Self>> {
        let mut pairs = Vec::with_capacity(count);
        for from in (0..count).step_by(AT_ONCE) {
            let some = (from..count.min(from + AT_ONCE)).map(|number| Self::sign_in(target, name, number));
            pairs.extend(try_join_all(some).await?);
        }
        Ok(pairs)
    }

    async fn sign_in(target: &Target, name: &str, number: usize) -> Result<Self> {
        let to = format!("{name}_callee_{number}");
        let caller = Device::sign_in(target, &format!("{name}_caller_{number}")).await?;
        let callee = Device::sign_in(target, &to).await?;
        Ok(Self { caller, callee, to: Cuid::new(&to).context("a cuid")? })
    }

    /// Sets a call up, which the callee answers at once, and ends it; returns how long it took until the caller was told of the answer.
    async fn call(&mut self) -> Result<Duration> {
        let Self { caller, callee, to } = self;
        let call = CallId(Uuid::new_v4());
        let context = Context::new("Your order is on its way").context("a context")?;
        let began = Instant::now();
        let new = NewCall {
            call,
            to: to.clone(),
            context,
            remote_context: None,
            initiator_image: None,
            receiver_image: None,
            max_duration_ms: None,
        };
        caller.ask(Request::Call(new)).await?;
        callee.until("the invitation", |event| matches!(event, ServiceEvent::Invite(invite) if invite.call == call)).await?;
        callee.ask(Request::Ringing { call }).await?;
        caller.until("its ringing", |event| matches!(event, ServiceEvent::Ringing { .. })).await?;
        let sdp = || Redacted::new("v=0 ".repeat(SDP_BYTES / 4));
        caller.ask(Request::Signal { call, to: callee.endpoint, signal: Signal::Offer { sdp: sdp(), generation: 0 } }).await?;
        callee.until("the offer", |event| matches!(event, ServiceEvent::Signal { .. })).await?;
        callee.ask(Request::Signal { call, to: caller.endpoint, signal: Signal::Answer { sdp: sdp(), generation: 0 } }).await?;
        callee.ask(Request::Accept { call }).await?;
        caller.until("the answer", |event| matches!(event, ServiceEvent::Answered { .. })).await?;
        let took = began.elapsed();
        callee.until("its own answer", |event| matches!(event, ServiceEvent::Answered { .. })).await?;
        for device in [&mut *caller, &mut *callee] {
            device.ask(Request::MediaConnected { call }).await?;
        }
        caller.ask(Request::Hangup { call, reason: EndReason::HungUp }).await?;
        for device in [caller, callee] {
            device.until("the end", |event| matches!(event, ServiceEvent::Ended { .. })).await?;
            // Nothing that it could go with comes soon where calls are real.
            device.acknowledge().await?;
        }
        Ok(took)
    }
}

/// What came of some calls.
pub(super) struct Load {
    /// How long each took until it was answered.
    pub(super) took: Vec<Duration>,
    /// How long they took together.
    pub(super) lasted: Duration,
}

impl Load {
    /// Calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.took.len() as f64 / self.lasted.as_secs_f64()
    }
}

/// Has each pair make calls one after the other, as many as there is time for.
pub(super) async fn as_many_as_possible(pairs: &mut [Pair], length: Duration) -> Result<Load> {
    let began = Instant::now();
    let calls = pairs.iter_mut().map(async |pair| {
        let mut took = Vec::new();
        while began.elapsed() < length {
            took.push(pair.call().await?);
        }
        Ok::<_, anyhow::Error>(took)
    });
    let took = try_join_all(calls).await?.concat();
    Ok(Load { took, lasted: began.elapsed() })
}

/// Makes calls at a steady rate, whether or not the earlier ones are answered: each counts from the moment at which it was due.
pub(super) async fn at_rate(pairs: Vec<Pair>, per_second: f64, length: Duration) -> Result<(Load, Vec<Pair>)> {
    let count = (per_second * length.as_secs_f64()) as u32;
    let (free, mut waiting) = mpsc::unbounded_channel();
    for pair in pairs {
        free.send(pair).ok().context("somebody waits for pairs")?;
    }
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..count {
        let due = began + length * number / count;
        tokio::time::sleep_until(due.into()).await;
        let mut pair = waiting.recv().await.context("the sender is here")?;
        let free = free.clone();
        calls.spawn(async move {
            let waited = due.elapsed();
            let took = waited + pair.call().await?;
            // Nobody waits after the last call.
            let _ = free.send(pair);
            Ok::<_, anyhow::Error>(took)
        });
    }
    let took = calls.join_all().await.into_iter().collect::<Result<_>>()?;
    let lasted = began.elapsed();
    drop(free);
    let mut pairs = Vec::new();
    while let Some(pair) = waiting.recv().await {
        pairs.push(pair);
    }
    Ok((Load { took, lasted }, pairs))
}
