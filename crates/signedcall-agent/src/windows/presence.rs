//! Whether the program that shows the windows is there: it comes when a window is needed and goes when there has been none for a while.

use crate::border::Instruction;

/// Where that program stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Absent,
    /// It has been started, and has not come yet. Meanwhile it is only noted what it will be told.
    Starting { main: bool, incoming: bool },
    /// It is there, and has been told so many things.
    Here { told: u64 },
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Act {
    Start,
    Tell(Instruction),
    Nothing,
}

impl Presence {
    /// Something is to be seen, or no longer.
    pub(super) fn ask(&mut self, instruction: Instruction) -> Act {
        match (instruction, &mut *self) {
            (Instruction::ShowMain, Self::Absent) => self.start(true, false),
            (Instruction::ShowIncoming, Self::Absent) => self.start(false, true),
            (Instruction::HideIncoming | Instruction::HideAll, Self::Absent) => Act::Nothing,
            (Instruction::ShowMain, Self::Starting { main, .. }) => note(main, true),
            (Instruction::ShowIncoming, Self::Starting { incoming, .. }) => note(incoming, true),
            (Instruction::HideIncoming, Self::Starting { incoming, .. }) => note(incoming, false),
            (Instruction::HideAll, Self::Starting { main, incoming }) => {
                *main = false;
                note(incoming, false)
            }
            (instruction, Self::Here { told }) => {
                *told += 1;
                Act::Tell(instruction)
            }
        }
    }

    /// A program has come that could show the windows. What it is told first; `None` when another one has them.
    pub(super) fn came(&mut self) -> Option<Vec<Instruction>> {
        let (main, incoming) = match *self {
            Self::Absent => (false, false),
            Self::Starting { main, incoming } => (main, incoming),
            Self::Here { .. } => return None,
        };
        let wanted = [(main, Instruction::ShowMain), (incoming, Instruction::ShowIncoming)];
        let first: Vec<Instruction> = wanted.into_iter().filter_map(|(wanted, instruction)| wanted.then_some(instruction)).collect();
        *self = Self::Here { told: first.len() as u64 };
        Some(first)
    }

    /// The program that was started has ended without coming, or could not be started. It is started again when a window is needed the next time.
    /// Whether it had still been waited for.
    pub(super) fn did_not_come(&mut self) -> bool {
        let waited = matches!(self, Self::Starting { .. });
        if waited {
            *self = Self::Absent;
        }
        waited
    }

    /// It says that it shows nothing, and had been told so many things by then. Whether it may go.
    pub(super) fn may_go(&mut self, heard: u64) -> bool {
        // What it was told meanwhile it has yet to carry out.
        let may = *self == Self::Here { told: heard };
        if may {
            *self = Self::Absent;
        }
        may
    }

    /// It has gone of its own accord: it was ended, or has crashed.
    pub(super) fn lost(&mut self) {
        *self = Self::Absent;
    }

    fn start(&mut self, main: bool, incoming: bool) -> Act {
        *self = Self::Starting { main, incoming };
        Act::Start
    }
}

fn note(what: &mut bool, wanted: bool) -> Act {
    *what = wanted;
    Act::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING_YET: Presence = Presence::Starting { main: false, incoming: false };
    const MAIN: Presence = Presence::Starting { main: true, incoming: false };
    const POP_UP: Presence = Presence::Starting { main: false, incoming: true };
    const BOTH: Presence = Presence::Starting { main: true, incoming: true };
    const HERE: Presence = Presence::Here { told: 7 };
    const TOLD: Presence = Presence::Here { told: 8 };

    #[test]
    fn the_program_is_started_once_and_told_everything_else() {
        use Instruction::{HideAll, HideIncoming, ShowIncoming, ShowMain};
        let table = [
            (Presence::Absent, ShowMain, Act::Start, MAIN),
            (Presence::Absent, ShowIncoming, Act::Start, POP_UP),
            (Presence::Absent, HideIncoming, Act::Nothing, Presence::Absent),
            (Presence::Absent, HideAll, Act::Nothing, Presence::Absent),
            (POP_UP, ShowMain, Act::Nothing, BOTH),
            (MAIN, ShowMain, Act::Nothing, MAIN),
            (MAIN, ShowIncoming, Act::Nothing, BOTH),
            (BOTH, HideIncoming, Act::Nothing, MAIN),
            (POP_UP, HideIncoming, Act::Nothing, NOTHING_YET),
            (BOTH, HideAll, Act::Nothing, NOTHING_YET),
            (HERE, ShowMain, Act::Tell(ShowMain), TOLD),
            (HERE, ShowIncoming, Act::Tell(ShowIncoming), TOLD),
            (HERE, HideIncoming, Act::Tell(HideIncoming), TOLD),
            (HERE, HideAll, Act::Tell(HideAll), TOLD),
        ];
        for (mut presence, instruction, act, after) in table {
            let before = presence;
            assert_eq!((presence.ask(instruction), presence), (act, after), "{instruction:?} while {before:?}");
        }
    }

    #[test]
    fn whoever_comes_first_has_the_windows_and_is_told_what_is_still_wanted() {
        use Instruction::{ShowIncoming, ShowMain};
        let table = [
            (Presence::Absent, Some(vec![]), Presence::Here { told: 0 }),
            (NOTHING_YET, Some(vec![]), Presence::Here { told: 0 }),
            (POP_UP, Some(vec![ShowIncoming]), Presence::Here { told: 1 }),
            (BOTH, Some(vec![ShowMain, ShowIncoming]), Presence::Here { told: 2 }),
            (HERE, None, HERE),
        ];
        for (mut presence, first, after) in table {
            let before = presence;
            assert_eq!((presence.came(), presence), (first, after), "{before:?}");
        }
    }

    #[test]
    fn a_program_that_does_not_come_is_not_started_again_by_itself() {
        for (mut presence, waited, after) in
            [(Presence::Absent, false, Presence::Absent), (BOTH, true, Presence::Absent), (HERE, false, HERE)]
        {
            let before = presence;
            assert_eq!((presence.did_not_come(), presence), (waited, after), "{before:?}");
        }
        let mut presence = Presence::Absent;
        assert_eq!(presence.ask(Instruction::ShowMain), Act::Start, "but when a window is needed");
    }

    #[test]
    fn a_program_without_windows_goes_unless_it_has_been_told_something_meanwhile() {
        for (mut presence, heard, goes, after) in
            [(HERE, 7, true, Presence::Absent), (TOLD, 7, false, TOLD), (Presence::Absent, 0, false, Presence::Absent)]
        {
            let before = presence;
            assert_eq!((presence.may_go(heard), presence), (goes, after), "{before:?}, {heard} heard");
        }
        let mut presence = HERE;
        presence.lost();
        assert_eq!(presence.ask(Instruction::ShowIncoming), Act::Start);
    }
}
