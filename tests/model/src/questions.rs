//! Questions, and all that may end one at the same time.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use crate::check::check;
use crate::engine::Engine;
use crate::hub::order::Answer;
use crate::hub::requests::{Ask, Asker, Question, RequestId, Respondent};
use crate::hub::subscriptions::SubscriberKey;
use crate::model::error::{Error, ErrorCode};
use crate::model::event::Source;
use crate::model::name::EventName;
use crate::sync::now;
use crate::world::{MAIN, Page, Pending, app, reply};

const TIMEOUT: Duration = Duration::from_secs(1);

fn name() -> EventName {
    EventName::parse("q").unwrap()
}

fn ask_of(engine: &Arc<Engine>, to: Respondent, id: RequestId) -> Pending {
    let (reply, pending) = reply(engine);
    let ask = Ask {
        question: Question {
            id,
            name: name(),
            payload: "1".into(),
            source: Source::Host,
            provenance: None,
        },
        asker: Asker::Host,
        to,
        timeout: TIMEOUT,
    };
    engine.ask(ask, reply);
    pending
}

fn id(n: u128) -> RequestId {
    RequestId::parse(&format!("{n:032x}")).unwrap()
}

/// A page with a responder, and the key of its session.
fn responder(engine: &Arc<Engine>) -> (Page, SubscriberKey) {
    let mut page = Page::new(engine, 1);
    let key = page
        .command(|engine, key| {
            let (added, outcome) = engine.hub().add_responder(key, name(), now());
            engine.settle(outcome);
            added.unwrap();
            key
        })
        .unwrap();
    (page, key)
}

fn answer(engine: &Arc<Engine>, key: SubscriberKey, n: u128) -> bool {
    let answered = engine.hub().answer_of_page(key, id(n), Ok("1".to_owned()));
    match answered {
        Ok(outcome) => {
            engine.settle(outcome);
            true
        }
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::NotAsked);
            false
        }
    }
}

fn code(answer: Option<Answer>) -> Option<ErrorCode> {
    answer.unwrap().err().map(|error: Error| error.code())
}

/// An answer, the end of the time, the end of whoever asks, and the end of the page: one of them ends the question, and
/// it is answered once.
pub fn a_question_ends_once() {
    check(|| {
        let engine = app();
        let (mut page, key) = responder(&engine);
        let pending = ask_of(&engine, Respondent::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        assert_eq!(page.questions.given.len(), 1);
        let enders: [fn(&Arc<Engine>, SubscriberKey) -> bool; 4] = [
            |engine, key| answer(engine, key, 7),
            |engine, _| {
                engine.expire(now() + TIMEOUT);
                false
            },
            |engine, _| {
                let outcome = engine.hub().give_up(id(7));
                engine.settle(outcome);
                false
            },
            |engine, _| {
                engine.leave_page(MAIN, None);
                false
            },
        ];
        let enders = enders.map(|end| {
            let engine = Arc::clone(&engine);
            thread::spawn(move || end(&engine, key))
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
        let engine = app();
        let asker = Arc::clone(&engine);
        let asker =
            thread::spawn(move || ask_of(&asker, Respondent::Page(MAIN.into()), id(7)).wait());
        let (mut page, key) = responder(&engine);
        while page.questions.given.is_empty() {
            page.pull().unwrap();
        }
        assert!(answer(&engine, key, 7));
        assert_eq!(asker.join().unwrap(), Some(Ok("1".to_owned())));
    });
}

/// A page that was given a question hears that nobody waits any more, or has answered it before.
pub fn a_page_is_told_of_what_was_given_up() {
    check(|| {
        let engine = app();
        let (mut page, key) = responder(&engine);
        let pending = ask_of(&engine, Respondent::Page(MAIN.into()), id(7));
        page.pull().unwrap();
        let asker = Arc::clone(&engine);
        let asker = thread::spawn(move || {
            let outcome = asker.hub().give_up(id(7));
            asker.settle(outcome);
        });
        if !answer(&engine, key, 7) {
            while page.questions.ended.is_empty() {
                page.pull().unwrap();
            }
            assert_eq!(page.questions.ended, page.questions.given);
        }
        asker.join().unwrap();
        pending.wait();
    });
}

/// A responder in Rust answers, while its time ends and the app exits.
pub fn a_responder_in_rust_leaves_nobody_waiting() {
    check(|| {
        let engine = app();
        let handler = Arc::new(|_| {
            let answering = async {
                crate::sync::yield_now().await;
                Ok("1".to_owned())
            };
            Box::pin(answering) as crate::engine::responders::Answering
        });
        let place = std::panic::Location::caller();
        let number = engine.responders.add(&name(), place, handler).unwrap();
        let pending = ask_of(&engine, Respondent::Host, id(7));
        let other = Arc::clone(&engine);
        let ender = thread::spawn(move || {
            other.responders.remove(&name(), number);
            other.expire(now() + TIMEOUT);
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
