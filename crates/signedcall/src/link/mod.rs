//! The way to the service: one WebSocket at a time, opened again whenever it is lost.

mod backoff;
mod pings;
mod socket;
mod surroundings;
#[cfg(test)]
mod tests;
mod wake;

use std::time::Duration;

use rand::Rng;
use signedcall_wire::{ClientMessage, ServiceMessage};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use url::Url;

use backoff::Backoff;
use socket::{News, Socket};
use surroundings::{Change, Surroundings};
pub use wake::{WakeAnswer, WakeLine, WakePush};

use crate::clock::Clock;
use crate::line_check::Pong;

/// What the service is reached at, below the URL that the embedder gives.
const PATH: &str = "/v1/signalling";
/// How much a socket may tell before it has to wait for the driver; what waits is still in the operating system's buffers.
const NEWS: usize = 32;

/// How closely the service is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// No call goes on: often enough to keep the path through a NAT open.
    Idle,
    /// A call goes on, and the user must learn within seconds that its signalling is cut.
    InCall,
}

impl Pace {
    fn ping_every(self) -> Duration {
        match self {
            Self::Idle => Duration::from_secs(25),
            Self::InCall => Duration::from_secs(1),
        }
    }

    /// How long the answer to a ping may take: as long as in the slowest network that still carries a call.
    fn patience(self) -> Duration {
        match self {
            Self::Idle => Duration::from_secs(10),
            Self::InCall => Duration::from_secs(3),
        }
    }
}

/// What the link tells the driver.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A socket is open and waits for its first frame. From here on nothing of an earlier one is told.
    Opened,
    /// The socket is gone; another is being opened. Told once for each that was open.
    Lost,
    /// Another attempt has failed; the next follows by itself.
    Unreachable,
    /// This computer is in another network, and the way to the service is being looked for from there.
    NetworkChanged,
    /// This computer has slept, or a network has come or gone: whatever was under way before may be lost.
    Doubtful,
    /// The service said something. Boxed, since nothing else says as much.
    Received(Box<ServiceMessage>),
}

/// The way to the service. It opens sockets by itself until it is closed.
#[derive(Debug)]
pub(crate) struct Link {
    address: ServiceAddress,
    clock: Clock,
    pace: Pace,
    backoff: Backoff,
    surroundings: Surroundings,
    number: u64,
    /// Sockets on their way, oldest first. The first that opens is taken.
    opening: Vec<Opening>,
    current: Option<(u64, Socket)>,
    /// A socket was given up without having ended by itself; to be told.
    gave_up: bool,
    /// Whether there is nothing to say on a socket yet, so that none is opened.
    held: bool,
    /// The socket before the current one, kept until the service has greeted on the new one: what it still carries counts for nothing, but
    /// the service sees no gap.
    retiring: Option<Socket>,
    sender: mpsc::Sender<(u64, News)>,
    news: mpsc::Receiver<(u64, News)>,
}

#[derive(Debug)]
struct Opening {
    number: u64,
    task: AbortHandle,
}

/// Why a URL leads to no service.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum InvalidServiceUrl {
    #[error("the service URL cannot be read: {0}")]
    Unreadable(#[from] url::ParseError),
    #[error("the service URL begins with {0}:, not with ws: or wss:")]
    Scheme(String),
    #[error("the service URL has no host")]
    NoHost,
    #[error("ws: would send the api key unencrypted to another computer; use wss:")]
    Unencrypted,
}

/// Where a service is.
#[derive(Clone, Debug)]
pub(crate) struct ServiceAddress {
    url: Url,
}

impl ServiceAddress {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidServiceUrl> {
        Self::parse_for(text, PATH)
    }

    /// The same for something else that is served there.
    fn parse_for(text: &str, what: &str) -> Result<Self, InvalidServiceUrl> {
        let mut url = Url::parse(text)?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(InvalidServiceUrl::Scheme(url.scheme().to_owned()));
        }
        if url.host().is_none() {
            return Err(InvalidServiceUrl::NoHost);
        }
        let base = url.path().trim_end_matches('/');
        let path = format!("{}{what}", base.strip_suffix(PATH).unwrap_or(base));
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        let address = Self { url };
        if address.is_encrypted() || address.is_loopback() { Ok(address) } else { Err(InvalidServiceUrl::Unencrypted) }
    }

    fn is_encrypted(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// Whether the service runs on this machine, and so does everybody who can be called through it.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

impl Link {
    /// Makes a link that opens its first socket at once.
    pub(crate) fn open(address: &ServiceAddress, clock: Clock) -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        let mut link = Self {
            address: address.clone(),
            clock,
            pace: Pace::Idle,
            backoff: Backoff::default(),
            surroundings: Surroundings::look(clock),
            number: 0,
            opening: Vec::new(),
            current: None,
            gave_up: false,
            held: false,
            retiring: None,
            sender,
            news,
        };
        link.open_after(Duration::ZERO);
        link
    }

    /// Waits for the next thing to happen. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        loop {
            if std::mem::take(&mut self.gave_up) {
                return LinkEvent::Lost;
            }
            tokio::select! {
                news = self.news.recv() => {
                    let (number, news) = news.expect("the link holds a sender itself");
                    if let Some(event) = self.take(number, news) {
                        return event;
                    }
                }
                change = self.surroundings.change() => match change {
                    Change::Doubtful => {
                        tracing::info!("this computer has slept, or a network has come or gone; looking for the service");
                        self.doubt();
                        return LinkEvent::Doubtful;
                    }
                    Change::Moved => {
                        tracing::info!("this computer is in another network; going to the service from there");
                        self.doubt();
                        self.open_after(Duration::ZERO);
                        return LinkEvent::NetworkChanged;
                    }
                },
            }
        }
    }

    /// Sends a message on the open socket; does nothing without one, since the core repeats what matters on the next.
    pub(crate) fn send(&mut self, message: ClientMessage) {
        if let Some((_, socket)) = &self.current
            && !socket.send(message)
        {
            tracing::warn!("the socket to the service takes no more");
            self.gave_up = true;
            self.reopen(Duration::ZERO);
        }
    }

    /// Closes the socket and opens another, after at least this long.
    pub(crate) fn reopen(&mut self, after: Duration) {
        self.drop_socket();
        let wait = self.backoff.next_wait().max(after);
        self.open_after(wait);
    }

    /// Goes to another socket at a random moment within `spread`; the open one is kept until the service has greeted on the new one.
    pub(crate) fn move_within(&mut self, spread: Duration) {
        self.open_after(spread.mul_f64(rand::rng().random::<f64>()));
    }

    /// Closes the socket, and opens no other before there is something to say on it.
    pub(crate) fn hold(&mut self) {
        self.held = true;
        self.close();
    }

    /// Opens a socket at once, if none was to be opened before.
    pub(crate) fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            self.open_after(Duration::ZERO);
        }
    }

    /// Closes the socket and opens no other.
    pub(crate) fn close(&mut self) {
        self.drop_socket();
        self.give_up_opening();
    }

    /// Finds out at once whether the service can be reached, by the open socket or another.
    pub(crate) fn doubt(&mut self) {
        if let Some((_, socket)) = &self.current {
            socket.probe();
        }
        if !self.opening.is_empty() {
            self.backoff.reset();
            self.open_after(Duration::ZERO);
        }
    }

    /// Changes how closely the service is watched.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if self.pace == pace {
            return;
        }
        self.pace = pace;
        if let Some((_, socket)) = &self.current {
            socket.set_pace(pace);
        }
    }

    /// Asks the service for a sign of life, and gives what says how long it took; nothing where no socket is open.
    pub(crate) fn ask(&self) -> Pong {
        let (_, socket) = self.current.as_ref()?;
        socket.ask()
    }

    fn take(&mut self, number: u64, news: News) -> Option<LinkEvent> {
        match news {
            News::Opened(socket) => {
                if !self.is_opening(number) {
                    return None;
                }
                self.give_up_opening_but(number);
                socket.set_pace(self.pace);
                self.retiring = self.current.replace((number, socket)).map(|(_, old)| old);
                Some(LinkEvent::Opened)
            }
            News::Slow => {
                if self.opening.last().is_some_and(|newest| newest.number == number) && self.backoff.is_eager() {
                    // What was sent into a network that was down is repeated by the system only after seconds; a new attempt gets through at once.
                    let _ = self.backoff.next_wait();
                    self.launch(Duration::ZERO);
                }
                None
            }
            News::NotOpened => {
                if !self.is_opening(number) {
                    return None;
                }
                self.opening.retain(|opening| opening.number != number);
                if self.opening.is_empty() {
                    let wait = self.backoff.next_wait();
                    self.launch(wait);
                }
                Some(LinkEvent::Unreachable)
            }
            News::Heard(message) => {
                if !self.is_current(number) {
                    return None;
                }
                // Only a service that speaks is there: one that takes sockets and drops them is not hurried.
                self.backoff.reset();
                self.retiring = None;
                Some(LinkEvent::Received(message))
            }
            News::Gone => {
                if !self.is_current(number) {
                    return None;
                }
                self.reopen(Duration::ZERO);
                Some(LinkEvent::Lost)
            }
        }
    }

    fn is_current(&self, number: u64) -> bool {
        self.current.as_ref().is_some_and(|(current, _)| *current == number)
    }

    fn drop_socket(&mut self) {
        self.current = None;
        self.retiring = None;
    }

    fn is_opening(&self, number: u64) -> bool {
        self.opening.iter().any(|opening| opening.number == number)
    }

    fn give_up_opening(&mut self) {
        for opening in self.opening.drain(..) {
            opening.task.abort();
        }
    }

    /// Forgets all sockets on their way. The one of this number is there, and its task serves it from now on.
    fn give_up_opening_but(&mut self, arrived: u64) {
        self.opening.retain(|opening| opening.number != arrived);
        self.give_up_opening();
    }

    /// Opens one socket, in the place of all that are on their way.
    fn open_after(&mut self, wait: Duration) {
        self.give_up_opening();
        self.launch(wait);
    }

    /// Opens one socket more.
    fn launch(&mut self, wait: Duration) {
        if self.held {
            return;
        }
        self.number += 1;
        let (address, number, pace, clock, news) = (self.address.clone(), self.number, self.pace, self.clock, self.sender.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            socket::run(&address, number, pace, clock, news).await;
        });
        self.opening.push(Opening { number, task: task.abort_handle() });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}
