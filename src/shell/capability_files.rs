//! Reads the capability files of an app for a check before it runs: Tauri reads scope entries only at the first command.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tauri::utils::acl::capability::{Capability, CapabilityFile, PermissionEntry};
use tauri::utils::acl::{Scopes, Value as ScopeValue};

use crate::permissions::capability::{
    self, CapabilityFault, CapabilityFaults, GrantedPermission, PREFIX, PluginCapability,
};

/// Checks what the capabilities of an app list for this plugin: every file under `capabilities/`, and the capabilities in
/// `tauri.conf.json` itself.
///
/// Looks in the folder of the package that cargo builds or tests (`CARGO_MANIFEST_DIR`), so it is for tests and build
/// scripts. A test costs nothing more. A build script also needs the plugin as a build dependency, which is then compiled
/// twice. [`check_capabilities_in`] looks elsewhere.
///
/// ```no_run
/// // In a `#[test]` of the app:
/// if let Err(faults) = tauri_plugin_event_bus::capabilities::check_capabilities() {
///     panic!("{faults}");
/// }
/// ```
///
/// # Errors
///
/// Every fault, with its file and entry:
///
/// - malformed entries, which grant nothing or deny everything;
/// - entries that have no effect on the permission that lists them;
/// - in JSON files, keys beside a permission that Tauri ignores, such as a misspelt `deny`;
/// - a permission such as `allow-emit` for which no capability of the window lists events;
/// - empty allow lists of a set that allows everything by default;
/// - files that cannot be read, and a folder without capabilities.
pub fn check_capabilities() -> Result<(), CapabilityFaults> {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => check_capabilities_in(PathBuf::from(folder)),
        None => Err(CapabilityFaults::new(vec![CapabilityFault::of_file(
            Path::new("."),
            "CARGO_MANIFEST_DIR is not set: call this in a test or a build script, or pass the folder to check_capabilities_in",
        )])),
    }
}

/// Checks the capabilities of the app in this folder, the one of its `tauri.conf.json`.
///
/// ```no_run
/// tauri_plugin_event_bus::capabilities::check_capabilities_in("../app/src-tauri").unwrap();
/// ```
///
/// # Errors
///
/// Those of [`check_capabilities`].
pub fn check_capabilities_in(folder: impl AsRef<Path>) -> Result<(), CapabilityFaults> {
    let folder = folder.as_ref();
    let mut found = Found::default();
    let files = glob::glob(&folder.join("capabilities/**/*").to_string_lossy());
    for path in files.into_iter().flatten().flatten() {
        if is_capability_file(&path) {
            found.read_file(&path);
        }
    }
    found.read_config(&folder.join("tauri.conf.json"));
    if !found.has_some {
        found.faults.push(CapabilityFault::of_file(
            folder,
            "there are no capabilities, neither in its folder `capabilities` nor in its tauri.conf.json",
        ));
    }
    let checked = capability::check_capabilities(&found.capabilities);
    found.faults.extend(checked);
    if found.faults.is_empty() {
        Ok(())
    } else {
        Err(CapabilityFaults::new(found.faults))
    }
}

/// The capabilities of an app, and what was wrong with their files.
#[derive(Default)]
struct Found {
    capabilities: Vec<PluginCapability>,
    faults: Vec<CapabilityFault>,
    /// Whether there are any, readable or not.
    has_some: bool,
}

impl Found {
    fn read_file(&mut self, path: &Path) {
        self.has_some = true;
        match CapabilityFile::load(path) {
            Ok(file) => {
                let capabilities = capabilities_of(file).into_iter();
                self.capabilities
                    .extend(capabilities.map(|capability| reduce(path, capability)));
                let written = read_json(path);
                self.faults.extend(capability::check_keys(path, &written));
            }
            Err(error) => self.faults.push(CapabilityFault::of_file(path, error)),
        }
    }

    /// Reads the capabilities in a `tauri.conf.json`, if there is one.
    fn read_config(&mut self, config: &Path) {
        let Ok(text) = std::fs::read_to_string(config) else {
            return;
        };
        let json: Value = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(error) => return self.faults.push(CapabilityFault::of_file(config, error)),
        };
        let listed = json.pointer("/app/security/capabilities");
        let listed = listed.and_then(Value::as_array).into_iter().flatten();
        // A string names a capability of a file.
        for value in listed.filter(|value| value.is_object()) {
            self.has_some = true;
            match serde_json::from_value(value.clone()) {
                Ok(capability) => {
                    self.capabilities.push(reduce(config, capability));
                    self.faults.extend(capability::check_keys(config, value));
                }
                Err(error) => self.faults.push(CapabilityFault::of_file(config, error)),
            }
        }
    }
}

/// Chooses files as Tauri does, but skips JSON5 that this build of Tauri cannot read.
fn is_capability_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_schema = path
        .parent()
        .is_some_and(|parent| parent.ends_with("schemas"));
    let is_readable = match extension {
        Some("json" | "toml") => true,
        Some("json5") => CapabilityFile::load(path).is_ok(),
        _ => false,
    };
    is_readable && !is_schema && path.is_file()
}

fn capabilities_of(file: CapabilityFile) -> Vec<Capability> {
    match file {
        CapabilityFile::Capability(capability) => vec![capability],
        CapabilityFile::List(capabilities) | CapabilityFile::NamedList { capabilities } => {
            capabilities
        }
    }
}

/// The text of a JSON file as it was written; `null` for another format.
fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Reduces a capability to what it says about this plugin.
fn reduce(file: &Path, capability: Capability) -> PluginCapability {
    let read = |list: Option<Vec<ScopeValue>>| {
        list.map(|list| list.into_iter().map(Value::from).collect())
    };
    let reduce = |permission| {
        let (identifier, scope) = match permission {
            PermissionEntry::PermissionRef(identifier) => (identifier, Scopes::default()),
            PermissionEntry::ExtendedPermission { identifier, scope } => (identifier, scope),
        };
        Some(GrantedPermission {
            name: identifier.get().strip_prefix(PREFIX)?.to_owned(),
            allow: read(scope.allow),
            deny: read(scope.deny),
        })
    };
    let (windows, webviews) = (capability.windows, capability.webviews);
    PluginCapability {
        file: file.to_owned(),
        identifier: capability.identifier,
        labels: windows.into_iter().chain(webviews).collect(),
        permissions: capability
            .permissions
            .into_iter()
            .filter_map(reduce)
            .collect(),
    }
}
