//! How the calls of a company look.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signedcall_wire::{Branding, Color, Contrast, Environment};

use super::body::Members;
use super::operation::Operation;
use super::problem::Problem;
use super::{Api, Company, Etag, IfMatch, Shared};
use crate::account::check_branding;
use crate::hub::HubEvent;
use crate::switchboard::Note;

pub(super) fn operations() -> Vec<Operation> {
    const PATH: &str = "/v1/branding";
    vec![
        Operation::get(PATH, "getBranding", "Says how calls look.", show).gives::<Look>(),
        Operation::put(PATH, "setBranding", "Changes how calls look, on every device that is connected at once.", change)
            .if_match()
            .takes::<NewLook>()
            .gives::<Look>(),
    ]
}

/// How calls look, in both environments.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Look {
    /// The company's name, shown above a call.
    name: String,
    /// What fills the call screens, as `#RRGGBB`.
    bg_color: String,
    /// Text on it, likewise.
    font_color: String,
    /// Where the logo is fetched from: an HTTPS URL; null for none.
    logo: Option<String>,
    /// Whether round buttons are white or black.
    button_theme: ButtonTheme,
    /// How well the text can be read.
    contrast: ContrastReport,
}

/// How calls are to look. What is not there is not kept from before: no logo, and light buttons.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewLook {
    /// The company's name: 1 to 64 characters, none of them a control character, and no space at either end.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    /// What fills the call screens.
    #[schemars(with = "String", regex(pattern = "^#[0-9A-Fa-f]{6}$"))]
    bg_color: Color,
    /// Text on it.
    #[schemars(with = "String", regex(pattern = "^#[0-9A-Fa-f]{6}$"))]
    font_color: Color,
    /// Where the logo is fetched from: an HTTPS URL of at most 2048 bytes, without a name or password, and at no address that is not public.
    #[schemars(length(max = 2048))]
    logo: Option<String>,
    /// Whether round buttons are white or black.
    button_theme: Option<ButtonTheme>,
}

/// The colour of round buttons on a call screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ButtonTheme {
    /// Black buttons.
    Dark,
    /// White buttons.
    Light,
}

/// How well text can be read on a background, by WCAG 2.2.
#[derive(Debug, Serialize, JsonSchema)]
struct ContrastReport {
    /// The contrast ratio, from 1 to 21.
    ratio: f64,
    /// The least that level AA asks for.
    least: f64,
    /// Whether it is that much. Colours that are not are taken all the same.
    legible: bool,
}

impl From<Branding> for Look {
    fn from(branding: Branding) -> Self {
        let contrast = branding.contrast();
        // Two digits are what WCAG tools show, and what nobody has to round.
        let ratio = (contrast.ratio() * 100.0).round() / 100.0;
        let contrast = ContrastReport { ratio, least: Contrast::LEGIBLE.ratio(), legible: contrast.is_legible() };
        Self {
            name: branding.name,
            bg_color: branding.bg_color.into(),
            font_color: branding.font_color.into(),
            logo: branding.logo,
            button_theme: match branding.button_theme {
                signedcall_wire::ButtonTheme::Dark => ButtonTheme::Dark,
                signedcall_wire::ButtonTheme::Light => ButtonTheme::Light,
            },
            contrast,
        }
    }
}

impl NewLook {
    fn read(mut members: Members) -> Result<Self, Problem> {
        const COLOR: &str = "a colour of the form #RRGGBB";
        let look = Self {
            name: members.take("name", "a text")?,
            bg_color: members.take("bg_color", COLOR)?,
            font_color: members.take("font_color", COLOR)?,
            logo: members.take_if_there("logo", "a text")?,
            button_theme: members.take_if_there("button_theme", "light or dark")?,
        };
        members.finish()?;
        Ok(look)
    }

    fn check(self) -> Result<Branding, Problem> {
        let Self { name, bg_color, font_color, logo, button_theme } = self;
        let button_theme = match button_theme {
            Some(ButtonTheme::Dark) => signedcall_wire::ButtonTheme::Dark,
            Some(ButtonTheme::Light) | None => signedcall_wire::ButtonTheme::Light,
        };
        let branding = Branding { name, bg_color, font_color, logo, button_theme };
        check_branding(&branding).map_err(|wrong| Problem::field(wrong.name, wrong.why))?;
        Ok(branding)
    }
}

/// What is answered: how calls look, and the name of this version.
type Shown = ([(HeaderName, HeaderValue); 1], Json<Look>);

fn shown(branding: Branding) -> Shown {
    (Etag::of(&branding).header(), Json(branding.into()))
}

async fn show(State(api): State<Shared>, company: Company) -> Result<Shown, Problem> {
    let found = api.stores.known(move |accounts| accounts.find(&company.scope.account)).await?;
    found.map(|(account, _)| shown(account.branding)).ok_or_else(Problem::unavailable)
}

async fn change(State(api): State<Shared>, company: Company, headers: HeaderMap, members: Members) -> Result<Shown, Problem> {
    match company.scope.environment {
        Environment::Production => {}
        Environment::Development => {
            return Err(Problem::forbidden("calls look the same in both environments: use an api key of production"));
        }
    }
    let (version, branding) = (IfMatch::read(&headers)?, NewLook::read(members)?.check()?);
    // Goes on when whoever asked has left: what is in the store has to reach the devices.
    let changed = tokio::spawn(put(api, company, version, branding.clone())).await;
    changed.map_err(|_| Problem::unavailable())??;
    Ok(shown(branding))
}

/// Changes it in the store and then on the devices, one change after the other, so that both have the last one. What is in the store already is told all the same: an
/// earlier request may not have come as far as the devices, and whoever has asked it is asking again.
async fn put(api: Arc<Api>, company: Company, version: IfMatch, branding: Branding) -> Result<(), Problem> {
    let _turn = api.branding.lock().await;
    let (id, new) = (company.scope.account.clone(), branding.clone());
    let changed = api.stores.change_on_record_unless_refused(company.record, move |accounts| {
        let now = accounts.find(&id)?.map(|(account, _)| Etag::of(&account.branding));
        if let Err(changed) = now.map_or(Ok(()), |now| version.check(&now)) {
            return Ok(Err(changed));
        }
        accounts.set_branding(&id, &new).map(|_| Ok(()))
    });
    changed.await?;
    let account = company.scope.account;
    let changed = HubEvent::BrandingChanged { account: account.clone(), branding };
    api.tell_hub(&account, Note::Event(Box::new(changed))).await
}
