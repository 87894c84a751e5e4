import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { useEventState } from 'tauri-plugin-event-bus-api/react'
import { loadProducts, type Product } from './books'
import { bridgeToScripts, productList, shoppingCart } from './bus'
import { Cart } from './cart'
import { element } from './element'
import { useLoaded } from './loaded'
import { ProductList } from './products'

function Shop() {
  const products = useLoaded(productList, loadProducts, [])
  // Retained: a reloaded window keeps its cart.
  const [cart, setCart] = useEventState('shop:cart:updated', { lines: [] })

  const add = ({ id, name }: Product) => {
    setCart(({ lines }) => {
      const others = lines.filter(({ product }) => product !== id)
      const quantity = lines.find(({ product }) => product === id)?.quantity ?? 0
      return { lines: [...others, { product: id, quantity: quantity + 1 }] }
    })
    void shoppingCart.success(`${name} is in the cart.`)
  }

  return (
    <>
      <ProductList products={products} onAdd={add} />
      <Cart lines={cart.lines} products={products} onEmpty={() => setCart({ lines: [] })} />
    </>
  )
}

bridgeToScripts()
createRoot(element('shop')).render(
  <StrictMode>
    <Shop />
  </StrictMode>,
)
