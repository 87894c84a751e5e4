//! What the builder says of sources, taps, traces, the inspector and tests.

use serde::Serialize;

use crate::engine::traces::TraceContext;
use crate::periodic::source::SourceCall;
use crate::shell::plugin::Builder;
#[cfg(feature = "test")]
use crate::sync::MovableClock;

impl Builder {
    /// Registers a source, from which jobs of the host and of pages take their payloads, by name and with arguments.
    ///
    /// The source runs once for each tick, on a thread that may block, and never twice at a time for one job. A tick whose
    /// source fails is counted and reported, and the next tick tries again.
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::Builder;
    /// use tauri_plugin_event_bus::periodic::SourceCall;
    ///
    /// fn lines(call: &SourceCall) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let path: String = call.args()?;
    ///     Ok(std::fs::read_to_string(path)?.lines().count())
    /// }
    ///
    /// tauri::Builder::default().plugin(Builder::new().job_source("lines", lines).build());
    /// ```
    pub fn job_source<T: Serialize, E: std::fmt::Display>(
        mut self,
        name: impl Into<String>,
        sample: impl Fn(&SourceCall) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.sources.add(name.into(), sample);
        self
    }

    /// Registers an asynchronous source, like [`Builder::job_source`]. Its future is dropped when the job ends.
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::Builder;
    ///
    /// let builder = Builder::new().job_source_async("rate", async |call| {
    ///     let currency: String = call.args()?;
    ///     tauri_plugin_event_bus::Result::<usize>::Ok(currency.len())
    /// });
    /// tauri::Builder::default().plugin(builder.build());
    /// ```
    pub fn job_source_async<T, E, F>(
        mut self,
        name: impl Into<String>,
        sample: impl Fn(SourceCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize,
        E: std::fmt::Display,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.sources.add_async(name.into(), sample);
        self
    }

    /// Hides a part of the payloads of a name, or of the names that match a pattern, from every tap and recording: of events,
    /// requests and responses. `pointer` is a JSON pointer, and an empty one is the whole payload. A pointer that a payload
    /// does not have is logged once. Of these names, messages of errors that may quote a payload are hidden, too:
    /// those of `invalid_payload`, `responder_failed`, `source_failed` and `refused`.
    ///
    /// The history of a `TestBus` shows everything.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new()
    ///     .redact("user:*", "/token")
    ///     .redact("payment:*", "");
    /// # let _ = builder;
    /// ```
    pub fn redact(mut self, event: impl Into<String>, pointer: impl Into<String>) -> Self {
        self.seen.rules.push((event.into(), pointer.into()));
        self
    }

    /// Sets whether pages with the permission `event-bus:allow-tap` may have taps. Without it they may in debug builds, and
    /// not in release builds.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().page_taps(false);
    /// # let _ = builder;
    /// ```
    pub fn page_taps(mut self, are_on: bool) -> Self {
        self.seen.page_taps = Some(are_on);
        self
    }

    /// Connects the bus with the traces of the app, as W3C Trace Context spells them: `00-<trace>-<parent>-<flags>`. Events and
    /// requests carry that text from where they are emitted to where they are handled, through Rust and pages.
    ///
    /// `current` tells the trace that the app is in, on the thread that emits or requests. What follows from an event or a
    /// request has the trace of that where `current` tells none. `enter` gets the trace of an event or a request before code
    /// of the app handles it, on that thread; what it returns is dropped afterwards. For an asynchronous handler it is called
    /// at each poll.
    ///
    /// A text of another shape, or a panic of `current`, is logged, and costs the trace alone.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tauri_plugin_event_bus::Builder;
    ///
    /// thread_local! {
    ///     static TRACE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// }
    ///
    /// /// Leaves the trace again.
    /// struct Left(Option<String>);
    ///
    /// impl Drop for Left {
    ///     fn drop(&mut self) {
    ///         TRACE.set(self.0.take());
    ///     }
    /// }
    ///
    /// let builder = Builder::new().trace_context(
    ///     || TRACE.with_borrow(Clone::clone),
    ///     |traceparent| Left(TRACE.replace(Some(traceparent.to_owned()))),
    /// );
    /// # let _ = builder;
    /// ```
    pub fn trace_context<Entered: 'static>(
        mut self,
        current: impl Fn() -> Option<String> + Send + Sync + 'static,
        enter: impl Fn(&str) -> Entered + Send + Sync + 'static,
    ) -> Self {
        self.seen.trace_context = Some(TraceContext::new(current, enter));
        self
    }

    /// Sets whether the app has the [inspector](crate::EventBus::open_inspector). Without this, debug builds have it, and
    /// release builds do not.
    ///
    /// `true` turns it on in release builds, too. In debug builds it then opens by itself when the app starts, and again with
    /// Ctrl+Shift+E, or Cmd+Shift+E, in any page of the app. Feature `inspector`.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().inspector(true);
    /// # let _ = builder;
    /// ```
    #[cfg(feature = "inspector")]
    pub fn inspector(mut self, is_on: bool) -> Self {
        self.seen.inspector = Some(is_on);
        self
    }

    #[cfg(feature = "test")]
    pub(super) fn for_tests(mut self, clock: &'static MovableClock) -> Self {
        self.seen.clock = Some(clock);
        self
    }
}
