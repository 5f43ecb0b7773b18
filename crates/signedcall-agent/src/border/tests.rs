//! Both sides of the border on one socket, with a test in the place of controller and pages.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::client::{self, Connected};
use super::frames::{self, BorderError, MOST_ASKED};
use super::messages::{Hello, Instruction, Reception, Request, Wants};
use super::server::{self, Desk};
use super::{Client, Instructions, VERSION};
use crate::controller::{Event, inbox};
use crate::testing::Folder;
use crate::view::{AppView, BrandView, Problem, ProblemCode, SessionView, SettingsView, SetupView};
use crate::windows::{Program, Windows};

/// Longer than anything here takes; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn view(revision: u32) -> AppView {
    AppView {
        revision,
        session: SessionView::SignedOut { problem: None },
        call: None,
        other: None,
        recent: Vec::new(),
        brand: BrandView {
            name: "Parcelo".to_owned(),
            app: "Signed Call".to_owned(),
            logo: None,
            background: "#0F3D2E".to_owned(),
            foreground: "#FFFFFF".to_owned(),
            light_buttons: true,
        },
        settings: SettingsView::default(),
        notices: Vec::new(),
        missed: 0,
        setup: SetupView::default(),
        link: None,
        trial: None,
    }
}

/// An agent without anything behind its border.
struct Agent {
    windows: Windows,
    desk: Desk,
    views: watch::Sender<AppView>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Agent {
    fn new() -> Self {
        let (inbox, events) = inbox();
        let (views, seen) = watch::channel(view(1));
        let windows = Windows::new(Program { path: "/no/such/program".into(), profile: "alice".parse().expect("a name") });
        Self { windows, desk: Desk { inbox, views: seen, app_name: "Signed Call".to_owned() }, views, events }
    }

    /// A connection to this agent, and what becomes of it here.
    fn connect(&self) -> (UnixStream, JoinHandle<Result<(), BorderError>>) {
        let (here, there) = UnixStream::pair().expect("a pair of sockets");
        let (windows, desk) = (self.windows.clone(), self.desk.clone());
        (there, tokio::spawn(async move { server::receive(here, &windows, &desk).await }))
    }

    async fn greeted(&self, hello: Hello) -> (Connected, JoinHandle<Result<(), BorderError>>) {
        let (there, served) = self.connect();
        let connected = in_time(client::greet(there, hello)).await.expect("both speak the same");
        (connected, served)
    }

    async fn windows(&self, wants: Wants) -> (Client, Instructions, JoinHandle<Result<(), BorderError>>) {
        match self.greeted(hello(wants, true)).await {
            (Connected::Windows { app_name, client, instructions }, served) => {
                assert_eq!(app_name, "Signed Call");
                (client, instructions, served)
            }
            (other, _) => panic!("{other:?}"),
        }
    }

    async fn next(&mut self) -> Event {
        in_time(self.events.recv()).await.expect("somebody may still tell something")
    }
}

fn hello(wants: Wants, shows_windows: bool) -> Hello {
    Hello { version: VERSION.to_owned(), wants, shows_windows }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take so long")
}

#[tokio::test]
async fn windows_see_each_view_and_are_told_what_to_show() {
    let agent = Agent::new();
    let (client, mut instructions, _served) = agent.windows(Wants::Nothing).await;
    let mut views = client.views();
    assert_eq!(views.borrow_and_update().revision, 1, "there is one from the beginning");
    agent.views.send_replace(view(2));
    agent.windows.show(Instruction::ShowMain);
    assert_eq!(in_time(instructions.recv()).await, Some(Instruction::ShowMain));
    assert_eq!(views.borrow_and_update().revision, 2, "what is shown in a window comes before it");
    agent.windows.show(Instruction::HideAll);
    assert_eq!(in_time(instructions.recv()).await, Some(Instruction::HideAll));
}

#[tokio::test]
async fn a_question_is_answered_to_whoever_asked() {
    let mut agent = Agent::new();
    let (client, _instructions, _served) = agent.windows(Wants::Nothing).await;
    let other = client.clone();
    let dial = tokio::spawn(async move { client.ask(Request::Dial { cuid: "org_25".to_owned(), context: "Order".to_owned() }).await });
    let Event::Dial { cuid, context, reply: dialled } = agent.next().await else { panic!("it was another question") };
    assert_eq!((cuid.as_str(), context.as_str()), ("org_25", "Order"));
    let swap = tokio::spawn(async move { other.ask(Request::Swap).await });
    let Event::Swap(swapped) = agent.next().await else { panic!("it was another question") };
    // The later one first.
    let refusal = Problem::new(ProblemCode::OngoingCall, "detail").about("subject");
    assert!(swapped.give(Err(refusal.clone())).is_none());
    assert!(dialled.give(Ok(())).is_none());
    assert_eq!(in_time(swap).await.expect("no panic"), Err(refusal));
    assert_eq!(in_time(dial).await.expect("no panic"), Ok(()));
}

#[tokio::test]
async fn what_names_no_call_is_refused_at_the_border() {
    let agent = Agent::new();
    let (client, _instructions, _served) = agent.windows(Wants::Nothing).await;
    let refusal = in_time(client.ask(Request::Decline { id: "../call".to_owned() })).await.expect_err("that is no id");
    assert_eq!(refusal.code, ProblemCode::FailureInMakeCall);
}

#[tokio::test]
async fn a_second_start_is_passed_on_to_the_windows_that_are_there() {
    let mut agent = Agent::new();
    let (_client, _instructions, _served) = agent.windows(Wants::Main).await;
    assert!(matches!(agent.next().await, Event::ShowMain(_)));
    let link = "signedcall://call/org_25".to_owned();
    assert!(matches!(agent.greeted(hello(Wants::Link(link.clone()), true)).await.0, Connected::PassedOn));
    let Event::Link(asked) = agent.next().await else { panic!("it was something else") };
    assert_eq!(asked, link);
}

#[tokio::test]
async fn whoever_only_passes_on_gets_no_windows() {
    let mut agent = Agent::new();
    assert!(matches!(agent.greeted(hello(Wants::Main, false)).await.0, Connected::PassedOn));
    assert!(matches!(agent.next().await, Event::ShowMain(_)));
    assert!(agent.windows.came().is_some(), "nobody has them");
}

#[tokio::test]
async fn a_program_of_another_version_is_told_so_and_shows_nothing() {
    let agent = Agent::new();
    let (mut there, served) = agent.connect();
    // It may say more, and want what is unknown here.
    let hello = json!({ "version": "99.0.0", "wants": { "Hologram": 3 }, "shows_windows": true, "face": null });
    frames::write(&mut there, &hello).await.expect("it listens");
    let reception = in_time(frames::read::<Reception>(&mut there, MOST_ASKED)).await.expect("an answer");
    assert_eq!(reception, Some(Reception::OtherVersion { version: VERSION.to_owned() }));
    in_time(served).await.expect("no panic").expect("it has been turned away in good order");
    assert!(agent.windows.came().is_some(), "nobody has them");
    let other = Hello { version: "0.0.1".to_owned(), wants: Wants::Main, shows_windows: true };
    assert!(matches!(agent.greeted(other).await.0, Connected::OtherVersion(version) if version == VERSION));
}

#[tokio::test]
async fn whoever_says_what_is_not_said_here_is_cut_off() {
    let agent = Agent::new();
    let too_long = [u32::MAX.to_le_bytes().as_slice(), b"{}"].concat();
    let torn = [10_u32.to_le_bytes().as_slice(), b"{"].concat();
    let nonsense = [2_u32.to_le_bytes().as_slice(), b"[]"].concat();
    for (bytes, is_long) in [(too_long, true), (torn, false), (nonsense, false)] {
        let (mut there, served) = agent.connect();
        there.write_all(&bytes).await.expect("it listens");
        there.shutdown().await.expect("a socket");
        let error = in_time(served).await.expect("no panic").expect_err("it is cut off");
        assert_eq!(matches!(error, BorderError::TooLong(_)), is_long, "{error}");
    }
    let (there, served) = agent.connect();
    drop(there);
    in_time(served).await.expect("no panic").expect("whoever says nothing has done nothing wrong");
}

#[tokio::test]
async fn windows_that_talk_nonsense_lose_their_place_and_the_call_can_be_come_back_to() {
    let mut agent = Agent::new();
    let (mut there, served) = agent.connect();
    frames::write(&mut there, &hello(Wants::Nothing, true)).await.expect("it listens");
    frames::write(&mut there, &json!({ "Ask": { "number": 1, "request": "Explode" } })).await.expect("it listens");
    assert!(matches!(agent.next().await, Event::MainPutAway));
    assert!(matches!(in_time(served).await.expect("no panic"), Err(BorderError::Malformed)));
    assert!(agent.windows.came().is_some(), "the next program has them");
}

#[tokio::test]
async fn windows_that_show_nothing_are_let_go_unless_one_is_wanted_meanwhile() {
    let mut agent = Agent::new();
    let (client, mut instructions, served) = agent.windows(Wants::Nothing).await;
    agent.windows.show(Instruction::ShowIncoming);
    client.idle(0);
    assert_eq!(in_time(instructions.recv()).await, Some(Instruction::ShowIncoming));
    client.main_put_away();
    assert!(matches!(agent.next().await, Event::MainPutAway), "it is still listened to");
    client.idle(1);
    assert_eq!(in_time(instructions.recv()).await, None, "the border is closed");
    in_time(served).await.expect("no panic").expect("in good order");
    assert!(agent.events.try_recv().is_err(), "nobody has lost anything");
}

#[tokio::test]
async fn windows_that_crash_are_as_if_closed_by_the_user() {
    let mut agent = Agent::new();
    let (client, instructions, served) = agent.windows(Wants::Nothing).await;
    drop((client, instructions));
    // Their half that reads ends with the next thing that they are told.
    agent.windows.show(Instruction::ShowMain);
    assert!(matches!(agent.next().await, Event::MainPutAway));
    in_time(served).await.expect("no panic").expect("they have only gone");
    assert!(agent.windows.came().is_some());
}

#[tokio::test]
async fn who_waits_for_an_agent_that_ends_is_told_so() {
    let mut agent = Agent::new();
    let (client, mut instructions, served) = agent.windows(Wants::Nothing).await;
    let asked = client.clone();
    let waits = tokio::spawn(async move { asked.ask(Request::SignOut).await });
    assert!(matches!(agent.next().await, Event::SignOut(_)));
    served.abort();
    assert_eq!(in_time(instructions.recv()).await, None);
    for outcome in [in_time(waits).await.expect("no panic"), in_time(client.ask(Request::Swap)).await] {
        assert_eq!(outcome.expect_err("nobody is there").code, ProblemCode::NotInitialized);
    }
}

#[tokio::test]
async fn an_agent_that_ends_takes_nobody_in() {
    let agent = Agent::new();
    let folder = Folder::new();
    let listener = UnixListener::bind(super::socket(folder.path())).expect("the test's own folder");
    let serving = tokio::spawn(server::serve(listener, agent.windows.clone(), agent.desk.clone()));
    let connected = in_time(client::connect(folder.path(), Wants::Nothing, true)).await.expect("both speak the same");
    let Connected::Windows { mut instructions, .. } = connected else { panic!("{connected:?}") };
    agent.windows.close();
    assert_eq!(in_time(instructions.recv()).await, Some(Instruction::HideAll));
    in_time(serving).await.expect("no panic");
    let connected = in_time(client::connect(folder.path(), Wants::Main, true)).await.expect("nobody is no error");
    assert!(matches!(connected, Connected::Nobody), "{connected:?}");
}
