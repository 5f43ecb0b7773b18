//! Which devices are reached by push.

use std::collections::BTreeMap;

use signedcall_wire::{DeviceId, MAX_SOCKETS_PER_CUID, RequestId, SessionId};

use super::KeepPush;
use crate::hub::{Basis, User, Withdrawn};

/// What is known of a device that has said where its pushes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is reached by push, by this right.
    Push(Basis),
    /// Its user has signed out there since: no push for them may ring there (R34).
    LoggedOut,
    /// The right by which it has said so is withdrawn. It is reached again once it is let in by another.
    Withdrawn,
}

/// Which devices are reached by push. Where their pushes go, the store knows.
///
/// The store writes in the order in which it is told: what it has come to counts only if nothing was said since that takes it back.
#[derive(Debug, Default)]
pub(in crate::hub) struct PushDirectory {
    users: BTreeMap<User, BTreeMap<DeviceId, Entry>>,
    made: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Later ones have a higher number.
    number: u64,
    /// `None`: the store has not written anything yet.
    reach: Option<Reach>,
    /// What it is being told, in that order.
    asked: Vec<Asked>,
}

/// What the store is being told of a device.
#[derive(Clone, Debug)]
struct Asked {
    session: SessionId,
    request: RequestId,
    by: Basis,
    /// Whether pushes go somewhere then.
    somewhere: bool,
}

impl Entry {
    /// Whether its device wants to be called by push, as far as it has said.
    fn is_wanted(&self) -> bool {
        let is_known = matches!(self.reach, Some(Reach::Push(_) | Reach::Withdrawn));
        self.asked.last().map_or(is_known, |asked| asked.somewhere)
    }
}

impl PushDirectory {
    pub(super) fn set(&mut self, user: &User, device: DeviceId, reach: Reach) {
        self.made += 1;
        let entry = self.users.entry(user.clone()).or_default().entry(device).or_default();
        entry.number = self.made;
        entry.reach = Some(reach);
    }

    /// A device has said where its pushes go, and the store is told.
    pub(super) fn ask(&mut self, kept: &KeepPush) {
        let KeepPush { session, request, account, environment, cuid, device, target, by } = kept;
        let user = (account.clone(), *environment, cuid.clone());
        let asked = Asked { session: *session, request: *request, by: by.clone(), somewhere: target.is_some() };
        self.users.entry(user).or_default().entry(*device).or_default().asked.push(asked);
    }

    /// The store has done what it was told, or cannot; by what right it was asked. `None` when the device was forgotten since.
    pub(super) fn come_to(&mut self, user: &User, device: DeviceId, session: SessionId, request: RequestId) -> Option<Basis> {
        let entry = self.users.get_mut(user)?.get_mut(&device)?;
        let at = entry.asked.iter().position(|asked| asked.session == session && asked.request == request)?;
        let asked = entry.asked.remove(at);
        self.let_go_of_nothing(user, device);
        Some(asked.by)
    }

    /// Pushes to a device go nowhere, unless it has said another place since.
    pub(super) fn unset(&mut self, user: &User, device: DeviceId) {
        if let Some(entry) = self.users.get_mut(user).and_then(|devices| devices.get_mut(&device)) {
            entry.reach = None;
        }
        self.let_go_of_nothing(user, device);
    }

    /// Forgets a device, with what the store is being told of it. Says whether there was something.
    pub(super) fn remove(&mut self, user: &User, device: DeviceId) -> bool {
        let Some(devices) = self.users.get_mut(user) else { return false };
        let removed = devices.remove(&device).is_some();
        if devices.is_empty() {
            self.users.remove(user);
        }
        removed
    }

    fn let_go_of_nothing(&mut self, user: &User, device: DeviceId) {
        let entry = self.users.get(user).and_then(|devices| devices.get(&device));
        if entry.is_some_and(|entry| entry.reach.is_none() && entry.asked.is_empty()) {
            self.remove(user, device);
        }
    }

    /// The devices of a user that pushes go to.
    pub(super) fn reached(&self, user: &User) -> impl Iterator<Item = DeviceId> {
        self.of(user).filter(|(_, entry)| matches!(entry.reach, Some(Reach::Push(_)))).map(|(device, _)| device)
    }

    /// Those where the user has signed out.
    pub(super) fn logged_out(&self, user: &User) -> impl Iterator<Item = DeviceId> {
        self.of(user).filter(|(_, entry)| entry.reach == Some(Reach::LoggedOut)).map(|(device, _)| device)
    }

    /// Those where the user has not signed out, also while the store is being told of them, and whether each wants to be called by push.
    pub(super) fn not_logged_out(&self, user: &User) -> impl Iterator<Item = (DeviceId, bool)> {
        let entries = self.of(user).filter(|(_, entry)| entry.reach != Some(Reach::LoggedOut));
        entries.map(|(device, entry)| (device, entry.is_wanted()))
    }

    fn of(&self, user: &User) -> impl Iterator<Item = (DeviceId, &Entry)> {
        self.users.get(user).into_iter().flatten().map(|(device, entry)| (*device, entry))
    }

    /// The device of a user that was entered longest ago, where there are more than may be.
    pub(super) fn too_many(&self, user: &User) -> Option<DeviceId> {
        let known: Vec<_> = self.of(user).filter(|(_, entry)| entry.reach.is_some()).collect();
        if known.len() <= MAX_SOCKETS_PER_CUID {
            return None;
        }
        known.into_iter().min_by_key(|(_, entry)| entry.number).map(|(device, _)| device)
    }

    /// A device is here by this right: what it has said before rests on it from now on. Says whether that is another than before.
    pub(super) fn renew(&mut self, user: &User, device: DeviceId, by: &Basis) -> bool {
        let Some(entry) = self.users.get_mut(user).and_then(|devices| devices.get_mut(&device)) else { return false };
        let is_other = match &entry.reach {
            Some(Reach::Push(known)) => known != by,
            Some(Reach::Withdrawn) => true,
            Some(Reach::LoggedOut) | None => false,
        };
        if is_other {
            entry.reach = Some(Reach::Push(by.clone()));
        }
        is_other
    }

    /// Nothing is pushed any more by what is withdrawn.
    pub(super) fn withdraw(&mut self, withdrawn: &Withdrawn) {
        for entry in self.users.values_mut().flat_map(BTreeMap::values_mut) {
            if let Some(Reach::Push(by)) = &entry.reach
                && withdrawn.has(by)
            {
                entry.reach = Some(Reach::Withdrawn);
            }
        }
    }
}
