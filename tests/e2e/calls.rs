//! Calls between two apps: every way to answer, decline and end one, and what both are told of it.

use anyhow::{Context as _, Result};
use signedcall_tests::{Notifier, Pair, Seat, ServiceSetup, Setup, Timeline, Window, delay, speech};

use crate::runner::Runner;

const DUNST: &str = "a call is answered from dunst's menu and ended by the caller";
const POP_UP: &str = "a call is answered in the pop-up window and ended by the callee";
const MAIN: &str = "a call is answered in the main window";
const DECLINE: &str = "a call is declined from the notification";
const CANCEL: &str = "a call that the caller cancels stops ringing and is told as missed";
const XFCE: &str = "a call is answered by a mouse click on the notification that xfce4-notifyd draws";
const CONNECTED: &str = "a company connects two of its users, who read so and talk";
const TIME_OUT: &str = "a call that nobody answers ends by itself";

/// What both are told of a call that somebody answered, in order.
const TALKED: [&str; 5] = ["CALL_IS_PLACED", "CALL_RINGING", "CALL_ANSWERED", "CALL_IN_PROGRESS", "CALL_OVER"];

pub(crate) async fn cases(runner: &mut Runner) {
    if runner.wants(&[DUNST, POP_UP, MAIN, DECLINE, CANCEL, CONNECTED]) {
        match Pair::start("calls", ServiceSetup { account_is_added: true, ..ServiceSetup::default() }, Setup::default(), Setup::default())
            .await
        {
            Ok(pair) => {
                runner.case(DUNST, from_notification(&pair)).await;
                runner.case(POP_UP, from_pop_up(&pair)).await;
                runner.case(MAIN, from_main_window(&pair)).await;
                runner.case(DECLINE, declined(&pair)).await;
                runner.case(CANCEL, cancelled(&pair)).await;
                runner.case(CONNECTED, connected_by_company(&pair)).await;
            }
            Err(error) => runner.case(DUNST, async { Err(error) }).await,
        }
    }
    if runner.wants(&[XFCE, TIME_OUT]) {
        let rings = ServiceSetup { ring: Some(std::time::Duration::from_secs(8)), ..ServiceSetup::default() };
        let xfce = Setup { notifier: Notifier::Xfce, ..Setup::default() };
        match Pair::start("calls-xfce", rings, Setup::default(), xfce).await {
            Ok(pair) => {
                runner.case(XFCE, from_notification(&pair)).await;
                runner.case(TIME_OUT, unanswered(&pair)).await;
            }
            Err(error) => runner.case(XFCE, async { Err(error) }).await,
        }
    }
}

/// Both apps' logs from the beginning of a call.
struct Told<'a> {
    anna: Timeline<'a>,
    ben: Timeline<'a>,
}

impl<'a> Told<'a> {
    fn from_now_on(pair: &'a Pair) -> Self {
        Self { anna: pair.anna.app.timeline(), ben: pair.ben.app.timeline() }
    }

    /// Waits until both have been told the last of these, and compares the whole.
    async fn exactly(&self, statuses: &[&str]) -> Result<()> {
        let last = statuses.last().context("a call has at least one status")?;
        tokio::try_join!(self.anna.reaches(last), self.ben.reaches(last))?;
        assert_eq!(self.anna.names(), statuses, "what the caller was told");
        assert_eq!(self.ben.names(), statuses, "what the callee was told");
        Ok(())
    }
}

/// Waits until a call rings at Ben's in all three places, and checks what his notification says.
async fn rings(pair: &Pair, mark: usize) -> Result<()> {
    let notice = pair.ben.desktop.notifications.shown(mark).await?;
    assert_eq!((notice.summary.as_str(), notice.body.as_str()), (Pair::CONTEXT, pair.anna.user.name));
    assert_eq!(notice.labels(), ["Open Signed Call", "Answer", "Decline"]);
    assert_eq!((notice.urgency, notice.category.as_deref()), (Some(2), Some("call.incoming")));
    assert!(notice.has_image, "the notification has a picture");
    pair.ben.app.screen("incoming").await?;
    pair.ben.app.says(Pair::CONTEXT).await?;
    pair.ben.desktop.window("Incoming call", true).await?;
    assert_eq!(
        pair.anna.desktop.sound.open_microphones()? + pair.ben.desktop.sound.open_microphones()?,
        0,
        "open microphones before the answer"
    );
    Ok(())
}

/// Waits until nothing rings at Ben's any more.
async fn rings_no_more(pair: &Pair, mark: usize) -> Result<()> {
    pair.ben.desktop.notifications.gone(mark).await?;
    pair.ben.desktop.window("Incoming call", false).await
}

async fn hangs_up(who: &Seat, other: &Seat) -> Result<()> {
    who.app.click("hang-up").await?;
    who.app.screen("ended").await?;
    other.app.screen("ended").await?;
    tokio::try_join!(who.desktop.microphones(0), other.desktop.microphones(0)).map(drop)
}

async fn from_notification(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.dial().await?;
    rings(pair, mark).await?;
    pair.ben.desktop.press("Answer").await?;
    assert_eq!(pair.ben.desktop.notifications.chosen(mark).await?.1, "answer");
    pair.talk().await?;
    rings_no_more(pair, mark).await?;
    hangs_up(&pair.anna, &pair.ben).await?;
    told.exactly(&TALKED).await?;
    pair.put_away().await
}

async fn from_pop_up(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.dial().await?;
    rings(pair, mark).await?;
    pair.ben.app.drive(Window::Incoming).await?;
    pair.ben.app.says(Pair::CONTEXT).await?;
    pair.ben.app.click("answer").await?;
    pair.ben.app.drive(Window::Main).await?;
    pair.talk().await?;
    rings_no_more(pair, mark).await?;
    hangs_up(&pair.ben, &pair.anna).await?;
    told.exactly(&TALKED).await?;
    pair.put_away().await
}

async fn from_main_window(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.connect().await?;
    rings_no_more(pair, mark).await?;
    hangs_up(&pair.anna, &pair.ben).await?;
    told.exactly(&TALKED).await?;
    pair.put_away().await
}

async fn declined(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.dial().await?;
    rings(pair, mark).await?;
    pair.ben.desktop.press("Decline").await?;
    pair.anna.app.screen("ended").await?;
    pair.anna.app.says("Call declined").await?;
    rings_no_more(pair, mark).await?;
    told.exactly(&["CALL_IS_PLACED", "CALL_RINGING", "CALL_DECLINED"]).await?;
    pair.anna.app.click("close").await?;
    // Whoever has declined is not shown so once more.
    pair.ben.app.ready().await
}

async fn cancelled(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.dial().await?;
    rings(pair, mark).await?;
    let missed = pair.ben.desktop.notifications.mark();
    pair.anna.app.click("hang-up").await?;
    rings_no_more(pair, mark).await?;
    told.exactly(&["CALL_IS_PLACED", "CALL_RINGING", "CALL_CANCELLED"]).await?;
    is_told_as_missed(pair, missed).await?;
    pair.put_away().await
}

/// The company's backend asks for it. Anna's app rings first, in Ben's name; once she has answered, Ben's does in hers.
async fn connected_by_company(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (for_anna, for_ben) = (pair.anna.desktop.notifications.mark(), pair.ben.desktop.notifications.mark());
    pair.service.connect((pair.anna.user.cuid, "Your order 1234"), (pair.ben.user.cuid, "Your courier")).await?;
    pair.anna.desktop.notifications.shown(for_anna).await?;
    pair.anna.app.screen("incoming").await?;
    pair.anna.app.says("Your order 1234").await?;
    pair.anna.app.says(&format!("connects you with \u{2068}{}\u{2069}", pair.ben.user.name)).await?;
    assert_eq!(pair.anna.desktop.sound.open_microphones()?, 0, "open microphones before the answer");
    pair.anna.desktop.press("Answer").await?;
    let notice = pair.ben.desktop.notifications.shown(for_ben).await?;
    assert_eq!((notice.summary.as_str(), notice.body.as_str()), ("Your courier", pair.anna.user.name));
    pair.ben.app.screen("incoming").await?;
    pair.ben.desktop.press("Answer").await?;
    pair.talk().await?;
    for (from, to) in [(&pair.anna, &pair.ben), (&pair.ben, &pair.anna)] {
        let (said, heard) = from.say_to(to, &speech("reading-2")?).await?;
        assert!(!delay(&said, &heard).is_empty(), "{} hears what {} says", to.user.name, from.user.name);
    }
    hangs_up(&pair.ben, &pair.anna).await?;
    pair.put_away().await
}

async fn unanswered(pair: &Pair) -> Result<()> {
    pair.settle().await?;
    let (told, mark) = (Told::from_now_on(pair), pair.ben.desktop.notifications.mark());
    pair.dial().await?;
    rings(pair, mark).await?;
    let missed = pair.ben.desktop.notifications.mark();
    rings_no_more(pair, missed).await?;
    told.exactly(&["CALL_IS_PLACED", "CALL_RINGING", "CALL_CANCELLED_DUE_TO_RING_TIMEOUT"]).await?;
    pair.anna.app.says("No answer").await?;
    is_told_as_missed(pair, missed).await?;
    pair.put_away().await
}

async fn is_told_as_missed(pair: &Pair, mark: usize) -> Result<()> {
    let notice = pair.ben.desktop.notifications.shown(mark).await?;
    assert_eq!(notice.summary, "Missed call");
    assert_eq!(notice.body, format!("{} · {}", pair.anna.user.name, Pair::CONTEXT));
    Ok(())
}
