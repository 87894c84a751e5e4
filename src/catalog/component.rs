use serde::Serialize;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::{check_namespace, parse_component};
use crate::model::pattern::EventPattern;

/// Describes for people what a component emits and listens to. It appears in the [`Catalog`](crate::catalog::Catalog) and changes
/// nothing else.
///
/// ```
/// use tauri_plugin_event_bus::Builder;
/// use tauri_plugin_event_bus::catalog::ComponentDescription;
///
/// let cart = ComponentDescription::new("ShoppingCart")
///     .namespace("shop")
///     .description("The cart, and the badge that counts its items.")
///     .emits("cart:updated", "The content of the cart changed.")
///     .listens("order:*", "Empties the cart once an order is paid.");
/// let builder = Builder::new().component(cart);
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use]
pub struct ComponentDescription {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) description: Option<String>,
    emits: Vec<DescribedEvent>,
    listens: Vec<DescribedEvent>,
}

/// An event of a [`ComponentDescription`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DescribedEvent {
    /// The name of the event, or a pattern. In a [`Catalog`](crate::catalog::Catalog) it has the prefix of the namespace.
    pub event: String,
    /// What the component does with the event.
    pub description: String,
}

impl ComponentDescription {
    /// Describes a component that emits nothing and listens to nothing yet.
    ///
    /// The name has 1 to 128 bytes: letters, digits and `-` `_` `.` `:` `/`. [`Builder::catalog`](crate::Builder::catalog)
    /// refuses other names.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: None,
            description: None,
            emits: Vec::new(),
            listens: Vec::new(),
        }
    }

    /// Sets the namespace. It prefixes the names of the events that do not begin with it.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets what the component is.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds an event that the component emits.
    pub fn emits(mut self, event: impl Into<String>, description: impl Into<String>) -> Self {
        self.emits.push(DescribedEvent {
            event: event.into(),
            description: description.into(),
        });
        self
    }

    /// Adds an event, or a pattern, that the component listens to.
    pub fn listens(mut self, pattern: impl Into<String>, description: impl Into<String>) -> Self {
        self.listens.push(DescribedEvent {
            event: pattern.into(),
            description: description.into(),
        });
        self
    }

    /// The component's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The events that the component emits, in the order in which they were added.
    #[must_use]
    pub fn emitted(&self) -> &[DescribedEvent] {
        &self.emits
    }

    /// The events and patterns that the component listens to, in the order in which they were added.
    #[must_use]
    pub fn listened(&self) -> &[DescribedEvent] {
        &self.listens
    }

    /// This description with prefixed names, if all of them are valid.
    pub(super) fn checked(&self) -> Result<Self> {
        parse_component(&self.name)?;
        let mut checked = self.clone();
        if let Some(namespace) = &self.namespace {
            check_namespace(namespace).map_err(|error| self.invalid(error))?;
            let prefix = format!("{namespace}:");
            for described in checked.emits.iter_mut().chain(&mut checked.listens) {
                if !described.event.starts_with(&prefix) {
                    described.event.insert_str(0, &prefix);
                }
            }
        }
        for described in checked.emits.iter().chain(&checked.listens) {
            EventPattern::parse(&described.event).map_err(|error| self.invalid(error))?;
        }
        Ok(checked)
    }

    fn invalid(&self, error: Error) -> Error {
        Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "invalid description of the component {}: {error}",
                quoted(&self.name)
            ),
        )
        .with_source(error)
    }
}
