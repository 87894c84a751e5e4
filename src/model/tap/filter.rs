use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::tap::record::TapKind;

/// How many records wait for a reader that does not say so.
const CAPACITY: usize = 1 << 16;

/// The most records that may wait.
const MAX_CAPACITY: usize = 1 << 20;

/// How many bytes of a payload a record has, if the reader does not say so.
const PAYLOAD_BYTES: usize = 4 << 10;

/// Which records a [`Tap`](crate::tap::Tap) gets, and how much of them. Without anything it gets every record, with 4 KiB
/// of each payload.
///
/// ```
/// use tauri_plugin_event_bus::tap::{TapFilter, TapKind};
/// use tauri_plugin_event_bus::HOST;
///
/// let carts = TapFilter::new().names(["cart:*"]).kinds([TapKind::Event, TapKind::Refused]);
/// let of_rust = TapFilter::new().source(HOST).payload_bytes(200);
/// # let _ = (carts, of_rust);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct TapFilter {
    names: Vec<String>,
    kinds: Vec<TapKind>,
    source: Option<Endpoint>,
    payload_bytes: usize,
    capacity: usize,
}

impl Default for TapFilter {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            kinds: Vec::new(),
            source: None,
            payload_bytes: PAYLOAD_BYTES,
            capacity: CAPACITY,
        }
    }
}

impl TapFilter {
    /// Every record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only records about these names, or names that match these patterns. A gap has no name, and passes.
    pub fn names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names.extend(names.into_iter().map(Into::into));
        self
    }

    /// Only records of these kinds. How many were lost is always told.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = TapKind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    /// Only records about what this endpoint has emitted or requested. A gap has no source, and passes.
    pub fn source(mut self, source: Endpoint) -> Self {
        self.source = Some(source);
        self
    }

    /// How many bytes of a payload a record has: 4,096 by default. Of a longer payload it has the size, and how the text
    /// begins.
    pub fn payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// How many records wait for the reader before others are lost: 65,536 by default, and at most 1,048,576.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    pub(crate) fn check(self) -> Result<RecordFilter> {
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the capacity of a tap is {} records; it must be at least 1 and at most {MAX_CAPACITY}",
                    self.capacity
                ),
            ));
        }
        let names = self.names.iter().map(|name| EventPattern::parse(name));
        Ok(RecordFilter {
            names: names.collect::<Result<_>>()?,
            kinds: self.kinds,
            source: self.source,
            payload_bytes: self.payload_bytes,
            capacity: self.capacity,
            shows_all: false,
        })
    }
}

/// A filter that was checked.
#[derive(Debug, Clone)]
pub(crate) struct RecordFilter {
    names: Vec<EventPattern>,
    kinds: Vec<TapKind>,
    source: Option<Endpoint>,
    pub(crate) payload_bytes: usize,
    pub(crate) capacity: usize,
    /// Whether its reader is the test that owns the bus: nothing is redacted, and its records have no limit of bytes.
    pub(crate) shows_all: bool,
}

impl RecordFilter {
    #[cfg(feature = "test")]
    pub(crate) fn showing_all(self) -> Self {
        Self {
            shows_all: true,
            ..self
        }
    }

    pub(crate) fn takes_kind(&self, kind: TapKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether it takes what is about this name and comes from this source. `None` is a name that is not valid.
    pub(crate) fn takes(&self, name: Option<&EventName>, source: &Endpoint) -> bool {
        let is_named = self.names.is_empty()
            || name.is_some_and(|name| self.names.iter().any(|own| own.receives(name)));
        is_named && self.source.as_ref().is_none_or(|own| own == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_names_kinds_and_sources() {
        let main = Endpoint::webview("main");
        let filter = TapFilter::new()
            .names(["cart:*", "door"])
            .kinds([TapKind::Event])
            .source(main.clone());
        let filter = filter.check().unwrap();
        let name = |name: &str| EventName::parse(name).unwrap();
        assert!(filter.takes(Some(&name("cart:a")), &main));
        assert!(filter.takes(Some(&name("door")), &main));
        assert!(!filter.takes(Some(&name("doors")), &main));
        assert!(!filter.takes(Some(&name("door")), &Endpoint::Host));
        assert!(!filter.takes(None, &main));
        assert!(filter.takes_kind(TapKind::Event) && !filter.takes_kind(TapKind::Gap));
        let all = TapFilter::new().check().unwrap();
        assert!(all.takes(None, &main) && all.takes_kind(TapKind::Gap));
    }

    #[test]
    fn a_wrong_filter_is_refused_with_its_value() {
        for capacity in [0, MAX_CAPACITY + 1] {
            let error = TapFilter::new().capacity(capacity).check().unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(error.message().contains(&format!("is {capacity} records")));
        }
        let error = TapFilter::new().names(["a**"]).check().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPattern);
    }
}
