use std::collections::HashMap;
use std::sync::Arc;

use crate::hub::ids::SubscriberKey;
use crate::hub::routes::route::Route;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::NamePolicy;

/// The routes of the names that were emitted lately.
#[derive(Debug, Default)]
pub(super) struct RouteCache {
    routes: HashMap<EventName, Arc<Route>>,
    /// A route that was used twice in a row, and so most likely will be again.
    repeated: Option<Arc<Route>>,
    /// The address of the route that was found last, so that names in turn do not replace the repeated one each time.
    found: usize,
    /// How many ids the routes hold.
    pub(super) ids: usize,
}

impl RouteCache {
    /// Pages may make up names without end, so the number of kept routes is bounded.
    pub(super) const MAX_ROUTES: usize = 1024;
    const MAX_IDS: usize = 1 << 20;

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(super) fn policy(&self, name: &EventName) -> Option<NamePolicy> {
        self.routes.get(name).map(|route| route.policy)
    }

    pub(super) fn find(&mut self, name: &EventName) -> Option<Arc<Route>> {
        let repeated = self.repeated.as_ref();
        if let Some(repeated) = repeated.filter(|repeated| repeated.name == *name) {
            return Some(Arc::clone(repeated));
        }
        let found = self.routes.get(name)?;
        let address = Arc::as_ptr(found).addr();
        if address == self.found {
            self.repeated = Some(Arc::clone(found));
        }
        self.found = address;
        Some(Arc::clone(found))
    }

    pub(super) fn insert(&mut self, route: Arc<Route>) {
        let ids = route.count_ids();
        if self.routes.len() >= Self::MAX_ROUTES || self.ids + ids > Self::MAX_IDS {
            self.routes.clear();
            self.repeated = None;
            self.ids = 0;
        }
        self.ids += ids;
        self.routes.insert(route.name.clone(), route);
    }

    /// Forgets the routes that a subscription to this pattern changes: only those that it matches, so that one page's
    /// patterns do not cost every name its route.
    pub(super) fn forget(&mut self, pattern: &EventPattern) {
        self.repeated = None;
        match pattern.exact() {
            Some(name) => {
                if let Some(route) = self.routes.remove(name) {
                    self.ids -= route.count_ids();
                }
            }
            None => self.retain(|route| !pattern.matches(&route.name)),
        }
    }

    /// Forgets the routes that concern this subscriber.
    pub(super) fn forget_subscriber(&mut self, subscriber: SubscriberKey) {
        self.retain(|route| !route.concerns(subscriber));
    }

    fn retain(&mut self, stays: impl Fn(&Route) -> bool) {
        self.repeated = None;
        let ids = &mut self.ids;
        self.routes.retain(|_, route| {
            let stays = stays(route);
            if !stays {
                *ids -= route.count_ids();
            }
            stays
        });
    }
}
