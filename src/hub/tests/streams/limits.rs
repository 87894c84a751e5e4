use super::*;

#[test]
fn a_send_waits_for_credit_and_is_woken() {
    for from in [None, Some("b")] {
        let mut world = World::new();
        world.open("b");
        let mut stream = world.request(from, None).unwrap();
        for _ in 0..4 {
            world.send(&mut stream, "1").unwrap();
        }
        let (woken, other) = (Arc::<Woken>::default(), Arc::<Woken>::default());
        let PartSent::Waits(_, ticket) = world.send_or_wait(&stream, None, &woken) else {
            panic!("there is credit");
        };
        let PartSent::Waits(_, again) = world.send_or_wait(&stream, ticket, &woken) else {
            panic!("there is credit");
        };
        assert_eq!(again, ticket, "it keeps its place");
        let PartSent::Waits(_, dropped) = world.send_or_wait(&stream, None, &other) else {
            panic!("there is credit");
        };
        drop(world.hub.stop_sending(stream.id, dropped.unwrap()));
        world.look(&mut stream, 1);
        assert_eq!(woken.count(), 0, "half of the credit comes at once");
        world.look(&mut stream, if from.is_none() { 1 } else { 2 });
        assert_eq!((woken.count(), other.count()), (1, 0));
        let sent = world.send_or_wait(&stream, ticket, &woken);
        assert!(matches!(sent, PartSent::Accepted), "{sent:?}");
        // A send that waits learns of the end.
        while matches!(
            world.send_or_wait(&stream, None, &woken),
            PartSent::Accepted
        ) {}
        world.leave(&stream);
        assert_eq!(woken.count(), 2);
        let sent = world.send_or_wait(&stream, None, &woken);
        assert!(matches!(sent, PartSent::Ended), "{sent:?}");
        world.check_empty(&[&stream]);
    }
}

#[test]
fn a_page_gets_credit_for_what_was_taken() {
    for from in [None, Some("b")] {
        let mut world = World::new();
        world.open("a");
        world.open("b");
        let mut stream = world.request(from, Some("a")).unwrap();
        world.pull("a");
        for _ in 0..4 {
            world.send(&mut stream, "1").unwrap();
        }
        world.look(&mut stream, 1);
        world.pull("a");
        assert!(world.told.credit.is_empty());
        world.look(&mut stream, if from.is_none() { 2 } else { 3 });
        world.pull("a");
        assert_eq!(
            world.told.credit[&stream.id],
            if from.is_none() { 2 } else { 3 }
        );
        world.send(&mut stream, "1").unwrap();
        world.leave(&stream);
        world.check_empty(&[&stream]);
    }
}

#[test]
fn a_page_cannot_take_what_was_not_sent() {
    let mut world = World::new();
    world.open("b");
    let mut stream = world.request(Some("b"), None).unwrap();
    world.send(&mut stream, "1").unwrap();
    let error = world.take(&stream, 2).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("2 parts"), "{error}");
    // The stream goes on, and a stream that is not there needs no credit.
    assert_eq!(world.take(&stream, 1), Ok(()));
    let unknown = Stream {
        number: 77,
        ..stream.clone()
    };
    assert_eq!(world.take(&unknown, 5), Ok(()));
    world.leave(&stream);
    world.check_empty(&[&stream]);
}

#[test]
fn a_page_has_a_limit_of_streams_it_receives() {
    let limits = Limits {
        streams_per_caller: 2,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.open("b");
    let first = world.request(Some("b"), None).unwrap();
    let second = world.request(Some("b"), None).unwrap();
    let error = world.request(Some("b"), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("streamsPerCaller"), "{error}");
    // An end counts until it is acknowledged, and a cancelled stream has none.
    world.respond(&first, Ok("1"));
    assert!(world.request(Some("b"), None).is_err());
    world.pull("b");
    assert!(world.request(Some("b"), None).is_err());
    world.pull("b");
    let third = world.request(Some("b"), None).unwrap();
    world.leave(&second);
    let fourth = world.request(Some("b"), None).unwrap();
    world.leave(&third);
    world.leave(&fourth);
    world.check_empty(&[]);
}

#[test]
fn a_recipient_has_a_limit_of_streams() {
    let limits = Limits {
        streams_per_page: 1,
        ..Limits::default()
    };
    for to in [None, Some("a")] {
        let mut world = World::with(limits.clone());
        world.open("a");
        let stream = world.request(None, to).unwrap();
        let error = world.request(None, to).unwrap_err();
        assert_eq!(error.code(), ErrorCode::QueueFull);
        assert!(error.message().contains("streamsPerPage"), "{error}");
        world.leave(&stream);
        let stream = world.request(None, to).unwrap();
        world.leave(&stream);
        world.check_empty(&[&stream]);
    }
}

#[test]
fn parts_for_a_page_have_a_limit_in_all() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let wide = Credit {
        bytes: 100_000,
        parts: 100,
    };
    let mut world = World::with(limits);
    world.open("b");
    let mut one = world.request_with(Some("b"), None, wide, None).unwrap();
    let mut two = world.request_with(Some("b"), None, wide, None).unwrap();
    let part = "1".repeat(400);
    world.send(&mut one, &part).unwrap();
    world.send(&mut one, &part).unwrap();
    world.send(&mut two, &part).unwrap();
    let woken = Arc::<Woken>::default();
    let sent = world.send_or_wait(&two, None, &woken);
    assert!(matches!(sent, PartSent::Waits(..)), "{sent:?}");
    // It is not enough that the page has them.
    world.pull("b");
    assert_eq!(woken.count(), 0);
    world.pull("b");
    assert_eq!(woken.count(), 1);
    world.send(&mut two, &part).unwrap();
    // What a cancelled stream has queued makes room, too.
    world.send(&mut one, &part).unwrap();
    world.send(&mut one, &part).unwrap();
    let sent = world.send_or_wait(&two, None, &woken);
    assert!(matches!(sent, PartSent::Waits(..)), "{sent:?}");
    world.leave(&one);
    assert_eq!(woken.count(), 2);
    world.leave(&two);
    world.check_empty(&[]);
}

#[test]
fn parts_from_a_page_have_a_limit_in_all() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let wide = Credit {
        bytes: 100_000,
        parts: 100,
    };
    let mut world = World::with(limits);
    world.open("a");
    let mut one = world.request_with(None, Some("a"), wide, None).unwrap();
    let mut two = world.request_with(None, Some("a"), wide, None).unwrap();
    world.pull("a");
    let part = "1".repeat(600);
    world.send(&mut one, &part).unwrap();
    world.send(&mut two, &part).unwrap();
    let error = world.send(&mut two, &part).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("queueBytes"), "{error}");
    let seen = world.look(&mut two, 9);
    assert_eq!(seen.end, Some(Err(ErrorCode::QueueFull)));
    // The other one goes on.
    world.send(&mut one, &part).unwrap();
    world.leave(&one);
    world.check_empty(&[&one, &two]);
}

#[test]
fn parts_keep_their_order_among_events() {
    use crate::hub::tests::queued;
    use crate::model::policy::Overflow;

    let mut world = World::new();
    let key = world.open("b");
    let mut stream = world.request(Some("b"), None).unwrap();
    world.hub.seq = 1;
    world.send(&mut stream, "1").unwrap();
    let session = world.hub.sessions.get_mut(&key).unwrap();
    for seq in [1, 2] {
        session.outbox.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    world.hub.seq = 2;
    world.send(&mut stream, "2").unwrap();
    let session = world.hub.sessions.get_mut(&key).unwrap();
    let batch = session.outbox.batch(0, BATCH);
    let kinds: Vec<String> = batch
        .items()
        .iter()
        .map(|item| match item {
            Item::Event(queued) => format!("event {}", queued.event.seq()),
            Item::Part(part) => format!("part {}", &*part.payload),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["event 1", "part 1", "event 2", "part 2"]);
}

#[test]
fn a_page_that_receives_a_stream_is_not_idle() {
    let mut world = World::new();
    let key = world.open("b");
    let effects = world.hub.remove_responder(key, &name());
    world.apply_effects(effects);
    assert!(world.hub.sessions[&key].is_idle());
    let stream = world.request(Some("b"), None).unwrap();
    assert!(!world.hub.sessions[&key].is_idle());
    // It does not keep its session: a page that is there pulls.
    world.hub.sessions.get_mut(&key).unwrap().last_seen -= Duration::from_secs(600);
    world.expire();
    assert!(!world.hub.is_open(key));
    assert_eq!(world.told.cancelled, [stream.id]);
    assert!(world.hub.requests.is_empty());
}
