//! Those who use the bus in a scenario: an app, and pages that behave as the guest does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Plain, MutexGuard as PlainGuard, PoisonError};

use serde_json::Value;
use shuttle::sync::mpsc::{Receiver, Sender, channel};

use crate::config::Limits;
use crate::engine::core::Platform;
use crate::engine::reply::Reply;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::outbox::BatchBound;
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::hub::{Audience, Command, NewEvent, Pull, SubscriptionRequest};
use crate::model::endpoint::Endpoint;
use crate::model::error::{ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::{Policies, Policy};
use crate::periodic::source::Sources;
use crate::runtime::BusRuntime;
use crate::sync::Tasks;

/// The one webview, in a window of the same name.
pub(crate) const MAIN: &str = "main";

/// Small, so that batches end in the middle of things.
const BATCH: BatchBound = BatchBound {
    events: 2,
    bytes: 1 << 20,
};

/// A manager that knows nothing but what was announced.
struct Nobody;

impl Platform for Nobody {
    fn window_of(&self, _webview: &str) -> Option<String> {
        None
    }
}

pub(crate) fn app() -> Arc<BusRuntime> {
    app_with(Limits::default(), Policy::new())
}

pub(crate) fn app_with(limits: Limits, policy: Policy) -> Arc<BusRuntime> {
    let mut policies = Policies::default();
    policies.add("*", policy).unwrap();
    let runtime = BusRuntime::new(
        limits,
        policies,
        Sources::default(),
        Box::new(Nobody),
        Tasks,
    );
    runtime.core.hub().announce(MAIN, MAIN);
    runtime
}

pub(crate) fn draft(name: &str) -> NewEvent {
    NewEvent {
        name: EventName::parse(name).unwrap(),
        payload: "1".to_owned().into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
    }
}

pub(crate) fn try_emit(runtime: &BusRuntime, name: &str) -> Result<Receipt> {
    runtime.core.publish(draft(name), &Audience::default())
}

/// Emits and returns the sequence number.
pub(crate) fn emit(runtime: &BusRuntime, name: &str) -> u64 {
    try_emit(runtime, name).unwrap().seq
}

pub(crate) fn pattern(text: &str) -> EventPattern {
    EventPattern::parse(text).unwrap()
}

/// What the threads of a scenario write down. Nobody ever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Notes<T>(Arc<Plain<Vec<T>>>);

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Notes<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn add(&self, note: T) {
        self.lock().push(note);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    fn lock(&self) -> PlainGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is to come; `None` if it is dropped.
pub(crate) struct Pending(Receiver<Option<JsonResult>>);

impl Pending {
    /// Blocks until the answer is there. What never comes is a deadlock, which the checker reports.
    pub(crate) fn wait(self) -> Option<JsonResult> {
        let answer = self.0.recv().unwrap();
        assert!(self.0.try_recv().is_err(), "answered twice");
        answer
    }
}

/// A way to answer, which uses the bus while it does: it would wait for itself if a lock were held meanwhile.
pub(crate) fn reply(runtime: &Arc<BusRuntime>) -> (Reply, Pending) {
    let (sender, receiver): (Sender<Option<JsonResult>>, _) = channel();
    let runtime = Arc::downgrade(runtime);
    let reply = Reply::new(move |answer| {
        // After a failure there is nothing more to see, and another panic would end the process.
        if std::thread::panicking() {
            return;
        }
        if let Some(runtime) = runtime.upgrade() {
            runtime.core.knows(MAIN);
        }
        // The scenario may be over, and its page with it.
        let _ = sender.send(answer);
    });
    (reply, Pending(receiver))
}

/// What a page has got: the events' sequence numbers of each subscription.
pub(crate) type DeliveryFilter = BTreeMap<u32, Vec<u64>>;

/// A page in the one webview, with one session.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) runtime: Arc<BusRuntime>,
    pub(crate) session: SessionId,
    n: u64,
    handled: u64,
    pub(crate) heard: DeliveryFilter,
    /// The ids of the questions that it was given, and of those that ended.
    pub(crate) questions: Questions,
}

/// Questions, and the ends of questions, as they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Questions {
    pub(crate) given: Vec<String>,
    pub(crate) ended: Vec<String>,
}

impl Page {
    pub(crate) fn new(runtime: &Arc<BusRuntime>, session: u128) -> Self {
        Self {
            runtime: Arc::clone(runtime),
            session: SessionId::parse(&format!("{session:032x}")).unwrap(),
            n: 0,
            handled: 0,
            heard: DeliveryFilter::new(),
            questions: Questions::default(),
        }
    }

    /// Runs the next command of this page, as `commands/order.rs` does.
    pub(crate) fn command<T>(
        &mut self,
        run: impl FnOnce(&BusRuntime, SubscriberKey) -> T,
    ) -> Result<T> {
        self.n += 1;
        let command = Command {
            name: "command",
            session: self.session,
            n: self.n,
            origin: Some("tauri://localhost".to_owned()),
        };
        let (turn, key) = self
            .runtime
            .core
            .begin_command(MAIN, command, Reply::new(|_| {}));
        match (turn, key) {
            (CommandAdmission::Run(_), Some(key)) => {
                let done = run(&self.runtime, key);
                self.runtime
                    .core
                    .finish_command(key, self.n, &Ok("null".to_owned()));
                Ok(done)
            }
            (CommandAdmission::Refuse(_, error), _) => Err(error),
            (turn, _) => panic!("{turn:?}"),
        }
    }

    /// Subscribes and returns the sequence number that the subscription begins after.
    pub(crate) fn subscribe(&mut self, id: u32, text: &str, wants_replayed: bool) -> Result<u64> {
        let now = crate::sync::now();
        let request = SubscriptionRequest {
            id,
            pattern: pattern(text),
            scope: None,
            target: None,
            wants_replayed,
            wants_retained: false,
            resume: None,
        };
        self.heard.insert(id, Vec::new());
        self.command(|runtime, key| runtime.core.subscribe(key, vec![request], now).remove(0))?
    }

    pub(crate) fn unsubscribe(&mut self, id: u32) -> Result<()> {
        self.command(|runtime, key| {
            let effects = runtime.core.hub().unsubscribe(key, &[id]);
            runtime.core.apply_effects(effects);
        })
    }

    /// Sends a pull that acknowledges what was handled.
    pub(crate) fn send_pull(&self) -> Pending {
        self.request(false)
    }

    /// Sends a pull for what follows on the answer before, whether that one has come or not.
    pub(crate) fn send_pull_ahead(&self) -> Pending {
        self.request(true)
    }

    fn request(&self, is_ahead: bool) -> Pending {
        let (reply, pending) = reply(&self.runtime);
        let pull = Pull {
            session: self.session,
            ack: self.handled,
            is_ahead,
            is_prompt: false,
            bound: BATCH,
        };
        self.runtime.core.pull(MAIN, pull, reply);
        pending
    }

    /// Pulls once. An error says that the session is over.
    pub(crate) fn pull(&mut self) -> Result<(), ErrorCode> {
        let answer = self.send_pull().wait();
        self.take(answer)
    }

    /// Handles the answer to a pull.
    pub(crate) fn take(&mut self, answer: Option<JsonResult>) -> Result<(), ErrorCode> {
        let json = match answer {
            Some(Ok(json)) => json,
            Some(Err(error)) => return Err(error.code()),
            None => return Err(ErrorCode::StaleSession),
        };
        let items = read_batch(&json, &mut self.questions);
        // An answer that has overtaken the one that it follows on is passed over, and asked for again.
        if items
            .first()
            .is_some_and(|item| item.index > self.handled + 1)
        {
            return Ok(());
        }
        for item in items {
            // What is not acknowledged comes again.
            if item.index <= self.handled {
                continue;
            }
            assert_eq!(item.index, self.handled + 1, "an index is missing");
            self.handled = item.index;
            for id in item.subscriptions {
                let heard = self.heard.get_mut(&id).unwrap();
                assert!(
                    heard.last().is_none_or(|last| *last < item.seq),
                    "out of order"
                );
                heard.push(item.seq);
            }
        }
        Ok(())
    }

    pub(crate) fn has_heard(&self, id: u32) -> &[u64] {
        &self.heard[&id]
    }
}

struct Item {
    index: u64,
    seq: u64,
    subscriptions: Vec<u32>,
}

/// Reads what `page/batch.rs` has written. There are no gaps here, since no queue is ever too full.
fn read_batch(json: &str, questions: &mut Questions) -> Vec<Item> {
    let batch: Value = serde_json::from_str(json).unwrap();
    let mut indexes = batch["first"].as_u64().unwrap()..;
    let mut seq = 0;
    let mut items = Vec::new();
    for run in batch["items"].as_array().unwrap() {
        let Some(values) = run.as_array() else {
            let text = |key: &str| run[key].as_str().map(str::to_owned);
            questions.given.extend(text("request"));
            questions.ended.extend(text("ended"));
            items.push(Item {
                index: indexes.next().unwrap(),
                seq: 0,
                subscriptions: Vec::new(),
            });
            continue;
        };
        let head = &batch["heads"][values[0].as_u64().unwrap() as usize];
        let subscriptions: Vec<u32> = match &head[2] {
            Value::Array(ids) => ids.iter().map(|id| id.as_u64().unwrap() as u32).collect(),
            id => vec![id.as_u64().unwrap() as u32],
        };
        let mut step = values[1].as_i64().unwrap();
        for _ in values[2..].chunks_exact(2) {
            seq += step;
            step = 1;
            items.push(Item {
                index: indexes.next().unwrap(),
                seq: u64::try_from(seq).unwrap(),
                subscriptions: subscriptions.clone(),
            });
        }
    }
    items
}
