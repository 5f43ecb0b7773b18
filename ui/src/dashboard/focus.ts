import { tick } from "svelte";

/** Whoever has pressed what is not there any more goes on at the headline of the page, and not at its very beginning. */
export async function keepFocus(): Promise<void> {
  await tick();
  const { activeElement, body } = document;
  if (activeElement && activeElement !== body) return;
  document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
}
