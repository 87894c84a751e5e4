//! Wills: what a page has left to be emitted.

use std::sync::Arc;
use std::time::Duration;

use super::{GRACE, ORIGIN, World, resume};
use crate::hub::ids::SubscriberKey;
use crate::hub::will::Will;
use crate::hub::{Address, Audience, NewEvent, SESSION_LEASE};
use crate::model::endpoint::Endpoint;
use crate::model::error::{ErrorCode, Result};
use crate::model::label::AllowedLabels;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::target::LabelPattern;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn will(name: &str, payload: &str, after: Duration) -> Will {
    Will {
        event: NewEvent {
            name: EventName::parse(name).unwrap(),
            payload: payload.to_owned().into(),
            source: Endpoint::Webview("main".into()),
            tick: None,
            provenance: None,
            retain: None,
            lifetime: Lifetime::default(),
        },
        audience: Audience::default(),
        after,
    }
}

impl World {
    fn set_will(&mut self, key: SubscriberKey, id: u64, after: Duration) -> Result<()> {
        let will = will(&format!("gone-{id}"), "1", after);
        self.hub.set_will(key, id, Some(will)).0
    }

    /// The names of the wills that are emitted after this time.
    fn wills_after(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let _ = self.hub.expire(self.now);
        let wills = self.hub.take_due_wills().into_iter();
        wills
            .map(|will| will.event.name.as_str().to_owned())
            .collect()
    }
}

#[test]
fn a_will_is_emitted_after_the_end_of_its_page() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    world.set_will(key, 2, 2 * GRACE).unwrap();
    world.set_will(key, 3, Duration::ZERO).unwrap();
    drop(world.hub.set_will(key, 3, None));
    assert!(world.hub.leave_page("main", Some(ORIGIN.into())).rearm);
    assert!(world.wills_after(Duration::ZERO).is_empty());
    assert!(world.wills_after(GRACE - SECOND).is_empty());
    assert_eq!(world.wills_after(SECOND), ["gone-1"]);
    assert_eq!(world.hub.expire(world.now).1, Some(world.now + GRACE));
    assert_eq!(world.wills_after(GRACE), ["gone-2"]);
    assert!(world.wills_after(GRACE).is_empty());
}

#[test]
fn a_will_may_be_stopped_by_the_last_command() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    world.set_will(key, 2, Duration::ZERO).unwrap();
    world.leave("main", ORIGIN);
    assert!(world.hub.set_will(key, 1, None).0.is_ok());
    let error = world.set_will(key, 3, Duration::ZERO).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StaleSession);
    assert_eq!(world.wills_after(GRACE), ["gone-2"]);
}

#[test]
fn a_renewed_page_may_stop_its_wills_as_it_is_left() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    let seq = world.hub.seq;
    assert!(world.wills_after(SESSION_LEASE).is_empty());
    let key = world.open("main", 2);
    world.subscribe_again(key, "x", &[], resume(1, seq));
    world.leave("main", ORIGIN);
    assert!(world.hub.set_will(key, 1, None).0.is_ok());
    assert!(world.wills_after(2 * GRACE).is_empty());
}

#[test]
fn a_living_page_learns_that_its_will_goes_on() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    assert!(world.wills_after(SESSION_LEASE).is_empty());
    let error = world.hub.set_will(key, 1, None).0.unwrap_err();
    assert_eq!(error.code(), ErrorCode::StaleSession);
    assert_eq!(world.wills_after(GRACE), ["gone-1"]);
}

#[test]
fn a_page_that_is_back_has_no_will() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    world.set_will(key, 2, 4 * GRACE).unwrap();
    world.leave("main", ORIGIN);
    assert_eq!(world.wills_after(GRACE), ["gone-1"]);
    // It counts as closed, and is back before the other one is due.
    world.ready("main", 2);
    assert!(world.wills_after(10 * GRACE).is_empty());
}

#[test]
fn a_page_that_shows_itself_late_is_back() {
    for (is_renewed, expected) in [(false, None), (true, Some("gone-1"))] {
        let mut world = World::new();
        let key = world.ready("main", 1);
        world.set_will(key, 1, Duration::ZERO).unwrap();
        let seq = world.hub.seq;
        world.leave("main", ORIGIN);
        assert!(world.wills_after(GRACE - SECOND).is_empty());
        let key = world.open("main", 2);
        let resumed = resume(1, seq).filter(|_| is_renewed);
        world.subscribe_again(key, "x", &[], resumed);
        // Its first pull comes after the grace.
        assert!(world.wills_after(2 * SECOND).is_empty());
        world.pull("main", 2, 0);
        assert!(world.wills_after(2 * GRACE).is_empty());
        // One that was there all along has it still.
        world.leave("main", ORIGIN);
        let wills = world.wills_after(GRACE);
        assert_eq!(wills.first().map(String::as_str), expected);
    }
}

#[test]
fn a_page_that_never_shows_itself_is_not_back() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    world.leave("main", ORIGIN);
    assert!(world.wills_after(GRACE - SECOND).is_empty());
    world.open("main", 2);
    assert!(world.wills_after(2 * SECOND).is_empty());
    world.told();
    assert!(world.hub.leave_page("main", Some(ORIGIN.into())).rearm);
    assert_eq!(world.wills_after(Duration::ZERO), ["gone-1"]);
    assert_eq!(world.told(), ["main closed navigated"]);
}

#[test]
fn a_renewed_page_keeps_its_wills() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    let seq = world.hub.seq;
    assert!(world.wills_after(SESSION_LEASE).is_empty());
    let key = world.open("main", 2);
    world.subscribe_again(key, "x", &[], resume(1, seq));
    world.pull("main", 2, 0);
    assert!(world.wills_after(GRACE).is_empty());
    world.leave("main", ORIGIN);
    assert_eq!(world.wills_after(GRACE), ["gone-1"]);
}

#[test]
fn a_page_that_renews_may_stop_its_wills_at_once() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    for id in 1..=3 {
        world.set_will(key, id, Duration::ZERO).unwrap();
    }
    let seq = world.hub.seq;
    assert!(world.wills_after(SESSION_LEASE).is_empty());
    let key = world.open("main", 2);
    world.subscribe_again(key, "x", &[], resume(1, seq));
    // It sets one of them again, as the guest package does, and has not pulled yet.
    world.set_will(key, 1, Duration::ZERO).unwrap();
    for id in 1..=2 {
        drop(world.hub.set_will(key, id, None));
    }
    world.pull("main", 2, 0);
    world.leave("main", ORIGIN);
    assert_eq!(world.wills_after(GRACE), ["gone-3"]);
}

#[test]
fn the_wills_of_the_page_before_cannot_be_stopped() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    world.leave("main", ORIGIN);
    // Another page has its own numbers. It is left before it shows that it is there.
    let key = world.open("main", 2);
    drop(world.hub.set_will(key, 1, None));
    let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    // Nor by its last commands.
    assert!(world.hub.set_will(key, 1, None).0.is_ok());
    assert_eq!(world.wills_after(GRACE), ["gone-1"]);
}

#[test]
fn a_page_cannot_touch_the_will_of_another() {
    let mut world = World::new();
    let (main, other) = (world.ready("main", 1), world.ready("other", 2));
    world.set_will(main, 1, Duration::ZERO).unwrap();
    // It stops and sets under the same number, and continues the session of the other page.
    drop(world.hub.set_will(other, 1, None));
    let forged = will("forged", "1", Duration::ZERO);
    world.hub.set_will(other, 1, Some(forged)).0.unwrap();
    world.leave("main", ORIGIN);
    let seq = world.hub.seq;
    let thief = world.open("other", 3);
    world.subscribe_again(thief, "x", &[], resume(1, seq));
    world.pull("other", 3, 0);
    drop(world.hub.set_will(thief, 1, None));
    assert_eq!(world.wills_after(GRACE), ["gone-1"]);
}

#[test]
fn what_cannot_come_back_has_its_wills_at_once() {
    let mut world = World::new();
    for (label, session) in [("main", 1), ("other", 2)] {
        let key = world.ready(label, session);
        world.set_will(key, session, 4 * GRACE).unwrap();
    }
    let _ = world
        .hub
        .leave_page("main", Some("https://example.org".into()));
    assert_eq!(world.wills_after(Duration::ZERO), ["gone-1"]);
    let number = world.hub.webview_number("other").unwrap();
    assert!(world.hub.remove_webview("other", number).1.rearm);
    assert_eq!(world.wills_after(Duration::ZERO), ["gone-2"]);
}

#[test]
fn the_end_of_the_app_emits_no_will() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    world.set_will(key, 1, Duration::ZERO).unwrap();
    let _ = world.hub.shut_down();
    assert!(world.wills_after(GRACE).is_empty());
}

#[test]
fn wills_are_limited() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    for id in 0..16 {
        world.set_will(key, id, Duration::ZERO).unwrap();
    }
    // One that is set again takes no more.
    world.set_will(key, 7, Duration::ZERO).unwrap();
    let error = world.set_will(key, 16, Duration::ZERO).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("has 16 wills"), "{error}");
    let large = will("large", &"1".repeat(1 << 20), Duration::ZERO);
    let (set, refused) = world.hub.set_will(key, 7, Some(large));
    let error = set.unwrap_err();
    assert!(error.message().contains("the limit is 1048576"), "{error}");
    assert_eq!(refused[0].event.name.as_str(), "large");
    let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    let error = world.set_will(key, 1, Duration::ZERO).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StaleSession);
}

#[test]
fn sessions_that_show_no_page_leave_few_wills() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    for id in 0..3 {
        world.set_will(key, id, Duration::ZERO).unwrap();
    }
    world.leave("main", ORIGIN);
    for session in 2..102 {
        world.now += Duration::from_millis(40);
        let key = world.open("main", session);
        for id in 0..16 {
            let id = session * 16 + id;
            world.set_will(key, id, Duration::ZERO).unwrap();
        }
        let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
        assert!(world.wills_after(Duration::ZERO).is_empty());
    }
    assert_eq!(world.hub.webviews["main"].left_wills.count(), 16);
    // Those of the first page are due as long after its end as they were before.
    let due = ["gone-0", "gone-1", "gone-2"];
    assert_eq!(world.wills_after(GRACE - 4 * SECOND), due);
    assert_eq!(world.wills_after(GRACE).len(), 13);
    assert_eq!(world.hub.webviews["main"].left_wills.count(), 0);
}

#[test]
fn left_wills_take_no_more_bytes_than_one_page() {
    let mut world = World::new();
    let large = || will("large", &"1".repeat(600 << 10), Duration::ZERO);
    for session in 1..20 {
        let key = world.open("main", session);
        drop(world.hub.set_will(key, session, Some(large())));
        let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    }
    assert_eq!(world.hub.webviews["main"].left_wills.count(), 1);
}

#[test]
fn a_page_that_renews_has_no_more_wills_than_others() {
    let mut world = World::new();
    let mut key = world.ready("main", 1);
    for session in 2..5 {
        for id in 0..16 {
            let set = world.set_will(key, session * 16 + id, Duration::ZERO);
            let is_first = session == 2;
            assert_eq!(set.is_ok(), is_first, "{session}");
        }
        let seq = world.hub.seq;
        assert!(world.wills_after(SESSION_LEASE).is_empty());
        key = world.open("main", session);
        world.subscribe_again(key, "x", &[], resume(session - 1, seq));
        // What is left counts, too, and may be set again.
        world.set_will(key, 32, Duration::ZERO).unwrap();
        let error = world.set_will(key, 1, Duration::ZERO).unwrap_err();
        assert!(error.message().contains("has 16 wills"), "{error}");
        world.pull("main", session, 0);
    }
    world.leave("main", ORIGIN);
    assert_eq!(world.wills_after(GRACE).len(), 16);
}

#[test]
fn a_renewal_that_says_so_late_keeps_only_so_many() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    for id in 0..16 {
        world.set_will(key, id, Duration::ZERO).unwrap();
    }
    let seq = world.hub.seq;
    assert!(world.wills_after(SESSION_LEASE).is_empty());
    let key = world.open("main", 2);
    for id in 100..110 {
        world.set_will(key, id, Duration::ZERO).unwrap();
    }
    world.subscribe_again(key, "x", &[], resume(1, seq));
    world.pull("main", 2, 0);
    world.leave("main", ORIGIN);
    let due = world.wills_after(GRACE);
    assert_eq!(due.len(), 16);
    assert!((100..110).all(|id| due.contains(&format!("gone-{id}"))));
}

#[test]
fn a_will_to_a_glob_stays_within_its_scope() {
    let mut world = World::new();
    let key = world.ready("main", 1);
    let pattern = |text| [LabelPattern::parse(text).unwrap()];
    let mut allowed = AllowedLabels::default();
    allowed.allow(&pattern("editor-*"), false);
    allowed.deny(&pattern("editor-secret"), false);
    let mut to = Address::of("editor-*".into()).unwrap();
    to.selection.within = Some(Arc::new(allowed));
    let mut note = will("note", "1", Duration::ZERO);
    note.audience.to = Some(to);
    world.hub.set_will(key, 1, Some(note)).0.unwrap();
    // Their windows open after it was set.
    for (session, label) in [(2, "editor-new"), (3, "editor-secret")] {
        let _ = world.hub.announce(label, label);
        let key = world.open(label, session);
        world.subscribe(key, "note", &[]);
        world.pull(label, session, 0);
    }
    let number = world.hub.webview_number("main").unwrap();
    let _ = world.hub.remove_webview("main", number);
    world.pass(Duration::ZERO);
    let now = world.now;
    for Will {
        event, audience, ..
    } in world.hub.take_due_wills()
    {
        assert!(world.hub.enqueue(event, &audience, || now).is_ok());
    }
    assert_eq!(world.pull("editor-new", 2, 0), ["note"]);
    assert!(world.pull("editor-secret", 3, 0).is_empty());
}
