import type { RecentCall } from "../../bridge";

/** How many are offered: as many as are seen at once. */
const MOST = 4;

export interface Person {
  cuid: string;
  name: string | null;
}

/** Those whom this user has last had to do with, the latest first. */
export function peopleOf(recent: RecentCall[], except: string[]): Person[] {
  const people = new Map<string, string | null>();
  for (const { peer, peerName } of recent) if (!except.includes(peer)) people.set(peer, people.get(peer) ?? peerName);
  return [...people].slice(0, MOST).map(([cuid, name]) => ({ cuid, name }));
}
