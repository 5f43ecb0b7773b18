// Keys that act on a call from anywhere in its window. Each takes Ctrl and Shift, so that none is pressed by accident or typed into a field.

export type CallKey = "answer" | "endAndAnswer" | "decline" | "mute" | "hold" | "swap" | "transfer" | "newCall" | "hangUp";

const letters: Record<CallKey, string> = {
  answer: "A",
  endAndAnswer: "E",
  decline: "D",
  mute: "M",
  hold: "P",
  swap: "S",
  transfer: "T",
  newCall: "N",
  hangUp: "H",
};

/** The keys as `aria-keyshortcuts` has them. */
export const shortcut = (key: CallKey): string => `Control+Shift+${letters[key]}`;

/** The keys as people read them, one by one. */
export const keysOf = (key: CallKey): string[] => ["Ctrl", "Shift", letters[key]];

/** What a press of keys means, if it means anything here. */
export function pressed(event: KeyboardEvent): CallKey | null {
  if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey || event.repeat) return null;
  // Where the keyboard writes other letters, the place of the key counts.
  const letter = /^[a-z]$/i.test(event.key) ? event.key.toUpperCase() : event.code.replace(/^Key/, "");
  const found = Object.entries(letters).find(([, wanted]) => wanted === letter);
  return found ? (found[0] as CallKey) : null;
}
