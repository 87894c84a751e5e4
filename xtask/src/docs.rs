//! `docs`: rustdoc with the guides and with warnings as errors, and no dead link in what it writes.

#[path = "../../build/guides.rs"]
mod guides;

use crate::{
    links,
    run::{Outcome, cargo_with, root, run_in, target},
};
use std::{env, fs};

/// The crates that users read about.
const CRATES: [&str; 3] = [
    "tauri_plugin_event_bus",
    "tauri_plugin_event_bus_types",
    "tauri_plugin_event_bus_nats",
];

/// Documents the whole workspace, whose dependencies other steps have checked with the same features.
pub(crate) fn docs() -> Outcome {
    let folder = target().join("guides");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    guides::write(&root().join("docs"), &folder, &source()?)
        .map_err(|error| format!("cannot write the guides to {}: {error}", folder.display()))?;
    let guides = folder.display().to_string();
    let flags = format!(
        "{} -D warnings --cfg guides",
        env::var("RUSTDOCFLAGS").unwrap_or_default()
    );
    let variables = [
        ("EVENT_BUS_GUIDES", guides.as_str()),
        ("RUSTDOCFLAGS", flags.trim()),
    ];
    // These are the source of the plugin once more.
    let copies = ["--exclude", "simulation", "--exclude", "model"];
    let doc = ["doc", "--workspace", "--no-deps", "--lib"];
    cargo_with(&[&doc[..], &copies].concat(), &variables)?;
    let pages = target().join("doc");
    CRATES
        .iter()
        .try_for_each(|name| links::check_html(&pages, &format!("{name}/index.html")))
}

/// Where the files of this version are public. Empty without an address.
fn source() -> Outcome<String> {
    let address = address()?;
    Ok(match address.as_str() {
        "" => address,
        _ => format!("{address}/blob/v{}", version("Cargo.toml")?),
    })
}

/// The public address of the repository. Empty until there is one.
pub(crate) fn address() -> Outcome<String> {
    value_in("Cargo.toml", "repository = ")
}

/// The version in a manifest of cargo.
pub(crate) fn version(manifest: &str) -> Outcome<String> {
    value_in(manifest, "version = ")
}

/// The first text with this key in a manifest.
fn value_in(manifest: &str, key: &str) -> Outcome<String> {
    let file = root().join(manifest);
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let value = value.ok_or_else(|| format!("{manifest} has no line that begins with `{key}`"))?;
    Ok(value.trim_matches('"').to_owned())
}

/// Copies the address into the npm packages, which cannot read it in `Cargo.toml`.
pub(crate) fn copy_address() -> Outcome {
    let address = address()?;
    for package in ["guest-js", "migrate"] {
        let entries = match address.as_str() {
            "" => ["delete", "repository", "homepage", "bugs"]
                .map(str::to_owned)
                .to_vec(),
            address => vec![
                "set".to_owned(),
                "repository.type=git".to_owned(),
                format!("repository.url=git+{address}.git"),
                format!("repository.directory={package}"),
                format!("homepage={address}/tree/HEAD/{package}#readme"),
                format!("bugs.url={address}/issues"),
            ],
        };
        let entries = entries.iter().map(String::as_str);
        let arguments: Vec<&str> = ["pkg"].into_iter().chain(entries).collect();
        run_in(&root().join(package), "npm", &arguments)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::guides::for_rustdoc;

    #[test]
    fn links_of_guides_lead_to_modules() {
        let guides = ["delivery.md", "typed-events.md"].map(str::to_owned).into();
        let text = "[a](#here) [`b`](typed-events.md) [c](delivery.md#limits) [d](../README.md#install) \
                    [e](https://tauri.app) ![f](results.svg) [g `[h]`](../SECURITY.md#i), [j](decisions/0019-bytes.md)\n\
                    ```ts\nlist[0](delivery.md)\n```\n[k](delivery.md)\n";
        let local = for_rustdoc(text, &guides, "");
        assert_eq!(
            local,
            "[a](#here) [`b`](../typed_events/index.html) [c](../delivery/index.html#limits) \
             [d](../../index.html#install) [e](https://tauri.app) f g `[h]`, j\n\
             ```ts\nlist[0](delivery.md)\n```\n[k](../delivery/index.html)\n"
        );
        let public = for_rustdoc(text, &guides, "https://example.com/bus/blob/v1.0.0");
        assert!(public.contains("[g `[h]`](https://example.com/bus/blob/v1.0.0/SECURITY.md#i)"));
        assert!(
            public.contains("(https://example.com/bus/blob/v1.0.0/docs/decisions/0019-bytes.md)")
        );
    }
}
