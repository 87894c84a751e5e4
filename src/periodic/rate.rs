//! How often the jobs of a page emit what its capability gives a shortest interval. Pure: whoever asks says what time it is.

use std::collections::HashMap;
use std::time::Duration;

use crate::hub::Receiver;
use crate::model::name::EventName;

/// Since when each receiver of an event may get it again from the jobs of one page, however many these are, and however
/// often they are started anew.
///
/// It goes by the times for which ticks were scheduled, so that none is too early because the one before was late.
#[derive(Debug, Default)]
pub(crate) struct RateGate {
    open_from: HashMap<(EventName, Receiver), Duration>,
}

/// To how many events and receivers a page is held at a time. There are no more unless it makes up names.
const MAX_PACED: usize = 4096;

impl RateGate {
    /// Takes a tick for these receivers, none of which gets the next one before the interval has passed. If it is too
    /// early for one of them, says by how much, and takes nothing.
    pub(crate) fn take(
        &mut self,
        name: &EventName,
        receivers: Vec<Receiver>,
        scheduled: Duration,
        interval: Duration,
        now: Duration,
    ) -> Result<(), Duration> {
        if self.open_from.len() + receivers.len() > MAX_PACED {
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
        let fresh = keys.iter().filter(|key| !self.open_from.contains_key(key));
        if self.open_from.len() + fresh.count() > MAX_PACED {
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

    fn take(
        pace: &mut RateGate,
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
        let taken = pace.take(&name, receivers.collect(), ms(scheduled), SECOND, now);
        taken.map_err(|early| early.as_millis() as u64)
    }

    #[test]
    fn a_receiver_gets_an_event_once_in_an_interval() {
        let mut pace = RateGate::default();
        for (scheduled, expected) in [
            (100, Ok(())),
            (600, Err(500)),
            (1099, Err(1)),
            (1100, Ok(())),
            (2100, Ok(())),
            (5000, Ok(())),
            (5900, Err(100)),
        ] {
            assert_eq!(take(&mut pace, "x", &[""], scheduled), expected);
        }
    }

    #[test]
    fn names_and_receivers_have_their_own_and_the_slowest_decides() {
        let mut pace = RateGate::default();
        assert_eq!(take(&mut pace, "x", &["a"], 0), Ok(()));
        assert_eq!(take(&mut pace, "x", &["b"], 500), Ok(()));
        assert_eq!(take(&mut pace, "y", &["a"], 500), Ok(()));
        assert_eq!(take(&mut pace, "x", &[""], 500), Ok(()));
        assert_eq!(take(&mut pace, "x", &["a", "b"], 1000), Err(500));
        // It was not taken for the one that was free, either.
        assert_eq!(take(&mut pace, "x", &["a"], 1000), Ok(()));
        assert_eq!(take(&mut pace, "x", &["b", "c"], 1500), Ok(()));
        assert_eq!(take(&mut pace, "x", &["c"], 2000), Err(500));
    }

    #[test]
    fn what_is_made_up_for_is_taken_as_it_was_scheduled() {
        let mut pace = RateGate::default();
        let name = EventName::parse("x").unwrap();
        for scheduled in 1..=9 {
            let receivers = vec![Receiver::Everyone];
            let taken = pace.take(&name, receivers, ms(scheduled * 1000), SECOND, ms(9500));
            assert_eq!(taken, Ok(()));
        }
    }

    #[test]
    fn names_without_end_do_not_fill_the_memory() {
        let mut pace = RateGate::default();
        for n in 0..MAX_PACED {
            assert_eq!(take(&mut pace, &format!("x{n}"), &[""], 0), Ok(()));
        }
        assert_eq!(take(&mut pace, "one-more", &[""], 900), Err(1000));
        assert_eq!(take(&mut pace, "x0", &[""], 900), Err(100));
        assert_eq!(take(&mut pace, "one-more", &[""], 1000), Ok(()));
        assert_eq!(pace.open_from.len(), 1);
    }
}
