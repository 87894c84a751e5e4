//! Several webviews in one window, in real windows: one is closed alone, replaced, or moved to another window.
//!
//! `cargo xtask test` runs these with the feature `unstable`.

use anyhow::{Context, Result};
use e2e::{Found, until};
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch, payloads};

/// Whether the bus knows a webview, and in which window.
async fn window_of(page: &Page<'_>, label: &str) -> Result<Option<String>> {
    Ok(inspected(page, label)
        .await?
        .and_then(|webview| webview["window"].as_str().map(str::to_owned)))
}

async fn inspected(page: &Page<'_>, label: &str) -> Result<Option<Value>> {
    let inspection = page.host("inspect", json!({})).await?;
    let webviews = inspection["webviews"].as_array().cloned();
    let mut webviews = webviews.context("no list of webviews")?.into_iter();
    Ok(webviews.find(|webview| webview["label"] == label))
}

async fn until_unknown(page: &Page<'_>, label: &str) -> Result<()> {
    until(&format!("the bus to forget `{label}`"), async || {
        Ok(match inspected(page, label).await? {
            None => Found::Yes(()),
            Some(webview) => Found::NotYet(webview.to_string()),
        })
    })
    .await
}

/// The ids of all running jobs.
async fn jobs(page: &Page<'_>) -> Result<Vec<Value>> {
    let inspection = page.host("inspect", json!({})).await?;
    let jobs = inspection["jobs"].as_array().cloned().unwrap_or_default();
    Ok(jobs.into_iter().map(|job| job["id"].clone()).collect())
}

async fn add_child(page: &Page<'_>, window: &str, label: &str) -> Result<()> {
    page.host("add_child", json!({ "window": window, "label": label }))
        .await
        .map(drop)
}

/// What the host's emit to a webview comes to: how many pages it is for, or the code of the error.
async fn emit_to(page: &Page<'_>, label: &str, name: &str) -> Result<Value> {
    page.run(
        "return await host('emit_to', { ...args[0], json: '0' }).then(
            (receipt) => receipt.pages,
            (error) => error.code,
        )",
        json!({ "label": label, "name": name }),
    )
    .await
}

#[tokio::test]
async fn a_child_that_closes_alone_ends() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    add_child(&other, "other", "child").await?;
    let child = Page::of(&app, "child").await?;
    child.record("news").await?;
    child
        .run(
            "await bus.respond('hold', () => { void bus.emit('news', 'held'); return new Promise(() => {}) })
            await bus.startJob('never', { id: 'of the child', everyMs: 60_000 })",
            json!(null),
        )
        .await?;
    assert_eq!(jobs(&other).await?, ["of the child"]);
    main.run(
        "window.outcome = host('request', { label: 'child', name: 'hold', payload: null }).catch((error) => error.code)",
        json!(null),
    )
    .await?;
    main.received("news", 1).await?;

    other
        .host("close_child", json!({ "label": "child" }))
        .await?;
    let outcome = main.run("return await window.outcome", json!(null)).await?;
    assert_eq!(outcome, "page_gone");
    until_unknown(&other, "child").await?;
    assert_eq!(jobs(&other).await?, [""; 0]);
    assert_eq!(emit_to(&other, "child", "news").await?, "unknown_target");
    // The window and its other webview go on.
    let live = "await record('news', { replay: false }).ready";
    other.run(live, json!(null)).await?;
    main.emit("news", json!("after")).await?;
    barrier(&[&main, &other]).await?;
    assert_eq!(payloads(&other.recorded("news").await?), [r#""after""#]);
    Ok(())
}

#[tokio::test]
async fn a_new_child_gets_nothing_of_the_old_one() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for round in 0..5 {
        add_child(&main, "other", "child").await?;
        let child = Page::of(&app, "child").await?;
        child.record("secret").await?;
        // The page is too busy to fetch this.
        child
            .run(
                "void bus.startJob('secret', { id: 'old', everyMs: 1 })
                setTimeout(() => { for (const end = performance.now() + 500; performance.now() < end; ); })",
                json!(null),
            )
            .await?;
        for _ in 0..20 {
            assert_eq!(emit_to(&main, "child", "secret").await?, 1);
        }
        let replaced = json!({ "window": "other", "label": "child", "name": "welcome" });
        main.host("replace_child", replaced).await?;
        let child = Page::of(&app, "child").await?;
        child.record("secret").await?;
        child.record("welcome").await?;
        barrier(&[&child]).await?;
        let secrets = payloads(&child.recorded("secret").await?);
        assert_eq!(secrets, [""; 0], "in round {round}");
        let welcome = payloads(&child.received("welcome", 1).await?);
        assert_eq!(welcome, [r#""for the new one""#], "in round {round}");
        assert_eq!(jobs(&main).await?, [""; 0], "in round {round}");
        main.host("close_child", json!({ "label": "child" }))
            .await?;
        until_unknown(&main, "child").await?;
    }
    barrier(&[&main, &other]).await
}

#[tokio::test]
async fn a_child_that_moves_keeps_its_session() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.host("open", json!({ "label": "third" })).await?;
    Page::of(&app, "third").await?;
    add_child(&main, "third", "mover").await?;
    add_child(&main, "third", "stayer").await?;
    let (mover, stayer) = (
        Page::of(&app, "mover").await?,
        Page::of(&app, "stayer").await?,
    );
    mover.record("news").await?;
    stayer.record("news").await?;
    mover
        .run(
            "await bus.startJob('never', { id: 'of the mover', everyMs: 60_000 })",
            json!(null),
        )
        .await?;
    assert_eq!(window_of(&main, "mover").await?.as_deref(), Some("third"));

    let to = json!({ "label": "mover", "window": "other" });
    main.host("move_child", to).await?;
    // At once, and not with the next pull of the page.
    assert_eq!(window_of(&main, "mover").await?.as_deref(), Some("other"));
    for (window, json) in [("other", "1"), ("third", "2")] {
        let event = json!({ "window": window, "name": "news", "json": json });
        main.host("emit_to_window", event).await?;
    }
    barrier(&[&mover, &stayer]).await?;
    assert_eq!(payloads(&mover.recorded("news").await?), ["1"]);
    assert_eq!(payloads(&stayer.recorded("news").await?), ["2"]);

    // It does not end with the window that it left.
    main.host("destroy", json!({ "window": "third" })).await?;
    until_unknown(&main, "stayer").await?;
    assert_eq!(emit_to(&main, "mover", "news").await?, 1);
    barrier(&[&mover]).await?;
    assert_eq!(payloads(&mover.recorded("news").await?), ["1", "0"]);
    assert_eq!(jobs(&main).await?, ["of the mover"]);
    // And it does end with the window that it is in.
    main.host("destroy", json!({ "window": "other" })).await?;
    until_unknown(&main, "mover").await?;
    assert_eq!(jobs(&main).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn children_close_while_they_are_flooded() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.record("flood").await?;
    for _ in 0..5 {
        add_child(&main, "other", "child").await?;
        Page::of(&app, "child").await?.record("flood").await?;
        main.run(
            "window.flood = host('flood', { threads: 4, perThread: 2000, name: 'flood' })",
            json!(null),
        )
        .await?;
        main.host("close_child", json!({ "label": "child" }))
            .await?;
        main.run("await window.flood", json!(null)).await?;
        until_unknown(&main, "child").await?;
    }
    barrier(&[&main]).await?;
    assert_eq!(main.recorded("flood").await?.len(), 5 * 4 * 2000);
    Ok(())
}
