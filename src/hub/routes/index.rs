use std::collections::{BTreeMap, HashMap};

use crate::hub::routes::group::{Group, Groups};
use crate::model::name::EventName;
use crate::model::pattern::{EventPattern, is_wildcard};

/// Every subscription, by its name or pattern.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) exact: HashMap<EventName, Groups>,
    pub(super) globs: Globs,
}

/// The globs, by their text before the first wildcard. A name is compared only with the globs that begin like it.
#[derive(Debug, Default)]
pub(super) struct Globs {
    by_prefix: HashMap<Box<str>, HashMap<EventPattern, Groups>>,
    /// How many prefixes have this length.
    lengths: BTreeMap<usize, usize>,
}

impl Index {
    /// The groups of a pattern, for a new subscription.
    pub(super) fn entry(&mut self, pattern: EventPattern) -> &mut Groups {
        match pattern.exact() {
            Some(name) => self.exact.entry(name.clone()).or_default(),
            None => self.globs.entry(pattern),
        }
    }

    /// Changes the groups of a pattern, and removes them if the change returns true.
    pub(super) fn change(
        &mut self,
        pattern: &EventPattern,
        change: impl FnOnce(&mut Groups) -> bool,
    ) {
        match pattern.exact() {
            Some(name) => {
                if self.exact.get_mut(name).is_some_and(change) {
                    self.exact.remove(name);
                }
            }
            None => self.globs.change(pattern, change),
        }
    }

    /// The groups whose pattern receives this name.
    pub(super) fn matching(&self, name: &EventName) -> Vec<&Group> {
        let groups = self.exact.get(name).into_iter();
        let groups = groups.chain(self.globs.receiving(name));
        groups.flat_map(Groups::iter).collect()
    }
}

impl Globs {
    fn entry(&mut self, pattern: EventPattern) -> &mut Groups {
        let prefix = prefix_of(&pattern);
        let alike = self.by_prefix.entry(prefix);
        let length = alike.key().len();
        let alike = alike.or_insert_with(|| {
            *self.lengths.entry(length).or_default() += 1;
            HashMap::new()
        });
        alike.entry(pattern).or_default()
    }

    fn change(&mut self, pattern: &EventPattern, change: impl FnOnce(&mut Groups) -> bool) {
        let prefix = prefix_of(pattern);
        let Some(alike) = self.by_prefix.get_mut(&prefix) else {
            return;
        };
        if alike.get_mut(pattern).is_some_and(change) {
            alike.remove(pattern);
        }
        if !alike.is_empty() {
            return;
        }
        self.by_prefix.remove(&prefix);
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }

    fn receiving(&self, name: &EventName) -> impl Iterator<Item = &Groups> {
        let text = name.as_str();
        let prefixes = self.lengths.range(..=text.len());
        // A length within a character is that of no prefix of this name.
        let prefixes = prefixes.filter_map(move |(length, _)| text.get(..*length));
        let alike = prefixes.filter_map(|prefix| self.by_prefix.get(prefix));
        alike
            .flatten()
            .filter(move |(pattern, _)| pattern.receives(name))
            .map(|(_, groups)| groups)
    }

    #[cfg(test)]
    pub(super) fn groups_of(&self, pattern: &EventPattern) -> Option<&Groups> {
        self.by_prefix.get(&prefix_of(pattern))?.get(pattern)
    }

    /// How many patterns there are. Panics if the lengths are not those of their prefixes.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let mut lengths = BTreeMap::new();
        for prefix in self.by_prefix.keys() {
            *lengths.entry(prefix.len()).or_default() += 1;
        }
        assert_eq!(self.lengths, lengths);
        self.by_prefix.values().map(HashMap::len).sum()
    }
}

fn prefix_of(glob: &EventPattern) -> Box<str> {
    let mut text = glob.to_string();
    text.truncate(text.find(is_wildcard).unwrap_or(text.len()));
    text.into()
}
