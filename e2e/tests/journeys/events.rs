//! Events and jobs between windows.

use anyhow::{Context, Result};
use e2e::{Found, until};
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch, payloads};

#[tokio::test]
async fn broadcast_reaches_both_windows() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("cart:updated").await?;
    other.record("cart:updated").await?;

    let receipt = main.emit("cart:updated", json!({ "items": 3 })).await?;
    main.host(
        "emit",
        json!({ "name": "cart:updated", "json": r#"{"items":4}"# }),
    )
    .await?;

    assert_eq!(receipt["pages"], 2);
    for page in [&main, &other] {
        let received = page.received("cart:updated", 2).await?;
        assert_eq!(payloads(&received), [r#"{"items":3}"#, r#"{"items":4}"#]);
        assert_eq!(received[0]["seq"], receipt["seq"]);
        assert_eq!(
            received[0]["source"],
            json!({ "kind": "webview", "label": "main" })
        );
        assert_eq!(received[1]["source"], json!({ "kind": "host" }));
    }
    Ok(())
}

#[tokio::test]
async fn an_event_for_one_window_never_reaches_the_other() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("greeting").await?;
    other.record("greeting").await?;

    main.run(
        "await bus.emitTo('other', 'greeting', 'from a page')",
        json!(null),
    )
    .await?;
    main.host(
        "emit_to",
        json!({ "label": "other", "name": "greeting", "json": r#""from Rust""# }),
    )
    .await?;
    other
        .host(
            "emit_to_self",
            json!({ "name": "greeting", "json": r#""here""# }),
        )
        .await?;
    barrier(&[&main, &other]).await?;

    assert_eq!(
        payloads(&other.received("greeting", 3).await?),
        [r#""from a page""#, r#""from Rust""#, r#""here""#]
    );
    assert_eq!(main.recorded("greeting").await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_job_ticks_until_it_is_stopped() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for page in [&main, &other] {
        page.record("clock:tick").await?;
        page.record("clock:reference").await?;
    }

    let start =
        "window[args[0]] = await bus.startJob(args[0], { everyMs: 20, payload: { zone: 'utc' } })";
    main.run(start, json!("clock:tick")).await?;
    for page in [&main, &other] {
        let ticks = page.received("clock:tick", 3).await?;
        assert!(
            payloads(&ticks)
                .iter()
                .all(|payload| payload == r#"{"zone":"utc"}"#),
            "{ticks:?}"
        );
    }
    assert_eq!(
        main.run("return (await bus.listJobs()).length", json!(null))
            .await?,
        1
    );

    main.run("await window['clock:tick'].stop()", json!(null))
        .await?;
    assert_eq!(
        main.run("return (await bus.listJobs()).length", json!(null))
            .await?,
        0
    );
    barrier(&[&main, &other]).await?;
    let (in_main, in_other) = (
        main.recorded("clock:tick").await?,
        other.recorded("clock:tick").await?,
    );

    // A second job of the same interval measures the time in which the first would have ticked again.
    main.run(start, json!("clock:reference")).await?;
    main.received("clock:reference", 3).await?;
    other.received("clock:reference", 3).await?;
    assert_eq!(main.recorded("clock:tick").await?, in_main);
    assert_eq!(other.recorded("clock:tick").await?, in_other);
    Ok(())
}

#[tokio::test]
async fn a_job_survives_a_reload() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.run(
        "await bus.startJob('clock:tick', { everyMs: 20, id: 'clock' })",
        json!(null),
    )
    .await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    main.record("clock:tick").await?;
    main.received("clock:tick", 2).await?;

    let found = "const clock = await bus.getJob('clock')";
    let paused = format!("{found}; return (await clock.pause()).state");
    assert_eq!(main.run(&paused, json!(null)).await?, "paused");
    let changed = format!("{found}; return (await clock.update({{ everyMs: 10 }})).everyMs");
    assert_eq!(main.run(&changed, json!(null)).await?, 10.0);
    let resumed = format!("{found}; return (await clock.resume()).state");
    assert_eq!(main.run(&resumed, json!(null)).await?, "running");
    let before = main.recorded("clock:tick").await?.len();
    main.received("clock:tick", before + 2).await?;

    // As `await using` does at the end of its block.
    let ended = format!(
        "{found}; await clock[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]?.(); \
         await clock.stop(); return (await bus.listJobs()).length"
    );
    assert_eq!(main.run(&ended, json!(null)).await?, 0);
    Ok(())
}

#[tokio::test]
async fn unlisten_stops_delivery() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    main.record("weather").await?;
    other.record("news").await?;

    other.emit("news", json!(1)).await?;
    main.received("news", 1).await?;
    main.run(
        "recordings.news.off(); bus.unlisten('weather')",
        json!(null),
    )
    .await?;
    other.emit("news", json!(2)).await?;
    other.emit("weather", json!("rain")).await?;
    barrier(&[&main, &other]).await?;

    assert_eq!(payloads(&main.recorded("news").await?), ["1"]);
    assert_eq!(main.recorded("weather").await?, Vec::<Value>::new());
    assert_eq!(payloads(&other.recorded("news").await?), ["1", "2"]);
    until("the host to end the subscription", async || {
        let receipt = other.emit("weather", json!("sun")).await?;
        Ok(if receipt["pages"] == 0 {
            Found::Yes(())
        } else {
            Found::NotYet(receipt.to_string())
        })
    })
    .await
}

#[tokio::test]
async fn closing_a_window_ends_its_session() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.host("open", json!({ "label": "third" })).await?;
    let third = Page::of(&app, "third").await?;
    for page in [&main, &other, &third] {
        page.record("roll:call").await?;
    }
    third
        .run(
            "await bus.startJob('third:tick', { everyMs: 20 })",
            json!(null),
        )
        .await?;
    assert_eq!(main.emit("roll:call", json!(1)).await?["pages"], 3);
    third.received("roll:call", 1).await?;

    main.host("close", json!({ "label": "third" })).await?;
    app.gone("third").await?;
    until("the session to end", async || {
        let receipt = main.emit("roll:call", json!(2)).await?;
        Ok(if receipt["pages"] == 2 {
            Found::Yes(())
        } else {
            Found::NotYet(receipt.to_string())
        })
    })
    .await?;
    barrier(&[&main, &other]).await?;

    let refusal = main
        .run(
            "return await bus.emitTo('third', 'roll:call', 3).then(() => null, (error) => error.code)",
            json!(null),
        )
        .await?;
    assert_eq!(refusal, "unknown_target");
    assert_eq!(app.labels().await?, ["main", "other"]);

    // A new page may use its label, and inherits nothing.
    main.host("open", json!({ "label": "third" })).await?;
    let again = Page::of(&app, "third").await?;
    again.record("roll:call").await?;
    assert_eq!(main.emit("roll:call", json!("again")).await?["pages"], 3);
    assert_eq!(
        payloads(&again.received("roll:call", 1).await?)
            .last()
            .map(String::as_str),
        Some(r#""again""#)
    );
    assert_eq!(
        again
            .run("return (await bus.listJobs()).length", json!(null))
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn ten_thousand_events_arrive_in_one_order() -> Result<()> {
    const THREADS: usize = 4;
    const EACH: usize = 2_500;
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("flood").await?;
    other.record("flood").await?;

    main.host(
        "flood",
        json!({ "threads": THREADS, "perThread": EACH, "name": "flood" }),
    )
    .await?;
    let in_main = main.received("flood", THREADS * EACH).await?;
    let in_other = other.received("flood", THREADS * EACH).await?;

    assert!(in_main == in_other, "the two windows differ");
    assert_eq!(in_main.len(), THREADS * EACH);
    assert!(in_main.is_sorted_by(|a, b| a["seq"].as_u64() < b["seq"].as_u64()));
    for thread in 0..THREADS {
        let order: Vec<_> = in_main
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event["json"].as_str()?).ok())
            .filter(|payload| payload["thread"] == thread)
            .filter_map(|payload| payload["i"].as_u64())
            .collect();
        assert!(
            order.iter().copied().eq(0..EACH as u64),
            "thread {thread} is incomplete or out of order"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_throwing_handler_stops_nothing() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.run(
        "await bus.listen('boom', () => fail('on purpose'))",
        json!(null),
    )
    .await?;
    main.run(
        "await bus.listen('boom', async () => fail('later'))",
        json!(null),
    )
    .await?;
    main.record("boom").await?;
    main.record("quiet").await?;

    other.emit("boom", json!(1)).await?;
    other.emit("boom", json!(2)).await?;
    other.emit("quiet", json!(3)).await?;

    assert_eq!(payloads(&main.received("quiet", 1).await?), ["3"]);
    assert_eq!(payloads(&main.recorded("boom").await?), ["1", "2"]);
    let uncaught = main.run(
        "return uncaught.filter((message) => message.includes('on purpose')).length",
        json!(null),
    );
    assert_eq!(uncaught.await?, 2);
    Ok(())
}

#[tokio::test]
async fn odd_payloads_arrive_as_they_were_sent() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("odd").await?;

    let odd = [
        "\"\u{2028}\u{2029}\"".to_owned(),
        r#"{"\ud83e\udd80 key":"a\u0000b"}"#.to_owned(),
        r#""</script><script>document.title = 'broken'</script><!--""#.to_owned(),
        r#""\u0000\b\u001f\\\"'`${1}""#.to_owned(),
        "\"\"".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "false".to_owned(),
        r#"{"z":1,"a":{"y":2,"b":3}}"#.to_owned(),
        r#""🦀 ünï""#.to_owned(),
        format!("{}1{}", "[".repeat(127), "]".repeat(127)),
        format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127)),
    ];
    let mut expected = Vec::new();
    for json in &odd {
        // The expected value is what a page makes of this JSON.
        let round_trip = main
            .run("return JSON.stringify(JSON.parse(args[0]))", json!(json))
            .await?;
        main.run("await bus.emit('odd', JSON.parse(args[0]))", json!(json))
            .await?;
        main.host("emit", json!({ "name": "odd", "json": json }))
            .await?;
        let text = round_trip.as_str().context("no JSON")?.to_owned();
        expected.extend([text.clone(), text]);
    }
    main.run("await bus.emit('odd')", json!(null)).await?;
    expected.push("null".to_owned());

    assert_eq!(
        payloads(&other.received("odd", expected.len()).await?),
        expected
    );
    Ok(())
}

#[tokio::test]
async fn a_reloaded_page_gets_new_events_once() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    other.record("news").await?;
    other.emit("news", json!("before")).await?;
    main.received("news", 1).await?;

    for round in 1..=3 {
        main.window.reload().await?;
        let main = Page::of(&app, "main").await?;
        assert_eq!(
            main.run("return Object.keys(recordings).length", json!(null))
                .await?,
            0
        );
        main.record("news").await?;
        let receipt = other.emit("news", json!(round)).await?;
        barrier(&[&main, &other]).await?;

        assert_eq!(
            receipt["pages"], 2,
            "the session of the previous page has ended"
        );
        for page in [&main, &other] {
            let received = payloads(&page.recorded("news").await?);
            let copies = received
                .iter()
                .filter(|payload| **payload == round.to_string())
                .count();
            assert_eq!(copies, 1, "{received:?} in {}", page.window.label());
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_script_without_a_bundler_shares_the_inbox() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );

    let shared = main
        .run(
            "const inbox = () => globalThis[Symbol.for('tauri-plugin-event-bus')]
            window.seen = []
            await window.__TAURI__.eventBus.listen('shared', (event) => seen.push(['global', event.payload]))
            const first = inbox()
            await bus.listen('shared', (event) => seen.push(['module', event.payload]))
            return first !== undefined && first === inbox()",
            json!(null),
        )
        .await?;
    assert_eq!(shared, true);

    assert_eq!(other.emit("shared", json!(1)).await?["pages"], 1);
    let seen = main
        .window
        .until("both handlers", "seen.length >= 2 && seen", &[])
        .await?;
    assert_eq!(seen, json!([["global", 1], ["module", 1]]));

    main.run("window.__TAURI__.eventBus.unlisten('shared')", json!(null))
        .await?;
    other.emit("shared", json!(2)).await?;
    barrier(&[&main, &other]).await?;
    assert_eq!(main.run("return seen.length", json!(null)).await?, 2);
    Ok(())
}
