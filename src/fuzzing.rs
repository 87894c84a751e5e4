//! The parsers of foreign input, for the fuzz targets in `fuzz/`. Nothing of this is in an ordinary build.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Limits;
use crate::hub::outbox::{Batch, BatchBound};
use crate::hub::session::SessionId;
use crate::hub::{
    Address, Audience, Command, Effects, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::{Policies, Policy};
use crate::model::target::Target;
use crate::permissions::{Destination, List, Scope, ScopeEntry, Subject};
use crate::shell::commands;
use crate::wire::batch::encode;

/// Every error is JSON of a sensible length, whatever caused it.
fn check(error: &Error) {
    let json = serde_json::to_string(error).unwrap_or_default();
    assert!(json.len() < 8 * 1024, "{} bytes", json.len());
    let read: Value = serde_json::from_str(&json).unwrap_or_default();
    assert_eq!(read["message"].as_str(), Some(error.message()));
    assert!(!error.message().contains(char::is_control), "{error:?}");
}

fn apply_effects<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(check).ok()
}

/// An event name.
pub fn name(text: &str) {
    if let Some(name) = apply_effects(EventName::parse(text)) {
        assert_eq!(name.as_str(), text);
        assert!(text.len() <= 255);
        // A batch writes names without escaping them.
        assert_eq!(
            serde_json::to_string(text).ok(),
            Some(format!("\"{text}\""))
        );
        assert!(!text.to_lowercase().starts_with("tauri://"));
    }
}

/// A pattern, and after a line break a name to match it with.
pub fn pattern(text: &str) {
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "a:b"));
    let Some(own) = apply_effects(EventPattern::parse(pattern)) else {
        return;
    };
    assert_eq!(own.to_string(), pattern);
    let Some(name) = apply_effects(EventName::parse(name)) else {
        return;
    };
    let matches = own.matches(&name);
    match own.exact() {
        Some(exact) => assert_eq!(matches, *exact == name),
        None => {
            let engine = glob::Pattern::new(pattern).ok();
            assert_eq!(
                engine.map(|glob| glob.matches(name.as_str())),
                Some(matches)
            );
        }
    }
}

/// The id of a session.
pub fn session_id(text: &str) {
    if let Some(id) = apply_effects(SessionId::parse(text)) {
        assert_eq!(id.to_string(), text);
    }
}

/// A target as TypeScript writes it.
pub fn target(json: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    let Some(target) = apply_effects(commands::read_target(&json)) else {
        return;
    };
    if let Some(selection) = apply_effects(target.select()) {
        for label in ["main", "a", "editor-1", "*", "💥"] {
            let _ = selection.has_webview(label, label);
        }
        assert!(target.weight() < 64 * 255 * 100);
        // What a page wrote comes back to it in the list of its jobs, and means the same.
        let written = serde_json::to_value(&target).unwrap_or_default();
        assert_eq!(apply_effects(commands::read_target(&written)), Some(target));
    }
}

/// The arguments of the commands that take entries: the first byte says which, the rest is JSON.
pub fn arguments(data: &[u8]) {
    let Some((kind, json)) = data.split_first() else {
        return;
    };
    if let Ok(json) = serde_json::from_slice::<Value>(json) {
        apply_effects(commands::read_arguments(*kind, json));
    }
}

/// Two lists of a permission, `[allow, deny]`, as capability files have them.
pub fn scope(json: &[u8]) {
    let Ok((allow, deny)) = serde_json::from_slice::<(Vec<Value>, Vec<Value>)>(json) else {
        return;
    };
    let read = |list: &[Value], kind: List| -> Vec<Arc<ScopeEntry>> {
        let entries = list.iter().map(|entry| Arc::new(ScopeEntry::read(entry)));
        entries
            .inspect(|entry| {
                assert!(
                    entry
                        .fault(kind, Subject::Event)
                        .is_none_or(|fault| !fault.is_empty())
                )
            })
            .collect()
    };
    let (allow, deny) = (read(&allow, List::Allow), read(&deny, List::Deny));
    let scope = Arc::new(Scope::new(
        "event-bus:allow-emit",
        Subject::Event,
        &allow,
        &deny,
    ));
    let malformed = deny
        .iter()
        .any(|entry| entry.fault(List::Deny, Subject::Event).is_some());
    for name in ["x", "cart:updated"] {
        let Some(name) = apply_effects(EventName::parse(name)) else {
            return;
        };
        let may_emit =
            apply_effects(scope.check_emitting(&name, Destination::Everyone, None)).is_some();
        assert_eq!(may_emit, scope.hears(&name));
        // An empty list allows nothing, and a deny entry that nobody understands denies everything.
        assert!(!may_emit || (!allow.is_empty() && !malformed));
    }
    if let Some(pattern) = apply_effects(EventPattern::parse("cart:*")) {
        apply_effects(scope.check_listening(&pattern));
    }
}

/// A payload, which stands in a batch as it was sent.
pub fn payload(text: &str) {
    let Some(name) = apply_effects(EventName::parse("x")) else {
        return;
    };
    if let Some(json) = apply_effects(commands::read_json(&name, Some(text.to_owned()))) {
        assert_eq!(json, text);
        let mut world = World::new();
        world.open(0, 1);
        world.subscribe(0, 1, "*");
        world.emit("x", &json, None);
        let batch = world.pull(0, 0);
        assert!(batch.contains(text));
    }
}

/// What pages, apps and networks do to the hub, driven by bytes: sessions, acknowledgements, subscriptions, time.
pub fn hub(bytes: &[u8]) {
    let mut world = World::new();
    let mut bytes = bytes.iter().copied();
    while let Some(step) = bytes.next() {
        let mut next = || bytes.next().unwrap_or_default();
        let webview = usize::from(next()) % WEBVIEWS.len();
        let number = next();
        match step % 12 {
            0 => world.open(webview, number),
            1 => world.subscribe(
                webview,
                u32::from(number),
                PATTERNS[usize::from(next()) % PATTERNS.len()],
            ),
            2 => world.resume(webview, u32::from(number), next(), next()),
            3 => world.unsubscribe(webview, &[u32::from(number), u32::from(next())]),
            4 => {
                let to = WEBVIEWS.get(usize::from(next()) % 4);
                world.emit(
                    NAMES[usize::from(number) % NAMES.len()],
                    "\"x\"",
                    to.copied(),
                );
            }
            5 => {
                world.pull(webview, u64::from(number));
            }
            6 => {
                let ack = world.pages[webview].index;
                world.pull(webview, ack);
            }
            7 => world.leave(webview, number),
            8 => {
                world.now += Duration::from_millis(u64::from(number) * 300);
                let (effects, _) = world.hub.expire(world.now);
                world.apply_effects(effects);
            }
            9 => world.repeat(webview, u64::from(number)),
            10 => {
                world.request_batch(webview, u64::from(number), true);
            }
            _ if number < 16 => world.close(webview),
            _ => world.hub.announce(WEBVIEWS[webview], WEBVIEWS[webview]),
        }
    }
    let effects = world.hub.shut_down();
    world.apply_effects(effects);
}

const WEBVIEWS: [&str; 2] = ["a", "b"];
const NAMES: [&str; 4] = ["x", "x:y", "latest", "kept"];
const PATTERNS: [&str; 4] = ["x", "*", "x*", "[lk]*"];

#[derive(Default)]
struct Page {
    session: u8,
    n: u64,
    /// The highest index that was answered.
    index: u64,
}

struct World {
    hub: Hub<usize>,
    now: Instant,
    pages: [Page; 2],
}

impl World {
    fn new() -> Self {
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
            hub.announce(label, label);
        }
        Self {
            hub,
            now: Instant::now(),
            pages: Default::default(),
        }
    }

    fn apply_effects(&mut self, effects: Effects<usize>) {
        for (webview, batch) in &effects.batches {
            self.check_batch(*webview, batch);
        }
    }

    /// A batch is JSON with as many items.
    fn check_batch(&mut self, webview: usize, batch: &Batch) -> String {
        let json = encode(batch);
        // A payload may have what a `Value` cannot hold: a lone surrogate, a number out of range.
        #[derive(serde::Deserialize)]
        struct Written<'a> {
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        let written: Option<Written<'_>> = serde_json::from_str(&json).ok();
        let items = written.map(|written| written.items).unwrap_or_default();
        // Of a run there is a head, a number, two places for each event, and perhaps what all of them have beside.
        let events = |item: &&RawValue| match serde_json::from_str::<Vec<&RawValue>>(item.get()) {
            Ok(run) => (run.len() - 2) / 2,
            Err(_) => 1,
        };
        let count: usize = items.iter().map(events).sum();
        assert_eq!(count, batch.items().len(), "{json}");
        let page = &mut self.pages[webview];
        let end = batch.first() + batch.items().len() as u64;
        page.index = page.index.max(end.saturating_sub(1));
        json
    }

    fn session(&self, webview: usize) -> Option<SessionId> {
        let id = format!("{:032x}", self.pages[webview].session);
        apply_effects(SessionId::parse(&id))
    }

    fn command(
        &mut self,
        webview: usize,
        name: &'static str,
        n: u64,
    ) -> Option<crate::hub::subscriptions::SubscriberKey> {
        let command = Command {
            name,
            session: self.session(webview)?,
            n,
            origin: Some("tauri://localhost".to_owned()),
        };
        let (turn, key, effects) =
            self.hub
                .begin_command(WEBVIEWS[webview], command, webview, self.now);
        self.apply_effects(effects);
        match turn {
            crate::hub::command_log::CommandAdmission::Run(_) => key,
            crate::hub::command_log::CommandAdmission::Refuse(_, error) => {
                check(&error);
                None
            }
            _ => None,
        }
    }

    fn open(&mut self, webview: usize, session: u8) {
        self.pages[webview] = Page {
            session,
            n: 0,
            index: 0,
        };
        if let Some(key) = self.next(webview, "emit") {
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("[]".to_owned()));
        }
    }

    fn next(
        &mut self,
        webview: usize,
        name: &'static str,
    ) -> Option<crate::hub::subscriptions::SubscriberKey> {
        self.pages[webview].n += 1;
        self.command(webview, name, self.pages[webview].n)
    }

    fn repeat(&mut self, webview: usize, n: u64) {
        if let Some(key) = self.command(webview, "emit", n) {
            self.pages[webview].n = n;
            let waiting = self.hub.finish_command(key, n, Ok(String::new()));
            assert!(waiting.is_empty());
        }
    }

    fn request(&mut self, webview: usize, request: SubscriptionRequest) {
        if let Some(key) = self.next(webview, "subscribe") {
            let (answers, effects) = self.hub.subscribe(key, vec![request], self.now);
            self.apply_effects(effects);
            for answer in answers {
                apply_effects(answer);
            }
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("[]".to_owned()));
        }
    }

    fn subscribe(&mut self, webview: usize, id: u32, pattern: &str) {
        if let Some(pattern) = apply_effects(EventPattern::parse(pattern)) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: id % 3 != 0,
                wants_retained: id % 5 != 0,
                resume: None,
            };
            self.request(webview, request);
        }
    }

    fn resume(&mut self, webview: usize, id: u32, session: u8, after: u8) {
        let before = apply_effects(SessionId::parse(&format!("{session:032x}")));
        if let (Some(session), Some(pattern)) = (before, apply_effects(EventPattern::parse("*"))) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: true,
                wants_retained: true,
                resume: Some(Resumption {
                    session,
                    // Numbers from the future, too.
                    after: u64::from(after),
                    handled: u64::from(after / 2),
                }),
            };
            self.request(webview, request);
        }
    }

    fn unsubscribe(&mut self, webview: usize, ids: &[u32]) {
        if let Some(key) = self.next(webview, "unsubscribe") {
            let effects = self.hub.unsubscribe(key, ids);
            self.apply_effects(effects);
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("null".to_owned()));
        }
    }

    fn emit(&mut self, name: &str, payload: &str, to: Option<&str>) {
        let Some(name) = apply_effects(EventName::parse(name)) else {
            return;
        };
        let draft = NewEvent {
            name,
            payload: payload.into(),
            source: Endpoint::Webview("a".into()),
            tick: None,
            provenance: None,
            retain: None,
        };
        let to = to.and_then(|label| apply_effects(Address::of(Target::from(label))));
        let audience = Audience { to, except: None };
        let now = self.now;
        if let Some((_, effects)) = apply_effects(self.hub.enqueue(draft, &audience, || now)) {
            self.apply_effects(*effects.unwrap_or_default());
        }
    }

    fn pull(&mut self, webview: usize, ack: u64) -> String {
        self.request_batch(webview, ack, false)
    }

    fn request_batch(&mut self, webview: usize, ack: u64, is_ahead: bool) -> String {
        let Some(session) = self.session(webview) else {
            return String::new();
        };
        let pull = Pull {
            session,
            ack,
            is_ahead,
            is_prompt: false,
            bound: BatchBound {
                events: 3,
                bytes: 1 << 20,
            },
        };
        match self.hub.pull(WEBVIEWS[webview], pull, webview, self.now) {
            Ok(effects) => {
                let mut written = String::new();
                for (webview, batch) in &effects.batches {
                    // What was acknowledged never comes again.
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

    fn leave(&mut self, webview: usize, origin: u8) {
        let origin = (origin % 4 != 0).then(|| "tauri://localhost".to_owned());
        let effects = self.hub.leave_page(WEBVIEWS[webview], origin);
        self.apply_effects(effects);
    }

    fn close(&mut self, webview: usize) {
        let (_, effects) = self.hub.remove_window(WEBVIEWS[webview]);
        self.apply_effects(effects);
    }
}
