//! The memory of the app and of WebKit's processes for it.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path, process};

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    /// Without what is mapped from files. Programs share that, so it depends on which others run.
    pub(crate) anonymous: u64,
}

/// The memory of the app, and the processor time that it has used, in the system's ticks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Footprint {
    pub(crate) host: Memory,
    /// By label: the process of the page.
    pub(crate) web: BTreeMap<String, (u32, Memory)>,
    pub(crate) network: Memory,
    pub(crate) ticks: u64,
}

/// The footprint with these web processes, by label.
pub(crate) fn footprint(web: &BTreeMap<String, u32>) -> Footprint {
    let host = process::id();
    let network = children_called("WebKitNetworkProcess");
    let own = [host];
    let ticks = own.iter().chain(web.values()).chain(&network);
    Footprint {
        host: memory(host),
        network: network
            .iter()
            .map(|id| memory(*id))
            .fold(Memory::default(), |sum, one| Memory {
                rss: sum.rss + one.rss,
                anonymous: sum.anonymous + one.anonymous,
            }),
        ticks: ticks.map(|id| cpu_ticks(*id)).sum(),
        web: web
            .iter()
            .map(|(label, id)| (label.clone(), (*id, memory(*id))))
            .collect(),
    }
}

/// The processes that run the pages of this app.
pub(crate) fn web_processes() -> Vec<u32> {
    children_called("WebKitWebProcess")
}

pub(crate) fn memory(process: u32) -> Memory {
    let rollup = read(process, "smaps_rollup");
    Memory {
        rss: kilobytes(&rollup, "Rss:"),
        anonymous: kilobytes(&rollup, "Anonymous:"),
    }
}

/// The time of a process, and of its children that have ended.
fn cpu_ticks(process: u32) -> u64 {
    let stat = read(process, "stat");
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    // After the name, fields 12 to 15 are the times in user mode and in the kernel, its own and its children's.
    let times = fields.split_whitespace().skip(11).take(4);
    times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn children_called(program: &str) -> Vec<u32> {
    let own = process::id().to_string();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            // `pid (name) state ppid …`; the name may hold spaces and brackets.
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let is_alive = fields.next()? != "Z";
            let is_child = fields.next()? == own;
            let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let command = Path::new(command.split('\0').next()?).file_name()?;
            (is_alive && is_child && command == program).then_some(id)
        })
        .collect()
}

fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}

/// The kilobytes after a name at the start of a line, in bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
