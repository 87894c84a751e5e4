//! What the bus counts for the recorder of the app, with the feature `metrics`. Without it, this does nothing.
//!
//! A recorder is foreign code: never call this with a lock held.

#[cfg(feature = "metrics")]
use std::collections::HashSet;
#[cfg(feature = "metrics")]
use std::sync::OnceLock;
use std::time::Duration;

use crate::model::error::ErrorCode;
use crate::model::name::EventName;

/// The label of names that were not declared. Pages may make up names, and each label takes memory for good.
#[cfg(feature = "metrics")]
const OTHER: &str = "other";

/// Counts, and tells the names apart that were declared.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    #[cfg(feature = "metrics")]
    declared: OnceLock<HashSet<&'static str>>,
}

#[cfg(feature = "metrics")]
impl Counting {
    /// Sets the names that are told apart, and describes what is counted.
    pub(crate) fn declare(&self, names: impl IntoIterator<Item = &'static str>) {
        let _ = self.declared.set(names.into_iter().collect());
        metrics::describe_counter!("event_bus_events_total", "Events that were accepted");
        metrics::describe_histogram!(
            "event_bus_payload_bytes",
            metrics::Unit::Bytes,
            "The sizes of their payloads"
        );
        metrics::describe_counter!(
            "event_bus_refused_total",
            "Events and requests that were refused, by the code of the error"
        );
        metrics::describe_counter!(
            "event_bus_delivered_total",
            "Events that pages were given, and that the host took"
        );
        metrics::describe_counter!(
            "event_bus_lost_total",
            "Events that receivers were told of as lost"
        );
        metrics::describe_counter!(
            "event_bus_requests_total",
            "Requests that have ended, by their outcome"
        );
        metrics::describe_histogram!(
            "event_bus_request_seconds",
            metrics::Unit::Seconds,
            "How long they took"
        );
    }

    fn label(&self, name: &str) -> &'static str {
        let declared = self.declared.get();
        let known = declared.and_then(|declared| declared.get(name));
        known.copied().unwrap_or(OTHER)
    }

    /// An event was accepted.
    pub(crate) fn event(&self, name: &EventName, bytes: usize) {
        let name = self.label(name.as_str());
        metrics::counter!("event_bus_events_total", "name" => name).increment(1);
        metrics::histogram!("event_bus_payload_bytes", "name" => name).record(bytes as f64);
    }

    /// An event or a request was refused. Its name may be one that is not valid.
    pub(crate) fn refused(&self, name: &str, code: ErrorCode) {
        let (name, code) = (self.label(name), code.as_str());
        metrics::counter!("event_bus_refused_total", "name" => name, "code" => code).increment(1);
    }

    /// A receiver was given events, and told of lost ones.
    pub(crate) fn delivered(&self, receiver: &'static str, events: u64, lost: u64) {
        if events > 0 {
            metrics::counter!("event_bus_delivered_total", "receiver" => receiver)
                .increment(events);
        }
        if lost > 0 {
            metrics::counter!("event_bus_lost_total", "receiver" => receiver).increment(lost);
        }
    }

    /// A request has ended.
    pub(crate) fn request(&self, name: &EventName, outcome: &'static str, took: Duration) {
        let name = self.label(name.as_str());
        metrics::counter!("event_bus_requests_total", "name" => name, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("event_bus_request_seconds", "name" => name).record(took.as_secs_f64());
    }
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_self, reason = "the feature counts")]
impl Counting {
    pub(crate) fn event(&self, _: &EventName, _: usize) {}

    pub(crate) fn refused(&self, _: &str, _: ErrorCode) {}

    #[allow(dead_code, reason = "spans need the numbers, too")]
    pub(crate) fn delivered(&self, _: &'static str, _: u64, _: u64) {}

    #[allow(dead_code, reason = "only what observes requests calls it")]
    pub(crate) fn request(&self, _: &EventName, _: &'static str, _: Duration) {}
}
