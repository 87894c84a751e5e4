//! Replaces the plugin's `src/sync.rs`: at every lock, notification, task and reading of the clock, the checker may switch
//! to another task.

use std::collections::VecDeque;
use std::future::Future;
use std::ops::Add;
use std::pin::Pin;
use std::sync::{Mutex as Plain, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shuttle::sync::atomic::{AtomicBool, Ordering};

pub(crate) use shuttle::future::yield_now;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread::yield_now as yield_thread;

/// Lets the checker switch to another task. Between two such points a task runs alone, so the locks of the standard
/// library in this file are never contended.
fn switch() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}

fn lock<T>(plain: &Plain<T>) -> std::sync::MutexGuard<'_, T> {
    plain.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tokio's `Notify` as documented.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    state: Plain<NotifyState>,
}

#[derive(Debug, Default)]
struct NotifyState {
    permit: bool,
    /// How often all were notified.
    rounds: u64,
    newest: u64,
    waiting: VecDeque<Waiting>,
    /// Waiters that `notify_one` has chosen and that have not been polled since.
    chosen: Vec<u64>,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    waker: Option<Waker>,
}

/// Completes with any `notify_waiters` after it was made, or with a `notify_one` after it was first polled.
#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    made_in: u64,
    state: NotifiedState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotifiedState {
    Made,
    Waiting(u64),
    Done,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        switch();
        Notified {
            notify: self,
            made_in: lock(&self.state).rounds,
            state: NotifiedState::Made,
        }
    }

    pub(crate) fn notify_one(&self) {
        switch();
        self.choose_one();
    }

    fn choose_one(&self) {
        let mut state = lock(&self.state);
        let Some(chosen) = state.waiting.pop_front() else {
            state.permit = true;
            return;
        };
        state.chosen.push(chosen.id);
        drop(state);
        wake(chosen.waker);
    }

    pub(crate) fn notify_waiters(&self) {
        switch();
        let mut state = lock(&self.state);
        state.rounds += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for each in waiting {
            wake(each.waker);
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Notified<'_> {
    /// Begins to wait before the first poll; returns whether it is notified already.
    pub(crate) fn enable(mut self: Pin<&mut Self>) -> bool {
        switch();
        self.wait(None)
    }

    /// Begins to wait, as polling does. Returns whether it is notified already.
    fn wait(&mut self, waker: Option<&Waker>) -> bool {
        let mut state = lock(&self.notify.state);
        if self.state == NotifiedState::Done {
            return true;
        }
        let is_done = match self.state {
            _ if state.rounds != self.made_in => true,
            NotifiedState::Made => std::mem::take(&mut state.permit),
            NotifiedState::Waiting(own) => take_own(&mut state.chosen, own),
            NotifiedState::Done => true,
        };
        if is_done {
            self.state = NotifiedState::Done;
            return true;
        }
        let own = match self.state {
            NotifiedState::Waiting(own) => own,
            _ => {
                state.newest += 1;
                let id = state.newest;
                state.waiting.push_back(Waiting { id, waker: None });
                self.state = NotifiedState::Waiting(id);
                id
            }
        };
        if let (Some(waker), Some(entry)) = (
            waker,
            state.waiting.iter_mut().find(|entry| entry.id == own),
        ) {
            entry.waker = Some(waker.clone());
        }
        false
    }
}

fn take_own(chosen: &mut Vec<u64>, own: u64) -> bool {
    let before = chosen.len();
    chosen.retain(|id| *id != own);
    chosen.len() < before
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        switch();
        if self.wait(Some(context.waker())) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let NotifiedState::Waiting(own) = self.state else {
            return;
        };
        let mut state = lock(&self.notify.state);
        state.waiting.retain(|entry| entry.id != own);
        let is_chosen = take_own(&mut state.chosen, own);
        drop(state);
        if is_chosen {
            self.notify.choose_one();
        }
    }
}

/// The clock of one schedule, which only scenarios advance.
#[derive(Default)]
struct Clock {
    passed: Plain<Duration>,
    sleepers: Plain<Vec<(Instant, Waker)>>,
}

shuttle::lazy_static! {
    static ref CLOCK: Clock = Clock::default();
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

pub(crate) fn now() -> Instant {
    switch();
    start() + *lock(&CLOCK.passed)
}

/// The time of day, which moves with the clock.
pub(crate) fn wall_clock() -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + steady_now()
}

/// The clock of jobs, which is the same one here.
pub(crate) fn steady_now() -> Duration {
    now() - start()
}

/// Runs tasks on the checker's executor.
#[derive(Debug, Clone)]
pub(crate) struct Tasks;

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }

    pub(crate) fn clock(&self) -> BusClock {
        BusClock(())
    }

    /// Each woken task may run next.
    pub(crate) fn pass_on(&self) {}

    /// Runs blocking work as a task.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> shuttle::future::JoinHandle<T> {
        shuttle::future::spawn(async move { work() })
    }
}

/// The clocks of the bus, which are those of this file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BusClock(());

/// What has slept until its time.
#[derive(Debug, Default)]
pub(crate) struct Woken;

impl BusClock {
    pub(crate) fn now(self) -> Instant {
        now()
    }

    pub(crate) fn wall(self) -> std::time::SystemTime {
        wall_clock()
    }

    pub(crate) fn steady(self) -> Duration {
        steady_now()
    }

    pub(crate) fn after(self, wait: Duration) -> TaskInstant {
        after(wait)
    }

    pub(crate) fn is_stopped(self) -> bool {
        false
    }

    pub(crate) async fn sleep_until(self, until: TaskInstant) -> Woken {
        sleep_until(until).await;
        Woken
    }
}

pub(crate) fn after(wait: Duration) -> TaskInstant {
    TaskInstant::now() + wait
}

/// Advances the clock and wakes the tasks that are due.
pub(crate) fn advance(by: Duration) {
    switch();
    *lock(&CLOCK.passed) += by;
    let now = start() + *lock(&CLOCK.passed);
    let mut sleepers = lock(&CLOCK.sleepers);
    let (due, asleep) = std::mem::take(&mut *sleepers)
        .into_iter()
        .partition(|(due, _)| *due <= now);
    *sleepers = asleep;
    drop(sleepers);
    let due: Vec<(Instant, Waker)> = due;
    for (_, waker) in due {
        waker.wake();
    }
}

/// An instant of the clock of tasks, which is the same one here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskInstant(Instant);

impl TaskInstant {
    pub(crate) fn now() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        now() - self.0
    }
}

impl From<Instant> for TaskInstant {
    fn from(instant: Instant) -> Self {
        Self(instant)
    }
}

impl Add<Duration> for TaskInstant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

pub(crate) struct Sleep {
    until: Instant,
}

pub(crate) fn sleep_until(until: TaskInstant) -> Sleep {
    Sleep { until: until.0 }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if now() >= self.until {
            return Poll::Ready(());
        }
        lock(&CLOCK.sleepers).push((self.until, context.waker().clone()));
        Poll::Pending
    }
}
