import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { bridgeToScripts } from './bus'
import { ProductEditor } from './editor'
import { element } from './element'
import { OrderList } from './orders'
import { startTap } from './tap'

bridgeToScripts()
startTap()
createRoot(element('office')).render(
  <StrictMode>
    <ProductEditor />
    <OrderList />
  </StrictMode>,
)
