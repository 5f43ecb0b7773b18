use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use signedcall_core::GRACE;
use signedcall_wire::IceConfig;
use webrtc::error::Error;
use webrtc::peer_connection::{
    RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy, SettingEngine, SettingEngineBuilder,
};

/// The group that is asked (RFC 6762, section 3).
const MDNS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The payload type of Opus: the one that browsers use, so that traces read as usual.
const OPUS_PAYLOAD_TYPE: u8 = 111;
/// That of copies, likewise.
const RED_PAYLOAD_TYPE: u8 = 63;
/// Redundant audio data (RFC 2198), as SDP names it.
pub(super) const MIME_TYPE_RED: &str = "audio/red";
/// How often each pair of addresses is tried while connecting. ICE's usual 200 ms alone would be most of a call's set-up time.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// How often a pair is tried before it is given up: 20 s at [`CHECK_EVERY`], since the other side may begin later and the core has a
/// deadline of its own.
const CHECKS: u16 = 1_000;
/// Nothing heard for this long is an interruption that the user is told of.
const INTERRUPTED_AFTER: Duration = Duration::from_millis(1_500);
/// An interruption that lasts this long is the end of this connection. It is longer than what the core waits for: a connection that gave up first
/// would end a call that a change of networks has only interrupted.
const FAILED_AFTER: Duration = GRACE.saturating_add(Duration::from_secs(10));
/// How often an idle connection shows that it lives: more than once within [`INTERRUPTED_AFTER`].
const KEEPALIVE_EVERY: Duration = Duration::from_millis(500);

/// Which addresses a peer connection is opened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine only: the service is on it, and so is everybody who can be called through it.
    Loopback,
    /// Every network that this machine is on.
    Networks,
}

/// What a peer connection is made with.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) reach: Reach,
    pub(super) ice: IceConfig,
}

impl Setup {
    /// Addresses to bind. A wildcard stands for every interface but loopback.
    pub(super) fn addresses(&self) -> Vec<String> {
        if self.is_loopback() { vec!["127.0.0.1:0".to_owned()] } else { vec!["0.0.0.0:0".to_owned(), "[::]:0".to_owned()] }
    }

    pub(super) fn engine(&self) -> SettingEngine {
        SettingEngineBuilder::new()
            .with_multicast_dns_mode(multicast_dns())
            .with_ice_connection_attempts(Some(CHECK_EVERY), Some(CHECKS))
            .with_ice_timeouts(Some(INTERRUPTED_AFTER), Some(FAILED_AFTER), Some(KEEPALIVE_EVERY))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_srflx_acceptance_min_wait(Some(Duration::ZERO))
            .with_relay_acceptance_min_wait(Some(Duration::ZERO))
            // A restart is for another network: sockets on the addresses of the old one would only find it again.
            .with_discard_local_candidates_during_ice_restart(true)
            .with_include_loopback_candidate(self.is_loopback())
            .build()
    }

    pub(super) fn configuration(&self) -> RTCConfiguration {
        let servers = self.ice.servers.iter().map(|server| RTCIceServer {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.expose().clone(),
        });
        let policy = if self.ice.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
        RTCConfigurationBuilder::new().with_ice_servers(servers.collect()).with_ice_transport_policy(policy).build()
    }

    fn is_loopback(&self) -> bool {
        match self.reach {
            Reach::Loopback => true,
            Reach::Networks => !has_network(),
        }
    }
}

/// Whether names are asked for that browsers put in the place of their addresses. Where a machine has no way for that, as one with IPv6 alone, the library
/// opens no connection at all when it is to.
fn multicast_dns() -> MulticastDnsMode {
    let joined = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.join_multicast_v4(&MDNS, &Ipv4Addr::UNSPECIFIED));
    if joined.is_ok() { MulticastDnsMode::QueryOnly } else { MulticastDnsMode::Disabled }
}

/// Whether there is a way out of this machine. Connecting a UDP socket sends nothing; it only asks the routing table.
fn has_network() -> bool {
    let documentation = Ipv4Addr::new(198, 51, 100, 1);
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.connect((documentation, 9))).is_ok()
        || UdpSocket::bind("[::]:0").and_then(|socket| socket.connect("[2001:db8::1]:9")).is_ok()
}

/// Opus, and Opus with copies of earlier packets.
pub(super) fn media_engine() -> Result<(MediaEngine, RTCRtpCodec), Error> {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: signedcall_voice::SAMPLE_RATE,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    };
    let red = RTCRtpCodec {
        mime_type: MIME_TYPE_RED.to_owned(),
        sdp_fmtp_line: format!("{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}"),
        ..codec.clone()
    };
    let mut engine = MediaEngine::default();
    let parameters = RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: OPUS_PAYLOAD_TYPE };
    engine.register_codec(parameters, RtpCodecKind::Audio)?;
    engine.register_codec(RTCRtpCodecParameters { rtp_codec: red, payload_type: RED_PAYLOAD_TYPE }, RtpCodecKind::Audio)?;
    Ok((engine, codec))
}
