//! What waits for a socket's task: a channel to one receiver that is as small as can be while nothing waits, as for most sockets at any moment. The runtime's own holds
//! room for thirty-two messages, and counts on several senders.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{NotTaken, Outgoing};

/// Makes a channel with room for so many.
pub(crate) fn waiting(most: usize) -> (Giver, Taker) {
    let shared = Arc::new(Shared(Mutex::new(State { messages: VecDeque::new(), most, taker: None, is_over: false })));
    (Giver(Arc::clone(&shared)), Taker(shared))
}

/// Where messages are put. Dropping it ends the channel, once those in it are taken.
#[derive(Debug)]
pub(crate) struct Giver(Arc<Shared>);

/// Where they are taken.
#[derive(Debug)]
pub(crate) struct Taker(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    messages: VecDeque<Outgoing>,
    most: usize,
    /// Who waits for one.
    taker: Option<Waker>,
    /// Whether one of the two is gone.
    is_over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let taker = {
            let mut state = self.state();
            state.is_over = true;
            state.taker.take()
        };
        if let Some(taker) = taker {
            taker.wake();
        }
    }
}

impl State {
    fn take(&mut self) -> Option<Outgoing> {
        let message = self.messages.pop_front();
        if self.messages.is_empty() {
            // An idle socket keeps nothing of a busy moment.
            self.messages = VecDeque::new();
        }
        message
    }
}

impl Giver {
    pub(crate) fn try_send(&self, message: Outgoing) -> Result<(), NotTaken> {
        let taker = {
            let mut state = self.0.state();
            if state.is_over {
                return Err(NotTaken::Gone);
            }
            if state.messages.len() >= state.most {
                return Err(NotTaken::Full);
            }
            state.messages.push_back(message);
            state.taker.take()
        };
        if let Some(taker) = taker {
            taker.wake();
        }
        Ok(())
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[allow(clippy::needless_pass_by_ref_mut, reason = "one task takes at a time, and it alone waits")]
impl Taker {
    /// Waits for the next message; `None` once there are no more. Dropping the future loses nothing.
    pub(crate) async fn recv(&mut self) -> Option<Outgoing> {
        poll_fn(|context| self.poll(context)).await
    }

    /// The next message, if there is one already.
    pub(crate) fn try_recv(&mut self) -> Option<Outgoing> {
        self.0.state().take()
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Outgoing>> {
        let mut state = self.0.state();
        match state.take() {
            None if !state.is_over => {
                if !state.taker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                    state.taker = Some(context.waker().clone());
                }
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.end();
        // Nobody takes what is still in it.
        self.0.state().messages.clear();
    }
}

#[cfg(test)]
mod tests {
    use signedcall_wire::ServiceMessage;

    use super::*;

    fn message() -> Outgoing {
        Box::new(ServiceMessage::Resumed)
    }

    #[tokio::test]
    async fn messages_are_taken_in_order_and_none_follows_once_the_giver_is_gone() {
        let (giver, mut taker) = waiting(2);
        let last = Box::new(ServiceMessage::SessionExpired);
        giver.try_send(message()).expect("there is room");
        giver.try_send(last).expect("there is room");
        drop(giver);
        assert_eq!(taker.recv().await, Some(message()));
        assert_eq!(taker.try_recv().as_deref(), Some(&ServiceMessage::SessionExpired));
        assert_eq!((taker.try_recv(), taker.recv().await), (None, None));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_a_message_and_by_the_end() {
        let (giver, mut taker) = waiting(2);
        let taking = tokio::spawn(async move { (taker.recv().await, taker.recv().await) });
        // It waits by then, or finds the message.
        tokio::task::yield_now().await;
        giver.try_send(message()).expect("it is there");
        tokio::task::yield_now().await;
        drop(giver);
        assert_eq!(taking.await.expect("no bug"), (Some(message()), None));
    }

    #[test]
    fn there_is_room_for_so_many_and_for_none_once_the_taker_is_gone() {
        let (giver, mut taker) = waiting(2);
        for _ in 0..2 {
            giver.try_send(message()).expect("there is room");
        }
        assert_eq!(giver.try_send(message()), Err(NotTaken::Full));
        assert!(taker.try_recv().is_some());
        assert_eq!(giver.try_send(message()), Ok(()));
        drop(taker);
        assert_eq!(giver.try_send(message()), Err(NotTaken::Gone));
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Shared>() <= 80, "{}", size_of::<Shared>());
    }
}
