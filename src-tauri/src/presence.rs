//! Whether a window is there: it goes as soon as nobody looks at it, and the system takes a moment to let it go.

/// Where a window stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Absent,
    Here,
    /// It has been told to go. Another one of its name cannot be made before it has gone.
    Leaving {
        wanted_again: bool,
    },
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Act {
    Make,
    BringToFront,
    Destroy,
    Nothing,
}

impl Presence {
    /// Somebody wants to see it.
    pub(crate) fn wanted(&mut self) -> Act {
        match self {
            Self::Absent => {
                *self = Self::Here;
                Act::Make
            }
            Self::Here => Act::BringToFront,
            Self::Leaving { wanted_again } => {
                *wanted_again = true;
                Act::Nothing
            }
        }
    }

    /// Nobody wants to see it any more.
    pub(crate) fn unwanted(&mut self) -> Act {
        match self {
            Self::Absent => Act::Nothing,
            Self::Here => {
                *self = Self::Leaving { wanted_again: false };
                Act::Destroy
            }
            Self::Leaving { wanted_again } => {
                *wanted_again = false;
                Act::Nothing
            }
        }
    }

    /// It has gone, or could not be made.
    pub(crate) fn gone(&mut self) -> Act {
        let before = std::mem::take(self);
        match before {
            Self::Absent | Self::Here | Self::Leaving { wanted_again: false } => Act::Nothing,
            Self::Leaving { wanted_again: true } => self.wanted(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAVING: Presence = Presence::Leaving { wanted_again: false };
    const COMING_BACK: Presence = Presence::Leaving { wanted_again: true };

    type Change = fn(&mut Presence) -> Act;

    #[test]
    fn a_window_is_made_once_and_made_again_only_when_it_has_gone() {
        let table: [(Presence, Change, Act, Presence); 12] = [
            (Presence::Absent, Presence::wanted, Act::Make, Presence::Here),
            (Presence::Here, Presence::wanted, Act::BringToFront, Presence::Here),
            (LEAVING, Presence::wanted, Act::Nothing, COMING_BACK),
            (COMING_BACK, Presence::wanted, Act::Nothing, COMING_BACK),
            (Presence::Absent, Presence::unwanted, Act::Nothing, Presence::Absent),
            (Presence::Here, Presence::unwanted, Act::Destroy, LEAVING),
            (LEAVING, Presence::unwanted, Act::Nothing, LEAVING),
            (COMING_BACK, Presence::unwanted, Act::Nothing, LEAVING),
            (Presence::Absent, Presence::gone, Act::Nothing, Presence::Absent),
            // The web view's process has crashed, or the display is gone.
            (Presence::Here, Presence::gone, Act::Nothing, Presence::Absent),
            (LEAVING, Presence::gone, Act::Nothing, Presence::Absent),
            (COMING_BACK, Presence::gone, Act::Make, Presence::Here),
        ];
        for (mut presence, change, act, after) in table {
            let before = presence;
            assert_eq!((change(&mut presence), presence), (act, after), "from {before:?}");
        }
    }
}
