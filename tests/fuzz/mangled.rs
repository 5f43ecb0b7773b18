//! Text that was a message before something happened to it.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// What is put into messages: borders of number types, other kinds of values, names that mean something, and brackets.
const PIECES: [&str; 22] = [
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "9007199254740993",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"type\":",
    "\"unknown\"",
    "\"do\":\"call\"",
    "\"event\":",
    ",",
    ":",
    "{",
    "}",
    "[[[[[[[[",
    "\u{202e}",
];

/// Does one to four things to a text; leaves it alone now and then.
pub(crate) fn mangled(rng: &mut StdRng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..rng.random_range(0..5) {
        let (from, to) = range(rng, characters.len());
        match rng.random_range(0..6) {
            0 => drop(characters.drain(from..to)),
            1 => {
                let piece = characters[from..to].to_vec();
                let at = rng.random_range(0..=characters.len());
                characters.splice(at..at, piece);
            }
            2 => drop(characters.splice(from..to, PIECES.choose(rng).expect("there are some").chars())),
            3 => characters.truncate(to),
            4 => {
                let deep = rng.random_range(1..300);
                characters.splice(from..from, std::iter::repeat_n('[', deep));
            }
            _ => {
                if let Some(character) = characters.get_mut(from) {
                    *character = rng.random();
                }
            }
        }
    }
    characters.into_iter().collect()
}

/// A piece of a text of this length, a short one more often.
fn range(rng: &mut StdRng, length: usize) -> (usize, usize) {
    let from = rng.random_range(0..=length);
    let most = if rng.random_bool(0.8) { 12 } else { length };
    (from, (from + rng.random_range(0..=most)).min(length))
}
