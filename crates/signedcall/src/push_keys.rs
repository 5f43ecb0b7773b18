//! The keys by which a device reads pushes that nobody on the way can (RFC 8291).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use rand::TryRngCore;
use rand::rngs::OsRng;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use signedcall_wire::{PushService, PushTarget, Redacted};

const SECRET_BYTES: usize = 32;
const AUTH_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// The salt, the size of a record and the size of the sender's public key, which follows.
const HEADER_BYTES: usize = SALT_BYTES + 4 + 1;
/// Where the last record ends, before its padding.
const LAST_RECORD: u8 = 2;

/// What pushes to this device are encrypted for. Kept from one start to the next, since a push comes when the app is not running.
#[derive(Clone)]
pub struct PushKeys {
    secret: SecretKey,
    auth: [u8; AUTH_BYTES],
}

impl std::fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushKeys").finish_non_exhaustive()
    }
}

impl PushKeys {
    /// Makes new keys; `None` when the system gives no randomness.
    pub fn make() -> Option<Self> {
        loop {
            let (mut secret, mut auth) = ([0; SECRET_BYTES], [0; AUTH_BYTES]);
            OsRng.try_fill_bytes(&mut secret).ok()?;
            OsRng.try_fill_bytes(&mut auth).ok()?;
            // Nearly all bytes are a key.
            if let Ok(secret) = SecretKey::from_slice(&secret) {
                return Some(Self { secret, auth });
            }
        }
    }

    /// The keys as text, for whoever keeps secrets.
    pub fn to_secret(&self) -> Redacted<String> {
        Redacted::new(BASE64_URL_SAFE_NO_PAD.encode([self.secret.to_bytes().as_slice(), &self.auth].concat()))
    }

    /// Keys that were [kept](Self::to_secret); `None` for a text that is none.
    pub fn from_secret(text: &Redacted<String>) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.expose()).ok()?;
        let (secret, auth) = bytes.split_at_checked(SECRET_BYTES)?;
        Some(Self { secret: SecretKey::from_slice(secret).ok()?, auth: auth.try_into().ok()? })
    }

    /// Where pushes go for [`SignedCall::set_push`](crate::SignedCall::set_push).
    pub fn target(&self, by: PushService) -> PushTarget {
        let point = self.secret.public_key().to_encoded_point(false);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        PushTarget { by, p256dh: encode(point.as_bytes()), auth: Redacted::new(encode(&self.auth)) }
    }

    /// Reads a push, for [`SignedCall::handle_push`](crate::SignedCall::handle_push); `None` for what was not encrypted for this device.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = sealed.split_at_checked(HEADER_BYTES)?;
        let (salt, point_bytes) = (&header[..SALT_BYTES], usize::from(header[HEADER_BYTES - 1]));
        let (point, record) = rest.split_at_checked(point_bytes)?;
        let theirs = PublicKey::from_sec1_bytes(point).ok()?;
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), theirs.as_affine());
        let ours = self.secret.public_key().to_encoded_point(false);
        let info = [b"WebPush: info\0", ours.as_bytes(), point].concat();
        let input: [u8; 32] = expand(&Salt::new(HKDF_SHA256, &self.auth).extract(shared.raw_secret_bytes()), &info)?;
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input);
        let key: [u8; 16] = expand(&prk, b"Content-Encoding: aes128gcm\0")?;
        let nonce: [u8; NONCE_LEN] = expand(&prk, b"Content-Encoding: nonce\0")?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        let mut record = record.to_vec();
        let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record).ok()?;
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        (plain[end] == LAST_RECORD).then(|| plain[..end].to_vec())
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const BYTES: usize>(prk: &Prk, info: &[u8]) -> Option<[u8; BYTES]> {
    let mut out = [0; BYTES];
    prk.expand(&[info], Length(BYTES)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The receiver of the example in RFC 8291.
    fn example() -> PushKeys {
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let secret = [decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), decode("BTBZMqHH6r4Tts7J_aSIgg")].concat();
        PushKeys::from_secret(&Redacted::new(BASE64_URL_SAFE_NO_PAD.encode(secret))).expect("keys")
    }

    const SEALED: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

    #[test]
    fn the_example_of_rfc_8291_is_read() {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(SEALED).expect("base64url");
        assert_eq!(example().open(&sealed).as_deref(), Some(&b"When I grow up, I want to be a watermelon"[..]));
        let by = PushService::WebPush { endpoint: Redacted::default() };
        let target = example().target(by);
        assert_eq!(target.p256dh, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        assert_eq!(target.auth.expose(), "BTBZMqHH6r4Tts7J_aSIgg");
    }

    #[test]
    fn what_is_not_for_this_device_is_not_read_whatever_it_is() {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(SEALED).expect("base64url");
        assert_eq!(PushKeys::make().expect("randomness").open(&sealed), None);
        for length in 0..sealed.len() {
            assert_eq!(example().open(&sealed[..length]), None, "{length}");
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            // The size of records says nothing, since there is one.
            let is_size = (SALT_BYTES..SALT_BYTES + 4).contains(&index);
            assert_eq!(example().open(&changed).is_some(), is_size, "{index}");
        }
    }

    #[test]
    fn keys_are_the_same_after_they_were_kept() {
        let keys = PushKeys::make().expect("randomness");
        let again = PushKeys::from_secret(&keys.to_secret()).expect("keys");
        assert_eq!(keys.to_secret(), again.to_secret());
        for wrong in ["", "AAAA", "?"] {
            assert!(PushKeys::from_secret(&Redacted::new(wrong.to_owned())).is_none(), "{wrong}");
        }
        assert_eq!(format!("{keys:?}"), "PushKeys { .. }");
    }
}
