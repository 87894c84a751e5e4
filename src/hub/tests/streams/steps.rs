//! The steps of the random test of streams.

use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Request {
        from: u8,
        to: u8,
        narrow: bool,
        is_timed: bool,
    },
    /// So many milliseconds pass.
    Wait {
        millis: u64,
    },
    Send {
        which: usize,
        size: usize,
    },
    /// The consumer takes so many parts.
    Take {
        which: usize,
        count: u64,
    },
    /// A page reports again what it has taken, or an older number.
    Report {
        which: usize,
        late: u64,
    },
    Respond {
        which: usize,
    },
    Leave {
        which: usize,
    },
    Pull {
        page: u8,
        is_lost: bool,
    },
    /// A page pulls, and says that it can be called.
    Offer {
        page: u8,
        is_lost: bool,
    },
    /// The host makes the call that is due.
    Call {
        page: u8,
    },
    /// A call comes to its page, or is lost.
    Begin {
        page: u8,
    },
    Lose {
        page: u8,
        which: usize,
    },
    /// The oldest call returns.
    Return {
        page: u8,
    },
    /// What a call has come to arrives, or is lost.
    End {
        page: u8,
        which: usize,
        is_lost: bool,
        carried_first: bool,
    },
    /// Another session begins in a webview, after its page was left or not.
    Renew {
        page: u8,
        is_left: bool,
    },
    /// A page's request comes again.
    Repeat {
        which: usize,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        3 => (0..3_u8, 0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(from, to, narrow, is_timed)| Step::Request { from, to, narrow, is_timed }),
        2 => (1..60_u64).prop_map(|millis| Step::Wait { millis }),
        12 => (which.clone(), 0..60_usize).prop_map(|(which, size)| Step::Send { which, size }),
        2 => (which.clone(), 500..2_000_usize)
            .prop_map(|(which, size)| Step::Send { which, size }),
        8 => (which.clone(), 1..5_u64).prop_map(|(which, count)| Step::Take { which, count }),
        2 => (which.clone(), 0..4_u64).prop_map(|(which, late)| Step::Report { which, late }),
        1 => which.clone().prop_map(|which| Step::Respond { which }),
        1 => which.clone().prop_map(|which| Step::Leave { which }),
        1 => which.prop_map(|which| Step::Repeat { which }),
        4 => (0..2_u8, prop::bool::weighted(0.3))
            .prop_map(|(page, is_lost)| Step::Pull { page, is_lost }),
        6 => (0..2_u8, prop::bool::weighted(0.3))
            .prop_map(|(page, is_lost)| Step::Offer { page, is_lost }),
        8 => (0..2_u8).prop_map(|page| Step::Call { page }),
        8 => (0..2_u8).prop_map(|page| Step::Begin { page }),
        1 => (0..2_u8, 0..4_usize).prop_map(|(page, which)| Step::Lose { page, which }),
        8 => (0..2_u8).prop_map(|page| Step::Return { page }),
        8 => (0..2_u8, 0..4_usize, prop::bool::weighted(0.1), any::<bool>()).prop_map(
            |(page, which, is_lost, carried_first)| Step::End { page, which, is_lost, carried_first }
        ),
        1 => (0..2_u8, any::<bool>())
            .prop_map(|(page, is_left)| Step::Renew { page, is_left }),
    ]
}
