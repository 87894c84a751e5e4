//! What a page in Rust does with the bus, as functions that a test calls. They write what they see into a log.

#[cfg(feature = "bus")]
pub mod page;
mod payloads;
#[cfg(feature = "leptos")]
pub mod signal;

use wasm_bindgen::prelude::*;

/// Reads a cart, adds an item and writes it again: all that an app with serde alone does.
///
/// # Errors
///
/// What is wrong with the JSON.
#[wasm_bindgen(js_name = addItem)]
pub fn add_item(json: &str) -> Result<String, JsValue> {
    let problem = |error: serde_json::Error| JsValue::from_str(&error.to_string());
    let mut cart: payloads::Cart = serde_json::from_str(json).map_err(problem)?;
    cart.item_count += 1;
    serde_json::to_string(&cart).map_err(problem)
}
