//! What is said on one side is heard on the other: how well, how late, and when not.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use signedcall_tests::{Pair, Scorer, Seat, ServiceSetup, Setup, delay, level, silence_from, speech, tone};

use crate::runner::Runner;

const PROCESSED: &str = "speech arrives well both ways with voice processing on";
const UNPROCESSED: &str = "speech arrives nearly unharmed both ways with voice processing off";
const MUTE: &str = "mute makes silence, and speech comes back after it";

/// PESQ-WB at least: 4.64 is the best there is.
const GOOD: f64 = 3.5;
const UNHARMED: f64 = 4.0;
/// What counts is the median of so many readings: a computer that is busy for a moment spoils one or two of them.
const READINGS: usize = 5;
/// How long after the click the muted one's voice may still leave.
const MUTED_WITHIN: Duration = Duration::from_millis(40);
/// Far below the tone that is said, and above what a codec makes of silence.
const SILENCE: f32 = 0.003;

pub(crate) async fn cases(runner: &mut Runner) {
    if !runner.wants(&[PROCESSED, UNPROCESSED, MUTE]) {
        return;
    }
    match Pair::start("voice", ServiceSetup::default(), Setup::default(), Setup::default()).await {
        Ok(pair) => {
            runner.case(PROCESSED, arrives(&pair, true, GOOD)).await;
            runner.case(UNPROCESSED, arrives(&pair, false, UNHARMED)).await;
            runner.case(MUTE, mutes(&pair)).await;
        }
        Err(error) => runner.case(PROCESSED, async { Err(error) }).await,
    }
}

async fn arrives(pair: &Pair, processing: bool, least: f64) -> Result<()> {
    pair.settle().await?;
    for seat in [&pair.anna, &pair.ben] {
        seat.process_voice(processing).await?;
    }
    let scorer = Scorer::new(&pair.rig)?;
    let words = speech("reading")?;
    pair.connect().await?;
    let to_ben = score(&scorer, &pair.anna, &pair.ben, &words).await?;
    let to_anna = score(&scorer, &pair.ben, &pair.anna, &words).await?;
    let (anna, ben) = (pair.anna.app.timeline(), pair.ben.app.timeline());
    pair.hang_up().await?;
    for (seat, timeline) in [(&pair.anna, anna), (&pair.ben, ben)] {
        let turns = timeline.milestone("all_audio_turns_but_a_thousandth").await?;
        println!("    {}: all but one in a thousand of the audio thread's turns took {turns:?} at most", seat.user.name);
    }
    assert!(to_ben >= least && to_anna >= least, "PESQ-WB {to_ben} and {to_anna}, wanted {least}");
    Ok(())
}

async fn score(scorer: &Scorer, from: &Seat, to: &Seat, words: &Path) -> Result<f64> {
    let mut scores = Vec::new();
    for reading in 1..=READINGS {
        let (said, heard) = from.say_to(to, words).await?;
        let file = heard.save(&to.desktop.folder().join(format!("heard-from-{}-{reading}.wav", from.user.cuid)))?;
        let score = scorer.pesq(words, &file)?;
        println!(
            "    {} to {}: PESQ-WB {score}, mouth to ear {:.0} ms",
            from.user.name,
            to.user.name,
            median_delay(&delay(&said, &heard))?
        );
        scores.push(score);
    }
    scores.sort_by(f64::total_cmp);
    Ok(scores[READINGS / 2])
}

fn median_delay(found: &[signedcall_tests::Delay]) -> Result<f64> {
    let mut delays: Vec<f64> = found.iter().map(|delay| delay.ms).collect();
    delays.sort_by(f64::total_cmp);
    delays.get(delays.len() / 2).copied().context("nothing of what was said has arrived")
}

/// Processing is off here: noise suppression would take a steady tone for noise.
async fn mutes(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    for seat in [&pair.anna, &pair.ben] {
        seat.process_voice(false).await?;
    }
    pair.connect().await?;
    let (said, heard) = pair.anna.say_to(&pair.ben, &speech("reading-2")?).await?;
    let way = Duration::from_secs_f64(median_delay(&delay(&said, &heard))? / 1000.0);

    let tone = pair.anna.desktop.say(&tone(&pair.rig, 700.0, Duration::from_secs(15))?)?;
    let ear = pair.ben.desktop.sound.hear()?;
    ear.until("Anna's tone", |heard| (level(last(&heard.samples)) > 0.05).then_some(())).await?;
    let muted = pair.anna.app.click("mute").await?;
    pair.anna.app.wait_for("[data-notice=\"muted\"]").await?;
    let until = Instant::now() + Duration::from_millis(500);
    ear.reach(until).await;
    let heard = ear.so_far();
    let still = silence_from(heard.after(muted), SILENCE) as f64 / 48.0;
    let allowed = (MUTED_WITHIN + way).as_secs_f64() * 1000.0;
    println!("    sound for {still:.0} ms after the click, of which {:.0} ms is the way from mouth to ear", way.as_secs_f64() * 1000.0);
    assert!(still <= allowed, "sound for {still:.0} ms after the click on mute; {allowed:.0} ms are allowed");

    pair.anna.app.click("mute").await?;
    ear.until("Anna's tone after mute", |heard| (level(last(&heard.samples)) > 0.05).then_some(())).await?;
    drop((tone, ear));
    pair.hang_up().await
}

/// The last 50 ms.
fn last(samples: &[f32]) -> &[f32] {
    &samples[samples.len().saturating_sub(2400)..]
}
