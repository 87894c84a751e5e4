use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

/// Which job is due when: the one timer structure of all jobs.
///
/// A job stands in it once at the most; what is planned anew moves.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    order: BTreeSet<(Duration, u64)>,
    planned: HashMap<u64, Duration>,
}

impl TimerQueue {
    pub(crate) fn plan(&mut self, job: u64, due: Duration) {
        if let Some(before) = self.planned.insert(job, due) {
            self.order.remove(&(before, job));
        }
        self.order.insert((due, job));
    }

    pub(crate) fn cancel(&mut self, job: u64) {
        if let Some(due) = self.planned.remove(&job) {
            self.order.remove(&(due, job));
        }
    }

    /// When the next job is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes a job out that is due, the one that has waited longest.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<u64> {
        let (_, job) = self.order.first().copied().filter(|(due, _)| *due <= now)?;
        self.cancel(job);
        Some(job)
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.planned.clear();
    }
}

/// Tells the time of day of an instant of the steady clock.
///
/// Both clocks are compared once, so that the ticks of a job are announced at a fixed rate, too; and once more when they
/// have parted, because somebody has set the time of day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    steady: Duration,
    wall: SystemTime,
}

impl Calendar {
    /// How far the clocks may part: more than the corrections of a minute, less than anybody sees.
    const TOLERANCE: Duration = Duration::from_millis(50);

    pub(crate) fn new(steady: Duration, wall: SystemTime) -> Self {
        Self { steady, wall }
    }

    pub(crate) fn follow(&mut self, steady: Duration, wall: SystemTime) {
        let expected = self.time_of(steady);
        let apart = wall
            .duration_since(expected)
            .unwrap_or_else(|error| error.duration());
        if apart > Self::TOLERANCE {
            *self = Self::new(steady, wall);
        }
    }

    pub(crate) fn time_of(&self, steady: Duration) -> SystemTime {
        match steady.checked_sub(self.steady) {
            Some(since) => self.wall.checked_add(since),
            None => self.wall.checked_sub(self.steady.saturating_sub(steady)),
        }
        .unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn jobs_come_in_the_order_in_which_they_are_due() {
        let mut agenda = TimerQueue::default();
        for (job, due) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            agenda.plan(job, s(due));
        }
        assert_eq!(agenda.next(), Some(s(10)));
        assert_eq!(agenda.take_due(s(9)), None);
        agenda.plan(1, s(5));
        agenda.plan(2, s(25));
        agenda.cancel(4);
        agenda.cancel(9);
        let taken: Vec<_> = std::iter::from_fn(|| agenda.take_due(s(30))).collect();
        assert_eq!(taken, [1, 3, 2]);
        assert_eq!(agenda.next(), None);
        assert!(agenda.planned.is_empty());
    }

    #[test]
    fn the_time_of_day_is_followed_only_where_it_was_set() {
        let noon = SystemTime::UNIX_EPOCH + s(43_200);
        let mut calendar = Calendar::new(s(100), noon);
        calendar.follow(s(110), noon + s(10) + Duration::from_millis(20));
        assert_eq!(calendar.time_of(s(110)), noon + s(10));
        assert_eq!(calendar.time_of(s(90)), noon - s(10));
        for set in [noon + s(3600), noon - s(3600)] {
            calendar.follow(s(120), set);
            assert_eq!(calendar.time_of(s(125)), set + s(5));
        }
    }
}
