//! Makes small pictures of what a web server sent. Nothing of it is trusted.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};

use super::{DataUrl, Picture, Pixels, Shape};

/// The most pixels that a picture may have in a row or a column: a telephone's camera makes no more.
const MOST_PIXELS: u32 = 4_096;
/// The most memory that decoding may take: the largest picture, twice over.
const MOST_MEMORY: u64 = 2 * 4 * MOST_PIXELS as u64 * MOST_PIXELS as u64;
/// The side of a face: what the call screens show of it, on a screen of twice the usual density.
const FACE: u32 = 208;
/// The most of a logo, wide or high, likewise.
const LOGO: (u32, u32) = (320, 96);
/// How good a face's JPEG is, of 100: above this it only grows.
const QUALITY: u8 = 85;

/// Why bytes are no picture to be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it is no PNG, JPEG or WebP")]
    NoPicture,
    #[error(transparent)]
    Damaged(#[from] ImageError),
}

/// Scales a picture down to what is shown of it, and writes it as PNG, or as JPEG where nothing of it is transparent.
pub(super) fn scaled(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, DecodeError> {
    let image = read(bytes)?;
    let image = match shape {
        Shape::Face => {
            let side = FACE.min(image.width()).min(image.height());
            image.resize_to_fill(side, side, FilterType::Lanczos3)
        }
        Shape::Logo if image.width() > LOGO.0 || image.height() > LOGO.1 => image.resize(LOGO.0, LOGO.1, FilterType::Lanczos3),
        Shape::Logo => image,
    };
    let mut written = Cursor::new(Vec::new());
    let rgba = image.into_rgba8();
    if rgba.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        JpegEncoder::new_with_quality(&mut written, QUALITY).encode_image(&DynamicImage::ImageRgba8(rgba).into_rgb8())?;
    } else {
        rgba.write_to(&mut written, ImageFormat::Png)?;
    }
    Ok(written.into_inner())
}

/// Takes a picture that [`scaled`] has written.
pub(super) fn as_it_is(bytes: &[u8]) -> Result<Picture, DecodeError> {
    let kind = if image::guess_format(bytes)? == ImageFormat::Png { "png" } else { "jpeg" };
    let data_url = DataUrl(format!("data:image/{kind};base64,{}", STANDARD.encode(bytes)).into());
    Ok(Picture { data_url, pixels: Pixels::new(read(bytes)?.into_rgba8()) })
}

fn read(bytes: &[u8]) -> Result<DynamicImage, DecodeError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(ImageError::IoError)?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) {
        return Err(DecodeError::NoPicture);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    // A telephone writes which way up it was held instead of turning the picture.
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;
    use crate::testing::png;

    fn size(picture: &Picture) -> (u32, u32) {
        (picture.pixels.width(), picture.pixels.height())
    }

    #[test]
    fn a_face_is_the_middle_of_the_picture_and_as_large_as_it_is_shown() {
        // Red, green and blue side by side.
        let colours = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]];
        let wide = png(&RgbaImage::from_fn(900, 300, |x, _| Rgba(colours[x as usize / 300])));
        let face = as_it_is(&scaled(&wide, Shape::Face).expect("a picture")).expect("its own");
        assert_eq!(size(&face), (FACE, FACE));
        assert!(face.data_url.to_text().starts_with("data:image/jpeg;base64,"));
        assert!(face.pixels.rgba().chunks(4).all(|pixel| pixel[1] > 200), "all of it is green");
    }

    #[test]
    fn a_logo_keeps_its_shape_and_what_is_transparent() {
        let wide = png(&RgbaImage::from_fn(960, 240, |x, _| Rgba([0, 0, 0, if x < 480 { 0 } else { 255 }])));
        let logo = as_it_is(&scaled(&wide, Shape::Logo).expect("a picture")).expect("its own");
        assert_eq!(size(&logo), (320, 80));
        assert!(logo.data_url.to_text().starts_with("data:image/png;base64,"));
        assert_eq!((logo.pixels.rgba()[3], logo.pixels.rgba()[logo.pixels.rgba().len() - 1]), (0, 255));
    }

    #[test]
    fn a_small_picture_is_not_blown_up() {
        let small = png(&RgbaImage::from_pixel(40, 30, Rgba([1, 2, 3, 255])));
        let as_shown = |shape| size(&as_it_is(&scaled(&small, shape).expect("a picture")).expect("its own"));
        assert_eq!((as_shown(Shape::Face), as_shown(Shape::Logo)), ((30, 30), (40, 30)));
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        for bytes in [b"".as_slice(), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a\x01\0\x01\0\0\0\0;", b"\x89PNG\r\n\x1a\n"] {
            assert!(scaled(bytes, Shape::Face).is_err());
        }
        // A few bytes that stand for very many pixels.
        let bomb = png(&RgbaImage::new(MOST_PIXELS + 1, 8));
        assert!(matches!(scaled(&bomb, Shape::Face), Err(DecodeError::Damaged(ImageError::Limits(_)))));
    }
}
