// What the programs in this folder share: sound in, sound out, and the line between peers.
'use strict';

/** Samples in 10 ms at 48 kHz. */
const FRAME = 480;
const RATE = 48000;

/** Milliseconds of the system's monotonic clock. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Says 10 ms whenever they are due: what `next` gives, an `Int16Array`. */
function mouth(source, next) {
  const began = now();
  let frames = 0;
  const timer = setInterval(() => {
    for (; frames * 10 < now() - began; frames += 1) {
      source.onData({ samples: next(), sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: FRAME });
    }
  }, 1);
  return () => clearInterval(timer);
}

/** One channel at 48 kHz of what a sink gives. Before the first packet frames may come in another rate. */
const heardIn = (data) =>
  Int16Array.from({ length: FRAME }, (_, at) => data.samples[Math.floor((at * data.numberOfFrames) / FRAME) * data.channelCount]);

/** Whether most of a sound is one tone; a loud one. */
function isTone(samples, hertz) {
  let [power, sine, cosine] = [0, 0, 0];
  samples.forEach((sample, at) => {
    const turn = (2 * Math.PI * hertz * at) / RATE;
    power += sample * sample;
    sine += sample * Math.sin(turn);
    cosine += sample * Math.cos(turn);
  });
  const ofTone = (2 * (sine * sine + cosine * cosine)) / samples.length;
  return power / samples.length > 10_000 && ofTone > 0.7 * power;
}

/** Whether a candidate is of use: the line takes one path of UDP over IPv4. */
const isOfUse = (candidate) => / udp /i.test(candidate.candidate) && candidate.candidate.split(' ')[4].includes('.');

module.exports = { FRAME, RATE, heardIn, isOfUse, isTone, mouth, now };
