use std::ops::Deref;
use std::sync::Arc;

/// A payload as JSON text. That of an event is its own; the ticks of a job share one.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    Owned(String),
    Shared(Arc<str>),
}

impl Deref for Json {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Owned(text) => text,
            Self::Shared(text) => text,
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

impl From<Arc<str>> for Json {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}
