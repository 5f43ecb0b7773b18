use std::collections::HashMap;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use zbus::Connection;
use zbus::zvariant::{OwnedValue, Structure, Value};

use crate::PATIENCE;
use crate::desktop::{Desktop, connect};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const MENU: &str = "com.canonical.dbusmenu";

/// An entry of a menu: its number, what is known of it, and what is below it.
type Entry = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// The part of a desktop that shows tray icons, as far as programs see of it.
#[derive(Debug)]
pub struct Tray {
    connection: Connection,
    items: mpsc::UnboundedReceiver<String>,
}

struct Watcher {
    items: mpsc::UnboundedSender<String>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str) {
        // A test that has seen enough hears no more.
        let _ = self.items.send(service.to_owned());
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }
}

impl Tray {
    /// Appears on a desktop.
    pub async fn appear(desktop: &Desktop) -> Result<Self> {
        let (sender, items) = mpsc::unbounded_channel();
        let connection = connect(desktop.bus_address()).await?;
        connection.object_server().at("/StatusNotifierWatcher", Watcher { items: sender }).await?;
        connection.request_name(WATCHER).await?;
        Ok(Self { connection, items })
    }

    /// Waits for an icon, and returns whose it is.
    pub async fn item(&mut self) -> Result<String> {
        let item = tokio::time::timeout(PATIENCE, self.items.recv()).await.context("no program has an icon in the tray")?;
        item.context("the tray is there")
    }

    /// The entries of an icon's menu that can be chosen, by their words.
    pub async fn menu(&self, item: &str) -> Result<Vec<(String, i32)>> {
        let properties: &[&str] = &[];
        let answer = self.connection.call_method(Some(item), "/MenuBar", Some(MENU), "GetLayout", &(0_i32, -1_i32, properties)).await?;
        let (_revision, (_root, _properties, children)): (u32, Entry) = answer.body().deserialize()?;
        Ok(children.iter().filter_map(entry).collect())
    }

    /// Chooses an entry of an icon's menu.
    pub async fn choose(&self, item: &str, words: &str) -> Result<()> {
        let menu = self.menu(item).await?;
        let (_, id) = menu.iter().find(|(label, _)| label == words).with_context(|| format!("no entry {words:?} in {menu:?}"))?;
        let clicked = (*id, "clicked", Value::I32(0), 0_u32);
        self.connection.call_method(Some(item), "/MenuBar", Some(MENU), "Event", &clicked).await.map(drop).context("choosing an entry")
    }
}

/// The words and the number of an entry that can be chosen.
fn entry(child: &OwnedValue) -> Option<(String, i32)> {
    let fields = child.downcast_ref::<Structure<'_>>().ok()?;
    let [Value::I32(id), Value::Dict(properties), _] = fields.fields() else { return None };
    let label: String = properties.get(&"label").ok()??;
    let enabled: Option<bool> = properties.get(&"enabled").ok()?;
    enabled.unwrap_or(true).then_some((label, *id))
}
