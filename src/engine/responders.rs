//! Responders of the host.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use crate::engine::causes::run_caused_by;
use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::foreign::{drop_safely, panic_message};
pub(crate) use crate::engine::incoming::{Cancellation, Handler, IncomingRequest, ResponseFuture};
use crate::engine::observe::{Handling, Requesting};
use crate::engine::parts::{PartReader, RoomForEnd};
use crate::engine::reply::Reply;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::RequestId;
use crate::hub::requests::{NewRequest, Recipient, ResponderKind};
use crate::model::error::{Error, ErrorCode, Failure, Result};
use crate::model::name::EventName;
use crate::sync::{Mutex, MutexGuard};

/// The responders of the host by name, and the requests that they work on.
pub(crate) struct Responders {
    core: Arc<Core>,
    state: Mutex<RespondersState>,
}

#[derive(Default)]
struct RespondersState {
    newest: u64,
    by_name: HashMap<EventName, ResponderEntry>,
    running: HashMap<RequestId, Arc<Cancellation>>,
}

struct ResponderEntry {
    id: u64,
    kind: ResponderKind,
    /// Where it was registered.
    location: &'static Location<'static>,
    handler: Handler,
}

impl Responders {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, RespondersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a responder. Returns the number by which it is removed.
    pub(crate) fn add(
        &self,
        name: &EventName,
        kind: ResponderKind,
        location: &'static Location<'static>,
        handler: Handler,
    ) -> Result<u64> {
        let mut state = self.lock();
        if let Some(first) = state.by_name.get(name) {
            let first = first.location;
            // What the handler has captured is dropped after the lock.
            drop(state);
            return Err(Error::new(
                ErrorCode::DuplicateResponder,
                format!(
                    "the host already has a responder for {:?}, registered at {first}; the host has one for each name, so drop that one first",
                    name.as_str()
                ),
            ));
        }
        state.newest += 1;
        let id = state.newest;
        let entry = ResponderEntry {
            id,
            kind,
            location,
            handler,
        };
        state.by_name.insert(name.clone(), entry);
        Ok(id)
    }

    pub(crate) fn remove(&self, name: &EventName, id: u64) {
        let mut state = self.lock();
        let is_current = state.by_name.get(name).is_some_and(|entry| entry.id == id);
        let removed = is_current.then(|| state.by_name.remove(name));
        drop(state);
        // Dropping runs foreign code, which may use the bus.
        drop(removed);
    }

    fn find(&self, name: &EventName, kind: ResponderKind) -> Result<Handler> {
        let found = self
            .lock()
            .by_name
            .get(name)
            .map(|entry| (entry.kind, Arc::clone(&entry.handler)));
        let name = name.as_str();
        let problem = match found {
            Some((own, handler)) if own == kind => return Ok(handler),
            Some((own, _)) => format!("the host responds to {name:?} {}", own.describe()),
            None => {
                let register = match kind {
                    ResponderKind::Single => "respond",
                    ResponderKind::Stream => "respond_stream",
                    ResponderKind::Channel => "accept_channel",
                };
                format!(
                    "the host has no responder for {name:?}; register one with EventBus::{register}"
                )
            }
        };
        Err(Error::new(ErrorCode::NoResponder, problem))
    }

    /// How many responders there are, and how many requests they work on.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.by_name.len(), state.running.len())
    }

    /// Tells the responder that the caller waits no longer.
    pub(crate) fn cancel(&self, id: RequestId) {
        let cancelled = self.lock().running.remove(&id);
        if let Some(cancelled) = cancelled {
            cancelled.set();
        }
    }

    /// Tells every responder that works on a request that its caller waits no longer.
    pub(crate) fn cancel_all(&self) {
        let running = std::mem::take(&mut self.lock().running);
        running.values().for_each(|cancelled| cancelled.set());
    }

    /// Sends a request. `reply` gets the response, or the reason why there is none.
    pub(crate) fn request(self: &Arc<Self>, request: NewRequest, reply: Reply) {
        let about = self.core.about_request(&request.message);
        let requesting = Requesting::begin(self.core.counting(), &request);
        let id = request.message.id;
        let reply = match request.message.kind() {
            ResponderKind::Single => requesting.until(reply),
            ResponderKind::Stream | ResponderKind::Channel => {
                self.core.streams.begin(id, requesting);
                reply
            }
        };
        if let Err((reply, error)) = self.try_request(request, reply) {
            self.core.streams.end(id, Some(error.code()));
            reply.send(Err(self.core.note_refused_request(about, error)));
        }
    }

    /// Requests a stream for the host.
    pub(crate) fn request_stream(self: &Arc<Self>, request: NewRequest) -> Result<PartReader> {
        let reader = PartReader::new(&self.core, request.message.id);
        // What the hub replies is that it was sent.
        let about = self.core.about_request(&request.message);
        let id = request.message.id;
        let requesting = Requesting::begin(self.core.counting(), &request);
        self.core.streams.begin(id, requesting);
        match self.try_request(request, Reply::new(|_| {})) {
            Ok(()) => Ok(reader),
            Err((_, error)) => {
                self.core.streams.end(id, Some(error.code()));
                Err(self.core.note_refused_request(about, error))
            }
        }
    }

    /// Responds to a request to the host, which asks for a stream, with a handler that no name has.
    pub(crate) fn respond_with(
        self: &Arc<Self>,
        handler: Handler,
        request: NewRequest,
    ) -> Result<()> {
        let call = Some((handler, self.prepare_incoming(&request)));
        // What the hub replies is that it was sent.
        let sent = self.send(call, request, Reply::new(|_| {}));
        sent.map_err(|(_, error)| error)
    }

    fn try_request(
        self: &Arc<Self>,
        request: NewRequest,
        reply: Reply,
    ) -> Result<(), (Reply, Error)> {
        let call = match &request.to {
            Recipient::Page(_) => None,
            Recipient::Node(node) => match self.core.forward_to(node, &request) {
                Ok(handler) => Some((handler, self.prepare_incoming(&request))),
                Err(error) => return Err((reply, error)),
            },
            Recipient::Host => match self.find(&request.message.name, request.message.kind()) {
                Ok(handler) => Some((handler, self.prepare_incoming(&request))),
                Err(error) => return Err((reply, error)),
            },
        };
        self.send(call, request, reply)
    }

    fn send(
        self: &Arc<Self>,
        call: Option<(Handler, IncomingRequest)>,
        request: NewRequest,
        reply: Reply,
    ) -> Result<(), (Reply, Error)> {
        // The hub drops a request that it refuses.
        let _bytes = request.message.payload.hold_bytes();
        let id = request.message.id;
        let is_stream = request.message.kind() != ResponderKind::Single;
        let sent = self
            .core
            .hub()
            .request(request, reply, self.core.clock().now());
        match sent {
            Ok((is_new, effects)) => {
                self.core.apply_effects(effects);
                if !is_new {
                    self.core.streams.forget(id);
                    self.cancel(id);
                    return Ok(());
                }
            }
            Err(refused) => {
                self.cancel(id);
                return Err(refused);
            }
        }
        if let Some((handler, incoming)) = call {
            let call = RunningRequest {
                responders: Arc::clone(self),
                id,
                name: incoming.name.clone(),
                is_stream,
                is_finished: false,
            };
            self.core.tasks().spawn(call.run(handler, incoming));
        }
        Ok(())
    }

    /// Notes that the request runs before it can be cancelled.
    fn prepare_incoming(&self, request: &NewRequest) -> IncomingRequest {
        let cancelled = Arc::<Cancellation>::default();
        let mut state = self.lock();
        state
            .running
            .insert(request.message.id, Arc::clone(&cancelled));
        drop(state);
        IncomingRequest {
            id: request.message.id,
            name: request.message.name.clone(),
            payload: request.message.payload.clone(),
            source: request.message.source.clone(),
            component: request.message.component().cloned(),
            origin: request.message.as_origin(),
            cancelled,
        }
    }
}

/// A request that a responder of the host works on. If its task ends early, the request ends all the same.
struct RunningRequest {
    responders: Arc<Responders>,
    id: RequestId,
    name: EventName,
    is_stream: bool,
    is_finished: bool,
}

impl RunningRequest {
    async fn run(mut self, handler: Handler, incoming: IncomingRequest) {
        let cancelled = Arc::clone(&incoming.cancelled);
        let origin = incoming.origin.clone();
        let handling = Handling::of_request(&incoming);
        let name = self.name.clone();
        let diagnostics = Arc::clone(self.responders.core.diagnostics());
        let traces = Arc::clone(self.responders.core.traces());
        let mut notified = pin!(cancelled.notified.notified());
        let mut running: Option<ResponseFuture> = None;
        let mut incoming = Some(incoming);
        let response = poll_fn(|context| {
            if cancelled.is_set() || notified.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            // The handler is foreign code, whether it is called or polled.
            let mut poll = || {
                if let Some(incoming) = incoming.take() {
                    running = Some(handler(incoming));
                }
                match &mut running {
                    Some(running) => running.as_mut().poll(context),
                    None => Poll::Pending,
                }
            };
            let report = |names| diagnostics.tell_deferred(names, &origin.causes);
            let run = || traces.run_in(origin.traceparent.as_ref(), &mut poll);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                run_caused_by(&origin, || handling.run(run), report)
            }));
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
                Err(panic) => {
                    let text = panic_message(&*panic).to_owned();
                    drop_safely(panic);
                    let record = Record::ResponderPanicked;
                    diagnostics.tell(record, name.as_str(), Arc::clone(&origin.causes), || {
                        format!(": {text}")
                    });
                    let failure = Failure::new("panic", &text, None);
                    Poll::Ready(Some(Err(Error::failed(name.as_str(), "the host", failure))))
                }
            }
        })
        .await;
        if !drop_safely(running) {
            let record = Record::DropPanicked;
            diagnostics.tell(
                record,
                name.as_str(),
                Arc::clone(&origin.causes),
                String::new,
            );
        }
        if self.is_stream && matches!(response, Some(Ok(_))) {
            let responders = Arc::clone(&self.responders);
            RoomForEnd::new(&responders.core, self.id).await;
        }
        self.finish(response);
    }

    /// Ends the request with this response; `None` if it was cancelled.
    fn finish(&mut self, response: Option<JsonResult>) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        self.responders.lock().running.remove(&self.id);
        if let Some(response) = response {
            let response = response.and_then(|json| {
                self.responders.core.check_payload(&self.name, &json)?;
                Ok(json)
            });
            let effects = self
                .responders
                .core
                .hub()
                .respond_from_host(self.id, response);
            self.responders.core.apply_effects(effects);
        }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        let failure = Failure::new("panic", "its task ended early", None);
        let error = Error::failed(self.name.as_str(), "the host", failure);
        self.finish(Some(Err(error)));
    }
}
