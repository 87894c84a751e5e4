//! Events from pages.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::{Request, Response};
use tauri::{Runtime, Webview};

use crate::api::bus::EventBus;
use crate::engine::Engine;
use crate::hub::{Address, Audience, Draft};
use crate::model::error::Result;
use crate::model::event::{Provenance, Receipt, Source};
use crate::model::name::{EventName, parse_component};
use crate::model::target::Selection;
use crate::permissions::{Recipients, Scope, Ticks};

use super::arguments::{answer_each, invalid_argument, read_payload, read_target};
use super::call::{Call, in_order};
use super::{Bus, Entries, scope_of, source_of};

#[tauri::command]
pub(super) async fn emit<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of("event-bus:allow-emit", &entries);
    let call = Call {
        name: "emit",
        request,
        session,
        n,
    };
    let source = source_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        answer_each(&flood, events, |entry: EmitEntry| {
            if entry.to.is_some() {
                return Err(invalid_argument(
                    "an event with a target goes through emit_to",
                ));
            }
            let name = EventName::parse_emitted(&entry.event)?;
            scope.check_emitting(&name, Recipients::Everyone, None)?;
            engine.give_way();
            entry.emit(&bus, name, &source, &Audience::default())
        })
    })
    .await
}

#[tauri::command]
pub(super) async fn emit_to<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of("event-bus:allow-emit-to", &entries);
    let call = Call {
        name: "emit_to",
        request,
        session,
        n,
    };
    let source = source_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        answer_each(&flood, events, |entry: EmitEntry| {
            let Some(to) = &entry.to else {
                return Err(invalid_argument(
                    "emit_to needs a target; without one it is emit",
                ));
            };
            let mut to = Address::of(read_target(to)?)?;
            if to.selection.everyone {
                return Err(invalid_argument("an event for everyone goes through emit"));
            }
            let name = EventName::parse_emitted(&entry.event)?;
            confine(engine, &scope, &name, &mut to.selection, None)?;
            let audience = Audience {
                to: Some(to),
                except: None,
            };
            engine.give_way();
            entry.emit(&bus, name, &source, &audience)
        })
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmitEntry {
    event: String,
    payload: Option<String>,
    to: Option<Value>,
    retain: Option<bool>,
    component: Option<String>,
    #[serde(default)]
    causes: Vec<String>,
}

impl EmitEntry {
    fn emit(
        self,
        bus: &EventBus,
        name: EventName,
        source: &Source,
        audience: &Audience,
    ) -> Result<Receipt> {
        let draft = Draft {
            payload: read_payload(bus.catalog(), &name, self.payload)?.into(),
            name,
            source: source.clone(),
            tick: None,
            provenance: read_provenance(
                self.component.as_deref(),
                &self.causes,
                bus.engine().limits().hops,
            )?,
            retain: self.retain,
        };
        bus.engine().emit(draft, audience)
    }
}

/// What a page's event or question follows from. Of a chain that is too long no more is read than shows it.
pub(super) fn read_causes(causes: &[String], hops: usize) -> Result<Box<[EventName]>> {
    let causes = causes.iter().take(hops.saturating_add(1));
    causes.map(|name| EventName::parse(name)).collect()
}

/// What a page says of where its event comes from.
fn read_provenance(
    component: Option<&str>,
    causes: &[String],
    hops: usize,
) -> Result<Option<Arc<Provenance>>> {
    let component = component.map(parse_component).transpose()?;
    Ok(Provenance::of(component, read_causes(causes, hops)?))
}

/// Checks that a page may send this to its target, and confines the target to those whom it may reach.
pub(super) fn confine(
    engine: &Engine,
    scope: &Scope,
    name: &EventName,
    to: &mut Selection,
    ticks: Option<Ticks<'_>>,
) -> Result<()> {
    if scope.is_unlimited() {
        return Ok(());
    }
    engine.meet(to);
    let places = engine.hub().places();
    let recipients = Recipients::Selected(to, &places);
    to.within = scope.check_emitting(name, recipients, ticks)?;
    Ok(())
}

#[cfg(fuzzing)]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let entry: EmitEntry = super::arguments::read(entry)?;
    let name = EventName::parse_emitted(&entry.event)?;
    super::arguments::read_json(&name, entry.payload)?;
    read_provenance(entry.component.as_deref(), &entry.causes, 16)?;
    entry.to.as_ref().map(read_target).transpose()?;
    Ok(())
}
