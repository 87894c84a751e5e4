//! The events of this app. A test generates `src/events.ts` and `docs/events.md` from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus::catalog::ComponentDescription;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, Policy};

/// The event bus of this app.
pub(crate) fn event_bus() -> Builder {
    Builder::new()
        .event::<CartUpdated>()
        .event::<OrderCreated>()
        .event::<PaymentRequested>()
        .event::<PaymentPaid>()
        .event::<SalesUpdated>()
        .component(order_desk())
        .component(bank())
}

fn order_desk() -> ComponentDescription {
    ComponentDescription::new("OrderDesk")
        .namespace("shop")
        .description("Takes orders, and closes them once they are paid.")
        .listens("order:created", "Takes the order and reduces the stock.")
        .emits("payment:requested", "For each order that it has taken.")
        .emits("cart:updated", "The cart is empty once the order is taken.")
        .listens("payment:paid", "Closes the order.")
        .emits("sales:updated", "After each closed order.")
        .emits("refresh-productlist", "The stock has changed.")
        .emits("refresh-orderlist", "An order was taken or paid.")
}

fn bank() -> ComponentDescription {
    ComponentDescription::new("Bank")
        .namespace("shop")
        .description("Simulates a payment service, which takes a moment.")
        .listens("payment:requested", "Pays, from a thread of its own.")
        .emits("payment:paid", "The payment has arrived.")
}

/// A quantity of a product.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    /// The id of the product.
    pub(crate) product: u32,
    pub(crate) quantity: u32,
}

/// The cart has changed.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct CartUpdated {
    pub(crate) lines: Vec<Line>,
}

impl Event for CartUpdated {
    const NAME: &'static str = "shop:cart:updated";
    const POLICY: Policy = Policy::new().retain(true);
    const EMITTED_BY: &'static [&'static str] = &["the window `shop`", "OrderDesk"];
    const LISTENED_BY: &'static [&'static str] = &["ShoppingCart", "the badges of both windows"];
}

/// A customer ordered the content of the cart.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct OrderCreated {
    pub(crate) lines: Vec<Line>,
}

impl Event for OrderCreated {
    const NAME: &'static str = "shop:order:created";
    const EMITTED_BY: &'static [&'static str] = &["ShoppingCart"];
    const LISTENED_BY: &'static [&'static str] = &["OrderDesk"];
}

/// An order was taken and waits for its payment.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct PaymentRequested {
    /// The number of the order.
    pub(crate) order: u32,
    /// In cents.
    pub(crate) amount: u64,
}

impl Event for PaymentRequested {
    const NAME: &'static str = "shop:payment:requested";
    const EMITTED_BY: &'static [&'static str] = &["OrderDesk"];
    const LISTENED_BY: &'static [&'static str] = &["Bank", "ShoppingCart"];
}

/// An order was paid.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct PaymentPaid {
    /// The number of the order.
    pub(crate) order: u32,
    /// In cents.
    pub(crate) amount: u64,
}

impl Event for PaymentPaid {
    const NAME: &'static str = "shop:payment:paid";
    const EMITTED_BY: &'static [&'static str] = &["Bank"];
    const LISTENED_BY: &'static [&'static str] = &["OrderDesk", "ShoppingCart"];
}

/// The sales since the app started.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct SalesUpdated {
    /// How many orders are paid.
    pub(crate) orders: u32,
    /// The revenue in cents.
    pub(crate) revenue: u64,
}

impl Event for SalesUpdated {
    const NAME: &'static str = "shop:sales:updated";
    const POLICY: Policy = Policy::new().retain(true);
    const EMITTED_BY: &'static [&'static str] = &["OrderDesk"];
    const LISTENED_BY: &'static [&'static str] = &["OrderList"];
}

#[cfg(test)]
mod tests {
    use tauri_plugin_event_bus::catalog::ExportError;

    use super::*;

    #[test]
    fn generated_files_are_up_to_date() -> Result<(), ExportError> {
        let catalog = event_bus().catalog().expect("no two events share a name");
        let exports = [
            catalog.export_typescript("../src/events.ts"),
            catalog.export_markdown("../docs/events.md"),
        ];
        exports.into_iter().collect()
    }
}
