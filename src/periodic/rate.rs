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

/// The most pairs of an event and a receiver. Only a page that makes up names reaches it.
const MAX_ENTRIES: usize = 4096;

impl RateGate {
    /// Lets a tick pass to these receivers, and closes the gate for the interval. If the tick is too early for one of
    /// them, returns by how much, and changes nothing.
    pub(crate) fn pass(
        &mut self,
        name: &EventName,
        receivers: Vec<Receiver>,
        scheduled: Duration,
        interval: Duration,
        now: Duration,
    ) -> Result<(), Duration> {
        if self.open_from.len() + receivers.len() > MAX_ENTRIES {
            self.open_from.retain(|_, open_from| *open_from > now);
        }
        let keys: Vec<(EventName, Receiver)> = receivers
            .into_iter()
            .map(|receiver| (name.clone(), receiver))
            .collect();
        let earliest = keys.iter().filter_map(|key| self.open_from.get(key)).max();
        if let Some(early) = earliest.and_then(|earliest| earliest.checked_sub(scheduled))
            && !early.is_zero()
        {
            return Err(early);
        }
        let added = keys.iter().filter(|key| !self.open_from.contains_key(key));
        if self.open_from.len() + added.count() > MAX_ENTRIES {
            return Err(interval);
        }
        let open_from = scheduled + interval;
        self.open_from
            .extend(keys.into_iter().map(|key| (key, open_from)));
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
            "" => Receiver::Everyone,
            label => Receiver::Webview(label.into()),
        });
        // Ticks come when they are scheduled, or later.
        let now = ms(scheduled + 20);
        let passed = gate.pass(&name, receivers.collect(), ms(scheduled), SECOND, now);
        passed.map_err(|early| early.as_millis() as u64)
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
    fn ticks_of_a_burst_pass_by_their_scheduled_times() {
        let mut gate = RateGate::default();
        let name = EventName::parse("x").unwrap();
        for scheduled in 1..=9 {
            let receivers = vec![Receiver::Everyone];
            let passed = gate.pass(&name, receivers, ms(scheduled * 1000), SECOND, ms(9500));
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
