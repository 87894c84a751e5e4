//! Beginning to listen: the subscription, and what it gets of what came before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{BusEvent, Gap, GapReason, Mark};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;
use crate::model::target::Selection;
use crate::permissions::Scope;

use super::backlog::BacklogEntry;
use super::queue::{LostEvents, QueuedEvent};
use super::session::SessionId;
use super::subscriptions::{SubscriberKey, SubscriptionId};
use super::{Effects, History, Hub, START_UP};
use crate::model::delivery::Addressing;
use crate::model::delivery::DeliveryFilter;

/// One subscription that a page asks for.
#[derive(Debug)]
pub(crate) struct SubscriptionRequest {
    pub(crate) id: SubscriptionId,
    pub(crate) pattern: EventPattern,
    /// What it is allowed of that, at whatever time it is delivered. All, if there is nothing.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Only what is sent to this, which must be the page's own webview or window.
    pub(crate) target: Option<Selection>,
    /// Whether it gets what a starting page may still get.
    pub(crate) wants_replayed: bool,
    pub(crate) wants_retained: bool,
    /// Where it goes on, if the page had it in a session before.
    pub(crate) resume: Option<Resumption>,
}

impl SubscriptionRequest {
    fn hears(&self, name: &EventName) -> bool {
        let is_allowed = || {
            self.scope
                .as_ref()
                .is_none_or(|scope| scope.allows_listening(name))
        };
        self.pattern.hears(name) && is_allowed()
    }
}

/// Where a subscription goes on that had been accepted in another session of the same page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resumption {
    pub(crate) session: SessionId,
    /// The sequence number up to which the page has everything.
    pub(crate) after: u64,
    /// The last sequence number that this subscription has got; 0 if it has got nothing.
    pub(crate) handled: u64,
}

/// What new subscriptions get of what came before them, by sequence number.
#[derive(Debug, Default)]
struct Arrears {
    events: BTreeMap<(u64, Mark), ArrearsEntry>,
    gaps: Vec<LostEvents>,
}

#[derive(Debug)]
struct ArrearsEntry {
    event: BusEvent,
    reach: Addressing,
    subscriptions: Vec<SubscriptionId>,
}

impl Arrears {
    fn add(&mut self, event: &BusEvent, reach: Addressing, mark: Mark, id: SubscriptionId) {
        self.events
            .entry((event.seq(), mark))
            .or_insert_with(|| ArrearsEntry {
                event: event.marked(mark),
                reach,
                subscriptions: Vec::new(),
            })
            .subscriptions
            .push(id);
    }

    fn add_gap(&mut self, gap: Gap, id: SubscriptionId) {
        match self.gaps.iter_mut().find(|lost| lost.gap == gap) {
            Some(lost) => {
                lost.subscriptions.insert(id);
            }
            None => self.gaps.push(LostEvents {
                gap,
                subscriptions: [id].into(),
            }),
        }
    }
}

impl<W> Hub<W> {
    /// Begins the subscriptions of one command, and answers each with the sequence number that it begins after.
    ///
    /// What they get of what came before is queued behind what the page is owed already, and before anything that is
    /// accepted from now on: there is no seam.
    pub(crate) fn subscribe(
        &mut self,
        key: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        now: Instant,
    ) -> (Vec<Result<u64>>, Effects<W>) {
        let mut effects = Effects::default();
        let mut arrears = Arrears::default();
        let answers = requests
            .into_iter()
            .map(|request| {
                let hearing = self.check_subscription(key, &request)?;
                effects.rearm |= self.begin_start_up(key, now);
                self.find_arrears(key, &request, hearing, now, &mut arrears);
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.subscriptions += 1;
                }
                self.subscriptions
                    .insert(key, request.id, request.pattern, hearing, request.scope);
                effects.has_new_listeners = true;
                Ok(self.seq)
            })
            .collect();
        self.queue_arrears(key, arrears, now, &mut effects);
        (answers, effects)
    }

    /// How many events of the past each subscription looks through that this page begins.
    pub(crate) fn past_of(&self, key: SubscriberKey) -> usize {
        let session = self.sessions.get(&key);
        let webview = session.and_then(|session| self.webviews.get(&session.webview));
        let history = webview.and_then(|webview| webview.history.as_ref());
        history.map_or(0, |history| history.backlog.load().0) + self.retained.load().0
    }

    fn check_subscription(
        &self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
    ) -> Result<DeliveryFilter> {
        let Some(session) = self.sessions.get(&key) else {
            return Err(Error::new(
                ErrorCode::StaleSession,
                "this session has ended",
            ));
        };
        let window = self
            .webviews
            .get(&session.webview)
            .map(|webview| &*webview.window);
        let hearing = match &request.target {
            None => DeliveryFilter::Own,
            Some(target) if target.everyone => DeliveryFilter::Own,
            Some(target) if target.has_webview(&session.webview, window.unwrap_or_default()) => {
                DeliveryFilter::Sent
            }
            Some(_) => {
                return Err(Error::new(
                    ErrorCode::Denied,
                    format!(
                        "a page hears only what is sent to itself; this one is in the webview {:?}",
                        session.webview
                    ),
                ));
            }
        };
        if self.subscriptions.contains(key, request.id) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the subscription id {} is in use; each has its own",
                    request.id
                ),
            ));
        }
        if session.subscriptions >= self.limits.subscriptions_per_page {
            return Err(Error::new(
                ErrorCode::TooManySubscriptions,
                format!(
                    "this page has {} subscriptions, and that is the limit; end some before {:?}",
                    session.subscriptions,
                    request.pattern.to_string()
                ),
            ));
        }
        let cost = request.pattern.cost();
        if cost > 0 && self.subscriptions.cost_of(key) + cost > self.limits.globs_per_page {
            return Err(Error::new(
                ErrorCode::TooManySubscriptions,
                format!(
                    "patterns with a wildcard before their end are limited to {} a page (globsPerPage), and {:?} is one too many, for which {cost} are counted; listen to more with fewer, or put the wildcard last",
                    self.limits.globs_per_page,
                    request.pattern.to_string()
                ),
            ));
        }
        Ok(hearing)
    }

    /// With its first subscription a page takes over what is kept for it, unless it is of another origin than the page
    /// before.
    fn begin_start_up(&mut self, key: SubscriberKey, now: Instant) -> bool {
        let Some(session) = self.sessions.get_mut(&key) else {
            return false;
        };
        if session.first_subscribed.is_some() {
            return false;
        }
        session.first_subscribed = Some(now);
        let until = now + START_UP;
        let Some(webview) = self.webviews.get_mut(&session.webview) else {
            return false;
        };
        let may_resume = |history: &History| match &history.before {
            None => true,
            Some(before) => before.origin.is_some() && before.origin == session.origin,
        };
        webview.history = webview
            .history
            .take()
            .filter(may_resume)
            .map(|history| History {
                until: Some(until),
                ..history
            });
        webview.history.is_some() && self.arm(until)
    }

    fn find_arrears<'a>(
        &'a self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
        hearing: DeliveryFilter,
        now: Instant,
        arrears: &mut Arrears,
    ) {
        let Some((session, webview)) = self
            .sessions
            .get(&key)
            .and_then(|session| Some((session, self.webviews.get(&session.webview)?)))
        else {
            return;
        };
        let mut found: BTreeMap<u64, (&'a BusEvent, Addressing, Mark)> = BTreeMap::new();
        let history = webview
            .history
            .as_ref()
            .filter(|history| history.until.is_some_and(|until| now < until));
        let mut find = |kept: &'a BacklogEntry, mark: Mark| {
            if hearing.covers(kept.reach) && request.hears(kept.event.event_name()) {
                found.insert(kept.event.seq(), (&kept.event, kept.reach, mark));
            }
        };
        let replayed = Mark {
            replayed: true,
            ..Mark::default()
        };
        match (history, request.resume) {
            (Some(history), Some(resume)) if history.is_after(resume.session) => {
                let complete_after = history.backlog.complete_after();
                let evicted = history.backlog.eviction_of(request.id, resume.handled);
                if let Some(gap) = evicted {
                    arrears.add_gap(gap, request.id);
                }
                for kept in history.backlog.pending_for(request.id) {
                    // It may have been handled, and only the acknowledgement not have come.
                    if kept.event.seq() <= resume.handled && !kept.is_only_retained() {
                        continue;
                    }
                    let is_new = kept.event.seq() > complete_after;
                    find(
                        kept,
                        if is_new {
                            replayed
                        } else {
                            kept.event.mark().again()
                        },
                    );
                }
            }
            (Some(history), Some(resume)) => {
                let gaps = [
                    history.backlog.absence_after(resume.after),
                    history.backlog.eviction_after(resume.after),
                ];
                for gap in gaps.into_iter().flatten() {
                    arrears.add_gap(gap, request.id);
                }
                for kept in history.backlog.after(resume.after) {
                    find(kept, replayed);
                }
            }
            (Some(history), None) if request.wants_replayed => {
                let after = history.backlog.resumes_after();
                if let Some(gap) = history.backlog.eviction_after(after) {
                    arrears.add_gap(gap, request.id);
                }
                for kept in history.backlog.after(after) {
                    find(kept, replayed);
                }
            }
            (None, Some(resume)) if resume.after < self.seq => arrears.add_gap(
                Gap {
                    from: resume.after + 1,
                    to: self.seq,
                    count: self.seq - resume.after,
                    at_most: true,
                    reason: GapReason::SessionEnded,
                },
                request.id,
            ),
            _ => {}
        }
        if request.wants_retained {
            for retained in self.retained.matching(&request.pattern) {
                let seq = retained.event.seq();
                let reach = retained
                    .audience
                    .reach_page(&session.webview, &webview.window);
                let Some(reach) = reach.filter(|reach| hearing.covers(*reach)) else {
                    continue;
                };
                if !request.hears(retained.event.event_name()) {
                    continue;
                }
                // A page that had it in a session before has it, or is owed it from there.
                if request.resume.is_some_and(|resume| seq <= resume.after) {
                    continue;
                }
                found
                    .entry(seq)
                    .or_insert((&retained.event, reach, Mark::default()))
                    .2
                    .retained = true;
            }
        }
        for (event, reach, mark) in found.into_values() {
            arrears.add(event, reach, mark, request.id);
        }
    }

    fn queue_arrears(
        &mut self,
        key: SubscriberKey,
        arrears: Arrears,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        for lost in arrears.gaps {
            session.outbox.push_lost(lost);
        }
        for mut entry in arrears.events.into_values() {
            // As everywhere: where something is lost, it is looked up for each subscription.
            entry.subscriptions.sort_unstable();
            let policy = self.subscriptions.policy(entry.event.event_name());
            let queued = QueuedEvent {
                event: entry.event,
                subscriptions: entry.subscriptions.into(),
                reach: entry.reach,
            };
            // What was accepted once is not rejected later.
            let overflow = match policy.overflow {
                Overflow::Reject => Overflow::DropOldest,
                other => other,
            };
            session.outbox.push(queued, overflow);
        }
        session.answer_parked(now, effects);
    }

    /// Begins a subscription of the app itself, which gets what is retained.
    pub(crate) fn listen(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        hearing: DeliveryFilter,
    ) -> Effects<W> {
        let mut effects = Effects {
            has_new_listeners: true,
            ..Effects::default()
        };
        if let Some(consumer) = self.consumers.get_mut(&key) {
            let mut retained: Vec<(&BusEvent, Addressing)> = self
                .retained
                .matching(&pattern)
                .map(|retained| (&retained.event, retained.audience.reach_host()))
                .filter(|(_, reach)| hearing.covers(*reach))
                .collect();
            retained.sort_by_key(|(event, _)| event.seq());
            let mark = Mark {
                retained: true,
                ..Mark::default()
            };
            for (event, reach) in retained {
                let queued = QueuedEvent {
                    event: event.marked(mark),
                    subscriptions: Arc::new([id]),
                    reach,
                };
                consumer.queue.push(queued, Overflow::DropOldest);
            }
            effects.wakers.extend(consumer.take_waker());
        }
        self.subscriptions.insert(key, id, pattern, hearing, None);
        effects
    }

    pub(crate) fn unlisten(&mut self, key: SubscriberKey, id: SubscriptionId) {
        self.subscriptions.remove_many(key, &[id]);
    }
}
