//! Takes calls on the console, with this computer's microphone and speaker: says who calls, for whom and why, and does what is typed.
//!
//! ```sh
//! SIGNEDCALL_API_KEY=… cargo run --example callee -- customer_25
//! ```
//!
//! The example `caller` says where the key comes from, and what else the environment may say.

mod console;

use std::error::Error;

use signedcall::{CallId, CallStatus, Direction, SignedCall};

use console::{options, say, typed};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let me = std::env::args().nth(1).ok_or("usage: callee <my user id>")?;
    let line = SignedCall::init(options(&me)?).await?;
    let mut events = line.events();
    let mut typed = typed();
    let mut current: Option<CallId> = None;
    say(format!("{me} can be called; type q to sign out"))?;
    loop {
        tokio::select! {
            event = events.next() => {
                // The line is closed: the service has signed this user out.
                let Some(event) = event else { break };
                match event.status {
                    CallStatus::Ringing if event.direction == Direction::Incoming => {
                        current = Some(event.call_id);
                        let company = line.view().borrow().branding.as_ref().map(|branding| branding.name.clone()).unwrap_or_default();
                        let caller = event.caller_name.unwrap_or_else(|| event.caller.as_str().to_owned());
                        say(format!("{company} · {caller}: {}\ntype a to answer, d to decline", event.context.as_str()))?;
                    }
                    CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered => {}
                    CallStatus::InProgress => say("you are talking; type m to mute, u to unmute, h to hold, r to resume, e to end the call")?,
                    CallStatus::Ended(reason) => say(reason.name())?,
                }
            }
            word = typed.recv() => match (word.as_deref(), current) {
                (None | Some("q"), _) => break,
                // Each does nothing where it does not fit: nobody has to follow the call's state.
                (Some("a"), Some(call)) => line.answer(call).await?,
                (Some("d"), Some(call)) => line.decline(call).await?,
                (Some("m"), Some(call)) => line.mute(call, true).await?,
                (Some("u"), Some(call)) => line.mute(call, false).await?,
                (Some("h"), Some(call)) => line.hold(call, true).await?,
                (Some("r"), Some(call)) => line.hold(call, false).await?,
                (Some("e"), Some(call)) => line.hangup(call).await?,
                (Some(_), _) => say("q, or a, d, m, u, h, r or e once somebody has called")?,
            },
        }
    }
    line.logout().await;
    Ok(())
}
