//! What becomes of events whose emitters wait for that.

mod ends;
mod random;
mod told;
mod world;

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{AwaitedBy, EmittingPage, Place, Receipts, Teller};
use crate::limits::Limits;
use crate::model::error::ErrorCode;
use crate::model::lifetime::ReceiptTicket;
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::permissions::WatchScope;

const TIMEOUT: Duration = Duration::from_secs(10);

fn name() -> EventName {
    EventName::parse("e").unwrap()
}

fn place(page: u64) -> Place {
    Place::Page(SubscriberKey(page), format!("page-{page}").into())
}

fn page(page: u64) -> Teller {
    Teller::Page(SubscriberKey(page))
}

fn failed(message: &str) -> Outcome {
    Outcome::failed("Error", message)
}

fn open_of_host(receipts: &mut Receipts) -> ReceiptTicket {
    let opened = receipts.open(&name(), AwaitedBy::Host, TIMEOUT, &Limits::default());
    opened.unwrap()
}

fn open_of_page(
    receipts: &mut Receipts,
    page: u64,
    limits: &Limits,
) -> Result<ReceiptTicket, ErrorCode> {
    let page = EmittingPage {
        key: SubscriberKey(page),
        label: format!("page-{page}").into(),
        id: 7,
        watches: WatchScope::default(),
        unfetched: 0,
    };
    let emitter = AwaitedBy::Page(Box::new(page));
    let opened = receipts.open(&name(), emitter, TIMEOUT, limits);
    opened.map_err(|error| error.code())
}

/// What code of the host would be given now.
fn fetch(receipts: &mut Receipts, ticket: ReceiptTicket) -> Option<Vec<(Place, Outcome)>> {
    match receipts.poll(ticket, Waker::noop().clone()).0 {
        Poll::Ready(outcomes) => Some(outcomes),
        Poll::Pending => None,
    }
}

enum Step {
    /// A receiver with so many entries.
    Has(Place, usize),
    Seal,
    Tells(Teller, Outcome),
    Leaves(u64),
    Passes(Duration),
    Exit,
}

use Step::{Exit, Has, Leaves, Passes, Seal, Tells};

/// Runs the steps with one event, and checks what it has come to.
#[track_caller]
fn check(steps: Vec<Step>, expected: Option<&[(Place, Outcome)]>) {
    let (mut receipts, start) = (Receipts::default(), Instant::now());
    let ticket = open_of_host(&mut receipts);
    let due = receipts.begin(ticket, 1, start);
    assert_eq!(due, Some(start + TIMEOUT));
    let mut now = start;
    for step in steps {
        match step {
            Has(place, entries) => receipts.add_receiver(1, place, entries),
            Seal => receipts.seal(1),
            Tells(teller, outcome) => receipts.tell(1, teller, outcome),
            Leaves(page) => receipts.leave(SubscriberKey(page)),
            Passes(time) => {
                now += time;
                receipts.expire(now);
            }
            Exit => receipts.end_all(),
        }
    }
    assert_eq!(fetch(&mut receipts, ticket).as_deref(), expected);
    let is_open = expected.is_none();
    assert_eq!(receipts.counts(), (usize::from(is_open), 0));
    assert_eq!(receipts.expire(now).is_some(), is_open);
}

#[test]
fn an_event_without_a_receiver_ends_at_once() {
    check(vec![], None);
    check(vec![Seal], Some(&[]));
}

#[test]
fn each_outcome_of_a_page_counts() {
    for outcome in [Outcome::Handled, Outcome::Dropped, failed("no")] {
        let tells = Tells(page(1), outcome.clone());
        check(
            vec![Has(place(1), 1), Seal, tells],
            Some(&[(place(1), outcome)]),
        );
    }
    check(
        vec![Has(place(1), 1), Seal, Leaves(1)],
        Some(&[(place(1), Outcome::Gone)]),
    );
    check(vec![Has(place(1), 1), Seal, Leaves(2)], None);
}

#[test]
fn all_receivers_are_waited_for() {
    let told = || Tells(page(2), Outcome::Handled);
    let both = || vec![Has(place(1), 1), Has(place(2), 1), Has(Place::Listeners, 1)];
    let with = |more: Vec<Step>| both().into_iter().chain(more).collect::<Vec<_>>();
    check(with(vec![Seal, told()]), None);
    let listeners = || Tells(Teller::Listeners, failed("panicked"));
    check(with(vec![Seal, told(), listeners()]), None);
    check(
        with(vec![told(), listeners(), Seal, Leaves(1)]),
        Some(&[
            (place(1), Outcome::Gone),
            (place(2), Outcome::Handled),
            (Place::Listeners, failed("panicked")),
        ]),
    );
}

#[test]
fn the_worst_of_several_entries_counts() {
    for (first, second, whole) in [
        (Outcome::Handled, Outcome::Handled, Outcome::Handled),
        (Outcome::Handled, Outcome::Dropped, Outcome::Dropped),
        (Outcome::Dropped, Outcome::Handled, Outcome::Dropped),
        (failed("1"), Outcome::Dropped, failed("1")),
        (Outcome::Dropped, failed("2"), failed("2")),
        (failed("1"), failed("2"), failed("1")),
    ] {
        let one = |outcome| Tells(page(1), outcome);
        check(vec![Has(place(1), 2), Seal, one(first.clone())], None);
        check(
            vec![Has(place(1), 2), Seal, one(first), one(second)],
            Some(&[(place(1), whole)]),
        );
    }
    // One of them is told, and the page is gone before it tells the other.
    check(
        vec![
            Has(place(1), 2),
            Seal,
            Tells(page(1), Outcome::Handled),
            Leaves(1),
        ],
        Some(&[(place(1), Outcome::Gone)]),
    );
}

#[test]
fn what_others_tell_changes_nothing() {
    let tells = |by, outcome| Tells(page(by), outcome);
    check(
        vec![
            Has(place(1), 1),
            Has(place(2), 1),
            Seal,
            tells(1, Outcome::Handled),
            tells(1, failed("late")),
            tells(3, failed("a stranger")),
            Tells(Teller::Listeners, failed("not among them")),
            tells(2, Outcome::Handled),
            tells(2, failed("after the end")),
        ],
        Some(&[(place(1), Outcome::Handled), (place(2), Outcome::Handled)]),
    );
}

#[test]
fn the_time_ends_what_is_open() {
    let almost = TIMEOUT - Duration::from_millis(1);
    let steps = |passed| {
        vec![
            Has(place(1), 1),
            Has(place(2), 1),
            Seal,
            Tells(page(1), Outcome::Handled),
            Passes(passed),
        ]
    };
    check(steps(almost), None);
    check(
        steps(TIMEOUT),
        Some(&[(place(1), Outcome::Handled), (place(2), Outcome::Timeout)]),
    );
}

#[test]
fn the_end_of_the_app_ends_all() {
    check(
        vec![Has(place(1), 1), Has(Place::Listeners, 1), Seal, Exit],
        Some(&[(place(1), Outcome::Gone), (Place::Listeners, Outcome::Gone)]),
    );
}

#[test]
fn an_emitter_that_waits_no_longer_leaves_nothing() {
    let mut receipts = Receipts::default();
    let (unpublished, waiting) = (open_of_host(&mut receipts), open_of_host(&mut receipts));
    receipts.begin(waiting, 1, Instant::now());
    receipts.add_receiver(1, place(1), 1);
    assert_eq!(fetch(&mut receipts, waiting), None);
    assert!(receipts.forget(unpublished).is_none());
    assert!(receipts.forget(waiting).is_some(), "its waker comes back");
    assert!(receipts.is_empty());
    receipts.tell(1, page(1), Outcome::Handled);
    assert_eq!(receipts.counts(), (0, 0));
}

#[test]
fn a_page_that_is_gone_waits_for_nothing() {
    let mut receipts = Receipts::default();
    let ticket = open_of_page(&mut receipts, 1, &Limits::default()).unwrap();
    receipts.begin(ticket, 1, Instant::now());
    receipts.add_receiver(1, place(2), 1);
    receipts.leave(SubscriberKey(1));
    assert!(receipts.is_empty());
    assert_eq!(receipts.expire(Instant::now() + TIMEOUT), None);
    // It is gone between the two steps.
    let ticket = open_of_page(&mut receipts, 1, &Limits::default()).unwrap();
    receipts.leave(SubscriberKey(1));
    assert_eq!(receipts.begin(ticket, 2, Instant::now()), None);
    receipts.seal(2);
    assert!(receipts.is_empty());
}

#[test]
fn so_many_may_wait_and_no_more() {
    let limits = Limits {
        receipts: 6,
        receipts_per_page: 2,
        ..Limits::default()
    };
    let mut receipts = Receipts::default();
    let own = [(); 2].map(|()| open_of_page(&mut receipts, 1, &limits));
    assert!(own.iter().all(Result::is_ok));
    let refused = open_of_page(&mut receipts, 1, &limits);
    assert_eq!(refused, Err(ErrorCode::QueueFull));
    assert!(open_of_page(&mut receipts, 2, &limits).is_ok());
    for _ in 0..3 {
        let opened = receipts.open(&name(), AwaitedBy::Host, TIMEOUT, &limits);
        assert!(opened.is_ok());
    }
    let all = receipts.open(&name(), AwaitedBy::Host, TIMEOUT, &limits);
    let text = all.unwrap_err().to_string();
    assert!(
        text.contains("\"e\"") && text.contains("6 is the limit (receipts)"),
        "{text}"
    );
    receipts.forget(own[0].unwrap());
    assert!(
        receipts
            .open(&name(), AwaitedBy::Host, TIMEOUT, &limits)
            .is_ok()
    );
}

#[test]
fn pages_leave_receipts_to_the_host_and_others() {
    let limits = Limits::default();
    let mut receipts = Receipts::default();
    let mut of_pages = 0;
    for page in 1..=100 {
        let own = std::iter::repeat_with(|| open_of_page(&mut receipts, page, &limits));
        let own = own.take_while(Result::is_ok).count();
        // A new page finds room for one, as long as the host keeps its own.
        assert!(own > 0 || of_pages == 768, "{page}");
        of_pages += own;
    }
    assert_eq!(of_pages, 768);
    let host = || receipts.open(&name(), AwaitedBy::Host, TIMEOUT, &limits);
    assert_eq!(
        std::iter::repeat_with(host)
            .take_while(Result::is_ok)
            .count(),
        256
    );
    // A page takes no more than it leaves free.
    let mut receipts = Receipts::default();
    let limits = Limits {
        receipts: 100,
        ..limits
    };
    let own = std::iter::repeat_with(|| open_of_page(&mut receipts, 1, &limits));
    assert_eq!(own.take_while(Result::is_ok).count(), 37);
}
