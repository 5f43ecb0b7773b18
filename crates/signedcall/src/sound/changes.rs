//! Asks the sound server about its devices, and hears from the sound server when its devices change: PulseAudio's protocol, which PipeWire speaks too. A sound stream itself follows no change of the
//! system's choice, and goes on silently when its device is gone.

use std::ffi::CString;
use std::io::{self, BufRead as _, BufReader};
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

/// How long after devices have changed it is looked at them again: PipeWire tells one connection of a change before it answers by it on another, and now and then
/// one that was made in that moment never knows of it.
const LOOKED_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// A device has come or gone, or the system has chosen another.
    Devices,
    /// That was so a moment ago: whoever has asked then may ask again.
    Settled,
    /// Something about a speaker: where its sound comes out, for example, when headphones are plugged in.
    Speaker,
}

/// Hears of changes until it is dropped, or until the server has gone.
#[derive(Debug)]
pub(super) struct Changes {
    socket: UnixStream,
    ended: Arc<AtomicBool>,
}

impl Changes {
    /// Begins to hear; `changed` is called on a thread of its own whenever something has.
    pub(super) fn hear(mut changed: impl FnMut(Changed) + Send + 'static) -> io::Result<Self> {
        let (mut reader, version) = connect()?;
        subscribe(&mut reader, version).map_err(io::Error::other)?;
        let socket = reader.get_ref().try_clone()?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        thread::Builder::new().name("signedcall-devices".to_owned()).spawn(move || {
            let mut looks: &[Duration] = &[];
            while let Ok(is_told) = is_told_within(&mut reader, looks.first().copied()) {
                if !is_told {
                    looks = &looks[1..];
                    changed(Changed::Settled);
                    continue;
                }
                let Ok((_, command)) = protocol::read_command_message(&mut reader, version) else { break };
                if let Command::SubscribeEvent(event) = command
                    && let Some(what) = what_of(event)
                {
                    changed(what);
                    if what == Changed::Devices {
                        looks = &LOOKED_AGAIN_AFTER;
                    }
                }
            }
            end.store(true, Ordering::Relaxed);
            // What was open is gone with the server.
            changed(Changed::Devices);
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

/// Waits until the server says something, or for so long.
fn is_told_within(reader: &mut BufReader<UnixStream>, within: Option<Duration>) -> io::Result<bool> {
    reader.get_ref().set_read_timeout(within)?;
    loop {
        match reader.fill_buf() {
            Ok([]) => return Err(io::ErrorKind::UnexpectedEof.into()),
            // What it says is read to its end, however long that takes.
            Ok(_) => return reader.get_ref().set_read_timeout(None).map(|()| true),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Connects to the sound server; gives the version of the protocol that is spoken, too.
pub(super) fn connect() -> io::Result<(BufReader<UnixStream>, u16)> {
    let path = pulseaudio::socket_path_from_env().ok_or(io::ErrorKind::NotFound)?;
    let socket = UnixStream::connect(path)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(socket);
    let version = introduce(&mut reader).map_err(io::Error::other)?;
    Ok((reader, version))
}

fn introduce(reader: &mut BufReader<UnixStream>) -> Result<u16, protocol::ProtocolError> {
    let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
    protocol::write_command_message(reader.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
    let (_, reply) = protocol::read_reply_message::<AuthReply>(reader, MAX_VERSION)?;
    let version = reply.version.min(MAX_VERSION);
    let mut props = Props::new();
    props.set(Prop::ApplicationName, CString::from(c"signedcall"));
    protocol::write_command_message(reader.get_mut(), 1, &Command::SetClientName(props), version)?;
    protocol::read_reply_message::<SetClientNameReply>(reader, version)?;
    Ok(version)
}

/// Asks to be told.
fn subscribe(reader: &mut BufReader<UnixStream>, version: u16) -> Result<(), protocol::ProtocolError> {
    let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
    protocol::write_command_message(reader.get_mut(), 2, &Command::Subscribe(mask), version)?;
    protocol::read_ack_message(reader)?;
    Ok(())
}

/// What an event is about. A microphone whose volume changes, for example, is the same as before; of a speaker, it may be more than that.
fn what_of(event: SubscriptionEvent) -> Option<Changed> {
    match event.event_facility {
        SubscriptionEventFacility::Server => Some(Changed::Devices),
        SubscriptionEventFacility::Sink | SubscriptionEventFacility::Source => match event.event_type {
            SubscriptionEventType::New | SubscriptionEventType::Removed => Some(Changed::Devices),
            SubscriptionEventType::Changed if event.event_facility == SubscriptionEventFacility::Sink => Some(Changed::Speaker),
            SubscriptionEventType::Changed => None,
        },
        SubscriptionEventFacility::SinkInput
        | SubscriptionEventFacility::SourceOutput
        | SubscriptionEventFacility::Module
        | SubscriptionEventFacility::Client
        | SubscriptionEventFacility::SampleCache
        | SubscriptionEventFacility::Autoload
        | SubscriptionEventFacility::Card => None,
    }
}
