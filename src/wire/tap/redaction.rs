//! Redaction: what no tap and no recording shows.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::wire::tap::payload::{paths_of, with_bytes};

/// What stands in the place of what was redacted.
pub(crate) const REDACTED: &str = "[redacted]";

/// What is hidden of the payloads of some names.
#[derive(Debug)]
pub(crate) struct Redaction {
    pattern: EventPattern,
    pointer: String,
    /// The keys and indexes of the pointer.
    tokens: Vec<String>,
    /// Whether it was told that the pointer has matched nothing.
    is_told: AtomicBool,
}

/// Every rule of the app.
#[derive(Debug, Default)]
pub(crate) struct Redactions(Vec<Redaction>);

/// A payload without what the rules hide.
pub(crate) struct Redacted {
    pub(crate) json: Json,
    pub(crate) is_redacted: bool,
    /// What to log: rules whose pointer matches nothing, each once.
    pub(crate) notes: Vec<String>,
}

impl Redaction {
    /// Reads a rule. The pointer is that of RFC 6901; an empty one is the whole payload.
    pub(crate) fn parse(event: &str, pointer: &str) -> Result<Self> {
        let pattern = EventPattern::parse(event)?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the redaction of {} has the pointer {}; a JSON pointer begins with \"/\", and an empty one is the whole payload",
                    quoted(event),
                    quoted(pointer)
                ),
            ));
        }
        let tokens = pointer.split('/').skip(1);
        let tokens = tokens.map(|token| token.replace("~1", "/").replace("~0", "~"));
        Ok(Self {
            pattern,
            pointer: pointer.to_owned(),
            tokens: tokens.collect(),
            is_told: AtomicBool::new(false),
        })
    }

    /// Whether it hides bytes at this path.
    fn hides(&self, path: &[Value]) -> bool {
        let is_alike = |(token, step): (&String, &Value)| match step {
            Value::String(key) => key == token,
            other => other
                .as_u64()
                .is_some_and(|index| token.parse() == Ok(index)),
        };
        path.len() >= self.tokens.len() && self.tokens.iter().zip(path).all(is_alike)
    }
}

impl Redactions {
    pub(crate) fn new(rules: Vec<Redaction>) -> Self {
        Self(rules)
    }

    /// Hides what the rules for this name say.
    pub(crate) fn apply(&self, name: &EventName, json: &Json) -> Redacted {
        let mut redacted = Redacted {
            json: json.clone(),
            is_redacted: false,
            notes: Vec::new(),
        };
        let rules: Vec<&Redaction> = self
            .0
            .iter()
            .filter(|rule| rule.pattern.matches(name))
            .collect();
        if rules.is_empty() {
            return redacted;
        }
        let whole = || Json::from(format!("{REDACTED:?}"));
        // What cannot be read as a value cannot be searched, so all of it is hidden.
        let Ok(mut value) = serde_json::from_str::<Value>(json) else {
            redacted.json = whole();
            redacted.is_redacted = true;
            return redacted;
        };
        let mut bytes = paths_of(json);
        for rule in rules {
            let found = value.pointer_mut(&rule.pointer);
            let Some(found) = found else {
                if !rule.is_told.swap(true, Ordering::Relaxed) {
                    redacted.notes.push(format!(
                        "; the payload of {} has nothing at {}, so nothing was redacted there",
                        quoted(name.as_str()),
                        quoted(&rule.pointer)
                    ));
                }
                continue;
            };
            *found = Value::String(REDACTED.to_owned());
            bytes.retain(|(path, _)| !rule.hides(path));
            redacted.is_redacted = true;
        }
        if redacted.is_redacted {
            redacted.json = with_bytes(value, bytes).unwrap_or_else(|_| whole());
        }
        redacted
    }
}

#[cfg(test)]
mod tests {
    use tauri_plugin_event_bus_types::Bytes;

    use super::*;

    fn rules(rules: &[(&str, &str)]) -> Redactions {
        let rules = rules.iter().map(|(name, at)| Redaction::parse(name, at));
        Redactions::new(rules.collect::<Result<_>>().unwrap())
    }

    fn apply(own: &Redactions, name: &str, json: &Json) -> Redacted {
        own.apply(&EventName::parse(name).unwrap(), json)
    }

    #[test]
    fn a_rule_hides_what_its_pointer_names() {
        let own = rules(&[("user:*", "/token"), ("user:*", "/cards/1/a~1b")]);
        let json = Json::from(r#"{"cards":[1,{"a/b":"x","c":2}],"token":"secret"}"#);
        let redacted = apply(&own, "user:in", &json);
        assert!(redacted.is_redacted && redacted.notes.is_empty());
        assert_eq!(
            &*redacted.json,
            r#"{"cards":[1,{"a/b":"[redacted]","c":2}],"token":"[redacted]"}"#
        );
        let other = apply(&own, "cart", &json);
        assert!(!other.is_redacted);
        assert_eq!(&*other.json, &*json);
    }

    #[test]
    fn an_empty_pointer_hides_everything() {
        let own = rules(&[("secret", "")]);
        let json = Json::with_bytes("{\"a\":\u{1}}", vec![Bytes::from([1])]).unwrap();
        let redacted = apply(&own, "secret", &json);
        assert_eq!(&*redacted.json, r#""[redacted]""#);
        assert!(redacted.json.attached().is_empty());
    }

    #[test]
    fn bytes_below_a_pointer_are_hidden_and_others_stay() {
        let own = rules(&[("photo", "/private")]);
        let pieces = vec![Bytes::from([1]), Bytes::from([2, 2])];
        let json = Json::with_bytes("{\"z\":\u{1},\"private\":[\u{1}]}", pieces).unwrap();
        let redacted = apply(&own, "photo", &json);
        assert_eq!(&*redacted.json, r#"{"private":"[redacted]","z":null}"#);
        let left = redacted.json.attached();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].path(), &left[0].bytes()[..]), ("\"z\"", &[1][..]));
    }

    #[test]
    fn a_pointer_that_matches_nothing_is_told_once() {
        let own = rules(&[("user:*", "/token")]);
        let first = apply(&own, "user:in", &Json::from("{}"));
        assert!(!first.is_redacted);
        assert!(first.notes[0].contains("\"/token\""), "{:?}", first.notes);
        assert!(apply(&own, "user:in", &Json::from("{}")).notes.is_empty());
    }

    #[test]
    fn a_wrong_rule_is_refused() {
        let error = Redaction::parse("user", "token").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains("\"token\""), "{error}");
        let error = Redaction::parse("a**", "").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPattern);
    }
}
