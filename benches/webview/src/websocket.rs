//! A WebSocket on the loopback interface, as an app would use it.

use crate::pages::Host;
use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use std::{net::Ipv4Addr, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// Starts the server and returns its address.
pub(crate) async fn serve(host: Arc<Host>) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connect(stream, Arc::clone(&host)));
        }
    });
    Ok(format!("ws://127.0.0.1:{port}"))
}

async fn connect(stream: TcpStream, host: Arc<Host>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = accept_async(stream).await?;
    let label = connection.next().await.context("no label")??.into_text()?;
    let (sender, outgoing) = unbounded_channel();
    host.sockets.put(&label, sender);
    // From now on, the page counts as listening.
    connection.send(Message::text("")).await?;
    carry(connection, outgoing, &host).await
}

/// Sends queued messages one by one, and flushes when the queue is empty.
async fn carry(
    mut connection: WebSocketStream<TcpStream>,
    mut outgoing: UnboundedReceiver<Message>,
    host: &Host,
) -> Result<()> {
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else { return Ok(()) };
                connection.feed(message).await?;
                while let Ok(message) = outgoing.try_recv() {
                    connection.feed(message).await?;
                }
                connection.flush().await?;
            }
            message = connection.next() => match message {
                Some(message @ Ok(Message::Text(_))) => {
                    let Some(other) = host.sockets.get(&host.relay_to()) else { continue };
                    let _ = other.send(message?);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}
