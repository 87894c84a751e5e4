//! Streams by which pages follow tasks: the newest progress, and then the result.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use crate::engine::core::Core;
use crate::engine::parts::PartSink;
use crate::engine::responders::{Handler, ResponseFuture};
use crate::hub::command_log::JsonResult;
use crate::hub::requests::window::Credit;
use crate::limits::Limits;
use crate::sync::BusClock;
use crate::tasks::run::{Follower, Run};

/// How often a follower gets progress at most.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many parts wait for a follower. The newest progress counts, so they are few.
const PARTS: usize = 2;

/// The credit of a stream that follows a task.
pub(crate) fn follower_credit(limits: &Limits) -> Credit {
    Credit {
        bytes: limits.stream_credit().0,
        parts: PARTS.min(limits.queue_events),
    }
}

/// Responds to a request with what a run tells.
pub(crate) fn follow(core: &Arc<Core>, run: &Arc<Run>) -> Handler {
    let (core, run): (Weak<Core>, _) = (Arc::downgrade(core), Arc::clone(run));
    Arc::new(move |incoming| {
        let sink = core.upgrade().map(|core| {
            let sink = PartSink::new(&core, incoming.id, incoming.name.clone());
            (sink, core.clock())
        });
        let follower = run.follow();
        Box::pin(async move {
            match sink {
                Some((sink, clock)) => tell(follower, sink, clock).await,
                // The app is exiting.
                None => Ok("null".into()),
            }
        }) as ResponseFuture
    })
}

/// Sends the newest progress whenever it changes and there is credit. The result waits for neither.
async fn tell(mut follower: Follower, sink: PartSink, clock: BusClock) -> JsonResult {
    loop {
        poll_fn(|context| follower.poll_change(context)).await;
        let snapshot = follower.run().snapshot();
        if let Some(result) = snapshot.result {
            return result;
        }
        let sent = unless_ended(&mut follower, sink.send(Ok(snapshot.progress.into_part())));
        match sent.await {
            Ok(Ok(())) => {}
            // The page follows it no longer.
            Ok(Err(error)) => return Err(error),
            Err(result) => return result,
        }
        let slept = unless_ended(&mut follower, clock.sleep_until(clock.after(INTERVAL)));
        if let Err(result) = slept.await {
            return result;
        }
    }
}

/// Awaits something. Fails with the result of the run if that comes first.
async fn unless_ended<F: Future>(
    follower: &mut Follower,
    future: F,
) -> Result<F::Output, JsonResult> {
    let mut future = pin!(future);
    poll_fn(|context| match follower.poll_end(context) {
        Poll::Ready(result) => Poll::Ready(Err(result)),
        Poll::Pending => future.as_mut().poll(context).map(Ok),
    })
    .await
}
