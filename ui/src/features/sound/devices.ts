import type { Device, PreferencesForm, SettingsView } from "../../bridge";
import type { Catalogue } from "../../catalogue";

interface Option {
  value: string;
  label: string;
}

/** No id can be taken for it: ids are written with a prefix. */
const SYSTEM = "system";
const PREFIX = "device:";

/** How a menu names a device; `null` follows the system. */
export const valueOf = (id: string | null): string => (id === null ? SYSTEM : PREFIX + id);

/** The device that a menu names. */
export const idOf = (value: string): string | null => (value === SYSTEM ? null : value.slice(PREFIX.length));

/** What a menu offers: the system's choice, what is there, and what was chosen though it is not there. */
export function options(words: Catalogue, devices: Device[], chosen: string | null, unchosen = systemOf(words, devices)): Option[] {
  const missing = chosen !== null && !devices.some((device) => device.id === chosen);
  return [
    { value: SYSTEM, label: unchosen },
    ...devices.map((device) => ({ value: valueOf(device.id), label: device.name })),
    ...(missing ? [{ value: valueOf(chosen), label: words.settings.missingDevice }] : []),
  ];
}

/** What the system's choice is called. */
function systemOf(words: Catalogue, devices: Device[]): string {
  if (!devices.length) return words.settings.noDevice;
  const current = devices.find((device) => device.isDefault);
  return current ? words.settings.followSystemNow(current.name) : words.settings.followSystem;
}

/** All preferences, with some of them changed. */
export const preferences = (settings: SettingsView, changed: Partial<PreferencesForm>): PreferencesForm => ({
  microphone: settings.microphone,
  speaker: settings.speaker,
  ringSpeaker: settings.ringSpeaker,
  echoCancellation: settings.echoCancellation,
  noiseSuppression: settings.noiseSuppression,
  gainControl: settings.gainControl,
  outgoingTone: settings.outgoingTone,
  ringtone: settings.ringtone,
  secondCalls: settings.secondCalls,
  ringWhenClosed: settings.wake.state !== "off",
  distributor: settings.distributor,
  ...changed,
});
