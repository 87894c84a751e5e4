//! What only Chromium does to pages.

use anyhow::Result;
use e2e::{Engine, Found, until};
use serde_json::json;

use crate::hidden::{emit_all, hidden_and_visible, report_of_all};
use crate::support::{Page, launch_apart_in, launch_in, payloads};

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
