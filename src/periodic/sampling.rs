//! Making payloads with functions of the app, each on a task of its own.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::Poll;

use crate::engine::foreign::{drop_safely, panic_message};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Tick;
use crate::model::json::Json;
use crate::periodic::job::{Payload, RunningJob};
use crate::periodic::jobs::Jobs;
use crate::periodic::source::Sampler;
use crate::periodic::tick::{finish_tick, publish_tick};

/// How many samplers run at a time for the jobs of one page. A sampler may go on after its job has ended, and all samplers
/// share the threads for blocking work.
const MAX_RUNNING: usize = 16;

/// A running sampler of a job of a page. It counts until this is dropped.
pub(super) struct SamplePermit {
    jobs: Weak<Jobs>,
    page: Arc<str>,
}

impl Drop for SamplePermit {
    fn drop(&mut self) {
        if let Some(jobs) = self.jobs.upgrade() {
            jobs.return_permit(&self.page);
        }
    }
}

impl Jobs {
    /// Counts a sampler that is about to run for a job of a page. Those of the host are not counted.
    pub(super) fn take_permit(jobs: &Arc<Jobs>, job: &RunningJob) -> Result<Option<SamplePermit>> {
        let Some(page) = &job.quota_owner else {
            return Ok(None);
        };
        job.count_tick()?;
        let mut ledger = jobs.ledger();
        let running = ledger.made.entry(Arc::clone(page)).or_default();
        if *running >= MAX_RUNNING {
            return Err(Error::new(
                ErrorCode::TooManyJobs,
                format!(
                    "{running} sources are running for jobs of this page, and the limit is {MAX_RUNNING}; start fewer jobs with sources, or make the sources faster"
                ),
            ));
        }
        *running += 1;
        Ok(Some(SamplePermit {
            jobs: Arc::downgrade(jobs),
            page: Arc::clone(page),
        }))
    }

    fn return_permit(&self, page: &str) {
        let mut ledger = self.ledger();
        if let Some(running) = ledger.made.get_mut(page) {
            *running -= 1;
            if *running == 0 {
                ledger.made.remove(page);
            }
        }
    }
}

/// Makes a payload on a task of its own, so that a slow sampler delays no other job. The next tick of the job waits for it.
pub(super) fn sample(
    jobs: &Arc<Jobs>,
    job: &Arc<RunningJob>,
    sampler: Sampler,
    tick: Tick,
    permit: Option<SamplePermit>,
) {
    let (weak, job) = (Arc::downgrade(jobs), Arc::clone(job));
    match sampler {
        Sampler::Blocking(mut sample) => {
            drop(jobs.core.tasks().spawn_blocking(move || {
                let _permit = permit;
                let sampled = catch_unwind(AssertUnwindSafe(|| sample(&tick)))
                    .unwrap_or_else(|panic| Err(panicked(panic)));
                finish_sampling(&weak, &job, Sampler::Blocking(sample), tick, sampled);
            }));
        }
        Sampler::Async(mut sample) => {
            jobs.core.tasks().spawn(async move {
                let _permit = permit;
                let sampled = async {
                    let mut sampling =
                        catch_unwind(AssertUnwindSafe(|| sample(&tick))).map_err(panicked)?;
                    poll_fn(|context| {
                        let polled =
                            catch_unwind(AssertUnwindSafe(|| sampling.as_mut().poll(context)));
                        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
                    })
                    .await
                };
                let sampled = tokio::select! {
                    biased;
                    () = job.ended.notified() => return,
                    sampled = sampled => sampled,
                };
                finish_sampling(&weak, &job, Sampler::Async(sample), tick, sampled);
            });
        }
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let error = Error::new(
        ErrorCode::SourceFailed,
        format!(
            "the function that makes the payload panicked: {}",
            panic_message(&*panic)
        ),
    );
    // Nothing more can be said of a panic whose value panics.
    drop_safely(panic);
    error
}

fn finish_sampling(
    jobs: &Weak<Jobs>,
    job: &Arc<RunningJob>,
    sampler: Sampler,
    tick: Tick,
    sampled: Result<Json>,
) {
    let Some(jobs) = jobs.upgrade() else {
        return;
    };
    let count = tick.count;
    let mut state = job.state();
    state.is_busy = false;
    if state.is_stopped {
        drop(state);
        drop(sampler);
        return;
    }
    if state.schedule.is_paused() {
        // No tick comes once `pause` has returned. This one counts as little as those of the pause.
        state.schedule.give_back();
        let has_payload = matches!(state.payload, Payload::Fixed(_));
        let unneeded = match has_payload {
            true => Some(sampler),
            false => {
                state.payload = Payload::Sampled(sampler);
                None
            }
        };
        drop(state);
        drop(unneeded);
        return;
    }
    let mut unneeded = None;
    let payload = match &state.payload {
        Payload::Fixed(json) => {
            // The job was given a fixed payload in the meantime.
            unneeded = Some(sampler);
            Ok(json.clone())
        }
        Payload::Away | Payload::Sampled(_) => {
            state.payload = Payload::Sampled(sampler);
            sampled
        }
    };
    match payload {
        Ok(json) => publish_tick(&jobs, job, state, tick, json),
        Err(error) => finish_tick(&jobs, job, state, count, Err(error)),
    }
    drop(unneeded);
}
