//! Memory and activity of this process and of the processes of the engines for it.

use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    process,
};

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    /// The peak of the resident memory.
    pub(crate) peak: u64,
}

/// The activity of processes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Activity {
    /// How often one of their threads was woken after waiting.
    pub(crate) wake_ups: u64,
    pub(crate) cpu_nanos: u64,
}

/// The activity of the threads of some processes so far. A thread that ends takes its counts along.
pub(crate) struct Threads(HashMap<String, Activity>);

impl Threads {
    pub(crate) fn of(processes: &[u32]) -> Self {
        let threads = processes
            .iter()
            .filter_map(|process| fs::read_dir(format!("/proc/{process}/task")).ok())
            .flatten()
            .flatten()
            .map(|thread| {
                let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
                let on_cpu = read("schedstat");
                let activity = Activity {
                    wake_ups: field(&read("status"), "voluntary_ctxt_switches:"),
                    cpu_nanos: on_cpu
                        .split_whitespace()
                        .next()
                        .and_then(|nanos| nanos.parse().ok())
                        .unwrap_or(0),
                };
                (thread.path().display().to_string(), activity)
            });
        Self(threads.collect())
    }

    pub(crate) fn since(&self, before: &Self) -> Activity {
        let mut sum = Activity::default();
        for (thread, now) in &self.0 {
            let then = before.0.get(thread).copied().unwrap_or_default();
            sum.wake_ups += now.wake_ups.saturating_sub(then.wake_ups);
            sum.cpu_nanos += now.cpu_nanos.saturating_sub(then.cpu_nanos);
        }
        sum
    }
}

/// The processes of WebKit that run the pages of this app.
pub(crate) fn web_processes() -> Vec<u32> {
    children_called("WebKitWebProcess")
}

/// The processes of Chromium that run the pages of this app. They are below its browser, and not its children.
pub(crate) fn renderers() -> HashSet<u32> {
    let processes: Vec<(u32, u32)> = running().collect();
    let mut below = HashSet::from([process::id()]);
    loop {
        let known = below.len();
        let children = processes
            .iter()
            .filter(|(_, parent)| below.contains(parent));
        below.extend(children.map(|(id, _)| id).collect::<Vec<_>>());
        if below.len() == known {
            break;
        }
    }
    // A renderer writes its command line anew, with spaces.
    below.retain(|id| read(*id, "cmdline").contains("--type=renderer"));
    below
}

/// The processes that fetch for the pages of this app.
pub(crate) fn network_processes() -> Vec<u32> {
    children_called("WebKitNetworkProcess")
}

pub(crate) fn memory(process: u32) -> Memory {
    let rollup = read(process, "smaps_rollup");
    Memory {
        rss: kilobytes(&rollup, "Rss:"),
        pss: kilobytes(&rollup, "Pss:"),
        peak: kilobytes(&read(process, "status"), "VmHWM:"),
    }
}

fn children_called(program: &str) -> Vec<u32> {
    let own = process::id();
    let is_called = |id: &u32| {
        let command = read(*id, "cmdline");
        let command = command.split('\0').next().unwrap_or_default();
        Path::new(command)
            .file_name()
            .is_some_and(|name| name == program)
    };
    running()
        .filter_map(|(id, parent)| (parent == own).then_some(id))
        .filter(is_called)
        .collect()
}

/// The processes that run, each with its parent.
fn running() -> impl Iterator<Item = (u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        // `pid (name) state ppid …`; the name may hold spaces and brackets.
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let is_alive = fields.next()? != "Z";
        let parent = fields.next()?.parse().ok()?;
        is_alive.then_some((id, parent))
    })
}

fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}

fn kilobytes(text: &str, name: &str) -> u64 {
    field(text, name) * 1024
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
