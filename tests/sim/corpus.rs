//! Seeds that have failed once, and what was wrong. They are run each time, before any others.
//!
//! A seed means the same for as long as the world draws the same numbers in the same order; what it has found is in a test of its own as well.

/// The seeds, each once.
pub(crate) const CORPUS: &[(u64, &str)] = &[
    (1622, "a program that died while it held one call and another rang was taken for one that only rings"),
    (4, "who hangs up while the service is away seems to have lost the network"),
    (937, "a call was answered whose caller had left while it was being transferred to it"),
    (1403, "a device that was told that it missed a call rings again for it once the service was started anew"),
    (1222, "somebody calls a user who has signed out while the service was away"),
    (18_325, "a device signed out that had lost to another whose answer was being written down, and was told nothing"),
    (1408, "what was left of a limited call that was being transferred when the service died"),
    (2920, "a user hung up while the service was away, which heard first from the other side that its media was gone"),
    (19_191, "an answer of which both sides heard only after the call was over"),
    (12_010, "a user signed out while the service was away, and the other side waited for the whole grace"),
    (1570, "an answer that was told and not yet durable died with the service, and the caller's reason to end the call with it"),
    (1768, "a callee hung up on a call whose answer had died with the service, and seemed to decline it"),
    (2932, "a call whose answer had died with the service ended since nobody had answered it, before anybody could come back"),
];
