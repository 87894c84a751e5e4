//! Channels: a page that sends, the host that reads, and everything that may end both at the same time.

use std::future::poll_fn;
use std::sync::Arc;

use shuttle::sync::mpsc;
use shuttle::thread;

use crate::check::check;
use crate::engine::parts::{PartReader, PartSink};
use crate::engine::reply::Reply;
use crate::engine::responders::{Handler, ResponseFuture};
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::inbox::Received;
use crate::hub::requests::window::Credit;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage, ResponderKind};
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::name::EventName;
use crate::runtime::BusRuntime;
use crate::sync::now;
use crate::world::{MAIN, Page, app};

const CHANNEL: u64 = 1;

/// How many parts the host has read, and how its reading ended, if it did.
type Told = (usize, Option<Option<ErrorCode>>);

/// What the host has read, told when its future is gone.
struct Seen {
    parts: usize,
    end: Option<Option<ErrorCode>>,
    told: mpsc::Sender<Told>,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let _ = self.told.send((self.parts, self.end));
    }
}

fn name() -> EventName {
    EventName::parse("q").unwrap()
}

/// Sends back every part, and ends behind the last one.
fn accept(runtime: &Arc<BusRuntime>, told: mpsc::Sender<Told>) -> u64 {
    let core = Arc::downgrade(&runtime.core);
    let told = std::sync::Mutex::new(told);
    let handler: Handler = Arc::new(move |incoming| {
        let core = core.upgrade().unwrap();
        let sink = PartSink::new(&core, incoming.id, incoming.name.clone());
        let reader = PartReader::new(&core, incoming.id);
        let seen = Seen {
            parts: 0,
            end: None,
            told: told.lock().unwrap().clone(),
        };
        let response = async move {
            // The whole of it, and not a copy of each number.
            let mut seen = seen;
            loop {
                match poll_fn(|context| reader.poll_next(context)).await {
                    Some(Received::Part(part)) => {
                        assert_eq!(*part, seen.parts.to_string());
                        seen.parts += 1;
                        sink.send(Ok(part)).await?;
                    }
                    Some(Received::End(end)) => {
                        seen.end = Some(end.err().map(|error| error.code()));
                        return Ok("null".into());
                    }
                    None => panic!("nothing comes behind the end"),
                }
            }
        };
        Box::pin(response) as ResponseFuture
    });
    let place = std::panic::Location::caller();
    let responders = &runtime.responders;
    responders
        .add(&name(), ResponderKind::Channel, place, handler)
        .unwrap()
}

fn open(runtime: &Arc<BusRuntime>, key: SubscriberKey) {
    let request = NewRequest {
        message: RequestMessage {
            id: RequestId::parse(&format!("{:032x}", 7)).unwrap(),
            name: name(),
            payload: "1".into(),
            source: Endpoint::Host,
            provenance: None,
            stream: Some(Credit {
                bytes: 1 << 20,
                parts: 2,
            }),
            is_channel: true,
        },
        caller: Caller::Page(key, CHANNEL),
        to: Recipient::Host,
        timeout: None,
    };
    runtime.responders.request(request, Reply::new(|_| {}));
}

/// Sends two parts, for which there is credit, and closes the half. What comes behind the end of the channel is no fault.
fn send(runtime: &Arc<BusRuntime>, key: SubscriberKey) {
    for part in 0..2_u64 {
        let text = part.to_string();
        let (sent, effects) =
            runtime
                .core
                .hub()
                .send_part_of_caller(key, CHANNEL, part + 1, Ok(text.into()));
        runtime.core.apply_effects(effects);
        if sent.is_err() {
            return;
        }
    }
    let (closed, effects) = runtime.core.hub().close_half_of_caller(key, CHANNEL, 2);
    runtime.core.apply_effects(effects);
    assert!(closed.is_ok() || closed.is_err_and(|error| error.code() == ErrorCode::UnknownRequest));
}

fn opened() -> (Arc<BusRuntime>, SubscriberKey, u64, mpsc::Receiver<Told>) {
    let runtime = app();
    let mut page = Page::new(&runtime, 1);
    let key = page.command(|_, key| key).unwrap();
    let (sender, told) = mpsc::channel();
    let responder = accept(&runtime, sender);
    open(&runtime, key);
    (runtime, key, responder, told)
}

/// A reader that waits is woken by each part and by the end behind them.
pub fn the_host_reads_every_part() {
    check(|| {
        let (runtime, key, _, told) = opened();
        let page = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || send(&runtime, key))
        };
        assert_eq!(told.recv(), Ok((2, Some(None))));
        page.join().unwrap();
    });
}

/// Whatever ends it, its future is gone afterwards, and nothing is kept.
pub fn a_channel_ends_with_its_page() {
    check(|| {
        let (runtime, key, responder, told) = opened();
        let acts: [fn(&Arc<BusRuntime>, SubscriberKey); 4] = [
            send,
            |runtime, key| {
                let effects = runtime.core.hub().stop_stream(key, CHANNEL);
                runtime.core.apply_effects(effects);
            },
            |runtime, _| {
                let effects = runtime.core.hub().leave_page(MAIN, None);
                runtime.core.apply_effects(effects);
            },
            |runtime, _| {
                runtime.core.expire(now());
            },
        ];
        let acts = acts.map(|act| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || act(&runtime, key))
        });
        for act in acts {
            act.join().unwrap();
        }
        runtime.responders.remove(&name(), responder);
        // Fails if the channel has ended before its future began.
        if let Ok((parts, end)) = told.recv() {
            assert!(parts <= 2);
            if end == Some(None) {
                assert_eq!(parts, 2, "all parts come before the end");
            }
        }
        assert!(runtime.core.hub().overview().streams.is_empty());
    });
}
