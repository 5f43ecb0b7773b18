//! Drives the line: waits for the next thing to happen, hands it in, and carries out what follows.

mod link;
mod request;
mod show;
mod sign_in;
mod subject;
mod tokens;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use signedcall_core::{Command, Event, Line, PushOutcome, StatusReport, Step};
use signedcall_wire::{BrandingOverride, CallId, CallStatus, EndReason, ErrorCode, Hello, PushTarget, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use self::request::Keeping;
pub(crate) use self::request::UserRequest;
use self::show::Times;
use self::sign_in::next_token;
use self::subject::call_of;
use self::tokens::{Fetched, Tokens};
use crate::Error;
use crate::api::{LineView, LinkState};
use crate::clock::Clock;
use crate::events::Listeners;
use crate::line_check::{Checking, LineChecks, LineGate};
use crate::link::{Link, LinkEvent};
use crate::media::{Media, MediaEvent, MediaNews, Reach};
use crate::options::Checked;
use crate::quality::{Summary, VoiceStats};
use crate::sound::{Engine, SoundEvent, ToneSet, VoiceCondition};

/// The longest sleep towards a deadline. The runtime's timers stand still while the computer sleeps; after waking up, a deadline that has
/// passed meanwhile is noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The longest sleep when only a token waits to be renewed, for the same reason. It has minutes of reserve, and an idle program should sleep.
const LONGEST_IDLE_SLEEP: Duration = Duration::from_secs(30);

/// Whoever waits for pushes to go somewhere, or nowhere any more.
type PushChange = (Option<PushTarget>, oneshot::Sender<Result<(), Error>>);

pub(crate) struct Driver {
    clock: Clock,
    line: Line,
    link: Link,
    checks: LineChecks,
    /// Whether calls go ahead over the line as it is.
    gate: Option<LineGate>,
    /// What the service has said since a call has come that waits for the line to be measured.
    held_back: VecDeque<LinkEvent>,
    media: Media,
    sound: Engine,
    /// What is said when signing in, but for what the line knows better.
    hello: Hello,
    /// Where its credential comes from, unless it is an api key.
    tokens: Option<Tokens>,
    /// What the embedder changes of the account's.
    branding: BrandingOverride,
    requests: mpsc::Receiver<UserRequest>,
    /// Whether anybody is left who could ask for something.
    embedded: bool,
    listeners: Listeners,
    view: watch::Sender<LineView>,
    /// Whoever waits for the first sign-in.
    signing_in: Option<oneshot::Sender<Result<(), Error>>>,
    /// Whoever waits for a call to be placed.
    placing: HashMap<CallId, oneshot::Sender<Result<(), Error>>>,
    /// Whoever waits for a call to be transferred.
    transferring: HashMap<CallId, oneshot::Sender<Result<(), Error>>>,
    /// Whoever waits for the receipt of a call.
    receipts: HashMap<CallId, Vec<oneshot::Sender<Result<String, Error>>>>,
    /// Whoever waits for events to be kept.
    keeping: Option<Keeping>,
    /// Whoever waits for the end.
    leaving: Vec<oneshot::Sender<()>>,
    /// Whoever waits for the socket to be closed on purpose.
    idling: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Whoever waits for what becomes of a push, and how many there have been.
    pushes: HashMap<u64, oneshot::Sender<PushOutcome>>,
    pushes_taken: u64,
    /// Whoever waits for pushes to go somewhere.
    push_changes: Vec<PushChange>,
    deadline: Option<Timestamp>,
    link_state: LinkState,
    /// The moments of the calls that are shown, on the wall clock: worked out once each, so that a shown time never jumps.
    times: HashMap<CallId, Times>,
    /// What there was to say last of a voice.
    condition: Option<(CallId, VoiceCondition)>,
    /// The call whose voice is open.
    talking: Option<CallId>,
    /// The last second of that voice, for whoever watches.
    stats: watch::Sender<Option<VoiceStats>>,
    /// What the seconds of calls add up to, until they end.
    summaries: HashMap<CallId, Summary>,
    closed: bool,
}

/// What has happened, before it is an event of the line.
enum Happening {
    Request(Option<UserRequest>),
    Link(LinkEvent),
    Checking(Checking),
    Media(MediaEvent),
    Sound(SoundEvent),
    Token(Fetched),
    Woken,
}

impl Driver {
    pub(crate) fn new(
        options: Checked,
        tones: ToneSet,
        requests: mpsc::Receiver<UserRequest>,
        listeners: Listeners,
        view: watch::Sender<LineView>,
        stats: watch::Sender<Option<VoiceStats>>,
        signing_in: oneshot::Sender<Result<(), Error>>,
    ) -> std::io::Result<Self> {
        let Checked { address, me, hello, tokens, branding, treatment, sound, own_sound: _, line_gate, analytics: _ } = options;
        let clock = Clock::start();
        let reach = if address.is_loopback() { Reach::Loopback } else { Reach::Networks };
        let mut driver = Self {
            clock,
            line: Line::new(me, hello.device, hello.second_calls, rand::random()),
            link: Link::open(&address, clock),
            checks: LineChecks::new(),
            gate: line_gate,
            held_back: VecDeque::new(),
            media: Media::new(reach),
            sound: Engine::start(sound, treatment, tones)?,
            hello,
            tokens: tokens.map(Tokens::of),
            branding,
            requests,
            embedded: true,
            listeners,
            view,
            signing_in: Some(signing_in),
            placing: HashMap::new(),
            transferring: HashMap::new(),
            receipts: HashMap::new(),
            keeping: None,
            leaving: Vec::new(),
            idling: Vec::new(),
            pushes: HashMap::new(),
            pushes_taken: 0,
            push_changes: Vec::new(),
            deadline: None,
            link_state: LinkState::Reconnecting,
            times: HashMap::new(),
            condition: None,
            talking: None,
            stats,
            summaries: HashMap::new(),
            closed: false,
        };
        if driver.tokens.is_some() {
            driver.fetch_before_signing_in(Duration::ZERO);
        }
        Ok(driver)
    }

    /// Runs until the line is signed out or refused for good.
    pub(crate) async fn run(mut self) {
        while !self.closed {
            let happening = self.next().await;
            if let Some(event) = self.take(happening) {
                self.hand_in(event);
            }
            self.show();
        }
        if !self.idling.is_empty() {
            self.listeners.explain(Error::new(ErrorCode::SignallingSocketConnection, "the connection for calls was closed on purpose"));
        }
        self.link_state = LinkState::Closed;
        self.show();
        self.listeners.close();
        for waiting in self.leaving.drain(..) {
            let _ = waiting.send(());
        }
        for waiting in self.idling.drain(..) {
            let _ = waiting.send(Ok(()));
        }
    }

    async fn next(&mut self) -> Happening {
        let now = self.clock.now();
        let call = self.deadline.map(|deadline| deadline.since(now).min(LONGEST_SLEEP));
        let token = self.tokens.as_ref().and_then(Tokens::wake_at);
        let token = token.map(|deadline| deadline.since(now).min(LONGEST_IDLE_SLEEP));
        let wait = call.into_iter().chain(token).min().unwrap_or(Duration::MAX);
        tokio::select! {
            request = self.requests.recv(), if self.embedded => Happening::Request(request),
            event = self.link.next() => Happening::Link(event),
            checking = self.checks.next() => Happening::Checking(checking),
            event = self.media.next() => Happening::Media(event),
            event = self.sound.next() => Happening::Sound(event),
            fetched = next_token(&mut self.tokens) => Happening::Token(fetched),
            () = tokio::time::sleep(wait) => Happening::Woken,
        }
    }

    /// Makes an event of what has happened, if the line is to know of it.
    fn take(&mut self, happening: Happening) -> Option<Event> {
        match happening {
            Happening::Request(Some(request)) => self.take_request(request),
            Happening::Request(None) => {
                self.embedded = false;
                Some(Event::UserLoggedOut)
            }
            Happening::Link(event) => self.take_link_in_turn(event),
            Happening::Checking(Checking::Due) => {
                self.checks.measure(|| self.link.ask());
                None
            }
            Happening::Checking(Checking::Measured(measures)) => {
                self.line_measured(measures);
                None
            }
            Happening::Media(MediaEvent { call, device, news, .. }) => Some(match news {
                MediaNews::Signal(signal) => Event::MediaSignal { call, device, signal },
                MediaNews::Connected => Event::MediaConnected { call, device },
                MediaNews::Interrupted => Event::MediaInterrupted { call, device },
                MediaNews::Failed => Event::MediaFailed { call, device },
                MediaNews::Mismatched => Event::MediaMismatched { call, device },
            }),
            Happening::Sound(SoundEvent::NoCapture { call, error }) => {
                self.view.send_modify(|view| view.microphone_problem = Some(error.into()));
                Some(Event::VoiceFailed { call, reason: EndReason::MicrophoneRefused })
            }
            Happening::Sound(SoundEvent::NoPlayback { call, error }) => {
                tracing::warn!(%call, %error, "the call cannot be heard");
                Some(Event::VoiceFailed { call, reason: EndReason::InternalError })
            }
            Happening::Sound(SoundEvent::Condition { call, condition }) => {
                self.condition = Some((call, condition));
                None
            }
            Happening::Sound(SoundEvent::Second(second)) => {
                // One that was under way as its voice was closed is of no voice any more.
                if self.talking == Some(second.call) {
                    self.summaries.entry(second.call).or_default().add(&second);
                    self.stats.send_replace(Some(second));
                }
                None
            }
            Happening::Token(fetched) => {
                self.take_token(fetched);
                None
            }
            Happening::Woken => {
                self.plan_tokens(|_, _| {});
                Some(Event::Woken)
            }
        }
    }

    fn hand_in(&mut self, event: Event) {
        let span = match call_of(&event) {
            Some(call) => tracing::info_span!("call", %call),
            None => tracing::Span::none(),
        };
        let _entered = span.enter();
        let woken = event == Event::Woken;
        if !woken {
            tracing::debug!(?event);
        }
        let Step { commands, wake_at } = self.line.handle(self.clock.now(), event);
        self.deadline = wake_at;
        // Who is told of an event finds it in the view already.
        self.show();
        if !woken || !commands.is_empty() {
            tracing::debug!(state = ?self.line.call_state(), ?commands);
        }
        let ended: Vec<CallId> = commands.iter().filter_map(end_of).collect();
        for command in commands {
            self.carry_out(command);
        }
        for call in ended {
            if let Some(report) = self.summaries.remove(&call).and_then(|summary| summary.report()) {
                tracing::info!(%call, ?report, "how the call sounded");
                self.hand_in(Event::VoiceReported { call, report });
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Greet(greeting) => self.greet(greeting),
            Command::Send(message) => self.link.send(message),
            Command::CloseLink => {
                self.link.close();
                self.closed = true;
            }
            Command::ReopenLink { after } => {
                self.lose_link(after);
                self.link.reopen(after);
            }
            Command::Refused { code, detail } => {
                tracing::warn!(code = code.name(), "signing in is refused");
                let error = Error::new(code, detail);
                match self.signing_in.take() {
                    Some(signing_in) => {
                        let _ = signing_in.send(Err(error));
                    }
                    None => self.listeners.explain(error),
                }
            }
            Command::SignedIn => {
                tracing::info!("signed in");
                self.link_state = LinkState::Ready;
                self.plan_tokens(|plan, _| plan.go_on());
                if let Some(signing_in) = self.signing_in.take() {
                    let _ = signing_in.send(Ok(()));
                }
            }
            Command::UseIce(ice) => {
                self.view.send_modify(|view| view.hides_addresses = ice.relay_only);
                self.checks.use_ice(ice.clone());
                self.media.use_ice(ice);
            }
            Command::UseBranding(branding) => self.use_branding(branding),
            Command::Placed { call } => answer(&mut self.placing, call, Ok(())),
            Command::NotPlaced { call, error } => {
                tracing::info!(%call, code = error.name(), "the call is not placed");
                answer(&mut self.placing, call, Err(error.into()));
            }
            Command::Transferred { call } => answer(&mut self.transferring, call, Ok(())),
            Command::NotTransferred { call, error } => {
                tracing::info!(%call, code = error.name(), "the call is not transferred");
                answer(&mut self.transferring, call, Err(error.into()));
            }
            Command::EventsKept { events, error } => {
                if let Some(waiting) = self.keeping.take_if(|keeping| keeping.events == events) {
                    // They may have stopped waiting.
                    let _ = waiting.reply.send(error.map_or(Ok(()), |error| Err(error.into())));
                }
            }
            Command::ReceiptCame { call, receipt } => {
                for waiting in self.receipts.remove(&call).into_iter().flatten() {
                    // They may have stopped waiting.
                    let _ = waiting.send(receipt.clone().map(|receipt| receipt.expose().clone()).map_err(Error::from));
                }
            }
            Command::NotIdle { error } => {
                for waiting in self.idling.drain(..) {
                    let _ = waiting.send(Err(error.into()));
                }
            }
            Command::UsePushKey(key) => self.view.send_modify(|view| view.push_key = Some(key)),
            Command::PushSet { target, error } => {
                if let Some(index) = self.push_changes.iter().position(|(waiting, _)| *waiting == target) {
                    // They may have stopped waiting.
                    let _ = self.push_changes.swap_remove(index).1.send(error.map_or(Ok(()), |error| Err(error.into())));
                }
            }
            Command::SeekService => self.link.doubt(),
            Command::PushHandled { number, outcome } => {
                tracing::info!(?outcome, "a push has come");
                if let Some(waiting) = self.pushes.remove(&number) {
                    // They may have stopped waiting.
                    let _ = waiting.send(outcome);
                }
            }
            Command::Report(report) => {
                tracing::info!(call = %report.call, status = report.status.name());
                match report.status {
                    CallStatus::Placed | CallStatus::Ringing | CallStatus::Answered | CallStatus::InProgress => {}
                    CallStatus::Ended(_) => answer(&mut self.placing, report.call, Ok(())),
                }
                self.listeners.tell(report);
            }
            Command::PlayTone(tone) => self.sound.play(tone),
            Command::PrepareMedia { call, device, role } => self.media.prepare(call, device, role),
            Command::ApplySignal { call, device, signal } => self.media.apply(call, device, signal),
            Command::RestartMedia { call, device } => self.media.restart(call, device),
            Command::DropMedia { call, device } => self.media.drop_peer(call, device),
            Command::StartVoice { call, device } => match self.media.open_path(call, device) {
                Some((path, timeline)) => {
                    self.condition = None;
                    self.talking = Some(call);
                    self.sound.start_voice(call, path, timeline);
                }
                None => tracing::error!("voice is to start on a connection that is not prepared"),
            },
            Command::StopVoice { call } => {
                if self.talking == Some(call) {
                    self.talking = None;
                    self.stats.send_replace(None);
                }
                self.sound.stop_voice(call);
            }
            Command::SetMuted { call, muted } => self.sound.mute(call, muted),
        }
    }
}

/// The call whose end is reported.
fn end_of(command: &Command) -> Option<CallId> {
    if let Command::Report(StatusReport { call, status: CallStatus::Ended(_), .. }) = command { Some(*call) } else { None }
}

/// Answers whoever waits for what becomes of a call.
fn answer(waiting: &mut HashMap<CallId, oneshot::Sender<Result<(), Error>>>, call: CallId, outcome: Result<(), Error>) {
    if let Some(waiting) = waiting.remove(&call) {
        // They may have stopped waiting.
        let _ = waiting.send(outcome);
    }
}
