// One peer of libwebrtc, told by lines of JSON on its standard input what to do, which says by lines what it has to say. Takes one argument in JSON:
//
//   {"says": hertz, "hears": hertz, "red": whether it takes and sends copies (RFC 2198)}
//
// In:  {"offer": null} makes an offer; {"offer": sdp}, {"answer": sdp} and {"candidate": …} are the other side's.
// Out: {"offer": sdp}, {"answer": sdp}, {"candidate": …}, {"connected": true}, and {"heard": true} each tenth of a second that is the other side's tone.
'use strict';

const readline = require('node:readline');
const wrtc = require('@roamhq/wrtc');
const { FRAME, RATE, heardIn, isOfUse, mouth } = require('./sound.js');

const { says, hears, red } = JSON.parse(process.argv[2]);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Puts copies first, by which they are sent, or takes them out of a description. */
const changed = (sdp) =>
  red
    ? sdp.replace(/(m=audio \d+ \S+) 111 63/, '$1 63 111')
    : sdp.replace(/(m=audio \d+ \S+) (63 111|111 63)/, '$1 111').replace(/a=(rtpmap|fmtp|rtcp-fb):63 .*\r\n/g, '');
const described = ({ type, sdp }) => ({ type, sdp: changed(sdp) });

/** The tone, from where the last frame ended. */
function tone(hertz) {
  let at = 0;
  return () => Int16Array.from({ length: FRAME }, () => Math.round(9830 * Math.sin((2 * Math.PI * hertz * at++) / RATE)));
}

/** Whether most of a sound is one tone. */
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

const peer = new wrtc.RTCPeerConnection({ iceServers: [] });
let wasConnected = false;
peer.onconnectionstatechange = () => {
  if (peer.connectionState !== 'connected' || wasConnected) return;
  wasConnected = true;
  say({ connected: true });
};
peer.onicecandidate = ({ candidate }) => candidate && isOfUse(candidate) && say({ candidate });
peer.ontrack = ({ track }) => {
  const sink = new wrtc.nonstandard.RTCAudioSink(track);
  let heard = [];
  sink.ondata = (data) => {
    heard.push(...heardIn(data));
    if (heard.length >= 10 * FRAME) {
      if (isTone(heard, hears)) say({ heard: true });
      heard = [];
    }
  };
};
const source = new wrtc.nonstandard.RTCAudioSource();
peer.addTrack(source.createTrack(), new wrtc.MediaStream());
mouth(source, tone(says));

const early = [];
async function understand(description) {
  await peer.setRemoteDescription(described(description));
  for (const candidate of early.splice(0)) await peer.addIceCandidate(candidate);
}
const does = {
  offer: async (sdp) => {
    if (sdp === null) {
      await peer.setLocalDescription(described(await peer.createOffer()));
      say({ offer: peer.localDescription.sdp });
    } else {
      await understand({ type: 'offer', sdp });
      await peer.setLocalDescription(described(await peer.createAnswer()));
      say({ answer: peer.localDescription.sdp });
    }
  },
  answer: (sdp) => understand({ type: 'answer', sdp }),
  candidate: async (candidate) => {
    if (peer.remoteDescription) await peer.addIceCandidate(candidate);
    else early.push(candidate);
  },
};

// One after the other: what comes while a description is taken belongs after it.
let turn = Promise.resolve();
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  for (const [what, value] of Object.entries(JSON.parse(line))) {
    turn = turn.then(() => does[what](value)).catch((error) => {
      console.error(error);
      process.exit(1);
    });
  }
}).on('close', () => process.exit(0));
