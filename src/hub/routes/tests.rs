use super::*;
use crate::model::delivery::Addressing;
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
    assert!(
        all.index.exact.is_empty() && all.index.globs.len() == 0 && !all.owned.contains_key(&A)
    );
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
    assert_eq!((all.owned[&A].scopes.len(), all.index.globs.len()), (1, 1));
    assert_eq!(all.index.globs.groups_of(&pattern("*")).unwrap().len(), 1);
    let narrower = Scope::new("", Subject::Event, &entries[..1], &[]);
    all.insert(
        A,
        100,
        pattern("*"),
        DeliveryFilter::Own,
        Some(Arc::new(narrower)),
    );
    assert_eq!(all.index.globs.groups_of(&pattern("*")).unwrap().len(), 2);
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
        .map(|route| route.entries[0].all.broadcast.clone().unwrap());
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
        assert_eq!(all.routes.ids, all.routes.len() * 2 * 4096);
        assert_eq!(all.routes.len(), if n == 129 { 1 } else { n });
    }
    all.remove_many(A, &[7]);
    assert_eq!((all.routes.ids, all.routes.len()), (0, 0));
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
    assert_eq!(all.routes.ids, ids);
    assert!(all.index.globs.len() == 0 && all.index.exact.len() == 1);
    assert_eq!((all.of(A, 0).count(), all.of(B, 0).count()), (0, 1));
}

#[test]
fn kept_routes_are_bounded() {
    let mut all = Subscriptions::default();
    for n in 0..3 * RouteCache::MAX_ROUTES {
        all.route(&EventName::parse(&format!("n{n}")).unwrap());
    }
    assert!(all.routes.len() <= RouteCache::MAX_ROUTES);
}

#[test]
fn globs_are_found_by_how_they_begin() {
    let mut all = Subscriptions::default();
    let globs = [
        "*", "?:b", "a*", "a:[bc]", "a:b*", "ä*", "ä:*c", "*b", "c:*",
    ];
    for (id, glob) in (1..).zip(globs) {
        all.insert(A, id, pattern(glob), DeliveryFilter::Own, None);
    }
    let ids = |all: &mut Subscriptions, name: &str| {
        receivers(all, name, Addressing::Broadcast)[0].1.clone()
    };
    for (name, expected) in [
        ("a:b", &[1, 2, 3, 4, 5, 8][..]),
        ("a", &[1, 3]),
        ("ä:b:c", &[1, 6, 7]),
        ("é", &[1]),
        // It has no prefix of two bytes.
        ("aé:b", &[1, 3, 8]),
        ("c:", &[1, 9]),
    ] {
        assert_eq!(ids(&mut all, name), expected, "{name}");
    }
    all.remove_many(A, &[3, 5, 7]);
    assert_eq!(all.index.globs.len(), globs.len() - 3);
    assert_eq!(ids(&mut all, "a:b"), [1, 2, 4, 8]);
    assert_eq!(ids(&mut all, "ä:b:c"), [1, 6]);
    all.remove_subscriber(A);
    assert_eq!(all.index.globs.len(), 0);
}

#[test]
fn names_of_the_bus_that_concern_nobody_are_not_kept() {
    let mut all = Subscriptions::default();
    all.insert(A, 1, pattern("own:1"), DeliveryFilter::Own, None);
    for n in 0..3 {
        all.route_of_own(&EventName::parse(&format!("own:{n}")).unwrap());
    }
    assert_eq!(all.routes.len(), 1);
    all.remove_subscriber(A);
    let route = all.route_of_own(&EventName::parse("own:1").unwrap());
    assert!(route.entries.is_empty());
    assert_eq!(all.routes.len(), 0);
}
