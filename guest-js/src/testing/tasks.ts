import { nextTask as nextTaskOfPage } from '../core/tasks.js'

/** The timer as it was when this was loaded, since a test may put a fake one in its place. */
const { setTimeout } = globalThis

/** For how many microtasks a test waits where it has nothing but fake timers. */
const MICROTASKS = 32

/** Waits for the next task. Works under fake timers, and in a DOM of a test runner that has no channels. */
export async function nextTask(): Promise<void> {
  if (typeof MessageChannel === 'function') return nextTaskOfPage()
  // The fake timers of Jest have a clock.
  if (!('clock' in setTimeout)) return new Promise((resolve) => setTimeout(resolve, 0))
  for (let turn = 0; turn < MICROTASKS; turn += 1) await null
}
