//! Takes orders, and closes them once they are paid. Each step answers an event, so each carries what led to it.

use tauri::{App, Manager};
use tauri_plugin_event_bus::{
    Component, Error, Event, EventBusExt, MessageLevel, MessageOptions, Result,
};

use crate::books::{Books, Order, Refused};
use crate::events::{CartUpdated, OrderCreated, PaymentPaid, PaymentRequested, SalesUpdated};

/// From so few on the user is told.
const FEW: u32 = 3;

pub(crate) fn start(app: &App) -> Result<()> {
    let desk = Desk {
        component: app.event_bus().namespace("shop").component("OrderDesk"),
        books: app.state::<Books>().inner().clone(),
    };
    let own = desk.clone();
    app.event_bus()
        .listen_event::<OrderCreated>(move |event| own.take(&event.payload))?
        .forget();
    app.event_bus()
        .listen_event::<PaymentPaid>(move |event| desk.close(&event.payload).unwrap_or_else(tell))?
        .forget();
    Ok(())
}

#[derive(Clone)]
struct Desk {
    component: Component,
    books: Books,
}

impl Desk {
    /// What fails here reaches the windows as the built-in event `error`, with the status.
    fn take(&self, created: &OrderCreated) {
        let status_of = |refused: &Refused| Some(refused.status);
        let taking = || self.books.take(&created.lines);
        let taken = self
            .component
            .action_with_status("take-order", status_of, taking);
        if let Ok(order) = taken {
            self.request(&order).unwrap_or_else(tell);
        }
    }

    fn request(&self, order: &Order) -> Result<()> {
        CartUpdated { lines: Vec::new() }.emit(&self.component)?;
        self.component.refresh("ProductList")?;
        self.component.refresh("OrderList")?;
        self.warn_of_few(order)?;
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

    /// The messages about one order take each other's place.
    fn message(&self, level: MessageLevel, text: String, order: u32) -> Result<()> {
        let options = MessageOptions::new().key(format!("order-{order}"));
        self.component.message(level, text, options).map(drop)
    }

    fn warn_of_few(&self, order: &Order) -> Result<()> {
        let products = self.books.products();
        let ordered = |name: &str| order.items.iter().any(|item| item.name == name);
        let few = products
            .iter()
            .find(|product| product.stock <= FEW && ordered(&product.name));
        let Some(product) = few else {
            return Ok(());
        };
        let text = format!("Only {} of {} left.", product.stock, product.name);
        self.component.warning(text).map(drop)
    }
}

fn tell(error: Error) {
    eprintln!("The order goes no further: {error}");
}
