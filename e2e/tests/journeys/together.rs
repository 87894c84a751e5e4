//! Pages that know of each other: presence, wills, and what becomes of an event.

use anyhow::Result;
use e2e::{Engine, Found, until};
use serde_json::{Value, json};

use crate::support::{Page, launch, launch_apart_in};

/// Joins the room, and notes who comes and goes.
const JOIN: &str = "window.room = bus.presence('room:1')
    window.seen = []
    for (const kind of ['join', 'update', 'leave']) {
        room.on(kind, ({ label, state }) => seen.push(`${kind} ${label} ${state}`))
    }
    await room.join(args[0])";

async fn members(page: &Page<'_>) -> Result<Value> {
    let list = "return (await room.list()).map(({ label, state }) => `${label} ${state}`).sort()";
    page.run(list, json!(null)).await
}

#[tokio::test]
async fn a_member_lives_through_a_reload() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.run(JOIN, json!("reads")).await?;
    main.run(JOIN, json!("writes")).await?;
    let joined = "seen.includes('join main writes')";
    other.window.until("the first member", joined, &[]).await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    main.run(JOIN, json!("writes again")).await?;
    let updated = "seen.includes('update main writes again')";
    other.window.until("the page after", updated, &[]).await?;
    let both = json!(["main writes again", "other reads"]);
    assert_eq!(members(&main).await?, both);
    assert_eq!(members(&other).await?, both);
    let left = "return seen.filter((what) => what.startsWith('leave'))";
    assert_eq!(other.run(left, json!(null)).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_crash_leaves_a_will() -> Result<()> {
    let report = std::env::temp_dir().join(format!("event-bus-will-{}", std::process::id()));
    // Only there it is noticed at once.
    let environment = [("FIXTURE_REPORT", report.display().to_string())];
    let environment = environment.each_ref().map(|(key, value)| (*key, &**value));
    let app = launch_apart_in(Engine::WebKit, &environment).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    // WebDriver ends its session when a page dies, so the other page goes on by itself, and reports to a file.
    let listen = "await bus.listen('editor:closed', ({ payload, source }) =>
        host('report', { line: `${payload} ${source.label}` }))";
    other.run(listen, json!(null)).await?;
    main.run("await bus.will('editor:closed', 'notes.txt')", json!(null))
        .await?;
    let process = app.web_process_of(&main.window).await?;
    app.kill_web_process(process);
    let reported = until("the will of the page", async || {
        let reported = std::fs::read_to_string(&report).unwrap_or_default();
        Ok(match reported.ends_with('\n') {
            true => Found::Yes(reported),
            false => Found::NotYet(reported),
        })
    })
    .await;
    let _ = std::fs::remove_file(&report);
    assert_eq!(reported?, "notes.txt main\n");
    Ok(())
}

#[tokio::test]
async fn an_emitter_learns_that_a_page_reloads() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    let handle = "await bus.listen('save', () => args[0], { sequential: true })";
    let never = "window.begun = false
        await bus.listen('save', () => { begun = true; return new Promise(() => {}) }, { sequential: true })";
    main.run(never, json!(null)).await?;
    let emit = "window.saved = undefined
        void bus.emitHandled('save', 1, { to: 'main' }).then((handled) => { saved = handled.pages })";
    other.run(emit, json!(null)).await?;
    main.window.until("the handler", "begun", &[]).await?;
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    let saved = "return saved";
    other.window.until("the outcome", "saved", &[]).await?;
    let gone = json!([{ "page": "main", "outcome": "gone" }]);
    assert_eq!(other.run(saved, json!(null)).await?, gone);
    // The next page handles the next event.
    main.run(handle, json!(null)).await?;
    let emit = "return (await bus.emitHandled('save', 2, { to: 'main' })).pages";
    let handled = json!([{ "page": "main", "outcome": "handled" }]);
    assert_eq!(other.run(emit, json!(null)).await?, handled);
    Ok(())
}
