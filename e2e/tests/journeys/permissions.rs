//! What pages may hear and say, by the capabilities of their windows.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Page, barrier, launch, payloads};

/// How an attempt ended in the page: what it threw.
async fn refusal(page: &Page<'_>, body: &str) -> Result<String> {
    let ending = page
        .run(
            &format!(
                "try {{ {body} }} catch (error) {{ return `${{error.code}}: ${{error.message}}` }} return 'it was allowed'"
            ),
            json!(null),
        )
        .await?;
    Ok(ending.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_widget_hears_only_what_it_may_and_says_nothing() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.host("open", json!({ "label": "widget" })).await?;
    let widget = Page::of(&app, "widget").await?;
    main.emit("order:early", json!(0)).await?;
    main.emit("cart:early", json!(1)).await?;
    // All that matches what it may hear, of the past and of what follows.
    widget.record("*").await?;
    for (i, name) in ["order:new", "cart:updated", "cart", "cart:emptied"]
        .iter()
        .enumerate()
    {
        main.emit(name, json!(i + 2)).await?;
    }
    barrier(&[&main, &widget]).await?;
    let heard: Vec<Value> = widget
        .recorded("*")
        .await?
        .into_iter()
        .map(|event| event["event"].clone())
        .filter(|name| name != "barrier")
        .collect();
    assert_eq!(heard, ["cart:early", "cart:updated", "cart:emptied"]);

    let error = refusal(&widget, "await bus.listen('order:new', () => {})").await?;
    assert!(error.starts_with("denied: "), "{error}");
    assert!(
        error.contains(r#"{ "identifier": "event-bus:listen", "allow": ["order:new"] }"#),
        "the line that would allow it: {error}"
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
        "await bus.startPeriodic('cart:updated', { everyMs: 10 })",
    ] {
        let error = refusal(&widget, attempt).await?;
        assert!(error.starts_with("denied: "), "{attempt}: {error}");
    }
    barrier(&[&main, &other, &widget]).await?;
    assert_eq!(other.recorded("cart:*").await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn what_is_denied_is_denied_whatever_allows_it() -> Result<()> {
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
    // A refused event leaves the others of its batch alone.
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
async fn a_frame_has_no_more_than_its_page_and_a_sandboxed_one_nothing() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("attack").await?;
    let endings = async |sandbox: Value| {
        main.run(
            "const frame = document.createElement('iframe')
             if (args[0] !== null) frame.sandbox = args[0]
             frame.srcdoc = `<script src='${new URL('frame.js', location.href)}'></scr` + `ipt>`
             const told = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data.endings), { once: true }))
             document.body.append(frame)
             return await told",
            sandbox,
        )
        .await
    };
    let sandboxed = endings(json!("allow-scripts")).await?;
    for (attempt, ending) in sandboxed.as_object().context("no endings")? {
        let ending = ending.as_str().unwrap_or_default();
        assert!(!ending.starts_with("answered"), "{attempt}: {ending}");
    }
    barrier(&[&main, &other]).await?;
    assert_eq!(other.recorded("attack").await?, Vec::<Value>::new());

    // Without a sandbox it is a part of its page, and reaches what its page does: through it, and in no other way.
    let trusted = endings(Value::Null).await?;
    for attempt in ["own", "guest", "fetch", "message"] {
        let ending = trusted[attempt].as_str().unwrap_or_default();
        assert!(!ending.starts_with("answered"), "{attempt}: {ending}");
    }
    assert!(
        trusted["parent"]
            .as_str()
            .unwrap_or_default()
            .starts_with("answered"),
        "{trusted}"
    );
    Ok(())
}

/// Serves a page on a port of its own, at every address of this machine's loopback.
async fn serve() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let page = "<!doctype html><title>from the web</title><h1>from the web</h1>";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    Ok(port)
}

#[tokio::test]
async fn a_page_from_the_web_has_what_a_remote_capability_gives_and_elsewhere_nothing() -> Result<()>
{
    let app = launch().await?;
    let port = serve().await?;
    let main = Page::of(&app, "main").await?;
    main.host("open", json!({ "label": "help" })).await?;
    let local = Page::of(&app, "help").await?;
    let error = refusal(&local, "await bus.listen('help:news', () => {})").await?;
    assert!(
        error.starts_with("denied: "),
        "it is not for the app's own pages: {error}"
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
    let listens = "window.heard = []; await bus.listen('*', ({ event }) => heard.push(event))";
    assert_eq!(attempt(listens).await?, "allowed");
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
        let ending = attempt(body).await?;
        let ending = ending.as_str().unwrap_or_default();
        assert!(ending.starts_with(code), "{body}: {ending}");
    }
    main.emit("cart:updated", json!(1)).await?;
    main.emit("help:news", json!(2)).await?;
    help.until("the news", "heard.includes('help:news')", &[])
        .await?;
    let heard = help
        .run("return heard.filter((name) => name !== 'help:opened')", &[])
        .await?;
    assert_eq!(heard, json!(["help:news"]));
    assert_eq!(payloads(&main.received("help:*", 2).await?), ["1", "2"]);
    let source = &main.recorded("help:*").await?[0]["source"];
    assert_eq!(source, &json!({ "kind": "webview", "label": "help" }));

    go("localhost").await?;
    for body in [listens, "await bus.emit('help:opened', 1)"] {
        let ending = attempt(body).await?;
        assert!(
            ending.as_str().unwrap_or_default().starts_with("denied"),
            "{body}: {ending}"
        );
    }
    let receipt = main.emit("help:news", json!(3)).await?;
    assert_eq!(
        receipt["pages"], 1,
        "the session has ended, and only the main window listens"
    );
    Ok(())
}
