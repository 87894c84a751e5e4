import { afterEach, expect, it } from 'vitest'
import cases from '../../../tests/messages.json'
import { createTestBus } from '../../src/testing/index.js'

const bus = createTestBus()
afterEach(() => bus.dispose())

interface Internals {
  invoke(command: string, args: object): Promise<{ error?: { message: string } }[]>
}

const argumentsOf = (command: string, entry: object) => {
  if (command === 'subscribe') return { subscriptions: [entry] }
  return command === 'start_job' ? { job: entry } : { events: [entry] }
}

it('has the messages of the host', async () => {
  const { __TAURI_INTERNALS__: internals } = window as unknown as { __TAURI_INTERNALS__: Internals }
  expect(cases.length).toBeGreaterThan(15)
  for (const [index, { command, entry, message }] of cases.entries()) {
    const args = { session: 'a'.repeat(32), n: index + 1, ...argumentsOf(command, entry) }
    const error = await internals.invoke(`plugin:event-bus|${command}`, args).then(
      ([result]) => result?.error,
      (reason) => reason,
    )
    expect(error?.message).toBe(message)
  }
})
