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

/** Whether a candidate is of use: the line takes one path of UDP over IPv4. */
const isOfUse = (candidate) => / udp /i.test(candidate.candidate) && candidate.candidate.split(' ')[4].includes('.');

module.exports = { FRAME, RATE, heardIn, isOfUse, mouth, now };
