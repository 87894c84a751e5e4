//! Names and targets, read once more and apart from the plugin's own way.

use serde_json::Value;

/// Whether a name matches a pattern, in which `*` stands for any text and `?` for one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return name.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(rest, &name[at..])),
        _ => name.chars().next().is_some_and(|own| {
            (first == '?' || first == own) && matches(rest, &name[own.len_utf8()..])
        }),
    }
}

/// Whether a target selects this webview, which fills the window of its label.
fn selects_page(target: &Value, label: &str) -> bool {
    match target {
        Value::String(pattern) => matches(pattern, label),
        Value::Array(parts) => parts.iter().any(|part| selects_page(part, label)),
        _ => match target["kind"].as_str() {
            Some("Any") => true,
            Some("host" | "App") | None => false,
            Some(_) => target["label"].as_str() == Some(label),
        },
    }
}

fn selects_host(target: &Value) -> bool {
    match target {
        Value::String(_) => false,
        Value::Array(parts) => parts.iter().any(selects_host),
        _ => matches!(target["kind"].as_str(), Some("host" | "App" | "Any")),
    }
}

pub(crate) fn is_for_page(to: Option<&Value>, except: Option<&Value>, label: &str) -> bool {
    to.is_none_or(|to| selects_page(to, label))
        && !except.is_some_and(|except| selects_page(except, label))
}

pub(crate) fn is_for_host(to: Option<&Value>, except: Option<&Value>) -> bool {
    to.is_none_or(selects_host) && !except.is_some_and(selects_host)
}
