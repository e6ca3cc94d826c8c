"""A receiver of webhooks with TLS that checks each signature by itself.

    hook.py DIR PORT PEM     listens on PORT, or with 0 on one of its own, written to DIR/hook.port; certificate and
                             key are in PEM; the secret is DIR/hook.secret; the id of each event that was taken is a
                             line of DIR/hook.ids; while DIR/hook.down exists, everything is answered 503
"""
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys

folder, port, pem = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def path(name):
    return os.path.join(folder, name)


with open(path("hook.secret"), "rb") as f:
    secret = f.read().strip()


class Hook(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = dict(p.split("=", 1) for p in self.headers["Andon-Signature"].split(","))
        good = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        event = json.loads(body)
        if os.path.exists(path("hook.down")):
            status = 503
        elif not hmac.compare_digest(good, parts["v1"]) or event["specversion"] != "1.0":
            status = 400
        else:
            status = 204
            with open(path("hook.ids"), "a") as out:
                out.write(event["id"] + "\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pem)
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(path("hook.port.new"), "w") as f:
    f.write(str(server.server_port))
os.rename(path("hook.port.new"), path("hook.port"))
server.serve_forever()
