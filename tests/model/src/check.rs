//! Runs a scenario over many schedules.

use std::env;
use std::time::Duration;

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};

/// How many schedules of each kind a scenario runs over by default.
const SCHEDULES: usize = 3_000;

/// How many schedules run twice, to check that only the checker decides what happens.
const REPEATED: usize = 500;

/// Three changes of priority find bugs that need a certain order of three points in the code.
const DEPTH: usize = 3;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
    )
}

/// Half of the schedules choose the next task at random at each point. The other half give each task a priority and change
/// it at a few points, which finds bugs that need one task to be delayed for long.
///
/// `MODEL_SCHEDULES` sets the number of each, `MODEL_SECONDS` a duration instead, `MODEL_SEED` the seed, and
/// `MODEL_REPLAY` runs the schedule that a failure has printed.
pub(crate) fn check(scenario: fn()) {
    let mut config = Config::new();
    config.stack_size = 1 << 19;
    config.max_steps = MaxSteps::FailAfter(50_000);
    config.silence_warnings = true;
    // A task that unwinds may wait for a lock of one that has failed.
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
    // A failure has to be reproducible.
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

/// Prints how to reproduce a failure.
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
