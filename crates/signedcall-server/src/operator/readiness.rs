//! Whether calls can be placed here, so that devices should be sent here.

use super::Operator;
use crate::store::LEAST_ROOM;

/// Why no calls can be placed here at the moment, or soon.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unready {
    #[error("the hub does not answer")]
    HubSilent,
    #[error("nobody writes the records of calls any more")]
    NoWriter,
    #[error("the service is about to stop")]
    Drains,
    #[error("the bus is away: users of accounts that other nodes have cannot be reached")]
    BusAway,
    #[error("the store cannot be written to: {0}")]
    Store(String),
    #[error("the store's disk does not answer")]
    DiskSilent,
    #[error("the store's disk has {0} bytes of room left, and there should be {LEAST_ROOM}")]
    NoRoom(u64),
}

impl Unready {
    /// The same as a word.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::HubSilent => "hub_silent",
            Self::NoWriter => "no_writer",
            Self::Drains => "drains",
            Self::BusAway => "bus_away",
            Self::Store(_) => "store",
            Self::DiskSilent => "disk_silent",
            Self::NoRoom(_) => "no_room",
        }
    }
}

pub(super) async fn check(operator: &Operator) -> Result<(), Unready> {
    let figures = operator.figures().await.ok_or(Unready::HubSilent)?;
    if !figures.records_are_written {
        return Err(Unready::NoWriter);
    }
    if figures.drains {
        return Err(Unready::Drains);
    }
    if operator.exchange.cluster().is_some_and(|cluster| !cluster.bus_is_there()) {
        return Err(Unready::BusAway);
    }
    let (room, written) = operator.ask_disk(|probe| (probe.room(), probe.write())).await.ok_or(Unready::DiskSilent)?;
    // First, since a store that cannot be written to is what comes of it. Where the disk does not say how much room it has, having written to it has to do.
    enough(room.unwrap_or(u64::MAX))?;
    written.map_err(|error| Unready::Store(error.to_string()))
}

const fn enough(room: u64) -> Result<(), Unready> {
    if room < LEAST_ROOM { Err(Unready::NoRoom(room)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_from_sixty_four_mebibytes_on() {
        assert_eq!(enough(LEAST_ROOM), Ok(()));
        assert_eq!(enough(LEAST_ROOM - 1), Err(Unready::NoRoom(LEAST_ROOM - 1)));
    }
}
