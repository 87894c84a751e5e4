//! Locks, notifications, tasks and time for the concurrent parts.
//!
//! They come from here and nowhere else, so that the model checker in `tests/model` and the simulation in
//! `tests/simulation` can compile the same code with their own in their place (docs/decisions/0007-a-model-checker.md).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime};

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread::yield_now as yield_thread;
pub(crate) use tokio::sync::Notify;
/// Sends one value from one task to another.
pub(crate) use tokio::sync::oneshot;
pub(crate) use tokio::task::yield_now;
/// The clock by which tasks sleep. A test may pause it.
pub(crate) use tokio::time::Instant as TaskInstant;
pub(crate) use tokio::time::sleep_until;

/// The runtime that tasks run on. The shell provides it.
#[derive(Debug, Clone)]
pub(crate) struct Tasks(tokio::runtime::Handle);

impl Tasks {
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> Self {
        Self(runtime)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
        self.pass_on();
    }

    /// Runs work on a thread that may block.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.spawn_blocking(work)
    }

    /// Lets another thread run what this one has woken. A worker of Tokio keeps the last task that it woke to itself until it
    /// is free, and an emitter that blocks would hold that task up.
    pub(crate) fn pass_on(&self) {
        if tokio::runtime::Handle::try_current().is_ok() {
            // It takes the place of the other one, which any worker may then take.
            drop(self.0.spawn(std::future::ready(())));
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::new(test_runtime().handle().clone())
    }

    #[cfg(test)]
    pub(crate) fn block_on_for_tests<T>(task: impl Future<Output = T>) -> T {
        test_runtime().block_on(task)
    }
}

#[cfg(test)]
fn test_runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap())
}

/// Blocks the thread until a future is done.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::park();
    }
}

/// The clock of the hub.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, which users can set.
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// The clock of jobs. It only goes forward, cannot be set, and runs while the machine sleeps. The instants of the
/// standard library stand still meanwhile on Linux and on Apple's systems.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(crate) fn steady_now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    #[cfg(target_vendor = "apple")]
    let clock = ClockId::Monotonic;
    #[cfg(not(target_vendor = "apple"))]
    let clock = ClockId::Boottime;
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn steady_now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The time at which a task that begins to sleep now has slept this long.
pub(crate) fn after(wait: Duration) -> TaskInstant {
    TaskInstant::now() + wait
}
