//! What a device costs that is signed in and does nothing, and what a connection costs those who do the like.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use signedcall_tests::{Process, Usage};
use tokio::task::JoinSet;

use super::device::{Device, Target};
use super::peers;
use crate::figures::Figures;

/// So many are connected when it is looked.
pub(super) const COUNTS: [usize; 3] = [1_000, 5_000, 15_000];
/// Those that connect before anything is counted: the first ones bring what all share.
const FIRST: usize = 100;
/// Those that connect at the same time.
const AT_ONCE: usize = 32;
/// How long a program may settle before it is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// What connects and then stays.
#[derive(Clone)]
pub(super) enum Client {
    Ours(Target),
    Mqtt(SocketAddr),
    Nats(SocketAddr),
    WebSocket(SocketAddr),
}

/// Clients that are connected. They go when this is dropped.
pub(super) struct Connected {
    client: Client,
    tasks: JoinSet<()>,
    count: usize,
}

impl Connected {
    pub(super) fn nobody(client: Client) -> Self {
        Self { client, tasks: JoinSet::new(), count: 0 }
    }

    /// Lets more connect, until there are so many.
    pub(super) async fn grow(&mut self, to: usize) -> Result<()> {
        while self.count < to {
            let some = self.count..to.min(self.count + AT_ONCE);
            self.count = some.end;
            for stay in try_join_all(some.map(|number| self.connect(number))).await? {
                self.tasks.spawn(stay);
            }
        }
        Ok(())
    }

    async fn connect(&self, number: usize) -> Result<futures_util::future::BoxFuture<'static, ()>> {
        let cuid = format!("user_{number}");
        let connecting = async {
            Ok::<_, anyhow::Error>(match &self.client {
                Client::Ours(target) => Box::pin(Device::sign_in(target, &cuid).await?.stay()) as futures_util::future::BoxFuture<'_, ()>,
                Client::Mqtt(address) => Box::pin(peers::hold(peers::mqtt(*address, &cuid).await?)),
                Client::Nats(address) => Box::pin(peers::hold(peers::nats(*address, &cuid).await?)),
                Client::WebSocket(address) => Box::pin(peers::hold(peers::web_socket(*address).await?)),
            })
        };
        connecting.await.with_context(|| format!("the connection of {cuid}"))
    }
}

/// Connects more and more clients to a program, and says what each costs it in memory: `<figure>` for all, and `<figure>.sockets<n>` for so many.
pub(super) async fn measure(program: &Process, connected: &mut Connected, figure: &str, figures: &mut Figures) -> Result<()> {
    connected.grow(FIRST).await?;
    let before = memory(program).await?;
    for count in COUNTS {
        connected.grow(count).await?;
        let each = (memory(program).await? - before) / (count - FIRST) as f64;
        eprintln!("{figure}: {each:.0} bytes each of {count}");
        figures.add(&format!("{figure}.sockets{count}"), "bytes", each);
        if Some(&count) == COUNTS.last() {
            figures.add(figure, "bytes", each);
        }
    }
    Ok(())
}

async fn memory(program: &Process) -> Result<f64> {
    tokio::time::sleep(SETTLE).await;
    Ok(Usage::of(program)?.memory_mib * 1024.0 * 1024.0)
}
