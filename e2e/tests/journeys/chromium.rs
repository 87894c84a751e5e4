//! What only Chromium does to pages.

use anyhow::{Context, Result};
use e2e::{Engine, Found, until};
use serde_json::json;

use crate::support::{Page, barrier, launch_in, payloads};

#[tokio::test]
async fn a_frozen_page_gets_everything_once_it_runs() -> Result<()> {
    let app = launch_in(Engine::Chromium).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    other.emit("news", json!(0)).await?;
    main.received("news", 1).await?;
    let freeze = async |state: &str| {
        let parameters = json!({ "state": state });
        main.window
            .devtools("Page.setWebLifecycleState", parameters)
            .await
    };
    main.run(
        "addEventListener('freeze', () => { window.frozen = true })",
        json!(null),
    )
    .await?;
    freeze("frozen").await?;
    for i in 1..=300 {
        other.emit("news", json!(i)).await?;
    }
    freeze("active").await?;
    assert_eq!(main.run("return window.frozen", json!(null)).await?, true);
    let expected: Vec<String> = (0..=300).map(|i| i.to_string()).collect();
    assert_eq!(payloads(&main.received("news", 301).await?), expected);
    barrier(&[&main, &other]).await?;
    assert_eq!(main.recorded("news").await?.len(), 301);
    Ok(())
}

#[tokio::test]
async fn a_hidden_page_gets_events() -> Result<()> {
    let app = launch_in(Engine::Chromium).await?;
    let pages = [
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    ];
    for page in &pages {
        page.record("news").await?;
    }
    // Another tab covers the page of one of the windows.
    let tab = json!({ "url": "about:blank" });
    pages[0].window.devtools("Target.createTarget", tab).await?;
    let hidden = until("a page to be hidden", async || {
        for page in &pages {
            let state = page
                .run("return document.visibilityState", json!(null))
                .await?;
            if state == "hidden" {
                return Ok(Found::Yes(page));
            }
        }
        Ok(Found::NotYet("both are visible".to_owned()))
    })
    .await?;
    let emitter = pages
        .iter()
        .find(|page| page.window.label() != hidden.window.label());
    let emitter = emitter.context("one page is visible")?;
    for i in 0..200 {
        emitter.emit("news", json!(i)).await?;
    }
    let expected: Vec<String> = (0..200).map(|i| i.to_string()).collect();
    assert_eq!(payloads(&hidden.received("news", 200).await?), expected);
    let state = hidden
        .run("return document.visibilityState", json!(null))
        .await?;
    assert_eq!(state, "hidden");
    Ok(())
}

#[tokio::test]
async fn pages_of_one_process_end_and_return_together() -> Result<()> {
    const COUNT: u64 = 600;
    let app = launch_in(Engine::Chromium).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    let process = app.web_process_of(&main.window).await?;
    assert_eq!(process, app.web_process_of(&other.window).await?);
    main.record("tick").await?;
    other.record("tick").await?;
    let stream = json!({ "count": COUNT, "perSecond": 200, "name": "tick" });
    main.host("stream", stream).await?;
    main.received("tick", 50).await?;
    app.kill_web_process(process);
    for label in ["main", "other"] {
        // An error page has replaced the page. As in WebView2, it is a page of the window, too.
        let window = app.window(label).await?;
        let home = json!({ "url": "http://tauri.localhost/" });
        window.devtools("Page.navigate", home).await?;
        let page = Page::of(&app, label).await?;
        page.record("tick").await?;
        let is_last = "recordings.tick.events.at(-1)?.json === args[0]";
        let last = (COUNT - 1).to_string();
        page.window
            .until("the last tick", is_last, &[json!(last)])
            .await?;
        let ticks: Vec<u64> = payloads(&page.recorded("tick").await?)
            .iter()
            .filter_map(|tick| tick.parse().ok())
            .collect();
        let first = *ticks.first().context("no ticks")?;
        assert!(first < COUNT / 2, "{label} missed the ticks before {first}");
        assert!(ticks.iter().copied().eq(first..COUNT), "{ticks:?}");
    }
    Ok(())
}
