//! The app's own distributor of pushes, for users who have installed none: a small program of the session that holds a light connection to the service,
//! and has the session bus start the app when a push comes. It runs while the app does not.
//!
//! To the app it is a distributor like any other ([`wake`](crate::wake)), but for a name of its own: it serves this app alone, and other programs are not to
//! choose it.

mod bus;
mod kept;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use signedcall::{Redacted, WakeAnswer, WakeLine, WakePush};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use zbus::{Connection, MessageStream};

use self::bus::{Delivery, deliver, tell_endpoint};
use self::kept::{Kept, Registered};
use crate::autostart::Autostart;
use crate::{machine, programs};

/// Its name on the session bus.
pub(crate) const NAME: &str = "org.signedcall.desktop.Distributor";
/// What the command line says that starts it.
pub(crate) const ARGUMENT: &str = "--distribute";
/// What a registration says beside what the specification has: the service that calls come by.
pub(crate) const SERVICE_URL: &str = "signedcall-url";

/// How long it stays without a registration: whoever has started it is about to ask for one.
const LINGER: Duration = Duration::from_secs(10);
/// How many registrations there may be: one for each profile.
const MOST: usize = 32;
/// How many pushes of a line wait while the bus starts the app.
const PUSHES: usize = 8;

/// What is asked of it.
#[derive(Debug)]
enum Asked {
    Register {
        service: String,
        token: Redacted<String>,
        url: String,
        reply: oneshot::Sender<Result<(), &'static str>>,
    },
    Unregister {
        token: Redacted<String>,
        reply: oneshot::Sender<()>,
    },
    /// Nobody is there any more for whom the pushes of a registration are.
    Gone {
        token: Redacted<String>,
    },
}

/// Runs the distributor until there is nothing for it to do, or the session ends.
pub(crate) async fn run() -> anyhow::Result<()> {
    let folder = dirs::state_dir().or_else(dirs::data_local_dir).context("this user has no home folder")?.join("signedcall");
    let autostart = dirs::config_dir().context("this user has no home folder")?.join("autostart");
    let autostart = Autostart::of_distributor(&autostart, &programs::to_wake()?);
    let (asks, asked) = mpsc::channel(MOST);
    let Some(bus) = bus::offer(asks.clone()).await? else { return Ok(()) };
    let session = session_end(bus.clone());
    let mut distributor = Distributor {
        kept: Kept::read(folder.join(format!("distributor-{}.json", machine::id()))),
        lines: HashMap::new(),
        bus,
        asks,
        autostart,
    };
    distributor.begin();
    tokio::select! {
        () = distributor.serve(asked) => {}
        () = session => tracing::debug!("the session has ended"),
    }
    Ok(())
}

/// Returns when the session bus is gone.
async fn session_end(bus: Connection) {
    let mut messages = MessageStream::from(bus);
    while messages.next().await.is_some_and(|message| message.is_ok()) {}
}

struct Distributor {
    kept: Kept,
    /// The line of each registration, by its token.
    lines: HashMap<String, Line>,
    bus: Connection,
    asks: mpsc::Sender<Asked>,
    autostart: Autostart,
}

/// What holds the line of a registration, and tells its app so. Dropping it ends both.
struct Line {
    holding: AbortHandle,
    telling: Option<AbortHandle>,
    held: watch::Receiver<bool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.holding.abort();
        self.telling.iter().for_each(AbortHandle::abort);
    }
}

impl Distributor {
    fn begin(&mut self) {
        for registered in self.kept.all().to_vec() {
            self.hold(registered);
        }
    }

    async fn serve(&mut self, mut asked: mpsc::Receiver<Asked>) {
        loop {
            let next = if self.kept.all().is_empty() {
                match tokio::time::timeout(LINGER, asked.recv()).await {
                    Ok(next) => next,
                    Err(_) => return tracing::debug!("nobody takes pushes here"),
                }
            } else {
                asked.recv().await
            };
            let Some(next) = next else { return };
            match next {
                Asked::Register { service, token, url, reply } => self.register(service, token, url, reply),
                Asked::Unregister { token, reply } => {
                    self.forget(&token);
                    let _ = reply.send(());
                }
                Asked::Gone { token } => self.forget(&token),
            }
        }
    }

    fn register(&mut self, service: String, token: Redacted<String>, url: String, reply: oneshot::Sender<Result<(), &'static str>>) {
        let earlier = self.kept.find(&token).filter(|earlier| earlier.url == url && earlier.service == service).cloned();
        let is_known = earlier.is_some();
        let Some(registered) = earlier.or_else(|| Some(Registered { service, token, url, secret: WakeLine::make_secret()? })) else {
            let _ = reply.send(Err("INTERNAL_ERROR"));
            return;
        };
        let Ok(line) = WakeLine::new(&registered.url, registered.secret.clone()) else {
            let _ = reply.send(Err("INTERNAL_ERROR"));
            return;
        };
        if !is_known {
            self.lines.remove(registered.token.expose());
            if self.kept.all().len() >= MOST || self.kept.put(registered.clone()).is_err() {
                let _ = reply.send(Err("INTERNAL_ERROR"));
                return;
            }
            self.hold(registered.clone());
        }
        // The next session starts it without the app, unless its user has switched that off in the desktop's list.
        if !self.autostart.is_there()
            && let Err(error) = self.autostart.set(true)
        {
            tracing::warn!(%error, "the session will not start this program");
        }
        let _ = reply.send(Ok(()));
        self.tell(registered, line.endpoint());
    }

    /// Tells an app where its pushes go, once they would come: a line that nobody holds brings none.
    fn tell(&mut self, registered: Registered, endpoint: Redacted<String>) {
        let Some(line) = self.lines.get_mut(registered.token.expose()) else { return };
        let (bus, mut held) = (self.bus.clone(), line.held.clone());
        let telling = tokio::spawn(async move {
            if held.wait_for(|held| *held).await.is_ok() {
                tell_endpoint(&bus, &registered, &endpoint).await;
            }
        });
        if let Some(before) = line.telling.replace(telling.abort_handle()) {
            before.abort();
        }
    }

    /// Holds the line of a registration.
    fn hold(&mut self, registered: Registered) {
        let Ok(line) = WakeLine::new(&registered.url, registered.secret.clone()) else { return };
        let (pushes, brought) = mpsc::channel(PUSHES);
        let (bus, asks, token) = (self.bus.clone(), self.asks.clone(), registered.token.expose().clone());
        let (tell, held) = watch::channel(false);
        let task = tokio::spawn(async move {
            tokio::join!(line.hold(pushes, tell), hand_on(bus, registered, brought, asks));
        });
        self.lines.insert(token, Line { holding: task.abort_handle(), telling: None, held });
    }

    fn forget(&mut self, token: &Redacted<String>) {
        self.lines.remove(token.expose());
        if let Err(error) = self.kept.remove(token) {
            tracing::warn!(%error, "a registration cannot be forgotten");
        }
        if self.kept.all().is_empty()
            && let Err(error) = self.autostart.set(false)
        {
            tracing::warn!(%error, "the session goes on to start this program");
        }
    }
}

/// Hands the pushes of a registration to its app.
async fn hand_on(bus: Connection, registered: Registered, mut brought: mpsc::Receiver<WakePush>, asks: mpsc::Sender<Asked>) {
    while let Some((sealed, answer)) = brought.recv().await {
        let delivery = deliver(&bus, &registered, sealed).await;
        tracing::info!(?delivery, "a push has come");
        let said = match delivery {
            Delivery::Delivered | Delivery::UnderWay => WakeAnswer::Taken,
            // Without an answer it comes once more.
            Delivery::Failed => continue,
            Delivery::Nobody => WakeAnswer::Gone,
        };
        // The line may have been lost meanwhile; then the push comes once more.
        let _ = answer.send(said);
        if said == WakeAnswer::Gone {
            let _ = asks.send(Asked::Gone { token: registered.token.clone() }).await;
        }
    }
}
