//! What streams keep, and what is dropped only after the lock.

use std::sync::Weak;

use super::*;
use crate::hub::requests::parts::EndPlace;

/// A payload, and what tells whether it was dropped.
fn payload() -> (Json, Weak<str>) {
    let text: Arc<str> = "1".into();
    let kept = Arc::downgrade(&text);
    (Json::Shared(text), kept)
}

#[test]
fn an_open_stream_takes_no_room_of_requests() {
    let limits = Limits {
        queue_bytes: 4000,
        ..Limits::default()
    };
    for to in [None, Some("a")] {
        let mut world = World::with(limits.clone());
        world.open("a");
        let request = |world: &mut World| {
            let large = "1".repeat(3000).into();
            world.request_of(large, None, to, CREDIT, None)
        };
        let mut streams = vec![request(&mut world).unwrap()];
        if to.is_some() {
            // Its page does not have it yet.
            let refused = request(&mut world).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::QueueFull);
        }
        for _ in 0..3 {
            world.pull_all();
            streams.push(request(&mut world).unwrap());
        }
        let streams: Vec<&Stream> = streams.iter().collect();
        for stream in &streams {
            world.leave(stream);
        }
        world.check_empty(&streams);
    }
}

#[test]
fn what_a_page_left_behind_is_dropped_later() {
    for is_fetched in [false, true] {
        let mut world = World::new();
        world.open("b");
        let stream = world.request(Some("b"), None).unwrap();
        let (part, kept) = payload();
        let (sent, effects) = world.hub.send_part(stream.id, part, None, None, world.now);
        world.apply_effects(effects);
        assert!(matches!(sent, PartSent::Accepted), "{sent:?}");
        if is_fetched {
            world.pull("b");
        }
        let effects = world.hub.leave_page("b", None);
        assert!(kept.upgrade().is_some());
        drop(effects);
        assert!(kept.upgrade().is_none());
    }
}

#[test]
fn what_comes_too_late_is_dropped_later() {
    let mut world = World::new();
    let key = world.open("a");
    let stream = world.request(None, Some("a")).unwrap();
    world.pull("a");
    let (part, kept) = payload();
    let (refused, effects) = world
        .hub
        .send_part_from_page(key, stream.id, 7, Ok(part), world.now);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidArgument);
    assert!(kept.upgrade().is_some());
    drop(effects);
    assert!(kept.upgrade().is_none());

    let to_host = world.request(None, None).unwrap();
    world.leave(&to_host);
    let (response, kept) = payload();
    let effects = world.hub.respond_from_host(to_host.id, Ok(response));
    assert!(kept.upgrade().is_some());
    drop(effects);
    assert!(kept.upgrade().is_none());
    world.leave(&stream);
    world.check_empty(&[&stream]);
}

#[test]
fn a_stream_that_has_ended_is_taken_back() {
    let mut world = World::new();
    world.open("b");
    let mut stream = world.request(Some("b"), None).unwrap();
    world.send(&mut stream, "1").unwrap();
    world.respond(&stream, Ok("2"));
    world.leave(&stream);
    assert_eq!(world.pull("b"), 0);
    world.check_empty(&[]);
}

#[test]
fn a_number_is_for_one_kind_of_request() {
    let mut world = World::new();
    let key = world.open("b");
    let stream = world.request(Some("b"), None).unwrap();
    let single = |world: &mut World, number: u64, waiter: u32| {
        let request = NewRequest {
            message: RequestMessage {
                id: RequestId::of(u128::from(waiter)),
                name: name(),
                payload: "1".into(),
                source: Endpoint::Host,
                provenance: None,
                stream: None,
                is_channel: false,
            },
            caller: Caller::Page(key, number),
            to: Recipient::Host,
            timeout: Some(TIMEOUT),
        };
        world.hub.request(request, waiter, world.now)
    };
    let (waiter, error) = single(&mut world, stream.number, 700).unwrap_err();
    assert_eq!((waiter, error.code()), (700, ErrorCode::InvalidArgument));
    let (_, effects) = single(&mut world, stream.number + 1, 701).unwrap();
    world.apply_effects(effects);
    let error = world.request(Some("b"), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let effects = world.hub.cancel(RequestId::of(701));
    world.apply_effects(effects);
    world.leave(&stream);
    world.check_empty(&[]);
}

#[test]
fn a_send_that_waits_for_room_is_not_silent() {
    let limits = Limits {
        queue_bytes: 1000,
        ..Limits::default()
    };
    let credit = Credit {
        bytes: 1000,
        parts: 100,
    };
    let mut world = World::with(limits);
    world.open("b");
    let mut stream = world
        .request_with(Some("b"), None, credit, Some(TIMEOUT))
        .unwrap();
    let woken = Arc::<Woken>::default();
    let place = loop {
        let (place, _) = world
            .hub
            .poll_end(stream.id, None, Waker::from(Arc::clone(&woken)));
        match place {
            EndPlace::Waits(ticket) => break ticket,
            // There is credit all the time.
            EndPlace::Ready => world.send(&mut stream, "1").unwrap(),
        }
    };
    for _ in 0..3 {
        // Its page is there, and acknowledges nothing.
        world.pull_over("b", true);
        world.now += TIMEOUT;
        world.expire();
    }
    assert_eq!(world.hub.open_requests(), 1);
    world.pull_all();
    assert_eq!(woken.count(), 1);
    drop(world.hub.stop_sending(stream.id, place));
    // Now it is.
    world.now += TIMEOUT;
    world.expire();
    let seen = world.look(&mut stream, 0);
    assert_eq!(seen.end, Some(Err(ErrorCode::Timeout)));
    world.check_empty(&[&stream]);
}
