use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::Limits;
use crate::engine::Engine;
use crate::error::{Error, ErrorCode, Result, quoted};
use crate::event::{Source, Tick};
use crate::flood::Flood;
use crate::hub::{Address, Audience, Draft};
use crate::json::Json;
use crate::listener::panic_message;
use crate::name::EventName;
use crate::periodic::schedule::{DueTick, Schedule};
use crate::sync::{Mutex, MutexGuard, Notify, TaskInstant, now, sleep_until, spawn};
use crate::target::Target;

/// Whose periodic job it is. A page's job ends with its webview and lives through reloads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOwner {
    /// The app, in Rust.
    Host,
    /// The page in the webview with this label.
    Webview(Arc<str>),
}

/// A job is known by its owner and its id, so that a page cannot name another one's.
type JobKey = (Option<Arc<str>>, Arc<str>);

/// What a job emits.
pub(crate) enum Payload {
    Fixed(Arc<str>),
    Made(MakePayload),
}

pub(crate) type MakePayload = Box<dyn FnMut(&Tick) -> Result<String> + Send>;

/// A job before it is started; all of it is checked.
pub(crate) struct JobPlan {
    pub(crate) id: Option<String>,
    pub(crate) name: EventName,
    pub(crate) interval: Duration,
    pub(crate) is_immediate: bool,
    pub(crate) count: Option<u64>,
    pub(crate) to: Option<Address>,
    pub(crate) replaces: bool,
    pub(crate) payload: Payload,
    pub(crate) owner: JobOwner,
    pub(crate) source: Source,
    /// What counts the ticks of a page's job. Those of the app are not counted.
    pub(crate) flood: Option<Arc<Flood>>,
}

impl JobPlan {
    /// About as many bytes as the job keeps.
    fn weight(&self) -> usize {
        let payload = match &self.payload {
            Payload::Fixed(json) => json.len(),
            Payload::Made(_) => 0,
        };
        let id = self.id.as_ref().map_or(0, String::len);
        let to = self.to.as_ref().map_or(0, |to| to.target.weight());
        payload + id + to + self.name.as_str().len() + ENVELOPE
    }
}

/// What the parts of a job that have no length of their own take, about.
const ENVELOPE: usize = 512;

/// A running job.
pub(crate) struct Job {
    id: Arc<str>,
    owner: JobOwner,
    source: Source,
    name: EventName,
    interval: Duration,
    is_immediate: bool,
    count: Option<u64>,
    to: Option<Target>,
    flood: Option<Arc<Flood>>,
    weight: usize,
    ticks: AtomicU64,
    missed: AtomicU64,
    failed: AtomicU64,
    /// Whether it is stopped. Held while a tick is accepted, so that none is once `stop` has returned.
    is_stopped: Mutex<bool>,
    stop: Notify,
}

/// A periodic job, as it stands.
///
/// As JSON: `{ id, event, everyMs, to, immediate, count, ticks, missed, failed, owner }`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PeriodicInfo {
    /// The job's id, given or made up.
    pub id: String,
    /// The name of the event.
    pub event: String,
    /// The time from one tick to the next.
    pub interval: Duration,
    /// Whom the event is for; everyone, if `None`.
    pub to: Option<Target>,
    /// Whether the first tick came at once.
    pub is_immediate: bool,
    /// After how many ticks the job ends; never, if `None`.
    pub count: Option<u64>,
    /// How many ticks there were.
    pub ticks: u64,
    /// How many ticks were skipped because they were late by a whole interval.
    pub missed: u64,
    /// How many ticks could not be emitted, for instance because their window is gone. The job goes on.
    pub failed: u64,
    /// Whose job it is.
    pub owner: JobOwner,
}

impl Serialize for PeriodicInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("event", &self.event)?;
        map.serialize_entry("everyMs", &(self.interval.as_secs_f64() * 1000.0))?;
        map.serialize_entry("to", &self.to)?;
        map.serialize_entry("immediate", &self.is_immediate)?;
        map.serialize_entry("count", &self.count)?;
        map.serialize_entry("ticks", &self.ticks)?;
        map.serialize_entry("missed", &self.missed)?;
        map.serialize_entry("failed", &self.failed)?;
        map.serialize_entry("owner", &self.owner)?;
        map.end()
    }
}

impl Serialize for JobOwner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Host => map.serialize_entry("kind", "host")?,
            Self::Webview(label) => {
                map.serialize_entry("kind", "webview")?;
                map.serialize_entry("label", &**label)?;
            }
        }
        map.end()
    }
}

impl Job {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn info(&self) -> PeriodicInfo {
        PeriodicInfo {
            id: self.id.to_string(),
            event: self.name.as_str().to_owned(),
            interval: self.interval,
            to: self.to.clone(),
            is_immediate: self.is_immediate,
            count: self.count,
            ticks: self.ticks.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            owner: self.owner.clone(),
        }
    }

    fn key(&self) -> JobKey {
        key(&self.owner, &self.id)
    }

    fn stop(&self) {
        *self.is_stopped() = true;
        self.stop.notify_one();
    }

    fn is_stopped(&self) -> MutexGuard<'_, bool> {
        self.is_stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

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
    running: Mutex<HashMap<JobKey, Arc<Job>>>,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobKey, Arc<Job>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a job, which runs until it is stopped or its count is reached.
    pub(crate) fn start(engine: &Arc<Engine>, plan: JobPlan) -> Result<Arc<Job>> {
        let schedule = Schedule::new(plan.interval, plan.is_immediate, plan.count)?;
        let weight = plan.weight();
        let audience = Audience {
            to: plan.to,
            except: None,
        };
        if let Payload::Fixed(json) = &plan.payload {
            engine.check_payload(&plan.name, json)?;
        }
        if let Some(to) = &audience.to {
            engine.meet(&to.selection);
            engine.hub().check_targets(&to.selection)?;
        }
        let id: Arc<str> = match plan.id {
            Some(id) => check_id(&id).map(|()| id.into())?,
            None => random_id()?.into(),
        };
        let job = Arc::new(Job {
            id,
            owner: plan.owner,
            source: plan.source,
            name: plan.name,
            interval: plan.interval,
            is_immediate: plan.is_immediate,
            count: plan.count,
            to: audience.to.as_ref().map(|to| to.target.clone()),
            flood: plan.flood,
            weight,
            ticks: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_stopped: Mutex::new(false),
            stop: Notify::new(),
        });
        engine
            .jobs
            .insert(Arc::clone(&job), plan.replaces, engine.limits())?;
        if let JobOwner::Webview(webview) = &job.owner
            && !engine.knows(webview)
        {
            // It was closed meanwhile, and nobody would stop the job any more.
            engine.jobs.end(&job);
            return Err(Error::new(ErrorCode::StaleSession, "the webview is closed"));
        }
        spawn(run(
            Arc::downgrade(engine),
            Arc::clone(&job),
            schedule,
            audience,
            plan.payload,
        ));
        Ok(job)
    }

    fn insert(&self, job: Arc<Job>, replaces: bool, limits: &Limits) -> Result<()> {
        let mut running = self.lock();
        let key = job.key();
        if running.contains_key(&key) && !replaces {
            return Err(Error::new(
                ErrorCode::DuplicateJob,
                format!(
                    "a periodic job with the id {} is running; stop it, ask to replace it, or choose another id",
                    quoted(&job.id)
                ),
            ));
        }
        let others = running.iter().filter(|(other, _)| **other != key);
        check_room(&job, others.map(|(_, other)| &**other), limits)?;
        if let Some(old) = running.insert(key, job) {
            old.stop();
        }
        Ok(())
    }

    pub(crate) fn stop(&self, owner: &JobOwner, id: &str) -> Result<()> {
        self.stop_if(owner, id, |_| true)
    }

    /// Stops a job whose event the caller may reach. To the others it is as unknown as one that is not there.
    pub(crate) fn stop_if(
        &self,
        owner: &JobOwner,
        id: &str,
        is_reached: impl FnOnce(&EventName) -> bool,
    ) -> Result<()> {
        let mut running = self.lock();
        let key = key(owner, &id.into());
        match running.get(&key) {
            Some(job) if is_reached(&job.name) => {
                job.stop();
                running.remove(&key);
                Ok(())
            }
            _ => Err(Error::new(
                ErrorCode::UnknownJob,
                format!("no periodic job of this owner has the id {}", quoted(id)),
            )),
        }
    }

    /// Ends this very job, and not one that has taken its id since.
    pub(crate) fn end(&self, job: &Arc<Job>) {
        job.stop();
        let key = job.key();
        let mut running = self.lock();
        if running
            .get(&key)
            .is_some_and(|current| Arc::ptr_eq(current, job))
        {
            running.remove(&key);
        }
    }

    pub(crate) fn stop_all_of(&self, webview: &str) {
        self.lock().retain(|(owner, _), job| {
            let is_theirs = owner.as_deref() == Some(webview);
            if is_theirs {
                job.stop();
            }
            !is_theirs
        });
    }

    pub(crate) fn stop_all(&self) {
        for (_, job) in self.lock().drain() {
            job.stop();
        }
    }

    /// The jobs of this owner, and those of others whose event the caller may reach, in the order of their ids.
    pub(crate) fn list(
        &self,
        owner: &JobOwner,
        is_reached: impl Fn(&EventName) -> bool,
    ) -> Vec<PeriodicInfo> {
        let mut jobs: Vec<PeriodicInfo> = self
            .lock()
            .values()
            .filter(|job| job.owner == *owner || is_reached(&job.name))
            .map(|job| job.info())
            .collect();
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        jobs
    }
}

/// Whether there is room for one more job beside the others.
fn check_room<'a>(job: &Job, others: impl Iterator<Item = &'a Job>, limits: &Limits) -> Result<()> {
    let refuse = |what: String| Err(Error::new(ErrorCode::TooManyJobs, what));
    let (mut jobs, mut own_jobs, mut bytes, mut own_bytes) = (0, 0, 0, 0);
    for other in others {
        jobs += 1;
        if other.owner != JobOwner::Host {
            bytes += other.weight;
        }
        if other.owner == job.owner {
            own_jobs += 1;
            own_bytes += other.weight;
        }
    }
    if jobs >= limits.periodic_jobs {
        return refuse(format!(
            "{jobs} periodic jobs are running, and that is the limit (periodicJobs); stop some first"
        ));
    }
    if job.owner == JobOwner::Host {
        return Ok(());
    }
    if own_jobs >= limits.periodic_jobs_per_page {
        return refuse(format!(
            "this page has {own_jobs} periodic jobs, and that is the limit (periodicJobsPerPage); stop some first"
        ));
    }
    for (whose, total, limit, key) in [
        (
            "this page",
            own_bytes + job.weight,
            limits.periodic_bytes_per_page,
            "periodicBytesPerPage",
        ),
        (
            "all pages",
            bytes + job.weight,
            limits.periodic_bytes,
            "periodicBytes",
        ),
    ] {
        if total > limit {
            return refuse(format!(
                "the periodic jobs of {whose} would keep {total} bytes, and the limit is {limit} ({key}); stop some first, or emit less with each tick"
            ));
        }
    }
    Ok(())
}

fn check_id(id: &str) -> Result<()> {
    const LONGEST: usize = 255;
    if id.is_empty() || id.len() > LONGEST {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "the job id {} is not one; it has 1 to {LONGEST} bytes",
                quoted(id)
            ),
        ));
    }
    Ok(())
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

async fn run(
    engine: Weak<Engine>,
    job: Arc<Job>,
    mut schedule: Schedule,
    audience: Audience,
    mut payload: Payload,
) {
    let start = TaskInstant::now();
    let start_time = SystemTime::now();
    while let Some(due) = schedule.due() {
        tokio::select! {
            biased;
            () = job.stop.notified() => {}
            () = sleep_until(start + due) => {}
        }
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if *job.is_stopped() {
            return;
        }
        let tick = schedule.take(start.elapsed());
        // The wall clock may have been set since; the schedule has not.
        let scheduled_at = start_time + tick.scheduled;
        if let Err(error) = emit_tick(&engine, &job, tick, scheduled_at, &audience, &mut payload)
            && job.failed.fetch_add(1, Ordering::Relaxed) == 0
        {
            log::warn!(
                "tick {} of the periodic event {:?} was not emitted: {error}; the job goes on",
                tick.count,
                job.name.as_str()
            );
        }
    }
    if let Some(engine) = engine.upgrade() {
        engine.jobs.end(&job);
    }
}

fn emit_tick(
    engine: &Engine,
    job: &Job,
    due: DueTick,
    scheduled_at: SystemTime,
    audience: &Audience,
    payload: &mut Payload,
) -> Result<()> {
    job.ticks.store(due.count, Ordering::Relaxed);
    job.missed.fetch_add(due.missed, Ordering::Relaxed);
    let tick = Tick {
        job: Arc::clone(&job.id),
        count: due.count,
        scheduled_at,
        missed: due.missed,
    };
    let payload = match payload {
        Payload::Fixed(json) => Json::from(Arc::clone(json)),
        Payload::Made(make) => make_payload(make, &tick)?.into(),
    };
    if let Some(flood) = &job.flood {
        flood.take_emit(payload.len(), now())?;
    }
    let draft = Draft {
        name: job.name.clone(),
        payload,
        source: job.source.clone(),
        tick: Some(tick),
        retain: None,
    };
    let (_, outcome) = {
        let is_stopped = job.is_stopped();
        if *is_stopped {
            return Ok(());
        }
        engine.accept(draft, audience)?
    };
    engine.settle(outcome);
    Ok(())
}

fn make_payload(make: &mut MakePayload, tick: &Tick) -> Result<String> {
    catch_unwind(AssertUnwindSafe(|| make(tick))).unwrap_or_else(|panic| {
        Err(Error::new(
            ErrorCode::InvalidPayload,
            format!(
                "the payload's function panicked: {}",
                panic_message(&*panic)
            ),
        ))
    })
}
