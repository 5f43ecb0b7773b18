//! The tray: what goes on, the way back to the window, and the way out. It is an item on the session bus, which the desktop draws.

use ksni::menu::StandardItem;
use ksni::{Category, Icon, MenuItem, TrayMethods as _};
use tokio::sync::watch;

use super::badge::with_dot;
use super::icons;
use crate::controller::{Event, Inbox, Reply, Tray};
use crate::pictures::Pixels;
use crate::profile::ProfileName;
use crate::words;

/// The tray, wherever the desktop shows it.
#[derive(Debug)]
pub(super) struct TrayIcon {
    shown: watch::Sender<Option<Tray>>,
}

impl TrayIcon {
    /// Makes a tray that is seen once there is something to show.
    pub(super) fn new(profile: &ProfileName, app_name: &str, inbox: Inbox) -> Self {
        let (shown, trays) = watch::channel(None);
        let (id, app_name) = (profile.bus_name(), app_name.to_owned());
        tokio::spawn(async move {
            if let Err(error) = follow(trays, id, app_name, inbox).await {
                tracing::warn!(%error, "no tray");
            }
        });
        Self { shown }
    }

    /// Changes what the tray shows.
    pub(super) fn show(&self, tray: &Tray) {
        self.shown.send_replace(Some(tray.clone()));
    }
}

/// Offers the tray to the desktop. A desktop without one loses nothing but the tray, and one that gets one later shows it then.
async fn follow(mut trays: watch::Receiver<Option<Tray>>, id: String, app_name: String, inbox: Inbox) -> Result<(), ksni::Error> {
    let Some(tray) = next(&mut trays).await else { return Ok(()) };
    let icon = icon(&tray);
    let handle = Item { id, app_name, inbox, tray, icon }.assume_sni_available(true).spawn().await?;
    while let Some(tray) = next(&mut trays).await {
        let changed = handle.update(|item| item.change(tray)).await;
        if changed.is_none() {
            tracing::debug!("the session bus has gone, and the tray with it");
            break;
        }
    }
    Ok(())
}

async fn next(trays: &mut watch::Receiver<Option<Tray>>) -> Option<Tray> {
    trays.changed().await.ok()?;
    trays.borrow_and_update().clone()
}

/// The tray as the desktop asks for it.
struct Item {
    id: String,
    app_name: String,
    inbox: Inbox,
    tray: Tray,
    icon: Icon,
}

impl Item {
    fn change(&mut self, tray: Tray) {
        if (&self.tray.symbol, self.tray.missed > 0) != (&tray.symbol, tray.missed > 0) {
            self.icon = icon(&tray);
        }
        self.tray = tray;
    }

    fn entry(&self, text: &str, enabled: bool, chosen: fn() -> Option<Event>) -> MenuItem<Self> {
        let activate = move |item: &mut Self| {
            if let Some(event) = chosen() {
                item.inbox.send(event);
            }
        };
        // An underscore would mark the letter behind it as a key.
        StandardItem { label: text.replace('_', "__"), enabled, activate: Box::new(activate), ..StandardItem::default() }.into()
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn category(&self) -> Category {
        Category::Communications
    }

    fn title(&self) -> String {
        self.app_name.clone()
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        vec![self.icon.clone()]
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.inbox.send(Event::ShowMain(Reply::nobody()));
    }

    /// The same entries at all times: a menu that is open stays so, and none takes another's place under the pointer.
    fn menu(&self) -> Vec<MenuItem<Self>> {
        let Tray { status, missed, in_call, signed_in, .. } = self.tray;
        let open = if in_call { words::RETURN_TO_CALL.to_owned() } else { words::open(&self.app_name) };
        vec![
            self.entry(status, false, || None),
            self.entry(&words::missed_calls(missed), missed > 0, || Some(Event::ShowMain(Reply::nobody()))),
            MenuItem::Separator,
            self.entry(&open, true, || Some(Event::ShowMain(Reply::nobody()))),
            self.entry(words::HANG_UP, in_call, || Some(Event::HangUpCurrent)),
            MenuItem::Separator,
            self.entry(words::SIGN_OUT, signed_in, || Some(Event::SignOut(Reply::nobody()))),
            self.entry(words::QUIT, true, || Some(Event::Quit)),
        ]
    }
}

/// The company's symbol where there is one, else the app's own; with a dot while calls were missed.
fn icon(tray: &Tray) -> Icon {
    let pixels: Pixels = tray.symbol.clone().unwrap_or_else(icons::tray);
    let mut data = if tray.missed > 0 { with_dot(pixels.rgba(), pixels.width()) } else { pixels.rgba().to_vec() };
    for pixel in data.chunks_exact_mut(4) {
        // Alpha comes first there.
        pixel.rotate_right(1);
    }
    let length = |length: u32| i32::try_from(length).expect("a picture is decoded within limits");
    Icon { width: length(pixels.width()), height: length(pixels.height()), data }
}

#[cfg(test)]
mod tests {
    use ksni::Tray as _;

    use super::*;
    use crate::controller::inbox;

    fn tray() -> Tray {
        Tray { status: "Ready for calls", missed: 0, symbol: None, in_call: false, signed_in: true }
    }

    fn item(tray: Tray) -> Item {
        let icon = icon(&tray);
        Item { id: "id".to_owned(), app_name: "Parcelo_2".to_owned(), inbox: inbox().0, tray, icon }
    }

    fn entries(item: &Item) -> Vec<(String, bool)> {
        let entry = |entry| match entry {
            MenuItem::Standard(StandardItem { label, enabled, .. }) => Some((label, enabled)),
            MenuItem::Separator => None,
            MenuItem::SubMenu(_) | MenuItem::Checkmark(_) | MenuItem::RadioGroup(_) => panic!("there is none"),
        };
        item.menu().into_iter().filter_map(entry).collect()
    }

    #[test]
    fn the_menu_offers_what_makes_sense_now_and_each_entry_keeps_its_place() {
        let mut item = item(tray());
        let row = |label: &str, enabled| (label.to_owned(), enabled);
        assert_eq!(
            entries(&item),
            [
                row("Ready for calls", false),
                row("No missed calls", false),
                row("Open Parcelo__2", true),
                row("Hang up", false),
                row("Sign out", true),
                row("Quit", true)
            ]
        );
        item.change(Tray { status: "In a call", missed: 2, in_call: true, ..tray() });
        assert_eq!(
            entries(&item),
            [
                row("In a call", false),
                row("2 missed calls", true),
                row("Return to call", true),
                row("Hang up", true),
                row("Sign out", true),
                row("Quit", true)
            ]
        );
    }

    #[test]
    fn the_icon_has_a_dot_while_calls_were_missed() {
        let mut item = item(tray());
        let plain = item.icon_pixmap().remove(0).data;
        item.change(Tray { missed: 1, ..tray() });
        let dotted = item.icon_pixmap().remove(0);
        let (x, y) = (dotted.width as usize * 78 / 100, dotted.height as usize * 22 / 100);
        let at = (y * dotted.width as usize + x) * 4;
        assert_eq!(dotted.data[at..at + 4], [255, 200, 54, 45], "alpha, red, green and blue in the middle of the dot");
        item.change(tray());
        assert_eq!(item.icon_pixmap().remove(0).data, plain);
    }
}
