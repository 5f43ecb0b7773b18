// Lets pages of two browsers that are open call each other:
//   node call.js <port of the caller's browser> <port of the callee's>
// Prints "connected" when the call is up, which ends with the standard input.
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');

const { chromium } = createRequire(path.join(__dirname, '../../../ui/package.json'))('playwright-core');

/** Runs in a page: what its side of the call needs. */
function prepare() {
  const peer = new RTCPeerConnection();
  const speaker = new Audio();
  peer.ontrack = ({ track }) => {
    speaker.srcObject = new MediaStream([track]);
    void speaker.play();
  };
  const speak = async () => {
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of microphone.getTracks()) peer.addTrack(track, microphone);
  };
  const described = () =>
    new Promise((resolve) => {
      const look = () => peer.iceGatheringState === 'complete' && resolve(peer.localDescription.toJSON());
      peer.onicegatheringstatechange = look;
      look();
    });
  window.offer = async () => {
    await speak();
    await peer.setLocalDescription(await peer.createOffer());
    return described();
  };
  window.answer = async (offer) => {
    await peer.setRemoteDescription(offer);
    await speak();
    await peer.setLocalDescription(await peer.createAnswer());
    return described();
  };
  window.accept = (answer) => peer.setRemoteDescription(answer);
  window.connected = () =>
    new Promise((resolve) => {
      const look = () => peer.connectionState === 'connected' && resolve(true);
      peer.onconnectionstatechange = look;
      look();
    });
}

async function main([callerPort, calleePort]) {
  // A microphone is given to pages with an address of their own alone.
  const server = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>Call</title>'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const open = async (port) => {
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    const page = browser.contexts()[0].pages()[0];
    await page.goto(address);
    await page.evaluate(prepare);
    return page;
  };
  const [caller, callee] = await Promise.all([open(callerPort), open(calleePort)]);
  const offer = await caller.evaluate(() => window.offer());
  const answer = await callee.evaluate((offer) => window.answer(offer), offer);
  await caller.evaluate((answer) => window.accept(answer), answer);
  await Promise.all([caller, callee].map((page) => page.evaluate(() => window.connected())));
  console.log('connected');
  process.stdin.on('end', () => process.exit(0)).resume();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
