use std::borrow::Borrow;
use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::attached;

/// Bytes that travel as bytes: a page gets a `Uint8Array`.
///
/// They may be the whole payload or stand anywhere in it, as a field, in a list or in a map. Cloning is cheap: all copies
/// share one buffer. Other types of bytes, such as `Vec<u8>`, stay arrays of numbers.
///
/// Outside the bus, such as with `serde_json::to_string`, it is an array of numbers, which it also reads.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_types::Bytes;
///
/// #[derive(Serialize, Deserialize)]
/// struct Frame {
///     width: u32,
///     pixels: Bytes,
/// }
///
/// let frame = Frame { width: 2, pixels: vec![0, 255].into() };
/// assert_eq!(frame.pixels.len(), 2);
/// assert_eq!(serde_json::to_string(&frame).unwrap(), r#"{"width":2,"pixels":[0,255]}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(bytes::Bytes);

impl Bytes {
    /// No bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(bytes::Bytes::new())
    }

    /// Bytes that are part of the program, without a copy.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self(bytes::Bytes::from_static(bytes))
    }

    /// The bytes of the crate `bytes`, which share their buffer with this.
    #[must_use]
    pub fn into_inner(self) -> bytes::Bytes {
        self.0
    }

    /// A copy in a vector, or the buffer itself if this is its only owner.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<bytes::Bytes> for Bytes {
    fn from(bytes: bytes::Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Box<[u8]>> for Bytes {
    fn from(bytes: Box<[u8]>) -> Self {
        Self(bytes.into())
    }
}

/// Copies them.
impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes::Bytes::copy_from_slice(bytes))
    }
}

/// Copies them.
impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        bytes[..].into()
    }
}

/// The bytes of the text in UTF-8.
impl From<String> for Bytes {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.into_vec()
    }
}

impl From<Bytes> for bytes::Bytes {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().collect())
    }
}

thread_local! {
    /// The value that is being serialized. The writer of a payload takes it instead of a copy of its bytes.
    static SERIALIZED: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// Takes the value whose serialization has led to these bytes, if it is a [`Bytes`].
pub(crate) fn take_serialized(bytes: &[u8]) -> Option<Bytes> {
    let taken = SERIALIZED.try_with(|own| own.take()).ok()??;
    // Others call `serialize_bytes` with bytes of their own.
    std::ptr::eq(&raw const *taken.0, &raw const *bytes).then_some(taken)
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Without it, as while the thread ends, they are an array of numbers.
        let _ = SERIALIZED.try_with(|own| own.replace(Some(self.clone())));
        let written = serializer.serialize_bytes(&self.0);
        let _ = SERIALIZED.try_with(|own| own.take());
        written
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A deserializer of JSON that is asked for bytes would also take any text.
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(BytesVisitor)
        } else {
            deserializer.deserialize_byte_buf(BytesVisitor)
        }
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, such as a Uint8Array")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Bytes, E> {
        attached::take_at(text).ok_or_else(|| E::invalid_type(de::Unexpected::Str(text), &self))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
        /// More than this is reserved only for bytes that are there.
        const RESERVED: usize = 4096;
        let mut bytes = Vec::with_capacity(items.size_hint().unwrap_or(0).min(RESERVED));
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(feature = "typed")]
impl schemars::JsonSchema for Bytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // What it is outside of the bus, and how it is told from a list of numbers.
        schemars::json_schema!({
            "type": "array",
            "format": "bytes",
            "items": { "type": "integer", "minimum": 0, "maximum": 255 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_bus_bytes_are_numbers() {
        let bytes = Bytes::from(vec![0, 7, 255]);
        let json = serde_json::to_string(&bytes).unwrap();
        assert_eq!(json, "[0,7,255]");
        assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap(), bytes);
        let value = serde_json::to_value(&bytes).unwrap();
        assert_eq!(serde_json::from_value::<Bytes>(value).unwrap(), bytes);
        assert!(take_serialized(&bytes).is_none());
    }

    #[test]
    fn text_is_not_read_as_bytes() {
        for json in ["\"text\"", "7", "null", "[256]", "{}"] {
            let error = serde_json::from_str::<Bytes>(json).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("expected"), "{json}: {text}");
        }
    }

    #[test]
    fn a_vector_and_its_bytes_share_one_buffer() {
        let vector = vec![1, 2, 3];
        let address = vector.as_ptr();
        let bytes = Bytes::from(vector);
        assert_eq!(bytes.as_ptr(), address);
        let copy = bytes.clone();
        assert_eq!(copy.as_ptr(), address);
        drop(copy);
        let vector = bytes.into_vec();
        assert_eq!(vector.as_ptr(), address);
    }
}
