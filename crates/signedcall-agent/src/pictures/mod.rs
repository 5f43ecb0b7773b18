//! Pictures from the network: the other side's face and the company's logo (R16, R31). Small and harmless once they are here: fetched over HTTPS
//! only, bounded in time and size, decoded within limits, scaled to what the screens need, and kept on the disk.
//!
//! When a picture may be fetched at all is decided by the controller; see `controller/gallery.rs`.

mod decode;
mod fetch;
mod store;
mod symbol;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use image::RgbaImage;
use ureq::tls::RootCerts;

use self::decode::DecodeError;
use self::fetch::{FetchError, Fetcher};
use self::store::Store;
pub(crate) use self::symbol::{Colours, symbol};

/// Where pictures come from.
#[async_trait]
pub(crate) trait Pictures: Send + Sync + 'static {
    /// Gives a picture; nothing when it cannot be had.
    async fn get(&self, request: Request) -> Option<Picture>;
}

/// Which picture is wanted, and how far may be gone for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) shape: Shape,
    pub(crate) reach: Reach,
    /// Whether it may lie on this machine or in its own network: so where the service does, nowhere else.
    pub(crate) nearby: bool,
}

/// What a picture is scaled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A square, cut out of the middle.
    Face,
    /// The whole of it.
    Logo,
}

/// Who may be asked for a picture. Asking tells whoever is asked that this device is on, and its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nobody: only what is kept from an earlier time.
    Kept,
    /// This host.
    Host(String),
    /// Whoever the address names.
    Anywhere,
}

/// A picture as the screens take it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// An address that holds all of it, for the web view.
    pub(crate) data_url: DataUrl,
    pub(crate) pixels: Pixels,
}

#[cfg(test)]
impl Picture {
    /// A picture that was never fetched.
    pub(crate) fn of(image: &RgbaImage) -> Self {
        decode::as_it_is(&crate::testing::png(image)).expect("a PNG")
    }
}

/// A `data:` URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DataUrl(Arc<str>);

impl DataUrl {
    pub(crate) fn to_text(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Debug for DataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataUrl({} bytes)", self.0.len())
    }
}

/// A picture as notification and tray take it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pixels(Arc<RgbaImage>);

impl Pixels {
    pub(crate) fn new(image: RgbaImage) -> Self {
        Self(Arc::new(image))
    }

    pub(crate) fn width(&self) -> u32 {
        self.0.width()
    }

    pub(crate) fn height(&self) -> u32 {
        self.0.height()
    }

    /// Four bytes for each pixel, row by row.
    pub(crate) fn rgba(&self) -> &[u8] {
        self.0.as_raw()
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({} × {})", self.width(), self.height())
    }
}

/// Why a picture is not shown.
#[derive(Debug, thiserror::Error)]
enum PictureError {
    #[error("it is not kept, and nobody may be asked for it")]
    Absent,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Pictures from the network and from the disk.
#[derive(Clone, Debug)]
pub(crate) struct RealPictures {
    fetcher: Arc<Fetcher>,
    store: Arc<Store>,
}

impl RealPictures {
    /// Keeps pictures in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self::trusting(RootCerts::PlatformVerifier, folder)
    }

    fn trusting(roots: RootCerts, folder: PathBuf) -> Self {
        Self { fetcher: Arc::new(Fetcher::new(roots)), store: Arc::new(Store::new(folder)) }
    }

    /// Looks on the disk and then in the network. Blocks.
    fn find(&self, request: &Request) -> Result<Picture, PictureError> {
        let kept = self.store.read(request).and_then(|kept| Some((decode::as_it_is(&kept.bytes).ok()?, kept.is_fresh)));
        match kept {
            Some((picture, true)) => Ok(picture),
            Some((picture, false)) if request.reach == Reach::Kept => Ok(picture),
            // An old picture is better than none.
            Some((picture, false)) => Ok(self.fetch(request).unwrap_or(picture)),
            None if request.reach == Reach::Kept => Err(PictureError::Absent),
            None => self.fetch(request),
        }
    }

    fn fetch(&self, request: &Request) -> Result<Picture, PictureError> {
        let scaled = decode::scaled(&self.fetcher.fetch(request)?, request.shape)?;
        if let Err(error) = self.store.write(request, &scaled) {
            tracing::debug!(%error, "a picture is not kept");
        }
        Ok(decode::as_it_is(&scaled)?)
    }
}

#[async_trait]
impl Pictures for RealPictures {
    async fn get(&self, request: Request) -> Option<Picture> {
        let pictures = self.clone();
        let found = tokio::task::spawn_blocking(move || pictures.find(&request)).await;
        match found.expect("decoding within limits does not panic") {
            Ok(picture) => Some(picture),
            Err(error) => {
                // No address: it may hold a name.
                tracing::debug!(%error, "a picture is not shown");
                None
            }
        }
    }
}
