use crate::api::target::IntoTarget;
use crate::hub::{Address, Audience};
use crate::model::error::Result;
use crate::model::selection::Selection;
use crate::model::target::Target;

/// Options of [`EventBus::emit_with`](crate::EventBus::emit_with).
///
/// ```
/// use tauri_plugin_event_bus::EmitOptions;
///
/// let options = EmitOptions::new().to("editor-*").except("editor-7").retain();
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
pub struct EmitOptions {
    to: Option<Target>,
    except: Option<Target>,
    pub(super) retain: Option<bool>,
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

    /// Retains the event for later subscribers, until the next event of its name to the same target replaces it.
    #[must_use]
    pub fn retain(mut self) -> Self {
        self.retain = Some(true);
        self
    }

    /// Does not retain the event, whatever the policy of its name says.
    #[must_use]
    pub fn no_retain(mut self) -> Self {
        self.retain = Some(false);
        self
    }

    /// Leaves these webviews out. They need not exist.
    #[must_use]
    pub fn except(mut self, target: impl IntoTarget) -> Self {
        self.except = Some(target.into_target());
        self
    }

    pub(super) fn audience(self) -> Result<Audience> {
        Ok(Audience {
            to: self.to.map(Address::of).transpose()?,
            except: self.except.as_ref().map(Selection::of).transpose()?,
        })
    }
}
