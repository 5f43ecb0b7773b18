//! Signed Call on the desktop: the shell around the SDK. Rules about calls are not in here.

// A release on Windows must not open a console beside its window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod autostart;
mod bridge;
mod commands;
mod controller;
mod doctor;
mod history;
mod link;
mod logging;
mod pictures;
mod private;
mod profile;
mod sdk;
mod settings;
mod shell;
mod stored;
#[cfg(test)]
mod testing;
mod translate;
mod view;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tauri::{Manager, RunEvent, WindowEvent};

use crate::arguments::{Arguments, Prefill};
use crate::autostart::Autostart;
use crate::controller::{Controller, Event, Inbox, Parts, Reply};
use crate::doctor::RealSurroundings;
use crate::pictures::RealPictures;
use crate::profile::Folders;
use crate::sdk::RealSdk;
use crate::shell::{Desk, Shell, WindowOptions, Windows};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folders = Folders::of(&arguments.profile).context("this user has no home folder")?;
    let prefill = Prefill::read(|name| std::env::var_os(name))?;
    if arguments.doctor {
        return tauri::async_runtime::block_on(doctor::run(&arguments.profile, &folders, &prefill));
    }
    let filter = logging::filter(&std::env::var("SIGNEDCALL_LOG").unwrap_or_default())?;
    let log_folder = arguments.log_file.then(|| folders.state.clone());
    let (inbox, events) = controller::inbox();
    let bridge = bridge::builder();

    let started_again = inbox.clone();
    let single_instance = tauri_plugin_single_instance::Builder::new()
        .dbus_id(arguments.profile.bus_name())
        .callback(move |_, words, _| {
            let link = Arguments::try_parse_from(words).ok().and_then(|arguments| arguments.link);
            started_again.send(link.map_or_else(|| Event::ShowMain(Reply::nobody()), Event::Link));
        })
        .build();

    let app = tauri::Builder::default()
        .plugin(single_instance)
        .invoke_handler(bridge.invoke_handler())
        .setup(move |app| {
            bridge.mount_events(app);
            let app_name = arguments.app_name.to_string();
            let windows = WindowOptions { app_name: app_name.clone(), state: folders.state.clone() };
            let host = Shell::new(app.handle().clone(), inbox.clone(), &windows);
            let pictures = Arc::new(RealPictures::new(folders.cache.join("pictures")));
            let profile = arguments.profile.clone();
            let autostart = Autostart::new(&folders.autostart, &autostart::program()?, &app_name, &profile);
            let (sdk, surroundings) = (Arc::new(RealSdk), Arc::new(RealSurroundings));
            let parts = Parts { host, app_name, sdk, pictures, surroundings, autostart, profile, folders, prefill };
            let controller = Controller::new(parts, inbox.clone(), events);
            // The windows ask for a view as soon as they are open.
            app.manage(Desk::new(inbox.clone(), controller.views()));
            app.manage(Windows::new(app.handle().clone(), inbox.clone(), windows)?);
            if !arguments.hidden {
                shell::show_main(app.handle());
            }
            tauri::async_runtime::spawn(shell::send_views(app.handle().clone(), controller.views()));
            tauri::async_runtime::spawn(controller.run());
            if let Some(link) = arguments.link {
                inbox.send(Event::Link(link));
            }
            tauri::async_runtime::spawn(quit_when_told(inbox));
            Ok(())
        })
        .build(tauri::generate_context!())
        .context("the app did not start")?;
    // Not before it is certain that this is the only one: a second start must not put the log of the first aside.
    logging::start(filter, log_folder.as_deref())?;
    app.run(|app, event| {
        // Without windows the app lives on in the tray; only `Shell::quit` gives a code.
        if let RunEvent::ExitRequested { code: None, api, .. } = &event {
            api.prevent_exit();
        }
        if let RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } = &event {
            shell::gone(app, label);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Ends calls and connection in good order when the system asks the program to end.
async fn quit_when_told(inbox: Inbox) {
    use tokio::signal::unix::{SignalKind, signal};

    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            inbox.send(Event::Quit);
        }
        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "signals end the program at once"),
    }
}
