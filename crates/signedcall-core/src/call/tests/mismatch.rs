//! Two devices that do not understand each other.

use super::*;

#[test]
fn two_devices_without_a_common_protocol_of_media_end_their_call_for_that() {
    use CallEvent as E;
    let declined = "drop 2, ask decline 1 ProtocolMismatch";
    let hung_up_heard = "drop 2, tone Ended, ask hangup 1 ProtocolMismatch";
    check(&[
        (G::Rings, E::MediaMismatched(PEER), 100, "Ending", declined),
        (G::Rings, E::MediaMismatched(OTHER), 100, "Rings", ""),
        (G::Answering, E::MediaMismatched(PEER), 100, "Ending", declined),
        (G::Answering, E::MediaMismatched(OTHER), 100, "Answering", ""),
        (G::Connecting, E::MediaMismatched(PEER), 100, "Ending", hung_up_heard),
        (G::Connecting, E::MediaMismatched(OTHER), 100, "Connecting", ""),
        (G::CallerConnecting, E::MediaMismatched(PEER), 100, "Ending", hung_up_heard),
        (G::CalleeRings, E::MediaMismatched(PEER), 100, "CalleeRings", ""),
        (G::Talking, E::MediaMismatched(PEER), 100, "Talking", ""),
        (G::Over, E::MediaMismatched(PEER), 100, "Over", ""),
        (G::CallerMismatched, E::MediaConnected(OTHER), 100, "CalleeRings", ""),
        (G::CallerMismatched, E::NetworkChanged, 100, "CalleeRings", "restart 2"),
        (
            G::CallerMismatched,
            E::Answered(BY_OTHER_ANEW),
            100,
            "Ending",
            "report 1 Answered, drop 3, tone Ended, ask hangup 1 ProtocolMismatch, drop 2",
        ),
        (
            G::CallerMismatched,
            E::Answered(BY_PEER),
            100,
            "Talking",
            "start voice 2, ask media connected 1, report 1 Answered, report 1 InProgress, drop 3",
        ),
    ]);
}
