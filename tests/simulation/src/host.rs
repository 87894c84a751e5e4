//! What the app does in Rust.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use serde_json::{Value, json};

use crate::api::jobs::job::Job;
use crate::api::listener::Listener;
use crate::api::options::{EmitOptions, ListenOptions};
use crate::api::respond::Responder;
use crate::api::stream::{EventStream, StreamItem};
use crate::expiry::expires_at;
use crate::facts::{Delivered, Emitted, Gap, is_retained};
use crate::model::delivery::DeliveryFilter;
use crate::model::endpoint::Endpoint;
use crate::model::event::BusEvent;
use crate::model::presence::PresenceChange;
use crate::model::target::Target;
use crate::mutation::Mutation;
use crate::presence::HostRooms;
use crate::sync;
use crate::world::{LABELS, World, lock};

/// What the callbacks of the host note, until the run looks at it.
pub(crate) type Notes = Arc<Mutex<Vec<Note>>>;

pub(crate) enum Note {
    /// An event for a listener, and when it was called.
    Event(u64, BusEvent, Duration),
    /// A change that a watcher of a room is told of.
    Member(u64, PresenceChange<Value>),
    Settled(u64, Result<Value, String>),
    Responding(Value),
    Accepted(u64, Emitted),
}

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) notes: Notes,
    listeners: Vec<(u64, Listener)>,
    streams: Vec<(u64, EventStream)>,
    pub(crate) responders: Vec<Responder>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) rooms: HostRooms,
}

/// Completes after this time, for the responders of the host.
pub(crate) async fn wait(time: Duration) {
    sync::sleep_until(sync::after(time)).await;
}

fn label_of(source: &Endpoint) -> Option<String> {
    match source {
        Endpoint::Webview(label) => Some(label.to_string()),
        _ => None,
    }
}

fn delivered(event: &BusEvent, taken_at: Duration) -> Delivered {
    Delivered {
        seq: event.seq(),
        name: event.name().to_owned(),
        payload: serde_json::from_str(event.payload_json()).unwrap_or_default(),
        source: label_of(event.source()),
        is_replayed: false,
        is_retained: event.is_retained(),
        superseded: event.superseded(),
        taken_at: Some(taken_at),
    }
}

/// The target that this JSON means.
pub(crate) fn target_of(value: &Value) -> Target {
    match value {
        Value::String(label) => Target::from(label.as_str()),
        Value::Array(parts) => Target::join(parts.iter().map(target_of)),
        _ => match value["label"].as_str() {
            Some(label) => Target::webview(label),
            None => Target::host(),
        },
    }
}

impl World {
    /// Listens to all that is accepted, so that the oracle knows of the ticks, too.
    pub(crate) fn host_begins(&mut self) {
        self.host_listens("*", true);
    }

    fn host_listens(&mut self, pattern: &str, is_wiretap: bool) {
        let number = self.number();
        let seq = self.seq();
        let notes = Arc::clone(&self.host.notes);
        let filter = match is_wiretap {
            true => DeliveryFilter::Everything,
            false => DeliveryFilter::Own,
        };
        let options = ListenOptions::new().target(filter);
        let listener = self.bus.listen_with(pattern, options, move |event| {
            lock(&notes).push(Note::Event(number, event, sync::steady_now()));
        });
        if let Ok(listener) = listener {
            self.note(format!("host listens to {pattern} as {number} at {seq}"));
            self.oracle.host_listens(number, pattern, is_wiretap, seq);
            self.oracle.is_told_of_no_gap(number);
            self.host.listeners.push((number, listener));
        }
    }

    fn host_opens_stream(&mut self, pattern: &str) {
        let number = self.number();
        let seq = self.seq();
        if let Ok(stream) = self.bus.stream(pattern) {
            self.note(format!("host streams {pattern} as {number} at {seq}"));
            self.oracle.host_listens(number, pattern, false, seq);
            self.host.streams.push((number, stream));
        }
    }

    /// Reads at most so many items of a stream, and returns how many there were.
    fn host_reads(&mut self, place: usize, most: usize) -> usize {
        for read in 0..most {
            let Some((number, stream)) = self.host.streams.get_mut(place) else {
                return read;
            };
            let mut context = Context::from_waker(Waker::noop());
            let (number, polled) = (*number, Pin::new(stream).poll_next(&mut context));
            match polled {
                Poll::Ready(Some(StreamItem::Event(event))) => {
                    let event = delivered(&event, sync::steady_now());
                    self.note(format!("stream {number} got {event:?}"));
                    self.oracle.event(number, event);
                }
                Poll::Ready(Some(StreamItem::Gap(gap))) => {
                    self.note(format!("stream {number} got {gap:?}"));
                    let told = Gap {
                        from: gap.from,
                        to: gap.to,
                        count: gap.count,
                        at_most: gap.at_most,
                        reason: format!("{:?}", gap.reason),
                    };
                    self.oracle.gap(number, told);
                }
                _ => return read,
            }
        }
        most
    }

    pub(crate) fn take_notes_of_host(&mut self) {
        let notes = std::mem::take(&mut *lock(&self.host.notes));
        for note in notes {
            match note {
                Note::Event(listener, event, at) => {
                    let got = delivered(&event, at);
                    self.note(format!("host listener {listener} got {got:?}"));
                    let emitted = Emitted {
                        name: got.name.clone(),
                        payload: got.payload.clone(),
                        source: got.source.clone(),
                        to: None,
                        except: None,
                        is_retained: false,
                        expires_at: None,
                        is_complete: false,
                    };
                    let emitted = self.oracle.will_fires(got.seq, emitted, sync::passed());
                    self.oracle.accepted(got.seq, emitted);
                    self.oracle.event(listener, got);
                }
                Note::Member(watcher, change) => self.take_change(watcher, change),
                Note::Settled(promise, result) => {
                    self.note(format!("host promise {promise}: {result:?}"));
                    self.oracle.settled(promise, result);
                }
                Note::Accepted(seq, event) => self.oracle.accepted(seq, event),
                Note::Responding(request) => {
                    self.note(format!("host responds to {request}"));
                    self.oracle.responding(&request);
                }
            }
        }
    }

    pub(crate) fn host_acts(&mut self) {
        enum Act {
            Emit,
            EmitTo,
            EmitAsync,
            EmitHandled,
            Listen,
            EndListen,
            Stream,
            Read,
            EndStream,
            Respond,
            EndRespond,
            Request,
            RespondStream,
            AcceptChannel,
            RequestStream,
            Job,
            EndJob,
            Clear,
            Present,
            Watch,
            EndWatch,
        }
        let presence = self.plan.weights.presence;
        let (jobs, requests) = (self.plan.weights.jobs, self.plan.weights.requests);
        let choices = [
            (30, &Act::Emit),
            (20, &Act::EmitTo),
            (5, &Act::EmitAsync),
            (self.plan.weights.receipts, &Act::EmitHandled),
            (4, &Act::Listen),
            (2, &Act::EndListen),
            (3, &Act::Stream),
            (10, &Act::Read),
            (1, &Act::EndStream),
            (requests, &Act::Respond),
            (requests / 3, &Act::EndRespond),
            (requests * 2, &Act::Request),
            (requests / 2, &Act::RespondStream),
            (requests / 2, &Act::AcceptChannel),
            (requests, &Act::RequestStream),
            (jobs, &Act::Job),
            (jobs / 2, &Act::EndJob),
            (1, &Act::Clear),
            (presence, &Act::Present),
            (presence / 3, &Act::Watch),
            (presence / 6, &Act::EndWatch),
        ];
        match self.rng.weighted(&choices) {
            Some(Act::Emit) => self.host_emits(false),
            Some(Act::EmitTo) => self.host_emits(true),
            Some(Act::EmitAsync) => self.host_emits_when_there_is_room(),
            Some(Act::EmitHandled) => self.host_emits_and_waits(),
            Some(Act::Listen) => {
                let pattern = self.pattern();
                self.host_listens(pattern, false);
            }
            Some(Act::EndListen) if self.host.listeners.len() > 1 => {
                // The first one tells the oracle what is accepted.
                let place = 1 + self.rng.below(self.host.listeners.len() - 1);
                let (number, listener) = self.host.listeners.remove(place);
                self.note(format!("host listener {number} ends"));
                listener.stop();
                self.take_notes_of_host();
                self.oracle.listener_ends(number);
            }
            Some(Act::Stream) if self.host.streams.len() < 3 => {
                let pattern = self.pattern();
                self.host_opens_stream(pattern);
            }
            Some(Act::Read) if !self.host.streams.is_empty() => {
                let place = self.rng.below(self.host.streams.len());
                let most = self.rng.pick(&[1, 3, 1000]);
                self.host_reads(place, most);
            }
            Some(Act::EndStream) if !self.host.streams.is_empty() => {
                let place = self.rng.below(self.host.streams.len());
                let (number, stream) = self.host.streams.remove(place);
                self.note(format!("stream {number} ends"));
                drop(stream);
                self.oracle.listener_ends(number);
            }
            Some(Act::Respond) => self.host_responds(),
            Some(Act::EndRespond) if !self.host.responders.is_empty() => {
                let place = self.rng.below(self.host.responders.len());
                self.note("host ends a responder".into());
                drop(self.host.responders.remove(place));
            }
            Some(Act::Request) => self.host_requests(),
            Some(Act::RespondStream) => self.host_responds_with_streams(),
            Some(Act::AcceptChannel) => self.host_accepts_channels(),
            Some(Act::RequestStream) => self.host_requests_stream(),
            Some(Act::Job) => self.host_starts_job(),
            Some(Act::EndJob) if !self.host.jobs.is_empty() => {
                let place = self.rng.below(self.host.jobs.len());
                self.host_controls_job(place);
            }
            Some(Act::Present) => self.host_is_present(),
            Some(Act::Watch) => self.host_watches(),
            Some(Act::EndWatch) => self.host_watches_no_more(),
            Some(Act::Clear) => {
                let pattern = self.pattern();
                let cleared = self.bus.clear_retained(pattern);
                self.note(format!("host clears {pattern}: {cleared:?}"));
            }
            _ => {}
        }
    }

    fn host_emits(&mut self, is_addressed: bool) {
        let count = self.burst();
        for _ in 0..count {
            let number = self.number();
            let name = self.event_name();
            let payload = json!(format!("host.{number}"));
            let to = is_addressed.then(|| self.target());
            let except = self.rng.chance(10).then(|| self.target());
            let mut options = EmitOptions::new();
            let is_crossed = self.mutation == Some(Mutation::CrossTargets) && self.rng.chance(30);
            if let Some(to) = to.as_ref().filter(|_| !is_crossed) {
                options = options.to(target_of(to));
            }
            if let Some(except) = &except {
                options = options.except(target_of(except));
            }
            let retain = self.rng.chance(10).then(|| self.rng.chance(80));
            if let Some(retain) = retain {
                options = options.retain(retain);
            }
            let expiry = self.expiry();
            if let Some(millis) = expiry {
                let is_prolonged = self.mutation == Some(Mutation::ProlongEvents);
                let millis = if is_prolonged { 100 * millis } else { millis };
                options = options.expires(Duration::from_millis(millis));
            }
            if self.mutation == Some(Mutation::EmitTwice) && self.rng.chance(20) {
                let _ = self.bus.emit_with(name, &payload, options.clone());
            }
            let result = self.bus.emit_with(name, &payload, options);
            let code = result.as_ref().map_err(|error| error.code());
            self.note(format!(
                "host emits {name} {payload} to {to:?} except {except:?} for {expiry:?}: {code:?}"
            ));
            if let Ok(receipt) = result {
                let event = Emitted {
                    name: name.into(),
                    payload,
                    source: None,
                    to,
                    except,
                    is_retained: is_retained(name, retain),
                    expires_at: expires_at(expiry, sync::steady_now()),
                    is_complete: true,
                };
                self.oracle.accepted(receipt.seq, event);
            }
        }
    }

    fn host_emits_when_there_is_room(&mut self) {
        let promise = self.number();
        let name = self.rng.pick(&["r:a", "d:a"]);
        let event = Emitted {
            name: name.into(),
            payload: json!(format!("host.{promise}")),
            source: None,
            to: self.rng.chance(50).then(|| self.target()),
            except: None,
            is_retained: false,
            expires_at: None,
            is_complete: true,
        };
        let mut options = EmitOptions::new();
        if let Some(to) = &event.to {
            options = options.to(target_of(to));
        }
        self.note(format!(
            "host promise {promise} emits {event:?} when there is room"
        ));
        self.oracle.promised(promise, None, "emitAsync");
        self.oracle.will_emit(promise, event.payload.clone());
        let emitted = self
            .bus
            .emit_async_with(name, event.payload.clone(), options);
        let notes = Arc::clone(&self.host.notes);
        sync::spawn(async move {
            let result = match emitted.await {
                Ok(receipt) => {
                    lock(&notes).push(Note::Accepted(receipt.seq, event));
                    Ok(json!({ "seq": receipt.seq }))
                }
                Err(error) => Err(error.code().to_string()),
            };
            lock(&notes).push(Note::Settled(promise, result));
        });
    }

    fn host_responds(&mut self) {
        let name = self.rng.pick(&["q:a", "q:b"]);
        let manner = self.rng.below(4);
        let millis = self.rng.pick(&[1, 500, 20_000]);
        let notes = Arc::clone(&self.host.notes);
        let respond = move |request: Value| {
            lock(&notes).push(Note::Responding(request.clone()));
            async move {
                match manner {
                    0 => {}
                    1 => return Err("refused".into()),
                    _ => wait(Duration::from_millis(millis)).await,
                }
                Ok(json!({ "echo": request }))
            }
        };
        if let Ok(responder) = self.bus.respond(name, respond) {
            self.note(format!(
                "host responds to {name}, manner {manner}, {millis} ms"
            ));
            self.host.responders.push(responder);
        }
    }

    fn host_requests(&mut self) {
        let promise = self.number();
        let name = self.rng.pick(&["q:a", "q:b"]);
        let payload = json!(format!("host.{promise}"));
        let to = match self.rng.chance(20) {
            true => Target::host(),
            false => Target::from(self.rng.pick(&LABELS)),
        };
        let timeout = Duration::from_millis(self.rng.pick(&[100, 5_000, 30_000]));
        self.note(format!(
            "host promise {promise} requests {name} of {to:?} within {timeout:?}"
        ));
        self.oracle.promised(promise, None, "request");
        self.oracle.will_request(promise, payload.clone());
        let request = self
            .bus
            .request::<Value>(to, name, payload)
            .timeout(timeout);
        let notes = Arc::clone(&self.host.notes);
        sync::spawn(async move {
            let result = request.await.map_err(|error| error.code().to_string());
            lock(&notes).push(Note::Settled(promise, result));
        });
    }

    /// Ends what would go on for ever.
    pub(crate) fn host_stops_jobs(&mut self) {
        self.host.jobs.clear();
    }

    /// Reads all that waits in the streams, and returns whether there was something.
    pub(crate) fn host_reads_all(&mut self) -> bool {
        let streams = 0..self.host.streams.len();
        streams
            .map(|place| self.host_reads(place, 1_000))
            .sum::<usize>()
            > 0
    }

    /// Ends everything of the host.
    pub(crate) fn host_ends(&mut self) {
        self.host_stops_jobs();
        self.host.responders.clear();
        self.host.rooms.clear();
        self.host.streams.clear();
        self.host.listeners.clear();
        let cleared = self.bus.clear_retained("*");
        self.note(format!("host clears everything: {cleared:?}"));
    }
}
