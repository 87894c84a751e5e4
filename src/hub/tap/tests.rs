//! What records weigh.

use super::*;
use crate::model::error::{Error, ErrorCode};
use crate::model::tap::filter::TapFilter;
use crate::model::tap::record::TapAction;

fn taps() -> Taps {
    let filter = TapFilter::new().capacity(1 << 20).check().unwrap();
    let queue = TapQueue::new(Arc::new(filter), false);
    Taps {
        queues: BTreeMap::from([(1, queue)]),
        routes: Vec::new(),
    }
}

/// How many records found no room.
fn lost(mut taps: Taps) -> u64 {
    let slots = taps.queues.get_mut(&1).unwrap().take().into_iter();
    let lost = slots.map(|slot| match slot {
        TapSlot::Lost(count) => count,
        TapSlot::Record(_) => 0,
    });
    lost.sum()
}

#[test]
fn gaps_weigh_the_subscriptions_that_they_name() {
    let mut taps = taps();
    let lost_events = LostEvents {
        gap: crate::model::event::Gap {
            from: 1,
            to: 2,
            count: 2,
            at_most: false,
            reason: crate::model::event::GapReason::QueueFull,
        },
        superseded: None,
        subscriptions: (0..1 << 20).collect(),
        cause: None,
    };
    let receiver = Receiver {
        endpoint: Endpoint::Host,
        is_stream: false,
    };
    // Each names 4 MiB of ids.
    for _ in 0..20 {
        let given = std::iter::once(&lost_events).map(Given::Lost);
        taps.note_given(TapKind::Delivered, &receiver, given, &mut Vec::new());
    }
    assert_eq!(lost(taps), 5);
}

#[test]
fn refusals_weigh_their_messages() {
    let mut taps = taps();
    let error = Error::new(ErrorCode::Denied, "no");
    for _ in 0..70 {
        let mut refusal = TappedRefusal::of(TapAction::Emit, "a", &Endpoint::Host, None, &error);
        refusal.message = "x".repeat(1 << 20);
        taps.push_refusal(None, refusal, &mut Vec::new());
    }
    assert_eq!(lost(taps), 7);
}

#[test]
fn routes_weigh_their_subscriptions() {
    let route = TapRoute {
        receiver: Endpoint::Host,
        is_stream: false,
        subscriptions: vec![7; 1000],
        is_queued: true,
    };
    assert!(weight_of(&[route.clone(), route]) > 8000);
}
