//! Calls of pages on WebKitGTK: a constant function, with the batch as an argument.
//!
//! A call may be made on the main thread only. One source of the main loop makes the calls of all pages, and exists only
//! while some are due.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use javascriptcore::{Value, ValueExt};
use tauri::utils::config::PatternKind;
use tauri::{AppHandle, Runtime};
use webkit2gtk::glib::{self, ControlFlow, Priority, VariantDict, WeakRef};
use webkit2gtk::{WebView, WebViewExt, gio};

use crate::engine::calls::Pump;
use crate::engine::core::Core;
use crate::hub::calls::{CallAnswer, CallId, Farewell};
use crate::hub::ids::SubscriberKey;
use crate::wire::batch::encode;

/// What is called. It is all that is ever evaluated: WebKit passes the session and the batch as values.
///
/// A call runs in whatever document the webview shows when it arrives. Until the comparison holds, no function of that
/// document gets the session or the batch: it may have replaced `Symbol.for` and put anything in the place of the inbox, but
/// comparing two strings calls nothing.
const BODY: &str = "'use strict'
const inbox = globalThis[Symbol.for('tauri-plugin-event-bus')]
if (typeof inbox !== 'object' || inbox === null || inbox.session !== session) return false
const handled = await inbox.receive(batch)
return typeof handled === 'string' ? handled : false";

/// What the page of an ended session gets in the place of a batch.
const FAREWELL: &str = r#"{"stale":true}"#;

/// How long the source works before it lets the main loop do something else.
const TURN: Duration = Duration::from_millis(4);

/// An answer is a session, an index, and two signs more.
const MAX_ANSWER_BYTES: usize = 64;

thread_local! {
    /// The widgets of the main thread by the numbers of their webviews.
    static WIDGETS: RefCell<HashMap<u64, WeakRef<WebView>>> = RefCell::default();
}

/// What the main loop is to do, and what has come of it.
struct GlibPump {
    core: Weak<Core>,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    due: VecDeque<SubscriberKey>,
    farewells: Vec<Farewell>,
    outcomes: Vec<(CallId, Option<CallAnswer>)>,
    /// Whether the source is in the main loop.
    is_attached: bool,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.farewells.is_empty() && self.outcomes.is_empty()
    }
}

struct Handle(Arc<GlibPump>);

impl Pump for Handle {
    fn schedule(&self, pages: Vec<SubscriberKey>, farewells: Vec<Farewell>) {
        self.0.add(|work| {
            work.due.extend(pages);
            work.farewells.extend(farewells);
        });
    }

    fn take_outcomes(&self) -> Vec<(CallId, Option<CallAnswer>)> {
        std::mem::take(&mut self.0.work().outcomes)
    }
}

/// Makes calls possible. With Tauri's isolation pattern a page talks to the host through the isolation app alone, so it stays
/// with its pulls.
pub(super) fn install<R: Runtime>(app: &AppHandle<R>, core: &Arc<Core>) {
    let pattern = &app.config().app.security.pattern;
    if matches!(pattern, PatternKind::Brownfield) {
        let pump = GlibPump {
            core: Arc::downgrade(core),
            work: Mutex::default(),
        };
        core.set_pump(Box::new(Handle(Arc::new(pump))));
    }
}

/// Makes the pages of this widget callable. The watch of the webview tells the hub when it is gone.
pub(super) fn add_widget(widget: &WebView, label: &str, number: u64, core: &Core) {
    WIDGETS.with_borrow_mut(|widgets| {
        widgets.retain(|_, widget| widget.upgrade().is_some());
        widgets.insert(number, glib::object::ObjectExt::downgrade(widget));
    });
    core.note_callable(label, number);
}

impl GlibPump {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work and attaches the source, unless it is attached.
    fn add(self: &Arc<Self>, add: impl FnOnce(&mut Work)) {
        let is_attached = {
            let mut work = self.work();
            add(&mut work);
            std::mem::replace(&mut work.is_attached, true)
        };
        if !is_attached {
            let pump = Arc::clone(self);
            // A panic must not pass through the main loop, which is C.
            let turn = move || {
                let turn = catch_unwind(AssertUnwindSafe(|| pump.run()));
                turn.unwrap_or_else(|_| pump.detach())
            };
            glib::idle_add_full(Priority::DEFAULT, turn);
        }
    }

    /// Leaves the main loop if nothing is left to do.
    fn detach(&self) -> ControlFlow {
        let mut work = self.work();
        work.is_attached = !work.is_empty();
        match work.is_attached {
            true => ControlFlow::Continue,
            false => ControlFlow::Break,
        }
    }

    /// One turn on the main thread.
    fn run(self: &Arc<Self>) -> ControlFlow {
        let Some(core) = self.core.upgrade() else {
            *self.work() = Work::default();
            return ControlFlow::Break;
        };
        let end = Instant::now() + TURN;
        core.note_outcomes();
        let farewells = std::mem::take(&mut self.work().farewells);
        for farewell in farewells {
            call(farewell.webview, &farewell.session.to_string(), FAREWELL, |_| {});
        }
        loop {
            let next = self.work().due.pop_front();
            let Some(page) = next else {
                return self.detach();
            };
            if let Some(next) = core.take_call(page) {
                let outcome = PendingOutcome {
                    pump: Arc::clone(self),
                    id: next.id,
                    answer: None,
                };
                let (session, batch) = (next.session.to_string(), encode(&next.batch));
                call(next.webview, &session, &batch, move |value| {
                    outcome.note(value);
                });
            }
            if Instant::now() >= end {
                return self.detach();
            }
        }
    }
}

/// Reports the outcome of a call when it is dropped, so that a call that is dropped has failed.
struct PendingOutcome {
    pump: Arc<GlibPump>,
    id: CallId,
    answer: Option<CallAnswer>,
}

impl PendingOutcome {
    fn note(mut self, value: Option<&Value>) {
        self.answer = value.and_then(read_answer);
    }
}

impl Drop for PendingOutcome {
    fn drop(&mut self) {
        let outcome = (self.id, self.answer);
        self.pump.add(|work| work.outcomes.push(outcome));
    }
}

/// Calls the page of this webview. `answered` gets what its promise resolved to, and is dropped if there is no such webview.
fn call(webview: u64, session: &str, batch: &str, answered: impl FnOnce(Option<&Value>) + 'static) {
    let widget = WIDGETS.with_borrow(|widgets| widgets.get(&webview).and_then(WeakRef::upgrade));
    let Some(widget) = widget else {
        return;
    };
    let arguments = VariantDict::new(None);
    arguments.insert("session", session);
    arguments.insert("batch", batch);
    let no_cancellable: Option<&gio::Cancellable> = None;
    widget.call_async_javascript_function(
        BODY,
        Some(&arguments.end()),
        None,
        None,
        no_cancellable,
        move |result| answered(result.as_ref().ok()),
    );
}

/// Reads a value that a page may have forged: nothing but a string is converted.
fn read_answer(value: &Value) -> Option<CallAnswer> {
    if !value.is_string() {
        return None;
    }
    let bytes = value.to_string_as_bytes()?;
    let text = std::str::from_utf8(bytes.get(..MAX_ANSWER_BYTES.min(bytes.len()))?).ok()?;
    CallAnswer::parse(text).filter(|_| bytes.len() <= MAX_ANSWER_BYTES)
}
