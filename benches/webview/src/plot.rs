//! Draws the comparison as bar charts, one panel for each row.

use crate::{
    plan::Method,
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

/// A bar chart.
struct Panel {
    title: String,
    unit: &'static str,
    bars: Vec<(String, f64, &'static str)>,
}

pub(crate) fn draw(rows: &[Row], micro: &[(&str, f64)], machine: &str) -> String {
    let panels: Vec<Panel> = rows
        .iter()
        .filter(|row| !row.title.starts_with("idle"))
        // A panel without growth shows nothing; the table has the figures.
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
                .map(|(method, figure)| (method.title().to_owned(), *figure, color(*method)))
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
            title: "cost of a call to emit on the host".to_owned(),
            unit: "µs",
            bars: micro
                .iter()
                .map(|(title, figure)| {
                    let is_ours = title.starts_with(Method::Bus.title());
                    let method = if is_ours { Method::Bus } else { Method::Emit };
                    ((*title).to_owned(), *figure, color(method))
                })
                .collect(),
        };
        y += draw_panel(&mut body, &panel, MARGIN, y, WIDTH - 2.0 * MARGIN, 320.0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" width=\"{WIDTH}\" height=\"{y:.0}\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#24292f\">\n\
         <title>Events from the host to a page, by method</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"34\" font-size=\"18\" font-weight=\"600\">Events from the host to a page</text>\n\
         <text x=\"{MARGIN}\" y=\"54\" fill=\"#57606a\">Medians of one run. \
         More events/s, responses/s and MB/s are better; fewer ms, µs and MB are better.</text>\n\
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
    let max = panel.bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    let room = width - name - FIGURE;
    for (place, (title, figure, color)) in panel.bars.iter().enumerate() {
        let top = y + 30.0 + place as f64 * BAR;
        let length = if max > 0.0 {
            (figure / max).max(0.0) * room
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
            format_figure(*figure)
        );
    }
    HEAD + panel.bars.len() as f64 * BAR
}

fn format_figure(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => thousands(figure),
    }
}

fn color(method: Method) -> &'static str {
    match method {
        Method::Bus => "#0969da",
        Method::Pull => "#54aeff",
        Method::Stream => "#218bff",
        Method::Worker => "#0550ae",
        Method::Tapped => "#0a3069",
        Method::Limit => "#d0d7de",
        Method::Emit => "#9a6700",
        Method::Channel => "#bf8700",
        Method::WebSocket => "#8c959f",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
