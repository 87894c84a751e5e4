//! Views of the bus whose names have a prefix.

use std::borrow::Cow;
use std::sync::Arc;

use crate::api::bus::EventBus;
use crate::model::error::Result;
use crate::model::name::check_namespace;

impl EventBus {
    /// Returns a view of this bus that prefixes every name and pattern: the same API, within a namespace.
    ///
    /// A name that has the prefix does not get it again. Patterns get it, too: `*` matches everything in the namespace. A
    /// namespace within a namespace has both prefixes. Typed events and requests keep the names that they are declared
    /// with.
    ///
    /// A namespace has the characters of an event name, and no colon at its end. An invalid namespace fails where it is
    /// used, with [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName).
    ///
    /// ```
    /// # fn use_it(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// let shop = bus.namespace("shop");
    /// shop.listen("cart:*", |event| println!("{}", event.name()))?.forget(); // shop:cart:updated
    /// shop.emit("cart:updated", 3)?;
    /// shop.emit("shop:cart:updated", 3)?; // the same event
    /// shop.namespace("cart").emit("updated", 3)?; // the same event
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn namespace(&self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let prefix = match self.prefix() {
            // The namespace itself, and what is below it, have the prefix.
            Some(own) if *own != *name => self.join_prefix(&name).into(),
            _ => name,
        };
        self.with_prefix(Some(prefix))
    }

    /// The name or pattern with the prefix of this view.
    pub(crate) fn full_name<'a>(&self, name: &'a str) -> Result<Cow<'a, str>> {
        self.check_prefix()?;
        Ok(self.join_prefix(name))
    }

    pub(crate) fn check_prefix(&self) -> Result<()> {
        self.prefix().map_or(Ok(()), check_namespace)
    }

    /// The name with the prefix, whether that is valid or not.
    pub(crate) fn join_prefix<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let Some(own) = self.prefix() else {
            return name.into();
        };
        let has_prefix = name
            .strip_prefix(own)
            .is_some_and(|rest| rest.starts_with(':'));
        // An empty name stays empty, and is refused as such.
        if has_prefix || name.is_empty() {
            return name.into();
        }
        format!("{own}:{name}").into()
    }

    /// This bus without a prefix, for names that types declare.
    #[cfg(feature = "typed")]
    pub(crate) fn without_prefix(&self) -> Self {
        self.with_prefix(None)
    }
}
