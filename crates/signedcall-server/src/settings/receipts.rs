use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with receipts.
#[derive(Clone, Debug, Subcommand)]
pub enum ReceiptCommand {
    /// Print the receipt of a call that is over
    Export {
        /// The account's id
        account: String,
        /// The call's id
        call: String,
    },
    /// Print the public keys that the receipts of an account are verified with, a JWK set
    Keys {
        /// The account's id
        account: String,
    },
    /// Say in words what a receipt says, or what is wrong with it. Needs no service and no store
    Verify {
        /// A file with the public keys, as `receipt keys` prints them
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// A file with the receipt
        receipt: PathBuf,
    },
}
