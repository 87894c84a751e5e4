//! A page that continues sessions that have ended without a pull.

use super::{World, request};
use crate::hub::tests::session_id;
use crate::hub::{Command, Resumption, START_UP};
use crate::limits::Limits;
use crate::model::event::GapReason;

#[test]
fn a_new_subscription_is_traced_back() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.wait(START_UP);
    let pending = world.emit("x", false);
    world.emit("live", false);
    world.leave();
    // The next page subscribes, and sleeps before it pulls.
    world.begin(&["*"], None);
    let lost = world.emit("live", false);
    world.fall_silent();
    let last = world.emit("x", false);
    world.open(&["*"], Some((pending - 1, 0)));
    let gap = (GapReason::SessionEnded, lost, lost, 1);
    assert_eq!(world.received(1), (vec![pending, last], vec![gap]));
}

#[test]
fn a_page_of_another_origin_is_traced_back() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.emit("x", false);
    world.load("web");
    world.origin = "web";
    world.begin(&["*"], None);
    let begun = world.hub.seq;
    let waiting = world.emit("x", false);
    world.fall_silent();
    world.open(&["*"], Some((begun, 0)));
    assert_eq!(world.received(1), (vec![waiting], vec![]));
}

#[test]
fn each_session_that_a_page_continues_is_traced() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.load("web");
    world.origin = "web";
    world.begin(&["y", "*"], None);
    let begun = world.hub.seq;
    let waiting = world.emit("x", false);
    world.fall_silent();
    // The first subscription is from an older session, which the host does not know.
    let command = Command {
        name: "subscribe",
        session: session_id(3),
        n: 1,
        origin: Some("web".to_owned()),
    };
    world.sessions = 3;
    let opened = world.hub.begin_command("main", command, 'c', world.now);
    let resumed = |session, after| {
        Some(Resumption {
            session: session_id(session),
            after,
            handled: 0,
            index: 0,
        })
    };
    let requests = vec![
        request(1, "y", resumed(77, begun)),
        request(2, "*", resumed(2, begun)),
    ];
    let (results, _) = (world.hub).subscribe(opened.1.unwrap(), requests, world.now);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(world.received(2), (vec![waiting], vec![]));
}
