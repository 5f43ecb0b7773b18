/** How long it stays, in milliseconds: long enough to be read beside a talk. */
const STAYS = 8_000;

/** Shows what is new for some seconds, or until it is put away. `null` is nothing. */
export function passing(what: () => string | null) {
  let past = $state.raw<string | null>(null);
  $effect(() => {
    const now = what();
    if (now === null) past = null;
    if (now === past) return;
    const over = setTimeout(() => (past = now), STAYS);
    return () => clearTimeout(over);
  });
  return {
    isShown: (): boolean => what() !== null && what() !== past,
    putAway: (): void => void (past = what()),
  };
}
