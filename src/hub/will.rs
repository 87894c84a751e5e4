use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::hub::audience::Audience;
use crate::hub::ids::SubscriberKey;
use crate::hub::publish::NewEvent;
use crate::hub::retained::target_weight;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::weight_of;

/// An event for when a page is gone.
#[derive(Debug)]
pub(crate) struct Will {
    pub(crate) event: NewEvent,
    pub(crate) audience: Audience,
    /// How long after the end of the page it is emitted. It is never shorter than the grace.
    pub(crate) after: Duration,
}

impl Will {
    fn weight(&self) -> usize {
        let NewEvent {
            name,
            payload,
            provenance,
            ..
        } = &self.event;
        weight_of(name, payload, provenance.as_deref()) + target_weight(&self.audience)
    }
}

/// How many wills a page may have, and their bytes.
const MAX_WILLS: usize = 16;
const MAX_WILL_BYTES: usize = 1 << 20;

/// The wills of one page, by the ids that it gave.
#[derive(Debug, Default)]
pub(super) struct Wills(pub(super) BTreeMap<u64, Will>);

/// Why a page may not have a will. A part of a sentence.
type Problem = String;

/// Checks that a page may have this will beside these others.
fn check_room<'a>(will: &Will, others: impl Iterator<Item = &'a Will>) -> Result<(), Problem> {
    let (mut count, mut bytes) = (1, will.weight());
    for other in others {
        count += 1;
        bytes += other.weight();
    }
    if count > MAX_WILLS {
        Err(format!(
            "this page has {MAX_WILLS} wills, and that is the limit"
        ))
    } else if bytes > MAX_WILL_BYTES {
        Err(format!(
            "the wills of this page would take {bytes} bytes, and the limit is {MAX_WILL_BYTES}"
        ))
    } else {
        Ok(())
    }
}

impl Wills {
    /// Checks that the page may have this will beside its others, and beside those `left` by its earlier sessions.
    pub(super) fn check<'a>(
        &'a self,
        id: u64,
        will: &Will,
        left: impl Iterator<Item = (&'a u64, &'a Will)>,
    ) -> Result<()> {
        let left = left.filter(|(other, _)| !self.0.contains_key(*other));
        let others = self.0.iter().chain(left);
        let others = others.filter(|(other, _)| **other != id);
        check_room(will, others.map(|(_, other)| other)).map_err(|problem| {
            let name = will.event.name.as_str();
            Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{name:?} cannot be kept as a will: {problem}; stop another one, or shorten the payload"
                ),
            )
        })
    }

    /// Adds a will of an earlier session of the page, unless the page has set it again, or has too many. Returns the one that
    /// is not needed.
    pub(super) fn take_back(&mut self, id: u64, will: Will) -> Option<Will> {
        let is_known = self.0.contains_key(&id);
        if is_known || check_room(&will, self.0.values()).is_err() {
            return Some(will);
        }
        self.0.insert(id, will);
        None
    }
}

/// The wills of a page that is gone.
#[derive(Debug, Default)]
pub(super) struct LeftWills(BTreeMap<u64, LeftWill>);

#[derive(Debug)]
struct LeftWill {
    will: Will,
    /// The session that had it.
    of: SubscriberKey,
    /// When the end of its session was noticed.
    since: Option<Instant>,
}

impl LeftWill {
    fn due(&self, grace: Duration) -> Option<Instant> {
        Some(self.since? + self.will.after.max(grace))
    }
}

impl LeftWills {
    /// A session has ended that had these. No more are kept than one page may have, and those of earlier sessions first, whose
    /// time goes on. Returns those that are not kept.
    pub(super) fn leave(&mut self, of: SubscriberKey, wills: Wills) -> Vec<Will> {
        let mut refused = Vec::new();
        for (id, will) in wills.0 {
            let others = self.0.iter().filter(|(other, _)| **other != id);
            let others = others.map(|(_, left)| &left.will);
            if check_room(&will, others).is_err() {
                refused.push(will);
                continue;
            }
            let left = LeftWill {
                will,
                of,
                since: None,
            };
            let before = self.0.insert(id, left);
            refused.extend(before.map(|before| before.will));
        }
        refused
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&u64, &Will)> {
        self.0.iter().map(|(id, left)| (id, &left.will))
    }

    /// Whether this session had the will with this id.
    pub(super) fn has_of(&self, id: u64, session: SubscriberKey) -> bool {
        self.0.get(&id).is_some_and(|left| left.of == session)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Will> {
        self.0.remove(&id).map(|left| left.will)
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (u64, Will)> + use<> {
        let left = std::mem::take(&mut self.0).into_iter();
        left.map(|(id, left)| (id, left.will))
    }

    /// The time of those whose session has just ended begins.
    pub(super) fn begin_waiting(&mut self, now: Instant) {
        for left in self.0.values_mut() {
            left.since.get_or_insert(now);
        }
    }

    /// Takes those that are due.
    pub(super) fn take_due(&mut self, grace: Duration, now: Instant, due: &mut Vec<Will>) {
        let is_due = |left: &LeftWill| left.due(grace).is_some_and(|due| now >= due);
        let ids = self.0.iter().filter(|(_, left)| is_due(left));
        let ids: Vec<u64> = ids.map(|(id, _)| *id).collect();
        due.extend(ids.into_iter().filter_map(|id| self.remove(id)));
    }

    /// When the next one is due.
    pub(super) fn next_due(&self, grace: Duration) -> Option<Instant> {
        self.0.values().filter_map(|left| left.due(grace)).min()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
