//! The wire's readers and its validators.

use std::fmt::Debug;

use rand::Rng;
use rand::rngs::StdRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signedcall_wire::{ClientMessage, Context, Cuid, ServiceMessage};

use crate::made;
use crate::mangled::mangled;

/// Counts the mangled messages that can still be read.
pub(crate) fn round(rng: &mut StdRng) -> u64 {
    let mut readable = 0;
    let (client, service) = (made::client_message(rng), made::service_message(rng, 1));
    let texts = [is_read_as_it_was(&client), is_read_as_it_was(&service)];
    for text in texts {
        let text = mangled(rng, &text);
        readable += u64::from(is_written_as_it_was_read::<ClientMessage>(&text) || is_written_as_it_was_read::<ServiceMessage>(&text));
    }
    let text: String = (0..rng.random_range(0..80)).map(|_| rng.random::<char>()).collect();
    for text in [&text, &mangled(rng, "courier_8842"), &mangled(rng, "Delivery partner is calling")] {
        if let Ok(cuid) = Cuid::new(text) {
            assert_eq!((cuid.as_str(), cuid.as_str().is_ascii()), (text.as_str(), true));
        }
        if let Ok(context) = Context::new(text) {
            assert!((1..=64).contains(&context.as_str().chars().count()), "{text:?}");
        }
    }
    readable
}

fn is_read_as_it_was<T: Serialize + DeserializeOwned + PartialEq + Debug>(message: &T) -> String {
    let text = serde_json::to_string(message).expect("a message is JSON");
    assert_eq!(serde_json::from_str::<T>(&text).expect("what is written can be read"), *message);
    text
}

/// Answers whether it could be read.
fn is_written_as_it_was_read<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> bool {
    let message = serde_json::from_str::<T>(text);
    message.is_ok_and(|message| !is_read_as_it_was(&message).is_empty())
}
