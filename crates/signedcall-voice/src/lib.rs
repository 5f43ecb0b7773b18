//! How Signed Call sounds: packets and times in, sound out, and back.
//!
//! Nothing here reads a clock, opens a device or a socket, starts a thread or draws a random number: moments come
//! in with packets and frames, so a recorded trace plays back to the same samples every time. Sound is 48 kHz mono in `-1.0..=1.0`, handed over in [`Frame`]s of 10 ms.
//!
//! * [`Processing`] takes echo, noise and uneven loudness out of the microphone's frames.
//! * [`Sender`] makes Opus packets of them.
//! * [`Receiver`] turns the packets that arrive, whenever and in whatever order they do, back into an unbroken row of frames.
//! * [`FateMeter`] makes a [`LineReport`] of what the other side tells of each packet, and [`Controller`] chooses how the voice is sent by it.
//! * [`QualityMeter`] says how well that works, and [`MicrophoneWatch`] what is odd about the microphone.
//!
//! ```
//! use signedcall_voice::{FRAME_DURATION, FRAME_SAMPLES, Packet, Receiver, ReceiverConfig, SILENCE, Sender, SenderConfig};
//!
//! let mut sender = Sender::new(SenderConfig::default())?;
//! let mut receiver = Receiver::new(ReceiverConfig::default())?;
//! let mut sequence = 0;
//! let mut heard = SILENCE;
//! for index in 0..100 {
//!     let now = FRAME_DURATION * index;
//!     if let Some(encoded) = sender.push(&[0.1; FRAME_SAMPLES]) {
//!         receiver.push(Packet {
//!             source: 1,
//!             sequence,
//!             timestamp: encoded.timestamp,
//!             format: encoded.format,
//!             payload: encoded.payload,
//!             arrived: now,
//!         });
//!         sequence += 1;
//!     }
//!     receiver.pull(&mut heard, now);
//! }
//! # Ok::<(), signedcall_voice::CodecError>(())
//! ```

mod codec;
mod controller;
mod echo;
mod fate;
mod frame;
mod high_pass;
mod jitter;
mod noise;
mod processing;
mod quality;
mod receiver;
mod red;
mod report;
mod sender;
mod settings;
mod splice;
mod watch;

pub use codec::CodecError;
pub use controller::{Controller, ControllerConfig, PACKET_HEADERS};
pub use fate::{FateMeter, PacketFate};
pub use frame::{FRAME_DURATION, FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};
pub use processing::{Processing, ProcessingConfig};
pub use quality::{Quality, QualityMeter};
pub use receiver::{Packet, PayloadFormat, Pulled, Receiver, ReceiverConfig, ReceiverStats};
pub use report::LineReport;
pub use sender::{EncodedPacket, Sender, SenderConfig};
pub use settings::{Copies, PacketDuration, SendSettings};
pub use watch::{MicrophoneNote, MicrophoneWatch};
