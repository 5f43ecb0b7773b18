//! What holds of every bus.

use std::time::Duration;

use super::*;
use crate::bus::nats_server::NatsServer;

/// Nothing that a test waits for takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bus that can go away and come back.
enum Rig {
    Nats(NatsServer, Vec<Bus>),
    Within(BusWithin),
}

impl Rig {
    async fn way(&mut self, name: &str) -> Bus {
        match self {
            Self::Nats(server, ways) => {
                let bus = Bus::connect(&BusServer::parse(&server.url()).expect("a URL"), name).await.expect("a server");
                until(|| bus.is_there()).await;
                ways.push(bus.clone());
                bus
            }
            Self::Within(bus) => Bus::Within(bus.clone()),
        }
    }

    async fn lose(&mut self) {
        match self {
            Self::Nats(server, ways) => {
                server.kill();
                until(|| !ways.iter().any(Bus::is_there)).await;
            }
            Self::Within(bus) => bus.set_away(true),
        }
    }

    async fn bring_back(&mut self) {
        match self {
            Self::Nats(server, ways) => {
                server.start_again();
                until(|| ways.iter().all(Bus::is_there)).await;
            }
            Self::Within(bus) => bus.set_away(false),
        }
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it becomes so in time");
}

async fn next(heard: &mut Subscription) -> String {
    let message = tokio::time::timeout(PATIENCE, heard.next()).await.expect("it is heard in time").expect("there is more");
    String::from_utf8(message.payload.to_vec()).expect("text")
}

/// Makes a test of each function for each kind of bus.
macro_rules! on_each_bus {
    ($($test:ident),* $(,)?) => {
        mod within {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Rig::Within(super::BusWithin::default())).await;
            })*
        }

        mod on_nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Rig::Nats(super::NatsServer::start(), Vec::new())).await;
            })*
        }
    };
}

on_each_bus![
    everybody_who_listens_hears_everything_in_order_and_nobody_else_does,
    whoever_has_subscribed_hears_what_another_says_right_after,
    the_first_answer_is_taken_and_without_one_it_is_said_why,
    what_is_said_while_the_bus_is_away_is_refused_and_listening_goes_on_afterwards,
];

async fn everybody_who_listens_hears_everything_in_order_and_nobody_else_does(mut rig: Rig) {
    let (one, other) = (rig.way("one").await, rig.way("other").await);
    let mut hear = [one.subscribe("a.b").await.expect("a bus"), other.subscribe("a.b").await.expect("a bus")];
    let mut elsewhere = other.subscribe("a.c").await.expect("a bus");
    let unheard = one.subscribe("a.b").await.expect("a bus");
    drop(unheard);
    for number in 0..1_000 {
        one.publish("a.b", number.to_string().into_bytes()).await.expect("a bus");
    }
    one.publish("a.c", b"elsewhere".to_vec()).await.expect("a bus");
    for heard in &mut hear {
        for number in 0..1_000 {
            assert_eq!(next(heard).await, number.to_string());
        }
    }
    assert_eq!(next(&mut elsewhere).await, "elsewhere");
}

async fn whoever_has_subscribed_hears_what_another_says_right_after(mut rig: Rig) {
    let (one, other) = (rig.way("one").await, rig.way("other").await);
    for number in 0..300 {
        let subject = format!("a.{number}");
        let mut heard = other.subscribe(&subject).await.expect("a bus");
        one.publish(&subject, b"right after".to_vec()).await.expect("a bus");
        assert_eq!(next(&mut heard).await, "right after");
    }
}

async fn the_first_answer_is_taken_and_without_one_it_is_said_why(mut rig: Rig) {
    let (one, other) = (rig.way("one").await, rig.way("other").await);
    let ask = |within| one.request("question", b"how much?".to_vec(), within);
    assert_eq!(ask(PATIENCE).await.expect_err("nobody is there"), BusError::NobodyListens);
    let mut questions = other.subscribe("question").await.expect("a bus");
    assert_eq!(ask(Duration::from_millis(1)).await.expect_err("nobody answers"), BusError::TooSlow);
    let answering = async {
        questions.next().await.expect("the first one, which nobody waits for any more");
        let asked = questions.next().await.expect("a question");
        assert_eq!(asked.payload, "how much?");
        other.answer(&asked, b"enough".to_vec()).await
    };
    let (answer, answered) = tokio::join!(ask(PATIENCE), answering);
    assert_eq!(answer.expect("an answer"), "enough");
    answered.expect("a bus");
}

async fn what_is_said_while_the_bus_is_away_is_refused_and_listening_goes_on_afterwards(mut rig: Rig) {
    let (one, other) = (rig.way("one").await, rig.way("other").await);
    let mut heard = other.subscribe("a").await.expect("a bus");
    one.publish("a", b"before".to_vec()).await.expect("a bus");
    assert_eq!(next(&mut heard).await, "before");
    rig.lose().await;
    assert!(!one.is_there() && !other.is_there());
    assert_eq!(one.publish("a", b"meanwhile".to_vec()).await, Err(BusError::Away));
    assert_eq!(one.request("a", b"meanwhile".to_vec(), PATIENCE).await.expect_err("it is away"), BusError::Away);
    rig.bring_back().await;
    // Both are there, but whether the other one's subscriptions are known already, one cannot know but by saying something.
    let (mut said, mut afterwards) = (0, None);
    while afterwards.is_none() {
        said += 1;
        one.publish("a", format!("afterwards {said}").into_bytes()).await.expect("a bus");
        afterwards = tokio::time::timeout(Duration::from_millis(20), next(&mut heard)).await.ok();
    }
    assert!(afterwards.is_some_and(|text| text.starts_with("afterwards ")));
}

#[test]
fn a_bus_on_another_machine_is_reached_by_tls_and_a_password_only_which_is_never_shown() {
    for good in [
        "nats://localhost",
        "nats://127.0.0.1:4223",
        "nats://[::1]",
        "nats://me:geheim@localhost:4222",
        "tls://[::1]",
        "tls://me:geheim@bus.example",
    ] {
        let server = BusServer::parse(good).expect(good);
        assert!(!server.to_string().contains("geheim") && !format!("{server:?}").contains("geheim"), "{server}");
    }
    assert_eq!(BusServer::parse("nats://localhost").expect("a server").to_string(), "nats://localhost:4222");
    for plain in ["nats://bus.example:4222", "nats://192.0.2.1"] {
        assert!(matches!(BusServer::parse(plain), Err(InvalidBusServer::PlainText(_))), "{plain}");
    }
    for open in ["tls://bus.example", "tls://me@bus.example:4222", "tls://:geheim@192.0.2.1", "tls://me:@bus.example"] {
        let refused = BusServer::parse(open).expect_err(open);
        assert!(matches!(refused, InvalidBusServer::NoPassword(_)) && !refused.to_string().contains("geheim"), "{refused}");
    }
    for wrong in ["localhost:4222", "http://localhost", "nats://", ""] {
        assert!(matches!(BusServer::parse(wrong), Err(InvalidBusServer::NoUrl)), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_asks_for_a_password_is_told_the_one_in_the_url() {
    let server = NatsServer::start_as(&["--user", "signed call", "--pass", "a+b&c"]);
    let url = server.url().replace("nats://", "nats://signed%20call:a%2Bb&c@");
    let bus = Bus::connect(&BusServer::parse(&url).expect("a URL"), "one").await.expect("a server");
    until(|| bus.is_there()).await;
}
