//! A signal of Leptos.

use std::cell::RefCell;

use reactive_graph::owner::Owner;
use reactive_graph::signal::ReadSignal;
use reactive_graph::traits::GetUntracked as _;
use tauri_plugin_event_bus_guest::leptos::use_latest;
use wasm_bindgen::prelude::*;

use crate::payloads::Cart;

thread_local! {
    static LATEST: RefCell<Option<(Owner, ReadSignal<Option<Cart>>)>> =
        const { RefCell::new(None) };
}

/// Makes a signal of the latest cart, in an owner of its own.
#[wasm_bindgen(js_name = makeSignal)]
pub fn make_signal() {
    let owner = Owner::new();
    let signal = owner.with(use_latest::<Cart>);
    LATEST.set(Some((owner, signal)));
}

/// The number of items in the signal.
#[wasm_bindgen(js_name = readSignal)]
pub fn read_signal() -> Option<u32> {
    LATEST.with_borrow(|latest| {
        let (_, signal) = latest.as_ref()?;
        Some(signal.get_untracked()?.item_count)
    })
}

/// Disposes of the owner, which ends the signal.
#[wasm_bindgen(js_name = disposeSignal)]
pub fn dispose_signal() {
    if let Some((owner, _)) = LATEST.take() {
        owner.cleanup();
    }
}
