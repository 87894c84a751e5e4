import { isTauri } from '@tauri-apps/api/core'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import { element } from './element'
import { startJobs } from './jobs'
import { startLog } from './log'
import { startNotices } from './notice'
import { startRequests } from './request'
import { startSend } from './send'
import { startSubscription } from './subscription'
import { startTask } from './task'
import { startTerminal } from './terminal-window'
import { startTheme } from './theme'

const label = isTauri() ? getCurrentWebviewWindow().label : 'browser'
element('window-label', HTMLElement).textContent = label
document.title = `${label} · Event bus playground`

startTheme()
startLog()
startSubscription(label)
startSend()
startJobs()
startTask()
startTerminal()
startRequests(label)
startNotices()
