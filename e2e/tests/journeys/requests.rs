//! Asking pages, and Rust.

use anyhow::Result;
use e2e::{App, Found, until};
use serde_json::{Value, json};

use crate::support::{Page, launch, launch_with_report};

/// Registers the responders that these journeys ask.
const RESPONDERS: &str = "
    window.signals = {}
    window.asked = []
    await bus.respond('double', async (n, { source }) => ({ twice: n * 2, source }))
    await bus.respond('fail', () => { throw new RangeError('out of it') })
    await bus.respond('hang', (id, { signal }) => {
        window.asked.push(id)
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

/// Begins to ask from a page, and keeps the answer in it.
const BEGIN: &str = "window.outcome = undefined
    host('ask', args[0]).then(
        (answer) => { window.outcome = { answer } },
        (error) => { window.outcome = error })";

async fn outcome(page: &Page<'_>) -> Result<Value> {
    page.window
        .until("an answer", "window.outcome !== undefined", &[])
        .await?;
    page.run("return window.outcome", json!(null)).await
}

async fn asked(page: &Page<'_>, id: &str) -> Result<()> {
    page.window
        .until(
            "the question",
            "window.asked.includes(args[0])",
            &[json!(id)],
        )
        .await
        .map(drop)
}

#[tokio::test]
async fn rust_asks_pages_and_an_async_command_asks_its_own_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    for label in ["main", "other"] {
        let answer = main
            .host(
                "ask",
                json!({ "label": label, "name": "double", "question": 21 }),
            )
            .await?;
        assert_eq!(answer, json!({ "twice": 42, "source": { "kind": "host" } }));
    }
    let error = main
        .host(
            "ask",
            json!({ "label": "other", "name": "fail", "question": null }),
        )
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("RangeError: out of it"),
        "{error}"
    );
    let error = other
        .host(
            "ask_on_the_main_thread",
            json!({ "label": "main", "name": "double" }),
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("main thread"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_page_asks_a_page_and_rust() -> Result<()> {
    let app = launch().await?;
    let (main, _other) = two(&app).await?;
    let answers = main
        .run(
            "return await Promise.all([
                bus.request('other', 'double', 4),
                bus.request('main', 'double', 5),
                bus.request('host', 'sum', [1, 2, 3]),
                bus.request('other', 'fail').catch(({ code, cause }) => [code, cause.name, cause.message]),
                bus.request('nowhere', 'double', 1).catch(({ code }) => code),
                bus.request('other', 'hang', 'x', { timeoutMs: 100 }).catch(({ code }) => code),
            ])",
            json!(null),
        )
        .await?;
    let source = json!({ "kind": "webview", "label": "main" });
    assert_eq!(
        answers,
        json!([
            { "twice": 8, "source": source },
            { "twice": 10, "source": source },
            6,
            ["responder_failed", "RangeError", "out of it"],
            "unknown_target",
            "timeout",
        ])
    );
    let many = main
        .run(
            "const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => bus.request('other', 'double', n)))
            return answers.every(({ twice }, n) => twice === 2 * n)",
            json!(null),
        )
        .await?;
    assert_eq!(many, true);
    Ok(())
}

#[tokio::test]
async fn time_that_is_over_aborts_the_responders_signal() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let question =
        json!({ "label": "other", "name": "hang", "question": "late", "timeoutMs": 300 });
    main.run(BEGIN, question).await?;
    assert_eq!(outcome(&main).await?["code"], "timeout");
    other
        .window
        .until("the signal", "window.signals.late === 'timeout'", &[])
        .await?;
    let code = main
        .run(
            "const ended = new AbortController()
            const asked = bus.request('other', 'hang', 'dropped', { signal: ended.signal })
            setTimeout(() => ended.abort(), 50)
            return await asked.catch(({ code }) => code)",
            json!(null),
        )
        .await?;
    assert_eq!(code, "cancelled");
    Ok(())
}

#[tokio::test]
async fn a_page_that_is_reloaded_while_it_is_asked_is_gone() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let question = json!({ "label": "other", "name": "hang", "question": "reload" });
    main.run(BEGIN, question).await?;
    asked(&other, "reload").await?;
    other.run("location.reload()", json!(null)).await?;
    assert_eq!(outcome(&main).await?["code"], "page_gone");
    // The next page of that window is asked anew, also before its responder is there.
    let other = Page::of(&app, "other").await?;
    let question = json!({ "label": "other", "name": "double", "question": 3 });
    main.run(BEGIN, question).await?;
    other
        .window
        .until("the new page", "!window.asked", &[])
        .await?;
    other.run(RESPONDERS, json!(null)).await?;
    assert_eq!(outcome(&main).await?["answer"]["twice"], 6);
    Ok(())
}

#[tokio::test]
async fn a_window_that_is_closed_while_it_is_asked_is_gone() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let question = json!({ "label": "other", "name": "hang", "question": "close" });
    main.run(BEGIN, question).await?;
    asked(&other, "close").await?;
    main.host("close", json!({ "label": "other" })).await?;
    assert_eq!(outcome(&main).await?["code"], "page_gone");
    Ok(())
}

#[tokio::test]
async fn a_page_that_is_killed_while_it_is_asked_is_gone() -> Result<()> {
    let report = std::env::temp_dir().join(format!("event-bus-asked-{}", std::process::id()));
    let app = launch_with_report(&report).await?;
    let (main, other) = two(&app).await?;
    let process = app.web_process_of(&main.window).await?;
    // WebDriver ends its session when a page dies, so what the other page is told goes into a file.
    other
        .run(
            "const said = (line) => host('report', { line })
            host('ask', { label: 'main', name: 'hang', question: 'killed', timeoutMs: 86_400_000 })
                .then(() => said('answered'), ({ code }) => said(code))
            bus.request('main', 'hang', 'killed, too', { timeoutMs: 86_400_000 })
                .then(() => said('answered'), ({ code }) => said(code))",
            json!(null),
        )
        .await?;
    asked(&main, "killed").await?;
    asked(&main, "killed, too").await?;
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
