//! The rate of the ticks whose shortest interval a capability sets. Callers pass the time.

use std::collections::HashMap;
use std::time::Duration;

use crate::hub::Receiver;
use crate::model::name::EventName;

/// When each receiver of an event may get it again from the jobs of one page, however many jobs there are and however often
/// they start anew.
///
/// It compares the scheduled times of ticks, so that a tick is not too early because the previous one was late.
#[derive(Debug, Default)]
pub(crate) struct RateGate {
    open_from: HashMap<(EventName, Receiver), Duration>,
}

/// Why a tick may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) early: Duration,
    /// The interval of the receiver that it is too early for.
    pub(crate) interval: Duration,
}

/// The most pairs of an event and a receiver. Only a page that makes up names reaches it.
const MAX_ENTRIES: usize = 4096;

impl RateGate {
    /// Lets a tick pass to these receivers, and closes the gate of each for its interval. If the tick is too early for one
    /// of them, returns by how much, and changes nothing.
    pub(crate) fn pass(
        &mut self,
        name: &EventName,
        receivers: Vec<(Receiver, Duration)>,
        scheduled: Duration,
        now: Duration,
    ) -> Result<(), TooEarly> {
        if self.open_from.len() + receivers.len() > MAX_ENTRIES {
            self.open_from.retain(|_, open_from| *open_from > now);
        }
        let receivers = receivers.into_iter();
        let entries: Vec<((EventName, Receiver), Duration)> = receivers
            .map(|(receiver, interval)| ((name.clone(), receiver), interval))
            .collect();
        let early_by = |(key, interval): &((EventName, Receiver), Duration)| {
            let early = self.open_from.get(key)?.checked_sub(scheduled)?;
            let interval = *interval;
            (!early.is_zero()).then_some(TooEarly { early, interval })
        };
        let too_early = entries.iter().filter_map(early_by);
        if let Some(too_early) = too_early.max_by_key(|too_early| too_early.early) {
            return Err(too_early);
        }
        let is_new =
            |(key, _): &&((EventName, Receiver), Duration)| !self.open_from.contains_key(key);
        let added = entries.iter().filter(is_new).count();
        if added > 0 && self.open_from.len() + added > MAX_ENTRIES {
            let intervals = entries.iter().map(|(_, interval)| *interval);
            let early = intervals.max().unwrap_or_default();
            return Err(TooEarly {
                early,
                interval: early,
            });
        }
        let entries = entries.into_iter();
        self.open_from
            .extend(entries.map(|(key, interval)| (key, scheduled + interval)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn pass(
        gate: &mut RateGate,
        name: &str,
        receivers: &[&str],
        scheduled: u64,
    ) -> Result<(), u64> {
        let name = EventName::parse(name).unwrap();
        let receivers = receivers.iter().map(|label| match *label {
            "" => (Receiver::Everyone, SECOND),
            label => (Receiver::Webview(label.into()), SECOND),
        });
        // Ticks come when they are scheduled, or later.
        let now = ms(scheduled + 20);
        let passed = gate.pass(&name, receivers.collect(), ms(scheduled), now);
        passed.map_err(|too_early| too_early.early.as_millis() as u64)
    }

    #[test]
    fn a_receiver_gets_an_event_once_in_an_interval() {
        let mut gate = RateGate::default();
        for (scheduled, expected) in [
            (100, Ok(())),
            (600, Err(500)),
            (1099, Err(1)),
            (1100, Ok(())),
            (2100, Ok(())),
            (5000, Ok(())),
            (5900, Err(100)),
        ] {
            assert_eq!(pass(&mut gate, "x", &[""], scheduled), expected);
        }
    }

    #[test]
    fn each_name_and_receiver_has_its_own_interval() {
        let mut gate = RateGate::default();
        assert_eq!(pass(&mut gate, "x", &["a"], 0), Ok(()));
        assert_eq!(pass(&mut gate, "x", &["b"], 500), Ok(()));
        assert_eq!(pass(&mut gate, "y", &["a"], 500), Ok(()));
        assert_eq!(pass(&mut gate, "x", &[""], 500), Ok(()));
        assert_eq!(pass(&mut gate, "x", &["a", "b"], 1000), Err(500));
        // The refused tick did not close the gate for "a" either.
        assert_eq!(pass(&mut gate, "x", &["a"], 1000), Ok(()));
        assert_eq!(pass(&mut gate, "x", &["b", "c"], 1500), Ok(()));
        assert_eq!(pass(&mut gate, "x", &["c"], 2000), Err(500));
    }

    #[test]
    fn receivers_have_intervals_of_their_own() {
        let mut gate = RateGate::default();
        let name = EventName::parse("x").unwrap();
        let mut pass = |receivers: &[(&str, u64)], scheduled: u64| {
            let receivers = receivers
                .iter()
                .map(|(label, interval)| (Receiver::Webview((*label).into()), ms(*interval)));
            let passed = gate.pass(&name, receivers.collect(), ms(scheduled), ms(scheduled));
            passed.map_err(|too_early| (too_early.early, too_early.interval))
        };
        assert_eq!(pass(&[("fast", 100), ("slow", 1000)], 0), Ok(()));
        assert_eq!(pass(&[("fast", 100)], 100), Ok(()));
        let both = pass(&[("fast", 100), ("slow", 1000)], 150);
        assert_eq!(both, Err((ms(850), ms(1000))));
        assert_eq!(pass(&[], 150), Ok(()));
        assert_eq!(pass(&[("fast", 100), ("slow", 1000)], 1000), Ok(()));
    }

    #[test]
    fn ticks_of_a_burst_pass_by_their_scheduled_times() {
        let mut gate = RateGate::default();
        let name = EventName::parse("x").unwrap();
        for scheduled in 1..=9 {
            let receivers = vec![(Receiver::Everyone, SECOND)];
            let passed = gate.pass(&name, receivers, ms(scheduled * 1000), ms(9500));
            assert_eq!(passed, Ok(()));
        }
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let mut gate = RateGate::default();
        for n in 0..MAX_ENTRIES {
            assert_eq!(pass(&mut gate, &format!("x{n}"), &[""], 0), Ok(()));
        }
        assert_eq!(pass(&mut gate, "one-more", &[""], 900), Err(1000));
        assert_eq!(pass(&mut gate, "x0", &[""], 900), Err(100));
        assert_eq!(pass(&mut gate, "one-more", &[""], 1000), Ok(()));
        assert_eq!(gate.open_from.len(), 1);
    }
}
