//! What only Chromium does to pages.

use anyhow::Result;
use e2e::Engine;
use serde_json::json;

use crate::hidden::{emit_all, hidden_and_visible, report_of_all};
use crate::support::{launch_in, payloads};

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
