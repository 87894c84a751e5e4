//! What a payload may be: JSON that every reader on both sides reads as the same value.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::{fmt, io};

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::ser::Formatter;

use crate::attached::MARK;
use crate::bytes::{Bytes, take_serialized};
use crate::error::{escaped, quoted};

/// How many arrays and objects of a payload may lie in each other. serde_json reads no more.
const MAX_DEPTH: usize = 127;

/// How many keys of an object are compared one by one.
const MAX_COMPARED_KEYS: usize = 16;

const TOO_DEEP: &str = "nests arrays and objects more than 127 deep";

/// Checks the JSON of a payload. Returns what is wrong with it, to follow on the words "the payload".
///
/// It is read as every reader in Rust reads it. So nothing passes here that a reader refuses, unless its type does not fit.
pub fn check_json(json: &str) -> Result<(), String> {
    depth_of(json).map(drop)
}

/// How many of its arrays and objects lie in each other.
fn depth_of(json: &str) -> Result<usize, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let depth = Checker { keys: &mut vec![] }.deserialize(&mut reader);
    depth
        .and_then(|depth| reader.end().map(|()| depth))
        .map_err(|error| describe(&error))
}

fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&place).unwrap_or(&text);
    let told = match problem {
        "recursion limit exceeded" => {
            format!("{TOO_DEEP}{place}; flatten it, or send its inner part as text")
        }
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => format!(
            "has one half of a surrogate pair{place}; cut text between characters, not within one"
        ),
        "number out of range" => {
            format!("has a number out of the range of 64-bit floats{place}; send it as text")
        }
        repeated if repeated.starts_with(REPEATED) => {
            format!("{repeated}{place}; give each key of an object one value")
        }
        other => format!("is not JSON: {other}{place}"),
    };
    escaped(&told)
}

const REPEATED: &str = "has a key twice in one object: ";

/// Reads a value, and returns how many of its arrays and objects lie in each other.
struct Checker<'k, 'de> {
    /// The keys of the objects around the value.
    keys: &'k mut Vec<Cow<'de, str>>,
}

impl<'de> DeserializeSeed<'de> for Checker<'_, 'de> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<usize, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checker<'_, 'de> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, _: &str) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<usize, A::Error> {
        let mut deepest = 0;
        while let Some(depth) = items.next_element_seed(Checker { keys: self.keys })? {
            deepest = deepest.max(depth);
        }
        Ok(deepest + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<usize, A::Error> {
        let mut deepest = 0;
        let first = self.keys.len();
        let mut many = HashSet::new();
        while let Some(key) = fields.next_key_seed(Key)? {
            let own = &self.keys[first..];
            if own.contains(&key) || many.contains(&key) {
                return Err(A::Error::custom(format!("{REPEATED}{}", quoted(&key))));
            }
            if own.len() < MAX_COMPARED_KEYS {
                self.keys.push(key);
            } else {
                many.insert(key);
            }
            let depth = fields.next_value_seed(Checker { keys: self.keys })?;
            deepest = deepest.max(depth);
        }
        self.keys.truncate(first);
        Ok(deepest + 1)
    }
}

/// Reads a key, which is copied only where it has escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Writes a value of the app as JSON alone: bytes are arrays of numbers. What serde_json writes is checked while it is
/// written, so that the text is not read again. Only the text of a `RawValue` is.
pub fn write_checked(value: &impl Serialize) -> serde_json::Result<String> {
    write(value, None)
}

/// Writes a value as JSON, with a mark in the place of each [`Bytes`], and returns them in their order.
pub(crate) fn write_marked(value: &impl Serialize) -> serde_json::Result<(String, Vec<Bytes>)> {
    let mut bytes = Vec::new();
    let text = write(value, Some(&mut bytes))?;
    Ok((text, bytes))
}

/// The room that is made for a payload at first. Most are short, and common allocators keep short pieces for each thread or
/// without a lock.
const SHORTEST: usize = 64;
const LONGEST: usize = 4 * 1024;

thread_local! {
    /// The length of the payload that this thread has written before.
    static EXPECTED: Cell<usize> = const { Cell::new(SHORTEST) };
}

fn write(value: &impl Serialize, bytes: Option<&mut Vec<Bytes>>) -> serde_json::Result<String> {
    // Payloads of one thread are often alike.
    let mut text = Vec::with_capacity(EXPECTED.get());
    let formatter = CheckedFormatter { depth: 0, bytes };
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    value.serialize(&mut writer)?;
    let length = text.len();
    EXPECTED.set(length.clamp(SHORTEST, LONGEST));
    // It may wait for long.
    if text.capacity() > 2 * length.max(SHORTEST) {
        text.shrink_to_fit();
    }
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

struct CheckedFormatter<'a> {
    /// How many arrays and objects have begun and not ended.
    depth: usize,
    /// Where bytes go; `None` if they are to be numbers.
    bytes: Option<&'a mut Vec<Bytes>>,
}

impl CheckedFormatter<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "it {TOO_DEEP}, and readers take no more"
        )))
    }
}

impl Formatter for CheckedFormatter<'_> {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin()?;
        writer.write_all(b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin()?;
        writer.write_all(b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        if let Some(all) = &mut self.bytes
            && let Some(bytes) = take_serialized(value)
        {
            all.push(bytes);
            return write!(writer, "{MARK}");
        }
        self.begin_array(writer)?;
        for (index, byte) in value.iter().enumerate() {
            self.begin_array_value(writer, index == 0)?;
            self.write_u8(writer, *byte)?;
            self.end_array_value(writer)?;
        }
        self.end_array(writer)
    }

    fn write_raw_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let depth =
            depth_of(fragment).map_err(|problem| io::Error::other(format!("it {problem}")))?;
        if self.depth + depth > MAX_DEPTH {
            return Err(io::Error::other(format!(
                "it {TOO_DEEP}, and readers take no more"
            )));
        }
        writer.write_all(fragment.as_bytes())
    }
}
