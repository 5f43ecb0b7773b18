//! Seeds that have failed once, and what was wrong. They are run each time, before any others.
//!
//! A seed means the same for as long as the world draws the same numbers in the same order; what it has found is in a test of its own as well.

/// The seeds, each once.
pub(crate) const CORPUS: &[u64] = &[
    // A program that died while it held one call and another rang was taken for one that only rings.
    1622,   // Who hangs up while the service is away seems to have lost the network.
    4,      // A call was answered whose caller had left while it was being transferred to it.
    937,    // A device that was told that it missed a call rings again for it once the service was started anew.
    1403,   // Somebody calls a user who has signed out while the service was away.
    1222,   // A device signed out that had lost to another whose answer was being written down, and was told nothing.
    18_325, // What was left of a limited call that was being transferred when the service died.
    1408,
];
