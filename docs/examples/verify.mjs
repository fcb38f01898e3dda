// verify.mjs - a receiver of tillwatch's webhooks that takes none but those that are signed. Node's own library alone.
//
//   WEBHOOK_SECRETS="whsec_NEW whsec_OLD" node verify.mjs [PORT]        8099 on this machine; 0 takes a free port
//
// verify() and key() are what to copy. The rest is a server around them: 204 to what is signed, 401 to what is not.
//
// SPDX-License-Identifier: Apache-2.0
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE_S = 300; // how far the sender's clock may be from ours
const MAX_BODY = 1 << 20; // tillwatch's are smaller: at most 512 KiB

// The key that a secret stands for: base64 behind whsec_, at least 16 bytes. Throws when it is none.
export function key(secret) {
  const text = secret.replace(/^whsec_/, "");
  const made = Buffer.from(text, "base64"); // takes anything, so look first
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || made.length < 16) throw new Error("a secret that is no key");
  return made;
}

// null when a message is signed with one of the keys, else why not.
// headers: as node has them, in lower case. body: a Buffer of the bytes as they came; what was parsed and written again
// is not what was signed. keys: several while a secret is replaced.
export function verify(keys, headers, body, now = Date.now() / 1000) {
  const [id, stamp, given] = ["id", "timestamp", "signature"].map((h) => headers[`webhook-${h}`]);
  if (!id || !stamp || !given) return "a header is missing";
  if (!/^[0-9]{1,12}$/.test(stamp)) return "the timestamp is no number";
  if (Math.abs(Number(stamp) - now) > TOLERANCE_S) return "the timestamp is too far from our clock";
  let found = false;
  for (const k of keys) {
    const mac = createHmac("sha256", k).update(`${id}.${stamp}.`, "latin1").update(body);
    const want = Buffer.from(`v1,${mac.digest("base64")}`);
    for (const one of given.split(" ")) {
      const got = Buffer.from(one, "latin1");
      // In constant time, and to the end of the list whatever was found. Lengths are no secret.
      if (got.length === want.length && timingSafeEqual(got, want)) found = true;
    }
  }
  return found ? null : "no signature fits";
}

function receive(keys, request, response) {
  const parts = [];
  let length = 0;
  request.on("data", (part) => {
    length += part.length;
    if (length <= MAX_BODY) parts.push(part);
  });
  request.on("end", () => {
    const body = Buffer.concat(parts);
    const why = length > MAX_BODY ? "too long" : verify(keys, request.headers, body);
    response.writeHead(why ? 401 : 204).end();
    // Delivery is at least once: whoever acts on a message remembers its webhook-id and acts once.
    console.log(why ? `refused: ${why}` : `${request.headers["webhook-id"]} ${JSON.parse(body).status}`);
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const keys = (process.env.WEBHOOK_SECRETS ?? "").split(/\s+/).filter(Boolean).map(key);
  if (keys.length === 0) throw new Error("WEBHOOK_SECRETS is empty");
  const server = createServer((request, response) => receive(keys, request, response));
  server.listen(Number(process.argv[2] ?? 8099), "127.0.0.1", () => console.log(`listening on port ${server.address().port}`));
}
