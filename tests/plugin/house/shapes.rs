//! Shapes that can grow: which items the root has, and which public types may get more variants and fields.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Fields, ImplItem, Item, UseTree, Visibility};

use super::{read, room, rust_files};

/// What every app touches. Everything else stands in a module.
const AT_THE_ROOT: &[&str] = &[
    "AsyncListener",
    "Builder",
    "BusEvent",
    "Bytes",
    "CatalogMode",
    "Config",
    "DeliveryFilter",
    "EmitOptions",
    "Endpoint",
    "Error",
    "ErrorCode",
    "EventBus",
    "EventBusExt",
    "EventStream",
    "Gap",
    "GapReason",
    "HOST",
    "IntoTarget",
    "Limits",
    "ListenOptions",
    "Listener",
    "Overflow",
    "Policy",
    "PolicyRule",
    "Receipt",
    "Result",
    "StreamItem",
    "Target",
    "Until",
    "WaitFor",
    "WebviewBus",
    "init",
    "types",
];

/// Public types that are complete, with the reason.
const COMPLETE: &[(&str, &str)] = &[
    ("AnyPayload", "it has no value"),
    ("Exact", "it is the number that it wraps"),
    ("IfRunning", "there is nothing else to do"),
    (
        "StreamItem",
        "readers match both kinds, so that no gap is overlooked",
    ),
    (
        "TypedItem",
        "readers match all kinds, so that no gap is overlooked",
    ),
];

/// Public structs with public fields that only the bus makes: apps read them.
const MADE_BY_THE_BUS: &[&str] = &[
    "ActionComplete",
    "ActionFailed",
    "CapabilityFault",
    "CompatNote",
    "ConsumerInspection",
    "DescribedEvent",
    "ExportError",
    "Gap",
    "Handled",
    "Inspection",
    "JobInfo",
    "LinkStatus",
    "Message",
    "PageInfo",
    "PageOutcome",
    "PageInspection",
    "PresenceMember",
    "QueueUsage",
    "Receipt",
    "Recording",
    "RecordingSummary",
    "Replay",
    "ReplayDifference",
    "ReplayedEvent",
    "StreamInspection",
    "SubscriptionInspection",
    "TaskInfo",
    "TaskProgress",
    "TapRecord",
    "TapRoute",
    "TappedDelivery",
    "TappedEvent",
    "TappedGap",
    "TappedRefusal",
    "TappedRequest",
    "TappedResponse",
    "Tick",
    "TypedEvent",
    "WebviewInspection",
];

struct Shape {
    can_grow: bool,
    /// For a struct with public fields: whether an app can make one.
    can_be_made: Option<bool>,
}

fn has(attributes: &[Attribute], word: &str) -> bool {
    let is_it = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident(word),
        syn::Meta::List(list) => list.path.is_ident("derive") && names(list).contains(word),
        syn::Meta::NameValue(_) => false,
    };
    attributes.iter().any(is_it)
}

fn names(list: &syn::MetaList) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = list.parse_nested_meta(|meta| {
        names.extend(meta.path.segments.last().map(|last| last.ident.to_string()));
        Ok(())
    });
    names
}

fn has_public_fields(fields: &Fields) -> bool {
    let is_public = |field: &syn::Field| matches!(field.vis, Visibility::Public(_));
    fields.iter().any(is_public)
}

/// The public enums, and the public structs with public fields, of both crates.
fn shapes() -> BTreeMap<String, Shape> {
    let mut shapes = BTreeMap::new();
    let mut constructors = BTreeSet::new();
    let files = rust_files("src").into_iter();
    let files = files.filter(|file| room(file) != "fuzzing");
    for file in files.chain(rust_files("types/src")) {
        let parsed = syn::parse_file(&read(&file)).unwrap();
        for item in parsed.items {
            match item {
                Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => {
                    let shape = Shape {
                        can_grow: has(&item.attrs, "non_exhaustive"),
                        can_be_made: None,
                    };
                    shapes.insert(item.ident.to_string(), shape);
                }
                Item::Struct(item)
                    if matches!(item.vis, Visibility::Public(_))
                        && has_public_fields(&item.fields) =>
                {
                    let shape = Shape {
                        can_grow: has(&item.attrs, "non_exhaustive"),
                        can_be_made: Some(has(&item.attrs, "Default")),
                    };
                    shapes.insert(item.ident.to_string(), shape);
                }
                Item::Impl(item) => {
                    let syn::Type::Path(own) = &*item.self_ty else {
                        continue;
                    };
                    let own = own.path.segments.last().unwrap().ident.to_string();
                    let of = item.trait_.as_ref().map(|named| &named.0);
                    let is_default = of.is_some_and(|of| of.is_ident("Default"));
                    let is_new = |item: &ImplItem| match item {
                        ImplItem::Fn(function) => {
                            function.sig.ident == "new"
                                && matches!(function.vis, Visibility::Public(_))
                        }
                        _ => false,
                    };
                    if is_default || item.items.iter().any(is_new) {
                        constructors.insert(own);
                    }
                }
                _ => {}
            }
        }
    }
    for (name, shape) in &mut shapes {
        if let Some(can_be_made) = &mut shape.can_be_made {
            *can_be_made |= constructors.contains(name);
        }
    }
    shapes
}

#[test]
fn public_types_can_grow_or_say_why_not() {
    let shapes = shapes();
    assert!(shapes.len() > 25, "{}", shapes.len());
    for (name, shape) in &shapes {
        let is_complete = COMPLETE.iter().any(|(complete, _)| complete == name);
        assert!(
            shape.can_grow != is_complete,
            "{name}: mark it #[non_exhaustive], or list it in COMPLETE with the reason"
        );
    }
    for (name, reason) in COMPLETE {
        assert!(shapes.contains_key(*name) && !reason.is_empty(), "{name}");
    }
    // The macro that writes the error codes is no item that can be read.
    let errors = read("types/src/error.rs");
    assert!(errors.contains("#[non_exhaustive]\n        pub enum ErrorCode"));
}

#[test]
fn structs_that_apps_build_have_a_constructor() {
    let shapes = shapes();
    for (name, shape) in &shapes {
        let is_complete = COMPLETE.iter().any(|(complete, _)| complete == name);
        let Some(can_be_made) = shape.can_be_made.filter(|_| !is_complete) else {
            continue;
        };
        let is_read_only = MADE_BY_THE_BUS.contains(&name.as_str());
        assert!(
            can_be_made != is_read_only,
            "{name}: give it `new` or `Default`, or list it in MADE_BY_THE_BUS"
        );
    }
    for name in MADE_BY_THE_BUS {
        assert!(shapes.contains_key(*name), "{name}");
    }
}

fn used_names(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => used_names(&path.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| used_names(tree, names)),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(rename) => names.push(rename.rename.to_string()),
        UseTree::Glob(_) => panic!("name what the root exports"),
    }
}

#[test]
fn the_root_has_what_every_app_touches() {
    let root = syn::parse_file(&read("src/lib.rs")).unwrap();
    let mut names = Vec::new();
    for item in &root.items {
        if let Item::Use(item) = item {
            assert!(matches!(item.vis, Visibility::Public(_)));
            used_names(&item.tree, &mut names);
        }
    }
    names.sort();
    assert_eq!(names, AT_THE_ROOT);
}
