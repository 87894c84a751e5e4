//! One run: the app, its windows and pages, and what is on its way between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime};
use tauri::webview::InvokeRequest;
use tauri::{AppHandle, Manager, WebviewWindow};

use crate::api::bus::EventBus;
use crate::app::{app, plugin_of, remove_plugin, tauri_tasks};
use crate::browser::{Message, Output, Page};
use crate::calls::OpenCall;
use crate::history::History;
use crate::host::Host;
use crate::mutation::Mutation;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::runtime::BusRuntime;
use crate::sync::Clocks;
use crate::{platform, sync};

/// The labels of the webviews, each in a window of its own.
pub(crate) const LABELS: [&str; 3] = ["main", "other", "editor-a"];
/// The origins of pages. Both belong to the app.
pub(crate) const ORIGINS: [&str; 2] = ["tauri://localhost", "tauri://elsewhere"];

/// A window with one webview.
pub(crate) struct Window {
    pub(crate) label: &'static str,
    webview: Option<WebviewWindow<MockRuntime>>,
    pub(crate) is_open: bool,
    /// The page that it shows.
    pub(crate) page: Option<u32>,
    /// The pages in its back/forward cache.
    pub(crate) cached: Vec<u32>,
}

/// A page and its connection to the host.
pub(crate) struct Document {
    pub(crate) window: usize,
    pub(crate) page: Page,
    pub(crate) origin: &'static str,
    /// Whether a failed fetch has latched its IPC to postMessage.
    pub(crate) is_latched: bool,
    /// In the back/forward cache, where no task runs.
    pub(crate) is_frozen: bool,
    /// The machine or the browser has stopped its process for a while.
    pub(crate) is_suspended: bool,
}

/// A message of a page, and its answer.
pub(crate) struct Wire {
    pub(crate) document: u32,
    pub(crate) window: usize,
    pub(crate) origin: &'static str,
    pub(crate) message: Message,
    /// By postMessage, where the answer is evaluated.
    pub(crate) is_posted: bool,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// On its way to the host.
    Sent,
    /// The host has it.
    Accepted,
    /// The answer is on its way to the page.
    Answered { is_ok: bool, json: String },
}

/// A message that the host has accepted.
pub(crate) struct Accepted {
    pub(crate) document: u32,
    pub(crate) label: &'static str,
    pub(crate) command: String,
    pub(crate) arguments: String,
}

/// The answers of the host that were not looked at yet, and when they were given. `None` where a command was dropped.
type Answers = Arc<Mutex<Vec<(u64, Option<InvokeResponse>, Clocks)>>>;

/// Answers once, if only by being dropped.
struct Responder(Option<u64>, Answers);

impl Responder {
    fn send(&mut self, response: Option<InvokeResponse>) {
        if let Some(wire) = self.0.take() {
            lock(&self.1).push((wire, response, sync::clocks()));
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.send(None);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) history: History,
    pub(crate) oracle: Oracle,
    pub(crate) windows: Vec<Window>,
    pub(crate) documents: BTreeMap<u32, Document>,
    pub(crate) wires: BTreeMap<u64, Wire>,
    answers: Answers,
    /// The windows of the numbers that the hub gives to webviews.
    pub(crate) webviews: BTreeMap<u64, usize>,
    pub(crate) calls: BTreeMap<u64, OpenCall>,
    pub(crate) host: Host,
    pub(crate) bus: EventBus,
    pub(crate) runtime: Arc<BusRuntime>,
    app: AppHandle<MockRuntime>,
    /// The commands whose answers the oracle knows, by their sessions and numbers.
    pub(crate) learned: BTreeSet<(String, Option<u64>)>,
    /// Those of which every answer was looked at, also where it reaches no page.
    pub(crate) answered: BTreeSet<(String, Option<u64>)>,
    accepted: BTreeMap<u64, Accepted>,
    /// The windows that have loaded a page since they were opened.
    pub(crate) loaded: BTreeSet<&'static str>,
    newest_wire: u64,
    newest_document: u32,
    newest: u64,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan, mutation: Option<Mutation>) -> Self {
        tauri_tasks();
        platform::clear();
        sync::begin(Rng::new(seed, u64::MAX));
        let app = app();
        // A run that panicked has left its own.
        remove_plugin(&app);
        let (plugin, handle) = (plugin_of(&plan), app.clone());
        let add = move || handle.plugin(plugin.build());
        // Another thread is the app's main thread, which may not wait for pages.
        match std::thread::spawn(add).join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => panic!("the plugin does not start: {error}"),
            Err(_) => panic!("the plugin does not start"),
        }
        let bus = app.state::<EventBus>().inner().clone();
        let windows = LABELS.map(|label| Window {
            label,
            webview: app.get_webview_window(label),
            is_open: false,
            page: None,
            cached: Vec::new(),
        });
        let mut oracle = Oracle::default();
        oracle.wills.grace = Duration::from_millis(plan.limits.page_grace_ms as u64);
        Self {
            rng: Rng::new(seed, 0),
            seed,
            plan,
            mutation,
            history: History::default(),
            oracle,
            windows: windows.into(),
            documents: BTreeMap::new(),
            wires: BTreeMap::new(),
            answers: Arc::default(),
            webviews: BTreeMap::new(),
            calls: BTreeMap::new(),
            host: Host::default(),
            runtime: Arc::clone(bus.runtime()),
            bus,
            app,
            learned: BTreeSet::new(),
            answered: BTreeSet::new(),
            accepted: BTreeMap::new(),
            loaded: BTreeSet::new(),
            newest_wire: 0,
            newest_document: 0,
            newest: 0,
        }
    }

    /// Ends the run. Returns its history.
    pub(crate) fn dismantle(self) -> String {
        let Self { app, history, .. } = self;
        remove_plugin(&app);
        sync::begin(Rng::default());
        history.into_text()
    }

    /// A number that nothing else of this run has.
    pub(crate) fn number(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    pub(crate) fn numbers(&mut self, count: u64) -> u64 {
        let first = self.newest + 1;
        self.newest += count;
        first
    }

    /// The number of the newest event.
    pub(crate) fn seq(&self) -> u64 {
        self.runtime.core.hub().overview().seq
    }

    pub(crate) fn note(&mut self, text: String) {
        self.history.add(text);
    }

    /// Lets time pass for everything.
    pub(crate) fn pass(&mut self, time: Duration) {
        sync::advance(time, time);
    }

    /// Runs the tasks of the host until all wait, in an order that the run decides.
    pub(crate) fn settle(&mut self) {
        /// So many, that a task which never waits is a fault.
        const MOST: usize = 100_000;
        for _ in 0..MOST {
            tauri_tasks().block_on(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            });
            let has_run = sync::poll_one(&mut self.rng);
            let has_answers = self.take_answers();
            if !has_run && !has_answers {
                self.take_notes_of_host();
                self.oracle.host_rests(sync::passed());
                return;
            }
        }
        self.oracle.violation("the host never came to rest".into());
    }

    fn take_answers(&mut self) -> bool {
        let answers = std::mem::take(&mut *lock(&self.answers));
        let has_some = !answers.is_empty();
        for (wire, response, at) in answers {
            self.take_answer(wire, response, at);
        }
        has_some
    }

    fn take_answer(&mut self, number: u64, response: Option<InvokeResponse>, at: Clocks) {
        let (is_ok, json) = match response {
            None => {
                self.note(format!("wire {number} dropped"));
                self.wires.remove(&number);
                return;
            }
            Some(InvokeResponse::Ok(InvokeResponseBody::Json(json))) => (true, json),
            Some(InvokeResponse::Ok(InvokeResponseBody::Raw(_))) => (true, "null".into()),
            Some(InvokeResponse::Err(error)) => (false, error.0.to_string()),
        };
        self.note(format!("wire {number} answered {is_ok} {json}"));
        let sent = self.accepted.remove(&number).filter(|_| is_ok);
        if let Some(sent) = &sent {
            self.note_answer(sent, &json, at);
        }
        let Some(wire) = self.wires.get(&number) else {
            // It reaches nobody, and no copy of it may get an answer: what follows on it may have run before.
            if let Some(sent) = sent {
                self.learn(
                    sent.document,
                    sent.label,
                    &sent.command,
                    &sent.arguments,
                    &json,
                    at,
                );
            }
            return;
        };
        let (document, command) = (wire.document, wire.message.command.clone());
        let arguments = wire.message.arguments.clone();
        let label = self.windows[wire.window].label;
        let json = match self.mutation {
            Some(mutation) => mutation.doctor(&command, json, &mut self.rng),
            None => Some(json),
        };
        let Some(json) = json else {
            self.wires.remove(&number);
            return;
        };
        if is_ok {
            self.learn(document, label, &command, &arguments, &json, at);
        }
        let is_there = self
            .documents
            .get(&document)
            .is_some_and(|document| !document.is_frozen);
        if !is_there {
            // It is evaluated in, or fetched by, nothing.
            self.wires.remove(&number);
        } else if let Some(wire) = self.wires.get_mut(&number) {
            wire.stage = Stage::Answered { is_ok, json };
        }
    }

    /// Hands a message to the host.
    pub(crate) fn deliver(&mut self, number: u64) {
        let Some(wire) = self.wires.get_mut(&number) else {
            return;
        };
        let Some(webview) = self.windows[wire.window].webview.clone() else {
            return;
        };
        wire.stage = Stage::Accepted;
        if wire.message.command.ends_with("|pull") {
            let (window, page) = (wire.window, wire.document);
            let arguments = wire.message.arguments.clone();
            self.note_pull(window, page, &arguments);
        } else {
            let page = wire.document;
            self.oracle.page_is_heard_of(page, false, sync::passed());
        }
        let Some(wire) = self.wires.get(&number) else {
            return;
        };
        let mut headers = tauri::http::HeaderMap::new();
        if !wire.is_posted {
            for (name, value) in [("Origin", wire.origin), ("Tauri-Callback", "0")] {
                if let (Ok(name), Ok(value)) = (
                    name.parse::<tauri::http::HeaderName>(),
                    tauri::http::HeaderValue::from_str(value),
                ) {
                    headers.insert(name, value);
                }
            }
        }
        let Ok(url) = ORIGINS[0].parse() else {
            return;
        };
        let mut arguments: Value =
            serde_json::from_str(&wire.message.arguments).unwrap_or_default();
        if let Some(mutation) = self.mutation {
            mutation.doctor_arguments(&mut arguments);
        }
        let request = InvokeRequest {
            cmd: wire.message.command.clone(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url,
            body: InvokeBody::Json(arguments),
            headers,
            invoke_key: INVOKE_KEY.to_string(),
        };
        let accepted = Accepted {
            document: wire.document,
            label: self.windows[wire.window].label,
            command: wire.message.command.clone(),
            arguments: wire.message.arguments.clone(),
        };
        self.accepted.insert(number, accepted);
        self.note(format!("wire {number} accepted"));
        let mut responder = Responder(Some(number), Arc::clone(&self.answers));
        let webview: &tauri::Webview<MockRuntime> = webview.as_ref();
        webview.clone().on_message(
            request,
            Box::new(move |_, _, response, _, _| responder.send(Some(response))),
        );
    }

    /// Hands an answer to its page.
    pub(crate) fn answer(&mut self, number: u64) {
        let Some(wire) = self.wires.remove(&number) else {
            return;
        };
        let Stage::Answered { is_ok, json } = wire.stage else {
            return;
        };
        self.note(format!("wire {number} delivered"));
        if let Some(document) = self.documents.get(&wire.document) {
            let callback = wire.message.callback;
            document.page.answer(callback, is_ok, &json, wire.is_posted);
        }
        self.collect(wire.document);
    }

    /// Takes what a page has sent and noted.
    pub(crate) fn collect(&mut self, number: u32) {
        let Some(document) = self.documents.get(&number) else {
            return;
        };
        for output in document.page.take_output() {
            match output {
                Output::Sent(message) => self.send(number, message, None),
                Output::Noted(kind, value) => self.take_note(number, &kind, &value),
            }
        }
    }

    /// Puts a message of a page on its way.
    pub(crate) fn send(&mut self, number: u32, message: Message, is_posted: Option<bool>) {
        let Some(document) = self.documents.get(&number) else {
            return;
        };
        self.newest_wire += 1;
        let wire = Wire {
            document: number,
            window: document.window,
            origin: document.origin,
            is_posted: is_posted.unwrap_or(document.is_latched),
            message,
            stage: Stage::Sent,
        };
        let path = if wire.is_posted { "posted" } else { "fetched" };
        let (command, arguments) = (&wire.message.command, &wire.message.arguments);
        let command = command.trim_start_matches("plugin:event-bus|");
        let text = format!(
            "wire {} of page {number} {path}: {command} {arguments}",
            self.newest_wire
        );
        self.note(text);
        self.wires.insert(self.newest_wire, wire);
    }

    /// Opens a window again, or for the first time.
    pub(crate) fn open_window(&mut self, window: usize) {
        let seq = self.seq();
        let own = &mut self.windows[window];
        own.is_open = true;
        self.loaded.remove(own.label);
        platform::list(own.label, true);
        // As the plugin's hook does.
        let number = self.runtime.webview_is_ready(own.label, own.label);
        self.oracle.window_opens(own.label, seq);
        self.note_callable(window, number);
        self.note(format!("window {window} opened at {seq}"));
    }

    /// Loads a new page in a window whose old one has been left.
    pub(crate) fn load(&mut self, window: usize, origin: &'static str) -> u32 {
        let label = self.windows[window].label;
        self.leave(window, Some(origin));
        self.newest_document += 1;
        let number = self.newest_document;
        self.note(format!(
            "page {number} of {origin} loads in window {window}"
        ));
        self.oracle.page_loads(number, label, origin);
        let rng = Rng::new(self.seed, (1 << 32) + u64::from(number));
        let document = Document {
            window,
            page: Page::load(label, rng),
            origin,
            is_latched: self.plan.is_android,
            is_frozen: false,
            is_suspended: false,
        };
        self.documents.insert(number, document);
        self.windows[window].page = Some(number);
        self.collect(number);
        number
    }

    pub(crate) fn operate(&mut self, page: u32, op: &Value) {
        self.note(format!("page {page} does {op}"));
        let document = self.documents.get(&page);
        document.inspect(|document| document.page.operate(op));
        self.collect(page);
    }
}
