//! The running service: opens everything in the right order, and stops it in the opposite one.

mod deciding;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signedcall_wire::Redacted;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::deciding::{Deciding, Joining, Last, join};
use crate::account::AccountError;
use crate::admission::Admission;
use crate::api::{self, Api, Stores};
use crate::bus::ConnectBusError;
use crate::cluster::{Exchange, Opening};
use crate::dashboard::{self, Dashboard, DashboardSettings, FIRST_OPERATOR, OperatorError};
use crate::demo::ensure_demo;
use crate::erasure::erase;
use crate::gate::{Gate, GateSettings};
use crate::key_use::{KeyUse, note_use};
use crate::keys::{KeyVerifier, NoRandomness};
use crate::metrics::Metrics;
use crate::operator::{self, Operator};
use crate::push::{PushParts, PushTrials, StartPushError, send_pushes, tell_failed};
use crate::receipts::ReceiptMaker;
use crate::relay::{Relay, StartRelayError};
use crate::settings::Settings;
use crate::store::{
    Accounts, Location, Outbox, StoreError, StoreProbe, UsedTokens, WakeTargets, create_private_directory, give_to_owner_of_folder,
};
use crate::tenancy::Tenancy;
use crate::tls::{self, TlsError};
use crate::tokens::TokenVerifier;
use crate::wake::{self, Registered, WakeLines};
use crate::web::{self, Door, SIGNALLING_PATH, Web};
use crate::webhooks::deliver;
use crate::withdrawals::Withdrawals;

/// The file that accounts and records are in, in the data directory.
pub const STORE_FILE: &str = "store.sqlite";

/// How long a command waits for a service that has begun just now to bring the store up to date, which takes a moment even for many records.
const BROUGHT_UP_TO_DATE_WITHIN: Duration = Duration::from_secs(2);
/// How long it waits between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How many connections to the dashboard may wait for a sign-in: each holds one of the files that the process may have open, which devices need.
const MOST_OPERATORS_WAIT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(127);

/// How long the hub's task may take to say that it lives.
const LIVES_WITHIN: Duration = Duration::from_secs(1);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("the data directory {path} cannot be used: {source}", path = .path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another service uses the data directory.
    #[error("another service is running with the data directory {path}", path = .0.display())]
    InUse(PathBuf),
    /// An older service uses the data directory, and would not know its way about in a store that is brought up to date.
    #[error(
        "the service that is running with the data directory {path} is older than this program, and its store has to stay as it is; \
         stop the service first, or use the program that it was started from",
        path = .0.display()
    )]
    OlderRuns(PathBuf),
    /// Another service has the calls of the database.
    #[error("the calls in {store} are another service's: {whose}")]
    Owned {
        /// The database.
        store: Location,
        /// Whose they are.
        whose: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The demo account cannot be made.
    #[error(transparent)]
    Demo(#[from] AccountError),
    /// There is no way to the bus.
    #[error(transparent)]
    Bus(#[from] ConnectBusError),
    /// Nothing can be pushed.
    #[error(transparent)]
    Push(#[from] StartPushError),
    /// The relay did not start.
    #[error(transparent)]
    Relay(#[from] StartRelayError),
    /// The address cannot be listened on.
    #[error("the service cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no TLS although it was asked for.
    #[error("no TLS: {0}")]
    Tls(#[from] TlsError),
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Nobody can be let in to the dashboard.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

/// A running service. Dropping it leaves it running; [`Service::shutdown`] stops it.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    encrypted: bool,
    relay_address: Option<SocketAddr>,
    operator_address: Option<SocketAddr>,
    dashboard_address: Option<SocketAddr>,
    first_link: Option<Redacted<String>>,
    demo_key: Option<Redacted<String>>,
    drain_for: Duration,
    exchange: Exchange,
    wake_lines: Arc<WakeLines>,
    web: JoinHandle<()>,
    watch: JoinHandle<()>,
    webhooks: JoinHandle<()>,
    pushes: JoinHandle<()>,
    key_use: JoinHandle<()>,
    erasure: JoinHandle<()>,
    deciding: Deciding,
    operator: Option<JoinHandle<()>>,
    dashboard: Option<JoinHandle<()>>,
    renewal: Option<(tls::Renewal, JoinHandle<()>)>,
}

/// Starts a service within this process, on the current tokio runtime, and returns once it listens.
///
/// With [`Settings::on_loopback`] and a temporary directory this is all that a test needs:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use signedcall_server::{Settings, serve};
///
/// let data = tempfile::tempdir()?;
/// let service = serve(Settings::on_loopback(data.path().to_owned()), None).await?;
/// println!("{} takes the account `demo` with the key {}", service.url(), service.demo_key().expect("demo is set").expose());
/// service.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// `demo_key` is what the demo account's development key is to be, when there is a demo account.
///
/// # Errors
/// [`StartError`] names what could not be opened.
pub async fn serve(settings: Settings, demo_key: Option<Redacted<String>>) -> Result<Service, StartError> {
    let (store, shown) = (settings.location(), DashboardSettings::from(&settings));
    let (renewal, tls) = settings.tls.map(tls::Renewal::start).transpose()?.unzip();
    let encrypted = tls.is_some();
    let lock = lock_data(&settings.data)?;
    let accounts = Arc::new(Accounts::open(&store)?);
    let joining = match &settings.cluster {
        Some(cluster) => Joining::Cluster(join(cluster, &store).await?),
        None => Joining::Nobody(Tenancy::begin(&store).await?),
    };
    let demo_key = if settings.demo { Some(ensure_demo(&accounts, &settings.data, demo_key, settings.demo_max_call)?) } else { None };
    let (listener, address) = listen(settings.listen).await?;
    let for_operator = match settings.operator_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let operator_address = for_operator.as_ref().map(|(_, address)| *address);
    let for_dashboard = match settings.dashboard_listen {
        Some(address) => Some((listen(address).await?, Stores::open(&accounts)?)),
        None => None,
    };
    let dashboard_address = for_dashboard.as_ref().map(|((_, address), _)| *address);
    let first_link = match dashboard_address {
        Some(address) if !accounts.has_operator()? => {
            let link = dashboard::new_link(&accounts, FIRST_OPERATOR)?;
            Some(Redacted::new(format!("{}://{address}{}", if encrypted { "https" } else { "http" }, link.expose())))
        }
        Some(_) | None => None,
    };
    let (metrics, gate) = (Arc::<Metrics>::default(), Gate::new(settings.gate));
    let (withdrawals, withdrawn) = Withdrawals::read(Arc::new(accounts.open_again()?))?;
    let tokens = (TokenVerifier::new(settings.tokens.clone()), UsedTokens::start(&store)?);
    let key_use = KeyUse::open(&accounts)?;
    let (receipts, outbox, stores) = (ReceiptMaker::start(accounts.open_again()?)?, Outbox::open(&store)?, Stores::open(&accounts)?);
    let push = PushParts::open(&settings.push, &store)?;
    let (to_erase, probe) = (Arc::new(accounts.open_again()?), StoreProbe::open(&store)?);
    let (push_filled, push_jobs, pushes) = (push.thread.filled(), push.thread.jobs(), push.pushes);
    let wake_lines = WakeLines::new(push.key.clone(), settings.wake_lines, settings.gate, joining.bus());
    let registered = Registered::new(WakeTargets::open(&store)?);
    let opening = Opening {
        store,
        hub: settings.hub,
        metrics: Arc::clone(&metrics),
        receipts,
        push_jobs: push_jobs.clone(),
        push_key: push.key,
        pushes: Arc::clone(&pushes),
        accounts: Arc::new(accounts.open_again()?),
        figures: Arc::default(),
        filled: Arc::default(),
    };
    let (store_figures, filled) = (Arc::clone(&opening.figures), Arc::clone(&opening.filled));
    let joining = joining.open(opening)?;
    let admission = Arc::new(Admission::new(accounts, (KeyVerifier::new()?, Arc::clone(&key_use)), tokens));
    // Last of what can fail: what is spawned goes on, and would keep ports and data from the next attempt.
    let relay = Arc::new(Relay::start(&settings.relay, settings.relay_credentials_for).await?);
    let (relay_address, quota) = (relay.address(), relay.quota());
    relay.withdraw(&withdrawn);
    let (stop_pushes, pushes_stop) = oneshot::channel();
    let (pushes_live, pushes_over) = oneshot::channel::<()>();
    let last = Last { stop_pushes, pushes_over, push_thread: push.thread, lock };
    let (deciding, exchange) = joining.start(Arc::clone(&relay), settings.drain_for, last).await;
    let figures = Operator::new(exchange.clone(), (Arc::clone(&metrics), Arc::clone(&gate)), store_figures, quota, probe);
    let operator = for_operator.map(|(listener, _)| tokio::spawn(operator::serve(listener, figures.clone())));
    let trials = PushTrials::new(Arc::clone(&push.senders));
    let api = Api::new(settings.api, settings.tokens, Arc::clone(&admission), stores, exchange.clone(), trials);
    let api = api::router(api, Arc::clone(&metrics));
    let dashboard = match for_dashboard {
        Some(((listener, _), stores)) => {
            let dashboard = dashboard::router(Dashboard::new(stores, api.clone(), figures, shown, encrypted)?);
            let door = Door {
                tls: tls.clone(),
                // Its own, so that nobody who waits for a device's sign-in keeps an operator out.
                gate: Gate::new(GateSettings { most: settings.gate.most.min(MOST_OPERATORS_WAIT), ..settings.gate }),
                metrics: Arc::clone(&metrics),
                patience: settings.sockets.sign_in_within,
            };
            Some(tokio::spawn(web::let_in(listener, door, dashboard)))
        }
        None => None,
    };
    let web = Web::new(exchange.clone(), admission, settings.sockets, (metrics, gate));
    let web = tokio::spawn(web::serve(listener, tls, web, api.merge(wake::router(Arc::clone(&wake_lines), registered))));
    let watch = tokio::spawn(withdrawals.watch(exchange.clone(), relay));
    let erasure = tokio::spawn(erase(to_erase, settings.keep_records));
    let key_use = tokio::spawn(note_use(key_use, exchange.clone()));
    // Last: a service that does not start tells nobody anything.
    let webhooks = tokio::spawn(deliver(outbox, settings.webhooks, filled));
    // It ends with the thread that says so.
    drop(tokio::spawn(tell_failed(push.failed, exchange.clone())));
    let sending = exchange.clone();
    let pushes = tokio::spawn(async move {
        send_pushes(push.senders, pushes, push_filled, push_jobs, sending, pushes_stop).await;
        drop(pushes_live);
    });
    let drain_for = settings.drain_for;
    Ok(Service {
        address,
        encrypted,
        relay_address,
        operator_address,
        dashboard_address,
        first_link,
        demo_key,
        drain_for,
        exchange,
        wake_lines,
        web,
        watch,
        webhooks,
        pushes,
        key_use,
        erasure,
        deciding,
        operator,
        dashboard,
        renewal: renewal.map(|renewal| (renewal.clone(), tokio::spawn(renewal.watch()))),
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

impl Service {
    /// Where it listens for WebSockets.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where devices reach its relay, if it is the embedded one.
    pub const fn relay_address(&self) -> Option<SocketAddr> {
        self.relay_address
    }

    /// Where it listens for whoever operates it, if it does.
    pub const fn operator_address(&self) -> Option<SocketAddr> {
        self.operator_address
    }

    /// Where it listens for whoever opens its dashboard, if it does.
    pub const fn dashboard_address(&self) -> Option<SocketAddr> {
        self.dashboard_address
    }

    /// The link by which the first operator chooses a password, while there is a dashboard and nobody can sign in to it.
    pub const fn first_link(&self) -> Option<&Redacted<String>> {
        self.first_link.as_ref()
    }

    /// The URL that devices open.
    pub fn url(&self) -> String {
        format!("{}://{}{SIGNALLING_PATH}", if self.encrypted { "wss" } else { "ws" }, self.address)
    }

    /// The demo account's key for the development environment, when there is a demo account.
    pub const fn demo_key(&self) -> Option<&Redacted<String>> {
        self.demo_key.as_ref()
    }

    /// Reads the files of the TLS certificate again, if there is one, for the connections that come. That is done by itself when they change.
    ///
    /// # Errors
    /// They cannot be used, and those that were read before go on.
    pub async fn renew_tls(&self) -> Result<(), TlsError> {
        match &self.renewal {
            Some((renewal, _)) => renewal.renew().await,
            None => Ok(()),
        }
    }

    /// Whether it does what it should: its hub answers, and somebody writes records.
    pub async fn lives(&self) -> bool {
        self.exchange.live(LIVES_WITHIN).await
    }

    /// Returns when the service has stopped working by itself, which it only does when there is a bug in it.
    pub async fn failed(&mut self) {
        self.deciding.failed().await;
    }

    /// Tells every device to leave, places no more calls, waits until they have left or the time is up, and returns when everything is written. Calls
    /// outlive it: the next service that is started on the same data goes on with them, or the other nodes of its cluster.
    pub async fn shutdown(self) {
        self.web.abort();
        self.wake_lines.close();
        if let Some(dashboard) = &self.dashboard {
            dashboard.abort();
        }
        self.watch.abort();
        self.key_use.abort();
        if let Some((_, renewal)) = &self.renewal {
            renewal.abort();
        }
        self.erasure.abort();
        self.deciding.shutdown(&self.exchange, self.drain_for).await;
        // Until then it tells of the calls that end meanwhile. What was not sent is sent by the next service.
        self.webhooks.abort();
        self.pushes.abort();
        // Until then it says that the service is about to stop.
        if let Some(operator) = self.operator {
            operator.abort();
        }
    }
}

/// Opens the accounts that some settings lead to for a command, beside a service that may be running there.
///
/// # Errors
/// The store is of an older version, and a service is running on it; it cannot be used.
pub fn open_accounts(settings: &Settings) -> Result<Accounts, StartError> {
    let (data, store) = (&settings.data, settings.location());
    let until = Instant::now() + BROUGHT_UP_TO_DATE_WITHIN;
    loop {
        if Accounts::are_current(&store)? {
            return Ok(Accounts::open(&store)?);
        }
        match lock_data(data) {
            Ok(lock) => {
                // Held until the store is brought up to date: no service may begin meanwhile either.
                let accounts = Accounts::open(&store)?;
                drop(lock);
                return Ok(accounts);
            }
            // It may have begun a moment ago, and be about to bring the store up to date itself.
            Err(StartError::InUse(_)) if Instant::now() < until => std::thread::sleep(LOOK_AGAIN_AFTER),
            Err(StartError::InUse(path)) => return Err(StartError::OlderRuns(path)),
            Err(error) => return Err(error),
        }
    }
}

/// Two services on one store would close each other's records.
pub(crate) fn lock_data(data: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Data { path: data.to_owned(), source };
    create_private_directory(data).map_err(failed)?;
    let path = data.join("lock");
    let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
    give_to_owner_of_folder(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
