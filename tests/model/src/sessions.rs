//! Commands that arrive twice, pages that end, and who keeps time for them.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::spawn;
use shuttle::rand::Rng;
use shuttle::thread;

use crate::check::check;
use crate::engine::leases::keep_leases;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::session::SessionId;
use crate::hub::{Command, PULL_HOLD, SESSION_LEASE};
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::job::MissedTickBehavior;
use crate::model::name::EventName;
use crate::periodic::job::{JobPlan, Payload};
use crate::periodic::jobs::Jobs;
use crate::periodic::schedule::Timing;
use crate::periodic::source::Sampler;
use crate::runtime::BusRuntime;
use crate::sync::advance;
use crate::world::{MAIN, Notes, Page, app, emit, reply, try_emit};

fn session(n: u128) -> SessionId {
    SessionId::parse(&format!("{n:032x}")).unwrap()
}

/// Two threads on which the first command of a session arrives. They note each time that it runs.
fn arrive_twice(
    runtime: &Arc<BusRuntime>,
    runs: &Notes<()>,
) -> [thread::JoinHandle<Option<JsonResult>>; 2] {
    [(); 2].map(|()| {
        let (runtime, runs) = (Arc::clone(runtime), runs.clone());
        thread::spawn(move || run_command(&runtime, &runs))
    })
}

/// Runs a command as `commands/order.rs` does.
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
            let answer = Ok("ran".to_owned());
            runtime.core.finish_command(page, 1, &answer);
            reply.answer(answer);
        }
        (CommandAdmission::Repeat(reply, answer), _) => reply.answer(answer),
        (CommandAdmission::Refuse(reply, error), _) => reply.answer(Err(error)),
        (CommandAdmission::Wait, _) => {}
        (CommandAdmission::Run(_), None) => panic!("a command without a page"),
    }
    pending.wait()
}

pub fn a_command_that_arrives_twice_runs_once() {
    check(|| {
        let runtime = app();
        let runs = Notes::new();
        for answer in arrive_twice(&runtime, &runs).map(|thread| thread.join().unwrap()) {
            assert_eq!(answer, Some(Ok("ran".to_owned())));
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

/// Whatever ends the page, each who waits for the command is answered, or told that there is no answer.
pub fn the_end_of_a_page_leaves_no_command_unanswered() {
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
        for answer in arrivals.map(|thread| thread.join().unwrap()) {
            match answer {
                Some(Ok(answer)) => assert_eq!(answer, "ran"),
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

/// Whatever ends the page, a pull is answered, and what it has got until then has no hole.
pub fn the_end_of_a_page_leaves_no_pull_unanswered() {
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
        let heard = page.has_heard(1);
        assert_eq!(heard, &[1, 2][..heard.len()]);
    });
}

fn plan(owner: Endpoint) -> JobPlan {
    let second = Duration::from_secs(1);
    JobPlan {
        id: Some("job".to_owned()),
        timing: Timing {
            is_immediate: true,
            ..Timing::every(second)
        },
        owner,
        ..JobPlan::new(EventName::parse("tick").unwrap(), second)
    }
}

/// A window closes while its page starts a job: the job is stopped or was never started.
pub fn a_closed_window_has_no_jobs() {
    check(|| {
        let runtime = app();
        let owner = Endpoint::Webview(MAIN.into());
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || closer.remove_window(MAIN));
        let time = thread::spawn(|| advance(Duration::from_secs(1)));
        let started = runtime.jobs.start(plan(owner.clone()), |_| true);
        closer.join().unwrap();
        time.join().unwrap();
        assert_eq!(runtime.jobs.list(&owner, |_| false), []);
        if let Err(error) = started {
            assert_eq!(error.code(), ErrorCode::StaleSession);
        }
    });
}

/// A page of another origin takes the place of one that starts a job: the job is stopped or was never started.
pub fn a_page_of_another_origin_finds_no_jobs() {
    check(|| {
        let runtime = app();
        let owner = Endpoint::Webview(MAIN.into());
        let command = Command {
            name: "start_job",
            session: session(1),
            n: 1,
            origin: Some("tauri://localhost".to_owned()),
        };
        let (reply, _pending) = reply(&runtime);
        let (CommandAdmission::Run(_), Some(page)) =
            runtime.core.begin_command(MAIN, command, reply)
        else {
            panic!("the first command of a session runs")
        };
        let other = Arc::clone(&runtime);
        let leaving = thread::spawn(move || {
            other.leave_page(MAIN, Some("https://example.org".to_owned()));
        });
        let plan = JobPlan {
            page: Some(page),
            ..plan(owner.clone())
        };
        let started = runtime.jobs.start(plan, |_| true);
        leaving.join().unwrap();
        assert_eq!(runtime.jobs.list(&owner, |_| false), []);
        if let Err(error) = started {
            assert_eq!(error.code(), ErrorCode::StaleSession);
        }
    });
}

/// No tick is accepted once a job is stopped.
pub fn a_stopped_job_ticks_no_more() {
    check(|| {
        let runtime = app();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let job = runtime.jobs.start(plan(Endpoint::Host), |_| true).unwrap();
        let time = thread::spawn(|| {
            advance(Duration::from_secs(1));
            advance(Duration::from_secs(1));
        });
        runtime.jobs.stop(&job).unwrap();
        let marker = emit(&runtime, "stopped");
        time.join().unwrap();
        for _ in 0..3 {
            thread::yield_now();
        }
        assert_eq!(emit(&runtime, "end"), marker + 1);
    });
}

/// A job that nobody hears looks again when somebody listens, however close both come.
pub fn the_first_listener_starts_an_unheard_job() {
    check(|| {
        let runtime = app();
        let job = JobPlan {
            only_while_listened: true,
            ..plan(Endpoint::Host)
        };
        let job = runtime.jobs.start(job, |_| true).unwrap();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "tick", false).unwrap();
        // Time passes for as long as it takes; without a look it would never tick.
        while runtime.jobs.info(&job).ticks == 0 {
            advance(Duration::from_secs(1));
            thread::yield_now();
        }
        runtime.jobs.stop(&job).unwrap();
    });
}

/// The machine sleeps for four intervals: each policy gives as many ticks as it says, and no more.
pub fn a_clock_that_jumps_gives_no_storm() {
    check(|| {
        let runtime = app();
        let second = Duration::from_secs(1);
        for (missed_ticks, expected) in [
            (MissedTickBehavior::Skip, 1),
            (MissedTickBehavior::Delay, 1),
            (MissedTickBehavior::Burst, 4),
        ] {
            let job = JobPlan {
                timing: Timing {
                    missed_ticks,
                    ..Timing::every(second)
                },
                ..plan(Endpoint::Host)
            };
            let job = runtime.jobs.start(job, |_| true).unwrap();
            advance(second * 4);
            // Whoever was about to sleep when the clock jumped sleeps for an interval from now on.
            let mut slept = second * 4;
            while runtime.jobs.info(&job).ticks < expected {
                advance(second / 10);
                slept += second / 10;
                thread::yield_now();
            }
            for _ in 0..5 {
                thread::yield_now();
            }
            let info = runtime.jobs.info(&job);
            let due = info.ticks + info.missed;
            assert!((4..=slept.as_secs()).contains(&due), "{info:?}");
            let is_storm = info.ticks > 1 && missed_ticks != MissedTickBehavior::Burst;
            assert!(!is_storm, "{info:?}");
            runtime.jobs.stop(&job).unwrap();
        }
    });
}

/// A payload that is being made when its job is stopped is not emitted any more.
pub fn a_stopped_job_emits_nothing_that_is_still_made() {
    check(|| {
        let runtime = app();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let made = Sampler::Blocking(Box::new(|_| {
            thread::yield_now();
            Ok("1".to_owned())
        }));
        let job = JobPlan {
            payload: Payload::Sampled(made),
            ..plan(Endpoint::Host)
        };
        let job = runtime.jobs.start(job, |_| true).unwrap();
        thread::yield_now();
        runtime.jobs.stop(&job).unwrap();
        let marker = emit(&runtime, "stopped");
        for _ in 0..3 {
            thread::yield_now();
        }
        assert_eq!(emit(&runtime, "end"), marker + 1);
    });
}

/// A pull that is parked while the keeper goes to sleep is answered in time all the same.
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
        assert_eq!(page.has_heard(1), [0; 0]);
    });
}

/// The same, where an event has answered the pull before, so that the keeper sleeps for another reason.
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
        // The first is answered by the event, or held until it comes; the second one nothing answers but the keeper.
        page.pull().unwrap();
        emitter.join().unwrap();
        let pending = page.send_pull();
        advance(PULL_HOLD);
        page.take(pending.wait()).unwrap();
        assert_eq!(page.has_heard(1), [1]);
    });
}

/// A page that is gone without a word ends in time, which lets those through who wait for room.
pub fn an_abandoned_page_ends() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        advance(SESSION_LEASE);
        // Whoever asks until it is so is answered only if the keeper comes.
        while try_emit(&runtime, "x").unwrap().pages > 0 {
            thread::yield_now();
        }
        assert_eq!(page.pull(), Err(ErrorCode::StaleSession));
    });
}
