/** The element with this test id. Throws if it is not a `kind`. */
export function element<T extends Element>(id: string, kind: new () => T): T {
  const found = document.querySelector(`[data-testid="${id}"]`)
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} "${id}".`)
  return found
}

/** A copy of the single element in a `<template>`. */
export function copy(template: string): HTMLElement {
  const found = document.getElementById(template)
  const first = found instanceof HTMLTemplateElement ? found.content.firstElementChild : null
  const made = first?.cloneNode(true)
  if (!(made instanceof HTMLElement)) throw new Error(`The page has no template "${template}".`)
  return made
}

/** The first descendant that matches. */
export function part(of: Element, selector: string): HTMLElement {
  const found = of.querySelector(selector)
  if (!(found instanceof HTMLElement)) throw new Error(`There is no ${selector} here.`)
  return found
}
