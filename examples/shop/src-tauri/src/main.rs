//! A shop in two windows, whose parts communicate by events.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod bank;
mod books;
mod desk;
mod events;
mod machines;

use std::error::Error;

use tauri::{AppHandle, Manager, State};
use tauri_plugin_event_bus::EventBusExt;

use books::{Books, Order, Product, Refusal};
use machines::Machine;

fn main() -> tauri::Result<()> {
    let machine = Machine::from_env();
    let mut bus = events::event_bus();
    // `cargo xtask demo shop` sets it. An app of yours just calls `inspector(true)`.
    if std::env::var_os("EVENT_BUS_DEMO_INSPECTOR").is_some() {
        bus = bus.inspector(true);
    }
    let mut context = tauri::generate_context!();
    if let Some(machine) = &machine {
        bus = machine.link(bus);
        let windows = &mut context.config_mut().app.windows;
        windows.retain(|window| window.label == machine.window());
    }
    tauri::Builder::default()
        .plugin(bus.build())
        .manage(Books::default())
        .manage(machine)
        .invoke_handler(tauri::generate_handler![products, orders, save_product])
        .setup(|app| {
            let machine = app.state::<Option<Machine>>();
            if machine.as_ref().is_none_or(Machine::is_office) {
                desk::start(app)?;
                bank::start(app)?;
            }
            if let Some(machine) = &*machine {
                machines::start(app, machine)?;
            }
            Ok::<(), Box<dyn Error>>(())
        })
        .run(context)
}

/// The products. A till has them from the office.
#[tauri::command]
async fn products(
    app: AppHandle,
    machine: State<'_, Option<Machine>>,
    books: State<'_, Books>,
) -> Result<Vec<Product>, Refusal> {
    match &*machine {
        Some(till) if !till.is_office() => till.products(&app.event_bus()).await,
        _ => Ok(books.products()),
    }
}

/// The orders, newest first.
#[tauri::command]
fn orders(books: State<'_, Books>) -> Vec<Order> {
    books.orders()
}

#[tauri::command]
fn save_product(books: State<'_, Books>, product: Product) -> Result<Product, Refusal> {
    books.save(product)
}
