//! One app, built with Tauri's own events and with the plugin in their place: what differs is what the guide says.
//!
//! The app belongs to another package. Build it first: `cargo build --workspace --bin moving_before --bin moving_after`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::{App, Engine, Launch, Window};
use serde_json::{Value, json};

/// What was received, by the name of the event, with a part behind `#` where there are several.
type Cells = BTreeMap<String, Value>;

/// The lines of the table "As before, row by row", by how they begin, and the rows that show them.
const LINES: &[(&str, &[&str])] = &[
    ("an event in a page is", &["shape"]),
    ("`emit` resolves to nothing", &["result"]),
    ("`listen` without a target receives", &["any-listener"]),
    ("`listen` with a target also", &["broadcast"]),
    ("which listener receives which target", &["targets"]),
    ("`emit_filter` sees", &["filter"]),
    ("`emitTo` with an unknown label", &["unknown-label"]),
    ("nothing is replayed", &["late"]),
    ("payloads are written as by `invoke`", &["values"]),
    ("no size and no rate", &["size", "rate"]),
    (
        "listeners of a window or a webview in Rust end",
        &["closed-window"],
    ),
    // `tests/bundlers/vitest` runs it, because there is no mock in a window.
    ("`mockIPC(", &[]),
    ("the `id` of an event", &["ids", "once"]),
    ("a listener in Rust runs inside `emit`", &["inside-emit"]),
    ("a listener in Rust that panics", &["panic"]),
    ("events of two threads", &["threads"]),
    ("memory is the only limit", &["slow"]),
    ("names have letters", &["names"]),
    ("a page may emit and listen to every name", &["permission"]),
    ("a frame inside a page", &["frame"]),
    ("a listener that throws", &["throwing"]),
];

/// Rows that no line of the table is about: they are as before.
const OTHERS: &[&str] = &["forms"];

/// The rows that come last: after the first one a page that has limits emits slowly, and after the second one Tauri's own
/// listeners are broken, because one has panicked while they were locked.
const LAST: &[&str] = &["rate", "panic"];

/// The rows that emit much, whose order is of no interest, or whose next event cannot come.
const UNORDERED: &[&str] = &["size", "rate", "slow", "threads", "panic"];

/// The events by which the pages and this test wait.
const WAITS: &[&str] = &["row:end", "row:settled"];

/// What the two builds do otherwise: the cell, what it is with Tauri's events if that is no chance, and with the plugin.
fn differences() -> Vec<(&'static str, Option<Value>, Value)> {
    let accepted = json!(["undefined", "undefined", "null"]);
    let refused = json!(["refused", "refused", "null"]);
    let received = |count: u32| json!({ "areEqual": true, "received": count });
    let panicked = |panicked: bool| json!({ "panicked": panicked });
    let complete = |complete: bool| json!({ "isComplete": complete, "last": 2999 });
    vec![
        ("row:ids", Some(received(1)), received(2)),
        ("row:inside-emit", Some(json!(true)), json!(false)),
        ("row:panic", Some(panicked(true)), panicked(false)),
        ("row:slow", Some(complete(true)), complete(false)),
        ("row:names-256", Some(accepted.clone()), refused.clone()),
        ("row:names-own", Some(accepted.clone()), refused.clone()),
        ("unlisted", Some(accepted), refused),
        // Tauri calls the listeners of a page in no order.
        ("row:throwing", None, json!(6)),
    ]
}

struct Build {
    cells: Cells,
    notes: Value,
}

impl Build {
    /// Starts one build of the app, and goes through all rows.
    async fn run(name: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let binary = Path::new(env!("CARGO_BIN_EXE_fixture")).with_file_name(name);
        let launch = Launch::new(binary).engine(Engine::WebKit);
        let launch = environment
            .iter()
            .fold(launch, |launch, (name, value)| launch.env(*name, *value));
        let app = launch.start().await?;
        let main = app.window("main").await?;
        let other = app.window("other").await?;
        let ready = main.until("the app", "window.isReady", &[]).await?;
        ensure!(ready == true, "{name}: {ready}");
        other
            .until("the app", "typeof prepare === 'function'", &[])
            .await?;
        let mut build = Self {
            cells: Cells::new(),
            notes: json!([]),
        };
        let shown = LINES.iter().flat_map(|(_, rows)| *rows);
        for row in shown.chain(OTHERS).filter(|row| !LAST.contains(*row)) {
            build.row(&main, &other, row).await?;
        }
        build.plugins(&app, &main).await?;
        for row in LAST {
            let report = main.run("return await host('report_of')", &[]).await?;
            build.notes = report["notes"].clone();
            build.row(&main, &other, row).await?;
        }
        Ok(build)
    }

    async fn row(&mut self, main: &Window<'_>, other: &Window<'_>, row: &str) -> Result<()> {
        // The other window has a plain listener for the row, too.
        let event = format!("row:{row}");
        other.run("await prepare(args[0])", &[json!(event)]).await?;
        let cells = main
            .run("return await runRow(args[0])", &[json!(row)])
            .await
            .with_context(|| format!("the row {row}"))?;
        let cells = cells.as_object().context("no cells")?.clone();
        let is_one_event = cells.contains_key(&event);
        self.cells.extend(cells);
        if is_one_event && !UNORDERED.contains(&row) {
            let received = "await settled(); return received[args[0]]";
            let received = other.run(received, &[json!(event)]).await?;
            self.cells.insert(format!("{event}#other"), received);
        }
        Ok(())
    }

    /// What Tauri's plugins emit. None of their names is in the code or the configuration of the event bus.
    async fn plugins(&mut self, app: &App, main: &Window<'_>) -> Result<()> {
        main.run("await settings.set('theme', 'dark')", &[]).await?;
        main.run("await host('write_log', { text: 'from the app' })", &[])
            .await?;
        app.start_again(&["moving-app://second"]).await?;
        for (event, part) in [
            ("store://change", "dark"),
            ("log://log", "from the app"),
            ("deep-link://new-url", "second"),
        ] {
            let emitted = "own[args[0]].some((payload) => payload.includes(args[1]))";
            main.until(event, emitted, &[json!(event), json!(part)])
                .await?;
            // The handlers of an event run in one go.
            let received = "return received[args[0]].map((own) => JSON.stringify(own)).sort()";
            let received = main.run(received, &[json!(event)]).await?;
            self.cells.insert(event.to_owned(), received);
        }
        let second = "received['row:second-start'].length > 0 && received['row:second-start'].map((own) => own.at(-1))";
        let second = main.until("the second start", second, &[]).await?;
        self.cells.insert("row:second-start".to_owned(), second);
        let rust =
            "await host('settle'); return await host('heard', { name: 'deep-link://new-url' })";
        let rust = main.run(rust, &[]).await?;
        self.cells
            .insert("deep-link://new-url#rust".to_owned(), rust);
        Ok(())
    }

    /// The names that the report has.
    fn noted(&self) -> BTreeSet<String> {
        let notes = self.notes.as_array().into_iter().flatten();
        notes
            .filter_map(|note| note["event"].as_str())
            .filter(|event| !WAITS.contains(event))
            .map(str::to_owned)
            .collect()
    }
}

/// The name of the event that a cell is about.
fn event_of(cell: &str) -> &str {
    cell.split('#').next().unwrap_or(cell)
}

/// The first cells of the table in the guide, and whether each is kept.
fn table() -> Result<Vec<(String, bool)>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/moving.md");
    let guide = std::fs::read_to_string(guide)?;
    let (_, table) = guide
        .split_once("| Tauri's events | in compatible mode |\n|---|---|\n")
        .context("the guide has no table")?;
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split(" | ");
        let (first, second) = (cells.next(), cells.next());
        let (first, second) = first.zip(second).context("a line without two cells")?;
        Ok((first.trim().to_owned(), second.trim().starts_with("kept")))
    })
    .collect()
}

/// The order of the events is decided by chance in Tauri, so it is no part of what is compared.
fn without_order(build: &mut Build) -> Result<Value> {
    let lines = build.cells.remove("row:threads").context("no threads")?;
    let lines = lines.as_array().context("no list")?;
    let unique: BTreeSet<String> = lines.iter().map(ToString::to_string).collect();
    build
        .cells
        .insert("row:threads".to_owned(), json!(unique.len()));
    Ok(json!(lines))
}

#[tokio::test]
async fn both_builds_agree_on_the_table() -> Result<()> {
    let table = table()?;
    for (line, _) in &table {
        let shown = LINES.iter().filter(|(start, _)| line.starts_with(start));
        ensure!(shown.count() == 1, "which rows show the line {line:?}?");
    }
    ensure!(table.len() == LINES.len(), "a line has gone from the guide");

    let mut before = Build::run("moving_before", &[]).await?;
    let mut after = Build::run("moving_after", &[]).await?;
    let mut strict = Build::run("moving_after", &[("MOVING_STRICT", "1")]).await?;
    for build in [&mut before, &mut after, &mut strict] {
        without_order(build)?;
    }

    // What the guide says is kept is identical, and the rest is as it says.
    let expected = differences();
    let mut wrong = Vec::new();
    for (cell, own) in &before.cells {
        let now = &after.cells[cell];
        let known = expected.iter().find(|(name, ..)| name == cell);
        let (old, new) = known.map_or((own, own), |(_, old, new)| {
            (old.as_ref().unwrap_or(own), new)
        });
        if (own, now) != (old, new) {
            wrong.push(format!("{cell}: before {own}, after {now}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The report has predicted each difference that the strict rules make, and no other.
    let noted = after.noted();
    let differing: BTreeSet<String> = after
        .cells
        .iter()
        .filter(|(cell, own)| strict.cells.get(*cell) != Some(own))
        .map(|(cell, _)| event_of(cell).to_owned())
        .collect();
    ensure!(
        noted == differing,
        "noted only: {:?}\nnot predicted: {:?}\n{:#}",
        noted.difference(&differing).collect::<Vec<_>>(),
        differing.difference(&noted).collect::<Vec<_>>(),
        after.notes
    );
    ensure!(strict.noted().is_empty(), "the mode is off");
    Ok(())
}
