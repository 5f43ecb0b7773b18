//! Maps of few things.

/// A map of a handful of keys, in their order: as small as they are. A B-tree has room for eleven even where there is one, and most users have one device.
#[derive(Clone, Debug)]
pub(super) struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Few<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().and_then(|index| self.0.get(index)).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => {
                // Exactly: a vector that grows by itself makes room for four.
                self.0.reserve_exact(1);
                self.0.insert(index, (key, value));
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Ok(index) = self.place(key) {
            self.0.remove(index);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<'a, K, V> IntoIterator for &'a Few<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> (&'a K, &'a V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_in_the_order_of_its_keys_with_room_for_no_more() {
        let mut few = Few::default();
        for (key, value) in [(2, 'b'), (1, 'a'), (3, 'c'), (2, 'B')] {
            few.insert(key, value);
        }
        assert_eq!(few.into_iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), [(1, 'a'), (2, 'B'), (3, 'c')]);
        assert_eq!((few.get(&2), few.get(&4), few.len(), few.0.capacity()), (Some(&'B'), None, 3, 3));
        few.remove(&2);
        few.remove(&4);
        assert_eq!(few.values().collect::<String>(), "ac");
        assert!(!few.is_empty());
    }
}
