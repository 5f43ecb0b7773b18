//! A bus within the process, for tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::{BusError, Message};

/// A bus that lies within the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct BusWithin(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    listeners: Mutex<BTreeMap<String, Vec<UnboundedSender<Message>>>>,
    is_away: AtomicBool,
    to_lose: Mutex<Option<&'static str>>,
    to_fail: Mutex<Option<&'static str>>,
    asked: AtomicU64,
}

/// What is heard on a subject.
#[derive(Debug)]
pub(crate) struct SubscriptionWithin(UnboundedReceiver<Message>);

impl BusWithin {
    /// Takes it away, or brings it back.
    pub(crate) fn set_away(&self, away: bool) {
        self.0.is_away.store(away, Ordering::Relaxed);
    }

    /// Loses the next message with this in it, without a word.
    pub(crate) fn lose_next(&self, text: &'static str) {
        *self.0.to_lose.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Has whoever says the next message with this in it fail by a bug.
    pub(crate) fn fail_next(&self, text: &'static str) {
        *self.0.to_fail.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    pub(super) fn is_there(&self) -> bool {
        !self.0.is_away.load(Ordering::Relaxed)
    }

    /// Says how many have heard it, or that nobody can.
    fn say(&self, subject: &str, message: &Message) -> Result<usize, BusError> {
        if !self.is_there() {
            return Err(BusError::Away);
        }
        let is_meant = |text: &mut &str| String::from_utf8_lossy(&message.payload).contains(*text);
        let fails = self.0.to_fail.lock().unwrap_or_else(PoisonError::into_inner).take_if(is_meant).is_some();
        assert!(!fails, "a bug that a test has asked for");
        if self.0.to_lose.lock().unwrap_or_else(PoisonError::into_inner).take_if(is_meant).is_some() {
            return Ok(0);
        }
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let listening = listeners.entry(subject.to_owned()).or_default();
        listening.retain(|listener| listener.send(message.clone()).is_ok());
        Ok(listening.len())
    }

    pub(super) fn publish(&self, subject: &str, payload: Bytes, reply: Option<String>) -> Result<(), BusError> {
        self.say(subject, &Message { payload, reply }).map(drop)
    }

    pub(super) fn subscribe(&self, subject: &str) -> SubscriptionWithin {
        let (listener, heard) = unbounded_channel();
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner).entry(subject.to_owned()).or_default().push(listener);
        SubscriptionWithin(heard)
    }

    pub(super) async fn request(&self, subject: &str, payload: Bytes, within: Duration) -> Result<Bytes, BusError> {
        let reply = format!("answer.{}", self.0.asked.fetch_add(1, Ordering::Relaxed));
        let mut answers = self.subscribe(&reply);
        if self.say(subject, &Message { payload, reply: Some(reply) })? == 0 {
            return Err(BusError::NobodyListens);
        }
        let answer = timeout(within, answers.next()).await.map_err(|_| BusError::TooSlow)?;
        answer.map(|answer| answer.payload).ok_or(BusError::Away)
    }
}

impl SubscriptionWithin {
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.0.recv().await
    }
}
