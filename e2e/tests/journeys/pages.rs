//! Pages that listen late, reload, leave and return.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::{Engine, Found, until};
use serde_json::{Value, json};

use crate::support::{Page, are_called, barrier, called, launch, payloads};

#[tokio::test]
async fn setup_events_reach_a_late_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    // A page is still starting 700 ms after it was loaded.
    main.run(
        "await new Promise((over) => setTimeout(over, Math.max(0, 700 - performance.now())))",
        json!(null),
    )
    .await?;
    main.record("app:*").await?;
    let received = main.received("app:*", 1).await?;
    assert_eq!(payloads(&received), [r#"{"version":3}"#]);
    assert_eq!(received[0]["replayed"], true);
    assert_eq!(received[0]["event"], "app:ready");

    // `replay: false` declines it.
    other
        .run(
            "await record('app:*', { replay: false }).ready",
            json!(null),
        )
        .await?;
    barrier(&[&main, &other]).await?;
    assert_eq!(other.recorded("app:*").await?, Vec::<Value>::new());
    assert_eq!(main.recorded("app:*").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_reload_amid_a_stream_loses_nothing() -> Result<()> {
    const COUNT: u64 = 1500;
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("tick").await?;
    other.record("tick").await?;
    other
        .host(
            "stream",
            json!({ "count": COUNT, "perSecond": 500, "name": "tick" }),
        )
        .await?;
    main.received("tick", 400).await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    main.record("tick").await?;
    other.received("tick", COUNT as usize).await?;
    barrier(&[&main, &other]).await?;

    let before = main.run("return recordedBefore.tick", json!(null)).await?;
    let before = before
        .as_array()
        .cloned()
        .context("the first page recorded nothing")?;
    let after = main.recorded("tick").await?;
    let (first, second) = (numbers(&before), numbers(&after));
    assert!(first.len() >= 400 && !second.is_empty());
    assert!(
        first.is_sorted_by(|a, b| a < b),
        "the first page got events twice or out of order"
    );
    assert!(
        second.is_sorted_by(|a, b| a < b),
        "the second page got events twice or out of order"
    );
    let seen: BTreeSet<u64> = first.iter().chain(&second).copied().collect();
    let missing: Vec<u64> = (0..COUNT).filter(|i| !seen.contains(i)).collect();
    assert_eq!(missing, Vec::<u64>::new());
    assert!(after.iter().any(|event| event["replayed"] == true));
    Ok(())
}

#[tokio::test]
async fn an_idle_page_that_reloads_gets_nothing_again() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    other.emit("news", json!(1)).await?;
    main.received("news", 1).await?;
    barrier(&[&main]).await?;
    // The barrier came with a pull that acknowledged the events before it.
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    main.record("news").await?;
    barrier(&[&main]).await?;
    assert_eq!(main.recorded("news").await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_page_from_the_cache_resumes() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    other.emit("news", json!(1)).await?;
    main.received("news", 1).await?;
    called(&app, &other, "main").await?;

    main.run(
        "setTimeout(() => location.assign('away.html'))",
        json!(null),
    )
    .await?;
    main.window
        .until(
            "the other page",
            "document.title.includes('does not use')",
            &[],
        )
        .await?;
    other.emit("news", json!(2)).await?;
    main.run("setTimeout(() => history.back())", json!(null))
        .await?;
    main.window
        .until(
            "the page before",
            "typeof window.record === 'function'",
            &[],
        )
        .await?;
    let restored = main.run("return restored", json!(null)).await?;
    if restored == json!(0) {
        // WebKit has discarded the page. The new one has to listen again.
        assert_eq!(app.engine(), Engine::WebKit, "Chromium discarded the page");
        main.record("news").await?;
    }
    other.emit("news", json!(3)).await?;
    let expected: &[&str] = if restored == json!(0) {
        &["2", "3"]
    } else {
        &["1", "2", "3"]
    };
    assert_eq!(
        payloads(&main.received("news", expected.len()).await?),
        expected
    );
    if restored != json!(0) {
        // In Chromium, the pull that was parked survives the cache. A page that is called has none.
        let fetches = "window.fetches = 0
            const { fetch } = window
            window.fetch = (...args) => { fetches += 1; return fetch(...args) }
            await bus.emit('news', 4)
            return fetches > 0";
        let keeps_fetching = main.run(fetches, json!(null)).await?;
        let expected = app.engine() == Engine::Chromium || are_called(&app);
        assert_eq!(keeps_fetching, expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_page_emits_while_it_unloads_arrives() -> Result<()> {
    const RELOADS: usize = 6;
    const HANDLERS: [&str; 3] = ["beforeunload", "pagehide", "visibilitychange"];
    let app = launch().await?;
    let other = Page::of(&app, "other").await?;
    other.record("bye").await?;
    for reload in 0..RELOADS {
        let main = Page::of(&app, "main").await?;
        // An event of the document comes to the window, too.
        main.run(
            "await bus.emit('hello')
            for (const type of args[0][1]) {
                addEventListener(type, () => bus.emit('bye', `${args[0][0]} ${type}`))
            }",
            json!([reload, HANDLERS]),
        )
        .await?;
        main.window.reload().await?;
    }
    let all = |handlers: &[&str]| -> BTreeSet<String> {
        let rounds =
            (0..RELOADS).flat_map(|reload| handlers.iter().map(move |kind| (reload, kind)));
        rounds
            .map(|(reload, kind)| format!("\"{reload} {kind}\""))
            .collect()
    };
    // Chromium first sends a preflight for a command that it has not sent for five seconds. A page that is gone by the time
    // of its response does not send the command any more.
    let certain = match app.engine() {
        Engine::WebKit => all(&HANDLERS),
        Engine::Chromium => all(&HANDLERS[..1]),
    };
    until("the certain events", async || {
        let received: BTreeSet<String> = payloads(&other.recorded("bye").await?)
            .into_iter()
            .collect();
        let missing: Vec<_> = certain.difference(&received).cloned().collect();
        Ok(match missing.as_slice() {
            [] => Found::Yes(()),
            missing => Found::NotYet(format!("all but {missing:?}")),
        })
    })
    .await?;
    barrier(&[&other]).await?;
    let received = payloads(&other.recorded("bye").await?);
    let distinct: BTreeSet<String> = received.iter().cloned().collect();
    assert_eq!(
        distinct.len(),
        received.len(),
        "an event came twice: {received:?}"
    );
    assert!(distinct.is_subset(&all(&HANDLERS)), "{received:?}");
    Ok(())
}

#[tokio::test]
async fn what_waits_when_a_page_is_left_arrives() -> Result<()> {
    let app = launch().await?;
    let other = Page::of(&app, "other").await?;
    other.record("bye:*").await?;
    for round in 0..6_usize {
        let main = Page::of(&app, "main").await?;
        main.run(
            "window.old = true
            await bus.emit('hello')
            setTimeout(() => {
                bus.emitTo('other', 'bye:1')
                bus.emit('bye:2')
                bus.emitTo('other', 'bye:3')
                location.reload()
            })",
            json!(null),
        )
        .await?;
        match app.engine() {
            Engine::WebKit => {
                let received = other.received("bye:*", 3 * (round + 1)).await?;
                // They are on their way at once, so threads of the host may swap them.
                let names: BTreeSet<_> = received[3 * round..]
                    .iter()
                    .map(|event| event["event"].as_str())
                    .collect();
                assert_eq!(names, BTreeSet::from(["bye:1", "bye:2", "bye:3"].map(Some)));
            }
            // Chromium rejects what the page fetches after it has called for a reload, so Tauri sends the rest by postMessage.
            // DevTools has left the page by then. What was on its way arrives, and once.
            Engine::Chromium => {
                let received = other.received("bye:*", round + 1).await?;
                let first = received.iter().filter(|event| event["event"] == "bye:1");
                assert_eq!(first.count(), round + 1, "{received:?}");
            }
        }
        main.window
            .until("the next page", "!window.old", &[])
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_retained_event_reaches_a_later_page() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.run(
        "await bus.emit('theme', 'dark', { retain: true })",
        json!(null),
    )
    .await?;
    main.host("open", json!({ "label": "third" })).await?;
    let third = Page::of(&app, "third").await?;
    third.record("theme").await?;
    assert_eq!(payloads(&third.received("theme", 1).await?), [r#""dark""#]);
    third
        .run(
            "await record('t*', { retained: false, replay: false }).ready",
            json!(null),
        )
        .await?;
    barrier(&[&third]).await?;
    assert_eq!(third.recorded("t*").await?, Vec::<Value>::new());
    Ok(())
}

fn numbers(events: &[Value]) -> Vec<u64> {
    payloads(events)
        .iter()
        .filter_map(|payload| payload.parse().ok())
        .collect()
}
