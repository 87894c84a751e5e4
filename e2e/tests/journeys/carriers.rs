//! What carries events, what it survives, and which of it makes Tauri's IPC fall back to postMessage.

use std::sync::Arc;

use anyhow::Result;
use e2e::{App, Engine};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{Page, are_called, barrier, called, launch, payloads};

/// Counts what the page fetches from now on.
const COUNT_FETCHES: &str = "window.fetches = 0
    const { fetch } = window
    window.fetch = (...args) => { fetches += 1; return fetch(...args) }";

/// Serves `/empty`, which has no content, and `/file`, which is to be saved. Returns the port, and what tells that a response
/// is sent.
async fn serve() -> Result<(u16, Arc<Notify>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let served = Arc::new(Notify::new());
    let serving = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let served = Arc::clone(&serving);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap_or_default();
                let response = if request[..length].starts_with(b"GET /file") {
                    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=event-bus.bin\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfile"
                } else {
                    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
                };
                let _ = stream.write_all(response.as_bytes()).await;
                served.notify_one();
            });
        }
    });
    Ok((port, served))
}

/// Leaves a pull parked if the page pulls, acts, and then sends events in both directions. Returns whether the page still
/// fetches.
async fn carries_on(
    app: &App,
    main: &Page<'_>,
    other: &Page<'_>,
    act: impl AsyncFnOnce() -> Result<()>,
) -> Result<bool> {
    main.run(COUNT_FETCHES, json!(null)).await?;
    main.record("news").await?;
    other.record("reply").await?;
    other.emit("news", json!(0)).await?;
    main.received("news", 1).await?;
    called(app, other, "main").await?;
    act().await?;
    for i in 1..=50 {
        other.emit("news", json!(i)).await?;
    }
    let expected: Vec<String> = (0..=50).map(|i| i.to_string()).collect();
    assert_eq!(payloads(&main.received("news", 51).await?), expected);
    let before = main.run("return fetches", json!(null)).await?;
    main.emit("reply", json!("still here")).await?;
    assert_eq!(
        payloads(&other.received("reply", 1).await?),
        [r#""still here""#]
    );
    barrier(&[main, other]).await?;
    assert_eq!(main.recorded("news").await?.len(), 51);
    Ok(main.run("return fetches", json!(null)).await? != before)
}

/// Leads the page to where its load ends without another page.
async fn leads_nowhere(path: &str) -> Result<()> {
    let app = launch().await?;
    let (port, served) = serve().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    let url = json!(format!("http://127.0.0.1:{port}/{path}"));
    let fetches = carries_on(&app, &main, &other, async || {
        main.run("location.assign(args[0])", url.clone()).await?;
        served.notified().await;
        Ok(())
    })
    .await?;
    assert_eq!(
        fetches,
        app.engine() == Engine::Chromium || are_called(&app)
    );
    Ok(())
}

#[tokio::test]
async fn a_link_without_content_loses_nothing() -> Result<()> {
    leads_nowhere("empty").await
}

#[tokio::test]
async fn a_download_loses_nothing() -> Result<()> {
    leads_nowhere("file").await
}

#[tokio::test]
async fn window_stop_loses_nothing() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    let fetches = carries_on(&app, &main, &other, async || {
        main.run("window.stop()", json!(null)).await.map(drop)
    })
    .await?;
    assert_eq!(fetches, are_called(&app), "the engines agree on this one");
    Ok(())
}

#[tokio::test]
async fn large_payloads_arrive_whole() -> Result<()> {
    const SUMS: &str =
        "return recordings.large.events.map(({ json }) => [json.length, json.slice(-9)])";
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("large").await?;
    let sizes = [100_000, 1_000_000, 4_000_000];
    for size in sizes {
        // From a page, and from Rust.
        let make = "const text = 'é'.repeat(args[0] / 2) + args[0]";
        let from_page = format!("{make}; await bus.emit('large', text)");
        main.run(&from_page, json!(size)).await?;
        let from_rust =
            format!("{make}; await host('emit', {{ name: 'large', json: JSON.stringify(text) }})");
        main.run(&from_rust, json!(size)).await?;
    }
    other
        .window
        .until("every payload", "recordings.large.events.length >= 6", &[])
        .await?;
    let received = other.run(SUMS, json!(null)).await?;
    let expected: Vec<Value> = sizes
        .iter()
        .flat_map(|size| {
            let text = format!("\"{}{size}\"", "é".repeat(size / 2));
            let start = text.chars().count() - 9;
            let end: String = text.chars().skip(start).collect();
            let one = json!([text.chars().count(), end]);
            [one.clone(), one]
        })
        .collect();
    assert_eq!(received, json!(expected));
    Ok(())
}
