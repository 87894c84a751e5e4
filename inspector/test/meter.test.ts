import { expect, test } from 'vitest'
import { Meter, percentile, STEP_MS, STEPS } from '../src/model/meter.js'

test('the rate is that of the last second', () => {
  const meter = new Meter()
  for (let part = 0; part < 8; part += 1) {
    meter.advance(1000 + part * STEP_MS)
    for (let event = 0; event < 25; event += 1) meter.event()
  }
  expect(meter.now.rate).toBe(100)
})

test('latencies become percentiles of their part', () => {
  const meter = new Meter()
  meter.advance(1000)
  for (let millis = 1; millis <= 100; millis += 1) meter.latency(millis)
  meter.latency(-5)
  expect(meter.now.p50).toBeUndefined()
  meter.advance(1000 + STEP_MS)
  expect(meter.steps[0]).toMatchObject({ p50: 50, p99: 99 })
  expect(meter.now).toMatchObject({ p50: 50, p99: 99 })
})

test('only the last minute is kept, also after a sleep', () => {
  const meter = new Meter()
  meter.advance(1000)
  meter.event()
  meter.advance(1000 + STEP_MS * (STEPS + 10))
  expect(meter.steps.length).toBe(STEPS)
  meter.advance(1e12)
  expect(meter.steps.length).toBe(STEPS)
  expect(meter.now.rate).toBe(0)
})

test('refusals are counted', () => {
  const meter = new Meter()
  meter.refusal()
  meter.advance(1000)
  meter.refusal()
  expect(meter.steps[0]?.refused).toBe(1)
  meter.clear()
  expect(meter.steps).toEqual([])
})

test('nothing has no percentile', () => {
  expect(percentile([], 0.5)).toBeUndefined()
  expect(percentile([4], 0.99)).toBe(4)
})
