use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often it is looked where the kernel does not say when to: with the time that a probe and a new socket take, the service is reached again within two
/// seconds (R15).
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Says when it is worth a look: at every change of addresses and routes, and whenever the computer wakes up.
#[derive(Debug)]
pub(super) enum Alarm {
    /// The kernel says so. Nothing wakes this program up meanwhile.
    #[cfg(target_os = "linux")]
    Kernel(kernel::Kernel),
    /// Time and again.
    Clock(Interval),
    #[cfg(test)]
    Never,
}

impl Alarm {
    pub(super) fn set() -> Self {
        #[cfg(target_os = "linux")]
        match kernel::Kernel::listen() {
            Ok(kernel) => return Self::Kernel(kernel),
            Err(error) => tracing::info!(%error, "the kernel does not say when the network changes"),
        }
        Self::time_and_again()
    }

    fn time_and_again() -> Self {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self::Clock(look)
    }

    #[cfg(test)]
    pub(super) const fn never() -> Self {
        Self::Never
    }

    /// Waits until it is worth a look. Dropping the future loses nothing.
    pub(super) async fn rings(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(kernel) => {
                if let Err(error) = kernel.rings().await {
                    tracing::warn!(%error, "the kernel says no more when the network changes");
                    *self = Self::time_and_again();
                }
            }
            Self::Clock(look) => {
                look.tick().await;
            }
            #[cfg(test)]
            Self::Never => std::future::pending().await,
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::fs::File;
    use std::io::{self, ErrorKind};
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::io::Errno;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
    use tokio::net::unix::pipe::Receiver;

    /// The groups of rtnetlink(7) that tell of addresses and routes, both of IPv4 and of IPv6.
    const ADDRESSES_AND_ROUTES: u32 = 0x10 | 0x40 | 0x100 | 0x400;
    /// A moment that is never reached, in seconds since 1970.
    const NEVER: i64 = 1 << 33;

    /// Descriptors that become readable when there is something to know. A pipe's reader is how the runtime waits for a descriptor of any kind.
    #[derive(Debug)]
    pub(in super::super) struct Kernel {
        network: Receiver,
        /// Cancelled when the wall clock jumps, which it does whenever the computer wakes up: see timerfd_create(2).
        wall_clock: Receiver,
    }

    impl Kernel {
        pub(super) fn listen() -> io::Result<Self> {
            let network = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
            bind(&network, &SocketAddrNetlink::new(0, ADDRESSES_AND_ROUTES))?;
            let wall_clock = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            wait_for_jump(&wall_clock)?;
            let waiting = |descriptor: OwnedFd| Receiver::from_file_unchecked(File::from(descriptor));
            Ok(Self { network: waiting(network)?, wall_clock: waiting(wall_clock)? })
        }

        /// # Errors
        /// A descriptor tells nothing any more.
        pub(super) async fn rings(&self) -> io::Result<()> {
            tokio::select! {
                told = self.network.readable() => told?,
                told = self.wall_clock.readable() => told?,
            }
            // What exactly it says is not needed, and neither is what did not fit into the kernel's queue.
            empty(&self.network, Errno::NOBUFS)?;
            empty(&self.wall_clock, Errno::CANCELED)?;
            wait_for_jump(&self.wall_clock)?;
            Ok(())
        }
    }

    fn empty(descriptor: &Receiver, expected: Errno) -> io::Result<()> {
        let mut said = [0; 4096];
        loop {
            match descriptor.try_read(&mut said) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() == Some(expected.raw_os_error()) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_for_jump(wall_clock: impl AsFd) -> Result<(), Errno> {
        let at = |tv_sec| Timespec { tv_sec, tv_nsec: 0 };
        let never = Itimerspec { it_interval: at(0), it_value: at(NEVER) };
        timerfd_settime(wall_clock, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &never).map(drop)
    }
}
