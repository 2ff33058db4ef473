import { BaseDatastore } from 'datastore-core'
import type { Datastore, Key, KeyQuery, Pair, Query } from 'interface-datastore'

/** A datastore that passes everything on: what one changes, it overrides. */
export class WrappedDatastore extends BaseDatastore {
  protected readonly inner: Datastore

  constructor(inner: Datastore) {
    super()
    this.inner = inner
  }

  override async put(...args: Parameters<Datastore['put']>): Promise<Key> {
    return await this.inner.put(...args)
  }

  override async get(...args: Parameters<Datastore['get']>): Promise<Uint8Array> {
    return await this.inner.get(...args)
  }

  override async has(...args: Parameters<Datastore['has']>): Promise<boolean> {
    return await this.inner.has(...args)
  }

  override async delete(...args: Parameters<Datastore['delete']>): Promise<void> {
    await this.inner.delete(...args)
  }

  override async *_all({ prefix }: Query): AsyncGenerator<Pair> {
    yield* this.inner.query(prefix === undefined ? {} : { prefix })
  }

  override async *_allKeys({ prefix }: KeyQuery): AsyncGenerator<Key> {
    yield* this.inner.queryKeys(prefix === undefined ? {} : { prefix })
  }
}
