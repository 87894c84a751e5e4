//! Questions, and all that may end one at the same time.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use crate::check::check;
use crate::hub::command_log::JsonResult;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestId, RequestMessage};
use crate::hub::subscriptions::SubscriberKey;
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

fn ask_of(runtime: &Arc<BusRuntime>, to: Recipient, id: RequestId) -> Pending {
    let (reply, pending) = reply(runtime);
    let ask = NewRequest {
        message: RequestMessage {
            id,
            name: name(),
            payload: "1".into(),
            source: Endpoint::Host,
            provenance: None,
        },
        caller: Caller::Host,
        to,
        timeout: TIMEOUT,
    };
    runtime.responders.request(ask, reply);
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
            let (added, effects) = runtime.core.hub().add_responder(key, name(), now());
            runtime.core.apply_effects(effects);
            added.unwrap();
            key
        })
        .unwrap();
    (page, key)
}

fn answer(runtime: &Arc<BusRuntime>, key: SubscriberKey, n: u128) -> bool {
    let answered = runtime
        .core
        .hub()
        .respond_from_page(key, id(n), Ok("1".to_owned()));
    match answered {
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

fn code(answer: Option<JsonResult>) -> Option<ErrorCode> {
    answer.unwrap().err().map(|error: Error| error.code())
}

/// An answer, the end of the time, the end of whoever asks, and the end of the page: one of them ends the question, and
/// it is answered once.
pub fn a_question_ends_once() {
    check(|| {
        let runtime = app();
        let (mut page, key) = responder(&runtime);
        let pending = ask_of(&runtime, Recipient::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        assert_eq!(page.questions.given.len(), 1);
        let enders: [fn(&Arc<BusRuntime>, SubscriberKey) -> bool; 4] = [
            |runtime, key| answer(runtime, key, 7),
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
        let is_answered = enders.map(|ender| ender.join().unwrap())[0];
        match code(pending.wait()) {
            None => assert!(is_answered),
            Some(code) => {
                assert!(!is_answered);
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

/// A question and the first answer of its name, in any order.
pub fn a_question_finds_a_responder_that_comes_with_it() {
    check(|| {
        let runtime = app();
        let caller = Arc::clone(&runtime);
        let caller =
            thread::spawn(move || ask_of(&caller, Recipient::Page(MAIN.into()), id(7)).wait());
        let (mut page, key) = responder(&runtime);
        while page.questions.given.is_empty() {
            page.pull().unwrap();
        }
        assert!(answer(&runtime, key, 7));
        assert_eq!(caller.join().unwrap(), Some(Ok("1".to_owned())));
    });
}

/// A page that was given a question hears that nobody waits any more, or has answered it before.
pub fn a_page_is_told_of_what_was_given_up() {
    check(|| {
        let runtime = app();
        let (mut page, key) = responder(&runtime);
        let pending = ask_of(&runtime, Recipient::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        let caller = Arc::clone(&runtime);
        let caller = thread::spawn(move || {
            let effects = caller.core.hub().cancel(id(7));
            caller.core.apply_effects(effects);
        });
        if !answer(&runtime, key, 7) {
            while page.questions.ended.is_empty() {
                page.pull().unwrap();
            }
            assert_eq!(page.questions.ended, page.questions.given);
        }
        caller.join().unwrap();
        pending.wait();
    });
}

/// A responder in Rust answers, while its time ends and the app exits.
pub fn a_responder_in_rust_leaves_nobody_waiting() {
    check(|| {
        let runtime = app();
        let handler = Arc::new(|_| {
            let answering = async {
                crate::sync::yield_now().await;
                Ok("1".to_owned())
            };
            Box::pin(answering) as crate::engine::responders::ResponseFuture
        });
        let place = std::panic::Location::caller();
        let number = runtime.responders.add(&name(), place, handler).unwrap();
        let pending = ask_of(&runtime, Recipient::Host, id(7));
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
