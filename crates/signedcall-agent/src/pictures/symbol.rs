//! The company's logo as a symbol for places that are too small for it: one colour, its transparency taken as a mask (R7).

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};
use signedcall::Color;

use super::Pixels;

/// The side of a symbol: 40 points, on a screen of twice the usual density.
const SIDE: u32 = 80;
/// The radius of the tile's corners, in the proportion of the app's own icon.
const RADIUS: f32 = 20.0;
/// How much of the tile's side the logo has: what is left keeps it off the corners.
const INSIDE: u32 = 54;
/// The least part of a logo's pixels that must be transparent for the rest to be a shape, and the least that must not be.
const LEAST: f32 = 0.05;

/// What a symbol is painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colours {
    pub(crate) tile: Color,
    pub(crate) logo: Color,
}

/// Paints a logo as a symbol on a tile, so that it is seen on light and dark panels; nothing when it has no shape of its own.
pub(crate) fn symbol(logo: &Pixels, colours: Colours) -> Option<Pixels> {
    let all = logo.rgba().len() as f32 / 4.0;
    let solid = logo.rgba().chunks_exact(4).filter(|pixel| pixel[3] > 127).count() as f32 / all;
    if !(LEAST..=1.0 - LEAST).contains(&solid) {
        return None;
    }
    let scale = INSIDE as f32 / logo.width().max(logo.height()) as f32;
    let scaled = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    let mask = imageops::resize(logo.0.as_ref(), scaled(logo.width()), scaled(logo.height()), FilterType::Lanczos3);
    let (left, top) = ((SIDE - mask.width()) / 2, (SIDE - mask.height()) / 2);
    Some(Pixels::new(RgbaImage::from_fn(SIDE, SIDE, |x, y| {
        let inside = x.checked_sub(left).zip(y.checked_sub(top)).and_then(|(x, y)| mask.get_pixel_checked(x, y));
        let share = inside.map_or(0.0, |pixel| f32::from(pixel.0[3]) / 255.0);
        let mix = |tile: u8, logo: u8| (f32::from(tile) + (f32::from(logo) - f32::from(tile)) * share).round() as u8;
        let Colours { tile, logo } = colours;
        Rgba([mix(tile.red, logo.red), mix(tile.green, logo.green), mix(tile.blue, logo.blue), (255.0 * tile_at(x, y)).round() as u8])
    })))
}

/// How much of a pixel is covered by the tile with its round corners.
fn tile_at(x: u32, y: u32) -> f32 {
    let beyond = |at: u32| {
        let at = at as f32 + 0.5;
        (RADIUS - at).max(at - (SIDE as f32 - RADIUS)).max(0.0)
    };
    (RADIUS - beyond(x).hypot(beyond(y)) + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: Colours = Colours { tile: Color { red: 15, green: 61, blue: 46 }, logo: Color { red: 255, green: 255, blue: 255 } };

    fn pixel(symbol: &Pixels, x: u32, y: u32) -> [u8; 4] {
        symbol.0.get_pixel(x, y).0
    }

    #[test]
    fn a_logo_becomes_a_shape_in_the_brands_colours() {
        // A red bar, wide and low, whose lower half is transparent.
        let logo = Pixels::new(RgbaImage::from_fn(320, 80, |_, y| Rgba([255, 0, 0, if y < 40 { 255 } else { 0 }])));
        let symbol = symbol(&logo, COLOURS).expect("it has a shape");
        assert_eq!((symbol.width(), symbol.height()), (80, 80));
        assert_eq!(pixel(&symbol, 40, 36), [255, 255, 255, 255], "the bar");
        assert_eq!(pixel(&symbol, 40, 60), [15, 61, 46, 255], "the tile");
        assert_eq!(pixel(&symbol, 0, 0)[3], 0, "the corner");
    }

    #[test]
    fn what_is_solid_or_empty_has_no_shape() {
        for alpha in [0, 255] {
            assert_eq!(symbol(&Pixels::new(RgbaImage::from_pixel(40, 40, Rgba([1, 2, 3, alpha]))), COLOURS), None);
        }
    }
}
