use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Limits;
use crate::hub::{Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::BusEvent;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::weight_of_target;
use crate::model::target::Target;

/// The newest event of each name that asked to be kept, for whoever subscribes later. A name has one for everyone and
/// one for each target that it was sent to.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    events: HashMap<(EventName, Option<Target>), RetainedEvent>,
    all: Share,
    /// What each webview has emitted of it.
    pages: HashMap<Arc<str>, Share>,
}

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

/// How much is retained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    events: usize,
    bytes: usize,
}

impl Share {
    fn add(&mut self, weight: usize) {
        self.events += 1;
        self.bytes += weight;
    }

    fn remove(&mut self, weight: usize) {
        self.events -= 1;
        self.bytes -= weight;
    }
}

impl Retained {
    /// Whether there is room for this event, which may take the place of an older one.
    pub(crate) fn check(
        &self,
        draft: &NewEvent,
        audience: &Audience,
        weight: usize,
        limits: &Limits,
    ) -> Result<()> {
        let target = audience.target().cloned();
        let old = self.events.get(&(draft.name.clone(), target));
        let weight = weight + target_weight(audience);
        let mut rooms = vec![(
            "",
            self.all,
            old,
            (limits.retained_events, limits.retained_bytes),
            ("retainedEvents", "retainedBytes"),
        )];
        if let Endpoint::Webview(label) = &draft.source {
            rooms.push((
                " of this page",
                self.pages.get(label).copied().unwrap_or_default(),
                old.filter(|old| *old.event.source() == draft.source),
                (
                    limits.retained_events_per_page,
                    limits.retained_bytes_per_page,
                ),
                ("retainedEventsPerPage", "retainedBytesPerPage"),
            ));
        }
        for (whose, mut share, old, (events, bytes), (events_key, bytes_key)) in rooms {
            if let Some(old) = old {
                share.remove(old.weight());
            }
            share.add(weight);
            let what = if share.events > events {
                format!("{events} events{whose} are retained, and that is the limit ({events_key})")
            } else if share.bytes > bytes {
                format!(
                    "retained events{whose} would take {} bytes, and the limit is {bytes} ({bytes_key})",
                    share.bytes
                )
            } else {
                continue;
            };
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{:?} cannot be retained: {what}; clear some, or raise the limit",
                    draft.name.as_str()
                ),
            ));
        }
        self.check_fairness(draft, old, weight, limits)
    }

    /// Checks that a page takes no more than it leaves free, but for its first event and for what takes no more than what
    /// it had. So there is some room for those who have retained less, and for the app.
    fn check_fairness(
        &self,
        draft: &NewEvent,
        old: Option<&RetainedEvent>,
        weight: usize,
        limits: &Limits,
    ) -> Result<()> {
        let Endpoint::Webview(label) = &draft.source else {
            return Ok(());
        };
        let before = self.pages.get(label).copied().unwrap_or_default();
        let (mut all, mut own) = (self.all, before);
        if let Some(old) = old {
            all.remove(old.weight());
            if *old.event.source() == draft.source {
                own.remove(old.weight());
            }
        }
        all.add(weight);
        own.add(weight);
        let events = (before.events.max(1), own.events, all.events);
        let bytes = (before.bytes, own.bytes, all.bytes);
        for (what, (granted, own, all), limit, key) in [
            ("events", events, limits.retained_events, "retainedEvents"),
            ("bytes", bytes, limits.retained_bytes, "retainedBytes"),
        ] {
            let free = limit.saturating_sub(all);
            if own > free.max(granted) {
                return Err(Error::new(
                    ErrorCode::QueueFull,
                    format!(
                        "{:?} cannot be retained: this page would take {own} {what} and leave {free} of {limit} ({key}) free, and a page takes no more than it leaves free; clear some, or raise the limit",
                        draft.name.as_str()
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn insert(
        &mut self,
        name: EventName,
        target: Option<Target>,
        retained: RetainedEvent,
    ) {
        self.account(&retained, Share::add);
        if let Some(old) = self.events.insert((name, target), retained) {
            self.account(&old, Share::remove);
        }
    }

    /// Forgets the events whose name matches, and says how many there were.
    pub(crate) fn clear(&mut self, pattern: &EventPattern) -> usize {
        let gone: Vec<RetainedEvent> = self
            .events
            .extract_if(|(name, _), _| pattern.matches(name))
            .map(|(_, retained)| retained)
            .collect();
        for retained in &gone {
            self.account(retained, Share::remove);
        }
        gone.len()
    }

    /// How many events are retained, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.all.events, self.all.bytes)
    }

    fn account(&mut self, retained: &RetainedEvent, act: fn(&mut Share, usize)) {
        let weight = retained.weight();
        act(&mut self.all, weight);
        if let Endpoint::Webview(label) = retained.event.source() {
            let share = self.pages.entry(Arc::clone(label)).or_default();
            act(share, weight);
            if *share == Share::default() {
                self.pages.remove(label);
            }
        }
    }

    pub(crate) fn matching<'a>(
        &'a self,
        pattern: &EventPattern,
    ) -> impl Iterator<Item = &'a RetainedEvent> {
        self.events
            .iter()
            .filter(|((name, _), _)| pattern.matches(name))
            .map(|(_, retained)| retained)
    }
}

fn target_weight(audience: &Audience) -> usize {
    audience
        .to
        .as_ref()
        .map_or(0, |to| weight_of_target(&to.target))
}
