// One call between two peers of libwebrtc in this process. What goes from the first to the second passes an impaired line, which is reached at the
// ports that are given. Takes one argument in JSON:
//
//   {"wav": what is said, "out": where what is heard goes, "seconds": how long, "red": whether RED comes first, "first": port, "second": port}
//
// and prints one line of JSON: {"saidFrom": ms, "arrivals": [[samples heard so far, ms], …]}, in milliseconds of one clock.
'use strict';

const fs = require('node:fs');
const wrtc = require('@roamhq/wrtc');
const { FRAME, heardIn, isOfUse, mouth, now } = require('./sound.js');

const HEADER = 44;
const ADDRESS = '127.0.0.1';

const call = JSON.parse(process.argv[2]);

/** The samples of a WAV file with one channel of 16 bits at 48 kHz. */
function samplesOf(file) {
  const bytes = fs.readFileSync(file);
  const start = bytes.indexOf('data') + 8;
  const length = Math.min(bytes.readUInt32LE(start - 4), bytes.length - start) & ~1;
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + length));
}

function save(file, pieces) {
  const samples = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = Buffer.alloc(HEADER + 2 * samples);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(HEADER - 8 + 2 * samples, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(48000, 24);
  bytes.writeUInt32LE(96000, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples, 40);
  let at = HEADER;
  for (const piece of pieces) {
    Buffer.from(piece.buffer, piece.byteOffset, 2 * piece.length).copy(bytes, at);
    at += 2 * piece.length;
  }
  fs.writeFileSync(file, bytes);
}

/** libwebrtc offers RED second; whoever wants it puts it first. */
const preferring = (description) =>
  call.red ? { ...description, sdp: description.sdp.replace(/(m=audio \d+ \S+) 111 63/, '$1 63 111') } : description;

const withoutCandidates = (description) => ({ type: description.type, sdp: description.sdp.replace(/a=candidate:.*\r\n/g, '') });

/** The same candidate, behind the line. */
function behind(candidate, port) {
  const fields = candidate.candidate.split(' ');
  fields[4] = ADDRESS;
  fields[5] = String(port);
  return { candidate: fields.join(' '), sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex };
}

/** What is said: silence until `talk` is called, then the samples, then silence. */
function words(samples) {
  let at = null;
  let saidFrom = null;
  const next = () => {
    const frame = new Int16Array(FRAME);
    if (at !== null && at < samples.length) {
      saidFrom ??= now();
      frame.set(samples.subarray(at, at + FRAME));
      at += FRAME;
    }
    return frame;
  };
  return { next, talk: () => (at = 0), saidFrom: () => saidFrom };
}

async function main() {
  const [first, second] = [0, 1].map(() => new wrtc.RTCPeerConnection({ iceServers: [] }));
  const connected = [first, second].map(
    (peer) => new Promise((resolve) => (peer.onconnectionstatechange = () => peer.connectionState === 'connected' && resolve())),
  );
  const early = new Map([[first, []], [second, []]]);
  const add = (peer, candidate) => (peer.remoteDescription ? peer.addIceCandidate(candidate) : early.get(peer).push(candidate));
  for (const [peer, other, port] of [[first, second, call.second], [second, first, call.first]]) {
    peer.onicecandidate = ({ candidate }) => {
      if (candidate && isOfUse(candidate)) add(other, behind(candidate, port));
    };
  }
  const heard = [];
  const arrivals = [];
  let samples = 0;
  second.ontrack = ({ track }) => {
    const sink = new wrtc.nonstandard.RTCAudioSink(track);
    sink.ondata = (data) => {
      heard.push(heardIn(data));
      samples += FRAME;
      arrivals.push([samples, now()]);
    };
  };
  const source = new wrtc.nonstandard.RTCAudioSource();
  first.addTrack(source.createTrack(), new wrtc.MediaStream());
  const said = words(samplesOf(call.wav));
  const silence = mouth(source, said.next);
  const describe = async (peer, description) => {
    await peer.setRemoteDescription(preferring(withoutCandidates(description)));
    for (const candidate of early.get(peer)) await peer.addIceCandidate(candidate);
  };
  await first.setLocalDescription(preferring(await first.createOffer()));
  await describe(second, first.localDescription);
  await second.setLocalDescription(await second.createAnswer());
  await describe(first, second.localDescription);
  await Promise.all(connected);
  said.talk();
  await new Promise((resolve) => setTimeout(resolve, 1000 * call.seconds));
  silence();
  save(call.out, heard);
  process.stdout.write(`${JSON.stringify({ saidFrom: said.saidFrom(), arrivals })}\n`, () => process.exit(0));
}

setTimeout(() => process.exit(3), 1000 * (call.seconds + 30));
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
