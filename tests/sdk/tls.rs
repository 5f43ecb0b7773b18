//! A service with TLS, which only a company's own root vouches for: signing in, a call, and what is heard of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use signedcall::{CallStatus, EndReason, ErrorCode, SignedCall};
use signedcall_server::TlsFiles;

use crate::calls::connect;
use crate::child;
use crate::support::{Phone, Service, ToneSound};

const NAME: &str = "tls::a_service_is_reached_over_tls_when_this_computer_trusts_its_root_and_not_otherwise";
/// Tells the child where the certificates are.
const FOLDER: &str = "SIGNEDCALL_TEST_CERTIFICATES";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_reached_over_tls_when_this_computer_trusts_its_root_and_not_otherwise() {
    if child::is_child("trusting") {
        return call_over_tls().await;
    }
    if child::is_child("doubting") {
        let (service, tls) = service_with_tls().await;
        let mut options = service.options("alice");
        options.service_url = tls;
        options.sound = Some(ToneSound::of(1_000));
        let refused = SignedCall::init(options).await.expect_err("nobody vouches for it");
        assert_eq!(refused.code, ErrorCode::NetworkNotAvailable);
        return;
    }
    let folder = std::env::temp_dir().join(format!("signedcall-tls-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).expect("a new folder");
    make_certificates(&folder);
    for (role, root) in [("trusting", "root.pem"), ("doubting", "other.pem")] {
        let mut command = Command::new(child::program());
        command.env("SSL_CERT_FILE", folder.join(root)).env_remove("SSL_CERT_DIR").env(FOLDER, &folder);
        child::run(&mut command, NAME, role);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

async fn call_over_tls() {
    let (service, tls) = service_with_tls().await;
    let mut phones = Vec::new();
    for (cuid, hertz) in [("alice", 1_000), ("bobby", 1_500)] {
        let mut options = service.options(cuid);
        options.service_url = tls.clone();
        phones.push(Phone::sign_in(options, ToneSound::of(hertz)).await);
    }
    let [mut alice, mut bobby] = <[Phone; 2]>::try_from(phones).ok().expect("two of them");
    let call = connect(&mut alice, &mut bobby, "bobby").await;
    alice.sound.hears_tone(1_500).await;
    alice.line.hangup(call).await.expect("the call goes on");
    bobby.expect(CallStatus::Ended(EndReason::HungUp)).await;
}

/// A root, a certificate for `localhost` that it has signed, and a root that has signed nothing.
pub(crate) fn make_certificates(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("the folder is ours");
    let root = |name: &str| {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("randomness");
        let certificate = parameters.self_signed(&key).expect("a key of its own");
        (Issuer::new(parameters, key), certificate)
    };
    let (issuer, certificate) = root("A company's root");
    write("root.pem", certificate.pem().as_bytes());
    write("other.pem", root("Another company's root").1.pem().as_bytes());
    let key = KeyPair::generate().expect("randomness");
    let parameters = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = parameters.signed_by(&key, &issuer).expect("the root's key");
    write("service.pem", certificate.pem().as_bytes());
    write("service.key", key.serialize_pem().as_bytes());
}

/// A service that has the certificate, and its URL.
async fn service_with_tls() -> (Service, String) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the parent says where"));
    let files = TlsFiles { certificate: folder.join("service.pem"), key: folder.join("service.key") };
    let service = Service::start_with(|settings| settings.tls = Some(files)).await;
    let url = format!("wss://localhost:{}", service.address().port());
    (service, url)
}
