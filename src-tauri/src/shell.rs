use crate::controller::{Event, Reply};
use crate::view::{AppView, Problem, ProblemCode};
use tokio::sync::{mpsc, oneshot, watch};

/// What commands, notification and tray speak to: the controller's inbox, and the latest view.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    inbox: mpsc::UnboundedSender<Event>,
    views: watch::Receiver<AppView>,
}

impl Desk {
    /// Gives the latest view.
    pub(crate) fn view(&self) -> AppView {
        self.views.borrow().clone()
    }

    /// Tells the controller of something and waits for its answer.
    pub(crate) async fn ask(&self, event: impl FnOnce(Reply) -> Event) -> Result<(), Problem> {
        let (reply, answer) = oneshot::channel();
        let closing = || Problem::new(ProblemCode::NotInitialized, "the app is closing");
        self.inbox.send(event(Reply(reply))).map_err(|_| closing())?;
        answer.await.map_err(|_| closing())?
    }
}
