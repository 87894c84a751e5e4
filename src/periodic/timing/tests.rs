//! Tests of schedules.

use std::time::Duration;

use crate::model::error::ErrorCode;
use crate::model::interval::{duration_from_millis, interval_from_millis};
use crate::model::job::MissedTickBehavior;
use crate::periodic::timing::schedule::{MAX_BURST, Schedule, Timing};

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
fn the_only_tick_misses_nothing() {
    for policy in [
        MissedTickBehavior::Skip,
        MissedTickBehavior::Burst,
        MissedTickBehavior::Delay,
    ] {
        let mut once = schedule(Timing {
            count: Some(1),
            ..timing(policy)
        });
        let tick = once.take(ms(950));
        assert_eq!((tick.scheduled, tick.missed), (ms(100), 0), "{policy:?}");
        assert!(once.is_finished());
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

#[test]
fn the_last_tick_that_is_given_back_is_due_at_once() {
    let mut once = schedule(Timing {
        count: Some(1),
        ..Timing::every(ms(180_000))
    });
    once.take(ms(180_000));
    once.pause(ms(180_005));
    once.give_back();
    assert_eq!((once.ticks(), once.due()), (0, None));
    once.resume(ms(181_000));
    assert_eq!(once.due(), Some(ms(181_000)));
}
