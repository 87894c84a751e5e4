use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::component::Component;
use crate::api::listener::Listener;
use crate::api::options::EmitOptions;
use crate::api::target::IntoTarget;
use crate::engine::diagnostics::Record;
use crate::model::built_in::MESSAGE;
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};

/// A message for the user: the payload of the built-in event `message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Identifies the message. A message replaces the shown message with the same id.
    pub id: String,
    /// The component that sent it.
    pub component: String,
    /// How important it is.
    pub level: MessageLevel,
    /// The text for the user.
    pub text: String,
}

/// The level of a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MessageLevel {
    /// Something succeeded.
    Success,
    /// A neutral notice.
    Info,
    /// Something may go wrong.
    Warning,
    /// Something failed.
    Error,
}

impl MessageLevel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Options of [`Component::message`].
#[derive(Debug, Clone, Default)]
pub struct MessageOptions {
    key: Option<String>,
    emit: EmitOptions,
}

impl MessageOptions {
    /// Sends to everyone, and replaces the component's message of the same level.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the component's message with this key, whatever its level is.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends to this target only.
    #[must_use]
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.emit = self.emit.to(target);
        self
    }
}

impl Component {
    /// Sends a message of the level [`MessageLevel::Success`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit).
    pub fn success(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Success, text, MessageOptions::new())
    }

    /// Sends a message of the level [`MessageLevel::Info`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit).
    pub fn info(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Info, text, MessageOptions::new())
    }

    /// Sends a message of the level [`MessageLevel::Warning`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit).
    pub fn warning(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Warning, text, MessageOptions::new())
    }

    /// Sends a message of the level [`MessageLevel::Error`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit).
    pub fn error(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Error, text, MessageOptions::new())
    }

    /// Sends a message to the user: the built-in event `message` with a [`Message`] as its payload.
    ///
    /// The id of the message is `namespace#component#key`, with the level in the place of a missing key. A
    /// message replaces the shown message with the same id.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit), and those of [`EventBus::emit_to`](crate::EventBus::emit_to) if it has a target.
    ///
    /// ```
    /// # fn export(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::component::{MessageLevel, MessageOptions};
    ///
    /// let export = bus.component("Export");
    /// // The second message replaces the first.
    /// export.message(MessageLevel::Info, "Exporting…", MessageOptions::new().key("export"))?;
    /// export.message(MessageLevel::Success, "Exported", MessageOptions::new().key("export").to("main"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn message(
        &self,
        level: MessageLevel,
        text: impl Into<String>,
        options: MessageOptions,
    ) -> Result<Receipt> {
        let key = options.key.as_deref().unwrap_or(level.as_str());
        let namespace = self.bus.prefix().unwrap_or_default();
        let message = Message {
            // Names have no `#`, so different components have different ids.
            id: format!("{namespace}#{}#{key}", self.name),
            component: self.name.to_string(),
            level,
            text: text.into(),
        };
        self.emit_with(MESSAGE, message, options.emit)
    }

    /// Calls a function for every message of the namespace, whichever component sent it. A malformed payload is logged and
    /// ignored.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`](crate::EventBus::listen).
    pub fn on_message(
        &self,
        mut callback: impl FnMut(Message, BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        let diagnostics = Arc::clone(self.bus.runtime().core.diagnostics());
        self.bus
            .listen(MESSAGE, move |event| match event.payload() {
                Ok(message) => callback(message, event),
                Err(error) => {
                    let (record, causes) = (Record::PayloadIgnored, event.as_cause());
                    diagnostics.tell(record, event.name(), causes, || {
                        format!(" ({}): {error}", event.seq())
                    });
                }
            })
    }
}
