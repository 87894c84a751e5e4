//! The users of the bus in a scenario: an app, and pages that behave like the guest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Plain, MutexGuard as PlainGuard, PoisonError};

use serde_json::Value;
use shuttle::sync::mpsc::{Receiver, Sender, channel};

use crate::engine::core::Platform;
use crate::engine::reply::Reply;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::BatchBound;
use crate::hub::{Audience, Command, NewEvent, Pull, SubscriptionRequest};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::periodic::source::Sources;
use crate::runtime::BusRuntime;
use crate::sync::Tasks;

/// The one webview, in a window of the same name.
pub(crate) const MAIN: &str = "main";

/// Small, so that batches end between any two events.
const BATCH: BatchBound = BatchBound {
    events: 2,
    bytes: 1 << 20,
};

/// A platform without windows of its own: only announced webviews exist.
struct NoWindows;

impl Platform for NoWindows {
    fn window_of(&self, _webview: &str) -> Option<String> {
        None
    }

    fn is_closed(&self, _: &str) -> bool {
        false
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
        Box::new(NoWindows),
        Tasks,
    );
    let _ = runtime.core.hub().announce(MAIN, MAIN);
    runtime
}

pub(crate) fn new_event(name: &str) -> NewEvent {
    NewEvent {
        name: EventName::parse(name).unwrap(),
        payload: "1".to_owned().into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    }
}

pub(crate) fn try_emit(runtime: &BusRuntime, name: &str) -> Result<Receipt> {
    runtime.core.publish(new_event(name), &Audience::default())
}

/// Emits and returns the sequence number.
pub(crate) fn emit(runtime: &BusRuntime, name: &str) -> u64 {
    try_emit(runtime, name).unwrap().seq
}

pub(crate) fn pattern(text: &str) -> EventPattern {
    EventPattern::parse(text).unwrap()
}

/// What the threads of a scenario record. Its lock is never contended.
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

/// A pending reply; `None` if it is dropped.
pub(crate) struct Pending(Receiver<Option<JsonResult>>);

impl Pending {
    /// Blocks until the reply arrives. The checker reports a missing one as a deadlock.
    pub(crate) fn wait(self) -> Option<JsonResult> {
        let reply = self.0.recv().unwrap();
        assert!(self.0.try_recv().is_err(), "replied twice");
        reply
    }
}

/// A reply that uses the bus while it is sent: it would deadlock if a lock were held at that time.
pub(crate) fn reply(runtime: &Arc<BusRuntime>) -> (Reply, Pending) {
    let (sender, receiver): (Sender<Option<JsonResult>>, _) = channel();
    let runtime = Arc::downgrade(runtime);
    let reply = Reply::new(move |result| {
        // After a failure, another panic would end the process.
        if std::thread::panicking() {
            return;
        }
        if let Some(runtime) = runtime.upgrade() {
            runtime.core.knows(MAIN);
        }
        // The scenario and its page may have ended.
        let _ = sender.send(result);
    });
    (reply, Pending(receiver))
}

/// The sequence numbers of the events that a page has received, by subscription.
pub(crate) type Received = BTreeMap<u32, Vec<u64>>;

/// A page in the one webview, with one session.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) runtime: Arc<BusRuntime>,
    pub(crate) session: SessionId,
    n: u64,
    handled: u64,
    pub(crate) received: Received,
    /// The number and the index of each event that it was brought.
    pub(crate) brought: Vec<(u64, u64)>,
    /// The ids of the requests that it has received, and of those that ended.
    pub(crate) requests: Requests,
}

/// Requests, and the ends of requests, in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    pub(crate) received: Vec<String>,
    pub(crate) ended: Vec<String>,
    /// How many outcomes of its own events it was told.
    pub(crate) outcomes: usize,
}

impl Page {
    pub(crate) fn new(runtime: &Arc<BusRuntime>, session: u128) -> Self {
        Self {
            runtime: Arc::clone(runtime),
            session: SessionId::parse(&format!("{session:032x}")).unwrap(),
            n: 0,
            handled: 0,
            received: Received::new(),
            brought: Vec::new(),
            requests: Requests::default(),
        }
    }

    /// Runs the next command of this page, as the shell does.
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
        let (admission, key) = self
            .runtime
            .core
            .begin_command(MAIN, command, Reply::new(|_| {}));
        match (admission, key) {
            (CommandAdmission::Run(_), Some(key)) => {
                let done = run(&self.runtime, key);
                self.runtime
                    .core
                    .finish_command(key, self.n, &Ok("null".into()));
                Ok(done)
            }
            (CommandAdmission::Refuse(_, error), _) => Err(error),
            (admission, _) => panic!("{admission:?}"),
        }
    }

    /// Subscribes and returns the sequence number after which the subscription begins.
    pub(crate) fn subscribe(&mut self, id: u32, text: &str, wants_replayed: bool) -> Result<u64> {
        let now = crate::sync::now();
        let request = SubscriptionRequest {
            id,
            pattern: pattern(text),
            scope: None,
            target: None,
            wants_replayed,
            wants_retained: false,
            wants_latest: false,
            watches: None,
            resume: None,
        };
        self.received.insert(id, Vec::new());
        self.command(|runtime, key| runtime.core.subscribe(key, vec![request], now).remove(0))?
            .map(|begun| begun.seq)
    }

    pub(crate) fn unsubscribe(&mut self, id: u32) -> Result<()> {
        self.command(|runtime, key| {
            let effects = runtime.core.hub().unsubscribe(key, &[id]);
            runtime.core.apply_effects(effects);
        })
    }

    /// Sends a pull that acknowledges every handled item.
    pub(crate) fn send_pull(&self) -> Pending {
        self.pull_from(false)
    }

    /// Sends a pull for what follows the previous batch, whether or not that has arrived.
    pub(crate) fn send_pull_ahead(&self) -> Pending {
        self.pull_from(true)
    }

    fn pull_from(&self, is_ahead: bool) -> Pending {
        let (reply, pending) = reply(&self.runtime);
        let pull = Pull {
            session: self.session,
            ack: self.handled,
            is_ahead,
            is_prompt: false,
            can_be_called: false,
            bound: BATCH,
        };
        self.runtime.core.pull((MAIN, MAIN), pull, reply);
        pending
    }

    /// Pulls once. An error means that the session has ended.
    pub(crate) fn pull(&mut self) -> Result<(), ErrorCode> {
        let batch = self.send_pull().wait();
        self.take(batch)
    }

    /// Handles the reply to a pull.
    pub(crate) fn take(&mut self, reply: Option<JsonResult>) -> Result<(), ErrorCode> {
        let json = match reply {
            Some(Ok(json)) => json,
            Some(Err(error)) => return Err(error.code()),
            None => return Err(ErrorCode::StaleSession),
        };
        let items = read_batch(&json, &mut self.requests);
        // A batch that has overtaken its predecessor is ignored and pulled again.
        if items
            .first()
            .is_some_and(|item| item.index > self.handled + 1)
        {
            return Ok(());
        }
        for item in items {
            // What is not acknowledged arrives again.
            if item.index <= self.handled {
                continue;
            }
            assert_eq!(item.index, self.handled + 1, "an index is missing");
            self.handled = item.index;
            if !item.subscriptions.is_empty() {
                self.brought.push((item.seq, item.index));
            }
            for id in item.subscriptions {
                let received = self.received.get_mut(&id).unwrap();
                assert!(
                    received.last().is_none_or(|last| *last < item.seq),
                    "out of order"
                );
                received.push(item.seq);
            }
        }
        Ok(())
    }

    pub(crate) fn received(&self, id: u32) -> &[u64] {
        &self.received[&id]
    }
}

struct Item {
    index: u64,
    seq: u64,
    subscriptions: Vec<u32>,
}

/// Reads a batch as `wire` writes it. There are no gaps, since no queue overflows in these scenarios.
fn read_batch(json: &str, requests: &mut Requests) -> Vec<Item> {
    let batch: Value = serde_json::from_str(json).unwrap();
    let mut indexes = batch["first"].as_u64().unwrap()..;
    let mut seq = 0;
    let mut items = Vec::new();
    for run in batch["items"].as_array().unwrap() {
        let Some(values) = run.as_array() else {
            let text = |key: &str| run[key].as_str().map(str::to_owned);
            requests.received.extend(text("request"));
            requests.ended.extend(text("ended"));
            requests.outcomes += usize::from(run.get("outcome").is_some());
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
