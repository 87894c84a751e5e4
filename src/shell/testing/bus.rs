//! The bus of a test.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri::{App, AppHandle};

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::tap::stream::Tap;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::tap::filter::TapFilter;
use crate::model::tap::record::{TapEntry, TapRecord, TappedEvent};
use crate::shell::plugin::Builder;
use crate::shell::testing::page::{TestPage, parse_pattern};
use crate::sync::{MovableClock, Mutex, MutexGuard, block_on, movable_clock};

/// How often [`TestBus::settle`] looks whether everything was handled.
const MAX_ROUNDS: usize = 10_000;

/// How many records the history of a test has.
const CAPACITY: usize = 1 << 20;

/// A bus for the tests of an app, without a window. The code under test uses it as always; the test plays the pages, and
/// looks at what was emitted. Feature `test`.
///
/// ```
/// use serde_json::{Value, json};
/// use tauri_plugin_event_bus::test::TestBus;
/// use tauri_plugin_event_bus::{EventBus, EventBusExt, Result};
///
/// /// The code under test: keeps the total of what is added.
/// fn keep_total(bus: &EventBus) -> Result<()> {
///     let (own, mut total) = (bus.clone(), 0);
///     bus.listen("cart:added", move |event| {
///         total += event.payload::<u32>().unwrap_or_default();
///         drop(own.emit("cart:total", total));
///     })?
///     .forget();
///     Ok(())
/// }
///
/// # fn main() -> Result<()> {
/// let bus = TestBus::new();
/// keep_total(&bus.event_bus())?;
/// let main = bus.page("main");
/// main.emit("cart:added", 4)?;
/// main.emit("cart:added", 3)?;
/// bus.settle();
/// assert_eq!(bus.emitted::<u32>("cart:total"), [4, 7]);
/// assert_eq!(main.received("cart:total").len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct TestBus {
    clock: &'static MovableClock,
    app: App<MockRuntime>,
    bus: EventBus,
    told: Mutex<Told>,
    pages: Mutex<BTreeMap<String, TestPage>>,
}

/// What has happened so far.
struct Told {
    tap: Tap,
    records: Vec<TapRecord>,
}

impl Default for TestBus {
    fn default() -> Self {
        Self::new()
    }
}

impl TestBus {
    /// A bus with the defaults of the plugin.
    ///
    /// # Panics
    ///
    /// If the mock app cannot be built.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Builder::new())
    }

    /// A bus with the builder of the app: its limits, policies, typed events, job sources and interceptors.
    ///
    /// # Panics
    ///
    /// If the builder is wrong: the message says why, as where an app fails to start.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{Builder, Policy};
    /// use tauri_plugin_event_bus::test::TestBus;
    ///
    /// let bus = TestBus::with(Builder::new().policy("theme:*", Policy::new().retain(true)));
    /// # drop(bus);
    /// ```
    #[must_use]
    pub fn with(builder: Builder) -> Self {
        // It is small, and tasks of the bus may outlive the test.
        let clock: &'static MovableClock = Box::leak(Box::new(movable_clock()));
        let built = mock_builder()
            .plugin(builder.for_tests(clock).build())
            .build(mock_context(noop_assets()));
        let app = match built {
            Ok(app) => app,
            Err(error) => panic!("the mock app has not started: {error}"),
        };
        let bus = app.event_bus();
        let everything = TapFilter::new()
            .payload_bytes(usize::MAX)
            .capacity(CAPACITY);
        let tap = match everything.check() {
            Ok(filter) => Tap::new(&bus.runtime().core, filter.showing_all()),
            Err(error) => panic!("{error}"),
        };
        let records = Vec::new();
        Self {
            clock,
            app,
            bus,
            told: Mutex::new(Told { tap, records }),
            pages: Mutex::default(),
        }
    }

    /// The mock app, for code that takes one.
    #[must_use]
    pub fn app(&self) -> &AppHandle<MockRuntime> {
        self.app.handle()
    }

    /// The page of this label, which the first call opens. It receives what is for everyone and for it.
    ///
    /// # Panics
    ///
    /// If the app has ended.
    pub fn page(&self, label: &str) -> TestPage {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages.get(label).filter(|page| !page.is_closed()) {
            return page.clone();
        }
        let page = match TestPage::open(&self.bus, label) {
            Ok(page) => page,
            Err(error) => panic!("{error}"),
        };
        pages.insert(label.to_owned(), page.clone());
        page
    }

    /// The payloads that the host has emitted under this name, or names that match this pattern, in order.
    ///
    /// # Panics
    ///
    /// If it is no pattern, or if a payload does not match `T`.
    #[must_use]
    pub fn emitted<T: serde::de::DeserializeOwned>(&self, pattern: &str) -> Vec<T> {
        let events = self.history(pattern).into_iter();
        let own = events.filter(|event| event.source == Endpoint::Host);
        own.map(|event| match event.payload.read() {
            Ok(payload) => payload,
            Err(error) => panic!("{:?}: {error}", event.name),
        })
        .collect()
    }

    /// What everyone has emitted under this name, or names that match this pattern, in order: with its source, target,
    /// component, causes, and where it went. Nothing is redacted here.
    ///
    /// # Panics
    ///
    /// If it is no pattern, or if more than 1,048,576 records came since the last look at them.
    ///
    /// ```
    /// # fn main() -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::Endpoint;
    ///
    /// let bus = tauri_plugin_event_bus::test::TestBus::new();
    /// bus.page("main").emit("click", 7)?;
    /// assert_eq!(bus.history("*")[0].source, Endpoint::webview("main"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn history(&self, pattern: &str) -> Vec<TappedEvent> {
        let pattern = parse_pattern(pattern);
        let told = self.told();
        let events = told
            .records
            .iter()
            .filter_map(|record| match &record.entry {
                TapEntry::Event(event) => Some(event),
                _ => None,
            });
        let matching = events.filter(|event| {
            let name = crate::model::name::EventName::parse(&event.name);
            name.is_ok_and(|name| pattern.receives(&name))
        });
        matching.map(|event| (**event).clone()).collect()
    }

    /// Everything that has happened: events and their ways, requests, responses, gaps and refusals. Nothing is redacted here.
    ///
    /// # Panics
    ///
    /// If more than 1,048,576 records came since the last look at them.
    #[must_use]
    pub fn records(&self) -> Vec<TapRecord> {
        self.told().records.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(record) = told.tap.try_recv() {
            if let TapEntry::Lost(count) = record.entry {
                panic!(
                    "the history of the test lacks {count} records: more than {CAPACITY} came at once; call settle() in between"
                );
            }
            told.records.push(record);
        }
        told
    }

    /// What [`TestBus::clock`] moves.
    pub(super) fn movable_clock(&self) -> &'static MovableClock {
        self.clock
    }

    /// Makes the next tick of a job of the host now, however long its interval is. [`TestBus::clock`] makes them when they are
    /// due.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::UnknownJob`](crate::ErrorCode::UnknownJob): no job of the host has this id
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): it is paused, or a tick of it is being made
    ///
    /// ```
    /// # fn main() -> tauri_plugin_event_bus::Result<()> {
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// let bus = tauri_plugin_event_bus::test::TestBus::new();
    /// let job = bus.event_bus().periodic("clock").every(Duration::from_secs(3600)).start()?;
    /// bus.tick(job.id())?;
    /// assert_eq!(bus.history("clock").len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tick(&self, job: &str) -> Result<()> {
        self.bus.runtime().jobs.tick_now(&Endpoint::Host, job)
    }

    /// Waits until everything that was emitted has been handled by the host listeners and the pages, with what they emit in
    /// turn. It waits for no timer, which is what [`TestBus::clock`] is for, no stream and no asynchronous listener of the code under test, and no slow response. Do not call it in a
    /// listener.
    ///
    /// # Panics
    ///
    /// If that never ends, because events cause each other.
    pub fn settle(&self) {
        block_on(self.settled());
    }

    /// As [`TestBus::settle`], for a test that is asynchronous itself.
    ///
    /// # Panics
    ///
    /// As [`TestBus::settle`] does.
    pub async fn settled(&self) {
        let runtime = self.bus.runtime();
        let mut quiet = 0;
        for _ in 0..MAX_ROUNDS {
            let before = runtime.core.hub().activity();
            if self.clock.is_stopped() {
                while runtime.jobs.run_due() {}
                let _ = runtime.core.expire(runtime.core.clock().now());
            }
            runtime.listeners.reach_mark().await;
            let pages: Vec<TestPage> = {
                let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
                pages.values().cloned().collect()
            };
            for page in pages {
                page.settled().await;
            }
            let after = runtime.core.hub().activity();
            quiet = if before == after { quiet + 1 } else { 0 };
            // The tap keeps so many records, and those of a long test go on in the history.
            drop(self.told());
            if quiet == 2 {
                return;
            }
        }
        panic!("the bus has not settled after {MAX_ROUNDS} rounds: the listeners keep emitting");
    }
}

impl Drop for TestBus {
    fn drop(&mut self) {
        // The pages end with it.
        self.bus.runtime().shut_down();
    }
}

impl EventBusExt for TestBus {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        self.bus.clone()
    }
}

impl fmt::Debug for TestBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBus").finish_non_exhaustive()
    }
}
