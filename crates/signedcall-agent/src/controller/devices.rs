//! Which devices a call goes through, and what of that the user should know.

use signedcall::UsedDevices;

use crate::view::{DeviceNews, DevicesView, UsedDevice};

/// The devices of one call, as far as they have been seen.
#[derive(Debug, Default)]
pub(super) struct CallDevices {
    microphone: Followed,
    speaker: Followed,
}

#[derive(Debug, Default)]
struct Followed {
    /// The one that was used last.
    known: Option<String>,
    news: Option<DeviceNews>,
}

impl CallDevices {
    /// Notes what a call goes through now, and says what is to be shown. `None` while it goes through nothing: nobody talks yet, or it is held.
    pub(super) fn see(&mut self, used: Option<&UsedDevices>) -> DevicesView {
        let Some(used) = used else {
            // They are opened anew when it goes on.
            *self = Self::default();
            return DevicesView::default();
        };
        DevicesView { microphone: self.microphone.see(used.microphone.as_deref()), speaker: self.speaker.see(used.speaker.as_deref()) }
    }
}

impl Followed {
    fn see(&mut self, name: Option<&str>) -> UsedDevice {
        self.news = match (self.known.as_deref(), name) {
            (None, _) => None,
            (Some(_), None) => Some(DeviceNews::Gone),
            (Some(known), Some(name)) if known == name && self.news != Some(DeviceNews::Gone) => self.news,
            // Whoever was told that there is none is told of the same one, too.
            (Some(_), Some(_)) => Some(DeviceNews::Changed),
        };
        self.known = name.map(str::to_owned).or(self.known.take());
        UsedDevice { name: name.map(str::to_owned), news: self.news }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_after_a_device_was_known_is_news() {
        use DeviceNews::{Changed, Gone};
        let mut microphone = Followed::default();
        let table = [
            (None, None),
            (Some("built-in"), None),
            (Some("built-in"), None),
            (Some("headset"), Some(Changed)),
            (Some("headset"), Some(Changed)),
            (None, Some(Gone)),
            (None, Some(Gone)),
            (Some("headset"), Some(Changed)),
            (Some("built-in"), Some(Changed)),
        ];
        for (step, (name, news)) in table.into_iter().enumerate() {
            assert_eq!(microphone.see(name), UsedDevice { name: name.map(str::to_owned), news }, "step {step}");
        }
    }

    #[test]
    fn a_call_that_is_held_meanwhile_begins_anew() {
        let used = |microphone: &str| UsedDevices { microphone: Some(microphone.into()), speaker: None, headset: false };
        let mut devices = CallDevices::default();
        devices.see(Some(&used("built-in")));
        assert_eq!(devices.see(None), DevicesView::default());
        assert_eq!(devices.see(Some(&UsedDevices::default())), DevicesView::default(), "they are being opened");
        assert_eq!(devices.see(Some(&used("headset"))).microphone.news, None);
    }
}
