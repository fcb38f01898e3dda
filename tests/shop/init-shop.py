#!/usr/bin/env python3
"""init-shop.py - a shop as `tillwatch init` meets it: robots.txt, a packed sitemap, a category, products of which one is sold out,
a search form, hostile names; with the marks of a platform, or in a state in which nothing can be guessed.

    init-shop.py MODE LOG       prints the port; ends with its standard input

MODE: plain, vendure, medusa, shopify, woocommerce, magento, shopware, prestashop; deny (robots.txt forbids everything), cut (a page of
it), robots (it answers 503), wall, login, json, error, away (leads to another host), loop; folder (a shop at /de/, another at /en/), thin (a
sitemap without products), latin (pages in ISO 8859-1), spa (the same shell at every path). LOG gets "seconds method path agent synthetic" a line, when
a request has come. Where the file LOG.down is, every page answers 500.
"""
import gzip, html, json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

mode, log = sys.argv[1], sys.argv[2]
lock = threading.Lock()
PRODUCTS = {  # slug: name, availability
    'gone-lamp': ('Gone Lamp', 'SoldOut'),
    'quoted-chair': ('Chair "Oak: #1" {x}', 'InStock'),
    'walnut-table': ('Walnut Table', 'InStock'),
    'last-shelf': ('Last Shelf', 'InStock'),
}
MARKS = {  # platform: headers, bytes of each page
    'shopify': ([('X-ShopId', '7')], '<script>Shopify.theme = {}</script>'),
    'woocommerce': ([], '<link href="/wp-content/plugins/woocommerce/a.css">'),
    'magento': ([('X-Magento-Tags', 'cms')], ''),
    'shopware': ([('sw-context-token', 'abc')], ''),
    'prestashop': ([('Set-Cookie', 'PrestaShop-0=1')], ''),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def note(self):
        with lock, open(log, 'a') as f:
            f.write(f'{time.monotonic():.3f} {self.command} {self.path} {self.headers.get("User-Agent")} {self.headers.get("X-Synthetic")}\n')

    def answer(self, text, status=200, kind='text/html; charset=utf-8', headers=()):
        if mode == 'latin' and kind.startswith('text/html'):
            text, kind = text.encode('latin-1', 'replace'), 'text/html; charset=iso-8859-1'
        body = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in [('Content-Type', kind), ('Content-Length', str(len(body))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def page(self, title, body, status=200):
        headers, mark = MARKS.get(mode, ([], ''))
        at = '/de' if mode == 'folder' else ''
        self.answer(f'<!doctype html><html><head><title>{html.escape(title)}</title>{mark}</head><body><a href="{at}/">Home</a> <a href="/cart">Cart</a> '
                    f'{"<a href=/en/>English</a>" if at else ""}<a href="{at}/c/all">All</a><form action="/find" method="get"><input type="search" name="q"></form>{body}</body></html>',
                    status, headers=headers)

    def product(self, slug):
        name, availability = PRODUCTS[slug]
        offer = {'@type': 'Offer', 'price': '12.00', 'priceCurrency': 'CHF', 'availability': f'https://schema.org/{availability}'}
        ld = json.dumps({'@context': 'https://schema.org', '@type': 'Product', 'sku': slug, 'name': name, 'offers': offer})
        self.page(name, f'<script type="application/ld+json">{ld}</script><h1>{html.escape(name, quote=False)}</h1>')

    def robots(self, here):
        if mode == 'robots':
            return self.answer('', 503)
        rules = {'deny': 'Disallow: /', 'cut': 'Disallow: /p/\nDisallow: /find'}.get(mode, 'Disallow: /cart')
        self.answer(f'User-agent: *\n{rules}\n\nSitemap: {here}/map.xml\n', kind='text/plain')

    def odd(self, path):
        if mode == 'wall':
            return self.answer('<title>Waiting Room</title>', 503) or True
        if mode == 'login' and path == '/':
            return self.answer('', 302, headers=[('Location', '/login?next=/')]) or True
        if mode == 'spa':
            return self.answer('<title>Acme</title><div id="app"></div><script src="/app.js"></script>') or True
        if mode == 'json':
            return self.answer('{}', kind='application/json') or True
        if mode == 'error' or os.path.exists(log + '.down'):
            return self.answer('<h1>Oops</h1>', 500) or True
        if mode == 'away':
            return self.answer('', 302, headers=[('Location', 'http://localhost:1/')]) or True
        if mode == 'loop':
            return self.answer('', 302, headers=[('Location', path + 'x')]) or True
        return False

    def do_GET(self):
        self.note()
        here = 'http://' + self.headers['Host']
        url = urlsplit(self.path)
        at = '/de' if mode == 'folder' else ''
        if at and url.path[:4] in ('/de/', '/en/'):
            url = url._replace(path=url.path[3:])
        if url.path == '/robots.txt':
            self.robots(here)
        elif self.odd(url.path):
            pass
        elif url.path == '/map.xml':
            self.answer(f'<sitemapindex><sitemap><loc>{here}/pages.xml</loc></sitemap><sitemap><loc>{here}/products.xml.gz</loc></sitemap></sitemapindex>',
                        kind='text/xml')
        elif url.path == '/products.xml.gz':
            paths = [f'{a}/p/{s}' for a in (['/en', '/de'] if at else ['']) for s in PRODUCTS]
            if mode == 'thin':
                paths = ['/our-long-story', '/where-we-come-from']
            urls = ''.join(f'<url><loc>{here}{p}</loc></url>' for p in paths) + '<url><loc>http://localhost:1/p/x</loc></url>'
            self.answer(gzip.compress(f'<urlset>{urls}</urlset>'.encode()), kind='application/gzip')
        elif url.path == '/':
            self.page('Möbel' if mode == 'latin' else 'Shop: "best" # of {all}', ''.join(f'<a href="{at}/p/{s}">x</a>' for s in ['walnut-table', 'last-shelf']))
        elif url.path == '/c/all':
            self.page('All things', ''.join(f'<a href="{at}/p/{s}">x</a>' for s in PRODUCTS))
        elif url.path == '/find':
            word = parse_qs(url.query).get('q', [''])[0].lower()
            self.page('Found', ''.join(html.escape(n, quote=False) for n, _ in PRODUCTS.values() if word in n.lower()))
        elif url.path.startswith('/p/') and url.path[3:] in PRODUCTS:
            self.product(url.path[3:])
        elif mode == 'medusa' and url.path == '/store/products':
            self.answer('{"type":"not_allowed","message":"Publishable API key required: x-publishable-api-key"}', 400, 'application/json')
        else:
            self.page('Nothing', '', 404)

    def do_POST(self):
        self.note()
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if mode == 'vendure' and self.path == '/shop-api':
            return self.answer('{"data":{"activeChannel":{"code":"__default_channel__"}}}', kind='application/json', headers=[('vendure-auth-token', 'x')])
        if self.path == '/hook':
            return self.answer('', 204)
        self.page('Nothing', '', 404)


server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
