//! Pictures that are there when a test says so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use image::{Rgba, RgbaImage};

use crate::pictures::{Picture, Pictures, Request};

/// Gives the pictures that a test has hung up, and writes down which were wanted.
#[derive(Debug, Default)]
pub(crate) struct FakePictures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hung: BTreeMap<String, Picture>,
    wanted: Vec<Request>,
}

impl FakePictures {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a picture of its own colour at an address.
    pub(crate) fn hang(&self, url: &str, red: u8) -> Picture {
        // Half of it is transparent, so that it has a shape.
        let picture = Picture::of(&RgbaImage::from_fn(8, 8, |x, _| Rgba([red, 0, 0, if x < 4 { 255 } else { 0 }])));
        self.state().hung.insert(url.to_owned(), picture.clone());
        picture
    }

    /// What was wanted since the last look.
    pub(crate) fn wanted(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().wanted)
    }
}

#[async_trait]
impl Pictures for FakePictures {
    async fn get(&self, request: Request) -> Option<Picture> {
        let mut state = self.state();
        let picture = state.hung.get(&request.url).cloned();
        state.wanted.push(request);
        picture
    }
}
