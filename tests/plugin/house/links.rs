//! Links: from page to page and to sections, the list for language models, and the guides of rustdoc.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{documentation, read, root};

/// A page of the repository with its links.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self {
            links: Vec::new(),
            anchors: BTreeSet::new(),
        };
        let mut is_code = false;
        for line in text.lines() {
            is_code ^= line.starts_with("```");
            if is_code {
                continue;
            }
            if line.starts_with('#') {
                page.add_heading(line.trim_start_matches('#').trim());
            }
            let after = line.split("](").skip(1);
            let targets = after.filter_map(|rest| rest.split(')').next());
            page.links.extend(targets.map(str::to_owned));
        }
        page
    }

    /// The anchor of a heading, as GitHub and rustdoc make it.
    fn add_heading(&mut self, heading: &str) {
        let kept = heading.chars().filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ => character
                .is_alphanumeric()
                .then(|| character.to_ascii_lowercase()),
        });
        let anchor: String = kept.collect();
        let same = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(same);
        let name = names.find(|name| !self.anchors.contains(name));
        self.anchors.extend(name);
    }
}

/// What is wrong with the links of a page.
fn dead_links(file: &Path, text: &str) -> Vec<String> {
    let own = Page::read(text);
    let mut dead = Vec::new();
    for link in &own.links {
        if link.starts_with("http") {
            continue;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = file.parent().unwrap().join(path);
        let is_there = if path.is_empty() {
            own.anchors.contains(anchor)
        } else if anchor.is_empty() {
            target.exists()
        } else {
            fs::read_to_string(&target).is_ok_and(|text| Page::read(&text).anchors.contains(anchor))
        };
        if !is_there {
            dead.push(format!("{} links to {link}", file.display()));
        }
    }
    dead
}

#[test]
fn a_dead_link_is_found() {
    let file = root().join("docs/start.md");
    let text = "## One, `two`\n\
        [a](#one-two) [b](../README.md#install) [c](delivery.md)\n\
        [d](#one) [e](../README.md#nowhere) [f](nothing.md)\n\
        ```text\n## Code\n[g](code.md)\n```\n[h](#code)\n";
    let found = dead_links(&file, text);
    let links: Vec<&str> = found
        .iter()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(
        links,
        ["#one", "../README.md#nowhere", "nothing.md", "#code"]
    );
}

#[test]
fn links_between_the_pages_resolve() {
    let mut pages = documentation();
    pages.push(root().join("llms.txt"));
    let dead: Vec<String> = pages
        .iter()
        .flat_map(|page| dead_links(page, &fs::read_to_string(page).unwrap()))
        .collect();
    assert!(pages.len() > 40, "{}", pages.len());
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// npm gets copies of these pages, or they are the front pages of packages, without the other files.
#[test]
fn pages_that_travel_alone_have_no_relative_links() {
    for file in [
        "CHANGELOG.md",
        "guest-js/README.md",
        "guest-rs/README.md",
        "migrate/README.md",
        "types/README.md",
    ] {
        for link in Page::read(&read(file)).links {
            assert!(
                link.starts_with("https://") || link.starts_with('#'),
                "{file} links to {link}, which is not packed with it"
            );
        }
    }
}

/// The names of the guides, without their ending.
fn guides() -> BTreeSet<String> {
    let files = fs::read_dir(root().join("docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .collect()
}

#[test]
fn each_guide_is_a_module_of_rustdoc() {
    let facade = read("src/lib.rs");
    let list = facade.split("    guides! {").nth(1).unwrap();
    let entries = list.lines().filter_map(|line| {
        let (module, file) = line.trim().split_once(": \"")?;
        Some((module, file.strip_suffix(".md\",")?))
    });
    let mut listed = BTreeSet::new();
    for (module, file) in entries {
        assert_eq!(module, file.replace('-', "_"));
        listed.insert(file.to_owned());
    }
    assert_eq!(listed, guides());
}

#[test]
fn language_models_get_every_guide() {
    let list = read("llms.txt");
    let mut listed = BTreeSet::new();
    for entry in list.lines().filter(|line| line.starts_with("- ")) {
        let (title, rest) = entry[3..].split_once("](").unwrap();
        let (file, about) = rest.split_once("): ").unwrap();
        assert!(about.len() > 20 && about.ends_with('.'), "{entry}");
        let heading = format!("# {title}\n");
        assert!(read(file).starts_with(&heading), "{file} is not {title:?}");
        listed.insert(file.to_owned());
    }
    for guide in guides() {
        assert!(listed.contains(&format!("docs/{guide}.md")), "{guide}");
    }
}

/// A reader sees the front page in five minutes, and how to contribute without scrolling.
#[test]
fn the_front_pages_are_short() {
    let words = read("README.md").split_whitespace().count();
    assert!(words < 900, "README.md has {words} words");
    let lines = read("CONTRIBUTING.md").lines().count();
    assert!(lines <= 45, "CONTRIBUTING.md has {lines} lines");
    let picture = fs::metadata(root().join("docs/playground.png"))
        .unwrap()
        .len();
    assert!(picture < 150_000, "the picture has {picture} bytes");
}

/// The public address stands in `Cargo.toml`. npm cannot read it there.
#[test]
fn the_address_of_the_repository_is_one() {
    let manifest = read("Cargo.toml");
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("repository = "));
    let address: String = serde_json::from_str(line.unwrap()).unwrap();
    for package in ["guest-js", "migrate"] {
        let text = read(format!("{package}/package.json"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let copied = json["repository"]["url"].as_str().unwrap_or_default();
        let expected = match address.as_str() {
            "" => String::new(),
            address => format!("git+{address}.git"),
        };
        assert_eq!(copied, expected, "run `cargo xtask codegen`");
        assert!(json["engines"]["node"].is_string(), "{package}");
    }
}
