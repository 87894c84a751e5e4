use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::policy::Policy;

use super::typescript::{fields_of, type_name, type_of};
use super::{Catalog, ComponentDescription, EventDocument, RequestDocument};

const HEAD: &str = "\
# Events

Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
";

impl Catalog {
    /// A page about the events, for people: what each is, its payload's fields, its policy, who emits it and who
    /// listens, and the line of a capability that allows it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let document = self.document();
        let mut text = HEAD.to_owned();
        if !document.events.is_empty() {
            text.push_str("\n| Event | What it is |\n|---|---|\n");
        }
        for event in &document.events {
            let what = event.description.as_deref().unwrap_or_default();
            row(&mut text, &[&code(event.name), first_paragraph(what)]);
        }
        if self.is_strict {
            text.push_str("\nOther names are refused.\n");
        }
        // The type of a payload is told with its event, unless something else has it, too.
        let mut own = Vec::new();
        for event in &document.events {
            let name = reference(&event.schema).unwrap_or_default();
            let schema = document.definitions.get(name).unwrap_or(&event.schema);
            own.push(name);
            push_event(&mut text, event, name, schema);
        }
        if !document.requests.is_empty() {
            text.push_str("\n# Questions\n");
        }
        for request in &document.requests {
            push_request(&mut text, request);
        }
        if !document.components.is_empty() {
            text.push_str("\n## Components\n");
        }
        for component in document.components {
            push_component(&mut text, component);
        }
        let others = document.definitions.iter();
        let mut others = others
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .peekable();
        if others.peek().is_some() {
            text.push_str("\n## Types\n");
        }
        for (name, schema) in others {
            let _ = writeln!(text, "\n### {}", code(&type_name(name)));
            push_description(&mut text, schema["description"].as_str());
            push_shape(&mut text, &type_name(name), schema);
        }
        text
    }
}

// Writing to a string cannot fail, so what `write!` returns says nothing here.
fn push_event(text: &mut String, event: &EventDocument<'_>, name: &str, schema: &Value) {
    let _ = writeln!(text, "\n## {}", code(event.name));
    push_description(text, event.description.as_deref());
    let name = if name.is_empty() {
        "Payload".to_owned()
    } else {
        type_name(name)
    };
    push_shape(text, &name, schema);
    text.push_str("\n| | |\n|---|---|\n");
    let list = |names: &[&str]| names.join(", ");
    if !event.emitted_by.is_empty() {
        row(text, &["Emitted by", &list(event.emitted_by)]);
    }
    if !event.listened_by.is_empty() {
        row(text, &["DeliveryFilter by", &list(event.listened_by)]);
    }
    if let Some(policy) = policy_text(event.policy) {
        row(text, &["Policy", &policy]);
    }
    let checked = if event.checked {
        "what a page emits must have this shape, or it is refused with `invalid_payload`"
    } else {
        "not; a page may emit anything under this name"
    };
    row(text, &["Checked", checked]);
    let permission = |set: &str| {
        let line = json!({ "allow": [event.name], "identifier": format!("event-bus:{set}") });
        // Written out, so that the identifier comes first.
        code(&format!(
            "{{ \"identifier\": {}, \"allow\": {} }}",
            line["identifier"], line["allow"]
        ))
    };
    row(text, &["To listen, a page needs", &permission("listen")]);
    row(text, &["To emit, a page needs", &permission("allow-emit")]);
}

fn push_request(text: &mut String, request: &RequestDocument<'_>) {
    let _ = writeln!(text, "\n## {}", code(request.name));
    push_description(text, request.description.as_deref());
    text.push_str("\n| | |\n|---|---|\n");
    let written = |schema: &Value| code(&one_line(&type_of(schema, "").text));
    row(text, &["Request", &written(&request.request)]);
    row(text, &["Response", &written(&request.response)]);
    let permission = format!(
        "{{ \"identifier\": \"event-bus:request\", \"allow\": [{{ \"event\": {}, \"to\": … }}] }}",
        json!(request.name)
    );
    row(text, &["To ask, a page needs", &code(&permission)]);
}

fn push_component(text: &mut String, component: &ComponentDescription) {
    let _ = writeln!(text, "\n### {}", code(component.name()));
    push_description(text, component.description.as_deref());
    if let Some(namespace) = &component.namespace {
        let _ = writeln!(text, "\nIts namespace is {}.", code(namespace));
    }
    for (does, events) in [
        ("Emits", component.emitted()),
        ("Listens to", component.heard()),
    ] {
        if events.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n| {does} | |\n|---|---|");
        for described in events {
            row(text, &[&code(&described.event), &described.description]);
        }
    }
}

fn push_description(text: &mut String, description: Option<&str>) {
    if let Some(description) = description {
        let _ = writeln!(text, "\n{}", description.trim());
    }
}

/// The fields of an object as a table; anything else as TypeScript.
fn push_shape(text: &mut String, name: &str, schema: &Value) {
    if schema["type"] == "null" {
        text.push_str("\nIt has no payload.\n");
        return;
    }
    let fields = schema.as_object().map(fields_of).unwrap_or_default();
    let is_plain = ["$ref", "oneOf", "anyOf", "allOf"]
        .iter()
        .all(|key| schema.get(key).is_none());
    if fields.is_empty() || !is_plain {
        let written = type_of(schema, "").text;
        let gap = if written.starts_with('\n') { "" } else { " " };
        let _ = writeln!(text, "\n```ts\ntype {name} ={gap}{written}\n```");
        return;
    }
    text.push_str("\n| Field | Type | What it is |\n|---|---|---|\n");
    for (name, schema, is_required) in fields {
        let mark = if is_required { "" } else { ", may be absent" };
        let own = one_line(&type_of(schema, "").text);
        let format = rust_type(schema)
            .map(|own| format!(" ({own})"))
            .unwrap_or_default();
        let what = schema["description"].as_str().unwrap_or_default();
        row(
            text,
            &[
                &code(name),
                &format!("{}{format}{mark}", code(&own)),
                &one_line(what),
            ],
        );
    }
}

/// What TypeScript's `number` or `string` is in Rust, in words that people know.
fn rust_type(schema: &Value) -> Option<String> {
    let format = schema["format"].as_str()?;
    Some(match format {
        "float" => "f32".to_owned(),
        "double" => "f64".to_owned(),
        "int" => "isize".to_owned(),
        "uint" => "usize".to_owned(),
        _ => {
            if let Some(bits) = format.strip_prefix("uint") {
                format!("u{bits}")
            } else if let Some(bits) = format.strip_prefix("int") {
                format!("i{bits}")
            } else if let Some(number) = format.strip_prefix("exact-") {
                format!("{number} as text")
            } else {
                format.to_owned()
            }
        }
    })
}

fn policy_text(policy: Policy) -> Option<String> {
    let policy = serde_json::to_value(policy).ok()?;
    let mut parts = Vec::new();
    if let Some(overflow) = policy["overflow"].as_str() {
        parts.push(code(overflow));
    }
    match policy["retain"].as_bool() {
        Some(true) => parts.push("retained".to_owned()),
        Some(false) => parts.push("not retained".to_owned()),
        None => {}
    }
    match policy["history"].as_bool() {
        Some(true) => parts.push("kept for late pages".to_owned()),
        Some(false) => parts.push("not kept for late pages".to_owned()),
        None => {}
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn first_paragraph(text: &str) -> &str {
    text.split("\n\n").next().unwrap_or_default()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(text, "| {} ", one_line(cell).replace('|', "\\|"));
    }
    text.push_str("|\n");
}
