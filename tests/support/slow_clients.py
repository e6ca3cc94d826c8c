"""Rounds beside clients that are slow at the coordinator's HTTP door.

    slow_clients.py DATA MODEL PID [--whole]      DATA: the folder of a coordinator, process PID, whose sites run MODEL

Runs a campaign, then the same beside 140 clients: requests that come a byte at a time, requests of which half came, and
readers who do not read.  Fails if the rounds take longer than FACTOR times as long, if whoever is connected already waits for an
answer for longer than PATIENCE_S, or, with --whole, if a client that has gone silent is not ended in ENDED_S.
"""
import http.client
import json
import os
import socket
import statistics
import sys
import threading
import time

CLIENTS = 140  # the door takes 128
FACTOR = 2.5
PATIENCE_S = 15
ENDED_S = 150  # the door gives a minute, and looks once in a minute for who sends a byte now and then

data, model, pid = sys.argv[1:4]
whole = sys.argv[4:] == ["--whole"]
with open(f"{data}/endpoints.json", encoding="utf-8") as f:
    host, port = json.load(f)["http"].removeprefix("http://").split(":")
with open(f"{data}/admin.token", encoding="utf-8") as f:
    token = f.read().strip()
door = http.client.HTTPConnection(host, int(port), timeout=60)  # kept: the door is full later
waited = []


def ask(method, path, body=None):
    began = time.monotonic()
    door.request(method, "/api/v1" + path, body and json.dumps(body), {"Authorization": f"Bearer {token}"})
    answer = door.getresponse()
    text = answer.read()
    waited.append(time.monotonic() - began)
    assert answer.status < 300, (path, answer.status, text)
    return json.loads(text)


def rounds():
    """Milliseconds that each round of a campaign took."""
    campaign = ask("POST", "/campaigns", {"model": model, "kind": "incremental"})["campaign"]["id"]
    until = time.monotonic() + 120
    while not ask("GET", f"/campaigns/{campaign}")["campaign"]["over"]:
        assert time.monotonic() < until, "the campaign does not end"
        time.sleep(0.1)
    done = [r for r in ask("GET", "/rounds?limit=100")["rounds"] if r["campaign"] == campaign]
    bad = [r["id"] for r in done if r["state"] != "COMMITTED"]
    assert len(done) >= 8 and not bad, f"{len(done)} rounds, not committed: {bad}"
    return [r["ended_ms"] - r["opened_ms"] for r in done]


class Slow:
    """Connections that are opened again as the door ends them, and to which a byte is sent now and then."""

    half = b"POST /api/v1/models HTTP/1.1\r\nHost: h\r\nX-Long: "
    reader = (b"GET /api/v1/journal?limit=1000 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
              + token.encode() + b"\r\n\r\n") * 2

    def __init__(self):
        self.sockets = [self.open(i) for i in range(CLIENTS)]
        self.going = True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def open(self, i):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((host, int(port)))
        s.setblocking(False)
        self.send(s, self.reader if i % 4 == 3 else self.half)
        return s

    @staticmethod
    def send(s, what):
        try:
            s.send(what)
            return True
        except BlockingIOError:
            return True
        except OSError:
            return False

    def run(self):
        while self.going:
            for i, s in enumerate(self.sockets):
                if i % 4 < 2 and not self.send(s, b"x"):
                    s.close()
                    self.sockets[i] = self.open(i)
            time.sleep(0.5)

    def stop(self):
        self.going = False
        self.thread.join()


def files():
    return len(os.listdir(f"/proc/{pid}/fd"))


def until_ended(before):
    """Seconds until the door has ended all of them.  Readers who do not read cannot see that: it is counted at the other end."""
    began = time.monotonic()
    while files() > before + 4:
        assert time.monotonic() < began + ENDED_S, f"{files() - before} of its files are still open"
        time.sleep(0.5)
    return time.monotonic() - began


alone = rounds()
waited.clear()
before = files()
slow = Slow()
ask("GET", "/status")  # what the readers asked for is done: what is measured is that they do not take it
beside = rounds()
most = max(waited)
slow.stop()
door.close()
ratio = statistics.median(beside) / statistics.median(alone)
said = f"silent clients were ended within {until_ended(before):.0f} s" if whole else "that silent ones are ended is left out"
print(f"rounds of {statistics.median(alone):.0f} ms alone and {statistics.median(beside):.0f} ms beside {CLIENTS} slow clients, "
      f"{len(alone)} and {len(beside)} of them; an answer took {1000 * most:.0f} ms at most; {said}")
assert ratio <= FACTOR, f"{ratio:.2f} times as long"
assert most <= PATIENCE_S, f"an answer took {most:.1f} s"
