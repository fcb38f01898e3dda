#!/usr/bin/env python3
"""connector.py - a warehouse, a shop, and a connector between them that is slow, loses changes, or stops, on command.

    connector.py DIR     prints "WAREHOUSE-PORT SHOP-PORT"; ends with its standard input

DIR/stock holds "sku qty" a line, what both begin with. DIR/token is the bearer token of those who may write.
    GET  /stock[?keys=a,b]     {"items": [{"sku", "qty", "updated_at"}]}, of either
    PUT  /stock/SKU            {"available": n}: to the warehouse, with the token (else 401)
    POST /set                  {"sku": n, ...}: to the warehouse, by whoever works there
Each change of the warehouse is copied to the shop. DIR/control, a JSON object, is read at each change and request:
    lag: seconds from the change to the copy      loss: this share of the changes is dropped, evenly
    freeze: nothing is copied until it is gone    deny: PUT is answered with this status, and nothing is written
    silent: PUT is carried out and not answered   sold: PUT is carried out, and one unit is sold at once
What happened is in DIR/log, a JSON object a line: what, t (seconds), and sku, value, who (the Authorization header).
"""
import json, os, sys, threading, time, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

dir_ = sys.argv[1]
lock = threading.Condition()
log_lock = threading.Lock()
log_file = open(os.path.join(dir_, 'log'), 'a')
queue = []                                    # (when, sku, value)
dropped = 0.0


def control():
    try:
        with open(os.path.join(dir_, 'control')) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


def log(what, **more):
    with log_lock:
        log_file.write(json.dumps({'what': what, 't': time.time(), **more}) + '\n')
        log_file.flush()


def stamp():
    now = time.time()
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now)) + '.%03dZ' % (now % 1 * 1000)


def change(sku, value):
    """In the warehouse; under the lock."""
    global dropped
    c = control()
    warehouse[sku] = (value, stamp())
    dropped += c.get('loss', 0)
    if dropped >= 1:
        dropped -= 1
        log('lost', sku=sku, value=value)
    else:
        queue.append((time.time() + c.get('lag', 0), sku, value))
        lock.notify()


def connect():
    while True:
        with lock:
            now = time.time()
            is_frozen = control().get('freeze')
            due = [] if is_frozen else [q for q in queue if q[0] <= now]
            for q in due:
                queue.remove(q)
                shop[q[1]] = (q[2], stamp())
                log('copied', sku=q[1], value=q[2])
            wait = min([q[0] - now for q in queue if q[0] > now] + [0.1])
            lock.wait(max(wait, 0.005))


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers['Content-Length'])))

    def do_GET(self):
        q = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
        keys = q['keys'].split(',') if q.get('keys') else None
        begun = time.time()
        with lock:
            stock = {k: v for k, v in self.server.stock.items() if keys is None or k in keys}
        items = [{'sku': k, 'qty': v, 'updated_at': at} for k, (v, at) in stock.items()]
        log('read', system=self.server.name, keys=keys, begun=begun, who=self.headers.get('Authorization'),
            value=stock[keys[0]][0] if keys and keys[0] in stock else None)
        self.answer({'items': items})

    def do_POST(self):
        with lock:
            for sku, value in self.body().items():
                change(sku, value)
        self.answer({})

    def do_PUT(self):
        sku, value, c = self.path.rsplit('/', 1)[1], self.body()['available'], control()
        who = self.headers.get('Authorization')
        with open(os.path.join(dir_, 'token')) as f:
            may = who == 'Bearer ' + f.read().strip()
        status = c.get('deny', 200 if may else 401)
        log('put', sku=sku, value=value, status=status, who=who, ours=self.headers.get('X-Synthetic'), type=type(value).__name__)
        if status == 200:
            with lock:
                change(sku, value)
                if c.get('sold'):
                    threading.Timer(c['sold'], lambda: self.sell(sku, value - 1)).start()
        if c.get('silent'):
            time.sleep(c['silent'])
            self.close_connection = True
            return
        self.answer({'echo': who} if status == 200 else {'error': 'no, %s' % who}, status)

    def sell(self, sku, value):
        with lock:
            change(sku, value)


with open(os.path.join(dir_, 'stock')) as f_:
    warehouse = {s: (int(n), '2026-01-01T00:00:00.000Z') for s, n in (line.split() for line in f_)}
shop = dict(warehouse)
ports = []
for name, stock_ in (('warehouse', warehouse), ('shop', shop)):
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    server.name, server.stock = name, stock_
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports.append(str(server.server_address[1]))
threading.Thread(target=connect, daemon=True).start()
print(' '.join(ports), flush=True)
sys.stdin.read()
os._exit(0)
