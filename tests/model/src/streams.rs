//! Streams: their sends, their readers, and everything that may end one at the same time.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use crate::check::check;
use crate::engine::parts::{PartReader, PartSink};
use crate::engine::responders::{Handler, ResponseFuture};
use crate::hub::ids::RequestId;
use crate::hub::requests::inbox::Received;
use crate::hub::requests::window::Credit;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage, ResponderKind};
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::name::EventName;
use crate::runtime::BusRuntime;
use crate::sync::now;
use crate::world::app;

const TIMEOUT: Duration = Duration::from_secs(1);
const PARTS: usize = 5;

fn name() -> EventName {
    EventName::parse("q").unwrap()
}

/// Responds with five parts, and then with their number.
fn respond(runtime: &Arc<BusRuntime>) {
    let core = Arc::downgrade(&runtime.core);
    let handler: Handler = Arc::new(move |incoming| {
        let core = core.upgrade().unwrap();
        let sink = PartSink::new(&core, incoming.id, incoming.name);
        let response = async move {
            for part in 0..PARTS {
                sink.send(Ok(part.to_string().into())).await?;
            }
            Ok(PARTS.to_string().into())
        };
        Box::pin(response) as ResponseFuture
    });
    let place = std::panic::Location::caller();
    let responders = &runtime.responders;
    responders
        .add(&name(), ResponderKind::Stream, place, handler)
        .unwrap();
}

fn request(runtime: &Arc<BusRuntime>) -> PartReader {
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
            is_channel: false,
        },
        caller: Caller::Host,
        to: Recipient::Host,
        timeout: Some(TIMEOUT),
    };
    runtime.responders.request_stream(request).unwrap()
}

fn next(reader: &PartReader) -> Option<Received> {
    block_on(poll_fn(|context| reader.poll_next(context)))
}

/// Reads parts to the end. Returns how many there were, and how it ended.
fn read(reader: &PartReader) -> (usize, Option<ErrorCode>) {
    let mut count = 0;
    loop {
        match next(reader).unwrap() {
            Received::Part(part) => {
                assert_eq!(*part, count.to_string());
                count += 1;
            }
            Received::End(end) => {
                assert!(next(reader).is_none(), "an end comes once");
                return (count, end.err().map(|error| error.code()));
            }
        }
    }
}

/// A send that waits is woken by whoever takes, and a reader by whoever sends.
pub fn every_part_comes_once_and_in_order() {
    check(|| {
        let runtime = app();
        respond(&runtime);
        let reader = request(&runtime);
        assert_eq!(read(&reader), (PARTS, None));
    });
}

/// A stream that is read, times out, and whose app exits, ends once, behind the parts that came before.
pub fn a_stream_ends_once() {
    check(|| {
        let runtime = app();
        respond(&runtime);
        let reader = request(&runtime);
        let enders: [fn(&Arc<BusRuntime>); 2] = [
            |runtime| {
                runtime.core.expire(now() + TIMEOUT);
            },
            |runtime| runtime.shut_down(),
        ];
        let enders = enders.map(|end| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || end(&runtime))
        });
        let (count, code) = read(&reader);
        match code {
            None => assert_eq!(count, PARTS),
            Some(code) => {
                let ends = [ErrorCode::Timeout, ErrorCode::Unavailable];
                assert!(ends.contains(&code), "{code}");
            }
        }
        for ender in enders {
            ender.join().unwrap();
        }
    });
}

/// A reader that is dropped leaves no send waiting: the checker would report it as a deadlock.
pub fn a_dropped_reader_ends_its_responder() {
    check(|| {
        let runtime = app();
        let sink = PartSink::new(
            &runtime.core,
            RequestId::parse(&format!("{:032x}", 7)).unwrap(),
            name(),
        );
        let handler: Handler = Arc::new(|_| Box::pin(std::future::pending()) as ResponseFuture);
        let place = std::panic::Location::caller();
        let responders = &runtime.responders;
        responders
            .add(&name(), ResponderKind::Stream, place, handler)
            .unwrap();
        let reader = request(&runtime);
        // On a thread of its own, which no task drops.
        let sender = thread::spawn(move || {
            block_on(async {
                let mut sent = 0;
                while sink.send(Ok("0".into())).await.is_ok() {
                    sent += 1;
                }
                sent
            })
        });
        let part = next(&reader);
        assert!(matches!(part, Some(Received::Part(_))));
        drop(reader);
        assert!((1..=4).contains(&sender.join().unwrap()));
    });
}
