import { App } from './app.js'

const app = new App()
document.body.append(app.element)
app.start()
