use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The content of the cart changed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cart {
    pub(crate) item_count: u32,
    pub(crate) note: Option<String>,
    pub(crate) items: Vec<Item>,
}

/// Something in the cart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) price: f64,
}
