//! A clock that a test moves.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::time::Sleep as Timer;

/// The clock of one bus. It runs as that of the machine does until a test stops it, and is moved then.
#[derive(Debug)]
pub(crate) struct MovableClock {
    /// When it began, by each of the clocks that it stands for.
    began: (Instant, Duration, SystemTime),
    state: Mutex<State>,
    /// Notified when nothing of what was woken works any more.
    rested: Notify,
}

#[derive(Debug)]
struct State {
    /// Since when it runs. `None` once it is stopped.
    runs_since: Option<Instant>,
    /// How much had passed by then, since it began.
    passed: Duration,
    /// Who sleeps, by when they are due and a number.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    newest: u64,
    /// How many were woken by the clock and are not done with what they do then.
    working: usize,
}

impl State {
    fn passed(&self) -> Duration {
        self.passed
            + self
                .runs_since
                .map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl MovableClock {
    /// A clock that begins now, by each of the clocks that it stands for.
    pub(super) fn beginning(began: (Instant, Duration, SystemTime)) -> Self {
        Self {
            began,
            state: Mutex::new(State {
                runs_since: Some(began.0),
                passed: Duration::ZERO,
                sleepers: BTreeMap::new(),
                newest: 0,
                working: 0,
            }),
            rested: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().runs_since.is_none()
    }

    /// How much time has passed at this time of the steady clock.
    pub(crate) fn passed_by_steady(&self, steady: Duration) -> Duration {
        steady.saturating_sub(self.began.1)
    }

    /// How much time has passed at this instant.
    pub(crate) fn passed_by(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.began.0)
    }

    /// How much time has passed since it began.
    pub(crate) fn passed(&self) -> Duration {
        self.lock().passed()
    }

    pub(crate) fn now(&self) -> Instant {
        self.began.0 + self.passed()
    }

    pub(crate) fn steady(&self) -> Duration {
        self.began.1 + self.passed()
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.began.2 + self.passed()
    }

    /// Stops it for good. From then on it only moves.
    pub(crate) fn stop(&self) {
        let wakers: Vec<Waker> = {
            let mut state = self.lock();
            if state.runs_since.is_none() {
                return;
            }
            state.passed = state.passed();
            state.runs_since = None;
            // They wait for a timer of the machine.
            state.sleepers.values().cloned().collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// When the next one is due that sleeps.
    pub(crate) fn next(&self) -> Option<Duration> {
        let state = self.lock();
        state.sleepers.keys().next().map(|(due, _)| *due)
    }

    /// Moves the clock to this time, and wakes those who are due.
    pub(crate) fn move_to(&self, passed: Duration) {
        let due: Vec<Waker> = {
            let mut state = self.lock();
            state.passed = state.passed.max(passed);
            let until = (state.passed + Duration::from_nanos(1), 0);
            let later = state.sleepers.split_off(&until);
            let due = std::mem::replace(&mut state.sleepers, later);
            state.working += due.len();
            due.into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Waits until those who were woken are done with what they do then.
    pub(crate) async fn rested(&self) {
        loop {
            let rested = self.rested.notified();
            if self.lock().working == 0 {
                return;
            }
            rested.await;
        }
    }

    /// Sleeps until this time of its own. Returns what counts the sleeper as working, if a move has woken it.
    pub(super) async fn sleep_until(&'static self, until: Instant) -> Option<Counted> {
        let mut sleep = Sleep {
            clock: self,
            until: until.saturating_duration_since(self.began.0),
            key: None,
            timer: None,
        };
        poll_fn(|context| sleep.poll(context)).await
    }

    fn done(&self) {
        let mut state = self.lock();
        state.working -= 1;
        let is_over = state.working == 0;
        drop(state);
        if is_over {
            self.rested.notify_waiters();
        }
    }
}

/// Someone who was woken, until it is done.
#[derive(Debug)]
pub(crate) struct Counted(&'static MovableClock);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.done();
    }
}

struct Sleep {
    clock: &'static MovableClock,
    until: Duration,
    /// Its place among the sleepers.
    key: Option<(Duration, u64)>,
    /// Only while the clock runs.
    timer: Option<Pin<Box<Timer>>>,
}

impl Sleep {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Counted>> {
        loop {
            let mut state = self.clock.lock();
            let passed = state.passed();
            if passed >= self.until {
                drop(state);
                return Poll::Ready(self.leave());
            }
            let key = *self.key.get_or_insert_with(|| {
                state.newest += 1;
                (self.until, state.newest)
            });
            let before = state.sleepers.insert(key, context.waker().clone());
            let is_running = state.runs_since.is_some();
            drop(state);
            drop(before);
            if !is_running {
                self.timer = None;
                return Poll::Pending;
            }
            let wait = self.until - passed;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }

    /// Leaves its place. If it has none any more, a move has taken it out and counts it.
    fn leave(&mut self) -> Option<Counted> {
        let key = self.key.take()?;
        let removed = self.clock.lock().sleepers.remove(&key);
        removed.is_none().then(|| Counted(self.clock))
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> &'static MovableClock {
        let began = (Instant::now(), Duration::ZERO, SystemTime::UNIX_EPOCH);
        Box::leak(Box::new(MovableClock::beginning(began)))
    }

    #[test]
    fn a_stopped_clock_only_moves() {
        let clock = clock();
        clock.stop();
        let (now, wall) = (clock.now(), clock.wall());
        assert_eq!((clock.now(), clock.wall()), (now, wall));
        let hour = Duration::from_secs(3600);
        clock.move_to(clock.passed() + hour);
        assert_eq!((clock.now(), clock.wall()), (now + hour, wall + hour));
        clock.move_to(Duration::ZERO);
        assert_eq!(clock.now(), now + hour, "it never goes back");
    }

    #[test]
    fn a_move_waits_for_whom_it_wakes() {
        let clock = clock();
        clock.stop();
        let due = clock.now() + Duration::from_secs(1);
        let mut sleeper = Box::pin(clock.sleep_until(due));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sleeper.as_mut().poll(&mut context).is_pending());
        assert_eq!(clock.next(), Some(clock.passed() + Duration::from_secs(1)));
        clock.move_to(clock.passed() + Duration::from_secs(2));
        assert_eq!(clock.next(), None);
        let mut rested = Box::pin(clock.rested());
        assert!(rested.as_mut().poll(&mut context).is_pending());
        let Poll::Ready(counted) = sleeper.as_mut().poll(&mut context) else {
            panic!("it is due");
        };
        assert!(rested.as_mut().poll(&mut context).is_pending());
        drop(counted);
        assert!(rested.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_sleeper_that_is_dropped_holds_up_no_move() {
        let clock = clock();
        clock.stop();
        let mut context = Context::from_waker(Waker::noop());
        let due = clock.now() + Duration::from_secs(1);
        for is_woken in [false, true] {
            let mut sleeper = Box::pin(clock.sleep_until(due));
            assert!(sleeper.as_mut().poll(&mut context).is_pending());
            if is_woken {
                clock.move_to(clock.passed() + Duration::from_secs(1));
            }
            drop(sleeper);
            assert_eq!(clock.next(), None);
            assert!(
                Box::pin(clock.rested())
                    .as_mut()
                    .poll(&mut context)
                    .is_ready()
            );
        }
    }
}
