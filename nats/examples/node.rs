//! A node without windows that emits `order:n` with numbers, over and over: `node nats://127.0.0.1:4222 till-4 1`.

use std::time::Duration;

use tauri::test::{mock_builder, mock_context, noop_assets};
use tauri_plugin_event_bus::{Builder, EventBusExt};
use tauri_plugin_event_bus_nats::Nats;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, node, first] = &arguments[..] else {
        return Err("usage: node SERVER NAME FIRST".into());
    };
    let link = Nats::connect(server)
        .app("shop")
        .node(node)
        .share("order:*");
    let app = mock_builder()
        .plugin(Builder::new().link(link).build())
        .build(mock_context(noop_assets()))?;
    let bus = app.event_bus();
    let first: u64 = first.parse()?;
    tauri::async_runtime::block_on(async move {
        for n in first.. {
            bus.emit("order:n", n)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    })
}
