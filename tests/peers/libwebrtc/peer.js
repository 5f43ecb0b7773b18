// One peer of libwebrtc, which does what orders.js says. Takes one argument in JSON:
//
//   {"says": hertz, "hears": hertz, "red": whether it takes and sends copies (RFC 2198)}
'use strict';

const wrtc = require('@roamhq/wrtc');
const { obey, say } = require('./orders.js');
const { FRAME, RATE, heardIn, isOfUse, isTone, mouth } = require('./sound.js');

const { says, hears, red } = JSON.parse(process.argv[2]);

/** The tone, from where the last frame ended. */
function tone(hertz) {
  let at = 0;
  return () => Int16Array.from({ length: FRAME }, () => Math.round(9830 * Math.sin((2 * Math.PI * hertz * at++) / RATE)));
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

obey(
  {
    make: async (type) => (await (type === 'offer' ? peer.createOffer() : peer.createAnswer())).sdp,
    choose: (description) => peer.setLocalDescription(description),
    understand: (description) => peer.setRemoteDescription(description),
    add: (candidate) => peer.addIceCandidate(candidate),
  },
  red,
);
