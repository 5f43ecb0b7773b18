//! The two windows: the main one, and the small one that comes up while a call rings.
//!
//! Each is there only while it is shown, and this program only a little longer.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signedcall_agent::border::{Client, Instruction};
use signedcall_agent::{private, stored, words};
use tauri::webview::{Color, PageLoadEvent};
use tauri::{
    AppHandle, LogicalSize, Manager, Monitor, PhysicalPosition, Theme, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent, Wry,
};

use crate::linger::{LINGER, Linger};
use crate::placement::{Area, Placement};
use crate::presence::{Act, Presence};

const MAIN: &str = "main";
const INCOMING: &str = "incoming";

/// Width and height of the main window in logical pixels: a call screen is held upright, like the telephone it stands for.
const MAIN_SIZE: (f64, f64) = (420.0, 720.0);
/// The least that holds every screen without cutting a control off.
const MAIN_LEAST: (f64, f64) = (340.0, 560.0);
/// Width and height of the pop-up: a reason of the greatest length above two rows of choices.
const INCOMING_SIZE: (f64, f64) = (360.0, 264.0);
/// The colours of an empty page, which the main window has until there is one: those of the UI's own surface.
const LIGHT: Color = Color(0xfa, 0xfa, 0xf8, 0xff);
const DARK: Color = Color(0x16, 0x16, 0x15, 0xff);
/// How long the pop-up waits for its page before it is shown all the same: one that is late is better than one that nobody sees.
const LOADING_PATIENCE: Duration = Duration::from_secs(2);
/// How far the pop-up keeps from the edges of the screen, in logical pixels.
const MARGIN: f64 = 16.0;

/// What the windows need to know of the start.
#[derive(Debug)]
pub(crate) struct WindowOptions {
    /// What stands in the title.
    pub(crate) app_name: String,
    /// Where the web view keeps its cache and the main window its place: two profiles must not share one.
    pub(crate) state: PathBuf,
}

/// Both windows, whether they are there or not.
#[derive(Debug)]
pub(crate) struct Windows {
    app: AppHandle,
    agent: Client,
    app_name: String,
    web_data: PathBuf,
    main: Mutex<Presence>,
    incoming: Mutex<Presence>,
    linger: Mutex<Linger>,
    parting: Mutex<Parting>,
    /// Where the main window is, or was when it was there, and the file that remembers it.
    place: Mutex<Placement>,
    place_file: PathBuf,
}

/// How this program stands with the agent, which says what the end of the border means.
#[derive(Clone, Copy, Debug, Default)]
struct Parting {
    /// How many instructions have been carried out.
    heard: u64,
    /// Whether this program may end: it has said that it shows nothing, or the app ends.
    expected: bool,
}

impl Windows {
    /// Reads where the main window was. Neither window is there yet.
    pub(crate) fn new(app: AppHandle, agent: Client, options: WindowOptions) -> anyhow::Result<Self> {
        private::folder(&options.state)?;
        let place_file = options.state.join("window.json");
        // A place that cannot be read is no loss that anybody has to be told of.
        let kept = stored::read::<Placement>(&place_file).ok().flatten();
        later(&app, LINGER, Self::leave_if_alone);
        let first = Placement { width: MAIN_SIZE.0, height: MAIN_SIZE.1, corner: None, maximized: false };
        Ok(Self {
            app,
            agent,
            app_name: options.app_name,
            web_data: options.state.join("webview"),
            main: Mutex::default(),
            incoming: Mutex::default(),
            linger: Mutex::new(Linger::from(Instant::now())),
            parting: Mutex::default(),
            place: Mutex::new(kept.unwrap_or(first)),
            place_file,
        })
    }

    fn carry_out(&self, instruction: Instruction) {
        {
            let mut parting = held(&self.parting);
            parting.heard += 1;
            parting.expected = instruction == Instruction::HideAll;
        }
        match instruction {
            Instruction::ShowMain => self.show_main(),
            Instruction::ShowIncoming => self.show_incoming(),
            Instruction::HideIncoming => self.hide_incoming(),
            Instruction::HideAll => self.hide_all(),
        }
    }

    /// Asks the agent to let this program go when there has been no window for long enough.
    fn leave_if_alone(&self) {
        // Whoever drives the windows by WebDriver has started this program and loses the session with it, windows or not.
        let is_driven = std::env::var_os("TAURI_AUTOMATION").is_some();
        if !is_driven && held(&self.linger).is_over(Instant::now()) {
            let mut parting = held(&self.parting);
            parting.expected = true;
            self.agent.idle(parting.heard);
        }
    }

    /// Makes the main window, or brings it to front.
    fn show_main(&self) {
        let act = held(&self.main).wanted();
        self.act(MAIN, act);
    }

    /// Makes the pop-up, which takes the keyboard from nobody.
    fn show_incoming(&self) {
        let act = held(&self.incoming).wanted();
        self.act(INCOMING, act);
    }

    fn hide_incoming(&self) {
        let act = held(&self.incoming).unwanted();
        self.act(INCOMING, act);
    }

    /// Puts everything away: a window that stays for the moment that the program takes to end looks like one that hangs.
    fn hide_all(&self) {
        self.remember_place();
        for presence in [&self.main, &self.incoming] {
            // They are only hidden: the program ends with them.
            let _destroy = held(presence).unwanted();
        }
        for window in [MAIN, INCOMING].into_iter().filter_map(|label| self.app.get_webview_window(label)) {
            tell(window.hide());
        }
    }

    /// Takes notice that a window has gone, and makes it anew when it was asked for meanwhile.
    fn gone(&self, label: &str) {
        let (label, presence) = if label == MAIN { (MAIN, &self.main) } else { (INCOMING, &self.incoming) };
        let act = held(presence).gone();
        self.act(label, act);
        if [&self.main, &self.incoming].into_iter().all(|window| *held(window) == Presence::Absent) {
            held(&self.linger).left_alone(Instant::now());
            later(&self.app, LINGER, Self::leave_if_alone);
        }
    }

    fn act(&self, label: &'static str, act: Act) {
        let window = self.app.get_webview_window(label);
        match (act, window) {
            (Act::Make, _) => self.make(label),
            (Act::BringToFront, Some(window)) => bring_to_front(&window),
            (Act::Destroy, Some(window)) => {
                if let Err(error) = window.destroy() {
                    tracing::warn!(%error, window = label, "a window does not go");
                    self.gone(label);
                }
            }
            // Nobody will say that it has gone.
            (Act::Destroy, None) => self.gone(label),
            (Act::BringToFront, None) | (Act::Nothing, _) => {}
        }
    }

    fn make(&self, label: &'static str) {
        tracing::debug!(window = label, "made");
        held(&self.linger).needed();
        let (made, presence) = if label == MAIN { (self.make_main(), &self.main) } else { (self.make_incoming(), &self.incoming) };
        if let Err(error) = made {
            tracing::error!(%error, window = label, "a window could not be made");
            // Nothing has been asked for since, so that there is nothing to do about it.
            let _nothing = held(presence).gone();
        }
    }

    /// Shows the pop-up whose page does not say that it is loaded.
    fn show_incoming_at_last(&self) {
        let window = self.app.get_webview_window(INCOMING).filter(|window| window.is_visible().is_ok_and(|visible| !visible));
        if let Some(window) = window.filter(|_| *held(&self.incoming) == Presence::Here) {
            tracing::warn!(window = INCOMING, "the page has not been loaded in time");
            tell(window.show());
        }
    }

    fn make_main(&self) -> tauri::Result<()> {
        let main = self.builder(MAIN, &self.app_name);
        let main = main.inner_size(MAIN_SIZE.0, MAIN_SIZE.1).min_inner_size(MAIN_LEAST.0, MAIN_LEAST.1);
        // Ctrl with + and −: whoever needs it larger has it larger.
        let main = main.zoom_hotkeys_enabled(true).build()?;
        self.put_in_place(&main);
        // It does not wait for its page: that would take as long again, and whoever asks for a window looks for it.
        let is_dark = main.theme().is_ok_and(|theme| theme == Theme::Dark);
        tell(main.set_background_color(Some(if is_dark { DARK } else { LIGHT })));
        bring_to_front(&main);
        let app = self.app.clone();
        main.on_window_event(move |event| {
            let windows = app.state::<Self>();
            // Not at each step while it is dragged: when the user turns to something else, or puts it away.
            if let WindowEvent::Focused(false) | WindowEvent::CloseRequested { .. } = event {
                windows.remember_place();
            }
            if let WindowEvent::CloseRequested { .. } = event {
                // It goes by itself.
                let _destroy = held(&windows.main).unwanted();
                windows.agent.main_put_away();
            }
        });
        Ok(())
    }

    fn make_incoming(&self) -> tauri::Result<()> {
        let incoming = self.builder(INCOMING, words::INCOMING_CALL).inner_size(INCOMING_SIZE.0, INCOMING_SIZE.1);
        let incoming = incoming.resizable(false).decorations(false).always_on_top(true).skip_taskbar(true).focused(false);
        let incoming = incoming.on_page_load(|window, page| {
            if page.event() == PageLoadEvent::Finished {
                tell(window.show());
            }
        });
        let incoming = incoming.build()?;
        put_in_free_corner(&incoming);
        later(&self.app, LOADING_PATIENCE, Self::show_incoming_at_last);
        let app = self.app.clone();
        incoming.on_window_event(move |event| {
            // Closing the pop-up is not declining: the call rings on.
            if let WindowEvent::CloseRequested { .. } = event {
                let _destroy = held(&app.state::<Self>().incoming).unwanted();
            }
        });
        Ok(())
    }

    /// What both have in common. They are shown once they are in their place.
    fn builder<'a>(&'a self, label: &str, title: &str) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
        let window = WebviewWindowBuilder::new(&self.app, label, WebviewUrl::default());
        window.title(title).data_directory(self.web_data.clone()).visible(false)
    }

    /// Puts the main window where it was.
    fn put_in_place(&self, main: &WebviewWindow) {
        let screens: Vec<Area> = main.available_monitors().unwrap_or_default().iter().map(area).collect();
        let placement = held(&self.place).fitted(MAIN_LEAST, &screens);
        tell(main.set_size(LogicalSize::new(placement.width, placement.height)));
        if let Some((x, y)) = placement.corner {
            tell(main.set_position(PhysicalPosition::new(x, y)));
        }
        if placement.maximized {
            tell(main.maximize());
        }
    }

    /// Writes down where the main window is, if it is elsewhere than it was.
    fn remember_place(&self) {
        let Some(main) = self.app.get_webview_window(MAIN) else { return };
        let (Ok(true), Ok(scale), Ok(size), Ok(corner), Ok(maximized)) =
            (main.is_visible(), main.scale_factor(), main.inner_size(), main.outer_position(), main.is_maximized())
        else {
            return;
        };
        let LogicalSize { width, height } = size.to_logical(scale);
        let corner = Some((corner.x, corner.y)).filter(|_| !places_windows_itself());
        let mut place = held(&self.place);
        let now = place.followed_by(Placement { width, height, corner, maximized });
        if now != *place {
            *place = now;
            if let Err(error) = stored::write(&self.place_file, &now) {
                tracing::debug!(%error, "the window's place is not remembered");
            }
        }
    }
}

/// Shows what the agent wants to be seen.
pub(crate) fn carry_out(app: &AppHandle, instruction: Instruction) {
    on_main_thread(app, move |windows| windows.carry_out(instruction));
}

/// Ends the program: the agent has closed the border.
pub(crate) fn end(app: &AppHandle) {
    let handle = app.clone();
    on_main_thread(app, move |windows| {
        if held(&windows.parting).expected {
            handle.exit(0);
        } else {
            tracing::error!("the part of the app that holds calls has ended: start the app again");
            handle.exit(1);
        }
    });
}

/// Takes notice that a window has gone. Main thread only.
pub(crate) fn gone(app: &AppHandle, label: &str) {
    app.state::<Windows>().gone(label);
}

/// Windows belong to the main thread, and are asked for in one order there.
fn on_main_thread(app: &AppHandle, act: impl FnOnce(&Windows) + Send + 'static) {
    let handle = app.clone();
    if let Err(error) = app.run_on_main_thread(move || act(&handle.state::<Windows>())) {
        tracing::warn!(%error, "the windows could not be asked");
    }
}

/// Does something about the windows after a while.
fn later(app: &AppHandle, wait: Duration, act: impl FnOnce(&Windows) + Send + 'static) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(wait).await;
        on_main_thread(&app, act);
    });
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

/// Puts the pop-up in the corner that notifications leave free.
fn put_in_free_corner(window: &WebviewWindow) {
    if let Ok(Some(monitor)) = window.primary_monitor() {
        let scale = monitor.scale_factor();
        let area = area(&monitor);
        let size = LogicalSize::new(INCOMING_SIZE.0 + MARGIN, INCOMING_SIZE.1 + MARGIN).to_physical::<i32>(scale);
        let (right, bottom) = (area.left.saturating_add(area.width), area.top.saturating_add(area.height));
        tell(window.set_position(PhysicalPosition::new(right - size.width, bottom - size.height)));
    }
}

fn bring_to_front(window: &WebviewWindow) {
    tell(window.unminimize());
    tell(window.show());
    tell(window.set_focus());
}

fn tell(outcome: tauri::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a window did not do as it was told");
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_a_page_yet_has_the_colour_of_an_empty_one() {
        let hex = |Color(red, green, blue, _): Color| format!("#{red:02x}{green:02x}{blue:02x}");
        let surface = format!("--surface: light-dark({}, {});", hex(LIGHT), hex(DARK));
        assert!(include_str!("../../ui/src/styles/tokens.css").contains(&surface), "{surface}");
    }
}
