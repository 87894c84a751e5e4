//! Takes orders, and closes them once they are paid. Each step reacts to an event, so each carries its causes.

use tauri::{App, Manager};
use tauri_plugin_event_bus::component::{Component, MessageLevel, MessageOptions};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Endpoint, Error, EventBusExt, Result, Target};

use crate::books::{Books, Order, Refusal};
use crate::events::{CartUpdated, OrderCreated, PaymentPaid, PaymentRequested, SalesUpdated};

/// At this stock and below, the user is warned.
const LOW_STOCK: u32 = 3;

pub(crate) fn start(app: &App) -> Result<()> {
    let desk = Desk {
        component: app.event_bus().namespace("shop").component("OrderDesk"),
        books: app.state::<Books>().inner().clone(),
    };
    let own = desk.clone();
    OrderCreated::listen(app, move |event| own.take(&event))?.forget();
    PaymentPaid::listen(app, move |event| {
        desk.close(&event.payload).unwrap_or_else(report)
    })?
    .forget();
    Ok(())
}

#[derive(Clone)]
struct Desk {
    component: Component,
    books: Books,
}

impl Desk {
    /// A failure reaches the windows as the built-in event `error`, with the status.
    fn take(&self, created: &TypedEvent<OrderCreated>) {
        let status_of = |refusal: &Refusal| Some(refusal.status);
        let taking = || self.books.take(&created.payload.lines);
        let taken = self
            .component
            .action_with_status("take-order", status_of, taking);
        if let Ok(order) = taken {
            self.empty_cart(created.source())
                .and_then(|()| self.request_payment(&order))
                .unwrap_or_else(report);
        }
    }

    /// Empties the cart of the machine that ordered. Others have carts of their own.
    fn empty_cart(&self, ordered_by: &Endpoint) -> Result<()> {
        let empty = CartUpdated { lines: Vec::new() };
        match ordered_by.node() {
            Some(node) => empty.emit_to(&self.component, Target::node(node)),
            None => empty.emit(&self.component),
        }
        .map(drop)
    }

    fn request_payment(&self, order: &Order) -> Result<()> {
        self.component.refresh("ProductList")?;
        self.component.refresh("OrderList")?;
        self.warn_of_low_stock(order)?;
        let text = format!("Order {} waits for its payment.", order.number);
        self.message(MessageLevel::Info, text, order.number)?;
        let requested = PaymentRequested {
            order: order.number,
            amount: order.amount,
        };
        requested.emit(&self.component).map(drop)
    }

    fn close(&self, paid: &PaymentPaid) -> Result<()> {
        let (orders, revenue) = self.books.pay(paid.order, paid.amount);
        SalesUpdated { orders, revenue }.emit(&self.component)?;
        self.component.refresh("ProductList")?;
        self.component.refresh("OrderList")?;
        let text = format!("Order {} is paid.", paid.order);
        self.message(MessageLevel::Success, text, paid.order)
    }

    /// A message about an order replaces the previous one.
    fn message(&self, level: MessageLevel, text: String, order: u32) -> Result<()> {
        let options = MessageOptions::new().key(format!("order-{order}"));
        self.component.message(level, text, options).map(drop)
    }

    fn warn_of_low_stock(&self, order: &Order) -> Result<()> {
        let products = self.books.products();
        let ordered = |name: &str| order.items.iter().any(|item| item.name == name);
        let low = products
            .iter()
            .find(|product| product.stock <= LOW_STOCK && ordered(&product.name));
        let Some(product) = low else {
            return Ok(());
        };
        let text = format!("Only {} of {} left.", product.stock, product.name);
        self.component.warning(text).map(drop)
    }
}

fn report(error: Error) {
    eprintln!("cannot continue the order: {error}");
}
