use std::time::Duration;

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::interval::{MAX_DURATION, check_interval};
use crate::model::job::MissedTickBehavior;

/// How many missed ticks `burst` makes up for. Earlier ones count as missed, so that a long sleep of the machine does not
/// end in a storm of ticks.
pub(crate) const MAX_BURST: u64 = 1_000;

/// When the ticks of a job are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    pub(crate) interval: Duration,
    pub(crate) start_delay: Duration,
    pub(crate) is_immediate: bool,
    pub(crate) count: Option<u64>,
    pub(crate) missed_ticks: MissedTickBehavior,
    /// The longest random delay of each tick.
    pub(crate) jitter: Duration,
}

impl Timing {
    pub(crate) fn every(interval: Duration) -> Self {
        Self {
            interval,
            start_delay: Duration::ZERO,
            is_immediate: false,
            count: None,
            missed_ticks: MissedTickBehavior::default(),
            jitter: Duration::ZERO,
        }
    }

    fn check(&self) -> Result<()> {
        check_interval(self.interval)?;
        if self.count == Some(0) {
            return Err(invalid(
                "the count is 0; it must be at least 1, or be left out for no limit",
            ));
        }
        if self.start_delay > MAX_DURATION {
            return Err(invalid(format!(
                "the start delay is {:?}; it must be at most a year",
                self.start_delay
            )));
        }
        check_jitter(self.jitter, self.interval)
    }
}

/// The due times of one job, at a fixed rate, on a clock that only goes forward.
///
/// Callers pass the time, so that tests need not wait.
#[derive(Debug)]
pub(crate) struct Schedule {
    timing: Timing,
    /// The beginning of the interval before the next tick. `None` before an immediate first tick.
    last: Option<Duration>,
    next: Duration,
    /// The random delay of the next tick.
    offset: Duration,
    random: u64,
    ticks: u64,
    /// The time that was left until the next tick when the job was paused.
    paused: Option<Duration>,
}

/// A due tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueTick {
    /// Numbers the emitted ticks, from 1.
    pub(crate) count: u64,
    /// When it was due, without jitter.
    pub(crate) scheduled: Duration,
    /// How many ticks were skipped directly before it, or after it if it delays the rest.
    pub(crate) missed: u64,
}

impl Schedule {
    /// A schedule that begins now. The seed determines the jitter.
    pub(crate) fn new(timing: Timing, now: Duration, seed: u64) -> Result<Self> {
        timing.check()?;
        let begin = now + timing.start_delay;
        let mut schedule = Self {
            timing,
            last: (!timing.is_immediate).then_some(begin),
            next: if timing.is_immediate {
                begin
            } else {
                begin + timing.interval
            },
            offset: Duration::ZERO,
            random: seed,
            ticks: 0,
            paused: None,
        };
        schedule.roll();
        Ok(schedule)
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    pub(crate) fn ticks(&self) -> u64 {
        self.ticks
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether its count is reached.
    pub(crate) fn is_finished(&self) -> bool {
        self.timing.count.is_some_and(|count| self.ticks >= count)
    }

    /// When the next tick is due; `None` after the last one and during a pause.
    pub(crate) fn due(&self) -> Option<Duration> {
        (!self.is_finished() && !self.is_paused()).then_some(self.next + self.offset)
    }

    /// Takes the tick that is due at `now`, which must not be before [`Schedule::due`].
    pub(crate) fn take(&mut self, now: Duration) -> DueTick {
        let interval = self.timing.interval;
        // The only tick of a job comes late, and misses nothing.
        let behind = match self.timing.count {
            Some(1) => 0,
            _ => intervals_in(interval, now.saturating_sub(self.next + self.offset)),
        };
        let (scheduled, missed, last) = match self.timing.missed_ticks {
            MissedTickBehavior::Delay if behind > 0 => (self.next, behind, now),
            MissedTickBehavior::Skip | MissedTickBehavior::Delay => {
                let scheduled = self.next + times(interval, behind);
                (scheduled, behind, scheduled)
            }
            MissedTickBehavior::Burst => {
                let missed = behind.saturating_sub(MAX_BURST);
                let scheduled = self.next + times(interval, missed);
                (scheduled, missed, scheduled)
            }
        };
        self.continue_from(last);
        self.ticks += 1;
        DueTick {
            count: self.ticks,
            scheduled,
            missed,
        }
    }

    /// Takes back the tick that was taken last, in a pause: it is not emitted. If it was the last of all, it is due as soon as
    /// the pause is over.
    pub(crate) fn give_back(&mut self) {
        if self.is_finished()
            && let Some(rest) = &mut self.paused
        {
            *rest = Duration::ZERO;
        }
        self.ticks = self.ticks.saturating_sub(1);
    }

    pub(crate) fn pause(&mut self, now: Duration) {
        if self.paused.is_none() {
            self.paused = Some(self.next.saturating_sub(now));
        }
    }

    /// Resumes: the next tick comes after the rest of its interval. Ticks of the pause are not made up for.
    pub(crate) fn resume(&mut self, now: Duration) {
        if let Some(rest) = self.paused.take() {
            self.next = now + rest;
            if self.last.is_some() {
                self.last = Some(self.next.saturating_sub(self.timing.interval));
            }
        }
    }

    /// Skips the ticks that had no listener. The phase stays, but an immediate job begins anew.
    pub(crate) fn skip_idle(&mut self, now: Duration) {
        if self.timing.is_immediate {
            self.last = None;
            self.next = now;
            self.roll();
        } else if self.next < now {
            let passed = intervals_in(self.timing.interval, now - self.next);
            self.continue_from(self.next + times(self.timing.interval, passed));
        }
    }

    /// Changes the interval, and returns how many overdue ticks this skips. The next tick comes the new interval after the
    /// previous one, or a multiple of it if that has passed.
    pub(crate) fn set_interval(&mut self, interval: Duration, now: Duration) -> Result<u64> {
        check_interval(interval)?;
        check_jitter(self.timing.jitter, interval)?;
        if interval == self.timing.interval {
            return Ok(0);
        }
        let old = std::mem::replace(&mut self.timing.interval, interval);
        let mut skipped = 0;
        if let Some(rest) = &mut self.paused {
            if self.last.is_some() {
                *rest = (*rest + interval).saturating_sub(old);
            }
        } else if let Some(last) = self.last {
            let passed = intervals_in(interval, now.saturating_sub(last));
            self.continue_from(last + times(interval, passed));
            skipped = intervals_in(old, now.saturating_sub(last));
        }
        Ok(skipped)
    }

    fn continue_from(&mut self, last: Duration) {
        self.last = Some(last);
        self.next = last + self.timing.interval;
        self.roll();
    }

    /// Rolls the random delay of the next tick, with SplitMix64.
    fn roll(&mut self) {
        if self.timing.jitter.is_zero() {
            return;
        }
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let nanos = (self.timing.jitter.as_nanos() * u128::from(mixed)) >> 64;
        self.offset = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    }
}

/// How many whole intervals fit into a time.
fn intervals_in(interval: Duration, time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u64::MAX)
}

fn times(interval: Duration, count: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(u128::from(count));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

fn check_jitter(jitter: Duration, interval: Duration) -> Result<()> {
    if jitter < interval {
        return Ok(());
    }
    Err(invalid(format!(
        "the jitter is {jitter:?}; it must be shorter than the interval, which is {interval:?}"
    )))
}
