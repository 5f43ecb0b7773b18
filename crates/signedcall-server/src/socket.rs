//! One task for each socket: reads frames, has sign-ins checked, writes what the hub says, and notices silence.
//!
//! There are many sockets and most are idle, so what is rare is boxed: a task's memory is that of its largest branch.

mod end;
mod waits;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::SinkExt as _;
use signedcall_wire::{ClientMessage, Refusal, RequestId, ServiceMessage};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until, timeout};

use self::end::{End, end_after};
use self::waits::{Renewing, renewed, sent_away, told};
use crate::admission::{Admission, check_version, come_back};
use crate::cluster::Exchange;
use crate::codec::{self, Unreadable};
use crate::gate::Ticket;
use crate::hub::{HubEvent, SocketId};
use crate::metrics::{Answered, Limit, Metrics, RequestKind, SignInOutcome};
use crate::switchboard::{Note, OUTBOX, Outbox, Taker, waiting};

/// How long a socket waits for its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// How long a connection may stay without a request, and then a socket without being signed in: a slow network's round trips, and an api
    /// key's verification.
    pub sign_in_within: Duration,
    /// The silence after which a device is asked whether it is there. Shorter than the half minute that the strictest of routers remember
    /// a connection for.
    pub ping_after: Duration,
    /// The silence after which a device is gone.
    pub gone_after: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self { sign_in_within: Duration::from_secs(10), ping_after: Duration::from_secs(25), gone_after: Duration::from_secs(35) }
    }
}

/// How many renewals of a user token a socket may ask for in one go: one that is refused is tried again. Each costs a verification and a write.
const RENEWALS_AT_ONCE: u32 = 4;
/// How long it takes until it may ask for one more: tokens are good for a minute at least.
const RENEWAL_EVERY: Duration = Duration::from_secs(10);
/// The most requests that are remembered until they are answered: devices ask for a few things at once.
const MOST_ASKED: usize = 32;
/// How long one message may take to be written.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long whoever could not be signed in since nobody decides on their calls is to stay away: by then somebody does, unless there is more amiss.
const NOBODY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Serves one socket until it ends, in a task of its own: whatever led to it would hold on to its memory for as long as the socket lasts.
pub(crate) fn serve(
    web_socket: WebSocket,
    socket: SocketId,
    settings: SocketSettings,
    exchange: Exchange,
    admission: Arc<Admission>,
    (metrics, ticket): (Arc<Metrics>, Arc<Ticket>),
) {
    let now = Instant::now();
    let mut task = SocketTask {
        web_socket,
        socket,
        from: ticket.house(),
        settings,
        hub: None,
        outgoing: None,
        exchange,
        admission,
        metrics,
        ticket: Some(ticket),
        asked: Vec::new(),
        heard_at: now,
        pinged: false,
        sign_in_by: Some(now + settings.sign_in_within),
        renewals_full_at: now,
        renewing: None,
    };
    // By reference: what is moved within a task has room there twice.
    tokio::spawn(async move { task.serve().await });
}

struct SocketTask {
    web_socket: WebSocket,
    socket: SocketId,
    /// Who takes turns with others at being verified.
    from: IpAddr,
    settings: SocketSettings,
    /// Where what it says goes, once that is known.
    hub: Option<Sender<Note>>,
    outgoing: Option<Taker>,
    exchange: Exchange,
    admission: Arc<Admission>,
    metrics: Arc<Metrics>,
    /// Its place among those that wait, until it is signed in.
    ticket: Option<Arc<Ticket>>,
    /// What was asked for and is not answered yet.
    asked: Vec<(RequestId, RequestKind)>,
    heard_at: Instant,
    pinged: bool,
    /// `None` while it is signed in.
    sign_in_by: Option<Instant>,
    /// When all of [`RENEWALS_AT_ONCE`] may be asked for again.
    renewals_full_at: Instant,
    /// A user token that is being verified: what else is said meanwhile does not wait for it, nor for a slow store.
    renewing: Option<Renewing>,
}

impl SocketTask {
    async fn serve(&mut self) {
        if let Some(hub) = self.exchange.sole().cloned()
            && !Box::pin(self.go_to(hub)).await
        {
            return;
        }
        let end = self.run().await;
        Box::pin(self.leave(end)).await;
    }

    /// Closes the socket, with words unless it is gone.
    async fn leave(&mut self, end: End) {
        if let End::Close(code, reason) = end {
            if code == close_code::SIZE {
                self.metrics.refused.add_one(Limit::MessageBytes);
            }
            let frame = CloseFrame { code, reason: reason.into() };
            // The device may be gone already, which comes to the same.
            let _ = timeout(WRITE_WITHIN, self.web_socket.send(Message::Close(Some(frame)))).await;
        }
        self.leave_hub().await;
    }

    async fn run(&mut self) -> End {
        loop {
            let deadline = self.deadline();
            let outcome = tokio::select! {
                frame = self.web_socket.recv() => match frame {
                    Some(Ok(frame)) => {
                        self.heard_at = Instant::now();
                        self.pinged = false;
                        Box::pin(self.receive(frame)).await
                    }
                    Some(Err(error)) => {
                        tracing::debug!(socket = self.socket.0, %error, "socket failed");
                        Err(end_after(error))
                    }
                    None => Err(End::Lost),
                },
                message = told(&mut self.outgoing) => match message {
                    Some(message) => Box::pin(self.send_all(*message)).await,
                    None => Err(End::Close(close_code::NORMAL, "the service closed this socket")),
                },
                renewed = renewed(&mut self.renewing) => Box::pin(self.take_renewed(renewed)).await,
                () = sent_away(self.ticket.as_deref()) => Err(End::Close(close_code::AGAIN, "too many wait to sign in")),
                () = sleep_until(deadline) => Box::pin(self.be_impatient()).await,
            };
            if let Err(end) = outcome {
                return end;
            }
        }
    }

    fn deadline(&self) -> Instant {
        let silence = self.heard_at + if self.pinged { self.settings.gone_after } else { self.settings.ping_after };
        self.sign_in_by.map_or(silence, |by| by.min(silence))
    }

    async fn be_impatient(&mut self) -> Result<(), End> {
        if self.sign_in_by.is_some_and(|by| Instant::now() >= by) {
            self.metrics.refused.add_one(Limit::SignInTime);
            return Err(End::Close(close_code::POLICY, "not signed in in time"));
        }
        if self.pinged {
            return Err(End::Lost);
        }
        self.pinged = true;
        self.write(Message::Ping(Default::default())).await
    }

    async fn receive(&mut self, frame: Message) -> Result<(), End> {
        let text = match frame {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::Close(close_code::UNSUPPORTED, "frames are text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Lost),
        };
        match codec::read(text.as_str()) {
            Ok(ClientMessage::Hello(hello)) => match self.admission.admit((self.socket, self.from), hello).await {
                Ok(sign_in) => {
                    let hub = self.exchange.of(&sign_in.account).await;
                    self.enter(hub).await?;
                    // It was the verification that took its time, not the device.
                    self.sign_in_by = Some(Instant::now() + self.settings.sign_in_within);
                    self.tell(HubEvent::SignedIn(sign_in)).await
                }
                Err(refusal) => self.refuse(refusal).await,
            },
            Ok(ClientMessage::Resume(resume)) => match check_version(resume.version) {
                Ok(()) => {
                    let hub = self.exchange.of_session(resume.session).await;
                    self.enter(hub).await?;
                    self.tell(HubEvent::ResumeAsked { socket: self.socket, resume }).await
                }
                Err(refusal) => self.refuse(refusal).await,
            },
            // Whoever is not signed in has nothing to renew, and is not to cost a verification.
            Ok(ClientMessage::Renew(_)) if self.sign_in_by.is_some() => Ok(()),
            Ok(ClientMessage::Renew(_)) if self.renewing.is_some() || !self.takes_renewal() => {
                self.metrics.refused.add_one(Limit::Renewals);
                let too_many = come_back("too many user tokens at once", RENEWAL_EVERY);
                self.send(ServiceMessage::NotRenewed(too_many)).await
            }
            Ok(ClientMessage::Renew(renew)) => {
                let (admission, whose) = (Arc::clone(&self.admission), (self.socket, self.from));
                self.renewing = Some(Box::pin(async move { admission.renew(whose, renew).await }));
                Ok(())
            }
            Ok(ClientMessage::Unknown) => {
                tracing::debug!(socket = self.socket.0, "a message of a newer device is ignored");
                Ok(())
            }
            Ok(message @ ClientMessage::Ack { .. }) => self.tell(HubEvent::Received { socket: self.socket, message }).await,
            Ok(ClientMessage::Request { id, request }) => {
                self.note_request(id, RequestKind::from(&request));
                self.tell(HubEvent::Received { socket: self.socket, message: ClientMessage::Request { id, request } }).await
            }
            Err(Unreadable::Request { id, error }) => {
                self.note_request(id, RequestKind::Unreadable);
                self.send(ServiceMessage::Response { id, error: Some(error), receipt: None }).await
            }
            Err(Unreadable::SignIn(refusal)) => self.refuse(refusal).await,
            Err(Unreadable::Frame(error)) => {
                tracing::debug!(socket = self.socket.0, %error, "a frame is no message");
                Err(End::Close(close_code::POLICY, "this frame is no message"))
            }
        }
    }

    /// Notes what is asked for, to count it with its answer.
    fn note_request(&mut self, id: RequestId, kind: RequestKind) {
        if self.asked.len() < MOST_ASKED {
            self.asked.push((id, kind));
        }
    }

    async fn take_renewed(&mut self, renewed: Result<HubEvent, Refusal>) -> Result<(), End> {
        match renewed {
            Ok(renewed) => self.tell(renewed).await,
            Err(refusal) => {
                tracing::debug!(detail = refusal.detail, "a user token is not renewed");
                self.send(ServiceMessage::NotRenewed(refusal)).await
            }
        }
    }

    /// Takes one of the renewals that the socket may ask for, if there is one.
    fn takes_renewal(&mut self) -> bool {
        let now = Instant::now();
        let full_at = self.renewals_full_at.max(now) + RENEWAL_EVERY;
        let is_there = full_at - now <= RENEWAL_EVERY * RENEWALS_AT_ONCE;
        if is_there {
            self.renewals_full_at = full_at;
        }
        is_there
    }

    #[expect(clippy::needless_pass_by_ref_mut, reason = "a web socket can be sent to another thread, but not shared with one")]
    async fn tell(&mut self, event: HubEvent) -> Result<(), End> {
        // Whoever has not said who they are has nothing to say to anybody.
        let Some(hub) = &self.hub else { return Ok(()) };
        hub.send(Note::Event(Box::new(event))).await.map_err(|_| End::Close(close_code::AWAY, "the service is stopping"))
    }

    /// Goes to the hub that decides, or says that nobody does.
    async fn enter(&mut self, hub: Option<Sender<Note>>) -> Result<(), End> {
        let is_there = match hub {
            Some(hub) => self.go_to(hub).await,
            None => false,
        };
        if is_there { Ok(()) } else { self.refuse(come_back("no node has these calls at the moment", NOBODY_RETRY_AFTER)).await }
    }

    /// Says to a hub from now on what the device says. Says whether it is there.
    async fn go_to(&mut self, hub: Sender<Note>) -> bool {
        if self.hub.as_ref().is_some_and(|known| known.same_channel(&hub)) {
            return true;
        }
        self.leave_hub().await;
        let (outbox, outgoing) = waiting(OUTBOX);
        let is_there = hub.send(Note::Opened { socket: self.socket, outbox: Outbox::Here(outbox) }).await.is_ok();
        (self.hub, self.outgoing) = (Some(hub), Some(outgoing));
        is_there
    }

    async fn leave_hub(&mut self) {
        if let Some(hub) = self.hub.take() {
            // Without a hub the service is stopping.
            let _ = hub.send(Note::Event(Box::new(HubEvent::SocketLost { socket: self.socket }))).await;
        }
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<(), End> {
        tracing::info!(code = refusal.code.name(), "sign-in refused");
        tracing::debug!(detail = refusal.detail, "sign-in refused");
        self.send(ServiceMessage::Refused(refusal)).await?;
        Err(End::Close(close_code::POLICY, "sign-in refused"))
    }

    async fn send(&mut self, message: ServiceMessage) -> Result<(), End> {
        let frame = self.frame(&message)?;
        self.write(frame).await
    }

    /// Sends a message with all that wait behind it, in as few writes as they fit in: an answer and what follows from it come together.
    async fn send_all(&mut self, first: ServiceMessage) -> Result<(), End> {
        let mut frame = self.frame(&first)?;
        while let Some(next) = self.outgoing.as_mut().and_then(Taker::try_recv) {
            match timeout(WRITE_WITHIN, self.web_socket.feed(frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(End::Lost),
            }
            frame = self.frame(&next)?;
        }
        self.write(frame).await
    }

    /// Writes a message as a frame, and notes what follows from its being sent.
    fn frame(&mut self, message: &ServiceMessage) -> Result<Message, End> {
        if let Some(outcome) = SignInOutcome::of(message) {
            self.metrics.sign_ins.add_one(outcome);
        }
        match message {
            ServiceMessage::Welcome(_) => {
                tracing::info!(socket = self.socket.0, "a device signed in");
                self.ticket = None;
                self.sign_in_by = None;
            }
            ServiceMessage::Resumed => {
                tracing::debug!(socket = self.socket.0, "a session goes on");
                self.ticket = None;
                self.sign_in_by = None;
            }
            // The device has to say `hello` now. Asking for another session that is not there gives it no more time.
            ServiceMessage::SessionExpired => {
                self.sign_in_by.get_or_insert(Instant::now() + self.settings.sign_in_within);
            }
            ServiceMessage::Response { id, error, receipt: _ } => {
                let asked = self.asked.iter().position(|(asked, _)| asked == id);
                let kind = asked.map_or(RequestKind::Earlier, |index| self.asked.swap_remove(index).1);
                self.metrics.requests.add_one(kind, Answered(*error));
            }
            ServiceMessage::Refused(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Event { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => {}
        }
        serde_json::to_string(message).map(Message::text).map_err(|error| {
            tracing::error!(%error, "a message cannot be written as JSON");
            End::Close(close_code::ERROR, "internal error")
        })
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(WRITE_WITHIN, self.web_socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Lost),
        }
    }
}
