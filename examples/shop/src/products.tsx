import type { CSSProperties } from 'react'
import type { Product } from './books'
import { money } from './money'

/** The products as customers see them. */
export function ProductList({ products, onAdd }: { products: Product[]; onAdd(product: Product): void }) {
  return (
    <section className="products" aria-label="Products" data-testid="products">
      {products.map((product) => (
        <article key={product.id} className="card product" data-product={product.id}>
          <Tin id={product.id} />
          <h2>{product.name}</h2>
          <p className="soft" data-testid="stock">
            {product.stock === 0 ? 'Sold out' : `${product.stock} left`}
          </p>
          <p className="price" data-testid="price">
            {money(product.price)}
          </p>
          <button type="button" data-testid="add" disabled={product.stock === 0} onClick={() => onAdd(product)}>
            Add
          </button>
        </article>
      ))}
    </section>
  )
}

function Tin({ id }: { id: number }) {
  const color = { '--hue': `${(id * 67) % 360}` } as CSSProperties
  return (
    <svg className="tin" viewBox="0 0 120 56" style={color} aria-hidden="true">
      <rect className="lid" x="45" y="5" width="30" height="9" rx="3" />
      <rect className="body" x="41" y="12" width="38" height="40" rx="5" />
      <path className="leaf" d="M60 42c-8-5-8-14 0-20 8 6 8 15 0 20Zm0 0V29" />
    </svg>
  )
}
