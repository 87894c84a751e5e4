//! What must hold for untrusted input, for the fuzz targets in `fuzz/`. Only builds for fuzzing and tests contain it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound};
use crate::hub::{
    Address, Audience, Command, Effects, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::selection::{Selection, weight_of_target};
use crate::model::target::Target;
use crate::permissions::{Destination, List, Scope, ScopeEntry, Subject};
use crate::shell::commands;
use crate::wire::batch::encode;

/// Every error is JSON of limited length, whatever caused it.
fn check(error: &Error) {
    let json = serde_json::to_string(error).unwrap_or_default();
    assert!(json.len() < 8 * 1024, "{} bytes", json.len());
    let read: Value = serde_json::from_str(&json).unwrap_or_default();
    assert_eq!(read["message"].as_str(), Some(error.message()));
    assert!(!error.message().contains(char::is_control), "{error:?}");
}

/// Checks the error of a result.
fn checked<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(check).ok()
}

/// An event name.
pub fn name(text: &str) {
    if let Some(name) = checked(EventName::parse(text)) {
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

/// A pattern, and after a line break a name to match.
pub fn pattern(text: &str) {
    let (pattern, name) = text.split_once('\n').unwrap_or((text, "a:b"));
    let Some(own) = checked(EventPattern::parse(pattern)) else {
        return;
    };
    assert_eq!(own.to_string(), pattern);
    let Some(name) = checked(EventName::parse(name)) else {
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
    if let Some(id) = checked(SessionId::parse(text)) {
        assert_eq!(id.to_string(), text);
    }
}

/// A target as TypeScript writes it.
pub fn target(json: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    let Some(target) = checked(commands::read_target(&json)) else {
        return;
    };
    if let Some(selection) = checked(Selection::of(&target)) {
        for label in ["main", "a", "editor-1", "*", "💥"] {
            let _ = selection.has_webview(label, label);
        }
        assert!(weight_of_target(&target) < 64 * 255 * 100);
        // A page gets its target back in the list of its jobs, with the same meaning.
        let written = serde_json::to_value(&target).unwrap_or_default();
        assert_eq!(checked(commands::read_target(&written)), Some(target));
    }
}

/// The arguments of the commands that take entries: the first byte selects the command, the rest is JSON.
pub fn arguments(data: &[u8]) {
    let Some((kind, json)) = data.split_first() else {
        return;
    };
    if let Ok(json) = serde_json::from_slice::<Value>(json) {
        checked(commands::read_arguments(*kind, json));
    }
}

/// The two lists of a permission, `[allow, deny]`, as in a capability file.
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
        let Some(name) = checked(EventName::parse(name)) else {
            return;
        };
        let may_emit = checked(scope.check_emitting(&name, Destination::Everyone, None)).is_some();
        assert_eq!(may_emit, scope.allows_listening(&name));
        // An empty list allows nothing, and a malformed deny entry denies everything.
        assert!(!may_emit || (!allow.is_empty() && !malformed));
    }
    if let Some(pattern) = checked(EventPattern::parse("cart:*")) {
        checked(scope.check_listening(&pattern));
    }
}

/// A payload. It enters a batch unchanged.
pub fn payload(text: &str) {
    let Some(name) = checked(EventName::parse("x")) else {
        return;
    };
    if let Some(json) = checked(commands::read_json(&name, Some(text.to_owned()))) {
        assert_eq!(json, text);
        let mut world = World::new();
        world.open(0, 1);
        world.subscribe(0, 1, "*");
        world.emit("x", &json, None);
        let batch = world.pull(0, 0);
        assert!(batch.contains(text));
    }
}

/// What pages, apps and time do to the hub, driven by bytes: sessions, acknowledgements and subscriptions.
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
                world.pull_with(webview, u64::from(number), true);
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
    /// The highest index that was delivered.
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

    /// A batch is JSON with the same number of items.
    fn check_batch(&mut self, webview: usize, batch: &Batch) -> String {
        let json = encode(batch);
        #[derive(serde::Deserialize)]
        struct Written<'a> {
            #[serde(borrow)]
            items: Vec<&'a RawValue>,
        }
        let written: Option<Written<'_>> = serde_json::from_str(&json).ok();
        let items = written.map(|written| written.items).unwrap_or_default();
        // A run has a head, a step, two places for each event, and perhaps the extras of all of them.
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

    fn next(&mut self, webview: usize, name: &'static str) -> Option<SubscriberKey> {
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

    fn add(&mut self, webview: usize, request: SubscriptionRequest) {
        if let Some(key) = self.next(webview, "subscribe") {
            let (results, effects) = self.hub.subscribe(key, vec![request], self.now);
            self.apply_effects(effects);
            for result in results {
                checked(result);
            }
            let n = self.pages[webview].n;
            self.hub.finish_command(key, n, Ok("[]".to_owned()));
        }
    }

    fn subscribe(&mut self, webview: usize, id: u32, pattern: &str) {
        if let Some(pattern) = checked(EventPattern::parse(pattern)) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: !id.is_multiple_of(3),
                wants_retained: !id.is_multiple_of(5),
                resume: None,
            };
            self.add(webview, request);
        }
    }

    fn resume(&mut self, webview: usize, id: u32, session: u8, after: u8) {
        let previous = checked(SessionId::parse(&format!("{session:032x}")));
        if let (Some(session), Some(pattern)) = (previous, checked(EventPattern::parse("*"))) {
            let request = SubscriptionRequest {
                id,
                pattern,
                scope: None,
                target: None,
                wants_replayed: true,
                wants_retained: true,
                resume: Some(Resumption {
                    session,
                    // Numbers from the future are possible, too.
                    after: u64::from(after),
                    handled: u64::from(after / 2),
                }),
            };
            self.add(webview, request);
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
        };
        let to = to.and_then(|label| checked(Address::of(Target::from(label))));
        let audience = Audience { to, except: None };
        let now = self.now;
        let enqueued = self.hub.enqueue(event, &audience, || now);
        if let Some((_, effects)) = checked(enqueued.map_err(Error::from)) {
            self.apply_effects(*effects.unwrap_or_default());
        }
    }

    fn pull(&mut self, webview: usize, ack: u64) -> String {
        self.pull_with(webview, ack, false)
    }

    fn pull_with(&mut self, webview: usize, ack: u64, is_ahead: bool) -> String {
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

    fn leave(&mut self, webview: usize, origin: u8) {
        let origin = (!origin.is_multiple_of(4)).then(|| "tauri://localhost".to_owned());
        let effects = self.hub.leave_page(WEBVIEWS[webview], origin);
        self.apply_effects(effects);
    }

    fn close(&mut self, webview: usize) {
        let (_, effects) = self.hub.remove_window(WEBVIEWS[webview]);
        self.apply_effects(effects);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs a target on its seeds.
    fn replay(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        let seeds = fs::read_dir(folder.join(target)).unwrap();
        let seeds: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            run(&fs::read(seed).unwrap());
        }
    }

    fn replay_text(target: &str, run: impl Fn(&str)) {
        replay(target, |bytes| run(std::str::from_utf8(bytes).unwrap()));
    }

    #[test]
    fn every_target_passes_on_its_seeds() {
        replay_text("name", super::name);
        replay_text("pattern", super::pattern);
        replay_text("session_id", super::session_id);
        replay_text("payload", super::payload);
        replay("target", super::target);
        replay("arguments", super::arguments);
        replay("hub", super::hub);
        replay("scope", super::scope);
    }

    /// A seed that a parser refuses at once finds little.
    #[test]
    fn seeds_of_arguments_are_valid() {
        replay("arguments", |bytes| {
            let entry = serde_json::from_slice(&bytes[1..]).unwrap();
            crate::shell::commands::read_arguments(bytes[0], entry).unwrap();
        });
    }
}
