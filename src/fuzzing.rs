//! What must hold for untrusted input, for the fuzz targets in `fuzz/`. Only builds for fuzzing and tests contain it.

mod world;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tauri_plugin_event_bus_types::Bytes;

use self::world::{NAMES, PATTERNS, WEBVIEWS, World};
use crate::hub::ids::SessionId;
use crate::model::error::{Error, Result};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::{Selection, weight_of_target};
use crate::permissions::{Destination, ListKind, Scope, ScopeEntry, Subject};
use crate::shell::commands;
use crate::wire::attached::to_text;

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
    // A whole body as a frame, and one with the right length of its arguments.
    checked(commands::read_frame(data));
    let length = (json.len() / 2) as u32;
    checked(commands::read_frame(
        &[&length.to_le_bytes()[..], json].concat(),
    ));
}

/// The two lists of a permission, `[allow, deny]`, as in a capability file.
pub fn scope(json: &[u8]) {
    let Ok((allow, deny)) = serde_json::from_slice::<(Vec<Value>, Vec<Value>)>(json) else {
        return;
    };
    let read = |list: &[Value], kind: ListKind| -> Vec<Arc<ScopeEntry>> {
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
    let (allow, deny) = (read(&allow, ListKind::Allow), read(&deny, ListKind::Deny));
    let scope = Arc::new(Scope::new(
        "event-bus:allow-emit",
        Subject::Event,
        &allow,
        &deny,
    ));
    let malformed = deny
        .iter()
        .any(|entry| entry.fault(ListKind::Deny, Subject::Event).is_some());
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

/// A payload with bytes in the place of each mark. What is accepted has `null` there, and is read with its bytes.
fn payload_with_bytes(name: &EventName, text: &str) {
    let marks = text.matches('\u{1}').count();
    for count in [marks.saturating_sub(1), marks] {
        let pieces = vec![Bytes::from_static(&[1, 2]); count];
        if let Some(json) = checked(commands::read_json(name, Some(text.to_owned()), pieces)) {
            assert_eq!(json.attached().len(), count);
            assert!(json.read::<Value>().is_ok());
            let written: Value = serde_json::from_str(&to_text(&json)).unwrap_or_default();
            let places = written[1].as_array().map_or(0, Vec::len);
            assert_eq!(places, count, "{written}");
        }
    }
}

/// A payload. It enters a batch unchanged.
pub fn payload(text: &str) {
    let Some(name) = checked(EventName::parse("x")) else {
        return;
    };
    payload_with_bytes(&name, text);
    if let Some(json) = checked(commands::read_json(
        &name,
        Some(text.to_owned()),
        Vec::new(),
    )) {
        assert_eq!(&*json, text);
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
            _ => {
                let effects = world.hub.announce(WEBVIEWS[webview], WEBVIEWS[webview]);
                world.apply_effects(effects);
            }
        }
    }
    let effects = world.hub.shut_down();
    world.apply_effects(effects);
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
