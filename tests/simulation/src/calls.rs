//! Replaces the plugin's `src/shell/calls.rs`: the simulation makes the calls of pages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tauri::{AppHandle, Runtime};

use crate::engine::core::Core;
use crate::engine::pump::Pump;
use crate::hub::calls::{CallId, CallReply, Farewell};
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::shell::apply_carried;
use crate::sync;
use crate::wire::batch::encode;
use crate::world::World;

/// What the platform's main loop is to do, and what has come of it.
#[derive(Default)]
struct Work {
    due: VecDeque<SubscriberKey>,
    notices: Vec<Notice>,
    outcomes: Vec<(CallId, Option<CallReply>)>,
}

/// What a page is told beside its batches.
struct Notice {
    webview: u64,
    session: SessionId,
    json: String,
}

/// The work of the one run that there is at a time.
static WORK: Mutex<Option<Work>> = Mutex::new(None);

fn with_work<T>(look: impl FnOnce(&mut Work) -> T) -> T {
    let mut work: MutexGuard<'_, Option<Work>> =
        WORK.lock().unwrap_or_else(PoisonError::into_inner);
    look(work.get_or_insert_default())
}

struct SimulatedPump;

impl Pump for SimulatedPump {
    fn schedule(&self, pages: Vec<SubscriberKey>, farewells: Vec<Farewell>) {
        with_work(|work| {
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
        with_work(|work| std::mem::take(&mut work.outcomes))
    }
}

/// Makes calls possible. The webviews are told apart by `note_callable`.
pub(crate) fn install<R: Runtime>(_: &AppHandle<R>, core: &Arc<Core>) {
    with_work(|work| *work = Work::default());
    core.set_pump(Box::new(SimulatedPump));
}

/// A call on its way.
pub(crate) struct OpenCall {
    /// `None` for a notice, whose answer nobody reads.
    id: Option<CallId>,
    session: SessionId,
    /// The window in whose page it runs.
    pub(crate) window: usize,
    pub(crate) stage: CallStage,
}

pub(crate) enum CallStage {
    /// On its way to the page.
    Made(String),
    /// The page works on it.
    Running(u32),
    /// What its promise has resolved to is on its way back.
    Answered(Option<String>),
}

impl World {
    /// The platform can call the pages of this window.
    pub(crate) fn note_callable(&mut self, window: usize, number: Option<u64>) {
        let Some(number) = number else {
            return;
        };
        self.webviews.insert(number, window);
        if self.plan.is_called {
            let label = self.windows[window].label;
            self.runtime.core.note_callable(label, number);
        }
    }

    pub(crate) fn has_pump_work(&self) -> bool {
        with_work(|work| {
            !work.due.is_empty() || !work.notices.is_empty() || !work.outcomes.is_empty()
        })
    }

    /// One turn of the platform's main loop.
    pub(crate) fn pump(&mut self) {
        self.runtime.core.note_outcomes();
        for notice in with_work(|work| std::mem::take(&mut work.notices)) {
            self.make_call(notice.webview, None, notice.session, notice.json);
        }
        let most = 1 + self.rng.below(4);
        for _ in 0..most {
            let Some(page) = with_work(|work| work.due.pop_front()) else {
                return;
            };
            if let Some(call) = self.runtime.core.take_call(page) {
                let batch = encode(&call.batch).into_text();
                let session = call.session.to_string();
                let read = serde_json::from_str(&batch).unwrap_or_default();
                self.oracle.batched(&session, &read, sync::steady_now());
                let batch = match self.mutation {
                    Some(mutation) => mutation.doctor_batch(batch, &mut self.rng),
                    None => batch,
                };
                self.make_call(call.webview, Some(call.id), call.session, batch);
            }
        }
    }

    fn make_call(&mut self, webview: u64, id: Option<CallId>, session: SessionId, batch: String) {
        let number = self.number();
        let window = self.webviews.get(&webview).copied();
        let window = window.filter(|window| self.windows[*window].is_open);
        self.note(format!("call {number} of webview {webview}: {batch}"));
        let Some(window) = window else {
            return end_call(id, None);
        };
        let call = OpenCall {
            id,
            session,
            window,
            stage: CallStage::Made(batch),
        };
        self.calls.insert(number, call);
    }

    /// The calls that may reach the pages that are shown, one for each window: they do not overtake each other.
    pub(crate) fn calls_made(&self) -> Vec<u64> {
        let mut windows = std::collections::BTreeSet::new();
        let made = self.calls.iter().filter(|(_, call)| {
            let page = self.windows[call.window].page;
            let document = page.and_then(|page| self.documents.get(&page));
            matches!(call.stage, CallStage::Made(_))
                && windows.insert(call.window)
                && document.is_none_or(|document| !document.is_suspended)
        });
        made.map(|(number, _)| *number).collect()
    }

    pub(crate) fn calls_answered(&self) -> Vec<u64> {
        let answered = self.calls.iter();
        let answered = answered.filter(|(_, call)| matches!(call.stage, CallStage::Answered(_)));
        answered.map(|(number, _)| *number).collect()
    }

    /// A call arrives in whatever document its webview shows.
    pub(crate) fn run_call(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let page = self.windows[call.window].page;
        let document = page.and_then(|page| Some((page, self.documents.get(&page)?)));
        let Some((page, document)) = document else {
            return self.fail_call(number);
        };
        let CallStage::Made(batch) = std::mem::replace(&mut call.stage, CallStage::Running(page))
        else {
            return;
        };
        document
            .page
            .called(number, &call.session.to_string(), &batch);
        self.note(format!("call {number} runs in page {page}"));
        self.collect(page);
    }

    /// What the promise of a call has resolved to.
    pub(crate) fn note_call_answer(&mut self, value: &Value) {
        let number = value["call"].as_u64().unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&number) {
            call.stage = CallStage::Answered(value["answer"].as_str().map(str::to_owned));
        }
    }

    /// A call fails, wherever it is.
    pub(crate) fn fail_call(&mut self, number: u64) {
        if let Some(call) = self.calls.remove(&number) {
            self.note(format!("call {number} fails"));
            end_call(call.id, None);
        }
    }

    /// The document in which these calls run is gone.
    pub(crate) fn fail_calls_of(&mut self, page: u32) {
        let running = self.calls.iter();
        let running = running.filter(
            |(_, call)| matches!(call.stage, CallStage::Running(running) if running == page),
        );
        let running: Vec<u64> = running.map(|(number, _)| *number).collect();
        for number in running {
            self.fail_call(number);
        }
    }

    /// The answer of a call is back.
    pub(crate) fn finish_call(&mut self, number: u64) {
        let Some(call) = self.calls.remove(&number) else {
            return;
        };
        let CallStage::Answered(answer) = call.stage else {
            return;
        };
        self.note(format!("call {number} is answered {answer:?}"));
        if let Some(page) = self.windows[call.window].page {
            self.oracle.page_is_heard_of(page, false, sync::passed());
        }
        let Some(id) = call.id else {
            return;
        };
        // As the plugin does: `<session>:<index>:<carried>`.
        let text = answer.unwrap_or_default();
        let second = text.match_indices(':').nth(1);
        let (reply, carried) = match second {
            Some((at, _)) => (
                CallReply::parse(&text[..at]),
                Some(text[at + 1..].to_owned()),
            ),
            None => (CallReply::parse(&text), None),
        };
        let reply = reply.filter(|reply| reply.session == call.session);
        if let Some(carried) = carried.filter(|_| reply.is_some()) {
            let bus = self.bus.clone();
            sync::spawn(async move {
                let found = bus.runtime().core.hub().session_of(id.page);
                let Some((label, session, webview)) = found else {
                    return;
                };
                let refused = apply_carried(&bus, &label, session, &carried);
                if !refused.is_empty() {
                    let json = json!({ "refused": refused }).to_string();
                    with_work(|work| {
                        work.notices.push(Notice {
                            webview,
                            session,
                            json,
                        });
                    });
                }
            });
        }
        end_call(Some(id), reply);
    }
}

fn end_call(id: Option<CallId>, reply: Option<CallReply>) {
    if let Some(id) = id {
        with_work(|work| work.outcomes.push((id, reply)));
    }
}
