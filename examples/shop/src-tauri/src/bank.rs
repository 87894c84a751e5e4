//! Simulates a payment service, which takes a moment on a thread of its own.

use std::time::Duration;

use tauri::App;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{EventBusExt, Result};

use crate::events::{PaymentPaid, PaymentRequested};

const DELAY: Duration = Duration::from_millis(900);

pub(crate) fn start(app: &App) -> Result<()> {
    let bank = app.event_bus().namespace("shop").component("Bank");
    PaymentRequested::listen(app, move |event| {
        // Once the listener returns, only this bus knows the cause of the payment.
        let bus = bank.caused_by(&event);
        let paid = PaymentPaid {
            order: event.payload.order,
            amount: event.payload.amount,
        };
        std::thread::spawn(move || {
            std::thread::sleep(DELAY);
            if let Err(error) = paid.emit(&bus) {
                eprintln!("cannot emit the payment: {error}");
            }
        });
    })?
    .forget();
    Ok(())
}
