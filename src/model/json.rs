use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::Bytes;
use tauri_plugin_event_bus_types::internal::{
    Attachment, Mismatch, attach, read_attached, to_marked, to_numbers, write_attached,
};

use crate::model::deferred::drop_later;
use crate::model::error::Result;

/// A payload: JSON text, and the bytes in it beside the text. The payload of an event is its own; the ticks of a job share
/// one.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    Owned(String),
    Shared(Arc<str>),
    /// It came together with others.
    Part(Part),
    /// Boxed, since few payloads have bytes.
    WithBytes(Arc<TextWithBytes>),
}

/// A piece of the text of several payloads.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    all: Arc<String>,
    from: u32,
    to: u32,
}

impl Part {
    fn text(&self) -> &str {
        let range = self.from as usize..self.to as usize;
        self.all.get(range).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(crate) struct TextWithBytes {
    /// It has `null` in the place of bytes.
    text: Box<str>,
    attached: Box<[Attachment]>,
    /// The length of all bytes.
    bytes: usize,
    /// What their paths and places take.
    places: usize,
}

impl Drop for TextWithBytes {
    fn drop(&mut self) {
        drop_later(std::mem::take(&mut self.attached));
    }
}

/// What the path of bytes and their place take in memory and in a batch, without the path itself.
const PLACE: usize = 128;

/// How long the payloads are at most that share their memory, or eight times as long as the shortest of them. The last one
/// that is kept keeps all.
const MAX_TOGETHER: usize = 2 * 1024;

impl Json {
    /// Writes a value. `what` names it in an error.
    pub(crate) fn write(what: impl std::fmt::Display, value: &impl Serialize) -> Result<Self> {
        write_attached(what, value).map(Self::from)
    }

    /// Text of a page, with a mark in the place of each of these bytes. The error follows on the words "the payload".
    pub(crate) fn with_bytes(marked: &str, bytes: Vec<Bytes>) -> std::result::Result<Self, String> {
        attach(marked, bytes).map(Self::from)
    }

    /// The bytes in it, with their places.
    pub(crate) fn attached(&self) -> &[Attachment] {
        match self {
            Self::Owned(_) | Self::Shared(_) | Self::Part(_) => &[],
            Self::WithBytes(both) => &both.attached,
        }
    }

    /// Reads it as a type.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> std::result::Result<T, Mismatch> {
        read_attached(self, self.attached())
    }

    /// Keeps its bytes: to drop the last of them may run code of the app.
    pub(crate) fn hold_bytes(&self) -> Option<Arc<TextWithBytes>> {
        match self {
            Self::Owned(_) | Self::Shared(_) | Self::Part(_) => None,
            Self::WithBytes(both) => Some(Arc::clone(both)),
        }
    }

    /// The length of the text and of the bytes in it.
    pub(crate) fn size(&self) -> usize {
        self.len() + self.sum_of(|both| both.bytes)
    }

    /// How many bytes it counts for in a limited queue.
    pub(crate) fn weight(&self) -> usize {
        self.size() + self.sum_of(|both| both.places)
    }

    /// How many bytes more than its weight it may take in a batch, where bytes may be base64.
    pub(crate) fn growth(&self) -> usize {
        self.sum_of(|both| both.bytes / 3 + both.attached.len())
    }

    fn sum_of(&self, read: impl FnOnce(&TextWithBytes) -> usize) -> usize {
        match self {
            Self::Owned(_) | Self::Shared(_) | Self::Part(_) => 0,
            Self::WithBytes(both) => read(both),
        }
    }

    /// The text alone.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Owned(text) => text,
            other => other.to_string(),
        }
    }

    /// The text with each of its bytes as an array of numbers, as Tauri's own events have them.
    pub(crate) fn to_numbers(&self) -> String {
        to_numbers(self, self.attached())
    }

    /// The text with a mark in the place of its bytes, and these, as [`Json::with_bytes`] takes them.
    pub(crate) fn to_marked(&self) -> (Cow<'_, str>, Vec<Bytes>) {
        let attached = self.attached();
        if attached.is_empty() {
            return (Cow::Borrowed(self), Vec::new());
        }
        let bytes = attached.iter().map(|one| one.bytes().clone()).collect();
        (Cow::Owned(to_marked(self, attached)), bytes)
    }

    /// Payloads that came together, of which those of about the same length share their memory.
    pub(crate) fn together(texts: &[&str]) -> impl Iterator<Item = Self> {
        let mut rest = texts;
        std::iter::from_fn(move || {
            let (mut length, mut shortest) = (0, usize::MAX);
            let fitting = rest.iter().take_while(|text| {
                length += text.len();
                shortest = shortest.min(text.len());
                length <= MAX_TOGETHER.max(8 * shortest.min(1 << 20))
            });
            let count = fitting.count().max(1).min(rest.len());
            let (some, behind) = rest.split_at(count);
            rest = behind;
            (!some.is_empty()).then(|| Self::in_one_piece(some))
        })
        .flatten()
    }

    fn in_one_piece(texts: &[&str]) -> impl Iterator<Item = Self> {
        let all = (texts.len() > 1).then(|| Arc::new(texts.concat()));
        let mut to = 0;
        texts.iter().map(move |text| {
            let from = to;
            to += text.len() as u32;
            match &all {
                None => Self::from(*text),
                Some(all) => Self::Part(Part {
                    all: Arc::clone(all),
                    from,
                    to,
                }),
            }
        })
    }

    /// The payload without those that came with it, to be kept for long.
    pub(crate) fn alone(self) -> Self {
        match self {
            Self::Part(part) => Self::from(part.text()),
            other => other,
        }
    }

    /// Makes copies cheap.
    pub(crate) fn shared(self) -> Self {
        match self {
            Self::Owned(text) => Self::Shared(text.into()),
            other => other,
        }
    }

    /// The same bytes at the same paths, beside another text.
    pub(crate) fn with_text(self, change: impl FnOnce(&str) -> String) -> Self {
        let text = change(&self);
        match self {
            Self::Owned(_) | Self::Shared(_) | Self::Part(_) => Self::Owned(text),
            Self::WithBytes(both) => Self::from((text, both.attached.clone())),
        }
    }
}

impl Deref for Json {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Owned(text) => text,
            Self::Shared(text) => text,
            Self::Part(part) => part.text(),
            Self::WithBytes(both) => &both.text,
        }
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Owned(text.to_owned())
    }
}

impl From<(String, Box<[Attachment]>)> for Json {
    fn from((text, attached): (String, Box<[Attachment]>)) -> Self {
        if attached.is_empty() {
            return Self::Owned(text);
        }
        Self::WithBytes(Arc::new(TextWithBytes {
            text: text.into(),
            bytes: attached.iter().map(|one| one.bytes().len()).sum(),
            places: attached.iter().map(|one| PLACE + one.path().len()).sum(),
            attached,
        }))
    }
}

#[cfg(any(fuzzing, test))]
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        **self == **other && self.attached() == other.attached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(payloads: &[Json]) -> Vec<usize> {
        payloads.iter().map(|json| json.as_ptr().addr()).collect()
    }

    #[test]
    fn payloads_that_come_together_share_memory() {
        let (short, long) = ("1".repeat(1000), "2".repeat(3000));
        let texts = ["\"ä\"", "7", &short, &short, &long, &long, "8"];
        let payloads: Vec<Json> = Json::together(&texts).collect();
        assert!(payloads.iter().map(|json| &**json).eq(texts));
        let places = addresses(&payloads);
        let follows = |n: usize| places[n] == places[n - 1] + texts[n - 1].len();
        let shared: Vec<bool> = (1..texts.len()).map(follows).collect();
        assert_eq!(shared, [true, true, true, false, true, false]);
        assert_eq!(Json::together(&[]).count(), 0);
    }

    #[test]
    fn a_payload_that_is_kept_is_alone() {
        let payloads: Vec<Json> = Json::together(&["1", "2"]).collect();
        assert!(matches!(payloads[1], Json::Part(_)));
        let kept = payloads[1].clone().alone();
        assert!(matches!(&kept, Json::Owned(text) if text == "2"));
    }
}
