//! Who calls whom in which brand: companies that have little in common but the service.

use anyhow::{Context as _, Result};
use signedcall_server::store::{Account, Accounts, Location, Server};
use signedcall_server::{account, webhooks};
use signedcall_wire::{AccountId, Branding, ButtonTheme, Color, Environment};

use super::receivers::Receiver;
use crate::cluster::guest::Key;

/// A company whose users call each other.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) id: &'static str,
    name: &'static str,
    bg_color: &'static str,
    font_color: &'static str,
    button_theme: ButtonTheme,
    /// What its own people's ids begin with, and those of whom they call.
    caller: &'static str,
    callee: &'static str,
    /// Why they call.
    pub(super) contexts: [&'static str; 3],
    /// How many calls it has in the busiest hour of a day.
    pub(super) calls_an_hour: u32,
}

/// The companies. One has a name about as long as one may be, one writes from right to left, and one has dark text on a light ground.
pub(super) static COMPANIES: [Company; 4] = [
    Company {
        id: "parcelo",
        name: "Parcelo",
        bg_color: "#0F3D2E",
        font_color: "#FFFFFF",
        button_theme: ButtonTheme::Light,
        caller: "courier",
        callee: "customer",
        contexts: ["Delivery partner is calling", "Order 4711 needs a door code", "Driver is outside"],
        calls_an_hour: 24,
    },
    Company {
        id: "tawseel",
        name: "توصيل السريع للطرود",
        bg_color: "#8A1C2B",
        font_color: "#FFFFFF",
        button_theme: ButtonTheme::Light,
        caller: "mandoob",
        callee: "zaboon",
        contexts: ["مندوب التوصيل يتصل بك", "السائق أمام الباب", "سؤال عن الطلب 4711"],
        calls_an_hour: 15,
    },
    Company {
        id: "clinic-am-see",
        name: "Klinik am See",
        bg_color: "#F4E9D8",
        font_color: "#2B2118",
        button_theme: ButtonTheme::Dark,
        caller: "nurse",
        callee: "patient",
        contexts: ["Your appointment tomorrow", "Your results are here", "The doctor calls back"],
        calls_an_hour: 9,
    },
    Company {
        id: "hohenstein-wittgenburg",
        name: "Maximiliane-Alexandra von Hohenstein-Wittgenburg und Partner KG",
        bg_color: "#4B2E83",
        font_color: "#FFFFFF",
        button_theme: ButtonTheme::Light,
        caller: "advisor",
        callee: "client",
        contexts: ["About the contract of the fourteenth of November", "A question on your letter", "Conference call"],
        calls_an_hour: 4,
    },
];

impl Company {
    /// The two of a pair: somebody of the company, and whom they call.
    pub(super) fn pair(&self, number: u32) -> (String, String) {
        (format!("{}_{}", self.caller, 8_840 + number), format!("{}_{}", self.callee, 21 + 7 * number))
    }

    /// Somebody who is never there.
    pub(super) fn nobody(&self) -> String {
        format!("{}_away", self.callee)
    }

    fn account(&self) -> Result<Account> {
        let color = |text: &str| Color::try_from(text.to_owned()).map_err(anyhow::Error::from);
        let branding = Branding {
            name: self.name.to_owned(),
            bg_color: color(self.bg_color)?,
            font_color: color(self.font_color)?,
            logo: None,
            button_theme: self.button_theme,
        };
        Ok(Account {
            id: AccountId(self.id.to_owned()),
            branding,
            relay_only: false,
            max_call: None,
            single_device: false,
            call_rates: Default::default(),
        })
    }
}

/// Makes the companies, with webhooks that lead to a receiver, and gives the key by which each one's users sign in.
pub(super) fn make(store: &Server, receiver: &Receiver) -> Result<Vec<(&'static Company, Key)>> {
    let accounts = Accounts::open(Location::Server(store.clone()))?;
    let here = webhooks::WebhookSettings { to_private_addresses: true, ..webhooks::WebhookSettings::default() };
    let make = |company: &'static Company| {
        let keys = account::add(&accounts, &company.account()?)?;
        let key = keys.into_iter().find(|(environment, _)| *environment == Environment::Production).context("a key for production")?.1;
        let id = AccountId(company.id.to_owned());
        for (path, events) in [("crm", &webhooks::CallEvent::ALL[..]), ("erp", &[webhooks::CallEvent::Ended][..])] {
            webhooks::add(&accounts, here, &id, Environment::Production, &receiver.url(path), events)?;
        }
        Ok((company, key))
    };
    COMPANIES.iter().map(make).collect()
}
