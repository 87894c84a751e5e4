//! Replays a recording against the code under test.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::request::RequestBuilder;
use crate::api::webview::WebviewBus;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::{EventName, OWN_PREFIX, parse_component};
use crate::model::pattern::is_wildcard;
use crate::model::tap::record::{
    TapEntry, TappedEvent, TappedPayload, TappedRequest, TappedResponse,
};
use crate::model::target::{Target, TargetPart};
use crate::model::traceparent::Traceparent;
use crate::shell::testing::bus::TestBus;
use crate::shell::testing::compare::{DifferenceKind, ReplayDifference, ReplayedEvent, compare};
use crate::sync::{Mutex, block_on, now, oneshot, yield_thread};
use crate::wire::tap::read::Recording;

/// How long a response may take without the clock, before one that is stopped is moved on.
const PATIENCE: Duration = Duration::from_millis(100);

/// Which part of a recording is played. Without a source, it is everyone's but the host's.
///
/// ```
/// use tauri_plugin_event_bus::Endpoint;
/// use tauri_plugin_event_bus::test::ReplayOptions;
///
/// let of_main = ReplayOptions::new().source(Endpoint::webview("main"));
/// # let _ = of_main;
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ReplayOptions {
    sources: Vec<Endpoint>,
}

impl ReplayOptions {
    /// Plays everyone but the host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plays this page, and the others that are named so.
    pub fn source(mut self, source: Endpoint) -> Self {
        self.sources.push(source);
        self
    }

    fn plays(&self, source: &Endpoint) -> bool {
        let is_chosen = self.sources.is_empty() || self.sources.contains(source);
        *source != Endpoint::Host && is_chosen
    }
}

/// What a replay has found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replay {
    /// How many events and requests were played.
    pub played: usize,
    /// What the host has emitted, without ticks of jobs.
    pub emitted: Vec<ReplayedEvent>,
    /// Where that differs from the recording, by name, target and payload. Numbers, times and ticks are not compared.
    pub differences: Vec<ReplayDifference>,
    /// How many records the recording has lost. With some, differences may come from what is missing in it.
    pub lost: u64,
}

/// The responses of a recording, by the ids of their requests.
type Ends<'a> = HashMap<&'a str, &'a TappedResponse>;

/// A request that was played, and its response in the recording.
struct Played {
    request: TappedRequest,
    recorded: Option<TappedResponse>,
    received: oneshot::Receiver<Result<Value>>,
}

impl TestBus {
    /// Plays a recording against the code under test, which is the host: emits the events of the pages, sends their requests,
    /// and responds to the requests of the host as the pages did. Compares what the host emits with what the recording has of
    /// it, by name, target and payload, and its responses.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the host is among the sources, or a payload was
    ///   cut
    /// - those of [`EventBus::emit`](crate::EventBus::emit), where an event of the recording is refused
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::EventBusExt;
    /// use tauri_plugin_event_bus::tap::Recording;
    /// use tauri_plugin_event_bus::test::{ReplayOptions, TestBus};
    ///
    /// # fn keep_total(_: tauri_plugin_event_bus::EventBus) {}
    /// # fn main() -> tauri_plugin_event_bus::Result<()> {
    /// let bus = TestBus::new();
    /// keep_total(bus.event_bus());
    /// let replay = bus.replay(&Recording::open("tests/bug.ndjson")?, &ReplayOptions::new())?;
    /// assert!(replay.differences.is_empty(), "{:?}", replay.differences);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay(&self, recording: &Recording, options: &ReplayOptions) -> Result<Replay> {
        if options.sources.contains(&Endpoint::Host) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the host is under test, so it cannot be played: leave it out of the sources",
            ));
        }
        let entries: Vec<&TapEntry> = recording.records.iter().map(|own| &own.entry).collect();
        for label in labels_of(&entries) {
            self.page(&label);
        }
        let ends: Ends<'_> = entries
            .iter()
            .filter_map(|entry| match entry {
                TapEntry::Response(response) => Some((&*response.request, &**response)),
                _ => None,
            })
            .collect();
        self.respond_as_recorded(&entries, &ends, options)?;
        self.settle();
        let before = self.history("*").len();
        let mut sent = Vec::new();
        let mut played = 0;
        for entry in &entries {
            match entry {
                TapEntry::Event(event) if options.plays(&event.source) => {
                    play_event(&self.event_bus(), event)?;
                }
                TapEntry::Request(request)
                    if options.plays(&request.source)
                        && request.source.label().is_some()
                        && request.receiver == Endpoint::Host
                        && !request.is_stream =>
                {
                    sent.push(self.play_request(request, &ends)?);
                }
                _ => continue,
            }
            played += 1;
            self.settle();
        }
        let mut differences = Vec::new();
        for one in sent {
            differences.extend(self.difference_of(one)?);
        }
        self.settle();
        let emitted = of_host(self.history("*").iter().skip(before))?;
        let recorded = entries.iter().filter_map(|entry| match entry {
            TapEntry::Event(event) => Some(&**event),
            _ => None,
        });
        let mut all = compare(&of_host(recorded)?, &emitted);
        all.append(&mut differences);
        let lost = entries.iter().map(|entry| match entry {
            TapEntry::Lost(count) => *count,
            _ => 0,
        });
        Ok(Replay {
            played,
            emitted,
            differences: all,
            lost: lost.sum(),
        })
    }

    /// Responds to the requests of the host as the recording did. A responder of the test goes first.
    fn respond_as_recorded(
        &self,
        entries: &[&TapEntry],
        ends: &Ends<'_>,
        options: &ReplayOptions,
    ) -> Result<()> {
        // A request whose response is lost keeps its place.
        type Queues = BTreeMap<(String, String), VecDeque<Option<TappedResponse>>>;
        let mut queues = Queues::new();
        for entry in entries {
            if let TapEntry::Request(request) = entry
                && request.source == Endpoint::Host
                && options.plays(&request.receiver)
                && let Some(label) = request.receiver.label()
            {
                let key = (label.to_owned(), request.name.clone());
                let queue = queues.entry(key).or_default();
                queue.push_back(ends.get(&*request.request).copied().cloned());
            }
        }
        for ((label, name), queue) in queues {
            let queue = Mutex::new(queue);
            let added = self.page(&label).respond_as(&name, move |message| {
                let next = queue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some(Some(next)) = next else {
                    let name = message.name.as_str();
                    let problem = match next {
                        None => format!("the recording has no further response to {name:?}"),
                        Some(_) => {
                            format!("a request for {name:?} has no response in the recording")
                        }
                    };
                    return Err(Error::new(ErrorCode::ResponderFailed, problem));
                };
                match &next.result {
                    Ok(payload) => json_of(&next.name, payload),
                    Err((code, message)) => Err(Error::new(*code, message.clone())),
                }
            });
            match added {
                Err(error) if error.code() != ErrorCode::DuplicateResponder => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn play_request(&self, request: &TappedRequest, ends: &Ends<'_>) -> Result<Played> {
        let bus = self.event_bus();
        let label = request.source.label().unwrap_or_default();
        let bus = WebviewBus::new(bus, label);
        let payload = json_of(&request.name, &request.payload);
        let sent = RequestBuilder::<Value>::new(&bus, Target::host(), &request.name, payload);
        let (sender, received) = oneshot::channel();
        bus.runtime().core.tasks().spawn(async move {
            // The replay may have ended with an error.
            let _ = sender.send(sent.await);
        });
        Ok(Played {
            request: request.clone(),
            recorded: ends.get(&*request.request).copied().cloned(),
            received,
        })
    }

    /// Waits for a response. A clock that is stopped moves on to what is due, since the response may wait for it.
    fn wait_for(&self, mut received: oneshot::Receiver<Result<Value>>) -> Result<Result<Value>> {
        let gone = || Error::new(ErrorCode::Unavailable, "the app exited during the replay");
        if !self.movable_clock().is_stopped() {
            return block_on(received).map_err(|_| gone());
        }
        loop {
            // Code that works without the clock has a while.
            let end = now() + PATIENCE;
            while now() < end {
                self.settle();
                match received.try_recv() {
                    Ok(response) => return Ok(response),
                    Err(oneshot::error::TryRecvError::Empty) => yield_thread(),
                    Err(oneshot::error::TryRecvError::Closed) => return Err(gone()),
                }
            }
            if !self.clock().advance_to_next() {
                return block_on(received).map_err(|_| gone());
            }
        }
    }

    /// Waits for the response to a request that was played, and compares it.
    fn difference_of(&self, played: Played) -> Result<Option<ReplayDifference>> {
        let Played {
            request,
            recorded,
            received,
        } = played;
        let emitted = self.wait_for(received)?;
        let Some(recorded) = recorded else {
            return Ok(None);
        };
        let to = Some(Target::from(request.source));
        let shown = |result: std::result::Result<Option<Value>, ErrorCode>, is_redacted| {
            let payload = match result {
                Ok(payload) => payload,
                Err(code) => Some(Value::from(format!("error: {code}"))),
            };
            ReplayedEvent::new(&request.name, to.clone(), payload, is_redacted)
        };
        let is_same_kind = match (&recorded.result, &emitted) {
            (Ok(_), Ok(_)) => true,
            (Err((own, _)), Err(other)) => *own == other.code(),
            _ => false,
        };
        let (recorded, is_redacted) = match &recorded.result {
            Ok(payload) if payload.json().is_none() => (Ok(None), false),
            Ok(payload) => (Ok(Some(payload.read::<Value>()?)), payload.is_redacted()),
            Err((code, _)) => (Err(*code), false),
        };
        let recorded = shown(recorded, is_redacted);
        let emitted = shown(emitted.map(Some).map_err(|error| error.code()), false);
        let is_same = is_same_kind && recorded.is_like(&emitted);
        Ok((!is_same).then_some(ReplayDifference {
            kind: DifferenceKind::Response,
            recorded: Some(recorded),
            emitted: Some(emitted),
        }))
    }
}

/// The labels of the pages that a recording names.
fn labels_of(entries: &[&TapEntry]) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let mut note = |endpoint: &Endpoint| labels.extend(endpoint.label().map(str::to_owned));
    for entry in entries {
        match entry {
            TapEntry::Event(event) => {
                note(&event.source);
                for route in &event.routes {
                    note(&route.receiver);
                }
                let parts = event.to.as_ref().map_or(&[][..], Target::parts);
                for part in parts {
                    if let TargetPart::Webview(label) = part
                        && !label.contains(is_wildcard)
                    {
                        note(&Endpoint::webview(label));
                    }
                }
            }
            TapEntry::Request(request) => {
                note(&request.source);
                note(&request.receiver);
            }
            TapEntry::Delivered(delivery) | TapEntry::Acknowledged(delivery) => {
                note(&delivery.receiver);
            }
            TapEntry::Response(_) | TapEntry::Gap(_) | TapEntry::Refused(_) | TapEntry::Lost(_) => {
            }
        }
    }
    labels
}

/// A payload that can be played.
fn json_of(name: &str, payload: &TappedPayload) -> Result<Json> {
    payload.shown().cloned().map_err(|(size, _)| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "the recording has {size} bytes of {} cut, so it cannot be played; record whole payloads with EventBus::record",
                quoted(name)
            ),
        )
    })
}

/// Emits an event of a recording, as it was emitted.
fn play_event(bus: &EventBus, event: &TappedEvent) -> Result<()> {
    let component = event
        .component
        .as_deref()
        .map(parse_component)
        .transpose()?;
    let causes = event.causes.iter().map(|name| EventName::parse(name));
    let new = NewEvent {
        name: EventName::parse(&event.name)?,
        payload: json_of(&event.name, &event.payload)?,
        source: event.source.clone(),
        tick: event.tick.clone().map(Box::new),
        provenance: Provenance::of(
            component,
            causes.collect::<Result<_>>()?,
            Traceparent::read(event.traceparent.as_deref())?,
        ),
        retain: event.is_retained.then_some(true),
        lifetime: Lifetime::default(),
    };
    let audience = Audience {
        to: event.to.clone().map(Address::of).transpose()?,
        except: event.except.clone().map(Address::of).transpose()?,
        ..Audience::default()
    };
    bus.runtime().core.publish(new, &audience).map(drop)
}

/// What the host has emitted, without ticks and the notices of the bus itself.
fn of_host<'a>(events: impl Iterator<Item = &'a TappedEvent>) -> Result<Vec<ReplayedEvent>> {
    let own = events
        // When a job ticks is a matter of time, which a replay has not.
        .filter(|event| event.source == Endpoint::Host && event.tick.is_none())
        .filter(|event| !event.name.starts_with(OWN_PREFIX));
    own.map(|event| {
        let payload = match event.payload.shown() {
            Ok(json) => Some(json.read::<Value>().map_err(|mismatch| {
                mismatch.into_error::<Value>(format_args!("the payload of {:?}", event.name))
            })?),
            Err(_) => None,
        };
        let is_redacted = event.payload.is_redacted();
        Ok(ReplayedEvent::new(
            &event.name,
            event.to.clone(),
            payload,
            is_redacted,
        ))
    })
    .collect()
}
