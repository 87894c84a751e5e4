//! The driver: rounds until the time is over, a line a minute, and the verdict.

use crate::{
    actions::{ACTIONS, Action},
    app::HOST,
    closings::Kept,
    growth::{Growth, is_judged},
    hand::Hand,
    ledger::{Count, Ledger, Totals},
    minutes::{Counts, Minute},
    orders::Order,
    plot,
    processes::Footprint,
    random::Random,
    report,
    rounds::Pending,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

/// Windows that stay: their pages are never reloaded.
pub(crate) const STEADY: [&str; 2] = ["steady-1", "steady-2"];
pub(crate) const RELOADED: &str = "reloaded";
/// It is navigated, and its page is now and then too busy for what comes.
pub(crate) const NAVIGATED: &str = "navigated";
pub(crate) const KILLED: &str = "killed";

/// The rest between two rounds. The load takes about a quarter of a core.
const REST: Duration = Duration::from_millis(400);

/// More than a round takes. If one takes longer, the driver or the machine was stopped meanwhile.
const LONGEST_ROUND: Duration = Duration::from_secs(20);

/// How many faults are printed.
const MAX_FAULTS: usize = 50;

pub(crate) struct Options {
    minutes: u64,
    seed: u64,
    /// What happens; everything if it is empty.
    only: Vec<Action>,
    /// Whether pages pull, as they do everywhere but on WebKitGTK.
    pull: bool,
    /// Where the plot goes.
    out: PathBuf,
    /// Where the plot and its description go, too.
    docs: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            minutes: 120,
            seed: 1,
            only: Vec::new(),
            pull: false,
            out: PathBuf::from("target/soak"),
            docs: None,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.with_context(|| format!("`{name}` needs a value"))
            };
            match *name {
                "--minutes" => options.minutes = number(name, value()?)?,
                "--seed" => options.seed = number(name, value()?)?,
                "--pull" => options.pull = true,
                "--only" => options.only.push(action(value()?)?),
                "--out" => options.out = PathBuf::from(value()?),
                "--docs" => options.docs = Some(PathBuf::from(value()?)),
                _ => {
                    bail!("unknown option `{name}`; there are --minutes, --seed, --only and --pull")
                }
            }
        }
        ensure!(options.minutes > 0, "`--minutes` must be at least 1");
        Ok(options)
    }
}

fn action(name: &str) -> Result<Action> {
    let found = ACTIONS.into_iter().find(|action| action.name == name);
    found.with_context(|| {
        let names = ACTIONS.map(|action| action.name).join(", ");
        format!("`--only` needs one of {names}, not `{name}`")
    })
}

fn number(name: &str, text: &str) -> Result<u64> {
    text.parse()
        .with_context(|| format!("`{name}` needs a whole number, not `{text}`"))
}

/// A page, the host listeners, or a stream, with the books of its listeners.
pub(crate) type Receiver = BTreeMap<String, Ledger>;

pub(crate) struct Driver {
    pub(crate) hand: Hand,
    pub(crate) random: Random,
    /// What has been emitted for certain, and what may have been.
    pub(crate) emitted: Totals,
    pub(crate) totals: Totals,
    pub(crate) receivers: BTreeMap<String, Receiver>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) round: u64,
    pub(crate) barriers: u64,
    pub(crate) tells: u64,
    /// What happens in this round.
    pub(crate) action: &'static str,
    pub(crate) actions: Vec<Action>,
    /// The window that is opened and closed, while it is open.
    pub(crate) passing: Option<String>,
    pub(crate) streams: u64,
    pub(crate) extras: u64,
    pub(crate) minute: Minute,
    pub(crate) faults: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut driver = Driver {
        hand: Hand::start(options.pull)?,
        random: Random::new(options.seed),
        emitted: Totals::new(),
        totals: Totals::new(),
        receivers: BTreeMap::new(),
        pending: Vec::new(),
        round: 0,
        barriers: 0,
        tells: 0,
        action: "set up",
        actions: if options.only.is_empty() {
            ACTIONS.to_vec()
        } else {
            options.only.clone()
        },
        passing: None,
        streams: 0,
        extras: 0,
        minute: Minute::default(),
        faults: Vec::new(),
    };
    driver.set_up()?;
    let mut minutes = Vec::new();
    println!("{}", Minute::HEAD);
    let outcome = driver.run_minutes(options, &mut minutes);
    outcome?;
    driver.hand.end()?;
    let mut faults = driver.faults;
    if is_judged(options.minutes) {
        let kept = Kept::measure()?;
        let growth = Growth::of(&minutes, kept);
        let plot = plot::draw(&minutes, Some(kept));
        fs::write(options.out.join("soak.svg"), &plot)?;
        print!("{growth}");
        faults.extend(growth.faults());
        if let Some(docs) = &options.docs {
            fs::write(docs.join("soak.svg"), &plot)?;
            fs::write(docs.join("soak.md"), report::describe(&minutes, &growth))?;
        }
    } else {
        println!("the run was too short to judge growth");
    }
    for fault in faults.iter().take(MAX_FAULTS) {
        eprintln!("fault: {fault}");
    }
    ensure!(faults.is_empty(), "{} faults", faults.len());
    println!("nothing was lost, came twice or grew");
    Ok(())
}

fn write(options: &Options, minutes: &[Minute]) -> Result<()> {
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("soak.svg"), plot::draw(minutes, None))?;
    let json = serde_json::to_string_pretty(minutes)?;
    Ok(fs::write(options.out.join("soak.json"), json)?)
}

impl Driver {
    fn set_up(&mut self) -> Result<()> {
        let host = ["all", "from", "jobs"].map(|id| (id.to_owned(), Ledger::default()));
        self.receivers.insert(HOST.to_owned(), host.into());
        for label in [STEADY[0], STEADY[1], RELOADED, NAVIGATED, KILLED] {
            self.open(label)?;
        }
        let label = STEADY[0].to_owned();
        self.hand.follow(Order::StartJob { label }).map(drop)
    }

    fn run_minutes(&mut self, options: &Options, minutes: &mut Vec<Minute>) -> Result<()> {
        let mut baseline = None;
        let mut last = self.footprint()?;
        for minute in 1..=options.minutes {
            let mut left = Duration::from_secs(60);
            self.minute.minute = minute;
            while left > Duration::ZERO {
                let start = Instant::now();
                self.run_round()?;
                sleep(REST);
                let mut took = start.elapsed();
                if took > LONGEST_ROUND {
                    self.minute.stopped_seconds += took.as_secs_f64();
                    took = Duration::ZERO;
                }
                self.minute.active_seconds += took.as_secs_f64();
                left = left.saturating_sub(took);
            }
            let counts = self.measure_at_rest(baseline)?;
            baseline.get_or_insert(counts);
            let now = self.footprint()?;
            self.minute.counts = counts;
            self.minute.measure(&last, &now);
            last = now;
            let done = std::mem::take(&mut self.minute);
            println!("{done}");
            minutes.push(done);
            write(options, minutes)?;
            if self.faults.len() > MAX_FAULTS {
                bail!("too many faults:\n{}", self.faults.join("\n"));
            }
        }
        Ok(())
    }

    /// Counts what the bus keeps when all that comes and goes has gone. It must be as much as after the first minute.
    fn measure_at_rest(&mut self, baseline: Option<Counts>) -> Result<Counts> {
        self.end_what_passes()?;
        let start = Instant::now();
        loop {
            let counts = Counts::of(&self.hand.follow(Order::Inspect)?);
            let is_the_same = baseline.is_none_or(|before| counts.kept() == before.kept());
            if counts.is_at_rest() && is_the_same {
                return Ok(counts);
            }
            if start.elapsed() > LONGEST_ROUND {
                self.fault(format!(
                    "the bus does not come to rest: {counts:?}; after the first minute: {baseline:?}"
                ));
                return Ok(counts);
            }
            sleep(Duration::from_millis(100));
        }
    }

    fn footprint(&mut self) -> Result<Footprint> {
        let footprint = self.hand.follow(Order::Memory)?;
        Ok(serde_json::from_value(footprint)?)
    }

    pub(crate) fn inspected(&mut self, label: &str) -> Result<Value> {
        let inspection = self.hand.follow(Order::Inspect)?;
        let webviews = inspection["webviews"].as_array();
        let webview = webviews
            .into_iter()
            .flatten()
            .find(|webview| webview["label"] == label);
        webview
            .cloned()
            .with_context(|| format!("`inspect` does not list `{label}`"))
    }

    /// Waits until the page of a window has gone.
    pub(crate) fn await_gone(&mut self, label: &str) -> Result<()> {
        let start = Instant::now();
        while !self.inspected(label)?["page"].is_null() {
            ensure!(
                start.elapsed() < LONGEST_ROUND * 3,
                "the page of `{label}` does not go"
            );
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn fault(&mut self, fault: String) {
        let fault = format!(
            "minute {}, round {} ({}): {fault}",
            self.minute.minute, self.round, self.action
        );
        eprintln!("fault: {fault}");
        self.minute.faults += 1;
        self.faults.push(fault);
    }

    pub(crate) fn add(&mut self, count: Count) {
        let minute = &mut self.minute;
        minute.received += count.events;
        minute.repeated += count.repeated;
        minute.gaps += count.gaps;
        minute.lost += count.lost;
    }
}
