//! Requests to pages and to the host.

use anyhow::Result;
use e2e::{App, Found, until};
use serde_json::{Value, json};

use crate::support::{Page, launch, launch_with_report};

/// Registers the responders of a page.
const RESPONDERS: &str = "
    window.signals = {}
    window.pending = []
    await bus.respond('double', async (n, { caller }) => ({ twice: n * 2, caller }))
    await bus.respond('fail', () => { throw new RangeError('out of it') })
    await bus.respond('hang', (id, { signal }) => {
        window.pending.push(id)
        signal.addEventListener('abort', () => { window.signals[id] = signal.reason.code })
        return new Promise(() => {})
    })
";

async fn two(app: &App) -> Result<(Page<'_>, Page<'_>)> {
    let (main, other) = (Page::of(app, "main").await?, Page::of(app, "other").await?);
    main.run(RESPONDERS, json!(null)).await?;
    other.run(RESPONDERS, json!(null)).await?;
    Ok((main, other))
}

/// Sends a request of the host through a command, and keeps its outcome in the page.
const SEND: &str = "window.outcome = undefined
    host('request', args[0]).then(
        (response) => { window.outcome = { response } },
        (error) => { window.outcome = error })";

async fn outcome(page: &Page<'_>) -> Result<Value> {
    page.window
        .until("the outcome", "window.outcome !== undefined", &[])
        .await?;
    page.run("return window.outcome", json!(null)).await
}

async fn received(page: &Page<'_>, id: &str) -> Result<()> {
    page.window
        .until(
            "the request",
            "window.pending.includes(args[0])",
            &[json!(id)],
        )
        .await
        .map(drop)
}

#[tokio::test]
async fn the_host_sends_requests_to_pages() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    for label in ["main", "other"] {
        let response = main
            .host(
                "request",
                json!({ "label": label, "name": "double", "payload": 21 }),
            )
            .await?;
        assert_eq!(
            response,
            json!({ "twice": 42, "caller": { "kind": "host" } })
        );
    }
    let error = main
        .host(
            "request",
            json!({ "label": "other", "name": "fail", "payload": null }),
        )
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("RangeError: out of it"),
        "{error}"
    );
    let error = other
        .host(
            "request_on_the_main_thread",
            json!({ "label": "main", "name": "double" }),
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("main thread"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_page_sends_requests_to_a_page_and_the_host() -> Result<()> {
    let app = launch().await?;
    let (main, _other) = two(&app).await?;
    let responses = main
        .run(
            "return await Promise.all([
                bus.request('other', 'double', 4),
                bus.request('main', 'double', 5),
                bus.request(bus.HOST, 'sum', [1, 2, 3]),
                bus.request('other', 'fail').catch(({ code, cause }) => [code, cause.name, cause.message]),
                bus.request('nowhere', 'double', 1).catch(({ code }) => code),
                bus.request('other', 'hang', 'x', { timeoutMs: 100 }).catch(({ code }) => code),
            ])",
            json!(null),
        )
        .await?;
    let caller = json!({ "kind": "webview", "label": "main" });
    assert_eq!(
        responses,
        json!([
            { "twice": 8, "caller": caller },
            { "twice": 10, "caller": caller },
            6,
            ["responder_failed", "RangeError", "out of it"],
            "unknown_target",
            "timeout",
        ])
    );
    let many = main
        .run(
            "const responses = await Promise.all(Array.from({ length: 200 }, (_, n) => bus.request('other', 'double', n)))
            return responses.every(({ twice }, n) => twice === 2 * n)",
            json!(null),
        )
        .await?;
    assert_eq!(many, true);
    Ok(())
}

#[tokio::test]
async fn a_timeout_aborts_the_signal_of_the_responder() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let request = json!({ "label": "other", "name": "hang", "payload": "late", "timeoutMs": 300 });
    main.run(SEND, request).await?;
    assert_eq!(outcome(&main).await?["code"], "timeout");
    other
        .window
        .until("the signal", "window.signals.late === 'timeout'", &[])
        .await?;
    let code = main
        .run(
            "const controller = new AbortController()
            const response = bus.request('other', 'hang', 'dropped', { signal: controller.signal })
            setTimeout(() => controller.abort(), 50)
            return await response.catch(({ code }) => code)",
            json!(null),
        )
        .await?;
    assert_eq!(code, "cancelled");
    Ok(())
}

#[tokio::test]
async fn a_reloaded_responder_is_gone() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let request = json!({ "label": "other", "name": "hang", "payload": "reload" });
    main.run(SEND, request).await?;
    received(&other, "reload").await?;
    other.run("location.reload()", json!(null)).await?;
    assert_eq!(outcome(&main).await?["code"], "page_gone");
    // A new request waits for the next page of that window and its responder.
    let other = Page::of(&app, "other").await?;
    let request = json!({ "label": "other", "name": "double", "payload": 3 });
    main.run(SEND, request).await?;
    other
        .window
        .until("the new page", "!window.pending", &[])
        .await?;
    other.run(RESPONDERS, json!(null)).await?;
    assert_eq!(outcome(&main).await?["response"]["twice"], 6);
    Ok(())
}

#[tokio::test]
async fn a_closed_responder_is_gone() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let request = json!({ "label": "other", "name": "hang", "payload": "close" });
    main.run(SEND, request).await?;
    received(&other, "close").await?;
    main.host("close", json!({ "label": "other" })).await?;
    assert_eq!(outcome(&main).await?["code"], "page_gone");
    Ok(())
}

#[tokio::test]
async fn a_killed_responder_is_gone() -> Result<()> {
    let report = std::env::temp_dir().join(format!("event-bus-requests-{}", std::process::id()));
    let app = launch_with_report(&report).await?;
    let (main, other) = two(&app).await?;
    let process = app.web_process_of(&main.window).await?;
    // WebDriver ends its session when a page dies, so the other page reports to a file.
    other
        .run(
            "const report = (line) => host('report', { line })
            host('request', { label: 'main', name: 'hang', payload: 'killed', timeoutMs: 86_400_000 })
                .then(() => report('responded'), ({ code }) => report(code))
            bus.request('main', 'hang', 'killed, too', { timeoutMs: 86_400_000 })
                .then(() => report('responded'), ({ code }) => report(code))",
            json!(null),
        )
        .await?;
    received(&main, "killed").await?;
    received(&main, "killed, too").await?;
    app.kill_web_process(process);
    let reported = until("the page to be gone", async || {
        let reported = std::fs::read_to_string(&report).unwrap_or_default();
        Ok(match reported.lines().count() {
            2 => Found::Yes(reported),
            _ => Found::NotYet(reported),
        })
    })
    .await;
    let _ = std::fs::remove_file(&report);
    assert_eq!(reported?, "page_gone\npage_gone\n");
    Ok(())
}
