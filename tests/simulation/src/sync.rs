//! Replaces the plugin's `src/sync.rs`: the clocks, the tasks and the random bytes of one run.
//!
//! Locks and notifications are the plugin's own, since one thread never waits for itself.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Add;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::sync::oneshot;
pub(crate) use tokio::task::yield_now;

use crate::rng::Rng;

pub(crate) fn yield_thread() {}

/// A run has one thread, which cannot wait for itself.
pub(crate) fn block_on<T>(_: impl Future<Output = T>) -> T {
    unreachable!("a run blocks on no future")
}

/// The clocks of a run, since its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clocks {
    /// Stands still while the machine sleeps.
    pub(crate) monotonic: Duration,
    /// Runs while the machine sleeps.
    pub(crate) steady: Duration,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks that may be polled. A waker may outlive its run.
#[derive(Default)]
struct Ready(Mutex<Vec<usize>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TaskWaker {
    ready: Arc<Ready>,
    task: usize,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock();
        if !ready.contains(&self.task) {
            ready.push(self.task);
        }
    }
}

#[derive(Default)]
struct Run {
    clocks: Clocks,
    tasks: BTreeMap<usize, Task>,
    newest: usize,
    ready: Arc<Ready>,
    /// By their time and the order in which they began.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    newest_sleeper: u64,
    random: Rng,
}

/// The one run that there is at a time.
static RUN: Mutex<Option<Run>> = Mutex::new(None);

/// Looks at the run. No foreign code may run meanwhile, nor be dropped.
fn with_run<T>(look: impl FnOnce(&mut Run) -> T) -> T {
    let mut run = RUN.lock().unwrap_or_else(PoisonError::into_inner);
    look(run.get_or_insert_default())
}

/// Begins a run: its clocks at zero, no tasks, and these random bytes.
pub(crate) fn begin(random: Rng) {
    let new = Run {
        random,
        ..Run::default()
    };
    // Tasks may use the clock while they are dropped.
    drop(with_run(|run| std::mem::replace(run, new)));
}

/// Adds to the clocks, and wakes what slept until then.
pub(crate) fn advance(monotonic: Duration, steady: Duration) {
    let due: Vec<Waker> = with_run(|run| {
        run.clocks.monotonic += monotonic;
        run.clocks.steady += steady;
        let later = run
            .sleepers
            .split_off(&(run.clocks.monotonic + Duration::from_nanos(1), 0));
        std::mem::replace(&mut run.sleepers, later)
            .into_values()
            .collect()
    });
    for waker in due {
        waker.wake();
    }
}

/// When the next sleeper is due, by the monotonic clock.
pub(crate) fn next_sleeper() -> Option<Duration> {
    with_run(|run| run.sleepers.keys().next().map(|(at, _)| *at))
}

pub(crate) fn clocks() -> Clocks {
    with_run(|run| run.clocks)
}

/// The monotonic clock.
pub(crate) fn passed() -> Duration {
    with_run(|run| run.clocks.monotonic)
}

/// Polls one of the tasks that are ready. Returns false if there was none.
pub(crate) fn poll_one(rng: &mut Rng) -> bool {
    let taken = with_run(|run| {
        loop {
            let task = {
                let mut ready = run.ready.lock();
                if ready.is_empty() {
                    return None;
                }
                let place = rng.below(ready.len());
                ready.remove(place)
            };
            // It may have ended.
            if let Some(future) = run.tasks.remove(&task) {
                return Some((task, future, Arc::clone(&run.ready)));
            }
        }
    });
    let Some((task, mut future, ready)) = taken else {
        return false;
    };
    let waker = Waker::from(Arc::new(TaskWaker { ready, task }));
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    match polled {
        Poll::Pending => {
            with_run(|run| run.tasks.insert(task, future));
        }
        Poll::Ready(()) => drop(future),
    }
    true
}

/// Runs a future as a task.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    with_run(|run| {
        run.newest += 1;
        run.tasks.insert(run.newest, Box::pin(future));
        run.ready.lock().push(run.newest);
    });
}

#[derive(Debug, Clone)]
pub(crate) struct Tasks;

impl Tasks {
    pub(crate) fn new(_: tokio::runtime::Handle) -> Self {
        Self
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn(task);
    }

    pub(crate) fn clock(&self) -> BusClock {
        BusClock(())
    }

    pub(crate) fn sleep_until(&self, until: TaskInstant) -> Sleep {
        sleep_until(until)
    }

    /// Each woken task may run next.
    pub(crate) fn pass_on(&self) {}

    /// Runs blocking work as a task.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        spawn(async move { drop(sender.send(work())) });
        receiver
    }
}

/// The origin of the instants, which only differ from each other.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

pub(crate) fn now() -> Instant {
    start() + passed()
}

pub(crate) fn steady_now() -> Duration {
    with_run(|run| run.clocks.steady)
}

pub(crate) fn wall_clock() -> SystemTime {
    /// Some time in 2026.
    const BEGAN: Duration = Duration::from_secs(1_790_000_000);
    SystemTime::UNIX_EPOCH + BEGAN + steady_now()
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

    pub(crate) fn wall(self) -> SystemTime {
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
    TaskInstant(passed().saturating_add(wait))
}

/// An instant of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct TaskInstant(Duration);

impl TaskInstant {
    pub(crate) fn now() -> Self {
        Self(passed())
    }

    pub(crate) fn elapsed(self) -> Duration {
        passed().saturating_sub(self.0)
    }
}

impl From<Instant> for TaskInstant {
    fn from(instant: Instant) -> Self {
        Self(instant.saturating_duration_since(start()))
    }
}

impl Add<Duration> for TaskInstant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

pub(crate) struct Sleep {
    until: Duration,
    key: Option<(Duration, u64)>,
}

pub(crate) fn sleep_until(until: TaskInstant) -> Sleep {
    Sleep {
        until: until.0,
        key: None,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        with_run(|run| {
            if run.clocks.monotonic >= self.until {
                return Poll::Ready(());
            }
            let until = self.until;
            let key = *self.key.get_or_insert_with(|| {
                run.newest_sleeper += 1;
                (until, run.newest_sleeper)
            });
            // A task keeps its waker, so the one before is the same.
            run.sleepers.insert(key, context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = with_run(|run| run.sleepers.remove(&key));
            drop(waker);
        }
    }
}

/// Random bytes for ids. Never fails.
#[derive(Debug)]
pub struct Error;

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no random bytes")
    }
}

impl std::error::Error for Error {}

/// Fills with the random bytes of the run.
///
/// # Errors
///
/// None: the signature is that of the crate which this replaces.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    with_run(|run| {
        for byte in bytes {
            *byte = run.random.next() as u8;
        }
    });
    Ok(())
}
