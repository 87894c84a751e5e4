//! Events from pages.

use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tauri::ipc::Response;
use tauri_plugin_event_bus_types::Bytes;

use crate::engine::core::Core;
use crate::hub::ids::SubscriberKey;
use crate::hub::will::Will;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::compat::CompatKind;
use crate::model::error::{Result, escaped};
use crate::model::event::{Provenance, Receipt};
use crate::model::interval::MAX_DURATION;
use crate::model::lifetime::{Lifetime, ReceiptTicket, expiry_from_millis};
use crate::model::name::{EventName, parse_component};
use crate::model::policy::Until;
use crate::model::selection::Selection;
use crate::model::tap::record::TapAction;
use crate::model::traceparent::Traceparent;
use crate::permissions::{Destination, PlannedJob, Scope, Subject, WebviewLocation};
use crate::sync::now;

use super::arguments::{
    EntryResult, check_entries, invalid_argument, pass_as_compatible, read_core_target,
    read_payload, read_target, read_timeout, write,
};
use super::body::Entries;
#[cfg(any(fuzzing, test))]
use super::body::Entry;
use super::command::{Page, PageCommand};

#[tauri::command]
pub(super) async fn emit(command: PageCommand, events: Entries) -> Result<Response> {
    let scope = command.scope("event-bus:allow-emit", Subject::Event);
    emit_each(&command, &scope, events, |name, to, _| {
        if to.is_some() {
            return Err(invalid_argument(
                "emit takes no `to`; use emit_to for an event with a target",
            ));
        }
        scope.check_emitting(name, Destination::Everyone, None)?;
        Ok(None)
    })
    .await
}

#[tauri::command]
pub(super) async fn emit_to(command: PageCommand, events: Entries) -> Result<Response> {
    let scope = command.scope("event-bus:allow-emit-to", Subject::Event);
    emit_each(&command, &scope, events, |name, to, is_compatible| {
        let Some(to) = to else {
            return Err(invalid_argument(
                "emit_to needs `to`; use emit for an event to everyone",
            ));
        };
        let mut to = match is_compatible {
            true => read_core_target(to)?,
            false => Address::of(read_target(to)?)?,
        };
        if to.selection.everyone {
            return Err(invalid_argument(
                "emit_to cannot send to everyone; send the event through emit",
            ));
        }
        restrict_to_scope(command.core(), &scope, name, &mut to.selection, None)?;
        command.core().resolve_nodes(name, &mut to.selection)?;
        Ok(Some(to))
    })
    .await
}

/// Emits a batch and writes one result for each event. A refused event does not affect the others. `address` checks an event's
/// name and its `to`, and whether it is compatible.
async fn emit_each(
    command: &PageCommand,
    scope: &Scope,
    Entries(events): Entries,
    address: impl Fn(&EventName, Option<&Value>, bool) -> Result<Option<Address>>,
) -> Result<Response> {
    let prepare = |entry: EmitEntry, bytes| {
        let name = EventName::parse_emitted(&entry.event)?;
        let is_compatible = entry.is_compatible(command);
        let audience = Audience {
            to: address(&name, entry.to.as_ref(), is_compatible)?,
            except: entry.except()?,
            is_compatible,
            is_local: !command.core().is_linked() || !scope.allows_link(&name, None),
            ..Audience::default()
        };
        entry.prepare(command, name, bytes, audience)
    };
    command
        .run_once(|page| {
            check_entries("events", events.len())?;
            let flood = command.flood()?;
            let results: Vec<EntryResult<Emitted>> = events
                .into_iter()
                .enumerate()
                .map(|(index, mut entry)| {
                    let taken = flood.take_emit(entry.payload_length(), now());
                    let taken = pass_as_compatible(command.core(), &entry.value, taken);
                    let bytes = std::mem::take(&mut entry.bytes);
                    let name = command.noted_name(&entry.value, "event");
                    let read =
                        taken.and_then(|()| entry.read(format_args!("event at index {index}")));
                    let prepared = read.and_then(|entry| prepare(entry, bytes));
                    let prepared = command.note_refused(TapAction::Emit, name.as_deref(), prepared);
                    EntryResult::of(prepared.and_then(|own| own.emit(command, page)))
                })
                .collect();
            write(&results)
        })
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmitEntry {
    event: String,
    payload: Option<String>,
    to: Option<Value>,
    except: Option<Value>,
    retain: Option<bool>,
    until: Option<Until>,
    #[serde(rename = "maxDeliveries")]
    max_deliveries: Option<u32>,
    #[serde(rename = "expiresMs", default, deserialize_with = "read_expiry")]
    expires_ms: Option<f64>,
    component: Option<String>,
    #[serde(default)]
    causes: Vec<String>,
    traceparent: Option<String>,
    #[serde(default)]
    compatible: bool,
    lossy: Option<String>,
    will: Option<WillEntry>,
    outcome: Option<OutcomeEntry>,
}

/// That the page waits for what becomes of the event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutcomeEntry {
    /// The page's number for what it waits for.
    id: u64,
    timeout_ms: Option<f64>,
}

/// That an event is emitted when the page is gone, and not now.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WillEntry {
    id: u64,
    after_ms: Option<f64>,
    /// Whether it is taken back.
    #[serde(default)]
    stop: bool,
}

/// A will is taken back in silence, or set.
#[derive(Serialize)]
#[serde(untagged)]
enum Emitted {
    Receipt(Receipt),
    Kept {},
}

/// Reads a number of milliseconds. JSON has `null` for NaN and infinity.
fn read_expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let refused = |what: &dyn std::fmt::Display| {
        D::Error::custom(format_args!(
            "expiresMs must be a number of milliseconds from 1 to a year: {what}"
        ))
    };
    let number = Option::<f64>::deserialize(deserializer).map_err(|error| refused(&error))?;
    number
        .ok_or_else(|| refused(&"it is null, NaN or infinity"))
        .map(Some)
}

impl EmitEntry {
    /// Whether it comes from code that was written for Tauri's events, and the mode is on.
    fn is_compatible(&self, page: &Page) -> bool {
        self.compatible && page.core().compatible().is_some()
    }

    /// Whom it leaves out. That needs no permission: it only takes away.
    fn except(&self) -> Result<Option<Address>> {
        let except = self.except.as_ref().map(read_target).transpose()?;
        except.map(Address::of).transpose()
    }

    fn prepare(
        mut self,
        page: &Page,
        name: EventName,
        bytes: Vec<Bytes>,
        audience: Audience,
    ) -> Result<Prepared> {
        let core = page.core();
        core.yield_to_waiters();
        let will = self.will.take();
        let outcome = self.outcome.take();
        if will.is_some() && outcome.is_some() {
            return Err(invalid_argument(
                "an event is emitted now, with `outcome`, or when the page is gone, with `will`; choose one",
            ));
        }
        if let Some(WillEntry { id, stop: true, .. }) = will {
            return Ok(Prepared::Will(id, None));
        }
        if let Some(lossy) = self.lossy.as_deref().filter(|_| audience.is_compatible) {
            core.note_difference(CompatKind::Value, &name, || shortened(lossy));
        }
        let event = NewEvent {
            payload: read_payload(page.bus().catalog(), &name, self.payload, bytes)?,
            name,
            source: page.endpoint(),
            tick: None,
            provenance: read_provenance(
                self.component.as_deref(),
                &self.causes,
                core.limits().hops,
                self.traceparent.as_deref(),
            )?,
            retain: self.retain,
            lifetime: Lifetime {
                until: self.until,
                max_deliveries: self.max_deliveries,
                expires: self.expires_ms.map(expiry_from_millis).transpose()?,
                receipt: None,
            }
            .check()?,
        };
        let Some(WillEntry { id, after_ms, .. }) = will else {
            return Ok(Prepared::Event(event, audience, outcome));
        };
        core.check_payload(&event.name, &event.payload)?;
        let after = after_ms.map_or(Ok(Duration::ZERO), will_delay)?;
        let will = Will {
            event,
            audience,
            after,
        };
        Ok(Prepared::Will(id, Some(will)))
    }
}

/// An entry that was checked.
enum Prepared {
    /// With how its outcomes are waited for, if they are.
    Event(NewEvent, Audience, Option<OutcomeEntry>),
    /// A will that is set, or taken back.
    Will(u64, Option<Will>),
}

impl Prepared {
    fn emit(self, page: &Page, session: SubscriberKey) -> Result<Emitted> {
        let core = page.core();
        match self {
            Self::Event(mut event, audience, outcome) => {
                let receipt = match outcome {
                    Some(entry) => {
                        let opened = entry.open(page, session, &event.name);
                        let name = Some(event.name.as_str());
                        page.note_refused(TapAction::Emit, name, opened)?
                    }
                    None => None,
                };
                event.lifetime.receipt = receipt;
                let published = core.publish(event, &audience).map(Emitted::Receipt);
                if let Some(receipt) = receipt.filter(|_| published.is_err()) {
                    core.forget_receipt(receipt);
                }
                published
            }
            Self::Will(id, will) => {
                let name = will.as_ref().map(|will| will.event.name.clone());
                let set = core.set_will(session, id, will);
                let name = name.as_ref().map(EventName::as_str);
                let set = page.note_refused(TapAction::Emit, name, set);
                set.map(|()| Emitted::Kept {})
            }
        }
    }
}

impl OutcomeEntry {
    fn open(
        self,
        page: &Page,
        session: SubscriberKey,
        name: &EventName,
    ) -> Result<Option<ReceiptTicket>> {
        let timeout = read_timeout(self.timeout_ms)?;
        let (watches, place) = (page.watch_scope(), (session, self.id));
        let mut hub = page.core().hub();
        hub.open_receipt_of_page(name, place, watches, timeout)
    }
}

/// How long after the end of its page a will is emitted.
fn will_delay(millis: f64) -> Result<Duration> {
    let read = Duration::try_from_secs_f64(millis / 1000.0).ok();
    read.filter(|after| *after <= MAX_DURATION).ok_or_else(|| {
        invalid_argument(format!(
            "afterMs of a will is {millis} ms; expected 0 to a year"
        ))
    })
}

/// A page gives the text, so its length is bounded.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 512;
    escaped(&text.chars().take(MAX_CHARS).collect::<String>())
}

/// Reads the causes of a page's event or request. Of a chain that is too long, it reads only one cause more than allowed.
pub(super) fn read_causes(causes: &[String], hops: usize) -> Result<Arc<[EventName]>> {
    let causes = causes.iter().take(hops.saturating_add(1));
    causes.map(|name| EventName::parse(name)).collect()
}

fn read_provenance(
    component: Option<&str>,
    causes: &[String],
    hops: usize,
    traceparent: Option<&str>,
) -> Result<Option<Arc<Provenance>>> {
    let component = component.map(parse_component).transpose()?;
    let causes = read_causes(causes, hops)?;
    let traceparent = Traceparent::read(traceparent)?;
    Ok(Provenance::of(component, causes, traceparent))
}

/// Checks that a page may send this to its target, and restricts the target to the labels that its scope allows.
pub(super) fn restrict_to_scope(
    core: &Core,
    scope: &Scope,
    name: &EventName,
    to: &mut Selection,
    job: Option<PlannedJob<'_>>,
) -> Result<()> {
    if scope.is_unlimited() && to.nodes.is_empty() {
        return Ok(());
    }
    let (others, names_own_node) = without_own_node(core, to);
    if names_own_node {
        // The own node is everyone here.
        scope.check_emitting(name, Destination::Everyone, job)?;
    }
    let locations = locations_for(core, &others);
    let recipients = Destination::Selected(&others, &locations);
    let within = scope.check_emitting(name, recipients, job)?;
    to.within = within.filter(|_| !names_own_node);
    Ok(())
}

/// What a target selects beside this node, and whether it names this node.
pub(super) fn without_own_node(core: &Core, to: &Selection) -> (Selection, bool) {
    match core.link() {
        Some(link) => to.without_node(&link.node),
        None => (to.clone(), false),
    }
}

/// The webviews that a target may select, as far as a scope needs them: only windows and globs need a look into the hub.
pub(super) fn locations_for(core: &Core, to: &Selection) -> Vec<WebviewLocation> {
    if to.names_only_webviews() {
        return Vec::new();
    }
    core.resolve_unannounced(to);
    core.hub().locations()
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let mut entry = Entry::of(entry)?;
    let bytes = std::mem::take(&mut entry.bytes);
    let entry: EmitEntry = entry.read("event")?;
    let name = EventName::parse_emitted(&entry.event)?;
    entry.except()?;
    super::arguments::read_json(&name, entry.payload, bytes)?;
    let traceparent = entry.traceparent.as_deref();
    read_provenance(entry.component.as_deref(), &entry.causes, 16, traceparent)?;
    entry.to.as_ref().map(read_target).transpose()?;
    Ok(())
}
