//! The events and requests of the example, which its app and its page share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus_types::{Event, Policy, Request};

/// The content of the cart changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartUpdated {
    /// The number of items in the cart now.
    pub item_count: u32,
}

impl Event for CartUpdated {
    const NAME: &'static str = "cart:updated";
    // A window that opens later, or reloads, gets the newest one.
    const POLICY: Policy = Policy::new().retain(true);
}

/// Asks for the price of so many items.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// The number of items.
    pub items: u32,
}

impl Request for Price {
    const NAME: &'static str = "price";
    type Response = f64;
}
