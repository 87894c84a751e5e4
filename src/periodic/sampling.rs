//! Having payloads made by the app's functions, each on a task of its own.

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
use crate::periodic::worker::finish_tick;

/// How many payloads are made at a time for the jobs of one page. What makes one may take its time, also after its job
/// has ended, and all quota the threads that may block.
const MAX_MADE_AT_ONCE: usize = 16;

/// A payload that is being made for a job of a page. It counts until this is dropped.
pub(super) struct BlockingPermit {
    jobs: Weak<Jobs>,
    page: Arc<str>,
}

impl Drop for BlockingPermit {
    fn drop(&mut self) {
        if let Some(jobs) = self.jobs.upgrade() {
            jobs.return_permit(&self.page);
        }
    }
}

impl Jobs {
    /// Counts a payload that is being made for a job of a page. Those of the app are not counted.
    pub(super) fn take_permit(
        jobs: &Arc<Jobs>,
        job: &RunningJob,
    ) -> Result<Option<BlockingPermit>> {
        let Some(page) = &job.quota_owner else {
            return Ok(None);
        };
        job.count_tick()?;
        let mut ledger = jobs.ledger();
        let made = ledger.made.entry(Arc::clone(page)).or_default();
        if *made >= MAX_MADE_AT_ONCE {
            return Err(Error::new(
                ErrorCode::TooManyJobs,
                format!(
                    "{made} sources are still at work for jobs of this page, and that is the limit; start fewer, or let them be quicker"
                ),
            ));
        }
        *made += 1;
        Ok(Some(BlockingPermit {
            jobs: Arc::downgrade(jobs),
            page: Arc::clone(page),
        }))
    }

    fn return_permit(&self, page: &str) {
        let mut ledger = self.ledger();
        if let Some(made) = ledger.made.get_mut(page) {
            *made -= 1;
            if *made == 0 {
                ledger.made.remove(page);
            }
        }
    }
}

/// Has a payload made, on a task of its own, so that one that takes its time holds up no other job. The job waits for it.
pub(super) fn sample(
    jobs: &Arc<Jobs>,
    job: &Arc<RunningJob>,
    sampler: Sampler,
    tick: Tick,
    permit: Option<BlockingPermit>,
) {
    let (weak, job) = (Arc::downgrade(jobs), Arc::clone(job));
    match sampler {
        Sampler::Blocking(mut sample) => {
            drop(jobs.core.tasks().spawn_blocking(move || {
                let _making = permit;
                let made = catch_unwind(AssertUnwindSafe(|| sample(&tick)))
                    .unwrap_or_else(|panic| Err(panicked(panic)));
                finish_sampling(&weak, &job, Sampler::Blocking(sample), tick, made);
            }));
        }
        Sampler::Async(mut sample) => {
            jobs.core.tasks().spawn(async move {
                let _making = permit;
                let made = async {
                    let mut sampling =
                        catch_unwind(AssertUnwindSafe(|| sample(&tick))).map_err(panicked)?;
                    poll_fn(|context| {
                        let polled =
                            catch_unwind(AssertUnwindSafe(|| sampling.as_mut().poll(context)));
                        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
                    })
                    .await
                };
                let made = tokio::select! {
                    biased;
                    () = job.ended.notified() => return,
                    made = made => made,
                };
                finish_sampling(&weak, &job, Sampler::Async(sample), tick, made);
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
    drop_safely(panic);
    error
}

fn finish_sampling(
    jobs: &Weak<Jobs>,
    job: &Arc<RunningJob>,
    sampler: Sampler,
    tick: Tick,
    made: Result<String>,
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
    let mut unneeded = None;
    let payload = match &state.payload {
        Payload::Fixed(json) => {
            // It was given a fixed one meanwhile.
            unneeded = Some(sampler);
            Ok(Json::from(Arc::clone(json)))
        }
        Payload::Away | Payload::Sampled(_) => {
            state.payload = Payload::Sampled(sampler);
            made.map(Json::from)
        }
    };
    let is_made = payload.is_ok();
    let accepted = payload.and_then(|json| job.publish_tick(&jobs.core, &state, tick, json));
    finish_tick(&jobs, job, state, count, accepted, is_made);
    drop(unneeded);
}
