use clap::Subcommand;

/// What can be done with whoever may sign in to the dashboard.
#[derive(Clone, Debug, Subcommand)]
pub enum OperatorCommand {
    /// Print a link by which somebody chooses a password, for an operator who is there or a new one: good for an hour, once, and until the next. What it
    /// is opened at is dashboard-listen
    Link {
        /// The operator's name: 1 to 64 ASCII letters, digits, and . _ -
        name: String,
    },
    /// List all operators, one in a line: name, when they were added, in UTC, and whether they have chosen a password
    List,
    /// Remove an operator, whose sessions are over at once
    Remove {
        /// The operator's name
        name: String,
    },
}
