//! What happens in the middle of the traffic.

use crate::{
    app::{BACKLOG_EVENTS, QUEUE_EVENTS},
    driver::{Driver, KILLED, NAVIGATED, RELOADED, STEADY},
    hand::Given,
    ledger::{Ledger, Totals},
    orders::Order,
    rounds::{Pending, due},
};
use anyhow::Result;
use serde_json::{Value, json};

/// The listeners that every page has, in the words of `page/soak.js`.
const LISTENERS: [&str; 8] = [
    "all", "latest", "state", "to", "from", "wait", "jobs", "pulse",
];

/// The most further listeners of a page.
const MAX_EXTRAS: usize = 4;

/// How long a page is busy while it is flooded, in milliseconds.
const BURN_MS: u64 = 250;

/// Something that may happen in a round.
#[derive(Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// How often it happens, compared with the others.
    chance: u64,
    act: fn(&mut Driver) -> Result<()>,
}

const fn action(name: &'static str, chance: u64, act: fn(&mut Driver) -> Result<()>) -> Action {
    Action { name, chance, act }
}

pub(crate) const ACTIONS: [Action; 13] = [
    action("traffic", 33, |driver| driver.traffic("")),
    action("listeners", 14, Driver::listen_or_not),
    action("jobs", 10, Driver::run_job),
    action("streams", 6, Driver::open_or_close_stream),
    action("cancelled-requests", 6, Driver::cancel_requests),
    action("reloads", 6, |driver| driver.reload(false)),
    action("reloads-while-emitting", 6, |driver| driver.reload(true)),
    action("navigations", 6, Driver::navigate),
    action("away-and-back", 3, Driver::go_away),
    action("windows", 3, Driver::open_or_close),
    action("floods", 3, |driver| driver.flood("to")),
    action("floods-that-wait", 2, |driver| driver.flood("wait")),
    action("kills", 2, Driver::kill),
];

impl Driver {
    /// One thing in the middle of traffic.
    pub(crate) fn act(&mut self) -> Result<()> {
        let chances: u64 = self.actions.iter().map(|action| action.chance).sum();
        let mut drawn = self.random.below(chances);
        for action in self.actions.clone() {
            if drawn < action.chance {
                self.action = action.name;
                return (action.act)(self);
            }
            drawn -= action.chance;
        }
        Ok(())
    }

    fn steady(&mut self) -> &'static str {
        STEADY[usize::from(self.random.below(2) == 0)]
    }

    fn any_page(&mut self) -> String {
        let pages: Vec<String> = self.pages().collect();
        let place = self.random.below(pages.len() as u64);
        usize::try_from(place)
            .ok()
            .and_then(|place| pages.get(place).cloned())
            .unwrap_or_default()
    }

    fn listen_or_not(&mut self) -> Result<()> {
        let label = self.any_page();
        let extras = self.extras_of(&label);
        self.traffic("")?;
        if extras.len() < MAX_EXTRAS && self.random.below(2) == 0 {
            self.extras += 1;
            let id = format!("extra-{}", self.extras);
            let before = self.emitted.clone();
            let order = json!({ "action": "listen", "listener": id, "pattern": "load:all" });
            let tell = self.send(&label, order)?;
            let outcome = self.done(&label, tell)?;
            if !outcome.is_null() {
                self.fault(format!("{label} cannot listen: {outcome}"));
            }
            let ledger = self.ledger(&label, &id, &before);
            self.receivers.entry(label).or_default().insert(id, ledger);
        } else if let Some(id) = extras.first() {
            self.unlisten(&label, id)?;
        }
        Ok(())
    }

    fn extras_of(&self, label: &str) -> Vec<String> {
        let listeners = self.receivers.get(label).into_iter().flatten();
        listeners
            .map(|(id, _)| id.clone())
            .filter(|id| id.starts_with("extra-"))
            .collect()
    }

    fn unlisten(&mut self, label: &str, id: &str) -> Result<()> {
        let tell = self.send(label, json!({ "action": "unlisten", "listener": id }))?;
        let items = self.done(label, tell)?;
        // How many came by then is open; they are in order.
        self.enter(label, json!({ "listeners": { id: items } }))?;
        self.receivers
            .entry(label.to_owned())
            .or_default()
            .remove(id);
        Ok(())
    }

    fn run_job(&mut self) -> Result<()> {
        let label = self.any_page();
        let name = format!("job:{label}");
        let count = self.random.between(5, 20);
        let order = json!({
            "action": "job",
            "name": name,
            "from": self.number(&name, count),
            "count": count,
            "everyMs": self.random.between(5, 25),
            "pause": self.random.below(2) == 0,
        });
        self.tell(&label, order, json!("finished"), Some(name))?;
        self.minute.jobs += 1;
        // Not after it, since a page has one emission under way.
        let job = self.pending.pop();
        self.traffic("")?;
        self.pending.extend(job);
        Ok(())
    }

    fn open_or_close_stream(&mut self) -> Result<()> {
        self.traffic("")?;
        let open = self.streams_open();
        if let Some(label) = open.first().filter(|_| self.streams.is_multiple_of(2)) {
            self.close_stream(label)?;
        } else {
            let label = format!("stream-{}", self.streams);
            let before = self.emitted.clone();
            self.hand.follow(Order::OpenStream {
                label: label.clone(),
            })?;
            let ledger = self.ledger(&label, "stream", &before);
            self.receivers
                .insert(label, [("stream".to_owned(), ledger)].into());
        }
        self.streams += 1;
        Ok(())
    }

    fn streams_open(&self) -> Vec<String> {
        let labels = self.receivers.keys();
        labels
            .filter(|label| label.starts_with("stream-"))
            .cloned()
            .collect()
    }

    fn close_stream(&mut self, label: &str) -> Result<()> {
        let label = label.to_owned();
        self.receivers.remove(&label);
        self.hand.follow(Order::CloseStream { label }).map(drop)
    }

    fn cancel_requests(&mut self) -> Result<()> {
        self.traffic("")?;
        let label = self.any_page();
        let to = if self.random.below(2) == 0 {
            "host"
        } else {
            self.steady()
        };
        let order = json!({ "action": "request", "to": to, "from": 0, "count": 5, "cancel": true });
        self.tell(&label, order, json!([]), None)?;
        let given = self.hold(&label, 30, false)?;
        let expected = json!("timeout");
        self.pending.push(Pending::Response { given, expected });
        self.minute.requests += 6;
        Ok(())
    }

    /// The host sends a request that gets no response.
    fn hold(&mut self, label: &str, timeout_ms: u64, reports: bool) -> Result<Given> {
        self.hand.give(Order::Request {
            to: label.to_owned(),
            name: "hold".into(),
            payload: json!(reports),
            timeout_ms,
        })
    }

    /// A page has a request that it does not respond to.
    fn be_held(&mut self, label: &str) -> Result<Given> {
        let given = self.hold(label, 60_000, true)?;
        self.report(label, "held")?;
        Ok(given)
    }

    /// What was held ends with the page.
    fn ends_with_its_page(&mut self, given: Given) {
        let expected = json!("page_gone");
        self.pending.push(Pending::Response { given, expected });
    }

    fn reload(&mut self, while_emitting: bool) -> Result<()> {
        self.minute.reloads += 1;
        self.traffic(RELOADED)?;
        let given = self.be_held(RELOADED)?;
        if while_emitting {
            let name = format!("from:{RELOADED}");
            let count = self.random.between(1, 40);
            let from = self.number(&name, count);
            let order = json!({ "action": "leave", "name": name, "from": from, "count": count });
            self.send(RELOADED, order)?;
        } else {
            self.load(RELOADED, "index.html")?;
        }
        self.traffic(RELOADED)?;
        self.replace(RELOADED)?;
        self.is_emitted(&format!("from:{RELOADED}"));
        self.ends_with_its_page(given);
        Ok(())
    }

    fn navigate(&mut self) -> Result<()> {
        self.minute.reloads += 1;
        self.traffic(NAVIGATED)?;
        let page = format!("index.html?{}", self.round);
        self.load(NAVIGATED, &page)?;
        self.traffic(NAVIGATED)?;
        self.replace(NAVIGATED)
    }

    /// To a page that does not use the bus, and back. Meanwhile there may be more than the bus keeps.
    fn go_away(&mut self) -> Result<()> {
        self.minute.reloads += 2;
        self.traffic(NAVIGATED)?;
        self.load(NAVIGATED, "away.html")?;
        self.await_gone(NAVIGATED)?;
        self.traffic(NAVIGATED)?;
        if self.random.below(2) == 0 {
            self.may_overflow(NAVIGATED);
            self.finish()?;
            let name = format!("to:{NAVIGATED}");
            self.emit(&name, Some(NAVIGATED), BACKLOG_EVENTS + 500)?;
            self.finish()?;
        }
        self.load(NAVIGATED, "index.html")?;
        self.replace(NAVIGATED)
    }

    /// More events than a queue holds, for a page that is busy.
    fn flood(&mut self, kind: &str) -> Result<()> {
        self.may_overflow(NAVIGATED);
        self.traffic(NAVIGATED)?;
        self.finish()?;
        let order = json!({ "action": "burn", "ms": BURN_MS });
        self.tell(NAVIGATED, order, Value::Null, None)?;
        let name = format!("{kind}:{NAVIGATED}");
        let count = QUEUE_EVENTS + self.random.between(200, 1_500);
        self.emit(&name, Some(NAVIGATED), count)
    }

    fn kill(&mut self) -> Result<()> {
        self.minute.kills += 1;
        let given = self.be_held(KILLED)?;
        // Since the last check the page has received nothing, so that the next page must receive everything.
        if self.random.below(2) == 0 {
            self.send(KILLED, json!({ "action": "burn", "ms": 60_000 }))?;
            self.traffic(KILLED)?;
        }
        let label = KILLED.to_owned();
        self.hand.follow(Order::Kill { label })?;
        self.await_gone(KILLED)?;
        self.traffic(KILLED)?;
        self.load(KILLED, "index.html")?;
        self.replace(KILLED)?;
        self.identify(KILLED)?;
        self.ends_with_its_page(given);
        Ok(())
    }

    fn open_or_close(&mut self) -> Result<()> {
        if self.passing.is_some() {
            self.traffic("")?;
            return self.close();
        }
        let label = if self.random.below(2) == 0 {
            "passing".to_owned()
        } else {
            format!("passing-{}", self.round)
        };
        self.traffic("")?;
        self.open(&label)?;
        let order = json!({ "action": "keepJob", "job": "kept" });
        self.tell(&label, order, Value::Null, None)?;
        self.minute.opened += 1;
        self.passing = Some(label);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(label) = self.passing.take() else {
            return Ok(());
        };
        // What it emitted has come.
        self.finish()?;
        self.check()?;
        let given = self.be_held(&label)?;
        let by_force = self.random.below(2) == 0;
        self.hand.follow(Order::Close {
            label: label.clone(),
            by_force,
        })?;
        let response = self.hand.reply(given)?;
        if response != "page_gone" {
            self.fault(format!("a request to a closed window ended in {response}"));
        }
        self.receivers.remove(&label);
        // The next window of this label starts anew.
        for name in ["from", "to", "job", "wait"].map(|kind| format!("{kind}:{label}")) {
            self.totals.remove(&name);
            self.emitted.remove(&name);
            for ledger in self.receivers.values_mut().flat_map(|one| one.values_mut()) {
                ledger.forget(&name);
            }
        }
        Ok(())
    }

    /// Opens a window, and waits until its page listens.
    pub(crate) fn open(&mut self, label: &str) -> Result<()> {
        let before = self.emitted.clone();
        let name = label.to_owned();
        self.hand.follow(Order::Open { label: name })?;
        let listeners = LISTENERS.map(|id| (id.to_owned(), self.ledger(label, id, &before)));
        self.receivers.insert(label.to_owned(), listeners.into());
        self.report(label, "ready")?;
        self.identify(label)
    }

    fn identify(&mut self, label: &str) -> Result<()> {
        let label = label.to_owned();
        self.hand.follow(Order::Identify { label }).map(drop)
    }

    /// The books of a listener that began since the totals were `before`.
    fn ledger(&self, label: &str, id: &str, before: &Totals) -> Ledger {
        Ledger::begun(&due(before, label, id), &due(&self.totals, label, id))
    }

    fn load(&mut self, label: &str, page: &str) -> Result<()> {
        let (label, page) = (label.to_owned(), page.to_owned());
        self.hand.follow(Order::Load { label, page }).map(drop)
    }

    /// The next page of a webview has started. It reports what the previous one received.
    fn replace(&mut self, label: &str) -> Result<()> {
        let before = self.report(label, "ready")?;
        if !before.is_null() {
            self.enter(label, before)?;
        }
        let receiver = self.receivers.entry(label.to_owned()).or_default();
        receiver.retain(|id, _| !id.starts_with("extra-"));
        receiver.values_mut().for_each(Ledger::replaced);
        Ok(())
    }

    fn may_overflow(&mut self, label: &str) {
        let receiver = self.receivers.entry(label.to_owned()).or_default();
        receiver.values_mut().for_each(Ledger::may_overflow);
    }

    /// Closes and ends all that comes and goes.
    pub(crate) fn end_what_passes(&mut self) -> Result<()> {
        self.close()?;
        for label in self.streams_open() {
            self.close_stream(&label)?;
        }
        for label in self.pages() {
            for id in self.extras_of(&label) {
                self.unlisten(&label, &id)?;
            }
        }
        Ok(())
    }
}
