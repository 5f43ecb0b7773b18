//! A device's part in pushes: its keys, and what it reads with them (RFC 8291).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use signedcall_wire::{PushPayload, PushService, PushTarget, Redacted};
use uuid::Uuid;

/// The keys of one device.
pub(crate) struct Receiver {
    secret: SecretKey,
    auth: [u8; 16],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &Prk, info: &[u8], bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    prk.expand(&[info], Length(bytes)).expect("it is short").fill(&mut out).expect("it fits");
    out
}

impl Receiver {
    pub(crate) fn new() -> Self {
        let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        Self { secret: SecretKey::from_slice(&bytes).expect("nearly all bytes are a key"), auth: Uuid::new_v4().into_bytes() }
    }

    pub(crate) fn target(&self, by: PushService) -> PushTarget {
        let p256dh = BASE64_URL_SAFE_NO_PAD.encode(self.secret.public_key().to_encoded_point(false).as_bytes());
        PushTarget { by, p256dh, auth: Redacted::new(BASE64_URL_SAFE_NO_PAD.encode(self.auth)) }
    }

    pub(crate) fn web(&self, endpoint: &str) -> PushTarget {
        self.target(PushService::WebPush { endpoint: Redacted::new(endpoint.to_owned()) })
    }

    /// Reads a push.
    pub(crate) fn open(&self, sealed: &[u8]) -> PushPayload {
        let (salt, rest) = sealed.split_at(16);
        let (record_bytes, rest) = rest.split_at(4);
        assert_eq!(record_bytes, 4096_u32.to_be_bytes());
        let (point, text) = rest[1..].split_at(usize::from(rest[0]));
        let theirs = PublicKey::from_sec1_bytes(point).expect("a point");
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), theirs.as_affine());
        let ours = self.secret.public_key().to_encoded_point(false);
        let info = [b"WebPush: info\0", ours.as_bytes(), point].concat();
        let input = expand(&Salt::new(HKDF_SHA256, &self.auth).extract(shared.raw_secret_bytes()), &info, 32);
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand(&prk, b"Content-Encoding: aes128gcm\0", 16)).expect("16 bytes"));
        let nonce = Nonce::try_assume_unique_for_key(&expand(&prk, b"Content-Encoding: nonce\0", 12)).expect("12 bytes");
        let mut text = text.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut text).expect("it is sealed for this device");
        let end = plain.iter().rposition(|byte| *byte != 0).expect("it ends with what says so, before zeros");
        assert_eq!(plain[end], 2);
        serde_json::from_slice(&plain[..end]).expect("a payload")
    }
}
