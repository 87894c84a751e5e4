//! Whether memory grew in the second half of a run: the slope of the straight line through its minutes.

use crate::{closings::Kept, minutes::Minute};
use std::fmt::{self, Display, Formatter};

/// How many minutes a run needs before its growth says something.
const ENOUGH_MINUTES: usize = 20;

/// The most megabytes an hour by which the host may grow, apart from what stays of closed windows. That varies from window
/// to window, and it is known within about a tenth.
const HOST_LIMIT: f64 = 8.0;

/// The most megabytes an hour by which each web process, or the network process, may grow.
const WEB_LIMIT: f64 = 10.0;

const KILOBYTES: f64 = 1024.0;

/// Megabytes an hour.
pub(crate) struct Growth {
    lines: Vec<Line>,
    kept: Kept,
}

struct Line {
    what: String,
    per_hour: f64,
    limit: f64,
}

impl Growth {
    /// The growth in the second half.
    ///
    /// Web processes count if they ran through all of it; what is killed takes its memory along.
    pub(crate) fn of(minutes: &[Minute], kept: Kept) -> Self {
        let half = minutes.get(minutes.len() / 2..).unwrap_or_default();
        let line = |what: String, limit, values: Vec<f64>| Line {
            what,
            limit,
            per_hour: 60.0 * slope(&values),
        };
        let of = |value: &dyn Fn(&Minute) -> f64| half.iter().map(value).collect::<Vec<_>>();
        let mut lines = vec![
            line(
                "host, without closed windows".into(),
                HOST_LIMIT,
                without_closed(half, kept),
            ),
            line(
                "network process".into(),
                WEB_LIMIT,
                of(&|minute| minute.network.anonymous),
            ),
        ];
        for label in lasting(half) {
            let web = |minute: &Minute| {
                let web = minute.web.get(&label);
                web.map_or(0.0, |(_, memory)| memory.anonymous)
            };
            lines.push(line(format!("page `{label}`"), WEB_LIMIT, of(&web)));
        }
        Self { lines, kept }
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let too_fast = self.lines.iter().filter(|line| line.per_hour > line.limit);
        let faults = too_fast.map(|line| {
            format!(
                "{} grows by {:.1} MB an hour; at most {:.0} are right",
                line.what, line.per_hour, line.limit
            )
        });
        faults.chain(self.kept.fault()).collect()
    }
}

impl Display for Growth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "kept of each closed window: {:.0} KB, and {:.0} KB without the plugin",
            self.kept.with_plugin, self.kept.without
        )?;
        writeln!(f, "growth in the second half, MB an hour:")?;
        for line in &self.lines {
            writeln!(
                f,
                "  {:<30} {:>6.2}  (at most {:.0})",
                line.what, line.per_hour, line.limit
            )?;
        }
        Ok(())
    }
}

/// The memory of the host in each minute, without what it keeps of the windows that were closed since the first one.
pub(crate) fn without_closed(minutes: &[Minute], kept: Kept) -> Vec<f64> {
    let mut closed = 0;
    let memory = minutes.iter().map(|minute| {
        closed += minute.opened;
        minute.host.anonymous - closed as f64 * kept.with_plugin / KILOBYTES
    });
    memory.collect()
}

/// Whether a run is long enough to judge its growth.
pub(crate) fn is_judged(minutes: u64) -> bool {
    minutes >= ENOUGH_MINUTES as u64
}

/// The windows whose pages had the same process in every minute.
fn lasting(minutes: &[Minute]) -> Vec<String> {
    let process = |minute: &Minute, label: &String| minute.web.get(label).map(|(id, _)| *id);
    let Some(first) = minutes.first() else {
        return Vec::new();
    };
    let labels = first.web.keys().filter(|label| {
        let same = process(first, label);
        minutes.iter().all(|minute| process(minute, label) == same)
    });
    labels.cloned().collect()
}

/// The slope of the straight line with the least squared distance to these values, per step.
pub(crate) fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (center, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (place, value) in values.iter().enumerate() {
        let distance = place as f64 - center;
        above += distance * (value - mean);
        below += distance * distance;
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minutes::Megabytes;

    const KEPT: Kept = Kept {
        with_plugin: 256.0,
        without: 250.0,
    };

    /// Two hours in which the host and a web process take this many megabytes.
    fn minutes(host: impl Fn(f64) -> f64, web: impl Fn(f64) -> f64) -> Vec<Minute> {
        let memory = |anonymous| Megabytes {
            rss: anonymous,
            anonymous,
        };
        (0..120)
            .map(|minute| Minute {
                host: memory(host(f64::from(minute))),
                web: [("page".to_owned(), (7, memory(web(f64::from(minute)))))].into(),
                ..Minute::default()
            })
            .collect()
    }

    fn faults(minutes: &[Minute]) -> String {
        Growth::of(minutes, KEPT).faults().join("; ")
    }

    #[test]
    fn the_slope_of_a_line_is_found() {
        assert_eq!(slope(&[1.0, 3.0, 5.0, 7.0]), 2.0);
        assert_eq!(slope(&[4.0, 4.0, 4.0]), 0.0);
        assert_eq!(slope(&[4.0]), 0.0);
    }

    #[test]
    fn only_growth_in_the_second_half_is_a_fault() {
        assert_eq!(faults(&minutes(|_| 90.0, |_| 100.0)), "");
        let warming = |minute: f64| 50.0 + minute.min(60.0);
        assert_eq!(faults(&minutes(warming, warming)), "");
        let noisy = |minute: f64| 100.0 + 5.0 * (minute % 2.0);
        assert_eq!(faults(&minutes(noisy, noisy)), "");
        let leaking = |minute: f64| 90.0 + minute / 4.0;
        let leak = faults(&minutes(leaking, |_| 100.0));
        assert!(
            leak.contains("host, without closed windows grows by 15.0 MB"),
            "{leak}"
        );
        assert!(faults(&minutes(|_| 90.0, leaking)).contains("page `page` grows by 15.0"));
    }

    #[test]
    fn what_stays_of_closed_windows_does_not_count() {
        let leaking = |minute: f64| 90.0 + minute / 4.0;
        let mut minutes = minutes(leaking, |_| 100.0);
        minutes.iter_mut().for_each(|minute| minute.opened = 1);
        assert_eq!(faults(&minutes), "");
    }

    #[test]
    fn what_the_plugin_adds_to_a_closed_window_counts() {
        let kept = Kept {
            with_plugin: 400.0,
            ..KEPT
        };
        let growth = Growth::of(&minutes(|_| 90.0, |_| 100.0), kept);
        assert!(growth.faults()[0].contains("the plugin adds 150 KB"));
    }

    #[test]
    fn a_web_process_that_ended_does_not_count() {
        let mut minutes = minutes(|_| 90.0, |minute| 90.0 + minute);
        minutes[100].web.clear();
        assert_eq!(faults(&minutes), "");
        minutes[100] = minutes[99].clone();
        assert!(!faults(&minutes).is_empty());
        for minute in &mut minutes[100..] {
            minute.web.values_mut().for_each(|(id, _)| *id = 8);
        }
        assert_eq!(faults(&minutes), "");
    }
}
