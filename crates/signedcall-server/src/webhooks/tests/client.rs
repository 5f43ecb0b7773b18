use rustls::RootCertStore;

use super::receiver::{Answer, Receiver};
use super::*;
use crate::outward::{ConnectError, NoAnswer, Trust};
use crate::webhooks::client::SendError;

const HASTE: WebhookSettings =
    WebhookSettings { to_private_addresses: true, connect_within: Duration::from_secs(5), answer_within: Duration::from_millis(300) };

fn client(settings: WebhookSettings) -> Client {
    Client::trusting(&Trust::of(RootCertStore::empty()), settings)
}

async fn refused(url: &str, settings: WebhookSettings) -> String {
    client(settings).send(url, "t=1", "{}".to_owned()).await.expect_err(url).to_string()
}

#[tokio::test]
async fn a_delivery_is_a_post_with_a_signature() {
    let mut receiver = Receiver::start(Answer::status(204)).await;
    let answer = client(NEAR).send(&receiver.url(), "t=1,v1=ab", "{\"id\":1}".to_owned()).await.expect("an answer");
    assert_eq!((answer.status, answer.words.as_str()), (204, ""));
    let received = receiver.next().await;
    assert!(received.head.starts_with("post /hook?of=acme http/1.1\r\n"), "{}", received.head);
    assert_eq!(received.header("signed-call-signature"), "t=1,v1=ab");
    assert_eq!(received.header("content-type"), "application/json");
    assert!(receiver.url().contains(received.header("host")));
    assert_eq!(received.body, "{\"id\":1}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_is_no_success() {
    let mut elsewhere = Receiver::start(Answer::status(200)).await;
    let redirect = format!("HTTP/1.1 307 So\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let receiver = Receiver::start(Answer::Text(redirect)).await;
    assert_eq!(client(NEAR).send(&receiver.url(), "t=1", "{}".to_owned()).await.expect("an answer").status, 307);
    assert!(elsewhere.received.try_recv().is_err(), "nobody has gone there");
}

#[tokio::test]
async fn a_refusal_is_kept_in_words_that_a_terminal_may_show() {
    let words = format!("no \u{1b}[31mroom{}", "!".repeat(300));
    let text = format!("HTTP/1.1 503 So\r\nretry-after: 120\r\ncontent-length: {}\r\n\r\n{words}", words.len());
    let receiver = Receiver::start(Answer::Text(text)).await;
    let answer = client(NEAR).send(&receiver.url(), "t=1", "{}".to_owned()).await.expect("an answer");
    assert_eq!((answer.status, answer.rest), (503, Some(Duration::from_secs(120))));
    assert!(answer.words.starts_with("no  [31mroom!") && answer.words.chars().count() == 200, "{}", answer.words);
}

#[tokio::test]
async fn a_receiver_that_says_nothing_or_too_much_is_not_waited_for() {
    let silent = Receiver::start(Answer::Nothing).await;
    assert_eq!(refused(&silent.url(), HASTE).await, NoAnswer::TooLate.to_string());
    let head = Receiver::start(Answer::Endless("HTTP/1.1 200 So\r\nx: y\r\n")).await;
    let said = refused(&head.url(), NEAR).await;
    assert!(said.contains("connection broke"), "{said}");
    let no_http = Receiver::start(Answer::Text("SSH-2.0-OpenSSH\r\n".to_owned())).await;
    let said = refused(&no_http.url(), NEAR).await;
    assert!(said.contains("connection broke"), "{said}");
    // What it says counts, however much follows.
    for (status, text) in [(200, "HTTP/1.1 200 So\r\n\r\n"), (500, "HTTP/1.1 500 So\r\n\r\n")] {
        let endless = Receiver::start(Answer::Endless(text)).await;
        assert_eq!(client(NEAR).send(&endless.url(), "t=1", "{}".to_owned()).await.expect("an answer").status, status);
    }
}

#[tokio::test]
async fn nothing_is_sent_to_addresses_of_this_network_unless_it_is_set() {
    let mut receiver = Receiver::encrypted(Answer::status(200)).await;
    let far = WebhookSettings::default();
    // By a name that leads there, as by the address itself.
    for url in [receiver.url(), receiver.url().replace("localhost", "127.0.0.1"), receiver.url().replace("localhost", "[::ffff:127.0.0.1]")]
    {
        assert_eq!(refused(&url, far).await, ConnectError::NotPublic.to_string(), "{url}");
    }
    assert_eq!(refused("https://169.254.169.254/", NEAR).await, ConnectError::NotPublic.to_string());
    assert_eq!(refused("http://1.1.1.1/", NEAR).await, ConnectError::Unencrypted.to_string());
    assert!(receiver.received.try_recv().is_err());
}

#[tokio::test]
async fn no_name_is_looked_up_while_too_many_are() {
    let receiver = Receiver::encrypted(Answer::status(200)).await;
    let client = client(WebhookSettings { connect_within: Duration::from_millis(50), ..NEAR });
    let all = u32::try_from(client.outward.lookups.available_permits()).expect("a few");
    let taken = client.outward.lookups.acquire_many(all).await.expect("it is open");
    let late = client.send(&receiver.url(), "t=1", "{}".to_owned()).await.expect_err("it waits");
    assert!(matches!(late, SendError::NoAnswer(NoAnswer::Connect(ConnectError::TooLate))), "{late}");
    drop(taken);
    assert_eq!(client.outward.lookups.available_permits(), 32);
}

#[tokio::test]
async fn a_receiver_has_to_be_vouched_for() {
    let mut receiver = Receiver::encrypted(Answer::status(200)).await;
    let said = refused(&receiver.url(), NEAR).await;
    assert!(said.starts_with("no TLS"), "{said}");
    let mut roots = RootCertStore::empty();
    roots.add(receiver.certificate.clone().expect("it is encrypted")).expect("a certificate");
    let answer = Client::trusting(&Trust::of(roots), NEAR).send(&receiver.url(), "t=1", "{}".to_owned()).await.expect("an answer");
    assert_eq!((answer.status, receiver.next().await.body.as_str()), (200, "{}"));
}

#[tokio::test]
async fn a_name_that_leads_nowhere_and_a_closed_port_are_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it listens"));
    drop(listener);
    assert!(refused(&url, NEAR).await.contains("cannot be connected to"));
    let said = refused("https://nowhere.invalid/", NEAR).await;
    // Not every resolver says no at once.
    assert!(said.contains("leads nowhere") || said.contains("in time"), "{said}");
}
