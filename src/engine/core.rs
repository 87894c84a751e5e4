//! The hub behind its one lock, and its effects once the lock is released.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, TryLockError, Weak};
use std::task::Waker;
use std::thread::ThreadId;

use crate::config::Compatible;
use crate::engine::counting::Counting;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::wake_safely;
use crate::engine::interceptors::Interceptors;
use crate::engine::link_state::LinkState;
use crate::engine::observe::{OpenStreams, delivering};
use crate::engine::pump::Pump;
use crate::engine::reply::Reply;
use crate::engine::tap_settings::TapSettings;
use crate::engine::traces::Traces;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::Recipient;
use crate::hub::{Command, Effects, EmitEffects, Hub, Pull};
use crate::limits::Limits;
use crate::model::compat::CompatKind;
use crate::model::deferred::Guarded;
use crate::model::error::{ErrorCode, Result};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::selection::Selection;
use crate::sync::{BusClock, Mutex, MutexGuard, Notify, Tasks, yield_thread};

/// The hub behind its lock. It knows batches, replies and wakers; effects on jobs and responders go to those [`Above`].
pub(crate) struct Core {
    hub: Mutex<Hub<Reply>>,
    /// How many threads wait for the hub.
    waiting: AtomicUsize,
    pub(super) limits: Limits,
    pub(super) platform: Box<dyn Platform>,
    tasks: Tasks,
    pub(super) diagnostics: Arc<Diagnostics>,
    pub(super) pump: OnceLock<Box<dyn Pump>>,
    pub(super) above: OnceLock<Weak<dyn Above>>,
    /// Notified when something is due earlier than the lease keeper knows.
    pub(crate) rearm: Arc<Notify>,
    /// The parts of compatible mode, if it is on.
    compatible: OnceLock<Compatible>,
    /// The interceptors, if the app has any.
    pub(super) interceptors: OnceLock<Interceptors>,
    /// The link to other nodes, if the app has one.
    pub(super) link: OnceLock<LinkState>,
    pub(super) taps: TapSettings,
    traces: Arc<Traces>,
    pub(super) counting: Arc<Counting>,
    pub(super) streams: OpenStreams,
    /// The thread that delivers replies to pages.
    main_thread: OnceLock<ThreadId>,
}

/// How often a page's command lets others go first before it continues in any case.
const MAX_YIELDS: usize = 64;

/// What the bus needs to know of the platform, without the platform's types.
pub(crate) trait Platform: Send + Sync {
    /// The window of the webview with this label. The platform lists a webview that was built off the main thread long
    /// before the plugin's hook runs.
    fn window_of(&self, webview: &str) -> Option<String>;

    /// Whether the platform can tell that this webview is closed.
    fn is_closed(&self, webview: &str) -> bool;

    /// Opens the inspector's window.
    #[cfg(feature = "inspector")]
    fn open_inspector(&self) -> Result<()> {
        Err(crate::model::error::Error::new(
            ErrorCode::Unavailable,
            "the inspector has no window on this platform",
        ))
    }
}

/// The layer above the core, which takes the effects that are not the core's own.
pub(crate) trait Above: Send + Sync {
    /// The caller of this request to the host waits no longer.
    fn cancel(&self, id: RequestId);

    /// The webview shows a page of another origin.
    fn end_jobs_of(&self, webview: &str);

    /// The webview is closed, and only the platform's list tells so.
    fn remove_closed(&self, webview: &str, number: u64);

    /// A subscription has begun, so idle jobs may have a listener.
    fn recheck_idle(&self);
}

impl Core {
    pub(crate) fn new(
        limits: Limits,
        policies: Policies,
        platform: Box<dyn Platform>,
        tasks: Tasks,
    ) -> Self {
        let mut hub = Hub::new(limits.clone(), policies);
        hub.set_clock(tasks.clock());
        let diagnostics = Arc::new(Diagnostics::new(tasks.clone()));
        Self {
            hub: Mutex::new(hub),
            waiting: AtomicUsize::new(0),
            limits,
            platform,
            traces: Arc::new(Traces::new(Arc::clone(&diagnostics))),
            diagnostics,
            tasks,
            pump: OnceLock::new(),
            above: OnceLock::new(),
            rearm: Arc::default(),
            compatible: OnceLock::new(),
            interceptors: OnceLock::new(),
            link: OnceLock::new(),
            taps: TapSettings::default(),
            counting: Arc::default(),
            streams: OpenStreams::default(),
            main_thread: OnceLock::new(),
        }
    }

    pub(crate) fn set_above(&self, above: Weak<dyn Above>) {
        let _ = self.above.set(above);
    }

    /// Turns compatible mode on, before the first event.
    pub(crate) fn set_compatible(&self, parts: Compatible) {
        let _ = self.compatible.set(parts);
        self.hub().set_compatible(parts);
    }

    pub(crate) fn compatible(&self) -> Option<Compatible> {
        self.compatible.get().copied()
    }

    /// Notes in the report of compatible mode what the rules of the bus would have done otherwise.
    pub(crate) fn note_difference(
        &self,
        kind: CompatKind,
        name: &EventName,
        message: impl FnOnce() -> String,
    ) {
        let fresh = self.hub().note_difference(kind, name, message);
        self.diagnostics.tell_notes(fresh);
    }

    /// Lets an event pass that a limit refuses, if compatible mode says so.
    pub(crate) fn pass_limit(&self, name: &EventName, refused: Result<()>) -> Result<()> {
        match refused {
            Err(error) if self.compatible().is_some_and(|parts| parts.limits) => {
                let message = || error.message().to_owned();
                self.note_difference(CompatKind::Limit, name, message);
                Ok(())
            }
            other => other,
        }
    }

    /// Lets these see each event before it is published.
    pub(crate) fn set_interceptors(&self, interceptors: Interceptors) {
        if !interceptors.is_empty() {
            let _ = self.interceptors.set(interceptors);
        }
    }

    /// The functions of the app that connect the bus with its traces.
    pub(crate) fn traces(&self) -> &Arc<Traces> {
        &self.traces
    }

    /// What is counted for the app.
    pub(crate) fn counting(&self) -> &Arc<Counting> {
        &self.counting
    }

    pub(crate) fn has_interceptors(&self) -> bool {
        self.interceptors.get().is_some()
    }

    /// The calling thread is the app's main thread.
    pub(crate) fn note_main_thread(&self) {
        let _ = self.main_thread.set(std::thread::current().id());
    }

    pub(crate) fn is_on_main_thread(&self) -> bool {
        self.main_thread.get() == Some(&std::thread::current().id())
    }

    #[cfg(feature = "inspector")]
    pub(crate) fn open_inspector(&self) -> Result<()> {
        self.platform.open_inspector()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn diagnostics(&self) -> &Arc<Diagnostics> {
        &self.diagnostics
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) fn clock(&self) -> BusClock {
        self.tasks.clock()
    }

    /// The hub. No foreign code may run while the guard lives; [`Core::apply_effects`] is for afterwards.
    pub(crate) fn hub(&self) -> Guarded<MutexGuard<'_, Hub<Reply>>> {
        let hub = match self.hub.try_lock() {
            Ok(hub) => hub,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                hub
            }
        };
        Guarded::new(hub)
    }

    /// Applies effects: first calls and replies to pages, then the bus's own, and wakers last, since a waker is foreign code that may
    /// panic.
    pub(crate) fn apply_effects(&self, mut effects: Effects<Reply>) {
        self.schedule_calls(&mut effects);
        if self.is_tapped() {
            self.note_batches(&effects.batches);
        }
        let wakes_tasks = effects.rearm || !effects.wakers.is_empty();
        for (reply, batch) in effects.batches {
            delivering(&self.counting, &batch, || reply.send_batch(&batch));
        }
        for (reply, result) in effects.replies {
            reply.send(result);
        }
        for (reply, error) in effects.gone {
            // A reply to a page that is gone may abort the process on Apple's systems. Elsewhere it does no harm, and a
            // page that is there after all opens a new session.
            if cfg!(target_vendor = "apple") {
                drop(reply);
            } else {
                reply.send(Err(error));
            }
        }
        for (id, code) in effects.ended_streams {
            self.streams.end(id, code);
        }
        if effects.rearm {
            self.rearm.notify_one();
        }
        let concerns_above = effects.has_new_listeners
            || !effects.cancelled.is_empty()
            || !effects.changed_origin.is_empty();
        if let Some(above) = self
            .above
            .get()
            .filter(|_| concerns_above)
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
        self.wake(effects.wakers);
        if wakes_tasks {
            self.tasks.pass_on();
        }
        self.diagnostics.tell_notes(effects.notes);
        for abandoned in effects.abandoned {
            let name = abandoned.name.as_str();
            self.diagnostics.tell(Record::NotConsumed, name, [], || {
                let end = match abandoned.has_expired {
                    true => " it has expired;",
                    false => "",
                };
                let deliveries = abandoned.deliveries;
                format!(
                    ":{end} it was delivered {deliveries} times, and no subscription has handled it"
                )
            });
        }
    }

    /// Wakes tasks of the app. One that panics holds up neither the others nor what runs here.
    pub(crate) fn wake(&self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            if let Err(panic) = wake_safely(waker) {
                let detail = || format!(": {panic}");
                self.diagnostics.tell(Record::WakerPanicked, "", [], detail);
            }
        }
    }

    pub(crate) fn apply_emit_effects(&self, effects: EmitEffects<Reply>) {
        if let Some(effects) = effects {
            self.apply_effects(*effects);
        }
    }

    /// Who receives a request with this target: the host, or the page in one webview.
    pub(crate) fn find_recipient(&self, to: &Selection) -> Result<Recipient> {
        self.resolve_windows(to);
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

    pub(crate) fn clear_retained(&self, pattern: &EventPattern) -> usize {
        self.hub().clear_retained(pattern)
    }

    /// Forgets the retained events for everyone that match and that `is_allowed` allows, which runs without the lock.
    pub(crate) fn clear_retained_for_everyone(
        &self,
        pattern: &EventPattern,
        is_allowed: impl Fn(&EventName) -> bool,
    ) -> usize {
        let mut names = self.hub().retained_for_everyone(pattern);
        names.retain(is_allowed);
        self.hub().clear_retained_for_everyone(names)
    }

    /// Admits a command of a page. The first command opens the session.
    pub(crate) fn begin_command(
        &self,
        webview: &str,
        command: Command,
        reply: Reply,
    ) -> (CommandAdmission<Reply>, Option<SubscriberKey>) {
        self.announce_if_unknown(webview);
        if command.n == 1 {
            self.note_outcomes();
        }
        let (admission, page, effects) =
            self.hub()
                .begin_command(webview, command, reply, self.clock().now());
        self.apply_effects(effects);
        (admission, page)
    }

    /// Notes whether a subscriber has handled an event that is kept until one has.
    pub(crate) fn settle(&self, subscriber: SubscriberKey, seq: u64, is_handled: bool) {
        let effects = self.hub().settle(subscriber, seq, is_handled);
        self.apply_effects(effects);
    }

    pub(crate) fn finish_command(&self, page: SubscriberKey, n: u64, result: &JsonResult) {
        let waiting = self.hub().finish_command(page, n, result.clone());
        for reply in waiting {
            reply.send(result.clone());
        }
    }

    /// Lets other threads that wait for the hub go first. A page's command may have many entries, and a released lock goes
    /// to the thread that runs, which would be the same command again.
    pub(crate) fn yield_to_waiters(&self) {
        for _ in 0..MAX_YIELDS {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            yield_thread();
        }
    }

    /// Completes or parks a pull of the page in this webview, which is in this window now.
    pub(crate) fn pull(&self, (webview, window): (&str, &str), pull: Pull, reply: Reply) {
        let (moved, pulled) = {
            let mut hub = self.hub();
            let moved = hub.note_window(webview, window);
            (moved, hub.pull(webview, pull, reply, self.clock().now()))
        };
        self.apply_effects(moved);
        match pulled {
            Ok(effects) => self.apply_effects(effects),
            Err((reply, error)) => reply.send(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;
    use crate::hub::ids::SessionId;
    use crate::hub::presence::{PresenceStep, Room};
    use crate::hub::{Audience, NewEvent, SubscriptionRequest};
    use crate::model::endpoint::Endpoint;
    use crate::permissions::{ScopeEntry, WatchScope};

    /// A platform without webviews.
    struct Bare;

    impl Platform for Bare {
        fn window_of(&self, _: &str) -> Option<String> {
            None
        }

        fn is_closed(&self, _: &str) -> bool {
            false
        }
    }

    fn core() -> Core {
        Core::new(
            Limits::default(),
            Policies::default(),
            Box::new(Bare),
            Tasks::for_tests(),
        )
    }

    /// Opens the first session of a page.
    fn page_of(core: &Core, webview: &str, session: u32) -> SubscriberKey {
        let command = Command {
            name: "subscribe",
            session: SessionId::parse(&format!("{session:032x}")).unwrap(),
            n: 1,
            origin: None,
        };
        let (_, page) = core.begin_command(webview, command, Reply::new(|_| {}));
        page.unwrap()
    }

    fn request(id: u32, pattern: &str) -> SubscriptionRequest {
        SubscriptionRequest {
            id,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            wants_latest: false,
            watches: None,
            resume: None,
        }
    }

    /// Counts how often idle jobs are looked at again.
    #[derive(Default)]
    struct Rechecks(AtomicUsize);

    impl Above for Rechecks {
        fn cancel(&self, _: RequestId) {}

        fn end_jobs_of(&self, _: &str) {}

        fn remove_closed(&self, _: &str, _: u64) {}

        fn recheck_idle(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn many_subscriptions_recheck_idle_jobs_once() {
        let core = core();
        let above = Arc::new(Rechecks::default());
        let weak: Weak<Rechecks> = Arc::downgrade(&above);
        core.set_above(weak);
        let _ = core.hub().announce("main", "main");
        let page = page_of(&core, "main", 1);
        let request = |id| request(id, "a*b");
        let begun = core.subscribe(page, (0..64).map(request).collect(), core.clock().now());
        assert!(begun.iter().all(Result::is_ok));
        assert_eq!(above.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_command_reads_the_members_of_a_room_once() {
        let core = core();
        let _ = core.hub().announce("main", "main");
        let page = page_of(&core, "main", 1);
        let room = Room::parse("doc").unwrap();
        let state = || PresenceStep::State("1".into());
        for key in 0..4000 {
            core.change_presence(None, &room, &key.to_string(), state())
                .unwrap();
        }
        let entry = ScopeEntry::read(&serde_json::json!({ "presence": "*" }));
        let watches = Arc::new(WatchScope::new(&[Arc::new(entry)], &[]));
        let request = |id| SubscriptionRequest {
            watches: Some(Arc::clone(&watches)),
            ..request(id, "event-bus:presence:doc")
        };
        let requests = (0..1024).map(request).collect();
        let begun = core.subscribe(page, requests, core.clock().now());
        // Numbered once for each lock, of which there are three.
        let last = begun.last().unwrap().as_ref().unwrap().seq;
        let first = begun[0].as_ref().unwrap().seq;
        assert_eq!((first, last), (1, 3));
    }

    /// A waker whose drop uses the bus, as a future's may that owns a stream.
    struct Reentrant(Arc<Core>);

    impl std::task::Wake for Reentrant {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Reentrant {
        fn drop(&mut self) {
            let event = NewEvent {
                name: EventName::parse("x").unwrap(),
                payload: "1".into(),
                source: Endpoint::Host,
                tick: None,
                provenance: None,
                retain: None,
                lifetime: crate::model::lifetime::Lifetime::default(),
            };
            self.0.publish(event, &Audience::default()).unwrap();
        }
    }

    #[test]
    fn wakers_may_use_the_bus() {
        let core = Arc::new(core());
        let key = core.hub().add_stream();
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
