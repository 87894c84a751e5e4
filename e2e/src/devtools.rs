//! DevTools of Chromium, for what WebDriver cannot do: it brings every page that it looks at to the front.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// A connection to the browser.
#[derive(Debug)]
pub(crate) struct DevTools {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl DevTools {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let (socket, _) = connect_async(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        Ok(Self { socket, next_id: 1 })
    }

    /// Sends a command and returns its result. Events are of no interest.
    pub(crate) async fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.socket.send(Message::text(command.to_string())).await?;
        while let Some(message) = self.socket.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            let mut response: Value = serde_json::from_str(&text)?;
            if response["id"] != id {
                continue;
            }
            if let Some(error) = response.get("error") {
                bail!("{method}: {}", error["message"]);
            }
            return Ok(response["result"].take());
        }
        bail!("{method}: the browser has ended")
    }

    /// The session with the page of the window `label`.
    pub(crate) async fn session_of(&mut self, label: &str) -> Result<String> {
        let targets = self.call(None, "Target.getTargets", &json!({})).await?;
        let targets = targets["targetInfos"].as_array().cloned();
        for target in targets.unwrap_or_default() {
            if target["type"] != "page" {
                continue;
            }
            let attach = json!({ "targetId": target["targetId"], "flatten": true });
            let attached = self.call(None, "Target.attachToTarget", &attach).await?;
            let session = attached["sessionId"].as_str().unwrap_or_default();
            let expression = "window.__TAURI_INTERNALS__?.metadata?.currentWebview?.label";
            let evaluate = json!({ "expression": expression });
            let found = self
                .call(Some(session), "Runtime.evaluate", &evaluate)
                .await?;
            if found["result"]["value"] == label {
                return Ok(session.to_owned());
            }
        }
        bail!("no page of the window `{label}`")
    }
}
