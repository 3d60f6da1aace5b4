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
   * Runs a transaction, on a connection that is kept, and returns the result of the request that
   * `ask` returned. Transactions that write run one after another, in all tabs.
   */
  async run(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest,
  ): Promise<unknown> {
    this.#opened ??= this.#open();
    const connection = await this.#opened;
    return new Promise((resolve, reject) => {
      try {
        const transaction = connection.transaction(this.#store, mode);
        const request = ask(transaction.objectStore(this.#store));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      } catch (error) {
        this.#opened = undefined; // the browser has closed the connection
        reject(error);
      }
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
