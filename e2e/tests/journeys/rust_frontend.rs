//! The example in Leptos: a page in Rust, by what a user sees of it.
//!
//! The app and its page belong to other packages. `cargo xtask wasm` builds both first.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use e2e::{App, Launch, Window};
use serde_json::json;

fn binary() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_fixture")).with_file_name("leptos_app")
}

async fn shows(window: &Window<'_>, id: &str, text: &str) -> Result<()> {
    let expression = "document.querySelector(`[data-testid=${args[0]}]`)?.textContent === args[1]";
    let what = format!("`{text}` in {id}");
    window
        .until(&what, expression, &[json!(id), json!(text)])
        .await?;
    Ok(())
}

async fn windows(app: &App) -> Result<[Window<'_>; 2]> {
    Ok([app.window("main").await?, app.window("second").await?])
}

#[tokio::test]
async fn windows_in_rust_share_a_cart() -> Result<()> {
    let app = Launch::new(binary()).start().await?;
    let [main, second] = windows(&app).await?;
    for window in [&main, &second] {
        shows(window, "items", "0 items").await?;
        shows(window, "price", "0.00 €").await?;
    }
    main.click("[data-testid=add]").await?;
    for window in [&main, &second] {
        shows(window, "items", "1 item").await?;
        shows(window, "price", "2.50 €").await?;
    }
    second.click("[data-testid=add]").await?;
    shows(&main, "items", "2 items").await?;
    // The newest cart is retained.
    second.reload().await?;
    shows(&second, "items", "2 items").await?;
    shows(&second, "price", "5.00 €").await?;
    for window in [&main, &second] {
        shows(window, "problem", "").await?;
        // A session of the one inbox, although the page has no script of the npm package.
        let session = window
            .run(
                "return globalThis[Symbol.for('tauri-plugin-event-bus')].session",
                &[],
            )
            .await?;
        ensure!(
            session.as_str().is_some_and(|id| id.len() == 32),
            "{session}"
        );
    }
    Ok(())
}
