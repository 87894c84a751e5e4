// Attaches to a running debug app through its debug socket (Cargo feature `debug-socket`), and prints what happens in its bus.
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { lineOf, visible } from './tail-text.mjs'

/** What the app expects first. No request of a browser begins so. */
const GREETING = Buffer.from('\0evbus\x01\n', 'latin1')
const VERSION = 1

/** The longest frame of an app, which cuts payloads. */
const MAX_FRAME = 16 << 20

/** How often `--wait` looks whether the app has started. */
const LOOK_MS = 300

const KINDS = ['event', 'delivered', 'acknowledged', 'gap', 'refused', 'request', 'response']

const HELP = `usage: npx tauri-plugin-event-bus-api tail [options]

Prints what happens in the event bus of a running debug app, which has the Cargo feature debug-socket.

  --name <glob>       events and requests of this name or pattern; may be given several times
  --kind <kind>       ${KINDS.join(', ')}; may be given several times
  --source <label>    what the page of this label sends, or "host"
  --json              one JSON object a line
  --wait              wait for the app to start, and again each time it has ended
  --app <identifier>  the app, where several run
  --pid <number>      its process, where an app runs several times`

/** A problem that ends the command. */
class Problem extends Error {}

/** The app was gone before this was attached. */
class Gone extends Problem {}

/** Runs the command. Resolves to its exit code. */
export async function tail(args) {
  try {
    const options = optionsOf(args)
    if (options.help) {
      console.log(HELP)
      return 0
    }
    if (options.wait) return await followAll(options)
    await follow(choose(look(options)), options)
    return 0
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    console.error(visible(error.message))
    return 2
  }
}

function optionsOf(args) {
  const string = { type: 'string' }
  const options = {
    name: { type: 'string', multiple: true },
    kind: { type: 'string', multiple: true },
    source: string,
    app: string,
    pid: string,
    json: { type: 'boolean' },
    wait: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  }
  let values
  try {
    values = parseArgs({ args, options }).values
  } catch (error) {
    throw new Problem(`${error.message}\n\n${HELP}`)
  }
  const unknown = values.kind?.find((kind) => !KINDS.includes(kind))
  if (unknown !== undefined) throw new Problem(`there is no kind "${unknown}"; expected ${KINDS.join(', ')}`)
  if (values.pid !== undefined && !/^[0-9]+$/.test(values.pid)) {
    throw new Problem(`--pid is "${values.pid}"; expected the number of a process`)
  }
  if (values.wait && values.pid !== undefined) {
    throw new Problem(
      '--wait and --pid cannot be used together: an app that starts again is another process; use --app',
    )
  }
  return values
}

/** The folder of the sockets of this user, as the plugin finds it. */
function folderOf({ env, platform } = process) {
  if (env.TAURI_EVENT_BUS_SOCKETS) return env.TAURI_EVENT_BUS_SOCKETS
  const name = 'tauri-event-bus'
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(homedir(), 'AppData/Local'), name)
  if (platform === 'darwin') return join(homedir(), 'Library/Caches', name)
  return join(env.XDG_RUNTIME_DIR || env.XDG_CACHE_HOME || join(homedir(), '.cache'), name)
}

/** The apps of this folder. A file that cannot be read is of an app that has just ended, or of another version. */
function appsIn(folder) {
  let files
  try {
    files = readdirSync(folder)
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw new Problem(`cannot read ${folder}: ${error.message}`)
  }
  return files
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      try {
        return [JSON.parse(readFileSync(join(folder, file), 'utf8'))]
      } catch {
        return []
      }
    })
    .filter(({ pid }) => isRunning(pid))
}

/** Whether there is a process of this number. Files of processes that were killed stay until the next app starts. */
function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The apps that run, and those of them that are meant. */
function look({ app, pid }) {
  const running = appsIn(folderOf())
  const found = running.filter(
    (own) => (app === undefined || own.app === app) && (pid === undefined || own.pid === Number(pid)),
  )
  return { running, found }
}

/** The one app that is meant. */
function choose({ running, found }) {
  const folder = folderOf()
  const list = (apps) => apps.map((own) => `  --app ${own.app} --pid ${own.pid}`).join('\n')
  if (found.length > 1) throw new Problem(`several apps run; choose one:\n${list(found)}`)
  const [one] = found
  if (!one) {
    throw new Problem(
      running.length > 0
        ? `no such app runs; these do:\n${list(running)}`
        : `no app runs that has a debug socket in ${folder}. Add the Cargo feature debug-socket of tauri-plugin-event-bus, and start a debug build`,
    )
  }
  if (one.version !== VERSION) {
    throw new Problem(
      `${one.app} speaks version ${one.version} of the debug socket, and this package version ${VERSION}; use the same version of both`,
    )
  }
  return one
}

/** Follows an app each time it runs, until the user ends this. Resolves to the exit code. */
async function followAll(options) {
  let isOver = false
  let wake = () => {}
  const pause = () =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  process.on('SIGINT', () => {
    isOver = true
    wake()
  })
  let isTold = false
  while (!isOver) {
    const looked = look(options)
    if (looked.found.length === 0) {
      if (!isTold) console.error(visible(`waiting for ${options.app ?? 'an app with a debug socket'}; Ctrl-C ends`))
      isTold = true
      await pause()
      continue
    }
    const app = choose(looked)
    isTold = false
    try {
      isOver = (await follow(app, options)) === 'left'
      // The same app from now on.
      options.app = app.app
    } catch (error) {
      // It has ended before this was attached. What it refuses stays refused.
      if (!(error instanceof Gone)) throw error
      await pause()
    }
  }
  return 0
}

/** Prints what the app tells. Resolves to `ended` once it has ended, and to `left` once the user ends this. */
function follow(app, { name, kind, source, json }) {
  const filter = {
    ...(name && { names: name }),
    ...(kind && { kinds: kind }),
    ...(source !== undefined && { source: source === 'host' ? { kind: 'host' } : { kind: 'webview', label: source } }),
  }
  return new Promise((resolve, reject) => {
    const socket = app.socket === undefined ? connect(app.port, '127.0.0.1') : connect(app.socket)
    let isLeft = false
    const leave = () => {
      process.off('SIGINT', interrupt)
      process.stdout.off('error', interrupt)
      isLeft = true
      socket.destroy()
    }
    const end = (how) => {
      leave()
      resolve(how)
    }
    const fail = (message, Kind = Problem) => {
      leave()
      reject(new Kind(message))
    }
    const interrupt = () => end('left')
    process.on('SIGINT', interrupt)
    // The reader of a pipe has left.
    process.stdout.on('error', interrupt)
    let isAttached = false
    socket.on('connect', () => {
      socket.write(Buffer.concat([GREETING, frameOf(JSON.stringify({ token: app.token, filter }))]))
    })
    socket.on('error', (error) => {
      if (!isAttached) fail(`cannot attach to ${app.app} (${app.pid}): ${error.message}`, Gone)
    })
    socket.on('close', () => {
      // This command has closed it.
      if (isLeft) return
      if (!isAttached) return fail(`${app.app} (${app.pid}) has closed the connection`, Gone)
      console.error(visible(`${app.app} (${app.pid}) has ended`))
      end('ended')
    })
    const take = (text) => {
      if (isAttached) return print(text.split('\n'), json, socket)
      const value = JSON.parse(text)
      if (value.error) return fail(`${app.app} (${app.pid}): ${value.error.message} (${value.error.code})`)
      isAttached = true
      // Apart from the records, which may go into a file.
      console.error(visible(`attached to ${app.app} (${app.pid}); Ctrl-C ends`))
    }
    const frames = new Frames(take)
    socket.on('data', (chunk) => {
      try {
        frames.add(chunk)
      } catch (error) {
        fail(`what ${app.app} (${app.pid}) sends cannot be read: ${error.message}`)
      }
    })
  })
}

function print(records, json, socket) {
  // As they are, since numbers would change. A tab stands between tokens, where it is a space.
  const raw = (record) => visible(record.replaceAll('\t', ' '), 'json')
  const lines = records.map((record) => (json ? raw(record) : lineOf(record)))
  // While the terminal is slow, the app keeps what comes, and counts what it loses. What has come already is printed.
  if (!process.stdout.write(`${lines.join('\n')}\n`) && !socket.isPaused()) {
    socket.pause()
    process.stdout.once('drain', () => socket.resume())
  }
}

function frameOf(text) {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  return Buffer.concat([head, body])
}

/** Puts frames together from what arrives. */
class Frames {
  #waiting = []
  #length = 0

  constructor(take) {
    this.take = take
  }

  add(chunk) {
    this.#waiting.push(chunk)
    this.#length += chunk.length
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.take(frame.toString())
  }

  #next() {
    if (this.#length < 4) return undefined
    if (this.#waiting[0].length < 4) this.#join()
    const size = this.#waiting[0].readUInt32LE()
    if (size > MAX_FRAME) throw new Error(`a frame of ${size} bytes`)
    if (this.#length < 4 + size) return undefined
    const all = this.#join()
    const rest = all.subarray(4 + size)
    this.#waiting = rest.length > 0 ? [rest] : []
    this.#length = rest.length
    return all.subarray(4, 4 + size)
  }

  #join() {
    const all = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting)
    this.#waiting = [all]
    return all
  }
}
