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
    pub(crate) notes: Vec<Unmatched>,
}

/// A rule whose pointer matches nothing.
#[derive(Debug)]
pub(crate) struct Unmatched {
    /// The rule: its pattern and its pointer.
    pub(crate) rule: String,
    /// The name of the payload.
    pub(crate) name: String,
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

    /// Whether what serde finds at this path may be of what it hides.
    fn hides_text(&self, path: &str) -> bool {
        let mut steps = steps_of(path);
        let mut own = self.tokens.iter().flat_map(|token| steps_of(token));
        own.all(|token| steps.next() == Some(token))
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

/// The keys and indexes of a path as serde writes it, such as `cards[1].number`.
fn steps_of(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

impl std::fmt::Display for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pattern = quoted(&self.pattern.to_string());
        write!(f, "{pattern} at {}", quoted(&self.pointer))
    }
}

impl Redactions {
    pub(crate) fn new(rules: Vec<Redaction>) -> Self {
        Self(rules)
    }

    /// The message of an error about something of this name. If there are rules for the name, it has only what quotes no
    /// payload: the code, and where the payload is wrong.
    pub(crate) fn message(&self, name: Option<&EventName>, code: ErrorCode, text: &str) -> String {
        let may_quote = matches!(
            code,
            ErrorCode::InvalidPayload
                | ErrorCode::ResponderFailed
                | ErrorCode::SourceFailed
                | ErrorCode::Refused
        );
        let rules = self.0.iter();
        let rules = rules.filter(|rule| name.is_some_and(|name| rule.pattern.matches(name)));
        let rules: Vec<&Redaction> = rules.collect();
        if !may_quote || rules.is_empty() {
            return text.to_owned();
        }
        let path = mismatch_path(text).filter(|_| code == ErrorCode::InvalidPayload);
        let place = match path {
            Some(path) if rules.iter().any(|rule| rule.hides_text(path)) => {
                let hiding = rules.iter().find(|rule| rule.hides_text(path));
                let pointer = hiding.map_or("", |rule| rule.pointer.as_str());
                format!(" at the pointer {}", quoted(pointer))
            }
            Some(path) => format!(" at `{path}`"),
            None => String::new(),
        };
        format!("{code}{place}; the message is redacted, since it may quote the payload")
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
        // Before anything is replaced: a rule may be about what is within that of another.
        let (matching, others): (Vec<&Redaction>, Vec<&Redaction>) = rules
            .into_iter()
            .partition(|rule| value.pointer(&rule.pointer).is_some());
        let untold = others
            .iter()
            .filter(|rule| !rule.is_told.swap(true, Ordering::Relaxed));
        redacted.notes.extend(untold.map(|rule| Unmatched {
            rule: rule.to_string(),
            name: quoted(name.as_str()),
        }));
        let mut bytes = paths_of(json);
        for rule in matching {
            if let Some(found) = value.pointer_mut(&rule.pointer) {
                *found = Value::String(REDACTED.to_owned());
            }
            bytes.retain(|(path, _)| !rule.hides(path));
            redacted.is_redacted = true;
        }
        if redacted.is_redacted {
            redacted.json = with_bytes(value, bytes).unwrap_or_else(|_| whole());
        }
        redacted
    }
}

/// The path in the message of a mismatch: see `Mismatch::into_error`. What comes before it quotes no payload.
fn mismatch_path(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once(" does not match ")?;
    let (_, problem) = behind.split_once(": ")?;
    let (path, _) = problem.strip_prefix("at `")?.split_once("`: ")?;
    Some(path)
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
        assert_eq!(first.notes[0].rule, "\"user:*\" at \"/token\"");
        assert!(apply(&own, "user:in", &Json::from("{}")).notes.is_empty());
    }

    #[test]
    fn a_rule_within_another_has_matched() {
        let json = Json::from(r#"{"user":{"token":"secret"}}"#);
        for order in [["/user", "/user/token"], ["/user/token", "/user"]] {
            let own = rules(&order.map(|pointer| ("login", pointer)));
            let redacted = apply(&own, "login", &json);
            assert_eq!(&*redacted.json, r#"{"user":"[redacted]"}"#);
            assert!(redacted.notes.is_empty(), "{order:?}");
        }
    }

    #[test]
    fn messages_that_may_quote_a_payload_are_hidden() {
        let own = rules(&[("card:*", "/cards")]);
        let card = EventName::parse("card:new").unwrap();
        let message = |code, text: &str| own.message(Some(&card), code, text);
        let wrong = |path: &str| {
            let text = format!("\"card:new\" does not match a::B: at `{path}`: 4111 is wrong");
            message(ErrorCode::InvalidPayload, &text)
        };
        for (path, shown) in [
            ("cards.4111", "at the pointer \"/cards\""),
            ("cards[4111]", "at the pointer \"/cards\""),
            ("cards", "at the pointer \"/cards\""),
            ("name.first", "at `name.first`"),
        ] {
            let text = wrong(path);
            assert!(text.contains(shown) && !text.contains("4111"), "{text}");
        }
        let quoting = "x does not match B: invalid type: string \"at `4111`: \"";
        for code in [
            ErrorCode::InvalidPayload,
            ErrorCode::ResponderFailed,
            ErrorCode::Refused,
            ErrorCode::SourceFailed,
        ] {
            assert!(!message(code, quoting).contains("4111"));
        }
        assert_eq!(message(ErrorCode::Denied, "no"), "no");
        let other = EventName::parse("other").unwrap();
        let text = own.message(Some(&other), ErrorCode::InvalidPayload, quoting);
        assert_eq!(text, quoting);
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
