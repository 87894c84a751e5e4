use std::time::Duration;

use crate::api::target::IntoTarget;
use crate::hub::{Address, Audience};
use crate::model::delivery::{DeliveryFilter, HostSubscription};
use crate::model::error::Result;
use crate::model::lifetime::Lifetime;
use crate::model::policy::Until;
use crate::model::target::Target;

/// Options of [`EventBus::emit_with`](crate::EventBus::emit_with).
///
/// ```
/// use tauri_plugin_event_bus::EmitOptions;
///
/// let options = EmitOptions::new().to("editor-*").except("editor-7").retain(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
pub struct EmitOptions {
    to: Option<Target>,
    except: Option<Target>,
    pub(super) retain: Option<bool>,
    pub(super) lifetime: Lifetime,
    pub(super) traceparent: Option<Box<str>>,
}

impl EmitOptions {
    /// Emits to everyone, and retains the event only if the policy of its name says so.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Emits to this target only.
    #[must_use]
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.to = Some(target.into_target());
        self
    }

    /// Whether the event is retained for later subscribers, until the next event of its name to the same target replaces
    /// it. Overrides the policy of its name.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = Some(retain);
        self
    }

    /// How long the event is kept for later subscriptions. Overrides the policy of its name.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EmitOptions, Until};
    ///
    /// let options = EmitOptions::new().until(Until::Consumed).max_deliveries(3);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.lifetime.until = Some(until);
        self
    }

    /// How often the event is delivered at most, if it is kept until it is consumed: at least 1.
    #[must_use]
    pub fn max_deliveries(mut self, deliveries: u32) -> Self {
        self.lifetime.max_deliveries = Some(deliveries);
        self
    }

    /// How long the event counts: 1 ms to 365 days. What is older is not delivered any more, and leaves every queue and all
    /// that is kept. A subscription that it was due to gets a gap. Overrides the policy of its name.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::EmitOptions;
    ///
    /// let options = EmitOptions::new().expires(Duration::from_secs(5));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn expires(mut self, after: Duration) -> Self {
        self.lifetime.expires = Some(after);
        self
    }

    /// The trace that the event belongs to, as `traceparent` of W3C Trace Context spells it. Another spelling is refused with
    /// [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument). Without it, the event has the trace that
    /// [`Builder::trace_context`](crate::Builder::trace_context) tells, or else that of its cause.
    ///
    /// ```
    /// use tauri_plugin_event_bus::EmitOptions;
    ///
    /// let options = EmitOptions::new().traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into().into());
        self
    }

    /// Leaves these webviews out, or the host listeners ([`HOST`](crate::HOST)). The webviews need not exist.
    #[must_use]
    pub fn except(mut self, target: impl IntoTarget) -> Self {
        self.except = Some(target.into_target());
        self
    }

    pub(super) fn audience(self) -> Result<Audience> {
        Ok(Audience {
            to: self.to.map(Address::of).transpose()?,
            except: self.except.map(Address::of).transpose()?,
            ..Audience::default()
        })
    }
}

/// Options of [`EventBus::listen_with`](crate::EventBus::listen_with).
///
/// ```
/// use tauri_plugin_event_bus::{DeliveryFilter, ListenOptions};
///
/// let options = ListenOptions::new().target(DeliveryFilter::Everything).retained(false);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
pub struct ListenOptions {
    pub(super) wanted: HostSubscription,
    pub(super) is_sequential: bool,
}

impl ListenOptions {
    /// Receives what is for everyone or for the host, and retained events first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the targets whose events are received, as `target` does in TypeScript: [`DeliveryFilter::Own`] by default.
    #[must_use]
    pub fn target(mut self, target: DeliveryFilter) -> Self {
        self.wanted.filter = target;
        self
    }

    /// Whether retained events are received, before all others. They are by default.
    #[must_use]
    pub fn retained(mut self, retained: bool) -> Self {
        self.wanted.wants_retained = retained;
        self
    }

    /// Whether only the newest event of a name waits: while an event waits, the next one of its name takes its place, and its
    /// [`superseded`](crate::BusEvent::superseded) counts those that it replaced. Other listeners receive every event.
    ///
    /// ```
    /// use tauri_plugin_event_bus::ListenOptions;
    ///
    /// let options = ListenOptions::new().latest(true);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn latest(mut self, latest: bool) -> Self {
        self.wanted.wants_latest = latest;
        self
    }

    /// Whether [`EventBus::listen_async`](crate::EventBus::listen_async) runs one future at a time: an event waits until the
    /// future of the one before is done. The functions of [`EventBus::listen`](crate::EventBus::listen) always run one after
    /// the other, and a stream is read so.
    #[must_use]
    pub fn sequential(mut self, sequential: bool) -> Self {
        self.is_sequential = sequential;
        self
    }
}
