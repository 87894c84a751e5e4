//! The app as the driver holds it: orders go in, replies come out.

use crate::orders::{Numbered, Order, Reply};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

pub(crate) struct Hand {
    child: Child,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    given: u64,
    /// Replies that came before the driver wanted them.
    early: HashMap<u64, Result<Value, String>>,
}

/// An order whose reply has not been read.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Given(u64);

impl Hand {
    /// Starts the app. With `pull`, no page says that it can be called.
    pub(crate) fn start(pull: bool) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["app", if pull { "pull" } else { "call" }])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the app does not start")?;
        let orders = child.stdin.take().context("no standard input")?;
        let stdout = child.stdout.take().context("no standard output")?;
        Ok(Self {
            child,
            orders,
            lines: BufReader::new(stdout).lines(),
            given: 0,
            early: HashMap::new(),
        })
    }

    /// Gives an order. The app works on it while the driver goes on.
    pub(crate) fn give(&mut self, order: Order) -> Result<Given> {
        self.given += 1;
        let id = self.given;
        let line = serde_json::to_string(&Numbered { id, order })?;
        writeln!(self.orders, "{line}").context("the app has ended")?;
        Ok(Given(id))
    }

    /// The reply to an order, once it is done.
    pub(crate) fn reply(&mut self, Given(id): Given) -> Result<Value> {
        loop {
            if let Some(outcome) = self.early.remove(&id) {
                return outcome.map_err(|error| anyhow!(error));
            }
            let line = self.lines.next().context("the app has ended")??;
            match serde_json::from_str(&line) {
                Ok(Reply { id, outcome }) => drop(self.early.insert(id, outcome)),
                Err(_) => eprintln!("{line}"),
            }
        }
    }

    pub(crate) fn follow(&mut self, order: Order) -> Result<Value> {
        let given = self.give(order)?;
        self.reply(given)
    }

    /// The app exits.
    pub(crate) fn end(&mut self) -> Result<()> {
        let _ = self.give(Order::Exit)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the app ended with {status}");
        Ok(())
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
