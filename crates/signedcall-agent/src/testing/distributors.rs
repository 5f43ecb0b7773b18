//! Distributors of pushes that take everybody unless told otherwise, and write down what they are asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::wake::{Distributors, NotRegistered, Registration};

#[derive(Debug, Default)]
pub(crate) struct FakeDistributors(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    installed: Vec<String>,
    refusal: Option<NotRegistered>,
    registered: Vec<Registration>,
    unregistered: Vec<Registration>,
    retired: bool,
}

impl FakeDistributors {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn install(&self, name: &str) {
        self.state().installed.push(format!("org.unifiedpush.Distributor.{name}"));
    }

    pub(crate) fn uninstall(&self) {
        self.state().installed.clear();
    }

    /// Every registration from now on is refused, or no longer.
    pub(crate) fn refuse(&self, refusal: Option<NotRegistered>) {
        self.state().refusal = refusal;
    }

    /// Every registration that was asked for, in order.
    pub(crate) fn registered(&self) -> Vec<Registration> {
        self.state().registered.clone()
    }

    pub(crate) fn unregistered(&self) -> Vec<Registration> {
        self.state().unregistered.clone()
    }

    /// Whether the app has given up its name.
    pub(crate) fn retired(&self) -> bool {
        self.state().retired
    }
}

#[async_trait]
impl Distributors for FakeDistributors {
    async fn list(&self) -> Vec<String> {
        self.state().installed.clone()
    }

    async fn register(&self, registration: &Registration, _description: &str) -> Result<(), NotRegistered> {
        let mut state = self.state();
        state.registered.push(registration.clone());
        state.refusal.clone().map_or(Ok(()), Err)
    }

    async fn unregister(&self, registration: &Registration) {
        self.state().unregistered.push(registration.clone());
    }

    async fn retire(&self) {
        self.state().retired = true;
    }
}
