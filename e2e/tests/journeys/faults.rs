//! Faults around the plugin, in real windows.

use anyhow::Result;
use e2e::{Found, until};
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch, launch_with_report, payloads};

#[tokio::test]
async fn commands_in_flight_at_a_navigation_run_once() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("once").await?;
    for round in 0..5 {
        let main = Page::of(&app, "main").await?;
        // The commands are in flight when the page is left.
        main.run(
            "for (let i = 0; i < 20; i += 1) void bus.emit('once', `${args[0]}:${i}`)
            void bus.startJob('never', { everyMs: 60_000 })
            setTimeout(() => location.reload())",
            json!(round),
        )
        .await?;
        main.window
            .until("the next page", "performance.now() < 5_000 && record", &[])
            .await?;
    }
    barrier(&[&other]).await?;
    let received = payloads(&other.recorded("once").await?);
    let mut unique = received.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(
        unique.len(),
        received.len(),
        "a command ran twice: {received:?}"
    );
    let jobs = main
        .run("return (await bus.listJobs()).length", json!(null))
        .await?;
    assert!(jobs.as_u64() <= Some(5), "{jobs} jobs of 5 pages");
    Ok(())
}

#[tokio::test]
async fn a_blocked_ipc_protocol_loses_nothing() -> Result<()> {
    let app = launch().await?;
    let other = Page::of(&app, "other").await?;
    other
        .host(
            "open",
            json!({ "label": "blocked", "page": "blocked.html" }),
        )
        .await?;
    let blocked = Page::of(&app, "blocked").await?;
    blocked.record("news").await?;
    other.record("reply").await?;
    let long = "x".repeat(1000);
    other
        .run(
            "for (let i = 0; i < 300; i += 1) void bus.emit('news', `${i}${args[0]}`)",
            json!(long),
        )
        .await?;
    let received = payloads(&blocked.received("news", 300).await?);
    let expected: Vec<String> = (0..300).map(|i| format!("\"{i}{long}\"")).collect();
    assert!(received == expected, "{} of 300 arrived", received.len());
    blocked.emit("reply", json!("received")).await?;
    assert_eq!(
        payloads(&other.received("reply", 1).await?),
        [r#""received""#]
    );
    Ok(())
}

#[tokio::test]
async fn evaluated_replies_stay_data() -> Result<()> {
    let app = launch().await?;
    let other = Page::of(&app, "other").await?;
    other
        .host(
            "open",
            json!({ "label": "blocked", "page": "blocked.html" }),
        )
        .await?;
    let blocked = Page::of(&app, "blocked").await?;
    blocked.record("news").await?;
    // As a script, the first two set a prototype and so arrive as `{}`.
    let sent = [
        r#"{"__proto__":{"isAdmin":true}}"#,
        r#"[{"a":1,"__proto__":[]}]"#,
        "\"</script>\u{2028}'\\\\\"",
        r#"["text"]"#,
    ];
    other
        .run(
            "await bus.respond('echo', (json) => JSON.parse(json))",
            json!(null),
        )
        .await?;
    for (count, json) in (1..).zip(sent) {
        other
            .host("emit", json!({ "name": "news", "json": json }))
            .await?;
        let received = payloads(&blocked.received("news", count).await?);
        assert_eq!(received, sent[..count]);
        let response = blocked
            .run(
                "return JSON.stringify(await bus.request('other', 'echo', args[0]))",
                json!(json),
            )
            .await?;
        assert_eq!(response, json);
    }
    // Other replies with text of any page.
    let job = blocked
        .run(
            "await bus.startJob('tick', { everyMs: 60_000, id: '__proto__' })
            return (await bus.listJobs()).map((job) => job.id)",
            json!(null),
        )
        .await?;
    assert_eq!(job, json!(["__proto__"]));
    Ok(())
}

#[tokio::test]
async fn a_killed_web_process_affects_its_page_alone() -> Result<()> {
    let report = std::env::temp_dir().join(format!("event-bus-journey-{}", std::process::id()));
    let app = launch_with_report(&report).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    let process = app.web_process_of(&main.window).await?;
    let others = app.web_process_of(&other.window).await?;
    assert_ne!(process, others, "each window has a process of its own");
    // WebDriver ends its session when a page dies, so the other page continues on its own and both report to a file. It
    // begins once the process is dead: on a busy machine that took more than a second.
    other
        .run(
            "await bus.listen('go', async () => {
                for (let i = 0; i < 100; i += 1) await bus.emit('news', i)
                await host('report', { line: 'emitted' })
                await host('load', { label: 'main', page: 'index.html?report=news' }).catch((error) => host('report', { line: `cannot load: ${error}` }))
            })
            await bus.startJob('go', { everyMs: 4000, count: 1 })",
            json!(null),
        )
        .await?;
    app.kill_web_process(process);

    let expected: Vec<String> = std::iter::once("emitted".to_owned())
        .chain((0..100).map(|i| i.to_string()))
        .collect();
    let outcome = until("the new page to report what it missed", async || {
        let reported = std::fs::read_to_string(&report).unwrap_or_default();
        let lines: Vec<String> = reported.lines().map(str::to_owned).collect();
        Ok(if lines.len() >= expected.len() {
            Found::Yes(lines)
        } else {
            Found::NotYet(lines.join(" "))
        })
    })
    .await;
    let _ = std::fs::remove_file(&report);
    let mut lines = outcome?;
    // Reports are commands of their own and may overtake each other.
    lines.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(lines, expected);
    Ok(())
}

#[tokio::test]
async fn the_app_exits_with_pulls_parked() -> Result<()> {
    let mut app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.record("news").await?;
    Page::of(&app, "other").await?.record("news").await?;
    // The result may never come: the app is exiting.
    let _ = main.run("void host('exit')", json!(null)).await;
    app.ended().await
}

#[tokio::test]
async fn hooks_main_thread_and_locks_may_emit() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for name in [
        "hook:ready",
        "hook:load",
        "hook:destroyed",
        "main:thread",
        "ledger:read",
    ] {
        main.run(
            "await record(args[0], { replay: false }).ready",
            json!(name),
        )
        .await?;
    }
    other.host("open", json!({ "label": "third" })).await?;
    Page::of(&app, "third").await?;
    assert_eq!(
        payloads(&main.received("hook:ready", 1).await?)[0],
        r#""third""#
    );
    assert_eq!(
        payloads(&main.received("hook:load", 2).await?)[0],
        r#""third""#
    );
    other.host("close", json!({ "label": "third" })).await?;
    assert_eq!(
        payloads(&main.received("hook:destroyed", 1).await?),
        [r#""third""#]
    );

    other
        .host("emit_on_the_main_thread", json!({ "name": "main:thread" }))
        .await?;
    main.received("main:thread", 1).await?;
    other
        .host(
            "emit_while_holding_a_lock",
            Value::Object(Default::default()),
        )
        .await?;
    assert_eq!(payloads(&main.received("ledger:read", 1).await?), ["2"]);
    Ok(())
}
