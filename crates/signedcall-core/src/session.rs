use std::collections::VecDeque;
use std::time::Duration;

use signedcall_wire::{
    CallId, ClientMessage, ErrorCode, IceConfig, MAX_UNANSWERED_REQUESTS, Redacted, Refusal, Request, RequestId, ServiceEvent,
    ServiceMessage, SessionId, Timestamp, Welcome,
};
use uuid::Uuid;

use crate::Greeting;

/// How long the service may take over the first frame of a socket. Three round trips of the slowest network that still carries a call take
/// about 3 s; a socket that is silent for longer is more likely dead than slow.
pub(crate) const GREETING_PATIENCE: Duration = Duration::from_secs(10);
/// How long signing out waits to be confirmed. A user who signs out has turned to something else; the service forgets the session by itself
/// after 60 s.
pub(crate) const LOGOUT_PATIENCE: Duration = Duration::from_secs(5);

/// Reliable delivery over sockets that come and go: each request is answered once, each event is handled once, both in order.
///
/// A request waits in the outbox until it is answered, and is repeated under the same id on every socket that follows.
#[derive(Debug)]
pub(crate) struct Session {
    nonce: u64,
    asked: u64,
    link: Link,
    standing: Standing,
    outbox: VecDeque<Pending>,
}

#[derive(Debug)]
enum Link {
    Down,
    /// The first frame has been said; the service's answer to it has not come.
    Greeting {
        give_up_at: Timestamp,
    },
    Up,
}

/// What this device is to the service.
#[derive(Debug)]
enum Standing {
    SignedOut,
    SignedIn(Ticket),
    /// The service has forgotten the session; this device is signing in again by itself.
    Expired,
    LoggingOut {
        ticket: Ticket,
        give_up_at: Timestamp,
    },
}

#[derive(Clone, Debug)]
struct Ticket {
    session: SessionId,
    token: Redacted<String>,
    last_seq: u64,
}

#[derive(Debug)]
struct Pending {
    id: RequestId,
    request: Request,
}

/// What a message from the service comes to, once what was heard before is taken away.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing new, or nothing that fits.
    Nothing,
    /// The socket does not bring what it should, or the service asks for patience.
    Broken { reopen_after: Duration },
    /// A new session begins: reconcile, then [`Session::go_on`].
    Welcome(Welcome),
    /// The session goes on: [`Session::go_on`].
    Resumed,
    /// Say this on the same socket.
    Greet(Greeting),
    /// The service will not have this device.
    Refused(Refusal),
    /// Signing out is done.
    LoggedOut,
    /// A request is answered.
    Response { request: Request, error: Option<ErrorCode>, receipt: Option<Redacted<String>> },
    /// Something happened; to be followed by [`Session::acknowledge`].
    Event(ServiceEvent),
    /// Fresh relay credentials.
    Ice(IceConfig),
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Asked {
    /// This is to be sent.
    Now(ClientMessage),
    /// It waits for a socket.
    Later,
    /// It waits for another socket: on this one, nothing has been answered for too long.
    Unheard,
}

/// What has waited long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    Greeting,
    Logout,
}

impl Session {
    pub(crate) fn new(nonce: u64) -> Self {
        Self { nonce, asked: 0, link: Link::Down, standing: Standing::SignedOut, outbox: VecDeque::new() }
    }

    /// A socket is open: what to say first.
    pub(crate) fn open(&mut self, now: Timestamp) -> Greeting {
        self.link = Link::Greeting { give_up_at: now + GREETING_PATIENCE };
        match &self.standing {
            Standing::SignedOut | Standing::Expired => Greeting::SignIn,
            Standing::SignedIn(ticket) | Standing::LoggingOut { ticket, .. } => {
                Greeting::Resume { session: ticket.session, token: ticket.token.clone(), last_seq: ticket.last_seq }
            }
        }
    }

    /// The socket is gone, or must go.
    pub(crate) fn lose_link(&mut self) {
        self.link = Link::Down;
    }

    /// Whether what is asked goes out at once.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up)
    }

    /// Whether a call could be placed now.
    pub(crate) fn readiness(&self) -> Result<(), ErrorCode> {
        match (&self.standing, &self.link) {
            (Standing::SignedOut | Standing::LoggingOut { .. }, _) => Err(ErrorCode::NotInitialized),
            (Standing::Expired, _) | (Standing::SignedIn(_), Link::Down | Link::Greeting { .. }) => Err(ErrorCode::NetworkNotAvailable),
            (Standing::SignedIn(_), Link::Up) => Ok(()),
        }
    }

    /// Puts a request into the outbox.
    ///
    /// A full outbox gives up its oldest signal, or else its oldest request: whatever waits for the answer has a deadline of its own. It does so
    /// only between two sockets. On one that is in use, more requests would be carried out than the service remembers the answers of.
    pub(crate) fn ask(&mut self, request: Request) -> Asked {
        let full = self.make_room();
        let id = self.next_id();
        self.outbox.push_back(Pending { id, request: request.clone() });
        match self.link {
            Link::Up if full => Asked::Unheard,
            Link::Up => Asked::Now(ClientMessage::Request { id, request }),
            Link::Down | Link::Greeting { .. } => Asked::Later,
        }
    }

    /// Puts a request before all that wait for the session to go on: they say what followed it.
    pub(crate) fn ask_first(&mut self, request: Request) {
        self.make_room();
        let id = self.next_id();
        self.outbox.push_front(Pending { id, request });
    }

    fn make_room(&mut self) -> bool {
        let full = self.outbox.len() >= MAX_UNANSWERED_REQUESTS;
        if full {
            let oldest_signal = self.outbox.iter().position(|pending| matches!(pending.request, Request::Signal { .. }));
            self.outbox.remove(oldest_signal.unwrap_or(0));
        }
        full
    }

    fn next_id(&mut self) -> RequestId {
        self.asked += 1;
        RequestId(Uuid::from_u64_pair(self.nonce, self.asked))
    }

    /// Whether leaving this call is still on its way to the service.
    pub(crate) fn is_leaving(&self, left: CallId) -> bool {
        self.outbox.iter().any(|pending| match pending.request {
            Request::Decline { call, .. } | Request::Hangup { call, .. } => call == left,
            Request::Call(_)
            | Request::Ringing { .. }
            | Request::Accept { .. }
            | Request::MediaConnected { .. }
            | Request::Hold { .. }
            | Request::Transfer { .. }
            | Request::Signal { .. }
            | Request::ReportVoice { .. }
            | Request::Receipt { .. }
            | Request::KeepEvents { .. }
            | Request::TakeSecondCalls { .. }
            | Request::PushTo { .. }
            | Request::Logout
            | Request::GoIdle
            | Request::Unknown => false,
        })
    }

    /// Takes a message of the service.
    pub(crate) fn hear(&mut self, now: Timestamp, message: ServiceMessage) -> Heard {
        match (&self.link, message) {
            (Link::Down, _) => Heard::Nothing,
            (Link::Greeting { .. }, ServiceMessage::Welcome(welcome)) => self.welcomed(welcome),
            (Link::Greeting { .. }, ServiceMessage::Resumed) => match self.standing {
                Standing::SignedIn(_) | Standing::LoggingOut { .. } => Heard::Resumed,
                Standing::SignedOut | Standing::Expired => Heard::Nothing,
            },
            (_, ServiceMessage::SessionExpired) => self.expired(now),
            (_, ServiceMessage::Refused(refusal)) => self.refused(refusal),
            (Link::Up, ServiceMessage::Response { id, error, receipt }) => {
                let found = self.outbox.iter().position(|pending| pending.id == id).and_then(|at| self.outbox.remove(at));
                match found {
                    Some(Pending { request: Request::Logout, .. }) => Heard::LoggedOut,
                    Some(Pending { request, .. }) => Heard::Response { request, error, receipt },
                    None => Heard::Nothing,
                }
            }
            (Link::Up, ServiceMessage::Event { seq, event }) => self.event(seq, event),
            (Link::Up, ServiceMessage::Ice(ice)) => Heard::Ice(ice),
            (Link::Greeting { .. }, ServiceMessage::Response { .. } | ServiceMessage::Event { .. } | ServiceMessage::Ice(_))
            | (Link::Up, ServiceMessage::Welcome(_) | ServiceMessage::Resumed)
            // Credentials and when to change sockets are the driver's.
            | (_, ServiceMessage::Renewed { .. } | ServiceMessage::NotRenewed(_) | ServiceMessage::Goaway { .. } | ServiceMessage::Unknown) => {
                Heard::Nothing
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) -> Heard {
        match self.standing {
            Standing::SignedOut | Standing::Expired | Standing::SignedIn(_) => {
                let ticket = Ticket { session: welcome.session, token: welcome.resume_token.clone(), last_seq: 0 };
                self.standing = Standing::SignedIn(ticket);
                Heard::Welcome(welcome)
            }
            Standing::LoggingOut { .. } => Heard::Nothing,
        }
    }

    fn expired(&mut self, now: Timestamp) -> Heard {
        match self.standing {
            Standing::SignedIn(_) => {
                self.standing = Standing::Expired;
                Heard::Greet(self.open(now))
            }
            Standing::LoggingOut { .. } => Heard::LoggedOut,
            // It has already been greeted with credentials; another greeting would get the same answer.
            Standing::SignedOut | Standing::Expired => Heard::Nothing,
        }
    }

    /// A refusal is for good, unless the service says when to come back or that the fault is its own.
    fn refused(&self, refusal: Refusal) -> Heard {
        if matches!(self.standing, Standing::LoggingOut { .. }) {
            return Heard::LoggedOut;
        }
        if refusal.is_passing() {
            return Heard::Broken { reopen_after: Duration::from_millis(refusal.retry_after_ms.unwrap_or(0)) };
        }
        Heard::Refused(refusal)
    }

    /// Events come in order on a socket and again on the next: one that was heard is skipped, and after a gap the socket cannot be trusted.
    fn event(&mut self, seq: u64, event: ServiceEvent) -> Heard {
        let (Standing::SignedIn(ticket) | Standing::LoggingOut { ticket, .. }) = &mut self.standing else { return Heard::Nothing };
        if seq <= ticket.last_seq {
            Heard::Nothing
        } else if seq == ticket.last_seq + 1 {
            ticket.last_seq = seq;
            Heard::Event(event)
        } else {
            Heard::Broken { reopen_after: Duration::ZERO }
        }
    }

    /// Says that every event up to the last one has been handled.
    pub(crate) fn acknowledge(&self) -> Option<ClientMessage> {
        match (&self.link, &self.standing) {
            (Link::Up, Standing::SignedIn(ticket) | Standing::LoggingOut { ticket, .. }) => {
                Some(ClientMessage::Ack { seq: ticket.last_seq })
            }
            (Link::Down | Link::Greeting { .. } | Link::Up, _) => None,
        }
    }

    /// The socket carries the session now. Returns what is repeated: each pending request that is still `wanted`; the others are forgotten.
    pub(crate) fn go_on(&mut self, wanted: impl Fn(&Request) -> bool) -> Vec<ClientMessage> {
        self.link = Link::Up;
        self.outbox.retain(|pending| wanted(&pending.request));
        self.outbox.iter().map(|Pending { id, request }| ClientMessage::Request { id: *id, request: request.clone() }).collect()
    }

    /// Asks the service to forget this session. `false` when there is none, and thus nothing to wait for.
    pub(crate) fn log_out(&mut self, now: Timestamp) -> bool {
        match &self.standing {
            Standing::SignedIn(ticket) => {
                self.standing = Standing::LoggingOut { ticket: ticket.clone(), give_up_at: now + LOGOUT_PATIENCE };
                true
            }
            Standing::LoggingOut { .. } => true,
            Standing::SignedOut | Standing::Expired => false,
        }
    }

    /// Whether signing out has been asked for and not yet confirmed.
    pub(crate) fn is_logging_out(&self) -> bool {
        matches!(self.standing, Standing::LoggingOut { .. })
    }

    /// Forgets the session and all that was asked in it.
    pub(crate) fn close(&mut self) {
        self.link = Link::Down;
        self.standing = Standing::SignedOut;
        self.outbox.clear();
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let greeting = match self.link {
            Link::Greeting { give_up_at } => Some(give_up_at),
            Link::Down | Link::Up => None,
        };
        let logout = match self.standing {
            Standing::LoggingOut { give_up_at, .. } => Some(give_up_at),
            Standing::SignedOut | Standing::SignedIn(_) | Standing::Expired => None,
        };
        greeting.into_iter().chain(logout).min()
    }

    /// What has waited too long at `now`.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<Overdue> {
        match (&self.standing, &self.link) {
            (Standing::LoggingOut { give_up_at, .. }, _) if *give_up_at <= now => Some(Overdue::Logout),
            (_, Link::Greeting { give_up_at }) if *give_up_at <= now => Some(Overdue::Greeting),
            (_, Link::Down | Link::Greeting { .. } | Link::Up) => None,
        }
    }
}
