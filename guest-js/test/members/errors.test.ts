import { describe, expect, it } from 'vitest'
import { EventBusError } from '../../src/core/error.js'
import { plainErrorOf } from '../../src/members/errors.js'

describe('an error over a port', () => {
  const cause = Object.assign(new RangeError('too far'), { stack: 'RangeError: too far\n at x' })

  it('keeps what a responder threw, of any copy', () => {
    const error = new EventBusError('responder_failed', 'it failed', { cause })
    const failure = { name: 'RangeError', message: 'too far', stack: cause.stack }
    expect(plainErrorOf(error)).toEqual({ code: 'responder_failed', message: 'it failed', failure })
    const ofAnotherCopy = Object.assign(new Error('it failed'), { code: 'responder_failed', cause })
    expect(plainErrorOf(ofAnotherCopy)).toEqual({ code: 'responder_failed', message: 'it failed', failure })
  })

  it('says when to come again', () => {
    const error = new EventBusError('rate_limited', 'slowly', { retryAfterMs: 5 })
    expect(plainErrorOf(error)).toEqual({ code: 'rate_limited', message: 'slowly', retryAfterMs: 5 })
  })

  it('hides the session of the page', () => {
    expect(plainErrorOf(new EventBusError('stale_session', 'it has ended')).code).toBe('unavailable')
    expect(plainErrorOf(new Error('lost'))).toMatchObject({ code: 'unavailable' })
  })
})
