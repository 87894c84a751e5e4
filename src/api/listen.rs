use std::sync::Arc;

use crate::api::bus::EventBus;
use crate::api::listener::Listener;
use crate::api::options::ListenOptions;
use crate::api::stream::EventStream;
use crate::api::wait::{Read, WaitFor, WaitParts};
use crate::model::delivery::{DeliveryFilter, HostSubscription};
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::pattern::EventPattern;

impl EventBus {
    /// Calls a function for every event that matches the pattern and is for everyone or for the host.
    ///
    /// All listeners run one after the other, in the order of the events, on a thread that may block: `block_on` works in
    /// them. A panic is logged, and the listener stays. A slow listener delays the other host listeners, but no page.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName): invalid name, or one that a strict catalog
    ///   does not have
    /// - [`ErrorCode::InvalidPattern`](crate::ErrorCode::InvalidPattern): invalid glob
    /// - [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName): an event of Tauri itself
    ///
    /// ```
    /// # fn listen(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// app.event_bus()
    ///     .listen("cart:*", |event| println!("{} {}", event.name(), event.payload_json()))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.listen_with(pattern, ListenOptions::new(), callback)
    }

    /// Calls a function for every event that matches the pattern, whatever its target is.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn watch(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.listen_any("document:*", |event| println!("{} from {:?}", event.name(), event.source()))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_any(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.listen_with(
            pattern,
            ListenOptions::new().target(DeliveryFilter::Everything),
            callback,
        )
    }

    /// Calls a function for every event that matches the pattern, with options: which events, and whether retained ones
    /// too.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::{DeliveryFilter, ListenOptions};
    ///
    /// let options = ListenOptions::new().target(DeliveryFilter::Sent).retained(false);
    /// bus.listen_with("job:*", options, |event| println!("for the host: {}", event.name()))?.forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_with(
        &self,
        pattern: &str,
        options: ListenOptions,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = self.parse_pattern(pattern)?;
        let listeners = &self.runtime().listeners;
        let id = listeners.add(pattern, options.wanted, |_| callback);
        Ok(Listener::new(Arc::downgrade(listeners), id))
    }

    /// Calls a function for the first event that matches the pattern and is for everyone or for the host. The listener
    /// ends before the call.
    ///
    /// A retained event counts, too. Dropping the returned [`Listener`] ends it earlier.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.once("user:signed-in", |event| println!("{}", event.payload_json()))?.forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn once(
        &self,
        pattern: &str,
        callback: impl FnOnce(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.once_read(pattern, |event, _| Some(event), callback)
    }

    /// Calls a function for the first event that `read` reads.
    pub(crate) fn once_read<T: 'static>(
        &self,
        pattern: &str,
        read: Read<T>,
        callback: impl FnOnce(T) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = self.parse_pattern(pattern)?;
        let listeners = &self.runtime().listeners;
        let own = Arc::downgrade(listeners);
        let diagnostics = Arc::clone(self.runtime().core.diagnostics());
        let make = |id| {
            let mut callback = Some(callback);
            move |event| {
                let Some(value) = read(event, &diagnostics) else {
                    return;
                };
                // Removed first, so that the callback may emit what it listens to.
                if let Some(listeners) = own.upgrade() {
                    listeners.remove(id);
                }
                if let Some(callback) = callback.take() {
                    callback(value);
                }
            }
        };
        let id = listeners.add(pattern, HostSubscription::default(), make);
        Ok(Listener::new(Arc::downgrade(listeners), id))
    }

    /// Waits for an event that matches the pattern and is for everyone or for the host.
    ///
    /// It counts what is emitted from this call on, also before the future is awaited, and a retained event. The future has
    /// no timeout without [`WaitFor::timeout`]. Dropping it ends the wait.
    ///
    /// # Errors
    ///
    /// By awaiting it:
    ///
    /// - those of [`EventBus::listen`]
    /// - [`ErrorCode::Timeout`](crate::ErrorCode::Timeout): no such event within the timeout
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the timeout is out of range
    /// - [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable): the app exits
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn import(bus: EventBus) -> Result<()> {
    ///     let done = bus
    ///         .wait_for("import:done")
    ///         .filter(|event| event.payload::<u32>() == Ok(7))
    ///         .timeout(Duration::from_secs(60));
    ///     bus.emit("import:start", 7)?;
    ///     println!("{}", done.await?.name());
    ///     Ok(())
    /// }
    /// # let _ = import;
    /// ```
    pub fn wait_for(&self, pattern: &str) -> WaitFor {
        WaitFor::new(self.wait_parts(pattern), |event, _| Some(event))
    }

    pub(crate) fn wait_parts(&self, pattern: &str) -> WaitParts {
        WaitParts {
            stream: self.stream(pattern),
            pattern: self.join_prefix(pattern).into_owned(),
            tasks: self.runtime().core.tasks().clone(),
            diagnostics: Arc::clone(self.runtime().core.diagnostics()),
        }
    }

    /// Returns a stream of the events that match the pattern and are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # async fn follow(bus: tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// let mut downloads = bus.stream("download:*")?;
    /// let first = downloads.recv().await;
    /// # let _ = first;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, pattern: &str) -> Result<EventStream> {
        self.stream_with(pattern, ListenOptions::new())
    }

    /// Returns a stream of the events that match the pattern, with options.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # async fn follow(bus: tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::ListenOptions;
    ///
    /// let mut cursor = bus.stream_with("cursor:moved", ListenOptions::new().latest(true))?;
    /// let newest = cursor.recv().await;
    /// # let _ = newest;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream_with(&self, pattern: &str, options: ListenOptions) -> Result<EventStream> {
        let pattern = self.parse_pattern(pattern)?;
        let core = &self.runtime().core;
        Ok(EventStream::new(core, pattern, options.wanted))
    }

    pub(super) fn parse_pattern(&self, pattern: &str) -> Result<EventPattern> {
        let pattern = EventPattern::parse(&self.full_name(pattern)?)?;
        if let Some(name) = pattern.exact() {
            self.catalog().check_name(name)?;
        }
        Ok(pattern)
    }
}
