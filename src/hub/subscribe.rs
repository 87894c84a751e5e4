//! Beginning and ending subscriptions, and what a new one gets of what came before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::backlog::{BacklogEntry, absence};
use crate::hub::catch_up::{CatchUp, Found, discount_what_comes_again, is_covered, may_concern};
use crate::hub::effects::Effects;
use crate::hub::fan_out::is_smaller;
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::losses::LossOf;
use crate::hub::reception::Reception;
use crate::hub::room::Line;
use crate::hub::sessions::session_ended;
use crate::hub::snapshots::Snapshots;
use crate::hub::subscription::{Beginning, Resumption, ScopeAnswers, SubscriptionRequest};
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Mark;

impl<W> Hub<W> {
    /// Begins the subscriptions of a command that is short.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn subscribe(
        &mut self,
        key: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        now: Instant,
    ) -> (Vec<Result<u64>>, Effects<W>) {
        self.subscribe_some(key, requests, &mut Snapshots::default(), now)
    }

    /// Begins some of the subscriptions of one command. Returns for each the sequence number that it begins after.
    ///
    /// What they get of what came before is queued behind what waits for the page already, and before anything that is
    /// accepted from now on: there is no seam. `snapshots` are those of the whole command.
    pub(crate) fn subscribe_some(
        &mut self,
        key: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        snapshots: &mut Snapshots,
        now: Instant,
    ) -> (Vec<Result<u64>>, Effects<W>) {
        snapshots.begin_part();
        let mut effects = Effects::default();
        let mut catch_up = CatchUp::new(self.clock);
        let answers = ScopeAnswers::default();
        let mut is_accepted = false;
        let continued = requests.iter().filter_map(|request| request.resume);
        let continued: Vec<SessionId> = continued.map(|resume| resume.session).collect();
        self.abandon_exhausted(&mut effects);
        self.expire_unconsumed();
        self.tell_freed(&mut effects);
        self.retained.drop_expired(self.clock);
        let results = requests
            .into_iter()
            .map(|request| {
                let filter = self.check_subscription(key, &request)?;
                self.write_snapshot(key, &request, snapshots, now)?;
                effects.rearm |= self.begin_start_up(key, &continued, now);
                self.note_beginning(key, &request);
                let compat = self.compat_listener(&request);
                let by = Reception {
                    filter,
                    compat: compat.as_ref(),
                };
                if let Some(resume) = request.resume
                    && let Some(session) = self.sessions.get(&key)
                {
                    let webview = Arc::clone(&session.webview);
                    self.keep_receiver(key, &webview, resume.session, resume.handled);
                }
                if compat.is_some() {
                    self.note_many(key, &request);
                }
                if compat.is_some() && self.starts_empty(&request) {
                    // What a listener of the bus would get.
                    let strict = Reception {
                        filter,
                        compat: None,
                    };
                    let mut would_be = CatchUp::new(self.clock);
                    self.collect_catch_up(key, &request, strict, now, &answers, &mut would_be);
                    self.note_replay(key, &would_be);
                } else {
                    self.collect_catch_up(key, &request, by, now, &answers, &mut catch_up);
                    self.note_told(key, &request, by, now, &answers);
                }
                if let Some(event) = self.snapshot(&request, snapshots) {
                    let mark = Mark {
                        retained: true,
                        ..Mark::default()
                    };
                    catch_up.add(&event, Addressing::Sent, mark, (request.id, false));
                }
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.subscriptions += 1;
                    session.has_resumed |= request.resume.is_some();
                    let own = request.resume.map(|resume| resume.session);
                    session.arrival.continues = session.arrival.continues.or(own);
                    if request.watches.is_some() {
                        session.watches = request.watches;
                    }
                    is_accepted = true;
                }
                let (id, pattern, scope) = (request.id, request.pattern, request.scope);
                let wants_latest = request.wants_latest;
                self.subscriptions.insert_as(
                    key,
                    id,
                    pattern,
                    (filter, scope),
                    (compat, wants_latest),
                );
                effects.has_new_listeners = true;
                Ok(self.seq)
            })
            .collect();
        self.queue_catch_up(key, catch_up, now, &mut effects);
        if is_accepted {
            self.note_first_subscription(key, now, &mut effects);
        }
        if let Some(compat) = &mut self.compat {
            effects.notes.extend(compat.notes.take_fresh());
        }
        (results, effects)
    }

    /// The event after which subscriptions that begin now get a replay; `None` if this page gets no replay.
    pub(crate) fn replays_after(&self, key: SubscriberKey, now: Instant) -> Option<u64> {
        let session = self.sessions.get(&key)?;
        let history = self.webviews.get(&session.webview)?.history.as_ref()?;
        let after = history
            .backlog
            .resumes_after()
            .max(session.starts_after.unwrap_or(0));
        (history.is_starting(now) && after < self.seq).then_some(after)
    }

    /// How many past events each new subscription of this page looks through.
    pub(crate) fn past_events_of(&self, key: SubscriberKey) -> usize {
        let session = self.sessions.get(&key);
        let webview = session.and_then(|session| self.webviews.get(&session.webview));
        let history = webview.and_then(|webview| webview.history.as_ref());
        history.map_or(0, |history| history.backlog.usage().0)
            + self.retained.usage().0
            + self.unconsumed.usage().0
    }

    fn check_subscription(
        &self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
    ) -> Result<DeliveryFilter> {
        let Some(session) = self.sessions.get(&key) else {
            return Err(session_ended());
        };
        let window = self
            .webviews
            .get(&session.webview)
            .map(|webview| &*webview.window);
        let filter = match &request.target {
            None => DeliveryFilter::Own,
            Some(target) if target.everyone => DeliveryFilter::Own,
            Some(_) if self.takes_any_label(request) => DeliveryFilter::Own,
            Some(target) if target.has_webview(&session.webview, window.unwrap_or_default()) => {
                DeliveryFilter::Sent
            }
            Some(_) => {
                return Err(Error::new(
                    ErrorCode::Denied,
                    format!(
                        "a page listens only to what is sent to itself: expected a target that selects its webview {:?}",
                        session.webview
                    ),
                ));
            }
        };
        if self.subscriptions.contains(key, request.id) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the subscription id {} is in use; give each subscription an id of its own",
                    request.id
                ),
            ));
        }
        let is_beyond = session.subscriptions >= self.limits.subscriptions_per_page;
        if is_beyond && !self.is_unlimited(request) {
            return Err(Error::new(
                ErrorCode::TooManySubscriptions,
                format!(
                    "this page has {} subscriptions, and that is the limit (subscriptionsPerPage); end some before you listen to {:?}",
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
                    "patterns with a wildcard before their end are limited to {} per page (globsPerPage), and {:?}, which counts as {cost}, exceeds that; use fewer patterns, or put the wildcard last",
                    self.limits.globs_per_page,
                    request.pattern.to_string()
                ),
            ));
        }
        Ok(filter)
    }

    /// Collects what a new subscription gets of what came before it.
    fn collect_catch_up<'a>(
        &'a self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
        by: Reception<'_>,
        now: Instant,
        answers: &ScopeAnswers,
        catch_up: &mut CatchUp,
    ) {
        let Some((session, webview)) = self
            .sessions
            .get(&key)
            .and_then(|session| Some((session, self.webviews.get(&session.webview)?)))
        else {
            return;
        };
        let mut found: BTreeMap<u64, Found<'a>> = BTreeMap::new();
        let history = webview
            .history
            .as_ref()
            .filter(|history| history.is_starting(now));
        let page = (&*session.webview, &*webview.window);
        let mut find = |kept: &'a BacklogEntry, mark: Mark| {
            let is_for_it = by.receives(kept, page);
            if is_for_it && request.matches(kept.event.event_name(), answers) {
                let seq = kept.event.seq();
                // The page before may have got it twice: by itself, and in the place of others, for its newest only.
                let is_more = |(_, _, known): &Found<'_>| known.superseded >= mark.superseded;
                if found.get(&seq).is_none_or(is_more) {
                    found.insert(seq, (&kept.event, kept.addressing, mark));
                }
            }
        };
        let concerns = |of: &LossOf| may_concern(of, request, by, answers);
        let replayed = |kept: &BacklogEntry| Mark {
            replayed: true,
            retained: false,
            ..kept.event.mark()
        };
        let starts_after = session.starts_after.unwrap_or(0);
        let traced = match (history, request.resume) {
            (Some(history), Some(resume)) => Some(history.trace(request.id, resume)),
            _ => None,
        };
        match (history, traced, request.resume) {
            (Some(history), Some(Beginning::New { since, taken_over }), Some(named)) => {
                // It gets what it would have got then, and what came since.
                let backlog = &history.backlog;
                let after = named.after.max(starts_after);
                // A page of another origin was there meanwhile.
                if let Some(gap) = absence(named.after, starts_after) {
                    catch_up.add_gap(gap, request.id);
                }
                let evicted = backlog.eviction_after(after, concerns);
                catch_up.add_taken_over(taken_over, evicted, request.id);
                if let Some(gap) = backlog.skipped_after(since.max(after), concerns) {
                    catch_up.add_gap(gap, request.id);
                }
                for kept in backlog.after(after) {
                    find(kept, replayed(kept));
                }
            }
            (Some(history), Some(Beginning::Resumed(resume)), _)
                if history.is_after(resume.session) && session.starts_after.is_none() =>
            {
                let complete_after = history.backlog.complete_after();
                let handled = (resume.handled, resume.index);
                let evicted = history.backlog.eviction_of(request.id, handled, concerns);
                let skipped = history.backlog.skipped_after(complete_after, concerns);
                if let Some(evicted) = evicted {
                    catch_up.add_eviction(evicted, request.id);
                }
                if let Some(gap) = skipped {
                    catch_up.add_gap(gap, request.id);
                }
                for kept in history.backlog.pending_for(request.id) {
                    // The page may have handled it, and only the acknowledgement has not arrived.
                    if kept.event.seq() <= resume.handled && !kept.is_only_retained() {
                        if kept.pending_for.is_some() {
                            catch_up.handled.push(kept.event.seq());
                        }
                        continue;
                    }
                    let is_new = kept.event.seq() > complete_after;
                    let mark = match is_new {
                        true => replayed(kept),
                        false => kept.mark_of(request.id).again(),
                    };
                    find(kept, mark);
                }
            }
            (Some(history), Some(Beginning::Resumed(resume)), _) => {
                let backlog = &history.backlog;
                let complete_after = backlog.complete_after().max(starts_after);
                if let Some(gap) = absence(resume.after, complete_after) {
                    let evicted = backlog.eviction_after(resume.after, concerns);
                    let replaced = evicted.and_then(|lost| lost.superseded_until(resume.after));
                    catch_up.add_gap_with(gap, replaced, request.id);
                }
                // What was evicted before is part of that gap.
                let after = resume.after.max(complete_after);
                if let Some(evicted) = backlog.eviction_after(after, concerns) {
                    catch_up.add_eviction(evicted, request.id);
                }
                if let Some(gap) = backlog.skipped_after(after, concerns) {
                    catch_up.add_gap(gap, request.id);
                }
                let after = resume.after.max(starts_after);
                for kept in backlog.after(after) {
                    let mut mark = replayed(kept);
                    // What it replaced is part of that gap, too.
                    if mark.superseded_from > resume.after {
                        (mark.superseded_from, mark.superseded) = (0, 0);
                    }
                    find(kept, mark);
                }
            }
            (Some(history), None, _) if request.is_replayed() => {
                let after = history.backlog.resumes_after().max(starts_after);
                let is_owed = session.is_owed_what_was_taken();
                let taken_over = history.taken_over().filter(|_| is_owed);
                let evicted = history.backlog.eviction_after(after, concerns);
                catch_up.add_taken_over(taken_over, evicted, request.id);
                for kept in history.backlog.after(after) {
                    find(kept, replayed(kept));
                }
            }
            (None, _, Some(resume)) => {
                if let Some(gap) = absence(resume.after, self.seq) {
                    catch_up.add_gap(gap, request.id);
                }
            }
            _ => {}
        }
        if request.wants_retained {
            let addressing_of = |audience: &Audience| {
                let addressing = audience.addressing_of_page(&session.webview, &webview.window);
                by.addressing_of(audience, addressing, page)
            };
            for (event, addressing) in self.retained.newest_of(&request.pattern, addressing_of) {
                let seq = event.seq();
                if !request.matches(event.event_name(), answers) {
                    continue;
                }
                // What is retained comes first and in order, so the page has what is older than the last event it received.
                let is_known = |resume: Resumption| {
                    let has_begun = by.compat.is_some() && seq <= resume.after;
                    seq <= resume.handled || has_begun
                };
                if request.resume.is_some_and(is_known) {
                    continue;
                }
                found
                    .entry(seq)
                    .or_insert((event, addressing, Mark::default()))
                    .2
                    .retained = true;
            }
        }
        if request.wants_replayed || request.resume.is_some() {
            for kept in self.unconsumed.matching(&request.pattern) {
                let seq = kept.event.seq();
                let to_page = kept
                    .audience
                    .addressing_of_page(&session.webview, &webview.window);
                let addressing = by.addressing_of(&kept.audience, to_page, page);
                let is_handled = request.resume.is_some_and(|resume| seq <= resume.handled);
                if let Some(addressing) = addressing.filter(|_| !is_handled)
                    && request.matches(kept.event.event_name(), answers)
                {
                    found.insert(seq, (&kept.event, addressing, kept.mark()));
                }
            }
        }
        let mut found: Vec<Found<'_>> = found.into_values().collect();
        discount_what_comes_again(&mut found);
        for (event, addressing, mark) in found {
            let subscription = (request.id, request.wants_latest);
            catch_up.add(event, addressing, mark, subscription);
        }
    }

    /// Notes which of what was evicted a subscription of the page that is starting was told of, or has.
    fn note_told(
        &mut self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
        by: Reception<'_>,
        now: Instant,
        answers: &ScopeAnswers,
    ) {
        if !request.wants_replayed && request.resume.is_none() {
            return;
        }
        let session = self.sessions.get(&key);
        let webview = session.and_then(|session| self.webviews.get_mut(&session.webview));
        let history = webview.and_then(|webview| webview.history.as_mut());
        if let Some(history) = history.filter(|history| history.is_starting(now)) {
            let is_told = |of: Option<&LossOf>| is_covered(of, request, by, answers);
            history.backlog.note_told(is_told);
        }
    }

    fn queue_catch_up(
        &mut self,
        key: SubscriberKey,
        mut catch_up: CatchUp,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        let before = session.outbox.usage();
        session.outbox.queue.drop_expired(self.clock);
        for lost in catch_up.take_gaps() {
            session.outbox.push_lost(lost);
        }
        let webview = self.webviews.get_mut(&session.webview);
        let mut history = webview.and_then(|webview| webview.history.as_mut());
        if let Some(history) = &mut history {
            for seq in catch_up.handled {
                history.backlog.note_taken(seq);
            }
        }
        let deadlines = catch_up.events.values();
        let deadlines = deadlines.filter_map(|entry| entry.event.expires_at());
        let first_deadline = deadlines.min();
        for ((_, _, _, is_newest), entry) in catch_up.events {
            if let Some(history) = history.as_mut().filter(|_| entry.event.mark().replayed) {
                history.backlog.note_taken(entry.event.seq());
            }
            let policy = self.subscriptions.policy(entry.event.event_name());
            if entry.event.mark().until_consumed {
                self.unconsumed.note_redelivery(entry.event.seq(), key);
            }
            let (outbox, queued) = (&mut session.outbox, entry.into_queued());
            match is_newest {
                true => outbox.queue.push_newest_past(queued, policy.overflow),
                false => outbox.push_past(queued, policy.overflow),
            }
        }
        if is_smaller(session.outbox.usage(), before) {
            self.room.wake_first(Line::Queue(key), &mut effects.wakers);
        }
        session.deliver(key, now, &mut self.room, effects);
        self.check_receipts(now, effects);
        if let Some(deadline) = first_deadline {
            effects.rearm |= self.arm_expiry(deadline, now);
        }
    }

    /// Ends these subscriptions. With the last one, the page's pull ends.
    pub(crate) fn unsubscribe(&mut self, key: SubscriberKey, ids: &[SubscriptionId]) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        let ended = self.subscriptions.remove_many(key, ids);
        session.subscriptions -= ended;
        for id in ids {
            session.begun.remove(id);
            session.outbox.forget(*id);
        }
        if session.subscriptions == 0 {
            session.outbox.drop_queued();
            effects.rearm |= !self.receipts.is_empty();
        }
        // Even while its queue stays full: events that this page does not listen to any more do not wait for it.
        self.release_waiting(key, &mut effects);
        self.end_idle_pull(key, &mut effects);
        effects
    }
}
