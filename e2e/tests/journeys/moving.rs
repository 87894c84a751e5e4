//! Pages of an app that moves over: they call the functions of Tauri's events.

use anyhow::Result;
use serde_json::json;

use crate::support::{Page, launch};

#[tokio::test]
async fn tauris_functions_go_over_the_bus() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.run(
        "window.moved = []; window.end = await tauriEvents.listen('moved', (event) => moved.push(event))",
        json!(null),
    )
    .await?;
    // The other page uses the package's own function, so the entry is on the bus, too.
    other.emit("moved", json!({ "n": 1 })).await?;
    let resolved = main
        .run(
            "return String(await tauriEvents.emit('moved'))",
            json!(null),
        )
        .await?;
    assert_eq!(resolved, "undefined");
    main.window
        .until("both events", "moved.length === 2", &[])
        .await?;
    let received = main.run("return moved", json!(null)).await?;
    let id = &received[0]["id"];
    assert!(id.is_number(), "{received}");
    assert_eq!(
        received,
        json!([
            { "event": "moved", "id": id, "payload": { "n": 1 } },
            { "event": "moved", "id": id, "payload": null },
        ])
    );
    Ok(())
}
