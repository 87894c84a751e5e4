//! Measures what a worker costs beside its page. Not a test: machines differ. The figures of docs/decisions/0023 come from
//! `cargo test --release --workspace --test journeys -- --ignored --nocapture measured::`.

use anyhow::Result;
use serde_json::json;

use crate::support::{Page, launch};

/// How many events a flood has.
const EVENTS: usize = 50_000;

/// Emits a flood and waits until all of it is handled. Notes how far apart the frames of the page are meanwhile.
const FLOOD: &str = "
    window.flood = async (name, events, reached) => {
        const frames = []
        let isOver = false
        const tick = (time) => {
            frames.push(time)
            if (!isOver) requestAnimationFrame(tick)
        }
        requestAnimationFrame(tick)
        const start = performance.now()
        await Promise.all([host('flood', { threads: 1, perThread: events, name }), reached])
        const rate = Math.round(events / (performance.now() - start) * 1000)
        isOver = true
        const apart = frames.slice(1).map((time, place) => time - frames[place]).sort((a, b) => a - b)
        return { rate, frame95: apart[Math.floor(apart.length * 0.95)], longest: apart.at(-1), frames: apart.length }
    }";

#[tokio::test]
#[ignore = "a measurement, for an idle machine"]
async fn a_worker_beside_its_page() -> Result<()> {
    let app = launch().await?;
    let main = Page::of(&app, "main").await?;
    let setup = format!(
        "{FLOOD}
        window.events = []
        await bus.listen('page', ({{ event, payload, source }}) => {{
            events.push({{ event, payload, source }})
            if (events.length === window.goal) whenReached()
        }})
        window.worker = startWorker()
        await workers.expose(worker, {{ name: 'sink' }}).connected
        await order(worker, 'record', 'worker')"
    );
    main.run(&setup, json!(null)).await?;
    for round in 0..6 {
        let figures = main
            .run(
                "window.goal = events.length + args[0]
                const inPage = await flood('page', args[0], new Promise((reached) => { window.whenReached = reached }))
                const { events: before } = await order(worker, 'count', 'worker')
                const inWorker = await flood('worker', args[0], order(worker, 'reach', 'worker', before + args[0]))
                return { inPage, inWorker, ratio: inWorker.rate / inPage.rate }",
                json!(EVENTS),
            )
            .await?;
        println!("{round}: {figures}");
    }
    let latency = main
        .run(
            "const times = []
            await bus.listen('timed', () => times.push(performance.timeOrigin + performance.now()))
            await order(worker, 'record', 'timed')
            for (let i = 0; i < 1000; i += 1) {
                await bus.emit('timed', i)
                await new Promise((done) => setTimeout(done, 2 + Math.random() * 3))
            }
            while (times.length < 1000) await null
            const there = await order(worker, 'times')
            const more = there.map((time, place) => time - times[place])
            more.sort((a, b) => a - b)
            return { mean: more.reduce((sum, one) => sum + one, 0) / more.length, median: more[500], p95: more[950] }",
            json!(null),
        )
        .await?;
    println!("later than in the page, in milliseconds: {latency}");
    Ok(())
}
