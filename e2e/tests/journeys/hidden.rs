//! Hidden pages, and pages whose process does not run.

use anyhow::Result;
use e2e::{App, Found, until};
use serde_json::json;

use crate::support::{Page, called, inspected, launch, launch_apart, payloads};

/// A page that is hidden, and one that is not. From then on, the hidden one reports by events: WebDriver would show it.
pub(crate) async fn hidden_and_visible(app: &App) -> Result<Page<'_>> {
    let (main, other) = (Page::of(app, "main").await?, Page::of(app, "other").await?);
    main.record("report:*").await?;
    // Every state that the document reaches, and how many events it had got by then.
    other
        .run(
            "window.got = []
            await bus.listen('news', ({ payload }) => {
                got.push(payload)
                if (payload === args[0]) void bus.emit('report:news', [got, document.visibilityState])
            })
            for (const state of ['freeze', 'resume', 'visibilitychange']) {
                document.addEventListener(state, () => void bus.emit('report:state', [state, document.visibilityState]))
            }",
            json!(LAST),
        )
        .await?;
    main.host("hide", json!({ "label": "other" })).await?;
    let reports = payloads(&main.received("report:*", 1).await?);
    assert_eq!(reports, [r#"["visibilitychange","hidden"]"#]);
    Ok(main)
}

const LAST: u32 = 300;

pub(crate) async fn emit_all(main: &Page<'_>) -> Result<()> {
    let all = "for (let i = 0; i <= args[0]; i += 1) await bus.emit('news', i)";
    main.run(all, json!(LAST)).await.map(drop)
}

pub(crate) fn report_of_all(state: &str) -> String {
    let all: Vec<u32> = (0..=LAST).collect();
    json!([all, state]).to_string()
}

#[tokio::test]
async fn a_hidden_page_gets_events() -> Result<()> {
    let app = launch().await?;
    let main = hidden_and_visible(&app).await?;
    emit_all(&main).await?;
    let reports = payloads(&main.received("report:*", 2).await?);
    assert_eq!(reports[1], report_of_all("hidden"));
    Ok(())
}

/// As a system does that saves power, or a debugger.
#[tokio::test]
async fn a_stopped_process_gets_everything_later() -> Result<()> {
    let app = launch_apart(&[]).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    let process = app.web_process_of(&main.window).await?;
    called(&app, &other, "main").await?;
    app.stop_web_process(process);
    emit_all(&other).await?;
    let expected: Vec<String> = (0..=LAST).map(|i| i.to_string()).collect();
    until("every event to wait for the page", async || {
        let own = inspected(&other, "main").await?;
        let events = [&own["queue"]["events"], &own["unacknowledgedEvents"]];
        let waiting: u64 = events.iter().filter_map(|count| count.as_u64()).sum();
        Ok(match waiting == expected.len() as u64 {
            true => Found::Yes(()),
            false => Found::NotYet(own.to_string()),
        })
    })
    .await?;
    app.continue_web_process(process);
    let received = payloads(&main.received("news", expected.len()).await?);
    assert_eq!(received, expected);
    Ok(())
}
