declare global {
  // TypeScript has these since 5.2. With them here the package's types also work with the compilers before, and without the
  // library `esnext.disposable`.
  interface SymbolConstructor {
    readonly dispose: unique symbol
    readonly asyncDispose: unique symbol
  }
  interface Disposable {
    [Symbol.dispose](): void
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>
  }
}

/** What `using` ends. A file that imports it brings the declarations above along. */
export type Usable = Disposable

/** What `await using` ends. */
export type AsyncUsable = AsyncDisposable
