//! Those who answer questions in Rust.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use crate::engine::Engine;
use crate::engine::causes::within;
use crate::engine::listeners::panic_message;
use crate::engine::reply::Reply;
use crate::hub::order::Answer;
use crate::hub::requests::{Ask, RequestId, Respondent};
use crate::model::error::{Error, ErrorCode, Failure, Result};
use crate::model::event::Source;
use crate::model::name::EventName;
use crate::sync::{Mutex, MutexGuard, Notify, now, spawn};

pub(crate) type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Makes the answer to a question, which is the text of its JSON.
pub(crate) type Handler = Arc<dyn Fn(Asked) -> Answering + Send + Sync>;

/// A question as a responder in Rust gets it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) name: EventName,
    pub(crate) payload: String,
    pub(crate) source: Source,
    /// The causes of what follows from it.
    pub(crate) as_cause: Arc<[EventName]>,
    pub(crate) given_up: Arc<GivenUp>,
}

/// Tells a responder that nobody waits for its answer any more.
#[derive(Debug, Default)]
pub(crate) struct GivenUp {
    is_set: AtomicBool,
    /// Keeps one word for the one task that waits for it.
    told: Notify,
}

impl GivenUp {
    fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.told.notify_one();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
}

/// The app's responders by name, and the questions that they are at.
#[derive(Default)]
pub(crate) struct Responders {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: u64,
    by_name: HashMap<EventName, Entry>,
    running: HashMap<RequestId, Arc<GivenUp>>,
}

struct Entry {
    id: u64,
    /// Where it was registered.
    place: &'static Location<'static>,
    handler: Handler,
}

impl Responders {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a responder and gives the number by which it is removed.
    pub(crate) fn add(
        &self,
        name: &EventName,
        place: &'static Location<'static>,
        handler: Handler,
    ) -> Result<u64> {
        let mut state = self.lock();
        if let Some(first) = state.by_name.get(name) {
            let first = first.place;
            // What the handler has captured is dropped after the lock.
            drop(state);
            return Err(Error::new(
                ErrorCode::DuplicateResponder,
                format!(
                    "Rust answers {:?} already, since {first}; a name has one responder in Rust, so drop that one first",
                    name.as_str()
                ),
            ));
        }
        state.newest += 1;
        let id = state.newest;
        let entry = Entry { id, place, handler };
        state.by_name.insert(name.clone(), entry);
        Ok(id)
    }

    pub(crate) fn remove(&self, name: &EventName, id: u64) {
        let mut state = self.lock();
        let is_it = state.by_name.get(name).is_some_and(|entry| entry.id == id);
        let removed = is_it.then(|| state.by_name.remove(name));
        drop(state);
        // Foreign code, which may use the bus while it is dropped.
        drop(removed);
    }

    fn find(&self, name: &EventName) -> Result<Handler> {
        let found = self
            .lock()
            .by_name
            .get(name)
            .map(|entry| Arc::clone(&entry.handler));
        found.ok_or_else(|| {
            Error::new(
                ErrorCode::NoResponder,
                format!(
                    "Rust has no responder for {:?}; register one with EventBus::respond",
                    name.as_str()
                ),
            )
        })
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn give_up(&self, id: RequestId) {
        let given_up = self.lock().running.remove(&id);
        if let Some(given_up) = given_up {
            given_up.set();
        }
    }
}

impl Engine {
    /// Asks, and answers `reply` once there is an answer, or a reason why there is none.
    pub(crate) fn ask(self: &Arc<Self>, ask: Ask, reply: Reply) {
        if let Err((reply, error)) = self.try_ask(ask, reply) {
            reply.answer(Err(error));
        }
    }

    fn try_ask(self: &Arc<Self>, ask: Ask, reply: Reply) -> Result<(), (Reply, Error)> {
        let call = match ask.to {
            Respondent::Page(_) => None,
            Respondent::Host => match self.responders.find(&ask.question.name) {
                Ok(handler) => Some((handler, self.prepare_call(&ask))),
                Err(error) => return Err((reply, error)),
            },
        };
        let id = ask.question.id;
        let asked = self.hub().ask(ask, reply, now());
        match asked {
            Ok((is_new, outcome)) => {
                self.settle(outcome);
                if !is_new {
                    self.responders.give_up(id);
                    return Ok(());
                }
            }
            Err(refused) => {
                self.responders.give_up(id);
                return Err(refused);
            }
        }
        if let Some((handler, asked)) = call {
            let call = Call {
                engine: Arc::clone(self),
                id,
                name: asked.name.clone(),
                is_answered: false,
            };
            spawn(call.run(handler, asked));
        }
        Ok(())
    }

    /// Notes that it runs before it can be given up.
    fn prepare_call(&self, ask: &Ask) -> Asked {
        let given_up = Arc::<GivenUp>::default();
        let mut state = self.responders.lock();
        state.running.insert(ask.question.id, Arc::clone(&given_up));
        drop(state);
        Asked {
            name: ask.question.name.clone(),
            payload: ask.question.payload.to_string(),
            source: ask.question.source.clone(),
            as_cause: ask.question.as_cause(),
            given_up,
        }
    }
}

/// One question that a responder in Rust is at. If its task ends early, the question ends all the same.
struct Call {
    engine: Arc<Engine>,
    id: RequestId,
    name: EventName,
    is_answered: bool,
}

impl Call {
    async fn run(mut self, handler: Handler, asked: Asked) {
        let given_up = Arc::clone(&asked.given_up);
        let as_cause = Arc::clone(&asked.as_cause);
        let name = self.name.clone();
        let mut told = pin!(given_up.told.notified());
        let mut answering: Option<Answering> = None;
        let mut asked = Some(asked);
        let answer = poll_fn(|context| {
            if given_up.is_set() || told.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            // The handler is foreign code, whether it is called or polled.
            let mut poll = || {
                if let Some(asked) = asked.take() {
                    answering = Some(handler(asked));
                }
                match &mut answering {
                    Some(answering) => answering.as_mut().poll(context),
                    None => Poll::Pending,
                }
            };
            let polled = catch_unwind(AssertUnwindSafe(|| within(&as_cause, &mut poll)));
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
                Err(panic) => {
                    let text = panic_message(&*panic).to_owned();
                    log::error!("the responder of {:?} panicked: {text}", name.as_str());
                    let failure = Failure::new("panic", &text, None);
                    Poll::Ready(Some(Err(Error::failed(name.as_str(), "Rust", failure))))
                }
            }
        })
        .await;
        drop(answering);
        self.finish(answer);
    }

    fn finish(&mut self, answer: Option<Answer>) {
        if std::mem::replace(&mut self.is_answered, true) {
            return;
        }
        self.engine.responders.lock().running.remove(&self.id);
        if let Some(answer) = answer {
            let answer = answer.and_then(|json| {
                self.engine.check_payload(&self.name, &json)?;
                Ok(json)
            });
            let outcome = self.engine.hub().answer_of_host(self.id, answer);
            self.engine.settle(outcome);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let failure = Failure::new("panic", "its task has ended", None);
        let error = Error::failed(self.name.as_str(), "Rust", failure);
        self.finish(Some(Err(error)));
    }
}

#[cfg(test)]
mod tests {
    use std::future::IntoFuture;

    use tauri::async_runtime::block_on;

    use super::*;
    use crate::api::bus::EventBus;
    use crate::catalog::Catalog;
    use crate::config::Limits;
    use crate::engine::Directory;
    use crate::model::policy::Policies;
    use crate::model::target::Target;
    use crate::sync::yield_thread;

    struct Nobody;

    impl Directory for Nobody {
        fn window_of(&self, _: &str) -> Option<String> {
            None
        }
    }

    /// A quarter is answered, a quarter of them fail, a quarter finds no responder, and a quarter is given up.
    #[test]
    fn nothing_is_left_of_a_hundred_thousand_questions_to_rust() {
        const ROUNDS: usize = 100_000 / 64;
        let engine = Engine::new(Limits::default(), Policies::default(), Box::new(Nobody));
        let bus = EventBus::new(Arc::clone(&engine), Catalog::default());
        let held = Arc::new(());
        let own = Arc::clone(&held);
        let answer = move |place: usize| {
            let own = Arc::clone(&own);
            async move {
                match place % 4 {
                    0 => Ok(place),
                    1 => Err("no".into()),
                    _ => std::future::pending().await,
                }
                .inspect(|_| drop(own))
            }
        };
        let responder = bus.respond("q", answer).unwrap();
        let mut codes = HashMap::new();
        block_on(async {
            for _ in 0..ROUNDS {
                let mut waiting = Vec::new();
                for place in 0..64 {
                    let name = if place % 4 == 3 { "nobody" } else { "q" };
                    let asked = bus.request::<usize>(Target::host(), name, place);
                    let mut asked = asked.into_future();
                    // Asked once it is polled.
                    let polled = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
                    match polled {
                        Poll::Pending if place % 4 == 2 => drop(asked),
                        Poll::Pending => waiting.push(spawn(asked)),
                        Poll::Ready(answer) => waiting.push(spawn(async { answer })),
                    }
                }
                for answer in waiting {
                    let answer = answer.await.unwrap().map_err(|error| error.code());
                    *codes.entry(answer.err()).or_insert(0) += 1;
                }
            }
        });
        for ended in [
            None,
            Some(ErrorCode::ResponderFailed),
            Some(ErrorCode::NoResponder),
        ] {
            assert_eq!(codes[&ended], ROUNDS * 16, "{codes:?}");
        }
        assert!(engine.responders.lock().running.is_empty());
        assert_eq!(engine.hub().open_requests(), 0);
        // The tasks of what was given up end by themselves, and drop what they hold.
        while Arc::strong_count(&held) > 2 {
            yield_thread();
        }
        drop(responder);
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(engine.responders.lock().by_name.is_empty());
    }
}
