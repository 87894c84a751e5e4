use std::collections::HashMap;

use crate::error::{Error, ErrorCode, Result};
use crate::event::BusEvent;
use crate::hub::Audience;
use crate::name::EventName;
use crate::pattern::EventPattern;
use crate::target::Target;

/// The newest event of each name that asked to be kept, for whoever subscribes later. A name has one for everyone and
/// one for each target that it was sent to.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    events: HashMap<(EventName, Option<Target>), RetainedEvent>,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct RetainedEvent {
    pub(crate) event: BusEvent,
    pub(crate) audience: Audience,
}

impl Retained {
    /// Whether there is room for this event, which may take the place of an older one.
    pub(crate) fn check(
        &self,
        name: &EventName,
        target: Option<&Target>,
        weight: usize,
        names: usize,
        bytes: usize,
    ) -> Result<()> {
        let old = self.events.get(&(name.clone(), target.cloned()));
        let old_weight = old.map_or(0, |old| old.event.weight());
        let refuse = |what: String| {
            Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{:?} cannot be retained: {what}; clear some, or raise the limit",
                    name.as_str()
                ),
            ))
        };
        if old.is_none() && self.events.len() >= names {
            return refuse(format!(
                "{names} events are retained, and that is the limit"
            ));
        }
        let needed = self.bytes - old_weight + weight;
        if needed > bytes {
            return refuse(format!(
                "retained events would take {needed} bytes, and the limit is {bytes}"
            ));
        }
        Ok(())
    }

    pub(crate) fn insert(
        &mut self,
        name: EventName,
        target: Option<Target>,
        retained: RetainedEvent,
    ) {
        self.bytes += retained.event.weight();
        if let Some(old) = self.events.insert((name, target), retained) {
            self.bytes -= old.event.weight();
        }
    }

    /// Forgets the events whose name matches, and says how many there were.
    pub(crate) fn clear(&mut self, pattern: &EventPattern) -> usize {
        let before = self.events.len();
        self.events.retain(|(name, _), _| !pattern.matches(name));
        self.bytes = self.events.values().map(|old| old.event.weight()).sum();
        before - self.events.len()
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
