use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

/// The due times of jobs by one clock, at most one per job.
#[derive(Debug)]
pub(crate) struct TimerQueue<T = Duration> {
    order: BTreeSet<(T, u64)>,
    planned: HashMap<u64, T>,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self {
            order: BTreeSet::new(),
            planned: HashMap::new(),
        }
    }
}

impl<T: Ord + Copy> TimerQueue<T> {
    pub(crate) fn plan(&mut self, job: u64, due: T) {
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
    pub(crate) fn next(&self) -> Option<T> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes the job that has been due for the longest time.
    pub(crate) fn take_due(&mut self, now: T) -> Option<u64> {
        let (_, job) = self.order.first().copied().filter(|(due, _)| *due <= now)?;
        self.cancel(job);
        Some(job)
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.planned.clear();
    }
}

/// Converts times of the steady clock to the time of day.
///
/// It compares both clocks once, so that converted times keep the fixed rate of a job. It compares them again when they
/// have drifted apart because the time of day was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    steady: Duration,
    wall: SystemTime,
}

impl Calendar {
    /// How far the clocks may drift apart: more than the corrections of a minute, less than a person notices.
    const TOLERANCE: Duration = Duration::from_millis(50);

    pub(crate) fn new(steady: Duration, wall: SystemTime) -> Self {
        Self { steady, wall }
    }

    pub(crate) fn follow(&mut self, steady: Duration, wall: SystemTime) {
        let expected = self.time_of(steady);
        let drift = wall
            .duration_since(expected)
            .unwrap_or_else(|error| error.duration());
        if drift > Self::TOLERANCE {
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
    fn jobs_come_in_the_order_of_their_due_times() {
        let mut queue = TimerQueue::default();
        for (job, due) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            queue.plan(job, s(due));
        }
        assert_eq!(queue.next(), Some(s(10)));
        assert_eq!(queue.take_due(s(9)), None);
        queue.plan(1, s(5));
        queue.plan(2, s(25));
        queue.cancel(4);
        queue.cancel(9);
        let taken: Vec<_> = std::iter::from_fn(|| queue.take_due(s(30))).collect();
        assert_eq!(taken, [1, 3, 2]);
        assert_eq!(queue.next(), None);
        assert!(queue.planned.is_empty());
    }

    #[test]
    fn only_a_set_time_of_day_is_followed() {
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
