import { untrack } from "svelte";

/** How long a click may still be meant for what was at its place before, in milliseconds: longer than anybody takes for a double click. */
const MOMENT = 600;

/**
 * Says whether what is shown has been there for a moment. What does something else than the control before it, at the same place, appears only then, so
 * that the second of two quick clicks does nothing.
 */
export function settled(what: () => string): () => boolean {
  let seen = $state(untrack(what));
  $effect(() => {
    const now = what();
    if (now === seen) return;
    const waiting = setTimeout(() => (seen = now), MOMENT);
    return () => clearTimeout(waiting);
  });
  return () => seen === what();
}
