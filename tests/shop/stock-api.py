#!/usr/bin/env python3
"""stock-api.py - a platform's stock API that pages in every way, and breaks in every way on command.

    stock-api.py FILE [CONTROL]     prints the port; ends with its standard input

FILE holds "sku qty" a line, and is read anew for each answer. CONTROL, where it exists, holds words that change what
follows: throttle (one call a second, else 429), quota (X-Shopify-Shop-Api-Call-Limit, for each way of paging a bucket of
40 that loses two a second), points (GraphQL says THROTTLED in every second answer, and how many points are left), lie (says that
it has ten more), slow (an answer takes a quarter of a second), cut (the body breaks off), garbled (one line is no JSON). /news gives what changed since, in times without a zone.
"""
import json, os, sys, threading, time, urllib.parse, zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = 50
path, control = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ''
state = {'last': 0.0, 'calls': 0, 'refused': 0, 'unchanged': 0, 'points': 0, 'since': ''}
buckets = {}  # path: [calls in it, when]
lock = threading.Lock()


def words():
    try:
        with open(control) as f:
            return f.read().split()
    except OSError:
        return []


def items():
    with open(path) as f:
        rows = [line.split() for line in f if line.strip()]
    return [{'sku': s, 'stock': {'on_hand': int(q) + 3, 'allocated': 3}, 'updated_at': '2026-01-01T00:00:00Z'} for s, q in rows]


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, value, status=200, headers=(), lines=False):
        text = '\n'.join(json.dumps(v) for v in value) + '\n' if lines else value if isinstance(value, str) else json.dumps(value)
        body = text.encode()
        if 'slow' in words():
            time.sleep(0.25)
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        for name, v in headers:
            self.send_header(name, v)
        self.end_headers()
        if 'cut' in words():
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)

    def admit(self, how):
        """False: refused. What the answer's headers are."""
        now = time.time()
        with lock:
            state['calls'] += 1
            if 'throttle' in words():
                if now - state['last'] < 1:
                    state['refused'] += 1
                    self.answer({'error': 'slow down'}, 429, [('Retry-After', '1')])
                    return None
                state['last'] = now
            if 'quota' not in words():
                return []
            bucket = buckets.setdefault(how, [0.0, now])
            bucket[:] = [max(0, bucket[0] - 2 * (now - bucket[1])), now]
            if bucket[0] + 1 > 40:
                state['refused'] += 1
                self.answer({'error': 'over the limit'}, 429, [('Retry-After', '2')])
                return None
            bucket[0] += 1
            return [('X-Shopify-Shop-Api-Call-Limit', '%d/40' % bucket[0])]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.reply(body.get('variables', {}))

    def do_GET(self):
        self.reply(dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query)))

    def reply(self, q):
        how = urllib.parse.urlparse(self.path).path.strip('/')
        if how == 'state':
            return self.answer(state)
        headers = self.admit(how)
        if headers is None:
            return None
        all_ = items()
        total = len(all_) + (10 if 'lie' in words() else 0)
        if q.get('keys'):
            keys = q['keys'] if isinstance(q['keys'], list) else q['keys'].split(',')
            return self.answer({'items': [i for i in all_ if i['sku'] in keys]}, headers=headers)
        is_short = how == 'graphql' and 'points' in words()
        state['points'] += is_short
        if is_short and state['points'] % 2:
            points = {'maximumAvailable': 1000, 'currentlyAvailable': 900, 'restoreRate': 50}
            return self.answer({'errors': [{'message': 'Throttled', 'extensions': {'code': 'THROTTLED'}}], 'extensions': {'cost': {'throttleStatus': points}}})
        if how == 'news':
            state['since'] = q['since']
            changed = [dict(i, updated_at=i['updated_at'].rstrip('Z')) for i in all_ if i['updated_at'] >= q['since']]
            return self.answer({'items': changed})
        if how == 'lines' and 'garbled' in words():
            text = ''.join(json.dumps(v) + '\n' for v in all_)
            return self.answer(text.replace('"A-77"', '"A-77', 1), headers=headers)
        if how == 'lines':
            return self.answer(all_, headers=headers, lines=True)
        if how == 'single':
            tag = '"%08x"' % zlib.crc32(json.dumps(all_).encode())
            if self.headers.get('If-None-Match') == tag:
                state['unchanged'] += 1
                self.send_response(304)
                self.end_headers()
                return None
            return self.answer(all_, headers=headers + [('ETag', tag)])
        if how == 'deep':
            return self.answer('[' * 1000000)
        if how == 'words':
            return self.answer('{"items": "none"}')
        if how == 'away':
            return self.answer({'items': all_[:PAGE], 'next': 'http://localhost:1/next'})
        at = int(q.get('offset') or q.get('cursor') or 0)
        if 'page' in q:
            at = (int(q['page']) - 1) * PAGE
        if how == 'repeats':
            at = 0
        items_ = all_[at:at + PAGE]
        if how == 'endless':
            items_ = [{'sku': 'E-%d' % (at + i), 'stock': {'on_hand': 1, 'allocated': 0}} for i in range(PAGE)]
        more = how in ('repeats', 'endless') or at + PAGE < len(all_)
        out = {'items': items_, 'total': total, 'cursor': str(at + PAGE), 'more': more}
        if more:
            out['next'] = '?offset=%d' % (at + PAGE)
            headers = headers + [('Link', '<http://%s/%s?offset=%d>; rel="next", </x>; rel="last"' % (self.headers['Host'], how, at + PAGE))]
        return self.answer(out, headers=headers)


server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
