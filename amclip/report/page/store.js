// Texts that the browser keeps between visits, by key: in IndexedDB, since Chromium loses what a page opened from disk
// has written to localStorage when that page is loaded again soon after. All are in memory too: reading never waits.

const RECORDS = "records";
const OPENING = 5000; // milliseconds; a browser that needs longer will not do it at all

/** Events: "change" (`detail`: a key that another tab has changed), "failure" (a text was, or is no longer, not kept). */
class Store extends EventTarget {
  /** @param keys those whose texts are wanted; they are there once `opened` is done, whether it worked or not */
  constructor(keys) {
    super();
    this.texts = new Map(keys.map((key) => [key, null]));
    this.turns = new Map(); // how often each key was written
    this.failed = new Set(); // keys of what could not be kept
    this.pending = 0; // what was written and is not yet kept
    this.database = null;
    this.opened = this.open();
  }

  async open() {
    const late = new Promise((_, refuse) => setTimeout(() => refuse(new Error("the browser does not answer")), OPENING));
    try {
      this.channel = new BroadcastChannel(TOOLS); // refused where the database is
      this.channel.onmessage = ({ data }) => this.hear(data);
      const database = await Promise.race([connection(), late]);
      const texts = await Promise.race([textsIn(database, [...this.texts.keys()]), late]);
      for (const [key, text] of texts) this.texts.set(key, text);
      this.database = database;
    } catch {
      for (const key of this.texts.keys()) this.failed.add(key);
    }
  }

  keeps(key) {
    return !this.failed.has(key);
  }

  /** The text of a key, or null. */
  get(key) {
    return this.texts.get(key) ?? null;
  }

  set(key, text) {
    this.write(key, text, (records) => records.put(text, key));
  }

  remove(key) {
    this.write(key, null, (records) => records.delete(key));
  }

  /** Transactions are carried out in the order in which they are made: what was written last stays. */
  write(key, text, change) {
    const turn = (this.turns.get(key) ?? 0) + 1;
    this.turns.set(key, turn);
    this.texts.set(key, text);
    this.pending++;
    try {
      // Relaxed: does not wait for the disk. A slider writes many times a second, and only a power cut loses any of it.
      const transaction = this.database.transaction(RECORDS, "readwrite", { durability: "relaxed" });
      change(transaction.objectStore(RECORDS));
      transaction.commit(); // else a page that goes away could take it back
      transaction.oncomplete = () => this.written(key, turn, true);
      transaction.onabort = () => this.written(key, turn, false);
    } catch {
      this.written(key, turn, false); // also where there is no database
    }
  }

  written(key, turn, kept) {
    this.pending--;
    if (kept) this.channel.postMessage(key);
    if (turn !== this.turns.get(key) || kept === this.keeps(key)) return;
    if (kept) this.failed.delete(key);
    else this.failed.add(key);
    this.dispatchEvent(new Event("failure"));
  }

  /** Another tab has changed a key. What was written here since, or could not be kept, is not given up for it. */
  async hear(key) {
    await this.opened;
    if (!this.database || !this.texts.has(key)) return;
    const turn = this.turns.get(key);
    const texts = await textsIn(this.database, [key]).catch(() => this.texts);
    const text = texts.get(key);
    if (turn !== this.turns.get(key) || !this.keeps(key) || text === this.get(key)) return;
    this.texts.set(key, text);
    this.dispatchEvent(new CustomEvent("change", { detail: key }));
  }
}

/** The database, made where there is none; refused where the browser keeps nothing. */
function connection() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(TOOLS, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What the database has under keys: a map to texts, or to null. */
function textsIn(database, keys) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(RECORDS, "readonly");
    const records = transaction.objectStore(RECORDS);
    const requests = keys.map((key) => [key, records.get(key)]);
    transaction.oncomplete = () => resolve(new Map(requests.map(([key, { result }]) => [key, result ?? null])));
    transaction.onabort = () => reject(transaction.error);
  });
}
