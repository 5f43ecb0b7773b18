//! The beginning of an encrypted connection, of which only the part that costs a processor's time takes turns.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// Makes sure of each other. Whoever says nothing, or stops in the middle, takes nobody's turn.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ServerConfig>,
    turns: &Semaphore,
) -> io::Result<TlsStream<S>> {
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let turn = turns.acquire().await.map_err(io::Error::other)?;
    let mut rest = pin!(begun.into_stream(config));
    // All the work is in the answer to the first message; what follows waits for the device.
    let answered = poll_fn(|context| Poll::Ready(rest.as_mut().poll(context))).await;
    drop(turn);
    match answered {
        Poll::Ready(done) => done,
        Poll::Pending => rest.await,
    }
}
