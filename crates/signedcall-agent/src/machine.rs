//! Which computer this is. A home folder may be on several, and what only one of them can have is kept for each.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Where systems keep what they were told apart by when they were installed: systemd's own file, and what D-Bus made before.
const FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// So that nobody can tell from what is kept here which computer it is: `machine-id(5)` asks for a hash with something of the program's own.
const OURS: &[u8] = b"org.signedcall.desktop ";
/// Enough for the computers that a home folder is on.
const DIGITS: usize = 16;

/// A short name of this computer, of letters and digits. A system that does not say which it is has the same as all others that do not.
pub(crate) fn id() -> String {
    let found = FILES.iter().find_map(|file| fs::read_to_string(Path::new(file)).ok());
    named(found.as_deref().unwrap_or_default())
}

fn named(machine: &str) -> String {
    let hash = Sha256::new().chain_update(OURS).chain_update(machine.trim()).finalize();
    let mut name = hash.iter().fold(String::new(), |mut name, byte| {
        // Writing to a text does not fail.
        let _ = write!(name, "{byte:02x}");
        name
    });
    name.truncate(DIGITS);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computer_has_the_same_name_each_time_and_does_not_give_itself_away() {
        let machine = "0123456789abcdef0123456789abcdef";
        let name = named(&format!("{machine}\n"));
        assert_eq!(name, named(machine));
        assert_ne!(name, named("0123456789abcdef0123456789abcdee"));
        assert!(name.len() == DIGITS && !machine.contains(&name), "{name}");
    }
}
