//! How fast a page may send: token buckets, one set for each webview, so that a reload does not refill them.
//!
//! The host has no rate limit. Without the feature `flood-limits`, pages have none either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::limits::Limits;
use crate::model::error::{Error, ErrorCode, Result};

/// The flood account of a webview: what its pages may still send.
#[derive(Debug)]
pub(crate) struct Flood {
    emits: Bucket,
    emit_bytes: Bucket,
    subscribes: Bucket,
    sessions: Bucket,
    repeated_bytes: Bucket,
    /// How often a limit has refused something.
    refused: AtomicU64,
}

impl Flood {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            emits: Bucket::new(
                "events",
                ("emitsPerSecond", limits.emits_per_second),
                ("emitBurst", limits.emit_burst),
            ),
            emit_bytes: Bucket::new(
                "bytes of payload",
                ("emitBytesPerSecond", limits.emit_bytes_per_second),
                ("emitBurstBytes", limits.emit_burst_bytes),
            ),
            subscribes: Bucket::new(
                "subscriptions",
                ("subscribesPerSecond", limits.subscribes_per_second),
                ("subscribeBurst", limits.subscribe_burst),
            ),
            sessions: Bucket::new(
                "sessions",
                ("sessionsPerSecond", limits.sessions_per_second),
                ("sessionBurst", limits.session_burst),
            ),
            repeated_bytes: Bucket::new(
                "repeated bytes of events",
                ("repeatBytesPerSecond", limits.repeat_bytes_per_second),
                ("repeatBurstBytes", limits.repeat_burst_bytes),
            ),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes an event with a payload of this length, or a job that will emit it.
    pub(crate) fn take_emit(&self, payload_bytes: usize, now: Instant) -> Result<()> {
        let taken = self
            .emits
            .take(1, now)
            .and_then(|()| self.emit_bytes.take(payload_bytes, now));
        self.counted(taken)
    }

    /// Takes the payload of an event whose tick was taken before its source ran.
    pub(crate) fn take_payload(&self, bytes: usize, now: Instant) -> Result<()> {
        self.counted(self.emit_bytes.take(bytes, now))
    }

    /// Takes a subscription, or a responder.
    pub(crate) fn take_subscribe(&self, now: Instant) -> Result<()> {
        self.counted(self.subscribes.take(1, now))
    }

    /// Takes a session that a page opens.
    pub(crate) fn take_session(&self, now: Instant) -> Result<()> {
        self.counted(self.sessions.take(1, now))
    }

    /// Takes bytes that a page gets once more.
    pub(crate) fn take_repeated(&self, bytes: usize, now: Instant) -> Result<()> {
        self.counted(self.repeated_bytes.take(bytes, now))
    }

    /// Counts a refusal.
    fn counted(&self, taken: Result<()>) -> Result<()> {
        if taken.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// How often a limit has refused something.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A token bucket that starts full.
#[derive(Debug)]
struct Bucket {
    what: &'static str,
    rate: (&'static str, usize),
    burst: (&'static str, usize),
    #[cfg(feature = "flood-limits")]
    clock: std::sync::Arc<manual_clock::Clock>,
    #[cfg(feature = "flood-limits")]
    limiter: ratelimit::Ratelimiter<manual_clock::Handle>,
}

impl Bucket {
    #[cfg(feature = "flood-limits")]
    fn new(what: &'static str, rate: (&'static str, usize), burst: (&'static str, usize)) -> Self {
        let clock = std::sync::Arc::<manual_clock::Clock>::default();
        let handle = manual_clock::Handle(std::sync::Arc::clone(&clock));
        let full = burst.1 as u64;
        let limiter = ratelimit::Builder::with_clock(rate.1 as u64, handle.clone())
            .max_tokens(full)
            .initial_available(full)
            .build()
            // `Limits::check` refuses what cannot be built. A rate of 0 is no limit.
            .unwrap_or_else(|_| ratelimit::Ratelimiter::with_clock(0, handle));
        Self {
            what,
            rate,
            burst,
            clock,
            limiter,
        }
    }

    #[cfg(not(feature = "flood-limits"))]
    fn new(what: &'static str, rate: (&'static str, usize), burst: (&'static str, usize)) -> Self {
        Self { what, rate, burst }
    }

    #[cfg(feature = "flood-limits")]
    fn take(&self, count: usize, now: Instant) -> Result<()> {
        use ratelimit::TryWaitError;

        self.clock.set(now);
        // What exceeds the bucket empties it. The limit of payloads refuses longer ones.
        let count = count.min(self.burst.1);
        self.limiter
            .try_wait_n(count as u64)
            .map_err(|error| match error {
                TryWaitError::Insufficient(wait) => self.refusal(wait),
                _ => self.refusal(Duration::from_secs(1)),
            })
    }

    #[cfg(not(feature = "flood-limits"))]
    fn take(&self, _count: usize, _now: Instant) -> Result<()> {
        Ok(())
    }

    #[cfg_attr(not(feature = "flood-limits"), allow(dead_code))]
    fn refusal(&self, wait: Duration) -> Error {
        // Rounded up, so that a page that waits this long is not too early.
        let wait = Duration::from_millis(wait.as_nanos().div_ceil(1_000_000).max(1) as u64);
        let Self {
            what,
            rate: (rate_key, rate),
            burst: (burst_key, burst),
            ..
        } = self;
        Error::new(
            ErrorCode::RateLimited,
            format!(
                "this page is too fast: the limit is {rate} {what} per second ({rate_key}) after {burst} at once ({burst_key}); try again in {} ms",
                wait.as_millis()
            ),
        )
        .with_retry_after(wait)
    }
}

/// A clock that the caller sets, so that time is an argument, as everywhere in the hub.
#[cfg(feature = "flood-limits")]
mod manual_clock {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::time::{Duration, Instant};

    #[derive(Debug, Default)]
    pub(super) struct Clock {
        start: OnceLock<Instant>,
        nanos: AtomicU64,
    }

    impl Clock {
        pub(super) fn set(&self, now: Instant) {
            let start = *self.start.get_or_init(|| now);
            let nanos = now.saturating_duration_since(start).as_nanos();
            self.nanos
                .fetch_max(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    #[derive(Debug, Clone)]
    pub(super) struct Handle(pub(super) Arc<Clock>);

    impl ratelimit::Clock for Handle {
        fn elapsed(&self) -> Duration {
            Duration::from_nanos(self.0.nanos.load(Ordering::Relaxed))
        }
    }
}

#[cfg(test)]
#[cfg(feature = "flood-limits")]
mod tests {
    use super::*;

    fn flood() -> Flood {
        Flood::new(&Limits {
            emits_per_second: 10,
            emit_burst: 20,
            emit_bytes_per_second: 1000,
            emit_burst_bytes: 5000,
            subscribes_per_second: 1,
            subscribe_burst: 3,
            ..Limits::default()
        })
    }

    fn wait_of(refused: Result<()>) -> u64 {
        let error = refused.unwrap_err();
        assert_eq!(error.code(), ErrorCode::RateLimited);
        let wait = error.retry_after().unwrap().as_millis() as u64;
        assert!(
            error.message().contains(&format!("in {wait} ms")),
            "{error}"
        );
        wait
    }

    #[test]
    fn a_burst_passes_and_one_more_waits_for_its_token() {
        let (flood, start) = (flood(), Instant::now());
        for _ in 0..20 {
            flood.take_emit(2, start).unwrap();
        }
        assert_eq!(wait_of(flood.take_emit(2, start)), 100);
        let almost = start + Duration::from_millis(99);
        assert_eq!(wait_of(flood.take_emit(2, almost)), 1);
        flood
            .take_emit(2, start + Duration::from_millis(100))
            .unwrap();
        assert_eq!(
            wait_of(flood.take_emit(2, start + Duration::from_millis(100))),
            100
        );
    }

    #[test]
    fn bytes_count_too() {
        let (flood, start) = (flood(), Instant::now());
        flood.take_emit(4999, start).unwrap();
        flood.take_emit(1, start).unwrap();
        assert_eq!(wait_of(flood.take_emit(1, start)), 1);
        assert_eq!(wait_of(flood.take_emit(500, start)), 500);
        flood
            .take_emit(500, start + Duration::from_millis(500))
            .unwrap();
        // Without a payload, only the number of events counts.
        flood.take_emit(0, start).unwrap();
    }

    #[test]
    fn refusals_of_every_bucket_are_counted() {
        let flood = Flood::new(&Limits {
            emits_per_second: 1,
            emit_burst: 1,
            emit_bytes_per_second: 1,
            emit_burst_bytes: 100,
            subscribes_per_second: 1,
            subscribe_burst: 1,
            sessions_per_second: 1,
            session_burst: 1,
            repeat_bytes_per_second: 1,
            repeat_burst_bytes: 1,
            ..Limits::default()
        });
        let start = Instant::now();
        let take_all = || {
            [
                flood.take_emit(0, start),
                flood.take_payload(100, start),
                flood.take_subscribe(start),
                flood.take_session(start),
                flood.take_repeated(1, start),
            ]
        };
        assert!(take_all().iter().all(Result::is_ok));
        assert_eq!(flood.refused(), 0);
        assert!(take_all().iter().all(Result::is_err));
        assert_eq!(flood.refused(), 5);
    }

    #[test]
    fn what_exceeds_the_bucket_passes_when_it_is_full() {
        flood().take_emit(6000, Instant::now()).unwrap();
    }

    #[test]
    fn subscriptions_have_their_own_bucket() {
        let (flood, start) = (flood(), Instant::now());
        for _ in 0..3 {
            flood.take_subscribe(start).unwrap();
        }
        assert_eq!(wait_of(flood.take_subscribe(start)), 1000);
        flood.take_emit(1, start).unwrap();
    }

    #[test]
    fn sessions_and_repeated_bytes_have_their_buckets() {
        let flood = Flood::new(&Limits {
            sessions_per_second: 2,
            session_burst: 3,
            repeat_bytes_per_second: 1000,
            repeat_burst_bytes: 3000,
            ..Limits::default()
        });
        let start = Instant::now();
        for _ in 0..3 {
            flood.take_session(start).unwrap();
        }
        assert_eq!(wait_of(flood.take_session(start)), 500);
        flood
            .take_session(start + Duration::from_millis(500))
            .unwrap();
        flood.take_repeated(2999, start).unwrap();
        flood.take_repeated(1, start).unwrap();
        assert_eq!(wait_of(flood.take_repeated(700, start)), 700);
        // A single result may exceed the bucket. Its page must be able to get it again.
        let full = start + Duration::from_secs(4);
        flood.take_repeated(1 << 20, full).unwrap();
        assert_eq!(flood.refused(), 2);
    }

    #[test]
    fn a_clock_that_goes_back_adds_no_tokens() {
        let (flood, start) = (flood(), Instant::now());
        let later = start + Duration::from_secs(10);
        for _ in 0..3 {
            flood.take_subscribe(later).unwrap();
        }
        assert_eq!(wait_of(flood.take_subscribe(start)), 1000);
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        let flood = Flood::new(&Limits {
            emits_per_second: usize::MAX,
            emit_burst: usize::MAX,
            emit_bytes_per_second: usize::MAX,
            emit_burst_bytes: usize::MAX,
            ..Limits::default()
        });
        for _ in 0..3 {
            flood.take_emit(usize::MAX, Instant::now()).ok();
        }
    }
}
