//! Bytes of a payload, beside its JSON: found while the payload is written, and put back while it is read.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;

use crate::bytes::Bytes;
use crate::json::{Mismatch, read_json};

/// What stands for bytes until their places are known. It is no part of any JSON: within strings it would be escaped.
pub(crate) const MARK: char = '\u{1}';

/// What stands for bytes in the JSON of a payload.
const ABSENT: &str = "null";

/// How many bytes the paths of one payload may take together. A page could name a long path many times.
const MAX_PATHS: usize = 1 << 20;

/// Bytes of a payload, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The offset of the `null` that stands for them in the JSON.
    offset: usize,
    /// The keys and indexes that lead to them, as the elements of a JSON array. Empty for the payload as a whole.
    path: Box<str>,
    bytes: Bytes,
}

impl Attachment {
    /// Bytes at a path.
    #[must_use]
    pub fn at(path: impl Into<Box<str>>, bytes: Bytes) -> Self {
        Self {
            offset: 0,
            path: path.into(),
            bytes,
        }
    }

    /// The keys and indexes that lead to them, as the elements of a JSON array.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// Puts `null` in the place of each mark outside of strings, in their order. Returns what is wrong with a text from a page,
/// to follow on the words "the payload". Whether the result is JSON is for others to check.
pub fn attach(marked: &str, bytes: Vec<Bytes>) -> Result<(String, Box<[Attachment]>), String> {
    let count = bytes.len();
    let mut text = String::with_capacity(marked.len() + count * (ABSENT.len() - 1));
    let mut attached = Vec::with_capacity(count);
    let mut paths = 0;
    let mut place = Place::default();
    let mut rest = marked;
    for one in bytes {
        let Some(at) = place.next_mark(rest) else {
            return Err(counted_otherwise(count, attached.len()));
        };
        text.push_str(&rest[..at]);
        rest = &rest[at + MARK.len_utf8()..];
        let path = place.path();
        paths += path.len();
        if paths > MAX_PATHS {
            return Err(format!(
                "has bytes whose paths take more than {MAX_PATHS} bytes together; use shorter keys, or fewer pieces"
            ));
        }
        attached.push(Attachment {
            offset: text.len(),
            path: path.into(),
            bytes: one,
        });
        text.push_str(ABSENT);
    }
    if place.next_mark(rest).is_some() {
        return Err(counted_otherwise(count, count + 1));
    }
    text.push_str(rest);
    Ok((text, attached.into()))
}

fn counted_otherwise(bytes: usize, places: usize) -> String {
    format!("comes with {bytes} pieces of bytes and has {places} or more places for them")
}

/// Where a reader of JSON is. It finds its way through any text, and takes a wrong one for something.
#[derive(Default)]
struct Place {
    around: Vec<Container>,
}

enum Container {
    /// The key of the value that comes next, with its quotes.
    Object(String),
    Array(usize),
}

impl Place {
    /// The offset of the next mark outside of strings.
    fn next_mark(&mut self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut at = 0;
        // The string that ended last, which a colon makes a key.
        let mut string = 0..0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    let start = at;
                    at += 1;
                    while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                        at += if *byte == b'\\' { 2 } else { 1 };
                    }
                    string = start..(at + 1).min(bytes.len());
                }
                b':' => {
                    if let Some(Container::Object(key)) = self.around.last_mut() {
                        key.clear();
                        key.push_str(text.get(string.clone()).unwrap_or_default());
                    }
                }
                b',' => {
                    if let Some(Container::Array(index)) = self.around.last_mut() {
                        *index += 1;
                    }
                }
                b'{' => self.around.push(Container::Object(String::new())),
                b'[' => self.around.push(Container::Array(0)),
                b'}' | b']' => drop(self.around.pop()),
                1 => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for container in &self.around {
            if !path.is_empty() {
                path.push(',');
            }
            // Writing to a string cannot fail.
            let _ = match container {
                Container::Object(key) => write!(path, "{key}"),
                Container::Array(index) => write!(path, "{index}"),
            };
        }
        path
    }
}

thread_local! {
    /// The bytes of the payload that is being read on this thread.
    static READ: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// A payload that is being read, with a text of its own in each place of bytes.
struct Reading {
    /// The address and the number of each text, in order.
    places: Vec<(usize, Bytes)>,
    /// How many of them were taken.
    taken: usize,
}

/// The text that stands for bytes while a payload is read. It is known by its address, so no other text is taken for it.
const STAND_IN: &str = "\"bytes\"";

/// Takes the bytes for which this text stands.
pub(crate) fn take_at(text: &str) -> Option<Bytes> {
    READ.with_borrow_mut(|reading| {
        let reading = reading.as_mut()?;
        let address = text.as_ptr() as usize;
        let found = reading
            .places
            .binary_search_by_key(&address, |place| place.0);
        let (_, bytes) = &reading.places[found.ok()?];
        reading.taken += 1;
        Some(bytes.clone())
    })
}

/// Reads a payload with its bytes, or finds where it does not match.
///
/// What asks for [`Bytes`] gets them without a copy. Anything else, such as a `serde_json::Value` or a `Vec<u8>`, gets an
/// array of numbers.
pub fn read_attached<T: DeserializeOwned>(
    json: &str,
    attached: &[Attachment],
) -> Result<T, Mismatch> {
    if attached.is_empty() {
        return read_json(json);
    }
    let text = with_each(json, attached, |text, _| text.push_str(STAND_IN));
    // Each stand-in is longer than what it stands for, and its text begins after the quote.
    let grown = STAND_IN.len() - ABSENT.len();
    let first = text.as_ptr() as usize + 1;
    let places = attached.iter().enumerate();
    let places = places.map(|(n, one)| (first + one.offset + n * grown, one.bytes.clone()));
    let reading = Reading {
        places: places.collect(),
        taken: 0,
    };
    let before = READ.replace(Some(reading));
    let restore = Restore(before);
    let read = serde_json::from_str(&text);
    let taken = READ.with_borrow(|reading| reading.as_ref().map_or(0, |reading| reading.taken));
    drop(restore);
    match read {
        Ok(value) if taken == attached.len() => Ok(value),
        // Something else than `Bytes` has the place, or nothing has.
        _ => read_json(&to_numbers(json, attached)),
    }
}

/// Puts back the payload around the one that was read, also after a panic.
struct Restore(Option<Reading>);

impl Drop for Restore {
    fn drop(&mut self) {
        let before = self.0.take();
        let _ = READ.try_with(|reading| *reading.borrow_mut() = before);
    }
}

/// The payload as JSON, with arrays of numbers in the places of bytes.
#[must_use]
pub fn to_numbers(json: &str, attached: &[Attachment]) -> String {
    with_each(json, attached, |text, bytes| {
        text.push('[');
        for (index, byte) in bytes.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{byte}");
        }
        text.push(']');
    })
}

/// The payload as JSON with a mark in the place of bytes, as [`attach`] takes it.
#[must_use]
pub fn to_marked(json: &str, attached: &[Attachment]) -> String {
    with_each(json, attached, |text, _| text.push(MARK))
}

fn with_each(json: &str, attached: &[Attachment], push: impl Fn(&mut String, &Bytes)) -> String {
    let mut text = String::with_capacity(json.len() + attached.len() * STAND_IN.len());
    let mut from = 0;
    for one in attached {
        text.push_str(json.get(from..one.offset).unwrap_or_default());
        push(&mut text, &one.bytes);
        from = one.offset + ABSENT.len();
    }
    text.push_str(json.get(from..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::json::write_attached;

    #[track_caller]
    fn written(value: &impl Serialize) -> (String, Vec<(String, Bytes)>) {
        let (text, attached) = write_attached("it", value).unwrap();
        for one in &attached {
            assert_eq!(text.get(one.offset..one.offset + 4), Some("null"));
        }
        let places = attached.into_iter();
        (
            text,
            places.map(|one| (one.path.into(), one.bytes)).collect(),
        )
    }

    fn bytes(text: &str) -> Bytes {
        text.to_owned().into()
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Frame {
        name: String,
        data: Bytes,
        more: Vec<Option<Bytes>>,
        #[serde(flatten)]
        named: BTreeMap<String, Bytes>,
    }

    fn frame() -> Frame {
        Frame {
            name: "a \"quoted\" [name]: {,}\u{1}\\".into(),
            data: bytes("data"),
            more: vec![None, Some(bytes("second"))],
            named: [("__proto__", "p"), ("a\"\\:\u{1}", "q")]
                .map(|(key, value)| (key.into(), bytes(value)))
                .into(),
        }
    }

    #[test]
    fn bytes_are_named_by_their_paths() {
        assert_eq!(
            written(&bytes("all")),
            ("null".into(), vec![(String::new(), bytes("all"))])
        );
        let (text, places) = written(&frame());
        let paths = places.iter().map(|(path, _)| &**path);
        let expected = [
            "\"data\"",
            "\"more\",1",
            "\"__proto__\"",
            "\"a\\\"\\\\:\\u0001\"",
        ];
        assert_eq!(paths.collect::<Vec<_>>(), expected);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["more"], json!([null, null]));
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (text, attached) = write_attached("it", &frame()).unwrap();
        assert_eq!(read_attached::<Frame>(&text, &attached).unwrap(), frame());
        let whole = write_attached("it", &bytes("all")).unwrap();
        assert_eq!(
            read_attached::<Bytes>(&whole.0, &whole.1).unwrap(),
            bytes("all")
        );
    }

    #[test]
    fn bytes_are_neither_copied_in_nor_out() {
        let data = bytes("data");
        let (text, attached) = write_attached("it", &[&data]).unwrap();
        assert_eq!(attached[0].bytes.as_ptr(), data.as_ptr());
        let read: [Bytes; 1] = read_attached(&text, &attached).unwrap();
        assert_eq!(read[0].as_ptr(), data.as_ptr());
    }

    #[test]
    fn enums_of_every_representation_keep_bytes() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum External {
            One(Bytes),
            Two { data: Bytes },
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Text(String),
            Bytes(Bytes),
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Internal {
            Full { data: Bytes },
        }
        let value = (
            External::One(bytes("1")),
            External::Two { data: bytes("2") },
            Untagged::Bytes(bytes("3")),
            Untagged::Text("bytes".into()),
            Internal::Full { data: bytes("4") },
        );
        let (text, attached) = write_attached("it", &value).unwrap();
        assert_eq!(attached.len(), 4);
        let read: (External, External, Untagged, Untagged, Internal) =
            read_attached(&text, &attached).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn other_types_read_arrays_of_numbers() {
        let (text, attached) = write_attached("it", &json_like()).unwrap();
        let value: Value = read_attached(&text, &attached).unwrap();
        assert_eq!(value, json!({ "data": [1, 2], "text": "bytes" }));
        let vectors: BTreeMap<String, Untyped> = read_attached(&text, &attached).unwrap();
        assert_eq!(vectors["data"], Untyped::Vector(vec![1, 2]));
        // Half of it is read as bytes, and half as a value.
        let half: (Bytes, Value) = {
            let pair = write_attached("it", &[Bytes::from([1]), Bytes::from([2])]).unwrap();
            read_attached(&pair.0, &pair.1).unwrap()
        };
        assert_eq!(half, ([1].into(), json!([2])));
        // A type that leaves the bytes out.
        #[derive(Deserialize)]
        struct Text {
            text: String,
        }
        let text = read_attached::<Text>(&text, &attached).unwrap().text;
        assert_eq!(text, "bytes");
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Untyped {
        Vector(Vec<u8>),
        Text(String),
    }

    fn json_like() -> BTreeMap<&'static str, Mixed> {
        [
            ("data", Mixed::Bytes([1, 2].into())),
            ("text", Mixed::Text("bytes")),
        ]
        .into()
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Mixed {
        Bytes(Bytes),
        Text(&'static str),
    }

    #[test]
    fn a_text_in_the_place_of_bytes_is_refused() {
        let (_, attached) = write_attached("it", &bytes("x")).unwrap();
        let error = read_attached::<String>("null", &attached).unwrap_err();
        assert!(error.to_string().contains("sequence"), "{error}");
        let error = read_json::<Bytes>("\"bytes\"").unwrap_err();
        assert!(error.to_string().contains("Uint8Array"), "{error}");
    }

    #[test]
    fn a_forged_text_has_as_many_marks_as_bytes() {
        for (text, count) in [
            ("\u{1}", 0),
            ("\u{1}", 2),
            ("[\u{1},\u{1}]", 1),
            ("null", 1),
            // A mark inside a string stands for no bytes.
            ("\"\u{1}\"", 1),
            ("{\"\u{1}\":null}", 1),
        ] {
            let pieces = vec![Bytes::new(); count];
            let problem = attach(text, pieces).unwrap_err();
            assert!(problem.contains("places"), "{text}: {problem}");
        }
    }

    #[test]
    fn long_paths_are_refused_in_time() {
        let key = "k".repeat(10_000);
        let text = format!("{{\"{key}\":[{}\u{1}]}}", "\u{1},".repeat(9_999));
        let problem = attach(&text, vec![Bytes::new(); 10_000]).unwrap_err();
        assert!(problem.contains("shorter keys"), "{problem}");
    }

    #[test]
    fn no_text_is_too_wrong_to_be_searched() {
        for text in [
            "]]\u{1}",
            "\"\\",
            "{\"a\\\u{1}",
            "::,,\u{1}",
            "[{]\u{1}",
            "\"é\\é\":\u{1}",
        ] {
            let _ = attach(text, vec![Bytes::new()]);
        }
    }
}
