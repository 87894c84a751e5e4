use std::sync::Arc;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::EventName;
use crate::model::traceparent::Traceparent;

/// The component that emitted an event, the events that caused it, and its trace. Most events have none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) component: Option<Arc<str>>,
    /// The names of its causes, oldest first.
    pub(crate) causes: Arc<[EventName]>,
    pub(crate) traceparent: Option<Traceparent>,
}

/// What something follows from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The names of its causes, oldest first.
    pub(crate) causes: Arc<[EventName]>,
    /// The trace of the newest of them.
    pub(crate) traceparent: Option<Traceparent>,
}

impl Origin {
    /// The origin of what the event or request of this name causes.
    pub(crate) fn after(name: &EventName, own: Option<&Provenance>) -> Self {
        let causes = own.map_or(&[][..], |own| &own.causes);
        Self {
            causes: causes.iter().chain([name]).cloned().collect(),
            traceparent: own.and_then(|own| own.traceparent.clone()),
        }
    }
}

impl Provenance {
    /// `None` if there is neither a component nor a cause nor a trace.
    pub(crate) fn of(
        component: Option<Arc<str>>,
        causes: Arc<[EventName]>,
        traceparent: Option<Traceparent>,
    ) -> Option<Arc<Self>> {
        let is_empty = component.is_none() && causes.is_empty() && traceparent.is_none();
        (!is_empty).then(|| {
            Arc::new(Self {
                component,
                causes,
                traceparent,
            })
        })
    }

    /// At least as many bytes as it takes in a batch.
    pub(crate) fn weight(&self) -> usize {
        /// The bytes of the keys and quotes around a component and a list of causes.
        const KEYS: usize = 32;
        const QUOTES: usize = 3;
        /// The bytes of the key of a trace.
        const TRACE: usize = 17;
        let trace = self.traceparent.as_ref();
        let trace = trace.map_or(0, |trace| trace.as_str().len() + TRACE);
        let causes = self.causes.iter().map(|name| name.as_str().len() + QUOTES);
        KEYS + self.component.as_ref().map_or(0, |name| name.len()) + causes.sum::<usize>() + trace
    }

    /// Refuses an event or a request with more causes than the limit.
    pub(crate) fn check(&self, name: &EventName, max_hops: usize) -> Result<()> {
        if self.causes.len() <= max_hops {
            return Ok(());
        }
        let chain = self.causes.iter().chain([name]).map(EventName::as_str);
        Err(Error::new(
            ErrorCode::EventLoop,
            format!(
                "{} has more than {max_hops} causes, the limit (hops). If events cause each other endlessly, stop one of them: {}",
                quoted(name.as_str()),
                chain.collect::<Vec<_>>().join(" → ")
            ),
        ))
    }
}
