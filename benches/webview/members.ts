// What the page and its worker use of the guest package, beside the script that the plugin runs in a page.
export { listen } from '../../guest-js/src/index.js'
export { connect, expose } from '../../guest-js/src/worker.js'
