use std::num::NonZeroU64;
use std::time::Duration;

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::interval::MAX_DURATION;
use crate::model::policy::Until;

/// How often an event is delivered at most that is kept until it is consumed.
pub(crate) const MAX_DELIVERIES: u32 = 5;

/// Numbers those that wait for what becomes of their event, from 1.
pub(crate) type ReceiptTicket = NonZeroU64;

/// What an emit says of how long its event is kept. `None` leaves it to the policy of its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) until: Option<Until>,
    pub(crate) max_deliveries: Option<u32>,
    /// How long it counts.
    pub(crate) expires: Option<Duration>,
    /// Who waits for what becomes of it.
    pub(crate) receipt: Option<ReceiptTicket>,
}

impl Lifetime {
    pub(crate) fn check(self) -> Result<Self> {
        check_deliveries(self.max_deliveries)?;
        check_expiry(self.expires)?;
        Ok(self)
    }
}

pub(crate) fn check_deliveries(deliveries: Option<u32>) -> Result<()> {
    if deliveries != Some(0) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        "maxDeliveries is 0; an event is delivered at least once, so expected 1 or more",
    ))
}

const MIN_EXPIRY: Duration = Duration::from_millis(1);

pub(crate) fn check_expiry(expires: Option<Duration>) -> Result<()> {
    match expires {
        Some(expires) if !(MIN_EXPIRY..=MAX_DURATION).contains(&expires) => {
            Err(invalid_expiry(&format!("{expires:?}")))
        }
        _ => Ok(()),
    }
}

/// Reads a number of milliseconds.
pub(crate) fn expiry_from_millis(millis: f64) -> Result<Duration> {
    let read = Duration::try_from_secs_f64(millis / 1000.0).ok();
    read.filter(|expires| check_expiry(Some(*expires)).is_ok())
        .ok_or_else(|| invalid_expiry(&format!("{millis} ms")))
}

fn invalid_expiry(value: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "expiresMs is {value}; an event counts for at least 1 ms and at most a year, and without it for as long as it is kept"
        ),
    )
}

/// Refuses what would be kept in two ways.
pub(crate) fn retained_and_consumed(name: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "{name:?} is both retained and kept until it is consumed; a retained event is for every later listener, so choose `retain` or `until: \"consumed\"`"
        ),
    )
}
