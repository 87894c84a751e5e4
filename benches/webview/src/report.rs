//! Tables, the results file and pages of the documentation.

use crate::{
    limit,
    plan::{Engine, Method, Options},
    plot,
    results::{Results, Row, Verdict, thousands},
};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::{fmt::Write, fs, process::Command, thread};

/// The machine, in general terms.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    system: String,
    webview: String,
}

impl Machine {
    fn look(engine: Engine) -> Self {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let system = release
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map_or("an unknown system", |name| name.trim_matches('"'));
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            system: system.to_owned(),
            webview: match engine {
                Engine::WebKit => {
                    let version = tauri::webview_version().unwrap_or_default();
                    format!("WebKitGTK {version}")
                }
                Engine::Chromium => chromium_version(),
            },
        }
    }

    pub(crate) fn sentence(&self) -> String {
        format!(
            "{} cores, {}, {}, Tauri {}",
            self.cores,
            self.system,
            self.webview,
            tauri::VERSION
        )
    }
}

/// The name and the version, such as `Chromium 141.0.7390.54`.
fn chromium_version() -> String {
    let output = Command::new("chromium").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    if words.is_empty() {
        "Chromium".to_owned()
    } else {
        words.join(" ")
    }
}

pub(crate) fn write(results: &Results, options: &Options) -> Result<()> {
    let machine = Machine::look(options.engine);
    let rows = results.rows();
    // The targets are for WebKitGTK.
    let verdicts = match options.engine {
        Engine::WebKit => results.verdicts(),
        Engine::Chromium => Vec::new(),
    };
    let text = table(&rows, results, &verdicts, &machine);
    println!("{text}");
    let svg = plot::draw(&rows, &results.micro(), &machine.sentence());
    let json = json!({
        "machine": machine,
        "rounds": options.rounds,
        "rows": rows,
        "emitMicroseconds": results.micro(),
        "verdicts": verdicts,
        "measurements": results.measurements,
    });
    let out = &options.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let name = match options.engine {
        Engine::WebKit => "results",
        Engine::Chromium => "results-chromium",
    };
    fs::write(out.join(format!("{name}.json")), format!("{json:#}\n"))?;
    fs::write(out.join(format!("{name}.svg")), &svg)?;
    println!("written: {0}/{name}.json, {0}/{name}.svg", out.display());
    if let Some(docs) = &options.docs {
        fs::create_dir_all(docs)?;
        if options.engine == Engine::Chromium {
            fs::write(
                docs.join("chromium.md"),
                chromium_page(&rows, &machine, options),
            )?;
            println!("written: {}/chromium.md", docs.display());
            return Ok(());
        }
        fs::write(docs.join("results.svg"), &svg)?;
        fs::write(
            docs.join("README.md"),
            page(&rows, results, &verdicts, &machine, options),
        )?;
        println!("written: {0}/README.md, {0}/results.svg", docs.display());
        let readme = docs.join("../../README.md");
        let text = fs::read_to_string(&readme)
            .with_context(|| format!("cannot read {}", readme.display()))?;
        let section = section(&rows, &machine);
        fs::write(&readme, replace_section(&text, &section)?)?;
        println!("written: the figures in {}", readme.display());
    }
    Ok(())
}

fn figure(row: &Row, method: Method) -> String {
    row.figure(method).map_or_else(
        || "–".to_owned(),
        |figure| match figure.abs() {
            0.0..10.0 => format!("{figure:.2}"),
            10.0..1000.0 => format!("{figure:.1}"),
            _ => thousands(figure),
        },
    )
}

fn table(rows: &[Row], results: &Results, verdicts: &[Verdict], machine: &Machine) -> String {
    let mut text = format!("{}\n\n", machine.sentence());
    let _ = write!(text, "{:<62}{:<12}", "", "");
    for method in Method::ALL {
        let _ = write!(text, "{:>12}", method.title());
    }
    text.push('\n');
    for row in rows {
        let _ = write!(text, "{:<62}{:<12}", row.title, row.unit);
        for method in Method::ALL {
            let _ = write!(text, "{:>12}", figure(row, method));
        }
        text.push('\n');
    }
    let micro = results.micro();
    if !micro.is_empty() {
        text.push_str("\ncost of a call to emit on the host\n");
    }
    for (title, microseconds) in micro {
        let _ = writeln!(text, "{title:<62}{:<12}{microseconds:>12.2}", "µs");
    }
    if verdicts.is_empty() {
        text.push_str("\nevent bus, relative to\n");
        for row in rows {
            let _ = write!(text, "{:<74}", row.title);
            for other in COMPARED {
                let _ = write!(text, "{:>12}: {:<8}", other.title(), ratio(row, other));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        return text;
    }
    text.push_str("\ntargets of the event bus\n");
    for verdict in verdicts {
        let met = if verdict.met { "met" } else { "MISSED" };
        let _ = write!(
            text,
            "{met:<8}{:<54}{:<32}{:<16}",
            verdict.title, verdict.reached, verdict.target
        );
        if let Some((aim, reached)) = &verdict.aim {
            let reached = if *reached { "reached" } else { "not yet" };
            let _ = write!(text, "aim {aim}: {reached}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// What the ratios of a run in Chromium compare with.
const COMPARED: [Method; 2] = [Method::Emit, Method::Channel];

/// The figure of the plugin divided by that of another method.
fn ratio(row: &Row, other: Method) -> String {
    match (row.figure(Method::Bus), row.figure(other)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.2}", ours / theirs),
        _ => "–".to_owned(),
    }
}

/// The figures in Chromium. Only their ratios mean something: DevTools carries everything.
fn chromium_page(rows: &[Row], machine: &Machine, options: &Options) -> String {
    let shown = rows.iter().filter(|row| {
        let has_both = |other: &Method| row.figure(*other).is_some();
        row.figure(Method::Bus).is_some() && COMPARED.iter().any(has_both)
    });
    let only: String = options
        .only
        .iter()
        .map(|scenario| format!(" --only {}", scenario.key()))
        .collect();
    let mut page = format!(
        "# Benchmarks in Chromium\n\n\
         Generated by `cargo xtask bench --engine chromium{only} --rounds {} --write-docs`. The app of the [other benchmark](README.md) runs in \
         Chromium with the [runtime of the journeys](../platforms.md#what-differs-between-the-engines), where pages always \
         pull, as in WebView2. The figures are medians of one run of {} rounds. {}.\n\n\
         Everything crosses DevTools: scripts of core events and of `Channel`, requests that it pauses, and their responses, \
         as base64. An event of core `emit` crosses it once, and a batch needs a request and its reply. WebView2 has none of \
         that. So the ratios compare the methods on this way, and the figures say nothing about Windows. There is no WebSocket \
         here: Chromium sends its handshake only once the user permits the page to connect to this machine, and no user is \
         there. Without this rule (`--disable-features=LocalNetworkAccessChecks`), the same page connects.\n\n\
         | | unit |",
        options.rounds,
        options.rounds,
        machine.sentence()
    );
    let methods = [Method::Emit, Method::Channel, Method::Bus];
    for method in methods {
        let _ = write!(page, " {} |", method.title());
    }
    for other in COMPARED {
        let _ = write!(page, " event bus / {} |", other.title());
    }
    page.push_str("\n|---|---|---:|---:|---:|---:|---:|\n");
    for row in shown {
        let _ = write!(page, "| {} | {} |", row.title, row.unit);
        for method in methods {
            let _ = write!(page, " {} |", figure(row, method));
        }
        for other in COMPARED {
            let _ = write!(page, " {} |", ratio(row, other));
        }
        page.push('\n');
    }
    page
}

/// The lines around the figures in the README of the project.
const SECTION: [&str; 2] = [
    "<!-- written by `cargo xtask bench --write-docs` -->\n",
    "<!-- end of what is written -->",
];

fn replace_section(text: &str, section: &str) -> Result<String> {
    let [begin, end] = SECTION;
    let (before, rest) = text
        .split_once(begin)
        .with_context(|| format!("the README has no line {begin}"))?;
    let (_, after) = rest
        .split_once(end)
        .with_context(|| format!("the README has no line {end}"))?;
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

/// The figures for the README.
fn section(rows: &[Row], machine: &Machine) -> String {
    const SHOWN: [&str; 5] = [
        "flood,",
        "flood in eight",
        "page to page",
        "latency, one event every 5 ms, median",
        "growth of the web",
    ];
    const METHODS: [Method; 3] = [Method::Emit, Method::Channel, Method::Bus];
    let mut section = String::from("| | unit |");
    for method in METHODS {
        let _ = write!(section, " {} |", method.title());
    }
    section.push_str("\n|---|---|---:|---:|---:|\n");
    for row in rows {
        if !SHOWN.iter().any(|shown| row.title.starts_with(shown)) {
            continue;
        }
        let _ = write!(section, "| {} | {} |", row.title, row.unit);
        for method in METHODS {
            let _ = write!(section, " {} |", figure(row, method));
        }
        section.push('\n');
    }
    let _ = writeln!(section, "\nMedians of one run. {}.", machine.sentence());
    section
}

fn page(
    rows: &[Row],
    results: &Results,
    verdicts: &[Verdict],
    machine: &Machine,
    options: &Options,
) -> String {
    let mut page = format!(
        "# Benchmarks\n\n\
         Generated by `cargo xtask bench --write-docs` from a real Tauri app, built for release, in real windows. All \
         methods run side by side; the figures are medians of one run of {} rounds. {}.\n\n\
         ![Bar charts that compare the methods](results.svg)\n\n\
         [In Chromium](chromium.md), with the runtime of the journeys. [Two hours of mixed load](soak.md).\n\n",
        options.rounds,
        machine.sentence()
    );
    page.push_str("| | unit |");
    for method in Method::ALL {
        let _ = write!(page, " {} |", method.title());
    }
    let _ = writeln!(page, "\n|---|---|{}", "---:|".repeat(Method::ALL.len()));
    for row in rows {
        let _ = write!(page, "| {} | {} |", row.title, row.unit);
        for method in Method::ALL {
            let _ = write!(page, " {} |", figure(row, method));
        }
        page.push('\n');
    }
    let _ = write!(
        page,
        "\n*Channel* sends one message per event. *WebSocket* is a connection on the loopback interface. {} *Bus by pull* is \
         the event bus in a page that is not called. *Bus stream* is a stream that the page requests, with the default \
         credit. *In a worker* is the event bus in a worker of the page, which passes the events on. *With a tap* is the event bus while Rust reads a tap of everything. Growth is in resident memory, right after the \
         last event or after five idle seconds, whichever is greater. Every measurement has its own windows and fails \
         unless each event was handled once.\n\n\
         ## Cost of a call to `emit` on the host\n\n| | µs |\n|---|---:|\n",
        limit::DEFINITION
    );
    for (title, microseconds) in results.micro() {
        let _ = writeln!(page, "| {title} | {microseconds:.2} |");
    }
    page.push_str("\n## Targets of the event bus\n\n| | reached | target | met | aim |\n|---|---|---|---|---|\n");
    for verdict in verdicts {
        let met = if verdict.met { "yes" } else { "no" };
        let aim = verdict
            .aim
            .as_ref()
            .map_or_else(String::new, |(aim, reached)| {
                format!("{aim}: {}", if *reached { "yes" } else { "no" })
            });
        let _ = writeln!(
            page,
            "| {} | {} | {} | {met} | {aim} |",
            verdict.title, verdict.reached, verdict.target
        );
    }
    page
}
