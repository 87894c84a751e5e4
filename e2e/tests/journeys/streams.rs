//! Streams, channels and tasks.

use anyhow::Result;
use e2e::{App, Found, until};
use serde_json::{Value, json};

use crate::support::{Page, launch};

/// Reads a stream of numbers in the page, and keeps what has come of it.
const COUNT: &str = "
    window.parts = []
    window.outcome = undefined
    const stream = bus.requestStream(bus.HOST, 'count', args[0], { credit: { parts: 64 } })
    const read = async () => {
        for await (const part of stream) window.parts.push(part)
        return stream.result
    }
    read().then((response) => { window.outcome = { response } }, ({ code }) => { window.outcome = { code } })
";

/// Follows a task in the page, and keeps what has come of it.
const FOLLOW: &str = "
    window.outcome = undefined
    const { task, start } = args[0]
    window.task = start ? bus.startTask('export', start, { key: task }) : bus.attachTask('export', task)
    window.task.result.then((result) => { window.outcome = { result } }, ({ code }) => { window.outcome = { code } })
";

async fn outcome(page: &Page<'_>) -> Result<Value> {
    page.window
        .until("the outcome", "window.outcome !== undefined", &[])
        .await?;
    page.run("return window.outcome", json!(null)).await
}

/// Waits until the task that a page follows has told its progress.
async fn progress(page: &Page<'_>) -> Result<()> {
    page.window
        .until(
            "the progress",
            "window.task.progress?.fraction === 0.5",
            &[],
        )
        .await
        .map(drop)
}

/// What `inspect` lists under this key, once it has so many.
async fn listed(page: &Page<'_>, key: &str, count: usize) -> Result<Value> {
    until(key, async || {
        let inspection = page.host("inspect", json!({})).await?;
        let listed = inspection[key].clone();
        Ok(match listed.as_array().map(Vec::len) {
            Some(found) if found == count => Found::Yes(listed),
            _ => Found::NotYet(listed.to_string()),
        })
    })
    .await
}

async fn two(app: &App) -> Result<(Page<'_>, Page<'_>)> {
    Ok((Page::of(app, "main").await?, Page::of(app, "other").await?))
}

#[tokio::test]
async fn the_host_streams_to_a_page() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.run(COUNT, json!(5_000)).await?;
    assert_eq!(outcome(&main).await?, json!({ "response": "done" }));
    let whole = "const whole = window.parts.every((part, place) => part === place + 1)
        return [window.parts.length, whole]";
    assert_eq!(main.run(whole, json!(null)).await?, json!([5_000, true]));
    listed(&main, "streams", 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_reload_amid_a_stream_ends_it() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    // One page takes everything for ever, and the other one nothing.
    main.run(COUNT, json!(u32::MAX)).await?;
    other
        .run(
            "window.stream = bus.requestStream(bus.HOST, 'count', 2 ** 31)",
            json!(null),
        )
        .await?;
    main.window
        .until("some parts", "window.parts.length > 1000", &[])
        .await?;
    listed(&other, "streams", 2).await?;
    main.window.reload().await?;
    other.window.reload().await?;
    let (main, _) = two(&app).await?;
    listed(&main, "streams", 0).await?;
    // The next page has streams of its own.
    main.run(COUNT, json!(100)).await?;
    assert_eq!(outcome(&main).await?, json!({ "response": "done" }));
    Ok(())
}

#[tokio::test]
async fn a_page_streams_to_another_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    other
        .run(
            "window.ended = 0
            await bus.respondStream('lines', async function* (to) {
                try {
                    for (let n = 1; n <= to; n += 1) yield { line: n }
                    return 'end'
                } finally {
                    window.ended += 1
                }
            })",
            json!(null),
        )
        .await?;
    let read = "const stream = bus.requestStream('other', 'lines', 300, { credit: { parts: 16 } })
        let sum = 0
        for await (const { line } of stream) sum += line
        return [sum, await stream.result]";
    assert_eq!(main.run(read, json!(null)).await?, json!([45_150, "end"]));
    let left = "for await (const { line } of bus.requestStream('other', 'lines', 2 ** 31)) if (line > 99) return line";
    assert_eq!(main.run(left, json!(null)).await?, 100);
    other
        .window
        .until("its end", "window.ended === 2", &[])
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_task_is_cancelled_from_another_window() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    main.run(FOLLOW, json!({ "task": "k", "start": "never" }))
        .await?;
    progress(&main).await?;
    other.run(FOLLOW, json!({ "task": "k" })).await?;
    progress(&other).await?;
    other.run("await window.task.cancel()", json!(null)).await?;
    for page in [&main, &other] {
        assert_eq!(outcome(page).await?, json!({ "code": "cancelled" }));
    }
    let tasks = listed(&main, "tasks", 1).await?;
    assert_eq!(tasks[0]["state"], "cancelled");
    Ok(())
}

#[tokio::test]
async fn a_task_survives_a_reload() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    main.run(FOLLOW, json!({ "task": "k", "start": "go-on" }))
        .await?;
    progress(&main).await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    // It is there, and tells what it told before.
    main.run(FOLLOW, json!({ "task": "k" })).await?;
    progress(&main).await?;
    other.run("await bus.emit('go-on')", json!(null)).await?;
    assert_eq!(outcome(&main).await?, json!({ "result": "exported" }));
    // Who attaches late gets the result, too.
    other.run(FOLLOW, json!({ "task": "k" })).await?;
    assert_eq!(outcome(&other).await?, json!({ "result": "exported" }));
    Ok(())
}

/// Opens a channel in the page, and keeps what has come of it.
const REVERSE: &str = "
    const [count, closes] = args[0]
    window.parts = []
    window.end = undefined
    window.channel = bus.openChannel(bus.HOST, 'reverse-all', null, { credit: { parts: 8 } })
    const { channel } = window
    const read = async () => {
        for await (const part of channel) window.parts.push([...part.slice(0, 2), part.length])
    }
    read().catch(() => {})
    channel.closed.then(({ code }) => { window.end = code })
    const write = async () => {
        for (let n = 0; n < count; n += 1) await channel.send(Uint8Array.of(...new Array(100 + n).fill(0), n))
        if (closes) channel.close()
    }
    write().catch(() => {})
";

#[tokio::test]
async fn bytes_pass_both_ways_of_a_channel() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.run(REVERSE, json!([100, true])).await?;
    main.window
        .until("its end", "window.end === 'completed'", &[])
        .await?;
    let parts = main.run("return window.parts", json!(null)).await?;
    let expected: Vec<Value> = (0..100).map(|n| json!([n, 0, 101 + n])).collect();
    assert_eq!(parts, Value::from(expected));
    listed(&main, "streams", 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_reload_amid_a_channel_ends_it() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    main.run(REVERSE, json!([50, false])).await?;
    main.window
        .until("some parts", "window.parts.length === 50", &[])
        .await?;
    // Each half is listed.
    listed(&other, "streams", 2).await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    listed(&main, "streams", 0).await?;
    // The next page has channels of its own.
    main.run(REVERSE, json!([3, true])).await?;
    main.window
        .until("its end", "window.end === 'completed'", &[])
        .await?;
    Ok(())
}
