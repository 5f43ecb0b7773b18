use std::time::Duration;

use super::*;
use crate::receiver::PayloadFormat;

/// The smallest packet of 20 ms: a SILK frame of no bytes.
const PAYLOAD: &[u8] = &[0b0000_1000];

fn packet(sequence: u16) -> Packet<'static> {
    Packet {
        source: 7,
        sequence,
        timestamp: u32::from(sequence).wrapping_mul(960),
        format: PayloadFormat::Opus,
        payload: PAYLOAD,
        arrived: Duration::ZERO,
    }
}

fn queue(sequences: impl IntoIterator<Item = u16>) -> PacketQueue {
    let mut queue = PacketQueue::new();
    for sequence in sequences {
        queue.insert(packet(sequence));
    }
    queue
}

fn timestamps(mut queue: PacketQueue) -> Vec<Samples> {
    std::iter::from_fn(|| queue.take()).map(|held| held.timestamp).collect()
}

#[test]
fn packets_come_out_in_order_whatever_order_they_came_in() {
    assert_eq!(timestamps(queue([3, 1, 4, 2])), [960, 1_920, 2_880, 3_840]);
}

#[test]
fn the_second_copy_of_a_packet_is_dropped() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(packet(2)), Inserted::Duplicate);
    assert_eq!(timestamps(queue), [960, 1_920]);
}

#[test]
fn a_packet_before_the_last_played_is_late() {
    let mut queue = queue([1, 3]);
    queue.take();
    assert_eq!(queue.missing_before_first(), 1);
    queue.take();
    assert_eq!(queue.insert(packet(2)), Inserted::Late(1_920));
}

#[test]
fn numbers_and_timestamps_may_wrap() {
    let mut queue = PacketQueue::new();
    let mut timestamp = u32::MAX - 1_000;
    for sequence in (65_533..=u16::MAX).chain(0..3) {
        queue.insert(Packet { timestamp, ..packet(sequence) });
        timestamp = timestamp.wrapping_add(960);
    }
    let timestamps = timestamps(queue);
    assert_eq!(timestamps.len(), 6);
    assert!(timestamps.windows(2).all(|pair| pair[1] - pair[0] == 960));
}

#[test]
fn another_source_starts_a_new_stream() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(Packet { source: 8, ..packet(500) }), Inserted::Started(480_000));
    assert_eq!(timestamps(queue), [480_000]);
}

#[test]
fn one_stray_number_changes_nothing_and_two_in_a_row_start_a_new_stream() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(packet(20_000)), Inserted::Rejected);
    assert_eq!(queue.insert(packet(3)), Inserted::Kept(2_880));
    assert_eq!(queue.insert(packet(30_000)), Inserted::Rejected);
    assert_eq!(queue.insert(packet(30_001)), Inserted::Started(30_001 * 960));
}

#[test]
fn a_clock_that_jumps_between_two_packets_starts_a_new_stream() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(Packet { timestamp: 3_000_000_000, ..packet(3) }), Inserted::Started(3_000_000_000));
}

#[test]
fn time_that_runs_backwards_is_rejected() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(Packet { timestamp: 960, ..packet(3) }), Inserted::Rejected);
}

fn copy(back: u32) -> Earlier<'static> {
    Earlier { back: back * 960, payload: PAYLOAD }
}

#[test]
fn a_copy_takes_the_place_of_what_is_missing() {
    let mut queue = queue([1, 2]);
    assert_eq!(queue.insert(packet(5)), Inserted::Kept(4_800));
    assert_eq!(queue.insert_copy(packet(5), copy(2), 0), Inserted::Kept(2_880));
    assert_eq!(queue.insert_copy(packet(5), copy(3), 0), Inserted::Duplicate);
    assert_eq!(queue.insert(packet(4)), Inserted::Kept(3_840));
    assert_eq!(queue.insert_copy(packet(4), copy(1), 0), Inserted::Duplicate, "a copy of it has come");
    assert_eq!(timestamps(queue), [960, 1_920, 2_880, 3_840, 4_800]);
}

#[test]
fn a_copy_of_what_was_played_is_no_news_and_one_of_what_was_missed_is_late() {
    let mut queue = queue([1, 3, 4]);
    while queue.take().is_some() {}
    queue.insert(packet(5));
    assert_eq!(queue.insert_copy(packet(5), copy(2), 0), Inserted::Duplicate);
    assert_eq!(queue.insert_copy(packet(5), copy(3), 0), Inserted::Late(1_920));
    assert_eq!(queue.insert_copy(packet(5), copy(400), 0), Inserted::Duplicate, "nobody knows any more");
}

#[test]
fn a_copy_that_fits_nowhere_is_rejected() {
    let mut queue = queue([1, 5]);
    assert_eq!(queue.insert_copy(packet(5), Earlier { back: 1_000, payload: PAYLOAD }, 0), Inserted::Rejected);
    assert_eq!(queue.insert_copy(packet(5), Earlier { back: 960, payload: &[] }, 0), Inserted::Rejected);
    assert_eq!(queue.insert_copy(Packet { source: 8, ..packet(5) }, copy(1), 0), Inserted::Rejected);
    // Its number lies between two that wait, and its time does not.
    let misplaced = Packet { timestamp: 960, ..packet(5) };
    assert_eq!(queue.insert_copy(misplaced, copy(2), 0), Inserted::Rejected);
}

#[test]
fn a_packet_that_its_own_copy_has_overtaken_takes_its_place_once() {
    let mut queue = queue([0, 2]);
    queue.take();
    assert_eq!(queue.insert_copy(packet(2), copy(1), 960), Inserted::Kept(960));
    assert_eq!(queue.insert(packet(1)), Inserted::Kept(960));
    assert_eq!(queue.first().map(|held| held.copied_until), Some(None), "it waits for no copy");
    assert_eq!(queue.insert(packet(1)), Inserted::Duplicate);
    assert_eq!(queue.insert_copy(packet(2), copy(1), 960), Inserted::Duplicate);
}

#[test]
fn a_packet_that_comes_when_its_copy_has_been_played_is_late_once() {
    let mut queue = queue([0, 2]);
    assert_eq!(queue.insert_copy(packet(2), copy(1), 960), Inserted::Kept(960));
    (0..3).for_each(|_| drop(queue.take()));
    assert_eq!(queue.insert(packet(1)), Inserted::Late(960));
    assert_eq!(queue.insert(packet(1)), Inserted::Duplicate);
    assert_eq!(queue.insert(packet(2)), Inserted::Duplicate, "it was there by itself");
}

#[test]
fn a_flood_keeps_the_newest() {
    let queue = queue(0..2_000);
    assert_eq!(queue.held.len(), MOST_PACKETS);
    assert_eq!(queue.end(), Some(2_000 * 960));
}
