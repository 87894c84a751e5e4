//! What pages usually do with the bus. Beside a page without it, this is what the crate adds.

use js_sys::Promise;
use js_sys::futures::{future_to_promise, spawn_local};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus_guest::{Error, Event, HOST, Request, TypedItem, emit, listen, request};
use wasm_bindgen::prelude::*;

use crate::payloads::Cart;

impl Event for Cart {
    const NAME: &'static str = "cart:updated";
}

/// The price of so many items.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Price {
    items: u32,
}

impl Request for Price {
    const NAME: &'static str = "price";
    type Response = f64;
}

#[wasm_bindgen]
extern "C" {
    /// Shows a number.
    #[wasm_bindgen(js_namespace = globalThis)]
    fn show(number: f64);
}

fn text_of(error: &Error) -> JsValue {
    JsValue::from_str(error.message())
}

/// Emits a cart.
#[wasm_bindgen(js_name = shareCart)]
pub fn share_cart(json: &str) -> Promise {
    let cart = serde_json::from_str::<Cart>(json);
    future_to_promise(async move {
        let cart = cart.map_err(|error| JsValue::from_str(&error.to_string()))?;
        let receipt = emit(&cart).await.map_err(|error| text_of(&error))?;
        Ok(JsValue::from_f64(receipt.pages as f64))
    })
}

/// Shows carts.
#[wasm_bindgen(js_name = showCarts)]
pub fn show_carts() {
    spawn_local(async {
        let mut carts = listen::<Cart>();
        while let Some(item) = carts.recv().await {
            match item {
                TypedItem::Event(event) => show(f64::from(event.payload.item_count)),
                TypedItem::Gap(gap) => show(gap.count as f64),
                TypedItem::Invalid(_, error) | TypedItem::Ended(error) => {
                    show(error.message().len() as f64);
                }
            }
        }
    });
}

/// Requests a price.
#[wasm_bindgen(js_name = priceOf)]
pub fn price_of(items: u32) -> Promise {
    future_to_promise(async move {
        let price = request(HOST, &Price { items }).await;
        price
            .map(JsValue::from_f64)
            .map_err(|error| text_of(&error))
    })
}
