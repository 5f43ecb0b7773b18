//! A short burst of questions to a relay, as dense as the packets of a call that is sent with copies.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use signedcall_wire::{IceConfig, TurnTransport, TurnUrl};
use tokio::net::{UdpSocket, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout_at};

use super::stun;
use super::tally::Tally;
use crate::media::NearRelays;
use crate::quality::LineMeasures;

/// How many questions there are: enough to notice a loss of a twentieth more often than not.
const QUESTIONS: usize = 30;
/// How far apart they are. Together with [`QUESTIONS`] a burst lasts 145 ms, which nobody who places a call notices.
const APART: Duration = Duration::from_millis(5);
/// How many relays are asked at once.
const MOST_RELAYS: usize = 3;
/// The longest answer: what an Ethernet carries.
const DATAGRAM: usize = 1_500;

/// Asks the relays, and says what the way to the best of those is like that have answered by then: a call takes whichever works best, too.
pub(super) async fn best(ice: IceConfig, until: tokio::time::Instant) -> LineMeasures {
    let is_near = |url: &String| url.parse::<TurnUrl>().is_ok_and(|relay| relay.transport != TurnTransport::Udp);
    let by_connection: Vec<bool> = ice.servers.iter().flat_map(|server| &server.urls).map(is_near).collect();
    let mut relays = NearRelays::default();
    let ice = relays.bring(ice).await;
    let mut asked = JoinSet::new();
    let urls = ice.servers.into_iter().flat_map(|server| server.urls).zip(by_connection);
    for (relay, by_connection) in urls.filter_map(|(url, by_connection)| Some((address(&url)?, by_connection))).take(MOST_RELAYS) {
        asked.spawn(timeout_at(until, ask(relay, by_connection)));
    }
    let answers = asked.join_all().await.into_iter().filter_map(|answer| answer.ok()?.ok());
    answers.max_by_key(LineMeasures::score).unwrap_or_default()
}

/// Where questions go: a relay that is reached by datagrams, by now each of them, or a server that does nothing but answer them.
fn address(url: &str) -> Option<(String, u16)> {
    let relay: TurnUrl = match url.strip_prefix("stun:") {
        Some(rest) => format!("turn:{rest}").parse().ok()?,
        None => url.parse().ok()?,
    };
    (relay.transport == TurnTransport::Udp).then_some((relay.host, relay.port))
}

async fn ask(relay: (String, u16), by_connection: bool) -> io::Result<LineMeasures> {
    let relay: SocketAddr = lookup_host(relay).await?.next().ok_or(io::ErrorKind::NotFound)?;
    let local: SocketAddr = if relay.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(relay).await?;
    let mut buffer = [0; DATAGRAM];
    if by_connection {
        // The first question opens the connection, and its answer would be that much later.
        socket.send(&stun::question(rand::random(), 0)).await?;
        socket.recv(&mut buffer).await?;
    }
    let key = rand::random();
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval(APART);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let all_asked = tally.asked() == QUESTIONS;
        if all_asked && tally.is_complete() {
            break;
        }
        let give_up_at = tally.give_up_at().unwrap_or_else(Instant::now);
        tokio::select! {
            // What has come is not lost, however late it is looked at.
            biased;
            received = socket.recv(&mut buffer) => {
                // That nobody listens there comes as an error, and as no answer.
                let Ok(length) = received else { continue };
                if let Some(number) = stun::answered(&buffer[..length], key) {
                    tally.answer(number, Instant::now());
                }
            }
            _ = ticks.tick(), if !all_asked => {
                let number = tally.asked() as u16;
                tally.ask(Instant::now());
                // What cannot be sent is lost.
                let _ = socket.send(&stun::question(key, number)).await;
            }
            () = tokio::time::sleep_until(give_up_at.into()), if all_asked => break,
        }
    }
    Ok(tally.measures())
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{IceServer, Redacted};

    use super::*;

    /// A relay that answers every question but those whose number `loses` says.
    async fn relay(loses: fn(u16) -> bool) -> (String, tokio::task::AbortHandle) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("turn:{}", socket.local_addr().expect("an address"));
        let answers = tokio::spawn(async move {
            let mut buffer = [0; DATAGRAM];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = &mut buffer[..length];
                question[0] = 1;
                if !loses(u16::from_be_bytes([question[18], question[19]])) {
                    let _ = socket.send_to(question, from).await;
                }
            }
        });
        (url, answers.abort_handle())
    }

    fn ice(urls: &[&str]) -> IceConfig {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        let server = IceServer { urls, username: String::new(), credential: Redacted::default() };
        IceConfig { servers: vec![server], relay_only: false }
    }

    async fn asked(ice: IceConfig) -> LineMeasures {
        best(ice, tokio::time::Instant::now() + Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn the_way_to_a_relay_on_this_machine_is_short_and_loses_nothing() {
        let (url, _answers) = relay(|_| false).await;
        let measures = asked(ice(&[&url])).await;
        assert_eq!(measures.loss, Some(0.0));
        assert!(measures.round_trip.is_some_and(|way| way < Duration::from_millis(100)), "{measures:?}");
    }

    #[tokio::test]
    async fn what_a_relay_does_not_answer_is_lost() {
        let (url, _answers) = relay(|number| number % 3 == 0).await;
        assert_eq!(asked(ice(&[&url])).await.loss, Some(10.0 / 30.0));
    }

    #[tokio::test]
    async fn the_best_relay_counts() {
        let ((good, _one), (bad, _other)) = (relay(|_| false).await, relay(|number| number % 2 == 0).await);
        assert_eq!(asked(ice(&[&bad, &good])).await.loss, Some(0.0));
    }

    #[tokio::test]
    async fn where_no_relay_answers_nothing_is_known() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("stun:{}", silent.local_addr().expect("an address"));
        assert_eq!(asked(ice(&[&url])).await, LineMeasures::default());
        assert_eq!(asked(IceConfig::default()).await, LineMeasures::default());
    }

    #[test]
    fn questions_go_where_datagrams_do() {
        let host = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(address("turn:relay.example:3479?transport=udp"), host("relay.example", 3_479));
        assert_eq!(address("stun:relay.example"), host("relay.example", 3_478));
        assert_eq!(address("stun:[2001:db8::1]:5"), host("2001:db8::1", 5));
        for url in ["turns:relay.example", "turn:relay.example?transport=tcp", "http://relay.example", ""] {
            assert_eq!(address(url), None, "{url}");
        }
    }
}
