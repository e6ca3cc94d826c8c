"""Asks a coordinator what docs/openapi.json says and what it does not, ten thousand times.

    api_fuzz.py DATA SEED N       DATA: the coordinator's folder; the same seed asks the same

Each answer is one that the description has for it, a problem, or the server's own refusal of what is not HTTP; 503 is
the only 5xx. Exit 1 and a line for each that is not.
"""
import json
import random
import socket
import sys
import threading
import time

from openapi import Api, Client

data, seed, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
THREADS = 4
api = Api()
faults = []
counts = {}
lock = threading.Lock()
STRANGE = ["", " ", "0", "-1", "999999999999999999999", "1e9", "null", "true", "../../etc/passwd", "%00", "a" * 127, "b" * 128,
           "c" * 600, "'; DROP TABLE records; --", "\u00e9\u4e2d\U0001f600", "\x7f", "plant-a", "pump", "0000", "{name}",
           "9223372036854775807", "-9223372036854775808", "<script>", "\\u0000", "NaN"]
# Each computes a password, which is made slow; they have their own tests.
SLOW = {"/session", "/users", "/users/{name}"}


def quote(text):
    return "".join(c if c.isascii() and c.isalnum() or c in "-_.~" else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


class Fuzzer:
    def __init__(self, number, known):
        self.rng = random.Random(seed * 1000 + number)
        self.client = Client(data)
        self.known = known

    def value(self, schema, depth=0):
        """One that the schema allows, mostly."""
        schema, rng = api.resolve(schema), self.rng
        if rng.random() < 0.08:
            return rng.choice([None, True, -1, 2**63 - 1, 1.5, "", [], {}, [[]], rng.choice(STRANGE)])
        if "anyOf" in schema:
            return self.value(rng.choice(schema["anyOf"]), depth)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "integer":
            return rng.randint(schema.get("minimum", 0), min(schema.get("maximum", 1000), 10**15))
        if kind == "number":
            return rng.random() * 10 ** rng.randint(-3, 6)
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "array":
            return [self.value(schema["items"], depth + 1) for _ in range(rng.choice([0, 1, 1, 2, 5]))]
        if kind == "object":
            o = {k: self.value(s, depth + 1) for k, s in schema.get("properties", {}).items()
                 if k in schema.get("required", []) or rng.random() < 0.5}
            if rng.random() < 0.1:
                o[rng.choice(STRANGE)] = rng.choice(STRANGE)
            return o
        return rng.choice(STRANGE + self.known["text"])

    def part(self, pattern):
        rng = self.rng
        before = pattern.split("{")[0]
        good = self.known.get(before, [])
        return str(rng.choice(good)) if good and rng.random() < 0.7 else rng.choice(STRANGE)

    def query(self, op):
        rng, pairs = self.rng, []
        for p in op["parameters"]:
            if p["in"] != "query" or (rng.random() < 0.5 and not p["required"]):
                continue
            value = self.value(p["schema"])
            if p["name"] == "wait_ms":
                value = rng.choice(["0", "1", "30001", "x", "-1"])  # the longest wait is no bug
            pairs.append((p["name"], value if isinstance(value, str) else json.dumps(value)))
        if rng.random() < 0.1:
            pairs.append((rng.choice(STRANGE), rng.choice(STRANGE)))
        return ("?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in pairs)) if pairs else ""

    def body(self, op):
        rng = self.rng
        if "requestBody" not in op:
            return None if rng.random() < 0.95 else "{}"
        text = json.dumps(self.value(op["requestBody"]["content"]["application/json"]["schema"]))
        if rng.random() < 0.15:
            at = rng.randrange(len(text) + 1)
            text = rng.choice([text[:at], text[:at] + rng.choice("{}[]\",:\\\x00\xff") + text[at:], "[" * 100, ""])
        return text.encode("utf-8", "surrogatepass")

    def headers(self):
        rng, headers = self.rng, {}
        if rng.random() < 0.2:
            headers["Idempotency-Key"] = rng.choice(["a", "b", "c", "k" * 127, "k" * 128])
        if rng.random() < 0.1:
            headers["If-None-Match"] = rng.choice(["*", '"x"', '"' + "0" * 24 + '"', "x" * 2000])
        if rng.random() < 0.05:
            headers["Last-Event-ID"] = rng.choice(["0", "x", "-1", "9" * 30, "1"])
        if rng.random() < 0.05:
            headers["Content-Type"] = rng.choice(["text/plain", "", "multipart/form-data; boundary=x"])
        if rng.random() < 0.05:
            headers["Cookie"] = f"andon-{self.client.url.port}=" + rng.choice(["", "x", "0" * 64, "x" * 3000])
        if rng.random() < 0.02:
            headers["Host"] = rng.choice(["evil.example", "", "localhost:x", "[::1", "x" * 2000])
        return headers

    def one(self):
        rng = self.rng
        method, pattern, op = rng.choice(api.operations)
        while pattern in SLOW and rng.random() < 0.97:
            method, pattern, op = rng.choice(api.operations)
        path = pattern
        if "{" in pattern:
            path = pattern.split("{")[0] + quote(self.part(pattern)) + pattern.split("}")[1]
        asked = method
        if rng.random() < 0.05:
            asked = rng.choice(["DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "GET", "POST", "BREW"])
        if rng.random() < 0.02:
            path = rng.choice(["/", "//", "/..", "/../../etc/passwd", "/" + "x" * 3000, "/sites/a/b/c", "/%2e%2e/x"])
        token = rng.choice([True] * 18 + [False, "wrong"])
        what = f"{asked} {path}{self.query(op)}"
        status, headers, body = self.client.ask(asked, "/api/v1" + what.split(" ", 1)[1], self.body(op), self.headers(), token)
        self.judge(what, asked == method and path.count("/") == pattern.count("/"), op, status, headers, body)

    def judge(self, what, described, op, status, headers, body):
        kind = headers.get("Content-Type") or ""
        found = []
        if status >= 500 and status != 503:
            found = [f"status {status}"]
        elif status == 304:
            found = [f"304 with {len(body)} bytes"] if body else []
        elif what.startswith("HEAD"):
            found = [f"HEAD with {len(body)} bytes"] if body else []
        elif described and status not in (404, 405, 414, 431) and kind != "text/html":
            found = api.judge(op, status, kind, body)
        elif status >= 400 and kind == "application/problem+json":
            found = api.faults(api.doc["components"]["schemas"]["Problem"], json.loads(body))
        elif status >= 400 and status not in (400, 405, 413, 414, 431, 501):
            found = [f"status {status} of the type {kind!r}"]
        with lock:
            counts[status] = counts.get(status, 0) + 1
            faults.extend(f"{what[:300]}: {f}" for f in found)

    def no_http(self):
        """Bytes that are no request; whatever is said to them, the next one is served."""
        rng = self.rng
        text = rng.choice([b"\x00" * 100, b"GET", b"GET / HTTP/9.9\r\n\r\n", b"POST /api/v1/models HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                           b"GET /api/v1/sites HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                           b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", bytes(rng.randrange(256) for _ in range(300))])
        with socket.create_connection((self.client.url.hostname, self.client.url.port), timeout=20) as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except OSError:
                pass

    def run(self, n):
        try:
            for _ in range(n):
                if self.rng.random() < 0.01:
                    self.no_http()
                else:
                    self.one()
                if len(faults) > 20:
                    return
        except Exception as e:  # the coordinator is gone, or this file is wrong: either way it failed
            with lock:
                faults.append(f"{type(e).__name__}: {e}")
        finally:
            self.client.close()


def learn():
    def get(path, key, of):
        return [x[of] for x in json.loads(client.ask("GET", "/api/v1" + path)[2])[key]]

    client = Client(data)
    models, sites = get("/models", "models", "name"), get("/sites", "sites", "name")
    hashes = get("/versions", "versions", "hash")
    known = {"/models/": models, "/sites/": sites, "/history/": models + sites, "/versions/": hashes,
             "/rounds/": get("/rounds", "rounds", "id"), "/campaigns/": get("/campaigns", "campaigns", "id"),
             "/rollouts/": get("/rollouts", "rollouts", "id"), "/releases/": [1], "/proposals/": [1], "/groups/": ["early"],
             "/users/": ["admin", "vera"], "text": models + sites + hashes}
    client.close()
    return known


begin = time.monotonic()
what_is_known = learn()
threads = [threading.Thread(target=Fuzzer(i, what_is_known).run, args=(total // THREADS,)) for i in range(THREADS)]
for t in threads:
    t.start()
for t in threads:
    t.join()
for fault in faults[:20]:
    print(fault)
print(f"{sum(counts.values())} answers in {time.monotonic() - begin:.1f} s: " +
      ", ".join(f"{n} of {s}" for s, n in sorted(counts.items())))
sys.exit(bool(faults))
