import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const records = vi.fn<(tap: string, after: number) => Promise<{ number: number; lines: string[] }>>()

vi.mock('../src/host.js', () => ({
  records: (tap: string, after: number) => records(tap, after),
  messageOf: (error: Error) => error.message,
}))

const { readFeed } = await import('../src/feed.js')

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('requestAnimationFrame', (done: () => void) => setTimeout(done, 16))
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  records.mockReset()
})

/** What the host responds, in order; then it responds to nothing more. */
function responds(...responses: ({ number: number; lines: string[] } | Error)[]): void {
  for (const response of responses) {
    if (response instanceof Error) records.mockRejectedValueOnce(response)
    else records.mockResolvedValueOnce(response)
  }
  records.mockReturnValue(new Promise(() => {}))
}

async function told(): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = []
  void readFeed({ took: (lines) => all.push(...lines), connected: (problem) => all.push(problem) })
  await vi.advanceTimersByTimeAsync(5000)
  return all
}

test('each text is requested by the number of the one before', async () => {
  responds({ number: 1, lines: ['a', 'b'] }, { number: 1, lines: [] }, { number: 2, lines: ['c'] })
  expect(await told()).toEqual([undefined, 'a', 'b', undefined, undefined, 'c'])
  const [tap] = records.mock.calls[0] ?? []
  expect(records.mock.calls).toEqual([
    [tap, 0],
    [tap, 1],
    [tap, 1],
    [tap, 2],
  ])
})

test('an error is told, and then another tap begins', async () => {
  responds({ number: 1, lines: ['a'] }, new Error('gone'), { number: 1, lines: ['b'] })
  expect(await told()).toEqual([undefined, 'a', 'gone', undefined, 'b'])
  const [first, second, third] = records.mock.calls
  expect(second).toEqual([first?.[0], 1])
  expect(third?.[0]).not.toBe(first?.[0])
  expect(third?.[1]).toBe(0)
})
