#![allow(
    missing_docs,
    reason = "some types have no documentation, so that generated files cover both"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus::Policy;
use tauri_plugin_event_bus::typed::*;

use crate::{Random, Sample, Visitor};

macro_rules! events {
    ($($event:ty = $name:literal $({ $($constant:tt)* })?, |$random:ident| $sample:expr;)+) => {
        /// Visits every event of this package, once.
        pub fn visit_all(visitor: &mut impl Visitor) {
            $(visitor.visit::<$event>();)+
        }

        $(
            impl Event for $event {
                const NAME: &'static str = $name;
                $($($constant)*)?
            }

            impl Sample for $event {
                fn sample($random: &mut Random) -> Self {
                    let _ = &$random;
                    $sample
                }
            }
        )+
    };
}

events! {
    AppReady = "typed:app-ready", |random| AppReady;

    CartUpdated = "typed:cart-updated" {
        const POLICY: Policy = Policy::new().latest().retain(true);
        const EMITTED_BY: &'static [&'static str] = &["Rust", "the window `main`"];
        const LISTENED_BY: &'static [&'static str] = &["every window"];
    }, |random| CartUpdated {
        item_count: u32::try_from(random.below(1 << 32)).unwrap_or_default(),
        items: random.several(item),
        note: random.maybe(Random::text),
        gift_for: random.maybe(Random::text),
        type_: random.text(),
    };

    Measured = "typed:measured" {
        const CHECKED: bool = true;
        const EMITTED_BY: &'static [&'static str] = &["the sensor"];
        const LISTENED_BY: &'static [&'static str] = &[];
    }, |random| Measured {
        float: random.finite(),
        small_float: random.finite_f32(),
        signed: random.safe(),
        unsigned: random.safe().unsigned_abs(),
        byte: u8::try_from(random.below(256)).unwrap_or_default(),
        exact: Exact(random.u64()),
        exact_signed: Exact(i128::from(random.u64().cast_signed()) * i128::from(u64::MAX)),
        exact_float: Exact(random.float()),
        exact_list: random.several(|random| Exact(random.u64())),
        exact_option: random.maybe(|random| Exact(random.float())),
    };

    OrderChanged = "typed:order-changed", |random| match random.below(4) {
        0 => OrderChanged::Placed,
        1 => OrderChanged::Paid { cents: random.safe(), method: method(random) },
        2 => OrderChanged::Shipped(item(random)),
        _ => OrderChanged::ReturnedInPart { items: random.several(item), reason: random.maybe(Random::text) },
    };

    Shapes = "typed:shapes", |random| Shapes {
        external: match random.below(5) {
            0 => External::Plain,
            1 => External::Newtype(item(random)),
            2 => External::Tuple(1, random.text()),
            3 => External::Struct { flag: random.flip() },
            _ => External::RenamedPlain,
        },
        adjacent: match random.below(3) {
            0 => Adjacent::Nothing,
            1 => Adjacent::Text(random.text()),
            _ => Adjacent::Point { x: random.finite(), y: random.finite() },
        },
        untagged: match random.below(3) {
            0 => Untagged::Count(random.below(100)),
            1 => Untagged::Name { name: random.text() },
            _ => Untagged::List(random.several(Random::text)),
        },
        method: method(random),
    };

    Loaded = "typed:loaded", |random| Loaded {
        items: Page { entries: random.several(item), next: random.maybe(|random| random.below(9)) },
        labels: Page { entries: random.several(Random::text), next: None },
        result: if random.flip() { Ok(random.safe()) } else { Err(random.text()) },
    };

    Collected = "typed:collected", |random| Collected {
        by_name: random.several(|random| (random.text(), random.safe())).into_iter().collect(),
        by_number: random.several(|random| (random.u64(), random.text())).into_iter().collect(),
        by_method: random.several(|random| (method(random), random.flip())).into_iter().collect(),
        set: random.several(|random| random.below(9)).into_iter().collect(),
        pair: (random.text(), random.flip()),
        triple: [random.finite(), random.finite(), random.finite()],
        nested: random.maybe(|random| random.several(|random| random.maybe(Random::text))),
    };

    Scheduled = "typed:scheduled", |random| Scheduled {
        at: DateTime::from_timestamp_micros(random.safe() / 4).unwrap_or_default(),
        day: NaiveDate::from_ymd_opt(2026, 2, 28).unwrap_or_default(),
        lasts: Duration::new(random.below(1 << 53), 999_999_999),
    };

    Tree = "typed:tree", |random| tree(random, 3);

    Flattened = "typed:flattened", |random| Flattened {
        id: random.text(),
        place: Position { x: random.finite(), y: random.finite() },
        status: if random.flip() { Status::Open } else { Status::Closed { by: random.text() } },
    };

    Anything = "typed:anything" {
        const CHECKED: bool = false;
    }, |random| Anything {
        value: serde_json::json!({ "list": [null, random.flip(), random.safe(), random.text()], "": {} }),
    };

    Wrapped = "typed:wrapped", |random| Wrapped(random.safe());
}

/// The app is ready.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AppReady;

/// The cart has changed.
///
/// The payload is the whole cart.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartUpdated {
    /// How many items | are in the cart.
    pub item_count: u32,
    /// The items.
    pub items: Vec<Item>,
    /// A note */ of the customer, if any.
    pub note: Option<String>,
    /// Omitted without a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gift_for: Option<String>,
    /// Renamed, since the word is reserved in Rust.
    #[serde(rename = "type")]
    pub type_: String,
}

/// A product.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The name of the product.
    pub title: String,
    /// The price in cents.
    pub price_cents: u32,
    /// The name of the field has its unit.
    #[serde(rename = "weight-kg")]
    pub weight: f32,
}

fn item(random: &mut Random) -> Item {
    Item {
        title: random.text(),
        price_cents: u32::try_from(random.below(100_000)).unwrap_or_default(),
        weight: random.finite_f32(),
    }
}

/// Numbers of every kind.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    pub float: f64,
    pub small_float: f32,
    pub signed: i64,
    pub unsigned: u64,
    pub byte: u8,
    /// As text, since it may exceed 2^53.
    pub exact: Exact<u64>,
    pub exact_signed: Exact<i128>,
    /// As text, since it may be NaN.
    pub exact_float: Exact<f64>,
    pub exact_list: Vec<Exact<u64>>,
    pub exact_option: Option<Exact<f64>>,
}

/// The next step of an order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "step",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum OrderChanged {
    /// The order was placed.
    Placed,
    /// The order was paid.
    Paid {
        /// The amount in cents.
        cents: i64,
        method: Method,
    },
    /// One item was shipped.
    Shipped(Item),
    ReturnedInPart {
        items: Vec<Item>,
        reason: Option<String>,
    },
}

/// A method of payment.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Any card.
    Card,
    BankTransfer,
    Cash,
}

fn method(random: &mut Random) -> Method {
    match random.below(3) {
        0 => Method::Card,
        1 => Method::BankTransfer,
        _ => Method::Cash,
    }
}

/// Enums in each representation of serde.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shapes {
    pub external: External,
    pub adjacent: Adjacent,
    pub untagged: Untagged,
    pub method: Method,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub enum External {
    Plain,
    #[serde(rename = "renamed plain")]
    RenamedPlain,
    Newtype(Item),
    Tuple(u8, String),
    Struct {
        flag: bool,
    },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "lowercase")]
pub enum Adjacent {
    Nothing,
    Text(String),
    Point { x: f64, y: f64 },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Untagged {
    Count(u64),
    Name { name: String },
    List(Vec<String>),
}

/// A generic type with two different arguments.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {
    pub items: Page<Item>,
    pub labels: Page<String>,
    pub result: Result<i64, String>,
}

/// A page of a longer list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// The number of the next page, if any.
    pub next: Option<u64>,
}

/// Maps, sets and tuples.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Collected {
    pub by_name: BTreeMap<String, i64>,
    pub by_number: BTreeMap<u64, String>,
    pub by_method: BTreeMap<Method, bool>,
    pub set: BTreeSet<u64>,
    pub pair: (String, bool),
    pub triple: [f64; 3],
    pub nested: Option<Vec<Option<String>>>,
}

/// Dates and times.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Scheduled {
    /// As RFC 3339.
    pub at: DateTime<Utc>,
    pub day: NaiveDate,
    pub lasts: Duration,
}

/// A recursive type.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tree {
    pub label: String,
    pub children: Vec<Tree>,
    pub best: Option<Box<Tree>>,
}

fn tree(random: &mut Random, depth: u64) -> Tree {
    let children = if depth == 0 { 0 } else { random.below(3) };
    Tree {
        label: random.text(),
        children: (0..children).map(|_| tree(random, depth - 1)).collect(),
        best: (depth > 0 && random.flip()).then(|| Box::new(tree(random, depth - 1))),
    }
}

/// Flattened fields of other types.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Flattened {
    pub id: String,
    #[serde(flatten)]
    pub place: Position,
    #[serde(flatten)]
    pub status: Status,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The distance from the left.
    pub x: f64,
    /// The distance from the top.
    pub y: f64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    Open,
    Closed { by: String },
}

/// An unchecked event: a page may emit any payload under its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Anything {
    pub value: serde_json::Value,
}

/// A newtype.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Wrapped(pub i64);
