import { expect, test } from 'vitest'
import { type CauseNode, causesOf } from '../src/model/causes.js'
import { event, storeOf } from './records.js'

/** A tree as text: names, with what is in them. */
function text({ name, isOwn, entry, children }: CauseNode): string {
  const own = `${isOwn ? '*' : ''}${name}${entry ? '' : '?'}`
  return children.length === 0 ? own : `${own}(${children.map(text).join(' ')})`
}

function treeOf(records: readonly ReturnType<typeof event>[], index: number): string {
  const store = storeOf(records)
  const own = store.entries.at(index)
  if (!own) throw new Error('there is no such row')
  return text(causesOf(store, own))
}

const chain = [
  event('click'),
  event('other'),
  event('order', { causes: ['click'] }),
  event('paid', { causes: ['click', 'order'] }),
  event('mail', { causes: ['click', 'order', 'paid'] }),
  event('log', { causes: ['click', 'order'] }),
]

test('an event stands between its causes and its effects', () => {
  expect(treeOf(chain, 2)).toBe('click(*order(paid(mail) log))')
  expect(treeOf(chain, 0)).toBe('*click(order(paid(mail) log))')
  expect(treeOf(chain, 4)).toBe('click(order(paid(*mail)))')
  expect(treeOf(chain, 1)).toBe('*other')
})

test('a cause that is not kept any more has its name', () => {
  expect(treeOf([event('paid', { causes: ['click', 'order'] })], 0)).toBe('click?(order?(*paid))')
})

test('of two causes with one name the newer one before it is taken', () => {
  const store = storeOf([event('click'), event('click'), event('order', { causes: ['click'] }), event('click')])
  const own = store.entries.at(2)
  const root = own && causesOf(store, own)
  expect(root?.entry?.id).toBe(1)
})

test('the effects of the next event of its name are not its own', () => {
  const records = [event('click'), event('click'), event('order', { causes: ['click'] })]
  expect(treeOf(records, 0)).toBe('*click')
  expect(treeOf(records, 1)).toBe('*click(order)')
})
