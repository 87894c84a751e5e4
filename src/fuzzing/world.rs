//! A hub that bytes drive.

use std::time::Instant;

use serde_json::value::RawValue;

use super::{check, checked};
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound};
use crate::hub::{
    Address, Audience, Command, Effects, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::target::Target;
use crate::wire::batch::encode;

pub(super) const WEBVIEWS: [&str; 2] = ["a", "b"];
pub(super) const NAMES: [&str; 4] = ["x", "x:y", "latest", "kept"];
pub(super) const PATTERNS: [&str; 4] = ["x", "*", "x*", "[lk]*"];

/// What a page knows of its session.
#[derive(Default)]
pub(super) struct PageState {
    session: u8,
    n: u64,
    /// The highest index that was delivered.
    pub(super) index: u64,
}

/// A hub, and what its pages know.
pub(super) struct World {
    pub(super) hub: Hub<usize>,
    pub(super) now: Instant,
    pub(super) pages: [PageState; 2],
}

impl World {
    pub(super) fn new() -> Self {
        let limits = Limits {
            queue_events: 5,
            queue_bytes: 4000,
            backlog_events: 4,
            backlog_bytes: 3000,
            retained_events: 2,
            subscriptions_per_page: 6,
            ..Limits::default()
        };
        let mut policies = Policies::default();
        let _ = policies.add("latest", Policy::new().latest());
        let _ = policies.add("kept", Policy::new().retain(true).reject());
        let mut hub = Hub::new(limits, policies);
        for label in WEBVIEWS {
            let _ = hub.announce(label, label);
        }
        Self {
            hub,
            now: Instant::now(),
            pages: Default::default(),
        }
    }

    pub(super) fn apply_effects(&mut self, effects: Effects<usize>) {
        for (webview, batch) in &effects.batches {
            self.check_batch(*webview, batch);
        }
    }

    /// A batch is JSON with the same number of items.
    fn check_batch(&mut self, webview: usize, batch: &Batch) -> String {
        let json = encode(batch);
        #[derive(serde::Deserialize)]
        struct ParsedBatch<'a> {
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        let written: Option<ParsedBatch<'_>> = serde_json::from_str(&json).ok();
        let items = written.map(|written| written.items).unwrap_or_default();
        // A run has a head, a step, two places for each event, and perhaps the extras of all of them.
        let events = |item: &&RawValue| match serde_json::from_str::<Vec<&RawValue>>(item.get()) {
            Ok(run) => (run.len() - 2) / 2,
            Err(_) => 1,
        };
        let count: usize = items.iter().map(events).sum();
        assert_eq!(count, batch.items().len(), "{}", &*json);
        let page = &mut self.pages[webview];
        let end = batch.first() + batch.items().len() as u64;
        page.index = page.index.max(end.saturating_sub(1));
        json.to_string()
    }

    fn session(&self, webview: usize) -> Option<SessionId> {
        let id = format!("{:032x}", self.pages[webview].session);
        checked(SessionId::parse(&id))
    }

    fn command(&mut self, webview: usize, name: &'static str, n: u64) -> Option<SubscriberKey> {
        let command = Command {
            name,
            session: self.session(webview)?,
            n,
            origin: Some("tauri://localhost".to_owned()),
        };
        let (admission, key, effects) =
            self.hub
                .begin_command(WEBVIEWS[webview], command, webview, self.now);
        self.apply_effects(effects);
        match admission {
            CommandAdmission::Run(_) => key,
            CommandAdmission::Refuse(_, error) => {
                check(&error);
                None
            }
            _ => None,
        }
    }

    pub(super) fn open(&mut self, webview: usize, session: u8) {
        self.pages[webview] = PageState {
            session,
            n: 0,
            index: 0,
        };
        if let Some(key) = self.next(webview, "emit") {
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("[]".into()));
        }
    }

    fn next(&mut self, webview: usize, name: &'static str) -> Option<SubscriberKey> {
        self.pages[webview].n += 1;
        self.command(webview, name, self.pages[webview].n)
    }

    pub(super) fn repeat(&mut self, webview: usize, n: u64) {
        if let Some(key) = self.command(webview, "emit", n) {
            self.pages[webview].n = n;
            let waiting = self.hub.finish_command(key, n, Ok("".into()));
            assert!(waiting.is_empty());
        }
    }

    fn add(&mut self, webview: usize, request: SubscriptionRequest) {
        if let Some(key) = self.next(webview, "subscribe") {
            let (results, effects) = self.hub.subscribe(key, vec![request], self.now);
            self.apply_effects(effects);
            for result in results {
                checked(result);
            }
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("[]".into()));
        }
    }

    pub(super) fn subscribe(&mut self, webview: usize, id: u32, pattern: &str) {
        if let Some(pattern) = checked(EventPattern::parse(pattern)) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: !id.is_multiple_of(3),
                wants_retained: !id.is_multiple_of(5),
                wants_latest: id.is_multiple_of(7),
                watches: None,
                resume: None,
            };
            self.add(webview, request);
        }
    }

    pub(super) fn resume(&mut self, webview: usize, id: u32, session: u8, after: u8) {
        let previous = checked(SessionId::parse(&format!("{session:032x}")));
        if let (Some(session), Some(pattern)) = (previous, checked(EventPattern::parse("*"))) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: true,
                wants_retained: true,
                wants_latest: false,
                watches: None,
                resume: Some(Resumption {
                    session,
                    // Numbers from the future are possible, too.
                    after: u64::from(after),
                    handled: u64::from(after / 2),
                    index: u64::from(after / 3),
                }),
            };
            self.add(webview, request);
        }
    }

    pub(super) fn unsubscribe(&mut self, webview: usize, ids: &[u32]) {
        if let Some(key) = self.next(webview, "unsubscribe") {
            let effects = self.hub.unsubscribe(key, ids);
            self.apply_effects(effects);
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("null".into()));
        }
    }

    pub(super) fn emit(&mut self, name: &str, payload: &str, to: Option<&str>) {
        let Some(name) = checked(EventName::parse(name)) else {
            return;
        };
        let event = NewEvent {
            name,
            payload: payload.into(),
            source: Endpoint::Webview("a".into()),
            tick: None,
            provenance: None,
            retain: None,
            lifetime: Lifetime::default(),
        };
        let to = to.and_then(|label| checked(Address::of(Target::from(label))));
        let audience = Audience {
            to,
            ..Audience::default()
        };
        let now = self.now;
        let enqueued = self.hub.enqueue(event, &audience, || now);
        if let Some((_, effects)) = checked(enqueued.map_err(Error::from)) {
            self.apply_effects(*effects.unwrap_or_default());
        }
    }

    pub(super) fn pull(&mut self, webview: usize, ack: u64) -> String {
        self.pull_with(webview, ack, false)
    }

    pub(super) fn pull_with(&mut self, webview: usize, ack: u64, is_ahead: bool) -> String {
        let Some(session) = self.session(webview) else {
            return String::new();
        };
        let pull = Pull {
            session,
            ack,
            is_ahead,
            is_prompt: false,
            can_be_called: false,
            bound: BatchBound {
                events: 3,
                bytes: 1 << 20,
            },
        };
        match self.hub.pull(WEBVIEWS[webview], pull, webview, self.now) {
            Ok(effects) => {
                let mut written = String::new();
                for (webview, batch) in &effects.batches {
                    // An acknowledged item never comes again.
                    assert!(batch.is_empty() || batch.first() > ack);
                    written = self.check_batch(*webview, batch);
                }
                written
            }
            Err((_, error)) => {
                check(&error);
                String::new()
            }
        }
    }

    pub(super) fn leave(&mut self, webview: usize, origin: u8) {
        let origin = (!origin.is_multiple_of(4)).then(|| "tauri://localhost".to_owned());
        let effects = self.hub.leave_page(WEBVIEWS[webview], origin);
        self.apply_effects(effects);
    }

    pub(super) fn close(&mut self, webview: usize) {
        let (_, effects) = self.hub.remove_window(WEBVIEWS[webview]);
        self.apply_effects(effects);
    }
}
