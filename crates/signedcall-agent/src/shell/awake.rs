//! Keeps the machine from suspending during a call (R5).

use tokio::sync::watch;
use zbus::Connection;
use zbus::zvariant::OwnedFd;

use crate::words;

/// Asks that the machine stays awake, as long as it is set.
#[derive(Debug)]
pub(super) struct Inhibitor {
    wanted: watch::Sender<bool>,
}

impl Inhibitor {
    /// Makes one that asks for nothing yet.
    pub(super) fn new() -> Self {
        let (wanted, changes) = watch::channel(false);
        tokio::spawn(follow(changes));
        Self { wanted }
    }

    /// Asks, or no longer.
    pub(super) fn set(&self, awake: bool) {
        self.wanted.send_replace(awake);
    }
}

/// What keeps the machine awake.
#[derive(Debug)]
enum Lock {
    /// As long as the descriptor is open.
    LoginManager { _open: OwnedFd },
    /// Until it is given back; when this program ends without doing so, its connection does.
    ScreenSaver { session: Connection, cookie: u32 },
}

async fn follow(mut changes: watch::Receiver<bool>) {
    while changes.wait_for(|awake| *awake).await.is_ok() {
        let lock = match lock().await {
            Ok(lock) => Some(lock),
            Err(error) => {
                tracing::debug!(%error, "this machine may suspend during the call");
                None
            }
        };
        // A program that ends lets go as well.
        let over = changes.wait_for(|awake| !awake).await.is_err();
        if let Some(lock) = lock {
            lock.release().await;
        }
        if over {
            break;
        }
    }
}

/// Asks the login manager, and where there is none, the desktop's screen saver.
async fn lock() -> zbus::Result<Lock> {
    let asked = match Connection::system().await {
        Ok(system) => ask_login_manager(&system).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(lock) => Ok(lock),
        Err(error) => {
            tracing::debug!(%error, "the login manager does not keep the machine awake; asking the screen saver");
            ask_screen_saver(Connection::session().await?).await
        }
    }
}

async fn ask_login_manager(system: &Connection) -> zbus::Result<Lock> {
    let request = ("sleep:idle", words::APP, words::IN_A_CALL, "block");
    let (name, path, interface) = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager");
    let answer = system.call_method(Some(name), path, Some(interface), "Inhibit", &request).await?;
    Ok(Lock::LoginManager { _open: answer.body().deserialize()? })
}

const SCREEN_SAVER: &str = "org.freedesktop.ScreenSaver";
const SCREEN_SAVER_PATH: &str = "/org/freedesktop/ScreenSaver";

async fn ask_screen_saver(session: Connection) -> zbus::Result<Lock> {
    let request = (words::APP, words::IN_A_CALL);
    let answer = session.call_method(Some(SCREEN_SAVER), SCREEN_SAVER_PATH, Some(SCREEN_SAVER), "Inhibit", &request).await?;
    let cookie = answer.body().deserialize()?;
    Ok(Lock::ScreenSaver { session, cookie })
}

impl Lock {
    async fn release(self) {
        match self {
            Self::LoginManager { _open: open } => drop(open),
            Self::ScreenSaver { session, cookie } => {
                let given_back = session.call_method(Some(SCREEN_SAVER), SCREEN_SAVER_PATH, Some(SCREEN_SAVER), "UnInhibit", &cookie).await;
                if let Err(error) = given_back {
                    tracing::debug!(%error, "the screen saver does not take it back");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex, PoisonError};

    use zbus::connection::Builder;

    use super::*;

    /// What a part of the desktop was asked.
    type Asked = Arc<Mutex<Vec<String>>>;

    fn note(asked: &Asked, what: String) {
        asked.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn heard(asked: &Asked) -> Vec<String> {
        asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The login manager, whose descriptors are one end of a socket of which the test holds the other.
    struct LoginManager(Asked, Mutex<Option<UnixStream>>);

    #[zbus::interface(name = "org.freedesktop.login1.Manager")]
    impl LoginManager {
        fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::fdo::Result<OwnedFd> {
            note(&self.0, format!("{what}, {who}, {why}, {mode}"));
            let end = self.1.lock().unwrap_or_else(PoisonError::into_inner).take();
            let end = end.ok_or_else(|| zbus::fdo::Error::AccessDenied("only once".to_owned()))?;
            Ok(std::os::fd::OwnedFd::from(end).into())
        }
    }

    struct ScreenSaver(Asked);

    #[zbus::interface(name = "org.freedesktop.ScreenSaver")]
    impl ScreenSaver {
        fn inhibit(&self, who: &str, why: &str) -> u32 {
            note(&self.0, format!("{who}, {why}"));
            4711
        }

        fn un_inhibit(&self, cookie: u32) {
            note(&self.0, format!("back {cookie}"));
        }
    }

    /// Two ends of a bus on which there is nobody but them.
    async fn bus(serve: impl FnOnce(Builder<'static>) -> zbus::Result<Builder<'static>>) -> (Connection, Connection) {
        let (desktop, app) = UnixStream::pair().expect("a pair of sockets");
        let guid = zbus::Guid::generate();
        let desktop = Builder::async_io_unix_stream(desktop).server(guid).expect("a new id").p2p();
        let app = Builder::async_io_unix_stream(app).p2p();
        let desktop = serve(desktop).expect("a path and an interface");
        let (desktop, app) = tokio::join!(desktop.build(), app.build());
        (desktop.expect("both ends speak"), app.expect("both ends speak"))
    }

    #[tokio::test]
    async fn the_login_manager_is_asked_once_and_let_go_when_the_call_is_over() {
        let asked = Asked::default();
        let (mut held, end) = UnixStream::pair().expect("a pair of sockets");
        let manager = LoginManager(Arc::clone(&asked), Mutex::new(Some(end)));
        let (_desktop, app) = bus(|builder| builder.serve_at("/org/freedesktop/login1", manager)).await;
        let lock = ask_login_manager(&app).await.expect("it agrees");
        assert_eq!(heard(&asked), ["sleep:idle, Signed Call, A call is on, block"]);
        held.set_nonblocking(true).expect("a socket");
        let error = held.read(&mut [0]).expect_err("the other end is open");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        lock.release().await;
        held.set_nonblocking(false).expect("a socket");
        assert_eq!(held.read(&mut [0]).expect("the other end is closed"), 0);
    }

    #[tokio::test]
    async fn a_login_manager_that_refuses_is_an_error_and_no_lock() {
        let manager = LoginManager(Asked::default(), Mutex::new(None));
        let (_desktop, app) = bus(|builder| builder.serve_at("/org/freedesktop/login1", manager)).await;
        assert!(ask_login_manager(&app).await.is_err());
    }

    #[tokio::test]
    async fn the_screen_saver_gets_back_what_it_gave() {
        let asked = Asked::default();
        let saver = ScreenSaver(Arc::clone(&asked));
        let (_desktop, app) = bus(|builder| builder.serve_at(SCREEN_SAVER_PATH, saver)).await;
        let lock = ask_screen_saver(app).await.expect("it agrees");
        lock.release().await;
        assert_eq!(heard(&asked), ["Signed Call, A call is on", "back 4711"]);
    }
}
