//! Calls somebody from the console, with this computer's microphone and speaker.
//!
//! ```sh
//! signedcall-server --demo                  # prints where it listens; the key is in its data folder's demo.key
//! export SIGNEDCALL_API_KEY=…
//! cargo run --example callee -- customer_25 # in another terminal
//! cargo run --example caller -- courier_8842 customer_25 Your parcel is here
//! ```
//!
//! `SIGNEDCALL_SERVICE_URL` and `SIGNEDCALL_ACCOUNT_ID` lead to another service, and `SIGNEDCALL_NO_SOUND=1` does without microphone and speaker.
//! `RUST_LOG=signedcall::timing=debug` shows how long each step of the call takes.

mod console;

use std::error::Error;

use signedcall::{CallStatus, Metadata, SignedCall};

use console::{options, say, typed};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [me, other, context @ ..] = words.as_slice() else {
        return Err("usage: caller <my user id> <user id to call> <reason…>".into());
    };
    let line = SignedCall::init(options(me)?).await?;
    let mut events = line.events();
    // What is not valid, and whom nobody reaches, is an error here; everything after it is an event.
    let placed = line.call(other, &context.join(" "), Metadata::default()).await;
    let call = placed.map_err(|error| error.to_string())?;
    say("type m to mute, u to unmute, h to hold, r to resume, e to end the call")?;
    let mut typed = typed();
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                match event.status {
                    CallStatus::Placed => say(format!("calling {other}"))?,
                    CallStatus::Ringing => say(format!("it rings at {other}'s"))?,
                    CallStatus::Answered | CallStatus::InProgress => say(event.status)?,
                    CallStatus::Ended(reason) => {
                        say(reason.name())?;
                        break;
                    }
                }
            }
            Some(word) = typed.recv() => match word.as_str() {
                "m" => line.mute(call, true).await?,
                "u" => line.mute(call, false).await?,
                "h" => line.hold(call, true).await?,
                "r" => line.hold(call, false).await?,
                "e" => line.hangup(call).await?,
                _ => say("m, u, h, r or e?")?,
            },
        }
    }
    line.logout().await;
    Ok(())
}
