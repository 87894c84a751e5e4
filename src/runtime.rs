//! The running bus: the core, and the listeners, responders and jobs above it.

use std::sync::{Arc, Weak};

use crate::engine::core::{Above, Core, Platform};
use crate::engine::listeners::Listeners;
use crate::engine::responders::Responders;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::inspection::{Inspection, SubscriptionInspection};
use crate::model::policies::Policies;
use crate::periodic::jobs::Jobs;
use crate::periodic::source::Sources;
use crate::sync::{Tasks, now};

/// How many subscriptions an inspection copies under one lock.
const MAX_LISTED: usize = 512;

pub(crate) struct BusRuntime {
    pub(crate) core: Arc<Core>,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) responders: Arc<Responders>,
    pub(crate) jobs: Arc<Jobs>,
}

impl Above for BusRuntime {
    fn cancel(&self, id: RequestId) {
        self.responders.cancel(id);
    }

    fn end_jobs_of(&self, webview: &str) {
        self.jobs.stop_all_of(webview, self.jobs.newest());
    }

    fn recheck_idle(&self) {
        self.jobs.recheck_idle();
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
            core,
        });
        let above: Weak<Self> = Arc::downgrade(&runtime);
        runtime.core.set_above(above);
        runtime
    }

    /// The webview has left its page, for a page of this origin.
    pub(crate) fn leave_page(&self, webview: &str, origin: Option<String>) {
        let (mut effects, newest) = {
            let mut hub = self.core.hub();
            // Under the lock: a job that starts later belongs to the next page, whose session the hub has yet to open.
            (hub.leave_page(webview, origin), self.jobs.newest())
        };
        for webview in std::mem::take(&mut effects.changed_origin) {
            self.jobs.stop_all_of(&webview, newest);
        }
        self.core.apply_effects(effects);
    }

    pub(crate) fn remove_window(&self, window: &str) {
        let (webviews, effects) = self.core.hub().remove_window(window);
        self.core.apply_effects(effects);
        for webview in webviews {
            self.jobs.stop_all_of(&webview, u64::MAX);
            self.jobs.forget_rates(&webview);
        }
    }

    pub(crate) fn shut_down(&self) {
        self.jobs.stop_all();
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
            let inspected = core.hub().inspect_webview(label, now());
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
        Inspection {
            seq: overview.seq,
            refused: overview.refused,
            webviews,
            consumers,
            retained: overview.retained,
            jobs: self.jobs.list(&Endpoint::Host, |_| true),
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
