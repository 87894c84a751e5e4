use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::api::bus::EventBus;
use crate::api::component::Component;
use crate::engine::diagnostics::Record;
use crate::model::built_in::{ACTION_COMPLETE, ERROR};
use crate::model::error::Result;

/// The result of an action: the payload of the built-in event `action-complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActionComplete<T> {
    /// The component that ran the action.
    pub component: String,
    /// The name of the action.
    pub action: String,
    /// What the action returned.
    pub state: T,
}

/// The error of an action: the payload of the built-in event `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActionFailed {
    /// The component that ran the action.
    pub component: String,
    /// The name of the action.
    pub action: String,
    /// The text of the error.
    pub error: String,
    /// The status of the error, if it has one: that of an HTTP response, for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Component {
    /// Runs an action and emits its outcome: the built-in event `action-complete` with an [`ActionComplete`], or `error`
    /// with an [`ActionFailed`].
    ///
    /// Returns the result of `run`, also if the event cannot be emitted; that is logged.
    ///
    /// ```
    /// # fn save(bus: &tauri_plugin_event_bus::EventBus) -> std::io::Result<()> {
    /// let editor = bus.component("Editor");
    /// editor.action("save", || std::fs::write("note.txt", "text"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action<T: Serialize, E: Display>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.action_with_status(name, |_| None, run)
    }

    /// Runs an action as [`Component::action`] does, for errors with a status: that of an HTTP response, for example.
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_with_status<T: Serialize, E: Display>(
        &self,
        name: &str,
        status_of: impl FnOnce(&E) -> Option<u16>,
        run: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = run();
        self.emit_outcome(&self.bus, name, &outcome, status_of);
        outcome
    }

    /// Awaits an action and emits its outcome, as [`Component::action`] does. Dropping the future before it is ready emits
    /// nothing. The causes of the event are taken when this is called.
    ///
    /// ```
    /// use tauri_plugin_event_bus::Result;
    /// use tauri_plugin_event_bus::component::Component;
    ///
    /// async fn load(list: Component) -> Result<u32> {
    ///     list.action_async("load", async { Ok(7) }).await
    /// }
    /// # let _ = load;
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_async<T, E, F>(
        &self,
        name: &str,
        run: F,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F>
    where
        T: Serialize,
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        self.action_async_with_status(name, |_: &E| None, run)
    }

    /// Awaits an action as [`Component::action_async`] does, for errors with a status.
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_async_with_status<T, E, S, F>(
        &self,
        name: &str,
        status_of: S,
        run: F,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, S, F>
    where
        T: Serialize,
        E: Display,
        S: FnOnce(&E) -> Option<u16>,
        F: Future<Output = Result<T, E>>,
    {
        // The future may be polled on any thread, so the causes are taken before.
        let bus = self.bus.with_current_causes();
        let (component, name) = (self.clone(), name.to_owned());
        async move {
            let outcome = run.await;
            component.emit_outcome(&bus, &name, &outcome, status_of);
            outcome
        }
    }

    fn emit_outcome<T: Serialize, E: Display>(
        &self,
        bus: &EventBus,
        action: &str,
        outcome: &Result<T, E>,
        status_of: impl FnOnce(&E) -> Option<u16>,
    ) {
        let component = &*self.name;
        let emitted = match outcome {
            Ok(state) => {
                let complete = ActionComplete {
                    component: component.to_owned(),
                    action: action.to_owned(),
                    state,
                };
                bus.emit(ACTION_COMPLETE, complete)
            }
            Err(error) => {
                let failed = ActionFailed {
                    component: component.to_owned(),
                    action: action.to_owned(),
                    error: error.to_string(),
                    status: status_of(error),
                };
                bus.emit(ERROR, failed)
            }
        };
        if let Err(error) = emitted {
            let diagnostics = bus.runtime().core.diagnostics();
            diagnostics.tell(
                Record::NotEmitted,
                action,
                bus.origin().unwrap_or_default().causes,
                || format!(", the outcome of an action of the component {component:?}: {error}"),
            );
        }
    }
}
