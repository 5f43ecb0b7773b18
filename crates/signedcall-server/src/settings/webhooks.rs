use clap::Subcommand;

use super::EnvironmentName;
use crate::webhooks::CallEvent;

/// What can be done with webhooks.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add a webhook, and print its id and the secret that deliveries to it are signed with: this once
    Add {
        /// The account's id
        account: String,
        /// The environment whose calls it is told of
        #[arg(long, value_enum)]
        environment: EnvironmentName,
        /// Where it lies, at https://
        #[arg(long)]
        url: String,
        /// What it is told: call.placed, call.answered, call.ended [default: all of them]
        #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = event)]
        events: Vec<CallEvent>,
    },
    /// List the webhooks of an account, one in a line: id, environment, what it is told, when it was added, since when it fails and since when it is
    /// switched off, in UTC, - for never, and where it lies
    List {
        /// The account's id
        account: String,
    },
    /// Remove a webhook: it is told nothing any more
    Remove {
        /// The account's id
        account: String,
        /// The webhook's id
        webhook: String,
    },
    /// Make another secret for a webhook, and print it: this once. For a day, deliveries are signed with the one before as well
    Rotate {
        /// The account's id
        account: String,
        /// The webhook's id
        webhook: String,
    },
    /// List the last 1000 tries to tell a webhook something, one in a line: when, the delivery's id, the status that was answered (- for none), milliseconds,
    /// and what was wrong
    Deliveries {
        /// The account's id
        account: String,
        /// The webhook's id
        webhook: String,
    },
    /// Send something once more that is among those, under the same id
    Redeliver {
        /// The account's id
        account: String,
        /// The webhook's id
        webhook: String,
        /// The delivery's id, as `webhook deliveries` prints it
        delivery: String,
    },
}

fn event(text: &str) -> Result<CallEvent, String> {
    CallEvent::named(text).ok_or_else(|| format!("it is none of {}", CallEvent::ALL.map(CallEvent::name).join(", ")))
}
