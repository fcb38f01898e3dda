"""verify.py - a receiver of tillwatch's webhooks that takes none but those that are signed. Python's own library alone.

  WEBHOOK_SECRETS="whsec_NEW whsec_OLD" python3 verify.py [PORT]        8099 on this machine; 0 takes a free port

verify() and key() are what to copy. The rest is a server around them: 204 to what is signed, 401 to what is not.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

TOLERANCE_S = 300  # how far the sender's clock may be from ours
MAX_BODY = 1 << 20  # tillwatch's are smaller: at most 512 KiB


def key(secret):
    """The key that a secret stands for: base64 behind whsec_, at least 16 bytes. ValueError: it is none."""
    text = secret.removeprefix("whsec_")
    made = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if len(made) < 16:
        raise ValueError("a secret of less than 16 bytes")
    return made


def verify(keys, headers, body, now=None):
    """None when a message is signed with one of the keys, else why not.

    headers: anything with get(name) that does not care for case. body: the bytes as they came; what was parsed and
    written again is not what was signed. keys: several while a secret is replaced.
    """
    id_, stamp, given = (headers.get("webhook-" + h) for h in ("id", "timestamp", "signature"))
    if not id_ or not stamp or not given:
        return "a header is missing"
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "the timestamp is no number"
    if abs(int(stamp) - (time.time() if now is None else now)) > TOLERANCE_S:
        return "the timestamp is too far from our clock"
    signed = b"%s.%s." % (id_.encode("latin-1"), stamp.encode()) + body
    found = False
    for k in keys:
        want = b"v1," + base64.b64encode(hmac.new(k, signed, hashlib.sha256).digest())
        for one in given.split(" "):
            # In constant time, and to the end of the list whatever was found.
            found |= hmac.compare_digest(want, one.encode("latin-1"))
    return None if found else "no signature fits"


class Receiver(http.server.BaseHTTPRequestHandler):
    keys = []

    def do_POST(self):
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= MAX_BODY):
            return self.send_error(413)
        body = self.rfile.read(int(length))
        why = verify(self.keys, self.headers, body)
        self.send_response(204 if why is None else 401)
        self.end_headers()
        # Delivery is at least once: whoever acts on a message remembers its webhook-id and acts once.
        print("refused: " + why if why else "%s %s" % (self.headers["webhook-id"], json.loads(body)["status"]), flush=True)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Receiver.keys = [key(s) for s in os.environ.get("WEBHOOK_SECRETS", "").split()]
    if not Receiver.keys:
        sys.exit("verify.py: WEBHOOK_SECRETS is empty")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8099), Receiver)
    print("listening on port %d" % server.server_port, flush=True)
    server.serve_forever()
