import { type FormEvent, useState } from 'react'
import { loadProducts, type Product, saveProduct } from './books'
import { productEditor, productList } from './bus'
import { useLoaded } from './loaded'
import { money } from './money'

productEditor.describe({
  description: 'Changes the names, prices and stocks of products.',
  emits: { 'refresh-productlist': 'A product has changed.' },
})

async function save(product: Product): Promise<void> {
  try {
    await productEditor.action('save', () => {
      checkNumber('price', product.price)
      checkNumber('stock', product.stock)
      return saveProduct(product)
    })
  } catch {
    // The toasts show the built-in event `error`.
    return
  }
  await Promise.all([productEditor.refresh('ProductList'), productEditor.success(`${product.name} is saved.`)])
}

/** Refuses what Rust cannot parse. Rust checks the rest of a product. */
function checkNumber(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw Object.assign(new Error(`The ${field} has to be an integer of at least 0.`), { status: 422 })
}

/** The products as the office sees them, and a form for the selected one. */
export function ProductEditor() {
  const products = useLoaded(productList, loadProducts, [])
  const [chosen, setChosen] = useState(1)
  const product = products.find(({ id }) => id === chosen)
  return (
    <section className="card editor" aria-labelledby="editor-title">
      <h2 id="editor-title">Products</h2>
      <ul data-testid="stocks">
        {products.map(({ id, name, price, stock }) => (
          <li key={id}>
            <button
              type="button"
              className="choice"
              data-product={id}
              aria-pressed={id === chosen}
              onClick={() => setChosen(id)}
            >
              <span>{name}</span>
              <span className="soft">{money(price)}</span>
              <span data-testid="stock">{stock}</span>
            </button>
          </li>
        ))}
      </ul>
      {product && <Form key={JSON.stringify(product)} product={product} />}
    </section>
  )
}

function Form({ product }: { product: Product }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    void save({
      id: product.id,
      name: String(fields.get('name')),
      price: Math.round(Number(fields.get('price')) * 100),
      stock: Number(fields.get('stock')),
    })
  }
  return (
    <form onSubmit={submit} noValidate>
      <label className="wide">
        <span>Name</span>
        <input name="name" data-testid="name" defaultValue={product.name} autoComplete="off" spellCheck={false} />
      </label>
      <label>
        <span>Price (€)</span>
        <input name="price" data-testid="price" defaultValue={(product.price / 100).toFixed(2)} inputMode="decimal" />
      </label>
      <label>
        <span>Stock</span>
        <input name="stock" data-testid="stock-field" defaultValue={product.stock} inputMode="numeric" />
      </label>
      <button type="submit" className="primary" data-testid="save">
        Save
      </button>
    </form>
  )
}
