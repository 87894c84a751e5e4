//! The inspector in a real window of WebKitGTK.

use std::path::Path;

use anyhow::{Context, Result};
use e2e::{App, Engine, Launch, Window};
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch_apart_in, launch_in};

const LABEL: &str = "event-bus-inspector";

/// The row of this name that is in view.
const ROW: &str = "[...document.querySelectorAll('.layer:not([aria-hidden]) .row:not(.none)')].find((row) => row.querySelector('.name').textContent === args[0])";

/// The inspector, as a person uses it.
pub(crate) struct Inspector<'app> {
    pub(crate) window: Window<'app>,
}

impl<'app> Inspector<'app> {
    /// Opens it by the app's own command.
    pub(crate) async fn open(app: &'app App, page: &Page<'_>) -> Result<Self> {
        page.host("open_inspector", json!({})).await?;
        Self::of(app).await
    }

    async fn of(app: &'app App) -> Result<Self> {
        let window = app.window(LABEL).await?;
        let live = "document.querySelector('.status')?.classList.contains('live')";
        window.until("the connection", live, &[]).await?;
        Ok(Self { window })
    }

    /// The text of the row with this name.
    pub(crate) async fn row(&self, name: &str) -> Result<String> {
        let text = format!("{ROW}?.textContent");
        let name = [json!(name)];
        let found = self.window.until("the row", &text, &name).await?;
        Ok(found.as_str().unwrap_or_default().to_owned())
    }

    /// Opens the details of the row with this name.
    async fn select(&self, name: &str) -> Result<()> {
        self.row(name).await?;
        let press =
            format!("{ROW}.dispatchEvent(new PointerEvent('pointerdown', {{ bubbles: true }}))");
        self.window.run(&press, &[json!(name)]).await?;
        let is_open = "document.querySelector('.details-name')?.textContent === args[0]";
        self.window
            .until("the details", is_open, &[json!(name)])
            .await
            .map(drop)
    }

    /// Waits until the details have this text.
    async fn details(&self, text: &str) -> Result<()> {
        let has = "document.querySelector('.details')?.textContent.includes(args[0])";
        self.window
            .until(&format!("{text:?} in the details"), has, &[json!(text)])
            .await
            .map(drop)
    }

    /// The names of the rows in view.
    async fn names(&self) -> Result<Vec<String>> {
        let names = "return [...document.querySelectorAll('.layer:not([aria-hidden]) .row:not(.none) .name')].map((name) => name.textContent)";
        let names = self.window.run(names, &[]).await?;
        Ok(serde_json::from_value(names)?)
    }

    async fn search(&self, text: &str) -> Result<()> {
        self.window.fill("#search", text).await
    }
}

#[tokio::test]
async fn the_inspector_shows_an_event_with_its_way() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("cart:*").await?;
    let inspector = Inspector::open(&app, &main).await?;
    main.emit("cart:updated", json!({ "itemCount": 3 })).await?;
    let row = inspector.row("cart:updated").await?;
    assert!(row.contains(r#"{"itemCount":3}"#), "{row}");
    inspector.select("cart:updated").await?;
    for text in [
        "itemCount",
        "main",
        "other",
        "handled +",
        "listens to cart:*",
        "Rust has no listener",
    ] {
        inspector.details(text).await?;
    }
    let lanes =
        "[...document.querySelectorAll('.lane-name')].map((lane) => lane.textContent).join()";
    let lanes = inspector.window.until("the lanes", lanes, &[]).await?;
    assert_eq!(lanes, "Rust,main,other");
    Ok(())
}

#[tokio::test]
async fn the_inspector_filters_pauses_clears_and_exports() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    let inspector = Inspector::open(&app, &main).await?;
    for name in ["cart:a", "door:b", "cart:c"] {
        main.emit(name, json!(name)).await?;
    }
    inspector.row("cart:c").await?;
    inspector.search("name:cart").await?;
    let only = "[...document.querySelectorAll('.layer:not([aria-hidden]) .row:not(.none) .name')].map((name) => name.textContent).join() === 'cart:a,cart:c'";
    inspector.window.until("the filter", only, &[]).await?;

    inspector.window.click("#pause").await?;
    main.emit("cart:d", json!(1)).await?;
    let waits = "document.querySelector('.kept').textContent.includes('since the pause') && !document.querySelector('.kept').textContent.startsWith('0 ')";
    inspector.window.until("the pause", waits, &[]).await?;
    assert_eq!(inspector.names().await?, ["cart:a", "cart:c"]);
    inspector.window.click("#pause").await?;
    inspector.row("cart:d").await?;

    inspector.window.click("#export").await?;
    let notice = "document.querySelector('.notice:not([hidden])')?.textContent";
    let notice = inspector.window.until("the file", notice, &[]).await?;
    let notice = notice.as_str().unwrap_or_default();
    let path = notice.split_once(" in ").context("no path")?.1;
    let text = std::fs::read_to_string(path)?;
    std::fs::remove_file(path)?;
    let lines: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(lines[0]["format"], "tauri-plugin-event-bus");
    for name in ["cart:a", "door:b", "cart:c", "cart:d"] {
        assert!(lines.iter().any(|line| line["name"] == name), "{text}");
    }

    inspector.window.click("#clear").await?;
    let is_empty = "document.querySelector('.layer:not([aria-hidden]) .row:not(.none)') === null";
    inspector.window.until("the end", is_empty, &[]).await?;
    Ok(())
}

#[tokio::test]
async fn the_inspector_names_the_missing_permission() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    main.host("open", json!({ "label": "clerk" })).await?;
    let clerk = Page::of(&app, "clerk").await?;
    let inspector = Inspector::open(&app, &main).await?;
    let refused = "return await bus.emit('order:new', 1).then(() => 'allowed', ({ code }) => code)";
    assert_eq!(clerk.run(refused, json!(null)).await?, "denied");
    inspector.select("order:new").await?;
    let line = "document.querySelector('.permission code')?.textContent";
    let line = inspector.window.until("the permission", line, &[]).await?;
    let line: Value = serde_json::from_str(line.as_str().unwrap_or_default())?;
    assert_eq!(line["allow"], json!(["order:new"]));
    assert!(
        line["identifier"]
            .as_str()
            .is_some_and(|own| own.starts_with("event-bus:"))
    );
    Ok(())
}

#[tokio::test]
async fn hostile_payloads_are_shown_harmless() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    let inspector = Inspector::open(&app, &main).await?;
    main.run(
        "await bus.emit('hostile', { html: '<img src=x onerror=\"window.taken = 1\"><script>window.taken = 1</script>', turned: 'a\\u202eb', '<b>key': 1 })
        await bus.emit('large', 'x'.repeat(1 << 20))
        await bus.emit('long', { text: 'y'.repeat(60000) })",
        json!(null),
    )
    .await?;
    inspector.select("hostile").await?;
    for text in ["<img src=x", "<script>", "a\\u202eb", "<b>key"] {
        inspector.details(text).await?;
    }
    inspector.select("large").await?;
    inspector.details("1.0 MiB, cut").await?;
    inspector.select("long").await?;
    inspector.details("60,000 characters").await?;
    let state = "return { taken: 'taken' in window, made: document.querySelectorAll('img, script:not([src]), .details b').length, longest: Math.max(...[...document.querySelectorAll('.details *')].map((own) => own.firstChild?.nodeType === 3 ? own.firstChild.data.length : 0)) }";
    let state = inspector.window.run(state, &[]).await?;
    assert_eq!(
        (&state["taken"], &state["made"]),
        (&json!(false), &json!(0))
    );
    assert!(
        state["longest"]
            .as_u64()
            .is_some_and(|longest| longest < 1_000),
        "{state}"
    );
    Ok(())
}

#[tokio::test]
async fn the_inspector_hides_itself() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for page in [&main, &other] {
        page.record("cart").await?;
    }
    let inspector = Inspector::open(&app, &main).await?;
    // Its snapshots and its tap go on meanwhile.
    let counts = "document.querySelector('[data-view=pages] .nav-count').textContent === '2'";
    inspector
        .window
        .until("the count of pages", counts, &[])
        .await?;
    let receipt = main
        .host("emit", json!({ "name": "cart", "json": "1" }))
        .await?;
    assert_eq!(receipt["pages"], 2);
    let pages = main.run(
        "return (await bus.pages()).map(({ label }) => label)",
        json!(null),
    );
    assert_eq!(pages.await?, json!(["main", "other"]));
    let inspection = main.host("inspect", json!({})).await?;
    let webviews = inspection["webviews"].as_array().context("no webviews")?;
    let labels: Vec<&Value> = webviews.iter().map(|webview| &webview["label"]).collect();
    assert_eq!(labels, ["main", "other"]);
    let unknown = main
        .host(
            "emit_to",
            json!({ "label": LABEL, "name": "cart", "json": "1" }),
        )
        .await;
    assert!(unknown.unwrap_err().to_string().contains("unknown_target"));
    barrier(&[&main, &other]).await?;
    inspector.row("barrier").await?;
    let names = inspector.names().await?;
    let own = names
        .iter()
        .find(|name| name.contains("inspector") || name.contains("tap"));
    assert_eq!(own, None, "{names:?}");
    Ok(())
}

#[tokio::test]
async fn no_other_page_has_what_the_inspector_has() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    let inspector = Inspector::open(&app, &main).await?;
    let attempt = "return await window.__TAURI_INTERNALS__.invoke(`plugin:event-bus|${args[0]}`, args[1]).then(() => 'allowed', (error) => String(error?.message ?? error))";
    for command in [
        "inspector_records",
        "inspector_state",
        "inspector_act",
        "open_inspector",
    ] {
        let tried = main
            .window
            .run(attempt, &[json!(command), json!({})])
            .await?;
        assert!(
            tried
                .as_str()
                .is_some_and(|text| text.contains("not allowed")),
            "{tried}"
        );
    }
    // What its own page lacks.
    let tried = inspector
        .window
        .run(attempt, &[json!("inspect"), json!({})])
        .await?;
    assert!(
        tried
            .as_str()
            .is_some_and(|text| text.contains("not allowed")),
        "{tried}"
    );
    // Nor does its address open elsewhere.
    main.host(
        "load",
        json!({ "label": "other", "page": "event-bus-inspector://localhost/" }),
    )
    .await?;
    let other = app.window("other").await?;
    let refused = "document.body?.textContent.includes('for the inspector')";
    other.until("the refusal", refused, &[]).await?;
    // And its window shows nothing else.
    let away = "location.href = 'tauri://localhost/index.html'";
    inspector.window.run(away, &[]).await?;
    main.emit("still:there", json!(1)).await?;
    inspector.row("still:there").await?;
    Ok(())
}

#[tokio::test]
async fn the_inspector_opens_itself_and_by_its_keys() -> Result<()> {
    let app = launch_apart_in(Engine::WebKit, &[("FIXTURE_INSPECTOR", "1")]).await?;
    let main = Page::of(&app, "main").await?;
    Inspector::of(&app).await?;
    main.host("close", json!({ "label": LABEL })).await?;
    app.gone(LABEL).await?;
    // Control, shift and E, as WebDriver writes them.
    main.window.press_keys("body", "\u{e009}\u{e008}e").await?;
    let inspector = Inspector::of(&app).await?;
    main.emit("again", json!(1)).await?;
    inspector.row("again").await?;
    Ok(())
}

#[tokio::test]
async fn it_sends_by_hand_and_runs_jobs() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    main.record("by:hand").await?;
    main.run(
        "await bus.startJob('hourly', { everyMs: 3600000, id: 'hourly' })",
        json!(null),
    )
    .await?;
    let inspector = Inspector::open(&app, &main).await?;
    inspector.window.click("[data-view=send]").await?;
    inspector.window.fill("#send-name", "by:hand").await?;
    inspector
        .window
        .fill("#send-payload", r#"{ "n": 4 }"#)
        .await?;
    inspector.window.click("#send-submit").await?;
    let received = main.received("by:hand", 1).await?;
    assert_eq!(received[0]["json"], r#"{"n":4}"#);
    assert_eq!(received[0]["component"], "inspector");

    inspector.window.click("[data-view=jobs]").await?;
    inspector.window.click("[data-key^=runJob]").await?;
    let ran = "document.querySelector('td .badge')?.closest('tr').textContent.includes('1 tick')";
    inspector.window.until("the tick", ran, &[]).await?;
    inspector.window.click("[data-key^=pauseJob]").await?;
    let paused = "document.querySelector('td .badge')?.textContent === 'paused'";
    inspector.window.until("the pause", paused, &[]).await?;
    inspector.window.click("[data-view=timeline]").await?;
    inspector.row("hourly").await?;
    Ok(())
}

/// Looks at the list in each frame, until the last event is in view: the views that were blank or in disorder, and all of them.
const VIEWS: &str = "
    const scroller = document.querySelector('.scroller')
    const [views, wrong] = [new Set(), []]
    for (let isOver = false; !isOver; ) {
        await new Promise(requestAnimationFrame)
        const box = scroller.getBoundingClientRect()
        const rows = [...document.querySelectorAll('.row:not(.none)')]
            .map((row) => ({ box: row.getBoundingClientRect(), seq: Number(row.querySelector('.cell-seq').textContent), text: row.textContent }))
            .filter((row) => row.box.bottom > box.top + 1 && row.box.top < box.bottom - 1)
            .sort((one, other) => one.box.top - other.box.top)
        const seqs = rows.map(({ seq }) => seq)
        const isWhole = rows.length > 0 && rows[0].box.top <= box.top + 1 && rows.at(-1).box.bottom >= box.bottom - 1
        if (!isWhole || seqs.some((seq, place) => seq !== seqs[0] + place)) wrong.push(seqs)
        views.add(seqs[0])
        isOver = rows.some(({ text }) => text.includes(args[0]))
    }
    return { views: views.size, wrong }";

#[tokio::test]
async fn the_inspector_shows_a_flood_whole() -> Result<()> {
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    main.record("measured").await?;
    let inspector = Inspector::open(&app, &main).await?;
    let flood = json!({ "name": "measured", "perSecond": 2_000, "millis": 2_000 });
    main.host("pour", flood).await?;
    let is_full = "document.querySelector('.spacer').offsetHeight > 28 * 200";
    inspector.window.until("the flood", is_full, &[]).await?;
    let last = json!("\"number\":4000,");
    let seen = inspector.window.run(VIEWS, &[last]).await?;
    assert_eq!(seen["wrong"], json!([]), "{seen}");
    println!("{} views", seen["views"]);
    Ok(())
}

/// Not a test: makes docs/images/inspector.png, and its dark sibling in target/demo. Run it with `--ignored`, after
/// `cargo build --package shop`.
#[tokio::test]
#[ignore = "it makes the pictures of the guide"]
async fn the_pictures_of_the_guide() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shop = Path::new(env!("CARGO_BIN_EXE_fixture")).with_file_name("shop");
    let app = Launch::new(shop).env("EVENT_BUS_DEMO_INSPECTOR", "1");
    let app = app.size(1280, 800).start().await?;
    let inspector = Inspector::of(&app).await?;
    inspector.window.place(0, 0, 1280, 800).await?;
    let (shop, office) = (app.window("shop").await?, app.window("office").await?);
    shop.until(
        "the products",
        "document.querySelector(\"[data-product='1'] [data-testid=add]\")",
        &[],
    )
    .await?;
    // Some minutes of a shop in some seconds.
    shop.run(
        "const pause = (millis) => new Promise((done) => setTimeout(done, millis))
        for (let order = 0; order < 6; order += 1) {
            for (let place = 0; place <= order % 3; place += 1) {
                document.querySelector(`[data-product='${1 + (order + place) % 3}'] [data-testid=add]`)?.click()
                await pause(160)
            }
            document.querySelector('[data-testid=order]:not(:disabled)')?.click()
            await pause(2200)
        }",
        &[],
    )
    .await?;
    // The newest one, in view.
    let name = "shop:payment:paid";
    inspector.row(name).await?;
    let press = "[...document.querySelectorAll('.layer:not([aria-hidden]) .row:not(.none)')].filter((row) => row.querySelector('.name').textContent === args[0] && row.getBoundingClientRect().top > 300).at(-1).dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))";
    inspector.window.run(press, &[json!(name)]).await?;
    inspector.details("Causes and effects").await?;
    office
        .run("return await window.__TAURI_INTERNALS__.invoke('plugin:event-bus|emit', { session: '1'.repeat(32), n: 1, events: [{ event: 'shop:order:created', payload: '{}' }] }).catch(String)", &[])
        .await?;
    inspector
        .window
        .run("document.querySelector('.scroller').focus()", &[])
        .await?;
    for (theme, file) in [
        ("light", "docs/images/inspector.png"),
        ("dark", "target/demo/inspector-dark.png"),
    ] {
        let chosen = "document.documentElement.dataset.theme === args[0]";
        while inspector
            .window
            .run(&format!("return {chosen}"), &[json!(theme)])
            .await?
            == json!(false)
        {
            inspector.window.press_keys("body", "t").await?;
        }
        app.picture().await?.save(&root.join(file))?;
    }
    for view in ["pages", "jobs", "requests", "retained", "send"] {
        inspector
            .window
            .click(&format!("[data-view={view}]"))
            .await?;
        app.picture()
            .await?
            .save(&root.join(format!("target/demo/inspector-{view}.png")))?;
    }
    Ok(())
}
