//! What the command line and the environment say.

use clap::Parser;
use signedcall::Redacted;

use crate::profile::ProfileName;
use crate::settings::Account;

/// Branded, signed voice calls on the desktop.
#[derive(Debug, Parser)]
#[command(name = "signedcall-desktop", version, after_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    /// Use settings, history and keyring entries of this name, so that one person can be several users.
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub(crate) profile: ProfileName,
    /// Start in the tray, without a window.
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Write the log also to `signedcall.log` in the profile's state folder.
    #[arg(long)]
    pub(crate) log_file: bool,
}

const ENVIRONMENT: &str = "\
Environment:
  SIGNEDCALL_LOG          what is logged, such as `off`, `debug` or `warn,signedcall=trace`
  SIGNEDCALL_SERVICE_URL, SIGNEDCALL_ACCOUNT_ID, SIGNEDCALL_API_KEY, SIGNEDCALL_CUID, SIGNEDCALL_NAME, SIGNEDCALL_PRODUCTION
                          sign in as this user at once; nothing of it is kept";

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

impl Prefill {
    /// Reads the variables that `get` gives.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let filled = |name: &str| get(name).filter(|value| !value.is_empty());
        Self {
            service_url: filled("SIGNEDCALL_SERVICE_URL"),
            account_id: filled("SIGNEDCALL_ACCOUNT_ID"),
            api_key: filled("SIGNEDCALL_API_KEY").map(Redacted::new),
            cuid: filled("SIGNEDCALL_CUID"),
            name: filled("SIGNEDCALL_NAME"),
            production: filled("SIGNEDCALL_PRODUCTION").map(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes")),
        }
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
    fn the_environment_stands_in_front_of_what_is_kept() {
        let kept = Account { cuid: "kept_cuid".to_owned(), name: "Kept".to_owned(), ..Account::default() };
        let prefill = Prefill::read(|name| match name {
            "SIGNEDCALL_CUID" => Some("courier_8842".to_owned()),
            "SIGNEDCALL_PRODUCTION" => Some("true".to_owned()),
            "SIGNEDCALL_NAME" => Some(String::new()),
            _ => None,
        });
        let account = prefill.over(&kept);
        assert_eq!((account.cuid.as_str(), account.name.as_str(), account.production), ("courier_8842", "Kept", true));
    }
}
