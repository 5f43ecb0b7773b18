//! The tray: what goes on, the way back to the window, and the way out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tauri::image::Image;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager, Wry};

use super::badge::with_dot;
use crate::controller::{Event, Inbox, Reply, Tray};
use crate::words;

const ICON: Image<'_> = tauri::include_image!("../icons/tray.png");
const ID: &str = "main";
const MISSED: &str = "missed";
const OPEN: &str = "open";
const HANG_UP: &str = "hang-up";
const SIGN_OUT: &str = "sign-out";
const QUIT: &str = "quit";

/// What a tray is made with.
#[derive(Clone, Debug)]
pub(super) struct TrayOptions {
    pub(super) app_name: String,
    /// Where the icon is written for the desktop to read: the usual folder is shared by all profiles and all users.
    pub(super) folder: PathBuf,
}

/// The tray that is shown. Its entries are changed in their places: a menu that is open stays so.
struct Shown {
    icon: TrayIcon,
    status: MenuItem<Wry>,
    missed: MenuItem<Wry>,
    open: MenuItem<Wry>,
    hang_up: MenuItem<Wry>,
    sign_out: MenuItem<Wry>,
    last: Mutex<Tray>,
}

/// Shows this in the tray, and makes the tray at the first time. A desktop without one loses nothing but the tray. Main thread only.
pub(super) fn show(app: &AppHandle, inbox: &Inbox, options: &TrayOptions, tray: &Tray) {
    let outcome = match app.try_state::<Shown>() {
        Some(shown) => shown.change(options, tray),
        None => make(app, inbox, options, tray),
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, "no tray");
    }
}

fn make(app: &AppHandle, inbox: &Inbox, options: &TrayOptions, tray: &Tray) -> tauri::Result<()> {
    let item = |id: &str| MenuItem::with_id(app, id, "", true, None::<&str>);
    let (status, missed, open, hang_up, sign_out) = (item("status")?, item(MISSED)?, item(OPEN)?, item(HANG_UP)?, item(SIGN_OUT)?);
    let quit = MenuItem::with_id(app, QUIT, words::QUIT, true, None::<&str>)?;
    let line = || PredefinedMenuItem::separator(app);
    let menu = Menu::with_items(app, &[&status, &missed, &line()?, &open, &hang_up, &line()?, &sign_out, &quit])?;
    set_texts([&status, &missed, &open, &hang_up, &sign_out], options, tray)?;
    let inbox = inbox.clone();
    let builder =
        TrayIconBuilder::with_id(ID).menu(&menu).icon(icon(tray)).temp_dir_path(&options.folder).on_menu_event(move |_, event| {
            match event.id().as_ref() {
                OPEN | MISSED => inbox.send(Event::ShowMain(Reply::nobody())),
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
    app.manage(Shown { icon: built?, status, missed, open, hang_up, sign_out, last: Mutex::new(tray.clone()) });
    Ok(())
}

impl Shown {
    fn change(&self, options: &TrayOptions, tray: &Tray) -> tauri::Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if (&last.symbol, last.missed > 0) != (&tray.symbol, tray.missed > 0) {
            self.icon.set_icon(Some(icon(tray)))?;
        }
        last.clone_from(tray);
        set_texts([&self.status, &self.missed, &self.open, &self.hang_up, &self.sign_out], options, tray)
    }
}

fn set_texts(entries: [&MenuItem<Wry>; 5], options: &TrayOptions, tray: &Tray) -> tauri::Result<()> {
    let open = if tray.in_call { words::RETURN_TO_CALL.to_owned() } else { words::open(&options.app_name) };
    let texts = [
        (tray.status.to_owned(), false),
        (words::missed_calls(tray.missed), tray.missed > 0),
        (open, true),
        (words::HANG_UP.to_owned(), tray.in_call),
        (words::SIGN_OUT.to_owned(), tray.signed_in),
    ];
    for (entry, (text, enabled)) in entries.into_iter().zip(texts) {
        entry.set_text(text)?;
        entry.set_enabled(enabled)?;
    }
    Ok(())
}

/// The company's symbol where there is one, else the app's own; with a dot while calls were missed.
fn icon(tray: &Tray) -> Image<'static> {
    let own = ICON;
    let (rgba, width, height) = match &tray.symbol {
        Some(symbol) => (symbol.rgba(), symbol.width(), symbol.height()),
        None => (own.rgba(), own.width(), own.height()),
    };
    let rgba = if tray.missed > 0 { with_dot(rgba, width) } else { rgba.to_vec() };
    Image::new_owned(rgba, width, height)
}
