import { mount } from 'svelte'
import './app.css'
import { connect } from './lib/client/connect.ts'
import { registerServiceWorker } from './lib/client/service-worker.ts'
import App from './routes/App.svelte'

const target = document.querySelector('#app')
if (target === null) throw new Error('index.html has no #app')

const { api, status } = connect()
mount(App, { target, props: { node: api, status } })
registerServiceWorker()
