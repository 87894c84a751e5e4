const { listen } = require('@tauri-apps/api/event');

listen('mail:' + 'new', () => {});
listen(navigator.onLine ? 'mail:online' : 'mail:offline', () => {});
