//! The app's own pictures, for where the company has none.

use image::ImageFormat;

use crate::pictures::Pixels;

/// What the tray shows.
pub(super) fn tray() -> Pixels {
    own(include_bytes!("../../../../icons/tray.png"))
}

/// What a notification shows.
pub(super) fn app() -> Pixels {
    own(include_bytes!("../../../../icons/128x128.png"))
}

fn own(png: &[u8]) -> Pixels {
    let image = image::load_from_memory_with_format(png, ImageFormat::Png).expect("the app's own picture; a test reads it");
    Pixels::new(image.into_rgba8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apps_own_pictures_can_be_read() {
        assert_eq!((app().width(), app().height()), (128, 128));
        assert_eq!(tray().width(), tray().height());
    }
}
