// One page of Chromium, which does what ../libwebrtc/orders.js says. Takes the same argument as the peer of libwebrtc.
'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const { chromium } = createRequire(path.join(__dirname, '../../../ui/package.json'))('playwright-core');
const { obey, say } = require('../libwebrtc/orders.js');
const { RATE, isOfUse, isTone } = require('../libwebrtc/sound.js');

const { says, hears, red } = JSON.parse(process.argv[2]);

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--autoplay-policy=no-user-gesture-required',
  // Candidates under a name that is known in this browser alone are of no use to the line between the peers.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** Runs in the page: a peer that says a tone, and gives what it hears ten times a second. */
function prepare({ says, rate }) {
  const sound = new AudioContext({ sampleRate: rate });
  const voice = sound.createMediaStreamDestination();
  const tone = new OscillatorNode(sound, { frequency: says });
  tone.connect(new GainNode(sound, { gain: 0.3 })).connect(voice);
  tone.start();
  const peer = new RTCPeerConnection();
  for (const track of voice.stream.getTracks()) peer.addTrack(track, voice.stream);
  peer.onconnectionstatechange = () => peer.connectionState === 'connected' && window.connected();
  peer.onicecandidate = ({ candidate }) => candidate && window.candidate(candidate.toJSON());
  peer.ontrack = ({ track }) => {
    const stream = new MediaStream([track]);
    // Chromium plays nothing into the graph of a voice that no element plays.
    window.speaker = Object.assign(new Audio(), { srcObject: stream });
    void window.speaker.play();
    const ear = new AnalyserNode(sound, { fftSize: 4096 });
    sound.createMediaStreamSource(stream).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    setInterval(() => {
      ear.getFloatTimeDomainData(samples);
      window.heard(Array.from(samples, (sample) => Math.round(sample * 32767)));
    }, 100);
  };
  window.make = async (type) => (await (type === 'offer' ? peer.createOffer() : peer.createAnswer())).sdp;
  window.choose = (description) => peer.setLocalDescription(description);
  window.understand = (description) => peer.setRemoteDescription(description);
  window.add = (candidate) => peer.addIceCandidate(candidate);
}

async function main() {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find(fs.existsSync);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  let wasConnected = false;
  await page.exposeFunction('connected', () => {
    if (!wasConnected) say({ connected: true });
    wasConnected = true;
  });
  await page.exposeFunction('candidate', (candidate) => isOfUse(candidate) && say({ candidate }));
  await page.exposeFunction('heard', (samples) => isTone(samples, hears) && say({ heard: true }));
  await page.evaluate(prepare, { says, rate: RATE });
  obey(
    {
      make: (type) => page.evaluate((type) => window.make(type), type),
      choose: (description) => page.evaluate((description) => window.choose(description), description),
      understand: (description) => page.evaluate((description) => window.understand(description), description),
      add: (candidate) => page.evaluate((candidate) => window.add(candidate), candidate),
    },
    red,
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
