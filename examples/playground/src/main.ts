import { isTauri } from '@tauri-apps/api/core'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import { startAsking } from './ask'
import { element } from './element'
import { startListening } from './listening'
import { startLog } from './log'
import { startNotices } from './notice'
import { startPeriodicForm } from './periodic'
import { startSend } from './send'
import { startTask } from './task'
import { startTheme } from './theme'

const label = isTauri() ? getCurrentWebviewWindow().label : 'browser'
element('window-label', HTMLElement).textContent = label
document.title = `${label} · Event bus playground`

startTheme()
startLog()
startListening(label)
startSend()
startPeriodicForm()
startTask()
startAsking(label)
startNotices()
