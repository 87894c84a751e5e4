use serde::Serialize;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::{check_namespace, parse_component};
use crate::model::pattern::EventPattern;

/// What a component emits and listens to, for people: it appears in the [`Catalog`](crate::Catalog) and changes nothing.
///
/// ```
/// use tauri_plugin_event_bus::{Builder, ComponentDescription};
///
/// let cart = ComponentDescription::new("ShoppingCart")
///     .namespace("shop")
///     .description("The cart, and the badge that counts what is in it.")
///     .emits("cart:updated", "What is in the cart has changed.")
///     .listens("order:*", "Empties itself once an order is paid.");
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
    /// Its name, or a pattern, with the prefix of the namespace.
    pub event: String,
    /// What the component has to do with it.
    pub description: String,
}

impl ComponentDescription {
    /// A component that emits nothing and listens to nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: None,
            description: None,
            emits: Vec::new(),
            listens: Vec::new(),
        }
    }

    /// Its namespace, which prefixes the names of its events, unless they have it already.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// What it is.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds an event that it emits.
    pub fn emits(mut self, event: impl Into<String>, description: impl Into<String>) -> Self {
        self.emits.push(DescribedEvent {
            event: event.into(),
            description: description.into(),
        });
        self
    }

    /// Adds an event that it listens to, or a pattern.
    pub fn listens(mut self, pattern: impl Into<String>, description: impl Into<String>) -> Self {
        self.listens.push(DescribedEvent {
            event: pattern.into(),
            description: description.into(),
        });
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it emits.
    #[must_use]
    pub fn emitted(&self) -> &[DescribedEvent] {
        &self.emits
    }

    /// What it listens to.
    #[must_use]
    pub fn heard(&self) -> &[DescribedEvent] {
        &self.listens
    }

    /// With whole names, once every one of them can be one.
    pub(super) fn checked(&self) -> Result<Self> {
        parse_component(&self.name)?;
        let mut checked = self.clone();
        if let Some(namespace) = &self.namespace {
            check_namespace(namespace).map_err(|error| self.wrong(error.message().to_owned()))?;
            let prefix = format!("{namespace}:");
            for described in checked.emits.iter_mut().chain(&mut checked.listens) {
                if !described.event.starts_with(&prefix) {
                    described.event.insert_str(0, &prefix);
                }
            }
        }
        for described in checked.emits.iter().chain(&checked.listens) {
            EventPattern::parse(&described.event)
                .map_err(|error| self.wrong(error.message().to_owned()))?;
        }
        Ok(checked)
    }

    fn wrong(&self, problem: String) -> Error {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("the component {}: {problem}", quoted(&self.name)),
        )
    }
}
