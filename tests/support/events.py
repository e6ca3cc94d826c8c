"""Many listeners at GET /api/v1/events, each of which goes away and comes back again and again.

    events.py DATA N STOP      DATA: the coordinator's folder; ends when the file STOP names the last record and all N
                               have it; exit 1 and a line if one missed a record, saw one twice or out of order

Beside them, one who has the site plant-a alone hears what the journal tells them, and one who has none that there is hears
comments, and the end of the stream when they are removed.
"""
import http.client
import json
import os
import random
import sys
import threading
import time
import urllib.parse

data, n_listeners, stop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
faults = []
reconnects = [0] * n_listeners
counts = [0] * n_listeners
deadline = time.monotonic() + 120


def end():
    try:
        with open(stop) as f:
            return int(f.read() or 0)
    except (OSError, ValueError):
        return 0


def ask(method, path, body=None, token=None):
    with open(os.path.join(data, "endpoints.json")) as f:
        there = urllib.parse.urlparse(json.load(f)["http"])
    with open(os.path.join(data, "admin.token")) as f:
        token = token or f.read().strip()
    connection = http.client.HTTPConnection(there.hostname, there.port, timeout=20)
    connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None,
                       {"Authorization": "Bearer " + token})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status >= 300:
        raise OSError(answer["detail"])
    return answer


def user_token(name, site):
    ask("POST", "/users", {"name": name, "role": "viewer", "sites": [site]})
    return ask("POST", f"/users/{name}/tokens", {"label": "test", "valid_ms": 3600000})["token"]["token"]


def connect(last, token=None):
    with open(os.path.join(data, "endpoints.json")) as f:
        there = urllib.parse.urlparse(json.load(f)["http"])
    with open(os.path.join(data, "admin.token")) as f:
        headers = {"Authorization": "Bearer " + (token or f.read().strip())}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    connection = http.client.HTTPConnection(there.hostname, there.port, timeout=20)
    connection.request("GET", "/api/v1/events" + ("?after=0" if last == 0 else ""), headers=headers)
    return connection, connection.getresponse()


def events(response):
    """One (id, event, data) after another; (None, None, None) for a comment."""
    fields = {}
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith(":"):
            yield None, None, None
        elif line:
            key, value = line.split(": ", 1)
            fields[key] = value
        elif fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}


def listen(i):
    rng = random.Random(i)
    last = 0 if i % 2 else None
    while time.monotonic() < deadline and not faults:
        if end() and last is not None and last >= end():
            return
        connection = None
        leave_after = rng.randint(1, 60)
        try:
            connection, response = connect(last)
            if response.status != 200 or response.getheader("Content-Type") != "text/event-stream":
                if response.status != 503:
                    faults.append(f"listener {i}: {response.status} {response.read()[:200]}")
                continue
            for seq, kind, record in events(response):
                if seq is None:
                    if end() and last is not None and last >= end():
                        break
                    continue
                if record["seq"] != seq or record["kind"] != kind:
                    faults.append(f"listener {i}: {seq} {kind} is {record}")
                if last is not None and seq != last + 1:
                    faults.append(f"listener {i}: {seq} after {last}")
                last = seq
                counts[i] += 1
                leave_after -= 1
                if leave_after == 0 or (end() and seq >= end()) or faults:
                    break
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.05)  # the coordinator is away
        finally:
            if connection:
                connection.close()
            reconnects[i] += 1
    if not faults:
        faults.append(f"listener {i} hangs at {last}, the end is {end()}")


def listen_to_one_site(token):
    last, heard = 0, []
    while time.monotonic() < deadline and not (end() and last >= end()):
        try:
            connection, response = connect(last, token)
            for seq, _, record in events(response):
                if seq is not None:
                    heard.append(seq)
                    last = seq
                    if record["subject"] != "plant-a":
                        faults.append(f"who has plant-a alone hears of {record['subject']}")
                elif end():
                    last = end()
                    break
            connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.05)
    told = [r["seq"] for r in ask("GET", "/journal?limit=1000", token=token)["records"]]
    if not told or [s for s in told if s <= end()] != [s for s in heard if s <= end()]:
        faults.append(f"who has plant-a alone hears {heard}, and reads {told}")


def listen_to_nothing(name, token):
    comments, removed = 0, False
    connection, response = connect(0, token)
    for seq, kind, _ in events(response):
        if seq is not None:
            faults.append(f"who has no site hears {kind}")
            return
        comments += 1
        if comments == 3 and not removed:
            ask("POST", f"/users/{name}/remove", {"reason": "a test"})
            removed = True
        if comments > 13 or time.monotonic() > deadline:
            faults.append("the stream of who was removed goes on")
            return
    if not removed:
        faults.append(f"the stream of who has no site ended after {comments} comments")


vera, quinn = user_token("vera", "plant-a"), user_token("quinn", "plant-q")
listen_to_nothing("quinn", quinn)
threads = [threading.Thread(target=listen, args=(i,)) for i in range(n_listeners)]
threads.append(threading.Thread(target=listen_to_one_site, args=(vera,)))
for t in threads:
    t.start()
for t in threads:
    t.join()
if faults:
    print(faults[0])
    sys.exit(1)
print(f"{n_listeners} listeners had {sum(counts)} records over {sum(reconnects)} connections")
