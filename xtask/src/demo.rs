//! `demo`: opens the playground or the shop, or drives it on a private display.

use crate::{
    npm,
    run::{Outcome, cargo, run, run_with, target},
    steps, system,
};
use std::{env, path::PathBuf};

#[derive(Default)]
struct Options {
    shop: bool,
    headless: bool,
    theme: Option<Theme>,
    picture: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq)]
enum Theme {
    Light,
    Dark,
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

pub(crate) fn demo(arguments: &[&str]) -> Outcome {
    let options = parse(arguments)?;
    npm::install()?;
    if options.headless {
        system::for_windows()?;
    } else {
        system::for_building()?;
    }
    npm::build()?;
    match (options.shop, options.headless) {
        (false, false) => open(&options),
        (false, true) => drive(&options),
        (true, false) => open_shop(),
        (true, true) => steps::journey("shop::"),
    }
}

fn parse(mut arguments: &[&str]) -> Outcome<Options> {
    let mut options = Options::default();
    while let [first, rest @ ..] = arguments {
        arguments = rest;
        match *first {
            "shop" => options.shop = true,
            "--headless" => options.headless = true,
            "--light" => options.theme = Some(Theme::Light),
            "--dark" => options.theme = Some(Theme::Dark),
            "--picture" => {
                let [file, rest @ ..] = arguments else {
                    return Err("--picture needs a file name".to_owned());
                };
                options.picture = Some(PathBuf::from(file));
                arguments = rest;
            }
            unknown => {
                return Err(format!(
                    "`demo` has no option `{unknown}`; run `cargo xtask help` for its options"
                ));
            }
        }
    }
    if options.shop && (options.theme.is_some() || options.picture.is_some()) {
        return Err("`demo shop` takes only --headless: it follows the colors of the desktop and saves its picture to target/demo/shop.png".to_owned());
    }
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if cfg!(target_os = "linux") && !has_screen {
        options.headless = true;
    }
    if options.headless && !cfg!(target_os = "linux") {
        return Err("--headless needs Linux: it drives WebKitGTK".to_owned());
    }
    Ok(options)
}

fn open(options: &Options) -> Outcome {
    cargo(&["build", "--package", "playground"])?;
    let theme = options
        .theme
        .map(|theme| ("EVENT_BUS_PLAYGROUND_THEME", theme.name()));
    run_with(&binary("playground"), theme.as_slice())
}

fn open_shop() -> Outcome {
    cargo(&["build", "--package", "shop"])?;
    run(&binary("shop"), &[])
}

fn drive(options: &Options) -> Outcome {
    cargo(&[
        "build",
        "--package",
        "playground",
        "--package",
        "e2e",
        "--bin",
        "playground",
        "--bin",
        "drive_playground",
    ])?;
    let picture = options
        .picture
        .clone()
        .unwrap_or_else(|| target().join("demo/playground.png"));
    let (playground, picture) = (binary("playground"), picture.display().to_string());
    let mut arguments = vec![playground.as_str(), "--picture", &picture];
    if options.theme == Some(Theme::Dark) {
        arguments.push("--dark");
    }
    run(&binary("drive_playground"), &arguments)
}

fn binary(name: &str) -> String {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    target().join("debug").join(file).display().to_string()
}
