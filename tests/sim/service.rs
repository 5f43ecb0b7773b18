//! What the service's shell does around the hub, and how it dies and is started again.

use rand::Rng;
use signedcall_server::hub::{
    AskId, Connect, Hub, HubCommand, HubEvent, HubSettings, KeepPush, KeptCall, NewPush, PushOutcome, Reach, SocketId,
};
use signedcall_wire::{CallId, Context, Cuid, DeviceId, DeviceName, EndReason, ServiceEvent, ServiceMessage};

use crate::device::{Place, device_id, place_of};
use crate::ledger::Ledger;
use crate::store::Remains;
use crate::world::{Broken, Happening, World, name_of, user};

impl World {
    /// Carries out one command of the hub, as the service's shell does.
    pub(crate) fn carry_out_for_hub(&mut self, command: HubCommand) -> Result<(), Broken> {
        match command {
            HubCommand::Send { socket, message } => {
                if let Some(place) = self.sockets.get(&socket).map(|open| open.place) {
                    self.check_message(place, &message)?;
                }
                self.send_down(socket, message);
            }
            HubCommand::Close { socket } => {
                let wait = self.weather.frame_delay(&mut self.rng);
                if let Some(open) = self.sockets.get_mut(&socket) {
                    open.lost = true;
                    let noticed_at = open.down.max(self.now + wait) + 1;
                    self.at(noticed_at, Happening::DeviceNotices(socket));
                }
            }
            HubCommand::OpenRecord(record) => {
                let call = record.invite.call;
                self.ledger.summary.connected += u64::from(record.by_company && record.instead_of.is_some());
                let durable = self.store.begin(record);
                Ledger::opened(call, durable)?;
                let durable = durable && !self.rng.random_bool(self.weather.failed_record);
                let delay = self.weather.record_delay(&mut self.rng);
                let late = HubSettings::default().record_within.as_millis();
                self.ledger.summary.late_records += u64::from(u128::from(delay) > late);
                self.after(delay, Happening::Stored { service: self.service, call, durable });
            }
            HubCommand::WriteAnswer { call, answer } => {
                let number = self.number();
                self.store.answer(number, call, answer);
                let delay = self.weather.record_delay(&mut self.rng);
                self.after(delay, Happening::AnswerStored { service: self.service, call, number });
            }
            HubCommand::NoteRinging { call, rings_on } => self.store.note_ringing(call, rings_on),
            HubCommand::CloseRecord(record) => {
                self.store.close(&record);
                self.ledger.closed(record)?;
            }
            // Nothing in the simulation sounds.
            HubCommand::KeepReport(_) => {}
            HubCommand::KeepEvents(_) | HubCommand::MakeReceipt(_) | HubCommand::AnswerConnect { .. } | HubCommand::AnswerHangUp { .. } => {
            }
            HubCommand::KeepPush(kept) => {
                let KeepPush { session, request, device, cuid, by, .. } = kept;
                self.reached.insert(device, (cuid.clone(), Reach::Push(by)));
                let delay = self.weather.record_delay(&mut self.rng);
                self.after(delay, Happening::PushKept { service: self.service, session, request, device, cuid });
            }
            HubCommand::ForgetPush(forgotten) if forgotten.logged_out => {
                self.reached.insert(forgotten.device, (forgotten.cuid, Reach::LoggedOut));
            }
            HubCommand::ForgetPush(forgotten) => drop(self.reached.remove(&forgotten.device)),
            HubCommand::RenewPush(renewed) => {
                self.reached.insert(renewed.device, (renewed.cuid, Reach::Push(renewed.by)));
            }
            HubCommand::Push(push) => self.bring(push)?,
            HubCommand::PushSettled { call, device, outcome } => {
                self.ledger.summary.pushes_brought += u64::from(outcome == PushOutcome::Rings);
                if !self.pushed.remove(&(call, device)) {
                    return Err(format!("it is said twice what has become of the push of {call} to {device}"));
                }
                self.settled.insert((call, device));
            }
        }
        Ok(())
    }

    fn check_message(&mut self, place: Place, message: &ServiceMessage) -> Result<(), Broken> {
        match message {
            ServiceMessage::Event { event, .. } => self.check_event(place, event),
            ServiceMessage::Welcome(welcome) => welcome
                .ended
                .iter()
                .try_for_each(|ended| self.check_other_device(place, ended.call, ended.reason, ended.other_device.as_ref())),
            ServiceMessage::Resumed
            | ServiceMessage::SessionExpired
            | ServiceMessage::Refused(_)
            | ServiceMessage::Response { .. }
            | ServiceMessage::Ice(_)
            | ServiceMessage::Renewed { .. }
            | ServiceMessage::NotRenewed(_)
            | ServiceMessage::Goaway { .. }
            | ServiceMessage::Unknown => Ok(()),
        }
    }

    /// Which device of a user has answered or declined is told to each other device of the same user, and to nobody else.
    fn check_other_device(&self, place: Place, call: CallId, reason: EndReason, other: Option<&DeviceName>) -> Result<(), Broken> {
        let is_elsewhere = matches!(reason, EndReason::AnsweredElsewhere | EndReason::DeclinedElsewhere);
        let known = other.and_then(|name| (0..self.devices.len()).find(|other| name_of(*other) == name.as_str()));
        let is_right = match known {
            None => other.is_none() && !is_elsewhere,
            Some(other) => is_elsewhere && other != place && self.devices[other].cuid == self.devices[place].cuid,
        };
        if !is_right {
            return Err(format!("{} is told that {call} ended with {reason:?} on {other:?}", name_of(place)));
        }
        match known {
            Some(other) if reason == EndReason::AnsweredElsewhere => self.ledger.has_answered(call, device_id(other)),
            Some(_) | None => Ok(()),
        }
    }

    fn check_event(&mut self, place: Place, event: &ServiceEvent) -> Result<(), Broken> {
        match event {
            ServiceEvent::Answered { call, by, .. } => {
                self.die_sometimes(*call);
                self.ledger.won(*call, by.device, self.now)
            }
            ServiceEvent::Ringing { call, by } => {
                self.ledger.rings(*call, *by);
                Ok(())
            }
            ServiceEvent::Ended { call, reason, other_device } => {
                self.check_other_device(place, *call, *reason, other_device.as_ref())?;
                self.ledger.told(*call, place, *reason)
            }
            ServiceEvent::Transferred(transferred) => self.ledger.transferred(transferred, place),
            ServiceEvent::Held { on, .. } => {
                self.ledger.summary.holds += u64::from(*on);
                Ok(())
            }
            ServiceEvent::Invite(invite) => {
                self.push_sometimes(invite.call, place);
                Ok(())
            }
            ServiceEvent::Signal { .. } | ServiceEvent::TimeLeft { .. } | ServiceEvent::Branding(_) => Ok(()),
            ServiceEvent::Unknown => Err("the hub says something unknown".to_owned()),
        }
    }

    /// Both sides are told of an answer that is not durable, and some of those are lost.
    fn die_sometimes(&mut self, call: CallId) {
        if self.store.is_writing_answer(call) && self.rng.random_bool(self.weather.restart) {
            let wait = self.rng.random_range(0..=2_000);
            self.after(wait, Happening::ServiceDies);
        }
    }

    /// The company's backend connects two users, and asks again where it was not answered.
    pub(crate) fn connect(&mut self, from: Cuid, to: Cuid) -> Result<(), Broken> {
        if self.now < self.service_down_until {
            return Ok(());
        }
        let (account, environment, from) = user(&from);
        let (call, leads_to) = (self.new_call(), self.new_call());
        let connect = Connect {
            account,
            environment,
            call,
            leads_to,
            from,
            to,
            context: your_order(),
            remote_context: None,
            initiator_image: None,
            receiver_image: None,
            limit: None,
        };
        for _ in 0..self.rng.random_range(1..=2) {
            let ask = AskId(self.number());
            self.tell_hub(HubEvent::ConnectAsked { ask, connect: Box::new(connect.clone()) })?;
        }
        Ok(())
    }

    /// Some calls are pushed as well: before the socket says the same or after, twice, late, or to somebody else.
    fn push_sometimes(&mut self, call: CallId, place: Place) {
        if !self.rng.random_bool(0.2) {
            return;
        }
        for _ in 0..self.rng.random_range(1..=2) {
            let device = if self.rng.random_bool(0.9) { place } else { self.rng.random_range(0..self.devices.len()) };
            let wait = if self.rng.random_bool(0.6) { self.rng.random_range(0..=30) } else { self.rng.random_range(0..=60_000) };
            let to = self.devices[place].cuid.clone();
            self.after(wait, Happening::Push { place: device, call, to, left: 35_000_u64.saturating_sub(wait) });
        }
    }

    /// Brings a push to its device, late, twice or not at all, and sometimes says so.
    fn bring(&mut self, push: NewPush) -> Result<(), Broken> {
        let NewPush { call, cuid, device, .. } = push.clone();
        if !self.pushed.insert((call, device)) {
            return Err(format!("{device} is pushed twice for {call}"));
        }
        if self.settled.contains(&(call, device)) {
            return Err(format!("{device} is pushed for {call} although it is known what has become of that"));
        }
        let Some(place) = place_of(device) else { return Err("nobody is pushed".to_owned()) };
        if self.rng.random_bool(0.05) {
            self.after(200, Happening::PushFails { service: self.service, push });
            return Ok(());
        }
        let times = if self.rng.random_bool(0.1) { 0 } else { self.rng.random_range(1..=2) };
        for _ in 0..times {
            let wait = if self.rng.random_bool(0.9) { self.rng.random_range(50..=500) } else { self.rng.random_range(0..=60_000) };
            let to = cuid.clone();
            self.after(wait, Happening::Push { place, call, to, left: 35_000_u64.saturating_sub(wait) });
        }
        Ok(())
    }

    /// The store has done its part. One that belongs to a service that died tells nobody.
    pub(crate) fn store(&mut self, service: u64, call: CallId, durable: bool) -> Result<(), Broken> {
        if service != self.service {
            return Ok(());
        }
        self.store.settle(call, durable);
        if durable {
            self.ledger.durable(call);
        }
        self.tell_hub(if durable { HubEvent::Recorded { call } } else { HubEvent::StoreFailed { call } })
    }

    /// The same of an answer.
    pub(crate) fn store_answer(&mut self, service: u64, call: CallId, number: u64) -> Result<(), Broken> {
        if service != self.service {
            return Ok(());
        }
        self.store.settle_answers(number);
        self.tell_hub(HubEvent::AnswerWritten { call })
    }

    /// The service dies with all that it knew, and starts again on what is durable.
    pub(crate) fn restart_service(&mut self) -> Result<(), Broken> {
        self.note("service", "dies", &());
        self.ledger.summary.restarts += 1;
        let Remains { durable, unanswered } = self.store.lose_what_is_under_way(&mut self.rng);
        durable.into_iter().for_each(|call| self.ledger.durable(call));
        unanswered.into_iter().for_each(|call| self.ledger.lost_answer(call));
        self.ledger.forget_words();
        self.hub = Hub::new(HubSettings::default());
        self.pushed.clear();
        self.service += 1;
        self.service_down_until = self.now + self.rng.random_range(100..=5_000);
        let open: Vec<SocketId> = self.sockets.iter().filter(|(_, open)| open.broken.is_none()).map(|(id, _)| *id).collect();
        for socket in open {
            self.break_socket(socket);
        }
        let mut calls = Vec::new();
        for (record, answer) in self.store.open() {
            self.ledger.summary.outlived += 1;
            if let Some(answer) = &answer {
                self.ledger.won(record.invite.call, answer.by.device, answer.at.as_millis())?;
            }
            if let (Some(_), Some(limit)) = (record.instead_of, record.limit) {
                // What was left of the old call is known as of the moment at which somebody asked for the transfer.
                self.ledger.limited(record.invite.call, limit);
            }
            let sessions = [self.fresh_session(), self.fresh_session()];
            let of_this = |(call, _): &&(CallId, DeviceId)| *call == record.invite.call;
            let settled = self.settled.iter().filter(of_this).map(|(_, device)| *device).collect();
            calls.push(KeptCall { record, answer, sessions, settled });
        }
        let known = self.reached.iter().map(|(device, (cuid, reach))| (user(cuid), *device, reach.clone())).collect();
        self.tell_hub(HubEvent::PushesKnown { key: String::new(), known })?;
        self.tell_hub(HubEvent::Restored { calls, ended: self.store.ended(self.now) })
    }

    /// The service sends everybody away, and stops a little later.
    pub(crate) fn drain_service(&mut self) -> Result<(), Broken> {
        const WITHIN: u64 = 5_000;
        self.ledger.summary.drains += 1;
        for place in 0..self.devices.len() {
            let after = self.rng.random_range(0..=WITHIN);
            self.after(after, Happening::Move(place));
        }
        self.after(WITHIN, Happening::ServiceDies);
        self.tell_hub(HubEvent::Draining)
    }
}

fn your_order() -> Context {
    Context::new("Your order").expect("a context")
}
