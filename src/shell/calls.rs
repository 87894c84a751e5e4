//! Calls of pages on WebKitGTK: a constant function, with the batch as an argument.
//!
//! A call may be made on the main thread only. One source of the main loop makes the calls of all pages, and exists only
//! while some are due.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use javascriptcore::{Value, ValueExt};
use serde_json::json;
use tauri::utils::config::PatternKind;
use tauri::{AppHandle, Manager, Runtime};
use webkit2gtk::glib::{self, ControlFlow, Priority, VariantDict, WeakRef};
use webkit2gtk::{WebView, WebViewExt, gio};

use crate::api::bus::EventBus;
use crate::engine::core::Core;
use crate::engine::pump::Pump;
use crate::hub::calls::{CallId, CallReply, Farewell};
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::shell::commands::apply_carried_text;
use crate::sync::{Mutex, MutexGuard, now};
use crate::wire::attached::to_call;
use crate::wire::batch::encode;

/// What is called. It is all that is ever evaluated: WebKit passes the session and the batch as values.
///
/// A call runs in whatever document the webview shows when it arrives. Until the comparison holds, no function of that
/// document gets the session or the batch: it may have replaced `Symbol.for` and put anything in the place of the inbox, but
/// comparing two strings calls nothing.
macro_rules! body {
    ($arguments:literal) => {
        concat!(
            "'use strict'
const inbox = globalThis[Symbol.for('tauri-plugin-event-bus')]
if (typeof inbox !== 'object' || inbox === null || inbox.session !== session) return false
const handled = await inbox.receive(",
            $arguments,
            ")
return typeof handled === 'string' ? handled : false"
        )
    };
}

/// Of a batch without large bytes, which most are: each argument of a call takes WebKit some time.
const BODY: &str = body!("batch");
const BODY_WITH_BYTES: &str = body!("batch, bytes");

/// How long the source works before it lets the main loop do something else.
const TURN: Duration = Duration::from_millis(4);

/// The longest reply of a page, which sends what is larger by a command.
const MAX_REPLY_BYTES: usize = 1 << 20;

thread_local! {
    /// The widgets of the main thread by the numbers of their webviews.
    static WIDGETS: RefCell<HashMap<u64, WeakRef<WebView>>> = RefCell::default();
}

/// Applies what a page has told with the value of a call, as JSON.
type ApplyCarried = Box<dyn Fn(&Arc<GlibPump>, SubscriberKey, String) + Send + Sync>;

/// What the main loop is to do, and what has come of it.
struct GlibPump {
    core: Weak<Core>,
    apply: ApplyCarried,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    due: VecDeque<SubscriberKey>,
    notices: Vec<Notice>,
    outcomes: Vec<(CallId, Option<CallReply>)>,
    /// Whether the source is in the main loop.
    is_attached: bool,
}

/// What a page is told beside its batches.
struct Notice {
    webview: u64,
    session: SessionId,
    json: String,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.due.is_empty() && self.notices.is_empty() && self.outcomes.is_empty()
    }
}

struct Handle(Arc<GlibPump>);

impl Pump for Handle {
    fn schedule(&self, pages: Vec<SubscriberKey>, farewells: Vec<Farewell>) {
        self.0.add(|work| {
            work.due.extend(pages);
            work.notices
                .extend(farewells.into_iter().map(|ended| Notice {
                    webview: ended.webview,
                    session: ended.session,
                    json: json!({ "stale": true }).to_string(),
                }));
        });
    }

    fn take_outcomes(&self) -> Vec<(CallId, Option<CallReply>)> {
        std::mem::take(&mut self.0.work().outcomes)
    }
}

/// Makes calls possible. With Tauri's isolation pattern a page talks to the host through the isolation app alone, so it stays
/// with its pulls.
pub(super) fn install<R: Runtime>(app: &AppHandle<R>, core: &Arc<Core>) {
    let pattern = &app.config().app.security.pattern;
    if matches!(pattern, PatternKind::Brownfield) {
        let app = app.clone();
        let pump = GlibPump {
            core: Arc::downgrade(core),
            apply: Box::new(move |pump, page, text| {
                if let Some(bus) = app.try_state::<EventBus>() {
                    pump.apply_carried(bus.inner().clone(), page, text);
                }
            }),
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
        let end = now() + TURN;
        core.note_outcomes();
        let notices = std::mem::take(&mut self.work().notices);
        for notice in notices {
            let session = notice.session.to_string();
            call(notice.webview, &session, &notice.json, Vec::new(), |_| {});
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
                    session: next.session,
                    reply: None,
                };
                let batch = encode(&next.batch);
                let (text, bytes) = match batch.attached() {
                    [] => (Cow::Borrowed(&*batch), Vec::new()),
                    _ => {
                        let (text, bytes) = to_call(&batch);
                        (Cow::Owned(text), bytes)
                    }
                };
                let session = next.session.to_string();
                call(next.webview, &session, &text, bytes, move |value| {
                    outcome.note(value);
                });
            }
            if now() >= end {
                return self.detach();
            }
        }
    }
}

impl GlibPump {
    /// Applies what was carried on a task: responses may be long, and their checks run code of the app.
    fn apply_carried(self: &Arc<Self>, bus: EventBus, page: SubscriberKey, text: String) {
        let core = Arc::clone(&bus.runtime().core);
        let pump = Arc::clone(self);
        let tasks = core.tasks().clone();
        tasks.spawn(async move {
            let found = core.hub().session_of(page);
            let Some((label, session, webview)) = found else {
                return;
            };
            let refused = apply_carried_text(&bus, &label, session, &text);
            if !refused.is_empty() {
                let json = json!({ "refused": refused }).to_string();
                pump.add(|work| {
                    work.notices.push(Notice {
                        webview,
                        session,
                        json,
                    });
                });
            }
        });
    }
}

/// Reports the outcome of a call when it is dropped, so that a call that is dropped has failed.
struct PendingOutcome {
    pump: Arc<GlibPump>,
    id: CallId,
    session: SessionId,
    reply: Option<CallReply>,
}

impl PendingOutcome {
    fn note(mut self, value: Option<&Value>) {
        let text = value.and_then(read_text);
        let (reply, carried) = text.as_deref().map_or((None, None), split_reply);
        // A document that does not know the session has nothing to say.
        self.reply = reply.filter(|reply| reply.session == self.session);
        if let Some(carried) = carried.filter(|_| self.reply.is_some()) {
            (self.pump.apply)(&self.pump, self.id.page, carried.to_owned());
        }
    }
}

impl Drop for PendingOutcome {
    fn drop(&mut self) {
        let outcome = (self.id, self.reply);
        self.pump.add(|work| work.outcomes.push(outcome));
    }
}

/// Calls the page of this webview, with the large bytes of its batch beside it. `returned` gets what the promise of the page
/// resolved to, and is dropped if there is no such webview.
fn call(
    webview: u64,
    session: &str,
    batch: &str,
    bytes: Vec<String>,
    returned: impl FnOnce(Option<&Value>) + 'static,
) {
    let widget = WIDGETS.with_borrow(|widgets| widgets.get(&webview).and_then(WeakRef::upgrade));
    let Some(widget) = widget else {
        return;
    };
    let arguments = VariantDict::new(None);
    arguments.insert("session", session);
    arguments.insert("batch", batch);
    let body = if bytes.is_empty() {
        BODY
    } else {
        let texts = VariantDict::new(None);
        for (number, text) in bytes.into_iter().enumerate() {
            texts.insert(&number.to_string(), text);
        }
        arguments.insert_value("bytes", &texts.end());
        BODY_WITH_BYTES
    };
    let no_cancellable: Option<&gio::Cancellable> = None;
    widget.call_async_javascript_function(
        body,
        Some(&arguments.end()),
        None,
        None,
        no_cancellable,
        move |result| returned(result.as_ref().ok()),
    );
}

/// Reads a value that a page may have forged: nothing but a string is converted.
fn read_text(value: &Value) -> Option<String> {
    if !value.is_string() {
        return None;
    }
    let bytes = value.to_string_as_bytes()?;
    if bytes.len() > MAX_REPLY_BYTES {
        return None;
    }
    std::str::from_utf8(&bytes).ok().map(str::to_owned)
}

/// The acknowledgement of a reply, and what it carries: `<session>:<index>:<carried>`.
fn split_reply(text: &str) -> (Option<CallReply>, Option<&str>) {
    let second = text.match_indices(':').nth(1);
    match second {
        Some((at, _)) => (CallReply::parse(&text[..at]), Some(&text[at + 1..])),
        None => (CallReply::parse(text), None),
    }
}
