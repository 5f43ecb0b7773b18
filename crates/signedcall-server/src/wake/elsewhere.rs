//! Lines that other nodes of a cluster hold: a computer connects to any, and a push for it comes to any.

use std::time::Duration;

use axum::body::Bytes;

use super::lines::{LineId, Taken};
use crate::bus::{Bus, BusError, Message, Subscription};

/// Where whoever holds a line hears of the pushes that come to other nodes. Nobody listens while nobody holds it.
fn subject(id: LineId) -> String {
    format!("signedcall.wake.{}", id.to_text())
}

/// Brings a push to whoever holds a line on another node, and says what becomes of it.
pub(super) async fn bring(bus: &Bus, id: LineId, sealed: &Bytes, within: Duration) -> Option<Taken> {
    match bus.request(&subject(id), sealed.to_vec(), within).await {
        Ok(word) => Taken::of_word(std::str::from_utf8(&word).ok()?),
        Err(BusError::NobodyListens | BusError::Away | BusError::TooSlow) => None,
    }
}

/// What comes to other nodes for a line that this one holds.
#[derive(Debug)]
pub(super) struct Heard {
    bus: Bus,
    heard: Subscription,
}

impl Heard {
    pub(super) async fn of(bus: &Bus, id: LineId) -> Result<Self, BusError> {
        Ok(Self { bus: bus.clone(), heard: bus.subscribe(&subject(id)).await? })
    }

    /// The next push. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.heard.next().await
    }

    /// Says what has become of one.
    pub(super) async fn answer(&self, push: &Message, taken: Taken) {
        // Whoever brings it is told by the time that it takes.
        let _ = self.bus.answer(push, taken.word().as_bytes().to_vec()).await;
    }
}
