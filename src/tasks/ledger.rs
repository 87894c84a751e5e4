//! Which tasks run, which wait, and which ends are kept. Pure: it knows nothing of futures.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::limits::Limits;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::name::EventName;
use crate::model::quota::{Quota, SharedLimit};
use crate::model::task::TaskId;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Queued,
    Running,
    /// Its end is kept. The number is its place among the ends.
    Ended(u64),
}

/// What a new run takes.
#[derive(Debug)]
pub(super) struct NewRun<R> {
    pub(super) id: TaskId,
    pub(super) number: u64,
    pub(super) run: R,
    /// The page that started it; the host has no label.
    pub(super) owner: Option<Arc<str>>,
    /// The bytes of its arguments.
    pub(super) bytes: usize,
    /// How many runs of its name run at the same time, and how many more wait.
    pub(super) concurrency: usize,
    pub(super) queue: usize,
}

#[derive(Debug)]
struct Entry<R> {
    number: u64,
    run: R,
    owner: Option<Arc<str>>,
    weight: usize,
    place: Place,
}

/// The runs of one name that have not ended.
#[derive(Debug, Default)]
struct Lane {
    running: usize,
    waiting: VecDeque<TaskId>,
}

/// Every run, by name and key.
#[derive(Debug)]
pub(super) struct Ledger<R> {
    entries: HashMap<TaskId, Entry<R>>,
    lanes: HashMap<EventName, Lane>,
    /// What the queued and running ones of each page take, and those of the host, which has no label.
    quotas: HashMap<Option<Arc<str>>, Quota>,
    /// The ends that are kept, oldest first.
    ended: BTreeMap<u64, TaskId>,
    ended_bytes: usize,
    newest_end: u64,
}

/// What becomes of a new run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted<R> {
    pub(super) is_queued: bool,
    /// Ends that are kept no longer.
    pub(super) forgotten: Vec<R>,
}

/// What follows from the end of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended<R> {
    /// Whether there is room to keep its result. Without, only how it ended is kept.
    pub(super) fits: bool,
    /// Runs that begin now.
    pub(super) next: Vec<R>,
    /// Ends that are kept no longer.
    pub(super) forgotten: Vec<R>,
}

impl<R> Default for Ledger<R> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            lanes: HashMap::new(),
            quotas: HashMap::new(),
            ended: BTreeMap::new(),
            ended_bytes: 0,
            newest_end: 0,
        }
    }
}

impl<R: Clone> Ledger<R> {
    pub(super) fn find(&self, id: &TaskId) -> Option<(R, Place)> {
        let entry = self.entries.get(id)?;
        Some((entry.run.clone(), entry.place))
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &R> {
        self.entries.values().map(|entry| &entry.run)
    }

    fn active(&self) -> Quota {
        let quotas = self.quotas.values();
        quotas.fold(Quota::default(), |sum, quota| Quota {
            count: sum.count + quota.count,
            bytes: sum.bytes + quota.bytes,
        })
    }

    /// Adds a run, which begins now or waits. The end of the run before it under its key is forgotten.
    pub(super) fn admit(&mut self, new: NewRun<R>, limits: &Limits) -> Result<Admitted<R>> {
        let weight = new.id.weight() + new.bytes;
        self.check_room(&new.owner, weight, limits)?;
        let running = self.lanes.get(&new.id.name).map_or(0, |lane| lane.running);
        let is_queued = running >= new.concurrency.max(1);
        if is_queued {
            self.check_queue(&new)?;
        }
        let before = self.forget(&new.id);
        let mut forgotten: Vec<R> = before.into_iter().collect();
        self.make_room(weight, limits, &mut forgotten);
        let quota = self.quotas.entry(new.owner.clone()).or_default();
        quota.add(weight);
        let lane = self.lanes.entry(new.id.name.clone()).or_default();
        let place = if is_queued {
            lane.waiting.push_back(new.id.clone());
            Place::Queued
        } else {
            lane.running += 1;
            Place::Running
        };
        let entry = Entry {
            number: new.number,
            run: new.run,
            owner: new.owner,
            weight,
            place,
        };
        self.entries.insert(new.id, entry);
        Ok(Admitted {
            is_queued,
            forgotten,
        })
    }

    fn check_room(&self, owner: &Option<Arc<str>>, weight: usize, limits: &Limits) -> Result<()> {
        let mut all = self.active();
        if all.count >= limits.tasks {
            return refuse(format!(
                "{} tasks wait or run, and that is the limit (tasks)",
                all.count
            ));
        }
        if all.bytes + weight > limits.task_bytes {
            return refuse(format!(
                "the tasks would keep {} bytes, and the limit is {} (taskBytes)",
                all.bytes + weight,
                limits.task_bytes
            ));
        }
        if owner.is_none() {
            return Ok(());
        }
        let before = self.quotas.get(owner).copied().unwrap_or_default();
        if before.count >= limits.tasks_per_page {
            return refuse(format!(
                "this page has started {} tasks that have not ended, and that is the limit (tasksPerPage)",
                before.count
            ));
        }
        let mut own = before;
        own.add(weight);
        all.add(weight);
        let shared = [
            SharedLimit {
                limit: limits.tasks,
                unit: "tasks",
                key: "tasks",
            },
            SharedLimit {
                limit: limits.task_bytes,
                unit: "bytes of tasks",
                key: "taskBytes",
            },
        ];
        own.check_fairness(before, all, shared).or_else(refuse)
    }

    /// Of the queue of a name, a page takes no more than it leaves free.
    fn check_queue(&self, new: &NewRun<R>) -> Result<()> {
        let name = new.id.name.as_str();
        let lane = self.lanes.get(&new.id.name);
        let waiting = lane.map_or(0, |lane| lane.waiting.len());
        let limit = new.queue;
        if waiting >= limit {
            return refuse(format!(
                "{waiting} tasks of {name:?} wait, and that is the limit of its registration"
            ));
        }
        let ids = lane.into_iter().flat_map(|lane| &lane.waiting);
        let is_own = |id: &&TaskId| {
            self.entries
                .get(*id)
                .is_some_and(|own| own.owner == new.owner)
        };
        let own = ids.filter(is_own).count() + 1;
        let free = limit - waiting - 1;
        if new.owner.is_some() && own > free.max(1) {
            return refuse(format!(
                "this page would have {own} tasks of {name:?} waiting and leave {free} of {limit} places free, and a page takes no more than it leaves free"
            ));
        }
        Ok(())
    }

    /// Forgets ends, the oldest first, until so many bytes fit. Returns whether they do.
    fn make_room(&mut self, weight: usize, limits: &Limits, forgotten: &mut Vec<R>) -> bool {
        let active = self.active().bytes;
        while active + self.ended_bytes + weight > limits.task_bytes {
            let Some((_, oldest)) = self.ended.first_key_value() else {
                return false;
            };
            let oldest = oldest.clone();
            forgotten.extend(self.forget(&oldest));
        }
        true
    }

    /// Forgets an end that is kept.
    fn forget(&mut self, id: &TaskId) -> Option<R> {
        let Place::Ended(place) = self.entries.get(id)?.place else {
            return None;
        };
        self.ended.remove(&place);
        let entry = self.entries.remove(id)?;
        self.ended_bytes -= entry.weight;
        Some(entry.run)
    }

    /// Notes that a run has ended, queued or running, with a result of so many bytes. `None` if it has ended before.
    pub(super) fn end(
        &mut self,
        id: &TaskId,
        number: u64,
        bytes: usize,
        concurrency: usize,
        limits: &Limits,
    ) -> Option<Ended<R>> {
        let entry = self
            .entries
            .get_mut(id)
            .filter(|own| own.number == number)?;
        let place = entry.place;
        if let Place::Ended(_) = place {
            return None;
        }
        let (owner, weight) = (entry.owner.clone(), entry.weight);
        if let Some(quota) = self.quotas.get_mut(&owner) {
            quota.remove(weight);
            if quota.is_empty() {
                self.quotas.remove(&owner);
            }
        }
        let next = self.leave_lane(id, place, concurrency);
        let mut forgotten = Vec::new();
        let fits = self.make_room(id.weight() + bytes, limits, &mut forgotten);
        let kept = if fits {
            id.weight() + bytes
        } else {
            id.weight()
        };
        self.newest_end += 1;
        let place = self.newest_end;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.weight = kept;
            entry.place = Place::Ended(place);
        }
        self.ended.insert(place, id.clone());
        self.ended_bytes += kept;
        Some(Ended {
            fits,
            next,
            forgotten,
        })
    }

    /// Takes a run out of those of its name that have not ended. Returns those that begin now.
    fn leave_lane(&mut self, id: &TaskId, place: Place, concurrency: usize) -> Vec<R> {
        let mut next = Vec::new();
        let Some(lane) = self.lanes.get_mut(&id.name) else {
            return next;
        };
        match place {
            Place::Queued => lane.waiting.retain(|own| own != id),
            Place::Running | Place::Ended(_) => lane.running -= 1,
        }
        while lane.running < concurrency.max(1)
            && let Some(id) = lane.waiting.pop_front()
        {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.place = Place::Running;
                lane.running += 1;
                next.push(entry.run.clone());
            }
        }
        if lane.running == 0 && lane.waiting.is_empty() {
            self.lanes.remove(&id.name);
        }
        next
    }

    /// Puts another run in the place of this one, to keep less of it. Returns the one before.
    pub(super) fn replace(&mut self, id: &TaskId, number: u64, run: R) -> Option<R> {
        let entry = self
            .entries
            .get_mut(id)
            .filter(|own| own.number == number)?;
        Some(std::mem::replace(&mut entry.run, run))
    }

    /// The time of this end is over.
    pub(super) fn expire(&mut self, id: &TaskId, number: u64) -> Option<R> {
        self.entries.get(id).filter(|own| own.number == number)?;
        self.forget(id)
    }

    /// How many runs wait or run.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.active().count
    }
}

fn refuse<T>(what: String) -> Result<T> {
    Err(Error::new(
        ErrorCode::TooManyTasks,
        format!("{what}; wait until some have ended, or cancel some"),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str, key: &str) -> TaskId {
        TaskId::new(EventName::parse(name).unwrap(), key).unwrap()
    }

    fn new(key: &str, number: u64, page: Option<&str>) -> NewRun<u64> {
        NewRun {
            id: id("export", key),
            number,
            run: number,
            owner: page.map(Arc::from),
            bytes: 0,
            concurrency: 2,
            queue: 4,
        }
    }

    fn limits() -> Limits {
        Limits {
            tasks: 8,
            tasks_per_page: 5,
            task_bytes: 1 << 20,
            ..Limits::default()
        }
    }

    #[test]
    fn runs_wait_for_their_turn_in_order() {
        let (mut ledger, limits) = (Ledger::default(), limits());
        let mut queued = Vec::new();
        for number in 1..=4 {
            let admitted = ledger.admit(new(&number.to_string(), number, None), &limits);
            queued.push(admitted.unwrap().is_queued);
        }
        assert_eq!(queued, [false, false, true, true]);
        let ended = ledger.end(&id("export", "1"), 1, 0, 2, &limits).unwrap();
        assert_eq!((ended.fits, ended.next), (true, vec![3]));
        assert_eq!(
            ledger.end(&id("export", "1"), 1, 0, 2, &limits),
            None,
            "once"
        );
        // One that waits leaves the queue.
        let ended = ledger.end(&id("export", "4"), 4, 0, 2, &limits);
        assert!(ended.unwrap().next.is_empty());
        let ended = ledger.end(&id("export", "2"), 2, 0, 2, &limits);
        assert!(ended.unwrap().next.is_empty());
        assert_eq!(ledger.count(), 1);
    }

    #[test]
    fn a_new_run_takes_the_place_of_an_end() {
        let (mut ledger, limits) = (Ledger::default(), limits());
        ledger.admit(new("a", 1, None), &limits).unwrap();
        ledger.end(&id("export", "a"), 1, 5, 2, &limits).unwrap();
        let admitted = ledger.admit(new("a", 2, None), &limits).unwrap();
        assert_eq!(admitted.forgotten, [1]);
        // The time of the end before it does not concern it.
        assert_eq!(ledger.expire(&id("export", "a"), 1), None);
        assert_eq!(ledger.find(&id("export", "a")), Some((2, Place::Running)));
        assert_eq!(ledger.expire(&id("export", "a"), 2), None, "it runs");
        ledger.end(&id("export", "a"), 2, 5, 2, &limits).unwrap();
        assert_eq!(ledger.expire(&id("export", "a"), 2), Some(2));
        assert_eq!((ledger.ended_bytes, ledger.entries.len()), (0, 0));
    }

    #[test]
    fn limits_are_named() {
        let (mut ledger, mut limits) = (Ledger::default(), limits());
        let refused = |ledger: &mut Ledger<u64>, new: NewRun<u64>, limits: &Limits, key: &str| {
            let error = ledger.admit(new, limits).unwrap_err();
            assert_eq!(error.code(), ErrorCode::TooManyTasks);
            assert!(error.message().contains(key), "{error}");
        };
        for number in 1..=3 {
            let page = Some("main");
            ledger
                .admit(new(&number.to_string(), number, page), &limits)
                .unwrap();
        }
        // It would have 2 of the 4 places, and leave 2 free; then 3 and 1.
        ledger.admit(new("4", 4, Some("main")), &limits).unwrap();
        refused(
            &mut ledger,
            new("5", 5, Some("main")),
            &limits,
            "leaves free",
        );
        ledger.admit(new("5", 5, None), &limits).unwrap();
        ledger.admit(new("6", 6, None), &limits).unwrap();
        refused(&mut ledger, new("7", 7, None), &limits, "its registration");
        limits.tasks = 6;
        refused(&mut ledger, new("7", 7, None), &limits, "(tasks)");
        limits.tasks = 100;
        limits.tasks_per_page = 4;
        refused(
            &mut ledger,
            new("7", 7, Some("main")),
            &limits,
            "(tasksPerPage)",
        );
        let large = NewRun {
            bytes: 1 << 20,
            ..new("8", 8, None)
        };
        refused(&mut ledger, large, &limits, "(taskBytes)");
    }

    #[test]
    fn a_result_without_room_is_not_kept() {
        let (mut ledger, mut limits) = (Ledger::default(), limits());
        limits.task_bytes = 4_000;
        ledger.admit(new("a", 1, None), &limits).unwrap();
        ledger
            .end(&id("export", "a"), 1, 2_000, 2, &limits)
            .unwrap();
        ledger.admit(new("b", 2, None), &limits).unwrap();
        // The older end makes room.
        let ended = ledger
            .end(&id("export", "b"), 2, 3_000, 2, &limits)
            .unwrap();
        assert_eq!((ended.fits, ended.forgotten), (true, vec![1]));
        let admitted = ledger.admit(new("c", 3, None), &limits).unwrap();
        assert_eq!(admitted.forgotten, [2]);
        let ended = ledger
            .end(&id("export", "c"), 3, 5_000, 2, &limits)
            .unwrap();
        assert!(!ended.fits);
        assert_eq!(ledger.replace(&id("export", "c"), 3, 30), Some(3));
        assert!(ledger.ended_bytes <= 1_000, "{}", ledger.ended_bytes);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Start { key: u8, page: bool, bytes: u16 },
        End { key: u8, bytes: u16 },
        Expire { key: u8 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..12_u8, any::<bool>(), 0..3_000_u16).prop_map(|(key, page, bytes)| Step::Start {
                key,
                page,
                bytes
            }),
            (0..12_u8, 0..3_000_u16).prop_map(|(key, bytes)| Step::End { key, bytes }),
            (0..12_u8).prop_map(|key| Step::Expire { key }),
        ]
    }

    proptest! {
        #[test]
        fn counts_match_what_is_there(steps in proptest::collection::vec(step(), 1..200)) {
            let (mut ledger, mut limits) = (Ledger::default(), limits());
            limits.task_bytes = 12_000;
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Start { key, page, bytes } => {
                        let key = key.to_string();
                        let place = ledger.find(&id("export", &key)).map(|(_, place)| place);
                        if matches!(place, Some(Place::Queued | Place::Running)) {
                            continue;
                        }
                        number += 1;
                        let page = page.then_some("main");
                        let run = NewRun { bytes: bytes.into(), ..new(&key, number, page) };
                        drop(ledger.admit(run, &limits));
                    }
                    Step::End { key, bytes } => {
                        let id = id("export", &key.to_string());
                        if let Some((own, _)) = ledger.find(&id) {
                            drop(ledger.end(&id, own, bytes.into(), 2, &limits));
                        }
                    }
                    Step::Expire { key } => {
                        let id = id("export", &key.to_string());
                        if let Some((own, _)) = ledger.find(&id) {
                            ledger.expire(&id, own);
                        }
                    }
                }
                let entries = ledger.entries.values();
                let of = |place: Place| entries.clone().filter(|own| own.place == place).count();
                let (queued, running) = (of(Place::Queued), of(Place::Running));
                let lane = ledger.lanes.values().next();
                prop_assert_eq!(lane.map_or(0, |lane| lane.waiting.len()), queued);
                prop_assert_eq!(lane.map_or(0, |lane| lane.running), running);
                prop_assert!(running <= 2 && (queued == 0 || running == 2));
                prop_assert_eq!(ledger.active().count, queued + running);
                prop_assert_eq!(ledger.ended.len(), ledger.entries.len() - queued - running);
                let active: usize = entries.clone().filter(|own| !matches!(own.place, Place::Ended(_))).map(|own| own.weight).sum();
                let all: usize = entries.clone().map(|own| own.weight).sum();
                prop_assert_eq!((ledger.active().bytes, ledger.ended_bytes), (active, all - active));
            }
        }
    }
}
