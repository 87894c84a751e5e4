//! Pages of an app that moves over: they call the functions of Tauri's events.

use anyhow::Result;
use serde_json::json;

use crate::support::{Page, launch, launch_moving};

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

/// What the handlers of the page's listeners received, by the order of the calls.
async fn listen_as_before(page: &Page<'_>, name: &str) -> Result<()> {
    let body = "window.heard ??= []
        await tauriEvents.listen(args[0], ({ event, payload }) => heard.push([event, payload]))";
    page.run(body, json!(name)).await.map(drop)
}

#[tokio::test]
async fn compatible_mode_keeps_what_tauri_does() -> Result<()> {
    let app = launch_moving("compatible").await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for name in ["chat", "plugin://change", "answer"] {
        listen_as_before(&main, name).await?;
    }
    // What Tauri's plugins emit, and what the bus has, each once.
    main.host(
        "emit_in_core",
        json!({ "name": "plugin://change", "json": "1" }),
    )
    .await?;
    main.host("emit", json!({ "name": "plugin://change", "json": "2" }))
        .await?;
    // A plain listener receives what is for another window, and an unknown label is no error.
    let notes = main
        .host(
            "emit_as_before",
            json!({ "label": "other", "name": "chat" }),
        )
        .await?;
    assert_eq!(notes[0][0], "other-target", "{notes}");
    let notes = main
        .host("emit_as_before", json!({ "label": "hub", "name": "chat" }))
        .await?;
    assert_eq!(notes[1][0], "unknown-label", "{notes}");
    let resolved = other
        .run(
            "return String(await tauriEvents.emitTo('hub', 'chat', [NaN]))",
            json!(null),
        )
        .await?;
    assert_eq!(resolved, "undefined");
    // A listener in Rust, of `compat::Listener`.
    other
        .run("await tauriEvents.emit('ask', 'moved')", json!(null))
        .await?;
    main.window
        .until(
            "the last event",
            "heard.some(([event]) => event === 'answer')",
            &[],
        )
        .await?;
    let heard = main.run("return heard", json!(null)).await?;
    let of = |name: &str| -> Vec<serde_json::Value> {
        let events = heard.as_array().into_iter().flatten();
        let own = events.filter(|event| event[0] == name);
        own.map(|event| event[1].clone()).collect()
    };
    assert_eq!(of("chat"), [json!("other"), json!("hub"), json!([null])]);
    let mut changes = of("plugin://change");
    changes.sort_by_key(serde_json::Value::as_u64);
    assert_eq!(changes, [1, 2]);
    assert_eq!(of("answer"), ["\"moved\""]);
    Ok(())
}

#[tokio::test]
async fn a_deep_link_waits_for_its_listener() -> Result<()> {
    let app = launch_moving("bridged").await?;
    let main = Page::of(&app, "main").await?;
    // The app has emitted it before the page was there.
    let listen = "window.links ??= []
        window.stop = await bus.listen('deep-link://new-url', ({ payload }) => { links.push(payload[0]) })";
    main.run(listen, json!(null)).await?;
    main.window
        .until("the link", "links.length === 1", &[])
        .await?;
    let kept = "return (await host('inspect')).unconsumed.events";
    e2e::until("that it is consumed", async || {
        let kept = main.run(kept, json!(null)).await?;
        Ok(match kept.as_u64() {
            Some(0) => e2e::Found::Yes(()),
            _ => e2e::Found::NotYet(format!("{kept} events are kept")),
        })
    })
    .await?;
    // The component is mounted again, and then the app is opened by another link.
    main.run("window.stop()", json!(null)).await?;
    main.run(listen, json!(null)).await?;
    let link = json!({ "name": "deep-link://new-url", "json": "[\"fixture-app://second\"]" });
    main.host("emit_in_core", link).await?;
    main.window
        .until("the second link", "links.length === 2", &[])
        .await?;
    let links = main.run("return links", json!(null)).await?;
    assert_eq!(
        links,
        json!(["fixture-app://cold-start", "fixture-app://second"])
    );
    Ok(())
}

#[tokio::test]
async fn bridges_lead_out_and_windows_come_in() -> Result<()> {
    let app = launch_moving("bridged").await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("event-bus:window-*").await?;
    // Without compatible mode Tauri's own functions are another system.
    let listen = "window.core = []
        const { transformCallback, invoke } = __TAURI_INTERNALS__
        const handler = transformCallback(({ payload }) => core.push(payload))
        await invoke('plugin:event|listen', { event: 'download:done', target: { kind: 'Any' }, handler })";
    main.run(listen, json!(null)).await?;
    main.emit("download:done", json!("file")).await?;
    main.window
        .until("what goes out", "core.length === 1", &[])
        .await?;
    assert_eq!(main.run("return core", json!(null)).await?, json!(["file"]));
    let label = other.window.label().to_owned();
    main.host("close", json!({ "label": label })).await?;
    let closed = main.received("event-bus:window-*", 1).await?;
    assert_eq!(closed[0]["event"], "event-bus:window-destroyed");
    assert_eq!(closed[0]["json"], format!("{{\"window\":\"{label}\"}}"));
    Ok(())
}
