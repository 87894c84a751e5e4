//! What only Chromium does to pages.

use anyhow::Result;
use e2e::{App, Engine};
use serde_json::json;

use crate::support::{Page, launch_in, payloads};

/// A page that is hidden, and one that is not. From then on, the hidden one reports by events: WebDriver would show it.
async fn hidden_and_visible(app: &App) -> Result<Page<'_>> {
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

async fn emit_all(main: &Page<'_>) -> Result<()> {
    let all = "for (let i = 0; i <= args[0]; i += 1) await bus.emit('news', i)";
    main.run(all, json!(LAST)).await.map(drop)
}

fn report_of_all(state: &str) -> String {
    let all: Vec<u32> = (0..=LAST).collect();
    json!([all, state]).to_string()
}

#[tokio::test]
async fn a_hidden_page_gets_events() -> Result<()> {
    let app = launch_in(Engine::Chromium).await?;
    let main = hidden_and_visible(&app).await?;
    emit_all(&main).await?;
    let reports = payloads(&main.received("report:*", 2).await?);
    assert_eq!(reports[1], report_of_all("hidden"));
    Ok(())
}

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
