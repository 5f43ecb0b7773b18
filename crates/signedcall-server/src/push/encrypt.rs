//! The encryption of what a push carries, so that whoever brings it cannot read it (RFC 8291, in the form of RFC 8188).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use rand::TryRngCore;
use rand::rngs::OsRng;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use signedcall_wire::PushTarget;

/// The bytes of the record that the whole of it fits into, as other senders announce them.
const RECORD_BYTES: u32 = 4096;
const SALT_BYTES: usize = 16;
const AUTH_BYTES: usize = 16;
/// A point of P-256, uncompressed.
const POINT_BYTES: u8 = 65;
/// Where the last record ends, before its padding.
const LAST_RECORD: u8 = 2;
/// What is encrypted has a multiple of so many bytes, so that its length says nothing of who is called. What a push carries fits into one for every user there may be.
const PADDED_TO: usize = 256;

/// What pushes to a device are encrypted with.
#[derive(Clone, Debug)]
pub(crate) struct DeviceKeys {
    public: PublicKey,
    auth: [u8; AUTH_BYTES],
}

/// Why nothing can be encrypted for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncryptError {
    #[error("p256dh is no point of P-256, uncompressed and in base64url")]
    Point,
    #[error("auth is not of 16 bytes, in base64url")]
    Auth,
    #[error("no key could be made")]
    NoKey,
}

impl DeviceKeys {
    /// Reads what a device has said.
    pub(crate) fn of(target: &PushTarget) -> Result<Self, EncryptError> {
        let point = decode(&target.p256dh).filter(|point| point.len() == usize::from(POINT_BYTES)).ok_or(EncryptError::Point)?;
        let public = PublicKey::from_sec1_bytes(&point).map_err(|_| EncryptError::Point)?;
        let auth = decode(target.auth.expose()).and_then(|auth| auth.try_into().ok()).ok_or(EncryptError::Auth)?;
        Ok(Self { public, auth })
    }

    /// Encrypts for the device, with a key that is made for this and forgotten.
    pub(crate) fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, EncryptError> {
        let mut salt = [0; SALT_BYTES];
        OsRng.try_fill_bytes(&mut salt).map_err(|_| EncryptError::NoKey)?;
        self.encrypt_record(padded(plain), &random_key()?, salt)
    }

    fn encrypt_record(&self, mut record: Vec<u8>, ours: &SecretKey, salt: [u8; SALT_BYTES]) -> Result<Vec<u8>, EncryptError> {
        let our_public = ours.public_key().to_encoded_point(false);
        let shared = diffie_hellman(ours.to_nonzero_scalar(), self.public.as_affine());
        let theirs = self.public.to_encoded_point(false);
        let info = [b"WebPush: info\0", theirs.as_bytes(), our_public.as_bytes()].concat();
        let input: [u8; 32] = expand(&Salt::new(HKDF_SHA256, &self.auth).extract(shared.raw_secret_bytes()), &info)?;
        let prk = Salt::new(HKDF_SHA256, &salt).extract(&input);
        let key: [u8; 16] = expand(&prk, b"Content-Encoding: aes128gcm\0")?;
        let nonce: [u8; 12] = expand(&prk, b"Content-Encoding: nonce\0")?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(|_| EncryptError::NoKey)?);
        let seal = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record);
        seal.map_err(|_| EncryptError::NoKey)?;
        Ok([&salt[..], &RECORD_BYTES.to_be_bytes(), &[POINT_BYTES], our_public.as_bytes(), &record].concat())
    }
}

/// The one record that is sealed (RFC 8188, section 2): what is said, where it ends, and zeros.
fn padded(plain: &[u8]) -> Vec<u8> {
    let mut record = [plain, &[LAST_RECORD]].concat();
    record.resize(record.len().next_multiple_of(PADDED_TO), 0);
    record
}

/// A key on P-256. Not every 32 bytes are one, and nearly all are.
fn random_key() -> Result<SecretKey, EncryptError> {
    loop {
        let mut bytes = [0; 32];
        OsRng.try_fill_bytes(&mut bytes).map_err(|_| EncryptError::NoKey)?;
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return Ok(key);
        }
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const BYTES: usize>(prk: &Prk, info: &[u8]) -> Result<[u8; BYTES], EncryptError> {
    let mut out = [0; BYTES];
    let info = [info];
    let expanded = prk.expand(&info, Length(BYTES)).map_err(|_| EncryptError::NoKey)?;
    expanded.fill(&mut out).map_err(|_| EncryptError::NoKey)?;
    Ok(out)
}

/// Reads base64url, padded or not.
fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use signedcall_wire::{CallId, Cuid, PushPayload, PushService, Redacted};
    use uuid::Uuid;

    use super::*;

    fn target(p256dh: &str, auth: &str) -> PushTarget {
        let by = PushService::WebPush { endpoint: Redacted::new("https://push.example/".to_owned()) };
        PushTarget { by, p256dh: p256dh.to_owned(), auth: Redacted::new(auth.to_owned()) }
    }

    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn the_example_of_rfc_8291_comes_out_byte_by_byte() {
        let keys = DeviceKeys::of(&target(P256DH, AUTH)).expect("keys");
        let ours = decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw").expect("base64url");
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw").expect("base64url").try_into().expect("16 bytes");
        let record = b"When I grow up, I want to be a watermelon\x02".to_vec();
        let sealed = keys.encrypt_record(record, &SecretKey::from_slice(&ours).expect("a key"), salt).expect("it is sealed");
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(sealed), expected);
    }

    #[test]
    fn the_length_of_a_push_does_not_tell_who_is_called() {
        let keys = DeviceKeys::of(&target(P256DH, AUTH)).expect("keys");
        let sealed = |cuid: &str| {
            let (call, to) = (CallId(Uuid::new_v4()), Cuid::new(cuid).expect("a cuid"));
            let payload = PushPayload { call, to, expires_at_ms: 1_795_800_000_000 };
            keys.encrypt(&serde_json::to_vec(&payload).expect("plain data")).expect("it is sealed")
        };
        let lengths = [5, 13, 27, 50].map(|length| sealed(&"a".repeat(length)).len());
        // What stands before the record, the record, and by what it is known to be whole.
        assert_eq!(lengths, [16 + 4 + 1 + 65 + PADDED_TO + 16; 4]);
        assert_eq!(padded(&[7; PADDED_TO]).len(), 2 * PADDED_TO, "nothing is cut off");
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let infinity = BASE64_URL_SAFE_NO_PAD.encode([0; 65]);
        let off_the_curve = format!("{}A", &P256DH[..P256DH.len() - 1]);
        for (p256dh, auth, expected) in [
            ("", AUTH, EncryptError::Point),
            ("?", AUTH, EncryptError::Point),
            (infinity.as_str(), AUTH, EncryptError::Point),
            (off_the_curve.as_str(), AUTH, EncryptError::Point),
            (P256DH, "", EncryptError::Auth),
            (P256DH, "BTBZMqHH6r4Tts7J_aSIggAA", EncryptError::Auth),
        ] {
            assert_eq!(DeviceKeys::of(&target(p256dh, auth)).err(), Some(expected), "{p256dh} {auth}");
        }
        assert!(DeviceKeys::of(&target(&format!("{P256DH}="), &format!("{AUTH}=="))).is_ok(), "padding does no harm");
    }
}
