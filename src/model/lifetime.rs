use crate::model::error::{Error, ErrorCode, Result};
use crate::model::policy::Until;

/// How often an event is delivered at most that is kept until it is consumed.
pub(crate) const MAX_DELIVERIES: u32 = 5;

/// What an emit says of how long its event is kept. `None` leaves it to the policy of its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) until: Option<Until>,
    pub(crate) max_deliveries: Option<u32>,
}

impl Lifetime {
    pub(crate) fn check(self) -> Result<Self> {
        check_deliveries(self.max_deliveries)?;
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

/// Refuses what would be kept in two ways.
pub(crate) fn retained_and_consumed(name: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "{name:?} is both retained and kept until it is consumed; a retained event is for every later listener, so choose `retain` or `until: \"consumed\"`"
        ),
    )
}
