//! What Signed Call decides: the call machine and the line, which holds all calls of one device.
//!
//! Pure: [`Line::handle`] takes a moment and an event and returns a [`Step`] — commands to carry out, in order, and when to wake it next. There is
//! no clock, socket, thread, runtime or random source in here; the SDK's driver has those, and a simulation has virtual ones.

#[cfg(test)]
mod brief;
mod call;
mod command;
mod event;
mod line;
mod session;
mod view;

pub use call::GRACE;
pub use command::{Command, Greeting, PushOutcome, Role, StatusReport, Tone};
pub use event::{AnswerHow, Dial, Event, Push};
pub use line::{Line, Step};
pub use view::{CallState, CallView, Holding, Phase};
