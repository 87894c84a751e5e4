//! Bytes beside JSON: as base64 in a text, or behind it in a frame.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tauri_plugin_event_bus_types::Bytes;

use crate::model::error::escaped;
use crate::model::json::Json;

/// The length of the number that a frame begins with: that of its JSON.
const PREFIX: usize = 4;

/// A value whose bytes are base64: `[value, [[base64, …path], …]]`.
pub(crate) fn to_text(json: &Json) -> String {
    let length = json.weight() + json.growth();
    write(json, length, |text, bytes| push_base64(text, bytes))
}

/// From how many bytes a piece goes beside the text of a call. The page would read and copy it once more with the text, but
/// each argument costs something, too.
const LARGE: usize = 4 << 10;

/// A value whose bytes are base64, and the large ones beside it: `[value, [[base64 or number, …path], …]]`, and the pieces
/// that the numbers stand for.
#[cfg_attr(not(calls), allow(dead_code))]
pub(crate) fn to_call(json: &Json) -> (String, Vec<String>) {
    let mut beside = Vec::new();
    let attached = json.attached().iter();
    let small: usize = attached
        .map(|one| one.bytes().len())
        .filter(|length| *length < LARGE)
        .sum();
    let places = json.weight() - json.size() + 2 * json.attached().len();
    let text = write(json, json.len() + places + small / 3 * 4, |text, bytes| {
        if bytes.len() < LARGE {
            push_base64(text, bytes);
            return;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", beside.len());
        beside.push(to_base64(bytes));
    });
    (text, beside)
}

fn push_base64(text: &mut String, bytes: &[u8]) {
    text.push('"');
    STANDARD.encode_string(bytes, text);
    text.push('"');
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn to_base64(bytes: &[u8]) -> String {
    use base64::engine::Simd;
    use base64::engine::general_purpose::PAD;

    Simd::standard(PAD).encode(bytes)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A value with its bytes behind it: the length of the text, the text `[value, [[length, …path], …]]`, and the bytes in
/// that order.
pub(crate) fn to_frame(json: &Json) -> Vec<u8> {
    let text = write(json, json.weight(), |text, bytes| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", bytes.len());
    });
    let mut frame = Vec::with_capacity(PREFIX + text.len() + json.size() - json.len());
    frame.extend_from_slice(&(text.len() as u32).to_le_bytes());
    frame.extend_from_slice(text.as_bytes());
    for one in json.attached() {
        frame.extend_from_slice(one.bytes());
    }
    frame
}

fn write(json: &Json, length: usize, mut push: impl FnMut(&mut String, &Bytes)) -> String {
    let mut text = String::with_capacity(length);
    text.push('[');
    text.push_str(json);
    text.push_str(",[");
    for (index, one) in json.attached().iter().enumerate() {
        text.push_str(if index == 0 { "[" } else { ",[" });
        push(&mut text, one.bytes());
        if !one.path().is_empty() {
            text.push(',');
            text.push_str(one.path());
        }
        text.push(']');
    }
    text.push_str("]]");
    text
}

/// The arguments of a command, and what follows them in its frame. The error says what is wrong with the frame.
pub(crate) fn split_frame(frame: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let cut = || {
        format!(
            "the body of this command has {} bytes, which is no whole frame; send arguments as a JSON object, or the length of one as 4 bytes, the object and its bytes",
            frame.len()
        )
    };
    let (prefix, rest) = frame.split_first_chunk::<PREFIX>().ok_or_else(cut)?;
    let length = u32::from_le_bytes(*prefix) as usize;
    rest.split_at_checked(length).ok_or_else(cut)
}

/// A frame that came over postMessage: there it is an array of numbers.
pub(crate) fn frame_of(body: &Value) -> Option<Cow<'_, [u8]>> {
    let numbers = body.as_array()?.iter();
    let bytes = numbers.map(|number| u8::try_from(number.as_u64()?).ok());
    bytes.collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

/// The pieces of bytes that an entry lists: the lengths of what is next in the frame, or base64.
pub(crate) fn read_pieces(list: &Value, rest: &mut &[u8]) -> Result<Vec<Bytes>, String> {
    let Some(list) = list.as_array() else {
        return Err("expected a list of lengths, or of texts in base64".to_owned());
    };
    let pieces = list.iter().map(|piece| match piece {
        Value::String(text) => {
            let bytes = STANDARD.decode(text);
            bytes.map(Bytes::from).map_err(|error| error.to_string())
        }
        length => {
            let length = length.as_u64().and_then(|length| length.try_into().ok());
            let split = length.and_then(|length| rest.split_at_checked(length));
            let Some((bytes, after)) = split else {
                return Err(format!(
                    "{} bytes are named, and {} are left",
                    escaped(piece),
                    rest.len()
                ));
            };
            *rest = after;
            Ok(bytes.into())
        }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value() -> Json {
        let pieces = vec![Bytes::from([0, 255]), Bytes::new()];
        Json::with_bytes("{\"a\":[1,\u{1}],\"__proto__\":\u{1}}", pieces).unwrap()
    }

    #[test]
    fn bytes_follow_their_value() {
        assert_eq!(
            to_text(&value()),
            r#"[{"a":[1,null],"__proto__":null},[["AP8=","a",1],["","__proto__"]]]"#
        );
        let text = r#"[{"a":[1,null],"__proto__":null},[[2,"a",1],[0,"__proto__"]]]"#;
        let frame = to_frame(&value());
        let (head, rest) = split_frame(&frame).unwrap();
        assert_eq!(
            (std::str::from_utf8(head).unwrap(), rest),
            (text, &[0, 255][..])
        );
        let whole = Json::with_bytes("\u{1}", vec![[7].into()]).unwrap();
        assert_eq!(to_text(&whole), r#"[null,[["Bw=="]]]"#);
    }

    #[test]
    fn large_bytes_go_beside_a_call() {
        let piece = |length: usize| {
            let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            Bytes::from(bytes)
        };
        let pieces = vec![piece(LARGE + 1), piece(2), piece(LARGE), piece(LARGE - 1)];
        let json = Json::with_bytes("[\u{1},\u{1},\u{1},\u{1}]", pieces.clone()).unwrap();
        let (text, beside) = to_call(&json);
        let inside = STANDARD.encode(&pieces[3]);
        assert_eq!(
            text,
            format!(r#"[[null,null,null,null],[[0,0],["AAE=",1],[1,2],["{inside}",3]]]"#)
        );
        assert_eq!(
            beside,
            [STANDARD.encode(&pieces[0]), STANDARD.encode(&pieces[2])]
        );
        assert_eq!(to_call(&value()), (to_text(&value()), Vec::new()));
    }

    #[test]
    fn a_text_is_no_longer_than_its_weight() {
        for length in 0..20 {
            let pieces = vec![Bytes::from(vec![1; length]); 3];
            let json = Json::with_bytes("[\u{1},\u{1},\u{1}]", pieces).unwrap();
            assert!(to_text(&json).len() <= json.weight() + json.growth());
            assert!(to_frame(&json).len() <= json.weight());
        }
    }

    #[test]
    fn a_cut_frame_is_refused() {
        let frame = to_frame(&value());
        for end in [0, 3, 4, frame.len() - 3] {
            let problem = split_frame(&frame[..end]).unwrap_err();
            assert!(problem.contains(&format!("has {end} bytes")), "{problem}");
        }
        assert!(split_frame(&[255, 255, 255, 255, 1]).is_err());
    }

    #[test]
    fn pieces_are_those_of_the_frame_or_base64() {
        let mut rest = &[1, 2, 3][..];
        let read = read_pieces(&json!([2, "AP8=", 0]), &mut rest).unwrap();
        assert_eq!(read, [[1, 2].into(), [0, 255].into(), Bytes::new()]);
        assert_eq!(rest, [3]);
        for (list, part) in [
            (json!([2]), "2 bytes are named, and 1 are left"),
            (json!([-1]), "-1 bytes"),
            (json!([u64::MAX]), "bytes are named"),
            (json!([0.5]), "0.5 bytes"),
            (json!(["?"]), "symbol"),
            (json!([null]), "null bytes"),
            (json!({}), "expected a list"),
        ] {
            let problem = read_pieces(&list, &mut &[3][..]).unwrap_err();
            assert!(problem.contains(part), "{list}: {problem}");
        }
    }

    #[test]
    fn a_frame_over_postmessage_is_a_list_of_numbers() {
        assert_eq!(frame_of(&json!([0, 255])).as_deref(), Some(&[0, 255][..]));
        for body in [json!([256]), json!([-1]), json!(["a"]), json!({})] {
            assert!(frame_of(&body).is_none(), "{body}");
        }
    }
}
