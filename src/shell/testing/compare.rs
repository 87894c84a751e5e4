//! Compares what code has emitted with what a recording has.

use serde_json::Value;

use crate::model::target::Target;
use crate::wire::tap::redaction::REDACTED;

/// What the code under test has emitted, or was to emit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReplayedEvent {
    /// Its name.
    pub name: String,
    /// Whom it was sent to; `None` for everyone.
    pub to: Option<Target>,
    /// Its payload, with arrays of numbers in the place of bytes. `None` where the recording has cut it.
    pub payload: Option<Value>,
    is_redacted: bool,
}

/// How the code under test differs from the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The recording has an event that was not emitted.
    Missing,
    /// An event was emitted that the recording does not have.
    New,
    /// An event has another target or payload.
    Changed,
    /// The response to a request that was played is another one.
    Response,
}

/// Where the code under test differs from the recording.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReplayDifference {
    /// How it differs.
    pub kind: DifferenceKind,
    /// What the recording has.
    pub recorded: Option<ReplayedEvent>,
    /// What was emitted.
    pub emitted: Option<ReplayedEvent>,
}

/// How many pairs are compared before what differs is told position by position.
const MAX_PAIRS: usize = 4_000_000;

impl ReplayedEvent {
    pub(super) fn new(
        name: &str,
        to: Option<Target>,
        payload: Option<Value>,
        is_redacted: bool,
    ) -> Self {
        Self {
            name: name.to_owned(),
            to,
            payload,
            is_redacted,
        }
    }

    /// Whether this, of a recording, was emitted as that.
    pub(super) fn is_like(&self, emitted: &Self) -> bool {
        let has_payload = match (&self.payload, &emitted.payload) {
            (Some(own), Some(other)) => is_equal(own, other, self.is_redacted),
            _ => true,
        };
        self.to == emitted.to && has_payload
    }
}

/// Whether two values are the same. What was redacted equals everything.
fn is_equal(recorded: &Value, emitted: &Value, is_redacted: bool) -> bool {
    if is_redacted && *recorded == REDACTED {
        return true;
    }
    match (recorded, emitted) {
        (Value::Array(own), Value::Array(other)) => {
            let mut pairs = own.iter().zip(other);
            own.len() == other.len() && pairs.all(|(a, b)| is_equal(a, b, is_redacted))
        }
        (Value::Object(own), Value::Object(other)) => {
            let mut fields = own.iter();
            own.len() == other.len()
                && fields.all(|(key, value)| {
                    let same = other.get(key);
                    same.is_some_and(|same| is_equal(value, same, is_redacted))
                })
        }
        // 1 and 1.0 are one number for a page.
        (Value::Number(own), Value::Number(other)) => {
            // A double holds not every whole number.
            own == other || ((own.is_f64() || other.is_f64()) && own.as_f64() == other.as_f64())
        }
        (own, other) => own == other,
    }
}

/// Compares name by name, in the order of the names in the recording. Events of different names may change places.
pub(super) fn compare(
    recorded: &[ReplayedEvent],
    emitted: &[ReplayedEvent],
) -> Vec<ReplayDifference> {
    let mut names: Vec<&str> = Vec::new();
    for event in recorded.iter().chain(emitted) {
        if !names.contains(&&*event.name) {
            names.push(&event.name);
        }
    }
    let mut differences = Vec::new();
    for name in names {
        let of = |events: &'_ [ReplayedEvent]| -> Vec<ReplayedEvent> {
            let own = events.iter().filter(|event| event.name == name);
            own.cloned().collect()
        };
        compare_one(&of(recorded), &of(emitted), &mut differences);
    }
    differences
}

fn compare_one(
    recorded: &[ReplayedEvent],
    emitted: &[ReplayedEvent],
    differences: &mut Vec<ReplayDifference>,
) {
    let pairs = recorded.iter().zip(emitted);
    let start = pairs.take_while(|(own, other)| own.is_like(other)).count();
    let (recorded, emitted) = (&recorded[start..], &emitted[start..]);
    let pairs = recorded.iter().rev().zip(emitted.iter().rev());
    let end = pairs.take_while(|(own, other)| own.is_like(other)).count();
    let recorded = &recorded[..recorded.len() - end];
    let emitted = &emitted[..emitted.len() - end];
    let common = match recorded.len() * emitted.len() > MAX_PAIRS {
        true => Vec::new(),
        false => common_of(recorded, emitted),
    };
    let (mut row, mut column) = (0, 0);
    for (next_row, next_column) in common.into_iter().chain([(recorded.len(), emitted.len())]) {
        while row < next_row || column < next_column {
            let own = (row < next_row).then(|| recorded[row].clone());
            let other = (column < next_column).then(|| emitted[column].clone());
            row += usize::from(own.is_some());
            column += usize::from(other.is_some());
            differences.push(ReplayDifference {
                kind: match (&own, &other) {
                    (Some(_), Some(_)) => DifferenceKind::Changed,
                    (Some(_), None) => DifferenceKind::Missing,
                    (None, _) => DifferenceKind::New,
                },
                recorded: own,
                emitted: other,
            });
        }
        row = next_row + 1;
        column = next_column + 1;
    }
}

/// The positions of the longest run of events that both have.
fn common_of(recorded: &[ReplayedEvent], emitted: &[ReplayedEvent]) -> Vec<(usize, usize)> {
    let width = emitted.len() + 1;
    let mut lengths = vec![0_u32; (recorded.len() + 1) * width];
    for row in (0..recorded.len()).rev() {
        for column in (0..emitted.len()).rev() {
            let at = row * width + column;
            lengths[at] = match recorded[row].is_like(&emitted[column]) {
                true => lengths[at + width + 1] + 1,
                false => lengths[at + width].max(lengths[at + 1]),
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut common = Vec::new();
    while row < recorded.len() && column < emitted.len() {
        let at = row * width + column;
        if recorded[row].is_like(&emitted[column]) {
            common.push((row, column));
            row += 1;
            column += 1;
        } else if lengths[at + width] >= lengths[at + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, payload: Value) -> ReplayedEvent {
        ReplayedEvent::new(name, None, Some(payload), false)
    }

    fn told(recorded: &[ReplayedEvent], emitted: &[ReplayedEvent]) -> Vec<(DifferenceKind, Value)> {
        let differences = compare(recorded, emitted).into_iter();
        differences
            .map(|own| {
                let event = own.recorded.or(own.emitted).unwrap();
                (own.kind, event.payload.unwrap())
            })
            .collect()
    }

    #[test]
    fn one_missing_event_is_told_alone() {
        let recorded: Vec<_> = (1..=4).map(|n| event("step", json!(n))).collect();
        let mut emitted = recorded.clone();
        assert_eq!(told(&recorded, &emitted), []);
        emitted.remove(1);
        emitted.push(event("other", json!(9)));
        assert_eq!(
            told(&recorded, &emitted),
            [
                (DifferenceKind::Missing, json!(2)),
                (DifferenceKind::New, json!(9))
            ]
        );
        emitted[1] = event("step", json!(7));
        assert_eq!(
            told(&recorded, &emitted)[..2],
            [
                (DifferenceKind::Changed, json!(2)),
                (DifferenceKind::Missing, json!(3))
            ]
        );
    }

    #[test]
    fn names_may_change_places() {
        let (a, b) = (event("a", json!(1)), event("b", json!(2)));
        assert_eq!(told(&[a.clone(), b.clone()], &[b, a]), []);
    }

    #[test]
    fn what_was_redacted_or_cut_equals_everything() {
        let hidden = json!({ "name": "ada", "token": REDACTED });
        let hidden = ReplayedEvent::new("user", None, Some(hidden), true);
        let shown = |name: &str| event("user", json!({ "name": name, "token": "x" }));
        assert!(hidden.is_like(&shown("ada")) && !hidden.is_like(&shown("eve")));
        let cut = ReplayedEvent::new("user", None, None, false);
        assert!(cut.is_like(&shown("eve")));
        let plain = event("user", json!(REDACTED));
        assert!(!plain.is_like(&event("user", json!("x"))));
    }

    #[test]
    fn large_whole_numbers_are_compared_exactly() {
        let large = |n: u64| event("id", json!(n));
        let (a, b) = (9_007_199_254_740_993, 9_007_199_254_740_992);
        assert!(!large(a).is_like(&large(b)) && large(a).is_like(&large(a)));
        let negative = |n: i64| event("id", json!(n));
        assert!(!negative(-9_007_199_254_740_993).is_like(&negative(-9_007_199_254_740_992)));
        assert!(event("id", json!(4)).is_like(&event("id", json!(4.0))));
        assert!(event("id", json!(0)).is_like(&event("id", json!(-0.0))));
    }

    #[test]
    fn targets_are_compared() {
        let sent = ReplayedEvent::new("a", Some("main".into()), Some(json!(1)), false);
        assert!(!sent.is_like(&event("a", json!(1))));
        assert!(event("a", json!(1)).is_like(&event("a", json!(1.0))));
    }
}
