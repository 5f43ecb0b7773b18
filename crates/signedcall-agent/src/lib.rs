//! The part of the desktop app that lives in the tray: who is signed in, calls, notifications, settings. It has no window, and links nothing that
//! draws one: those are another program, `signedcall-desktop`, which this one starts when a window is needed and talks with over [`border`].
//!
//! Rules about calls are not in here, but in the SDK.

mod application;
pub mod arguments;
mod autostart;
pub mod border;
mod controller;
mod distributor;
mod doctor;
mod history;
mod instance;
mod link;
pub mod logging;
mod machine;
mod pictures;
pub mod private;
pub mod profile;
pub mod programs;
mod sdk;
mod settings;
mod shell;
pub mod stored;
#[cfg(test)]
mod testing;
mod translate;
pub mod view;
mod wake;
mod windows;
pub mod words;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::watch;

use crate::arguments::{Arguments, Prefill};
use crate::autostart::Autostart;
use crate::border::{Connected, Desk, Instruction};
use crate::controller::{Controller, Event, Inbox, Parts};
use crate::doctor::RealSurroundings;
use crate::instance::Instance;
use crate::pictures::RealPictures;
use crate::profile::{Folders, ProfileName};
use crate::sdk::RealSdk;
use crate::shell::Shell;
use crate::wake::{Activation, RealDistributors};
use crate::windows::{Program, Windows};

/// How long one that ends may take until this one begins: it hangs up and says goodbye to the service first.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Threads that carry out what is not waited for. Sound has threads of its own; each one here is memory that lies idle in the tray.
const THREADS: usize = 2;

/// Runs the agent of a profile until the user quits, or does the one thing that the arguments ask for instead.
///
/// # Errors
/// The arguments or the environment ask for something that cannot be done, or this computer lacks what nothing goes without.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if arguments.distribute {
        logging::start(logging::filter(&std::env::var("SIGNEDCALL_LOG").unwrap_or_default())?, None)?;
        // It does next to nothing, and what it holds for that lies idle.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(distributor::run()).map(|()| ExitCode::SUCCESS);
    }
    let folders = Folders::of(&arguments.profile).context("this user has no home folder")?;
    let prefill = Prefill::read(|name| std::env::var_os(name))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let outcome = runtime.block_on(async {
        if arguments.doctor {
            return doctor::run(&arguments.profile, &folders, &prefill).await;
        }
        live(arguments, folders, prefill).await.map(|()| ExitCode::SUCCESS)
    });
    // A keyring that asks for its password holds a thread for as long as it asks.
    runtime.shutdown_background();
    outcome
}

async fn live(arguments: Arguments, folders: Folders, prefill: Prefill) -> anyhow::Result<()> {
    let filter = logging::filter(&std::env::var("SIGNEDCALL_LOG").unwrap_or_default())?;
    let log_folder = arguments.log_file.then(|| folders.state.clone());
    let Some(instance) = claim(&folders.runtime, &arguments).await? else { return Ok(()) };
    // Not before it is certain that this is the only one: a second start must not put the log of the first aside.
    logging::start(filter, log_folder.as_deref())?;

    let Arguments { profile, app_name, hidden, for_push, link, .. } = arguments;
    let app_name = app_name.to_string();
    let (inbox, events) = controller::inbox();
    let windows = Windows::new(Program { path: programs::beside(programs::WINDOWS)?, profile: profile.clone() });
    if !hidden {
        // Before anything else: it takes longest.
        windows.show(Instruction::ShowMain);
    }
    let host = Shell::new(windows.clone(), inbox.clone(), &profile, &app_name);
    let pictures = Arc::new(RealPictures::new(folders.cache.join("pictures")));
    let autostart = Autostart::new(&folders.autostart, &programs::to_start()?, &app_name, &profile);
    let activation = Activation::new(&folders.services, &programs::to_wake()?, &app_name, &profile);
    let own = Activation::of_distributor(&folders.services, &programs::to_wake()?);
    let (on_bus, bus) = watch::channel(None);
    tokio::spawn(offer(profile.clone(), inbox.clone(), on_bus));
    let parts = Parts {
        host,
        app_name: app_name.clone(),
        sdk: Arc::new(RealSdk),
        pictures,
        surroundings: Arc::new(RealSurroundings),
        autostart,
        distributors: Arc::new(RealDistributors::new(profile.bus_name(), own, bus)),
        activation,
        for_push,
        profile,
        folders,
        prefill,
    };
    let controller = Controller::new(parts, inbox.clone(), events);
    let desk = Desk { inbox: inbox.clone(), views: controller.views(), app_name };
    tokio::spawn(border::serve(instance.listener, windows, desk));
    if let Some(link) = link {
        inbox.send(Event::Link(link));
    }
    tokio::spawn(quit_when_told(inbox));
    controller.run().await;
    drop(instance.lock);
    Ok(())
}

/// Claims the profile, or tells the agent that has it what this one was started for.
async fn claim(runtime: &Path, arguments: &Arguments) -> anyhow::Result<Option<Instance>> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let claimed = instance::claim(runtime).with_context(|| format!("{}", runtime.display()))?;
        if claimed.is_some() {
            return Ok(claimed);
        }
        match border::connect(runtime, arguments.wants(), false).await? {
            Connected::PassedOn => return Ok(None),
            Connected::OtherVersion(version) => bail!(other_version(&version)),
            // It ends, and takes nobody in any more.
            Connected::Nobody | Connected::Windows { .. } if Instant::now() < limit => tokio::time::sleep(LOOK_EVERY).await,
            Connected::Nobody | Connected::Windows { .. } => bail!("the app that runs does not answer"),
        }
    }
}

/// Says that the app has been updated while it ran.
pub fn other_version(running: &str) -> String {
    format!("version {running} of the app still runs, and this is {}: quit it in its tray menu and start it again", border::VERSION)
}

/// Is there for the desktop, on the session bus, as long as the program runs.
async fn offer(profile: ProfileName, inbox: Inbox, on_bus: watch::Sender<Option<zbus::Connection>>) {
    match application::offer(&profile, inbox).await {
        Ok(connection) => {
            on_bus.send_replace(Some(connection));
            std::future::pending().await
        }
        Err(error) => tracing::debug!(%error, "the desktop does not know that the app runs"),
    }
}

/// Ends calls and connection in good order when the system, or the terminal, asks the program to end.
async fn quit_when_told(inbox: Inbox) {
    use tokio::signal::unix::{SignalKind, signal};

    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    match signals {
        [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            inbox.send(Event::Quit);
        }
        _ => tracing::warn!("signals end the program at once"),
    }
}
