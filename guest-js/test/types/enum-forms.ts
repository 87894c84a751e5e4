// Names of the map as members of an enum. TypeScript 4.7 finds their payloads only for plain texts.
import { type Event, emit, listen, on } from 'tauri-plugin-event-bus-api'
import './call-forms.js'

enum Name {
  Saved = 'form:saved',
  Closed = 'form:closed',
}

listen(Name.Saved, (event) => console.log(event.payload.path))
listen(Name.Saved, (event: Event<{ path: string }>) => console.log(event.payload.path))
on(Name.Closed, (payload: null) => console.log(payload))
emit(Name.Saved, { path: '/a' })
emit(Name.Closed)
// @ts-expect-error The annotated payload is another one.
listen(Name.Saved, (event: Event<{ size: number }>) => console.log(event.payload.size))
// @ts-expect-error The payload is missing.
emit(Name.Saved)
