//! The running bus: the hub behind its one lock, and what is done with its outcomes once the lock is released.

pub(crate) mod causes;
pub(crate) mod leases;
pub(crate) mod listeners;
pub(crate) mod reply;
pub(crate) mod responders;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll};
use std::thread::ThreadId;
use std::time::Instant;

use crate::config::Limits;
use crate::engine::listeners::Callbacks;
use crate::engine::reply::Reply;
use crate::engine::responders::Responders;
use crate::hub::order::{Answer, Turn};
use crate::hub::queue::Entry;
use crate::hub::requests::asker_is_gone;
use crate::hub::subscriptions::{SubscriberKey, SubscriptionId};
use crate::hub::{Audience, Command, Draft, EmitOutcome, Hub, Outcome, Pull, SubscriptionRequest};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::inspection::{Inspection, SubscriptionInspection};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Policies;
use crate::model::target::Selection;
use crate::periodic::job::JobOwner;
use crate::periodic::jobs::Jobs;
use crate::sync::{FairMutex, Mutex, MutexGuard, Notify, now, yield_thread};
use crate::wire::batch::encode;

pub(crate) struct Engine {
    hub: Mutex<Hub<Reply>>,
    /// How many wait for the hub.
    waiting: AtomicUsize,
    limits: Limits,
    directory: Box<dyn Directory>,
    pub(crate) callbacks: Callbacks,
    pub(crate) jobs: Jobs,
    pub(crate) responders: Responders,
    /// Told when something is due earlier than the lease keeper knows.
    pub(crate) rearm: Arc<Notify>,
    room: Room,
    /// The thread through which pages are answered.
    main_thread: OnceLock<ThreadId>,
}

/// How much of one command is done under one lock, so that nobody waits for a whole command of a page. A subscription to
/// a name or a prefix counts for one, and any other pattern for [`GLOB_WORK`]; each looks through what is kept of the
/// past, of which [`PAST_WORK`] events count for one.
const MOST_WORK: usize = 512;
const GLOB_WORK: usize = 64;
const PAST_WORK: usize = 8;

/// How many of these subscriptions begin under one lock, where so many events are kept of the past.
fn fitting(requests: &[SubscriptionRequest], past: usize) -> usize {
    let mut work = 0;
    let is_fitting = |request: &&SubscriptionRequest| {
        work += 1 + request.pattern.cost() * GLOB_WORK + past / PAST_WORK;
        work <= MOST_WORK
    };
    requests.iter().take_while(is_fitting).count().max(1)
}

/// How many subscriptions end under one lock.
const MOST_ENDED: usize = 8;

/// How many subscriptions are copied under one lock to be looked at.
const MOST_LISTED: usize = 512;

/// How often a page's command lets others go first before it goes on all the same.
const MOST_YIELDS: usize = 64;

/// Where those wait who emit into a full queue.
#[derive(Default)]
struct Room {
    /// Told when a queue may have room again.
    made: Notify,
    /// Taken by one after the other, in the order in which they came.
    turn: FairMutex<()>,
}

/// What the bus asks of Tauri, without its runtime as a parameter.
pub(crate) trait Directory: Send + Sync {
    /// The window of the webview with this label. A webview that was built off the main thread is listed there long
    /// before the plugin hears of it.
    fn window_of(&self, webview: &str) -> Option<String>;
}

impl Engine {
    pub(crate) fn new(
        limits: Limits,
        policies: Policies,
        directory: Box<dyn Directory>,
    ) -> Arc<Self> {
        let mut hub = Hub::new(limits.clone(), policies);
        let callbacks = Callbacks::new(hub.add_consumer());
        Arc::new(Self {
            hub: Mutex::new(hub),
            waiting: AtomicUsize::new(0),
            limits,
            directory,
            callbacks,
            jobs: Jobs::default(),
            responders: Responders::default(),
            rearm: Arc::default(),
            room: Room::default(),
            main_thread: OnceLock::new(),
        })
    }

    /// The thread that calls this is the app's main thread.
    pub(crate) fn note_main_thread(&self) {
        let _ = self.main_thread.set(std::thread::current().id());
    }

    pub(crate) fn is_on_main_thread(&self) -> bool {
        self.main_thread.get() == Some(&std::thread::current().id())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The hub. No foreign code may run while the guard lives; [`Engine::settle`] is for afterwards.
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

    pub(crate) fn settle(&self, outcome: Outcome<Reply>) {
        for (reply, batch) in outcome.answers {
            reply.answer(Ok(encode(&batch)));
        }
        for (reply, answer) in outcome.answered {
            reply.answer(answer);
        }
        for id in outcome.given_up {
            self.responders.give_up(id);
        }
        for reply in outcome.askers {
            if cfg!(target_vendor = "apple") {
                drop(reply);
            } else {
                reply.answer(Err(asker_is_gone()));
            }
        }
        for reply in outcome.superseded {
            reply.answer(Err(session_is_over()));
        }
        for reply in outcome.orphans {
            // Answering a page that is gone may abort the process on Apple's systems; elsewhere it does no harm, and
            // where the page is there after all, it opens a new session.
            if cfg!(target_vendor = "apple") {
                drop(reply);
            } else {
                reply.answer(Err(session_is_over()));
            }
        }
        for waker in outcome.wakers {
            waker.wake();
        }
        for webview in outcome.moved_away {
            self.jobs.stop_all_of(&webview, self.jobs.newest());
        }
        if outcome.room {
            self.room.made.notify_waiters();
        }
        if outcome.rearm {
            self.rearm.notify_one();
        }
    }

    pub(crate) fn settle_emission(&self, outcome: EmitOutcome<Reply>) {
        if let Some(outcome) = outcome {
            self.settle(*outcome);
        }
    }

    pub(crate) fn emit(&self, draft: Draft, audience: &Audience) -> Result<Receipt> {
        let (receipt, outcome) = self.accept(draft, audience)?;
        self.settle_emission(outcome);
        Ok(receipt)
    }

    /// Accepts an event. What is to be done about it is left to [`Engine::settle_emission`].
    pub(crate) fn accept(
        &self,
        draft: Draft,
        audience: &Audience,
    ) -> Result<(Receipt, EmitOutcome<Reply>)> {
        self.check_payload(&draft.name, &draft.payload)?;
        if let Some(provenance) = &draft.provenance {
            provenance.check(&draft.name, self.limits.hops)?;
        }
        if let Some(to) = &audience.to {
            self.meet(&to.selection);
        }
        self.hub().emit(draft, audience, now)
    }

    /// Emits as soon as every queue has room, one after the other in the order of the calls.
    pub(crate) async fn emit_when_there_is_room(
        &self,
        draft: Draft,
        audience: &Audience,
    ) -> Result<Receipt> {
        let _turn = self.room.turn.lock().await;
        loop {
            let mut made = std::pin::pin!(self.room.made.notified());
            // Before looking, so that room that is made meanwhile is not missed.
            made.as_mut().enable();
            match self.emit(draft.clone(), audience) {
                Err(error) if error.code() == ErrorCode::QueueFull => made.await,
                settled => return settled,
            }
        }
    }

    /// Tells the hub of webviews that are addressed before they were announced.
    pub(crate) fn meet(&self, to: &Selection) {
        let strangers: Vec<&str> = {
            let hub = self.hub();
            let labels = to.webviews.iter().chain(&to.windows);
            let labels = labels.filter_map(|pattern| pattern.literal());
            labels.filter(|label| !hub.knows(label)).collect()
        };
        for webview in strangers {
            self.meet_webview(webview);
        }
    }

    fn meet_webview(&self, webview: &str) {
        if let Some(window) = self.directory.window_of(webview) {
            self.hub().announce(webview, &window);
        }
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.hub().knows(webview)
    }

    pub(crate) fn clear_retained(&self, pattern: &EventPattern) -> usize {
        let cleared = self.hub().clear_retained(pattern);
        self.room.made.notify_waiters();
        cleared
    }

    /// Takes the turn of a command, which opens the session if it is the first.
    pub(crate) fn begin_command(
        &self,
        webview: &str,
        command: Command,
        reply: Reply,
    ) -> (Turn<Reply>, Option<SubscriberKey>) {
        // A page may be faster than the hook that announces its webview; and slower than the one that tells of its end,
        // so that what Tauri does not know any more is not taken in again.
        if !self.knows(webview) {
            self.meet_webview(webview);
        }
        let (turn, page, outcome) = self.hub().begin_command(webview, command, reply, now());
        self.settle(outcome);
        (turn, page)
    }

    pub(crate) fn finish_command(&self, page: SubscriberKey, answer: &Answer) {
        let waiting = self.hub().finish_command(page, answer.clone());
        for reply in waiting {
            reply.answer(answer.clone());
        }
    }

    /// How fast the pages of this webview may send. A page may be faster than the hook that announces its webview.
    pub(crate) fn flood_of(&self, webview: &str) -> Result<Arc<crate::flood::Flood>> {
        if !self.knows(webview) {
            self.meet_webview(webview);
        }
        self.hub().flood(webview)
    }

    /// Begins subscriptions, not too many under one lock: what they get of what came before takes its time.
    pub(crate) fn subscribe(
        &self,
        page: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        now: Instant,
    ) -> Vec<Result<u64>> {
        let mut requests = requests.into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        while requests.len() > 0 {
            let mut hub = self.hub();
            let fitting = fitting(requests.as_slice(), hub.past_of(page));
            let some = requests.by_ref().take(fitting).collect();
            let (begun, outcome) = hub.subscribe(page, some, now);
            drop(hub);
            self.settle(outcome);
            answers.extend(begun);
            self.give_way();
        }
        if answers.iter().any(Result::is_ok) {
            self.jobs.look_again();
        }
        answers
    }

    /// Ends subscriptions, not too many under one lock.
    pub(crate) fn unsubscribe(&self, page: SubscriberKey, ids: &[SubscriptionId]) {
        for some in ids.chunks(MOST_ENDED) {
            let outcome = self.hub().unsubscribe(page, some);
            self.settle(outcome);
            self.give_way();
        }
    }

    /// Lets those go first who wait for the hub. A page's command may have many entries, and the system's lock goes to
    /// whoever is running when it is released, which would be the same command again.
    pub(crate) fn give_way(&self) {
        for _ in 0..MOST_YIELDS {
            if self.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            yield_thread();
        }
    }

    pub(crate) fn pull(&self, webview: &str, pull: Pull, reply: Reply) {
        let pulled = self.hub().pull(webview, pull, reply, now());
        match pulled {
            Ok(outcome) => self.settle(outcome),
            Err((reply, error)) => reply.answer(Err(error)),
        }
    }

    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        let (outcome, next) = self.hub().expire(now);
        self.settle(outcome);
        next
    }

    pub(crate) fn leave_page(&self, webview: &str, origin: Option<String>) {
        let (mut outcome, newest) = {
            let mut hub = self.hub();
            // What starts later is of the page after it, whose session the hub has yet to open.
            (hub.leave_page(webview, origin), self.jobs.newest())
        };
        for webview in std::mem::take(&mut outcome.moved_away) {
            self.jobs.stop_all_of(&webview, newest);
        }
        self.settle(outcome);
    }

    pub(crate) fn remove_window(&self, window: &str) {
        let (webviews, outcome) = self.hub().remove_window(window);
        self.settle(outcome);
        for webview in webviews {
            self.jobs.stop_all_of(&webview, u64::MAX);
            self.jobs.forget_pace(&webview);
        }
    }

    pub(crate) fn shut_down(&self) {
        self.jobs.stop_all();
        let outcome = self.hub().shut_down();
        self.settle(outcome);
    }

    pub(crate) fn poll_consumer(
        &self,
        key: SubscriberKey,
        context: &mut Context<'_>,
    ) -> Poll<Option<Entry>> {
        let waker = context.waker().clone();
        let (polled, unneeded) = self.hub().poll_consumer(key, waker);
        drop(unneeded);
        polled
    }

    pub(crate) fn remove_consumer(&self, key: SubscriberKey) {
        // Bound to a name, so that what it held is dropped after the lock.
        let _removed = self.hub().remove_consumer(key);
    }

    /// How the bus stands, webview by webview and part by part, so that nobody waits for the whole.
    pub(crate) fn inspect(&self) -> Inspection {
        let overview = self.hub().overview();
        let mut webviews = Vec::with_capacity(overview.webviews.len());
        for label in &overview.webviews {
            self.give_way();
            let inspected = self.hub().inspect_webview(label, now());
            let Some((mut webview, key)) = inspected else {
                continue;
            };
            if let (Some(page), Some(key)) = (&mut webview.page, key) {
                page.subscriptions = self.list_subscriptions(key);
            }
            webviews.push(webview);
        }
        let mut consumers = Vec::with_capacity(overview.consumers.len());
        for key in overview.consumers {
            let inspected = self.hub().inspect_consumer(key);
            let Some(mut consumer) = inspected else {
                continue;
            };
            consumer.is_stream = key != self.callbacks.subscriber;
            consumer.subscriptions = self.list_subscriptions(key);
            consumers.push(consumer);
        }
        Inspection {
            seq: overview.seq,
            refused: overview.refused,
            webviews,
            consumers,
            retained: overview.retained,
            jobs: self.jobs.list(&JobOwner::Host, |_| true),
        }
    }

    fn list_subscriptions(&self, key: SubscriberKey) -> Vec<SubscriptionInspection> {
        let mut all = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let listed = self.hub().list_subscriptions(key, from, MOST_LISTED);
            next = listed
                .get(MOST_LISTED - 1)
                .and_then(|(last, _, _)| last.checked_add(1));
            let listed = listed.into_iter();
            all.extend(listed.map(|(id, pattern, hearing)| SubscriptionInspection {
                id,
                event: pattern.to_string(),
                target: hearing.into(),
            }));
            self.give_way();
        }
        all
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

fn session_is_over() -> Error {
    Error::new(
        ErrorCode::StaleSession,
        "this session is over: its page was left, or another one has opened a session in its webview",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Address;
    use crate::hub::session::SessionId;
    use crate::model::event::Source;
    use crate::model::target::Target;

    /// A manager that knows more than was announced.
    struct Known(&'static str);

    impl Directory for Known {
        fn window_of(&self, webview: &str) -> Option<String> {
            (webview == self.0).then(|| webview.to_owned())
        }
    }

    fn engine() -> Arc<Engine> {
        Engine::new(
            Limits::default(),
            Policies::default(),
            Box::new(Known("late")),
        )
    }

    fn emit(engine: &Engine, target: Target) -> Result<Receipt> {
        let draft = Draft {
            name: EventName::parse("x")?,
            payload: "1".into(),
            source: Source::Host,
            tick: None,
            provenance: None,
            retain: None,
        };
        let audience = Audience {
            to: Some(Address::of(target)?),
            except: None,
        };
        engine.emit(draft, &audience)
    }

    #[test]
    fn a_webview_is_reached_before_it_is_announced() {
        for target in [Target::webview("late"), Target::window("late")] {
            assert_eq!(emit(&engine(), target).map(|receipt| receipt.pages), Ok(0));
        }
        let error = emit(&engine(), Target::webview("never")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownTarget);
    }

    #[test]
    fn a_late_command_does_not_bring_a_closed_webview_back() {
        let engine = engine();
        engine.hub().announce("closed", "closed");
        engine.remove_window("closed");
        let command = Command {
            name: "start_periodic",
            session: SessionId::parse(&"1".repeat(32)).unwrap(),
            n: 1,
            origin: None,
        };
        let (turn, page) = engine.begin_command("closed", command, Reply::new(|_| {}));
        assert!(matches!(turn, Turn::Refuse(_, error) if error.code() == ErrorCode::StaleSession));
        assert_eq!(page, None);
        assert!(!engine.knows("closed"));
    }

    #[test]
    fn the_longer_the_past_the_fewer_subscriptions_begin_under_one_lock() {
        let requests = |pattern: &str| -> Vec<SubscriptionRequest> {
            let request = |id| SubscriptionRequest {
                id,
                pattern: EventPattern::parse(pattern).unwrap(),
                scope: None,
                target: None,
                wants_replayed: true,
                wants_retained: true,
                resume: None,
            };
            (0..1024).map(request).collect()
        };
        let (names, globs) = (requests("x"), requests("*x"));
        for (past, of_names, of_globs) in [
            (0, 512, 7),
            (7, 512, 7),
            (80, 46, 6),
            (2048, 1, 1),
            (4096 + 1024, 1, 1),
        ] {
            let fit = (fitting(&names, past), fitting(&globs, past));
            assert_eq!(fit, (of_names, of_globs), "{past}");
        }
    }

    /// A waker whose drop uses the bus, as a future's may that owns a stream.
    struct Reentrant(Arc<Engine>);

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
        let engine = engine();
        let key = engine.hub().add_consumer();
        for _ in 0..3 {
            let waker = Arc::new(Reentrant(Arc::clone(&engine))).into();
            assert!(
                engine
                    .poll_consumer(key, &mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        engine.remove_consumer(key);
    }
}
