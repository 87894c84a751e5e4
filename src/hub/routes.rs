//! Which subscriptions an event name concerns.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::{NamePolicy, Policies};
use crate::permissions::Scope;

/// The subscriptions of one subscriber to one name or pattern, with the same filter and scope. What matches one of them
/// matches all, so a new name costs as much as one subscription, however often a page subscribes to the same.
#[derive(Debug)]
struct Group {
    subscriber: SubscriberKey,
    filter: DeliveryFilter,
    /// What they may receive of what they listen to. `None` allows everything.
    scope: Option<Arc<Scope>>,
    /// Sorted: a page's listeners run in the order in which they were added.
    ids: Vec<SubscriptionId>,
    /// The ids as the routes share them, once one needs them.
    shared: Option<Arc<[SubscriptionId]>>,
}

impl Group {
    fn has_place_for(&self, other: &Self) -> bool {
        let scopes = (&self.scope, &other.scope);
        let has_same_scope = match scopes {
            (None, None) => true,
            // The scopes of a subscriber are shared, so the same entries are the same scope.
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        self.subscriber == other.subscriber && self.filter == other.filter && has_same_scope
    }

    fn share(&mut self) -> Arc<[SubscriptionId]> {
        let ids = self
            .shared
            .get_or_insert_with(|| self.ids.as_slice().into());
        Arc::clone(ids)
    }
}

/// Adds a subscription to the group that it belongs to.
fn add_to(groups: &mut Vec<Group>, new: Group) {
    let Some(group) = groups.iter_mut().find(|group| group.has_place_for(&new)) else {
        return groups.push(new);
    };
    group.shared = None;
    for id in new.ids {
        if let Err(position) = group.ids.binary_search(&id) {
            group.ids.insert(position, id);
        }
    }
}

/// Removes a subscription from its group. Returns whether no group is left.
fn remove_from(groups: &mut Vec<Group>, subscriber: SubscriberKey, id: SubscriptionId) -> bool {
    groups.retain_mut(|group| {
        if group.subscriber == subscriber
            && let Ok(position) = group.ids.binary_search(&id)
        {
            group.ids.remove(position);
            group.shared = None;
        }
        !group.ids.is_empty()
    });
    groups.is_empty()
}

/// The subscribers that an event name concerns, and how its events are kept and delivered.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name of the events of this route, which they share instead of owning a copy each.
    pub(crate) name: EventName,
    pub(crate) policy: NamePolicy,
    pub(crate) entries: Vec<RouteEntry>,
}

#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) subscriber: SubscriberKey,
    broadcast: Option<Arc<[SubscriptionId]>>,
    sent: Option<Arc<[SubscriptionId]>>,
    elsewhere: Option<Arc<[SubscriptionId]>>,
}

impl Route {
    fn concerns(&self, subscriber: SubscriberKey) -> bool {
        let position = |entry: &RouteEntry| entry.subscriber.cmp(&subscriber);
        self.entries.binary_search_by(position).is_ok()
    }

    /// How many ids it holds.
    fn count_ids(&self) -> usize {
        let lists = self
            .entries
            .iter()
            .flat_map(|entry| [&entry.broadcast, &entry.sent, &entry.elsewhere]);
        lists.flatten().map(|ids| ids.len()).sum()
    }
}

impl RouteEntry {
    /// The subscriptions that receive an event with this addressing. `None` if there are none.
    pub(crate) fn subscriptions_for(
        &self,
        addressing: Addressing,
    ) -> Option<&Arc<[SubscriptionId]>> {
        match addressing {
            Addressing::Broadcast => self.broadcast.as_ref(),
            Addressing::Sent => self.sent.as_ref(),
            Addressing::Elsewhere => self.elsewhere.as_ref(),
        }
    }
}

/// Every subscription, by what it listens to.
///
/// The route of a name is computed at its first event and kept until a subscription that matches it begins or ends, so
/// that each event of a steady stream costs one look-up, however many patterns there are.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    exact: HashMap<EventName, Vec<Group>>,
    globs: HashMap<EventPattern, Vec<Group>>,
    /// What each subscriber listens to.
    owned: HashMap<SubscriberKey, OwnedSubscriptions>,
    routes: HashMap<EventName, Arc<Route>>,
    /// How many ids the routes hold.
    routed_ids: usize,
    policies: Policies,
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
    /// Pages may make up names without end, so the number of kept routes is bounded.
    const MAX_ROUTES: usize = 1024;
    const MAX_ROUTED_IDS: usize = 1 << 20;

    pub(crate) fn new(policies: Policies) -> Self {
        Self {
            policies,
            ..Self::default()
        }
    }

    pub(crate) fn policy(&mut self, name: &EventName) -> NamePolicy {
        let known = self.routes.get(name);
        known.map_or_else(|| self.policies.of(name), |route| route.policy)
    }

    pub(crate) fn insert(
        &mut self,
        subscriber: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        filter: DeliveryFilter,
        scope: Option<Arc<Scope>>,
    ) {
        self.forget_routes(&pattern);
        let owned = self.owned.entry(subscriber).or_default();
        let group = Group {
            subscriber,
            filter,
            scope: scope.map(|scope| owned.share_scope(scope)),
            ids: vec![id],
            shared: None,
        };
        owned.cost += pattern.cost();
        owned.patterns.insert(id, (pattern.clone(), filter));
        let groups = match pattern.exact() {
            Some(name) => self.exact.entry(name.clone()).or_default(),
            None => self.globs.entry(pattern).or_default(),
        };
        add_to(groups, group);
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
            self.forget_routes(&pattern);
            self.change_groups(&pattern, |groups| remove_from(groups, subscriber, *id));
        }
        ended
    }

    /// Changes the groups of a pattern, and removes them if the change returns true.
    fn change_groups(
        &mut self,
        pattern: &EventPattern,
        change: impl FnOnce(&mut Vec<Group>) -> bool,
    ) {
        match pattern.exact() {
            Some(name) => {
                if self.exact.get_mut(name).is_some_and(change) {
                    self.exact.remove(name);
                }
            }
            None => {
                if self.globs.get_mut(pattern).is_some_and(change) {
                    self.globs.remove(pattern);
                }
            }
        }
    }

    /// Ends all subscriptions of a subscriber. Costs nothing of other subscribers, since pages may do this in a loop.
    pub(crate) fn remove_subscriber(&mut self, subscriber: SubscriberKey) {
        let Some(owned) = self.owned.remove(&subscriber) else {
            return;
        };
        if owned.patterns.is_empty() {
            return;
        }
        let routed_ids = &mut self.routed_ids;
        self.routes.retain(|_, route| {
            let stays = !route.concerns(subscriber);
            if !stays {
                *routed_ids -= route.count_ids();
            }
            stays
        });
        let patterns: HashSet<&EventPattern> = owned
            .patterns
            .values()
            .map(|(pattern, _)| pattern)
            .collect();
        for pattern in patterns {
            self.change_groups(pattern, |groups| {
                groups.retain(|group| group.subscriber != subscriber);
                groups.is_empty()
            });
        }
    }

    pub(crate) fn route(&mut self, name: &EventName) -> Arc<Route> {
        if let Some(route) = self.routes.get(name) {
            return Arc::clone(route);
        }
        let route = Arc::new(self.find_route(name));
        let ids = route.count_ids();
        if self.routes.len() >= Self::MAX_ROUTES || self.routed_ids + ids > Self::MAX_ROUTED_IDS {
            self.routes.clear();
            self.routed_ids = 0;
        }
        self.routed_ids += ids;
        self.routes.insert(name.clone(), Arc::clone(&route));
        route
    }

    fn find_route(&mut self, name: &EventName) -> Route {
        let exact = self.exact.get_mut(name).into_iter().flatten();
        let globs = self.globs.iter_mut();
        let globs = globs
            .filter(|(pattern, _)| pattern.receives(name))
            .flat_map(|(_, groups)| groups);
        let mut matching: Vec<&mut Group> = exact.chain(globs).collect();
        // By scope within a page, so that each scope is asked once.
        matching.sort_by_key(|group| (group.subscriber, group.scope.as_ref().map(Arc::as_ptr)));
        let mut last: Option<(Arc<Scope>, bool)> = None;
        matching.retain(|group| {
            let Some(scope) = &group.scope else {
                return true;
            };
            match &last {
                Some((own, is_allowed)) if Arc::ptr_eq(own, scope) => *is_allowed,
                _ => {
                    let is_allowed = scope.allows_listening(name);
                    last = Some((Arc::clone(scope), is_allowed));
                    is_allowed
                }
            }
        });
        let entries = matching
            .chunk_by_mut(|a, b| a.subscriber == b.subscriber)
            .map(|own| RouteEntry {
                subscriber: own[0].subscriber,
                broadcast: ids_for(own, Addressing::Broadcast),
                sent: ids_for(own, Addressing::Sent),
                elsewhere: ids_for(own, Addressing::Elsewhere),
            })
            .collect();
        Route {
            name: name.clone(),
            policy: self.policies.of(name),
            entries,
        }
    }

    fn forget_routes(&mut self, pattern: &EventPattern) {
        let routed_ids = &mut self.routed_ids;
        match pattern.exact() {
            Some(name) => {
                if let Some(route) = self.routes.remove(name) {
                    *routed_ids -= route.count_ids();
                }
            }
            // Only the routes that it matches, so that one page's patterns do not cost every name its route.
            None => self.routes.retain(|name, route| {
                let stays = !pattern.matches(name);
                if !stays {
                    *routed_ids -= route.count_ids();
                }
                stays
            }),
        }
    }
}

fn ids_for(groups: &mut [&mut Group], addressing: Addressing) -> Option<Arc<[SubscriptionId]>> {
    let mut covering = groups
        .iter_mut()
        .filter(|group| group.filter.covers(addressing));
    let first = covering.next()?;
    let Some(second) = covering.next() else {
        return Some(first.share());
    };
    let mut ids = [first.ids.as_slice(), &second.ids].concat();
    ids.extend(covering.flat_map(|group| &group.ids));
    ids.sort_unstable();
    Some(ids.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::{ScopeEntry, Subject};

    const A: SubscriberKey = SubscriberKey(1);
    const B: SubscriberKey = SubscriberKey(2);

    fn pattern(text: &str) -> EventPattern {
        EventPattern::parse(text).unwrap()
    }

    fn receivers(
        subscriptions: &mut Subscriptions,
        name: &str,
        addressing: Addressing,
    ) -> Vec<(u64, Vec<u32>)> {
        subscriptions
            .route(&EventName::parse(name).unwrap())
            .entries
            .iter()
            .filter_map(|entry| {
                Some((
                    entry.subscriber.0,
                    entry.subscriptions_for(addressing)?.to_vec(),
                ))
            })
            .collect()
    }

    #[test]
    fn names_and_globs_share_a_route_in_order_of_ids() {
        let mut all = Subscriptions::default();
        all.insert(A, 7, pattern("cart:*"), DeliveryFilter::Own, None);
        all.insert(A, 3, pattern("cart:updated"), DeliveryFilter::Own, None);
        all.insert(B, 1, pattern("*"), DeliveryFilter::Own, None);
        all.insert(B, 2, pattern("order:*"), DeliveryFilter::Own, None);
        assert_eq!(
            receivers(&mut all, "cart:updated", Addressing::Broadcast),
            [(1, vec![3, 7]), (2, vec![1])]
        );
        assert_eq!(
            receivers(&mut all, "order:new", Addressing::Broadcast),
            [(2, vec![1, 2])]
        );
    }

    #[test]
    fn the_filter_decides_by_addressing() {
        let mut all = Subscriptions::default();
        all.insert(A, 1, pattern("x"), DeliveryFilter::Own, None);
        all.insert(A, 2, pattern("x"), DeliveryFilter::Sent, None);
        all.insert(A, 3, pattern("x"), DeliveryFilter::Everything, None);
        assert_eq!(
            receivers(&mut all, "x", Addressing::Broadcast),
            [(1, vec![1, 3])]
        );
        assert_eq!(
            receivers(&mut all, "x", Addressing::Sent),
            [(1, vec![1, 2, 3])]
        );
        assert_eq!(
            receivers(&mut all, "x", Addressing::Elsewhere),
            [(1, vec![3])]
        );
    }

    #[test]
    fn a_glob_receives_only_what_its_scope_allows() {
        let entry = Arc::new(ScopeEntry::read(&serde_json::json!("cart:*")));
        let scope = Some(Arc::new(Scope::new("", Subject::Event, &[entry], &[])));
        let mut all = Subscriptions::default();
        all.insert(A, 1, pattern("*"), DeliveryFilter::Own, scope);
        all.insert(B, 1, pattern("*"), DeliveryFilter::Own, None);
        assert_eq!(
            receivers(&mut all, "cart:a", Addressing::Broadcast),
            [(1, vec![1]), (2, vec![1])]
        );
        for addressing in [Addressing::Broadcast, Addressing::Sent] {
            assert_eq!(receivers(&mut all, "order", addressing), [(2, vec![1])]);
        }
    }

    #[test]
    fn a_kept_route_follows_its_subscriptions() {
        let mut all = Subscriptions::default();
        assert!(receivers(&mut all, "a", Addressing::Broadcast).is_empty());
        all.insert(A, 1, pattern("a"), DeliveryFilter::Own, None);
        assert_eq!(
            receivers(&mut all, "a", Addressing::Broadcast),
            [(1, vec![1])]
        );
        all.insert(A, 2, pattern("*"), DeliveryFilter::Own, None);
        assert_eq!(
            receivers(&mut all, "a", Addressing::Broadcast),
            [(1, vec![1, 2])]
        );
        assert_eq!(all.remove_many(A, &[1, 9]), 1);
        assert_eq!(all.remove_many(A, &[1]), 0);
        assert_eq!(
            receivers(&mut all, "a", Addressing::Broadcast),
            [(1, vec![2])]
        );
        all.remove_subscriber(A);
        assert!(receivers(&mut all, "a", Addressing::Broadcast).is_empty());
        assert!(all.exact.is_empty() && all.globs.is_empty() && !all.owned.contains_key(&A));
    }

    #[test]
    fn a_scope_is_asked_once_for_a_page_and_a_name() {
        let entries: Vec<_> = ["cart:*", "order:*"]
            .map(|entry| Arc::new(ScopeEntry::read(&serde_json::json!(entry))))
            .into();
        let mut all = Subscriptions::default();
        // Each command has a scope of its own, with the same entries.
        for id in 0..100 {
            let scope = Scope::new("", Subject::Event, &entries, &[]);
            all.insert(
                A,
                id,
                pattern("*"),
                DeliveryFilter::Own,
                Some(Arc::new(scope)),
            );
        }
        assert_eq!((all.owned[&A].scopes.len(), all.globs.len()), (1, 1));
        assert_eq!(all.globs[&pattern("*")].len(), 1);
        let narrower = Scope::new("", Subject::Event, &entries[..1], &[]);
        all.insert(
            A,
            100,
            pattern("*"),
            DeliveryFilter::Own,
            Some(Arc::new(narrower)),
        );
        assert_eq!(all.globs[&pattern("*")].len(), 2);
        let sent = |all: &mut Subscriptions, name: &str| {
            let found = receivers(all, name, Addressing::Sent);
            found.first().map_or(0, |(_, ids)| ids.len())
        };
        assert_eq!(
            [sent(&mut all, "cart:a"), sent(&mut all, "order:a")],
            [101, 100]
        );
        assert_eq!(sent(&mut all, "other"), 0);
        assert_eq!(all.remove_many(A, &[100, 5]), 2);
        assert_eq!(
            [sent(&mut all, "cart:a"), sent(&mut all, "order:a")],
            [99, 99]
        );
        let ids = receivers(&mut all, "cart:a", Addressing::Broadcast)[0]
            .1
            .clone();
        assert!(ids.is_sorted() && !ids.contains(&5));
    }

    #[test]
    fn equal_patterns_share_their_ids() {
        let mut all = Subscriptions::default();
        for id in (0..9).rev() {
            all.insert(A, id, pattern("*"), DeliveryFilter::Own, None);
        }
        let routes = ["x", "y"].map(|name| all.route(&EventName::parse(name).unwrap()));
        let ids = routes
            .each_ref()
            .map(|route| route.entries[0].broadcast.clone().unwrap());
        assert!(Arc::ptr_eq(&ids[0], &ids[1]));
        assert_eq!(*ids[0], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        all.insert(A, 4096, pattern("x"), DeliveryFilter::Sent, None);
        assert_eq!(
            receivers(&mut all, "x", Addressing::Broadcast)[0].1.len(),
            9
        );
        assert_eq!(receivers(&mut all, "x", Addressing::Sent)[0].1.len(), 10);
    }

    #[test]
    fn kept_ids_are_bounded() {
        let mut all = Subscriptions::default();
        for id in 0..4096 {
            all.insert(A, id, pattern("*"), DeliveryFilter::Own, None);
        }
        // Each route holds the ids twice: for broadcasts and for what is sent.
        for n in 1..=129 {
            all.route(&EventName::parse(&format!("n{n}")).unwrap());
            assert_eq!(all.routed_ids, all.routes.len() * 2 * 4096);
            assert_eq!(all.routes.len(), if n == 129 { 1 } else { n });
        }
        all.remove_many(A, &[7]);
        assert_eq!((all.routed_ids, all.routes.len()), (0, 0));
    }

    #[test]
    fn a_pattern_leaves_routes_that_it_does_not_match() {
        let mut all = Subscriptions::default();
        let name = EventName::parse("a:b").unwrap();
        let route = all.route(&name);
        all.insert(A, 1, pattern("c:*"), DeliveryFilter::Own, None);
        all.insert(A, 2, pattern("*c"), DeliveryFilter::Own, None);
        assert!(Arc::ptr_eq(&route, &all.route(&name)));
        assert_eq!(all.cost_of(A), 1);
        all.remove_many(A, &[1, 2]);
        assert!(Arc::ptr_eq(&route, &all.route(&name)));
        assert_eq!(all.cost_of(A), 0);
        all.insert(A, 3, pattern("*b"), DeliveryFilter::Own, None);
        assert_eq!(
            receivers(&mut all, "a:b", Addressing::Broadcast),
            [(1, vec![3])]
        );
    }

    #[test]
    fn an_ended_subscriber_leaves_the_routes_of_others() {
        let mut all = Subscriptions::default();
        all.insert(A, 1, pattern("a"), DeliveryFilter::Own, None);
        all.insert(A, 2, pattern("a"), DeliveryFilter::Own, None);
        all.insert(A, 3, pattern("g*"), DeliveryFilter::Own, None);
        all.insert(B, 1, pattern("b"), DeliveryFilter::Own, None);
        let names = ["a", "b", "g1", "other"].map(|name| EventName::parse(name).unwrap());
        let kept = names.each_ref().map(|name| all.route(name));
        all.remove_subscriber(SubscriberKey(7));
        all.remove_subscriber(A);
        let again = names.each_ref().map(|name| all.route(name));
        let stayed: Vec<bool> = std::iter::zip(&kept, &again)
            .map(|(kept, again)| Arc::ptr_eq(kept, again))
            .collect();
        assert_eq!(stayed, [false, true, false, true]);
        let ids: usize = again.iter().map(|route| route.count_ids()).sum();
        assert_eq!(all.routed_ids, ids);
        assert!(all.globs.is_empty() && all.exact.len() == 1);
        assert_eq!((all.of(A, 0).count(), all.of(B, 0).count()), (0, 1));
    }

    #[test]
    fn kept_routes_are_bounded() {
        let mut all = Subscriptions::default();
        for n in 0..3 * Subscriptions::MAX_ROUTES {
            all.route(&EventName::parse(&format!("n{n}")).unwrap());
        }
        assert!(all.routes.len() <= Subscriptions::MAX_ROUTES);
    }
}
