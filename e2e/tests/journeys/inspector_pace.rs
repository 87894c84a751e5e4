//! The work of the inspector's page: measurements, and no tests.

use anyhow::Result;
use e2e::Engine;
use serde_json::{Value, json};

use crate::inspector::Inspector;
use crate::support::{Page, launch_in};

/// Measures the work of the page in each frame for so long, while a script of the page goes on: `own` is the time in its
/// callbacks with the layout that they cause, and in decoding what the host sends; `all` is the whole frame with its drawing, and
/// what the system gave other processes meanwhile. A frame begins with the time that it tells its callbacks.
const WORK: &str = "
    const [owns, alls] = [[], []]
    const request = window.originalRequest ??= window.requestAnimationFrame.bind(window)
    const decode = window.originalDecode ??= TextDecoder.prototype.decode
    let [own, tasks] = [0, []]
    const timed = (act) => {
        const begin = performance.now()
        const result = act()
        document.body.offsetHeight
        const time = performance.now() - begin
        own += time
        tasks.push(time)
        return result
    }
    window.requestAnimationFrame = (act) => request((start) => timed(() => act(start)))
    TextDecoder.prototype.decode = function (...given) { return timed(() => decode.apply(this, given)) }
    const step = args[1] === '' ? () => {} : new Function('frame', args[1])
    await new Promise((done) => {
        const end = performance.now() + args[0]
        let frame = 0
        const tick = () => {
            const begin = performance.now()
            timed(() => step(frame))
            frame += 1
            const after = new MessageChannel()
            after.port1.onmessage = () => {
                alls.push(performance.now() - begin)
                owns.push(own)
                own = 0
            }
            after.port2.postMessage(0)
            if (performance.now() < end) request(tick)
            else done()
        }
        request(tick)
    })
    window.requestAnimationFrame = request
    TextDecoder.prototype.decode = decode
    const round = (number) => Number((number ?? 0).toFixed(2))
    const of = (list) => {
        const sorted = [...list].sort((one, other) => one - other)
        const part = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))])
        return { mean: round(list.reduce((sum, one) => sum + one, 0) / list.length), p50: part(0.5), p95: part(0.95), p99: part(0.99), max: part(1) }
    }
    return { frames: alls.length, own: of(owns), all: of(alls), longestTask: of(tasks).max, tasksOver50: tasks.filter((time) => time > 50).length }";

impl Inspector<'_> {
    /// Measures for so long, while this script runs in each frame.
    async fn measure(&self, title: &str, millis: u64, script: &str) -> Result<Value> {
        let arguments = [json!(millis), json!(script)];
        let measured = self.window.run(WORK, &arguments).await?;
        println!("{title}: {measured}");
        Ok(measured)
    }
}

/// Not a test: machines differ. Run it alone, on an idle machine, with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement, for an idle machine"]
async fn five_thousand_events_a_second_in_the_inspector() -> Result<()> {
    const MILLIS: u64 = 8_000;
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    main.record("measured").await?;
    let inspector = Inspector::open(&app, &main).await?;
    inspector.measure("before", 1_000, "").await?;
    let idle = inspector.measure("idle", MILLIS, "").await?;
    main.host(
        "pour",
        json!({ "name": "measured", "perSecond": 5_000, "millis": MILLIS + 4_000 }),
    )
    .await?;
    inspector.row("measured").await?;
    let title = "5,000 events a second";
    let busy = inspector.measure(title, MILLIS, "").await?;
    let kept = inspector.window.run("return document.querySelector('.kept').textContent + ', ' + document.querySelector('.plot-value').textContent + ' a second'", &[]);
    println!("{}", kept.await?);
    for part in ["own", "all"] {
        let mean = |figures: &Value| figures[part]["mean"].as_f64().unwrap_or(0.0);
        let ratio = mean(&busy) / mean(&idle).max(0.01);
        println!("{part}: {ratio:.2} times those of idle");
    }
    Ok(())
}

/// Not a test, as the one before.
#[tokio::test]
#[ignore = "a measurement, for an idle machine"]
async fn a_hundred_thousand_rows_in_the_inspector() -> Result<()> {
    const MILLIS: u64 = 3_000;
    let app = launch_in(Engine::WebKit).await?;
    let main = Page::of(&app, "main").await?;
    let inspector = Inspector::open(&app, &main).await?;
    let all = json!({ "name": "measured", "perSecond": 10_000, "millis": 10_500 });
    main.host("pour", all).await?;
    let rows = "document.querySelector('.spacer').offsetHeight >= 100000 * 28";
    inspector.window.until("the rows", rows, &[]).await?;
    let top = "document.querySelector('.scroller').scrollTop";
    let by_rows = format!("{top} -= 28 * 7");
    inspector.measure("scrolling", MILLIS, &by_rows).await?;
    let anywhere = format!("{top} = (frame * 7919 % 100000) * 28");
    inspector.measure("jumping", MILLIS, &anywhere).await?;
    let search = "if (frame % 30 > 0) return
        const search = document.querySelector('#search')
        search.value = `name:measured ${frame % 100}`
        search.dispatchEvent(new Event('input'))";
    inspector.measure("searching", MILLIS, search).await?;
    Ok(())
}
