use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask, ImageFormat, MapState, Window as Id,
};
use x11rb::rust_connection::RustConnection;

use crate::PATIENCE;

/// More colours than a window has that shows nothing yet.
const FEW_COLOURS: usize = 8;
/// So far apart are the rows that are looked at: a line of text is higher.
const ROWS_APART: usize = 12;
/// How often a window is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(4);

/// What is on a display, for looks that must not take long.
pub struct Screen {
    connection: RustConnection,
    root: Id,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    pub(super) fn connect(display: &str) -> Result<Self> {
        let (connection, number) = x11rb::connect(Some(display)).context("connecting to the display")?;
        let root = connection.setup().roots.get(number).context("the display has a screen")?.root;
        Ok(Self { connection, root })
    }

    /// Waits until a window of this title shows something, and returns when it did.
    pub async fn painted(&self, title: &str) -> Result<Instant> {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(window) = self.find(title)?
                && self.colours(window).unwrap_or(0) > FEW_COLOURS
            {
                return Ok(Instant::now());
            }
            anyhow::ensure!(Instant::now() < limit, "nothing is shown in a window {title:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks a window to close, as its frame's button does.
    pub fn close(&self, title: &str) -> Result<()> {
        let window = self.find(title)?.with_context(|| format!("no window {title:?}"))?;
        let close = self.connection.intern_atom(false, b"_NET_CLOSE_WINDOW")?.reply()?.atom;
        let message = ClientMessageEvent::new(32, window, close, [0, 2, 0, 0, 0]);
        let managers = EventMask::SUBSTRUCTURE_NOTIFY | EventMask::SUBSTRUCTURE_REDIRECT;
        self.connection.send_event(false, self.root, managers, message)?.check()?;
        Ok(())
    }

    /// Where a window's inner part is on the screen, and how large.
    pub fn place(&self, title: &str) -> Result<(i16, i16, u16, u16)> {
        let window = self.find(title)?.with_context(|| format!("no window {title:?}"))?;
        let size = self.connection.get_geometry(window)?.reply()?;
        let corner = self.connection.translate_coordinates(window, self.root, 0, 0)?.reply()?;
        Ok((corner.dst_x, corner.dst_y, size.width, size.height))
    }

    /// Makes a window as large as its user might have made it.
    pub fn resize(&self, title: &str, width: u32, height: u32) -> Result<()> {
        let window = self.find(title)?.with_context(|| format!("no window {title:?}"))?;
        self.connection.configure_window(window, &ConfigureWindowAux::new().width(width).height(height))?.check()?;
        Ok(())
    }

    /// Waits until a window is so large.
    pub async fn until_sized(&self, title: &str, width: u16, height: u16) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        while self.place(title).map(|(_, _, width, height)| (width, height)).ok() != Some((width, height)) {
            anyhow::ensure!(Instant::now() < limit, "{title:?} is {:?}", self.place(title));
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// A window of this title that can be seen. Window managers put windows into frames, so all of the tree is looked through.
    fn find(&self, title: &str) -> Result<Option<Id>> {
        let name = self.connection.intern_atom(false, b"_NET_WM_NAME")?.reply()?.atom;
        let mut open = vec![self.root];
        while let Some(window) = open.pop() {
            // Windows may go while they are looked at.
            let Ok(tree) = self.connection.query_tree(window)?.reply() else { continue };
            open.extend(tree.children);
            let Ok(text) = self.connection.get_property(false, window, name, AtomEnum::ANY, 0, 64)?.reply() else { continue };
            let is_shown = || self.connection.get_window_attributes(window).ok()?.reply().ok().map(|found| found.map_state);
            if text.value == title.as_bytes() && is_shown() == Some(MapState::VIEWABLE) {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }

    /// How many colours are in some rows of a window. Looking at all of it would take the computer's time from what is waited for.
    fn colours(&self, window: Id) -> Result<usize> {
        let size = self.connection.get_geometry(window)?.reply()?;
        let row = |y: i16| self.connection.get_image(ImageFormat::Z_PIXMAP, window, 0, y, size.width, 1, u32::MAX);
        let rows = (0..i16::try_from(size.height)?).step_by(ROWS_APART).map(row).collect::<Result<Vec<_>, _>>()?;
        let mut colours = BTreeSet::new();
        for row in rows {
            colours.extend(row.reply()?.data.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        }
        Ok(colours.len())
    }
}
