use std::error::Error as StdError;

use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::link::port::LinkPort;
use crate::hub::queue::QueueBound;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::link::Share;

/// What carries events of shared names to other nodes, and brings theirs: for example the crate
/// `tauri-plugin-event-bus-nats`. An app has one link at most: see [`Builder::link`](crate::Builder::link).
///
/// ```
/// use std::error::Error;
/// use tauri_plugin_event_bus::link::{Departure, Link, LinkPlan, LinkStarter, Share};
///
/// /// Prints what would leave.
/// struct Printed;
///
/// impl Link for Printed {
///     fn start(self: Box<Self>, starter: LinkStarter) -> Result<(), Box<dyn Error + Send + Sync>> {
///         let port = starter.join(LinkPlan::new("till-4", [Share::both("order:*")?]))?;
///         let own = port.clone();
///         port.spawn(async move {
///             while let Some(departures) = own.next().await {
///                 for departure in departures {
///                     if let Departure::Event(event) = departure {
///                         println!("{} {}", event.name(), event.payload_json());
///                     }
///                 }
///             }
///         });
///         Ok(())
///     }
/// }
///
/// let builder = tauri_plugin_event_bus::Builder::new().link(Printed);
/// # let _ = builder;
/// ```
pub trait Link: Send + 'static {
    /// Starts the link, while the app starts: it joins the bus, and spawns what connects it. It must not wait for a network.
    ///
    /// # Errors
    ///
    /// The app does not start, and shows the error.
    fn start(
        self: Box<Self>,
        starter: LinkStarter,
    ) -> std::result::Result<(), Box<dyn StdError + Send + Sync>>;
}

/// What a link needs to start.
pub struct LinkStarter {
    bus: EventBus,
    app: String,
    config: Option<Json>,
}

/// How a node takes part in a link.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinkPlan {
    /// The name of this node: 1 to 64 letters, digits, `-` and `_`.
    pub node: String,
    /// What it shares. Where two shares have a name, the first one counts its events.
    pub shares: Vec<Share>,
    /// How many events may wait to leave. Then the oldest is dropped.
    pub queue_events: usize,
    /// How many bytes these may take.
    pub queue_bytes: usize,
}

impl LinkPlan {
    /// A plan with the default limits: 10,000 events and 16 MiB.
    pub fn new(node: impl Into<String>, shares: impl IntoIterator<Item = Share>) -> Self {
        Self {
            node: node.into(),
            shares: shares.into_iter().collect(),
            queue_events: 10_000,
            queue_bytes: 16 << 20,
        }
    }
}

impl LinkStarter {
    pub(crate) fn new(bus: EventBus, app: String, config: Option<Json>) -> Self {
        Self { bus, app, config }
    }

    /// The identifier of the app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.app
    }

    /// What `tauri.conf.json` has under `plugins.event-bus.link`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] if it does not match `T`. The message has the path.
    pub fn config<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(config) = &self.config else {
            return Ok(None);
        };
        config.read().map(Some).map_err(|mismatch| {
            let error = mismatch.into_error::<T>("plugins.event-bus.link");
            Error::new(ErrorCode::InvalidArgument, error.message())
        })
    }

    /// Joins the bus. From now on, what is shared waits for the link.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`]: the name of the node is invalid, nothing is shared, or a limit is 0.
    pub fn join(self, plan: LinkPlan) -> Result<LinkPort> {
        let invalid = |problem: &str| Err(Error::new(ErrorCode::InvalidArgument, problem));
        if plan.shares.is_empty() {
            return invalid("the link shares nothing; give it a name or a pattern to share");
        }
        if plan.queue_events == 0 || plan.queue_bytes == 0 {
            return invalid("the queue of the link has the limit 0; it must be at least 1");
        }
        let bound = QueueBound {
            events: plan.queue_events,
            bytes: plan.queue_bytes,
        };
        let core = &self.bus.runtime().core;
        core.join_link(&plan.node, plan.shares, bound)?;
        Ok(LinkPort::new(self.bus))
    }
}

impl std::fmt::Debug for LinkStarter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration may have what is not for a log.
        f.debug_struct("LinkStarter")
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
