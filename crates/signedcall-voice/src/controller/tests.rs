use super::*;
use crate::settings::{Copies, PacketDuration};

const HALF: Duration = Duration::from_millis(500);
const ROUND_TRIP: Option<Duration> = Some(Duration::from_millis(60));

/// A line that treats packets alike for some time.
#[derive(Clone, Copy, Default)]
struct Line {
    /// Of 100 packets.
    lost: u32,
    bursts: u32,
    queued_ms: u64,
}

const CLEAN: Line = Line { lost: 0, bursts: 0, queued_ms: 0 };

struct Talk {
    controller: Controller,
    now: Duration,
    changes: u32,
}

impl Talk {
    fn new(config: ControllerConfig) -> Self {
        Self { controller: Controller::new(config), now: Duration::ZERO, changes: 0 }
    }

    /// Reports each half second, on more packets than there are in it so that small shares are whole numbers.
    fn go_on(&mut self, line: Line, seconds: u32) -> SendSettings {
        for _ in 0..seconds * 2 {
            self.now += HALF;
            let queued = Duration::from_millis(line.queued_ms);
            let report = LineReport { expected: 100, lost: line.lost, bursts: line.bursts, queued };
            self.changes += u32::from(self.controller.report(self.now, report, ROUND_TRIP).is_some());
        }
        self.controller.settings()
    }
}

fn on_the_wire(settings: SendSettings) -> u32 {
    choice::bits_on_the_wire(settings, PACKET_HEADERS)
}

fn at_the_end(config: ControllerConfig, line: Line) -> SendSettings {
    Talk::new(config).go_on(line, 20)
}

#[test]
fn a_call_begins_with_what_nearly_every_line_takes_and_takes_no_more_where_nothing_is_lost() {
    let mut talk = Talk::new(ControllerConfig::default());
    let first = talk.controller.settings();
    assert_eq!((first.packet_duration, first.copies), (PacketDuration::TwentyMilliseconds, Copies::NONE));
    assert_eq!(first.bits_per_second, 20_000);
    assert!(first.coarse_copy && first.expected_loss_percent > 0, "the first loss of a call is repaired");
    let second = talk.go_on(CLEAN, 3);
    assert_eq!(
        second,
        SendSettings { bits_per_second: 34_000, expected_loss_percent: 0, ..first },
        "no bits go into copies on a line that loses nothing"
    );
    assert_eq!(talk.go_on(CLEAN, 60), second);
}

#[test]
fn where_something_is_lost_all_bits_are_there_within_four_seconds() {
    let mut talk = Talk::new(ControllerConfig::default());
    talk.go_on(Line { lost: 20, bursts: 7, ..CLEAN }, 5);
    assert!(on_the_wire(talk.controller.settings()) > 80_000, "{:?}", talk.controller.settings());
}

#[test]
fn what_is_chosen_follows_from_the_line() {
    let cap = ControllerConfig::default();
    let without_copies = ControllerConfig { copies: false, ..cap };
    let alone = ControllerConfig { described: false, ..without_copies };
    let equal = ControllerConfig { most_bits_per_second: 52_000, ..cap };
    let row = |name: &str, config, (lost, bursts), (copies, bits, milliseconds, described): (&[u8], u32, u64, bool)| {
        let settings = at_the_end(config, Line { lost, bursts, queued_ms: 0 });
        let chosen = (settings.copies, settings.bits_per_second, settings.packet_duration, settings.described > Duration::ZERO);
        let duration = if milliseconds == 40 { PacketDuration::FortyMilliseconds } else { PacketDuration::TwentyMilliseconds };
        assert_eq!(chosen, (Copies::of(copies), bits, duration, described), "{name}");
    };
    // Who; lost of a hundred, in how many runs; copies, bits a second, milliseconds a packet, whether described.
    row("no loss", cap, (0, 0), (&[], 34_000, 20, false));
    row("single losses", cap, (5, 5), (&[1], 41_000, 20, false));
    row("short runs", cap, (20, 16), (&[1, 2, 3], 16_000, 20, false));
    row("long runs", cap, (20, 7), (&[5, 10], 26_000, 20, false));
    row("half of all", cap, (45, 15), (&[1, 2, 3, 4, 5], 14_000, 40, false));
    row("runs and few bits", equal, (20, 7), (&[2, 4], 13_000, 40, false));
    row("runs and nobody to take copies", without_copies, (20, 7), (&[], 48_000, 20, true));
    row("runs and another Opus", alone, (20, 7), (&[], 48_000, 20, false));
}

#[test]
fn what_was_chosen_in_the_first_seconds_of_losses_stays_until_something_is_much_better() {
    let line = |lost, bursts| Line { lost, bursts, queued_ms: 0 };
    let anew = at_the_end(ControllerConfig::default(), line(10, 10));
    let mut talk = Talk::new(ControllerConfig::default());
    let first = talk.go_on(line(5, 5), 10);
    assert_ne!(anew.copies, first.copies);
    assert_eq!(talk.go_on(line(10, 10), 20).copies, first.copies, "each change of the buffer's depth is heard");
    assert_ne!(talk.go_on(line(20, 7), 20).copies, first.copies);
}

#[test]
fn no_choice_takes_more_than_it_may() {
    for most_bits_per_second in [30_000, 52_000, 80_000, 104_000, 200_000] {
        let config = ControllerConfig { most_bits_per_second, ..ControllerConfig::default() };
        for (lost, bursts) in [(0, 0), (1, 1), (5, 5), (10, 3), (20, 7), (45, 15), (90, 9)] {
            let settings = at_the_end(config, Line { lost, bursts, queued_ms: 0 });
            assert!(on_the_wire(settings) <= most_bits_per_second, "{lost} of 100: {settings:?}");
        }
    }
}

#[test]
fn whatever_each_packet_has_beside_its_payload_counts_and_no_loss_leaves_the_sound_its_bits() {
    for headers in [PACKET_HEADERS, PACKET_HEADERS + 8, 100] {
        let config = ControllerConfig { headers, ..ControllerConfig::default() };
        assert_eq!(at_the_end(config, CLEAN).bits_per_second, 34_000);
        for (lost, bursts) in [(0, 0), (5, 5), (20, 7), (45, 15)] {
            let settings = at_the_end(config, Line { lost, bursts, queued_ms: 0 });
            assert!(
                choice::bits_on_the_wire(settings, headers) <= config.most_bits_per_second,
                "{headers} bytes, {lost} of 100: {settings:?}"
            );
        }
    }
}

#[test]
fn copies_come_with_the_first_reports_of_losses_and_go_when_they_have_ended() {
    let mut talk = Talk::new(ControllerConfig::default());
    talk.go_on(CLEAN, 10);
    assert!(talk.go_on(Line { lost: 20, bursts: 7, ..CLEAN }, 1).copies.count() >= 1);
    assert!(talk.go_on(Line { lost: 20, bursts: 7, ..CLEAN }, 3).copies.count() >= 2);
    assert!(talk.go_on(CLEAN, 5).copies.count() >= 1, "it may go on");
    assert_eq!(talk.go_on(CLEAN, 60).copies, Copies::NONE);
}

#[test]
fn a_line_that_stays_as_it_is_changes_nothing() {
    for (lost, bursts) in [(1, 1), (5, 5), (10, 4), (20, 7), (45, 15)] {
        let mut talk = Talk::new(ControllerConfig::default());
        talk.go_on(Line { lost, bursts, ..CLEAN }, 20);
        let before = talk.changes;
        talk.go_on(Line { lost, bursts, ..CLEAN }, 60);
        assert_eq!(talk.changes, before, "{lost} of 100");
    }
}

#[test]
fn a_queue_that_grows_is_answered_with_fewer_bits_down_to_the_least() {
    let mut talk = Talk::new(ControllerConfig::default());
    let before = on_the_wire(talk.go_on(CLEAN, 5));
    let after = on_the_wire(talk.go_on(Line { queued_ms: 61, ..CLEAN }, 1));
    assert!(after * 10 <= before * 8, "{before} and then {after}");
    let least = on_the_wire(talk.go_on(Line { queued_ms: 400, ..CLEAN }, 30));
    assert!(least <= 27_000, "{least}");
}

#[test]
fn a_queue_that_is_short_enough_changes_nothing() {
    let mut talk = Talk::new(ControllerConfig::default());
    let before = (talk.go_on(CLEAN, 10), talk.changes);
    assert_eq!((talk.go_on(Line { queued_ms: 60, ..CLEAN }, 30), talk.changes), before);
}

#[test]
fn a_line_that_is_free_again_gets_its_bits_back_by_and_by() {
    let mut talk = Talk::new(ControllerConfig::default());
    let full = talk.go_on(CLEAN, 5);
    let lowered = talk.go_on(Line { queued_ms: 200, ..CLEAN }, 4);
    assert!(on_the_wire(lowered) < on_the_wire(full) / 2);
    assert!(on_the_wire(talk.go_on(CLEAN, 10)) < on_the_wire(full));
    assert_eq!(talk.go_on(CLEAN, 600), full);
}

#[test]
fn bits_that_were_added_and_made_losses_worse_are_taken_back() {
    let mut talk = Talk::new(ControllerConfig::default());
    talk.go_on(Line { lost: 10, bursts: 4, ..CLEAN }, 1);
    let before = on_the_wire(talk.controller.settings());
    let added = on_the_wire(talk.go_on(Line { lost: 10, bursts: 4, ..CLEAN }, 3));
    assert!(added > before + before / 10, "{before} and then {added}");
    let after = on_the_wire(talk.go_on(Line { lost: 60, bursts: 20, ..CLEAN }, 2));
    assert!(after < added, "{added} and then {after}");
}

#[test]
fn nothing_reported_changes_nothing() {
    let mut talk = Talk::new(ControllerConfig::default());
    for _ in 0..100 {
        talk.now += HALF;
        assert_eq!(talk.controller.report(talk.now, LineReport::default(), None), None);
    }
}
