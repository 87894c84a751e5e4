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
        let behind = intervals_in(interval, now.saturating_sub(self.next + self.offset));
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
        self.go_on_from(last);
        self.ticks += 1;
        DueTick {
            count: self.ticks,
            scheduled,
            missed,
        }
    }

    /// Takes back the tick that was taken last: it is not emitted.
    pub(crate) fn give_back(&mut self) {
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
            self.go_on_from(self.next + times(self.timing.interval, passed));
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
            self.go_on_from(last + times(interval, passed));
            skipped = intervals_in(old, now.saturating_sub(last));
        }
        Ok(skipped)
    }

    fn go_on_from(&mut self, last: Duration) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::interval::{duration_from_millis, interval_from_millis};

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn timing(missed_ticks: MissedTickBehavior) -> Timing {
        Timing {
            missed_ticks,
            ..Timing::every(ms(100))
        }
    }

    fn schedule(timing: Timing) -> Schedule {
        Schedule::new(timing, ms(0), 7).unwrap()
    }

    /// Takes all due ticks at the times at which the task is free.
    fn check(mut schedule: Schedule, free: &[u64], expected: &[(u64, u64, u64)]) {
        let mut taken = Vec::new();
        for now in free.iter().map(|now| ms(*now)) {
            while schedule.due().is_some_and(|due| due <= now) {
                let tick = schedule.take(now);
                taken.push((
                    now.as_millis() as u64,
                    tick.scheduled.as_millis() as u64,
                    tick.missed,
                ));
            }
        }
        assert_eq!(taken, expected);
    }

    // The timeline of the docs of `MissedTickBehavior`: busy from the second tick until shortly after the fifth is due.
    const BUSY: &[u64] = &[100, 200, 510, 600, 610, 700, 710, 810];

    #[test]
    fn skip_keeps_to_its_timeline() {
        check(
            schedule(timing(MissedTickBehavior::Skip)),
            BUSY,
            &[
                (100, 100, 0),
                (200, 200, 0),
                (510, 500, 2),
                (600, 600, 0),
                (700, 700, 0),
                (810, 800, 0),
            ],
        );
    }

    #[test]
    fn burst_keeps_to_its_timeline() {
        check(
            schedule(timing(MissedTickBehavior::Burst)),
            BUSY,
            &[
                (100, 100, 0),
                (200, 200, 0),
                (510, 300, 0),
                (510, 400, 0),
                (510, 500, 0),
                (600, 600, 0),
                (700, 700, 0),
                (810, 800, 0),
            ],
        );
    }

    #[test]
    fn delay_keeps_to_its_timeline() {
        check(
            schedule(timing(MissedTickBehavior::Delay)),
            BUSY,
            &[
                (100, 100, 0),
                (200, 200, 0),
                (510, 300, 2),
                (610, 610, 0),
                (710, 710, 0),
                (810, 810, 0),
            ],
        );
    }

    #[test]
    fn a_long_sleep_ends_in_one_tick_or_a_bounded_burst() {
        let night = ms(8 * 3_600_000);
        let mut skipping = schedule(timing(MissedTickBehavior::Skip));
        let tick = skipping.take(night);
        assert_eq!((tick.count, tick.missed), (1, 287_999));
        assert_eq!(skipping.due(), Some(night + ms(100)));
        let mut bursting = schedule(timing(MissedTickBehavior::Burst));
        let mut ticks = Vec::new();
        while bursting.due().is_some_and(|due| due <= night) {
            ticks.push(bursting.take(night));
        }
        assert_eq!(ticks.len() as u64, MAX_BURST + 1);
        let accounted: u64 = ticks.iter().map(|tick| 1 + tick.missed).sum();
        assert_eq!(accounted, 288_000);
    }

    #[test]
    fn ten_thousand_ticks_drift_by_nothing() {
        let interval = Duration::from_nanos(16_666_667);
        let mut schedule = Schedule::new(Timing::every(interval), ms(5), 0).unwrap();
        for n in 1..=10_000_u32 {
            let due = schedule.due().unwrap();
            // Each tick is taken later than the one before.
            let tick = schedule.take(due + Duration::from_nanos(u64::from(n) * 1_600));
            assert_eq!(tick.scheduled, ms(5) + interval * n);
        }
    }

    #[test]
    fn an_immediate_job_ticks_at_its_start() {
        let immediate = Timing {
            is_immediate: true,
            ..Timing::every(ms(100))
        };
        assert_eq!(schedule(immediate).due(), Some(ms(0)));
        check(schedule(immediate), &[0, 100], &[(0, 0, 0), (100, 100, 0)]);
        let delayed = Timing {
            start_delay: ms(30),
            ..immediate
        };
        assert_eq!(schedule(delayed).due(), Some(ms(30)));
        let delayed = Timing {
            start_delay: ms(30),
            ..Timing::every(ms(100))
        };
        assert_eq!(schedule(delayed).due(), Some(ms(130)));
    }

    #[test]
    fn ends_after_its_count() {
        let mut schedule = schedule(Timing {
            count: Some(2),
            ..Timing::every(ms(100))
        });
        schedule.take(ms(100));
        assert_eq!(schedule.due(), Some(ms(200)));
        schedule.take(ms(200));
        assert_eq!(schedule.due(), None);
        assert!(schedule.is_finished());
    }

    #[test]
    fn ticks_of_a_pause_are_not_made_up_for() {
        for policy in [
            MissedTickBehavior::Skip,
            MissedTickBehavior::Burst,
            MissedTickBehavior::Delay,
        ] {
            let mut schedule = schedule(timing(policy));
            schedule.take(ms(100));
            schedule.pause(ms(140));
            schedule.pause(ms(900));
            assert_eq!(schedule.due(), None);
            schedule.resume(ms(1000));
            schedule.resume(ms(1040));
            assert_eq!(schedule.due(), Some(ms(1060)));
            let tick = schedule.take(ms(1060));
            assert_eq!((tick.count, tick.missed), (2, 0), "{policy:?}");
            assert_eq!(schedule.due(), Some(ms(1160)));
        }
    }

    #[test]
    fn a_new_interval_counts_from_the_tick_before() {
        let started = || {
            let mut schedule = schedule(timing(MissedTickBehavior::Skip));
            schedule.take(ms(100));
            schedule
        };
        for (interval, now, due) in [
            (300, 150, 400),
            (60, 150, 160),
            // That time has passed, so it comes at a multiple.
            (20, 150, 160),
            (100, 150, 200),
        ] {
            let mut schedule = started();
            schedule.set_interval(ms(interval), ms(now)).unwrap();
            assert_eq!(schedule.due(), Some(ms(due)), "{interval}");
        }
        // Overdue ticks are skipped and counted; without a change they still come.
        let mut late = started();
        assert_eq!(late.set_interval(ms(100), ms(650)), Ok(0));
        assert_eq!(late.due(), Some(ms(200)));
        assert_eq!(late.set_interval(ms(50), ms(650)), Ok(5));
        let mut paused = started();
        paused.pause(ms(150));
        paused.set_interval(ms(300), ms(500)).unwrap();
        paused.resume(ms(1000));
        assert_eq!(paused.due(), Some(ms(1250)));
        let mut immediate = schedule(Timing {
            is_immediate: true,
            start_delay: ms(50),
            ..Timing::every(ms(100))
        });
        immediate.set_interval(ms(10), ms(0)).unwrap();
        assert_eq!(immediate.due(), Some(ms(50)));
        assert!(immediate.set_interval(ms(0), ms(0)).is_err());
        assert_eq!(immediate.timing().interval, ms(10));
    }

    #[test]
    fn skipped_idle_ticks_keep_the_phase() {
        let mut steady = schedule(timing(MissedTickBehavior::Burst));
        steady.skip_idle(ms(1234));
        assert_eq!(steady.due(), Some(ms(1300)));
        assert_eq!(steady.take(ms(1300)).missed, 0);
        let mut immediate = schedule(Timing {
            is_immediate: true,
            ..Timing::every(ms(100))
        });
        immediate.skip_idle(ms(1234));
        assert_eq!(immediate.due(), Some(ms(1234)));
    }

    #[test]
    fn jitter_delays_each_tick_but_not_the_following() {
        let timing = Timing {
            jitter: ms(50),
            ..Timing::every(ms(100))
        };
        let mut one = Schedule::new(timing, ms(0), 1).unwrap();
        let mut offsets = Vec::new();
        for n in 1..=200_u32 {
            let due = one.due().unwrap();
            let tick = one.take(due);
            assert_eq!((tick.scheduled, tick.missed), (ms(100) * n, 0));
            offsets.push(due - tick.scheduled);
        }
        assert!(offsets.iter().all(|offset| *offset < ms(50)));
        assert!(offsets.iter().any(|offset| *offset > ms(40)));
        assert!(offsets.iter().any(|offset| *offset < ms(10)));
        let other = Schedule::new(timing, ms(0), 2).unwrap();
        assert_ne!(other.due(), Schedule::new(timing, ms(0), 1).unwrap().due());
        let long = Timing {
            jitter: ms(100),
            ..Timing::every(ms(100))
        };
        let error = Schedule::new(long, ms(0), 0).unwrap_err();
        assert!(error.message().contains("shorter than the interval"));
    }

    #[test]
    fn an_invalid_interval_is_refused() {
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
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = duration_from_millis("startDelayMs", wrong).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
        }
        assert_eq!(duration_from_millis("x", 0.0), Ok(ms(0)));
        let timing = |interval, count| Timing {
            count,
            ..Timing::every(interval)
        };
        assert!(Schedule::new(timing(Duration::ZERO, None), ms(0), 0).is_err());
        assert!(Schedule::new(timing(ms(1), Some(0)), ms(0), 0).is_err());
    }

    proptest::proptest! {
        #[test]
        fn taken_and_missed_ticks_account_for_all_due(steps in proptest::collection::vec(0_u64..500, 1..50), bursts: bool) {
            let missed_ticks = if bursts { MissedTickBehavior::Burst } else { MissedTickBehavior::Skip };
            let mut schedule = Schedule::new(Timing { missed_ticks, ..Timing::every(ms(10)) }, ms(0), 0).unwrap();
            let mut now = ms(0);
            let mut accounted = 0;
            for step in steps {
                now += ms(step);
                while schedule.due().is_some_and(|due| due <= now) {
                    let tick = schedule.take(now);
                    accounted += 1 + tick.missed;
                    proptest::prop_assert_eq!(tick.scheduled, ms(10) * accounted as u32);
                    proptest::prop_assert!(bursts || now - tick.scheduled < ms(10));
                }
                proptest::prop_assert_eq!(accounted, now.as_millis() as u64 / 10);
            }
        }

        #[test]
        fn the_next_tick_is_always_within_an_interval(acts in proptest::collection::vec((0_u8..5, 0_u64..300, 1_u64..200), 1..60)) {
            let mut schedule = schedule(timing(MissedTickBehavior::Skip));
            let mut now = ms(0);
            for (act, step, interval) in acts {
                now += ms(step);
                match act {
                    0 => schedule.pause(now),
                    1 => schedule.resume(now),
                    2 => drop(schedule.set_interval(ms(interval), now).unwrap()),
                    3 => schedule.skip_idle(now),
                    _ => if schedule.due().is_some_and(|due| due <= now) { schedule.take(now); },
                }
                if let Some(due) = schedule.due() {
                    proptest::prop_assert!(due <= now + schedule.timing().interval);
                }
            }
        }
    }
}
