//! Typed events between Rust and a page.

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Page, barrier, launch, payloads};

#[tokio::test]
async fn typed_events_return_from_a_page_unchanged() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    main.run(
        "await bus.listen('typed:*', ({ event, payload, source }) => {
            if (source.kind === 'host') return bus.emitTo(bus.HOST, event, payload)
        })",
        json!(null),
    )
    .await?;
    let outcome = other
        .host("round_trip", json!({ "label": "main", "rounds": 40 }))
        .await?;
    let uncaught = main.run("return uncaught", json!(null)).await?;
    assert_eq!(outcome["faults"], json!([]), "{outcome:#} {uncaught:#}");
    let declared = main
        .run("return (await bus.catalog()).events.length", json!(null))
        .await?;
    assert_eq!(outcome["events"], declared);
    assert!(declared.as_u64() > Some(10), "{declared}");
    Ok(())
}

#[tokio::test]
async fn a_payload_of_another_type_reaches_no_page() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("typed:*").await?;
    let outcomes = main
        .run(
            "const outcomes = await Promise.allSettled([
                bus.emit('typed:wrapped', 'one'),
                bus.emit('typed:wrapped', 1),
                bus.emit('typed:wrapped', NaN),
                bus.emit('typed:tree', { label: 'a', children: [{ label: 7 }], best: null }),
                bus.startJob('typed:wrapped', { everyMs: 5 }),
            ])
            return outcomes.map(({ reason }) => reason ? `${reason.code} ${reason.message}` : 'ok')",
            json!(null),
        )
        .await?;
    let outcomes: Vec<&str> = outcomes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let expected = [
        ["invalid_payload", "typed:wrapped"],
        ["ok", ""],
        ["invalid_payload", "NaN"],
        ["invalid_payload", "`children[0].label`"],
        ["invalid_payload", "null"],
    ];
    assert_eq!(outcomes.len(), expected.len());
    for (outcome, parts) in outcomes.iter().zip(expected) {
        for part in parts {
            assert!(outcome.contains(part), "{outcome}");
        }
    }
    barrier(&[&other]).await?;
    assert_eq!(payloads(&other.recorded("typed:*").await?), ["1"]);
    Ok(())
}
