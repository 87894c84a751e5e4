//! A cart that all windows of the app share.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_events::{CartUpdated, Price};
use tauri_plugin_event_bus_guest::leptos::use_latest;
use tauri_plugin_event_bus_guest::{HOST, emit, request};

fn main() {
    console_error_panic_hook::set_once();
    mount_to_body(Cart);
}

#[component]
fn Cart() -> impl IntoView {
    // The newest event, whichever window or the host has emitted it.
    let cart = use_latest::<CartUpdated>();
    let items = move || cart.get().map_or(0, |cart| cart.item_count);
    let count = move || match items() {
        1 => "1 item".to_owned(),
        items => format!("{items} items"),
    };

    let (problem, set_problem) = signal(String::new());
    let add = move |_| {
        let updated = CartUpdated {
            item_count: items() + 1,
        };
        spawn_local(async move {
            let problem = emit(&updated).await.err();
            set_problem.set(problem.map_or_else(String::new, |error| error.to_string()));
        });
    };

    // The host knows the price.
    let price = LocalResource::new(move || {
        let price = Price { items: items() };
        async move { request(HOST, &price).await }
    });
    let euros = move || match price.get() {
        Some(Ok(euros)) => format!("{euros:.2} €"),
        Some(Err(error)) => error.to_string(),
        None => "…".to_owned(),
    };

    view! {
        <main>
            <h1 data-testid="items">{count}</h1>
            <p data-testid="price">{euros}</p>
            <button data-testid="add" on:click=add>"Add"</button>
            <p data-testid="problem" role="alert">{problem}</p>
        </main>
    }
}
