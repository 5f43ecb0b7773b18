//! The dot on the tray's icon that says that something was missed.

/// The dot's colour: the red of the call screens, which is the red of a missed call in the list.
const RED: [f32; 3] = [200.0, 54.0, 45.0];
/// The dot's radius in parts of the icon's side: seen at 22 pixels, and most of the icon is left.
const RADIUS: f32 = 0.22;
/// The gap around the dot, likewise: without it, a dot on an icon of any colour is a smear.
const GAP: f32 = 0.07;

/// Draws the dot into the upper right corner of an icon's pixels, which are `width` wide and have four bytes each.
pub(super) fn with_dot(rgba: &[u8], width: u32) -> Vec<u8> {
    let mut rgba = rgba.to_vec();
    let side = width as f32;
    let (radius, gap) = (RADIUS * side, GAP * side);
    let (center_x, center_y) = (side - radius, radius);
    for (index, pixel) in rgba.chunks_exact_mut(4).enumerate() {
        let (x, y) = ((index as u32 % width) as f32 + 0.5, (index as u32 / width) as f32 + 0.5);
        let distance = (x - center_x).hypot(y - center_y);
        let covered = |radius: f32| (radius - distance + 0.5).clamp(0.0, 1.0);
        let (dot, hole) = (covered(radius), covered(radius + gap));
        let alpha = f32::from(pixel[3]) * (1.0 - hole);
        let total = alpha + 255.0 * dot;
        if total > 0.0 {
            for (channel, red) in pixel.iter_mut().zip(RED) {
                *channel = ((f32::from(*channel) * alpha + red * 255.0 * dot) / total).round() as u8;
            }
        }
        pixel[3] = total.min(255.0).round() as u8;
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_is_red_and_stands_off_from_the_icon() {
        let icon = [10, 20, 30, 255].repeat(32 * 32);
        let dotted = with_dot(&icon, 32);
        let pixel = |x: usize, y: usize| &dotted[(y * 32 + x) * 4..][..4];
        assert_eq!(pixel(25, 7), [200, 54, 45, 255], "the middle of the dot");
        assert_eq!(pixel(16, 7)[3], 0, "the gap");
        assert_eq!(pixel(4, 28), [10, 20, 30, 255], "what is left of the icon");
    }
}
