const POLL_INTERVAL_MS = 50;

/** Polls until `look` finds something. @throws naming `what` was waited for when time is up */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  { limitMs = 20_000, what }: { limitMs?: number; what: () => string },
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}
