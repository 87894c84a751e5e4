//! Lengths of time that apps and pages give.

use std::time::{Duration, SystemTime};

use crate::model::error::{Error, ErrorCode, Result};

const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The longest interval, start delay or jitter: a year.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(crate) fn check_interval(interval: Duration) -> Result<()> {
    if (MIN_INTERVAL..=MAX_DURATION).contains(&interval) {
        return Ok(());
    }
    Err(invalid_interval(&format!("{interval:?}")))
}

/// Checks how much later an event is to be emitted.
pub(crate) fn check_delay(delay: Duration) -> Result<Duration> {
    if (MIN_INTERVAL..=MAX_DURATION).contains(&delay) {
        return Ok(delay);
    }
    Err(invalid_delay("the delay", &format!("{delay:?}")))
}

/// Reads a delay as JavaScript gives it.
pub(crate) fn delay_from_millis(millis: f64) -> Result<Duration> {
    let invalid = || invalid_delay("afterMs", &format!("{millis} ms"));
    let delay = Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| invalid())?;
    check_delay(delay).map_err(|_| invalid())
}

fn invalid_delay(what: &str, value: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("{what} is {value}; it must be at least 1 ms and at most a year"),
    )
}

/// Reads an interval as JavaScript gives it.
pub(crate) fn interval_from_millis(millis: f64) -> Result<Duration> {
    let interval = Duration::try_from_secs_f64(millis / 1000.0)
        .map_err(|_| invalid_interval(&format!("{millis} ms")))?;
    check_interval(interval).map_err(|_| invalid_interval(&format!("{millis} ms")))?;
    Ok(interval)
}

/// Reads a time of day as JavaScript gives it, in milliseconds since the Unix epoch.
pub(crate) fn time_from_millis(millis: f64) -> Result<SystemTime> {
    let since = Duration::try_from_secs_f64(millis / 1000.0).ok();
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("at is {millis}; it must be in milliseconds since 1970, and at least 0"),
        )
    })
}

/// Reads another length of time, which may be zero.
pub(crate) fn duration_from_millis(what: &str, millis: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(millis / 1000.0) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("{what} is {millis} ms; it must be at least 0 and at most a year"),
        )),
    }
}

pub(crate) fn invalid_interval(value: &str) -> Error {
    Error::new(
        ErrorCode::InvalidInterval,
        format!("the interval is {value}; it must be at least 1 ms and at most a year"),
    )
}
