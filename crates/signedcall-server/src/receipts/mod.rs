//! Receipts: what the service says of a call that is over, signed, so that it can be shown to somebody who trusts neither side of the call.
//!
//! A receipt is a JWS (RFC 7515) in its compact form, by an Ed25519 key of the service's own for each account and environment. The key is made when it is needed
//! first and kept in the store. `docs/receipts.md` says what is in a receipt, and how it is verified without this service.

mod content;
mod issue;
mod maker;
mod verify;

pub use self::content::Receipt;
pub(crate) use self::issue::ReceiptKey;
pub use self::issue::{ReceiptError, export, keys};
pub(crate) use self::maker::{MadeReceipt, ReceiptMaker};
pub use self::verify::{VerifyError, verify};

/// What a receipt says that it is, in its header: a signature of the same key under anything else is none of a receipt.
const TYPE: &str = "signedcall-receipt+jws";
