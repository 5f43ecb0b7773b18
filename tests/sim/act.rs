//! What users do, and what a device's driver does for its line.

use std::time::Duration;

use rand::Rng;
use signedcall_core::{AnswerHow, CallView, Command, Dial, Event, Holding, Phase, Push, Tone};
use signedcall_server::hub::Reach;
use signedcall_wire::{CallId, CallStatus, Context, Cuid, DeviceId, Direction, EndReason};
use uuid::Uuid;

use crate::device::{Link, Place, place_of};
use crate::media::{End, Later, Media};
use crate::world::{Broken, Happening, World, name_of};

/// What a user wants.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Dial(Cuid),
    Answer(CallId, AnswerHow),
    /// Answers, and finds that there is no microphone.
    AnswerWithoutMicrophone(CallId),
    Decline(CallId),
    HangUp(CallId),
    Mute(CallId, bool),
    Hold(CallId, bool),
    Swap,
    Transfer(CallId, Cuid),
    /// Microphone or speaker fail while the voice is open.
    LoseVoice(CallId, EndReason),
    /// Goes to another network, with the computer.
    ChangeNetwork,
    /// Lets a second call wait from now on, or not.
    TakeSecondCalls(bool),
    LogOut,
    GoIdle,
}

impl World {
    /// Plans what people begin by themselves, and what befalls them. How they react is decided when it happens.
    pub(crate) fn plan_everybodys_day(&mut self) {
        for place in 0..self.devices.len() {
            for _ in 0..self.rng.random_range(1..=4) {
                let at = self.rng.random_range(1_000..110_000);
                let to = self.somebody();
                self.at(at, Happening::User(place, Wish::Dial(to)));
            }
            if self.rng.random_bool(0.15) {
                let at = self.rng.random_range(5_000..100_000);
                self.at(at, Happening::User(place, Wish::LogOut));
            }
            for _ in 0..self.rng.random_range(0..=2) {
                let at = self.rng.random_range(5_000..100_000);
                self.at(at, Happening::User(place, Wish::ChangeNetwork));
            }
            if self.rng.random_bool(0.1) {
                let at = self.rng.random_range(5_000..100_000);
                self.at(at, Happening::User(place, Wish::GoIdle));
            }
            if self.rng.random_bool(self.weather.crash) {
                let at = self.rng.random_range(5_000..100_000);
                self.at(at, Happening::Crash(place));
            }
        }
        for place in 0..if self.weather.fickle { self.devices.len() } else { 0 } {
            for _ in 0..3 {
                let (at, on) = (self.rng.random_range(1_000..110_000), self.rng.random());
                self.at(at, Happening::User(place, Wish::TakeSecondCalls(on)));
            }
        }
        // Two who think of each other at the same moment.
        for _ in 0..self.rng.random_range(0..=2) {
            let at = self.rng.random_range(2_000..100_000);
            for (place, other) in [(0, 1), (1, 0)] {
                let to = self.devices[other].cuid.clone();
                let hesitates = self.rng.random_range(0..300);
                self.at(at + hesitates, Happening::User(place, Wish::Dial(to)));
            }
        }
        for _ in 0..self.rng.random_range(0..=2) {
            let (at, from, to) = (self.rng.random_range(2_000..100_000), self.somebody(), self.somebody());
            if from != to {
                self.at(at, Happening::CompanyConnects(from, to));
            }
        }
        for _ in 0..3 {
            if self.rng.random_bool(self.weather.restart) {
                let at = self.rng.random_range(5_000..100_000);
                let stops = if self.rng.random_bool(0.7) { Happening::ServiceDies } else { Happening::ServiceDrains };
                self.at(at, stops);
            }
        }
    }

    /// Mostly another user; sometimes oneself, or nobody.
    fn somebody(&mut self) -> Cuid {
        if self.rng.random_bool(0.03) {
            return Cuid::new("nobody").expect("a cuid");
        }
        let place = self.rng.random_range(0..self.devices.len());
        self.devices[place].cuid.clone()
    }

    /// Lets a user do something.
    pub(crate) fn grant(&mut self, place: Place, wish: Wish) -> Result<(), Broken> {
        if let Wish::HangUp(call) | Wish::Decline(call) = wish {
            self.ledger.is_unwanted(call);
        }
        let event = match wish {
            Wish::Dial(_) if self.closing => return Ok(()),
            Wish::Dial(to) => Event::UserDialled(self.dial(place, to)),
            Wish::Answer(call, how) => {
                self.devices[place].answered.insert(call);
                Event::UserAnswered { call, how }
            }
            Wish::AnswerWithoutMicrophone(call) => Event::VoiceFailed { call, reason: EndReason::MicrophoneRefused },
            Wish::Decline(call) => Event::UserDeclined { call },
            Wish::HangUp(call) => Event::UserHungUp { call },
            Wish::Mute(call, muted) => Event::UserMuted { call, muted },
            Wish::Hold(_, _) | Wish::Swap | Wish::Transfer(_, _) if self.closing => return Ok(()),
            Wish::Hold(call, on) => Event::UserHeld { call, on },
            Wish::Swap => Event::UserSwapped,
            Wish::ChangeNetwork => Event::NetworkChanged,
            Wish::Transfer(call, to) => {
                self.ledger.transfer((place, self.devices[place].run), call);
                Event::UserTransferred { call, to, new: self.new_call() }
            }
            Wish::LoseVoice(call, reason) => {
                if self.devices[place].voice.is_none_or(|(open, _)| open != call) {
                    return Ok(());
                }
                Event::VoiceFailed { call, reason }
            }
            Wish::TakeSecondCalls(on) => {
                self.ledger.summary.changes_of_mind += u64::from(self.devices[place].second_calls != on);
                self.devices[place].second_calls = on;
                Event::UserTakesSecondCalls { on }
            }
            Wish::LogOut if self.devices[place].link == Link::Closed => return Ok(()),
            Wish::LogOut => Event::UserLoggedOut,
            Wish::GoIdle if self.devices[place].link == Link::Closed => return Ok(()),
            Wish::GoIdle => Event::UserWentIdle,
        };
        self.hand_in(place, event)
    }

    /// A push of a call reaches a device, or one that is not meant for its user.
    pub(crate) fn push(&mut self, place: Place, call: CallId, to: Cuid, left: u64) -> Result<(), Broken> {
        // A device that is signed out does not hear of it; its SDK says so.
        if self.devices[place].link == Link::Closed {
            let is_reached = self.reached.get(&self.devices[place].id).is_some_and(|(_, reach)| matches!(reach, Reach::Push(_)));
            if is_reached && !self.closing {
                // It starts the program, which signs in, and hands it in then.
                self.start(place);
                self.after(1_000, Happening::Push { place, call, to, left: left.saturating_sub(1_000) });
            }
            return Ok(());
        }
        let number = self.number();
        self.ledger.pushed(number);
        self.devices[place].pushes.insert(number);
        self.hand_in(place, Event::PushCame(Push { number, call, to, left: Duration::from_millis(left) }))
    }

    pub(crate) fn new_call(&mut self) -> CallId {
        CallId(Uuid::from_u128(0xCA11_0000_0000 + u128::from(self.number())))
    }

    fn dial(&mut self, place: Place, to: Cuid) -> Dial {
        let call = self.new_call();
        let run = self.devices[place].run;
        self.ledger.dialled((place, run), call);
        self.devices[place].dialled.insert(to.clone());
        if self.rng.random_bool(0.1) {
            let after = self.rng.random_range(0..1_500);
            self.after(after, Happening::User(place, Wish::HangUp(call)));
        }
        let context = Context::new("Your order").expect("a context");
        let max_duration = self.rng.random_bool(0.3).then(|| Duration::from_millis(self.rng.random_range(1_000..60_000)));
        if let Some(limit) = max_duration.into_iter().chain(self.max_call).min() {
            self.ledger.limited(call, limit);
        }
        Dial { call, to, context, remote_context: None, initiator_image: None, receiver_image: None, max_duration }
    }

    /// Carries out one command of a line, as the SDK's driver does.
    pub(crate) fn carry_out(&mut self, place: Place, command: Command) -> Result<(), Broken> {
        let run = self.devices[place].run;
        match command {
            Command::Greet(greeting) => self.greet(place, greeting),
            Command::Send(message) => self.send_up(place, message),
            Command::CloseLink => {
                self.leave_socket(place);
                if !self.closing && self.rng.random_bool(0.7) {
                    let after = self.rng.random_range(100..=20_000);
                    self.after(after, Happening::Start(place));
                }
            }
            Command::ReopenLink { after } => {
                self.leave_socket(place);
                self.try_again(place, u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            }
            Command::Refused { code, detail } => return Err(format!("{} is refused: {code:?}, {detail}", name_of(place))),
            Command::SignedIn => {
                self.devices[place].signed_in = true;
                // Every other device can be reached by push, and says where when it is new.
                let is_new = self.devices[place].reached_in != Some(run);
                if place % 2 == 1 && is_new {
                    self.devices[place].reached_in = Some(run);
                    self.after(1, Happening::SetPush(place));
                }
            }
            Command::UseIce(_)
            | Command::UsePushKey(_)
            | Command::PushSet { .. }
            | Command::UseBranding(_)
            | Command::EventsKept { .. }
            | Command::ReceiptCame { .. }
            | Command::NotIdle { .. }
            | Command::SeekService => {}
            Command::PushHandled { number, outcome } => {
                self.devices[place].pushes.remove(&number);
                self.ledger.push_handled(number, outcome)?;
            }
            Command::Placed { call } => self.ledger.placed((place, run), call)?,
            Command::NotPlaced { call, error } => self.ledger.not_placed((place, run), call, error)?,
            Command::Transferred { call } => self.ledger.transfer_is_settled((place, run), call, true)?,
            Command::NotTransferred { call, .. } => self.ledger.transfer_is_settled((place, run), call, false)?,
            Command::Report(report) => {
                self.ledger.report((place, run), &report)?;
                self.react(place, report.call, report.direction, report.status);
            }
            Command::PlayTone(tone) => {
                if tone.is_none_or(|tone| !tone.sounds_once()) {
                    self.devices[place].tone = tone;
                }
            }
            // There is nobody on the other side: the company connects this user with somebody who is called once they have answered.
            Command::PrepareMedia { call, device, .. } | Command::DropMedia { call, device } | Command::RestartMedia { call, device }
                if device.0 == call.0 => {}
            Command::PrepareMedia { call, device, role } => {
                let end = self.end(place, call, device)?;
                let later = self.media.prepare(&mut self.rng, end, role)?;
                self.plan_media(later);
            }
            Command::ApplySignal { call, device, signal } => {
                let end = self.end(place, call, device)?;
                let later = self.media.apply(&mut self.rng, &self.weather, end, &signal)?;
                self.plan_media(later);
            }
            Command::RestartMedia { call, device } => {
                let end = self.end(place, call, device)?;
                let later = self.media.restart(&mut self.rng, end)?;
                self.plan_media(later);
            }
            Command::DropMedia { call, device } => {
                let end = self.end(place, call, device)?;
                self.close_media(end);
            }
            Command::StartVoice { call, device } => self.start_voice(place, call, device)?,
            Command::StopVoice { call } => match self.devices[place].voice.take() {
                Some((open, _)) if open == call => {}
                voice => return Err(format!("{} closes the voice of {call}; open is {voice:?}", name_of(place))),
            },
            Command::SetMuted { call, muted } => {
                let device = &mut self.devices[place];
                device.muted = Some((call, muted));
                if device.voice.is_some_and(|(open, _)| open == call) {
                    device.voice_muted = muted;
                }
            }
        }
        Ok(())
    }

    fn end(&self, place: Place, call: CallId, device: DeviceId) -> Result<End, Broken> {
        let to = place_of(device).filter(|to| *to < self.devices.len());
        to.map(|to| End { call, at: place, to }).ok_or_else(|| format!("there is no {device}"))
    }

    fn plan_media(&mut self, later: Later) {
        for (after, end, word) in later {
            if let Some(opened) = self.media.opened(end) {
                self.after(after, Happening::Media(end, opened, word));
            }
        }
    }

    pub(crate) fn close_media(&mut self, end: End) {
        let later = self.media.close(&mut self.rng, end);
        self.plan_media(later);
    }

    fn start_voice(&mut self, place: Place, call: CallId, device: DeviceId) -> Result<(), Broken> {
        let end = self.end(place, call, device)?;
        if !self.media.is_connected(end) {
            return Err(format!("{} opens its voice on {end:?}, which is not connected", name_of(place)));
        }
        if let Some(open) = self.devices[place].voice.replace((call, device)) {
            return Err(format!("{} opens a voice while {open:?} is open", name_of(place)));
        }
        self.ledger.summary.swaps += u64::from(self.devices[place].line.other_view().is_some());
        self.devices[place].voice_muted = self.devices[place].muted == Some((call, true));
        let view = self.devices[place].views().find(|view| view.call == call);
        if let Some(view) = view.filter(|view| view.direction == Direction::Incoming)
            && !self.devices[place].answered.contains(&call)
        {
            if !self.devices[place].dialled.contains(&view.peer) {
                return Err(format!("{} opens its microphone for {call}, which its user has not answered", name_of(place)));
            }
            self.ledger.summary.crossings += 1;
        }
        if self.rng.random_bool(self.weather.failed_voice) {
            let reason = if self.rng.random_bool(0.5) { EndReason::MicrophoneRefused } else { EndReason::InternalError };
            let after = self.rng.random_range(1..=300);
            self.after(after, Happening::User(place, Wish::LoseVoice(call, reason)));
        }
        if !self.closing && self.rng.random_bool(self.weather.interrupted_media) {
            let later = Media::interrupt(&mut self.rng, end);
            self.plan_media(later);
        }
        Ok(())
    }

    /// What a user does about what the device shows.
    fn react(&mut self, place: Place, call: CallId, direction: Direction, status: CallStatus) {
        let mut wishes = vec![];
        let somebody = self.somebody();
        if (direction, status) == (Direction::Incoming, CallStatus::Ringing) && self.rng.random_bool(self.weather.crash_ringing) {
            let after = self.rng.random_range(50..=5_000);
            self.after(after, Happening::CrashRinging(place));
        }
        let how = if self.rng.random_bool(0.7) { AnswerHow::HoldCurrent } else { AnswerHow::EndCurrent };
        match (direction, status) {
            (Direction::Incoming, CallStatus::Ringing) => match self.rng.random_range(0..100) {
                0..=54 => wishes.push((300..8_000, Wish::Answer(call, how))),
                55..=64 => wishes.push((300..30_000, Wish::Decline(call))),
                65..=69 => wishes.push((300..20_000, Wish::AnswerWithoutMicrophone(call))),
                70..=74 => wishes.push((300..20_000, Wish::HangUp(call))),
                75..=79 => wishes.push((34_000..41_000, Wish::Answer(call, how))),
                _ => {}
            },
            (Direction::Outgoing, CallStatus::Placed) if self.rng.random_bool(0.25) => {
                wishes.push((0..36_000, Wish::HangUp(call)));
            }
            (_, CallStatus::InProgress) => {
                if self.closing || self.rng.random_bool(0.6) {
                    wishes.push((0..40_000, Wish::HangUp(call)));
                }
                if self.rng.random_bool(0.3) {
                    wishes.push((0..10_000, Wish::Hold(call, true)));
                    wishes.push((10_000..11_000, Wish::Dial(somebody.clone())));
                    wishes.push((0..20_000, Wish::Hold(call, false)));
                }
                if self.rng.random_bool(0.5) {
                    wishes.push((0..20_000, Wish::Swap));
                }
                if self.rng.random_bool(0.2) {
                    wishes.push((0..20_000, Wish::Transfer(call, somebody.clone())));
                }
                if self.rng.random_bool(0.2) {
                    wishes.push((0..20_000, Wish::Mute(call, true)));
                    wishes.push((0..20_000, Wish::Mute(call, false)));
                }
            }
            (Direction::Outgoing, CallStatus::Placed)
            | (Direction::Outgoing, CallStatus::Ringing)
            | (Direction::Incoming, CallStatus::Placed)
            | (_, CallStatus::Answered | CallStatus::Ended(_)) => {}
        }
        for (within, wish) in wishes {
            let after = self.rng.random_range(within);
            self.after(after, Happening::User(place, wish));
        }
    }

    /// What holds of a device after each event.
    pub(crate) fn check_device(&mut self, place: Place) -> Result<(), Broken> {
        let device = &self.devices[place];
        let name = name_of(place);
        let views: Vec<CallView> = device.views().collect();
        let talking = |view: &&CallView| matches!(view.phase, Phase::Talking { .. }) && view.holding == Holding::Nobody;
        let talking: Vec<&CallView> = views.iter().filter(talking).collect();
        let (calls, voice) = (talking.iter().map(|view| view.call).collect::<Vec<_>>(), device.voice.map(|(call, _)| call));
        if calls != voice.into_iter().collect::<Vec<_>>() {
            return Err(format!("{name} talks in {calls:?}, and its voice is open in {voice:?}"));
        }
        if let Some(view) = talking.first()
            && view.muted != device.voice_muted
        {
            return Err(format!("{name} shows muted: {}, and its microphone is silenced: {}", view.muted, device.voice_muted));
        }
        let on = views.iter().filter(|view| !matches!(view.phase, Phase::Ended { .. })).count();
        // A second one that was there before its user has changed that goes on.
        let most = if device.second_calls { 2 } else { device.calls_on.clamp(1, 2) };
        if on > most {
            return Err(format!("{name} is in {on} calls"));
        }
        if !tones_of(&views).contains(&device.tone) {
            return Err(format!("{name} plays {:?} in {views:?}", device.tone));
        }
        self.devices[place].calls_on = on;
        Ok(())
    }
}

/// What may be heard of these calls beside the voice.
fn tones_of(views: &[CallView]) -> &'static [Option<Tone>] {
    let rings = |view: &CallView| (view.direction, view.phase) == (Direction::Incoming, Phase::Ringing);
    let is_on = |view: &CallView| !matches!(view.phase, Phase::Ended { .. });
    match views.iter().filter(|view| rings(view)).count() {
        0 => {}
        ringing if views.iter().filter(|view| is_on(view)).count() > ringing => return &[Some(Tone::CallWaiting)],
        _ => return &[Some(Tone::Ringtone)],
    }
    let tones = views.iter().map(tones_of_one);
    tones.into_iter().find(|tones| *tones != [None]).unwrap_or(&[None])
}

/// What may be heard of a call that does not ring.
fn tones_of_one(view: &CallView) -> &'static [Option<Tone>] {
    match (view.direction, view.phase) {
        // It rings back from the moment at which it is placed, which the view does not tell from the time before.
        (Direction::Outgoing, Phase::Calling) => &[None, Some(Tone::Ringback)],
        (Direction::Outgoing, Phase::Ringing) => &[Some(Tone::Ringback)],
        (_, Phase::Connecting | Phase::Talking { .. }) if view.holding == Holding::OtherSide => &[Some(Tone::HoldMusic)],
        (Direction::Incoming, Phase::Calling | Phase::Ringing) | (_, Phase::Connecting | Phase::Talking { .. } | Phase::Ended { .. }) => {
            &[None]
        }
    }
}
