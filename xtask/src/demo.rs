//! `demo`: opens the playground or the shop, or drives it on a private display.

use crate::{
    npm,
    run::{Outcome, cargo, program_with, run_with, target},
    steps, system,
};
use std::{env, path::PathBuf};

/// Opens the inspector beside the windows of a demo.
const INSPECTOR: (&str, &str) = ("EVENT_BUS_DEMO_INSPECTOR", "1");

#[derive(Default)]
struct Options {
    shop: bool,
    headless: bool,
    chromium: bool,
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
        if options.chromium {
            system::for_chromium()?;
        }
    } else {
        system::for_building()?;
    }
    npm::build()?;
    match (options.shop, options.headless) {
        (false, false) => open(&options),
        (false, true) => drive(&options),
        (true, false) => open_shop(),
        (true, true) => {
            system::for_links()?;
            steps::journey("shop::")
        }
    }
}

fn parse(mut arguments: &[&str]) -> Outcome<Options> {
    let mut options = Options::default();
    while let [first, rest @ ..] = arguments {
        arguments = rest;
        match *first {
            "shop" => options.shop = true,
            "--headless" => options.headless = true,
            "--chromium" => options.chromium = true,
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
    if options.shop && (options.theme.is_some() || options.picture.is_some() || options.chromium) {
        return Err("`demo shop` takes only --headless: it follows the colors of the desktop and saves its picture to target/demo/shop.png".to_owned());
    }
    // There, its windows have the runtime of the journeys.
    options.headless |= options.chromium;
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
    let variables: Vec<_> = theme.into_iter().chain([INSPECTOR]).collect();
    run_with(&binary("playground"), &variables)
}

fn open_shop() -> Outcome {
    cargo(&["build", "--package", "shop"])?;
    run_with(&binary("shop"), &[INSPECTOR])
}

fn drive(options: &Options) -> Outcome {
    // The package, the program and the picture.
    let (package, playground, file) = if options.chromium {
        ("e2e", "playground_in_chromium", "demo/chromium.png")
    } else {
        ("playground", "playground", "demo/playground.png")
    };
    let packages = ["build", "--package", package, "--package", "e2e"];
    let programs = ["--bin", playground, "--bin", "drive_playground"];
    cargo(&[&packages[..], &programs].concat())?;
    let picture = options.picture.clone();
    let picture = picture.unwrap_or_else(|| target().join(file));
    let (playground, picture) = (binary(playground), picture.display().to_string());
    let mut arguments = vec![playground.as_str(), "--picture", &picture];
    if options.theme == Some(Theme::Dark) {
        arguments.push("--dark");
    }
    let engine = if options.chromium {
        "chromium"
    } else {
        "webkit"
    };
    let variables = [("JOURNEYS_ENGINE", engine)];
    program_with(&binary("drive_playground"), &arguments, &variables)
}

fn binary(name: &str) -> String {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    target().join("debug").join(file).display().to_string()
}
