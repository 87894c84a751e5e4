//! Uses the playground as a person would, prints the events of each page and takes a picture.
//!
//! ```text
//! drive_playground <playground binary> [--picture <file.png>] [--dark]
//! ```
//!
//! `JOURNEYS_ENGINE` names the engine of that binary.

use anyhow::{Context, Result, bail, ensure};
use e2e::{App, Engine, Found, Launch, Window, until};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

const LABELS: [&str; 2] = ["main", "second"];

/// Keys, as WebDriver writes them.
const ENTER: char = '\u{e007}';
const CTRL_C: &str = "\u{e009}c\u{e000}";

/// Where things are in the playground's page.
mod at {
    pub(crate) const NAME: &str = "[data-testid=event-name]";
    pub(crate) const PAYLOAD: &str = "[data-testid=event-payload]";
    pub(crate) const TO: &str = "[data-testid=event-to]";
    pub(crate) const SEND: &str = "[data-testid=emit-send]";
    pub(crate) const JOB_NAME: &str = "[data-testid=job-name]";
    pub(crate) const JOB_EVERY: &str = "[data-testid=job-every]";
    pub(crate) const JOB_START: &str = "[data-testid=job-start]";
    pub(crate) const JOB_STOP: &str = "[data-testid=job-list] [data-testid=job-stop]";
    pub(crate) const JOB_PLOT: &str = "[data-testid=job-plot]";
    pub(crate) const JOB_PAUSE: &str = "[data-testid=job-list] tr:last-child [data-act=pause]";
    pub(crate) const TASK_START: &str = "[data-testid=task-start]";
    pub(crate) const TERMINAL_OPEN: &str = "[data-testid=terminal-open]";
    pub(crate) const TERMINAL_KEYS: &str = ".xterm-helper-textarea";
    pub(crate) const TASK_PROGRESS: &str = "[data-testid=task-progress]";
    pub(crate) const REQUEST_FROM_RUST: &str = "[data-testid=request-from-rust]";
    pub(crate) const REQUEST_TO_OTHER: &str = "[data-testid=request-to-other]";
    pub(crate) const REQUEST_RESULT: &str = "[data-testid=request-result]";
    pub(crate) const CONFIRM: &str = "[data-testid=confirm][open]";
    pub(crate) const CONFIRM_YES: &str = "[data-testid=confirm-yes]";
    pub(crate) const LOG_ROW: &str = "[data-testid=log-row]";
}

#[tokio::main]
async fn main() -> ExitCode {
    match drive().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn drive() -> Result<()> {
    let options = Options::parse(env::args().skip(1))?;
    let theme = if options.dark { "dark" } else { "light" };
    let engine = Engine::of_this_run()?;
    // Chromium has a bar of tabs and one of addresses.
    let bars = match engine {
        Engine::WebKit => 0,
        Engine::Chromium => 100,
    };
    let app = Launch::new(&options.playground)
        .engine(engine)
        .size(1600, 1000 + bars)
        .env("EVENT_BUS_PLAYGROUND_THEME", theme)
        .start()
        .await?;
    app.display()
        .paint(if options.dark { 0x15_17_1c } else { 0xd9_dd_e4 })?;
    let [main, second] = [app.window(LABELS[0]).await?, app.window(LABELS[1]).await?];
    let height = 952 + u32::from(bars);
    main.place(24, 24, 764, height).await?;
    second.place(812, 24, 764, height).await?;

    let mut outcome = exercise(&main, &second).await;
    if outcome.is_ok() {
        let picture = options.picture.with_file_name("request.png");
        outcome = send_requests(&app, &main, &second, &picture).await;
    }
    if outcome.is_ok() {
        let picture = options.picture.with_file_name("terminal.png");
        outcome = use_terminal(&app, &main, &picture).await;
    }
    for window in [&main, &second] {
        print(window).await?;
    }
    save(&app, &options.picture).await?;
    outcome?;
    println!(
        "broadcast, targeted and periodic events arrived where they should and nowhere else; requests got their responses; a task outlived a reload, and a terminal worked"
    );
    Ok(())
}

async fn exercise(main: &Window<'_>, second: &Window<'_>) -> Result<()> {
    run_task(main, second).await?;

    send(main, "cart:updated", r#"{"itemCount":3}"#, "").await?;
    for window in [main, second] {
        arrived(window, "cart:updated", 1)
            .await
            .context("the broadcast did not arrive")?;
    }

    send(
        main,
        "greeting",
        r#"{"text":"Only for the second window"}"#,
        second.label(),
    )
    .await?;
    arrived(second, "greeting", 1)
        .await
        .context("the event for one window did not arrive")?;

    for (selector, text) in [(at::JOB_NAME, "heartbeat"), (at::JOB_EVERY, "250")] {
        main.fill(selector, text).await?;
    }
    main.click(at::JOB_START).await?;
    for window in [main, second] {
        arrived(window, "heartbeat", 3)
            .await
            .context("the ticks of the job did not arrive")?;
    }
    main.click(at::JOB_STOP).await?;
    main.until(
        "the job to leave the list",
        &format!("document.querySelector('{}') === null", at::JOB_STOP),
        &[],
    )
    .await
    .context("the job did not stop")?;

    leave_jobs(second).await?;

    // Pages get events in one order, so after this one the targeted event can no longer reach `main`.
    send(second, "cart:cleared", r#"{"itemCount":0}"#, "").await?;
    for window in [main, second] {
        arrived(window, "cart:cleared", 1)
            .await
            .context("the last broadcast did not arrive")?;
    }
    if let Some(stray) = rows(main)
        .await?
        .iter()
        .find(|row| row["event"] == "greeting")
    {
        bail!(
            "an event for `{}` reached `{}`: {stray}",
            second.label(),
            main.label()
        );
    }
    Ok(())
}

/// Reloads the window of a task in the middle, follows it in both, and cancels another run from the other window.
async fn run_task(main: &Window<'_>, second: &Window<'_>) -> Result<()> {
    let progress = |condition: &str| {
        let bar = at::TASK_PROGRESS;
        format!("document.querySelector('{bar}').{condition}")
    };
    let begun = format!("{} && {}", progress("value > 5"), progress("value < 90"));
    main.click(at::TASK_START).await?;
    main.until("the task to begin", &begun, &[]).await?;
    main.reload().await?;
    for window in [main, second] {
        window
            .until("the task to finish", &progress("value >= 100"), &[])
            .await
            .context("the progress from Rust did not arrive")?;
    }
    second.click(at::TASK_START).await?;
    main.until("the next run to begin", &begun, &[]).await?;
    main.click(at::TASK_START).await?;
    for window in [main, second] {
        let cancelled = progress("dataset.state === 'cancelled'");
        window.until("the cancellation", &cancelled, &[]).await?;
    }
    Ok(())
}

/// How long the shell prints without end.
const FLOOD: Duration = Duration::from_secs(30);

/// Counts frames, and notes when Ctrl-C was pressed and when it showed.
const WATCH_FRAMES: &str = r#"
const drawn = { frames: 0, longest: 0, pressed: 0, stopped: 0 }
window.drawn = drawn
let last = performance.now()
addEventListener('keydown', ({ ctrlKey, key }) => {
  if (ctrlKey && key === 'c') drawn.pressed ||= performance.now()
}, true)
const draw = () => {
  const now = performance.now()
  drawn.frames += 1
  drawn.longest = Math.max(drawn.longest, now - last)
  last = now
  const shows = () => document.querySelector('.xterm-rows').textContent.includes('^C')
  if (drawn.pressed && !drawn.stopped && shows()) drawn.stopped = now
  requestAnimationFrame(draw)
}
requestAnimationFrame(draw)
"#;

/// Types into a shell, resizes it, stops a flood with Ctrl-C, and ends it.
async fn use_terminal(app: &App, main: &Window<'_>, picture: &Path) -> Result<()> {
    main.click(at::TERMINAL_OPEN).await?;
    let terminal = app.window("terminal").await?;
    let shows = async |text: &str| {
        let expression = "document.querySelector('.xterm-rows')?.textContent.includes(args[0])";
        terminal
            .until(&format!("“{text}”"), expression, &[text.into()])
            .await
            .map(drop)
    };
    typed(&terminal, "echo ready-$((20 + 22))").await?;
    shows("ready-42").await?;
    // More than all credit, at the speed of the page.
    typed(&terminal, "yes | head -100000; echo head-$((1 + 1))").await?;
    shows("head-2").await?;
    flood(&terminal).await?;
    typed(&terminal, "echo stopped-$((3 + 4))").await?;
    shows("stopped-7").await?;
    terminal.place(100, 100, 700, 240).await?;
    let rows = "document.querySelectorAll('.xterm-rows > div').length";
    let fewer = format!("{rows} < 16 && {rows}");
    let rows = terminal.until("fewer rows", &fewer, &[]).await?;
    typed(&terminal, "echo rows-$(stty size | cut -d' ' -f1)").await?;
    shows(&format!("rows-{rows}")).await?;
    save(app, picture).await?;
    typed(&terminal, "exit").await?;
    let ended =
        "document.querySelector('[data-testid=terminal-end]').textContent.includes('ended')";
    terminal.until("the end of the shell", ended, &[]).await?;
    Ok(())
}

/// Lets the shell print without end, and stops it with Ctrl-C. Prints how the window was drawn meanwhile.
async fn flood(terminal: &Window<'_>) -> Result<()> {
    typed(terminal, "yes").await?;
    let floods = "document.querySelector('.xterm-rows').textContent.includes('yyyy')";
    terminal.until("the flood", floods, &[]).await?;
    terminal.run(WATCH_FRAMES, &[]).await?;
    tokio::time::sleep(FLOOD).await;
    let drawn = terminal.run("return { ...drawn }", &[]).await?;
    terminal.press_keys(at::TERMINAL_KEYS, CTRL_C).await?;
    let stopped = "drawn.stopped > 0 && drawn.stopped - drawn.pressed";
    let stopped = terminal.until("Ctrl-C", stopped, &[]).await?;
    let figure = |value: &Value| (value.as_f64().unwrap_or_default() * 10.0).round() / 10.0;
    println!(
        "terminal: `yes` for {} s, {} frames, at most {} ms apart; Ctrl-C showed after {} ms",
        FLOOD.as_secs(),
        figure(&drawn["frames"]),
        figure(&drawn["longest"]),
        figure(&stopped)
    );
    let frames = drawn["frames"].as_u64().unwrap_or_default();
    ensure!(frames > FLOOD.as_secs(), "the terminal was not drawn");
    Ok(())
}

/// Presses these keys in the terminal, and Enter.
async fn typed(terminal: &Window<'_>, text: &str) -> Result<()> {
    let keys = format!("{text}{ENTER}");
    terminal.press_keys(at::TERMINAL_KEYS, &keys).await
}

/// Responds to a request of Rust, with a picture of its dialog, and requests a value of the other window.
async fn send_requests(
    app: &App,
    main: &Window<'_>,
    second: &Window<'_>,
    picture: &Path,
) -> Result<()> {
    main.click(at::REQUEST_FROM_RUST).await?;
    let is_shown = format!("document.querySelector('{}') !== null", at::CONFIRM);
    main.until("the dialog", &is_shown, &[])
        .await
        .context("the request of Rust did not arrive")?;
    save(app, picture).await?;
    main.click(at::CONFIRM_YES).await?;
    shows_response(main, "Rust got the response yes").await?;
    for window in [main, second] {
        // The log keeps only the newest events, so the first `cart:updated` may have left it.
        let emptied = |row: &Value| row["payload"] == r#"{"itemCount":0}"#;
        arrived_that(window, "cart:updated", 1, emptied)
            .await
            .context("the event after the response did not arrive")?;
    }
    second.click(at::REQUEST_TO_OTHER).await?;
    shows_response(second, "main has “greeting”").await
}

async fn shows_response(window: &Window<'_>, text: &str) -> Result<()> {
    let is_there = format!(
        "document.querySelector('{}').textContent === args[0]",
        at::REQUEST_RESULT
    );
    window
        .until(&format!("“{text}”"), &is_there, &[text.into()])
        .await
        .map(drop)
        .context("the response did not arrive")
}

/// Leaves a plot and a paused job in the window for the picture.
async fn leave_jobs(window: &Window<'_>) -> Result<()> {
    window.click(at::JOB_PLOT).await?;
    window
        .until(
            "the plot to have a line",
            "document.querySelector('[data-testid=job-load] polyline').points.length >= 8",
            &[],
        )
        .await
        .context("the samples of the source did not arrive")?;
    for (selector, text) in [(at::JOB_NAME, "backup:due"), (at::JOB_EVERY, "60000")] {
        window.fill(selector, text).await?;
    }
    window.click(at::JOB_START).await?;
    window
        .until(
            "the second job",
            "document.querySelectorAll('[data-testid=job-list] tr').length === 2",
            &[],
        )
        .await?;
    window.click(at::JOB_PAUSE).await?;
    window
        .until(
            "the job to be paused",
            &format!(
                "document.querySelector('{}').textContent === 'Resume'",
                at::JOB_PAUSE
            ),
            &[],
        )
        .await
        .context("the job was not paused")?;
    Ok(())
}

/// Fills in the form and sends it. An empty `to` means everyone.
async fn send(window: &Window<'_>, name: &str, payload: &str, to: &str) -> Result<()> {
    window.fill(at::NAME, name).await?;
    window.fill(at::PAYLOAD, payload).await?;
    window.choose(at::TO, to).await?;
    window.click(at::SEND).await
}

/// Waits until the window's log shows `count` events called `name`.
async fn arrived(window: &Window<'_>, name: &str, count: usize) -> Result<()> {
    arrived_that(window, name, count, |_| true).await
}

/// Waits until the window's log shows `count` events called `name` whose rows meet a condition.
async fn arrived_that(
    window: &Window<'_>,
    name: &str,
    count: usize,
    meets: impl Fn(&Value) -> bool,
) -> Result<()> {
    until(
        &format!("{count} of `{name}` in `{}`", window.label()),
        async || {
            let rows = rows(window).await?;
            let found = rows.iter().filter(|row| row["event"] == name);
            let there = found.filter(|row| meets(row)).count();
            Ok(if there >= count {
                Found::Yes(())
            } else {
                Found::NotYet(format!("{there} among {} events", rows.len()))
            })
        },
    )
    .await
}

/// The window's log, oldest first: each row's data attributes.
async fn rows(window: &Window<'_>) -> Result<Vec<Value>> {
    let script = format!(
        "return [...document.querySelectorAll('{}')].map(({{ dataset }}) => ({{
            event: dataset.event, seq: Number(dataset.seq), source: dataset.source, payload: dataset.payload
        }})).sort((a, b) => a.seq - b.seq)",
        at::LOG_ROW
    );
    let rows = window.run(&script, &[]).await?;
    rows.as_array().cloned().context("the log is not a list")
}

async fn print(window: &Window<'_>) -> Result<()> {
    for row in rows(window).await? {
        println!(
            "{:<7} #{:<4} {:<16} {:<8} {}",
            window.label(),
            row["seq"],
            row["event"].as_str().unwrap_or("?"),
            row["source"].as_str().unwrap_or("?"),
            row["payload"].as_str().unwrap_or("?"),
        );
    }
    Ok(())
}

async fn save(app: &App, path: &Path) -> Result<()> {
    let picture = app.picture().await?;
    if picture.colors() < 8 {
        bail!("the windows are blank");
    }
    picture.save(path)?;
    println!("picture: {}", path.display());
    Ok(())
}

struct Options {
    playground: PathBuf,
    picture: PathBuf,
    dark: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut playground = None;
        let mut picture = PathBuf::from("target/demo/playground.png");
        let mut dark = false;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--picture" => {
                    picture = arguments
                        .next()
                        .context("--picture needs a file name")?
                        .into()
                }
                "--dark" => dark = true,
                _ if argument.starts_with('-') => bail!("unknown option {argument}"),
                _ => playground = Some(argument.into()),
            }
        }
        Ok(Self {
            playground: playground.context(
                "usage: drive_playground <playground binary> [--picture <file>] [--dark]",
            )?,
            picture,
            dark,
        })
    }
}
