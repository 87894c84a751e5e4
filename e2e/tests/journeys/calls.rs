//! Pages that the host calls: what a call must not do, and what must not happen to it.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::{Found, until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{
    Page, are_called, barrier, called, inspected, launch, launch_with_report, payloads,
};

#[tokio::test]
async fn pages_are_called_unless_they_refuse() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    main.record("news").await?;
    called(&app, &main, "main").await?;
    main.emit("news", json!(1)).await?;
    main.received("news", 1).await?;
    called(&app, &main, "main").await
}

#[tokio::test]
async fn a_page_that_forbids_everything_is_called() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    let open = json!({ "label": "blocked", "page": "blocked.html" });
    main.host("open", open).await?;
    let blocked = Page::of(&app, "blocked").await?;
    blocked.record("news").await?;
    called(&app, &main, "blocked").await?;
    let flood = json!({ "threads": 1, "perThread": 3000, "name": "news" });
    main.host("flood", flood).await?;
    blocked.received("news", 3000).await?;
    Ok(())
}

#[tokio::test]
async fn a_page_with_zone_js_is_called() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    let open = json!({ "label": "third", "page": "zone.html" });
    main.host("open", open).await?;
    let third = Page::of(&app, "third").await?;
    let is_patched = "return typeof Zone === 'function'";
    assert_eq!(third.run(is_patched, json!(null)).await?, true);
    third.record("news").await?;
    called(&app, &main, "third").await?;
    let flood = json!({ "threads": 2, "perThread": 3000, "name": "news" });
    main.host("flood", flood).await?;
    third.received("news", 6000).await?;
    until("everything to be acknowledged", async || {
        let own = inspected(&main, "third").await?;
        Ok(match own["unacknowledgedEvents"] == 0 {
            true => Found::Yes(()),
            false => Found::NotYet(own.to_string()),
        })
    })
    .await?;
    called(&app, &main, "third").await
}

#[tokio::test]
async fn deliveries_leave_the_activation_to_its_user() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.run(
        "window.active = []
        await bus.listen('news', () => active.push(navigator.userActivation.isActive))
        const button = document.body.appendChild(document.createElement('button'))
        button.textContent = 'act'
        button.onclick = async () => {
            const before = active.length
            // Deliveries come between the click and what it permits.
            while (active.length < before + 20) await new Promise((done) => setTimeout(done, 10))
            const full = document.documentElement.requestFullscreen()
            window.outcome = await full.then(() => document.exitFullscreen()).then(() => 'full', String)
        }",
        json!(null),
    )
    .await?;
    called(&app, &main, "main").await?;
    let stream = json!({ "count": 100_000, "perSecond": 200, "name": "news" });
    other.host("stream", stream).await?;
    main.window
        .until("deliveries", "active.length > 20", &[])
        .await?;
    if are_called(&app) {
        let active = main.run("return active", json!(null)).await?;
        let is_any = active
            .as_array()
            .is_some_and(|all| all.contains(&json!(true)));
        assert!(!is_any, "deliveries act on behalf of the user");
    }
    main.window.press("button").await?;
    let outcome = main
        .window
        .until("the outcome of the click", "window.outcome", &[])
        .await?;
    assert_eq!(outcome, "full");
    if are_called(&app) {
        // The page is called again once the activation is over.
        called(&app, &other, "main").await?;
    }
    Ok(())
}

/// Values that the host must take for a failure, as functions of a page return them.
const HOSTILE_VALUES: &[&str] = &[
    "undefined",
    "null",
    "12",
    "Symbol('s')",
    "10n",
    "(() => {})",
    "document.body",
    "window",
    "(() => { const cycle = {}; cycle.own = cycle; return cycle })()",
    "(() => { let deep = []; for (let i = 0; i < 100000; i += 1) deep = [deep]; return deep })()",
    "({ toString: 1, valueOf: 1 })",
    "({ toString() { throw new Error('no') } })",
    "'\\ud800'",
    "'a\\0b'",
    "'x'.repeat(1 << 26)",
    "`${session}:999999999`",
    "`${session}:-1`",
    "`${session}:1:{`",
    "`${session}:0:[{\"request\":\"00000000000000000000000000000000\"}]`",
    "Promise.reject({ toString: 1 })",
    "Promise.reject(null)",
];

#[tokio::test]
async fn what_a_page_returns_is_not_trusted() -> Result<()> {
    let app = launch().await?;
    if !are_called(&app) {
        return Ok(());
    }
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    called(&app, &main, "main").await?;
    for way in ["receive", "then"] {
        for value in HOSTILE_VALUES {
            // Either the inbox returns it, or the page replaces what WebKit looks up in the promise.
            let body = "const way = args[0]
                window.inbox = globalThis[Symbol.for('tauri-plugin-event-bus')]
                const session = inbox.session
                const hostile = () => { window.hits += 1; return VALUE }
                window.hits = 0
                window.realThen ??= Promise.prototype.then
                if (way === 'receive') inbox.receive = hostile
                else Promise.prototype.then = function (resolve, reject) {
                    const isOfCall = (value) => typeof value === 'string' && value.startsWith(session)
                    return realThen.call(this, (value) => resolve?.(isOfCall(value) ? hostile() : value), reject)
                }";
            main.run(&body.replace("VALUE", value), json!(way)).await?;
            let receipt = other.emit("news", json!([way, value])).await?;
            ensure!(receipt["pages"] == 1);
            main.window
                .until(&format!("{value} by {way}"), "hits > 0", &[])
                .await?;
            main.run(
                "delete inbox.receive; Promise.prototype.then = realThen",
                json!(null),
            )
            .await?;
            other.emit("news", json!("after")).await?;
            main.window
                .until(
                    &format!("the event after {value} by {way}"),
                    "recordings.news.events.at(-1)?.json === '\"after\"'",
                    &[],
                )
                .await?;
            main.run("recordings.news.events.length = 0", json!(null))
                .await?;
        }
    }
    Ok(())
}

/// A page of another origin that keeps whatever a call lets it see.
const HOSTILE_PAGE: &str = r#"<!doctype html><title>hostile</title><script>
const seen = JSON.parse(localStorage.getItem('seen') ?? '{"pages":0,"calls":0,"secrets":[]}')
seen.pages += 1
const realFor = Symbol.for, stringify = JSON.stringify
const note = (value) => {
  let text = ''
  try { text = typeof value === 'string' ? value : stringify(value) ?? '' } catch {}
  if (/[0-9a-f]{32}|"items"|heads/.test(text)) seen.secrets.push(text.slice(0, 200))
}
const noteAll = (list) => { for (let i = 0; i < list.length; i += 1) note(list[i]) }
const inbox = new Proxy(function () {}, {
  get(target, key) {
    note(String(key))
    if (key === 'session') return { [Symbol.toPrimitive](hint) { note(hint); return '' }, toString() { note('toString'); return '' } }
    return (...list) => { noteAll(list); return true }
  },
  apply(target, self, list) { noteAll(list) },
})
Symbol.for = function (...list) {
  if (list[0] === 'tauri-plugin-event-bus') { seen.calls += 1; save() }
  noteAll(list)
  return realFor.apply(Symbol, list)
}
Object.defineProperty(globalThis, realFor.call(Symbol, 'tauri-plugin-event-bus'), { get() { return new Proxy({}, { get: (_, key) => { note(String(key)); return inbox } }) }, configurable: true })
for (const key of ['session', 'batch', 'receive']) Object.defineProperty(Object.prototype, key, { set(value) { note(value) }, get() { note('get'); return inbox }, configurable: true })
const then = Promise.prototype.then
Promise.prototype.then = function (...list) { noteAll(list); return then.call(this, (value) => { note(value); list[0]?.('f'.repeat(33) + ':1') }, list[1]) }
const save = () => localStorage.setItem('seen', stringify(seen))
addEventListener('pagehide', save)
save()
setTimeout(() => { location.href = BACK }, 15)
</script>"#;

/// Serves the hostile page, which goes back to this address.
async fn serve(back: &str) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let url = format!("{back}&hostile=http%3A%2F%2F127.0.0.1%3A{port}%2F");
    let page = HOSTILE_PAGE.replace("BACK", &json!(url).to_string());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let page = page.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                // At the end, what it saw is read by a script of its own.
                let is_end = request.starts_with(b"GET /?stay");
                let page = if is_end {
                    "<!doctype html><title>end</title>"
                } else {
                    &page
                };
                let response = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                let _ = stream.write_all(response.as_bytes()).await;
            });
        }
    });
    Ok(port)
}

/// How often to leave a page for the hostile one. The variable is for long runs.
fn races() -> Result<u64> {
    const VARIABLE: &str = "JOURNEYS_RACES";
    match std::env::var(VARIABLE) {
        Ok(number) => number
            .parse()
            .with_context(|| format!("{VARIABLE} is {number:?}; expected a number of pages")),
        Err(_) => Ok(500),
    }
}

#[tokio::test]
async fn a_page_that_lies_in_wait_sees_nothing() -> Result<()> {
    // Each page is left once for the hostile page, which is left once for the next one.
    let pages = races()?;
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    let race = format!("race.html?rounds={pages}");
    let home = main.run("return location.origin", json!(null)).await?;
    let home = home.as_str().context("the page has no origin")?;
    let port = serve(&format!("{home}/{race}")).await?;
    let hostile = format!("http://127.0.0.1:{port}/");
    let page = format!("{race}&hostile=http%3A%2F%2F127.0.0.1%3A{port}%2F");
    main.host("open", json!({ "label": "third", "page": "index.html" }))
        .await?;
    let third = Page::of(&app, "third").await?;
    third.record("race").await?;
    third
        .run("localStorage.removeItem('race')", json!(null))
        .await?;
    main.record("race:page").await?;
    main.host("load", json!({ "label": "third", "page": page }))
        .await?;
    third
        .window
        .until(
            "the first page of the race",
            "window.race?.pages === 1",
            &[],
        )
        .await?;
    let stream = json!({ "count": 10_000_000, "perSecond": 2_000, "name": "race" });
    main.host("stream", stream).await?;
    until_finished(&main, pages).await?;
    // What waits comes before this.
    main.emit("race", json!(-1)).await?;
    third
        .window
        .until("the end of the race", "document.title === 'finished'", &[])
        .await?;
    let race = third.run("return race", json!(null)).await?;
    assert_eq!(race["faults"], json!([]), "events are lost or out of order");
    assert_eq!(race["pages"], pages);
    main.host(
        "load",
        json!({ "label": "third", "page": format!("{hostile}?stay") }),
    )
    .await?;
    let seen = third
        .window
        .until(
            "the end of the hostile page",
            "document.title === 'end' && JSON.parse(localStorage.getItem('seen'))",
            &[],
        )
        .await?;
    assert_eq!(seen["secrets"], json!([]));
    println!(
        "{} pages, {} calls came to the hostile page",
        race["pages"], seen["calls"]
    );
    if are_called(&app) {
        assert_ne!(seen["calls"], 0, "no call came to the hostile page");
    }
    Ok(())
}

/// Waits until the last page of the race is there, as long as there is progress.
async fn until_finished(observer: &Page<'_>, pages: u64) -> Result<()> {
    let mut newest = (0, Instant::now());
    while newest.0 < pages {
        let now = observer
            .run("return recordings['race:page'].events.length", json!(null))
            .await?;
        let now = now.as_u64().unwrap_or(0);
        if now > newest.0 {
            newest = (now, Instant::now());
        }
        ensure!(
            newest.1.elapsed().as_secs() < 30,
            "no progress after page {} of {pages}",
            newest.0
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_page_is_neither_lost_nor_repeated_to() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    // Longer than a page may work before it tells its progress.
    main.run(
        "window.numbers = []
        await bus.listen('news', ({ payload }) => {
            const end = performance.now() + 100
            while (performance.now() < end);
            numbers.push(payload.i)
        })",
        json!(null),
    )
    .await?;
    called(&app, &other, "main").await?;
    let flood = json!({ "threads": 1, "perThread": 80, "name": "news" });
    other.host("flood", flood).await?;
    until("progress before the end", async || {
        let own = inspected(&other, "main").await?;
        let left = own["unacknowledgedEvents"].as_u64().unwrap_or(0);
        Ok(match (1..80).contains(&left) {
            true => Found::Yes(()),
            false => Found::NotYet(own.to_string()),
        })
    })
    .await?;
    main.window
        .until("all events", "numbers.length >= 80", &[])
        .await?;
    let numbers = main.run("return numbers", json!(null)).await?;
    assert_eq!(numbers, json!((0..80).collect::<Vec<_>>()));
    Ok(())
}

#[tokio::test]
async fn a_page_frozen_for_a_minute_continues() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.record("news").await?;
    main.run(
        "await bus.listen('freeze', () => {
            const end = performance.now() + 64_000
            while (performance.now() < end);
        })",
        json!(null),
    )
    .await?;
    called(&app, &other, "main").await?;
    other.emit("news", json!(0)).await?;
    main.received("news", 1).await?;
    other.emit("freeze", json!(null)).await?;
    for i in 1..=100 {
        other.emit("news", json!(i)).await?;
    }
    // Its session ends after 60 seconds.
    let since = Instant::now();
    while !inspected(&other, "main").await?.is_null() {
        ensure!(since.elapsed().as_secs() < 63, "the session did not end");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let received = payloads(&main.received("news", 101).await?);
    let expected: Vec<String> = (0..=100).map(|i| i.to_string()).collect();
    assert_eq!(received, expected);
    barrier(&[&main]).await
}

#[tokio::test]
async fn a_process_killed_during_calls_loses_nothing() -> Result<()> {
    let report = std::env::temp_dir().join(format!("event-bus-calls-{}", std::process::id()));
    let app = launch_with_report(&report).await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    let process = app.web_process_of(&main.window).await?;
    main.run("await bus.listen('news', () => { for (;;); })", json!(null))
        .await?;
    called(&app, &other, "main").await?;
    let flood = json!({ "threads": 1, "perThread": 100, "name": "news" });
    other.host("flood", flood).await?;
    other
        .run(
            "await bus.listen('go', () => host('load', { label: 'main', page: 'index.html?report=news' }))
            await bus.startJob('go', { everyMs: 1000, count: 1 })",
            json!(null),
        )
        .await?;
    app.kill_web_process(process);
    let outcome = until("the new page to report what it missed", async || {
        let reported = std::fs::read_to_string(&report).unwrap_or_default();
        let count = reported.lines().count();
        Ok(match count >= 100 {
            true => Found::Yes(count),
            false => Found::NotYet(count.to_string()),
        })
    })
    .await;
    let _ = std::fs::remove_file(&report);
    assert_eq!(outcome?, 100);
    Ok(())
}

#[tokio::test]
async fn a_window_closed_during_calls_ends_alone() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    for _ in 0..3 {
        main.host("open", json!({ "label": "third" })).await?;
        let third = Page::of(&app, "third").await?;
        third.record("news").await?;
        called(&app, &main, "third").await?;
        main.host(
            "flood",
            json!({ "threads": 1, "perThread": 20_000, "name": "news" }),
        )
        .await?;
        main.host("close", json!({ "label": "third" })).await?;
        app.gone("third").await?;
    }
    main.record("after").await?;
    main.emit("after", json!(1)).await?;
    main.received("after", 1).await?;
    barrier(&[&main]).await
}
