//! Sockets that are slow, break and come back.
//!
//! A socket keeps its frames in order, as TCP does. What it was sent before a break may still arrive while the next one is in use already, and
//! the two ends notice a break at different times.

use rand::Rng;
use signedcall_core::{Event, Greeting};
use signedcall_server::hub::{HubEvent, KeyId, Right, SignIn, SocketId};
use signedcall_wire::{
    AccountId, ClientMessage, Credential, DeviceName, Endpoint, Environment, Hello, PROTOCOL_VERSION, Redacted, Resume, RunId,
    ServiceMessage, SessionId,
};
use uuid::Uuid;

use crate::device::{Link, Place};
use crate::weather::CUT_NOTICED_WITHIN;
use crate::world::{Broken, Happening, World, name_of};

/// One socket, with what each end of it believes.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) place: Place,
    /// Which run of the service it leads to.
    service: u64,
    /// When the last frame sent arrives, each way.
    up: u64,
    pub(crate) down: u64,
    pub(crate) broken: Option<Break>,
    /// Whether the service has been told that it is gone.
    pub(crate) lost: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Break {
    at: u64,
    /// Whether what was under way is lost with it.
    loses_frames: bool,
}

impl Socket {
    /// Whether a frame of `sent_at` that would arrive now does.
    fn carries(&self, now: u64, sent_at: u64) -> bool {
        self.broken.is_none_or(|broken| now < broken.at || (sent_at <= broken.at && !broken.loses_frames))
    }
}

impl World {
    /// A device that is offline starts anew, with a line that knows nothing.
    pub(crate) fn start(&mut self, place: Place) {
        if self.devices[place].link == Link::Closed {
            let nonce = self.number();
            self.devices[place].restart(nonce);
            self.try_again(place, 0);
        }
    }

    /// Opens a socket some time from now.
    pub(crate) fn try_again(&mut self, place: Place, after: u64) {
        let attempt = self.number();
        self.devices[place].link = Link::Opening(attempt);
        let wait = after + self.rng.random_range(1..=300);
        self.after(wait, Happening::Attempt { place, attempt });
    }

    pub(crate) fn attempt(&mut self, place: Place, attempt: u64) -> Result<(), Broken> {
        if self.devices[place].link != Link::Opening(attempt) {
            return Ok(());
        }
        if self.now < self.devices[place].no_network_until.max(self.service_down_until) {
            let wait = self.rng.random_range(1..=2_000);
            self.try_again(place, wait);
            return Ok(());
        }
        self.open_socket(place)
    }

    /// Opens a socket; one that is open already counts for nothing any more, but the service may not know.
    fn open_socket(&mut self, place: Place) -> Result<(), Broken> {
        let socket = SocketId(self.number());
        let (now, service) = (self.now, self.service);
        self.sockets.insert(socket, Socket { place, service, up: now, down: now, broken: None, lost: false });
        self.devices[place].link = Link::Open(socket);
        if let Some(average) = self.weather.cut_after
            && !self.closing
        {
            let after = self.rng.random_range(0..=2 * average);
            let happening = if self.rng.random_bool(0.85) { Happening::Cut(place) } else { Happening::Move(place) };
            self.after(after, happening);
        }
        self.hand_in(place, Event::LinkOpened)
    }

    /// Breaks the socket that a device has at this moment.
    pub(crate) fn cut(&mut self, place: Place) -> Result<(), Broken> {
        let Link::Open(socket) = self.devices[place].link else { return Ok(()) };
        if self.closing {
            return Ok(());
        }
        self.note("network", "cut", &place);
        self.ledger.summary.cuts += 1;
        let outage = self.weather.outage(&mut self.rng);
        self.devices[place].no_network_until = self.now + outage;
        self.break_socket(socket);
        Ok(())
    }

    pub(crate) fn break_socket(&mut self, socket: SocketId) {
        let loses_frames = self.rng.random_bool(0.6);
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.broken.get_or_insert(Break { at: self.now, loses_frames });
        }
        for notices in [Happening::DeviceNotices(socket), Happening::HubNotices(socket)] {
            let within = if self.rng.random_bool(0.5) { 500 } else { CUT_NOTICED_WITHIN };
            let after = self.rng.random_range(0..=within);
            self.after(after, notices);
        }
    }

    /// The device gives a socket up; what it has sent still arrives.
    pub(crate) fn leave_socket(&mut self, place: Place) {
        if let Link::Open(socket) = std::mem::replace(&mut self.devices[place].link, Link::Closed) {
            let wait = self.weather.frame_delay(&mut self.rng);
            let Some(open) = self.sockets.get_mut(&socket) else { return };
            open.broken.get_or_insert(Break { at: self.now, loses_frames: false });
            let noticed_at = open.up.max(self.now + wait) + 1;
            self.at(noticed_at, Happening::HubNotices(socket));
        }
        self.devices[place].signed_in = false;
    }

    pub(crate) fn move_on(&mut self, place: Place) -> Result<(), Broken> {
        match self.devices[place].link {
            Link::Open(old) if !self.closing && self.now >= self.devices[place].no_network_until => {
                let after = self.rng.random_range(0..=CUT_NOTICED_WITHIN);
                self.after(after, Happening::HubNotices(old));
                self.open_socket(place)
            }
            Link::Open(_) | Link::Opening(_) | Link::Closed => Ok(()),
        }
    }

    pub(crate) fn device_notices(&mut self, socket: SocketId) -> Result<(), Broken> {
        let Some(place) = self.sockets.get(&socket).map(|socket| socket.place) else { return Ok(()) };
        if self.devices[place].link != Link::Open(socket) {
            return Ok(());
        }
        self.devices[place].signed_in = false;
        self.try_again(place, 0);
        self.hand_in(place, Event::LinkLost)
    }

    pub(crate) fn hub_notices(&mut self, socket: SocketId) -> Result<(), Broken> {
        let service = self.service;
        match self.sockets.get_mut(&socket) {
            Some(open) if open.service == service && !open.lost => {
                open.lost = true;
                self.tell_hub(HubEvent::SocketLost { socket })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Says the first frame of a socket.
    pub(crate) fn greet(&mut self, place: Place, greeting: Greeting) {
        let message = match greeting {
            Greeting::SignIn => ClientMessage::Hello(self.hello(place)),
            Greeting::Resume { session, token, last_seq } => {
                ClientMessage::Resume(Resume { version: PROTOCOL_VERSION, session, token, last_seq })
            }
        };
        self.send_up(place, message);
    }

    fn hello(&self, place: Place) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            account_id: AccountId("parcelo".to_owned()),
            credential: Credential::ApiKey(Redacted::new("key".to_owned())),
            cuid: self.devices[place].cuid.to_string(),
            name: None,
            environment: Environment::Development,
            device: self.devices[place].id,
            run: RunId(Uuid::from_u64_pair(place as u64, self.devices[place].run)),
            device_name: name_of(place),
            second_calls: self.devices[place].line.takes_second_calls(),
        }
    }

    /// A device says something on its socket, if it has one.
    pub(crate) fn send_up(&mut self, place: Place, message: ClientMessage) {
        let Link::Open(socket) = self.devices[place].link else { return };
        let numbered = match message {
            ClientMessage::Request { .. } | ClientMessage::Ack { .. } => true,
            ClientMessage::Hello(_) | ClientMessage::Resume(_) | ClientMessage::Renew(_) | ClientMessage::Unknown => false,
        };
        for _ in 0..self.copies(numbered) {
            let delay = self.weather.frame_delay(&mut self.rng);
            let Some(open) = self.sockets.get_mut(&socket) else { return };
            open.up = open.up.max(self.now + delay);
            let (arrives, sent_at) = (open.up, self.now);
            self.at(arrives, Happening::Up { socket, sent_at, message: message.clone() });
        }
    }

    pub(crate) fn send_down(&mut self, socket: SocketId, message: ServiceMessage) {
        let numbered = match message {
            ServiceMessage::Response { .. } | ServiceMessage::Event { .. } => true,
            ServiceMessage::Welcome(_)
            | ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Ice(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => false,
        };
        for _ in 0..self.copies(numbered) {
            let delay = self.weather.frame_delay(&mut self.rng);
            let Some(open) = self.sockets.get_mut(&socket) else { return };
            open.down = open.down.max(self.now + delay);
            let (arrives, sent_at) = (open.down, self.now);
            self.at(arrives, Happening::Down { socket, sent_at, message: message.clone() });
        }
    }

    /// What has a number may come twice; a socket's first frames do not.
    fn copies(&mut self, numbered: bool) -> usize {
        if numbered && self.rng.random_bool(self.weather.doubled) { 2 } else { 1 }
    }

    pub(crate) fn arrive_at_hub(&mut self, id: SocketId, sent_at: u64, message: ClientMessage) -> Result<(), Broken> {
        let Some(socket) = self.sockets.get(&id) else { return Ok(()) };
        if socket.service != self.service || socket.lost || !socket.carries(self.now, sent_at) {
            return Ok(());
        }
        let event = match message {
            ClientMessage::Hello(hello) => HubEvent::SignedIn(self.verify(id, hello)),
            ClientMessage::Resume(resume) => HubEvent::ResumeAsked { socket: id, resume },
            message @ (ClientMessage::Renew(_) | ClientMessage::Request { .. } | ClientMessage::Ack { .. } | ClientMessage::Unknown) => {
                HubEvent::Received { socket: id, message }
            }
        };
        self.tell_hub(event)
    }

    pub(crate) fn fresh_session(&mut self) -> SessionId {
        SessionId(Uuid::from_u128(0x5E55_0000_0000 + u128::from(self.number())))
    }

    fn verify(&mut self, socket: SocketId, hello: Hello) -> SignIn {
        let session = self.fresh_session();
        SignIn {
            socket,
            account: hello.account_id,
            environment: hello.environment,
            cuid: self.devices[self.sockets[&socket].place].cuid.clone(),
            right: Right::ApiKey(KeyId("key".to_owned())),
            name: hello.name,
            endpoint: Endpoint { device: hello.device, run: hello.run },
            device_name: DeviceName::new(hello.device_name).ok(),
            second_calls: hello.second_calls,
            session,
            resume_token: Redacted::new(format!("token of {session}")),
            max_call: self.max_call,
            single_device: false,
            relay_only: false,
            branding: None,
        }
    }

    pub(crate) fn arrive_at_device(&mut self, id: SocketId, sent_at: u64, message: ServiceMessage) -> Result<(), Broken> {
        let Some(socket) = self.sockets.get(&id) else { return Ok(()) };
        let place = socket.place;
        if self.devices[place].link != Link::Open(id) || !socket.carries(self.now, sent_at) {
            return Ok(());
        }
        self.hand_in(place, Event::Received(message))
    }

    /// A device's program dies, and is started again before so many milliseconds have passed.
    pub(crate) fn crash(&mut self, place: Place, before: u64) -> Result<(), Broken> {
        self.note("device", "crashes", &place);
        self.ledger.summary.crashes += 1;
        self.ledger.abandon((place, self.devices[place].run));
        if let Link::Open(socket) = self.devices[place].link {
            self.break_socket(socket);
        }
        for end in self.media.ends_at(place) {
            self.close_media(end);
        }
        for number in std::mem::take(&mut self.devices[place].pushes) {
            self.ledger.forget_push(number);
        }
        let nonce = self.number();
        self.devices[place].restart(nonce);
        let after = self.rng.random_range(100..=before);
        self.after(after, Happening::Start(place));
        Ok(())
    }
}
