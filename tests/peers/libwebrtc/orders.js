// What a peer is told by lines of JSON on the standard input, and says by lines:
//
// In:  {"offer": null} makes an offer; {"offer": sdp}, {"answer": sdp} and {"candidate": …} are the other side's.
// Out: {"offer": sdp}, {"answer": sdp}, {"candidate": …}, {"connected": true}, and {"heard": true} each tenth of a second that is the other side's tone.
'use strict';

const readline = require('node:readline');

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** A description in which copies come first, by which they are sent, or in which there are none. */
const changed = (sdp, red) =>
  red
    ? sdp.replace(/(m=audio \d+ \S+) 111 63/, '$1 63 111')
    : sdp.replace(/(m=audio \d+ \S+) (63 111|111 63)/, '$1 111').replace(/a=(rtpmap|fmtp|rtcp-fb):63 .*\r\n/g, '');

/**
 * Lets a peer do what it is told: `make` its description, an "offer" or an "answer", `choose` it as it is after that, `understand` the other side's,
 * and `add` the other side's candidates. Copies are spoken of only if `red` says so.
 */
function obey({ make, choose, understand, add }, red) {
  const describe = async (type) => {
    const sdp = changed(await make(type), red);
    await choose({ type, sdp });
    say({ [type]: sdp });
  };
  let early = [];
  const hear = async (type, sdp) => {
    await understand({ type, sdp: changed(sdp, red) });
    const waiting = early ?? [];
    early = null;
    for (const candidate of waiting) await add(candidate);
  };
  const does = {
    offer: async (sdp) => {
      if (sdp === null) return describe('offer');
      await hear('offer', sdp);
      await describe('answer');
    },
    answer: (sdp) => hear('answer', sdp),
    candidate: (candidate) => (early ? void early.push(candidate) : add(candidate)),
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
}

module.exports = { obey, say };
