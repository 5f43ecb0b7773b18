use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::message::Type;
use zbus::zvariant::{OwnedValue, Value};

use crate::desktop::connect;

/// A notification as a program asked for it.
#[derive(Clone, Debug, Default)]
pub struct Notice {
    /// The headline.
    pub summary: String,
    /// The text below.
    pub body: String,
    /// Keys and labels, alternating.
    actions: Vec<String>,
    /// 2 is critical.
    pub urgency: Option<u8>,
    /// What kind it is.
    pub category: Option<String>,
    /// Whether a picture came with it.
    pub has_image: bool,
}

impl Notice {
    /// The words on the actions, in order.
    pub fn labels(&self) -> Vec<String> {
        self.actions.chunks_exact(2).map(|pair| pair[1].clone()).collect()
    }

    fn rings(&self) -> bool {
        self.category.as_deref() == Some("call.incoming")
    }
}

/// What happened to notifications.
#[derive(Clone, Debug)]
enum Happening {
    Shown(Notice),
    Withdrawn,
    Chosen(String),
    Closed,
}

/// Everything that programs and the notification daemon of one desktop say to each other, listened to on the bus.
#[derive(Debug)]
pub struct Notifications {
    seen: Arc<Mutex<Vec<(Instant, Happening)>>>,
    count: watch::Receiver<usize>,
    listener: tokio::task::JoinHandle<()>,
}

type Notify = (String, u32, String, String, String, Vec<String>, BTreeMap<String, OwnedValue>, i32);

impl Notifications {
    pub(crate) async fn watch(bus: &str) -> Result<Self> {
        let connection = connect(bus).await?;
        let mut messages = zbus::MessageStream::from(&connection);
        let rule = "interface='org.freedesktop.Notifications'".try_into()?;
        zbus::fdo::MonitoringProxy::new(&connection).await?.become_monitor(&[rule], 0).await?;
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let (counted, count) = watch::channel(0);
        let into = Arc::clone(&seen);
        let listener = tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if let Some(happening) = read(&message) {
                    into.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), happening));
                    counted.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { seen, count, listener })
    }

    fn happenings(&self) -> Vec<(Instant, Happening)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much has happened: what the waiting functions take as the beginning.
    pub fn mark(&self) -> usize {
        self.happenings().len()
    }

    /// The last notification that a program has asked for.
    pub fn last(&self) -> Option<Notice> {
        self.happenings()
            .into_iter()
            .rev()
            .find_map(|(_, happening)| if let Happening::Shown(notice) = happening { Some(notice) } else { None })
    }

    async fn wait<T>(&self, mark: usize, what: &str, limit: Duration, accept: impl Fn(&Happening) -> Option<T>) -> Result<(Instant, T)> {
        let mut count = self.count.clone();
        let found = async {
            loop {
                count.mark_unchanged();
                if let Some(found) = self.happenings().iter().skip(mark).find_map(|(at, happening)| Some((*at, accept(happening)?))) {
                    return Some(found);
                }
                if count.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(limit, found).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => bail!("the bus has gone while {what} was waited for"),
            Err(_) => bail!("no {what} within {limit:?}; seen: {:?}", self.happenings()),
        }
    }

    /// Waits for a notification.
    pub async fn shown(&self, mark: usize) -> Result<Notice> {
        let shown = |happening: &Happening| if let Happening::Shown(notice) = happening { Some(notice.clone()) } else { None };
        Ok(self.wait(mark, "notification", crate::PATIENCE, shown).await?.1)
    }

    /// Waits for the notification of a call that rings, and says when it came.
    pub async fn rings(&self, mark: usize) -> Result<(Instant, Notice)> {
        let rings = |happening: &Happening| match happening {
            Happening::Shown(notice) => notice.rings().then(|| notice.clone()),
            Happening::Withdrawn | Happening::Chosen(_) | Happening::Closed => None,
        };
        self.wait(mark, "notification of a call", crate::PATIENCE, rings).await
    }

    /// How many calls have rung since.
    pub fn rung(&self, mark: usize) -> usize {
        let rings = |happening: &Happening| matches!(happening, Happening::Shown(notice) if notice.rings());
        self.happenings().iter().skip(mark).filter(|(_, happening)| rings(happening)).count()
    }

    /// Waits for a notification with this headline: one of an earlier call may come later than its screen, and after a quick answer.
    pub async fn shown_for(&self, mark: usize, summary: &str) -> Result<Notice> {
        let shown = |happening: &Happening| match happening {
            Happening::Shown(notice) => (notice.summary == summary).then(|| notice.clone()),
            Happening::Withdrawn | Happening::Chosen(_) | Happening::Closed => None,
        };
        Ok(self.wait(mark, &format!("notification {summary:?}"), crate::PATIENCE, shown).await?.1)
    }

    /// Waits until the daemon tells the program that an action was chosen, and returns its key.
    pub async fn chosen(&self, mark: usize) -> Result<(Instant, String)> {
        let chosen = |happening: &Happening| if let Happening::Chosen(key) = happening { Some(key.clone()) } else { None };
        self.wait(mark, "choice of an action", crate::PATIENCE, chosen).await
    }

    /// Waits until a notification is gone from the screen: chosen, withdrawn by the program or put away.
    pub async fn gone(&self, mark: usize) -> Result<()> {
        let gone = |happening: &Happening| matches!(happening, Happening::Closed | Happening::Withdrawn).then_some(());
        self.wait(mark, "end of a notification", crate::PATIENCE, gone).await.map(drop)
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn read(message: &zbus::Message) -> Option<Happening> {
    let header = message.header();
    let body = message.body();
    match (header.message_type(), header.member()?.as_str()) {
        (Type::MethodCall, "Notify") => {
            let (_, _, _, summary, text, actions, hints, _): Notify = body.deserialize().ok()?;
            Some(Happening::Shown(Notice {
                summary,
                body: text,
                actions,
                urgency: hints.get("urgency").and_then(|value| u8::try_from(value).ok()),
                category: hints
                    .get("category")
                    .and_then(|value| if let Value::Str(text) = &**value { Some(text.to_string()) } else { None }),
                has_image: ["image-data", "image_data", "image-path", "icon_data"].iter().any(|name| hints.contains_key(*name)),
            }))
        }
        (Type::MethodCall, "CloseNotification") => Some(Happening::Withdrawn),
        (Type::Signal, "ActionInvoked") => Some(Happening::Chosen(body.deserialize::<(u32, String)>().ok()?.1)),
        (Type::Signal, "NotificationClosed") => Some(Happening::Closed),
        _ => None,
    }
}
