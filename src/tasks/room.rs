//! The tasks of the app: registering, starting, finding, cancelling and ending them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use crate::engine::core::Core;
use crate::hub::command_log::JsonResult;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{Origin, Provenance};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::task::{TaskId, TaskInfo, TaskState};
use crate::sync::{Mutex, MutexGuard, Notify};
use crate::tasks::ledger::{Ended, Ledger, NewRun, Place};
use crate::tasks::run::{Kept, Run, TaskHandler, TaskSettings, cancelled, unknown_task};
use crate::tasks::running::RunningTask;

/// What to do where a task of this key waits or runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfRunning {
    /// Follows it, if it has the same arguments; otherwise fails with `duplicate_task`.
    #[default]
    Attach,
    /// Fails with `duplicate_task`.
    Fail,
}

/// A task to start.
pub(crate) struct NewTask {
    pub(crate) id: TaskId,
    pub(crate) args: Json,
    pub(crate) if_running: IfRunning,
    pub(crate) starter: Endpoint,
    pub(crate) provenance: Option<Arc<Provenance>>,
}

/// The tasks of the app.
pub(crate) struct AppTasks {
    core: Arc<Core>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledger: Ledger<Arc<Run>>,
    registered: HashMap<EventName, Registered>,
    newest: u64,
    is_closed: bool,
}

struct Registered {
    number: u64,
    /// Where it was registered.
    location: &'static Location<'static>,
    handler: TaskHandler,
    settings: TaskSettings,
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }
}

impl AppTasks {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers what runs the tasks of a name. Returns the number by which that is changed and removed.
    pub(crate) fn register(
        &self,
        name: &EventName,
        location: &'static Location<'static>,
        handler: TaskHandler,
    ) -> Result<u64> {
        let mut state = self.lock();
        if let Some(first) = state.registered.get(name) {
            let first = first.location;
            // What the handler has captured is dropped after the lock.
            drop(state);
            return Err(Error::new(
                ErrorCode::DuplicateTask,
                format!(
                    "the task {:?} is registered already, at {first}; drop that registration first",
                    name.as_str()
                ),
            ));
        }
        let number = state.next_number();
        let registered = Registered {
            number,
            location,
            handler,
            settings: TaskSettings::default(),
        };
        state.registered.insert(name.clone(), registered);
        Ok(number)
    }

    /// Changes how the later runs of a registration are kept.
    pub(crate) fn configure(
        &self,
        name: &EventName,
        number: u64,
        change: impl FnOnce(&mut TaskSettings),
    ) {
        let mut state = self.lock();
        let registered = state.registered.get_mut(name);
        if let Some(registered) = registered.filter(|own| own.number == number) {
            change(&mut registered.settings);
        }
    }

    /// Refuses further runs. Those that wait or run go on.
    pub(crate) fn unregister(&self, name: &EventName, number: u64) {
        let mut state = self.lock();
        let is_own = state
            .registered
            .get(name)
            .is_some_and(|own| own.number == number);
        let removed = is_own.then(|| state.registered.remove(name));
        drop(state);
        // Dropping runs foreign code, which may use the bus.
        drop(removed);
    }

    /// Starts a task, or finds the one that waits or runs under its key.
    pub(crate) fn start(self: &Arc<Self>, new: NewTask) -> Result<Arc<Run>> {
        let NewTask {
            id,
            args,
            if_running,
            starter,
            provenance,
        } = new;
        if let Some(provenance) = &provenance {
            provenance.check(&id.name, self.core.limits().hops)?;
        }
        self.core.check_payload(&id.name, &args)?;
        let args = args.shared();
        let mut state = self.lock();
        if state.is_closed {
            return Err(closed(&id));
        }
        let active = state.ledger.find(&id);
        if let Some((run, Place::Queued | Place::Running)) = active {
            drop(state);
            return attach(run, &args, if_running);
        }
        let Some(registered) = state.registered.get(&id.name) else {
            drop(state);
            return Err(Error::new(
                ErrorCode::NoResponder,
                format!(
                    "the app has no task {:?}; register it with EventBus::register_task",
                    id.name.as_str()
                ),
            ));
        };
        let settings = registered.settings;
        let handler = (Arc::clone(&registered.handler), settings);
        let number = state.next_number();
        let origin = Origin::after(&id.name, provenance.as_deref());
        let bytes = args.weight();
        let owner = starter.label().map(Arc::from);
        let run = Arc::new(Run::new(id.clone(), number, starter, origin, handler, args));
        let admitted = state.ledger.admit(
            NewRun {
                id,
                number,
                run: Arc::clone(&run),
                owner,
                bytes,
                concurrency: settings.concurrency,
                queue: settings.queue,
            },
            self.core.limits(),
        );
        drop(state);
        let admitted = admitted?;
        if !admitted.is_queued {
            self.run(Arc::clone(&run));
        }
        Ok(run)
    }

    fn run(self: &Arc<Self>, run: Arc<Run>) {
        let tasks = Arc::clone(self);
        let ended = move |run: &Arc<Run>, state, result| tasks.finish(run, state, result);
        let running = RunningTask::new(Arc::clone(&self.core), run, Box::new(ended));
        self.core.tasks().spawn(running.drive());
    }

    /// A task that waits or runs, or whose end is kept.
    pub(crate) fn find(&self, id: &TaskId) -> Result<Arc<Run>> {
        let found = self.lock().ledger.find(id);
        found.map(|(run, _)| run).ok_or_else(|| unknown_task(id))
    }

    /// Cancels a task. One that waits ends at once, and one that has ended stays as it is.
    pub(crate) fn cancel(self: &Arc<Self>, id: &TaskId) -> Result<()> {
        let mut state = self.lock();
        let Some((run, place)) = state.ledger.find(id) else {
            drop(state);
            return Err(unknown_task(id));
        };
        match place {
            Place::Queued => {
                let ended = self.end_in(&mut state, &run, 0);
                drop(state);
                self.conclude(&run, TaskState::Cancelled, Err(cancelled(id)), ended);
            }
            Place::Running => {
                drop(state);
                run.begin_cancel();
            }
            Place::Ended(_) => drop(state),
        }
        Ok(())
    }

    fn end_in(&self, state: &mut State, run: &Arc<Run>, bytes: usize) -> Option<Ended<Arc<Run>>> {
        let concurrency = run.settings.concurrency;
        let limits = self.core.limits();
        state
            .ledger
            .end(&run.id, run.number, bytes, concurrency, limits)
    }

    /// A run has ended.
    fn finish(self: &Arc<Self>, run: &Arc<Run>, state: TaskState, result: JsonResult) {
        let bytes = match &result {
            Ok(json) => json.weight(),
            Err(error) => error.message().len(),
        };
        let ended = {
            let mut state = self.lock();
            self.end_in(&mut state, run, bytes)
        };
        self.conclude(run, state, result, ended);
    }

    /// Tells the followers of a run that it has ended, begins those that waited for it, and plans when its end is forgotten.
    fn conclude(
        self: &Arc<Self>,
        run: &Arc<Run>,
        state: TaskState,
        result: JsonResult,
        ended: Option<Ended<Arc<Run>>>,
    ) {
        run.finish(state, result);
        let Some(ended) = ended else {
            return;
        };
        let mut kept = Arc::clone(run);
        if !ended.fits {
            let limit = self.core.limits().task_bytes;
            let error = Error::new(
                ErrorCode::PayloadTooLarge,
                format!(
                    "the result of {} was not kept: there was no room for it (taskBytes, {limit}); follow the task while it runs to get it",
                    run.id.describe()
                ),
            );
            kept = Arc::new(run.ended_with(Err(error)));
            let replaced = {
                let mut state = self.lock();
                let rest = Arc::clone(&kept);
                state.ledger.replace(&run.id, run.number, rest)
            };
            drop(replaced);
        }
        for next in ended.next {
            self.run(next);
        }
        let (tasks, id, number) = (Arc::downgrade(self), run.id.clone(), run.number);
        let clock = self.core.clock();
        let until = clock.after(run.settings.keep);
        let forgotten = Arc::new(Notify::new());
        kept.hold(Kept(Arc::clone(&forgotten)));
        self.core.tasks().spawn(async move {
            let mut forgotten = pin!(forgotten.notified());
            let mut slept = pin!(clock.sleep_until(until));
            let woken = poll_fn(|context| match forgotten.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => slept.as_mut().poll(context).map(Some),
            });
            let Some(_woken) = woken.await else {
                return;
            };
            if let Some(tasks) = tasks.upgrade() {
                // Bound to a name, so that it is dropped after the lock.
                let _forgotten = tasks.lock().ledger.expire(&id, number);
            }
        });
    }

    /// The tasks whose names are allowed, by name and key.
    pub(crate) fn list(&self, is_allowed: impl Fn(&EventName) -> bool) -> Vec<TaskInfo> {
        let runs: Vec<Arc<Run>> = {
            let state = self.lock();
            state.ledger.runs().cloned().collect()
        };
        let mut runs: Vec<_> = runs
            .into_iter()
            .filter(|run| is_allowed(&run.id.name))
            .collect();
        let place = |run: &Arc<Run>| (run.id.name.as_str().to_owned(), Arc::clone(&run.id.key));
        runs.sort_by_cached_key(place);
        runs.iter().map(|run| run.info()).collect()
    }

    /// The app is exiting: nothing begins any more, and who follows a task learns of it.
    pub(crate) fn close(self: &Arc<Self>) {
        let runs: Vec<Arc<Run>> = {
            let mut state = self.lock();
            state.is_closed = true;
            state.ledger.runs().cloned().collect()
        };
        for run in runs {
            if run.snapshot().result.is_none() {
                run.finish(TaskState::Cancelled, Err(closed(&run.id)));
            }
        }
    }
}

/// Follows a task that waits or runs, if that is wanted.
fn attach(run: Arc<Run>, args: &Json, if_running: IfRunning) -> Result<Arc<Run>> {
    let problem = if run.is_cancelling() {
        "was cancelled, and has not ended yet"
    } else if if_running == IfRunning::Fail {
        "waits or runs already; attach to it, or cancel it first"
    } else if run.has_args(args) || run.snapshot().result.is_some() {
        return Ok(run);
    } else {
        "waits or runs already, with other arguments; choose another key, or cancel it first"
    };
    Err(Error::new(
        ErrorCode::DuplicateTask,
        format!("{} {problem}", run.id.describe()),
    ))
}

fn closed(id: &TaskId) -> Error {
    Error::new(
        ErrorCode::Unavailable,
        format!("the app is exiting, and {} ends with it", id.describe()),
    )
}
