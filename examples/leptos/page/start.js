import init from './leptos_page.js'

init()
