//! How many requests end, and in which order.

use super::*;

/// Half of them fail, in every way there is.
#[test]
fn nothing_is_left_of_a_hundred_thousand_requests() {
    const REQUESTS: u32 = 100_000;
    const AT_ONCE: usize = 64;
    let mut world = World::new();
    let mut sessions = [1, 2];
    let mut keys = [world.open("a", 1), world.open("b", 2)];
    let mut ends: HashMap<String, u32> = HashMap::new();
    let mut number = 10;
    for round in 0..REQUESTS / AT_ONCE as u32 + 1 {
        for place in 0..AT_ONCE as u32 {
            number += 1;
            let caller = match place % 3 {
                0 => Caller::Page(keys[1], u64::from(number)),
                _ => Caller::Host,
            };
            world.send("a", caller, number).unwrap();
        }
        let mut delivered = Vec::new();
        for item in world.pull("a", sessions[0]) {
            match item {
                Item::Request(message) => delivered.push(message.id),
                Item::Ended(..) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(delivered.len(), AT_ONCE);
        let failing = delivered.split_off(AT_ONCE / 2);
        for id in delivered {
            let effects = world
                .hub
                .respond_from_page(keys[0], id, Ok("1".into()), None);
            world.apply_effects(effects.unwrap());
        }
        match round % 4 {
            0 => {
                for id in failing {
                    let effects = world.hub.cancel(id);
                    world.apply_effects(effects);
                }
            }
            1 => {
                world.now += TIMEOUT;
                world.expire();
            }
            2 => {
                // The page is left.
                let effects = world.hub.leave_page("a", None);
                world.apply_effects(effects);
                sessions[0] += 2;
                keys[0] = world.open("a", sessions[0]);
            }
            _ => {
                for id in failing {
                    let effects = world.hub.decline(keys[0], id);
                    world.apply_effects(effects.unwrap());
                }
            }
        }
        for ended in std::mem::take(&mut world.ended).into_values() {
            let ended = ended.map_or_else(ErrorCode::as_str, |_| "response");
            *ends.entry(ended.to_owned()).or_default() += 1;
        }
    }
    let total: u32 = ends.values().sum();
    assert!(total >= REQUESTS, "{ends:?}");
    assert_eq!(ends["response"], total / 2);
    for failure in ["cancelled", "timeout", "page_gone", "no_responder"] {
        assert!(ends[failure] > REQUESTS / 10, "{ends:?}");
    }
    world.pull("a", sessions[0]);
    world.check_empty();
    for session in world.hub.sessions.values() {
        let (kept, _) = session.outbox.unacknowledged();
        assert!(kept <= AT_ONCE, "{kept}");
    }
    // No page is gone at the end.
    assert!(world.gone.is_empty());
}

#[test]
fn requests_end_in_the_order_they_were_sent() {
    const COUNT: u64 = 40;
    let mut world = World::new();
    let caller = world.open("a", 1);
    world.open("b", 2);
    let mut sent = Vec::new();
    for number in 1..=COUNT {
        // Ids are random, and say nothing of the order.
        world.newest = u128::from(number * 17 % 41);
        let caller = Caller::Page(caller, number);
        sent.push(world.send("b", caller, number as u32).unwrap());
    }
    assert_eq!(world.pull("b", 2).len(), sent.len());
    let effects = world.hub.leave_page("a", None);
    let gone: Vec<u32> = effects.gone.iter().map(|(waiter, _)| *waiter).collect();
    assert_eq!(gone, (1..=COUNT as u32).collect::<Vec<_>>());
    let told: Vec<RequestId> = world
        .pull("b", 2)
        .iter()
        .map(|item| match item {
            Item::Ended(id, Ending::Cancelled) => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, sent);
    world.check_empty();
}

#[test]
fn requests_to_a_left_page_end_as_they_were_sent() {
    let mut world = World::new();
    world.open_without_responder("a", 1);
    let waiting: Vec<u32> = (1..=20).collect();
    for waiter in &waiting {
        // Ids are random, and say nothing of the order.
        world.newest = u128::from(waiter * 17 % 41);
        world.send("a", Caller::Host, *waiter).unwrap();
    }
    let key = world.hub.webviews["a"].session.unwrap();
    let (added, effects) =
        world
            .hub
            .add_responder(key, name("q"), ResponderKind::Single, world.now);
    assert_eq!(added, Ok(()));
    world.apply_effects(effects);
    let effects = world.hub.leave_page("a", None);
    let ended: Vec<u32> = effects.replies.iter().map(|(waiter, _)| *waiter).collect();
    assert_eq!(ended, waiting);
}
