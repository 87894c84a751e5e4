//! What a capability file must say: checks of its permissions and entries, and the faults they report.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ListKind, ScopeEntry, Subject};

/// The prefix of this plugin's permissions.
pub(crate) const PREFIX: &str = "event-bus:";

/// A capability, reduced to the permissions of this plugin.
pub(crate) struct PluginCapability {
    pub(crate) file: PathBuf,
    pub(crate) identifier: String,
    /// The labels of windows and webviews, which may be globs.
    pub(crate) labels: Vec<String>,
    pub(crate) permissions: Vec<GrantedPermission>,
}

/// A permission in a capability.
pub(crate) struct GrantedPermission {
    /// Its name without the prefix.
    pub(crate) name: String,
    pub(crate) allow: Option<Vec<Value>>,
    pub(crate) deny: Option<Vec<Value>>,
}

impl GrantedPermission {
    fn lists_something(&self) -> bool {
        self.allow.as_ref().is_some_and(|allow| !allow.is_empty())
    }

    fn subject(&self) -> Subject {
        subject_of(&self.name)
    }
}

/// Checks the capabilities of an app: their entries, and that what allows nothing by itself has entries somewhere.
pub(crate) fn check_capabilities(all: &[PluginCapability]) -> Vec<CapabilityFault> {
    let checked = all.iter().flat_map(|capability| {
        let permissions = capability.permissions.iter();
        permissions.flat_map(|permission| check_permission(permission, capability, all))
    });
    checked.collect()
}

fn check_permission(
    permission: &GrantedPermission,
    capability: &PluginCapability,
    all: &[PluginCapability],
) -> Vec<CapabilityFault> {
    let fault = |entry: Option<String>, problem: String| CapabilityFault {
        file: capability.file.clone(),
        capability: Some(capability.identifier.clone()),
        permission: Some(format!("{PREFIX}{}", permission.name)),
        entry,
        problem,
    };
    let mut faults: Vec<CapabilityFault> = entry_faults(permission)
        .into_iter()
        .map(|(list, entry, problem)| fault(Some(format!("{list} {entry}")), problem))
        .collect();
    let is_listed = || {
        permission.lists_something()
            || all
                .iter()
                .any(|other| shares_label(capability, other) && lists_for(&permission.name, other))
    };
    if needs_list(&permission.name) && !is_listed() {
        let (what, all) = match (permission.name.as_str(), set_of(&permission.name)) {
            (PAGES, _) => (
                "pages or rooms",
                "or { \"page\": \"*\" } for all of them".to_owned(),
            ),
            (_, set) => {
                let what = permission.subject().plural();
                let all = match set {
                    Some(set) => format!("or use the set {PREFIX}{set} for all of them"),
                    None => "or \"*\" for all of them".to_owned(),
                };
                (what, all)
            }
        };
        let problem = format!(
            "it allows nothing, because no capability of this window lists {what} for it: list some in `allow`, {all}"
        );
        faults.push(fault(None, problem));
    }
    faults
}

/// Checks the keys beside the permissions of this plugin. Tauri ignores those it does not know, such as a misspelt `deny`.
pub(crate) fn check_keys(file: &Path, capabilities: &Value) -> Vec<CapabilityFault> {
    let capabilities = capabilities.get("capabilities").unwrap_or(capabilities);
    let capabilities = match capabilities {
        Value::Array(capabilities) => capabilities.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut faults = Vec::new();
    for capability in capabilities {
        let permissions = capability["permissions"].as_array().into_iter().flatten();
        for permission in permissions.filter_map(Value::as_object) {
            let identifier = permission.get("identifier").and_then(Value::as_str);
            let Some(identifier) = identifier.filter(|own| own.starts_with(PREFIX)) else {
                continue;
            };
            let known = ["identifier", "allow", "deny"];
            let unknown = permission
                .keys()
                .filter(|key| !known.contains(&key.as_str()));
            faults.extend(unknown.map(|key| CapabilityFault {
                file: file.to_owned(),
                capability: capability["identifier"].as_str().map(str::to_owned),
                permission: Some(identifier.to_owned()),
                entry: None,
                problem: format!(
                    "Tauri ignores the key `{key}` and what it lists; the keys are `allow` and `deny`"
                ),
            }));
        }
    }
    faults
}

const CLEAR_RETAINED: &str = "allow-clear-retained";

/// The set about pages and members, which allows nothing by itself.
const PAGES: &str = "pages";

/// The set that allows everything to the command of this permission. The permission by itself allows nothing.
fn set_of(permission: &str) -> Option<&'static str> {
    match permission {
        "allow-emit" | "allow-emit-to" => Some("emit"),
        "allow-subscribe" => Some("listen"),
        "allow-start-job" | "allow-update-job" => Some("jobs"),
        "allow-request" => Some("request"),
        "allow-start-task" | "allow-attach-task" | "allow-cancel-task" | "allow-list-tasks" => {
            Some("tasks")
        }
        _ => None,
    }
}

/// Whether a permission allows nothing without a list.
fn needs_list(permission: &str) -> bool {
    set_of(permission).is_some() || [CLEAR_RETAINED, PAGES].contains(&permission)
}

/// Whether a capability lists something for the command of this permission.
fn lists_for(permission: &str, capability: &PluginCapability) -> bool {
    let set = set_of(permission);
    let part = match permission {
        "allow-emit" => "emit-every-event",
        "allow-emit-to" => "emit-to-every-window",
        "allow-subscribe" => "listen-to-every-event",
        "allow-start-job" => "start-every-job",
        "allow-request" => "send-every-request",
        "allow-start-task" => "start-every-task",
        "allow-attach-task" => "attach-every-task",
        "allow-cancel-task" => "cancel-every-task",
        "allow-list-tasks" => "list-every-task",
        _ => "update-every-job",
    };
    let is_in_set = |name: &str| {
        let is_default = name == "default" && !matches!(set, Some("jobs" | "request" | "tasks"));
        set.is_some() && (is_default || Some(name) == set || name == part)
    };
    capability.permissions.iter().any(|other| {
        let name = other.name.as_str();
        let is_same = name == permission && other.lists_something();
        is_in_set(name) || is_same
    })
}

/// Whether there may be a window or webview that both capabilities are for.
fn shares_label(one: &PluginCapability, other: &PluginCapability) -> bool {
    let mut labels = one.labels.iter();
    labels.any(|label| other.labels.iter().any(|other| may_overlap(label, other)))
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
fn entry_faults(permission: &GrantedPermission) -> Vec<(&'static str, String, String)> {
    let name = permission.name.as_str();
    let lists = [
        (ListKind::Allow, "allow", &permission.allow),
        (ListKind::Deny, "deny", &permission.deny),
    ];
    let mut faults = Vec::new();
    for (list, list_name, entries) in lists {
        let Some(entries) = entries else { continue };
        if entries.is_empty()
            && list == ListKind::Allow
            && !name.starts_with("allow-")
            && name != PAGES
        {
            let problem = "an empty list takes nothing away, because the set allows everything by default; leave the permission out, or list what it allows";
            faults.push((list_name, "[]".to_owned(), problem.to_owned()));
        }
        for value in entries {
            let entry = ScopeEntry::read(value);
            let problem = entry
                .fault(list, permission.subject())
                .or_else(|| unused_reason(name, list, &entry))
                .map(str::to_owned);
            faults.extend(problem.map(|problem| (list_name, entry.text().to_owned(), problem)));
        }
    }
    faults
}

/// What the entries of a permission are about.
fn subject_of(permission: &str) -> Subject {
    match permission {
        "request" | "send-every-request" | "allow-request" => Subject::Request,
        "tasks" | "start-every-task" | "attach-every-task" | "cancel-every-task"
        | "list-every-task" | "allow-start-task" | "allow-attach-task" | "allow-cancel-task"
        | "allow-list-tasks" => Subject::Task,
        _ => Subject::Event,
    }
}

/// Why an entry has no effect on this permission.
fn unused_reason(permission: &str, list: ListKind, entry: &ScopeEntry) -> Option<&'static str> {
    let allows_without_to = list == ListKind::Allow && !entry.has_recipients() && !entry.has_link();
    let is_about_pages = [
        PAGES,
        "allow-pages",
        "allow-presence",
        "allow-subscribe",
        "allow-emit",
        "allow-emit-to",
    ];
    let reason = match permission {
        _ if entry.is_watch() && !is_about_pages.contains(&permission) => {
            "`page` and `presence` are for event-bus:pages"
        }
        "allow-emit" | "allow-emit-to" if entry.is_watch() => return None,
        PAGES | "allow-pages" | "allow-presence" if !entry.is_watch() => {
            "this permission is about pages and rooms; name them under `page` or `presence`"
        }
        _ if permission.starts_with("deny-") => {
            "a `deny-…` permission denies its command in every window, whatever it lists; to deny events, list them under `deny` in a permission that allows the command"
        }
        "listen" | "listen-to-every-event" | "allow-subscribe" if entry.has_recipients() => {
            "`to` is about emitting; to listen, name the event alone"
        }
        "listen" | "listen-to-every-event" | "allow-subscribe" | CLEAR_RETAINED
            if entry.has_link() =>
        {
            "`link` is about emitting; leave it out"
        }
        CLEAR_RETAINED if entry.has_recipients() => {
            "`clear_retained` forgets events to everyone; name the event alone"
        }
        "allow-emit" | "emit-every-event" if entry.has_recipients() => {
            "`emit` is for events to everyone; list what is sent to a window under event-bus:allow-emit-to"
        }
        "request" | "send-every-request" | "allow-request" if allows_without_to => {
            "a request always has a recipient; say with `to` which, or with `link` that it goes to other nodes"
        }
        "allow-emit-to" | "emit-to-every-window" if allows_without_to => {
            "`emit_to` is for events to windows; say with `to` which, or with `link` that they go to other nodes"
        }
        _ => return None,
    };
    Some(reason)
}

/// Everything that is wrong with the capabilities of an app. `Display` writes one line for each fault.
///
/// ```
/// let faults = tauri_plugin_event_bus::capabilities::check_capabilities_in("no/such/app").unwrap_err();
/// assert_eq!(faults.iter().count(), 1);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CapabilityFaults(Vec<CapabilityFault>);

impl CapabilityFaults {
    pub(crate) fn new(faults: Vec<CapabilityFault>) -> Self {
        Self(faults)
    }

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

/// As [`Display`](fmt::Display): an `unwrap` and a build script that returns the error show this.
impl fmt::Debug for CapabilityFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CapabilityFaults {}

/// One thing that is wrong with a capability, or with its file.
///
/// ```
/// let faults = tauri_plugin_event_bus::capabilities::check_capabilities_in("no/such/app").unwrap_err();
/// for fault in faults.iter() {
///     println!("{}: {}", fault.file.display(), fault.problem);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapabilityFault {
    /// The file, or the folder if it has no capability files.
    pub file: PathBuf,
    /// The identifier of the capability, if it could be read.
    pub capability: Option<String>,
    /// The permission in the capability, with the prefix `event-bus:`.
    pub permission: Option<String>,
    /// The list and the entry in it, as it was written: `allow {"evnt":"a"}`.
    pub entry: Option<String>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl CapabilityFault {
    pub(crate) fn of_file(file: &Path, problem: impl fmt::Display) -> Self {
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
