//! A shop in two windows, whose parts communicate by events.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod bank;
mod books;
mod desk;
mod events;

use std::error::Error;

use tauri::State;

use books::{Books, Order, Product, Refusal};

fn main() -> tauri::Result<()> {
    tauri::Builder::default()
        .plugin(events::event_bus().build())
        .manage(Books::default())
        .invoke_handler(tauri::generate_handler![products, orders, save_product])
        .setup(|app| {
            desk::start(app)?;
            bank::start(app)?;
            Ok::<(), Box<dyn Error>>(())
        })
        .run(tauri::generate_context!())
}

#[tauri::command]
fn products(books: State<'_, Books>) -> Vec<Product> {
    books.products()
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
