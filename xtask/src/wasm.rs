//! `wasm`: Rust frontends. Builds the pages in Rust and tests them, measures what the guest crate adds to one, and runs the
//! example in Leptos in real windows.

use crate::{
    cross::{Means, missing},
    npm,
    run::{self, Outcome, cargo, cargo_with, output, program_with, root, run},
    system,
};
use std::{fs, path::PathBuf};

const TARGET: &str = "wasm32-unknown-unknown";

/// The most bytes of compressed WebAssembly that the guest crate may add to a page that has serde.
const MAX_ADDED: u64 = 40_000;

pub(crate) fn wasm() -> Outcome {
    let means = Means::of(TARGET).ok_or_else(|| missing(TARGET))?;
    npm::install()?;
    system::for_windows()?;
    npm::build()?;
    run_all(&means)
}

/// All of it, if this machine can build WebAssembly.
pub(crate) fn test() -> Outcome {
    let Some(means) = Means::of(TARGET) else {
        println!("skipped: {}", missing(TARGET));
        return Ok(());
    };
    run_all(&means)
}

fn run_all(means: &Means) -> Outcome {
    let bindgen = bindgen()?;
    let page = Page {
        means,
        bindgen: &bindgen,
    };
    page.test()?;
    page.measure()?;
    page.build_example()?;
    cargo(&["build", "--workspace", "--bin", "leptos_app"])?;
    let journey = ["test", "--workspace", "--test", "journeys"];
    let only = ["rust_frontend::", "--", "--test-threads=1"];
    cargo(&[&journey[..], &only].concat())
}

/// `wasm-bindgen` of exactly the version that the lock file names. Another one refuses what was built.
fn bindgen() -> Outcome<String> {
    let version = locked_version(&read("Cargo.lock")?, "wasm-bindgen")?;
    if locked_version(&read("examples/leptos/page/Cargo.lock")?, "wasm-bindgen")? != version {
        return Err(format!(
            "examples/leptos/page/Cargo.lock has another version of wasm-bindgen than Cargo.lock; run `cargo update --package wasm-bindgen --precise {version}` there"
        ));
    }
    let is_it = |program: &str| {
        output(program, &["--version"]).split_whitespace().nth(1) == Some(version.as_str())
    };
    if is_it("wasm-bindgen") {
        return Ok("wasm-bindgen".to_owned());
    }
    let folder = run::target().join("tools");
    let program = folder.join("bin/wasm-bindgen").display().to_string();
    if !is_it(&program) {
        println!(
            "wasm-bindgen {version} is not on the PATH; it is built into {}, which takes minutes",
            folder.display()
        );
        let (folder, version) = (folder.display().to_string(), format!("={version}"));
        // Without its lock file, whose newest packages a mirror of the registry may lack.
        let install = ["install", "--root", &folder, "wasm-bindgen-cli"];
        cargo(&[&install[..], &["--version", &version]].concat())?;
    }
    Ok(program)
}

fn read(path: &str) -> Outcome<String> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("cannot read {path}: {error}"))
}

fn locked_version(lock: &str, package: &str) -> Outcome<String> {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split_once(&entry).map(|(_, rest)| rest);
    let version = version.and_then(|rest| rest.split_once('"'));
    version
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| format!("the lock file names no version of {package}"))
}

struct Page<'a> {
    means: &'a Means,
    bindgen: &'a str,
}

impl Page<'_> {
    /// Runs the test page against the test bus of the guest package.
    fn test(&self) -> Outcome {
        self.cargo(&["build", "--package", "rust-page"])?;
        let out = folder().join("page").display().to_string();
        self.bind("debug/rust_page.wasm", &out)?;
        let test = ["--test", "tests/rust-page/page.test.js"];
        program_with("node", &test, &[("RUST_PAGE", &out)])
    }

    /// Compares a page that only has serde with the same page on the bus.
    fn measure(&self) -> Outcome {
        let without = self.size(&[])?;
        let with = self.size(&["--features", "bus"])?;
        let added = with.saturating_sub(without);
        println!(
            "the guest crate adds {added} bytes of compressed WebAssembly to a page of {without}; the limit is {MAX_ADDED}"
        );
        if added > MAX_ADDED {
            return Err(format!(
                "the guest crate adds {added} bytes of compressed WebAssembly to a page, more than the limit of {MAX_ADDED}"
            ));
        }
        Ok(())
    }

    /// The compressed size of the test page.
    fn size(&self, features: &[&str]) -> Outcome<u64> {
        let build = ["build", "--package", "rust-page", "--profile", "wasm"];
        self.cargo(&[&build[..], &["--no-default-features"], features].concat())?;
        let out = folder().join("measured");
        self.bind("wasm/rust_page.wasm", &out.display().to_string())?;
        let file = out.join("rust_page_bg.wasm").display().to_string();
        let script = "console.log(require('node:zlib').gzipSync(require('node:fs').readFileSync(process.argv[1]), { level: 9 }).length)";
        let size = output("node", &["-e", script, &file]);
        size.trim()
            .parse()
            .map_err(|_| format!("cannot measure {file}"))
    }

    /// Builds the page of the example into the folder that its app embeds.
    fn build_example(&self) -> Outcome {
        let manifest = ["--manifest-path", "examples/leptos/page/Cargo.toml"];
        self.cargo(&[&["build", "--release"], &manifest[..]].concat())?;
        let dist = root().join("examples/leptos/dist");
        self.bind("release/leptos-page.wasm", &dist.display().to_string())?;
        for file in ["index.html", "start.js", "style.css"] {
            let from = root().join("examples/leptos/page").join(file);
            fs::copy(&from, dist.join(file))
                .map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        }
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        let folder = folder().display().to_string();
        let arguments = [arguments, &["--locked", "--target", TARGET]].concat();
        let variables = [("CARGO_TARGET_DIR", folder.as_str())];
        match self.means {
            Means::Rustup => cargo_with(&arguments, &variables),
            Means::Script(path) => {
                program_with(&path.display().to_string(), &arguments, &variables)
            }
        }
    }

    /// Without the names of functions, which are for those who debug.
    fn bind(&self, wasm: &str, out: &str) -> Outcome {
        let wasm = folder().join(TARGET).join(wasm).display().to_string();
        run(
            self.bindgen,
            &[
                "--target",
                "web",
                "--out-name",
                name_of(&wasm),
                "--out-dir",
                out,
                "--remove-name-section",
                &wasm,
            ],
        )
    }
}

/// What its files are called: the name of the crate.
fn name_of(wasm: &str) -> &'static str {
    if wasm.ends_with("leptos-page.wasm") {
        "leptos_page"
    } else {
        "rust_page"
    }
}

fn folder() -> PathBuf {
    run::target().join("wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_lock_files() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.1\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").unwrap(), "0.2.1");
        assert!(locked_version(lock, "leptos").is_err());
        let own = read("Cargo.lock").unwrap();
        let page = read("examples/leptos/page/Cargo.lock").unwrap();
        let versions = [own, page].map(|lock| locked_version(&lock, "wasm-bindgen").unwrap());
        assert_eq!(versions[0], versions[1]);
    }
}
