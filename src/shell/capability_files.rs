//! Checks capability files before an app runs: Tauri leaves the entries of a scope unread until the first command.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tauri::utils::acl::Scopes;
use tauri::utils::acl::capability::{Capability, CapabilityFile, PermissionEntry};

use crate::permissions::{List, ScopeEntry, Subject};

/// Checks what the capabilities of an app list for this plugin: every file under `capabilities/`, and what stands in
/// `tauri.conf.json` itself.
///
/// Looks in the folder of the package that cargo is building or testing (`CARGO_MANIFEST_DIR`), so it is for tests and
/// build scripts. A test costs nothing more; in a build script the plugin has to be a build dependency, too, and is
/// then compiled twice. [`check_capabilities_in`] looks elsewhere.
///
/// ```no_run
/// // In a `#[test]` of the app:
/// if let Err(faults) = tauri_plugin_event_bus::check_capabilities() {
///     panic!("{faults}");
/// }
/// ```
///
/// # Errors
///
/// Everything that is wrong, with its file and entry: entries that are malformed, which grant nothing or deny
/// everything; entries that say nothing to the permission they stand in; keys beside a permission that Tauri passes
/// over, such as a misspelt `deny` (in JSON files); a permission such as `allow-emit` for which no events are listed
/// anywhere; and empty allow lists beside a set that allows everything by default. Also files that cannot be read, and
/// a folder without capabilities.
pub fn check_capabilities() -> Result<(), CapabilityFaults> {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => check_capabilities_in(PathBuf::from(folder)),
        None => Err(CapabilityFaults(vec![CapabilityFault::of_file(
            Path::new("."),
            "CARGO_MANIFEST_DIR is not set: call this in a test or a build script, or name the folder with check_capabilities_in",
        )])),
    }
}

/// Checks the capabilities of the app in this folder, which is the one of its `tauri.conf.json`.
///
/// ```no_run
/// tauri_plugin_event_bus::check_capabilities_in("../app/src-tauri").unwrap();
/// ```
///
/// # Errors
///
/// As [`check_capabilities`].
pub fn check_capabilities_in(folder: impl AsRef<Path>) -> Result<(), CapabilityFaults> {
    let folder = folder.as_ref();
    let mut faults = Vec::new();
    let mut found: Vec<(PathBuf, Capability)> = Vec::new();
    let mut has_some = false;
    let pattern = folder.join("capabilities/**/*");
    let files = glob::glob(&pattern.to_string_lossy());
    for path in files.into_iter().flatten().flatten() {
        if !is_capability_file(&path) {
            continue;
        }
        has_some = true;
        match CapabilityFile::load(&path) {
            Ok(file) => {
                let capabilities = capabilities_of(file).into_iter();
                found.extend(capabilities.map(|capability| (path.clone(), capability)));
                check_keys(&path, &read_json(&path), &mut faults);
            }
            Err(error) => faults.push(CapabilityFault::of_file(&path, error)),
        }
    }
    let config = folder.join("tauri.conf.json");
    if let Ok(text) = std::fs::read_to_string(&config) {
        match serde_json::from_str::<Value>(&text) {
            Ok(json) => {
                let listed = json.pointer("/app/security/capabilities");
                let listed = listed.and_then(Value::as_array).into_iter().flatten();
                for value in listed.filter(|value| value.is_object()) {
                    has_some = true;
                    match serde_json::from_value(value.clone()) {
                        Ok(capability) => {
                            found.push((config.clone(), capability));
                            check_keys(&config, value, &mut faults);
                        }
                        Err(error) => faults.push(CapabilityFault::of_file(&config, error)),
                    }
                }
            }
            Err(error) => faults.push(CapabilityFault::of_file(&config, error)),
        }
    }
    if !has_some {
        faults.push(CapabilityFault::of_file(
            folder,
            "there are no capabilities, neither in its folder `capabilities` nor in its tauri.conf.json",
        ));
    }
    for (file, capability) in &found {
        check_capability(file, capability, &found, &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(CapabilityFaults(faults))
    }
}

/// As Tauri chooses them; JSON5 is left to those who have turned it on.
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

/// What a file holds, where it is JSON; nothing else can be read as it is written.
fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Finds keys beside a permission of the plugin that Tauri would pass over, such as a misspelt `deny`.
fn check_keys(file: &Path, capabilities: &Value, faults: &mut Vec<CapabilityFault>) {
    let several = capabilities.get("capabilities").unwrap_or(capabilities);
    let several = match several {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    for capability in several {
        let permissions = capability["permissions"].as_array().into_iter().flatten();
        for permission in permissions.filter_map(Value::as_object) {
            let Some(identifier) = permission.get("identifier").and_then(Value::as_str) else {
                continue;
            };
            let known = ["identifier", "allow", "deny"];
            let unknown = permission
                .keys()
                .filter(|key| !known.contains(&key.as_str()));
            for key in unknown.filter(|_| identifier.starts_with(PREFIX)) {
                faults.push(CapabilityFault {
                    file: file.to_owned(),
                    capability: capability["identifier"].as_str().map(str::to_owned),
                    permission: Some(identifier.to_owned()),
                    entry: None,
                    problem: format!(
                        "Tauri passes over the key `{key}`, so what it lists counts for nothing; there are `allow` and `deny`"
                    ),
                });
            }
        }
    }
}

/// What the permissions of this plugin begin with.
const PREFIX: &str = "event-bus:";

fn check_capability(
    file: &Path,
    capability: &Capability,
    all: &[(PathBuf, Capability)],
    faults: &mut Vec<CapabilityFault>,
) {
    let mut report = |permission: &str, entry: Option<String>, problem: String| {
        faults.push(CapabilityFault {
            file: file.to_owned(),
            capability: Some(capability.identifier.clone()),
            permission: Some(format!("{PREFIX}{permission}")),
            entry,
            problem,
        });
    };
    for (name, scope) in permissions_of(capability) {
        for (list, entry, problem) in scope.into_iter().flat_map(|scope| faults_of(name, scope)) {
            report(name, Some(format!("{list} {entry}")), problem);
        }
        if let Some(set) = set_of(name)
            && !has_allow(scope)
            && !all
                .iter()
                .any(|(_, other)| lists_for(name, capability, other))
        {
            let problem = format!(
                "it allows nothing, since no events are listed for it: name some in `allow`, or take the set {PREFIX}{set} for all of them"
            );
            report(name, None, problem);
        }
    }
}

/// The permissions of this plugin in a capability, without its prefix, and their lists.
fn permissions_of(capability: &Capability) -> impl Iterator<Item = (&str, Option<&Scopes>)> {
    capability.permissions.iter().filter_map(|permission| {
        let (identifier, scope) = match permission {
            PermissionEntry::PermissionRef(identifier) => (identifier, None),
            PermissionEntry::ExtendedPermission { identifier, scope } => (identifier, Some(scope)),
        };
        Some((identifier.get().strip_prefix(PREFIX)?, scope))
    })
}

fn has_allow(scope: Option<&Scopes>) -> bool {
    scope.is_some_and(|scope| scope.allow.as_ref().is_some_and(|allow| !allow.is_empty()))
}

/// The set that allows everything to the command of this permission, which by itself allows nothing.
fn set_of(permission: &str) -> Option<&'static str> {
    match permission {
        "allow-emit" | "allow-emit-to" => Some("emit"),
        "allow-subscribe" => Some("listen"),
        "allow-start-job" | "allow-update-job" => Some("jobs"),
        "allow-request" => Some("request"),
        _ => None,
    }
}

/// Whether another capability, or this one, lists something for the command of this permission in a window that both
/// may be for.
fn lists_for(permission: &str, capability: &Capability, other: &Capability) -> bool {
    let set = set_of(permission);
    let part = match permission {
        "allow-emit" => "emit-every-event",
        "allow-emit-to" => "emit-to-every-window",
        "allow-subscribe" => "listen-to-every-event",
        "allow-start-job" => "start-every-job",
        "allow-request" => "send-every-request",
        _ => "update-every-job",
    };
    let lists = permissions_of(other).any(|(name, scope)| {
        let is_default = name == "default" && !matches!(set, Some("jobs" | "request"));
        is_default || Some(name) == set || name == part || (name == permission && has_allow(scope))
    });
    let labels = |capability: &'_ Capability| {
        let labels = capability.windows.iter().chain(&capability.webviews);
        labels.cloned().collect::<Vec<String>>()
    };
    let theirs = labels(other);
    lists
        && labels(capability)
            .iter()
            .any(|own| theirs.iter().any(|label| may_overlap(own, label)))
}

/// Whether there may be a label that both patterns match.
fn may_overlap(one: &str, other: &str) -> bool {
    let is_glob = |text: &str| text.contains(['*', '?', '[']);
    let matches = |pattern: &str, label: &str| {
        glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(label))
    };
    one == other || (is_glob(one) && is_glob(other)) || matches(one, other) || matches(other, one)
}

/// What is wrong in the lists of one permission: the list, the entry and the problem.
fn faults_of(permission: &str, scope: &Scopes) -> Vec<(&'static str, String, String)> {
    let lists = [
        (List::Allow, "allow", &scope.allow),
        (List::Deny, "deny", &scope.deny),
    ];
    let mut faults = Vec::new();
    for (list, list_name, entries) in lists {
        let Some(entries) = entries else { continue };
        if entries.is_empty() && list == List::Allow && !permission.starts_with("allow-") {
            let problem = "an empty list takes nothing away, since the set allows everything by default; leave the permission out, or list what it is for";
            faults.push((list_name, "[]".to_owned(), problem.to_owned()));
        }
        for value in entries {
            let entry = ScopeEntry::read(&Value::from(value.clone()));
            let idle = || idle_reason(permission, list, &entry);
            if let Some(problem) = entry
                .fault(list, subject_of(permission))
                .map(str::to_owned)
                .or_else(idle)
            {
                faults.push((list_name, entry.text().to_owned(), problem));
            }
        }
    }
    faults
}

/// What the entries of a permission are about.
fn subject_of(permission: &str) -> Subject {
    match permission {
        "request" | "send-every-request" | "allow-request" => Subject::Request,
        _ => Subject::Event,
    }
}

/// Why an entry says nothing to this permission.
fn idle_reason(permission: &str, list: List, entry: &ScopeEntry) -> Option<String> {
    let reason = match permission {
        _ if permission.starts_with("deny-") => {
            "a permission that denies a command denies it in every window, whatever is listed; deny events in the `deny` list of a permission that allows"
        }
        "listen" | "listen-to-every-event" | "allow-subscribe" if entry.has_recipients() => {
            "`to` is about emitting; to listen, name the event alone"
        }
        "allow-emit" | "emit-every-event" if entry.has_recipients() => {
            "`emit` is for events to everyone; list what is sent to a window for event-bus:allow-emit-to"
        }
        "request" | "send-every-request" | "allow-request"
            if list == List::Allow && !entry.has_recipients() =>
        {
            "a request always has a recipient; say with `to` which"
        }
        "allow-emit-to" | "emit-to-every-window"
            if list == List::Allow && !entry.has_recipients() =>
        {
            "`emit_to` is for events to windows; say with `to` which"
        }
        _ => return None,
    };
    Some(reason.to_owned())
}

/// Everything that is wrong with the capabilities of an app. Shows one line for each fault.
///
/// ```
/// let faults = tauri_plugin_event_bus::check_capabilities_in("no/such/app").unwrap_err();
/// assert_eq!(faults.iter().count(), 1);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CapabilityFaults(Vec<CapabilityFault>);

impl CapabilityFaults {
    /// The faults, file by file.
    pub fn iter(&self) -> impl Iterator<Item = &CapabilityFault> {
        self.0.iter()
    }
}

impl fmt::Display for CapabilityFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display), since this is what an `unwrap` shows and a build script that returns it.
impl fmt::Debug for CapabilityFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CapabilityFaults {}

/// One thing that is wrong with a capability, or with its file.
///
/// ```
/// let faults = tauri_plugin_event_bus::check_capabilities_in("no/such/app").unwrap_err();
/// for fault in faults.iter() {
///     println!("{}: {}", fault.file.display(), fault.problem);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapabilityFault {
    /// The file, or the folder without files.
    pub file: PathBuf,
    /// The identifier of the capability, if it could be read.
    pub capability: Option<String>,
    /// The permission in it.
    pub permission: Option<String>,
    /// The list and the entry in it, as it was written.
    pub entry: Option<String>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl CapabilityFault {
    fn of_file(file: &Path, problem: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            capability: None,
            permission: None,
            entry: None,
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for CapabilityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(capability) = &self.capability {
            write!(f, "capability {capability:?}, ")?;
        }
        if let Some(permission) = &self.permission {
            write!(f, "{permission}, ")?;
        }
        if let Some(entry) = &self.entry {
            write!(f, "{entry}: ")?;
        }
        f.write_str(&self.problem)
    }
}
