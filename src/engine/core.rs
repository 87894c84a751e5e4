//! The hub behind its one lock, and its effects once the lock is released.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll};
use std::thread::ThreadId;
use std::time::Instant;

use crate::config::Limits;
use crate::engine::backpressure::Backpressure;
use crate::engine::reply::Reply;
use crate::flood::Flood;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::queue::QueueEntry;
use crate::hub::requests::{Recipient, RequestId};
use crate::hub::subscriptions::SubscriberKey;
use crate::hub::{Audience, Command, Effects, EmitEffects, Hub, NewEvent, Pull, Refusal};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Policies;
use crate::model::target::Selection;
use crate::sync::{Mutex, MutexGuard, Notify, Tasks, now, yield_thread};
use crate::wire::batch::encode;

/// The hub behind its lock. It knows batches, replies and wakers; effects on jobs and responders go to those [`Above`].
pub(crate) struct Core {
    hub: Mutex<Hub<Reply>>,
    /// How many threads wait for the hub.
    waiting: AtomicUsize,
    limits: Limits,
    platform: Box<dyn Platform>,
    tasks: Tasks,
    above: OnceLock<Weak<dyn Above>>,
    /// Notified when something is due earlier than the lease keeper knows.
    pub(crate) rearm: Arc<Notify>,
    backpressure: Backpressure,
    /// The thread that answers pages.
    main_thread: OnceLock<ThreadId>,
}

/// How often a page's command lets others go first before it goes on all the same.
const MAX_YIELDS: usize = 64;

/// What the bus asks of the platform, without the platform's types.
pub(crate) trait Platform: Send + Sync {
    /// The window of the webview with this label. The platform lists a webview that was built off the main thread long
    /// before the plugin is told of it.
    fn window_of(&self, webview: &str) -> Option<String>;
}

/// What stands above the core, and takes the effects that are not the core's own.
pub(crate) trait Above: Send + Sync {
    /// The caller of this request to the host waits no longer.
    fn cancel(&self, id: RequestId);

    /// The webview shows a page of another origin.
    fn end_jobs_of(&self, webview: &str);

    /// Somebody listens to something new.
    fn recheck_idle(&self);
}

impl Core {
    pub(crate) fn new(
        limits: Limits,
        policies: Policies,
        platform: Box<dyn Platform>,
        tasks: Tasks,
    ) -> Self {
        Self {
            hub: Mutex::new(Hub::new(limits.clone(), policies)),
            waiting: AtomicUsize::new(0),
            limits,
            platform,
            tasks,
            above: OnceLock::new(),
            rearm: Arc::default(),
            backpressure: Backpressure::default(),
            main_thread: OnceLock::new(),
        }
    }

    pub(crate) fn set_above(&self, above: Weak<dyn Above>) {
        let _ = self.above.set(above);
    }

    /// The calling thread is the app's main thread.
    pub(crate) fn note_main_thread(&self) {
        let _ = self.main_thread.set(std::thread::current().id());
    }

    pub(crate) fn is_on_main_thread(&self) -> bool {
        self.main_thread.get() == Some(&std::thread::current().id())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The hub. No foreign code may run while the guard lives; [`Core::apply_effects`] is for afterwards.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub<Reply>> {
        match self.hub.try_lock() {
            Ok(hub) => hub,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                hub
            }
        }
    }

    pub(crate) fn apply_effects(&self, effects: Effects<Reply>) {
        for (reply, batch) in effects.batches {
            reply.answer(Ok(encode(&batch)));
        }
        for (reply, result) in effects.replies {
            reply.answer(result);
        }
        for (reply, error) in effects.gone {
            // Answering a page that is gone may abort the process on Apple's systems. Elsewhere it does no harm, and a
            // page that is there after all opens a new session.
            if cfg!(target_vendor = "apple") {
                drop(reply);
            } else {
                reply.answer(Err(error));
            }
        }
        for waker in effects.wakers {
            waker.wake();
        }
        if effects.has_room {
            self.backpressure.notify();
        }
        if effects.rearm {
            self.rearm.notify_one();
        }
        let is_above = effects.has_new_listeners
            || !effects.cancelled.is_empty()
            || !effects.changed_origin.is_empty();
        if let Some(above) = self
            .above
            .get()
            .filter(|_| is_above)
            .and_then(Weak::upgrade)
        {
            for id in effects.cancelled {
                above.cancel(id);
            }
            for webview in effects.changed_origin {
                above.end_jobs_of(&webview);
            }
            if effects.has_new_listeners {
                above.recheck_idle();
            }
        }
    }

    pub(crate) fn apply_emit_effects(&self, effects: EmitEffects<Reply>) {
        if let Some(effects) = effects {
            self.apply_effects(*effects);
        }
    }

    /// Publishes an event: numbers it, and puts it into every queue that it is for.
    pub(crate) fn publish(&self, event: NewEvent, audience: &Audience) -> Result<Receipt> {
        let (receipt, effects) = self.try_publish(event, audience)?;
        self.apply_emit_effects(effects);
        Ok(receipt)
    }

    /// Publishes an event and leaves its effects to the caller, or hands it back.
    pub(crate) fn try_publish(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>> {
        if let Err(error) = self.check_event(&event) {
            return Err(Refusal::of(event, error));
        }
        // Bound to a name, so that the lock is released before the platform is asked.
        let published = self.hub().enqueue(event, audience, now);
        match published {
            Err(refusal) if refusal.error.code() == ErrorCode::UnknownTarget => {
                // The platform may list a webview that the hub was not told of yet.
                if let Some(to) = &audience.to
                    && self.resolve_unannounced(&to.selection)
                {
                    self.hub().enqueue_again(refusal.event, audience, now)
                } else {
                    Err(refusal)
                }
            }
            published => published,
        }
    }

    /// Publishes as soon as every queue has room, in the order of the calls.
    pub(crate) async fn publish_when_room(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> Result<Receipt> {
        let _turn = self.backpressure.turn().await;
        let mut event = event;
        loop {
            let mut has_room = std::pin::pin!(self.backpressure.room());
            // Before the attempt, so that room that is made meanwhile is not missed.
            has_room.as_mut().enable();
            match self.try_publish(event, audience) {
                Ok((receipt, effects)) => {
                    self.apply_emit_effects(effects);
                    return Ok(receipt);
                }
                Err(refusal) if refusal.error.code() == ErrorCode::QueueFull => {
                    event = refusal.event;
                    has_room.await;
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }

    fn check_event(&self, event: &NewEvent) -> Result<()> {
        self.check_payload(&event.name, &event.payload)?;
        match &event.provenance {
            Some(provenance) => provenance.check(&event.name, self.limits.hops),
            None => Ok(()),
        }
    }

    /// Who receives a request with this target: the host, or the page in one webview.
    pub(crate) fn find_recipient(&self, to: &Selection) -> Result<Recipient> {
        let found = self.hub().find_recipient(to);
        match found {
            Err(error)
                if error.code() == ErrorCode::UnknownTarget && self.resolve_unannounced(to) =>
            {
                self.hub().find_recipient(to)
            }
            found => found,
        }
    }

    /// Announces the addressed webviews that the platform lists and the hub does not know. Says whether there were any.
    pub(crate) fn resolve_unannounced(&self, to: &Selection) -> bool {
        let strangers: Vec<&str> = {
            let hub = self.hub();
            let labels = to.webviews.iter().chain(&to.windows);
            let labels = labels.filter_map(|pattern| pattern.literal());
            labels.filter(|label| !hub.knows(label)).collect()
        };
        let resolved = strangers.into_iter().filter(|label| self.announce(label));
        resolved.count() > 0
    }

    /// Announces a webview that the platform lists. Says whether it does.
    fn announce(&self, webview: &str) -> bool {
        let window = self.platform.window_of(webview);
        if let Some(window) = &window {
            self.hub().announce(webview, window);
        }
        window.is_some()
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.hub().knows(webview)
    }

    pub(crate) fn clear_retained(&self, pattern: &EventPattern) -> usize {
        let cleared = self.hub().clear_retained(pattern);
        self.backpressure.notify();
        cleared
    }

    /// Admits a command of a page, which opens the session if it is the first.
    pub(crate) fn begin_command(
        &self,
        webview: &str,
        command: Command,
        reply: Reply,
    ) -> (CommandAdmission<Reply>, Option<SubscriberKey>) {
        self.announce_if_unknown(webview);
        let (admission, page, effects) = self.hub().begin_command(webview, command, reply, now());
        self.apply_effects(effects);
        (admission, page)
    }

    pub(crate) fn finish_command(&self, page: SubscriberKey, n: u64, result: &JsonResult) {
        let waiting = self.hub().finish_command(page, n, result.clone());
        for reply in waiting {
            reply.answer(result.clone());
        }
    }

    /// The flood account of the pages of this webview.
    pub(crate) fn flood(&self, webview: &str) -> Result<Arc<Flood>> {
        self.announce_if_unknown(webview);
        self.hub().flood(webview)
    }

    /// A page may be faster than the hook that announces its webview. It may also be slower than the hook that ends it,
    /// so a webview that the platform does not list is not announced again.
    pub(crate) fn announce_if_unknown(&self, webview: &str) {
        if !self.knows(webview) {
            self.announce(webview);
        }
    }

    /// Lets others who wait for the hub go first. A page's command may have many entries, and the system gives the lock
    /// to the thread that runs when it is released, which would be the same command again.
    pub(crate) fn yield_to_waiters(&self) {
        for _ in 0..MAX_YIELDS {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            yield_thread();
        }
    }

    pub(crate) fn pull(&self, webview: &str, pull: Pull, reply: Reply) {
        let pulled = self.hub().pull(webview, pull, reply, now());
        match pulled {
            Ok(effects) => self.apply_effects(effects),
            Err((reply, error)) => reply.answer(Err(error)),
        }
    }

    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        let (effects, next) = self.hub().expire(now);
        self.apply_effects(effects);
        next
    }

    pub(crate) fn poll_consumer(
        &self,
        key: SubscriberKey,
        context: &mut Context<'_>,
    ) -> Poll<Option<QueueEntry>> {
        let waker = context.waker().clone();
        let (polled, unneeded) = self.hub().poll_consumer(key, waker);
        drop(unneeded);
        polled
    }

    pub(crate) fn remove_consumer(&self, key: SubscriberKey) {
        // Bound to a name, so that its queue is dropped after the lock.
        let _removed = self.hub().remove_consumer(key);
    }

    pub(crate) fn check_payload(&self, name: &EventName, payload: &str) -> Result<()> {
        let limit = self.limits.payload_bytes;
        if payload.len() <= limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::PayloadTooLarge,
            format!(
                "the payload of {:?} has {} bytes of JSON; the limit is {limit}",
                name.as_str(),
                payload.len()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Address;
    use crate::hub::session::SessionId;
    use crate::model::endpoint::Endpoint;
    use crate::model::target::Target;

    /// A platform that lists a webview that was not announced.
    struct Listed(&'static str);

    impl Platform for Listed {
        fn window_of(&self, webview: &str) -> Option<String> {
            (webview == self.0).then(|| webview.to_owned())
        }
    }

    fn core() -> Core {
        Core::new(
            Limits::default(),
            Policies::default(),
            Box::new(Listed("late")),
            Tasks::for_tests(),
        )
    }

    fn emit(core: &Core, target: Target) -> Result<Receipt> {
        let event = NewEvent {
            name: EventName::parse("x")?,
            payload: "1".into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
        };
        let audience = Audience {
            to: Some(Address::of(target)?),
            except: None,
        };
        core.publish(event, &audience)
    }

    #[test]
    fn an_unannounced_webview_is_reached() {
        for target in [Target::webview("late"), Target::window("late")] {
            assert_eq!(emit(&core(), target).map(|receipt| receipt.pages), Ok(0));
        }
        let error = emit(&core(), Target::webview("never")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownTarget);
    }

    #[test]
    fn a_late_command_keeps_a_closed_webview_closed() {
        let core = core();
        core.hub().announce("closed", "closed");
        let (_, effects) = core.hub().remove_window("closed");
        core.apply_effects(effects);
        let command = Command {
            name: "start_job",
            session: SessionId::parse(&"1".repeat(32)).unwrap(),
            n: 1,
            origin: None,
        };
        let (admission, page) = core.begin_command("closed", command, Reply::new(|_| {}));
        assert!(
            matches!(admission, CommandAdmission::Refuse(_, error) if error.code() == ErrorCode::StaleSession)
        );
        assert_eq!(page, None);
        assert!(!core.knows("closed"));
    }

    /// A waker whose drop uses the bus, as a future's may that owns a stream.
    struct Reentrant(Arc<Core>);

    impl std::task::Wake for Reentrant {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Reentrant {
        fn drop(&mut self) {
            let _ = emit(&self.0, Target::everyone());
        }
    }

    #[test]
    fn wakers_may_use_the_bus() {
        let core = Arc::new(core());
        let key = core.hub().add_consumer();
        for _ in 0..3 {
            let waker = Arc::new(Reentrant(Arc::clone(&core))).into();
            assert!(
                core.poll_consumer(key, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        core.remove_consumer(key);
    }
}
