//! Three apps: a second call beside the first, a call that is handed over, and two devices of one user.

use anyhow::{Context as _, Result};
use signedcall_tests::{Pair, Recorder, Seat, ServiceSetup, Setup, Timeline, User, Window, level};

use crate::runner::Runner;

const HELD: &str = "a second call is answered from the notification while the first is held, and the two are swapped";
const ENDED: &str = "a second call is answered in the pop-up window, which ends the first";
const DECLINED: &str = "a second call is declined in the main window, and the first goes on";
const GIVEN_UP: &str = "a second caller who gives up is told as missed, and the first call goes on";
const TRANSFERRED: &str = "one side of a call is handed over to a third user";
const DEVICES: &str = "two devices of one user ring, and the one that does not answer says so";

/// Why Carol calls.
const REASON: &str = "Your order has a question";
const CAROL: User = User { cuid: "agent_007", name: "Carol" };
/// What a call that was talked in comes to, in order.
const TALKED: [&str; 5] = ["CALL_IS_PLACED", "CALL_RINGING", "CALL_ANSWERED", "CALL_IN_PROGRESS", "CALL_OVER"];
/// What the two sides of a call are told when it gives way to another.
const HANDED_OVER: &str = "CALL_OVER_DUE_TO_TRANSFER";
/// Above what a codec makes of silence, and far below the music.
const AUDIBLE: f32 = 0.004;

pub(crate) async fn cases(runner: &mut Runner) {
    if runner.wants(&[HELD, ENDED, DECLINED, GIVEN_UP, TRANSFERRED]) {
        match Trio::start("beside", "agent_007", CAROL).await {
            Ok(trio) => {
                runner.case(HELD, held(&trio)).await;
                runner.case(ENDED, ended(&trio)).await;
                runner.case(DECLINED, declined(&trio)).await;
                runner.case(GIVEN_UP, given_up(&trio)).await;
                runner.case(TRANSFERRED, transferred(&trio)).await;
            }
            Err(error) => runner.case(HELD, async { Err(error) }).await,
        }
    }
    if runner.wants(&[DEVICES]) {
        runner.case(DEVICES, devices()).await;
    }
}

/// Anna, Ben and a third.
struct Trio {
    pair: Pair,
    third: Seat,
}

impl Trio {
    async fn start(name: &str, desktop: &str, third: User) -> Result<Self> {
        let pair = Pair::start(name, ServiceSetup::default(), Setup::default(), Setup::default()).await?;
        let third = Seat::take(&pair.rig, &pair.service, desktop, third, Setup::default()).await?;
        Ok(Self { pair, third })
    }

    async fn settle(&self) -> Result<()> {
        self.pair.settle().await?;
        self.third.settle().await
    }

    /// Anna talks with Ben, and Carol calls him: it rings in the three places where calls ring.
    async fn second_call(&self) -> Result<()> {
        self.settle().await?;
        self.pair.connect().await?;
        let (ben, mark) = (&self.pair.ben, self.pair.ben.desktop.notifications.mark());
        self.third.app.dial(ben.user.cuid, REASON).await?;
        self.third.app.says("Ringing").await?;
        let notice = ben.desktop.notifications.shown_for(mark, REASON).await?;
        assert_eq!(notice.body, CAROL.name);
        assert_eq!(notice.labels(), ["Open Signed Call", "Hold and answer", "Decline", "End and answer"]);
        ben.app.wait_for(&waiting()).await?;
        ben.app.wait_for("[data-screen=\"in-call\"]").await?;
        ben.desktop.window("Incoming call", true).await
    }

    /// Whoever is left hangs up or puts the ended call away.
    async fn close(&self, seats: &[&Seat]) -> Result<()> {
        for seat in seats {
            seat.app.click("close").await?;
            seat.app.ready().await?;
        }
        Ok(())
    }
}

fn waiting() -> String {
    format!("[data-other=\"{}\"] [data-action=\"hold-and-answer\"]", CAROL.cuid)
}

fn holding(who: &str) -> String {
    format!("[data-notice=\"holding\"][data-holding=\"{who}\"]")
}

fn told(timeline: &Timeline<'_>, statuses: &[&str]) {
    assert_eq!(timeline.names(), statuses);
}

async fn music(ear: &Recorder, wanted: bool) -> Result<()> {
    let what = if wanted { "music" } else { "silence" };
    ear.until(what, |heard| {
        // The last 200 ms.
        let last = &heard.samples[heard.samples.len().checked_sub(9_600)?..];
        (last.chunks(2_400).all(|part| (level(part) > AUDIBLE) == wanted)).then_some(())
    })
    .await
}

async fn held(trio: &Trio) -> Result<()> {
    trio.second_call().await?;
    let Trio { pair: Pair { anna, ben, .. }, third: carol } = trio;
    let (anna_ear, carol_ear) = (anna.desktop.sound.hear()?, carol.desktop.sound.hear()?);
    let carol_told = carol.app.timeline();
    ben.desktop.press("Hold and answer").await?;
    carol.app.screen("in-call").await?;
    carol_told.reaches("CALL_IN_PROGRESS").await?;
    anna.app.wait_for(&holding("otherSide")).await?;
    ben.app.wait_for(&format!("[data-other=\"{}\"]", anna.user.cuid)).await?;
    ben.desktop.window("Incoming call", false).await?;
    music(&anna_ear, true).await?;
    music(&carol_ear, false).await?;

    ben.app.click("swap").await?;
    carol.app.wait_for(&holding("otherSide")).await?;
    music(&anna_ear, false).await?;
    music(&carol_ear, true).await?;
    // A recorder of what is heard would count as another microphone.
    drop((anna_ear, carol_ear));
    tokio::try_join!(anna.desktop.microphones(1), ben.desktop.microphones(1), carol.desktop.microphones(0))?;

    let (anna_told, carol_ear) = (anna.app.timeline(), carol.desktop.sound.hear()?);
    ben.app.click("hang-up").await?;
    anna_told.reaches("CALL_OVER").await?;
    ben.app.wait_for(&holding("thisSide")).await?;
    music(&carol_ear, true).await?;
    ben.app.click("resume").await?;
    music(&carol_ear, false).await?;
    carol.app.click("hang-up").await?;
    ben.app.screen("ended").await?;
    trio.close(&[anna, ben, carol]).await
}

async fn ended(trio: &Trio) -> Result<()> {
    trio.settle().await?;
    let (first, third) = (trio.pair.anna.app.timeline(), trio.third.app.timeline());
    trio.second_call().await?;
    let Trio { pair: Pair { anna, ben, .. }, third: carol } = trio;
    ben.app.drive(Window::Incoming).await?;
    ben.app.says(REASON).await?;
    ben.app.click("end-and-answer").await?;
    ben.app.drive(Window::Main).await?;
    first.reaches("CALL_OVER").await?;
    third.reaches("CALL_IN_PROGRESS").await?;
    carol.app.click("hang-up").await?;
    third.reaches("CALL_OVER").await?;
    ben.app.screen("ended").await?;
    told(&first, &TALKED);
    told(&third, &TALKED);
    trio.close(&[anna, ben, carol]).await
}

async fn declined(trio: &Trio) -> Result<()> {
    trio.settle().await?;
    let (first, third) = (trio.pair.anna.app.timeline(), trio.third.app.timeline());
    trio.second_call().await?;
    let Trio { pair: Pair { anna, ben, .. }, third: carol } = trio;
    ben.app.click("decline-other").await?;
    carol.app.screen("ended").await?;
    carol.app.says("Call declined").await?;
    ben.desktop.window("Incoming call", false).await?;
    told(&third, &["CALL_IS_PLACED", "CALL_RINGING", "CALL_DECLINED"]);
    trio.pair.talk().await?;
    anna.app.click("hang-up").await?;
    first.reaches("CALL_OVER").await?;
    told(&first, &TALKED);
    ben.app.screen("ended").await?;
    trio.close(&[anna, ben, carol]).await
}

async fn given_up(trio: &Trio) -> Result<()> {
    trio.second_call().await?;
    let Trio { pair: Pair { anna, ben, .. }, third: carol } = trio;
    let mark = ben.desktop.notifications.mark();
    carol.app.click("hang-up").await?;
    let notice = ben.desktop.notifications.shown(mark).await?;
    assert_eq!((notice.summary, notice.body), ("Missed call".to_owned(), format!("{} · {REASON}", CAROL.name)));
    ben.desktop.window("Incoming call", false).await?;
    trio.pair.talk().await?;
    ben.app.click("hang-up").await?;
    anna.app.screen("ended").await?;
    trio.close(&[anna, ben, carol]).await?;
    ben.app.says(REASON).await
}

async fn transferred(trio: &Trio) -> Result<()> {
    trio.settle().await?;
    trio.pair.connect().await?;
    let Trio { pair: Pair { anna, ben, .. }, third: carol } = trio;
    let (anna_told, ben_told, carol_told) = (anna.app.timeline(), ben.app.timeline(), carol.app.timeline());
    let mark = carol.desktop.notifications.mark();
    ben.app.click("transfer").await?;
    ben.app.fill("transfer-to", CAROL.cuid).await?;
    ben.app.click("confirm-transfer").await?;
    let notice = carol.desktop.notifications.shown(mark).await?;
    assert_eq!(notice.summary, Pair::CONTEXT);
    assert!(notice.body.contains(anna.user.name) && notice.body.contains("put through by"), "{}", notice.body);
    ben.app.screen("ended").await?;
    ben_told.reaches(HANDED_OVER).await?;
    anna.app.screen("outgoing").await?;
    carol.app.screen("incoming").await?;
    carol.app.click("answer").await?;
    carol_told.reaches("CALL_IN_PROGRESS").await?;
    anna_told.reaches("CALL_IN_PROGRESS").await?;
    anna.app.click("hang-up").await?;
    // Each app tells its end by itself, in no order between the two.
    tokio::try_join!(anna_told.reaches("CALL_OVER"), carol_told.reaches("CALL_OVER"))?;
    told(&carol_told, &TALKED);
    told(&anna_told, &[HANDED_OVER, "CALL_IS_PLACED", "CALL_RINGING", "CALL_ANSWERED", "CALL_IN_PROGRESS", "CALL_OVER"]);
    told(&ben_told, &[HANDED_OVER]);
    trio.close(&[anna, ben, carol]).await
}

async fn devices() -> Result<()> {
    let trio = Trio::start("devices", "laptop", User { cuid: "customer_17", name: "Ben" }).await?;
    let Trio { pair: Pair { anna, ben, .. }, third: laptop } = &trio;
    let (ben_told, laptop_told) = (ben.app.timeline(), laptop.app.timeline());
    let mark = laptop.desktop.notifications.mark();
    trio.pair.dial().await?;
    tokio::try_join!(ben.app.screen("incoming"), laptop.app.screen("incoming"))?;
    let rings = laptop.desktop.notifications.shown(mark).await?;
    assert_eq!(rings.summary, Pair::CONTEXT);
    let mark = laptop.desktop.notifications.mark();
    ben.app.click("answer").await?;
    trio.pair.talk().await?;
    let notice = laptop.desktop.notifications.shown(mark).await?;
    // A device is called what its computer is called.
    let computer = std::fs::read_to_string("/proc/sys/kernel/hostname").context("the computer's name")?;
    assert_eq!(notice.summary, format!("Answered on {}", computer.trim()));
    laptop.desktop.window("Incoming call", false).await?;
    laptop.app.ready().await?;
    assert_eq!(laptop_told.names(), ["CALL_IS_PLACED", "CALL_RINGING", "CALL_ANSWERED_ELSEWHERE"]);
    anna.app.click("hang-up").await?;
    ben_told.reaches("CALL_OVER").await?;
    told(&ben_told, &TALKED);
    trio.pair.put_away().await
}
