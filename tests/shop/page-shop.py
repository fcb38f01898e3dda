#!/usr/bin/env python3
"""page-shop.py - a shop of product pages with schema.org offers, a sitemap and robots.txt, that breaks on command.

    page-shop.py FILE CONTROL       prints the port; ends with its standard input

FILE holds "sku price currency availability" a line, and is read anew for each page. CONTROL, where it exists, holds words:
SKU=MODE (wall, 403, cut, half, broken, gone, moved, error, hang, none, redirect) for a page, all=MODE for every one, robots=MODE (deny, error).
/sitemap.xml is an index of a packed and a plain one, of one elsewhere, and of itself; /endless.xml never ends.
/count says how often a path was asked for, and by whom without our header.
"""
import gzip, json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

path, control = sys.argv[1], sys.argv[2]
counts = {}
lock = threading.Lock()
WALL = '<html><head><title>Waiting Room</title></head><body>You are in line</body></html>'


def words():
    try:
        with open(control) as f:
            return dict(w.split('=', 1) for w in f.read().split())
    except OSError:
        return {}


def rows():
    with open(path) as f:
        return [line.split() for line in f if line.strip()]


def urlset(urls):
    return '<?xml version="1.0"?><urlset>' + ''.join(f'<url><loc>{u}</loc></url>' for u in urls) + '</urlset>'


def page(sku, price, currency, availability):
    offer = {'@type': 'Offer', 'price': price, 'priceCurrency': currency, 'availability': f'https://schema.org/{availability}'}
    ld = json.dumps({'@context': 'https://schema.org', '@type': 'Product', 'sku': sku, 'name': sku, 'offers': offer})
    return f'<!doctype html><html><head><title>{sku}</title><script type="application/ld+json">{ld}</script></head><body>{sku}</body></html>'


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, text, status=200, headers=(), announced=None):
        body = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, v in headers:
            self.send_header(name, v)
        if announced != 0:
            self.send_header('Content-Length', str(announced or len(body)))
        else:
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = announced is not None

    def count(self):
        ours = 'X-Synthetic' in self.headers and self.headers.get('User-Agent', '').startswith('tillwatch/')
        with lock:
            for key in (self.path, 'of localhost' if self.headers['Host'].startswith('localhost') else '', '' if ours else 'not ours'):
                if key:
                    counts[key] = counts.get(key, 0) + 1

    def do_GET(self):
        if self.path == '/count':
            with lock:
                self.answer(json.dumps(counts))
            return
        self.count()
        here = 'http://' + self.headers['Host']
        elsewhere = here.replace('127.0.0.1', 'localhost')
        urls = [f'{here}/p/{r[0]}' for r in rows()]
        if self.path == '/robots.txt':
            mode = words().get('robots')
            self.answer('User-agent: *\nDisallow: /\n\nUser-agent: tillwatch\nDisallow: /p/A-59\n' if mode is None
                        else 'User-agent: *\nDisallow: /\n', 500 if mode == 'error' else 200)
        elif self.path == '/sitemap.xml':
            self.answer('<sitemapindex>' + ''.join(f'<sitemap><loc>{u}</loc></sitemap>' for u in (
                f'{here}/s1.xml.gz', f'{here}/s2.xml', f'{elsewhere}/s2.xml', f'{here}/sitemap.xml')) + '</sitemapindex>')
        elif self.path == '/s1.xml.gz':
            self.answer(gzip.compress(urlset(urls[::2]).encode()), headers=(('Content-Type', 'application/gzip'),))
        elif self.path == '/s2.xml':
            self.answer(urlset(urls[1::2] + [f'{here}/about', f'{elsewhere}/p/X-1', 'ftp://x/p/1', 'javascript:1']))
        elif self.path == '/endless.xml':
            self.endless(here, urls)
        elif self.path == '/' or self.path == '/about':
            self.answer('<html>Welcome</html>')
        else:
            self.product()

    def endless(self, here, urls):
        self.send_response(200)
        self.send_header('Connection', 'close')
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(urlset(urls).replace('</urlset>', '').encode())
            for i in range(1 << 40):
                self.wfile.write(f'<url><loc>{here}/x/{i}</loc></url>'.encode() * 50)
                time.sleep(0.005)
        except OSError:
            pass

    def product(self):
        sku = self.path.rstrip('/').rsplit('/', 1)[-1]
        row = next((r for r in rows() if r[0] == sku), None)
        mode = words().get(sku, words().get('all'))
        if row is None or mode == 'gone':
            self.answer('<html>Not here</html>', 404)
            return
        text = page(*row)
        cut = text.index('"offers"') + 20
        if mode == 'wall':
            self.answer(WALL)
        elif mode == '403':
            self.answer('no', 403)
        elif mode == 'cut':
            self.answer(text[:cut], announced=len(text))
        elif mode == 'half':
            self.answer(text[:cut], announced=0)
        elif mode == 'broken':
            self.answer(text.replace('"offers":', '"offers"'))
        elif mode == 'moved':
            self.answer('', 302, (('Location', '/'),))
        elif mode == 'redirect' and not self.path.endswith('/'):
            self.answer('', 302, (('Location', self.path + '/'),))
        elif mode == 'error':
            self.answer('oops', 500)
        elif mode == 'hang':
            time.sleep(3)
        elif mode == 'none':
            self.answer('<html>Buy it!</html>')
        else:
            self.answer(text)


server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
