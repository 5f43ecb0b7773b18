//! What the app costs while nothing goes on, closed to the tray, and how soon its window is back.

use std::time::{Duration, Instant};

use anyhow::Result;
use signedcall_tests::{Desktop, Process, Resident, Rig, Screen, Service, ServiceSetup, Setup, Usage, User};

use crate::figures::{Figures, milliseconds};

/// Starts of each program.
const STARTS: usize = 2;
/// How often the window is asked for in each.
const OPENINGS: usize = 4;
/// How long a program may settle before it counts as idle: a phone is in the tray for days.
const SETTLE: Duration = Duration::from_secs(5);
/// How long it is watched: keep-alives come every 25 s, and each watch should see one.
const WATCH: Duration = Duration::from_secs(30);

const ANNA: User = User { cuid: "courier_8842", name: "Anna" };

pub(crate) async fn idle() -> Result<Figures> {
    let rig = Rig::new("bench-idle")?;
    let service = Service::start(&rig, "service", ServiceSetup::default()).await?;
    let mut figures = Figures::default();
    for start in 1..=STARTS {
        let desktop = Desktop::start(&rig, &format!("start-{start}"), Setup::default()).await?;
        let screen = desktop.display.look()?;
        let hidden = Resident::start_signed_in(&desktop, &service, ANNA, &["--hidden"]).await?;
        // The peer, in the same desktop, with nobody signed in: two programs that do nothing do not disturb each other, and share next to nothing.
        let peer = desktop.start_program("linphone", "linphone", &[])?;
        watch(&[(&hidden.process, ".never_opened"), (&peer, ".linphone")], &mut figures).await?;
        drop((hidden, peer));
        let app = Resident::start_signed_in(&desktop, &service, ANNA, &[]).await?;
        screen.painted(Resident::TITLE).await?;
        watch(&[(&app.process, ".window_open")], &mut figures).await?;
        openings(&app, &screen, &mut figures).await?;
        watch(&[(&app.process, "")], &mut figures).await?;
        eprintln!("start {start} of {STARTS}");
    }
    Ok(figures)
}

/// Closes the window and asks for it again, and leaves it closed.
async fn openings(app: &Resident, screen: &Screen, figures: &mut Figures) -> Result<()> {
    for _ in 0..OPENINGS {
        screen.close(Resident::TITLE)?;
        app.draws_nothing().await?;
        let asked = Instant::now();
        app.ask_for_window().await?;
        let painted = screen.painted(Resident::TITLE).await?;
        figures.add("window_painted_ms", "ms", milliseconds(painted.duration_since(asked)));
        // Opening settles before it is closed again, as it would for a user.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    screen.close(Resident::TITLE)?;
    app.draws_nothing().await.map(drop)
}

/// Wake-ups are the times that a thread went to sleep of its own accord (`voluntary_ctxt_switches`), over all threads of all processes.
async fn watch(processes: &[(&Process, &str)], figures: &mut Figures) -> Result<()> {
    tokio::time::sleep(SETTLE).await;
    let before = processes.iter().map(|(process, _)| Usage::of(process)).collect::<Result<Vec<_>>>()?;
    tokio::time::sleep(WATCH).await;
    for ((process, which), before) in processes.iter().zip(before) {
        let after = Usage::of(process)?;
        figures.add(&format!("pss_mib{which}"), "MiB", after.memory_mib);
        figures.add(&format!("wake_ups_per_s{which}"), "1/s", after.wake_ups_since(&before));
        figures.add(&format!("processes{which}"), "", after.programs.len() as f64);
    }
    Ok(())
}
