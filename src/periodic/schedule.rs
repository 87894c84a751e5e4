use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// When the ticks of one job are due, at a fixed rate, counted from the job's start.
///
/// A tick that is late by a whole interval or more is skipped, so that a machine that was asleep or busy does not
/// answer with a storm:
///
/// ```text
/// due     1   2   3   4   5   6
/// on time 1   2   -------busy-------   6
///                              5 (missed 2: the third and the fourth)
/// ```
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    next: Duration,
    ticks: u64,
    count: Option<u64>,
}

/// A tick that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueTick {
    /// Counts the ticks that came, from 1.
    pub(crate) count: u64,
    /// When it was due, counted from the start.
    pub(crate) scheduled: Duration,
    /// How many were skipped directly before it.
    pub(crate) missed: u64,
}

impl Schedule {
    pub(crate) fn new(interval: Duration, is_immediate: bool, count: Option<u64>) -> Result<Self> {
        check_interval(interval)?;
        if count == Some(0) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the count is 0; a periodic job ticks at least once, or without a count until it is stopped",
            ));
        }
        Ok(Self {
            interval,
            next: if is_immediate {
                Duration::ZERO
            } else {
                interval
            },
            ticks: 0,
            count,
        })
    }

    /// When the next tick is due, counted from the start. `None` after the last one.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.count {
            Some(count) if self.ticks >= count => None,
            _ => Some(self.next),
        }
    }

    /// Takes the tick that is due at `now`, which is not before [`Schedule::due`].
    pub(crate) fn take(&mut self, now: Duration) -> DueTick {
        let late = now.saturating_sub(self.next);
        let missed = (late.as_nanos() / self.interval.as_nanos()).min(u128::from(u32::MAX)) as u32;
        let scheduled = self.next + self.interval * missed;
        self.next = scheduled + self.interval;
        self.ticks += 1;
        DueTick {
            count: self.ticks,
            scheduled,
            missed: u64::from(missed),
        }
    }
}

pub(crate) fn check_interval(interval: Duration) -> Result<()> {
    if (SHORTEST..=LONGEST).contains(&interval) {
        return Ok(());
    }
    Err(invalid_interval(&format!("{interval:?}")))
}

/// Reads an interval as JavaScript gives it.
pub(crate) fn interval_from_millis(millis: f64) -> Result<Duration> {
    let interval = Duration::try_from_secs_f64(millis / 1000.0)
        .map_err(|_| invalid_interval(&format!("{millis} ms")))?;
    check_interval(interval).map_err(|_| invalid_interval(&format!("{millis} ms")))?;
    Ok(interval)
}

pub(crate) fn invalid_interval(value: &str) -> Error {
    Error::new(
        ErrorCode::InvalidInterval,
        format!("the interval is {value}; it must be at least 1 ms and at most a year"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn check(mut schedule: Schedule, nows: &[u64], expected: &[(u64, u64, u64)]) {
        let taken: Vec<_> = nows
            .iter()
            .map(|now| {
                let tick = schedule.take(ms(*now));
                (tick.count, tick.scheduled.as_millis() as u64, tick.missed)
            })
            .collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn ticks_at_a_fixed_rate_however_late_each_is_taken() {
        let schedule = Schedule::new(ms(100), false, None).unwrap();
        check(
            schedule,
            &[100, 250, 399],
            &[(1, 100, 0), (2, 200, 0), (3, 300, 0)],
        );
    }

    #[test]
    fn an_immediate_job_ticks_at_once() {
        let schedule = Schedule::new(ms(100), true, None).unwrap();
        assert_eq!(schedule.due(), Some(Duration::ZERO));
        check(schedule, &[0, 100], &[(1, 0, 0), (2, 100, 0)]);
    }

    #[test]
    fn what_is_late_by_whole_intervals_is_skipped_and_counted() {
        let schedule = Schedule::new(ms(100), false, None).unwrap();
        check(
            schedule,
            &[100, 560, 600],
            &[(1, 100, 0), (2, 500, 3), (3, 600, 0)],
        );
    }

    #[test]
    fn ends_after_its_count() {
        let mut schedule = Schedule::new(ms(100), true, Some(2)).unwrap();
        schedule.take(ms(0));
        assert_eq!(schedule.due(), Some(ms(100)));
        schedule.take(ms(100));
        assert_eq!(schedule.due(), None);
    }

    #[test]
    fn refuses_intervals_that_are_none() {
        for wrong in [
            0.0,
            -5.0,
            f64::NAN,
            f64::INFINITY,
            0.5,
            1e300,
            365.0 * 86_400_000.0 + 1.0,
        ] {
            let error = interval_from_millis(wrong).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidInterval, "{wrong}");
            assert!(error.message().contains(&wrong.to_string()), "{error}");
        }
        assert_eq!(
            interval_from_millis(16.5).unwrap(),
            Duration::from_micros(16_500)
        );
        assert!(Schedule::new(Duration::ZERO, false, None).is_err());
        assert!(Schedule::new(ms(1), false, Some(0)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn taken_and_missed_ticks_account_for_all_that_were_due(steps in proptest::collection::vec(0_u64..500, 1..50)) {
            let mut schedule = Schedule::new(ms(10), false, None).unwrap();
            let mut now = ms(0);
            let mut accounted = 0;
            for step in steps {
                now += ms(step);
                if schedule.due().is_some_and(|due| due <= now) {
                    let tick = schedule.take(now);
                    accounted += 1 + tick.missed;
                    proptest::prop_assert_eq!(tick.scheduled, ms(10) * accounted as u32);
                    proptest::prop_assert!(now - tick.scheduled < ms(10));
                }
            }
        }
    }
}
