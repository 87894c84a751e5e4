//! What a receiver has received, in short: runs of consecutive numbers, and gaps between them. Pages keep the same.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", untagged)]
pub(crate) enum Item {
    /// Events of one name, each with the number after that of the one before.
    Run {
        name: String,
        first: u64,
        last: u64,
        retained: bool,
    },
    #[serde(rename_all = "camelCase")]
    Gap {
        count: u64,
        at_most: bool,
        reason: String,
    },
}

/// The items of each listener since the last report, and whatever else was wrong.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tallies {
    pub(crate) listeners: BTreeMap<String, Vec<Item>>,
    #[serde(default)]
    pub(crate) faults: Vec<String>,
}

/// The items of one listener.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    items: Vec<Item>,
    /// Where the latest run of each name is.
    latest: HashMap<String, usize>,
}

impl Tally {
    pub(crate) fn event(&mut self, name: &str, first: u64, last: u64, retained: bool) {
        let run = self
            .latest
            .get(name)
            .and_then(|place| self.items.get_mut(*place));
        if let Some(Item::Run {
            last: end,
            retained: false,
            ..
        }) = run
            && !retained
            && *end + 1 == first
        {
            *end = last;
            return;
        }
        self.latest.insert(name.to_owned(), self.items.len());
        let name = name.to_owned();
        self.items.push(Item::Run {
            name,
            first,
            last,
            retained,
        });
    }

    pub(crate) fn gap(&mut self, count: u64, at_most: bool, reason: String) {
        self.items.push(Item::Gap {
            count,
            at_most,
            reason,
        });
    }

    pub(crate) fn take(&mut self) -> Vec<Item> {
        self.latest.clear();
        std::mem::take(&mut self.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, first: u64, last: u64) -> Item {
        let name = name.to_owned();
        Item::Run {
            name,
            first,
            last,
            retained: false,
        }
    }

    #[test]
    fn consecutive_numbers_of_a_name_are_one_run() {
        let mut tally = Tally::default();
        for (name, number) in [("a", 0), ("b", 7), ("a", 1), ("b", 8), ("a", 3), ("a", 3)] {
            tally.event(name, number, number, false);
        }
        let expected = [
            run("a", 0, 1),
            run("b", 7, 8),
            run("a", 3, 3),
            run("a", 3, 3),
        ];
        assert_eq!(tally.take(), expected);
        tally.event("a", 4, 4, false);
        assert_eq!(tally.take(), [run("a", 4, 4)]);
    }
}
