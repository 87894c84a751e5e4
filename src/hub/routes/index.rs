use std::collections::HashMap;

use crate::hub::routes::group::{Group, Groups};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

/// Every subscription, by its name or pattern.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) exact: HashMap<EventName, Groups>,
    pub(super) globs: HashMap<EventPattern, Groups>,
}

impl Index {
    /// The groups of a pattern, for a new subscription.
    pub(super) fn entry(&mut self, pattern: EventPattern) -> &mut Groups {
        match pattern.exact() {
            Some(name) => self.exact.entry(name.clone()).or_default(),
            None => self.globs.entry(pattern).or_default(),
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
            None => {
                if self.globs.get_mut(pattern).is_some_and(change) {
                    self.globs.remove(pattern);
                }
            }
        }
    }

    /// The groups whose pattern receives this name.
    pub(super) fn matching(&mut self, name: &EventName) -> Vec<&mut Group> {
        let globs = self.globs.iter_mut();
        let globs = globs
            .filter(|(pattern, _)| pattern.receives(name))
            .map(|(_, groups)| groups);
        let groups = self.exact.get_mut(name).into_iter().chain(globs);
        groups.flat_map(Groups::iter_mut).collect()
    }
}
