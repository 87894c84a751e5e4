//! Draws the run as small charts over time.

use crate::{closings::Kept, growth::without_closed, minutes::Minute};
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 28.0;
const GUTTER: f64 = 48.0;
const AXIS: f64 = 40.0;
const HEIGHT: f64 = 110.0;
const PANEL: f64 = HEIGHT + 58.0;
const TOP: f64 = 72.0;

/// The colors of the lines of one chart.
const COLORS: [&str; 2] = ["#0969da", "#bf8700"];

/// A chart: one value a minute for each of its lines.
struct Panel {
    title: &'static str,
    unit: &'static str,
    lines: Vec<(&'static str, Vec<f64>)>,
}

/// Draws the run. `kept` is what the host keeps of each closed window, if that has been measured.
pub(crate) fn draw(minutes: &[Minute], kept: Option<Kept>) -> String {
    let of = |value: &dyn Fn(&Minute) -> f64| minutes.iter().map(value).collect::<Vec<_>>();
    let panel = |title, unit, lines| Panel { title, unit, lines };
    let panels = [
        panel(
            "host process",
            "MB",
            vec![
                ("anonymous memory", of(&|minute| minute.host.anonymous)),
                match kept {
                    Some(kept) => ("without closed windows", without_closed(minutes, kept)),
                    None => ("resident memory", of(&|minute| minute.host.rss)),
                },
            ],
        ),
        panel(
            "web processes and network process",
            "MB",
            vec![
                ("all web processes", of(&Minute::web_megabytes)),
                ("network process", of(&|minute| minute.network.anonymous)),
            ],
        ),
        panel(
            "events",
            "a second",
            vec![
                ("emitted", of(&|minute| minute.per_second(minute.emitted))),
                ("received", of(&|minute| minute.per_second(minute.received))),
            ],
        ),
        panel(
            "what the bus keeps",
            "",
            vec![
                (
                    "subscriptions",
                    of(&|minute| minute.counts.subscriptions as f64),
                ),
                (
                    "sessions, jobs and retained events",
                    of(&|minute| {
                        let counts = &minute.counts;
                        (counts.sessions + counts.jobs + counts.retained) as f64
                    }),
                ),
            ],
        ),
        panel(
            "reloads and killed web processes",
            "a minute",
            vec![
                ("reloads", of(&|minute| minute.reloads as f64)),
                ("kills", of(&|minute| minute.kills as f64)),
            ],
        ),
        panel(
            "gaps that the load provokes",
            "events a minute",
            vec![
                ("lost, as gaps say", of(&|minute| minute.lost as f64)),
                (
                    "unexpected gaps and faults",
                    of(&|minute| minute.faults as f64),
                ),
            ],
        ),
    ];
    let column = (WIDTH - 2.0 * MARGIN - GUTTER) / 2.0;
    let mut body = String::new();
    for (place, panel) in panels.iter().enumerate() {
        let x = MARGIN + (place % 2) as f64 * (column + GUTTER);
        let y = TOP + (place / 2) as f64 * PANEL;
        draw_panel(&mut body, panel, x, y, column, minutes.len());
    }
    let height = TOP + (panels.len() / 2) as f64 * PANEL + 10.0;
    let stopped: f64 = minutes.iter().map(|minute| minute.stopped_seconds).sum();
    let stopped = if stopped > 0.0 {
        format!(
            " The run was stopped for {:.0} minutes in between.",
            stopped / 60.0
        )
    } else {
        String::new()
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#24292f\">\n\
         <title>Mixed load on real windows</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"34\" font-size=\"18\" font-weight=\"600\">Mixed load on real windows</text>\n\
         <text x=\"{MARGIN}\" y=\"54\" fill=\"#57606a\">{} minutes. Memory and counts are taken once a minute, while nothing is on its way.{stopped}</text>\n\
         {body}</svg>\n",
        minutes.len()
    )
}

fn draw_panel(svg: &mut String, panel: &Panel, x: f64, y: f64, width: f64, minutes: usize) {
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{:.0}\" font-weight=\"600\">{} <tspan font-weight=\"400\" fill=\"#57606a\">{}</tspan></text>",
        y + 16.0,
        panel.title,
        panel.unit
    );
    let (left, right) = (x + AXIS, x + width);
    let (top, bottom) = (y + 40.0, y + 40.0 + HEIGHT - 18.0);
    let values = panel.lines.iter().flat_map(|(_, values)| values.iter());
    let max = round_up(values.copied().fold(0.0, f64::max));
    for (value, height) in [(max, top), (max / 2.0, (top + bottom) / 2.0), (0.0, bottom)] {
        let _ = writeln!(
            svg,
            "<line x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{height:.1}\" y2=\"{height:.1}\" stroke=\"#d0d7de\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\" fill=\"#57606a\">{value}</text>",
            left - 6.0,
            height + 4.0
        );
    }
    for (value, place, anchor) in [(0, left, "start"), (minutes, right, "end")] {
        let _ = writeln!(
            svg,
            "<text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"11\" fill=\"#57606a\">{value} min</text>",
            bottom + 15.0
        );
    }
    let mut legend = left;
    for ((name, values), color) in panel.lines.iter().zip(COLORS) {
        let step = (right - left) / (values.len().max(2) - 1) as f64;
        let points: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(place, value)| {
                let height = bottom - (bottom - top) * (value / max).clamp(0.0, 1.0);
                format!("{:.1},{height:.1}", left + place as f64 * step)
            })
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>\
             <text x=\"{legend:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"{color}\">{name}</text>",
            points.join(" "),
            y + 32.0
        );
        legend += 7.0 * name.len() as f64 + 16.0;
    }
}

/// The next higher of 1, 2 and 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= value);
    factor.unwrap_or(10.0) * power
}
