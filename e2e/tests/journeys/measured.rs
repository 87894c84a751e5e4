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

/// How much later a worker has an event than its page. Both clocks may count whole milliseconds, and their origins differ: they
/// are compared, and events are emitted, at random moments.
const LATENCY: &str = "
    const clock = () => performance.timeOrigin + performance.now()
    const rest = () => new Promise((rested) => setTimeout(rested, 2 + Math.random() * 3))
    const worker = startWorker()
    // Without a number of its link it gets a port only.
    if (args[0]) worker.addEventListener('message', ({ data }) => delete data.link)
    const exposed = workers.expose(worker)
    await exposed.connected
    let sum = 0
    for (let i = 0; i < 1000; i += 1) {
        await rest()
        const before = clock()
        sum += await order(worker, 'clock') - (before + clock()) / 2
    }
    const ahead = sum / 1000
    const times = []
    const off = await bus.listen('timed', () => times.push(clock()))
    await order(worker, 'record', 'timed')
    for (let i = 0; i < 2000; i += 1) {
        await bus.emit('timed', i)
        await rest()
    }
    while (times.length < 2000) await rest()
    const there = await order(worker, 'times')
    const more = there.map((time, place) => time - ahead - times[place])
    off()
    exposed.stop()
    worker.terminate()
    more.sort((a, b) => a - b)
    return { mean: more.reduce((sum, one) => sum + one, 0) / more.length, median: more[1000], p95: more[1900] }";

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
    for way in ["posted to the worker", "over a port"] {
        let latency = main.run(LATENCY, json!(way == "over a port")).await?;
        println!("{way}, later than in the page, in milliseconds: {latency}");
    }
    Ok(())
}
