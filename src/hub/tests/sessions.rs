use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::sessions::ENDED_RESULT_BYTES;
use crate::hub::{
    Audience, Command, Effects, Hub, NewEvent, PULL_HOLD, Pull, Resumption, SESSION_LEASE,
    START_UP, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;

fn waiters_of(gone: &[(char, Error)]) -> Vec<char> {
    gone.iter().map(|(waiter, _)| *waiter).collect()
}

const BATCH: BatchBound = BatchBound {
    events: 9,
    bytes: 1 << 20,
};

/// A hub with one webview and a page in it that listens to everything.
fn hub(now: Instant) -> (Hub<char>, SubscriberKey) {
    let mut hub = Hub::new(Limits::default(), Policies::default());
    let _ = hub.announce("main", "main");
    let key = open(&mut hub, session_id(1), now).0;
    (hub, key)
}

fn open(hub: &mut Hub<char>, session: SessionId, now: Instant) -> (SubscriberKey, Effects<char>) {
    let command = Command {
        name: "subscribe",
        session,
        n: 1,
        origin: Some("app".to_owned()),
    };
    let (_, key, effects) = hub.begin_command("main", command, 'c', now);
    let request = SubscriptionRequest {
        id: 1,
        pattern: EventPattern::parse("*").unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume: None,
    };
    let key = key.unwrap();
    assert!(hub.subscribe(key, vec![request], now).0[0].is_ok());
    hub.finish_command(key, 1, Ok("".into()));
    (key, effects)
}

/// Whether a page of this origin may open this session, with each of its commands and with a request.
fn may_open(hub: &mut Hub<char>, id: u64, origin: &str, now: Instant) -> bool {
    let origin = Some(origin.to_owned());
    let mut opened = Vec::new();
    for (place, name) in (0..).zip(["subscribe", "set_responders", "emit", "start_job"]) {
        let command = Command {
            name,
            session: session_id(10 * id + place),
            n: 1,
            origin: origin.clone(),
        };
        let (admission, key, _) = hub.begin_command("main", command, 'c', now);
        let is_refused = matches!(admission, CommandAdmission::Refuse(..));
        assert_eq!(key.is_none(), is_refused);
        opened.push(key.is_some());
    }
    let (request, _) = hub.open_for_request("main", session_id(10 * id + 9), 1, origin, now);
    opened.push(request.is_ok());
    assert!(opened.iter().all(|own| *own == opened[0]), "{opened:?}");
    opened[0]
}

#[test]
fn a_left_page_of_another_origin_opens_nothing() {
    let now = Instant::now();
    let (mut hub, _) = hub(now);
    let load = |hub: &mut Hub<char>, origin: Option<&str>| {
        let _ = hub.leave_page("main", origin.map(str::to_owned));
    };
    // A load of the same origin says nothing of who opens a session.
    for id in [2, 3] {
        load(&mut hub, Some("app"));
        assert!(may_open(&mut hub, id, "app", now));
    }
    load(&mut hub, Some("web"));
    assert!(
        !may_open(&mut hub, 4, "app", now),
        "it learns late that it is left"
    );
    assert!(may_open(&mut hub, 5, "web", now));
    load(&mut hub, Some("app"));
    assert!(!may_open(&mut hub, 6, "web", now));
    assert!(may_open(&mut hub, 7, "app", now));
    // Its process ends, and it is loaded again.
    for origin in [None, Some("app"), None] {
        load(&mut hub, origin);
        assert!(!may_open(&mut hub, 8, "web", now), "{origin:?}");
    }
    load(&mut hub, Some("web"));
    assert!(!may_open(&mut hub, 9, "app", now));
    assert!(may_open(&mut hub, 10, "web", now));
}

#[test]
fn a_load_lets_its_own_origin_in() {
    let now = Instant::now();
    let (mut hub, _) = hub(now);
    let _ = hub.leave_page("main", Some("old".to_owned()));
    // The address of the load led on to another origin, whose page is loaded again.
    assert!(may_open(&mut hub, 2, "new", now));
    let _ = hub.leave_page("main", Some("new".to_owned()));
    assert!(may_open(&mut hub, 3, "new", now));
}

fn pull(hub: &mut Hub<char>, waiter: char, now: Instant) -> Result<Effects<char>, (char, Error)> {
    let pull = Pull {
        session: session_id(1),
        ack: 0,
        is_ahead: false,
        is_prompt: false,
        can_be_called: false,
        bound: BATCH,
    };
    hub.pull("main", pull, waiter, now)
}

fn emit(hub: &mut Hub<char>, now: Instant) -> usize {
    let event = NewEvent {
        name: EventName::parse("x").unwrap(),
        payload: "null".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    };
    hub.enqueue(event, &Audience::default(), || now)
        .unwrap()
        .0
        .pages
}

#[test]
fn a_pull_completes_after_twenty_seconds() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    let parked = start + Duration::from_secs(5);
    let _ = hub.expire(start + Duration::from_secs(3));
    let effects = pull(&mut hub, 'p', parked).unwrap();
    assert!(effects.batches.is_empty());
    assert!(
        effects.rearm,
        "it is there, and so its start-up phase is over"
    );
    let (effects, next) = hub.expire(parked);
    assert!(effects.batches.is_empty());
    assert_eq!(next, Some(parked + PULL_HOLD));
    let (effects, _) = hub.expire(parked + PULL_HOLD - Duration::from_millis(1));
    assert!(effects.batches.is_empty());
    let (effects, next) = hub.expire(parked + PULL_HOLD);
    assert!(matches!(&effects.batches[..], [('p', batch)] if batch.is_empty()));
    assert_eq!(next, Some(parked + PULL_HOLD + SESSION_LEASE));
    // The renewed pull is due before the lease, and the lease keeper has to know.
    let effects = pull(&mut hub, 'q', parked + PULL_HOLD).unwrap();
    assert!(effects.rearm);
}

#[test]
fn a_session_ends_sixty_seconds_after_the_last_call() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    assert_eq!(emit(&mut hub, start), 1);
    let (_, next) = hub.expire(start + SESSION_LEASE - Duration::from_millis(1));
    assert_eq!(next, Some(start + SESSION_LEASE));
    assert_eq!(hub.sessions.len(), 1);
    let (_, next) = hub.expire(start + SESSION_LEASE);
    assert!(hub.sessions.is_empty());
    assert_eq!(next, Some(start + SESSION_LEASE + hub.grace()));
    assert_eq!(hub.expire(start + SESSION_LEASE + hub.grace()).1, None);
    assert!(pull(&mut hub, 'p', start).is_err());
}

#[test]
fn a_page_that_is_left_ends_its_pull() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    assert!(pull(&mut hub, 'p', start).is_ok());
    let effects = hub.leave_page("main", None);
    assert_eq!(waiters_of(&effects.gone), ['p']);
    assert_eq!(emit(&mut hub, start), 0);
}

#[test]
fn a_page_that_is_replaced_gets_an_error() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    assert!(pull(&mut hub, 'p', start).is_ok());
    let (_, effects) = open(&mut hub, session_id(2), start);
    assert!(matches!(effects.replies[..], [('p', Err(_))]));
    assert!(effects.gone.is_empty());
}

#[test]
fn the_history_is_dropped_once_the_page_has_started() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    let has_history = |hub: &Hub<char>| hub.webviews["main"].history.is_some();
    let (_, next) = hub.expire(start + START_UP);
    assert!(has_history(&hub), "nothing shows that its page is there");
    assert_eq!(next, Some(start + SESSION_LEASE));
    assert!(pull(&mut hub, 'p', start + START_UP).is_ok());
    let (_, next) = hub.expire(start + START_UP);
    assert!(!has_history(&hub));
    assert_eq!(next, Some(start + START_UP + PULL_HOLD));
}

#[test]
fn past_events_are_the_kept_and_the_retained() {
    let start = Instant::now();
    let mut hub: Hub<char> = Hub::new(Limits::default(), Policies::default());
    let _ = hub.announce("main", "main");
    emit(&mut hub, start);
    let key = open(&mut hub, session_id(1), start).0;
    assert_eq!(hub.past_events_of(key), 1);
    let event = NewEvent {
        name: EventName::parse("kept").unwrap(),
        payload: "null".into(),
        source: Endpoint::Host,
        tick: None,
        retain: Some(true),
        lifetime: Lifetime::default(),
        provenance: None,
    };
    assert!(hub.enqueue(event, &Audience::default(), || start).is_ok());
    assert_eq!(hub.past_events_of(key), 3);
    assert!(pull(&mut hub, 'p', start).is_ok());
    let _ = hub.expire(start + START_UP);
    assert_eq!(hub.past_events_of(key), 1);
    assert_eq!(hub.past_events_of(SubscriberKey(99)), 1);
}

#[test]
fn gaps_of_ended_subscriptions_do_not_pile_up() {
    let start = Instant::now();
    let limits = Limits {
        queue_events: 2,
        ..Limits::default()
    };
    let mut hub = Hub::new(limits, Policies::default());
    let _ = hub.announce("main", "main");
    let key = open(&mut hub, session_id(1), start).0;
    for n in 2..5000 {
        let request = SubscriptionRequest {
            id: n,
            pattern: EventPattern::parse("x").unwrap(),
            scope: None,
            target: None,
            wants_replayed: false,
            wants_retained: false,
            wants_latest: false,
            watches: None,
            resume: None,
        };
        assert!(hub.subscribe(key, vec![request], start).0[0].is_ok());
        emit(&mut hub, start);
        let _ = hub.unsubscribe(key, &[n]);
    }
    let outbox = &hub.sessions[&key].outbox;
    assert!(
        outbox.unreported_gaps() < 1100,
        "{}",
        outbox.unreported_gaps()
    );
    // The live subscription gets a gap for all that it has lost.
    let effects = pull(&mut hub, 'p', start).unwrap();
    let reported = effects.batches[0]
        .1
        .items()
        .iter()
        .find_map(|item| match item {
            Item::Lost(lost) if lost.subscriptions.contains(&1) => Some(lost.gap.count),
            _ => None,
        });
    assert_eq!(reported, Some(4996));
}

#[test]
fn results_of_ended_sessions_are_bounded() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    let half = "x".repeat(ENDED_RESULT_BYTES / 2);
    for n in 1..=3 {
        let (key, _) = if n == 1 {
            (hub.webviews["main"].session.unwrap(), Effects::default())
        } else {
            open(&mut hub, session_id(n), start)
        };
        let command = Command {
            name: "emit",
            session: session_id(n),
            n: 2,
            origin: None,
        };
        let _ = hub.begin_command("main", command, 'c', start);
        hub.finish_command(key, 2, Ok(half.as_str().into()));
    }
    let _ = open(&mut hub, session_id(4), start);
    let mut repeat = |n| {
        let command = Command {
            name: "emit",
            session: session_id(n),
            n: 2,
            origin: None,
        };
        match hub.begin_command("main", command, 'c', start).0 {
            CommandAdmission::Repeat(_, result) => result.is_ok(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([repeat(1), repeat(2), repeat(3)], [false, true, true]);
}

/// Renews the session of a page that has acknowledged none of ten events, of which four are kept.
///
/// One subscription is to all of them and has handled so many; another one is to something else. Returns the events and
/// gaps of the first, and how many gaps the second gets.
fn renew_after(handled: u64) -> (Vec<u64>, Vec<(u64, u64, u64)>, usize) {
    let start = Instant::now();
    let limits = Limits {
        backlog_events: 4,
        ..Limits::default()
    };
    let mut hub = Hub::new(limits, Policies::default());
    let _ = hub.announce("main", "main");
    let request = |id, pattern: &str, resume| SubscriptionRequest {
        id,
        pattern: EventPattern::parse(pattern).unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume,
    };
    let key = open(&mut hub, session_id(1), start).0;
    assert!(hub.subscribe(key, vec![request(2, "y", None)], start).0[0].is_ok());
    for _ in 0..10 {
        emit(&mut hub, start);
    }
    let delivered = &pull(&mut hub, 'p', start).unwrap().batches[0].1;
    assert_eq!(delivered.items().len(), BATCH.events);
    let _ = hub.leave_page("main", None);

    let command = Command {
        name: "subscribe",
        session: session_id(2),
        n: 1,
        origin: Some("app".to_owned()),
    };
    let key = hub.begin_command("main", command, 'c', start).1.unwrap();
    let resume = |handled| {
        Some(Resumption {
            session: session_id(1),
            after: handled,
            handled,
            index: 0,
        })
    };
    let again = vec![request(1, "*", resume(handled)), request(2, "y", resume(0))];
    assert!(hub.subscribe(key, again, start).0.iter().all(Result::is_ok));
    let next = Pull {
        session: session_id(2),
        ack: 0,
        is_ahead: false,
        is_prompt: false,
        can_be_called: false,
        bound: BATCH,
    };
    let effects = hub.pull("main", next, 'q', start).unwrap();
    let items = effects
        .batches
        .first()
        .map_or(&[][..], |(_, batch)| batch.items());
    let (mut seqs, mut gaps, mut of_the_other) = (Vec::new(), Vec::new(), 0);
    for item in items {
        match item {
            Item::Event(queued) => seqs.push(queued.event.seq()),
            Item::Lost(lost) => {
                if lost.subscriptions.contains(&1) {
                    gaps.push((lost.gap.from, lost.gap.to, lost.gap.count));
                }
                of_the_other += usize::from(lost.subscriptions.contains(&2));
            }
            _ => {}
        }
    }
    (seqs, gaps, of_the_other)
}

#[test]
fn a_renewal_reports_no_gap_for_what_was_handled() {
    assert_eq!(renew_after(10), (vec![], vec![], 0));
    assert_eq!(renew_after(8), (vec![9, 10], vec![], 0));
    assert_eq!(renew_after(6), (vec![7, 8, 9, 10], vec![], 0));
    assert_eq!(renew_after(3), (vec![7, 8, 9, 10], vec![(4, 6, 3)], 0));
    assert_eq!(renew_after(0), (vec![7, 8, 9, 10], vec![(1, 6, 6)], 0));
}

#[test]
fn a_closed_window_leaves_nothing() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    assert!(pull(&mut hub, 'p', start).is_ok());
    let (gone, effects) = hub.remove_window("main");
    assert_eq!((gone.len(), waiters_of(&effects.gone)), (1, vec!['p']));
    assert!(hub.sessions.is_empty() && hub.webviews.is_empty());
    assert_eq!(hub.expire(start).1, None);
}

#[test]
fn a_page_that_fell_back_is_noticed_once() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    assert!(hub.note_evaluated("main", session_id(1)));
    assert!(!hub.note_evaluated("main", session_id(1)));
    assert!(!hub.note_evaluated("main", session_id(2)));
    // A page that never fetched has not fallen back.
    let command = Command {
        name: "subscribe",
        session: session_id(3),
        n: 1,
        origin: None,
    };
    let _ = hub.begin_command("main", command, 'c', start);
    assert!(!hub.note_evaluated("main", session_id(3)));
}

fn admit(hub: &mut Hub<char>, name: &'static str, session: u64, n: u64) -> &'static str {
    let command = Command {
        name,
        session: session_id(session),
        n,
        origin: None,
    };
    match hub.begin_command("main", command, 'c', Instant::now()) {
        (CommandAdmission::Run(_), Some(key), _) => {
            hub.finish_command(key, n, Ok("".into()));
            "run"
        }
        (CommandAdmission::Repeat(..), ..) => "repeat",
        (CommandAdmission::Refuse(_, error), ..) => error.code().as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_of_a_page_that_was_left_may_come_late() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    let _ = hub.leave_page("main", None);
    assert_eq!(admit(&mut hub, "emit", 1, 3), "run");
    assert_eq!(admit(&mut hub, "emit", 1, 3), "repeat");
    assert_eq!(admit(&mut hub, "emit_to", 1, 2), "run", "it was overtaken");
    assert_eq!(admit(&mut hub, "emit_to", 1, 2), "invalid_argument");
    assert_eq!(admit(&mut hub, "settle", 1, 5), "run");
    assert_eq!(admit(&mut hub, "clear_retained", 1, 6), "run");
    // Others need the session.
    let others = ["subscribe", "start_job"].map(|name| admit(&mut hub, name, 1, 4));
    assert_eq!(others, ["stale_session"; 2]);
    // The next page keeps its webview.
    let next = open(&mut hub, session_id(2), start).0;
    assert_eq!(admit(&mut hub, "emit", 1, 4), "run");
    assert_eq!(hub.webviews["main"].session, Some(next));
}

#[test]
fn a_page_that_was_not_left_gets_stale_session() {
    let start = Instant::now();
    let (mut hub, _) = hub(start);
    let _ = open(&mut hub, session_id(2), start);
    assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
    // Leaving a page says nothing of the one before it.
    let _ = hub.leave_page("main", None);
    assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
    assert_eq!(admit(&mut hub, "emit", 2, 2), "run");
    let _ = hub.leave_page("main", None);
    assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
}
