//! What a socket's task waits for, where there is something to wait for.

use std::future::pending;
use std::pin::Pin;

use signedcall_wire::Refusal;

use crate::gate::Ticket;
use crate::hub::HubEvent;
use crate::switchboard::{Outgoing, Taker};

/// What a user token comes to, for the hub or for the device.
pub(super) type Renewing = Pin<Box<dyn Future<Output = Result<HubEvent, Refusal>> + Send>>;

/// Waits for what a user token has come to, where one is being verified. Dropping the future loses nothing.
pub(super) async fn renewed(renewing: &mut Option<Renewing>) -> Result<HubEvent, Refusal> {
    let Some(verification) = renewing else { return pending().await };
    let renewed = verification.await;
    *renewing = None;
    renewed
}

/// Waits for what the hub says, once there is one.
pub(super) async fn told(outgoing: &mut Option<Taker>) -> Option<Outgoing> {
    match outgoing {
        Some(outgoing) => outgoing.recv().await,
        None => pending().await,
    }
}

/// Returns when a socket that is not signed in has to go for another.
pub(super) async fn sent_away(ticket: Option<&Ticket>) {
    match ticket {
        Some(ticket) => Box::pin(ticket.sent_away()).await,
        None => pending().await,
    }
}
