use std::sync::Arc;

use crate::api::bus::EventBus;
use crate::api::jobs::job::Job;
use crate::model::endpoint::Endpoint;
use crate::model::job::JobInfo;
use crate::periodic::jobs::Jobs as RunningJobs;

/// The running jobs: finds them, to inspect, pause, change or stop them. Made by
/// [`EventBus::jobs`](crate::EventBus::jobs).
///
/// Dropping a [`Job`] that was found does not stop it.
///
/// ```
/// # fn stop(bus: &tauri_plugin_event_bus::EventBus) {
/// let jobs = bus.jobs();
/// if let Some(clock) = jobs.get("clock") {
///     clock.stop();
/// }
/// for job in jobs.list_all() {
///     println!("{} of {:?} emits {}", job.id, job.owner, job.event);
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Jobs {
    running: Arc<RunningJobs>,
}

impl EventBus {
    /// The running jobs, of the host and of pages. Their ids have no prefix, also where this is a view.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs {
            running: Arc::clone(&self.runtime().jobs),
        }
    }
}

impl Jobs {
    /// The running job of the host with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Job> {
        self.find(&Endpoint::Host, id)
    }

    /// The running job of an owner with this id.
    #[must_use]
    pub fn find(&self, owner: &Endpoint, id: &str) -> Option<Job> {
        let job = self.running.find(owner, id).ok()?;
        Some(Job::found(&self.running, job))
    }

    /// The running jobs of the host, in the order of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<JobInfo> {
        self.running.list(&Endpoint::Host, |_| false)
    }

    /// All running jobs, including those of pages, in the order of their ids.
    #[must_use]
    pub fn list_all(&self) -> Vec<JobInfo> {
        self.running.list(&Endpoint::Host, |_| true)
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
