use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Catalog;

/// An exported file was out of date, or cannot be written.
#[derive(Clone)]
#[non_exhaustive]
pub struct ExportError {
    /// The path of the file, as it was given.
    pub file: PathBuf,
    /// What is wrong with it, for people.
    pub problem: String,
    source: Option<Arc<io::Error>>,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

// Tests unwrap it, and the derived form would escape the path.
impl fmt::Debug for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source: &(dyn std::error::Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

impl PartialEq for ExportError {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.problem == other.problem
    }
}

impl Eq for ExportError {}

/// Exports for tests: each method brings a file up to date, and fails if the file was out of date. Called from a `#[test]`,
/// it updates the file while you develop, and finds an outdated file in CI.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # use tauri_plugin_event_bus::Builder;
/// # use tauri_plugin_event_bus::typed::*;
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct CartUpdated;
/// # impl Event for CartUpdated {
/// #     const NAME: &'static str = "cart:updated";
/// # }
/// fn event_bus() -> Builder {
///     Builder::new().event::<CartUpdated>()
/// }
///
/// // In a `#[test]` of the package in src-tauri, whose paths begin there:
/// let catalog = event_bus().catalog().unwrap();
/// catalog.export_typescript("../src/events.ts").unwrap();
/// catalog.export_markdown("../docs/events.md").unwrap();
/// ```
impl Catalog {
    /// Writes [`Catalog::typescript`] to a file, and fails if its content was different. Creates the folder.
    ///
    /// # Errors
    ///
    /// If the file was missing or out of date, in which case it is up to date now; or if it cannot be written.
    pub fn export_typescript(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &self.typescript())
    }

    /// Writes [`Catalog::markdown`] to a file, and fails if its content was different. Creates the folder.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::export_typescript`].
    pub fn export_markdown(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &self.markdown())
    }

    /// Writes [`Catalog::json_schema`] to a file, and fails if its content was different. Creates the folder.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::export_typescript`].
    pub fn export_json_schema(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &format!("{:#}\n", self.json_schema()))
    }
}

fn bring_up_to_date(file: &Path, content: &str) -> Result<(), ExportError> {
    let outdated = |problem: &str| ExportError {
        file: file.to_owned(),
        problem: problem.to_owned(),
        source: None,
    };
    let failed = |what: &str, error: io::Error| ExportError {
        file: file.to_owned(),
        problem: format!("{what}: {error}"),
        source: Some(Arc::new(error)),
    };
    let before = fs::read_to_string(file);
    // Git may check files out with the line endings of Windows.
    if let Ok(before) = &before
        && before.replace("\r\n", "\n") == content
    {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| failed("could not create its folder", error))?;
    }
    fs::write(file, content).map_err(|error| failed("could not be written", error))?;
    Err(outdated(match before {
        Ok(_) => "was out of date and is now updated; review and commit it",
        Err(_) => "was missing and is now written; commit it",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outdated_file_is_updated_and_reported() {
        let folder = std::env::temp_dir().join(format!("event-bus-export-{}", std::process::id()));
        let file = folder.join("deep/events.ts");
        let missing = bring_up_to_date(&file, "a\n").unwrap_err();
        assert!(missing.to_string().contains("events.ts: was missing"));
        assert_eq!(bring_up_to_date(&file, "a\n"), Ok(()));
        fs::write(&file, "a\r\n").unwrap();
        assert_eq!(bring_up_to_date(&file, "a\n"), Ok(()));
        let stale = bring_up_to_date(&file, "b\n").unwrap_err();
        assert!(stale.problem.contains("was out of date"), "{stale:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "b\n");
        fs::remove_dir_all(&folder).unwrap();
        let unwritable = bring_up_to_date(Path::new("/dev/null/x"), "a").unwrap_err();
        assert!(unwritable.problem.contains("could not"), "{unwritable}");
        let source = std::error::Error::source(&unwritable).unwrap();
        assert!(source.is::<io::Error>(), "{source}");
        assert!(std::error::Error::source(&stale).is_none());
    }
}
