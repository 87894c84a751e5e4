//! Jobs, their owners and the clock.

use crate::check::check;
use crate::hub::Command;
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::SessionId;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::job::MissedTickBehavior;
use crate::model::name::EventName;
use crate::periodic::job::JobPlan;
use crate::periodic::job::Payload;
use crate::periodic::source::Sampler;
use crate::periodic::timing::schedule::Timing;
use crate::sync::advance;
use crate::world::MAIN;
use crate::world::Page;
use crate::world::app;
use crate::world::emit;
use crate::world::reply;
use shuttle::future::spawn;
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

fn session(n: u128) -> SessionId {
    SessionId::parse(&format!("{n:032x}")).unwrap()
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

/// A window closes while its page starts a job: the job stops or never starts.
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

/// A page of another origin replaces one that starts a job: the job stops or never starts.
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

/// An idle job ticks once somebody listens, however close both happen.
pub fn the_first_listener_starts_an_idle_job() {
    check(|| {
        let runtime = app();
        let job = JobPlan {
            only_while_listened: true,
            ..plan(Endpoint::Host)
        };
        let job = runtime.jobs.start(job, |_| true).unwrap();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "tick", false).unwrap();
        // Time passes for as long as it takes. Without a recheck the job would never tick.
        while runtime.jobs.info(&job).ticks == 0 {
            advance(Duration::from_secs(1));
            thread::yield_now();
        }
        runtime.jobs.stop(&job).unwrap();
    });
}

/// The machine sleeps for four intervals: each policy yields its number of ticks, and no more.
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
            // A task that was about to sleep when the clock jumped sleeps for an interval from now on.
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

/// A payload that is being made when its job stops is not emitted.
pub fn a_stopped_job_discards_a_pending_payload() {
    check(|| {
        let runtime = app();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let made = Sampler::Blocking(Box::new(|_| {
            thread::yield_now();
            Ok("1".into())
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

/// A payload that is being made when its job is paused is not emitted, unless the job has resumed by then.
pub fn a_paused_job_discards_a_pending_payload() {
    check(|| {
        let runtime = app();
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let made = Sampler::Blocking(Box::new(|_| {
            thread::yield_now();
            Ok("1".into())
        }));
        let job = JobPlan {
            payload: Payload::Sampled(made),
            ..plan(Endpoint::Host)
        };
        let job = runtime.jobs.start(job, |_| true).unwrap();
        thread::yield_now();
        runtime.jobs.pause(&job).unwrap();
        let marker = emit(&runtime, "paused");
        for _ in 0..3 {
            thread::yield_now();
        }
        assert_eq!(emit(&runtime, "end"), marker + 1);
        runtime.jobs.stop(&job).unwrap();
    });
}
