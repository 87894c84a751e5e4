use std::cell::OnceCell;
use std::sync::Arc;

use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::routes::route::{Receivers, RouteEntry};
use crate::model::built_in::is_about_pages;
use crate::model::core_target::CompatListener;
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::name::EventName;
use crate::model::policies::NamePolicy;
use crate::model::policy::Overflow;
use crate::permissions::Scope;

/// The subscriptions of one subscriber to one name or pattern, with the same filter and scope. What matches one of them
/// matches all, so a new name costs as much as one subscription, however often a page subscribes to the same.
#[derive(Debug)]
pub(super) struct Group {
    subscriber: SubscriberKey,
    filter: DeliveryFilter,
    /// What they may receive of what they listen to. `None` allows everything.
    scope: Option<Arc<Scope>>,
    /// What it receives, if it was written for Tauri's events.
    compat: Option<CompatListener>,
    /// Whether only the newest event of a name waits for them.
    is_latest: bool,
    /// Sorted: a page's listeners run in the order in which they were added.
    ids: Vec<SubscriptionId>,
    /// The ids as the routes share them, once one needs them.
    shared: OnceCell<Arc<[SubscriptionId]>>,
}

impl Group {
    pub(super) fn of_one(
        subscriber: SubscriberKey,
        id: SubscriptionId,
        filter: DeliveryFilter,
        scope: Option<Arc<Scope>>,
        (compat, is_latest): (Option<CompatListener>, bool),
    ) -> Self {
        Self {
            subscriber,
            filter,
            scope,
            compat,
            is_latest,
            ids: vec![id],
            shared: OnceCell::new(),
        }
    }

    /// Whether pages have subscribed that were written for Tauri's events.
    fn is_of_compatible_page(&self) -> bool {
        self.compat.is_some() && self.filter != DeliveryFilter::Everything
    }

    fn has_place_for(&self, other: &Self) -> bool {
        let scopes = (&self.scope, &other.scope);
        let has_same_scope = match scopes {
            (None, None) => true,
            // The scopes of a subscriber are shared, so the same entries are the same scope.
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        self.subscriber == other.subscriber
            && self.filter == other.filter
            && self.compat == other.compat
            && self.is_latest == other.is_latest
            && has_same_scope
    }

    fn share(&self) -> Arc<[SubscriptionId]> {
        let ids = self.shared.get_or_init(|| self.ids.as_slice().into());
        Arc::clone(ids)
    }
}

/// The subscriptions to one name or pattern.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<Group>);

impl Groups {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.iter()
    }

    /// Adds a subscription to the group that it belongs to.
    pub(super) fn add(&mut self, new: Group) {
        let Some(group) = self.0.iter_mut().find(|group| group.has_place_for(&new)) else {
            return self.0.push(new);
        };
        group.shared.take();
        for id in new.ids {
            if let Err(position) = group.ids.binary_search(&id) {
                group.ids.insert(position, id);
            }
        }
    }

    /// Removes a subscription from its group. Returns whether no group is left.
    pub(super) fn remove(&mut self, subscriber: SubscriberKey, id: SubscriptionId) -> bool {
        self.0.retain_mut(|group| {
            if group.subscriber == subscriber
                && let Ok(position) = group.ids.binary_search(&id)
            {
                group.ids.remove(position);
                group.shared.take();
            }
            !group.ids.is_empty()
        });
        self.0.is_empty()
    }

    /// Removes the groups of a subscriber. Returns whether no group is left.
    pub(super) fn remove_subscriber(&mut self, subscriber: SubscriberKey) -> bool {
        self.0.retain(|group| group.subscriber != subscriber);
        self.0.is_empty()
    }
}

/// The entries of the route of a name that these groups match: those whose scopes allow it, by subscriber. Where the policy
/// of the name is `latest`, every subscription is one for the newest event.
pub(super) fn entries_of(
    mut matching: Vec<&Group>,
    name: &EventName,
    is_bridged: bool,
    policy: &NamePolicy,
) -> Vec<RouteEntry> {
    let is_newest = |group: &Group| group.is_latest && policy.overflow != Overflow::Latest;
    // Of pages they never receive what is for others, and the host knows of all pages.
    if is_about_pages(name.as_str()) {
        matching.retain(|group| !group.is_of_compatible_page());
    }
    if is_bridged {
        matching.retain(|group| !group.compat.as_ref().is_some_and(|own| own.is_in_core));
    }
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
    matching
        .chunk_by(|a, b| a.subscriber == b.subscriber)
        .map(|own| RouteEntry {
            subscriber: own[0].subscriber,
            all: Receivers::of(|addressing| ids_for(own, addressing, |group| !is_newest(group))),
            newest: own.iter().any(|group| is_newest(group)).then(|| {
                Box::new(Receivers::of(|addressing| {
                    ids_for(own, addressing, is_newest)
                }))
            }),
            compatible: own
                .iter()
                .filter_map(|group| Some((group.compat.clone()?, group.share())))
                .collect(),
        })
        .collect()
}

fn ids_for(
    groups: &[&Group],
    addressing: Addressing,
    is_meant: impl Fn(&Group) -> bool,
) -> Option<Arc<[SubscriptionId]>> {
    let covers = |group: &Group| group.compat.is_none() && group.filter.covers(addressing);
    let mut covering = groups
        .iter()
        .filter(|group| covers(group) && is_meant(group));
    let first = covering.next()?;
    let Some(second) = covering.next() else {
        return Some(first.share());
    };
    let mut ids = [first.ids.as_slice(), &second.ids].concat();
    ids.extend(covering.flat_map(|group| &group.ids));
    ids.sort_unstable();
    Some(ids.into())
}
