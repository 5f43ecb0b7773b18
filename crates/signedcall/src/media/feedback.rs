//! What the other side tells of what is sent to it: whether each packet came, and when (transport-wide congestion control,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01, which browsers speak too), and how long it takes to there and back (RFC 3550).
//!
//! The library's own history of what was sent takes packets for lost whose report was lost. On a line that loses much both ways that would be most of
//! them, so what was reported is kept apart here from what was not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::interceptor::{
    Interceptor, Packet, Registry, Slot, StreamInfo, TaggedPacket, TwccReceiverBuilder, TwccSenderBuilder, convert_twcc,
};
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::rtcp;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpHeaderExtensionCapability, RtpCodecKind};
use rtc::sansio::Protocol;
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::marshal::Unmarshal as _;
use signedcall_voice::PacketFate;
use webrtc::error::Error;

use super::outlet::Outlet;

/// How often what came is reported to the other side: a burst of losses is answered within half a second, for 3 kbit/s.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// How many packets later a packet that has not come is lost, and was not merely overtaken.
const GIVEN_UP_AFTER: usize = 5;

/// How many packets are remembered: five seconds of 10 ms each, after which no report on them is of use.
const REMEMBERED: usize = 500;

/// How many reports of ours are remembered, one being made each second: a way there and back takes less.
const REMEMBERED_REPORTS: usize = 8;

/// What the other side tells of what was sent to it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What became of packets, in the order in which they were sent.
    pub(crate) fates: Vec<PacketFate>,
    /// How long it takes to there and back.
    pub(crate) round_trip: Option<Duration>,
}

/// Asks the other side to report on each packet, and hands on to `told` what it says; reports on what comes from it likewise. Codecs are registered
/// before.
pub(super) fn configure(engine: &mut MediaEngine, told: Outlet<Told>, began: Instant) -> Result<Registry, Error> {
    let feedback = RTCPFeedback { typ: "transport-cc".to_owned(), parameter: String::new() };
    engine.register_feedback(feedback, RtpCodecKind::Audio);
    let numbers = RTCRtpHeaderExtensionCapability { uri: TRANSPORT_CC_URI.to_owned() };
    engine.register_header_extension(numbers, RtpCodecKind::Audio, None)?;
    let registry = Registry::new()
        .with(Slot::CongestionControl, Listener::new(told, began))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(REPORT_EVERY).build());
    Ok(configure_rtcp_reports(registry))
}

/// Remembers what leaves and hears what is said of it. It sits nearest to the wire, where packets have their numbers, and changes nothing.
struct Listener {
    told: Outlet<Told>,
    began: Instant,
    /// The voice that is sent: its source, and under which id its packets carry their numbers.
    voice: Option<(u32, u8)>,
    /// Packets that were sent, the oldest first.
    sent: VecDeque<Sent>,
    /// The newest number of which it was said that it came.
    newest: Option<u16>,
    /// Reports of ours: how the other side names them, and when they left.
    reports: VecDeque<(u32, Instant)>,
    incoming: VecDeque<TaggedPacket>,
    outgoing: VecDeque<TaggedPacket>,
}

/// A packet that was sent, and what was said of it.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u16,
    at: Instant,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Lost,
    Came(Option<Duration>),
}

impl Listener {
    fn new(told: Outlet<Told>, began: Instant) -> Self {
        Self {
            told,
            began,
            voice: None,
            sent: VecDeque::with_capacity(REMEMBERED),
            newest: None,
            reports: VecDeque::with_capacity(REMEMBERED_REPORTS),
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    fn note_sent(&mut self, packet: &rtc::rtp::Packet, at: Instant) {
        let Some((source, id)) = self.voice else { return };
        if packet.header.ssrc != source {
            return;
        }
        let Some(mut extension) = packet.header.get_extension(id) else { return };
        let Ok(extension) = rtc::rtp::extension::transport_cc_extension::TransportCcExtension::unmarshal(&mut extension) else { return };
        if self.sent.len() == REMEMBERED && self.sent.front().map(|first| first.number) == self.newest {
            // Its number is given to another packet by and by.
            self.newest = None;
        }
        remember(&mut self.sent, REMEMBERED, Sent { number: extension.transport_sequence, at, said: Said::Nothing });
    }

    fn note_report(&mut self, packet: &dyn rtcp::Packet, at: Instant) {
        if let Some(report) = packet.as_any().downcast_ref::<SenderReport>() {
            // The middle of its 64 bits is what the other side repeats.
            remember(&mut self.reports, REMEMBERED_REPORTS, ((report.ntp_time >> 16) as u32, at));
        }
    }

    fn hear(&mut self, packets: &[Box<dyn rtcp::Packet>], at: Instant) {
        let mut told = Told::default();
        for packet in packets {
            let packet = packet.as_any();
            if let Some(said) = packet.downcast_ref::<TransportLayerCc>() {
                self.learn(said);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                told.round_trip = self.round_trip(&report.reports, at).or(told.round_trip);
            } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
                told.round_trip = self.round_trip(&report.reports, at).or(told.round_trip);
            }
        }
        told.fates = self.judged();
        if told.round_trip.is_some() || !told.fates.is_empty() {
            self.told.hand_on(told);
        }
    }

    fn learn(&mut self, said: &TransportLayerCc) {
        // The last of them may be padding.
        for said in convert_twcc(said).into_iter().take(usize::from(said.packet_status_count)) {
            let Some(at) = self.remembered(said.sequence_number) else { continue };
            // One that is not remembered any more is older than all that are, whatever its number.
            let is_newest = self.newest.and_then(|newest| self.remembered(newest)).is_none_or(|newest| at > newest);
            let sent = &mut self.sent[at];
            if said.arrived {
                sent.said = Said::Came(said.arrival);
                if is_newest {
                    self.newest = Some(said.sequence_number);
                }
            } else if sent.said == Said::Nothing {
                sent.said = Said::Lost;
            }
        }
    }

    /// Where a packet is among those that are remembered.
    fn remembered(&self, number: u16) -> Option<usize> {
        let at = usize::from(number.wrapping_sub(self.sent.front()?.number));
        self.sent.get(at).filter(|sent| sent.number == number).map(|_| at)
    }

    /// What is known for good of the oldest packets. What was never reported on stays unknown.
    fn judged(&mut self) -> Vec<PacketFate> {
        let Some(newest) = self.newest.and_then(|newest| self.remembered(newest)) else { return Vec::new() };
        let mut fates = Vec::new();
        for sent in self.sent.drain(..(newest + 1).saturating_sub(GIVEN_UP_AFTER)) {
            let (came, arrived) = match sent.said {
                Said::Nothing => continue,
                Said::Lost => (false, None),
                Said::Came(arrived) => (true, arrived),
            };
            fates.push(PacketFate { sent: sent.at.saturating_duration_since(self.began), came, arrived });
        }
        fates
    }

    fn round_trip(&self, reports: &[ReceptionReport], at: Instant) -> Option<Duration> {
        let (source, _) = self.voice?;
        let report = reports.iter().find(|report| report.ssrc == source)?;
        let (_, left) = self.reports.iter().rev().find(|(name, _)| *name == report.last_sender_report)?;
        let kept = Duration::from_secs_f64(f64::from(report.delay) / 65_536.0);
        at.saturating_duration_since(*left).checked_sub(kept)
    }
}

fn remember<T>(memory: &mut VecDeque<T>, most: usize, new: T) {
    if memory.len() == most {
        memory.pop_front();
    }
    memory.push_back(new);
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Listener {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            self.hear(packets, packet.now);
        }
        self.incoming.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.incoming.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        match &packet.message.packet {
            Packet::Rtp(voice) => self.note_sent(voice, packet.now),
            Packet::Rtcp(packets) => packets.iter().for_each(|report| self.note_report(report.as_ref(), packet.now)),
            // The enum may grow.
            _ => {}
        }
        self.outgoing.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outgoing.pop_front()
    }
}

impl Interceptor for Listener {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let numbers = info.rtp_header_extensions.iter().find(|extension| extension.uri == TRANSPORT_CC_URI);
        // Without numbers there are no reports on packets, and nothing to remember.
        self.voice = Some((info.ssrc, numbers.and_then(|numbers| u8::try_from(numbers.id).ok()).unwrap_or_default()));
    }

    fn unbind_local_stream(&mut self, _: &StreamInfo) {
        self.voice = None;
    }

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests;
