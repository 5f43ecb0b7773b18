//! Who is to have which partition: the highest of those that can, by a number that follows from both (rendezvous hashing), so that nodes need not agree on
//! anything, and one that comes or goes moves no more partitions than it has to.

use sha2::{Digest, Sha256};

use crate::store::owners::{NodeId, Partition};

/// The nodes in the order in which they are to have a partition.
pub(super) fn ranking<'a>(partition: Partition, nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<&'a NodeId> {
    let mut ranked: Vec<_> = nodes.into_iter().map(|node| (weight(partition, node), node)).collect();
    ranked.sort_by(|one, other| other.cmp(one));
    ranked.into_iter().map(|(_, node)| node).collect()
}

fn weight(partition: Partition, node: &NodeId) -> [u8; 32] {
    Sha256::digest(format!("{}\n{}", partition.0, node.0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::partitions;

    #[test]
    fn one_that_goes_moves_its_own_partitions_only_and_everybody_has_some() {
        let nodes = ["one", "two", "three"].map(|name| NodeId(name.to_owned()));
        for gone in &nodes {
            let left: Vec<_> = nodes.iter().filter(|node| *node != gone).collect();
            let mut had = 0;
            for partition in partitions() {
                let before = ranking(partition, &nodes)[0];
                let after = ranking(partition, left.iter().copied())[0];
                had += usize::from(before == gone);
                assert!(before == gone || before == after, "{partition:?} goes from {before:?} to {after:?}");
            }
            assert!((1..=10).contains(&had), "{gone:?} has had {had}");
        }
    }
}
