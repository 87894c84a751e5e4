use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use crate::api::bus::EventBus;
use crate::api::options::ListenOptions;
use crate::api::stream::{EventStream, StreamItem};
use crate::engine::core::Core;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::handler::EventHandling;
use crate::engine::outcomes::OwedOutcome;
use crate::engine::traces::Traces;
use crate::hub::ids::SubscriberKey;
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::outcome::Outcome;
use crate::sync::{Tasks, oneshot};

/// Keeps a listener whose handler is async; made by [`EventBus::listen_async`]. It ends on drop;
/// [`AsyncListener::forget`] keeps it for good.
#[must_use = "a listener ends when it is dropped; call .forget() to keep it"]
#[derive(Debug)]
pub struct AsyncListener {
    core: Weak<Core>,
    subscriber: SubscriberKey,
    /// Dropped, it ends the task. A message keeps the task for good.
    kept: Option<oneshot::Sender<()>>,
}

impl Drop for AsyncListener {
    fn drop(&mut self) {
        if self.kept.is_some()
            && let Some(core) = self.core.upgrade()
        {
            // Its task may be in a future, and learns of it later.
            core.remove_consumer(self.subscriber);
        }
    }
}

impl AsyncListener {
    /// Keeps the listener until the app exits.
    pub fn forget(mut self) {
        if let Some(kept) = self.kept.take() {
            // The task may have ended.
            let _ = kept.send(());
        }
    }

    /// Ends the listener, as dropping it does: it gets no event that is emitted from now on. A future that has begun goes on.
    pub fn stop(self) {}
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl EventBus {
    /// Calls an async function for every event that matches the pattern and is for everyone or for the host.
    ///
    /// It has a bounded queue of its own, as a [stream](EventBus::stream) has. Each future runs in a task of its own, so that
    /// several may run at once; with [`ListenOptions::sequential`] an event waits in the queue until the future of the one
    /// before is done. What a future emits has the event as its cause. A panic ends that future alone, and is logged; so is
    /// what the queue had to drop.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::ListenOptions;
    ///
    /// async fn save(text: String) {}
    ///
    /// bus.listen_async("document:*", ListenOptions::new().sequential(true), |event| async move {
    ///     save(event.payload_json().to_owned()).await;
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_async<F: Future<Output = ()> + Send + 'static>(
        &self,
        pattern: &str,
        options: ListenOptions,
        mut handler: impl FnMut(BusEvent) -> F + Send + 'static,
    ) -> Result<AsyncListener> {
        let is_sequential = options.is_sequential;
        let pattern_text = self.join_prefix(pattern).into_owned();
        let core = &self.runtime().core;
        let stream = EventStream::of_listener(core, self.parse_pattern(pattern)?, options.wanted);
        let subscriber = stream.subscriber();
        let (kept, is_kept) = oneshot::channel();
        let reading = Reading {
            core: Arc::downgrade(core),
            stream,
            pattern: pattern_text,
            tasks: core.tasks().clone(),
            diagnostics: Arc::clone(core.diagnostics()),
            traces: Arc::clone(core.traces()),
            is_sequential,
        };
        let handler = move |event| -> Running { Box::pin(handler(event)) };
        core.tasks().spawn(reading.run(is_kept, handler));
        Ok(AsyncListener {
            core: Arc::downgrade(core),
            subscriber,
            kept: Some(kept),
        })
    }
}

/// The task of one listener.
struct Reading {
    core: Weak<Core>,
    stream: EventStream,
    pattern: String,
    tasks: Tasks,
    diagnostics: Arc<Diagnostics>,
    traces: Arc<Traces>,
    is_sequential: bool,
}

impl Reading {
    async fn run(
        self,
        is_kept: oneshot::Receiver<()>,
        mut handler: impl FnMut(BusEvent) -> Running + Send,
    ) {
        // A local is dropped before the handler, so that the subscription ends before values of the app are dropped.
        let mut reading = self;
        let read_from = reading.is_sequential.then(|| reading.stream.subscriber());
        let mut is_kept = Some(is_kept);
        loop {
            let item = match &mut is_kept {
                None => reading.stream.recv().await,
                Some(kept) => tokio::select! {
                    biased;
                    end = kept => match end {
                        Ok(()) => {
                            is_kept = None;
                            continue;
                        }
                        Err(_) => return,
                    },
                    item = reading.stream.recv() => item,
                },
            };
            let event = match item {
                None => return,
                Some(StreamItem::Event(event)) => event,
                Some(StreamItem::Gap(gap)) => {
                    let detail = || format!(": {:?} lost {} events", reading.pattern, gap.count);
                    let none: [crate::model::name::EventName; 0] = [];
                    reading
                        .diagnostics
                        .tell(Record::ListenersTooSlow, "", none, detail);
                    continue;
                }
            };
            let owed = OwedOutcome::of(&event, &reading.core);
            let mut kept = KeptEvent::of(&event, &reading.stream, &reading.core);
            let handling = EventHandling::of(
                event.clone(),
                read_from,
                &reading.traces,
                &reading.diagnostics,
            );
            let begun = handling.run(|| handler(event));
            let mut outcome = Outcome::Handled;
            match begun {
                Err(panic) => {
                    outcome = Outcome::failed("panic", &panic);
                    kept.settle(&outcome);
                }
                Ok(running) => {
                    let running = async move {
                        let outcome = finish(running, handling).await;
                        kept.settle(&outcome);
                        outcome
                    };
                    match reading.is_sequential {
                        true => outcome = running.await,
                        false => reading.tasks.spawn(async move {
                            running.await;
                        }),
                    }
                }
            }
            if let Some(owed) = owed {
                owed.tell(outcome);
            }
        }
    }
}

/// An event that may be kept until a listener has handled it, while a future does.
struct KeptEvent {
    /// Who tells of it, its number and where; absent for one that is not kept.
    told: Option<(SubscriberKey, u64, Weak<Core>)>,
}

impl KeptEvent {
    fn of(event: &BusEvent, stream: &EventStream, core: &Weak<Core>) -> Self {
        let is_kept = event.mark().until_consumed;
        if is_kept && let Some(core) = core.upgrade() {
            core.hub().begin_handling(event.seq());
        }
        let told = || (stream.subscriber(), event.seq(), Weak::clone(core));
        Self {
            told: is_kept.then(told),
        }
    }

    fn settle(&mut self, outcome: &Outcome) {
        if let Some((subscriber, seq, core)) = self.told.take()
            && let Some(core) = core.upgrade()
        {
            let is_handled = matches!(outcome, Outcome::Handled);
            let effects = core.hub().end_handling(subscriber, seq, is_handled);
            core.apply_effects(effects);
        }
    }
}

impl Drop for KeptEvent {
    fn drop(&mut self) {
        // Its future was dropped.
        self.settle(&Outcome::Dropped);
    }
}

/// Runs the future of one event to its end.
async fn finish(mut running: Running, handling: EventHandling) -> Outcome {
    let outcome = poll_fn(
        |context| match handling.run(|| running.as_mut().poll(context)) {
            Ok(polled) => polled.map(|()| Outcome::Handled),
            Err(panic) => Poll::Ready(Outcome::failed("panic", &panic)),
        },
    )
    .await;
    handling.drop(running);
    outcome
}
