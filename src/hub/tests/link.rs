//! What leaves for other nodes.

use std::task::{Poll, Waker};
use std::time::Instant;

use crate::hub::link::Leaving;
use crate::hub::queue::QueueBound;
use crate::hub::{Address, Audience, Hub, NewEvent};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::lifetime::Lifetime;
use crate::model::link::{LinkStream, Share};
use crate::model::name::EventName;
use crate::model::policies::Policies;
use crate::model::target::Target;

fn linked(events: usize) -> Hub<char> {
    let mut hub = Hub::new(Limits::default(), Policies::default());
    let bound = QueueBound {
        events,
        bytes: 1 << 30,
    };
    hub.open_link("here".into(), &[Share::both("e").unwrap()], bound);
    hub
}

fn emit_to(hub: &mut Hub<char>, node: &str) {
    let event = NewEvent {
        name: EventName::parse("e").unwrap(),
        payload: "1".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    };
    let audience = Audience {
        to: Some(Address::of(Target::node(node)).unwrap()),
        ..Audience::default()
    };
    let now = Instant::now();
    let (receipt, _) = hub.enqueue(event, &audience, || now).unwrap();
    assert!(receipt.linked);
}

/// To whom events leave, and of whose so many were dropped.
fn leave(hub: &mut Hub<char>) -> (Vec<String>, u64) {
    let (mut to, mut dropped) = (Vec::new(), 0);
    let name = |stream: &LinkStream| match stream {
        LinkStream::Node(node) => node.to_string(),
        other => panic!("{other:?}"),
    };
    while let (Poll::Ready(Some(leaving)), _) = hub.poll_link(Waker::noop().clone()) {
        for one in leaving {
            match one {
                Leaving::Event { streams, .. } => to.extend(streams.iter().map(name)),
                Leaving::Dropped { streams, count } => dropped += count * streams.len() as u64,
            }
        }
    }
    (to, dropped)
}

#[test]
fn an_event_waits_for_its_node_among_many() {
    let mut hub = linked(10_000);
    let nodes: Vec<String> = (0..3_000).map(|number| format!("n{number}")).collect();
    for node in &nodes {
        emit_to(&mut hub, node);
    }
    assert_eq!(leave(&mut hub), (nodes, 0));
}

#[test]
fn nodes_for_which_nothing_waits_are_forgotten() {
    let mut hub = linked(100);
    for number in 0..20_000 {
        emit_to(&mut hub, &format!("n{number}"));
        assert!(hub.link.as_ref().unwrap().nodes() < 3_000);
    }
    let (to, dropped) = leave(&mut hub);
    assert_eq!(to.len(), 100);
    assert_eq!(to[0], "n19900");
    // Of those whose events were dropped, the newest still learn of it.
    assert!((1024..20_000).contains(&dropped), "{dropped}");
}
