//! Components, chains of events and DOM events.

use anyhow::Result;
use serde_json::json;

use crate::support::{Page, barrier, launch, payloads};

#[tokio::test]
async fn a_workflow_crosses_two_windows() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for name in [
        "refresh-orderlist",
        "error",
        "action-complete",
        "receipt:wanted",
    ] {
        other.record(name).await?;
    }
    // The other window takes payments. This one refreshes its lists and has a plain script.
    other
        .run(
            "await bus.listen('payment:requested', async (event) => {
                await new Promise((done) => setTimeout(done))
                await event.emit('payment:paid', event.payload)
            })",
            json!(null),
        )
        .await?;
    main.run(
        "window.desk = bus.component('OrderDesk')
        await bus.listen('order:created', ({ payload }) => desk.emit('payment:requested', payload))
        await bus.listen('payment:paid', ({ payload }) => {
            desk.emit('order:paid', payload)
            desk.refresh('OrderList')
            desk.refresh('OrderList')
        })
        await dom.bridgeToDom({ events: '*:paid', prefix: 'app:' })
        await dom.bridgeFromDom({ events: ['app:receipt:wanted', 'app:order:paid'], prefix: 'app:' })
        await desk.emit('order:created', { order: 7 })",
        json!(null),
    )
    .await?;

    let refreshed = other.received("refresh-orderlist", 1).await?;
    let wanted = other.received("receipt:wanted", 1).await?;
    barrier(&[&main, &other]).await?;
    assert_eq!(other.recorded("refresh-orderlist").await?.len(), 1);
    assert_eq!(refreshed[0]["component"], "OrderDesk");
    assert_eq!(
        refreshed[0]["causes"],
        json!(["order:created", "payment:requested", "payment:paid"])
    );
    let causes = json!(["order:created", "payment:requested", "payment:paid"]);
    assert_eq!(
        main.run("return receivedPlainly", json!(null)).await?,
        json!([{ "payload": { "order": 7 }, "component": "OrderDesk", "causes": causes }])
    );
    // The request of the script went over the bus, with the causes of the event that it received.
    assert_eq!(payloads(&wanted), [r#"{"order":7}"#]);
    assert_eq!(wanted[0]["causes"][3], "order:paid");
    assert_eq!(other.recorded("receipt:wanted").await?.len(), 1);

    let outcome = main
        .run(
            "const failure = Object.assign(new Error('sold out'), { status: 409 })
            const failed = await desk.action('ship', () => { throw failure }).catch((error) => error === failure)
            return [failed, await desk.action('count', async () => 3)]",
            json!(null),
        )
        .await?;
    assert_eq!(outcome, json!([true, 3]));
    assert_eq!(
        payloads(&other.received("error", 1).await?),
        [r#"{"component":"OrderDesk","action":"ship","error":"sold out","status":409}"#]
    );
    assert_eq!(
        payloads(&other.received("action-complete", 1).await?),
        [r#"{"component":"OrderDesk","action":"count","state":3}"#]
    );
    Ok(())
}

#[tokio::test]
async fn an_endless_loop_between_two_windows_ends() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    for (page, from, to) in [(&main, "ping", "pong"), (&other, "pong", "ping")] {
        page.record("ping").await?;
        page.run(
            "window.refused = []
            const [from, to] = args[0]
            await bus.listen(from, () => {
                bus.emit(to).catch(({ code, message }) => refused.push({ code, message }))
            })",
            json!([from, to]),
        )
        .await?;
    }
    main.emit("ping", json!(null)).await?;
    main.window
        .until("the loop to be refused", "refused.length > 0", &[])
        .await?;
    barrier(&[&main, &other]).await?;
    let refused = main.run("return refused", json!(null)).await?;
    assert_eq!(refused.as_array().map(Vec::len), Some(1));
    assert_eq!(refused[0]["code"], "event_loop");
    let message = refused[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("ping → pong → ping → pong"), "{message}");
    // An event may have sixteen causes, so the seventeenth event is the last. Every other one is a ping.
    assert_eq!(main.recorded("ping").await?.len(), 9);
    assert_eq!(other.run("return refused", json!(null)).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_namespace_prefixes_once() -> Result<()> {
    let app = launch().await?;
    let (main, other) = (
        Page::of(&app, "main").await?,
        Page::of(&app, "other").await?,
    );
    other.record("shop:cart:updated").await?;
    main.run(
        "window.received = []
        window.shop = bus.namespace('shop')
        await shop.on('cart:updated', (payload, { event, component }) => received.push([payload, event, component]))
        const cart = shop.component('ShoppingCart')
        cart.describe({ emits: { 'cart:updated': 'The cart has changed.' } })
        await cart.emit('cart:updated', 1)
        await cart.emit('shop:cart:updated', 2)",
        json!(null),
    )
    .await?;
    let updated = other.received("shop:cart:updated", 2).await?;
    assert_eq!(payloads(&updated), ["1", "2"]);
    barrier(&[&main, &other]).await?;
    assert_eq!(
        main.run("return received", json!(null)).await?,
        json!([
            [1, "shop:cart:updated", "ShoppingCart"],
            [2, "shop:cart:updated", "ShoppingCart"]
        ])
    );
    let described =
        "return (await bus.catalog()).components.find(({ name }) => name === 'ShoppingCart')";
    let emits = json!([{ "event": "shop:cart:updated", "description": "The cart has changed." }]);
    assert_eq!(
        main.run(described, json!(null)).await?,
        json!({ "name": "ShoppingCart", "namespace": "shop", "description": null, "emits": emits, "listens": [] })
    );
    Ok(())
}
