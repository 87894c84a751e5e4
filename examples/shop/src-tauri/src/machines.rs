//! The shop on two machines: a till, where customers order, and an office, which keeps the books.

use std::env;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::{App, Manager};
use tauri_plugin_event_bus::component::Component;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, Result, Target};

use crate::books::{Books, Product, Refusal};

/// The machine that keeps the books.
const OFFICE: &str = "office";

/// One of the two machines.
pub(crate) struct Machine {
    name: String,
    server: String,
}

/// Requests the products from the office.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Products;

impl Request for Products {
    const NAME: &'static str = "shop:products";
    type Response = Vec<Product>;
}

impl Machine {
    /// Which machine this is, from the variables `SHOP_NODE` and `SHOP_SERVER`. Without them, the shop is on one machine.
    pub(crate) fn from_env() -> Option<Self> {
        if !cfg!(feature = "machines") {
            return None;
        }
        Some(Self {
            name: env::var("SHOP_NODE").ok()?,
            server: env::var("SHOP_SERVER").ok()?,
        })
    }

    pub(crate) fn is_office(&self) -> bool {
        self.name == OFFICE
    }

    /// The only window of this machine.
    pub(crate) fn window(&self) -> &'static str {
        match self.is_office() {
            true => "office",
            false => "shop",
        }
    }

    /// The event bus of this machine, whose events reach the other one.
    pub(crate) fn link(&self, bus: Builder) -> Builder {
        self.connect(bus.request::<Products>())
    }

    #[cfg(feature = "machines")]
    fn connect(&self, bus: Builder) -> Builder {
        let link = tauri_plugin_event_bus_nats::Nats::connect(&self.server);
        bus.link(link.node(&self.name).share("shop:*"))
    }

    #[cfg(not(feature = "machines"))]
    fn connect(&self, bus: Builder) -> Builder {
        println!("{} stays apart from {}", self.name, self.server);
        bus
    }

    /// The products, from the office.
    pub(crate) async fn products(&self, bus: &EventBus) -> Result<Vec<Product>, Refusal> {
        let products = Products.request(bus, Target::node(OFFICE)).await;
        products.map_err(|error| Refusal::new(503, error.message().to_owned()))
    }
}

pub(crate) fn start(app: &App, machine: &Machine) -> Result<()> {
    let component = app.event_bus().namespace("shop").component("Machines");
    if machine.is_office() {
        let books = app.state::<Books>().inner().clone();
        Products::respond(app, move |_| {
            let products = books.products();
            async move { Ok(products) }
        })?
        .forget();
    }
    // The other machine may have been there before, and its lists are empty.
    app.event_bus()
        .listen("event-bus:link", move |event| {
            refresh(&component, &event.payload())
        })?
        .forget();
    Ok(())
}

/// Once the machines can reach each other, the lists load again on both.
fn refresh(component: &Component, link: &Result<Value>) {
    let is_connected = link.as_ref().is_ok_and(|link| link["connected"] == true);
    if is_connected && let Err(error) = component.refresh("ProductList") {
        eprintln!("cannot load the lists again: {error}");
    }
}
