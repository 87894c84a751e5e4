//! Draws the comparison as bars, one panel for each row.

use crate::{
    plan::Way,
    results::{Row, thousands},
};
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 28.0;
const GUTTER: f64 = 40.0;
const NAME: f64 = 84.0;
const FIGURE: f64 = 70.0;
const BAR: f64 = 18.0;
const HEAD: f64 = 42.0;

/// A panel of bars.
struct Panel {
    title: String,
    unit: &'static str,
    bars: Vec<(String, f64, &'static str)>,
}

pub(crate) fn draw(rows: &[Row], micro: &[(&str, f64)], machine: &str) -> String {
    let panels: Vec<Panel> = rows
        .iter()
        .filter(|row| !row.title.starts_with("idle"))
        // Where nothing grows there is nothing to see; the table has the figures.
        .filter(|row| {
            row.figures
                .iter()
                .any(|(_, figure)| *figure >= 1.0 || row.unit != "MB")
        })
        .map(|row| Panel {
            title: row.title.clone(),
            unit: row.unit,
            bars: row
                .figures
                .iter()
                .map(|(way, figure)| (way.title().to_owned(), *figure, color(*way)))
                .collect(),
        })
        .collect();
    let column = (WIDTH - 2.0 * MARGIN - GUTTER) / 2.0;
    let mut body = String::new();
    let mut y = 94.0;
    for pair in panels.chunks(2) {
        let mut height: f64 = 0.0;
        for (place, panel) in pair.iter().enumerate() {
            let x = MARGIN + place as f64 * (column + GUTTER);
            height = height.max(draw_panel(&mut body, panel, x, y, column, NAME));
        }
        y += height;
    }
    if !micro.is_empty() {
        let panel = Panel {
            title: "a call of emit on the host".to_owned(),
            unit: "µs",
            bars: micro
                .iter()
                .map(|(title, figure)| {
                    let is_ours = title.starts_with(Way::Bus.title());
                    let way = if is_ours { Way::Bus } else { Way::Emit };
                    ((*title).to_owned(), *figure, color(way))
                })
                .collect(),
        };
        y += draw_panel(&mut body, &panel, MARGIN, y, WIDTH - 2.0 * MARGIN, 320.0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" width=\"{WIDTH}\" height=\"{y:.0}\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#24292f\">\n\
         <title>Events from the host to a page, way by way</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"34\" font-size=\"18\" font-weight=\"600\">Events from the host to a page</text>\n\
         <text x=\"{MARGIN}\" y=\"54\" fill=\"#57606a\">Medians of one run. \
         More events/s and MB/s are better; fewer ms, µs and MB are.</text>\n\
         <text x=\"{MARGIN}\" y=\"72\" fill=\"#57606a\">{}</text>\n{body}</svg>\n",
        escape(machine)
    )
}

fn draw_panel(svg: &mut String, panel: &Panel, x: f64, y: f64, width: f64, name: f64) -> f64 {
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{:.0}\" font-weight=\"600\">{} <tspan font-weight=\"400\" fill=\"#57606a\">{}</tspan></text>",
        y + 20.0,
        escape(&panel.title),
        panel.unit
    );
    let most = panel.bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    let room = width - name - FIGURE;
    for (place, (title, figure, color)) in panel.bars.iter().enumerate() {
        let top = y + 30.0 + place as f64 * BAR;
        let length = if most > 0.0 {
            (figure / most).max(0.0) * room
        } else {
            0.0
        };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"2\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + name - 8.0,
            top + 11.0,
            escape(title),
            x + name,
            top + 1.0,
            length.max(1.0),
            x + name + length + 6.0,
            top + 11.0,
            written(*figure)
        );
    }
    HEAD + panel.bars.len() as f64 * BAR
}

fn written(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => thousands(figure),
    }
}

fn color(way: Way) -> &'static str {
    match way {
        Way::Bus => "#0969da",
        Way::Limit => "#d0d7de",
        Way::Emit => "#9a6700",
        Way::Channel => "#bf8700",
        Way::WebSocket => "#8c959f",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
