//! What the logs say of people.

use std::io;
use std::sync::{Mutex, PoisonError};

use signedcall::{CallStatus, EndReason, LOG_FILTER};

use crate::calls::connect;
use crate::proxy::Proxy;
use crate::support::{Phone, Service, ToneSound};

/// Every line of this process, since driver, media and audio run on tasks and threads of their own.
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Keep;

impl io::Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_above_debug_names_a_user_an_address_or_a_secret() {
    tracing_subscriber::fmt().without_time().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Keep).init();
    let service = Service::start().await;
    let proxy = Proxy::to(service.address()).await;
    let mut options = service.options("zebedee_caller");
    options.service_url = proxy.url();
    options.name = Some("Zebedee Quux".to_owned());
    let mut caller = Phone::sign_in(options, ToneSound::of(1_000)).await;
    let mut callee = Phone::sign_in(service.options("ermintrude_callee"), ToneSound::of(1_500)).await;
    let call = connect(&mut caller, &mut callee, "ermintrude_callee").await;
    caller.sound.hears_tone(1_500).await;
    proxy.cut();
    caller.line.hangup(call).await.expect("the call goes on");
    caller.expect(CallStatus::Ended(EndReason::HungUp)).await;
    callee.expect(CallStatus::Ended(EndReason::HungUp)).await;
    caller.leave_in_silence().await;

    let lines = String::from_utf8_lossy(&LINES.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    let key = service.key();
    assert!(!lines.contains(&key), "a key is in the log");
    let loud: Vec<&str> = lines.lines().filter(|line| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level))).collect();
    assert!(loud.iter().any(|line| line.contains("CALL_IN_PROGRESS")), "the call was logged");
    assert!(lines.contains("signedcall::timing"), "its steps were timed");
    for line in loud {
        for private in ["zebedee", "Zebedee", "ermintrude", "4711", "127.0.0.1", "candidate:", "a=ice"] {
            assert!(!line.contains(private), "{private} is in {line}");
        }
    }
    assert!(LOG_FILTER.contains("webrtc=off"));
}
