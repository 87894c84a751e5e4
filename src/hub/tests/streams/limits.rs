use super::*;
use crate::hub::requests::parts::EndPlace;

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
        assert!(matches!(sent, PartSent::Ended(_)), "{sent:?}");
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
    // It was sent, but not delivered.
    let error = world.take(&stream, 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("1 parts"), "{error}");
    world.pull("b");
    assert!(world.take(&stream, 2).is_err());
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
fn credit_for_a_page_is_reserved() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.open("b");
    let one = world.request(Some("b"), None).unwrap();
    let two = world.request(Some("b"), None).unwrap();
    let error = world.request(Some("b"), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("800 bytes"), "{error}");
    // It is free again once the page has left the stream, or has acknowledged its end.
    world.leave(&one);
    let three = world.request(Some("b"), None).unwrap();
    world.respond(&two, Ok("1"));
    world.pull("b");
    assert!(world.request(Some("b"), None).is_err());
    world.pull("b");
    let four = world.request(Some("b"), None).unwrap();
    world.leave(&three);
    world.leave(&four);
    world.check_empty(&[]);
}

#[test]
fn a_part_beyond_its_credit_needs_room() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let large = "1".repeat(1000);
    for to in [None, Some("a")] {
        let mut world = World::with(limits.clone());
        world.open("a");
        world.open("b");
        let mut one = world.request(Some("b"), to).unwrap();
        let mut two = world.request(Some("b"), to).unwrap();
        world.pull("a");
        // It has credit, and there is room.
        world.send(&mut one, &large).unwrap();
        world.send(&mut two, "1").unwrap();
        let woken = Arc::<Woken>::default();
        if to.is_none() {
            let sent = world.send_part_or_wait(&two, &large, None, &woken);
            assert!(matches!(sent, PartSent::Waits(..)), "{sent:?}");
        }
        // What fits into its credit has a place.
        world.send(&mut two, "1").unwrap();
        if to.is_some() {
            let error = world.send(&mut two, &large).unwrap_err();
            assert_eq!(error.code(), ErrorCode::QueueFull);
            assert!(error.message().contains("queueBytes"), "{error}");
            world.pull_all();
            let seen = world.look(&mut two, 9);
            assert_eq!(seen.end, Some(Err(ErrorCode::QueueFull)));
        } else {
            // It is not enough that the page has them.
            world.pull("b");
            assert_eq!(woken.count(), 0);
            world.pull("b");
            assert_eq!(woken.count(), 1);
            world.send(&mut two, &large).unwrap();
            world.leave(&two);
        }
        world.leave(&one);
        world.check_empty(&[]);
    }
}

#[test]
fn a_response_waits_for_room() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.open("a");
    world.open("b");
    let mut stream = world.request(Some("b"), None).unwrap();
    let from_page = world.request(Some("b"), Some("a")).unwrap();
    world.pull("a");
    let woken = Arc::<Woken>::default();
    let waker = || Waker::from(Arc::clone(&woken));
    let (place, _) = world.hub.poll_end(stream.id, None, waker());
    assert_eq!(place, EndPlace::Ready);
    world.send(&mut stream, &"1".repeat(1000)).unwrap();
    let (place, _) = world.hub.poll_end(stream.id, None, waker());
    assert!(matches!(place, EndPlace::Waits(_)));
    // A page cannot wait.
    world.respond(&from_page, Ok("1"));
    world.pull_all();
    let seen = &world.pages["b"].seen[&from_page.number];
    assert_eq!(seen.end, Some(Err(ErrorCode::QueueFull)));
    assert_eq!(woken.count(), 1);
    world.respond(&stream, Ok("1"));
    let (place, _) = world.hub.poll_end(stream.id, None, waker());
    assert_eq!(place, EndPlace::Ready, "it has ended");
    world.check_empty(&[]);
}

#[test]
fn an_end_says_how_many_parts_came_before_it() {
    let mut world = World::new();
    let key = world.open("a");
    let mut stream = world.request(None, Some("a")).unwrap();
    world.pull("a");
    world.send(&mut stream, "1").unwrap();
    for after in [None, Some(0), Some(2)] {
        let response = Ok("1".into());
        let refused = world.hub.respond_from_page(key, stream.id, response, after);
        assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    // Neither does a part in the wrong place end it.
    for number in [0, 1, 3] {
        let part = Ok("1".into());
        let (sent, effects) = world
            .hub
            .send_part_from_page(key, stream.id, number, part, world.now);
        world.apply_effects(effects);
        assert_eq!(sent.unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    world.send(&mut stream, "2").unwrap();
    world.respond(&stream, Ok("1"));
    let seen = world.look(&mut stream, 9);
    assert_eq!((seen.parts.len(), seen.end), (2, Some(Ok("1".into()))));
    world.check_empty(&[&stream]);
}

#[test]
fn a_stream_that_is_left_first_is_not_sent() {
    let mut world = World::new();
    let key = world.open("b");
    let effects = world.hub.stop_stream(key, 1);
    world.apply_effects(effects);
    // What the page gets is what it gets for a stream that has ended by then.
    let stream = world.request(Some("b"), None).unwrap();
    assert_eq!((stream.number, world.hub.open_requests()), (1, 0));
    let stream = world.request(Some("b"), None).unwrap();
    assert_eq!(world.hub.open_requests(), 1);
    // A cancellation reaches a stream, too.
    let session = world.session("b");
    let effects = world.hub.cancel_from_page("b", session, stream.number);
    world.apply_effects(effects);
    world.check_empty(&[]);
}

#[test]
fn credit_that_waits_is_told_once() {
    let mut world = World::new();
    world.open("a");
    world.open("b");
    let mut stream = world.request(Some("b"), Some("a")).unwrap();
    world.pull("a");
    for number in 1..=20 {
        world.send(&mut stream, "1").unwrap();
        while world.pull("b") > 0 {}
        world.take(&stream, number).unwrap();
    }
    let session = &world.hub.sessions[&world.key("a")];
    assert_eq!(session.outbox.messages.len(), 1);
    world.pull("a");
    assert_eq!(world.told.credit[&stream.id], 20);
    world.leave(&stream);
    world.check_empty(&[]);
}

#[test]
fn streams_take_turns_behind_events() {
    use crate::hub::tests::queued;
    use crate::model::policy::Overflow;

    let wide = Credit {
        bytes: 10 << 20,
        parts: 1000,
    };
    let mut world = World::new();
    let key = world.open("b");
    let mut streams = [
        world.request_with(Some("b"), None, wide, None).unwrap(),
        world.request_with(Some("b"), None, wide, None).unwrap(),
    ];
    let part = "1".repeat(30_000);
    for _ in 0..100 {
        world.send(&mut streams[0], &part).unwrap();
    }
    world.send(&mut streams[1], "2").unwrap();
    let session = world.hub.sessions.get_mut(&key).unwrap();
    for seq in 1..=10 {
        session.outbox.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    let bound = BatchBound {
        events: 100,
        bytes: 200_000,
    };
    let batch = session.outbox.batch(0, bound);
    let kinds: String = batch
        .items()
        .iter()
        .map(|item| match item {
            Item::Event(_) => 'e',
            Item::Part(part) => char::from(b'0' + part.stream as u8),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, "eeeeeeeeee1112111");
    // Many events leave half of a batch to streams.
    session.outbox.acknowledge(17).unwrap();
    for seq in 11..=200 {
        session.outbox.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    let bound = BatchBound {
        events: 20,
        ..bound
    };
    let batch = session.outbox.batch(17, bound);
    let events = batch.items().iter();
    let events = events.filter(|item| matches!(item, Item::Event(_))).count();
    assert_eq!((events, batch.items().len()), (14, 20));
}

#[test]
fn parts_come_after_the_events_before_them() {
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
    // Events do not wait for parts.
    assert_eq!(kinds, ["event 1", "event 2", "part 1", "part 2"]);
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
