//! JSON Schemas as types of TypeScript.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The `format` of the schema of `Bytes`.
const BYTES: &str = "bytes";

/// Turns a name of schemars into an identifier that is not used otherwise in the file.
pub(super) fn type_name(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if text.starts_with(|c: char| c.is_ascii_digit())
        || ["EventMap", "RequestMap"].contains(&&*text)
    {
        text.insert(0, '_');
    }
    text
}

/// The text of a type, and whether it needs parentheses before `[]` or beside `&`.
pub(super) struct TypeText {
    pub(super) text: String,
    is_compound: bool,
}

impl TypeText {
    fn simple(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_compound: false,
        }
    }

    fn parenthesized(self) -> String {
        if self.is_compound {
            format!("({})", self.text)
        } else {
            self.text
        }
    }
}

/// The type of a schema. `indent` is the indentation of the line on which it begins.
pub(super) fn type_of(schema: &Value, indent: &str) -> TypeText {
    let Some(schema) = schema.as_object() else {
        return TypeText::simple(if *schema == Value::Bool(false) {
            "never"
        } else {
            "unknown"
        });
    };
    let mut parts = Vec::new();
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        parts.push(TypeText::simple(type_name(name)));
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(members) = schema.get(key).and_then(Value::as_array) {
            parts.push(union_of(members, indent));
        }
    }
    for member in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        parts.push(type_of(member, indent));
    }
    if let Some(value) = schema.get("const") {
        parts.push(TypeText::simple(literal(value)));
    } else if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        parts.push(union(values.iter().map(literal).collect()));
    } else if let Some(own) = own_type(schema, indent, parts.is_empty()) {
        parts.push(own);
    }
    match parts.len() {
        0 => TypeText::simple("unknown"),
        1 => parts.remove(0),
        _ => TypeText {
            text: parts
                .into_iter()
                .map(TypeText::parenthesized)
                .collect::<Vec<_>>()
                .join(" & "),
            is_compound: true,
        },
    }
}

/// The type by `type` and `properties`. Beside a reference or a union, an object without fields adds nothing.
fn own_type(schema: &Map<String, Value>, indent: &str, is_alone: bool) -> Option<TypeText> {
    let has_fields = ["properties", "additionalProperties", "patternProperties"]
        .iter()
        .any(|key| {
            schema
                .get(*key)
                .is_some_and(|value| *value != Value::Bool(false))
        });
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(own)) => vec![own],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if has_fields => vec!["object"],
        _ => return None,
    };
    if types == ["object"] && !has_fields && !is_alone {
        return None;
    }
    let mut texts = Vec::new();
    for own in types {
        let text = match own {
            "string" => "string".to_owned(),
            "integer" | "number" => "number".to_owned(),
            "boolean" => "boolean".to_owned(),
            "null" => "null".to_owned(),
            "array" if schema.get("format").is_some_and(|format| format == BYTES) => {
                "Uint8Array".to_owned()
            }
            "array" => array_of(schema, indent),
            "object" => object_of(schema, indent),
            _ => "unknown".to_owned(),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Some(union(texts))
}

fn union(members: Vec<String>) -> TypeText {
    TypeText {
        is_compound: members.len() > 1,
        text: members.join(" | "),
    }
}

/// A union, with one line per member if any member has a comment.
fn union_of(members: &[Value], indent: &str) -> TypeText {
    let deeper = format!("{indent}  ");
    let has_comments = members
        .iter()
        .any(|member| member.get("description").is_some());
    if !has_comments {
        let mut texts: Vec<String> = Vec::new();
        for member in members {
            let text = type_of(member, indent).text;
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        return union(texts);
    }
    let mut text = String::new();
    for member in members {
        text.push('\n');
        push_comment(&mut text, member, &deeper);
        let member = type_of(member, &deeper).text;
        // Writing to a string cannot fail.
        let _ = write!(text, "{deeper}| {member}");
    }
    TypeText {
        text,
        is_compound: true,
    }
}

fn array_of(schema: &Map<String, Value>, indent: &str) -> String {
    let rest = schema
        .get("items")
        .filter(|items| **items != Value::Bool(false));
    let Some(first) = schema.get("prefixItems").and_then(Value::as_array) else {
        let element = rest.map_or_else(
            || TypeText::simple("unknown"),
            |items| type_of(items, indent),
        );
        return format!("{}[]", element.parenthesized());
    };
    let mut elements: Vec<String> = first
        .iter()
        .map(|element| type_of(element, indent).text)
        .collect();
    if let Some(rest) = rest {
        elements.push(format!("...{}[]", type_of(rest, indent).parenthesized()));
    }
    format!("[{}]", elements.join(", "))
}

/// The fields of an object, each with whether it is required. The order does not depend on serde_json's features: the
/// required fields as declared, then the others by name.
pub(super) fn fields_of(schema: &Map<String, Value>) -> Vec<(&str, &Value, bool)> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields: Vec<(&str, &Value, bool)> = properties
        .iter()
        .map(|(name, schema)| (name.as_str(), schema, required.contains(&name.as_str())))
        .collect();
    fields.sort_by_key(|(name, _, _)| {
        let position = required.iter().position(|required| required == name);
        (position.unwrap_or(usize::MAX), *name)
    });
    fields
}

/// The schemas of the keys that are not fields.
fn others_of(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
    schema
        .get("additionalProperties")
        .into_iter()
        .chain(by_pattern.into_iter().flat_map(Map::values))
        .filter(|value| **value != Value::Bool(false))
}

fn object_of(schema: &Map<String, Value>, indent: &str) -> String {
    let fields = fields_of(schema);
    let others: Vec<&Value> = others_of(schema).collect();
    if fields.is_empty() {
        let value = match others.as_slice() {
            [] if schema.contains_key("properties") || schema.len() == 1 => "never".to_owned(),
            [] => "unknown".to_owned(),
            others => {
                let texts = others.iter().map(|other| type_of(other, indent).text);
                texts.collect::<Vec<_>>().join(" | ")
            }
        };
        return format!("{{ [key: string]: {value} }}");
    }
    if let Some(text) = fields_in_a_line(&fields, !others.is_empty()) {
        return text;
    }
    fields_in_lines(schema, indent)
}

/// A short object without comments.
fn fields_in_a_line(fields: &[(&str, &Value, bool)], is_open: bool) -> Option<String> {
    const MAX_LENGTH: usize = 60;
    if is_open {
        return None;
    }
    let mut texts = Vec::new();
    for (name, schema, is_required) in fields {
        let value = type_of(schema, "").text;
        if schema.get("description").is_some() || value.contains('\n') {
            return None;
        }
        let mark = if *is_required { "" } else { "?" };
        texts.push(format!("{}{mark}: {value}", key(name)));
    }
    let text = format!("{{ {} }}", texts.join("; "));
    (text.len() <= MAX_LENGTH).then_some(text)
}

pub(super) fn fields_in_lines(schema: &Map<String, Value>, indent: &str) -> String {
    let deeper = format!("{indent}  ");
    let mut text = "{\n".to_owned();
    for (name, schema, is_required) in fields_of(schema) {
        push_comment(&mut text, schema, &deeper);
        let mark = if is_required { "" } else { "?" };
        let value = type_of(schema, &deeper).text;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{deeper}{}{mark}: {value}", key(name));
    }
    if others_of(schema).next().is_some() {
        // In TypeScript, the type of the other keys would have to cover the types of the fields, too.
        let _ = writeln!(text, "{deeper}[key: string]: unknown");
    }
    text.push_str(indent);
    text.push('}');
    text
}

pub(super) fn push_comment(text: &mut String, schema: &Value, indent: &str) {
    if let Some(description) = schema.get("description").and_then(Value::as_str) {
        push_comment_text(text, description, indent);
    }
}

pub(super) fn push_comment_text(text: &mut String, description: &str, indent: &str) {
    let description = description.trim().replace("*/", "*\\/");
    let mut lines = description.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    if rest.is_empty() {
        text.push_str(&format!("{indent}/** {first} */\n"));
        return;
    }
    text.push_str(&format!("{indent}/**\n"));
    for line in std::iter::once(first).chain(rest) {
        let line = format!("{indent} * {line}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{indent} */\n"));
}

fn key(name: &str) -> String {
    let is_identifier = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if is_identifier {
        name.to_owned()
    } else {
        quote(name)
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) | Value::Object(_) => "unknown".to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn quote(text: &str) -> String {
    let mut quoted = "'".to_owned();
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: &str) {
        assert_eq!(type_of(&schema, "").text, expected, "{schema}");
    }

    #[test]
    fn schemas_become_types() {
        check(json!(true), "unknown");
        check(json!({}), "unknown");
        check(json!(false), "never");
        check(json!({ "type": "array", "format": "bytes" }), "Uint8Array");
        check(
            json!({ "type": ["array", "null"], "format": "bytes" }),
            "Uint8Array | null",
        );
        check(json!({ "type": "null" }), "null");
        check(json!({ "type": ["string", "null"] }), "string | null");
        check(json!({ "type": ["integer", "number"] }), "number");
        check(json!({ "type": "array" }), "unknown[]");
        check(
            json!({ "type": "array", "items": { "type": ["integer", "null"] } }),
            "(number | null)[]",
        );
        check(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "$ref": "#/$defs/A" }], "items": false }),
            "[string, A]",
        );
        check(
            json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": { "type": "boolean" } }),
            "[string, ...boolean[]]",
        );
        check(json!({ "const": "it's" }), r"'it\'s'");
        check(json!({ "enum": ["a", 1, null] }), "'a' | 1 | null");
        check(
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            "{ [key: string]: string }",
        );
        check(
            json!({ "type": "object", "additionalProperties": false, "patternProperties": { "^\\d+$": { "type": "number" } } }),
            "{ [key: string]: number }",
        );
        check(json!({ "type": "object" }), "{ [key: string]: never }");
        check(
            json!({ "$ref": "#/$defs/A", "type": "object", "properties": { "k": { "const": "a" } }, "required": ["k"] }),
            "A & { k: 'a' }",
        );
        check(
            json!({ "oneOf": [{ "const": "a" }, { "const": "b", "description": "Of b." }] }),
            "\n  | 'a'\n  /** Of b. */\n  | 'b'",
        );
        check(
            json!({ "allOf": [{ "$ref": "#/$defs/A" }, { "anyOf": [{ "$ref": "#/$defs/B" }, { "type": "null" }] }] }),
            "A & (B | null)",
        );
    }

    #[test]
    fn the_order_of_fields_does_not_depend_on_the_map() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": { "type": "string" },
                "b-c": { "type": "number", "description": "Two\nlines */ here" },
                "d": { "type": "boolean" },
                "c": { "type": "boolean" },
            },
            "required": ["d", "b-c"],
        });
        let expected = "{\n  d: boolean\n  /**\n   * Two\n   * lines *\\/ here\n   */\n  'b-c': number\n  a?: string\n  c?: boolean\n}";
        check(schema, expected);
    }

    #[test]
    fn names_of_types_are_identifiers() {
        for (name, expected) in [
            ("Page_for_Item", "Page_for_Item"),
            ("a.b", "a_b"),
            ("EventMap", "_EventMap"),
            ("3D", "_3D"),
        ] {
            assert_eq!(type_name(name), expected);
        }
    }
}
