//! The body of a command: a JSON object, or a frame of one and the bytes that its entries name.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tauri::Runtime;
use tauri::ipc::{CommandArg, CommandItem, InvokeBody, InvokeError};
use tauri_plugin_event_bus_types::Bytes;

use crate::model::error::{Result, escaped};
use crate::wire::attached::{frame_of, read_pieces, split_frame};

use super::arguments::{invalid_argument, read};

/// An entry of a command, or its one object of arguments, and the bytes in its payloads.
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) bytes: Vec<Bytes>,
    /// Those in the arguments for a job's source.
    pub(super) args_bytes: Vec<Bytes>,
}

/// The entries of a command.
pub(super) struct Entries(pub(super) Vec<Entry>);

impl Entry {
    /// Takes the bytes that an entry names out of what is left of its frame.
    fn take(mut value: Value, rest: &mut &[u8]) -> Result<Self> {
        let mut take = |key: &str| match value.as_object_mut().and_then(|own| own.remove(key)) {
            Some(list) => read_pieces(&list, rest)
                .map_err(|problem| invalid_argument(format!("invalid {key}: {problem}"))),
            None => Ok(Vec::new()),
        };
        let (bytes, args_bytes) = (take("bytes")?, take("argsBytes")?);
        Ok(Self {
            value,
            bytes,
            args_bytes,
        })
    }

    /// An entry of a command without a frame.
    pub(super) fn of(value: Value) -> Result<Self> {
        Self::take(value, &mut &[][..])
    }

    /// Reads it as a type. `what` names it in an error. Its bytes are left out.
    pub(super) fn read<T: DeserializeOwned>(self, what: impl std::fmt::Display) -> Result<T> {
        read(what, self.value)
    }

    /// Takes the bytes of its payload, and those of the arguments for a job's source.
    pub(super) fn take_bytes(&mut self) -> (Vec<Bytes>, Vec<Bytes>) {
        let Self {
            bytes, args_bytes, ..
        } = self;
        (std::mem::take(bytes), std::mem::take(args_bytes))
    }

    /// The length of its payload with the bytes in it.
    pub(super) fn payload_length(&self) -> usize {
        self.length_of("payload", &self.bytes)
    }

    /// The length of the arguments for a job's source, with the bytes in them.
    pub(super) fn args_length(&self) -> usize {
        self.length_of("args", &self.args_bytes)
    }

    fn length_of(&self, key: &str, bytes: &[Bytes]) -> usize {
        let text = self.value[key].as_str().map_or(0, str::len);
        text + bytes.iter().map(|bytes| bytes.len()).sum::<usize>()
    }
}

/// An argument of a command that may come in a frame.
pub(super) struct Argument<T>(pub(super) T);

impl<'de, T: DeserializeOwned, R: Runtime> CommandArg<'de, R> for Argument<T> {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        argument(command).map(Self)
    }
}

/// The frame of a command; `None` if its body is JSON.
fn frame(body: &InvokeBody) -> Option<Cow<'_, [u8]>> {
    match body {
        InvokeBody::Raw(frame) => Some(Cow::Borrowed(frame)),
        InvokeBody::Json(json) => frame_of(json),
    }
}

fn parse<T: DeserializeOwned>(head: &[u8]) -> Result<T> {
    serde_json::from_slice(head)
        .map_err(|error| invalid_argument(format!("invalid frame: {}", escaped(&error))))
}

/// Reads one argument of a command. With a frame it is that of the object in it.
pub(super) fn argument<'de, T, R>(
    command: CommandItem<'de, R>,
) -> std::result::Result<T, InvokeError>
where
    T: DeserializeOwned + CommandArg<'de, R>,
    R: Runtime,
{
    match frame(command.message.payload()) {
        Some(frame) => Ok(argument_in(&frame, command.key)?.0),
        None => T::from_command(command),
    }
}

fn argument_in<'f, T: DeserializeOwned>(frame: &'f [u8], key: &str) -> Result<(T, &'f [u8])> {
    let (head, rest) = split_frame(frame).map_err(invalid_argument)?;
    let mut object: Value = parse(head)?;
    let value = object.as_object_mut().and_then(|own| own.remove(key));
    let value = value.unwrap_or(Value::Null);
    Ok((read(format_args!("`{key}` of a frame"), value)?, rest))
}

/// Refuses bytes behind those that entries name.
fn check_end(rest: &[u8]) -> Result<()> {
    match rest.len() {
        0 => Ok(()),
        left => Err(invalid_argument(format!(
            "a frame has {left} bytes more than its entries name"
        ))),
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for Entries {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        let Some(frame) = frame(command.message.payload()) else {
            let values: Vec<Value> = argument(command)?;
            // An entry with a wrong list of bytes concerns all of them: no guest makes one.
            let entries = values.into_iter().map(Entry::of);
            return Ok(Self(entries.collect::<Result<_>>()?));
        };
        let (values, mut rest) = argument_in::<Vec<Value>>(&frame, command.key)?;
        let entries = values
            .into_iter()
            .map(|value| Entry::take(value, &mut rest));
        let entries = Self(entries.collect::<Result<_>>()?);
        check_end(rest)?;
        Ok(entries)
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for Entry {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        let Some(frame) = frame(command.message.payload()) else {
            return Ok(Self::of(argument(command)?)?);
        };
        let (value, mut rest) = argument_in(&frame, command.key)?;
        let entry = Self::take(value, &mut rest)?;
        check_end(rest)?;
        Ok(entry)
    }
}

/// Reads a body as one object of arguments.
pub(super) fn read_body(body: &InvokeBody) -> Result<Entry> {
    match (frame(body), body) {
        (None, InvokeBody::Json(json)) => Entry::of(json.clone()),
        (frame, _) => {
            let frame = frame.unwrap_or_default();
            let (head, mut rest) = split_frame(&frame).map_err(invalid_argument)?;
            let entry = Entry::take(parse(head)?, &mut rest)?;
            check_end(rest)?;
            Ok(entry)
        }
    }
}
