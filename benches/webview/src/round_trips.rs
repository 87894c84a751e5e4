//! Sends requests to a page and awaits the responses, with each method.

use crate::{pages::Host, plan::Caller};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tauri::{
    AppHandle, Emitter, EventTarget, Manager, Runtime, WebviewWindow,
    async_runtime::{block_on, spawn},
};
use tauri_plugin_event_bus::{EventBus, EventBusExt};
use tokio::sync::oneshot;

/// The name of the request, with every method.
pub(crate) const REQUEST: &str = "bench:request";

/// The name of the event that a page handles.
const HANDLED: &str = "bench:handled";

/// The requests to which a page responds with a command.
#[derive(Default)]
pub(crate) struct Responses(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    newest: u64,
    senders: HashMap<u64, oneshot::Sender<Value>>,
}

impl Responses {
    fn open(&self) -> (u64, oneshot::Receiver<Value>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.newest += 1;
        let id = waiting.newest;
        let (sender, receiver) = oneshot::channel();
        waiting.senders.insert(id, sender);
        (id, receiver)
    }

    pub(crate) fn respond(&self, id: u64, response: Value) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.senders.remove(&id) {
            let _ = sender.send(response);
        }
    }
}

pub(crate) struct Requester<R: Runtime> {
    caller: Caller,
    app: AppHandle<R>,
    bus: EventBus,
    host: Arc<Host>,
    window: WebviewWindow<R>,
}

impl<R: Runtime> Requester<R> {
    pub(crate) fn new(
        app: &AppHandle<R>,
        host: &Arc<Host>,
        caller: Caller,
        label: &str,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            caller,
            app: app.clone(),
            bus: app.event_bus(),
            host: Arc::clone(host),
            window: app
                .get_webview_window(label)
                .context("the window is gone")?,
        }))
    }

    /// Sends `requests` requests, `in_flight` at a time. Returns the duration in seconds.
    pub(crate) fn send_all(self: &Arc<Self>, in_flight: usize, requests: usize) -> Result<f64> {
        let start = Instant::now();
        let tasks: Vec<_> = (0..in_flight)
            .map(|first| {
                let requester = Arc::clone(self);
                spawn(async move {
                    for n in (first..requests).step_by(in_flight) {
                        requester.send(n).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            block_on(task)??;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    async fn send(&self, n: usize) -> Result<()> {
        let payload = json!({ "n": n, "text": "x".repeat(40) });
        let response = match self.caller {
            Caller::Hand => {
                let (id, response) = self.host.responses.open();
                let request = json!({ "id": id, "payload": payload });
                let target = EventTarget::webview_window(self.window.label());
                self.app.emit_to(target, REQUEST, request)?;
                response.await?
            }
            Caller::Eval => {
                let (sender, receiver) = once();
                let script = format!("respondTo({payload})");
                self.window
                    .as_ref()
                    .eval_with_callback(script, move |json| sender.send(json))?;
                serde_json::from_str(&receiver.await?)?
            }
            Caller::Handled | Caller::HandledPull => {
                let emit = self.bus.emit_handled(HANDLED, &payload);
                let handled = emit.to(self.window.label()).await?;
                if !handled.is_handled() || handled.pages.len() != 1 {
                    bail!("{n} has become {handled:?}");
                }
                return Ok(());
            }
            Caller::Bus | Caller::Pull => {
                self.bus
                    .request(self.window.label(), REQUEST, &payload)
                    .await?
            }
        };
        if response != json!({ "twice": n * 2 }) {
            bail!("the response to {n} was {response}");
        }
        Ok(())
    }
}

/// A sender that a `Fn` can call, once.
struct Once(Mutex<Option<oneshot::Sender<String>>>);

impl Once {
    fn send(&self, value: String) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.map(|sender| sender.send(value));
    }
}

fn once() -> (Once, oneshot::Receiver<String>) {
    let (sender, receiver) = oneshot::channel();
    (Once(Mutex::new(Some(sender))), receiver)
}
