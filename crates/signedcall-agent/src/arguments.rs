//! What the command line and the environment say.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use clap::Parser;
use signedcall::Redacted;

use crate::border::Wants;
use crate::profile::ProfileName;
use crate::settings::Account;
use crate::words;

/// The variable that holds a secret.
pub(crate) const API_KEY: &str = "SIGNEDCALL_API_KEY";

/// Branded, signed voice calls on the desktop.
#[derive(Clone, Debug, Parser)]
#[command(name = "signedcall-desktop", version, after_help = ENVIRONMENT)]
pub struct Arguments {
    /// Use settings, history and keyring entries of this name, so that one person can be several users.
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub profile: ProfileName,
    /// What the app calls itself on call screens, in notifications and in its windows' titles.
    #[arg(long, env = "SIGNEDCALL_APP_NAME", default_value = words::APP, hide_env = true, value_name = "NAME")]
    pub app_name: AppName,
    /// Start in the tray, without a window.
    #[arg(long)]
    pub hidden: bool,
    /// End again once there is nothing left to do: a push has started the app. The session bus starts it so; nobody else has a use for it.
    #[arg(long, hide = true)]
    pub for_push: bool,
    /// Receive pushes for apps that are closed, and start them. The session starts it so; nobody else has a use for it.
    #[arg(long, hide = true)]
    pub distribute: bool,
    /// Check whether everything that calls need is there, say how to mend what is not, and end; the exit code is 1 when calls do not work.
    #[arg(long)]
    pub doctor: bool,
    /// Write the log also to `signedcall.log` in the profile's state folder.
    #[arg(long)]
    pub log_file: bool,
    /// Show windows for an agent that runs already. The agent starts its windows so; nobody else has a use for it.
    #[arg(long, hide = true)]
    pub for_agent: bool,
    /// A link such as `signedcall://call/org_25?context=Order%204711`: the app asks before it calls.
    #[arg(value_name = "LINK")]
    pub link: Option<String>,
}

impl Arguments {
    /// What whoever starts the app wants of it.
    pub fn wants(&self) -> Wants {
        match &self.link {
            Some(link) => Wants::Link(link.clone()),
            None if self.hidden || self.for_agent => Wants::Nothing,
            None => Wants::Main,
        }
    }
}

const ENVIRONMENT: &str = "\
Environment:
  SIGNEDCALL_APP_NAME     what the app calls itself, where `--app-name` does not say it
  SIGNEDCALL_LOG          what is logged, such as `off`, `debug` or `warn,signedcall=trace`
  SIGNEDCALL_SERVICE_URL, SIGNEDCALL_ACCOUNT_ID, SIGNEDCALL_API_KEY, SIGNEDCALL_CUID, SIGNEDCALL_NAME, SIGNEDCALL_PRODUCTION
                          sign in as this user at once; nothing of it is kept";

/// What the app calls itself (R10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppName(String);

/// Why a text names no app.
#[derive(Debug, thiserror::Error)]
#[error("an app's name has 1 to 50 characters that can be seen")]
pub struct InvalidAppName;

impl FromStr for AppName {
    type Err = InvalidAppName;

    fn from_str(text: &str) -> Result<Self, InvalidAppName> {
        let text = text.trim();
        // Titles and notifications are one line, and as long as the SDK takes.
        let valid = (1..=50).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidAppName) }
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who the environment says is to be signed in. Nothing of it is written anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefill {
    pub(crate) service_url: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) api_key: Option<Redacted<String>>,
    pub(crate) cuid: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) production: Option<bool>,
}

/// A variable that is not what it should be. Its value is not repeated: it may be a key in the wrong place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is not {expected}")]
pub(crate) struct InvalidVariable {
    name: &'static str,
    expected: &'static str,
}

impl Prefill {
    /// Reads the variables that `get` gives.
    pub(crate) fn read(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, InvalidVariable> {
        let filled = |name: &'static str| match get(name).filter(|value| !value.is_empty()) {
            Some(value) => value.into_string().map(Some).map_err(|_| InvalidVariable { name, expected: "UTF-8 text" }),
            None => Ok(None),
        };
        Ok(Self {
            service_url: filled("SIGNEDCALL_SERVICE_URL")?,
            account_id: filled("SIGNEDCALL_ACCOUNT_ID")?,
            api_key: filled(API_KEY)?.map(Redacted::new),
            cuid: filled("SIGNEDCALL_CUID")?,
            name: filled("SIGNEDCALL_NAME")?,
            // Guessing would sign in to the wrong environment.
            production: match filled("SIGNEDCALL_PRODUCTION")?.map(|value| value.to_ascii_lowercase()).as_deref() {
                None => None,
                Some("true" | "1" | "yes") => Some(true),
                Some("false" | "0" | "no") => Some(false),
                Some(_) => return Err(InvalidVariable { name: "SIGNEDCALL_PRODUCTION", expected: "`true` or `false`" }),
            },
        })
    }

    /// Puts what the environment says in the place of what is kept.
    pub(crate) fn over(&self, kept: &Account) -> Account {
        Account {
            service_url: self.service_url.clone().unwrap_or_else(|| kept.service_url.clone()),
            account_id: self.account_id.clone().unwrap_or_else(|| kept.account_id.clone()),
            cuid: self.cuid.clone().unwrap_or_else(|| kept.cuid.clone()),
            name: self.name.clone().unwrap_or_else(|| kept.name.clone()),
            production: self.production.unwrap_or(kept.production),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_profile_that_could_leave_its_folder_is_refused() {
        let parse = |profile: &str| Arguments::try_parse_from(["signedcall-desktop", "--profile", profile]).is_ok();
        assert!(parse("alice"));
        assert!(!parse("../alice"));
    }

    #[test]
    fn a_start_wants_the_window_unless_it_says_otherwise() {
        let wants = |words: &[&str]| Arguments::try_parse_from(words).map(|arguments| arguments.wants()).ok();
        let link = "signedcall://call/org_25";
        assert_eq!(wants(&["app"]), Some(Wants::Main));
        assert_eq!(wants(&["app", "--hidden"]), Some(Wants::Nothing));
        assert_eq!(wants(&["app", "--for-agent"]), Some(Wants::Nothing));
        assert_eq!(wants(&["app", "--hidden", link]), Some(Wants::Link(link.to_owned())));
    }

    #[test]
    fn an_app_is_called_what_the_command_line_says() {
        let name = |arguments: &[&str]| Arguments::try_parse_from(arguments).map(|arguments| arguments.app_name.to_string()).ok();
        assert_eq!(name(&["app"]).as_deref(), Some(words::APP));
        assert_eq!(name(&["app", "--app-name", " Parcelo Courier "]).as_deref(), Some("Parcelo Courier"));
        for wrong in ["", " ", "two\nlines", &"n".repeat(51)] {
            assert_eq!(name(&["app", "--app-name", wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn the_environment_stands_in_front_of_what_is_kept() {
        let kept = Account { cuid: "kept_cuid".to_owned(), name: "Kept".to_owned(), ..Account::default() };
        let prefill = Prefill::read(|name| match name {
            "SIGNEDCALL_CUID" => Some("courier_8842".into()),
            "SIGNEDCALL_PRODUCTION" => Some("true".into()),
            "SIGNEDCALL_NAME" => Some(OsString::new()),
            _ => None,
        });
        let account = prefill.expect("all of it is valid").over(&kept);
        assert_eq!((account.cuid.as_str(), account.name.as_str(), account.production), ("courier_8842", "Kept", true));
    }

    #[test]
    fn an_environment_that_cannot_be_read_is_named_and_not_guessed() {
        let read =
            |value: &str| Prefill::read(|name| (name == "SIGNEDCALL_PRODUCTION").then(|| value.into())).map(|prefill| prefill.production);
        assert_eq!((read("No"), read("1"), read("")), (Ok(Some(false)), Ok(Some(true)), Ok(None)));
        let refusal = read("prod").expect_err("it is neither").to_string();
        assert_eq!(refusal, "the environment variable SIGNEDCALL_PRODUCTION is not `true` or `false`");
    }
}
