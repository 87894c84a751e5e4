//! A shop on two machines, each a process without windows: a till that sells, and a desk that counts.
//!
//! ```sh
//! nats-server -js &
//! cargo run -p tauri-plugin-event-bus-nats --example shop -- desk nats://127.0.0.1:4222 &
//! cargo run -p tauri-plugin-event-bus-nats --example shop -- till nats://127.0.0.1:4222
//! ```

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri::{App, Manager, RunEvent, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, StreamItem, Target};
use tauri_plugin_event_bus_nats::Nats;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many orders the till takes.
const ORDERS: u32 = 3;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, server] = &arguments[..] else {
        return Err("usage: shop till|desk SERVER".into());
    };
    let link = Nats::connect(server)
        .app("shop")
        .node(role)
        .share("order:*");
    let app = mock_builder()
        .plugin(Builder::new().link(link).build())
        .build(mock_context(noop_assets()))?;
    let (bus, role) = (app.event_bus(), role.clone());
    // What is awaited would block the main thread of an app.
    let worked = tauri::async_runtime::spawn(async move {
        match role.as_str() {
            "till" => sell(bus).await,
            "desk" => count(bus).await,
            other => Err(format!("there is no {other:?} in this shop").into()),
        }
    });
    tauri::async_runtime::block_on(worked)??;
    close(app)
}

/// Exits as an app does whose last window is closed. What was emitted has left by then.
fn close(app: App<MockRuntime>) -> Outcome {
    WebviewWindowBuilder::new(&app, "main", WebviewUrl::default()).build()?;
    app.run(|app, event| {
        if matches!(event, RunEvent::Ready) {
            for window in app.webview_windows().values() {
                let _ = window.destroy();
            }
        }
    });
    Ok(())
}

/// Waits until this node is there, and so is another one.
async fn open(bus: &EventBus, other: &str) -> Outcome {
    let mut changes = bus.stream("event-bus:node-*")?;
    while bus
        .link_status()
        .and_then(|link| link.nodes)
        .is_none_or(|nodes| nodes.iter().all(|node| node != other))
    {
        changes.recv().await;
    }
    Ok(())
}

async fn sell(bus: EventBus) -> Outcome {
    open(&bus, "desk").await?;
    let mut accepted = bus.stream("order:accepted")?;
    for id in 1..=ORDERS {
        bus.emit("order:created", json!({ "id": id, "price": 10 * id }))?;
        if let Some(StreamItem::Event(event)) = accepted.recv().await {
            let from = event.source().node().unwrap_or("here").to_owned();
            println!("order {} accepted by {from}", event.payload::<u32>()?);
        }
    }
    let total: u32 = bus
        .request(Target::node("desk"), "order:total", ())
        .timeout(Duration::from_secs(10))
        .await?;
    println!("the desk has counted {total}");
    let mut left = bus.stream("event-bus:node-left")?;
    bus.emit_to(Target::node("desk"), "order:closed", ())?;
    left.recv().await;
    println!("the desk has closed");
    Ok(())
}

async fn count(bus: EventBus) -> Outcome {
    let total = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&total);
    let responder = bus.respond("order:total", move |(): ()| {
        let total = counted.load(std::sync::atomic::Ordering::Relaxed);
        async move { Ok(total) }
    })?;
    let mut orders = bus.stream("order:*")?;
    while let Some(item) = orders.recv().await {
        let StreamItem::Event(event) = item else {
            continue;
        };
        match event.name() {
            "order:created" => {
                let order: serde_json::Value = event.payload()?;
                let price = order["price"].as_u64().unwrap_or_default() as u32;
                total.fetch_add(price, std::sync::atomic::Ordering::Relaxed);
                // To the till that sold it.
                bus.caused_by(&event)
                    .emit_to(event.source(), "order:accepted", &order["id"])?;
            }
            "order:closed" => {
                println!("closed by {}", event.source().node().unwrap_or("here"));
                break;
            }
            _ => {}
        }
    }
    drop(responder);
    Ok(())
}
