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

impl Branding {
    /// How well its text can be read.
    pub fn contrast(&self) -> Contrast {
        Contrast::between(self.font_color, self.bg_color)
    }
}

/// What an app changes of its account's branding (R30): each property that it has takes the place of the account's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrandingOverride {
    /// The company's name.
    pub name: Option<String>,
    /// What fills the call screens.
    pub bg_color: Option<Color>,
    /// Text on `bg_color`.
    pub font_color: Option<Color>,
    /// Where the logo is fetched from: an HTTPS URL.
    pub logo: Option<String>,
    /// Whether round buttons are white or black.
    pub button_theme: Option<ButtonTheme>,
}

impl BrandingOverride {
    /// How calls look then. An account without a branding of its own has one from an override that names both colours.
    pub fn applied_to(&self, branding: Option<Branding>) -> Option<Branding> {
        let base = match branding {
            Some(branding) => branding,
            None => Branding {
                name: String::new(),
                bg_color: self.bg_color?,
                font_color: self.font_color?,
                logo: None,
                button_theme: ButtonTheme::default(),
            },
        };
        Some(Branding {
            name: self.name.clone().unwrap_or(base.name),
            bg_color: self.bg_color.unwrap_or(base.bg_color),
            font_color: self.font_color.unwrap_or(base.font_color),
            logo: self.logo.clone().or(base.logo),
            button_theme: self.button_theme.unwrap_or(base.button_theme),
        })
    }
}

/// How well text can be read on a background, from 1 to 21: the contrast ratio of WCAG 2.2.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Contrast(f64);

impl Contrast {
    /// The least that WCAG 2.2 asks for at level AA (success criterion 1.4.3), for text of ordinary size.
    pub const LEGIBLE: Self = Self(4.5);

    /// The contrast of two colours, whichever is the background.
    pub fn between(one: Color, other: Color) -> Self {
        let (one, other) = (one.luminance(), other.luminance());
        Self((one.max(other) + 0.05) / (one.min(other) + 0.05))
    }

    /// The ratio itself.
    pub const fn ratio(self) -> f64 {
        self.0
    }

    /// Whether text of ordinary size can be read.
    pub fn is_legible(self) -> bool {
        self >= Self::LEGIBLE
    }
}

impl std::fmt::Display for Contrast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}", self.0)
    }
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

impl Color {
    /// The relative luminance of WCAG 2.2, from 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
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

    fn color(text: &str) -> Color {
        Color::try_from(text.to_owned()).expect("a colour")
    }

    fn company() -> Branding {
        Branding {
            name: "Parcelo".to_owned(),
            bg_color: color("#0F3D2E"),
            font_color: color("#FFFFFF"),
            logo: Some("https://parcelo.example/logo.png".to_owned()),
            button_theme: ButtonTheme::Dark,
        }
    }

    #[test]
    fn an_override_takes_the_place_of_what_it_has_and_of_nothing_else() {
        let company = company();
        assert_eq!(BrandingOverride::default().applied_to(Some(company.clone())), Some(company.clone()));
        let navy = BrandingOverride { bg_color: Some(color("#102040")), ..BrandingOverride::default() };
        assert_eq!(navy.applied_to(Some(company.clone())), Some(Branding { bg_color: color("#102040"), ..company.clone() }));
        let all = BrandingOverride {
            name: Some("Courier".to_owned()),
            bg_color: Some(color("#FFFFFF")),
            font_color: Some(color("#000000")),
            logo: Some("https://courier.example/logo.png".to_owned()),
            button_theme: Some(ButtonTheme::Light),
        };
        let courier = Branding {
            name: "Courier".to_owned(),
            bg_color: color("#FFFFFF"),
            font_color: color("#000000"),
            logo: Some("https://courier.example/logo.png".to_owned()),
            button_theme: ButtonTheme::Light,
        };
        assert_eq!(all.applied_to(Some(company)), Some(courier));
    }

    #[test]
    fn an_account_without_branding_has_one_from_both_colours() {
        let one = BrandingOverride { bg_color: Some(color("#102040")), ..BrandingOverride::default() };
        assert_eq!(one.applied_to(None), None);
        let both = BrandingOverride { font_color: Some(color("#FFFFFF")), ..one };
        let plain = Branding { name: String::new(), bg_color: color("#102040"), logo: None, button_theme: ButtonTheme::Light, ..company() };
        assert_eq!(both.applied_to(None), Some(plain));
    }

    #[test]
    fn contrast_is_measured_as_wcag_does() {
        let on_white = |text: &str| Contrast::between(color(text), color("#FFFFFF"));
        assert_eq!((on_white("#000000").to_string(), on_white("#FFFFFF").to_string()), ("21.00".to_owned(), "1.00".to_owned()));
        assert_eq!((on_white("#777777").to_string(), on_white("#777777").is_legible()), ("4.48".to_owned(), false));
        assert_eq!((on_white("#767676").to_string(), on_white("#767676").is_legible()), ("4.54".to_owned(), true));
        assert!(company().contrast().is_legible());
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in ["", "#fff", "0f3d2e", "#0f3d2e00", "#0f3d2g", "#+f3d2e", "#é3d2"] {
            assert_eq!(Color::try_from(text.to_owned()), Err(InvalidBranding::Color(text.to_owned())));
        }
    }
}
