//! What a page in Rust does with the bus, as functions that a test calls. They write what they see into a log.

#[cfg(feature = "test")]
pub mod page;
mod payloads;
#[cfg(feature = "leptos")]
pub mod signal;
#[cfg(feature = "bus")]
pub mod usual;

use js_sys::Promise;
use js_sys::futures::{JsFuture, future_to_promise, spawn_local};
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

/// Does the same with JSON that is still to come, as pages do that fetch something.
#[wasm_bindgen(js_name = addItemLater)]
pub fn add_item_later(json: Promise) -> Promise {
    let waiting = json.clone();
    spawn_local(async move {
        // The other promise tells of an error.
        let _ = JsFuture::from(waiting).await;
    });
    future_to_promise(async move {
        let json = JsFuture::from(json).await?;
        let json = json.as_string().unwrap_or_default();
        add_item(&json).map(JsValue::from)
    })
}
