//! What may happen, and how often.

use std::time::Duration;

use proptest::prelude::*;

use super::requests::REQUESTS;
use super::{Emitted, NAMES, PATTERNS, To, WEBVIEWS};

#[derive(Debug, Clone)]
pub(super) enum Step {
    Emit(Emitted),
    Subscribe {
        page: usize,
        pattern: usize,
        fate: Fate,
    },
    Unsubscribe {
        page: usize,
        which: usize,
    },
    Pull {
        page: usize,
    },
    ReadAhead {
        page: usize,
    },
    /// A batch arrives, not always the oldest, and its listeners run.
    Receive {
        page: usize,
        which: usize,
    },
    /// A batch is lost on the way.
    Lose {
        page: usize,
        which: usize,
    },
    /// The page abandons what is on its way and pulls again.
    PullAgain {
        page: usize,
    },
    Reload {
        page: usize,
        is_announced: bool,
    },
    /// The page before returns out of the back/forward cache.
    Return {
        page: usize,
    },
    /// A window closes.
    Close {
        page: usize,
    },
    /// A webview is closed alone, and the hub may be told.
    CloseAlone {
        page: usize,
        is_told: bool,
    },
    /// The hub hears of a webview.
    Hear {
        page: usize,
        is_ready: bool,
    },
    Wait {
        millis: u64,
    },
    /// The machine sleeps.
    Sleep {
        millis: u64,
    },
    /// A page sends a command again whose answer was lost.
    SendAgain {
        page: usize,
    },
    /// The last command arrives once more, of this page or of the page before.
    CopyCommand {
        page: usize,
        is_before: bool,
    },
    /// A responder appears or vanishes.
    SetResponder {
        page: usize,
        name: usize,
        is_on: bool,
        fate: Fate,
    },
    /// A page or the host sends a request, to a page or the host.
    Request {
        from: Option<usize>,
        to: Option<usize>,
        name: usize,
        millis: u64,
    },
    /// A page's request arrives once more.
    CopyRequest {
        which: usize,
    },
    /// A page responds, perhaps again, or to a request that it has not received.
    Respond {
        page: usize,
        which: usize,
        is_own: bool,
        is_declined: bool,
        fate: Fate,
    },
    RespondFromHost {
        which: usize,
    },
    Cancel {
        which: usize,
    },
    /// A cancellation overtakes its request.
    CancelEarly {
        page: usize,
    },
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    IsAnswered,
    /// A copy of it arrives while it runs.
    IsDoubled,
    /// Its answer is lost. The page sends it again before its next command.
    LosesAnswer,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::IsAnswered),
        1 => Just(Fate::IsDoubled),
        1 => Just(Fate::LosesAnswer),
    ]
}

/// Fewer steps than `max`. For 20 that are about everything else, this many are about requests.
pub(super) fn steps(requests: u32, max: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![20 => event_step(), requests => request_step()];
    proptest::collection::vec(step, 1..max)
}

fn request_step() -> impl Strategy<Value = Step> {
    let page = 0..WEBVIEWS.len();
    let someone = proptest::option::weighted(0.7, page.clone());
    let name = 0..REQUESTS.len();
    let millis = prop_oneof![Just(500_u64), Just(5000), Just(30_000)];
    let respond = (
        page.clone(),
        0..3_usize,
        proptest::bool::weighted(0.9),
        proptest::bool::weighted(0.2),
        fate(),
    );
    prop_oneof![
        3 => (page.clone(), name.clone(), proptest::bool::weighted(0.7), fate())
            .prop_map(|(page, name, is_on, fate)| Step::SetResponder { page, name, is_on, fate }),
        6 => (someone.clone(), someone, name, millis)
            .prop_map(|(from, to, name, millis)| Step::Request { from, to, name, millis }),
        1 => (0..4_usize).prop_map(|which| Step::CopyRequest { which }),
        4 => respond.prop_map(|(page, which, is_own, is_declined, fate)| {
            Step::Respond { page, which, is_own, is_declined, fate }
        }),
        1 => (0..3_usize).prop_map(|which| Step::RespondFromHost { which }),
        1 => (0..4_usize).prop_map(|which| Step::Cancel { which }),
        1 => page.clone().prop_map(|page| Step::CancelEarly { page }),
        4 => page.clone().prop_map(|page| Step::Pull { page }),
        4 => page.prop_map(|page| Step::Receive { page, which: 0 }),
    ]
}

fn event_step() -> impl Strategy<Value = Step> {
    let page = 0..WEBVIEWS.len();
    let to = prop_oneof![
        4 => Just(To::Everyone),
        2 => page.clone().prop_map(To::Webview),
        1 => Just(To::Window("w")),
        1 => Just(To::Glob),
        1 => Just(To::Several),
    ];
    let by = proptest::option::weighted(0.3, page.clone());
    let except = proptest::option::weighted(0.1, page.clone());
    let retain = proptest::option::weighted(0.3, any::<bool>());
    let is_large = proptest::bool::weighted(0.2);
    let expires =
        prop_oneof![Just(300_u64), Just(2000), Just(20_000)].prop_map(Duration::from_millis);
    let expires = proptest::option::weighted(0.3, expires);
    let emit = (0..NAMES.len(), by, to, except, retain, is_large, expires).prop_map(
        |(name, by, to, except, retain, is_large, expires)| {
            let name = NAMES[name];
            let is_retained = retain.unwrap_or(name == "kept");
            Step::Emit(Emitted {
                seq: 0,
                name,
                by,
                to,
                except,
                is_retained,
                is_large,
                expires,
                expires_at: None,
            })
        },
    );
    prop_oneof![
        10 => emit,
        3 => (page.clone(), 0..PATTERNS.len(), fate())
            .prop_map(|(page, pattern, fate)| Step::Subscribe { page, pattern, fate }),
        1 => (page.clone(), 0..4_usize).prop_map(|(page, which)| Step::Unsubscribe { page, which }),
        5 => page.clone().prop_map(|page| Step::Pull { page }),
        3 => page.clone().prop_map(|page| Step::ReadAhead { page }),
        5 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Receive { page, which: which.saturating_sub(1) }),
        1 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Lose { page, which }),
        1 => page.clone().prop_map(|page| Step::PullAgain { page }),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is_announced)| Step::Reload { page, is_announced }),
        1 => page.clone().prop_map(|page| Step::Return { page }),
        1 => page.clone().prop_map(|page| Step::Close { page }),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is_told)| Step::CloseAlone { page, is_told }),
        2 => (page.clone(), any::<bool>()).prop_map(|(page, is_ready)| Step::Hear { page, is_ready }),
        1 => page.clone().prop_map(|page| Step::SendAgain { page }),
        1 => (page, any::<bool>()).prop_map(|(page, is_before)| Step::CopyCommand { page, is_before }),
        2 => prop_oneof![4 => 0..4000_u64, 1 => Just(61_000_u64)].prop_map(|millis| Step::Wait { millis }),
        1 => prop_oneof![Just(500_u64), Just(30_000)].prop_map(|millis| Step::Sleep { millis }),
    ]
}
