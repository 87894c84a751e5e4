//! Stands in for a payment service: it takes a moment, on a thread of its own.

use std::time::Duration;

use tauri::App;
use tauri_plugin_event_bus::{Event, EventBusExt, Result};

use crate::events::{PaymentPaid, PaymentRequested};

const A_MOMENT: Duration = Duration::from_millis(900);

pub(crate) fn start(app: &App) -> Result<()> {
    let bank = app.event_bus().namespace("shop").component("Bank");
    app.event_bus()
        .listen_event::<PaymentRequested>(move |event| {
            // Behind the listener's end, only this bus knows what the payment follows from.
            let bus = bank.bus().caused_by(&event);
            let paid = PaymentPaid {
                order: event.payload.order,
                amount: event.payload.amount,
            };
            std::thread::spawn(move || {
                std::thread::sleep(A_MOMENT);
                if let Err(error) = paid.emit(&bus) {
                    eprintln!("The payment was not told: {error}");
                }
            });
        })?
        .forget();
    Ok(())
}
