use rtc::interceptor::{AttributedPacket, RTPHeaderExtension};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc};
use rtc::rtp::extension::transport_cc_extension::TransportCcExtension;
use rtc::shared::TransportContext;
use rtc::shared::marshal::Marshal as _;

use super::*;

const SOURCE: u32 = 7;
const ID: u8 = 3;

/// A listener that has sent packets, one each 20 ms, the first with this number.
struct Rehearsal {
    listener: Listener,
    began: Instant,
    told: std::sync::mpsc::Receiver<Told>,
}

impl Rehearsal {
    fn with_packets(first: u16, count: u16) -> Self {
        let outlet = Outlet::default();
        let told = outlet.listen(16);
        let began = Instant::now();
        let mut listener = Listener::new(outlet, began);
        let rtp_header_extensions = vec![RTPHeaderExtension { uri: TRANSPORT_CC_URI.to_owned(), id: ID.into() }];
        listener.bind_local_stream(&StreamInfo { ssrc: SOURCE, rtp_header_extensions, ..StreamInfo::default() });
        let mut rehearsal = Self { listener, began, told };
        for index in 0..count {
            rehearsal.say(first.wrapping_add(index), 20 * u64::from(index));
        }
        rehearsal
    }

    /// Sends a packet of voice.
    fn say(&mut self, number: u16, at: u64) {
        let mut packet = rtc::rtp::Packet::default();
        packet.header.ssrc = SOURCE;
        let number = TransportCcExtension { transport_sequence: number };
        packet.header.set_extension(ID, number.marshal().expect("two bytes").freeze()).expect("an id");
        self.send(Packet::Rtp(packet), at);
    }

    fn tagged(&self, packet: Packet, at: u64) -> TaggedPacket {
        let now = self.began + Duration::from_millis(at);
        TaggedPacket { now, transport: TransportContext::default(), message: AttributedPacket::new(packet) }
    }

    fn send(&mut self, packet: Packet, at: u64) {
        self.listener.handle_write(self.tagged(packet, at)).expect("everything passes");
        assert!(self.listener.poll_write().is_some(), "everything passes");
    }

    fn hear(&mut self, packet: impl rtcp::Packet + 'static, at: u64) {
        self.listener.handle_read(self.tagged(Packet::Rtcp(vec![Box::new(packet)]), at)).expect("everything passes");
        assert!(self.listener.poll_read().is_some(), "everything passes");
    }

    /// The fates that were told so far, as letters: `+` came, `-` lost.
    fn fates(&self) -> String {
        self.told.try_iter().flat_map(|told| told.fates).map(|fate| if fate.came { '+' } else { '-' }).collect()
    }
}

/// A report on packets from this number on: `+` came, each 20 ms after the one before, `-` lost.
fn report(first: u16, fates: &str) -> TransportLayerCc {
    let symbol = |fate| if fate == '+' { SymbolTypeTcc::PacketReceivedSmallDelta } else { SymbolTypeTcc::PacketNotReceived };
    let chunk = |fate| {
        PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            type_tcc: StatusChunkTypeTcc::RunLengthChunk,
            packet_status_symbol: symbol(fate),
            run_length: 1,
        })
    };
    let delta = RecvDelta { type_tcc_packet: SymbolTypeTcc::PacketReceivedSmallDelta, delta: 20_000 };
    TransportLayerCc {
        base_sequence_number: first,
        packet_status_count: fates.len() as u16,
        reference_time: 1_000,
        packet_chunks: fates.chars().map(chunk).collect(),
        recv_deltas: fates.chars().filter(|fate| *fate == '+').map(|_| delta.clone()).collect(),
        ..TransportLayerCc::default()
    }
}

#[test]
fn what_became_of_packets_is_told_once_and_in_order_across_the_wrap() {
    let mut rehearsal = Rehearsal::with_packets(65_530, 20);
    rehearsal.hear(report(65_530, "+-+--+++++"), 300);
    assert_eq!(rehearsal.fates(), "+-+--", "the last five may still be overtaken");
    rehearsal.hear(report(4, "++++++++++"), 500);
    assert_eq!(rehearsal.fates(), "++++++++++");
}

#[test]
fn reports_count_again_however_many_packets_were_sent_without_any() {
    for without in [400_u32, 600, 32_000, 33_000, 40_000, 65_536, 70_000] {
        let mut rehearsal = Rehearsal::with_packets(0, 20);
        rehearsal.hear(report(0, "++++++++++"), 300);
        assert_eq!(rehearsal.fates(), "+++++");
        (20..20 + without).for_each(|number| rehearsal.say(number as u16, 20 * u64::from(number)));
        let last = 20 + without - 1;
        let at = 20 * u64::from(last) + 100;
        rehearsal.hear(report((last - 9) as u16, "++++-+++++"), at);
        assert_eq!(rehearsal.fates().chars().filter(|fate| *fate == '-').count(), 1, "after {without}");
    }
}

#[test]
fn moments_are_those_of_each_side() {
    let mut rehearsal = Rehearsal::with_packets(0, 10);
    rehearsal.hear(report(0, "+-++++++++"), 300);
    let fates: Vec<PacketFate> = rehearsal.told.try_iter().flat_map(|told| told.fates).collect();
    let at = Duration::from_millis;
    let first_came = at(64 * 1_000);
    assert_eq!(fates[0], PacketFate { sent: at(0), came: true, arrived: Some(first_came + at(20)) });
    assert_eq!(fates[1], PacketFate { sent: at(20), came: false, arrived: None });
    assert_eq!(fates[2], PacketFate { sent: at(40), came: true, arrived: Some(first_came + at(40)) });
}

#[test]
fn a_packet_that_was_overtaken_is_not_lost() {
    let mut rehearsal = Rehearsal::with_packets(0, 20);
    rehearsal.hear(report(0, "+++++++-++"), 300);
    rehearsal.hear(report(7, "+++++++++"), 500);
    assert_eq!(rehearsal.fates(), "+++++++++++");
}

#[test]
fn packets_whose_report_was_lost_are_not_taken_for_lost() {
    let mut rehearsal = Rehearsal::with_packets(0, 40);
    rehearsal.hear(report(0, "++++++++++"), 300);
    rehearsal.hear(report(20, "+-++++++++"), 700);
    assert_eq!(rehearsal.fates(), "+++++++++++-+++");
}

#[test]
fn a_report_on_what_was_never_sent_says_nothing() {
    let mut rehearsal = Rehearsal::with_packets(100, 10);
    rehearsal.hear(report(0, "++++++++++"), 300);
    rehearsal.hear(report(40_000, "++++++++++"), 300);
    assert_eq!(rehearsal.fates(), "");
    rehearsal.hear(report(100, "++++++++++"), 300);
    assert_eq!(rehearsal.fates(), "+++++");
}

#[test]
fn the_way_there_and_back_is_that_of_a_report_without_the_time_that_it_lay_there() {
    let mut rehearsal = Rehearsal::with_packets(0, 1);
    rehearsal.send(
        Packet::Rtcp(vec![Box::new(SenderReport { ssrc: SOURCE, ntp_time: 0x1122_3344_5566_7788, ..SenderReport::default() })]),
        1_000,
    );
    let about = |ssrc, last_sender_report| {
        let reports = vec![ReceptionReport { ssrc, last_sender_report, delay: 65_536 / 4, ..ReceptionReport::default() }];
        ReceiverReport { reports, ..ReceiverReport::default() }
    };
    rehearsal.hear(about(SOURCE + 1, 0x3344_5566), 1_330);
    rehearsal.hear(about(SOURCE, 0), 1_330);
    assert!(rehearsal.told.try_iter().next().is_none(), "it is about something else");
    rehearsal.hear(about(SOURCE, 0x3344_5566), 1_330);
    let told = rehearsal.told.try_iter().next().and_then(|told| told.round_trip);
    assert_eq!(told, Some(Duration::from_millis(80)));
}
