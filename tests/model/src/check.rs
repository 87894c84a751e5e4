//! Runs a scenario over many schedules.

use std::env;
use std::time::Duration;

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};

/// How many schedules of each kind a scenario is run over, unless the environment says otherwise.
const SCHEDULES: usize = 3_000;

/// How many schedules are run twice, to see that nothing but the checker decides what happens.
const REPEATED: usize = 500;

/// A bug that needs a certain order of three points in the code is found by three changes of priority.
const DEPTH: usize = 3;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
    )
}

/// Half of the schedules choose the next task at random at each point; the other half give each task a priority, and change
/// it at a few points, which finds what takes one task to be held up for long.
///
/// `MODEL_SCHEDULES` is how many there are of each, `MODEL_SECONDS` runs for a time instead, `MODEL_SEED` makes others, and
/// `MODEL_REPLAY` runs the one that a failure has printed.
pub(crate) fn check(scenario: fn()) {
    let mut config = Config::new();
    config.stack_size = 1 << 19;
    config.max_steps = MaxSteps::FailAfter(50_000);
    config.silence_warnings = true;
    // A task that unwinds may wait for what another one holds that has failed.
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    if let Ok(schedule) = env::var("MODEL_REPLAY") {
        run(
            ReplayScheduler::new_from_encoded(&schedule),
            &config,
            scenario,
        );
        return;
    }
    let seed = number("MODEL_SEED").unwrap_or(1);
    let mut schedules = number("MODEL_SCHEDULES").map_or(SCHEDULES, |count| count as usize);
    if let Some(seconds) = number("MODEL_SECONDS") {
        config.max_time = Some(Duration::from_secs(seconds) / 2);
        schedules = usize::MAX;
    }
    let _hint = Hint { seed };
    // A failure that cannot be seen again is worth little.
    let twice = RandomScheduler::new_from_seed(seed, REPEATED);
    run(
        UncontrolledNondeterminismCheckScheduler::new(twice),
        &config,
        scenario,
    );
    run(
        RandomScheduler::new_from_seed(seed, schedules),
        &config,
        scenario,
    );
    run(
        PctScheduler::new_from_seed(seed, DEPTH, schedules),
        &config,
        scenario,
    );
}

fn run(scheduler: impl Scheduler + 'static, config: &Config, scenario: fn()) {
    let schedules = Runner::new(scheduler, config.clone()).run(scenario);
    println!("{schedules} schedules");
}

/// Says how to see a failure again.
struct Hint {
    seed: u64,
}

impl Drop for Hint {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "This was MODEL_SEED={}. To run the failing schedule alone:\n\
                 MODEL_REPLAY='<the schedule above>' cargo test --workspace --test model -- --exact {}",
                self.seed,
                std::thread::current().name().unwrap_or_default()
            );
        }
    }
}
