import { sane } from "./answers.js";

// Where answers are kept: a database of this page's own, so that another page of the same
// origin (prospect clears localStorage) cannot wipe them. Every answer is one record under
// batch, inspector and TARGETID: what two tabs write about two spectra never meets, and of
// two answers about one spectrum the later is kept.

const NAME = "quasarnet-al";
const asPromise = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export class Store {
  #db = null;

  // Whether answers are kept at all.
  get works() { return this.#db !== null; }

  async open() {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        for (const name of ["answers", "seen", "settings"]) request.result.createObjectStore(name);
      };
      const late = new Promise((_, reject) => { setTimeout(() => reject(new Error("no answer")), 3000); });
      this.#db = await Promise.race([asPromise(request), late]);
      this.#db.onversionchange = () => this.#db.close();
    } catch {
      this.#db = null;
    }
  }

  async setting(name) {
    try {
      return await asPromise(this.#objects("settings").get(name));
    } catch {
      return undefined;
    }
  }

  // Each write says whether it was kept.
  putSetting(name, value) { return this.#write("settings", (objects) => objects.put(value, name)); }

  putSeen(prefix, targetid) { return this.#write("seen", (objects) => objects.put(true, prefix + targetid)); }

  putAnswer(prefix, targetid, answer) { return this.#write("answers", (objects) => objects.put(answer, prefix + targetid)); }

  // The answers and seen spectra under a prefix, and how many records are not answers.
  async load(prefix) {
    const answers = {}, seen = [];
    let broken = 0;
    try {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const objects = this.#objects("answers");
      const [keys, values] = await Promise.all([asPromise(objects.getAllKeys(range)), asPromise(objects.getAll(range))]);
      keys.forEach((key, at) => {
        const answer = sane(values[at]);
        if (answer) answers[key.slice(prefix.length)] = answer;
        else broken += 1;
      });
      for (const key of await asPromise(this.#objects("seen").getAllKeys(range))) seen.push(key.slice(prefix.length));
    } catch {
      // What cannot be read is not there; `works` says whether new answers are kept.
    }
    return { answers, seen, broken };
  }

  // The keys of all answers under a prefix.
  async keys(prefix) {
    try {
      return await asPromise(this.#objects("answers").getAllKeys(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
    } catch {
      return [];
    }
  }

  #objects(name) { return this.#db.transaction(name, "readonly").objectStore(name); }

  #write(name, act) {
    return new Promise((resolve) => {
      try {
        const transaction = this.#db.transaction(name, "readwrite", { durability: "strict" });
        transaction.oncomplete = () => resolve(true);
        transaction.onabort = () => resolve(false);
        act(transaction.objectStore(name));
        // At once: a page that is closed now has still handed its answer over.
        transaction.commit();
      } catch {
        resolve(false);
      }
    });
  }
}

// What the page kept in localStorage before it had a database: the settings, the inspector's
// name and the answers of a batch. Nothing that is broken in there is an error.
export function fromLocalStorage(batch) {
  const read = (key) => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const answers = {};
  let count = 0;
  const saved = read(batch);
  for (const [targetid, value] of Object.entries((saved && saved.answers) || {})) {
    const answer = sane(value);
    if (answer) { answers[targetid] = answer; count += 1; }
  }
  const inspector = read("quasarnet-al/inspector");
  return {
    answers, count, seen: Array.isArray(saved?.seen) ? saved.seen.map(String) : [], settings: read("quasarnet-al/settings"),
    inspector: typeof inspector === "string" ? inspector : "",
    forget() { try { localStorage.removeItem(batch); } catch { /* It was not there. */ } },
  };
}
