//! Payloads with their bytes, as values that can be changed and written.

use serde_json::Value;
use tauri_plugin_event_bus_types::Bytes;

use crate::model::json::Json;

/// Bytes, and the keys and indexes that lead to them.
pub(crate) type Placed = (Vec<Value>, Bytes);

/// The bytes of a payload.
pub(crate) fn paths_of(json: &Json) -> Vec<Placed> {
    let attached = json.attached().iter();
    attached
        .map(|one| {
            let path = serde_json::from_str(&format!("[{}]", one.path()));
            (path.unwrap_or_default(), one.bytes().clone())
        })
        .collect()
}

/// A payload of a value and bytes. The error says which path leads nowhere.
pub(crate) fn with_bytes(mut value: Value, placed: Vec<Placed>) -> Result<Json, String> {
    if placed.is_empty() {
        return Ok(value.to_string().into());
    }
    let plain = value.to_string();
    // A text that the payload has nowhere.
    let mut stem = "bytes-".to_owned();
    while plain.contains(&stem) {
        stem.push('-');
    }
    for (index, (path, _)) in placed.iter().enumerate() {
        *find(&mut value, path)? = Value::String(format!("{stem}{index}."));
    }
    // In the order of the text, which may be another than that of the list.
    let text = value.to_string();
    let (mut marked, mut bytes) = (String::with_capacity(text.len()), Vec::new());
    let beginning = format!("\"{stem}");
    let mut parts = text.split(&beginning);
    marked.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let found = part
            .split_once(".\"")
            .and_then(|(index, rest)| Some((placed.get(index.parse::<usize>().ok()?)?, rest)));
        let Some(((_, own), rest)) = found else {
            return Err("two bytes have the same path".to_owned());
        };
        bytes.push(own.clone());
        marked.push('\u{1}');
        marked.push_str(rest);
    }
    Json::with_bytes(&marked, bytes)
}

fn find<'v>(value: &'v mut Value, path: &[Value]) -> Result<&'v mut Value, String> {
    let mut found = value;
    for step in path {
        let next = match step {
            Value::String(key) => found.get_mut(key),
            other => other
                .as_u64()
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| found.get_mut(index)),
        };
        found = next.ok_or_else(|| {
            let path: Vec<String> = path.iter().map(Value::to_string).collect();
            format!("the payload has nothing at [{}]", path.join(","))
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_find_their_places_again() {
        let pieces = vec![Bytes::from([1]), Bytes::from([2, 2]), Bytes::new()];
        let marked = "{\"z\":[\u{1},\"bytes-0.\"],\"a\":{\"b\":\u{1}},\"__proto__\":\u{1}}";
        let json = Json::with_bytes(marked, pieces).unwrap();
        let value = serde_json::from_str(&json).unwrap();
        let again = with_bytes(value, paths_of(&json)).unwrap();
        let mut own: Vec<_> = paths_of(&again).into_iter().collect();
        let mut expected = paths_of(&json);
        own.sort_by_key(|(path, _)| format!("{path:?}"));
        expected.sort_by_key(|(path, _)| format!("{path:?}"));
        assert_eq!(own, expected);
        let read: Value = again.read().unwrap();
        assert_eq!(
            read,
            json!({ "z": [[1], "bytes-0."], "a": { "b": [2, 2] }, "__proto__": [] })
        );
        let whole = with_bytes(Value::Null, vec![(Vec::new(), Bytes::from([7]))]).unwrap();
        assert_eq!(whole.read::<Value>().unwrap(), json!([7]));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        for path in [json!(["b"]), json!([0]), json!(["a", "b"])] {
            let path = path.as_array().unwrap().clone();
            let error = with_bytes(json!({ "a": 1 }), vec![(path, Bytes::new())]).unwrap_err();
            assert!(error.contains("nothing at ["), "{error}");
        }
        let twice = vec![
            (vec![json!("a")], Bytes::new()),
            (vec![json!("a")], Bytes::new()),
        ];
        // The second one takes the place of the first one.
        assert!(with_bytes(json!({ "a": null }), twice).is_ok());
    }
}
