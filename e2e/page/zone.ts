// It replaces `Promise` and its `then`, before anything else runs.
import 'zone.js'
