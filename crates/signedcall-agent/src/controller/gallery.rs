//! The pictures that are on the screens, and how far may be gone for each.
//!
//! A caller's picture lies where the caller says. Fetching it tells whoever runs that server that this device is on and which address it has, so
//! before this user has had to do with the caller nobody is asked but the company's own host. What is on the disk is shown in any case.

use std::collections::BTreeMap;
use std::sync::Arc;

use signedcall::LineView;
use url::Url;

use super::{Controller, Event, Host, Session};
use crate::pictures::{Colours, Picture, Pixels, Reach, Request, Shape, symbol};
use crate::view::{CallPhase, CallView, Direction};

/// What hangs on the screens: the faces of those on the other side and the company's logo.
#[derive(Debug, Default)]
pub(super) struct Gallery {
    /// One for each call on the screen, by its id.
    faces: BTreeMap<String, Frame>,
    logo: Frame,
    /// The logo as a symbol, and what it was painted with.
    symbol: Option<(Colours, Option<Pixels>)>,
}

/// A place for one picture.
#[derive(Debug, Default)]
struct Frame {
    wanted: Option<Request>,
    picture: Option<Picture>,
}

impl Frame {
    /// Makes room for this picture, and says what is to be got for it, if anything is.
    fn want(&mut self, request: Option<Request>) -> Option<Request> {
        if self.wanted == request {
            return None;
        }
        let url = |request: &Option<Request>| request.as_ref().map(|request| request.url.clone());
        if url(&self.wanted) != url(&request) {
            self.picture = None;
        }
        self.wanted.clone_from(&request);
        // A picture that hangs is not got once more only since more may be asked for it.
        request.filter(|_| self.picture.is_none())
    }

    fn hang(&mut self, request: &Request, picture: Option<Picture>) {
        if picture.is_some() && self.wanted.as_ref().is_some_and(|wanted| wanted.url == request.url) {
            self.picture = picture;
        }
    }
}

impl Gallery {
    pub(super) fn face(&self, call: &CallView) -> Option<&Picture> {
        self.faces.get(&call.id)?.picture.as_ref()
    }

    pub(super) fn logo(&self) -> Option<&Picture> {
        self.logo.picture.as_ref()
    }

    pub(super) fn symbol(&self) -> Option<&Pixels> {
        self.symbol.as_ref()?.1.as_ref()
    }

    /// Paints the symbol of the logo that hangs now, unless it is painted already.
    fn paint(&mut self, colours: Option<Colours>) {
        let Some((logo, colours)) = self.logo.picture.as_ref().zip(colours) else {
            self.symbol = None;
            return;
        };
        if self.symbol.as_ref().is_none_or(|(painted, _)| *painted != colours) {
            self.symbol = Some((colours, symbol(&logo.pixels, colours)));
        }
    }
}

impl<H: Host> Controller<H> {
    /// Sees to the pictures of what is shown now.
    pub(super) fn want_pictures(&mut self) {
        let calls = || [&self.call, &self.other].into_iter().flatten();
        let wanted: Vec<_> = calls().map(|call| (call.id.clone(), self.face_of(call))).collect();
        let logo = self.logo_url().map(|url| self.request(url, Shape::Logo, Reach::Anywhere));
        self.gallery.faces.retain(|call, _| wanted.iter().any(|(id, _)| id == call));
        let mut requests = Vec::new();
        for (call, face) in wanted {
            requests.extend(self.gallery.faces.entry(call).or_default().want(face));
        }
        requests.extend(self.gallery.logo.want(logo));
        for request in requests {
            let pictures = Arc::clone(&self.pictures);
            self.later(async move { Event::PictureCame { picture: pictures.get(request.clone()).await, request } });
        }
        let colours = self.branding().map(|branding| Colours { tile: branding.bg_color, logo: branding.font_color });
        self.gallery.paint(colours);
    }

    pub(super) fn picture_came(&mut self, request: &Request, picture: Option<Picture>) {
        match request.shape {
            Shape::Face => {
                for frame in self.gallery.faces.values_mut() {
                    frame.hang(request, picture.clone());
                }
            }
            Shape::Logo => {
                self.gallery.logo.hang(request, picture);
                self.gallery.symbol = None;
            }
        }
    }

    fn face_of(&self, call: &CallView) -> Option<Request> {
        let url = call.image.clone()?;
        let chosen_here = call.direction == Direction::Outgoing;
        let answered = matches!(call.phase, CallPhase::Connecting | CallPhase::Talking { .. });
        // Whoever was talked with has this device's address from then, unless the account hides it from everybody.
        let known = !self.hides_addresses() && (answered || self.history.has_talked_with(&call.peer));
        let reach = if chosen_here || known {
            Reach::Anywhere
        } else {
            self.logo_url().and_then(|logo| host_of(&logo)).map_or(Reach::Kept, Reach::Host)
        };
        Some(self.request(url, Shape::Face, reach))
    }

    fn request(&self, url: String, shape: Shape, reach: Reach) -> Request {
        Request { url, shape, reach, nearby: self.account.is_on_this_machine() }
    }

    fn logo_url(&self) -> Option<String> {
        self.branding()?.logo.clone()
    }

    fn hides_addresses(&self) -> bool {
        self.line_seen().is_none_or(|view| view.hides_addresses)
    }

    pub(super) fn line_seen(&self) -> Option<&LineView> {
        match &self.session {
            Session::Open { view, .. } => view.as_deref(),
            Session::Nobody { .. } | Session::SigningIn => None,
        }
    }
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}
