use crate::model::endpoint::Endpoint;
use crate::model::target::Target;

/// What becomes a target: a label or a glob, a list of these, an [`Endpoint`], a [`Target`], or Tauri's `EventTarget`.
///
/// ```
/// # fn send(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// use tauri_plugin_event_bus::HOST;
///
/// bus.emit_to("main", "greeting", "hello")?;
/// bus.emit_to(["main", "editor-*"], "greeting", "hello")?;
/// bus.emit_to(HOST, "greeting", "hello")?;
/// bus.emit_to(tauri::EventTarget::window("main"), "greeting", "hello")?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a target",
    note = "expected a label, a list of labels, an Endpoint such as HOST, a Target, or an EventTarget of Tauri"
)]
pub trait IntoTarget {
    /// The target.
    fn into_target(self) -> Target;
}

macro_rules! into_target {
    ($($type:ty),+) => {
        $(
            impl IntoTarget for $type {
                fn into_target(self) -> Target {
                    self.into()
                }
            }
        )+
    };
}

into_target!(Target, &str, String, &String, Endpoint, &Endpoint);

impl IntoTarget for &Target {
    fn into_target(self) -> Target {
        self.clone()
    }
}

impl<T: IntoTarget> IntoTarget for Vec<T> {
    fn into_target(self) -> Target {
        Target::join(self.into_iter().map(IntoTarget::into_target))
    }
}

impl<T: IntoTarget + Clone> IntoTarget for &[T] {
    fn into_target(self) -> Target {
        Target::join(self.iter().cloned().map(IntoTarget::into_target))
    }
}

impl<T: IntoTarget, const N: usize> IntoTarget for [T; N] {
    fn into_target(self) -> Target {
        Target::join(self.into_iter().map(IntoTarget::into_target))
    }
}
