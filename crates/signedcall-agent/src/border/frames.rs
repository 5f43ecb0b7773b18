//! Frames: four bytes of length, the least significant first, and so many bytes of JSON.

use std::io::{self, ErrorKind};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The most that the agent reads at once: what a page asks for is a form.
pub(super) const MOST_ASKED: usize = 256 * 1024;
/// The most that the windows read at once: a view holds two faces, a logo and a hundred earlier calls.
pub(super) const MOST_TOLD: usize = 16 * 1024 * 1024;

/// Why the border is closed.
#[derive(Debug, thiserror::Error)]
pub enum BorderError {
    /// The other side has gone in the middle of something, or was never there.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What it said is too long.
    #[error("a frame of {0} bytes")]
    TooLong(usize),
    /// What it said is not what is said here. What it was is not repeated: it may hold a key.
    #[error("a frame that is none of these")]
    Malformed,
}

/// Reads the bytes of a frame; `None` when the other side has gone after the last one.
pub(super) async fn read_bytes(from: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Option<Vec<u8>>, BorderError> {
    let length = match from.read_u32_le().await {
        Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if length > most {
        return Err(BorderError::TooLong(length));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

/// Reads a frame; `None` when the other side has gone after the last one.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Option<T>, BorderError> {
    read_bytes(from, most).await?.map(|bytes| parse(&bytes)).transpose()
}

/// Makes of a frame's bytes what they mean.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BorderError> {
    serde_json::from_slice(bytes).map_err(|_| BorderError::Malformed)
}

/// Writes a frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), value: &impl Serialize) -> Result<(), BorderError> {
    // In one piece: the other side wakes up once.
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value).map_err(io::Error::from)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| BorderError::TooLong(frame.len()))?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&frame).await?;
    Ok(())
}
