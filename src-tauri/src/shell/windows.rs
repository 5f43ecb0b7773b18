//! The two windows: the main one, and the small one that comes up while a call rings.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tauri::{
    AppHandle, LogicalSize, Manager, Monitor, PhysicalPosition, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Window, WindowEvent,
};

use super::placement::{Area, Placement};
use crate::controller::{Event, Inbox};
use crate::{private, stored, words};

const MAIN: &str = "main";
const INCOMING: &str = "incoming";

/// Width and height of the main window in logical pixels: a call screen is held upright, like the telephone it stands for.
const MAIN_SIZE: (f64, f64) = (420.0, 720.0);
/// The least that holds every screen without cutting a control off.
const MAIN_LEAST: (f64, f64) = (340.0, 560.0);
/// Width and height of the pop-up.
const INCOMING_SIZE: (f64, f64) = (360.0, 232.0);
/// How far the pop-up keeps from the edges of the screen, in logical pixels.
const MARGIN: f64 = 16.0;

/// What the windows need to know of the start.
#[derive(Debug)]
pub(crate) struct WindowOptions {
    /// Begin in the tray.
    pub(crate) hidden: bool,
    /// What stands in the title.
    pub(crate) app_name: String,
    /// Where the web view keeps its cache and the main window its place: two profiles must not share one.
    pub(crate) state: PathBuf,
}

/// Where the main window is, and the file that remembers it.
#[derive(Debug)]
struct Place {
    file: PathBuf,
    last: Mutex<Placement>,
}

/// Opens both windows, the pop-up unseen.
pub(crate) fn open(app: &AppHandle, inbox: &Inbox, options: &WindowOptions) -> anyhow::Result<()> {
    private::folder(&options.state)?;
    let web_data = options.state.join("webview");
    let main = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title(&options.app_name)
        .inner_size(MAIN_SIZE.0, MAIN_SIZE.1)
        .min_inner_size(MAIN_LEAST.0, MAIN_LEAST.1)
        .data_directory(web_data.clone())
        // Ctrl with + and −: whoever needs it larger has it larger.
        .zoom_hotkeys_enabled(true)
        .visible(false)
        .build()?;
    place(&main, &options.state);
    hide_when_closed(&main);
    let inbox = inbox.clone();
    main.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { .. } = event {
            inbox.send(Event::MainPutAway);
        }
    });
    let incoming = WebviewWindowBuilder::new(app, INCOMING, WebviewUrl::default())
        .title(words::INCOMING_CALL)
        .inner_size(INCOMING_SIZE.0, INCOMING_SIZE.1)
        .resizable(false)
        .decorations(false)
        .always_on_top(true)
        .skip_taskbar(true)
        .focused(false)
        .data_directory(web_data)
        .visible(false)
        .build()?;
    hide_when_closed(&incoming);
    if !options.hidden {
        main.show()?;
    }
    Ok(())
}

/// Puts the main window where it was, and remembers from now on where it goes.
fn place(main: &WebviewWindow, folder: &Path) {
    let file = folder.join("window.json");
    // A place that cannot be read is no loss that anybody has to be told of.
    let kept = stored::read::<Placement>(&file).ok().flatten();
    let screens: Vec<Area> = main.available_monitors().unwrap_or_default().iter().map(area).collect();
    if let Some(placement) = kept.map(|kept| kept.fitted(MAIN_LEAST, &screens)) {
        tell(main.set_size(LogicalSize::new(placement.width, placement.height)));
        if let Some((x, y)) = placement.corner {
            tell(main.set_position(PhysicalPosition::new(x, y)));
        }
        if placement.maximized {
            tell(main.maximize());
        }
    }
    let first = Placement { width: MAIN_SIZE.0, height: MAIN_SIZE.1, corner: None, maximized: false };
    let place = Place { file, last: Mutex::new(kept.unwrap_or(first)) };
    main.manage(place);
    let window = main.as_ref().window();
    main.on_window_event(move |event| {
        // Not at each step while it is dragged: when the user turns to something else, or puts it away.
        if let WindowEvent::Focused(false) | WindowEvent::CloseRequested { .. } = event {
            remember(&window);
        }
    });
}

/// Writes down where the main window is, if it is elsewhere than it was.
fn remember(main: &Window) {
    let (Some(place), Ok(true)) = (main.try_state::<Place>(), main.is_visible()) else { return };
    let (Ok(scale), Ok(size), Ok(corner), Ok(maximized)) =
        (main.scale_factor(), main.inner_size(), main.outer_position(), main.is_maximized())
    else {
        return;
    };
    let LogicalSize { width, height } = size.to_logical(scale);
    let corner = Some((corner.x, corner.y)).filter(|_| !places_windows_itself());
    let mut last = place.last.lock().unwrap_or_else(PoisonError::into_inner);
    let now = last.followed_by(Placement { width, height, corner, maximized });
    if now != *last {
        *last = now;
        if let Err(error) = stored::write(&place.file, &now) {
            tracing::debug!(%error, "the window's place is not remembered");
        }
    }
}

/// Whether the desktop lets nobody know or say where a window is: Wayland, unless the program is made to speak X11.
fn places_windows_itself() -> bool {
    std::env::var_os("WAYLAND_DISPLAY").is_some() && std::env::var_os("GDK_BACKEND").is_none_or(|backend| backend != "x11")
}

fn area(monitor: &Monitor) -> Area {
    let area = monitor.work_area();
    let length = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
    Area { left: area.position.x, top: area.position.y, width: length(area.size.width), height: length(area.size.height) }
}

/// Closing a window only puts it away: the app lives in the tray, and closing the pop-up is not declining.
fn hide_when_closed(window: &WebviewWindow) {
    let hidden = window.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            tell(hidden.hide());
        }
    });
}

/// Brings the main window to front.
pub(super) fn show_main(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        tell(window.unminimize());
        tell(window.show());
        tell(window.set_focus());
    }
}

/// Shows the pop-up in the corner that notifications leave free, without taking the keyboard from whoever is typing.
pub(super) fn show_incoming(app: &AppHandle) {
    let Some(window) = app.get_webview_window(INCOMING) else { return };
    if let Ok(Some(monitor)) = window.primary_monitor() {
        let scale = monitor.scale_factor();
        let area = area(&monitor);
        let size = LogicalSize::new(INCOMING_SIZE.0 + MARGIN, INCOMING_SIZE.1 + MARGIN).to_physical::<i32>(scale);
        let (right, bottom) = (area.left.saturating_add(area.width), area.top.saturating_add(area.height));
        tell(window.set_position(PhysicalPosition::new(right - size.width, bottom - size.height)));
    }
    tell(window.show());
}

/// Puts the pop-up away.
pub(super) fn hide_incoming(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(INCOMING) {
        tell(window.hide());
    }
}

/// Puts everything away: a window that stays for the moment that the program takes to end looks like one that hangs.
pub(super) fn hide_all(app: &AppHandle) {
    if let Some(main) = app.get_webview_window(MAIN) {
        remember(&main.as_ref().window());
    }
    for window in [MAIN, INCOMING].into_iter().filter_map(|label| app.get_webview_window(label)) {
        tell(window.hide());
    }
}

fn tell(outcome: tauri::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a window did not do as it was told");
    }
}
