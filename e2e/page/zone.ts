// It replaces `Promise` and its `then`, before anything else runs.
import 'zone.js'

void import('./main.js')
