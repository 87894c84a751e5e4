//! Which subscriptions an event name concerns.

mod cache;
mod group;
mod index;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::model::core_target::CompatListener;
use crate::model::delivery::DeliveryFilter;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::{NamePolicy, Policies};
use crate::permissions::Scope;

use cache::RouteCache;
use group::{Group, Groups};
use index::Index;

pub(crate) use route::{Route, RouteEntry};

/// Every subscription, by what it listens to.
///
/// The route of a name is computed at its first event and kept until a subscription that matches it begins or ends, so
/// that each event of a steady stream costs one look-up, however many patterns there are.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    index: Index,
    /// What each subscriber listens to.
    owned: HashMap<SubscriberKey, OwnedSubscriptions>,
    routes: RouteCache,
    policies: Policies,
    /// What is bridged to Tauri's own events.
    bridged: Vec<EventPattern>,
}

/// What one subscriber listens to.
#[derive(Debug, Default)]
struct OwnedSubscriptions {
    patterns: BTreeMap<SubscriptionId, (EventPattern, DeliveryFilter)>,
    /// The scopes of its subscriptions, each once. A page has few: one for each change of its capabilities.
    scopes: Vec<Arc<Scope>>,
    /// The cost of the patterns: see [`EventPattern::cost`].
    cost: usize,
}

impl OwnedSubscriptions {
    fn share_scope(&mut self, scope: Arc<Scope>) -> Arc<Scope> {
        let known = self.scopes.iter().find(|own| own.has_entries_of(&scope));
        let shared = known.map_or(scope, Arc::clone);
        if !self.scopes.iter().any(|own| Arc::ptr_eq(own, &shared)) {
            self.scopes.push(Arc::clone(&shared));
        }
        shared
    }
}

impl Subscriptions {
    pub(crate) fn new(policies: Policies) -> Self {
        Self {
            policies,
            ..Self::default()
        }
    }

    pub(crate) fn policy(&mut self, name: &EventName) -> NamePolicy {
        let known = self.routes.policy(name);
        known.unwrap_or_else(|| self.policies.of(name))
    }

    #[cfg(test)]
    pub(crate) fn insert(
        &mut self,
        subscriber: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        filter: DeliveryFilter,
        scope: Option<Arc<Scope>>,
    ) {
        self.insert_as(subscriber, id, pattern, (filter, scope), (None, false));
    }

    /// Adds a subscription that may have been written for Tauri's events, or receive only the newest event that waits.
    pub(crate) fn insert_as(
        &mut self,
        subscriber: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        (filter, scope): (DeliveryFilter, Option<Arc<Scope>>),
        kind: (Option<CompatListener>, bool),
    ) {
        self.routes.forget(&pattern);
        let owned = self.owned.entry(subscriber).or_default();
        let scope = scope.map(|scope| owned.share_scope(scope));
        owned.cost += pattern.cost();
        owned.patterns.insert(id, (pattern.clone(), filter));
        let group = Group::of_one(subscriber, id, filter, scope, kind);
        self.index.entry(pattern).add(group);
    }

    pub(crate) fn has_bridged(&self) -> bool {
        !self.bridged.is_empty()
    }

    pub(crate) fn is_bridged(&self, name: &EventName) -> bool {
        self.bridged.iter().any(|bridged| bridged.matches(name))
    }

    /// The names that Tauri's own listeners receive, too.
    pub(crate) fn set_bridged(&mut self, bridged: Vec<EventPattern>) {
        self.bridged = bridged;
    }

    /// The cost of the patterns of this subscriber: see [`EventPattern::cost`].
    pub(crate) fn cost_of(&self, subscriber: SubscriberKey) -> usize {
        self.owned.get(&subscriber).map_or(0, |owned| owned.cost)
    }

    pub(crate) fn contains(&self, subscriber: SubscriberKey, id: SubscriptionId) -> bool {
        let owned = self.owned.get(&subscriber);
        owned.is_some_and(|owned| owned.patterns.contains_key(&id))
    }

    /// The subscriptions of a subscriber, in the order of their ids, from this one on.
    pub(crate) fn of(
        &self,
        subscriber: SubscriberKey,
        from: SubscriptionId,
    ) -> impl Iterator<Item = (SubscriptionId, &EventPattern, DeliveryFilter)> {
        let owned = self.owned.get(&subscriber).into_iter();
        owned
            .flat_map(move |owned| owned.patterns.range(from..))
            .map(|(id, (pattern, filter))| (*id, pattern, *filter))
    }

    /// Ends these subscriptions. Returns how many there were.
    pub(crate) fn remove_many(
        &mut self,
        subscriber: SubscriberKey,
        ids: &[SubscriptionId],
    ) -> usize {
        let mut ended = 0;
        for id in ids {
            let owned = self.owned.get_mut(&subscriber);
            let Some((owned, (pattern, _))) = owned.and_then(|owned| {
                let gone = owned.patterns.remove(id)?;
                Some((owned, gone))
            }) else {
                continue;
            };
            ended += 1;
            owned.cost -= pattern.cost();
            self.routes.forget(&pattern);
            self.index
                .change(&pattern, |groups| groups.remove(subscriber, *id));
        }
        ended
    }

    /// Ends all subscriptions of a subscriber. Costs nothing of other subscribers, since pages may do this in a loop.
    pub(crate) fn remove_subscriber(&mut self, subscriber: SubscriberKey) {
        let Some(owned) = self.owned.remove(&subscriber) else {
            return;
        };
        if owned.patterns.is_empty() {
            return;
        }
        self.routes.forget_subscriber(subscriber);
        let patterns: HashSet<&EventPattern> = owned
            .patterns
            .values()
            .map(|(pattern, _)| pattern)
            .collect();
        for pattern in patterns {
            let remove = |groups: &mut Groups| groups.remove_subscriber(subscriber);
            self.index.change(pattern, remove);
        }
    }

    pub(crate) fn route(&mut self, name: &EventName) -> Arc<Route> {
        if let Some(route) = self.routes.find(name) {
            return route;
        }
        let route = self.compute(name);
        self.routes.insert(Arc::clone(&route));
        route
    }

    /// The route of a name of the bus itself. There may be many such names that concern nobody, which displace no others.
    pub(crate) fn route_of_own(&mut self, name: &EventName) -> Arc<Route> {
        if let Some(route) = self.routes.find(name) {
            return route;
        }
        let route = self.compute(name);
        if !route.entries.is_empty() {
            self.routes.insert(Arc::clone(&route));
        }
        route
    }

    fn compute(&self, name: &EventName) -> Arc<Route> {
        let policy = self.policies.of(name);
        Arc::new(Route {
            name: name.clone(),
            policy,
            entries: group::entries_of(
                self.index.matching(name),
                name,
                self.is_bridged(name),
                &policy,
            ),
        })
    }
}
