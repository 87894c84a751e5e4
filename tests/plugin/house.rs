//! Rules of the house: what stands once, and which rooms know nothing of Tauri.

use std::fs;
use std::path::{Path, PathBuf};

use tauri_plugin_event_bus::{BUILT_IN_EVENTS, COMMANDS, ErrorCode};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(path.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The entries of an array of string literals, one on each line.
fn literals(source: &str, array: &str) -> Vec<String> {
    let start = source.find(array).unwrap_or_else(|| panic!("no {array}"));
    source[start..]
        .lines()
        .skip(1)
        .map(str::trim)
        .take_while(|line| !line.starts_with(']'))
        .filter_map(|line| {
            line.trim_end_matches(',')
                .get(1..)
                .map(|rest| rest.trim_end_matches(['\'', '"']).to_owned())
        })
        .collect()
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

/// The rooms of the crate, each of which uses only those before it.
const ROOMS: &[&str] = &[
    "config",
    "model",
    "sync",
    "flood",
    "permissions",
    "catalog",
    "hub",
    "wire",
    "engine",
    "periodic",
    "runtime",
    "api",
    "shell",
    "fuzzing",
    "lib",
];

/// The room of a file: its folder below `src`, or its own name.
fn room(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below.components().next().unwrap();
    let first = Path::new(first.as_os_str());
    first.with_extension("").to_str().unwrap().to_owned()
}

/// The paths that a file names below `crate::`, with `use` groups spelled out as far as their first name.
fn crate_paths(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with("#[doc")
    });
    let code: Vec<&str> = code.collect();
    let code = code.join("\n");
    let named = code.split("crate::").skip(1);
    let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    named
        .map(|rest| rest.split(ends).next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn rooms_use_only_those_before_them() {
    let place = |room: &str| {
        let found = ROOMS.iter().position(|own| *own == room);
        found.unwrap_or_else(|| panic!("{room} is in no order; add it to ROOMS"))
    };
    let mut seen = 0;
    for file in rust_files("src") {
        let own = room(&file);
        let source = fs::read_to_string(&file).unwrap();
        for path in crate_paths(&source) {
            let used = path.split("::").next().unwrap();
            // Items at the root are re-exports, which examples in the documentation name.
            if !ROOMS.contains(&used) {
                continue;
            }
            seen += 1;
            assert!(
                place(used) <= place(&own),
                "{} uses crate::{path}, which is above it",
                file.display()
            );
        }
    }
    assert!(seen > 300, "{seen}");
}

/// Within a room, no file needs another one that needs it.
#[test]
fn files_of_a_room_need_each_other_in_no_circle() {
    // A module and the files below it are one.
    let module = |file: &Path| {
        let below = file.strip_prefix(root().join("src")).unwrap();
        let below = below.with_extension("");
        let path = below.to_str().unwrap().replace('/', "::");
        path.strip_suffix("::mod").unwrap_or(&path).to_owned()
    };
    let files = rust_files("src");
    let modules: Vec<String> = files.iter().map(|file| module(file)).collect();
    let is_root = |module: &str| matches!(module, "lib" | "fuzzing");
    let mut uses: Vec<(String, Vec<String>)> = Vec::new();
    for (file, own) in files.iter().zip(&modules) {
        let source = fs::read_to_string(file).unwrap();
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        let mut used: Vec<String> = crate_paths(code)
            .into_iter()
            .filter_map(|path| {
                let longest = modules
                    .iter()
                    .filter(|module| path == **module || path.starts_with(&format!("{module}::")));
                longest.max_by_key(|module| module.len()).cloned()
            })
            .filter(|used| used != own && !is_root(used))
            .collect();
        used.sort();
        used.dedup();
        if !own.contains("tests") && own != "lib" {
            uses.push((own.clone(), used));
        }
    }
    fn visit(
        module: &str,
        uses: &[(String, Vec<String>)],
        path: &mut Vec<String>,
        done: &mut Vec<String>,
    ) {
        if done.iter().any(|own| own == module) {
            return;
        }
        assert!(
            !path.iter().any(|before| before == module),
            "{} → {module}",
            path.join(" → ")
        );
        path.push(module.to_owned());
        let used = uses.iter().find(|(own, _)| own == module);
        for used in used.into_iter().flat_map(|(_, used)| used) {
            // What a folder's `mod.rs` holds belongs to all of its files.
            if !module.starts_with(&format!("{used}::")) {
                visit(used, uses, path, done);
            }
        }
        path.pop();
        done.push(module.to_owned());
    }
    let mut done = Vec::new();
    for (module, _) in &uses {
        visit(module, &uses, &mut Vec::new(), &mut done);
    }
    assert!(done.len() > 50, "{}", done.len());
}

/// So that a port to another Tauri is a change of one room.
#[test]
fn only_the_shell_names_tauri() {
    for file in rust_files("src") {
        let source = fs::read_to_string(&file).unwrap();
        let words: &[&str] = match room(&file).as_str() {
            "shell" => continue,
            "model" | "hub" | "permissions" | "flood" | "config" => &["tauri::", "tokio::"],
            _ => &["tauri::"],
        };
        for word in words {
            let line = source
                .lines()
                .find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
            assert_eq!(line, None, "{} uses {word}", file.display());
        }
    }
}

#[test]
fn every_command_has_a_door_a_permission_and_a_caller() {
    let doors = read("src/shell/commands/mod.rs");
    let typescript = sorted(literals(&read("guest-js/src/core/commands.ts"), "COMMANDS"));
    let expected = sorted(
        COMMANDS
            .iter()
            .map(|command| (*command).to_owned())
            .collect(),
    );
    assert_eq!(typescript, expected);

    let handled = &doors[doors.find("generate_handler![").unwrap()..];
    let handled = &handled[..handled.find(']').unwrap()];
    let permissions = fs::read_dir(root().join("permissions/autogenerated/commands"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(sorted(permissions), expected);
    for command in COMMANDS {
        let is_handled = [" ", "::"]
            .iter()
            .any(|before| handled.contains(&format!("{before}{command},")))
            || ["pull", "request"].contains(command);
        assert!(is_handled, "{command} has no door");
        let sets = [
            "default", "listen", "emit", "jobs", "request", "respond", "inspect",
        ]
        .map(|set| read(format!("permissions/{set}.toml")))
        .concat();
        let permission = format!("allow-{}", command.replace('_', "-"));
        let is_granted = sets.contains(&format!("{permission:?}"))
            || sets.contains(&format!("commands.allow = [{command:?}]"));
        // What an app is made of concerns its developers, so the catalog is granted by its own permission alone.
        assert_eq!(is_granted, *command != "catalog", "sets and {command}");
    }
}

#[test]
fn error_codes_are_the_same_on_both_sides() {
    let typescript = sorted(literals(
        &read("guest-js/src/types/error-code.ts"),
        "ERROR_CODES",
    ));
    let rust = sorted(
        ErrorCode::ALL
            .iter()
            .map(|code| code.as_str().to_owned())
            .collect(),
    );
    assert_eq!(typescript, rust);
}

#[test]
fn built_in_events_are_the_same_on_both_sides() {
    let source = read("guest-js/src/types/built-in.ts");
    let list = source.split("BUILT_IN_EVENTS = [").nth(1).unwrap();
    let list = list.split(']').next().unwrap();
    let typescript: Vec<&str> = list.split('\'').skip(1).step_by(2).collect();
    assert_eq!(typescript, BUILT_IN_EVENTS);
    let component = read("guest-js/src/api/component.ts");
    for name in BUILT_IN_EVENTS {
        assert!(
            component.contains(&format!("'{name}'")) || component.contains(&format!("`{name}$")),
            "{name}"
        );
    }
}

/// The model checker puts its own in their place, and would not see any others. What stands under a type of Tauri is not in
/// the model.
#[test]
fn locks_tasks_and_clocks_come_from_one_place() {
    let outside = [
        "src/sync.rs",
        "src/shell/commands/call.rs",
        "src/shell/plugin.rs",
    ];
    for file in rust_files("src") {
        if outside.iter().any(|outside| file.ends_with(outside)) {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        let own = source.split("#[cfg(test)]\nmod tests").next().unwrap();
        for word in ["tokio::sync", "tokio::task", "tokio::time", "async_runtime"] {
            assert!(!own.contains(word), "{} uses {word}", file.display());
        }
        for used in own.split("std::sync::").skip(1) {
            let used = used.split([';', '(']).next().unwrap();
            for word in ["Mutex", "RwLock", "Condvar", "Barrier", "mpsc"] {
                assert!(!used.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn nothing_is_evaluated_and_core_events_are_not_used() {
    for file in rust_files("src") {
        let source = fs::read_to_string(&file).unwrap();
        for word in [".eval(", "Emitter", "ipc::Channel", "js_init_script"] {
            assert!(!source.contains(word), "{} uses {word}", file.display());
        }
    }
}

/// The pages of documentation that people read.
fn documentation() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "guest-js/README.md",
        "examples/shop/README.md",
    ]
    .map(|page| root().join(page))
    .into();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                pages.push(path);
            }
        }
    }
    pages
}

#[test]
fn tests_that_the_promises_name_are_there() {
    let mut sources = String::new();
    for folder in ["src", "tests", "e2e/tests", "benches"] {
        for file in rust_files(folder) {
            sources.push_str(&read(file));
        }
    }
    let readme = read("README.md");
    let promises = readme
        .split("\n## ")
        .find(|part| part.starts_with("Promises"));
    let rows = promises.unwrap().lines().filter_map(|line| {
        let (_, shown_by) = line.trim_end_matches('|').rsplit_once('|')?;
        Some(shown_by)
    });
    let mut named = 0;
    for row in rows {
        // What stands between a first and a second backtick, a third and a fourth, and so on.
        for name in row.split('`').skip(1).step_by(2) {
            let is_test = name.contains('_') && !name.contains(['/', '.', ' ']);
            if is_test {
                named += 1;
                assert!(sources.contains(&format!("fn {name}(")), "no test {name}");
            }
        }
    }
    assert!(named > 20, "{named}");
}

/// The fenced blocks of a page, with their language.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language.to_owned(), code.join("\n")));
        }
    }
    blocks
}

#[test]
fn every_block_of_the_documentation_is_checked_by_something() {
    // Rust blocks compile in the doc tests, those of pages in `npm run test:types`; shell blocks are few and short.
    for page in documentation() {
        for (language, code) in blocks(&fs::read_to_string(&page).unwrap()) {
            match language.as_str() {
                "json" => {
                    let json: serde_json::Value = serde_json::from_str(&code)
                        .unwrap_or_else(|error| panic!("{}: {error}\n{code}", page.display()));
                    check_permissions(&json);
                }
                "rust" | "rust,no_run" => {
                    let name = page.strip_prefix(root()).unwrap().display();
                    let included = format!("include_str!(\"../{name}\")");
                    assert!(
                        read("src/lib.rs").contains(&included),
                        "{name} is in no doc test"
                    );
                }
                "ts" | "tsx" | "svelte" | "vue" | "sh" | "text" => {}
                // guest-js/scripts/lint.mjs runs ESLint with it.
                "js" if code.contains("allowForKnownSafePromises") => {}
                other => panic!(
                    "{} has a block in {other:?}, which nothing checks",
                    page.display()
                ),
            }
        }
    }
}

#[test]
fn the_guides_capability_files_are_those_that_are_tested() {
    let guide = read("docs/permissions.md");
    let shown: Vec<String> = blocks(&guide).into_iter().map(|(_, code)| code).collect();
    let files = fs::read_dir(root().join("tests/fixture/capabilities/guide")).unwrap();
    let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            shown.iter().any(|code| code == text.trim_end()),
            "docs/permissions.md does not show {}",
            file.display()
        );
    }
}

/// The plugin's permissions in a capability must be there.
fn check_permissions(capability: &serde_json::Value) {
    let reference = read("permissions/autogenerated/reference.md");
    for permission in capability["permissions"].as_array().into_iter().flatten() {
        let name = permission.get("identifier").unwrap_or(permission);
        let name = name.as_str().unwrap();
        if let Some(own) = name.strip_prefix("event-bus:") {
            let is_there = own == "default"
                || reference.contains(&format!("`event-bus:{own}`"))
                || root().join(format!("permissions/{own}.toml")).exists();
            assert!(is_there, "there is no permission {name}");
        }
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    for page in documentation() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let target = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(target.exists(), "{} links to {link}", page.display());
        }
    }
}
