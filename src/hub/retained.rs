use std::collections::HashMap;
use std::time::Duration;

use crate::hub::audience::Audience;
use crate::hub::expiring::Expiring;
use crate::hub::kept_quota::KeptQuota;
use crate::limits::Limits;
use crate::model::delivery::Addressing;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::BusEvent;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::weight_of_target;
use crate::model::target::Target;
use crate::sync::BusClock;

/// The newest retained event of each name, for later subscribers. A name has one for everyone and one for each target
/// that it was sent to.
///
/// Each emitter has its own, so that a page erases nothing of the host or of another page. A subscriber gets the newest
/// that is for it.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    events: HashMap<Key, Vec<RetainedEvent>>,
    quota: KeptQuota,
    /// The events that expire, by sequence number.
    expiring: Expiring<Key>,
}

type Key = (EventName, Option<Target>);

#[derive(Debug)]
pub(crate) struct RetainedEvent {
    pub(crate) event: BusEvent,
    pub(crate) audience: Audience,
}

impl RetainedEvent {
    fn weight(&self) -> usize {
        self.event.weight() + target_weight(&self.audience)
    }
}

impl Retained {
    /// Checks that there is room for an event of this weight, which may take the place of an older one.
    pub(crate) fn check(
        &self,
        name: &EventName,
        source: &Endpoint,
        audience: &Audience,
        weight: usize,
        limits: &Limits,
    ) -> Result<()> {
        let refuse = |what: String| {
            let name = name.as_str();
            Err(Error::new(
                ErrorCode::QueueFull,
                format!("{name:?} cannot be retained: {what}; clear some, or raise the limit"),
            ))
        };
        let target = audience.target().cloned();
        let old = self.events.get(&(name.clone(), target));
        let old = old.and_then(|events| events.iter().find(|old| old.event.source() == source));
        let weight = weight + target_weight(audience);
        self.quota
            .check(
                "retained",
                source,
                weight,
                old.map(RetainedEvent::weight),
                limits,
            )
            .or_else(refuse)
    }

    pub(crate) fn insert(
        &mut self,
        name: EventName,
        target: Option<Target>,
        retained: RetainedEvent,
    ) {
        self.quota.add(retained.event.source(), retained.weight());
        let key = (name, target);
        if let Some(deadline) = retained.event.expires_at() {
            let seq = retained.event.seq();
            self.expiring.insert(deadline, seq, key.clone());
        }
        let events = self.events.entry(key).or_default();
        let source = retained.event.source();
        let old = events.iter().position(|old| old.event.source() == source);
        let old = old.map(|position| events.remove(position));
        // The newest is the last.
        events.push(retained);
        if let Some(old) = old {
            self.account_for_removed(&old);
        }
    }

    fn account_for_removed(&mut self, removed: &RetainedEvent) {
        self.quota.remove(removed.event.source(), removed.weight());
        if let Some(deadline) = removed.event.expires_at() {
            self.expiring.remove(deadline, removed.event.seq());
        }
    }

    /// Removes what has expired. `clock` is read only where something may expire.
    pub(crate) fn drop_expired(&mut self, clock: BusClock) {
        if self.expiring.is_empty() {
            return;
        }
        let steady = clock.steady();
        while let Some((seq, key)) = self.expiring.take_expired(steady) {
            let Some(events) = self.events.get_mut(&key) else {
                continue;
            };
            let position = events.iter().position(|own| own.event.seq() == seq);
            let expired = position.map(|position| events.remove(position));
            if events.is_empty() {
                self.events.remove(&key);
            }
            if let Some(expired) = expired {
                self.account_for_removed(&expired);
            }
        }
    }

    /// When the next event expires.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.expiring.next()
    }

    /// Forgets the events whose name matches. Returns how many there were.
    pub(crate) fn clear(&mut self, pattern: &EventPattern) -> usize {
        let gone: Vec<RetainedEvent> = self
            .events
            .extract_if(|(name, _), _| pattern.receives(name))
            .flat_map(|(_, retained)| retained)
            .collect();
        for retained in &gone {
            self.account_for_removed(retained);
        }
        gone.len()
    }

    /// The names of the events for everyone whose name matches.
    pub(crate) fn names_for_everyone(&self, pattern: &EventPattern) -> Vec<EventName> {
        let matching =
            |(name, to): &&(EventName, Option<Target>)| to.is_none() && pattern.receives(name);
        let keys = self.events.keys().filter(matching);
        keys.map(|(name, _)| name.clone()).collect()
    }

    /// Forgets the events for everyone with these names. Returns how many there were.
    pub(crate) fn clear_for_everyone(&mut self, names: Vec<EventName>) -> usize {
        let mut cleared = 0;
        for name in names {
            let gone = self.events.remove(&(name, None)).unwrap_or_default();
            for retained in &gone {
                self.account_for_removed(retained);
            }
            cleared += gone.len();
        }
        cleared
    }

    /// The newest `most` of all events, newest first.
    #[cfg(feature = "inspector")]
    pub(super) fn newest(&self, most: usize) -> Vec<&RetainedEvent> {
        let mut all: Vec<&RetainedEvent> = self.events.values().flatten().collect();
        all.sort_unstable_by_key(|retained| std::cmp::Reverse(retained.event.seq()));
        all.truncate(most);
        all
    }

    /// How many events are retained, and their bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        self.quota.usage()
    }

    /// The newest event of each name and target that is for a subscriber, as `addressing_of` says. Those of several
    /// emitters count as one.
    pub(crate) fn newest_of<'a>(
        &'a self,
        pattern: &EventPattern,
        addressing_of: impl Fn(&Audience) -> Option<Addressing>,
    ) -> impl Iterator<Item = (&'a BusEvent, Addressing)> {
        let matching = self.events.iter();
        let matching = matching.filter(|((name, _), _)| pattern.receives(name));
        matching.filter_map(move |(_, events)| {
            events.iter().rev().find_map(|retained| {
                let addressing = addressing_of(&retained.audience)?;
                Some((&retained.event, addressing))
            })
        })
    }
}

pub(super) fn target_weight(audience: &Audience) -> usize {
    let addresses = audience.to.iter().chain(&audience.except);
    addresses.map(|to| weight_of_target(&to.target)).sum()
}
