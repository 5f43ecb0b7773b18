//! Registrations, as they are kept from one session to the next.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signedcall::Redacted;

use crate::stored;

/// Somebody who takes pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registered {
    /// The app's name on the session bus.
    pub(super) service: String,
    pub(super) token: Redacted<String>,
    /// The service that calls come by.
    pub(super) url: String,
    /// What its line is held by.
    pub(super) secret: Redacted<String>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    all: Vec<Registered>,
}

impl Kept {
    /// Reads them. What cannot be read is set aside: every app registers again when it starts.
    pub(super) fn read(file: PathBuf) -> Self {
        let all = stored::read(&file).unwrap_or_else(|error| {
            tracing::warn!(%error, "registrations cannot be read");
            None
        });
        Self { file, all: all.unwrap_or_default() }
    }

    pub(super) fn all(&self) -> &[Registered] {
        &self.all
    }

    pub(super) fn find(&self, token: &Redacted<String>) -> Option<&Registered> {
        self.all.iter().find(|registered| registered.token == *token)
    }

    /// Keeps one, in the place of an earlier one of the same token.
    pub(super) fn put(&mut self, registered: Registered) -> io::Result<()> {
        let others = self.all.iter().filter(|earlier| earlier.token != registered.token);
        self.write(others.cloned().chain([registered.clone()]).collect())
    }

    pub(super) fn remove(&mut self, token: &Redacted<String>) -> io::Result<()> {
        self.write(self.all.iter().filter(|registered| registered.token != *token).cloned().collect())
    }

    /// What is not written does not count: it would be forgotten by the next session.
    fn write(&mut self, all: Vec<Registered>) -> io::Result<()> {
        stored::write(&self.file, &all)?;
        self.all = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, mode_of};

    #[test]
    fn registrations_outlive_the_session_and_are_for_this_user_alone() {
        let folder = Folder::new();
        let file = folder.path().join("signedcall/distributor.json");
        let secret = |text: &str| Redacted::new(text.to_owned());
        let registered = |token: &str, url: &str| Registered {
            service: "org.signedcall.desktop.profile_alice".to_owned(),
            token: secret(token),
            url: url.to_owned(),
            secret: secret("s"),
        };
        let mut kept = Kept::read(file.clone());
        kept.put(registered("a", "wss://one.example")).expect("a new folder");
        kept.put(registered("b", "wss://one.example")).expect("the folder");
        kept.put(registered("a", "wss://two.example")).expect("the folder");
        kept.remove(&secret("b")).expect("the folder");
        assert_eq!(Kept::read(file.clone()).all(), [registered("a", "wss://two.example")]);
        assert_eq!(mode_of(&file), 0o600);
        std::fs::write(&file, "torn").expect("the folder");
        assert!(Kept::read(file).all().is_empty());
    }
}
