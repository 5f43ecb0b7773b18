use crate::view::{PreferencesForm, Problem};
pub(crate) struct Preferences {}
impl TryFrom<PreferencesForm> for Preferences {
    type Error = Problem;
    fn try_from(_: PreferencesForm) -> Result<Self, Problem> {
        Ok(Self {})
    }
}
