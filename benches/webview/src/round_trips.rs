//! Asks a page and awaits its answers, in each of the ways that there are.

use crate::{pages::Host, plan::Caller};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tauri::{
    AppHandle, Emitter, EventTarget, Manager, WebviewWindow,
    async_runtime::{block_on, spawn},
};
use tauri_plugin_event_bus::{EventBus, EventBusExt};
use tokio::sync::oneshot;

/// What is asked, in every way.
pub(crate) const QUESTION: &str = "bench:question";

/// The questions that a page is to answer by a command.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    newest: u64,
    senders: HashMap<u64, oneshot::Sender<Value>>,
}

impl Answers {
    fn ask(&self) -> (u64, oneshot::Receiver<Value>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.newest += 1;
        let id = waiting.newest;
        let (sender, receiver) = oneshot::channel();
        waiting.senders.insert(id, sender);
        (id, receiver)
    }

    pub(crate) fn answer(&self, id: u64, answer: Value) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.senders.remove(&id) {
            let _ = sender.send(answer);
        }
    }
}

#[derive(Clone)]
pub(crate) struct Asker {
    caller: Caller,
    app: AppHandle,
    bus: EventBus,
    host: Arc<Host>,
    window: WebviewWindow,
}

impl Asker {
    pub(crate) fn new(
        app: &AppHandle,
        host: &Arc<Host>,
        caller: Caller,
        label: &str,
    ) -> Result<Self> {
        Ok(Self {
            caller,
            app: app.clone(),
            bus: app.event_bus(),
            host: Arc::clone(host),
            window: app
                .get_webview_window(label)
                .context("the window is gone")?,
        })
    }

    /// Asks so many times, so many at a time, and says how many seconds that took.
    pub(crate) fn ask_all(&self, in_flight: usize, requests: usize) -> Result<f64> {
        let start = Instant::now();
        let askers: Vec<_> = (0..in_flight)
            .map(|first| {
                let asker = self.clone();
                spawn(async move {
                    for n in (first..requests).step_by(in_flight) {
                        asker.ask(n).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for asker in askers {
            block_on(asker)??;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    async fn ask(&self, n: usize) -> Result<()> {
        let question = json!({ "n": n, "text": "x".repeat(40) });
        let answer = match self.caller {
            Caller::Hand => {
                let (id, answer) = self.host.answers.ask();
                let asked = json!({ "id": id, "question": question });
                let target = EventTarget::webview_window(self.window.label());
                self.app.emit_to(target, QUESTION, asked)?;
                answer.await?
            }
            Caller::Eval => {
                let (sender, receiver) = once();
                let script = format!("answerQuestion({question})");
                self.window
                    .as_ref()
                    .eval_with_callback(script, move |json| sender.send(json))?;
                serde_json::from_str(&receiver.await?)?
            }
            Caller::Bus => {
                self.bus
                    .request(self.window.label(), QUESTION, &question)
                    .await?
            }
        };
        if answer != json!({ "twice": n * 2 }) {
            bail!("{n} was answered {answer}");
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
