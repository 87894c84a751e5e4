//! Pages that end while others wait for them, and while wills and members depend on them.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::rand::Rng;
use shuttle::thread;

use crate::check::check;
use crate::engine::page_waits::PageWait;
use crate::hub::Audience;
use crate::hub::presence::{PresenceStep, Room};
use crate::hub::will::Will;
use crate::model::delivery::HostSubscription;
use crate::model::error::ErrorCode;
use crate::runtime::BusRuntime;
use crate::sync::now;
use crate::world::{MAIN, Page, app, new_event, pattern};

const GRACE: Duration = Duration::from_secs(5);

/// A page with a will and a member, which has subscribed and not pulled yet.
fn page_with_will(runtime: &Arc<BusRuntime>, session: u128) -> Page {
    let mut page = Page::new(runtime, session);
    page.subscribe(1, "*", false).unwrap();
    page.command(|runtime, key| {
        let will = Will {
            event: new_event("gone"),
            audience: Audience::default(),
            after: Duration::ZERO,
        };
        runtime.core.set_will(key, 1, Some(will)).unwrap();
        join(runtime, Some(key), "page");
    })
    .unwrap();
    page
}

fn join(runtime: &BusRuntime, by: Option<crate::hub::ids::SubscriberKey>, key: &str) {
    let (room, state) = (room(), PresenceStep::State("1".into()));
    // The page may have ended by now.
    let _ = runtime.core.change_presence(by, &room, key, state);
}

fn room() -> Room {
    Room::parse("room").unwrap()
}

fn members(runtime: &BusRuntime) -> usize {
    let members = runtime.core.hub().members(&room());
    serde_json::from_str::<Vec<serde_json::Value>>(&members.to_json())
        .unwrap()
        .len()
}

/// A wait ends once, whatever ends the page meanwhile, and leaves nothing behind.
pub fn a_wait_for_a_page_ends_once() {
    check(|| {
        let runtime = app();
        let mut page = page_with_will(&runtime, 1);
        let waiter = {
            let wait = PageWait::new(&runtime.core, MAIN.to_owned());
            thread::spawn(move || block_on(wait))
        };
        let puller = thread::spawn(move || while page.pull().is_ok() {});
        let closes = shuttle::rand::thread_rng().gen_range(0..2) == 0;
        match closes {
            true => runtime.remove_window(MAIN),
            false => runtime.shut_down(),
        }
        let end = waiter.join().unwrap();
        let ends = match closes {
            true => [ErrorCode::PageGone, ErrorCode::UnknownTarget],
            false => [ErrorCode::Unavailable; 2],
        };
        if let Err(error) = end {
            assert!(ends.contains(&error.code()), "{error}");
        }
        puller.join().unwrap();
    });
}

/// A page that is back in time has no will, and one that is not has it once; its members end with it.
pub fn a_will_comes_once_or_not_at_all() {
    check(|| {
        let runtime = app();
        let core = &runtime.core;
        let stream = core.hub().add_stream();
        let listened = HostSubscription::default();
        let effects = core.hub().listen(stream, 1, pattern("gone"), listened);
        core.apply_effects(effects);
        let page = page_with_will(&runtime, 1);
        // It is there, and what it waits for is something else.
        let pull = page.send_pull();
        let leaver = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || runtime.leave_page(MAIN, None))
        };
        let keeper = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                runtime.core.expire(now());
                runtime.core.expire(now() + GRACE);
            })
        };
        let comes_back = shuttle::rand::thread_rng().gen_range(0..2) == 0;
        let back = comes_back.then(|| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                // Before the end of the page before it ends it itself.
                let mut page = Page::new(&runtime, 2);
                if page.subscribe(1, "*", false).is_ok() {
                    drop(page.send_pull());
                }
            })
        });
        leaver.join().unwrap();
        keeper.join().unwrap();
        if let Some(back) = back {
            back.join().unwrap();
        }
        drop(pull);
        // Whatever was left comes to its end.
        core.expire(now());
        core.expire(now() + GRACE);
        core.expire(now() + 2 * GRACE);
        let emitted = core.hub().inspect_consumer(stream);
        let emitted = emitted.map_or(0, |stream| stream.queue.events);
        assert!(emitted <= 1, "{emitted} wills");
        if !comes_back {
            assert_eq!(emitted, 1);
        }
        assert_eq!(members(&runtime), 0, "a member for ever");
    });
}
