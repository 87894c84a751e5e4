import { Terminal } from '@xterm/xterm'
import { HOST, openChannel } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import './events'

const FONT_SIZE = 14
/** Little of what the shell prints is on its way, so that Ctrl-C shows at once. */
const CREDIT = { bytes: 128 * 1024 }

const place = element('terminal', HTMLElement)
const end = element('terminal-end', HTMLParagraphElement)
const screen = new Terminal({ fontSize: FONT_SIZE, theme: { background: '#15171c' } })
screen.open(place)

/** How many characters the window has room for. */
function measured(): { cols: number; rows: number } {
  const cell = screen.element?.querySelector('.xterm-screen')?.getBoundingClientRect()
  const width = (cell?.width ?? 0) / screen.cols || FONT_SIZE * 0.6
  const height = (cell?.height ?? 0) / screen.rows || FONT_SIZE * 1.2
  return {
    cols: Math.max(20, Math.floor((place.clientWidth - 16) / width)),
    rows: Math.max(4, Math.floor((place.clientHeight - 16) / height)),
  }
}

const size = measured()
screen.resize(size.cols, size.rows)
const shell = openChannel(HOST, 'terminal', size, { credit: CREDIT })

/** What is sent behind the end is of no use. */
const ignore = () => {}
screen.onData((text) => void shell.send({ kind: 'keys', text }).catch(ignore))
screen.onResize((size) => void shell.send({ kind: 'size', ...size }).catch(ignore))
window.addEventListener('resize', () => {
  const { cols, rows } = measured()
  screen.resize(cols, rows)
})

void shell.closed.then(({ code, message }) => {
  end.hidden = false
  end.textContent = code === 'completed' ? 'The shell has ended.' : `${code}: ${message}`
})

try {
  // Each part is drawn before the next one is taken, so the shell is never far ahead.
  for await (const printed of shell) await new Promise<void>((drawn) => screen.write(printed, drawn))
} catch {
  // Why it has ended is shown above.
}
