/** Returns a base URL. Throws a TypeError unless it is complete and safe to send a session to. */
export function baseURL(name: string, text: string | URL): URL {
  // Relative to the page, a forgotten https:// would go unnoticed.
  const url = parse(text, undefined);
  if (url === undefined) throw new TypeError(`${name}: not an absolute URL`);
  // An empty query or fragment is in the href alone.
  if (url.username !== "" || url.password !== "" || /[?#]/.test(url.href)) {
    throw new TypeError(`${name}: a base URL has neither credentials nor a query nor a fragment`);
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    throw new TypeError(`${name}: ${url.origin} is not https; http is for this machine only`);
  }
  return url;
}

/** Returns the URL of a request, or undefined if its address is invalid. */
export function urlOf(address: string | URL): URL | undefined {
  return parse(address, globalThis.document?.baseURI ?? globalThis.location?.href);
}

function parse(text: string | URL, base: string | undefined): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(host)
  );
}
