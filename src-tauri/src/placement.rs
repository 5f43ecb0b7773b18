//! Where the main window was and how large, from one start to the next (one file for each profile).

use serde::{Deserialize, Serialize};

/// The least of a window's width that must be on a screen for it to be found again and dragged.
const LEAST_SEEN: i32 = 64;

/// Size and place of a window that is not maximized, and whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// Logical pixels, so that it is as large on a denser screen.
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Physical pixels from the corner of all screens together; a desktop that places windows by itself tells nobody where.
    pub(crate) corner: Option<(i32, i32)>,
    pub(crate) maximized: bool,
}

/// What a screen has for windows, in physical pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

impl Placement {
    /// The same placement as far as it makes sense now: no smaller than a window can be, and in place only where its top can be reached.
    pub(crate) fn fitted(self, least: (f64, f64), screens: &[Area]) -> Self {
        let sensible = |length: f64, least: f64| if length.is_finite() { length.max(least) } else { least };
        let reachable = |&(x, y): &(i32, i32)| {
            screens.iter().any(|screen| {
                let (right, bottom) = (screen.left.saturating_add(screen.width), screen.top.saturating_add(screen.height));
                let width = self.width.clamp(0.0, f64::from(i32::MAX)) as i32;
                let (from, to) = (x.max(screen.left), x.saturating_add(width).min(right));
                to.saturating_sub(from) >= LEAST_SEEN && (screen.top..bottom.saturating_sub(LEAST_SEEN)).contains(&y)
            })
        };
        Self {
            width: sensible(self.width, least.0),
            height: sensible(self.height, least.1),
            corner: self.corner.filter(reachable),
            maximized: self.maximized,
        }
    }

    /// What is kept when the window is now so: a maximized one still has the size that it goes back to.
    pub(crate) fn followed_by(self, now: Self) -> Self {
        if now.maximized { Self { maximized: true, ..self } } else { now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Area = Area { left: 0, top: 0, width: 1920, height: 1080 };
    const LEAST: (f64, f64) = (340.0, 560.0);
    const HERE: Placement = Placement { width: 420.0, height: 720.0, corner: Some((100, 50)), maximized: false };

    fn corner(corner: (i32, i32), screens: &[Area]) -> Option<(i32, i32)> {
        Placement { corner: Some(corner), ..HERE }.fitted(LEAST, screens).corner
    }

    #[test]
    fn a_window_comes_back_where_it_was() {
        assert_eq!(HERE.fitted(LEAST, &[SCREEN]), HERE);
        let beside = Area { left: -1280, ..SCREEN };
        assert_eq!(corner((-1200, 10), &[SCREEN, beside]), Some((-1200, 10)));
    }

    #[test]
    fn a_window_whose_screen_is_gone_is_placed_anew() {
        for gone in [(1920, 50), (1857, 50), (-357, 50), (100, -1), (100, 1016), (i32::MAX, i32::MAX), (i32::MIN, i32::MIN)] {
            assert_eq!(corner(gone, &[SCREEN]), None, "{gone:?}");
        }
        for reachable in [(1856, 50), (-356, 50), (100, 0), (100, 1015)] {
            assert_eq!(corner(reachable, &[SCREEN]), Some(reachable), "{reachable:?}");
        }
        assert_eq!(corner((100, 50), &[]), None);
    }

    #[test]
    fn a_size_that_cannot_be_is_made_one_that_can() {
        let odd = Placement { width: f64::NAN, height: -3.0, ..HERE }.fitted(LEAST, &[SCREEN]);
        assert_eq!((odd.width, odd.height), LEAST);
    }

    #[test]
    fn a_maximized_window_remembers_the_size_that_it_goes_back_to() {
        let filled = Placement { width: 1920.0, height: 1080.0, corner: Some((0, 0)), maximized: true };
        assert_eq!(HERE.followed_by(filled), Placement { maximized: true, ..HERE });
        let moved = Placement { corner: Some((7, 7)), ..HERE };
        assert_eq!(HERE.followed_by(filled).followed_by(moved), moved);
    }
}
