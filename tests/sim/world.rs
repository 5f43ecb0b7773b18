//! Everything there is: devices, the network, the service with its store, and what will happen when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use signedcall_core::{CallState, Event, Holding, Phase};
use signedcall_server::hub::{Hub, HubEvent, HubSettings, HubStep, NewPush, Reach, SocketId, User};
use signedcall_wire::{
    AccountId, CallId, ClientMessage, Cuid, DeviceId, Direction, Environment, PushService, PushTarget, Redacted, RequestId, ServiceMessage,
    SessionId, Timestamp,
};

use crate::act::Wish;
use crate::device::{Device, Link, Place, place_of};
use crate::ledger::{Ledger, Summary};
use crate::media::{End, Media, Word};
use crate::network::Socket;
use crate::store::Store;
use crate::weather::Weather;

/// For how long users do things. After it nobody dials, every network works, and what goes on comes to its end.
const BUSY_FOR: u64 = 120_000;
/// How long after that everyone has heard everything: the longest time in which a cut is noticed, some attempts, and a slow network's hops.
const SETTLED_AFTER: u64 = 45_000;
/// When all has to be quiet: the longest patience there is, a few times over.
const QUIET_BY: u64 = BUSY_FOR + 600_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A user does something.
    User(Place, Wish),
    /// One end of a peer connection, the one with this number, has something to say.
    Media(End, u64, Word),
    LineWakes(Place),
    HubWakes,
    /// A device tries to open a socket.
    Attempt {
        place: Place,
        attempt: u64,
    },
    /// A frame reaches the service.
    Up {
        socket: SocketId,
        sent_at: u64,
        message: ClientMessage,
    },
    /// A frame reaches a device.
    Down {
        socket: SocketId,
        sent_at: u64,
        message: ServiceMessage,
    },
    /// A device notices that its socket is gone.
    DeviceNotices(SocketId),
    /// The service notices that a socket is gone.
    HubNotices(SocketId),
    /// A device's link breaks.
    Cut(Place),
    /// A device goes to another socket while it has one.
    Move(Place),
    /// The store has written a call down for one run of the service, or failed to.
    Stored {
        service: u64,
        call: CallId,
        durable: bool,
    },
    /// The store has written an answer down for one run of the service.
    AnswerStored {
        service: u64,
        call: CallId,
        number: u64,
    },
    /// The company's backend connects two users, of whom the first rings first.
    CompanyConnects(Cuid, Cuid),
    /// A device's program dies.
    Crash(Place),
    /// A device's program dies if it rings, and is soon started again.
    CrashRinging(Place),
    /// A device's program starts, or its user signs in again.
    Start(Place),
    /// A push reaches a device, which has so long to ring still.
    Push {
        place: Place,
        call: CallId,
        to: Cuid,
        left: u64,
    },
    /// A device says where its pushes go.
    SetPush(Place),
    /// The store has written down for one run of the service where a device is reached by push.
    PushKept {
        service: u64,
        session: SessionId,
        request: RequestId,
        device: DeviceId,
        cuid: Cuid,
    },
    /// A push could not be brought, as one run of the service learns.
    PushFails {
        service: u64,
        push: NewPush,
    },
    /// The service dies and starts again.
    ServiceDies,
    /// The service says that it is about to stop, and does so soon.
    ServiceDrains,
    /// Users have had enough, and networks are mended.
    ClosingTime,
    /// Everyone has heard everything by now, and hangs up.
    Settled,
}

/// What a broken promise is called.
pub(crate) type Broken = String;

/// A simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) weather: Weather,
    pub(crate) now: u64,
    pub(crate) closing: bool,
    /// By moment, and in the order in which they were planned.
    plan: BTreeMap<(u64, u64), Happening>,
    planned: u64,
    /// The last number that was given to anything.
    numbered: u64,
    pub(crate) devices: Vec<Device>,
    pub(crate) sockets: BTreeMap<SocketId, Socket>,
    pub(crate) media: Media,
    pub(crate) hub: Hub,
    hub_wakes_at: Option<u64>,
    /// How often the service has been started.
    pub(crate) service: u64,
    /// Until when nobody reaches the service.
    pub(crate) service_down_until: u64,
    /// The longest that a call may last, as the account has it.
    pub(crate) max_call: Option<Duration>,
    pub(crate) store: Store,
    /// Where devices are reached by push, as the store has it.
    pub(crate) reached: BTreeMap<DeviceId, (Cuid, Reach)>,
    /// The pushes of which it is not said what has become of them.
    pub(crate) pushed: BTreeSet<(CallId, DeviceId)>,
    /// Those of which it is said, which outlive the service.
    pub(crate) settled: BTreeSet<(CallId, DeviceId)>,
    pub(crate) ledger: Ledger,
    log: Option<Vec<String>>,
}

impl World {
    /// Some users, who do as they like.
    pub(crate) fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let weather = Weather::of(seed);
        let everybody: &[&str] = match rng.random_range(0..4) {
            0 => &["alice", "bobby"],
            1 => &["alice", "bobby", "bobby"],
            _ => &["alice", "bobby", "bobby", "carol"],
        };
        let mut world = Self::new(rng, weather, everybody);
        world.plan_everybodys_day();
        world
    }

    /// Devices of these users, who sign in at once and do nothing by themselves.
    pub(crate) fn new(mut rng: StdRng, weather: Weather, users: &[&str]) -> Self {
        let cuid = |name: &&str| Cuid::new(*name).expect("a cuid");
        let mut world = Self {
            max_call: rng.random_bool(0.2).then(|| Duration::from_millis(rng.random_range(1_000..60_000))),
            now: 0,
            closing: false,
            plan: BTreeMap::new(),
            planned: 0,
            numbered: 0,
            devices: users.iter().enumerate().map(|(place, name)| Device::new(place, cuid(name), rng.random_bool(0.8))).collect(),
            sockets: BTreeMap::new(),
            media: Media::default(),
            hub: Hub::new(HubSettings::default()),
            hub_wakes_at: None,
            service: 0,
            service_down_until: 0,
            store: Store::default(),
            reached: BTreeMap::new(),
            pushed: BTreeSet::new(),
            settled: BTreeSet::new(),
            ledger: Ledger::default(),
            log: None,
            weather,
            rng,
        };
        for place in 0..world.devices.len() {
            world.start(place);
        }
        world.after(BUSY_FOR, Happening::ClosingTime);
        world
    }

    /// Writes down what happens from now on.
    pub(crate) fn keep_log(&mut self) {
        self.log = Some(vec![]);
    }

    /// What has happened, one line each.
    pub(crate) fn log(&self) -> String {
        self.log.iter().flatten().map(|line| format!("{line}\n")).collect()
    }

    /// Runs until nothing more will happen. Says which promise was broken first, if any.
    pub(crate) fn run(&mut self) -> Result<Summary, Broken> {
        while let Some(((at, _), happening)) = self.plan.pop_first() {
            if at > QUIET_BY {
                return Err(format!("it never becomes quiet; at {at} ms: {happening:?}"));
            }
            self.now = at;
            self.check_company()?;
            self.let_happen(happening)?;
        }
        self.check_quiet()?;
        self.ledger.finish(&self.weather)
    }

    fn let_happen(&mut self, happening: Happening) -> Result<(), Broken> {
        match happening {
            Happening::User(place, wish) => self.grant(place, wish),
            Happening::Media(end, opened, word) => match self.media.say(end, opened, word) {
                Some(event) => self.hand_in(end.at, event),
                None => Ok(()),
            },
            Happening::LineWakes(place) if self.devices[place].wake_at == Some(self.now) => self.hand_in(place, Event::Woken),
            Happening::HubWakes if self.hub_wakes_at == Some(self.now) => self.tell_hub(HubEvent::Woken),
            Happening::LineWakes(_) | Happening::HubWakes => Ok(()),
            Happening::Attempt { place, attempt } => self.attempt(place, attempt),
            Happening::Up { socket, sent_at, message } => self.arrive_at_hub(socket, sent_at, message),
            Happening::Down { socket, sent_at, message } => self.arrive_at_device(socket, sent_at, message),
            Happening::DeviceNotices(socket) => self.device_notices(socket),
            Happening::HubNotices(socket) => self.hub_notices(socket),
            Happening::Cut(place) => self.cut(place),
            Happening::Move(place) => self.move_on(place),
            Happening::Stored { service, call, durable } => self.store(service, call, durable),
            Happening::AnswerStored { service, call, number } => self.store_answer(service, call, number),
            Happening::CompanyConnects(from, to) => self.connect(from, to),
            Happening::Crash(place) => self.crash(place, 20_000),
            Happening::CrashRinging(place) if self.devices[place].only_rings() => self.crash(place, 5_000),
            Happening::CrashRinging(_) => Ok(()),
            Happening::Start(place) => {
                self.start(place);
                Ok(())
            }
            Happening::Push { place, call, to, left } => self.push(place, call, to, left),
            Happening::SetPush(place) => self.hand_in(place, Event::UserSetPush(Some(push_target()))),
            Happening::PushKept { service, session, request, device, cuid } if service == self.service => {
                self.tell_hub(HubEvent::PushKept { session, request, user: user(&cuid), device, kept: Ok(true) })
            }
            Happening::PushFails { service, push } if service == self.service => {
                let NewPush { call, account, environment, cuid, device, .. } = push;
                self.tell_hub(HubEvent::PushFailed { call, account, environment, cuid, device, gone: false })
            }
            Happening::PushKept { .. } | Happening::PushFails { .. } => Ok(()),
            Happening::ServiceDies => self.restart_service(),
            Happening::ServiceDrains => self.drain_service(),
            Happening::ClosingTime => {
                self.close_for_today();
                Ok(())
            }
            Happening::Settled => self.hang_up_everywhere(),
        }
    }

    /// Plans something.
    pub(crate) fn after(&mut self, milliseconds: u64, happening: Happening) {
        self.at(self.now + milliseconds, happening);
    }

    /// Plans something.
    pub(crate) fn at(&mut self, moment: u64, happening: Happening) {
        self.planned += 1;
        self.plan.insert((moment, self.planned), happening);
    }

    /// A number that nothing else has.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    pub(crate) fn note(&mut self, who: &str, what: &str, details: &dyn Debug) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>7} {who:<8} {what} {details:?}", self.now));
        }
    }

    /// Hands a line an event, and carries out what follows.
    pub(crate) fn hand_in(&mut self, place: Place, event: Event) -> Result<(), Broken> {
        self.note(&name_of(place), "<-", &event);
        let device = &mut self.devices[place];
        let step = device.line.handle(Timestamp::from_millis(self.now), event.clone());
        let wake_at = step.wake_at.map(Timestamp::as_millis);
        let changed = std::mem::replace(&mut device.wake_at, wake_at) != wake_at;
        let run = device.run;
        // What is due at once may be asked for, but not again by waking it.
        let earliest = self.now + u64::from(event == Event::Woken);
        match wake_at {
            Some(at) if at < earliest => return Err(format!("{} waits for a moment that has passed", name_of(place))),
            Some(at) if changed => self.at(at, Happening::LineWakes(place)),
            Some(_) | None => {}
        }
        self.ledger.heard((place, run), &event, &step.commands)?;
        for command in step.commands {
            self.note(&name_of(place), "   ->", &command);
            self.carry_out(place, command)?;
        }
        self.check_device(place)
    }

    /// Hands the hub an event, and carries out what follows.
    pub(crate) fn tell_hub(&mut self, event: HubEvent) -> Result<(), Broken> {
        self.note("service", "<-", &event);
        let HubStep { commands, wake_at } = self.hub.handle(Timestamp::from_millis(self.now), event);
        let wake_at = wake_at.map(Timestamp::as_millis);
        let changed = std::mem::replace(&mut self.hub_wakes_at, wake_at) != wake_at;
        match wake_at {
            Some(at) if at <= self.now => return Err("the hub waits for a moment that has passed".to_owned()),
            Some(at) if changed => self.at(at, Happening::HubWakes),
            Some(_) | None => {}
        }
        for command in commands {
            self.note("service", "   ->", &command);
            self.carry_out_for_hub(command)?;
        }
        Ok(())
    }

    /// Nobody talks to nobody for longer than the weather explains.
    fn check_company(&mut self) -> Result<(), Broken> {
        for place in 0..self.devices.len() {
            let device = &self.devices[place];
            let alone = device.voice.is_some_and(|(call, peer)| {
                let other = place_of(peer).and_then(|other| self.devices.get(other));
                other.is_none_or(|other| other.voice != Some((call, device.id)))
            });
            if !alone {
                if let Some((call, _)) = device.voice {
                    self.ledger.talks_on(call, self.now)?;
                }
                self.devices[place].alone_since = None;
                continue;
            }
            let since = *self.devices[place].alone_since.get_or_insert(self.now);
            if self.now - since > self.weather.alone_at_most {
                return Err(format!("{} has talked alone since {since} ms", name_of(place)));
            }
        }
        Ok(())
    }

    fn check_quiet(&self) -> Result<(), Broken> {
        for (place, device) in self.devices.iter().enumerate() {
            let name = name_of(place);
            if device.line.call_state() != CallState::NoCall {
                return Err(format!("{name} is left in {:?}", device.line.call_state()));
            }
            if let Some(end) = self.media.ends_at(place).first() {
                return Err(format!("{name} has left {end:?} open"));
            }
            let online = matches!(device.link, Link::Open(_)) && device.signed_in;
            if !online && device.link != Link::Closed {
                return Err(format!("{name} has not come back to the service"));
            }
        }
        if let Some((call, device)) = self.pushed.first() {
            return Err(format!("nobody says what has become of the push of {call} to {device}"));
        }
        match self.hub.calls().next() {
            Some(call) => Err(format!("the service has kept {call}")),
            None => Ok(()),
        }
    }

    /// From here on it becomes quiet.
    fn close_for_today(&mut self) {
        self.closing = true;
        for device in &mut self.devices {
            device.no_network_until = self.now;
        }
        self.after(SETTLED_AFTER, Happening::Settled);
    }

    fn hang_up_everywhere(&mut self) -> Result<(), Broken> {
        self.check_holds()?;
        for place in 0..self.devices.len() {
            for view in self.devices[place].views().collect::<Vec<_>>() {
                self.grant(place, Wish::HangUp(view.call))?;
            }
        }
        Ok(())
    }

    /// Both sides of each talk say the same of who holds it.
    fn check_holds(&self) -> Result<(), Broken> {
        let devices = self.devices.iter().enumerate().filter(|(_, device)| device.signed_in);
        let talks = devices.flat_map(|(place, device)| {
            let talks = device.views().filter(|view| matches!(view.phase, Phase::Talking { .. }));
            talks.map(move |view| (view.call, view.direction, place, view.holding))
        });
        let talks: Vec<_> = talks.collect();
        for (call, _, caller, holding) in talks.iter().filter(|(_, direction, ..)| *direction == Direction::Outgoing) {
            let callee = talks.iter().find(|(other, direction, ..)| other == call && *direction == Direction::Incoming);
            if let Some((_, _, callee, other)) = callee
                && mirrored(*other) != *holding
            {
                return Err(format!("of {call}, {} says {holding:?} and {} says {other:?}", name_of(*caller), name_of(*callee)));
            }
        }
        Ok(())
    }
}

/// What the other side sees.
fn mirrored(holding: Holding) -> Holding {
    match holding {
        Holding::ThisSide => Holding::OtherSide,
        Holding::OtherSide => Holding::ThisSide,
        Holding::Nobody | Holding::Both => holding,
    }
}

/// A user of the only company there is.
pub(crate) fn user(cuid: &Cuid) -> User {
    (AccountId("parcelo".to_owned()), Environment::Development, cuid.clone())
}

fn push_target() -> PushTarget {
    let by = PushService::WebPush { endpoint: Redacted::new("https://push.example/".to_owned()) };
    PushTarget { by, p256dh: String::new(), auth: Redacted::default() }
}

/// What a device is called in the log.
pub(crate) fn name_of(place: Place) -> String {
    format!("device {place}")
}
