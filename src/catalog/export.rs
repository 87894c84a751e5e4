use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::Catalog;

/// Why a file is not, or was not, what the catalog says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportError {
    /// The file.
    pub file: PathBuf,
    /// What is the matter with it.
    pub problem: String,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

// Tests unwrap it, and a path between escaped quotes is hard to read.
impl fmt::Debug for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ExportError {}

/// Each of these brings a file up to date, and fails if it was not: in a plain `#[test]` it writes the file where you
/// develop, and finds a stale one where your changes are checked.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # use tauri_plugin_event_bus::{Builder, Event};
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
    /// Writes [`Catalog::typescript`] to a file, and fails if something else stood there.
    ///
    /// # Errors
    ///
    /// Says that the file was stale, and is written now; or that it cannot be written.
    pub fn export_typescript(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &self.typescript())
    }

    /// Writes [`Catalog::markdown`] to a file, and fails if something else stood there.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::export_typescript`].
    pub fn export_markdown(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &self.markdown())
    }

    /// Writes [`Catalog::json_schema`] to a file, and fails if something else stood there.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::export_typescript`].
    pub fn export_json_schema(&self, file: impl AsRef<Path>) -> Result<(), ExportError> {
        bring_up_to_date(file.as_ref(), &format!("{:#}\n", self.json_schema()))
    }
}

fn bring_up_to_date(file: &Path, content: &str) -> Result<(), ExportError> {
    let error = |problem: String| ExportError {
        file: file.to_owned(),
        problem,
    };
    let before = fs::read_to_string(file);
    // Git may check files out with the line ends of Windows.
    if let Ok(before) = &before
        && before.replace("\r\n", "\n") == content
    {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .map_err(|problem| error(format!("its folder cannot be made: {problem}")))?;
    }
    fs::write(file, content).map_err(|problem| error(format!("cannot be written: {problem}")))?;
    Err(error(match before {
        Ok(_) => "was stale; it is written anew now, so look at it, and commit it".into(),
        Err(_) => "was not there; it is written now, so commit it".into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_written_and_told() {
        let folder = std::env::temp_dir().join(format!("event-bus-export-{}", std::process::id()));
        let file = folder.join("deep/events.ts");
        let missing = bring_up_to_date(&file, "a\n").unwrap_err();
        assert!(missing.to_string().contains("events.ts: was not there"));
        assert_eq!(bring_up_to_date(&file, "a\n"), Ok(()));
        fs::write(&file, "a\r\n").unwrap();
        assert_eq!(bring_up_to_date(&file, "a\n"), Ok(()));
        let stale = bring_up_to_date(&file, "b\n").unwrap_err();
        assert!(stale.problem.contains("was stale"), "{stale:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "b\n");
        fs::remove_dir_all(&folder).unwrap();
        let unwritable = bring_up_to_date(Path::new("/dev/null/x"), "a").unwrap_err();
        assert!(unwritable.problem.contains("cannot be"), "{unwritable}");
    }
}
