//! Jobs of the host.

use std::time::Duration;

use crate::host::target_of;
use crate::world::World;

impl World {
    pub(crate) fn host_starts_job(&mut self) {
        if self.host.jobs.len() >= 3 {
            return;
        }
        let number = self.number();
        let name = format!("t:host-{number}");
        let to = self.rng.chance(50).then(|| self.target());
        let every = Duration::from_millis(self.rng.pick(&[20, 300, 7_000]));
        let mut builder = self.bus.periodic(&name).every(every);
        if let Some(to) = &to {
            builder = builder.to(target_of(to));
        }
        if self.rng.chance(30) {
            builder = builder.only_while_listened();
        }
        if self.rng.chance(30) {
            builder = builder.count(3);
        }
        let started = match self.rng.chance(50) {
            true => builder.payload(number).start(),
            false => builder.source("count", "fail").start(),
        };
        let code = started.as_ref().map(|_| ()).map_err(|error| error.code());
        self.note(format!(
            "host starts {name} every {every:?} to {to:?}: {code:?}"
        ));
        self.oracle.job_starts(&name, to);
        self.host.jobs.extend(started);
    }

    pub(crate) fn host_controls_job(&mut self, place: usize) {
        let job = &self.host.jobs[place];
        let text = match self.rng.below(3) {
            0 => format!("host pauses a job: {:?}", job.pause().is_ok()),
            1 => format!("host resumes a job: {:?}", job.resume().is_ok()),
            _ => {
                self.host.jobs.remove(place).stop();
                "host stops a job".into()
            }
        };
        self.note(text);
    }
}
