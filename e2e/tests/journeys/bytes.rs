//! Bytes in payloads, over whatever carries them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Page, called, launch, launch_isolated};

/// Notes what arrives: a number as it is, and bytes as their length and whether they are those that were sent.
const WATCH: &str = "
    window.seen = []
    const isWhole = (bytes) => bytes instanceof Uint8Array && bytes.every((byte, place) => byte === (place * 7) % 256)
    window.describe = (value) =>
        value instanceof Uint8Array ? [value.length, isWhole(value)] : Array.isArray(value) ? value.map(describe) : value
    window.see = ({ payload, replayed }) => seen.push(replayed ? ['again', describe(payload)] : describe(payload))
    window.respondTo = (value) => ({ got: describe(value), back: value })
    window.make = (length) => Uint8Array.from({ length }, (_, place) => (place * 7) % 256)";

async fn watch(page: &Page<'_>) -> Result<()> {
    page.run(WATCH, json!(null)).await?;
    let listen = "await bus.listen('frame', see); await bus.respond('describe', respondTo)";
    page.run(listen, json!(null)).await.map(drop)
}

async fn seen(page: &Page<'_>, count: usize) -> Result<Value> {
    page.window
        .until("what was sent", "seen.length >= args[0]", &[json!(count)])
        .await?;
    page.run("return seen.splice(0)", json!(null)).await
}

/// What a page sees of events with so many bytes.
fn expected(lengths: &[usize]) -> Value {
    let events = lengths.iter().flat_map(|length| {
        let whole = json!([length, true]);
        [json!([length, [whole, [0, true]], whole]), json!(length)]
    });
    events.collect()
}

const LENGTHS: [usize; 7] = [0, 1, 1_000, 300_000, 2, 1_100_000, 3];

/// Sends bytes in every direction.
async fn exchange(main: &Page<'_>, other: &Page<'_>) -> Result<()> {
    let emit = json!({ "name": "frame", "lengths": LENGTHS, "retain": false });
    main.host("emit_bytes", emit).await?;
    assert_eq!(seen(main, 14).await?, expected(&LENGTHS));
    assert_eq!(seen(other, 14).await?, expected(&LENGTHS));

    let emit = "const bytes = make(args[0])
        await Promise.all([
            bus.emit('frame', 1),
            bus.emit('frame', [bytes, new Blob([bytes]), 'x']),
            bus.emit('frame', bytes.buffer),
            bus.emit('frame', 2),
        ])";
    for length in [3, 500_000] {
        main.run(emit, json!(length)).await?;
        let whole = json!([length, true]);
        let sent = json!([1, [whole, whole, "x"], whole, 2]);
        assert_eq!(seen(other, 4).await?, sent);
        assert_eq!(seen(main, 4).await?, sent);
    }

    let request = "const { reversed } = await bus.request(bus.HOST, 'reverse', make(args[0]))
        const { got, back } = await bus.request('other', 'describe', [make(args[0]), 'x'])
        return [describe(reversed.reverse()), got, describe(back)]";
    for length in [5, 200_000] {
        let whole = json!([length, true]);
        let list = json!([whole, "x"]);
        let responses = main.run(request, json!(length)).await?;
        assert_eq!(responses, json!([whole, list, list]));
    }
    Ok(())
}

#[tokio::test]
async fn bytes_arrive_whole_and_in_order() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    watch(&main).await?;
    watch(&other).await?;
    exchange(&main, &other).await?;
    called(&app, &other, "main").await?;
    exchange(&main, &other).await
}

#[tokio::test]
async fn bytes_pass_where_tauri_uses_postmessage() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    watch(&main).await?;
    watch(&other).await?;
    // Every request over the protocol of the IPC fails from now on.
    let block = "window.fetch = async () => { throw new TypeError('blocked') }";
    main.run(block, json!(null)).await?;
    main.emit("frame", json!(0)).await?;
    assert_eq!(seen(&main, 1).await?, json!([0]));
    assert_eq!(seen(&other, 1).await?, json!([0]));
    exchange(&main, &other).await
}

#[tokio::test]
async fn retained_bytes_come_again_after_a_reload() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    watch(&main).await?;
    watch(&other).await?;
    let emit = json!({ "name": "frame", "lengths": [100_000], "retain": true });
    main.host("emit_bytes", emit).await?;
    let whole = json!([100_000, true]);
    let kept = json!([100_000, [whole, [0, true]], whole]);
    assert_eq!(seen(&main, 1).await?, json!([kept]));
    main.window.reload().await?;
    let main = Page::of(&app, "main").await?;
    watch(&main).await?;
    // It is retained, and was acknowledged before.
    let again = seen(&main, 1).await?;
    assert!(
        again == json!([kept]) || again == json!([["again", kept]]),
        "{again}"
    );
    Ok(())
}

#[tokio::test]
async fn bytes_pass_the_isolation_pattern() -> Result<()> {
    const LENGTHS: [usize; 4] = [0, 1, 3_000, 60_000];
    let app = launch_isolated().await?;
    let main = Page {
        window: app.window("main").await?,
    };
    let other = Page {
        window: app.window("other").await?,
    };
    for page in [&main, &other] {
        page.window
            .until("the app", "window.isReady === true", &[])
            .await?;
        page.run(WATCH, json!(null)).await?;
        let listen =
            "await bus.listen('row:echoed', see); await bus.respond('row:describe', respondTo)";
        page.run(listen, json!(null)).await?;
    }
    // The host sends back what it got, and its length.
    let emit = "for (const length of args[0]) await bus.emit('row:echo', [length, make(length)])";
    main.run(emit, json!(LENGTHS)).await?;
    let echoed: Value = LENGTHS
        .iter()
        .flat_map(|length| [json!([length, [length, true]]), json!(length)])
        .collect();
    assert_eq!(seen(&main, 8).await?, echoed);
    assert_eq!(seen(&other, 8).await?, echoed);
    let request = "const reversed = await bus.request(bus.HOST, 'row:reverse', make(args[0]))
        const { got, back } = await bus.request('other', 'row:describe', [make(args[0]), 'x'])
        return [describe(reversed.reverse()), got, describe(back)]";
    for length in LENGTHS {
        let whole = json!([length, true]);
        let list = json!([whole, "x"]);
        let responses = main.run(request, json!(length)).await?;
        assert_eq!(responses, json!([whole, list, list]));
    }
    Ok(())
}

/// The frame that encrypts messages dies with its page, and so does what it has not passed on.
#[tokio::test]
async fn what_was_awaited_passes_the_isolation_pattern() -> Result<()> {
    const RELOADS: usize = 6;
    const LAST: usize = 1_000;
    let app = launch_isolated().await?;
    let page = async |label: &str| {
        let window = app.window(label).await?;
        window
            .until("the app", "window.isReady === true", &[])
            .await?;
        Ok::<_, anyhow::Error>(Page { window })
    };
    let other = page("other").await?;
    other.run(WATCH, json!(null)).await?;
    other
        .run("await bus.listen('row:echoed', see)", json!(null))
        .await?;
    let emit = "const [number, later] = args[0]
        const echo = (number) => bus.emit('row:echo', [number, new Uint8Array()])
        await echo(number)
        addEventListener('beforeunload', () => {
            for (let place = 1; place <= later; place += 1) echo(number + place)
        })";
    for reload in 0..RELOADS {
        let main = page("main").await?;
        main.run(emit, json!([reload * 10, 3])).await?;
        main.window.reload().await?;
    }
    page("main").await?.run(emit, json!([LAST, 0])).await?;
    let is_last = "seen.some((value) => Array.isArray(value) && value[0] === args[0])";
    other
        .window
        .until("the last event", is_last, &[json!(LAST)])
        .await?;
    let numbers = "return seen.filter(Array.isArray).map(([number]) => number)";
    let numbers: Vec<usize> = serde_json::from_value(other.run(numbers, json!(null)).await?)?;
    let awaited: Vec<usize> = (0..RELOADS).map(|reload| reload * 10).collect();
    let arrived = numbers.iter().filter(|number| *number % 10 == 0);
    let arrived: Vec<usize> = arrived.copied().collect();
    assert_eq!(arrived, [&awaited[..], &[LAST]].concat(), "{numbers:?}");
    // The others may be lost. None comes twice, and none comes out of order.
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    Ok(())
}
