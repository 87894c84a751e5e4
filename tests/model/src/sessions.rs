//! Commands that arrive twice, pages that end, and leases.

use crate::check::check;
use crate::engine::leases::keep_leases;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::ids::SessionId;
use crate::hub::{Command, PULL_HOLD, SESSION_LEASE};
use crate::model::error::ErrorCode;
use crate::runtime::BusRuntime;
use crate::sync::advance;
use crate::world::MAIN;
use crate::world::Notes;
use crate::world::Page;
use crate::world::app;
use crate::world::emit;
use crate::world::reply;
use crate::world::try_emit;
use shuttle::future::spawn;
use shuttle::rand::Rng;
use shuttle::thread;
use std::sync::Arc;

fn session(n: u128) -> SessionId {
    SessionId::parse(&format!("{n:032x}")).unwrap()
}

/// Two threads on which the first command of a session arrives. They record each run.
fn arrive_twice(
    runtime: &Arc<BusRuntime>,
    runs: &Notes<()>,
) -> [thread::JoinHandle<Option<JsonResult>>; 2] {
    [(); 2].map(|()| {
        let (runtime, runs) = (Arc::clone(runtime), runs.clone());
        thread::spawn(move || run_command(&runtime, &runs))
    })
}

/// Runs a command as the shell does.
fn run_command(runtime: &Arc<BusRuntime>, runs: &Notes<()>) -> Option<JsonResult> {
    let command = Command {
        name: "command",
        session: session(1),
        n: 1,
        origin: None,
    };
    let (reply, pending) = reply(runtime);
    match runtime.core.begin_command(MAIN, command, reply) {
        (CommandAdmission::Run(reply), Some(page)) => {
            runs.add(());
            thread::yield_now();
            let result = Ok("ran".into());
            runtime.core.finish_command(page, 1, &result);
            reply.send(result);
        }
        (CommandAdmission::Repeat(reply, result), _) => reply.send(result),
        (CommandAdmission::Refuse(reply, error), _) => reply.send(Err(error)),
        (CommandAdmission::Wait, _) => {}
        (CommandAdmission::Run(_), None) => panic!("a command without a page"),
    }
    pending.wait()
}

pub fn a_command_that_arrives_twice_runs_once() {
    check(|| {
        let runtime = app();
        let runs = Notes::new();
        for result in arrive_twice(&runtime, &runs).map(|thread| thread.join().unwrap()) {
            let result = result.unwrap().unwrap();
            assert_eq!(&*result, "ran");
        }
        assert_eq!(runs.all(), [()]);
    });
}

#[derive(Clone, Copy)]
enum End {
    Leave,
    Close,
    TakeOver,
    Exit,
}

fn any_end() -> End {
    let ends = [End::Leave, End::Close, End::TakeOver, End::Exit];
    ends[shuttle::rand::thread_rng().gen_range(0..ends.len())]
}

fn end(runtime: &Arc<BusRuntime>, end: End) {
    match end {
        End::Leave => runtime.leave_page(MAIN, None),
        End::Close => runtime.remove_window(MAIN),
        End::TakeOver => {
            // The webview may be closed already.
            let session = shuttle::rand::thread_rng().gen_range(100..1 << 100);
            let _ = Page::new(runtime, session).command(|_, _| ());
        }
        End::Exit => runtime.shut_down(),
    }
}

/// Whatever ends the page, each copy of the command gets a result, an error, or a dropped reply.
pub fn the_end_of_a_page_completes_its_commands() {
    check(|| {
        let runtime = app();
        let runs = Notes::new();
        let arrivals = arrive_twice(&runtime, &runs);
        let ends = [any_end(), any_end()].map(|how| {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || end(&runtime, how))
        });
        for end in ends {
            end.join().unwrap();
        }
        for result in arrivals.map(|thread| thread.join().unwrap()) {
            match result {
                Some(Ok(json)) => assert_eq!(&*json, "ran"),
                Some(Err(error)) => assert!(
                    matches!(
                        error.code(),
                        ErrorCode::StaleSession | ErrorCode::Unavailable
                    ),
                    "{error}"
                ),
                None => {}
            }
        }
        assert!(runs.all().len() <= 1, "it ran twice");
    });
}

/// Whatever ends the page, its pull gets a reply, and the events until then have no hole.
pub fn the_end_of_a_page_completes_its_pulls() {
    check(|| {
        let runtime = app();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let puller = thread::spawn(move || {
            while page.pull().is_ok() {}
            page
        });
        let emitter = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                for _ in 0..2 {
                    let _ = try_emit(&runtime, "x");
                }
            })
        };
        let how = any_end();
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || end(&closer, how));
        emitter.join().unwrap();
        closer.join().unwrap();
        let page = puller.join().unwrap();
        let received = page.received(1);
        assert_eq!(received, &[1, 2][..received.len()]);
    });
}

/// A pull that is parked while the keeper goes to sleep gets a reply in time.
pub fn a_pull_is_not_held_for_too_long() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        for _ in 0..2 {
            let pending = page.send_pull();
            advance(PULL_HOLD);
            page.take(pending.wait()).unwrap();
        }
        assert_eq!(page.received(1), [0; 0]);
    });
}

/// As above, after an event completed the previous pull, so that the keeper sleeps for another reason.
pub fn a_pull_after_an_event_is_not_held_for_too_long() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let emitter = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || emit(&runtime, "x"))
        };
        // The event completes the first pull. Only the keeper completes the second one.
        page.pull().unwrap();
        emitter.join().unwrap();
        let pending = page.send_pull();
        advance(PULL_HOLD);
        page.take(pending.wait()).unwrap();
        assert_eq!(page.received(1), [1]);
    });
}

/// A page that vanishes ends in time, which makes room for waiting emits.
pub fn an_abandoned_page_ends() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        advance(SESSION_LEASE);
        // The loop ends only if the keeper runs.
        while try_emit(&runtime, "x").unwrap().pages > 0 {
            thread::yield_now();
        }
        assert_eq!(page.pull(), Err(ErrorCode::StaleSession));
    });
}
