//! Locks, notifications, tasks and time for the concurrent parts.
//!
//! They come from here and nowhere else, so that the model checker in `tests/model` and the simulation in
//! `tests/simulation` can compile the same code with their own in their place (docs/decisions/0007-a-model-checker.md).

#[cfg(feature = "test")]
mod movable;

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
pub(crate) use tokio::time::{Sleep, sleep_until};

#[cfg(feature = "test")]
pub(crate) use movable::MovableClock;
#[cfg(all(feature = "debug-socket", debug_assertions))]
pub(crate) use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
#[cfg(all(feature = "debug-socket", debug_assertions, not(unix)))]
pub(crate) use tokio::net::TcpListener;
#[cfg(all(feature = "debug-socket", debug_assertions, unix))]
pub(crate) use tokio::net::UnixListener;

/// The runtime that tasks run on, and their clock. The shell provides it.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    runtime: tokio::runtime::Handle,
    clock: BusClock,
}

impl Tasks {
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> Self {
        Self {
            runtime,
            clock: BusClock::default(),
        }
    }

    /// The same runtime with a clock that a test moves.
    #[cfg(feature = "test")]
    pub(crate) fn with_clock(self, clock: &'static MovableClock) -> Self {
        Self {
            clock: BusClock(Source::Movable(clock)),
            ..self
        }
    }

    pub(crate) fn clock(&self) -> BusClock {
        self.clock
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
        self.pass_on();
    }

    /// Runs work on a thread that may block.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn_blocking(work)
    }

    /// Sleeps until then, also where no runtime of Tokio polls it.
    pub(crate) fn sleep_until(&self, until: TaskInstant) -> Sleep {
        let _entered = self.runtime.enter();
        sleep_until(until)
    }

    /// Lets another thread run what this one has woken. A worker of Tokio keeps the last task that it woke to itself until it
    /// is free, and an emitter that blocks would hold that task up.
    pub(crate) fn pass_on(&self) {
        if tokio::runtime::Handle::try_current().is_ok() {
            // It takes the place of the other one, which any worker may then take.
            drop(self.runtime.spawn(std::future::ready(())));
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

/// A clock that a test moves, which begins now.
#[cfg(feature = "test")]
pub(crate) fn movable_clock() -> MovableClock {
    MovableClock::beginning((now(), steady_now(), wall_clock()))
}

/// The time at which a task that begins to sleep now has slept this long.
pub(crate) fn after(wait: Duration) -> TaskInstant {
    TaskInstant::now() + wait
}

/// The clocks of a bus: those of the machine, or one that a test moves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BusClock(Source);

#[derive(Debug, Clone, Copy, Default)]
enum Source {
    #[default]
    Machine,
    /// The steady clock of a test of the hub.
    #[cfg(test)]
    Steady(fn() -> Duration),
    #[cfg(feature = "test")]
    Movable(&'static MovableClock),
}

/// What has slept until its time. While it is kept, a test that moves the clock waits for what is done at that time.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    #[cfg(feature = "test")]
    _counted: Option<movable::Counted>,
}

impl BusClock {
    #[cfg(test)]
    pub(crate) fn of_steady(steady: fn() -> Duration) -> Self {
        Self(Source::Steady(steady))
    }

    /// The clock of the hub.
    #[inline]
    pub(crate) fn now(self) -> Instant {
        match self.0 {
            #[cfg(feature = "test")]
            Source::Movable(clock) => clock.now(),
            _ => now(),
        }
    }

    /// The time of day.
    #[inline]
    pub(crate) fn wall(self) -> SystemTime {
        match self.0 {
            #[cfg(feature = "test")]
            Source::Movable(clock) => clock.wall(),
            _ => wall_clock(),
        }
    }

    /// The clock of jobs.
    #[inline]
    pub(crate) fn steady(self) -> Duration {
        match self.0 {
            Source::Machine => steady_now(),
            #[cfg(test)]
            Source::Steady(steady) => steady(),
            #[cfg(feature = "test")]
            Source::Movable(clock) => clock.steady(),
        }
    }

    /// The time at which a task that begins to sleep now has slept this long.
    pub(crate) fn after(self, wait: Duration) -> TaskInstant {
        match self.0 {
            #[cfg(feature = "test")]
            Source::Movable(clock) => (clock.now() + wait).into(),
            _ => after(wait),
        }
    }

    /// Whether a test has stopped it. The test then does what is due, instead of the tasks that do it otherwise.
    #[inline]
    pub(crate) fn is_stopped(self) -> bool {
        match self.0 {
            #[cfg(feature = "test")]
            Source::Movable(clock) => clock.is_stopped(),
            _ => false,
        }
    }

    /// Sleeps until this time.
    pub(crate) async fn sleep_until(self, until: TaskInstant) -> Woken {
        match self.0 {
            #[cfg(feature = "test")]
            Source::Movable(clock) => Woken {
                _counted: clock.sleep_until(until.into_std()).await,
            },
            _ => {
                sleep_until(until).await;
                Woken::default()
            }
        }
    }
}
