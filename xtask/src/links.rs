//! Links in what rustdoc writes and in what is packed: each leads to a file, and to a place in it.

use crate::run::Outcome;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::{Component, Path, PathBuf},
};

/// A page of HTML: where it links to, and the places to which others may link.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    places: BTreeSet<String>,
    /// Where it leads at once, with the place in the link.
    redirect: Option<String>,
}

/// Links in the texts of traits of other crates, which lead nowhere from here.
const FOREIGN: [&str; 1] = ["dispatcher#setting-the-default-subscriber"];

impl Page {
    fn read(html: &str) -> Self {
        let values = |key: &str| -> Vec<String> {
            let rest = html.split(key).skip(1);
            let values = rest.filter_map(|rest| rest.split('"').next());
            values.map(|value| value.replace("&amp;", "&")).collect()
        };
        // Scripts of rustdoc may be absent: each list of implementations is one, also where there are none.
        let redirects = values(" http-equiv=\"refresh\" content=\"");
        let redirect = redirects.first().and_then(|first| first.split_once("URL="));
        let mut pictures = values(" src=\"");
        pictures.retain(|file| !file.ends_with(".js"));
        Self {
            links: [values(" href=\""), pictures].concat(),
            places: values(" id=\"").iter().map(|id| decoded(id)).collect(),
            redirect: redirect.map(|(_, link)| link.to_owned()),
        }
    }
}

/// Follows the links of a page to every page that it leads to.
pub(crate) fn check_html(folder: &Path, first: &str) -> Outcome {
    let mut pages: BTreeMap<PathBuf, Page> = BTreeMap::new();
    let mut waiting = VecDeque::from([folder.join(first)]);
    let mut links = Vec::new();
    while let Some(file) = waiting.pop_front() {
        if pages.contains_key(&file) {
            continue;
        }
        let page = fs::read_to_string(&file).map(|html| Page::read(&html));
        let page = page.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        for link in &page.links {
            let Some((target, place)) = local(&file, link) else {
                continue;
            };
            // Views of sources are long, and have no links of their own.
            let is_page = target.extension().is_some_and(|ending| ending == "html");
            let is_source = target.to_string_lossy().ends_with(".rs.html");
            if is_page && !is_source && target.exists() {
                waiting.push_back(target.clone());
            }
            links.push((file.clone(), link.clone(), target, place));
        }
        pages.insert(file, page);
    }
    let dead = links.iter().filter_map(|(file, link, target, place)| {
        let redirect = pages.get(target).and_then(|page| page.redirect.as_ref());
        let (page, _) = redirect
            .and_then(|link| local(target, link))
            .unwrap_or_else(|| (target.clone(), String::new()));
        let has_place = |page: &Page| place.is_empty() || page.places.contains(place);
        let is_alive = target.exists() && pages.get(&page).is_none_or(has_place);
        (!is_alive).then(|| format!("{} links to {link}", file.display()))
    });
    report(pages.len(), links.len(), dead.collect())
}

/// Checks the links of every page of Markdown in a folder, which has to hold their targets.
pub(crate) fn check_markdown(folder: &Path, files: &[String]) -> Outcome {
    let pages: Vec<&String> = files.iter().filter(|file| file.ends_with(".md")).collect();
    let mut count = 0;
    let mut dead = Vec::new();
    for page in &pages {
        let file = folder.join(page);
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let targets = text.split("](").skip(1);
        for link in targets.filter_map(|rest| rest.split(')').next()) {
            let Some((target, _)) = local(&file, link) else {
                continue;
            };
            count += 1;
            if !target.starts_with(folder) || !target.exists() {
                dead.push(format!("{page} links to {link}"));
            }
        }
    }
    report(pages.len(), count, dead)
}

fn report(pages: usize, links: usize, dead: Vec<String>) -> Outcome {
    if dead.is_empty() {
        println!("{pages} pages with {links} links, none of them dead");
        return Ok(());
    }
    let (count, list) = (dead.len(), dead.join("\n"));
    Err(format!("{count} of {links} links are dead:\n{list}"))
}

/// The file of a link, and the place in it. `None` for what is not in this folder.
fn local(file: &Path, link: &str) -> Option<(PathBuf, String)> {
    let is_elsewhere = ["http://", "https://", "data:", "mailto:", "javascript:"]
        .iter()
        .any(|scheme| link.starts_with(scheme));
    // A name in the text of a trait of another crate, where it leads somewhere. In own text, such a link is a warning.
    let is_name = link.contains("::");
    if is_elsewhere || is_name || FOREIGN.contains(&link) {
        return None;
    }
    let (path, place) = link.split_once('#').unwrap_or((link, ""));
    let path = path.split('?').next().unwrap_or_default();
    let target = match path {
        "" => file.to_owned(),
        path => normal(&file.parent()?.join(path)),
    };
    Some((target, decoded(place)))
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

/// The text of a place without percent signs.
fn decoded(place: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = place.as_bytes();
    while let [first, after @ ..] = rest {
        let value = after.get(..2).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match value {
            Some(value) if *first == b'%' => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{check_html, check_markdown};
    use std::{env, fs, path::PathBuf, process};

    /// A folder with these files, which is new.
    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = env::temp_dir().join(format!("event-bus-links-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        for (file, text) in files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    #[test]
    fn html_is_followed_from_page_to_page() {
        let last = r##"<h2 id="b%3Ec">x</h2><a href="#b%3Ec">own</a>"##;
        let good =
            r##"<a class="x" href="a/last.html#b%3Ec">x</a><a href="https://a.example/#no">y</a>"##;
        let unread = ("unread.html", r#"<a href="nothing.html">stale</a>"#);
        let pages = folder(
            "good",
            &[("index.html", good), ("a/last.html", last), unread],
        );
        assert_eq!(check_html(&pages, "index.html"), Ok(()));
        fs::remove_dir_all(pages).unwrap();

        // rustdoc leads from the private module of an item to the page of the item.
        let moved =
            r#"<meta http-equiv="refresh" content="0;URL=a/last.html"><a href="a/last.html">x</a>"#;
        let link = |place| format!(r#"<a href="moved.html#{place}">x</a>"#);
        for (place, is_alive) in [("b%3Ec", true), ("d", false)] {
            let files = [
                ("index.html", &*link(place)),
                ("moved.html", moved),
                ("a/last.html", last),
            ];
            let pages = folder(place, &files);
            assert_eq!(
                check_html(&pages, "index.html").is_ok(),
                is_alive,
                "{place}"
            );
            fs::remove_dir_all(pages).unwrap();
        }

        let bad =
            r##"<a href="a/last.html#d">x</a><img src="none.png"><a href="a/last.html">z</a>"##;
        let last = r#"<a href="../gone.html">x</a>"#;
        let pages = folder("bad", &[("index.html", bad), ("a/last.html", last)]);
        let error = check_html(&pages, "index.html").unwrap_err();
        assert!(error.starts_with("3 of 4 links are dead:"), "{error}");
        for link in ["a/last.html#d", "none.png", "../gone.html"] {
            assert!(error.contains(&format!("links to {link}")), "{error}");
        }
        fs::remove_dir_all(pages).unwrap();
    }

    #[test]
    fn a_packed_page_links_to_packed_files() {
        let text = "[a](docs/a.md#x) [b](docs/b.md) [c](../outside.md) [d](https://a.example)";
        let pages = folder(
            "packed",
            &[("README.md", text), ("docs/a.md", "[e](../README.md)")],
        );
        let files = ["README.md", "docs/a.md"].map(str::to_owned);
        let error = check_markdown(&pages, &files).unwrap_err();
        assert!(error.starts_with("2 of 4 links are dead:"), "{error}");
        assert!(error.contains("links to docs/b.md") && error.contains("links to ../outside.md"));
        fs::remove_dir_all(pages).unwrap();
    }
}
