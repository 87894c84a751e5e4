use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::name::EventName;

/// A type of the app, and the name that it declares on the bus.
pub(super) trait Declaration: Copy {
    /// What the declaration is called in errors. One name belongs to one kind, too.
    fn kind(&self) -> &'static str;

    fn name(&self) -> &'static str;

    /// The Rust type, with its path. Two types can have the same one: those of two versions of a crate, for example.
    fn type_name(&self) -> &'static str;

    fn type_id(&self) -> TypeId;
}

/// The declarations of one kind, by name. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Registry<D>(Arc<BTreeMap<&'static str, D>>);

impl<D> Default for Registry<D> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<D: Declaration> Registry<D> {
    /// Checks each name, and that each belongs to one type. The same type may be declared twice.
    pub(super) fn new(declarations: &[D]) -> Result<Self> {
        let mut by_name: BTreeMap<&'static str, D> = BTreeMap::new();
        for declaration in declarations {
            let (name, type_name) = (declaration.name(), declaration.type_name());
            let kind = declaration.kind();
            EventName::parse_emitted(name).map_err(|error| {
                Error::new(
                    error.code(),
                    format!("the {kind} type {type_name}: {error}"),
                )
                .with_source(error)
            })?;
            let before = by_name.insert(name, *declaration);
            let Some(before) = before else {
                continue;
            };
            let problem = if before.kind() != kind {
                format!(
                    "{name:?} is declared as a {} by {} and as a {kind} by {type_name}; give each of them a name of its own",
                    before.kind(),
                    before.type_name()
                )
            } else if before.type_id() != declaration.type_id() {
                format!(
                    "the {kind} {name:?} is declared by two types, {} and {type_name}; give each {kind} type a name of its own",
                    before.type_name()
                )
            } else {
                continue;
            };
            return Err(Error::new(ErrorCode::InvalidEventName, problem));
        }
        Ok(Self(Arc::new(by_name)))
    }

    pub(super) fn find(&self, name: &EventName) -> Option<&D> {
        self.0.get(name.as_str())
    }

    pub(super) fn contains(&self, name: &EventName) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &D> {
        self.0.values()
    }
}
