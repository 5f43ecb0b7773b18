//! How calls look: as the account says, but for what the app overrides.

use signedcall::{AccountId, BrandingOverride, ButtonTheme, Color, Credentials, ErrorCode, LineView, Options};
use signedcall_server::account;
use signedcall_wire::Environment;

use crate::errors::refusal;
use crate::support::{Phone, Service, ToneSound, ask_api};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_overrides_its_accounts_branding_property_by_property() {
    let (service, key) = Service::start_with_account("brand", |_| {}).await;
    let navy = Color { red: 0x10, green: 0x20, blue: 0x40 };
    let changes = BrandingOverride { bg_color: Some(navy), button_theme: Some(ButtonTheme::Dark), ..BrandingOverride::default() };
    let options = Options {
        account_id: "brand".to_owned(),
        credentials: Credentials::ApiKey(key),
        override_default_branding: changes,
        ..service.options("alice")
    };
    let alice = Phone::sign_in(options, ToneSound::of(1_000)).await;
    let branding = alice.line.view().borrow().branding.clone().expect("the account has a branding");
    let white = Color { red: 0xFF, green: 0xFF, blue: 0xFF };
    assert_eq!((branding.name.as_str(), branding.bg_color, branding.font_color), ("Private", navy, white));
    assert_eq!(branding.button_theme, ButtonTheme::Dark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branding_that_the_company_changes_reaches_a_running_app_at_once_under_its_overrides() {
    let (service, key) = Service::start_with_account("brand", |_| {}).await;
    let changes = BrandingOverride { button_theme: Some(ButtonTheme::Dark), ..BrandingOverride::default() };
    let options = Options {
        account_id: "brand".to_owned(),
        credentials: Credentials::ApiKey(key),
        override_default_branding: changes,
        ..service.options("alice")
    };
    let alice = Phone::sign_in(options, ToneSound::of(1_000)).await;
    let account = AccountId("brand".to_owned());
    let (_, backends) = account::add_key(&service.accounts(), &account, Environment::Production).expect("room for another");
    let new = r##"{"name":"Grocer","bg_color":"#102040","font_color":"#FFFFFF","button_theme":"light"}"##;
    let answer = ask_api(service.address(), "PUT /v1/branding", backends.expose(), "", new).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let is_new = |view: &LineView| view.branding.as_ref().is_some_and(|branding| branding.name == "Grocer");
    alice.until("the new branding", is_new).await;
    let branding = alice.line.view().borrow().branding.clone().expect("the account has a branding");
    let navy = Color { red: 0x10, green: 0x20, blue: 0x40 };
    assert_eq!((branding.bg_color, branding.button_theme), (navy, ButtonTheme::Dark), "what the app overrides stays overridden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_that_is_wrong_is_refused_by_name() {
    let service = Service::start().await;
    let with = async |changes| refusal(Options { override_default_branding: changes, ..service.options("alice") }).await;
    for logo in ["http://parcelo.example/logo.png", "logo.png", "file:///logo.png"] {
        let changes = BrandingOverride { logo: Some(logo.to_owned()), ..BrandingOverride::default() };
        assert_eq!(with(changes).await, ErrorCode::ContactRegistrationFailed, "{logo}");
    }
    let changes = BrandingOverride { name: Some("n".repeat(51)), ..BrandingOverride::default() };
    assert_eq!(with(changes).await, ErrorCode::InvalidNameLength);
}
