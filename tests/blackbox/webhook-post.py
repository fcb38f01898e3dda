#!/usr/bin/env python3
"""webhook-post.py - posts signed bodies as senders of webhooks do; for webhook.sh.

post PORT SOURCE KIND SECRET BODY [id=ID] [age=SECONDS] [forge] [chunked] [header=NAME] [base64] [method=GET]
    prints the status of the answer
stream PORT SOURCE KIND SECRET PREFIX N THREADS
    posts N bodies with ids of their own, each again until it is acknowledged; prints how many attempts that took
drip PORT SOURCE
    posts a body byte by byte, ten a second, for 40 s; prints after how many seconds it was cut

SPDX-License-Identifier: Apache-2.0
"""
import base64, hashlib, hmac, http.client, socket, sys, threading, time


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def standard_key(secret):
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4))


def sign(kind, secret, body, event, age, o):
    b64 = lambda b: base64.b64encode(b).decode()
    if kind == "standard":
        stamp = str(int(time.time()) - age)
        signed = f"{event}.{stamp}.".encode() + body
        return {"webhook-id": event, "webhook-timestamp": stamp,
                "webhook-signature": "v1," + b64(mac(standard_key(secret), signed))}
    m = mac(secret.encode(), body)
    if kind == "shopify":
        return {"X-Shopify-Hmac-Sha256": b64(m), "X-Shopify-Event-Id": event,
                "X-Shopify-Triggered-At": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - age))}
    if kind == "github":
        return {"X-Hub-Signature-256": "sha256=" + m.hex(), "X-GitHub-Delivery": event}
    if kind == "plain":
        return {o.get("header", "X-Signature"): b64(m) if "base64" in o else m.hex()}
    return {}


def post(port, source, kind, secret, body, o, timeout=10):
    event = o.get("id", hashlib.sha256(body + str(time.time_ns()).encode()).hexdigest()[:24])
    headers = sign(kind, secret, body, event, int(o.get("age", 0)), o)
    if "forge" in o:
        body = body + b" "
    c = http.client.HTTPConnection("127.0.0.1", int(port), timeout=timeout)
    try:
        data = (body[i:i + 65536] for i in range(0, len(body), 65536)) if "chunked" in o else body
        try:
            c.request(o.get("method", "POST"), f"/ingest/{source}", body=data, headers=headers,
                      encode_chunked="chunked" in o)
        except BrokenPipeError:
            pass  # it was refused by its head
        r = c.getresponse()
        r.read()
        if r.status == 503 and not r.getheader("Retry-After"):
            return 599
        return r.status
    finally:
        c.close()


def stream(port, source, kind, secret, prefix, n, threads):
    attempts, lock, todo = [0], threading.Lock(), list(range(n))

    def work():
        while True:
            with lock:
                if not todo:
                    return
                i = todo.pop()
            body = b'{"word":"%s%d"}' % (b"ab"[i % 2:i % 2 + 1], i)
            while True:
                with lock:
                    attempts[0] += 1
                try:
                    if post(port, source, kind, secret, body, {"id": f"{prefix}-{i}"}, 30) == 204:
                        break
                except (OSError, http.client.HTTPException):
                    pass
                time.sleep(0.05)

    all_threads = [threading.Thread(target=work) for _ in range(threads)]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    print(attempts[0])


def drip(port, source):
    s = socket.create_connection(("127.0.0.1", int(port)))
    began = time.monotonic()
    s.sendall(b"POST /ingest/%s HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n" % source.encode())
    s.settimeout(0.1)
    try:
        for _ in range(400):
            s.sendall(b" ")
            try:
                if s.recv(64) == b"":
                    break
            except socket.timeout:
                pass
    except OSError:
        pass
    print(round(time.monotonic() - began))


def main(a):
    if a[0] == "drip":
        drip(a[1], a[2])
        return
    if a[0] == "stream":
        stream(a[1], a[2], a[3], a[4], a[5], int(a[6]), int(a[7]))
        return
    o = dict(x.split("=", 1) if "=" in x else (x, "") for x in a[6:])
    body = b'{"word":"a","fill":"' + b"x" * int(a[5][4:]) + b'"}' if a[5].startswith("big:") else a[5].encode()
    try:
        print(post(a[1], a[2], a[3], a[4], body, o))
    except (OSError, http.client.HTTPException) as e:
        print(type(e).__name__)


main(sys.argv[1:])
