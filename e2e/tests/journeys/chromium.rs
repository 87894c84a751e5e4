//! What only Chromium does to pages.

use anyhow::Result;
use e2e::{Browser, Engine, Found, until};
use serde_json::json;

use crate::hidden::{emit_all, hidden_and_visible, report_of_all};
use crate::support::{Page, launch_apart_in, launch_in, payloads, serve};

#[tokio::test]
async fn a_frozen_page_gets_everything_once_it_runs() -> Result<()> {
    let app = launch_in(Engine::Chromium).await?;
    let main = hidden_and_visible(&app).await?;
    let set_state = async |state: &str| {
        let parameters = json!({ "state": state });
        app.devtools("other", "Page.setWebLifecycleState", parameters)
            .await
    };
    set_state("frozen").await?;
    emit_all(&main).await?;
    set_state("active").await?;
    let reports = payloads(&main.received("report:*", 4).await?);
    assert_eq!(reports[1], r#"["freeze","hidden"]"#);
    assert_eq!(reports[2], r#"["resume","hidden"]"#);
    assert_eq!(reports[3], report_of_all("hidden"));
    Ok(())
}

#[tokio::test]
async fn a_slow_page_gets_a_flood_in_order() -> Result<()> {
    const RATE: u32 = 20;
    const FLOOD: u64 = 20_000;
    let app = launch_apart_in(Engine::Chromium, &[]).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.run(
        "window.got = []
        window.gaps = []
        await bus.listen('news', ({ payload }) => got.push(payload), { onGap: (gap) => gaps.push(gap) })
        await bus.respond('echo', (payload) => payload)
        window.work = () => {
            const start = performance.now()
            for (let i = 0; i < 3e7; i += 1) Math.sqrt(i)
            return performance.now() - start
        }",
        json!(null),
    )
    .await?;
    let usual = main
        .run(
            "return Math.min(...Array.from({ length: 5 }, work))",
            json!(null),
        )
        .await?;
    let _slow = app.slow_down("main", RATE).await?;
    until("a slow page", async || {
        let now = main.run("return work()", json!(null)).await?;
        Ok(
            match now.as_f64() > usual.as_f64().map(|usual| 2.0 * usual) {
                true => Found::Yes(()),
                false => Found::NotYet(format!("{now} ms, and usually {usual} ms")),
            },
        )
    })
    .await?;

    let response = other
        .run(
            "for (let i = 0; i < args[0]; i += 1) void bus.emit('news', i)
            return await bus.request('main', 'echo', 'amid the flood')",
            json!(FLOOD),
        )
        .await?;
    assert_eq!(response, "amid the flood");
    main.window
        .until("the whole flood", "got.length >= args[0]", &[json!(FLOOD)])
        .await?;
    let in_order = "return got.length === args[0] && got.every((payload, i) => payload === i)";
    assert_eq!(main.run(in_order, json!(FLOOD)).await?, true);
    assert_eq!(main.run("return gaps", json!(null)).await?, json!([]));
    Ok(())
}

/// The web build of an app, without Tauri: its page and tabs of it.
#[tokio::test]
async fn a_plain_browser_has_a_bus_in_memory() -> Result<()> {
    const RECEIVED: &str = "
        while (tab.received.length < args) await new Promise((rested) => setTimeout(rested, 5))
        return tab.received";
    let port = serve().await?;
    let browser = Browser::start().await?;
    let address = |label: &str| format!("http://127.0.0.1:{port}/tab.html?label={label}");
    let main = browser.open(&address("main")).await?;
    let alone = browser
        .run(
            &main,
            "const { bus, local, before } = tab
            const { pages } = await bus.emit('theme', 'dark')
            return [before, bus.isAvailable(), local.isLocal, pages, await bus.request('main', 'double', 21)]",
            json!(null),
        )
        .await?;
    assert_eq!(alone, json!([false, true, true, 1, 42]));

    let second = browser.open(&address("second")).await?;
    let source = |label: &str| json!({ "kind": "webview", "label": label });
    let first = browser.run(&second, RECEIVED, json!(1)).await?;
    // The other tab tells it, after it has begun to listen.
    assert_eq!(first, json!([["theme", "dark", source("main"), true]]));
    browser
        .run(
            &second,
            "await tab.bus.emit('note', { bytes: new Uint8Array([7]) })
            await tab.bus.emitTo('main', 'whisper', 1)",
            json!(null),
        )
        .await?;
    let received = browser.run(&main, RECEIVED, json!(3)).await?;
    assert_eq!(
        received,
        json!([
            ["theme", "dark", source("main"), false],
            ["note", { "bytes": [7] }, source("second"), false],
            ["whisper", 1, source("second"), false],
        ])
    );
    let own = browser.run(&second, RECEIVED, json!(2)).await?;
    assert_eq!(own.as_array().map(Vec::len), Some(2));
    for tab in [&main, &second] {
        let noise = browser.run(tab, "return tab.noise", json!(null)).await?;
        assert_eq!(noise, json!([]));
    }
    browser.stop().await
}
