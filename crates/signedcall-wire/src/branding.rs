use serde::{Deserialize, Serialize};

/// How a company's calls look (R31). The service sends it; an app may override it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branding {
    /// The company's name, shown above a call.
    pub name: String,
    /// What fills the call screens.
    pub bg_color: Color,
    /// Text on `bg_color`.
    pub font_color: Color,
    /// Where the logo is fetched from: an HTTPS URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Whether round buttons are white or black.
    #[serde(default)]
    pub button_theme: ButtonTheme,
}

/// The colour of round buttons on a call screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonTheme {
    /// Black buttons.
    Dark,
    /// White buttons; also what a word from a newer peer is read as.
    #[default]
    #[serde(other)]
    Light,
}

/// An sRGB colour, written `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

/// Why a branding property is refused, by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBranding {
    /// A colour that is not `#RRGGBB`.
    #[error("{0:?} is no colour of the form #RRGGBB")]
    Color(String),
}

impl TryFrom<String> for Color {
    type Error = InvalidBranding;

    fn try_from(text: String) -> Result<Self, InvalidBranding> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(value) = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()) else {
            return Err(InvalidBranding::Color(text));
        };
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        format!("#{:02X}{:02X}{:02X}", color.red, color.green, color.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_and_written_as_rrggbb() {
        let color = Color::try_from("#0f3d2E".to_owned()).expect("a colour");
        assert_eq!((color.red, color.green, color.blue), (0x0F, 0x3D, 0x2E));
        assert_eq!(String::from(color), "#0F3D2E");
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["", "#fff", "0f3d2e", "#0f3d2e00", "#0f3d2g", "#+f3d2e", "#é3d2"] {
            assert_eq!(Color::try_from(text.to_owned()), Err(InvalidBranding::Color(text.to_owned())));
        }
    }
}
