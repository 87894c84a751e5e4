//! What pages may receive and emit, by the capabilities of their windows.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use e2e::Engine;

use crate::support::{Page, barrier, launch, payloads};

/// The error of an attempt in the page, as `code: message`.
async fn refusal(page: &Page<'_>, body: &str) -> Result<String> {
    let outcome = page
        .run(
            &format!(
                "try {{ {body} }} catch (error) {{ return `${{error.code}}: ${{error.message}}` }} return 'it was allowed'"
            ),
            json!(null),
        )
        .await?;
    Ok(outcome.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_widget_receives_what_it_may_and_emits_nothing() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.host("open", json!({ "label": "widget" })).await?;
    let widget = Page::of(&app, "widget").await?;
    main.emit("order:early", json!(0)).await?;
    main.emit("cart:early", json!(1)).await?;
    // Earlier and later events, as far as the page may receive them.
    widget.record("*").await?;
    for (i, name) in ["order:new", "cart:updated", "cart", "cart:emptied"]
        .iter()
        .enumerate()
    {
        main.emit(name, json!(i + 2)).await?;
    }
    barrier(&[&main, &widget]).await?;
    let received: Vec<Value> = widget
        .recorded("*")
        .await?
        .into_iter()
        .map(|event| event["event"].clone())
        .filter(|name| name != "barrier")
        .collect();
    assert_eq!(received, ["cart:early", "cart:updated", "cart:emptied"]);

    let error = refusal(&widget, "await bus.listen('order:new', () => {})").await?;
    assert!(error.starts_with("denied: "), "{error}");
    assert!(
        error.contains(r#"{ "identifier": "event-bus:listen", "allow": ["order:new"] }"#),
        "the line that allows it: {error}"
    );
    other
        .run(
            "await record('cart:*', { replay: false }).ready",
            json!(null),
        )
        .await?;
    for attempt in [
        "await bus.emit('cart:updated', 1)",
        "await bus.emitTo('other', 'cart:updated', 1)",
        "await bus.startJob('cart:updated', { everyMs: 10 })",
    ] {
        let error = refusal(&widget, attempt).await?;
        assert!(error.starts_with("denied: "), "{attempt}: {error}");
    }
    barrier(&[&main, &other, &widget]).await?;
    assert_eq!(other.recorded("cart:*").await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn deny_overrides_allow() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.host("open", json!({ "label": "clerk" })).await?;
    let clerk = Page::of(&app, "clerk").await?;
    for page in [&main, &other] {
        page.run("await record('*', { replay: false }).ready", json!(null))
            .await?;
    }
    clerk.emit("cart:updated", json!(1)).await?;
    clerk
        .run("await bus.emitTo('main', 'note', 2)", json!(null))
        .await?;
    for attempt in [
        "await bus.emit('cart:secret', 3)",
        "await bus.emit('order:new', 3)",
        "await bus.emit('note', 3)",
        "await bus.emitTo('other', 'note', 3)",
        "await bus.emitTo('widget', 'note', 3)",
        "await bus.emitTo('main', 'cart:updated', 3)",
        "await bus.emitTo(['main', 'other'], 'note', 3)",
        "await bus.emitTo('*', 'note', 3)",
        "await bus.listen('cart:secret', () => {})",
    ] {
        let error = refusal(&clerk, attempt).await?;
        assert!(error.starts_with("denied: "), "{attempt}: {error}");
    }
    // A refused event does not affect the rest of its batch.
    let error = refusal(
        &clerk,
        "const all = await Promise.allSettled(['cart:a', 'cart:secret', 'cart:b'].map((name) => bus.emit(name, 4)))
         throw { code: all.map(({ status }) => status).join(' '), message: '' }",
    )
    .await?;
    assert_eq!(error, "fulfilled rejected fulfilled: ");
    barrier(&[&main, &other]).await?;
    let names = |events: Vec<Value>| -> Vec<String> {
        let names = events.iter().filter_map(|event| event["event"].as_str());
        names
            .filter(|name| *name != "barrier")
            .map(str::to_owned)
            .collect()
    };
    let expected = ["cart:updated", "note", "cart:a", "cart:b"];
    assert_eq!(names(main.recorded("*").await?), expected);
    assert_eq!(
        names(other.recorded("*").await?),
        [expected[0], expected[2], expected[3]]
    );
    Ok(())
}

#[tokio::test]
async fn a_frame_has_at_most_the_rights_of_its_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("attack").await?;
    let outcomes = async |sandbox: Value| {
        main.run(
            "const frame = document.createElement('iframe')
             if (args[0] !== null) frame.sandbox = args[0]
             frame.srcdoc = `<script src='${new URL('frame.js', location.href)}'></scr` + `ipt>`
             const reported = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data.outcomes), { once: true }))
             document.body.append(frame)
             return await reported",
            sandbox,
        )
        .await
    };
    let sandboxed = outcomes(json!("allow-scripts")).await?;
    for (attempt, outcome) in sandboxed.as_object().context("no outcomes")? {
        let outcome = outcome.as_str().unwrap_or_default();
        assert!(!outcome.starts_with("response"), "{attempt}: {outcome}");
    }
    barrier(&[&main, &other]).await?;
    assert_eq!(other.recorded("attack").await?, Vec::<Value>::new());

    // Without a sandbox, a frame has the rights of its page. On Windows, Tauri's scripts run in frames, too; elsewhere it has
    // the rights only through its page.
    let has_scripts = app.engine() == Engine::Chromium;
    let trusted = outcomes(Value::Null).await?;
    for (attempt, outcome) in trusted.as_object().context("no outcomes")? {
        let may = attempt == "parent" || (has_scripts && attempt == "own");
        let outcome = outcome.as_str().unwrap_or_default();
        assert_eq!(outcome.starts_with("response"), may, "{attempt}: {outcome}");
    }
    Ok(())
}

/// Serves a page on a free port of the loopback interface. Returns the port.
async fn serve() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let page = "<!doctype html><title>from the web</title><h1>from the web</h1>";
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

#[tokio::test]
async fn a_remote_page_has_its_remote_capability_alone() -> Result<()> {
    let app = launch().await?;
    let port = serve().await?;
    let main = Page::of(&app, "main").await?;
    main.host("open", json!({ "label": "help" })).await?;
    let local = Page::of(&app, "help").await?;
    let error = refusal(&local, "await bus.listen('help:news', () => {})").await?;
    assert!(
        error.starts_with("denied: "),
        "the app's own pages do not have the remote capability: {error}"
    );

    let help = app.window("help").await?;
    let go = async |host: &str| -> Result<()> {
        main.host(
            "load",
            json!({ "label": "help", "page": format!("http://{host}:{port}/") }),
        )
        .await?;
        help.until(
            "the page from the web",
            "location.hostname === args[0] && '__TAURI__' in window",
            &[json!(host)],
        )
        .await
        .map(drop)
    };
    let attempt = async |body: &str| -> Result<Value> {
        let body = format!(
            "const bus = window.__TAURI__.eventBus
             try {{ {body} }} catch (error) {{ return `${{error.code}}: ${{error.message}}` }} return 'allowed'"
        );
        help.run(&body, &[]).await
    };
    go("127.0.0.1").await?;
    main.record("help:*").await?;
    let listen = "window.received = []; await bus.listen('*', ({ event }) => received.push(event))";
    assert_eq!(attempt(listen).await?, "allowed");
    assert_eq!(
        attempt("await bus.emit('help:opened', 1)").await?,
        "allowed"
    );
    for (body, code) in [
        ("await bus.emit('cart:updated', 1)", "denied"),
        ("await bus.emitTo('main', 'help:opened', 1)", "denied"),
        ("await bus.listen('cart:updated', () => {})", "denied"),
        (
            "await bus.emit('tauri://close-requested', 1)",
            "reserved_event_name",
        ),
    ] {
        let outcome = attempt(body).await?;
        let outcome = outcome.as_str().unwrap_or_default();
        assert!(outcome.starts_with(code), "{body}: {outcome}");
    }
    main.emit("cart:updated", json!(1)).await?;
    main.emit("help:news", json!(2)).await?;
    help.until("the news", "received.includes('help:news')", &[])
        .await?;
    let received = help
        .run(
            "return received.filter((name) => name !== 'help:opened')",
            &[],
        )
        .await?;
    assert_eq!(received, json!(["help:news"]));
    assert_eq!(payloads(&main.received("help:*", 2).await?), ["1", "2"]);
    let source = &main.recorded("help:*").await?[0]["source"];
    assert_eq!(source, &json!({ "kind": "webview", "label": "help" }));

    go("localhost").await?;
    for body in [listen, "await bus.emit('help:opened', 1)"] {
        let outcome = attempt(body).await?;
        assert!(
            outcome.as_str().unwrap_or_default().starts_with("denied"),
            "{body}: {outcome}"
        );
    }
    let receipt = main.emit("help:news", json!(3)).await?;
    assert_eq!(
        receipt["pages"], 1,
        "the session of the remote page has ended"
    );
    Ok(())
}
