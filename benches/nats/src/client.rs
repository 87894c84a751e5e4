//! The NATS client alone.

use std::time::Instant;

use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;

use crate::server::Server;
use crate::{EVENTS, Outcome, ROUND_TRIPS};

/// One client that publishes, and one that subscribes.
pub(crate) struct Pair {
    from: Client,
    to: Client,
}

pub(crate) async fn pair(server: &Server) -> Outcome<Pair> {
    let options = || ConnectOptions::new().subscription_capacity(2 * EVENTS);
    Ok(Pair {
        from: options().connect(server.url()).await?,
        to: options().connect(server.url()).await?,
    })
}

/// Subscribes. The server knows it when this returns, since it has responded to a request behind it.
async fn subscribe(client: &Client, subject: &'static str) -> Outcome<Subscriber> {
    let subscriber = client.subscribe(subject).await?;
    let known = client.request("no.responder.here", "".into()).await;
    match known {
        Err(error) if error.kind() == async_nats::client::RequestErrorKind::NoResponders => {
            Ok(subscriber)
        }
        other => Err(format!("the server does not respond: {other:?}").into()),
    }
}

/// Events a second.
pub(crate) async fn throughput(pair: &Pair, payload: &str) -> Outcome<f64> {
    let mut received = subscribe(&pair.to, "alone").await?;
    let start = Instant::now();
    let (own, payload) = (pair.from.clone(), payload.to_owned());
    let sender = tokio::spawn(async move {
        for _ in 0..EVENTS {
            let json = serde_json::to_vec(&payload)?;
            own.publish("alone", json.into()).await?;
        }
        own.flush().await?;
        Outcome::Ok(())
    });
    for _ in 0..EVENTS {
        received.next().await.ok_or("the subscription ended")?;
    }
    let took = start.elapsed();
    sender.await??;
    Ok(EVENTS as f64 / took.as_secs_f64())
}

/// Microseconds to the other client and back.
pub(crate) async fn round_trip(pair: &Pair) -> Outcome<f64> {
    let mut pings = subscribe(&pair.to, "ping").await?;
    let mut pongs = subscribe(&pair.from, "pong").await?;
    let own = pair.to.clone();
    let echo = tokio::spawn(async move {
        for _ in 0..ROUND_TRIPS {
            pings.next().await;
            own.publish("pong", "1".into()).await?;
        }
        Outcome::Ok(())
    });
    let start = Instant::now();
    for _ in 0..ROUND_TRIPS {
        pair.from.publish("ping", "1".into()).await?;
        pongs.next().await.ok_or("the subscription ended")?;
    }
    let took = start.elapsed();
    echo.await??;
    Ok(took.as_secs_f64() * 1e6 / ROUND_TRIPS as f64)
}
