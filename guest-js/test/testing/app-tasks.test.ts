import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { attachTask, listTasks, startTask } from '../../src/index.js'
import { createTestBus, type TestBus, type TestTask } from '../../src/testing/index.js'

let bus: TestBus
beforeEach(() => {
  bus = createTestBus()
})
afterEach(() => bus.dispose())

/** A function that is called once the test wants it to go on. */
function gate() {
  let open: (value: unknown) => void = () => {}
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const codeOf = (result: Promise<unknown>) =>
  result.then(
    () => expect.fail('it did not fail'),
    (error: { code: string }) => error.code,
  )

describe('tasks of the test bus', () => {
  it('run, tell their progress and end', async () => {
    const { open, opened } = gate()
    bus.registerTask('export', async (rows: number, task: TestTask) => {
      task.progress(0.5, `${rows} rows`)
      return [await opened, new Uint8Array([1])]
    })
    const task = startTask('export', 3, { key: 'k' })
    const other = attachTask('export', 'k')
    await bus.settled()
    expect(task.progress).toEqual({ state: 'running', fraction: 0.5, detail: '3 rows' })
    expect(await listTasks()).toEqual([
      { name: 'export', key: 'k', state: 'running', fraction: 0.5, startedBy: { kind: 'webview', label: 'main' } },
    ])
    open('done')
    expect(await task.result).toEqual(['done', new Uint8Array([1])])
    expect(await other.result).toEqual(['done', new Uint8Array([1])])
    // Its end is kept.
    expect(await attachTask('export', 'k').result).toEqual(['done', new Uint8Array([1])])
  })

  it('are one for arguments with the same bytes', async () => {
    const { open, opened } = gate()
    bus.registerTask('resize', () => opened)
    const start = (...bytes: number[]) => startTask('resize', { image: new Uint8Array(bytes) }, { key: 'k' })
    const first = start(1, 2)
    await bus.settled()
    for (const other of [start(1, 3), start(1)]) expect(await codeOf(other.result)).toBe('duplicate_task')
    const same = start(1, 2)
    open(7)
    expect([await first.result, await same.result]).toEqual([7, 7])
  })

  it('are cancelled, and fail with what they throw', async () => {
    bus.registerTask('wait', (_, { signal }) => new Promise((_resolve, reject) => (signal.onabort = reject)))
    bus.registerTask('fail', () => {
      throw new RangeError('no more')
    })
    const waiting = startTask('wait', null, { key: 'k' })
    await bus.settled()
    await waiting.cancel()
    expect(await codeOf(waiting.result)).toBe('cancelled')
    await expect(startTask('fail').result).rejects.toMatchObject({
      code: 'responder_failed',
      message: expect.stringContaining('RangeError: no more'),
    })
    expect((await listTasks()).map(({ state }) => state).sort()).toEqual(['cancelled', 'failed'])
  })

  it('are unknown, missing or there already', async () => {
    const { open, opened } = gate()
    bus.registerTask('export', () => opened)
    expect(await codeOf(attachTask('export', 'k').result)).toBe('unknown_task')
    expect(await codeOf(startTask('none').result)).toBe('no_responder')
    expect(await codeOf(startTask('export', 1, { key: '' }).result)).toBe('invalid_argument')
    const first = startTask('export', 1, { key: 'k' })
    await bus.settled()
    expect(await codeOf(startTask('export', 1, { key: 'k', ifRunning: 'fail' }).result)).toBe('duplicate_task')
    expect(await codeOf(startTask('export', 2, { key: 'k' }).result)).toBe('duplicate_task')
    const again = startTask('export', 1, { key: 'k' })
    open(7)
    expect([await first.result, await again.result]).toEqual([7, 7])
  })

  it('go on where the page follows them no longer', async () => {
    const { open, opened } = gate()
    const seen = vi.fn()
    bus.registerTask('export', async (_, task) => {
      await opened
      task.progress(1)
      seen(task.signal.aborted)
    })
    const task = startTask('export')
    await bus.settled()
    task.stop()
    await bus.settled()
    open(0)
    await bus.settled()
    expect(seen.mock.calls).toEqual([[false]])
  })
})
