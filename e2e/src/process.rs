//! A child process that ends with its owner, along with every process that it started.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::HashMap,
    fs,
    process::{Child, Command},
};

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`. An error names the `package` of the program.
    pub(crate) fn start(command: &mut Command, package: &str) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| {
            format!("cannot start `{program}`; on Debian and Ubuntu it is in the package {package}")
        })?;
        Ok(Self { child })
    }

    /// The child itself, for its output.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The ids of the processes of this name that it or its children started, in the order of their start. Their command
    /// line contains the argument.
    pub(crate) fn offspring_named(&self, name: &str, argument: &str) -> Vec<u32> {
        let mut ids: Vec<u32> = offspring_of(self.child.id())
            .into_iter()
            .filter(|id| {
                let own = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
                // The kernel truncates names to 15 bytes.
                let is_named = own.trim() == name.get(..15).unwrap_or(name);
                let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
                is_named && line.contains(argument)
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Whether a process that it started is running.
    pub(crate) fn has_offspring(&self) -> bool {
        !offspring_of(self.child.id()).is_empty()
    }

    /// Why the program has ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }
}

/// The processor time that a process has used, in the system's ticks.
pub(crate) fn cpu_ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // After the name, field 12 is the time in user mode and field 13 the time in the kernel.
    let times = fields.split_whitespace().skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Kills a process.
pub(crate) fn kill(id: u32) {
    send(id, Signal::KILL);
}

/// Stops a process until it is resumed.
pub(crate) fn stop(id: u32) {
    send(id, Signal::STOP);
}

/// Lets a stopped process continue.
pub(crate) fn resume(id: u32) {
    send(id, Signal::CONT);
}

/// A process that has ended gets nothing.
fn send(id: u32, signal: Signal) {
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(id, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Looked up while the parent lives: afterwards its children belong to process 1.
        let offspring = offspring_of(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        for id in offspring {
            kill(id);
        }
    }
}

/// The ids of all running processes below `ancestor`.
fn offspring_of(ancestor: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // `pid (name) state ppid …`; the name may hold spaces and brackets.
        let parent = fs::read_to_string(entry.path().join("stat"))
            .ok()
            .and_then(|stat| {
                let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
                let ended = fields.next()? == "Z";
                fields.next()?.parse().ok().filter(|_| !ended)
            });
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = Vec::new();
    let mut left = vec![ancestor];
    while let Some(parent) = left.pop() {
        let below = children.remove(&parent).unwrap_or_default();
        found.extend(&below);
        left.extend(below);
    }
    found
}
