//! Making receipts, and the keys that they are signed with.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use signedcall_wire::{AccountId, Environment};

use super::{Receipt, TYPE};
use crate::keys::{NoRandomness, random_key_id};
use crate::store::{Accounts, CallFacts, StoreError};

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// There is no such account.
    #[error("there is no account {0:?}")]
    UnknownAccount(AccountId),
    /// The account has no such call.
    #[error("the account {account:?} has no call {call:?}")]
    UnknownCall {
        /// The account.
        account: AccountId,
        /// The call.
        call: String,
    },
    /// It is not over.
    #[error("the call {0:?} goes on; there is a receipt once it is over")]
    GoesOn(String),
    /// The store has a key that is none.
    #[error("the key {0:?} that receipts are signed with is damaged")]
    DamagedKey(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No key could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// No key could be made.
    #[error("no key could be made to sign receipts with")]
    NoKey,
}

/// A key that receipts are signed with. It has no `Debug`.
pub(crate) struct ReceiptKey {
    pub(crate) id: String,
    pub(crate) environment: Environment,
    /// In the form of PKCS #8.
    pub(crate) secret: Vec<u8>,
}

impl ReceiptKey {
    fn new(environment: Environment) -> Result<Self, ReceiptError> {
        let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| ReceiptError::NoKey)?;
        Ok(Self { id: random_key_id()?.0, environment, secret: secret.as_ref().to_vec() })
    }

    fn pair(&self) -> Result<Ed25519KeyPair, ReceiptError> {
        Ed25519KeyPair::from_pkcs8(&self.secret).map_err(|_| ReceiptError::DamagedKey(self.id.clone()))
    }

    fn jwk(&self) -> Result<Value, ReceiptError> {
        let public = encode(self.pair()?.public_key().as_ref());
        Ok(json!({"alg": "EdDSA", "crv": "Ed25519", "kid": self.id, "kty": "OKP", "use": "sig", "x": public}))
    }
}

/// The public keys that an account's receipts are verified with, those of both environments: a JWK set.
///
/// # Errors
/// There is no such account; the store failed.
pub fn keys(accounts: &Accounts, account: &AccountId) -> Result<String, ReceiptError> {
    let mut keys = Vec::new();
    for environment in [Environment::Production, Environment::Development] {
        keys.push(key_of(accounts, account, environment)?.jwk()?);
    }
    Ok(json!({"keys": keys}).to_string())
}

/// The receipt of a call of an account.
///
/// # Errors
/// There is no such account, or it has no such call, or the call goes on; the store failed.
pub fn export(accounts: &Accounts, account: &AccountId, call: &str) -> Result<String, ReceiptError> {
    if accounts.find(account)?.is_none() {
        return Err(ReceiptError::UnknownAccount(account.clone()));
    }
    let facts = accounts.call(account, call)?;
    issue(accounts, facts.ok_or_else(|| ReceiptError::UnknownCall { account: account.clone(), call: call.to_owned() })?)
}

/// Signs what there is to say of a call.
pub(super) fn issue(accounts: &Accounts, facts: CallFacts) -> Result<String, ReceiptError> {
    let account = AccountId(facts.account.clone());
    let unknown = || ReceiptError::UnknownCall { account: account.clone(), call: facts.call.clone() };
    let environment = crate::store::environment_named(&facts.environment).ok_or_else(unknown)?;
    let goes_on = ReceiptError::GoesOn(facts.call.clone());
    let receipt = Receipt::of(facts).ok_or(goes_on)?;
    let key = key_of(accounts, &account, environment)?;
    let header = json!({"alg": "EdDSA", "kid": key.id, "typ": TYPE}).to_string();
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(receipt.text().as_bytes()));
    let signature = key.pair()?.sign(signed.as_bytes());
    Ok(format!("{signed}.{}", encode(signature.as_ref())))
}

/// The key of an account and environment; made when there is none.
fn key_of(accounts: &Accounts, account: &AccountId, environment: Environment) -> Result<ReceiptKey, ReceiptError> {
    let unknown = || ReceiptError::UnknownAccount(account.clone());
    match accounts.receipt_key(account, environment)? {
        Some(key) => Ok(key),
        None => accounts.keep_receipt_key(account, ReceiptKey::new(environment)?)?.ok_or_else(unknown),
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
