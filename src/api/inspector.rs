//! The inspector, as apps open it, and the bus for what is sent by hand.

use crate::api::bus::EventBus;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::Origin;

/// The component of what is emitted or requested by hand.
const COMPONENT: &str = "inspector";

impl EventBus {
    /// Opens the inspector, a window that shows what happens in the bus, or gives it the focus. It returns before the window
    /// is there; if the window cannot be built, the reason is logged. Feature `inspector`.
    ///
    /// In release builds the app has to allow it, with [`Builder::inspector`](crate::Builder::inspector).
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::Denied`](crate::ErrorCode::Denied): the inspector is off in this build
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the app has a window with the label
    ///   `event-bus-inspector`
    /// - [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable): the platform has no windows
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// tauri::Builder::default()
    ///     .plugin(tauri_plugin_event_bus::init())
    ///     .setup(|app| {
    ///         app.event_bus().open_inspector()?;
    ///         Ok(())
    ///     });
    /// ```
    pub fn open_inspector(&self) -> Result<()> {
        self.runtime().core.open_inspector()
    }

    /// The bus for what is sent by hand: it comes from the host, and its component says how.
    pub(crate) fn by_hand(&self) -> Self {
        self.of_another(Endpoint::Host, Some(COMPONENT.into()), Origin::default())
    }
}
