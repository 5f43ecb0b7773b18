//! What a server answers that somebody else has chosen: bounded in time and in what is read, and as much of it as says what follows.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::{ConnectError, Stream};

/// The most bytes of an answer that are read, of its head and of its body, where nothing else is said.
const MOST_ANSWERED: usize = 16 * 1024;
/// The most characters of a refusal that are kept for the log: enough for a sentence.
const MOST_WORDS: usize = 200;

/// What a server has answered. It is not asked anywhere else, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// For how long it wants to be left alone.
    pub(crate) rest: Option<Duration>,
    /// What it says, if it has refused.
    pub(crate) words: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it did not answer in time")]
    TooLate,
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
}

/// Asks on a connection that is for this alone, in HTTP/1.1.
pub(crate) async fn ask_once(stream: Box<dyn Stream>, request: Request<Full<Bytes>>, until: Instant) -> Result<Answer, NoAnswer> {
    on(stream, until, async |sender| answer_to(sender.send_request(request), until).await).await
}

/// Asks on a connection that is for this alone, and reads what is given, if anything is: all of it by then, and so many bytes at most.
pub(crate) async fn read_once(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    until: Instant,
    most: usize,
) -> Result<Option<Bytes>, NoAnswer> {
    on(stream, until, async |sender| {
        let response = timeout_at(until, sender.send_request(request)).await.map_err(|_| NoAnswer::TooLate)??;
        if !response.status().is_success() {
            return Ok(None);
        }
        let read = timeout_at(until, Limited::new(response.into_body(), most).collect()).await.map_err(|_| NoAnswer::TooLate)?;
        Ok(read.ok().map(http_body_util::Collected::to_bytes))
    })
    .await
}

/// Asks by whoever sends requests on a connection, for as long as that takes.
async fn on<T>(
    stream: Box<dyn Stream>,
    until: Instant,
    ask: impl AsyncFnOnce(&mut http1::SendRequest<Full<Bytes>>) -> Result<T, NoAnswer>,
) -> Result<T, NoAnswer> {
    let handshake = http1::Builder::new().max_buf_size(MOST_ANSWERED).handshake(TokioIo::new(stream));
    let (mut sender, connection) = timeout_at(until, handshake).await.map_err(|_| NoAnswer::TooLate)??;
    let carrying = async {
        // How it ends is said to whoever waits for the answer.
        let _ = connection.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        answer = ask(&mut sender) => answer,
        never = carrying => match never {},
    }
}

/// Waits for an answer. Once it has said yes or no, it does not matter how slowly the rest of it comes: what follows is read only as far as it is for the
/// log.
pub(crate) async fn answer_to(asked: impl Future<Output = hyper::Result<Response<Incoming>>>, until: Instant) -> Result<Answer, NoAnswer> {
    let response = timeout_at(until, asked).await.map_err(|_| NoAnswer::TooLate)??;
    let (status, rest) = (response.status(), rest(response.headers(), SystemTime::now()));
    let words = if status.is_success() { String::new() } else { timeout_at(until, words(response)).await.unwrap_or_default() };
    Ok(Answer { status: status.as_u16(), rest, words })
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn rest(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) {
        // More seconds than can be counted are so many all the same.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
}

async fn words(response: Response<Incoming>) -> String {
    let most = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    if most > MOST_ANSWERED {
        return String::new();
    }
    let read = Limited::new(response.into_body(), MOST_ANSWERED).collect().await;
    let bytes = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    // It is shown on a terminal.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(&bytes).trim().chars().map(plain).take(MOST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HOST, HeaderValue};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn retry_after_is_in_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("120", seconds(120)),
            (" 0 ", seconds(0)),
            ("99999999999999999999", Some(Duration::MAX)),
            // The three forms of section 5.6.7, which all name one moment.
            ("Sun, 06 Nov 1994 08:49:57 GMT", seconds(20)),
            ("Sunday, 06-Nov-94 08:49:57 GMT", seconds(20)),
            ("Sun Nov  6 08:49:57 1994", seconds(20)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", seconds(0)),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(rest(&headers, now), expected, "{text:?}");
        }
        assert_eq!(rest(&HeaderMap::new(), now), None);
    }

    #[tokio::test]
    async fn a_refusal_whose_words_do_not_come_is_a_refusal() {
        const GONE: &str = "HTTP/1.1 410 Gone\r\ncontent-length: 9\r\n\r\n";
        for words in ["", "it is"] {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            let served = tokio::spawn(async move {
                let asked = theirs.read(&mut [0; 1024]).await.expect("it is asked");
                assert!(asked > 0);
                theirs.write_all(format!("{GONE}{words}").as_bytes()).await.expect("there is room");
                // No more comes, and the connection stays open until the other side has had enough.
                theirs.read(&mut [0; 1024]).await.expect("it is closed")
            });
            let request = Request::post("/").header(HOST, "push.example").body(Full::new(Bytes::new())).expect("a request");
            let answer = ask_once(Box::new(ours), request, Instant::now() + Duration::from_millis(200)).await.expect("an answer");
            assert_eq!((answer.status, answer.words.as_str()), (410, ""));
            assert_eq!(served.await.expect("no bug"), 0);
        }
    }
}
