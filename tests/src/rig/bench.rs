//! Measures calls between two app processes, from outside where that is possible.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use signedcall_tests::{
    Between, ImpairedLine, Impairment, PATIENCE, Pair, Recording, Rig, Scorer, Seat, Service, ServiceSetup, Setup, Usage, delay,
    first_tone, speech, tone,
};

use crate::figures::{Figures, milliseconds};
use crate::{beside, cluster, idle, peer, resume, service, voice};

/// Every bench.
const NAMES: &[&str] = &["call", "cluster", "idle", "peer", "resume", "service", "voice"];

/// Calls for each figure.
const CALLS: usize = 10;

/// By how much packets are late at most where that is measured.
const JITTER: Duration = Duration::from_millis(40);

/// The quality of speech as the app sends it unless told otherwise: with echo cancellation, noise suppression and gain.
const PROCESSED: &str = "pesq";

/// The part of the app that calls, as the kernel cuts its name, and what drives its windows and is no part of it.
const AGENT: &str = "signedcall-agen";
/// The threads of it that do most, as the kernel cuts their names, and what of a call they do.
const THREADS: &[(&str, &str)] =
    &[("signedcall-audi", "sound"), ("tokio-rt-worker", "network"), ("tokio-runtime-w", "network"), ("signedcall-agen", "network")];
const DRIVERS: &[&str] = &["WebKitWebDriver", "WebKitWebDrive"];

/// The tones that stand for the two voices: neither is a multiple of the other or near a ringing tone.
const ANNA_HERTZ: f32 = 1870.0;
const BEN_HERTZ: f32 = 1230.0;

pub(crate) fn list() -> Result<()> {
    writeln!(std::io::stdout(), "{}", NAMES.join("\n"))?;
    Ok(())
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Enough for figures that stay the same from run to run.
    Full,
    /// Enough to see whether a change helped.
    Quick,
}

pub(crate) async fn bench(name: &str, extent: Extent, part: Option<&str>) -> Result<()> {
    let figures = match name {
        "call" => call().await?,
        "cluster" => cluster::cluster(extent).await?,
        "idle" => idle::idle().await?,
        "peer" => peer::peer(part).await?,
        "resume" => resume::resume().await?,
        "service" => service::service(part).await?,
        "voice" => voice::voice(extent, part)?,
        _ => bail!("no bench {name:?}; there are: {}", NAMES.join(", ")),
    };
    writeln!(std::io::stdout(), "{}", json!({ "bench": name, "figures": figures.report() }))?;
    Ok(())
}

async fn call() -> Result<Figures> {
    let pair = Pair::start("bench-call", ServiceSetup::default(), Setup::default(), Setup::default()).await?;
    let mut figures = Figures::default();
    set_up_times(&pair, &mut figures).await?;
    let (a_to_b, b_to_a) = (("a_to_b", &pair.anna, &pair.ben), ("b_to_a", &pair.ben, &pair.anna));
    sound_quality(&pair, &mut figures, PROCESSED, &[a_to_b, b_to_a]).await?;
    for seat in [&pair.anna, &pair.ben] {
        seat.process_voice(false).await?;
    }
    sound_quality(&pair, &mut figures, "pesq.raw", &[a_to_b]).await?;
    let rig = pair.end();
    over_a_jittery_line(&mut figures).await?;
    voice::stages(&mut figures)?;
    beside::calls(&rig, &mut figures).await?;
    beside::page::write(&figures)?;
    Ok(figures)
}

/// What one side takes of a core while both talk.
async fn processor(pair: &Pair, figures: &mut Figures, words: &Path) -> Result<()> {
    let (anna, ben) = (&pair.anna, &pair.ben);
    let before = Usage::of(&anna.app.process)?;
    tokio::try_join!(anna.desktop.say_to(&ben.desktop, words), ben.desktop.say_to(&anna.desktop, words))?;
    let usage = Usage::of(&anna.app.process)?;
    figures.add("cpu_percent", "%", usage.cpu_percent_since(&before, |program| !DRIVERS.contains(&program)));
    figures.add("cpu_percent.agent", "%", usage.cpu_percent_since(&before, |program| program == AGENT));
    add_threads(figures, &usage.cpu_percent_of_threads_since(&before, AGENT));
    Ok(())
}

/// What each part of the app that calls takes of a core.
fn add_threads(figures: &mut Figures, threads: &BTreeMap<String, f64>) {
    for part in ["sound", "network", "rest"] {
        let of = |thread: &str| THREADS.iter().find(|(name, _)| *name == thread).map_or("rest", |(_, part)| *part);
        let share = threads.iter().filter(|(thread, _)| of(thread) == part).map(|(_, share)| share).sum();
        figures.add(&format!("cpu_percent.agent.{part}"), "%", share);
    }
}

/// How late speech is heard where packets come up to 40 ms later than others, evenly.
async fn over_a_jittery_line(figures: &mut Figures) -> Result<()> {
    let line = ImpairedLine::open([127, 0, 0, 1].into(), Impairment { jitter: JITTER, seed: 1, ..Impairment::default() }).await?;
    let rig = Rig::new("bench-call-jitter")?;
    let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
    let between = Between::open(service.url(), line.for_second(), line.for_first()).await?;
    let pair = Pair::start_at(rig, service, Some(between.url()), Setup::default(), Setup::default()).await?;
    let words = speech("reading")?;
    // A line is there for one call.
    pair.connect().await?;
    for count in 1..=CALLS {
        let (said, heard) = pair.anna.say_to(&pair.ben, &words).await?;
        heard.save(&pair.ben.desktop.folder().join(format!("jitter-{count}.wav")))?;
        figures.add("mouth_to_ear_ms.jitter40", "ms", middle_delay(&said, &heard)?);
        eprintln!("saying {count} of {CALLS}: jitter");
    }
    pair.hang_up().await
}

/// How long it takes until something rings, and until something is heard.
async fn set_up_times(pair: &Pair, figures: &mut Figures) -> Result<()> {
    let length = PATIENCE;
    let (anna_tone, ben_tone) = (tone(&pair.rig, ANNA_HERTZ, length)?, tone(&pair.rig, BEN_HERTZ, length)?);
    // The first call of a process also loads what later ones have: it is made, and not counted.
    for count in 0..=CALLS {
        let (anna, ben) = (pair.anna.app.timeline(), pair.ben.app.timeline());
        let (anna_says, ben_says) = (pair.anna.desktop.say(&anna_tone)?, pair.ben.desktop.say(&ben_tone)?);
        let (anna_hears, ben_hears) = (pair.anna.desktop.sound.hear()?, pair.ben.desktop.sound.hear()?);
        let dialled = pair.dial().await?;
        let rings = anna.reaches("CALL_RINGING").await?;
        pair.ben.app.screen("incoming").await?;
        // While it rings, media connects: its time is taken from the log.
        let connected = anna.milestone("dtls_connected").await?.saturating_sub(anna.milestone("offer_made").await?);
        let answered = pair.ben.app.click("answer").await?;
        tokio::try_join!(anna.reaches("CALL_IN_PROGRESS"), ben.reaches("CALL_IN_PROGRESS"))?;
        let first_packet = anna.milestone("first_rtp_received").await?.saturating_sub(anna.milestone("answered").await?);
        let until = Instant::now() + Duration::from_secs(1);
        tokio::join!(anna_hears.reach(until), ben_hears.reach(until));
        drop((anna_says, ben_says));
        let (anna_heard, ben_heard) = (anna_hears.stop(), ben_hears.stop());
        pair.hang_up().await?;
        if count == 0 {
            continue;
        }
        figures.add("call_to_ringing_ms", "ms", milliseconds(rings.saturating_duration_since(dialled)));
        figures.add("offer_to_connected_ms", "ms", milliseconds(connected));
        figures.add("answered_to_first_rtp_ms", "ms", milliseconds(first_packet));
        figures.add("offer_to_first_rtp_ms", "ms", milliseconds(connected + first_packet));
        figures.add("answer_to_first_sound_ms.caller", "ms", first_sound(&anna_heard, answered, BEN_HERTZ, &pair.anna)?);
        figures.add("answer_to_first_sound_ms.callee", "ms", first_sound(&ben_heard, answered, ANNA_HERTZ, &pair.ben)?);
        eprintln!("call {count} of {CALLS}: set up");
    }
    Ok(())
}

/// From the click on Answer to the other side's tone at the speaker.
fn first_sound(heard: &Recording, answered: Instant, hertz: f32, seat: &Seat) -> Result<f64> {
    let Some(found) = first_tone(heard.after(answered), hertz) else {
        let file = heard.save(&seat.desktop.folder().join("heard.wav"))?;
        bail!("{} heard no tone of {hertz} Hz: {}", seat.user.name, file.display());
    };
    Ok(found as f64 / 48.0)
}

/// How late what was said is heard, in milliseconds: the middle of its seconds.
pub(crate) fn middle_delay(said: &Recording, heard: &Recording) -> Result<f64> {
    let mut found: Vec<f64> = delay(said, heard).iter().map(|delay| delay.ms).collect();
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().context("nothing of what was said is heard")
}

/// How well, and how late, speech arrives in each direction, one after the other. Scoring comes after the calls: it would disturb them.
async fn sound_quality(pair: &Pair, figures: &mut Figures, name: &str, ways: &[(&str, &Seat, &Seat)]) -> Result<()> {
    let words = speech("reading")?;
    let mut heard_files = Vec::new();
    for count in 1..=CALLS {
        pair.connect().await?;
        for (way, from, to) in ways {
            let (said, heard) = from.desktop.say_to(&to.desktop, &words).await?;
            let file = heard.save(&to.desktop.folder().join(format!("{name}-{count}.wav")))?;
            let delays = if name == PROCESSED { "mouth_to_ear_ms" } else { "mouth_to_ear_ms.raw" };
            figures.add(delays, "ms", middle_delay(&said, &heard).with_context(|| format!("in {}", file.display()))?);
            heard_files.push((format!("{name}.{way}"), file));
        }
        if name == PROCESSED {
            processor(pair, figures, &words).await?;
        }
        let timelines = [pair.anna.app.timeline(), pair.ben.app.timeline()];
        pair.hang_up().await?;
        if name == PROCESSED {
            for timeline in timelines {
                let turns = timeline.milestone("all_audio_turns_but_a_thousandth").await?;
                figures.add("audio_turn_ms.all_but_a_thousandth", "ms", milliseconds(turns));
            }
        }
        eprintln!("call {count} of {CALLS}: {name}");
    }
    let scorer = Scorer::new(&pair.rig)?;
    for (figure, file) in heard_files {
        figures.add(&figure, "MOS", scorer.pesq(&words, &file)?);
    }
    Ok(())
}
