//! Which devices are reached by push.

use std::collections::BTreeMap;

use signedcall_wire::{DeviceId, MAX_SOCKETS_PER_CUID};

use crate::hub::User;

/// What is known of a device that has said where its pushes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is reached by push.
    Push,
    /// Its user has signed out there since: no push for them may ring there (R34).
    LoggedOut,
}

/// Which devices are reached by push. Where their pushes go, the store knows.
#[derive(Debug, Default)]
pub(in crate::hub) struct PushDirectory {
    users: BTreeMap<User, BTreeMap<DeviceId, Entry>>,
    made: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Later ones have a higher number.
    number: u64,
    reach: Reach,
}

impl PushDirectory {
    pub(super) fn set(&mut self, user: &User, device: DeviceId, reach: Reach) {
        self.made += 1;
        self.users.entry(user.clone()).or_default().insert(device, Entry { number: self.made, reach });
    }

    pub(super) fn remove(&mut self, user: &User, device: DeviceId) -> Option<Reach> {
        let devices = self.users.get_mut(user)?;
        let removed = devices.remove(&device);
        if devices.is_empty() {
            self.users.remove(user);
        }
        removed.map(|entry| entry.reach)
    }

    pub(super) fn of<'a>(&'a self, user: &User, reach: Reach) -> impl Iterator<Item = DeviceId> + use<'a> {
        let devices = self.users.get(user).into_iter().flatten();
        devices.filter(move |(_, entry)| entry.reach == reach).map(|(device, _)| *device)
    }

    /// The device of a user that was entered longest ago, where there are more than may be.
    pub(super) fn too_many(&self, user: &User) -> Option<DeviceId> {
        let devices = self.users.get(user).filter(|devices| devices.len() > MAX_SOCKETS_PER_CUID)?;
        devices.iter().min_by_key(|(_, entry)| entry.number).map(|(device, _)| *device)
    }
}
