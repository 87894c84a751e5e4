//! The text of the guides for rustdoc. In `docs/` a link names a file; in rustdoc each guide is a module, and what is no
//! guide is at the public address of the repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

/// Writes the guides below `docs` into a folder. `source` is where the files of this version are public, or empty.
pub(crate) fn write(docs: &Path, out: &Path, source: &str) -> io::Result<()> {
    let mut guides = BTreeSet::new();
    for entry in fs::read_dir(docs)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            guides.insert(name);
        }
    }
    fs::create_dir_all(out)?;
    for guide in &guides {
        let text = fs::read_to_string(docs.join(guide))?;
        fs::write(out.join(guide), for_rustdoc(&text, &guides, source))?;
    }
    Ok(())
}

/// Rewrites the links of a guide, but not what looks like links in its blocks of code.
pub(crate) fn for_rustdoc(text: &str, guides: &BTreeSet<String>, source: &str) -> String {
    let mut written = String::new();
    let mut is_code = false;
    for line in text.split_inclusive('\n') {
        is_code ^= line.starts_with("```");
        if is_code {
            written.push_str(line);
        } else {
            rewrite(line, guides, source, &mut written);
        }
    }
    written
}

fn rewrite(line: &str, guides: &BTreeSet<String>, source: &str, written: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, behind)) = after.split_once(')') else {
            break;
        };
        written.push_str(before);
        rest = behind;
        match address(target, guides, source) {
            Some(address) => {
                written.push_str("](");
                written.push_str(&address);
                written.push(')');
            }
            // The label stays. What is not public yet has no address.
            None => remove_bracket(written),
        }
    }
    written.push_str(rest);
}

/// Removes the bracket that opens the label at the end of the text, and the mark of a picture.
fn remove_bracket(written: &mut String) {
    let mut depth = 0;
    let opening = written.char_indices().rev().find(|(_, character)| {
        match character {
            ']' => depth += 1,
            '[' if depth == 0 => return true,
            '[' => depth -= 1,
            _ => {}
        }
        false
    });
    if let Some((place, _)) = opening {
        written.remove(place);
        if written[..place].ends_with('!') {
            written.remove(place - 1);
        }
    }
}

/// Where a link of a guide leads in rustdoc.
fn address(target: &str, guides: &BTreeSet<String>, source: &str) -> Option<String> {
    if target.starts_with('#') || target.starts_with("https://") {
        return Some(target.to_owned());
    }
    let (file, fragment) = match target.split_once('#') {
        Some((file, fragment)) => (file, format!("#{fragment}")),
        None => (target, String::new()),
    };
    if guides.contains(file) {
        let module = file.trim_end_matches(".md").replace('-', "_");
        return Some(format!("../{module}/index.html{fragment}"));
    }
    // The front page of the crate has the sections of the README.
    if file == "../README.md" {
        return Some(format!("../../index.html{fragment}"));
    }
    if source.is_empty() {
        return None;
    }
    let path = match file.strip_prefix("../") {
        Some(path) => path.to_owned(),
        None => format!("docs/{file}"),
    };
    Some(format!("{source}/{path}{fragment}"))
}
