//! A push service's answer, as much of it as says what follows.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper_util::rt::TokioIo;

use super::encrypt::EncryptError;
use crate::outward::{ConnectError, Stream};

/// The most bytes of an answer that are read, of its head and of its body.
const MOST_ANSWERED: usize = 16 * 1024;
/// The most characters of what is said that are kept for the log.
const MOST_WORDS: usize = 200;

/// What a push service has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status of HTTP.
    pub(super) status: u16,
    /// For how long it wants to be left alone.
    pub(super) rest: Option<Duration>,
    /// What it says, if it has refused.
    pub(super) words: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it did not answer in time")]
    AnswerTooLate,
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("nothing can be encrypted for the device: {0}")]
    NotSealed(#[from] EncryptError),
    #[error("the account has entered nothing that Apple would take its pushes by, or not for this app")]
    NoCredential,
    #[error("what is sent could not be signed")]
    NotSigned,
    #[error("this service has a bug")]
    Bug,
}

/// Asks on a connection that is for this alone.
pub(super) async fn ask_once(stream: Box<dyn Stream>, request: hyper::Request<Full<Bytes>>) -> Result<Answer, SendError> {
    let (mut sender, connection) = http1::Builder::new().max_buf_size(MOST_ANSWERED).handshake(TokioIo::new(stream)).await?;
    let carrying = tokio::spawn(connection);
    let answer = match sender.send_request(request).await {
        Ok(response) => Ok(read(response).await),
        Err(error) => Err(error.into()),
    };
    carrying.abort();
    answer
}

/// Reads what is answered. What a refusal says is read as far as it is for the log.
pub(super) async fn read(response: Response<Incoming>) -> Answer {
    let (status, rest) = (response.status(), rest(response.headers()));
    let words = if status.is_success() { String::new() } else { words(response).await };
    Answer { status: status.as_u16(), rest, words }
}

fn rest(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn words(response: Response<Incoming>) -> String {
    let read = Limited::new(response.into_body(), MOST_ANSWERED).collect().await;
    let bytes = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    // It is shown on a terminal.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(&bytes).trim().chars().map(plain).take(MOST_WORDS).collect()
}
