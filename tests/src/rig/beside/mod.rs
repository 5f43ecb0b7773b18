//! Other people's programs that call each other as the app does: from one virtual sound card to another, each on a desktop of its own.

mod chromium;
mod linphone;
pub(crate) mod page;

use std::time::Duration;

use anyhow::Result;
use signedcall_tests::{Desktop, Process, Rig, Setup, Usage, speech};

use crate::bench::middle_delay;
use crate::figures::Figures;

/// How often something is said in a call.
const SAYINGS: usize = 5;

/// Calls by Linphone and by Chromium, measured as the app's are.
pub(crate) async fn calls(rig: &Rig, figures: &mut Figures) -> Result<()> {
    let [caller, callee] = desktops(rig, "linphone").await?;
    let call = linphone::Call::start(&caller, &callee).await?;
    talk("linphone", &caller, &callee, call.caller(), figures).await?;
    drop((call, caller, callee));
    let [caller, callee] = desktops(rig, "chromium").await?;
    let call = chromium::Call::start(&caller, &callee).await?;
    talk("chromium", &caller, &callee, call.caller(), figures).await
}

async fn desktops(rig: &Rig, program: &str) -> Result<[Desktop; 2]> {
    let (caller, callee) = (format!("{program}-caller"), format!("{program}-callee"));
    let (caller, callee) =
        tokio::try_join!(Desktop::start(rig, &caller, Setup::default()), Desktop::start(rig, &callee, Setup::default()))?;
    Ok([caller, callee])
}

/// Says something to the other side time and again, and adds how late it was heard and what it took.
async fn talk(name: &str, caller: &Desktop, callee: &Desktop, program: &Process, figures: &mut Figures) -> Result<()> {
    let words = speech("reading")?;
    // As the app has a second to settle while its screens are waited for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for count in 1..=SAYINGS {
        let (said, heard) = caller.say_to(callee, &words).await?;
        heard.save(&callee.folder().join(format!("{name}-{count}.wav")))?;
        figures.add(&format!("mouth_to_ear_ms.{name}"), "ms", middle_delay(&said, &heard)?);
        let before = Usage::of(program)?;
        tokio::try_join!(caller.say_to(callee, &words), callee.say_to(caller, &words))?;
        figures.add(&format!("cpu_percent.{name}"), "%", Usage::of(program)?.cpu_percent_since(&before, |_| true));
        eprintln!("{name}: {count} of {SAYINGS}");
    }
    Ok(())
}
