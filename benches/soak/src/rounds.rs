//! A round: some traffic, one action in the middle of it, and the check of everything that was received.

use crate::{
    app::HOST,
    driver::{Driver, Receiver, STEADY},
    hand::Given,
    ledger::Totals,
    orders::{Emission, Order},
    tally::Tallies,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Something that is under way.
pub(crate) enum Pending {
    /// The host emits.
    Emission { given: Given, name: String },
    /// A page follows an order. Its reply must be this.
    Told {
        label: String,
        tell: u64,
        expected: Value,
        emits: Option<String>,
    },
    /// The host waits for a response.
    Response { given: Given, expected: Value },
}

impl Driver {
    pub(crate) fn run_round(&mut self) -> Result<()> {
        self.round += 1;
        self.act()?;
        self.finish()?;
        self.check()
    }

    /// Emits from the host and from pages, and sends requests. `except` is the window that something happens to.
    pub(crate) fn traffic(&mut self, except: &str) -> Result<()> {
        // Two runs of a name must not overlap.
        self.finish()?;
        let count = self.random.between(20, 120);
        self.emit("load:all", None, count)?;
        let count = self.random.between(10, 40);
        self.emit("load:latest", None, count)?;
        let count = self.random.between(1, 3);
        self.emit("load:state", None, count)?;
        for label in self.pages() {
            let count = self.random.between(5, 20);
            self.emit(&format!("to:{label}"), Some(&label), count)?;
        }
        let pages: Vec<String> = self.pages().filter(|label| label != except).collect();
        for label in &pages {
            if self.random.below(2) == 0 {
                let count = self.random.between(3, 30);
                self.page_emits(label, count, "emit")?;
            }
            let to = match self.random.below(3) {
                0 => STEADY[0],
                1 => STEADY[1],
                _ => HOST,
            };
            let count = self.random.between(1, 4);
            let order =
                json!({ "action": "request", "to": to, "from": self.round, "count": count });
            self.tell(label, order, json!([]), None)?;
            let given = self.hand.give(Order::Request {
                to: label.clone(),
                name: "double".into(),
                payload: json!(self.round),
                timeout_ms: 60_000,
            })?;
            let expected = json!(2 * self.round);
            self.pending.push(Pending::Response { given, expected });
            self.minute.requests += count + 1;
        }
        Ok(())
    }

    /// The labels of the pages that have started.
    pub(crate) fn pages(&self) -> impl Iterator<Item = String> + use<> {
        let pages: Vec<String> = self
            .receivers
            .iter()
            .filter(|(_, receiver)| is_page(receiver))
            .map(|(label, _)| label.clone())
            .collect();
        pages.into_iter()
    }

    /// The host emits events, to everyone or to one window.
    pub(crate) fn emit(&mut self, name: &str, to: Option<&str>, count: u64) -> Result<()> {
        let emission = Emission {
            name: name.to_owned(),
            to: to.map(str::to_owned),
            from: self.number(name, count),
            count,
            retain: name == "load:state",
            waits: name.starts_with("wait:"),
        };
        let given = self.hand.give(Order::Emit(emission))?;
        let name = name.to_owned();
        self.pending.push(Pending::Emission { given, name });
        Ok(())
    }

    /// A page emits events to everyone.
    pub(crate) fn page_emits(&mut self, label: &str, count: u64, action: &str) -> Result<()> {
        let name = format!("from:{label}");
        let from = self.number(&name, count);
        let order = json!({ "action": action, "name": name, "from": from, "count": count });
        self.tell(label, order, Value::Null, Some(name))
    }

    /// Numbers the next events of a name.
    pub(crate) fn number(&mut self, name: &str, count: u64) -> u64 {
        self.minute.emitted += count;
        let total = self.totals.entry(name.to_owned()).or_default();
        *total += count;
        *total - count
    }

    /// Gives an order to a page. Its end is awaited later.
    pub(crate) fn tell(
        &mut self,
        label: &str,
        order: Value,
        expected: Value,
        emits: Option<String>,
    ) -> Result<()> {
        let tell = self.send(label, order)?;
        self.pending.push(Pending::Told {
            label: label.to_owned(),
            tell,
            expected,
            emits,
        });
        Ok(())
    }

    /// Sends an order to a page, and returns its number.
    pub(crate) fn send(&mut self, label: &str, mut order: Value) -> Result<u64> {
        self.tells += 1;
        order["id"] = json!(self.tells);
        let label = label.to_owned();
        self.hand.follow(Order::Tell { label, order })?;
        Ok(self.tells)
    }

    /// What a page made of an order.
    pub(crate) fn done(&mut self, label: &str, tell: u64) -> Result<Value> {
        let mut outcome = self.report(label, &format!("done {tell}"))?;
        Ok(match outcome.get("error") {
            Some(error) => json!(format!("failed: {error}")),
            None => outcome["value"].take(),
        })
    }

    /// The next report of this kind.
    pub(crate) fn report(&mut self, label: &str, kind: &str) -> Result<Value> {
        self.hand.follow(Order::Report {
            label: label.to_owned(),
            kind: kind.to_owned(),
        })
    }

    /// Waits for everything that is under way.
    pub(crate) fn finish(&mut self) -> Result<()> {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Emission { given, name } => {
                    self.hand.reply(given)?;
                    self.is_emitted(&name);
                }
                Pending::Told {
                    label,
                    tell,
                    expected,
                    emits,
                } => {
                    let outcome = self.done(&label, tell)?;
                    if outcome != expected {
                        self.fault(format!(
                            "{label} was told something: {outcome} instead of {expected}"
                        ));
                    }
                    if let Some(name) = emits {
                        self.is_emitted(&name);
                    }
                }
                Pending::Response { given, expected } => {
                    let response = self.hand.reply(given)?;
                    if response != expected {
                        self.fault(format!("a response is {response} instead of {expected}"));
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn is_emitted(&mut self, name: &str) {
        if let Some(total) = self.totals.get(name) {
            self.emitted.insert(name.to_owned(), *total);
        }
    }

    /// Every receiver reports, and its books must be right.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.barriers += 1;
        let barrier = self.barriers;
        self.hand.follow(Order::Barrier { number: barrier })?;
        let labels: Vec<String> = self.receivers.keys().cloned().collect();
        for label in labels {
            let tallies = self.report(&label, &format!("barrier {barrier}"))?;
            self.enter(&label, tallies)?;
            let totals = self.totals.clone();
            let mut faults = Vec::new();
            for (id, ledger) in self.receivers.entry(label.clone()).or_default() {
                let before = faults.len();
                ledger.settle(&due(&totals, &label, id), &mut faults);
                name_faults(&mut faults[before..], &label, id);
            }
            faults.into_iter().for_each(|fault| self.fault(fault));
        }
        Ok(())
    }

    /// Enters what a receiver has reported.
    pub(crate) fn enter(&mut self, label: &str, tallies: Value) -> Result<()> {
        let tallies: Tallies = serde_json::from_value(tallies.clone())
            .with_context(|| format!("{label} reported {tallies}"))?;
        let receiver = self
            .receivers
            .get_mut(label)
            .with_context(|| format!("`{label}` is no receiver"))?;
        let mut faults: Vec<String> = tallies
            .faults
            .into_iter()
            .map(|fault| format!("{label}: {fault}"))
            .collect();
        let mut counts = Vec::new();
        for (id, items) in &tallies.listeners {
            let before = faults.len();
            match receiver.get_mut(id) {
                Some(ledger) => counts.push(ledger.enter(items, &mut faults)),
                None => faults.push(format!("no such listener, and it received {items:?}")),
            }
            name_faults(&mut faults[before..], label, id);
        }
        for count in counts {
            self.add(count);
        }
        faults.into_iter().for_each(|fault| self.fault(fault));
        Ok(())
    }
}

fn name_faults(faults: &mut [String], label: &str, listener: &str) {
    for fault in faults {
        *fault = format!("{label}, listener {listener}: {fault}");
    }
}

fn is_page(receiver: &Receiver) -> bool {
    receiver.contains_key("to")
}

/// The names that a listener of a receiver gets, with how many of each there are.
pub(crate) fn due(totals: &Totals, label: &str, listener: &str) -> Totals {
    let is_due = |name: &str| match listener {
        "all" if label == HOST => name.starts_with("load:"),
        "all" => name == "load:all",
        "latest" => name == "load:latest",
        "state" => name == "load:state",
        "to" => name.strip_prefix("to:") == Some(label),
        "wait" => name.strip_prefix("wait:") == Some(label),
        "from" => name.starts_with("from:"),
        "jobs" => name.starts_with("job:"),
        "stream" => ["load:", "from:", "job:"]
            .iter()
            .any(|prefix| name.starts_with(prefix)),
        // Nobody knows how many ticks there are by now.
        "pulse" => false,
        _ => name == "load:all",
    };
    totals
        .iter()
        .filter(|(name, _)| is_due(name))
        .map(|(name, total)| (name.clone(), *total))
        .collect()
}
