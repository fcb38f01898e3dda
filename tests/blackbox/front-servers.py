#!/usr/bin/env python3
# front-servers.py DIR SHOP_PORT - what the storefront tests need beside the demo shop, all on loopback: a name
# server, a proxy, pages that look like walls, servers that hang in one phase each. Writes DIR/servers.json when all
# listen; DIR/proxy.log and DIR/dns.log have a line for each request. Ends with SIGTERM.
#
# SPDX-License-Identifier: Apache-2.0
import json, os, signal, socket, struct, sys, threading, time

home, shop_port = sys.argv[1], int(sys.argv[2])
ports = {}

NAMES = {                                    # name: (A, AAAA)
    "two.test": (["127.0.0.1"], ["::1"]),
    "half.test": (["127.0.0.1", "127.0.0.66"], []),
    "many.test": (["127.0.0.%d" % i for i in range(1, 13)], []),
    "four.test": (["127.0.0.1"], []),
    "acme.queue-it.net": (["127.0.0.1"], []),
}


def listener(host="127.0.0.1", backlog=64):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, 0))
    s.listen(backlog)
    return s


def serve(name, handle):
    s = listener()
    ports[name] = s.getsockname()[1]

    def each(c):
        try:
            handle(c)
        except OSError:
            pass

    def accept():
        while True:
            threading.Thread(target=each, args=(s.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def log(name, line):
    with open(os.path.join(home, name), "a") as f:
        f.write(line + "\n")


# ---- the name server: what it does not know does not exist, mute.test is never answered
def question_end(q):
    at, labels = 12, []
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode().lower())
        at += q[at] + 1
    return ".".join(labels), at + 1


def dns(s):
    while True:
        q, peer = s.recvfrom(2048)
        name, end = question_end(q)
        kind = struct.unpack(">H", q[end:end + 2])[0]
        log("dns.log", "%s %d" % (name, kind))
        if name == "mute.test":
            continue
        known = NAMES.get(name)
        found = (known[0] if kind == 1 else known[1] if kind == 28 else []) if known else []
        family = socket.AF_INET if kind == 1 else socket.AF_INET6
        head = q[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0)
        for a in found:
            raw = socket.inet_pton(family, a)
            end_part = struct.pack(">HHHIH", 0xC00C, kind, 1, 1, len(raw)) + raw
            q_part = b"" if a is not found[0] else q[12:end + 4]
            head += q_part + end_part
        s.sendto(head if found else head + q[12:end + 4], peer)


# ---- HTTP in the least words
def read_head(c):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = c.recv(65536)
        if not piece:
            return None
        data += piece
    return data


def answer(c, status, headers, body):
    head = "HTTP/1.1 %s\r\nContent-Length: %d\r\n" % (status, len(body))
    c.sendall((head + "".join("%s: %s\r\n" % h for h in headers) + "\r\n").encode() + body)


def pump(a, b):
    try:
        while True:
            piece = a.recv(65536)
            if not piece:
                break
            b.sendall(piece)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def proxy(c):
    head = read_head(c)
    if head is None:
        return
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
    log("proxy.log", method + " " + target)
    time.sleep(0.12)                         # so that the tunnel's own time shows where it is booked
    if "refuse-me" in target:
        answer(c, "407 Proxy Authentication Required", [], b"no")
        c.close()
        return
    host = target if method == "CONNECT" else target.split("/")[2]
    name, port = host.rsplit(":", 1)
    up = socket.create_connection(("127.0.0.1", int(port)))
    if method == "CONNECT":
        c.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: tunnel\r\n\r\n")
    else:
        up.sendall(head.replace(target.encode(), ("/" + target.split("/", 3)[3]).encode(), 1))
    threading.Thread(target=pump, args=(c, up), daemon=True).start()
    pump(up, c)


def closer(c):                               # says nothing of closing, and closes
    if read_head(c):
        answer(c, "200 OK", [], b"hello")
        time.sleep(0.02)
    c.close()


def silent(c):
    c.recv(65536)
    time.sleep(60)


def plain(c):                                # not TLS
    c.recv(65536)
    c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    c.close()


JSD = b"<html><script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script>boom</html>"
PAGES = {                                    # status, headers, body
    "cf-own-500": ("500 Oops", [("Server", "cloudflare"), ("cf-ray", "8f00c0ffee000000-FRA")], JSD),
    "cf-own-404": ("404 Not Found", [("Server", "cloudflare")], JSD),
    "datadome-own-404": ("404 Not Found", [("X-DataDome", "protected")],
                         b"<title>shop</title><script src=https://js.datadome.co/tags.js></script>"),
    "incapsula-page": ("200 OK", [("X-Iinfo", "1-2-3")],
                       b"<title>Lamps</title><script src='/_Incapsula_Resource?SWJIYLWA=1'></script>Add to cart"),
    "queue-page": ("200 OK", [], b"<title>Lamps</title><script src='//static.queue-it.net/q.js'></script>Add to cart"),
    "waiting-chairs": ("200 OK", [], b"<html><title>Waiting Room Chairs | Acme</title>Add to cart</html>"),
    "503-catalog": ("503 Service Unavailable", [("Retry-After", "5")],
                    b"<title>Error | Acme</title><nav>Lamps, Maintenance kits, Chairs</nav>"),
    "akamai-own-403": ("403 Forbidden", [("Server", "AkamaiGHost")], b"<title>Members only</title>Please sign in"),
    "wall-imperva": ("200 OK", [], b"<html><iframe src='/_Incapsula_Resource?CWUDNSAI=9&incident_id=1-2'>"
                     b"Request unsuccessful. Incapsula incident ID: 1-2</iframe></html>"),
    "wall-waf": ("202 Accepted", [("x-amzn-waf-action", "challenge")], b""),
    "wall-cf-room": ("200 OK", [], b"<html><title>Waiting Room powered by Cloudflare</title></html>"),
    "queue-landing": ("200 OK", [], b"<html><title>Acme</title>Your number in line is 17</html>"),
    "cf": ("200 OK", [("cf-ray", "8f00c0ffee000000-CDG"), ("cf-cache-status", "DYNAMIC")], b"x"),
    "cloudfront": ("200 OK", [("x-amz-cf-pop", "FRA56-P4"), ("x-cache", "Miss from cloudfront")], b"x"),
    "fastly": ("200 OK", [("x-served-by", "cache-lga21-LGA, cache-fra-AMS"), ("x-cache", "MISS, HIT")], b"x"),
    "nginx-cache": ("200 OK", [("x-cache-status", "STALE")], b"x"),
    "no-cdn": ("200 OK", [], b"x"),
}


def pages(c):
    while True:
        head = read_head(c)
        if head is None:
            return
        path = head.split(b" ", 2)[1].decode().split("?")[0].strip("/")
        if path == "queue-redirect":
            answer(c, "302 Found", [("Location", "http://acme.queue-it.net:%d/queue-landing" % ports["pages"])], b"")
        elif path == "reflect":              # the bearer token of the request: in Location, then in the error page
            token = [l for l in head.decode().split("\r\n") if l.lower().startswith("authorization:")]
            token = token[0].split()[-1] if token else "none"
            answer(c, "302 Found", [("Location", "/told?t=" + token)], b"")
        elif path == "told":
            answer(c, "500 Oops", [], b"<h1>you sent</h1>" + head)
        else:
            answer(c, *PAGES.get(path, ("404 Not Found", [], b"none")))


def full():                                  # a queue of one that is taken: SYNs are dropped
    s = listener(backlog=0)
    ports["full"] = s.getsockname()[1]
    held = [s]
    for _ in range(3):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(s.getsockname())
        held.append(c)
    return held


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 0))
ports["dns"] = udp.getsockname()[1]
threading.Thread(target=dns, args=(udp,), daemon=True).start()
for each_name, each_handler in (("proxy", proxy), ("closer", closer), ("silent", silent), ("plain", plain), ("pages", pages)):
    serve(each_name, each_handler)
held = full()
dead = listener()
ports["dead"] = dead.getsockname()[1]
dead.close()                                 # nobody listens there
with open(os.path.join(home, "servers.json.new"), "w") as f:
    json.dump(ports, f)
os.rename(os.path.join(home, "servers.json.new"), os.path.join(home, "servers.json"))
signal.sigwait([signal.SIGTERM, signal.SIGINT])
os._exit(0)
