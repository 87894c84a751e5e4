import * as bus from 'tauri-plugin-event-bus-api'

/** What all pages of this file have received, from one to the next. */
interface Race {
  pages: number
  /** The number that the next page must begin with, or an earlier one. */
  next: number
  faults: string[]
}

const query = new URLSearchParams(location.search)
const rounds = Number(query.get('rounds'))
const race: Race = JSON.parse(localStorage.getItem('race') ?? '{ "pages": 0, "next": 0, "faults": [] }')
race.pages += 1

let last: number | null = null
let received = 0
window.addEventListener('pagehide', () => localStorage.setItem('race', JSON.stringify(race)))
void bus.emit('race:page', race.pages)
Object.assign(window, { race, bus })

bus.listen<number>(
  'race',
  ({ payload }) => {
    if (payload < 0) {
      document.title = 'finished'
      return
    }
    const isExpected = last === null ? payload <= race.next : payload === last + 1
    if (!isExpected) race.faults.push(`page ${race.pages}: ${payload} after ${last} and ${race.next}`)
    last = payload
    race.next = Math.max(race.next, payload + 1)
    received += 1
    // In the middle of the flood, while calls are on their way.
    if (received === 40 && race.pages < rounds) location.href = query.get('hostile') ?? ''
  },
  { onGap: (gap) => race.faults.push(`page ${race.pages}: ${JSON.stringify(gap)}`) },
)
