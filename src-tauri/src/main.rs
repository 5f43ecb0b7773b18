//! Signed Call's windows: the program that users start. Who is signed in and which calls are on is the agent's, another program that this one starts
//! where it does not run yet, and that lives on in the tray when the windows are closed.

// A release on Windows must not open a console beside its window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod agent;
mod bridge;
mod commands;
mod linger;
mod placement;
mod presence;
mod windows;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use signedcall_agent::arguments::Arguments;
use signedcall_agent::border::{Client, Connected, Instructions};
use signedcall_agent::logging;
use signedcall_agent::profile::Folders;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tauri_specta::Event as _;

use crate::bridge::ViewChanged;
use crate::windows::{WindowOptions, Windows};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.doctor || arguments.hidden || arguments.distribute {
        return Err(agent::instead_of_this());
    }
    let folders = Folders::of(&arguments.profile).context("this user has no home folder")?;
    logging::start(logging::filter(&std::env::var("SIGNEDCALL_LOG").unwrap_or_default())?, None)?;
    let agent = tauri::async_runtime::block_on(agent::find(&arguments, &folders))?;
    let agent = match agent {
        Connected::Nobody if arguments.for_agent => bail!("no agent runs that windows could be shown for"),
        // Meanwhile everything that windows need is made ready here.
        Connected::Nobody => tauri::async_runtime::spawn(agent::start(arguments, folders.clone())),
        Connected::PassedOn => return Ok(ExitCode::SUCCESS),
        connected @ (Connected::Windows { .. } | Connected::OtherVersion(_)) => tauri::async_runtime::spawn(async { Ok(connected) }),
    };

    let bridge = bridge::builder();
    let app = tauri::Builder::default()
        .invoke_handler(bridge.invoke_handler())
        .build(tauri::generate_context!())
        .context("the windows did not start")?;
    bridge.mount_events(&app);
    let (app_name, client, instructions) = match tauri::async_runtime::block_on(agent)?? {
        Connected::Windows { app_name, client, instructions } => (app_name, client, instructions),
        // Another start was quicker.
        Connected::PassedOn => return Ok(ExitCode::SUCCESS),
        Connected::OtherVersion(version) => bail!(signedcall_agent::other_version(&version)),
        Connected::Nobody => bail!("the app's agent does not run"),
    };
    app.manage(client.clone());
    app.manage(Windows::new(app.handle().clone(), client.clone(), WindowOptions { app_name, state: folders.state })?);
    tauri::async_runtime::spawn(send_views(app.handle().clone(), client));
    tauri::async_runtime::spawn(follow(app.handle().clone(), instructions));
    app.run(|app, event| {
        // It ends when the agent lets it go; only `windows::end` gives a code.
        if let RunEvent::ExitRequested { code: None, api, .. } = &event {
            api.prevent_exit();
        }
        if let RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } = &event {
            windows::gone(app, label);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Sends every view to the windows until the agent has gone.
async fn send_views(app: AppHandle, client: Client) {
    let mut views = client.views();
    while views.changed().await.is_ok() {
        let view = views.borrow_and_update().clone();
        if let Err(error) = ViewChanged(view).emit(&app) {
            tracing::warn!(%error, "a view did not reach the windows");
        }
    }
}

/// Shows what the agent wants to be seen, and ends the program with the border.
async fn follow(app: AppHandle, mut instructions: Instructions) {
    while let Some(instruction) = instructions.recv().await {
        windows::carry_out(&app, instruction);
    }
    windows::end(&app);
}
