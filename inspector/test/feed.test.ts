import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const records = vi.fn<(tap: string, after: number) => Promise<{ number: number; text: string }>>()

vi.mock('../src/host.js', () => ({
  records: (tap: string, after: number) => records(tap, after),
  messageOf: (error: Error) => error.message,
}))

const { readFeed } = await import('../src/feed.js')

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  records.mockReset()
})

/** What the host responds, in order; then it responds to nothing more. */
function responds(...responses: ({ number: number; text: string } | Error)[]): void {
  for (const response of responses) {
    if (response instanceof Error) records.mockRejectedValueOnce(response)
    else records.mockResolvedValueOnce(response)
  }
  records.mockReturnValue(new Promise(() => {}))
}

async function told(): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = []
  const took = async (text: string) => {
    all.push(text)
  }
  void readFeed({ took, connected: (problem) => all.push(problem) })
  await vi.advanceTimersByTimeAsync(5000)
  return all
}

test('each text is requested by the number of the one before', async () => {
  responds({ number: 1, text: 'a\nb\n' }, { number: 1, text: '' }, { number: 2, text: 'c\n' })
  expect(await told()).toEqual([undefined, 'a\nb\n', undefined, undefined, 'c\n'])
  const [tap] = records.mock.calls[0] ?? []
  expect(records.mock.calls).toEqual([
    [tap, 0],
    [tap, 1],
    [tap, 1],
    [tap, 2],
  ])
})

test('an error is told, and then another tap begins', async () => {
  responds({ number: 1, text: 'a\n' }, new Error('gone'), { number: 1, text: 'b\n' })
  expect(await told()).toEqual([undefined, 'a\n', 'gone', undefined, 'b\n'])
  const [first, second, third] = records.mock.calls
  expect(second).toEqual([first?.[0], 1])
  expect(third?.[0]).not.toBe(first?.[0])
  expect(third?.[1]).toBe(0)
})

test('nothing more is requested before there is room for it', async () => {
  responds({ number: 1, text: 'a\n' })
  let goOn = () => {}
  const took = () =>
    new Promise<void>((done) => {
      goOn = done
    })
  void readFeed({ took, connected: () => {} })
  await vi.advanceTimersByTimeAsync(5000)
  expect(records).toHaveBeenCalledTimes(1)
  goOn()
  await vi.advanceTimersByTimeAsync(1)
  expect(records).toHaveBeenCalledTimes(2)
})
