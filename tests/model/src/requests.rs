//! Requests, and everything that may end one at the same time.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use crate::check::check;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage, ResponderKind};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode};
use crate::model::name::EventName;
use crate::runtime::BusRuntime;
use crate::sync::now;
use crate::world::{MAIN, Page, Pending, app, reply};

const TIMEOUT: Duration = Duration::from_secs(1);

fn name() -> EventName {
    EventName::parse("q").unwrap()
}

fn send(runtime: &Arc<BusRuntime>, to: Recipient, id: RequestId) -> Pending {
    let (reply, pending) = reply(runtime);
    let request = NewRequest {
        message: RequestMessage {
            id,
            name: name(),
            payload: "1".into(),
            source: Endpoint::Host,
            provenance: None,
            stream: None,
            is_channel: false,
        },
        caller: Caller::Host,
        to,
        timeout: Some(TIMEOUT),
    };
    runtime.responders.request(request, reply);
    pending
}

fn id(n: u128) -> RequestId {
    RequestId::parse(&format!("{n:032x}")).unwrap()
}

/// A page with a responder, and the key of its session.
fn responder(runtime: &Arc<BusRuntime>) -> (Page, SubscriberKey) {
    let mut page = Page::new(runtime, 1);
    let key = page
        .command(|runtime, key| {
            let (added, effects) =
                runtime
                    .core
                    .hub()
                    .add_responder(key, name(), ResponderKind::Single, now());
            runtime.core.apply_effects(effects);
            added.unwrap();
            key
        })
        .unwrap();
    (page, key)
}

/// Responds from the page. Returns whether the request was still open.
fn respond(runtime: &Arc<BusRuntime>, key: SubscriberKey, n: u128) -> bool {
    let response = runtime
        .core
        .hub()
        .respond_from_page(key, id(n), Ok("1".into()), None);
    match response {
        Ok(effects) => {
            runtime.core.apply_effects(effects);
            true
        }
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::UnknownRequest);
            false
        }
    }
}

fn code(outcome: Option<JsonResult>) -> Option<ErrorCode> {
    outcome.unwrap().err().map(|error: Error| error.code())
}

/// A response, the timeout, the end of the caller and the end of the page: one of them ends the request, and the caller
/// gets one outcome.
pub fn a_request_ends_once() {
    check(|| {
        let runtime = app();
        let (mut page, key) = responder(&runtime);
        let pending = send(&runtime, Recipient::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        assert_eq!(page.requests.received.len(), 1);
        let enders: [fn(&Arc<BusRuntime>, SubscriberKey) -> bool; 4] = [
            |runtime, key| respond(runtime, key, 7),
            |runtime, _| {
                runtime.core.expire(now() + TIMEOUT);
                false
            },
            |runtime, _| {
                let effects = runtime.core.hub().cancel(id(7));
                runtime.core.apply_effects(effects);
                false
            },
            |runtime, _| {
                runtime.leave_page(MAIN, None);
                false
            },
        ];
        let enders = enders.map(|end| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || end(&runtime, key))
        });
        let has_response = enders.map(|ender| ender.join().unwrap())[0];
        match code(pending.wait()) {
            None => assert!(has_response),
            Some(code) => {
                assert!(!has_response);
                let ends = [
                    ErrorCode::Timeout,
                    ErrorCode::Cancelled,
                    ErrorCode::PageGone,
                ];
                assert!(ends.contains(&code), "{code}");
            }
        }
    });
}

/// A request and the first responder of its name, in any order.
pub fn a_request_finds_a_simultaneous_responder() {
    check(|| {
        let runtime = app();
        let caller = Arc::clone(&runtime);
        let caller =
            thread::spawn(move || send(&caller, Recipient::Page(MAIN.into()), id(7)).wait());
        let (mut page, key) = responder(&runtime);
        while page.requests.received.is_empty() {
            page.pull().unwrap();
        }
        assert!(respond(&runtime, key, 7));
        let response = caller.join().unwrap().unwrap().unwrap();
        assert_eq!(&*response, "1");
    });
}

/// A page that has received a request learns that it was cancelled, unless it has responded before.
pub fn a_page_learns_of_a_cancelled_request() {
    check(|| {
        let runtime = app();
        let (mut page, key) = responder(&runtime);
        let pending = send(&runtime, Recipient::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        let caller = Arc::clone(&runtime);
        let caller = thread::spawn(move || {
            let effects = caller.core.hub().cancel(id(7));
            caller.core.apply_effects(effects);
        });
        if !respond(&runtime, key, 7) {
            while page.requests.ended.is_empty() {
                page.pull().unwrap();
            }
            assert_eq!(page.requests.ended, page.requests.received);
        }
        caller.join().unwrap();
        pending.wait();
    });
}

/// A responder in Rust responds while its request times out and the app exits.
pub fn a_host_responder_leaves_no_caller_waiting() {
    check(|| {
        let runtime = app();
        let handler = Arc::new(|_| {
            let response = async {
                crate::sync::yield_now().await;
                Ok("1".into())
            };
            Box::pin(response) as crate::engine::responders::ResponseFuture
        });
        let place = std::panic::Location::caller();
        let number = runtime
            .responders
            .add(&name(), ResponderKind::Single, place, handler)
            .unwrap();
        let pending = send(&runtime, Recipient::Host, id(7));
        let other = Arc::clone(&runtime);
        let ender = thread::spawn(move || {
            other.responders.remove(&name(), number);
            other.core.expire(now() + TIMEOUT);
            other.shut_down();
        });
        let ended = code(pending.wait());
        assert!(
            matches!(ended, None | Some(ErrorCode::Timeout)),
            "{ended:?}"
        );
        ender.join().unwrap();
        block_on(crate::sync::yield_now());
    });
}
