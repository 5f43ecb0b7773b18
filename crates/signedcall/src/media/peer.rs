use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rand::Rng;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use signedcall_core::Role;
use signedcall_wire::{IceConfig, Redacted, Signal};
use tokio::sync::mpsc;
use tracing::Instrument;
use webrtc::error::Error;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit, RTCIceConnectionState,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription,
};
use webrtc::rtp_transceiver::RtpSender;

use super::feedback::{self, Told};
use super::outlet::Outlet;
use super::path::{Formats, IncomingPacket, OutgoingPacket, PACKETS, VoiceEnd};
use super::remote::{Incomprehensible, Kind, Unusable, understand};
use super::rtp_clock::{RtpClock, Stamp};
use super::settings::{self, Setup};
use super::shown::{candidate_shown, description_shown};
use super::turn::NearRelays;
use super::{MediaNews, Teller};
use crate::timing::{Milestone, Timeline};

/// The most candidates that are sent for one connection: a machine with more addresses is no better reached by them. The service takes 64.
const MAX_LOCAL_CANDIDATES: usize = 24;
/// The most candidates that are kept until the description they belong to comes.
const MAX_EARLY_CANDIDATES: usize = 64;
/// How many signals and states may wait for a connection that is busy: a flood beyond it is dropped.
const INPUTS: usize = 256;

/// What a connection has to deal with, in the order in which it comes.
#[derive(Debug)]
pub(super) enum Input {
    /// From the other side's device.
    Signal(Signal),
    /// The servers by which other paths are to be found.
    UseIce(IceConfig),
    /// Another path is to be looked for.
    Restart,
    /// An address of ours that the other side may try.
    Candidate(RTCIceCandidateInit),
    State(RTCPeerConnectionState),
}

/// Opens a connection. It closes when the returned sender is dropped.
pub(super) fn open(role: Role, setup: Setup, timeline: Timeline, teller: Teller) -> (mpsc::Sender<Input>, VoiceEnd) {
    let (input, inputs) = mpsc::channel(INPUTS);
    let (outgoing, packets) = mpsc::channel(PACKETS);
    let voice = VoiceEnd::new(outgoing);
    let (heard, told) = voice.outlets();
    let handler = Arc::new(Handler { input: input.downgrade(), packets: heard, formats: voice.formats(), timeline });
    let span = tracing::debug_span!("peer", device = %teller.device);
    tokio::spawn(
        async move {
            let failed = match Connection::open(role, setup, handler, packets, told, teller.clone()).await {
                Ok(connection) => connection.run(inputs).await,
                Err(error) => Err(error),
            };
            if let Err(error) = failed {
                tracing::warn!(%error, "a peer connection failed");
                teller.tell(MediaNews::Failed).await;
            }
        }
        .instrument(span),
    );
    (input, voice)
}

struct Connection {
    role: Role,
    setup: Setup,
    relays: NearRelays,
    peer: Arc<dyn PeerConnection>,
    sender: Arc<dyn RtpSender>,
    formats: Arc<Formats>,
    teller: Teller,
    timeline: Timeline,
    /// How often another path has been looked for (RFC 8445, section 9).
    generation: u32,
    /// Candidates that came before the description they belong to.
    early: Vec<RTCIceCandidateInit>,
    described: bool,
    sent_candidates: usize,
    /// Whether packets can leave; what is said before that is lost, as it would be on the way.
    open: Arc<AtomicBool>,
}

impl Connection {
    async fn open(
        role: Role,
        mut setup: Setup,
        handler: Arc<Handler>,
        packets: mpsc::Receiver<OutgoingPacket>,
        told: Outlet<Told>,
        teller: Teller,
    ) -> Result<Self, Error> {
        let (formats, timeline) = (Arc::clone(&handler.formats), handler.timeline.clone());
        let mut relays = NearRelays::default();
        setup.ice = relays.bring(setup.ice).await;
        let (mut engine, codec) = settings::media_engine()?;
        let registry = feedback::configure(&mut engine, told, timeline.began())?;
        let peer: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(setup.configuration())
                .with_media_engine(engine)
                .with_interceptor_registry(registry)
                .with_setting_engine(setup.engine())
                .with_handler(handler)
                .with_udp_addrs(setup.addresses())
                .build()
                .await?,
        );
        let source = rand::rng().random::<u32>();
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(source), ..Default::default() },
            codec,
            ..Default::default()
        };
        let name = |part: &str| format!("voice-{part}");
        let track = MediaStreamTrack::new(name("stream"), name("track"), name("label"), RtpCodecKind::Audio, vec![coding]);
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let sender = peer.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
        let open = Arc::new(AtomicBool::new(false));
        let leaving = Leaving { track, source, formats: Arc::clone(&formats), open: Arc::clone(&open), timeline: timeline.clone() };
        tokio::spawn(leaving.send_all(packets).in_current_span());
        let mut connection = Self {
            role,
            setup,
            relays,
            peer,
            sender,
            formats,
            teller,
            timeline,
            generation: 0,
            early: Vec::new(),
            described: false,
            sent_candidates: 0,
            open,
        };
        match role {
            Role::Offerer => connection.offer(None).await?,
            Role::Answerer => {}
        }
        Ok(connection)
    }

    async fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> Result<(), Error> {
        while let Some(input) = inputs.recv().await {
            match input {
                Input::Signal(signal) => self.apply(signal).await,
                Input::UseIce(ice) => self.use_ice(ice).await,
                Input::Restart => self.restart().await,
                Input::Candidate(candidate) => self.send_candidate(candidate).await,
                Input::State(state) => self.become_state(state).await,
            }
        }
        self.peer.close().await
    }

    async fn offer(&mut self, options: Option<RTCOfferOptions>) -> Result<(), Error> {
        let offer = self.peer.create_offer(options).await?;
        self.peer.set_local_description(offer.clone()).await?;
        self.timeline.mark(Milestone::OfferMade);
        self.sent_candidates = 0;
        let sdp = Redacted::new(description_shown(&offer.sdp, self.setup.ice.relay_only));
        self.teller.tell(MediaNews::Signal(Signal::Offer { sdp, generation: self.generation })).await;
        Ok(())
    }

    async fn use_ice(&mut self, ice: IceConfig) {
        self.setup.ice = self.relays.bring(ice).await;
        if let Err(error) = self.peer.set_configuration(self.setup.configuration()).await {
            tracing::warn!(error = %Kind(&error), "a connection keeps its servers");
            tracing::debug!(%error);
        }
    }

    /// Only the offerer offers, so that two sides that change their networks at the same moment do not do so at once.
    async fn restart(&mut self) {
        match self.role {
            Role::Offerer => {
                self.generation += 1;
                tracing::info!(generation = self.generation, "looking for another path");
                if let Err(error) = self.offer(Some(RTCOfferOptions { ice_restart: true })).await {
                    tracing::warn!(error = %Kind(&error), "no other path can be offered");
                    tracing::debug!(%error);
                }
            }
            Role::Answerer => self.teller.tell(MediaNews::Signal(Signal::Restart)).await,
        }
    }

    /// Takes what the other side has passed. What makes no sense is logged and skipped: if nothing better follows, a deadline ends the call. Only with
    /// somebody whose first description is not understood there is nothing to wait for; in a talk, the path that there is goes on.
    async fn apply(&mut self, signal: Signal) {
        let applied = match (signal, self.role) {
            (Signal::Offer { sdp, generation }, Role::Answerer) => self.answer(sdp, generation).await,
            (Signal::Answer { sdp, generation }, Role::Offerer) if generation == self.generation => self.take_answer(sdp).await,
            (Signal::Restart, Role::Offerer) => {
                self.restart().await;
                Ok(())
            }
            (Signal::Candidate { candidate }, _) => self.add_candidate(candidate.expose()).await.map_err(Unusable::Failed),
            (Signal::Offer { .. }, Role::Offerer)
            | (Signal::Answer { .. }, Role::Offerer | Role::Answerer)
            | (Signal::Restart, Role::Answerer)
            | (Signal::Unknown, _) => {
                tracing::debug!("a signal that does not fit");
                Ok(())
            }
        };
        match applied {
            Ok(()) => {}
            Err(Unusable::Incomprehensible(why)) => {
                tracing::warn!(%why, "a session description of the other side is not understood");
                if !self.described {
                    self.teller.tell(MediaNews::Mismatched).await;
                }
            }
            Err(Unusable::Failed(error)) => {
                tracing::warn!(error = %Kind(&error), "a signal of the other side cannot be used");
                tracing::debug!(%error);
            }
        }
    }

    async fn answer(&mut self, sdp: Redacted<String>, generation: u32) -> Result<(), Unusable> {
        self.timeline.mark(Milestone::OfferReceived);
        self.take_description(understand(sdp, RTCSessionDescription::offer)?).await?;
        let answer = self.peer.create_answer(None).await?;
        self.peer.set_local_description(answer.clone()).await?;
        self.sent_candidates = 0;
        let sdp = Redacted::new(description_shown(&answer.sdp, self.setup.ice.relay_only));
        self.teller.tell(MediaNews::Signal(Signal::Answer { sdp, generation })).await;
        Ok(self.become_described().await?)
    }

    async fn take_answer(&mut self, sdp: Redacted<String>) -> Result<(), Unusable> {
        self.take_description(understand(sdp, RTCSessionDescription::answer)?).await?;
        Ok(self.become_described().await?)
    }

    async fn take_description(&self, description: RTCSessionDescription) -> Result<(), Incomprehensible> {
        self.peer.set_remote_description(description).await.map_err(Incomprehensible::Refused)
    }

    async fn become_described(&mut self) -> Result<(), Error> {
        self.described = true;
        self.formats.agree(&self.sender.get_parameters().await?.rtp_parameters.codecs);
        for candidate in std::mem::take(&mut self.early) {
            self.peer.add_ice_candidate(candidate).await?;
        }
        Ok(())
    }

    async fn add_candidate(&mut self, text: &str) -> Result<(), Error> {
        let candidate: RTCIceCandidateInit =
            serde_json::from_str(text).map_err(|error| Error::Other(format!("no candidate: {:?}", error.classify())))?;
        if self.described {
            return self.peer.add_ice_candidate(candidate).await;
        }
        if self.early.len() < MAX_EARLY_CANDIDATES {
            self.early.push(candidate);
        }
        Ok(())
    }

    async fn send_candidate(&mut self, candidate: RTCIceCandidateInit) {
        let shown = candidate_shown(&candidate.candidate, self.setup.ice.relay_only).filter(|line| !line.is_empty());
        let Some(line) = shown.filter(|_| self.sent_candidates < MAX_LOCAL_CANDIDATES) else { return };
        self.sent_candidates += 1;
        let candidate = RTCIceCandidateInit { candidate: line, ..candidate };
        let candidate = serde_json::to_string(&candidate).expect("texts and numbers serialise");
        self.teller.tell(MediaNews::Signal(Signal::Candidate { candidate: Redacted::new(candidate) })).await;
    }

    async fn become_state(&self, state: RTCPeerConnectionState) {
        tracing::debug!(?state, "a peer connection changes");
        match state {
            RTCPeerConnectionState::Connected => {
                self.timeline.mark(Milestone::DtlsConnected);
                self.open.store(true, Ordering::Relaxed);
                self.teller.tell(MediaNews::Connected).await;
            }
            RTCPeerConnectionState::Disconnected => self.teller.tell(MediaNews::Interrupted).await,
            RTCPeerConnectionState::Failed => self.teller.tell(MediaNews::Failed).await,
            // Steps on the way; the enum may grow.
            RTCPeerConnectionState::Unspecified
            | RTCPeerConnectionState::New
            | RTCPeerConnectionState::Connecting
            | RTCPeerConnectionState::Closed
            | _ => {}
        }
    }
}

/// What sends the packets of a voice.
struct Leaving {
    track: Arc<TrackLocalStaticRTP>,
    source: u32,
    formats: Arc<Formats>,
    open: Arc<AtomicBool>,
    timeline: Timeline,
}

impl Leaving {
    async fn send_all(self, mut packets: mpsc::Receiver<OutgoingPacket>) {
        let (mut sequence, mut clock) = {
            let mut random = rand::rng();
            (random.random::<u16>(), RtpClock::starting_at(random.random()))
        };
        while let Some(OutgoingPacket { timestamp, format, payload }) = packets.recv().await {
            if !self.open.load(Ordering::Relaxed) {
                continue;
            }
            let Stamp { timestamp, marker } = clock.stamp(timestamp, Instant::now());
            let header = rtp::header::Header {
                version: 2,
                marker,
                payload_type: self.formats.payload_type(format),
                sequence_number: sequence,
                timestamp,
                ssrc: self.source,
                ..Default::default()
            };
            sequence = sequence.wrapping_add(1);
            if let Err(error) = self.track.write_rtp(rtp::Packet { header, payload }).await {
                tracing::trace!(%error, "a packet of voice was not sent");
                continue;
            }
            self.timeline.mark(Milestone::FirstRtpSent);
        }
    }
}

/// Takes what the WebRTC library reports and hands it on.
struct Handler {
    /// Weak, since the connection holds the handler and must end when its owner lets go of the strong one.
    input: mpsc::WeakSender<Input>,
    packets: Outlet<IncomingPacket>,
    formats: Arc<Formats>,
    timeline: Timeline,
}

impl Handler {
    async fn hand_on(&self, input: Input) {
        if let Some(sender) = self.input.upgrade() {
            let _ = sender.send(input).await;
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(candidate) => self.hand_on(Input::Candidate(candidate)).await,
            Err(error) => tracing::debug!(%error, "a candidate of ours cannot be written"),
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if state == RTCIceConnectionState::Connected {
            self.timeline.mark(Milestone::IceConnected);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.hand_on(Input::State(state)).await;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (packets, formats, timeline) = (self.packets.clone(), Arc::clone(&self.formats), self.timeline.clone());
        // The library queues packets until they are polled and logs each that it must drop, so they are always taken at once.
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                timeline.mark(Milestone::FirstRtpReceived);
                packets.hand_on(IncomingPacket {
                    source: packet.header.ssrc,
                    sequence: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    format: formats.format(packet.header.payload_type),
                    payload: packet.payload,
                    arrived: Instant::now(),
                });
            }
        });
    }
}
