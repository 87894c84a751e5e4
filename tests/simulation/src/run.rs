//! Runs a seed: some hundred steps, then an end without faults, and the oracle's judgment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::rng::Rng;
use crate::sync;
use crate::world::{LABELS, ORIGINS, Stage, World};

/// How a run differs from that of its seed alone.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The steps that are taken; all of them by default.
    pub steps: Option<BTreeSet<u64>>,
    /// What the host does wrong.
    pub mutation: Option<Mutation>,
    /// Whether the history is printed while it is made.
    pub is_printed: bool,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What happened, line by line.
    pub history: String,
    /// What was wrong.
    pub violations: Vec<String>,
    /// The number of steps of the whole run.
    pub steps: u64,
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Deliver,
    Answer,
    Task,
    Page,
    Host,
    Pass,
    NextTimer,
    Wait,
    Sleep,
    FailFetch,
    LosePull,
    Pump,
    Call,
    FinishCall,
    LoseCall,
    UserActs,
    Suspend,
    Resume,
    Reload,
    Navigate,
    Cache,
    Back,
    Crash,
    Close,
    Open,
}

/// Runs a seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let plan = Plan::new(&mut Rng::new(seed, 0));
    let steps = plan.steps;
    let mut world = World::new(seed, plan, options.mutation);
    world.history.is_printed = options.is_printed;
    world.begin();
    for step in 1..=steps {
        if options
            .steps
            .as_ref()
            .is_some_and(|chosen| !chosen.contains(&step))
        {
            continue;
        }
        world.rng = Rng::new(seed, step);
        world.history.begin_step(step);
        world.step();
        if world.oracle.has_violations() {
            break;
        }
    }
    world.rng = Rng::new(seed, steps + 1);
    world.history.begin_step(steps + 1);
    let violations = world.end();
    Outcome {
        history: world.dismantle(),
        violations,
        steps,
    }
}

impl World {
    fn begin(&mut self) {
        self.note(format!("{:?}", self.plan));
        self.host_begins();
        let windows = 1 + self.rng.below(LABELS.len());
        for window in 0..windows {
            self.open_window(window);
            self.begin_page(window, ORIGINS[0]);
        }
    }

    /// The messages that may be handed to the host.
    fn sent(&self) -> Vec<u64> {
        let sent = self.wires.iter().filter(|(_, wire)| {
            let document = self.documents.get(&wire.document);
            matches!(wire.stage, Stage::Sent)
                && document.is_none_or(|document| !document.is_suspended)
        });
        sent.map(|(number, _)| *number).collect()
    }

    /// The answers that may be handed to pages.
    fn answered(&self) -> Vec<u64> {
        let running = self.running();
        let answered = self.wires.iter().filter(|(_, wire)| {
            matches!(wire.stage, Stage::Answered { .. }) && running.contains(&wire.document)
        });
        answered.map(|(number, _)| *number).collect()
    }

    /// The pages with a task that may run.
    fn with_tasks(&self) -> Vec<u32> {
        let mut running = self.running();
        running.retain(|number| {
            self.documents
                .get(number)
                .is_some_and(|document| document.page.has_task())
        });
        running
    }

    /// How long until something is due.
    fn until_next(&self) -> Option<Duration> {
        let now = sync::passed();
        let timers = self.running().into_iter().filter_map(|number| {
            let at = self.documents.get(&number)?.page.next_timer()?;
            // Rounded up to where the timer is surely due.
            Some(Duration::from_secs_f64(at / 1000.0) + Duration::from_micros(1))
        });
        let next = timers.chain(sync::next_sleeper()).min()?;
        Some(next.saturating_sub(now))
    }

    fn step(&mut self) {
        let small = Duration::from_micros(self.rng.below(2_000) as u64);
        self.pass(small);
        let (sent, answered, tasks, running) = (
            self.sent(),
            self.answered(),
            self.with_tasks(),
            self.running(),
        );
        let (calls, outcomes) = (self.calls_made(), self.calls_answered());
        let open: Vec<usize> = (0..self.windows.len())
            .filter(|window| self.windows[*window].is_open)
            .collect();
        let closed: Vec<usize> = (0..self.windows.len())
            .filter(|window| !self.windows[*window].is_open)
            .collect();
        let if_any = |is_any: bool, weight: usize| if is_any { weight } else { 0 };
        let weights = self.plan.weights.clone();
        let suspended: Vec<u32> = self
            .documents
            .iter()
            .filter(|(_, document)| document.is_suspended)
            .map(|(number, _)| *number)
            .collect();
        let choices = [
            (if_any(!sent.is_empty(), 50), Step::Deliver),
            (if_any(!answered.is_empty(), 50), Step::Answer),
            (if_any(!tasks.is_empty(), 25), Step::Task),
            (if_any(!running.is_empty(), 30), Step::Page),
            (20, Step::Host),
            (5, Step::Pass),
            (5, Step::NextTimer),
            (weights.waits, Step::Wait),
            (weights.sleeps, Step::Sleep),
            (weights.fetch_fails, Step::FailFetch),
            (weights.loses_pull * 2, Step::LosePull),
            (if_any(self.has_pump_work(), 40), Step::Pump),
            (if_any(!calls.is_empty(), 40), Step::Call),
            (if_any(!outcomes.is_empty(), 30), Step::FinishCall),
            (
                if_any(!self.calls.is_empty(), weights.loses_call),
                Step::LoseCall,
            ),
            (
                if_any(!running.is_empty(), weights.user_acts),
                Step::UserActs,
            ),
            (if_any(!running.is_empty(), weights.suspends), Step::Suspend),
            (if_any(!suspended.is_empty(), 5), Step::Resume),
            (if_any(!open.is_empty(), weights.reloads), Step::Reload),
            (if_any(!open.is_empty(), weights.navigates), Step::Navigate),
            (if_any(!open.is_empty(), weights.caches), Step::Cache),
            (if_any(!open.is_empty(), weights.caches * 2), Step::Back),
            (if_any(!open.is_empty(), weights.crashes), Step::Crash),
            (if_any(!open.is_empty(), weights.closes), Step::Close),
            (if_any(!closed.is_empty(), 3), Step::Open),
        ];
        let Some(step) = self.rng.weighted(&choices) else {
            return;
        };
        let window = match step {
            Step::Open => closed.first().copied(),
            _ if open.is_empty() => None,
            _ => Some(self.rng.pick(&open)),
        };
        match (step, window) {
            (Step::Deliver, _) => {
                let number = self.next_of(&sent);
                self.deliver(number);
            }
            (Step::Answer, _) => {
                let number = self.next_of(&answered);
                self.answer(number);
            }
            (Step::Task, _) => {
                let page = self.rng.pick(&tasks);
                self.run_task(page);
            }
            (Step::Page, _) => {
                let page = self.rng.pick(&running);
                self.page_acts(page);
            }
            (Step::Host, _) => self.host_acts(),
            (Step::Pass, _) => {
                let time = Duration::from_millis(self.rng.pick(&[1, 20, 200, 2_500]));
                self.pass(time);
            }
            (Step::NextTimer, _) => {
                if let Some(time) = self.until_next() {
                    self.pass(time);
                }
            }
            (Step::Wait, _) => {
                let time = Duration::from_secs(self.rng.pick(&[4, 21, 31, 61, 130]));
                self.note(format!("{time:?} pass"));
                self.pass(time);
            }
            (Step::Sleep, _) => self.sleep(),
            (Step::FailFetch, _) => self.fail_fetch(),
            (Step::LosePull, _) => self.lose_pull(),
            (Step::Pump, _) => self.pump(),
            (Step::Call, _) => {
                let number = self.next_of(&calls);
                self.run_call(number);
            }
            (Step::FinishCall, _) => {
                let number = self.next_of(&outcomes);
                self.finish_call(number);
            }
            (Step::LoseCall, _) => self.lose_call(),
            (Step::UserActs, _) => {
                let page = self.rng.pick(&running);
                self.note(format!("the user acts in page {page}"));
                if let Some(document) = self.documents.get(&page) {
                    document.page.fire("pointerdown", false);
                }
                self.collect(page);
            }
            (Step::Suspend, _) => {
                let page = self.rng.pick(&running);
                self.suspend(page, true);
            }
            (Step::Resume, _) => {
                let page = self.rng.pick(&suspended);
                self.suspend(page, false);
            }
            (Step::Reload, Some(window)) => self.reload(window),
            (Step::Navigate, Some(window)) => self.navigate(window, false),
            (Step::Cache, Some(window)) => self.navigate(window, true),
            (Step::Back, Some(window)) => self.go_back(window),
            (Step::Crash, Some(window)) => self.crash(window),
            (Step::Close, Some(window)) => self.close(window),
            (Step::Open, Some(window)) => self.open(window),
            _ => {}
        }
        // The host may be slower than what follows.
        if self.rng.chance(90) {
            self.settle();
        }
    }

    /// The oldest one, unless this run reorders.
    fn next_of(&mut self, numbers: &[u64]) -> u64 {
        match self.rng.chance(self.plan.weights.reorders) {
            true => self.rng.pick(numbers),
            false => numbers[0],
        }
    }

    fn suspend(&mut self, page: u32, is_suspended: bool) {
        self.note(format!("page {page} suspended: {is_suspended}"));
        if let Some(document) = self.documents.get_mut(&page) {
            document.is_suspended = is_suspended;
        }
    }

    fn run_task(&mut self, page: u32) {
        self.note(format!("page {page} runs a task"));
        if let Some(document) = self.documents.get(&page) {
            document.page.run_task();
        }
        self.collect(page);
    }

    /// Delivers everything, until nothing is on its way.
    fn flow(&mut self) {
        const MOST: usize = 20_000;
        for _ in 0..MOST {
            self.settle();
            let (sent, answered, tasks) = (self.sent(), self.answered(), self.with_tasks());
            let (calls, outcomes) = (self.calls_made(), self.calls_answered());
            if let Some(number) = sent.first() {
                self.deliver(*number);
            } else if let Some(number) = answered.first() {
                self.answer(*number);
            } else if self.has_pump_work() {
                self.pump();
            } else if let Some(number) = calls.first() {
                self.run_call(*number);
            } else if let Some(number) = outcomes.first() {
                self.finish_call(*number);
            } else if let Some(page) = tasks.first() {
                self.run_task(*page);
            } else if !self.host_reads_all() {
                return;
            }
        }
        self.oracle
            .violation("messages never ceased to flow".into());
    }

    /// Lets time pass, with all that is due in it.
    fn go_on(&mut self, time: Duration) {
        let end = sync::passed() + time;
        self.flow();
        while sync::passed() < end {
            let left = end - sync::passed();
            let next = self
                .until_next()
                .unwrap_or(left)
                .clamp(Duration::from_micros(1), left);
            self.pass(next);
            self.flow();
        }
    }

    /// Ends the faults, lets everything arrive, judges, closes everything and looks for what is left.
    fn end(&mut self) -> Vec<String> {
        self.note("the end begins".into());
        for page in self.documents.keys().copied().collect::<Vec<_>>() {
            self.suspend(page, false);
        }
        self.host_stops_jobs();
        self.flow();
        for page in self.running() {
            let promise = self.numbers(10);
            self.operate(page, &json!({ "op": "stopJobs", "promise": promise }));
        }
        // Longer than a lease, a lost pull and the longest request.
        self.go_on(Duration::from_secs(100));
        self.host_reads_all();
        let consumers = self.bus.inspect().consumers;
        let dropped = consumers
            .iter()
            .any(|consumer| !consumer.is_stream && consumer.dropped > 0);
        for window in 0..self.windows.len() {
            for page in self.windows[window].cached.clone() {
                self.oracle.page_is_gone(page);
            }
        }
        self.check_rooms();
        let mut violations = std::mem::take(&mut self.oracle).finish(sync::passed(), dropped);
        for window in 0..self.windows.len() {
            if self.windows[window].is_open {
                self.close(window);
            }
        }
        self.host_ends();
        self.go_on(Duration::from_secs(70));
        self.look_for_leftovers(&mut violations);
        violations
    }

    fn look_for_leftovers(&mut self, violations: &mut Vec<String>) {
        let left = self.bus.inspect();
        if !left.webviews.is_empty() {
            violations.push(format!("webviews are left: {:?}", left.webviews));
        }
        if !left.jobs.is_empty() {
            violations.push(format!("jobs are left: {:?}", left.jobs));
        }
        if left.retained.events > 0 || left.retained.bytes > 0 {
            violations.push(format!("retained events are left: {:?}", left.retained));
        }
        violations.extend(self.members_left());
        for consumer in &left.consumers {
            if consumer.is_stream || consumer.queue.events > 0 || !consumer.subscriptions.is_empty()
            {
                violations.push(format!("a consumer is left: {consumer:?}"));
            }
        }
        for (number, wire) in &self.wires {
            if matches!(wire.stage, Stage::Accepted) {
                violations.push(format!(
                    "wire {number} was never answered: {} {}",
                    wire.message.command, wire.message.arguments
                ));
            }
        }
    }
}
