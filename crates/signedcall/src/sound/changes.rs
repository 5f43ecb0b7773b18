//! Hears from the sound server when its devices change: PulseAudio's protocol, which PipeWire speaks too. A sound stream itself follows no change of the
//! system's choice, and goes on silently when its device is gone.

use std::ffi::CString;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pulseaudio::protocol::{
    self, AuthParams, AuthReply, Command, MAX_VERSION, Prop, Props, SetClientNameReply, SubscriptionEvent, SubscriptionEventFacility,
    SubscriptionEventType, SubscriptionMask,
};

/// How long the server may take for each answer while this begins.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hears of changes until it is dropped, or until the server has gone.
#[derive(Debug)]
pub(super) struct Changes {
    socket: UnixStream,
    ended: Arc<AtomicBool>,
}

impl Changes {
    /// Begins to hear; `changed` is called on a thread of its own whenever devices have come or gone, or the system has chosen another.
    pub(super) fn hear(mut changed: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let path = pulseaudio::socket_path_from_env().ok_or(io::ErrorKind::NotFound)?;
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(socket.try_clone()?);
        let version = subscribe(&mut reader).map_err(io::Error::other)?;
        socket.set_read_timeout(None)?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        thread::Builder::new().name("signedcall-devices".to_owned()).spawn(move || {
            while let Ok((_, command)) = protocol::read_command_message(&mut reader, version) {
                if let Command::SubscribeEvent(event) = command
                    && matters(event)
                {
                    changed();
                }
            }
            end.store(true, Ordering::Relaxed);
            // What was open is gone with the server.
            changed();
        })?;
        Ok(Self { socket, ended })
    }

    /// Whether the server has gone.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // The thread reads from it, and ends.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Asks to be told; gives the version of the protocol that is spoken.
fn subscribe(reader: &mut BufReader<UnixStream>) -> Result<u16, protocol::ProtocolError> {
    let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
    protocol::write_command_message(reader.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
    let (_, reply) = protocol::read_reply_message::<AuthReply>(reader, MAX_VERSION)?;
    let version = reply.version.min(MAX_VERSION);
    let mut props = Props::new();
    props.set(Prop::ApplicationName, CString::from(c"signedcall"));
    protocol::write_command_message(reader.get_mut(), 1, &Command::SetClientName(props), version)?;
    protocol::read_reply_message::<SetClientNameReply>(reader, version)?;
    let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
    protocol::write_command_message(reader.get_mut(), 2, &Command::Subscribe(mask), version)?;
    protocol::read_ack_message(reader)?;
    Ok(version)
}

/// A device whose volume changes, for example, is the same as before.
fn matters(event: SubscriptionEvent) -> bool {
    match event.event_facility {
        SubscriptionEventFacility::Server => true,
        SubscriptionEventFacility::Sink | SubscriptionEventFacility::Source => match event.event_type {
            SubscriptionEventType::New | SubscriptionEventType::Removed => true,
            SubscriptionEventType::Changed => false,
        },
        SubscriptionEventFacility::SinkInput
        | SubscriptionEventFacility::SourceOutput
        | SubscriptionEventFacility::Module
        | SubscriptionEventFacility::Client
        | SubscriptionEventFacility::SampleCache
        | SubscriptionEventFacility::Autoload
        | SubscriptionEventFacility::Card => false,
    }
}
