//! The two windows: the main one, and the small one that comes up while a call rings.

use std::path::PathBuf;

use tauri::{AppHandle, LogicalSize, Manager, PhysicalPosition, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::words;

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
    /// Where the web view keeps its cache: two profiles must not share one.
    pub(crate) web_data: PathBuf,
}

/// Opens both windows, the pop-up unseen.
pub(crate) fn open(app: &AppHandle, options: &WindowOptions) -> tauri::Result<()> {
    let main = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title(words::APP)
        .inner_size(MAIN_SIZE.0, MAIN_SIZE.1)
        .min_inner_size(MAIN_LEAST.0, MAIN_LEAST.1)
        .data_directory(options.web_data.clone())
        .visible(!options.hidden)
        .build()?;
    hide_when_closed(&main);
    let incoming = WebviewWindowBuilder::new(app, INCOMING, WebviewUrl::default())
        .title(words::INCOMING_CALL)
        .inner_size(INCOMING_SIZE.0, INCOMING_SIZE.1)
        .resizable(false)
        .decorations(false)
        .always_on_top(true)
        .skip_taskbar(true)
        .focused(false)
        .data_directory(options.web_data.clone())
        .visible(false)
        .build()?;
    hide_when_closed(&incoming);
    Ok(())
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
        let area = monitor.work_area();
        let size = LogicalSize::new(INCOMING_SIZE.0 + MARGIN, INCOMING_SIZE.1 + MARGIN).to_physical::<i32>(scale);
        let right = area.position.x.saturating_add_unsigned(area.size.width);
        let bottom = area.position.y.saturating_add_unsigned(area.size.height);
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
    for window in [MAIN, INCOMING].into_iter().filter_map(|label| app.get_webview_window(label)) {
        tell(window.hide());
    }
}

fn tell(outcome: tauri::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a window did not do as it was told");
    }
}
