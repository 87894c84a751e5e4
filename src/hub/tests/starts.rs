//! What a starting page gets, where another one was there before it for a moment only, or is not there at all.

use std::time::Duration;

use super::renewal::World;
use crate::hub::START_UP;
use crate::limits::Limits;
use crate::model::event::GapReason;

/// The webview loads another page while the first command of this one is on its way. It opens a session for a page that is
/// gone.
fn leave_and_begin(world: &mut World, patterns: &[&str]) {
    world.leave();
    world.emit("early", false);
    world.begin(patterns, None);
}

#[test]
fn a_page_that_was_left_takes_nothing_over() {
    for patterns in [&["other"][..], &["*"], &["early"]] {
        let mut world = World::new(Limits::default());
        world.open(&["*"], None);
        world.wait(START_UP);
        let pending = world.emit("x", false);
        leave_and_begin(&mut world, patterns);
        world.emit("x", false);
        world.wait(START_UP * 2);
        let last = world.emit("x", false);
        world.open(&["*"], None);
        let all: Vec<u64> = (pending..=last).collect();
        assert_eq!(world.received(1), (all, vec![]), "{patterns:?}");
    }
}

#[test]
fn a_session_without_a_pull_ends_without_a_trace() {
    let mut world = World::new(Limits::default());
    let first = world.emit("x", false);
    world.begin(&["*"], None);
    world.fall_silent();
    let last = world.emit("x", false);
    world.open(&["*"], None);
    assert_eq!(world.received(1), (vec![first, last], vec![]));
}

#[test]
fn a_page_that_was_left_costs_a_living_one_nothing() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.wait(START_UP);
    let pending = [world.emit("x", false), world.emit("live", false)];
    world.begin(&["other"], None);
    let later = world.emit("x", false);
    // The living page learns that its session has ended, and continues it.
    world.continue_session(1, &["*"], (0, 0));
    let all = vec![pending[0], pending[1], later];
    assert_eq!(world.received(1), (all, vec![]));
}

#[test]
fn a_page_that_never_pulled_may_continue() {
    let mut world = World::new(Limits::default());
    world.begin(&["*"], None);
    let kept = world.emit("x", false);
    let lost = world.emit("live", false);
    world.fall_silent();
    let also_lost = world.emit("live", false);
    world.open(&["*"], Some((0, 0)));
    let gap = (GapReason::SessionEnded, lost, also_lost, 2);
    assert_eq!(world.received(1), (vec![kept], vec![gap]));
}

#[test]
fn a_page_left_early_leaves_what_it_did_not_take() {
    let mut world = World::new(Limits::default());
    let untaken = world.emit("b", false);
    world.emit("a", false);
    world.open(&["a"], None);
    world.emit("a", false);
    let also_untaken = world.emit("b", false);
    assert_eq!(world.pull_after(0, 9).items().len(), 2);
    world.pull_after(2, 9);
    let pending = world.emit("a", false);
    world.wait(START_UP / 2);
    world.leave();
    let later = world.emit("a", false);
    world.open(&["a", "b"], None);
    assert_eq!(world.received(1), (vec![pending, later], vec![]));
    assert_eq!(world.received(2), (vec![untaken, also_untaken], vec![]));
}

#[test]
fn only_what_was_not_taken_is_a_gap_of_the_next_page() {
    for (pattern, is_told) in [("a", false), ("b", true)] {
        let limits = Limits {
            backlog_events: 2,
            ..Limits::default()
        };
        let mut world = World::new(limits);
        world.open(&[pattern], None);
        for _ in 0..4 {
            world.emit("a", false);
        }
        let taken = world.pull_after(0, 9).items().len();
        world.pull_after(taken as u64, 9);
        world.leave();
        world.open(&["a"], None);
        let (_, gaps) = world.received(1);
        assert_eq!(!gaps.is_empty(), is_told, "{gaps:?}");
    }
}

#[test]
fn a_page_whose_place_was_taken_gets_a_gap() {
    let mut world = World::new(Limits::default());
    world.open(&["x"], None);
    world.wait(START_UP);
    world.leave();
    let first = world.emit("x", false);
    // The page that was left goes on for a while. Its webview has loaded the next one already.
    world.open(&["other"], None);
    world.wait(START_UP + Duration::from_secs(1));
    let last = world.emit("x", false);
    world.open(&["x"], None);
    let gap = (GapReason::SessionEnded, first, last, 2);
    assert_eq!(world.received(1), (vec![], vec![gap]));
}

#[test]
fn a_page_gets_no_gap_for_its_own_session() {
    let mut world = World::new(Limits::default());
    world.open(&["other"], None);
    world.wait(START_UP);
    world.emit("x", false);
    // It could not read a reply, and so it opened another session.
    world.open(&["other"], Some((0, 0)));
    world.subscribe(2, "x");
    assert_eq!(world.received(2), (vec![], vec![]));
}

#[test]
fn a_left_page_of_another_origin_takes_nothing_over() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.wait(START_UP);
    let pending = world.emit("x", false);
    world.leave();
    world.origin = "web";
    world.begin(&["*"], None);
    world.wait(START_UP * 2);
    let last = world.emit("x", false);
    world.origin = "app";
    world.open(&["*"], None);
    assert_eq!(world.received(1), (vec![pending, last], vec![]));
}

#[test]
fn a_page_of_another_origin_starts_anew() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.emit("y", false);
    world.leave();
    world.origin = "web";
    world.open(&["x"], None);
    let between = world.emit("y", false);
    world.subscribe(2, "y");
    assert_eq!(world.received(2), (vec![between], vec![]));
    // Nor does the next page get what was for the one before.
    world.leave();
    let last = world.emit("y", false);
    world.open(&["y"], None);
    assert_eq!(world.received(1), (vec![between, last], vec![]));
}

#[test]
fn the_events_of_a_first_page_are_for_its_origin() {
    for (origin, is_given) in [("app", true), ("web", false)] {
        let mut world = World::new(Limits::default());
        let kept = world.emit("x", false);
        // It never subscribes.
        world.load("app");
        world.load(origin);
        world.origin = origin;
        world.open(&["x"], None);
        let events = if is_given { vec![kept] } else { vec![] };
        assert_eq!(world.received(1), (events, vec![]), "{origin}");
    }
}

#[test]
fn a_session_without_a_pull_is_no_first_page() {
    for loads in [&["app", "web", "app"][..], &["app"]] {
        let mut world = World::new(Limits::default());
        let kept = world.emit("x", false);
        world.origin = "web";
        for origin in loads {
            if *origin != "web" {
                world.begin(&["x"], None);
            }
            world.load(origin);
        }
        world.origin = "app";
        world.open(&["x"], None);
        assert_eq!(world.received(1), (vec![kept], vec![]), "{loads:?}");
    }
}

#[test]
fn a_gap_that_was_told_stays_with_its_page() {
    let limits = Limits {
        backlog_events: 2,
        ..Limits::default()
    };
    for name in ["a", "b"] {
        let mut world = World::new(limits.clone());
        for _ in 0..4 {
            world.emit(name, false);
        }
        // A page is told, acknowledges that, and is left while it starts.
        world.open(&["a"], None);
        let told = world.pull_after(0, 9).items().len();
        world.pull_after(told as u64, 9);
        world.leave();
        world.open(&["a", "b"], None);
        assert_eq!(world.received(1), (vec![], vec![]), "{name}");
        let (events, gaps) = world.received(2);
        let of_b = if name == "b" { (2, 1) } else { (0, 0) };
        assert_eq!((events.len(), gaps.len()), of_b, "{name}");
    }
}

#[test]
fn what_waits_for_two_is_one_event() {
    let limits = Limits {
        backlog_events: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["a"], None);
    world.leave();
    world.open(&["a"], None);
    // It waits for the first one, and for the second one as a replay.
    let waiting = world.emit("a", false);
    world.subscribe(2, "a");
    world.leave();
    world.open(&["a"], None);
    assert_eq!(world.received(1), (vec![waiting], vec![]));
}

#[test]
fn a_gap_of_the_page_before_is_told_once() {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["a"], None);
    let dropped = world.emit("a", false);
    let waiting = world.emit("a", false);
    world.leave();
    world.open(&["a"], None);
    let gap = (GapReason::HistoryFull, dropped, dropped, 1);
    assert_eq!(world.received(1), (vec![waiting], vec![gap]));
    world.pull_after(2, 9);
    world.leave();
    world.open(&["a"], None);
    assert_eq!(world.received(1), (vec![], vec![]));
}

#[test]
fn what_a_page_says_it_has_handled_stays_with_it() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    let handled = world.emit("x", false);
    let waiting = world.emit("x", false);
    world.fall_silent();
    // It had handled the first one, and its acknowledgement was lost.
    world.open(&["*"], Some((0, handled)));
    world.leave();
    world.open(&["*"], None);
    assert_eq!(world.received(1), (vec![waiting], vec![]));
}

#[test]
fn what_was_lost_and_taken_over_is_one_gap() {
    for pattern in ["*", "x"] {
        let mut world = World::new(Limits::default());
        world.open(&["*"], None);
        world.wait(START_UP);
        let lost = world.emit("live", false);
        // Other pages are there, which say nothing of the one before.
        world.begin(&[pattern], None);
        world.pull(9);
        world.wait(START_UP);
        world.begin(&["x"], None);
        let gap = (GapReason::SessionEnded, lost, lost, 1);
        assert_eq!(world.received(1), (vec![], vec![gap]), "{pattern}");
    }
}
