use std::collections::BTreeMap;
use std::time::Duration;

use crate::hub::audience::Audience;
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

impl Wills {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn check(&self, id: u64, will: &Will) -> Result<()> {
        let others = self.0.iter().filter(|(other, _)| **other != id);
        let (mut count, mut bytes) = (1, will.weight());
        for (_, other) in others {
            count += 1;
            bytes += other.weight();
        }
        let problem = if count > MAX_WILLS {
            format!("this page has {MAX_WILLS} wills, and that is the limit")
        } else if bytes > MAX_WILL_BYTES {
            format!(
                "the wills of this page would take {bytes} bytes, and the limit is {MAX_WILL_BYTES}"
            )
        } else {
            return Ok(());
        };
        let name = will.event.name.as_str();
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "{name:?} cannot be kept as a will: {problem}; stop another one, or shorten the payload"
            ),
        ))
    }
}
