//! Uses the playground as a person would, prints what each page received and takes a picture.
//!
//! ```text
//! drive_playground <playground binary> [--picture <file.png>] [--dark]
//! ```

use anyhow::{Context, Result, bail};
use e2e::{App, Found, Launch, Window, until};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

const LABELS: [&str; 2] = ["main", "second"];

/// Where things are in the playground's page.
mod at {
    pub(crate) const NAME: &str = "[data-testid=event-name]";
    pub(crate) const PAYLOAD: &str = "[data-testid=event-payload]";
    pub(crate) const TARGET: &str = "[data-testid=event-target]";
    pub(crate) const SEND: &str = "[data-testid=emit-send]";
    pub(crate) const PERIODIC_NAME: &str = "[data-testid=periodic-name]";
    pub(crate) const PERIODIC_EVERY: &str = "[data-testid=periodic-every]";
    pub(crate) const PERIODIC_START: &str = "[data-testid=periodic-start]";
    pub(crate) const PERIODIC_STOP: &str =
        "[data-testid=periodic-list] [data-testid=periodic-stop]";
    pub(crate) const PERIODIC_PLOT: &str = "[data-testid=periodic-plot]";
    pub(crate) const PERIODIC_PAUSE: &str =
        "[data-testid=periodic-list] tr:last-child [data-act=pause]";
    pub(crate) const TASK_START: &str = "[data-testid=task-start]";
    pub(crate) const TASK_PROGRESS: &str = "[data-testid=task-progress]";
    pub(crate) const ASK_RUST: &str = "[data-testid=ask-rust]";
    pub(crate) const ASK_OTHER: &str = "[data-testid=ask-other]";
    pub(crate) const ASK_RESULT: &str = "[data-testid=ask-result]";
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
    let app = Launch::new(&options.playground)
        .size(1600, 1000)
        .env("EVENT_BUS_PLAYGROUND_THEME", theme)
        .start()
        .await?;
    app.display()
        .paint(if options.dark { 0x15_17_1c } else { 0xd9_dd_e4 })?;
    let [main, second] = [app.window(LABELS[0]).await?, app.window(LABELS[1]).await?];
    main.place(24, 24, 764, 952).await?;
    second.place(812, 24, 764, 952).await?;

    let mut outcome = exercise(&main, &second).await;
    if outcome.is_ok() {
        let picture = options.picture.with_file_name("asking.png");
        outcome = ask(&app, &main, &second, &picture).await;
    }
    for window in [&main, &second] {
        print(window).await?;
    }
    save(&app, &options.picture).await?;
    outcome?;
    println!(
        "broadcast, per-window and periodic events arrived where they should, and nowhere else; questions were answered"
    );
    Ok(())
}

async fn exercise(main: &Window<'_>, second: &Window<'_>) -> Result<()> {
    // First of all, because its many events would push the others out of the picture.
    main.click(at::TASK_START).await?;
    for window in [main, second] {
        let finished = format!(
            "document.querySelector('{}').value >= 100",
            at::TASK_PROGRESS
        );
        window
            .until("the task to finish", &finished, &[])
            .await
            .context("the progress from Rust did not arrive")?;
    }

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

    for (selector, text) in [
        (at::PERIODIC_NAME, "heartbeat"),
        (at::PERIODIC_EVERY, "250"),
    ] {
        main.fill(selector, text).await?;
    }
    main.click(at::PERIODIC_START).await?;
    for window in [main, second] {
        arrived(window, "heartbeat", 3)
            .await
            .context("the periodic event did not arrive")?;
    }
    main.click(at::PERIODIC_STOP).await?;
    main.until(
        "the job to leave the list",
        &format!("document.querySelector('{}') === null", at::PERIODIC_STOP),
        &[],
    )
    .await
    .context("the periodic job did not stop")?;

    leave_jobs(second).await?;

    // Pages get events in one order, so after this one the targeted event cannot reach `main` any more.
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

/// A dialog that Rust asks for, with a picture of it, and what the other window's form has.
async fn ask(app: &App, main: &Window<'_>, second: &Window<'_>, picture: &Path) -> Result<()> {
    main.click(at::ASK_RUST).await?;
    let is_shown = format!("document.querySelector('{}') !== null", at::CONFIRM);
    main.until("the dialog", &is_shown, &[])
        .await
        .context("the question of Rust did not arrive")?;
    save(app, picture).await?;
    main.click(at::CONFIRM_YES).await?;
    answered(main, "Rust was told yes").await?;
    for window in [main, second] {
        arrived(window, "cart:updated", 2)
            .await
            .context("what follows from the answer did not arrive")?;
    }
    second.click(at::ASK_OTHER).await?;
    answered(second, "main has “greeting”").await
}

async fn answered(window: &Window<'_>, text: &str) -> Result<()> {
    let is_there = format!(
        "document.querySelector('{}').textContent === args[0]",
        at::ASK_RESULT
    );
    window
        .until(&format!("“{text}”"), &is_there, &[text.into()])
        .await
        .map(drop)
        .context("the answer did not arrive")
}

/// Leaves a plot and a paused job in the window, for the picture.
async fn leave_jobs(window: &Window<'_>) -> Result<()> {
    window.click(at::PERIODIC_PLOT).await?;
    window
        .until(
            "the plot to have a line",
            "document.querySelector('[data-testid=periodic-load] polyline').points.length >= 8",
            &[],
        )
        .await
        .context("the samples of the source did not arrive")?;
    for (selector, text) in [
        (at::PERIODIC_NAME, "backup:due"),
        (at::PERIODIC_EVERY, "60000"),
    ] {
        window.fill(selector, text).await?;
    }
    window.click(at::PERIODIC_START).await?;
    window
        .until(
            "the second job",
            "document.querySelectorAll('[data-testid=periodic-list] tr').length === 2",
            &[],
        )
        .await?;
    window.click(at::PERIODIC_PAUSE).await?;
    window
        .until(
            "the job to be paused",
            &format!(
                "document.querySelector('{}').textContent === 'Resume'",
                at::PERIODIC_PAUSE
            ),
            &[],
        )
        .await
        .context("the job was not paused")?;
    Ok(())
}

/// Fills in the form and sends it; an empty `target` is everyone.
async fn send(window: &Window<'_>, name: &str, payload: &str, target: &str) -> Result<()> {
    window.fill(at::NAME, name).await?;
    window.fill(at::PAYLOAD, payload).await?;
    window.choose(at::TARGET, target).await?;
    window.click(at::SEND).await
}

/// Waits until the window's log shows `count` events called `name`.
async fn arrived(window: &Window<'_>, name: &str, count: usize) -> Result<()> {
    until(
        &format!("{count} of `{name}` in `{}`", window.label()),
        async || {
            let rows = rows(window).await?;
            let there = rows.iter().filter(|row| row["event"] == name).count();
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
    rows.as_array().cloned().context("the log is no list")
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
    if picture.colours() < 8 {
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
