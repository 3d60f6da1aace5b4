/** One object store in a database of IndexedDB, which all tabs and workers of one origin share. */
export class Database {
  readonly #name: string;
  readonly #store: string;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(name: string, store: string) {
    this.#name = name;
    this.#store = store;
  }

  /**
   * Runs a transaction, and returns the result of the request that `ask` returned. The transactions
   * of all tabs that write run one after another.
   */
  async run(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest,
  ): Promise<unknown> {
    const kept = this.#opened;
    try {
      return await this.#transact(mode, ask);
    } catch (error) {
      if (kept === undefined) throw error;
      // The connection that was kept may be of no use: some browsers lose those of pages in the
      // background.
      if (this.#opened === kept) this.#opened = undefined;
      return this.#transact(mode, ask);
    }
  }

  async #transact(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest,
  ): Promise<unknown> {
    this.#opened ??= this.#open();
    const connection = await this.#opened;
    return new Promise((resolve, reject) => {
      const transaction = connection.transaction(this.#store, mode);
      const request = ask(transaction.objectStore(this.#store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  #open(): Promise<IDBDatabase> {
    const closed = () => (this.#opened = undefined);
    const opening = new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(this.#store);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const connection = request.result;
        connection.onclose = closed;
        // Another tab deletes the database.
        connection.onversionchange = () => {
          connection.close();
          closed();
        };
        resolve(connection);
      };
    });
    opening.catch(closed);
    return opening;
  }
}
