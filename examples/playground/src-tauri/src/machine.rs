//! The load of the machine, as a job source that pages use.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tauri_plugin_event_bus::periodic::SourceCall;

/// The busy and the total time of the cores, in ticks since the machine started.
type CpuTimes = (u64, u64);

/// The load of all cores since the last sample, in percent. Without `/proc`, a wave stands in for it.
pub(crate) fn cpu() -> impl Fn(&SourceCall) -> Result<f64, std::io::Error> + Send + Sync {
    let before = Mutex::new(None::<CpuTimes>);
    move |_| {
        let Ok(text) = std::fs::read_to_string("/proc/stat") else {
            return Ok(wave());
        };
        let now = read(&text).ok_or_else(|| std::io::Error::other("/proc/stat has no figures"))?;
        let before = before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now)
            .unwrap_or_default();
        let total = now.1.saturating_sub(before.1).max(1);
        Ok(now.0.saturating_sub(before.0) as f64 * 100.0 / total as f64)
    }
}

fn read(text: &str) -> Option<CpuTimes> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|time| time.parse().ok())
        .collect();
    let idle = times.get(3)? + times.get(4)?;
    let total: u64 = times.iter().sum();
    Some((total - idle, total))
}

fn wave() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    50.0 + 40.0 * now.map_or(0.0, |now| now.as_secs_f64()).sin()
}
