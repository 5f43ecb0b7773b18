//! The tray: what goes on, the way back to the window, and the way out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tauri::AppHandle;
use tauri::image::Image;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::TrayIconBuilder;

use crate::controller::{Event, Inbox, Reply, Tray};
use crate::words;

const ICON: Image<'_> = tauri::include_image!("../icons/tray.png");
const ID: &str = "main";
const OPEN: &str = "open";
const HANG_UP: &str = "hang-up";
const SIGN_OUT: &str = "sign-out";
const QUIT: &str = "quit";

/// Shows this in the tray, and makes the tray at the first time. A desktop without one loses nothing but the tray.
pub(super) fn show(app: &AppHandle, inbox: &Inbox, tray: &Tray) {
    if let Err(error) = try_show(app, inbox, tray) {
        tracing::warn!(%error, "no tray");
    }
}

fn try_show(app: &AppHandle, inbox: &Inbox, tray: &Tray) -> tauri::Result<()> {
    let menu = menu(app, tray)?;
    if let Some(icon) = app.tray_by_id(ID) {
        return icon.set_menu(Some(menu));
    }
    let inbox = inbox.clone();
    let builder = TrayIconBuilder::with_id(ID).menu(&menu).icon(ICON).on_menu_event(move |_, event| {
        match event.id().as_ref() {
            OPEN => inbox.send(Event::ShowMain(Reply::nobody())),
            HANG_UP => inbox.send(Event::HangUpCurrent),
            SIGN_OUT => inbox.send(Event::SignOut(Reply::nobody())),
            QUIT => inbox.send(Event::Quit),
            _ => return,
        };
    });
    // The library that draws it panics where the system's tray library is not installed.
    let Ok(built) = catch_unwind(AssertUnwindSafe(|| builder.build(app))) else {
        tracing::warn!("no tray: the system's library for it is missing");
        return Ok(());
    };
    built.map(drop)
}

fn menu(app: &AppHandle, tray: &Tray) -> tauri::Result<Menu<tauri::Wry>> {
    let item = |id: &str, text: &str, enabled: bool| MenuItem::with_id(app, id, text, enabled, None::<&str>);
    let menu = Menu::with_items(app, &[&item("status", tray.status, false)?, &PredefinedMenuItem::separator(app)?])?;
    menu.append(&item(OPEN, if tray.in_call { words::RETURN_TO_CALL } else { words::OPEN }, true)?)?;
    if tray.in_call {
        menu.append(&item(HANG_UP, words::HANG_UP, true)?)?;
    }
    menu.append(&PredefinedMenuItem::separator(app)?)?;
    if tray.signed_in {
        menu.append(&item(SIGN_OUT, words::SIGN_OUT, true)?)?;
    }
    menu.append(&item(QUIT, words::QUIT, true)?)?;
    Ok(menu)
}
