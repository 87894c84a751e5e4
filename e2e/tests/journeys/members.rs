//! Workers and frames, which have the bus of their page.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch, launch_apart, serve};

async fn two(app: &e2e::App) -> Result<(Page<'_>, Page<'_>)> {
    Ok((Page::of(app, "main").await?, Page::of(app, "other").await?))
}

#[tokio::test]
async fn a_worker_has_the_bus_of_its_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    other.record("file:indexed").await?;
    other
        .run(
            "await bus.respond('double', (number) => number * 2)",
            json!(null),
        )
        .await?;
    let connected = main
        .run(
            "window.worker = startWorker()
            const lists = { listen: ['file:*'], emit: ['file:indexed'], request: ['double'], respond: ['parse'] }
            window.exposed = workers.expose(worker, { name: 'indexer', ...lists })
            await exposed.connected
            await order(worker, 'record', 'file:*')
            await order(worker, 'respond', 'parse')
            return exposed.name",
            json!(null),
        )
        .await?;
    assert_eq!(connected, "worker:indexer");

    other.emit("file:added", json!({ "path": "a" })).await?;
    main.host(
        "emit",
        json!({ "name": "file:removed", "json": r#"{"path":"b"}"# }),
    )
    .await?;
    let indexed = main
        .run(
            "await order(worker, 'call', 'emit', 'file:indexed', { path: 'a', bytes: new Uint8Array([1, 2]) })
            while ((await order(worker, 'count', 'file:*')).events < 3) await null
            const doubled = await order(worker, 'call', 'request', 'other', 'double', 21)
            const refused = await order(worker, 'call', 'emit', 'file:added').catch(({ message }) => message)
            const events = await order(worker, 'recorded', 'file:*')
            return [doubled, refused, events.map(({ event, source, component }) => [event, source, component ?? null])]",
            json!(null),
        )
        .await?;
    assert_eq!(indexed[0], 42);
    assert!(
        indexed[1]
            .as_str()
            .unwrap_or_default()
            .starts_with("denied: worker:indexer may not emit"),
        "{}",
        indexed[1]
    );
    let page = |label: &str| json!({ "kind": "webview", "label": label });
    assert_eq!(
        indexed[2],
        json!([
            ["file:added", page("other"), null],
            ["file:removed", { "kind": "host" }, null],
            ["file:indexed", page("main"), "worker:indexer"],
        ])
    );
    let received = other.received("file:indexed", 1).await?;
    assert_eq!(received[0]["component"], "worker:indexer");
    assert_eq!(received[0]["source"], page("main"));
    let answer = other
        .run(
            "return await bus.request('main', 'parse', 'text')",
            json!(null),
        )
        .await?;
    assert_eq!(
        answer,
        json!({ "payload": "text", "by": "DedicatedWorkerGlobalScope" })
    );

    // A page that ends its worker tells the bus nothing. The lock of the worker does.
    main.run(
        "worker.terminate()
        while ((await bus.emit('file:gone')).pages > 0) await new Promise((done) => setTimeout(done, 1))",
        json!(null),
    )
    .await?;
    let refused =
        "return await bus.request('main', 'parse').then(() => 'a response', ({ code }) => code)";
    assert_eq!(other.run(refused, json!(null)).await?, "no_responder");
    Ok(())
}

#[tokio::test]
async fn a_flood_reaches_a_worker_in_order() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    main.run(
        "window.worker = startWorker()
        await workers.expose(worker, { name: 'sink' }).connected
        await order(worker, 'record', 'news')",
        json!(null),
    )
    .await?;
    let flood = json!({ "threads": 1, "perThread": 20_000, "name": "news" });
    other.host("flood", flood).await?;
    let counted = main
        .run(
            "const lost = ({ gaps }) => gaps.reduce((sum, { count }) => sum + count, 0)
            let counted
            do counted = await order(worker, 'count', 'news')
            while (counted.events + lost(counted) < 20_000)
            const events = await order(worker, 'recorded', 'news')
            const numbers = events.map(({ payload }) => payload.i)
            return [counted.events, counted.gaps, numbers.every((number, place) => place === 0 || number > numbers[place - 1])]",
            json!(null),
        )
        .await?;
    assert_eq!(counted, json!([20_000, [], true]));
    Ok(())
}

#[tokio::test]
async fn a_shared_worker_outlives_its_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    let begin = "window.shared = startSharedWorker()
        window.exposed = workers.expose(shared, { name: 'shared' })
        await exposed.connected";
    main.run(begin, json!(null)).await?;
    main.run("await order(shared, 'record', 'news')", json!(null))
        .await?;
    other.run(begin, json!(null)).await?;
    other.record("hello").await?;
    let hello = "await order(shared, 'call', 'emit', 'hello')";
    main.run(hello, json!(null)).await?;
    // Pages of one origin share it only where their engine has one process, or one service, for both.
    let first = other.received("hello", 1).await?;
    assert_eq!(first[0]["source"]["label"], "main");

    main.window.reload().await?;
    let label = other
        .run(
            "const isShared = (await order(shared, 'recorded', 'news')) !== undefined
            if (!isShared) return 'apart'
            let count = 1
            for (;;) {
                await order(shared, 'call', 'emit', 'hello').catch(() => {})
                while (recordings.hello.events.length <= count) await new Promise((done) => setTimeout(done, 1))
                const { label } = recordings.hello.events.at(-1).source
                if (label === 'other') return label
                count += 1
            }",
            json!(null),
        )
        .await?;
    assert_eq!(label, "other");
    other.emit("news", json!(1)).await?;
    other
        .run(
            "while ((await order(shared, 'count', 'news')).events < 1) await null",
            json!(null),
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_hostile_frame_gets_what_its_page_names() -> Result<()> {
    let app = launch().await?;
    let (main, other) = two(&app).await?;
    for name in ["attack", "chat:sent", "secret"] {
        other.record(name).await?;
    }
    let outcomes = main
        .run(
            "window.frame = document.createElement('iframe')
            frame.sandbox = 'allow-scripts'
            frame.srcdoc = `<script src='${new URL('hostile.js', location.href)}'></scr` + `ipt>`
            const reported = new Promise((resolve) => addEventListener('message', ({ data }) => {
                if (data.outcomes) resolve(data.outcomes)
            }))
            window.ended = new Promise((resolve) => addEventListener('message', ({ data }) => {
                if (data.ended) resolve(true)
            }))
            window.exposed = exposedFrames.expose(frame, { origin: 'null', name: 'chat', listen: ['chat:*'], emit: ['chat:sent'] })
            document.body.append(frame)
            return await reported",
            json!(null),
        )
        .await?;
    let done = |name: &str| {
        outcomes[name]
            .as_str()
            .is_some_and(|outcome| outcome.starts_with("done"))
    };
    for name in ["pretend", "flood"] {
        assert!(done(name), "{name}: {}", outcomes[name]);
    }
    let denied = [
        "emit",
        "emit to",
        "listen",
        "listen to all",
        "request",
        "respond",
        "job",
        "inspect",
        "catalog",
        "clear",
    ];
    for name in denied {
        assert_eq!(outcomes[name], "denied", "{name}");
    }
    assert_eq!(outcomes["name"], "frame:chat");
    assert_eq!(outcomes["stop"], "unknown_job");
    assert_eq!(outcomes["half a pair"], "invalid_argument");
    assert_eq!(outcomes["bigint"], "invalid_argument");
    assert_eq!(outcomes["no JSON"], "invalid_payload");
    assert_eq!(outcomes["limited"], true);
    let sent = other.received("chat:sent", 1).await?;
    assert_eq!(sent[0]["component"], "frame:chat/worker:trusted");

    // Its page goes on, with all of its rights, and says why it has ended the frame.
    main.run("await ended", json!(null)).await?;
    main.emit("secret", json!(1)).await?;
    other.received("secret", 1).await?;
    barrier(&[&main, &other]).await?;
    assert_eq!(other.recorded("attack").await?, Vec::<Value>::new());
    main.window
        .until(
            "the report",
            "uncaught.some((text) => text.includes('frame:chat was ended'))",
            &[],
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_frame_of_another_origin_connects() -> Result<()> {
    // Chromium asks its user before a page of the app embeds one of the loopback interface.
    let arguments = "--disable-features=LocalNetworkAccessChecks";
    let app = launch_apart(&[("CHROMIUM_ARGUMENTS", arguments)]).await?;
    let (main, other) = two(&app).await?;
    let port = serve().await?;
    other.record("chat:sent").await?;
    main.run(
        "window.embed = async (page, options) => {
            const origin = `http://127.0.0.1:${args[0]}`
            const frame = document.createElement('iframe')
            frame.src = `${origin}/embedded.html?page=${encodeURIComponent(page)}`
            const answered = new Promise((resolve) => addEventListener('message', ({ data, source }) => {
                if (source === frame.contentWindow && (data.connected || data.refused)) resolve(data)
            }))
            const exposed = exposedFrames.expose(frame, { origin, ...options })
            document.body.append(frame)
            return { frame, exposed, answer: await answered }
        }",
        json!(port),
    )
    .await?;
    let answer = main
        .run(
            "const { frame, exposed, answer } = await embed(location.origin, { name: 'chat', listen: ['chat:*'], emit: ['chat:sent'] })
            await order(frame, 'record', 'chat:*')
            await bus.emit('chat:opened', { room: 7 })
            await order(frame, 'call', 'emit', 'chat:sent', { text: 'hello' })
            while ((await order(frame, 'count', 'chat:*')).events < 2) await null
            const events = await order(frame, 'recorded', 'chat:*')
            const refused = await order(frame, 'call', 'emit', 'cart').catch(({ message }) => message)
            frame.remove()
            while ((await bus.emit('chat:closed')).pages > 0) await new Promise((done) => setTimeout(done, 1))
            exposed.stop()
            return [answer.connected, events.map(({ event, payload }) => [event, payload]), refused.split(':')[0]]",
            json!(null),
        )
        .await?;
    assert_eq!(
        answer,
        json!([
            { "name": "frame:chat", "label": "main" },
            [["chat:opened", { "room": 7 }], ["chat:sent", { "text": "hello" }]],
            "denied",
        ])
    );
    let sent = other.received("chat:sent", 1).await?;
    assert_eq!(sent[0]["component"], "frame:chat");
    // A frame that trusts another page is not this page's. The browser tells frames of their pages, or delivers nothing.
    let refused = main
        .run(
            "const answer = embed('https://elsewhere.example', { name: 'strict', emit: ['chat:sent'] })
            const never = new Promise((resolve) => setTimeout(resolve, 1000, { answer: {} }))
            return (await Promise.race([answer, never])).answer",
            json!(null),
        )
        .await?;
    assert!(refused.get("connected").is_none(), "{refused}");
    let reason = refused["refused"]
        .as_str()
        .context("the engine tells frames their pages")?;
    assert!(reason.starts_with("denied: "), "{reason}");
    Ok(())
}
