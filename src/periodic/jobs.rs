//! The jobs that run, and the one task that keeps time for all of them.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use crate::config::Limits;
use crate::engine::Engine;
use crate::engine::listeners::{drop_safely, panic_message};
use crate::engine::reply::Reply;
use crate::hub::EmitOutcome;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::periodic::job::{
    Change, Job, JobOwner, JobPlan, Payload, PeriodicInfo, State, weight_of,
};
use crate::periodic::notices::{StopReason, tell_failure, tell_start, tell_stop};
use crate::periodic::queue::{Agenda, Calendar};
use crate::periodic::rate::Pace;
use crate::periodic::schedule::Schedule;
use crate::periodic::source::{Maker, Sources};
use crate::sync::{
    Mutex, MutexGuard, Notify, after, sleep_until, spawn, spawn_blocking, steady_now, yield_now,
};

/// How long the task sleeps at the most while jobs run. Timers may stand still while the machine sleeps, and the schedule
/// does not.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How many jobs tick before other tasks have their turn.
const MOST_AT_ONCE: usize = 256;

/// A job is known by its owner and its id, so that a page cannot name another one's.
type JobKey = (Option<Arc<str>>, Arc<str>);

fn key(owner: &JobOwner, id: &Arc<str>) -> JobKey {
    let label = match owner {
        JobOwner::Host => None,
        JobOwner::Webview(label) => Some(Arc::clone(label)),
    };
    (label, Arc::clone(id))
}

/// The jobs that run.
#[derive(Default)]
pub(crate) struct Jobs {
    book: Mutex<Book>,
    newest: AtomicU64,
    /// Tells the task that a job is due earlier than it knows, or that none is left.
    changed: Arc<Notify>,
    sources: OnceLock<Sources>,
}

#[derive(Default)]
struct Book {
    numbers: HashMap<JobKey, u64>,
    entries: HashMap<u64, Entry>,
    shares: HashMap<Option<Arc<str>>, Share>,
    /// How many payloads are being made for the jobs of a page.
    made: HashMap<Arc<str>, usize>,
    agenda: Agenda,
    /// How often the jobs of each page have ticked that are to keep an interval together.
    paces: HashMap<Arc<str>, Pace>,
    /// Jobs that wait for somebody who listens.
    unheard: HashSet<u64>,
    calendar: Option<Calendar>,
    /// Whether the task is there.
    is_kept: bool,
    /// Whether the app is exiting.
    is_closed: bool,
    /// Until when the task sleeps; `None` while it is awake.
    asleep: Option<Duration>,
}

struct Entry {
    job: Arc<Job>,
    weight: usize,
}

/// So much before its time a tick may come. Timers are exact to a millisecond, twice: the runtime rounds the time up, and so
/// does the system. Without this each tick would be late by one on average.
const EARLIEST: Duration = Duration::from_micros(500);

/// How many payloads are made at a time for the jobs of one page. What makes one may take its time, also after its job
/// has ended, and all share the threads that may block.
const MOST_MADE_AT_ONCE: usize = 16;

/// What the jobs of a page take, or those of the app.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    jobs: usize,
    bytes: usize,
}

impl Book {
    fn find(&self, key: &JobKey) -> Option<&Arc<Job>> {
        let number = self.numbers.get(key)?;
        Some(&self.entries.get(number)?.job)
    }

    fn remove(&mut self, job: &Job) -> bool {
        let Some(entry) = self.entries.remove(&job.number) else {
            return false;
        };
        self.numbers.remove(&key(&job.owner, &job.id));
        self.agenda.cancel(job.number);
        self.unheard.remove(&job.number);
        if let Some(share) = self.shares.get_mut(&job.charged) {
            share.jobs -= 1;
            share.bytes -= entry.weight;
            if share.jobs == 0 {
                self.shares.remove(&job.charged);
            }
        }
        true
    }

    fn add(&mut self, job: &Arc<Job>, weight: usize) {
        let share = self.shares.entry(job.charged.clone()).or_default();
        share.jobs += 1;
        share.bytes += weight;
        self.numbers.insert(key(&job.owner, &job.id), job.number);
        let job = Arc::clone(job);
        self.entries.insert(job.number, Entry { job, weight });
    }

    /// Whether there is room for a job of this weight, beside all others but the one that it takes the place of.
    fn check_room(
        &self,
        charged: &Option<Arc<str>>,
        weight: usize,
        instead: Option<u64>,
        limits: &Limits,
    ) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorCode::TooManyJobs, what));
        let instead = instead.and_then(|number| self.entries.get(&number));
        let jobs = self.entries.len() - usize::from(instead.is_some());
        let before = self.shares.get(charged).copied().unwrap_or_default();
        let mut own = before;
        let pages = self.shares.iter().filter(|(page, _)| page.is_some());
        let mut bytes: usize = pages.map(|(_, share)| share.bytes).sum();
        if let Some(entry) = instead {
            if entry.job.charged == *charged {
                own.jobs -= 1;
                own.bytes -= entry.weight;
            }
            if entry.job.charged.is_some() {
                bytes -= entry.weight;
            }
        }
        if jobs >= limits.periodic_jobs {
            return refuse(format!(
                "{jobs} periodic jobs are running, and that is the limit (periodicJobs); stop some first"
            ));
        }
        if charged.is_none() {
            return Ok(());
        }
        if own.jobs >= limits.periodic_jobs_per_page {
            return refuse(format!(
                "this page has {} periodic jobs, and that is the limit (periodicJobsPerPage); stop some first",
                own.jobs
            ));
        }
        let limit = limits.periodic_bytes_per_page;
        let own_bytes = own.bytes + weight;
        if own_bytes > limit {
            return refuse(format!(
                "the periodic jobs of this page would keep {own_bytes} bytes, and the limit is {limit} (periodicBytesPerPage); stop some first, or emit less with each tick"
            ));
        }
        // A page takes no more than it leaves free, but for its first job and for what takes no more than what it had. So
        // there is some room for those who have less.
        let of_jobs = (before.jobs.max(1), own.jobs + 1, jobs + 1);
        let of_bytes = (before.bytes, own_bytes, bytes + weight);
        for (what, (granted, own, all), limit, key) in [
            ("jobs", of_jobs, limits.periodic_jobs, "periodicJobs"),
            (
                "bytes of jobs",
                of_bytes,
                limits.periodic_bytes,
                "periodicBytes",
            ),
        ] {
            let free = limit.saturating_sub(all);
            if own > free.max(granted) {
                return refuse(format!(
                    "this page would have {own} {what} and leave {free} of {limit} ({key}) free, and a page takes no more than it leaves free; stop some first"
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // The task sees that there is no bus any more.
        self.changed.notify_one();
    }
}

impl Jobs {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_sources(&self, sources: Sources) {
        let _ = self.sources.set(sources);
    }

    /// What makes the payloads of a job that takes them from this source.
    pub(crate) fn maker(&self, source: &str, args: Arc<str>) -> Result<Maker> {
        match self.sources.get() {
            Some(sources) => sources.maker(source, args),
            None => Sources::default().maker(source, args),
        }
    }

    /// The number of the newest job. One that starts from now on has a higher one.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Starts a job, which runs until it is stopped or its count is reached. It takes the place of another one only if
    /// the caller may reach that one's event.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        plan: JobPlan,
        is_reached: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<Job>> {
        if let Payload::Fixed(json) = &plan.payload {
            engine.check_payload(&plan.name, json)?;
        }
        if let Some(to) = &plan.to {
            engine.meet(&to.selection);
            engine.hub().check_targets(&to.selection)?;
        }
        if plan.max_failures == Some(0) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the most failures in a row are 0; a job ends after at least 1, or without a number never",
            ));
        }
        let id: Arc<str> = match &plan.id {
            Some(id) => check_id(id).map(|()| id.as_str().into())?,
            None => random_id()?.into(),
        };
        let jobs = &engine.jobs;
        let number = jobs.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // Jobs of one id, of different pages or runs, are not to fire together either.
        let seed = RandomState::new().hash_one(number);
        let schedule = Schedule::new(plan.timing, steady_now(), seed)?;
        let (replaces, page) = (plan.replaces, plan.page);
        let job = Arc::new(Job::new(number, id, plan, schedule));
        let may_replace = |old: &Job| replaces && is_reached(&old.name);
        let replaced = jobs.insert(&job, may_replace, engine.limits())?;
        if let Some(old) = replaced {
            old.halt();
            tell_stop(engine, &old, StopReason::Replaced);
        }
        let is_closed = matches!(&job.owner, JobOwner::Webview(webview) if !engine.knows(webview));
        if is_closed || page.is_some_and(|page| !engine.hub().is_open(page)) {
            // It ended meanwhile, perhaps for a page of another origin, and nobody would stop the job any more.
            jobs.remove(&job);
            return Err(Error::new(
                ErrorCode::StaleSession,
                "the page or its webview was closed",
            ));
        }
        tell_start(engine, &job, &jobs.info(&job));
        let state = job.state();
        if let Some(due) = state.schedule.due() {
            jobs.plan(&job, due);
        }
        drop(state);
        jobs.keep(engine);
        Ok(job)
    }

    fn insert(
        &self,
        job: &Arc<Job>,
        may_replace: impl FnOnce(&Job) -> bool,
        limits: &Limits,
    ) -> Result<Option<Arc<Job>>> {
        let weight = {
            let state = job.state();
            weight_of(job, &state.payload, state.audience.to.as_ref())
        };
        let mut book = self.book();
        if book.is_closed {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!("the app is exiting; {:?} is not timed", job.name.as_str()),
            ));
        }
        let old = book.find(&key(&job.owner, &job.id)).cloned();
        if old.as_ref().is_some_and(|old| !may_replace(old)) {
            return Err(Error::new(
                ErrorCode::DuplicateJob,
                format!(
                    "a periodic job with the id {} is running; stop it, ask to replace it, or choose another id",
                    quoted(&job.id)
                ),
            ));
        }
        let instead = old.as_ref().map(|old| old.number);
        book.check_room(&job.charged, weight, instead, limits)?;
        if let Some(old) = &old {
            book.remove(old);
        }
        book.add(job, weight);
        Ok(old)
    }

    /// Sees to it that the task is there.
    fn keep(&self, engine: &Arc<Engine>) {
        let mut book = self.book();
        if book.is_kept {
            return;
        }
        book.is_kept = true;
        drop(book);
        drop(spawn(keep_time(
            Arc::downgrade(engine),
            Arc::clone(&self.changed),
        )));
    }

    /// Plans the next tick. Called under the lock of the job's state, so that the newest plan counts.
    fn plan(&self, job: &Job, due: Duration) {
        let mut book = self.book();
        if !book.entries.contains_key(&job.number) {
            return;
        }
        book.agenda.plan(job.number, due);
        if book.asleep.is_some_and(|until| due < until) {
            book.asleep = None;
            drop(book);
            self.changed.notify_one();
        }
    }

    /// A job whose event the caller may reach. The others are as unknown as one that is not there.
    pub(crate) fn find_if(
        &self,
        owner: &JobOwner,
        id: &str,
        is_reached: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<Job>> {
        let found = self.book().find(&key(owner, &id.into())).cloned();
        found
            .filter(|job| is_reached(&job.name))
            .ok_or_else(|| unknown_job(id))
    }

    pub(crate) fn find(&self, owner: &JobOwner, id: &str) -> Result<Arc<Job>> {
        self.find_if(owner, id, |_| true)
    }

    /// Ends this very job, and not one that has taken its id since. Says whether it ran.
    fn remove(&self, job: &Arc<Job>) -> bool {
        let was_there = self.book().remove(job);
        job.halt();
        if was_there {
            self.wake_if_empty();
        }
        was_there
    }

    fn wake_if_empty(&self) {
        if self.book().entries.is_empty() {
            self.changed.notify_one();
        }
    }

    pub(crate) fn stop(&self, engine: &Engine, job: &Arc<Job>) -> Result<()> {
        if !self.remove(job) {
            return Err(unknown_job(&job.id));
        }
        tell_stop(engine, job, StopReason::Stopped);
        Ok(())
    }

    pub(crate) fn pause(&self, job: &Arc<Job>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.pause(steady_now());
        let mut book = self.book();
        book.agenda.cancel(job.number);
        book.unheard.remove(&job.number);
        Ok(())
    }

    pub(crate) fn resume(&self, job: &Arc<Job>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.resume(steady_now());
        self.plan_next(job, &state);
        Ok(())
    }

    /// Changes a job in place, all of what is asked or nothing.
    pub(crate) fn update(&self, engine: &Engine, job: &Arc<Job>, change: Change) -> Result<()> {
        if let Some(json) = &change.payload {
            engine.check_payload(&job.name, json)?;
        }
        if let Some(Some(to)) = &change.to {
            engine.meet(&to.selection);
            engine.hub().check_targets(&to.selection)?;
        }
        // What is replaced may be the app's own function, which is dropped after the locks.
        let mut replaced = Vec::new();
        let mut state = self.running(job)?;
        if change.payload.is_some() && job.sampled.is_some() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the payload of the job {} comes from its source; start it anew to give it a fixed one",
                    quoted(&job.id)
                ),
            ));
        }
        let payload = change.payload.map(Payload::Fixed);
        let to = change.to.unwrap_or_else(|| state.audience.to.clone());
        let weight = weight_of(job, payload.as_ref().unwrap_or(&state.payload), to.as_ref());
        {
            let mut book = self.book();
            book.check_room(&job.charged, weight, Some(job.number), engine.limits())?;
            if let Some(interval) = change.interval {
                let left_out = state.schedule.set_interval(interval, steady_now())?;
                state.missed += left_out;
            }
            if let Some(entry) = book.entries.get_mut(&job.number) {
                let before = std::mem::replace(&mut entry.weight, weight);
                if let Some(share) = book.shares.get_mut(&job.charged) {
                    share.bytes = share.bytes - before + weight;
                }
            }
        }
        state.audience.to = to;
        if let Some(shortest) = change.shortest_interval {
            state.shortest_interval = shortest;
        }
        if let Some(payload) = payload {
            replaced.push(std::mem::replace(&mut state.payload, payload));
        }
        if state.is_unheard {
            // It may be heard where it goes now.
            self.plan(job, steady_now());
        } else {
            self.plan_next(job, &state);
        }
        drop(state);
        drop(replaced);
        Ok(())
    }

    /// Checks that the ticks of all jobs of a page keep the interval that its capability asks for.
    fn check_pace(
        &self,
        engine: &Engine,
        job: &Job,
        state: &State,
        scheduled: Duration,
        now: Duration,
    ) -> Result<()> {
        let (Some(interval), Some(page)) = (state.shortest_interval, &job.charged) else {
            return Ok(());
        };
        let receivers = engine.hub().receivers(&state.audience);
        let mut book = self.book();
        let pace = book.paces.entry(Arc::clone(page)).or_default();
        let taken = pace.take(&job.name, receivers, scheduled, interval, now);
        taken.map_err(|early| {
            let message = format!(
                "this tick of {} comes {early:?} too early: the jobs of this page together may emit it to a receiver every {interval:?} (minIntervalMs)",
                quoted(job.name.as_str())
            );
            Error::new(ErrorCode::RateLimited, message).with_retry_after(early)
        })
    }

    /// Forgets how often the jobs of this page have ticked, since it is gone for good.
    pub(crate) fn forget_pace(&self, webview: &str) {
        self.book().paces.remove(webview);
    }

    fn running<'a>(&self, job: &'a Arc<Job>) -> Result<MutexGuard<'a, State>> {
        let state = job.state();
        if state.is_stopped {
            return Err(unknown_job(&job.id));
        }
        Ok(state)
    }

    fn plan_next(&self, job: &Job, state: &State) {
        if let Some(due) = state.schedule.due().filter(|_| !state.is_busy) {
            self.plan(job, due);
        }
    }

    /// Ends the jobs of a webview up to this number. Later ones are of the page after.
    pub(crate) fn stop_all_of(&self, webview: &str, newest: u64) {
        let ended: Vec<Arc<Job>> = {
            let mut book = self.book();
            let is_theirs = |job: &Arc<Job>| {
                job.number <= newest
                    && matches!(&job.owner, JobOwner::Webview(label) if **label == *webview)
            };
            let jobs = book.entries.values().map(|entry| &entry.job);
            let ended: Vec<Arc<Job>> = jobs.filter(|job| is_theirs(job)).cloned().collect();
            for job in &ended {
                book.remove(job);
            }
            ended
        };
        self.halt_all(&ended);
    }

    pub(crate) fn stop_all(&self) {
        let ended: Vec<Arc<Job>> = {
            let mut book = self.book();
            book.is_closed = true;
            book.numbers.clear();
            book.shares.clear();
            book.agenda.clear();
            book.unheard.clear();
            book.entries.drain().map(|(_, entry)| entry.job).collect()
        };
        self.halt_all(&ended);
    }

    fn halt_all(&self, ended: &[Arc<Job>]) {
        for job in ended {
            job.halt();
        }
        if !ended.is_empty() {
            self.wake_if_empty();
        }
    }

    /// The jobs of this owner, and those of others whose event the caller may reach, in the order of their ids.
    pub(crate) fn list(
        &self,
        owner: &JobOwner,
        is_reached: impl Fn(&EventName) -> bool,
    ) -> Vec<PeriodicInfo> {
        let jobs: Vec<Arc<Job>> = {
            let book = self.book();
            let jobs = book.entries.values().map(|entry| &entry.job);
            jobs.filter(|job| job.owner == *owner || is_reached(&job.name))
                .cloned()
                .collect()
        };
        let calendar = self.calendar();
        let mut jobs: Vec<PeriodicInfo> = jobs
            .iter()
            .map(|job| job.info(|due| calendar.time_of(due)))
            .collect();
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        jobs
    }

    pub(crate) fn info(&self, job: &Job) -> PeriodicInfo {
        let calendar = self.calendar();
        job.info(|due| calendar.time_of(due))
    }

    /// What tells the time of day at which a tick is due. Nobody can set the clock by which it is.
    fn calendar(&self) -> Calendar {
        let (steady, wall) = (steady_now(), SystemTime::now());
        let mut book = self.book();
        let calendar = book
            .calendar
            .get_or_insert_with(|| Calendar::new(steady, wall));
        calendar.follow(steady, wall);
        *calendar
    }

    /// Somebody listens to something new: the jobs that nobody heard look again.
    pub(crate) fn look_again(&self) {
        let mut book = self.book();
        if book.unheard.is_empty() {
            return;
        }
        let now = steady_now();
        for job in std::mem::take(&mut book.unheard) {
            book.agenda.plan(job, now);
        }
        book.asleep = None;
        drop(book);
        self.changed.notify_one();
    }

    /// Counts a payload that is being made for a job of a page. Those of the app are not counted.
    fn begin_making(engine: &Arc<Engine>, job: &Job) -> Result<Option<Making>> {
        let Some(page) = &job.charged else {
            return Ok(None);
        };
        job.count_tick()?;
        let mut book = engine.jobs.book();
        let made = book.made.entry(Arc::clone(page)).or_default();
        if *made >= MOST_MADE_AT_ONCE {
            return Err(Error::new(
                ErrorCode::TooManyJobs,
                format!(
                    "{made} sources are still at work for jobs of this page, and that is the limit; start fewer, or let them be quicker"
                ),
            ));
        }
        *made += 1;
        Ok(Some(Making {
            engine: Arc::downgrade(engine),
            page: Arc::clone(page),
        }))
    }

    fn end_making(&self, page: &str) {
        let mut book = self.book();
        if let Some(made) = book.made.get_mut(page) {
            *made -= 1;
            if *made == 0 {
                book.made.remove(page);
            }
        }
    }

    /// Takes out the jobs that are due.
    fn take_due(&self) -> Vec<Arc<Job>> {
        let now = steady_now() + EARLIEST;
        let mut book = self.book();
        book.asleep = None;
        let mut due = Vec::new();
        while due.len() < MOST_AT_ONCE
            && let Some(number) = book.agenda.take_due(now)
        {
            due.extend(
                book.entries
                    .get(&number)
                    .map(|entry| Arc::clone(&entry.job)),
            );
        }
        due
    }

    /// What the task does next, where nothing is due any more.
    fn rest(&self) -> Rest {
        let now = steady_now() + EARLIEST;
        let mut book = self.book();
        if book.entries.is_empty() {
            book.is_kept = false;
            return Rest::End;
        }
        let next = book.agenda.next();
        book.asleep = Some(next.unwrap_or(Duration::MAX));
        match next {
            Some(due) if due <= now => {
                book.asleep = None;
                Rest::Sleep(Duration::ZERO)
            }
            Some(due) => Rest::Sleep((due - now).min(LONGEST_SLEEP)),
            None => Rest::UntilChanged,
        }
    }
}

/// A payload that is being made for a job of a page. It counts until this is dropped.
struct Making {
    engine: Weak<Engine>,
    page: Arc<str>,
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.jobs.end_making(&self.page);
        }
    }
}

enum Rest {
    Sleep(Duration),
    /// Every job is paused, or waits for its source or for somebody who listens.
    UntilChanged,
    End,
}

/// Lets every job tick when it is due, and ends with the last one.
async fn keep_time(engine: Weak<Engine>, changed: Arc<Notify>) {
    loop {
        let rest = {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let due = engine.jobs.take_due();
            if due.is_empty() {
                engine.jobs.rest()
            } else {
                let calendar = engine.jobs.calendar();
                for job in due {
                    run_tick(&engine, &job, &calendar);
                }
                Rest::Sleep(Duration::ZERO)
            }
        };
        match rest {
            Rest::Sleep(Duration::ZERO) => yield_now().await,
            Rest::Sleep(wait) => {
                tokio::select! {
                    biased;
                    () = changed.notified() => {}
                    () = sleep_until(after(wait)) => {}
                }
            }
            Rest::UntilChanged => changed.notified().await,
            Rest::End => return,
        }
    }
}

fn run_tick(engine: &Arc<Engine>, job: &Arc<Job>, calendar: &Calendar) {
    let now = steady_now();
    let mut state = job.state();
    if state.is_stopped || state.is_busy {
        return;
    }
    let Some(due) = state.schedule.due() else {
        return;
    };
    if due > now + EARLIEST {
        engine.jobs.plan(job, due);
        return;
    }
    let now = now.max(due);
    if job.only_while_listened && !is_heard(engine, job, &mut state, now) {
        return;
    }
    let taken = state.schedule.take(now);
    state.missed += taken.missed;
    if let Err(error) = engine
        .jobs
        .check_pace(engine, job, &state, taken.scheduled, now)
    {
        finish_tick(engine, job, state, taken.count, Err(error), true);
        return;
    }
    let tick = Tick {
        job: Arc::clone(&job.id),
        count: taken.count,
        scheduled_at: calendar.time_of(taken.scheduled),
        missed: taken.missed,
    };
    match std::mem::replace(&mut state.payload, Payload::Away) {
        Payload::Fixed(json) => {
            state.payload = Payload::Fixed(Arc::clone(&json));
            let accepted = job.accept(engine, &state, tick, json.into());
            finish_tick(engine, job, state, taken.count, accepted, false);
        }
        Payload::Made(maker) => match Jobs::begin_making(engine, job) {
            Ok(making) => {
                state.is_busy = true;
                drop(state);
                make(engine, job, maker, tick, making);
            }
            Err(error) => {
                state.payload = Payload::Made(maker);
                finish_tick(engine, job, state, taken.count, Err(error), true);
            }
        },
        Payload::Away => {}
    }
}

/// Whether somebody would get the tick that is due. If not, the job waits until somebody listens to something new; that
/// is noted before looking, so that nobody is missed who comes meanwhile.
fn is_heard(engine: &Engine, job: &Job, state: &mut State, now: Duration) -> bool {
    engine.jobs.book().unheard.insert(job.number);
    if !engine.hub().is_heard(&job.name, &state.audience) {
        state.is_unheard = true;
        return false;
    }
    engine.jobs.book().unheard.remove(&job.number);
    if std::mem::take(&mut state.is_unheard) {
        state.schedule.pass_over(now);
        if let Some(due) = state.schedule.due().filter(|due| *due > now) {
            engine.jobs.plan(job, due);
            return false;
        }
    }
    true
}

/// Has a payload made, on a task of its own, so that one that takes its time holds up no other job. The job waits for it.
fn make(engine: &Arc<Engine>, job: &Arc<Job>, maker: Maker, tick: Tick, making: Option<Making>) {
    let (weak, job) = (Arc::downgrade(engine), Arc::clone(job));
    match maker {
        Maker::Blocking(mut sample) => {
            drop(spawn_blocking(move || {
                let _making = making;
                let made = catch_unwind(AssertUnwindSafe(|| sample(&tick)))
                    .unwrap_or_else(|panic| Err(panicked(panic)));
                finish_making(&weak, &job, Maker::Blocking(sample), tick, made);
            }));
        }
        Maker::Async(mut sample) => {
            drop(spawn(async move {
                let _making = making;
                let made = async {
                    let mut sampling =
                        catch_unwind(AssertUnwindSafe(|| sample(&tick))).map_err(panicked)?;
                    poll_fn(|context| {
                        let polled =
                            catch_unwind(AssertUnwindSafe(|| sampling.as_mut().poll(context)));
                        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(panic))))
                    })
                    .await
                };
                let made = tokio::select! {
                    biased;
                    () = job.ended.notified() => return,
                    made = made => made,
                };
                finish_making(&weak, &job, Maker::Async(sample), tick, made);
            }));
        }
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let error = Error::new(
        ErrorCode::SourceFailed,
        format!(
            "the function that makes the payload panicked: {}",
            panic_message(&*panic)
        ),
    );
    drop_safely(panic);
    error
}

fn finish_making(
    engine: &Weak<Engine>,
    job: &Arc<Job>,
    maker: Maker,
    tick: Tick,
    made: Result<String>,
) {
    let Some(engine) = engine.upgrade() else {
        return;
    };
    let count = tick.count;
    let mut state = job.state();
    state.is_busy = false;
    if state.is_stopped {
        drop(state);
        drop(maker);
        return;
    }
    let mut unneeded = None;
    let payload = match &state.payload {
        Payload::Fixed(json) => {
            // It was given a fixed one meanwhile.
            unneeded = Some(maker);
            Ok(Json::from(Arc::clone(json)))
        }
        Payload::Away | Payload::Made(_) => {
            state.payload = Payload::Made(maker);
            made.map(Json::from)
        }
    };
    let is_made = payload.is_ok();
    let accepted = payload.and_then(|json| job.accept(&engine, &state, tick, json));
    finish_tick(&engine, job, state, count, accepted, is_made);
    drop(unneeded);
}

fn finish_tick(
    engine: &Engine,
    job: &Arc<Job>,
    mut state: MutexGuard<'_, State>,
    tick: u64,
    accepted: Result<EmitOutcome<Reply>>,
    is_made: bool,
) {
    match &accepted {
        Ok(_) => {
            state.failures_in_a_row = 0;
            state.counted_failures = 0;
        }
        Err(error) => {
            state.failed += 1;
            state.failures_in_a_row += 1;
            // That a queue is full, say, is no failure of what has made the payload.
            state.counted_failures = match is_made {
                true => 0,
                false => state.counted_failures + 1,
            };
            state.last_error = Some(error.clone());
        }
    }
    let failures = state.failures_in_a_row;
    let most_failures = job.max_failures.unwrap_or(u64::MAX);
    let end = if state.counted_failures >= most_failures {
        Some(StopReason::Failed)
    } else if state.schedule.is_finished() {
        Some(StopReason::Finished)
    } else {
        None
    };
    // Its id is free before anybody hears of its last tick.
    let has_ended = end.is_some() && engine.jobs.book().remove(job);
    state.is_stopped |= end.is_some();
    match accepted {
        Ok(outcome) => {
            if end.is_none() {
                engine.jobs.plan_next(job, &state);
            }
            drop(state);
            engine.settle_emission(outcome);
        }
        Err(error) => {
            // The owner is told of a failure before the tick after it comes.
            state.is_busy = true;
            drop(state);
            // Not of each one: a job that fails at every tick would else say more than it emits.
            if failures.is_power_of_two() || end.is_some() {
                tell_failure(engine, job, tick, failures, &error);
            }
            let mut state = job.state();
            state.is_busy = false;
            if !state.is_stopped {
                engine.jobs.plan_next(job, &state);
            }
        }
    }
    if let Some(reason) = end.filter(|_| has_ended) {
        job.halt();
        engine.jobs.wake_if_empty();
        tell_stop(engine, job, reason);
    }
}

pub(crate) fn unknown_job(id: &str) -> Error {
    Error::new(
        ErrorCode::UnknownJob,
        format!("no periodic job of this owner has the id {}", quoted(id)),
    )
}

fn check_id(id: &str) -> Result<()> {
    const LONGEST: usize = 255;
    let refuse = |what: String| {
        let message = format!("the job id {} is not one; {what}", quoted(id));
        Err(Error::new(ErrorCode::InvalidArgument, message))
    };
    if id.is_empty() || id.len() > LONGEST {
        return refuse(format!("it has 1 to {LONGEST} bytes"));
    }
    // It stands in logs and in what tools show, where these break or reorder the line.
    let is_control = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    match id.char_indices().find(|(_, c)| is_control(*c)) {
        Some((place, c)) => refuse(format!(
            "it has no control characters, and U+{:04X} stands at byte {place}",
            u32::from(c)
        )),
        None => Ok(()),
    }
}

fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            ErrorCode::Unavailable,
            format!("the system gives no random bytes for a job id: {error}"),
        )
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
