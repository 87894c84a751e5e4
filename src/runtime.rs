//! The running bus: the core, and the listeners, responders, jobs and tasks above it.

use std::sync::{Arc, Weak};

use crate::engine::core::{Above, Core, Platform};
use crate::engine::listeners::Listeners;
use crate::engine::reply::Reply;
use crate::engine::responders::Responders;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::{Effects, Hub};
use crate::limits::Limits;
use crate::model::core_target::CoreTarget;
use crate::model::endpoint::Endpoint;
use crate::model::inspection::{Inspection, SubscriptionInspection};
use crate::model::policies::Policies;
use crate::periodic::jobs::Jobs;
use crate::periodic::source::Sources;
use crate::sync::Tasks;
use crate::tasks::room::AppTasks;

/// How many subscriptions an inspection copies under one lock.
const MAX_LISTED: usize = 512;

pub(crate) struct BusRuntime {
    pub(crate) core: Arc<Core>,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) responders: Arc<Responders>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) tasks: Arc<AppTasks>,
}

impl Above for BusRuntime {
    fn cancel(&self, id: RequestId) {
        self.responders.cancel(id);
    }

    fn end_jobs_of(&self, webview: &str) {
        self.jobs.stop_all_of(webview, self.jobs.newest());
    }

    fn remove_closed(&self, webview: &str, number: u64) {
        self.remove_webview(webview, number);
    }

    fn recheck_idle(&self) {
        self.jobs.recheck_idle();
    }
}

impl Drop for BusRuntime {
    fn drop(&mut self) {
        // The core cannot reach it any more, so the effects of an ended page would no longer cancel them.
        self.responders.cancel_all();
        self.core.close_taps();
    }
}

impl BusRuntime {
    pub(crate) fn new(
        limits: Limits,
        policies: Policies,
        sources: Sources,
        platform: Box<dyn Platform>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let core = Arc::new(Core::new(limits, policies, platform, tasks));
        let runtime = Arc::new(Self {
            listeners: Arc::new(Listeners::new(Arc::clone(&core))),
            responders: Arc::new(Responders::new(Arc::clone(&core))),
            jobs: Arc::new(Jobs::new(Arc::clone(&core), sources)),
            tasks: Arc::new(AppTasks::new(Arc::clone(&core))),
            core,
        });
        let above: Weak<Self> = Arc::downgrade(&runtime);
        runtime.core.set_above(above);
        runtime
    }

    /// The webview has left its page, for a page of this origin.
    pub(crate) fn leave_page(&self, webview: &str, origin: Option<String>) {
        self.end_page(|hub| hub.leave_page(webview, origin));
    }

    /// The process of the page has crashed.
    #[allow(dead_code, reason = "only some platforms tell of crashes")]
    pub(crate) fn note_crash(&self, webview: &str) {
        self.end_page(|hub| hub.note_crash(webview));
    }

    fn end_page(&self, end: impl FnOnce(&mut Hub<Reply>) -> Effects<Reply>) {
        self.core.note_outcomes();
        let (mut effects, newest) = {
            let mut hub = self.core.hub();
            // Under the lock: a job that starts later belongs to the next page, whose session the hub has yet to open.
            (end(&mut hub), self.jobs.newest())
        };
        for webview in std::mem::take(&mut effects.changed_origin) {
            self.jobs.stop_all_of(&webview, newest);
        }
        self.core.apply_effects(effects);
    }

    /// The platform's hook tells of a webview. Returns its number.
    pub(crate) fn webview_is_ready(&self, webview: &str, window: &str) -> Option<u64> {
        let ((is_replaced, effects), newest, number) = {
            let mut hub = self.core.hub();
            let ready = hub.webview_is_ready(webview, window);
            (ready, self.jobs.newest(), hub.webview_number(webview))
        };
        self.core.apply_effects(effects);
        if is_replaced {
            self.jobs.stop_all_of(webview, newest);
        }
        number
    }

    /// The webview with this number is closed.
    pub(crate) fn remove_webview(&self, webview: &str, number: u64) {
        let ((is_removed, effects), newest) = {
            let mut hub = self.core.hub();
            // Under the lock, as above: a job that starts later belongs to the next webview of this label.
            (hub.remove_webview(webview, number), self.jobs.newest())
        };
        if is_removed {
            self.core.apply_effects(effects);
            self.jobs.stop_all_of(webview, newest);
            self.jobs.forget_rates(webview);
            self.listeners
                .end_targets(&[CoreTarget::Webview(webview.into())]);
        }
    }

    pub(crate) fn remove_window(&self, window: &str) {
        let mut closed = vec![
            CoreTarget::Window(window.into()),
            CoreTarget::WebviewWindow(window.into()),
        ];
        for webview in self.core.close_window(window) {
            self.jobs.stop_all_of(&webview, u64::MAX);
            self.jobs.forget_rates(&webview);
            closed.push(CoreTarget::Webview(webview));
        }
        self.listeners.end_targets(&closed);
    }

    pub(crate) fn shut_down(&self) {
        self.jobs.stop_all();
        self.tasks.close();
        let effects = self.core.hub().shut_down();
        self.core.apply_effects(effects);
    }

    /// Takes a snapshot of the bus part by part, so that emitters and pages do not wait for the whole.
    pub(crate) fn inspect(&self) -> Inspection {
        let core = &self.core;
        let overview = core.hub().overview();
        let mut webviews = Vec::with_capacity(overview.webviews.len());
        for label in &overview.webviews {
            core.yield_to_waiters();
            let inspected = core.hub().inspect_webview(label, core.clock().now());
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
            let inspected = core.hub().inspect_consumer(key);
            let Some(mut consumer) = inspected else {
                continue;
            };
            consumer.subscriptions = self.list_subscriptions(key);
            consumers.push(consumer);
        }
        let mut streams = Vec::with_capacity(overview.streams.len());
        for id in overview.streams {
            core.yield_to_waiters();
            let inspected = core.hub().inspect_stream(id);
            streams.extend(inspected);
        }
        Inspection {
            seq: overview.seq,
            refused: overview.refused,
            webviews,
            consumers,
            retained: overview.retained,
            unconsumed: overview.unconsumed,
            members: overview.members,
            wills: overview.wills,
            receipts: overview.receipts,
            jobs: self.jobs.list(&Endpoint::Host, |_| true),
            link: core.link_status(),
            streams,
            tasks: self.tasks.list(|_| true),
        }
    }

    fn list_subscriptions(&self, key: SubscriberKey) -> Vec<SubscriptionInspection> {
        let mut all = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let listed = self.core.hub().list_subscriptions(key, from, MAX_LISTED);
            next = listed
                .get(MAX_LISTED - 1)
                .and_then(|(last, _, _)| last.checked_add(1));
            let listed = listed.into_iter();
            all.extend(listed.map(|(id, pattern, filter)| SubscriptionInspection {
                id,
                event: pattern.to_string(),
                target: filter,
            }));
            self.core.yield_to_waiters();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Instant;

    use super::*;
    use crate::engine::reply::Reply;
    use crate::engine::responders::Handler;
    use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage, ResponderKind};
    use crate::hub::{Command, SESSION_LEASE};
    use crate::model::core_target::CompatListener;
    use crate::model::event::BusEvent;
    use crate::model::name::EventName;
    use crate::model::pattern::EventPattern;
    use crate::sync::Mutex;

    /// A platform whose list of webviews and their windows the test changes.
    #[derive(Clone, Default)]
    struct Listed(Arc<Mutex<HashMap<String, String>>>);

    impl Listed {
        fn set(&self, webview: &str, window: Option<&str>) {
            let mut list = self.0.lock().unwrap();
            match window {
                Some(window) => list.insert(webview.into(), window.into()),
                None => list.remove(webview),
            };
        }
    }

    impl Platform for Listed {
        fn window_of(&self, webview: &str) -> Option<String> {
            self.0.lock().unwrap().get(webview).cloned()
        }

        fn is_closed(&self, webview: &str) -> bool {
            self.window_of(webview).is_none()
        }
    }

    fn runtime(webviews: &[(&str, &str)]) -> (Arc<BusRuntime>, Listed) {
        let listed = Listed::default();
        let (limits, policies) = (Limits::default(), Policies::default());
        let platform = Box::new(listed.clone());
        let tasks = Tasks::for_tests();
        let runtime = BusRuntime::new(limits, policies, Sources::default(), platform, tasks);
        for (webview, window) in webviews {
            listed.set(webview, Some(window));
            runtime.webview_is_ready(webview, window);
        }
        (runtime, listed)
    }

    fn known(runtime: &BusRuntime) -> Vec<(String, String)> {
        let known = runtime.core.hub().locations().into_iter();
        known
            .map(|(label, window)| (label.to_string(), window.to_string()))
            .collect()
    }

    fn pair(label: &str, window: &str) -> (String, String) {
        (label.to_owned(), window.to_owned())
    }

    #[test]
    fn a_closed_window_leaves_what_has_moved() {
        let (runtime, listed) = runtime(&[
            ("stays", "main"),
            ("moved", "multi"),
            ("closes", "multi"),
            ("closed-alone", "main"),
            ("came", "main"),
        ]);
        listed.set("moved", Some("main"));
        listed.set("closes", None);
        listed.set("closed-alone", None);
        // It had moved into the window that closes.
        listed.set("came", None);
        runtime.remove_window("multi");
        assert_eq!(
            known(&runtime),
            [pair("moved", "main"), pair("stays", "main")]
        );
    }

    #[test]
    fn compatible_listeners_end_with_their_window() {
        let (runtime, listed) = runtime(&[("main", "main"), ("child", "main"), ("other", "other")]);
        let listen = |target: CoreTarget| {
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            let listener = CompatListener {
                target,
                takes_others: true,
                takes_broadcasts: true,
                is_in_core: false,
            };
            let pattern = EventPattern::parse("x").unwrap();
            let callback = move |_: BusEvent| drop(sender.clone());
            let listeners = &runtime.listeners;
            let id = listeners.add_compatible(pattern, listener, |_| callback);
            (id, receiver)
        };
        let ended = [
            listen(CoreTarget::Window("main".into())),
            listen(CoreTarget::WebviewWindow("main".into())),
            listen(CoreTarget::Webview("child".into())),
        ];
        let kept = [
            listen(CoreTarget::AnyLabel("main".into())),
            listen(CoreTarget::Webview("other".into())),
            listen(CoreTarget::App),
        ];
        for label in ["main", "child"] {
            listed.set(label, None);
        }
        runtime.remove_window("main");
        for (_, receiver) in &ended {
            // Its sender is dropped with the callback, by a task.
            assert!(receiver.recv().is_err());
        }
        for (_, receiver) in &kept {
            let empty = Err(std::sync::mpsc::TryRecvError::Empty);
            assert_eq!(receiver.try_recv(), empty);
        }
        let left = runtime.inspect().consumers[0].subscriptions.len();
        assert_eq!(left, kept.len());
    }

    #[test]
    fn a_lease_that_ends_leads_to_a_look_at_the_list() {
        let (runtime, listed) = runtime(&[("left", "multi"), ("right", "multi")]);
        let now = Instant::now();
        for label in ["left", "right"] {
            let command = Command {
                name: "emit",
                session: crate::hub::ids::SessionId::parse(&"1".repeat(32)).unwrap(),
                n: 1,
                origin: None,
            };
            let reply = crate::engine::reply::Reply::new(|_| {});
            let (_, page) = runtime.core.begin_command(label, command, reply);
            runtime
                .core
                .finish_command(page.unwrap(), 1, &Ok("1".into()));
        }
        listed.set("left", None);
        runtime.core.expire(now + SESSION_LEASE + SESSION_LEASE);
        assert_eq!(known(&runtime), [pair("right", "multi")]);
    }

    #[test]
    fn a_will_is_emitted_when_its_webview_closes() {
        let (runtime, listed) = runtime(&[("main", "main")]);
        let core = &runtime.core;
        let command = Command {
            name: "emit",
            session: crate::hub::ids::SessionId::parse(&"1".repeat(32)).unwrap(),
            n: 1,
            origin: None,
        };
        let (_, page) = core.begin_command("main", command, Reply::new(|_| {}));
        let event = crate::hub::NewEvent {
            name: EventName::parse("closed").unwrap(),
            payload: "1".into(),
            source: Endpoint::Webview("main".into()),
            tick: None,
            provenance: None,
            retain: None,
            lifetime: crate::model::lifetime::Lifetime::default(),
        };
        let will = crate::hub::will::Will {
            event,
            audience: crate::hub::Audience::default(),
            after: std::time::Duration::from_secs(60),
        };
        core.set_will(page.unwrap(), 1, Some(will)).unwrap();
        listed.set("main", None);
        runtime.remove_window("main");
        assert_eq!(runtime.inspect().seq, 0, "the hook only marks state");
        core.expire(core.clock().now());
        assert_eq!(runtime.inspect().seq, 1);
    }

    #[test]
    fn a_webview_closed_as_it_is_announced_is_gone() {
        /// Lists a webview once.
        struct Once(Mutex<bool>);

        impl Platform for Once {
            fn window_of(&self, webview: &str) -> Option<String> {
                let is_first = !std::mem::replace(&mut *self.0.lock().unwrap(), true);
                is_first.then(|| webview.to_owned())
            }

            fn is_closed(&self, _: &str) -> bool {
                *self.0.lock().unwrap()
            }
        }

        let (limits, policies) = (Limits::default(), Policies::default());
        let platform = Box::new(Once(Mutex::new(false)));
        let tasks = Tasks::for_tests();
        let runtime = BusRuntime::new(limits, policies, Sources::default(), platform, tasks);
        runtime.core.announce_if_unknown("brief");
        assert_eq!(known(&runtime), []);
    }

    #[test]
    fn responders_are_cancelled_with_the_bus() {
        let (runtime, _) = runtime(&[]);
        let (sender, started) = std::sync::mpsc::channel();
        let handler: Handler = Arc::new(move |incoming| {
            sender.send(incoming.cancelled).unwrap();
            Box::pin(std::future::pending())
        });
        let name = EventName::parse("hangs").unwrap();
        let location = std::panic::Location::caller();
        runtime
            .responders
            .add(&name, ResponderKind::Single, location, handler)
            .unwrap();
        let message = RequestMessage {
            id: RequestId::random().unwrap(),
            name,
            payload: "null".into(),
            source: Endpoint::Host,
            provenance: None,
            stream: None,
            is_channel: false,
        };
        let request = NewRequest {
            message,
            caller: Caller::Host,
            to: Recipient::Host,
            timeout: Some(std::time::Duration::from_secs(60)),
        };
        runtime.responders.request(request, Reply::new(|_| {}));
        let cancelled = started.recv().unwrap();
        assert!(!cancelled.is_set());
        drop(runtime);
        assert!(cancelled.is_set());
    }
}
