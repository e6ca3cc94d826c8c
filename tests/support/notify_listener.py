#!/usr/bin/env python3
"""Listens at a datagram socket as systemd does for Type=notify, and writes each datagram as a line, with '|' between its
own lines.

    notify_listener.py PATH SECONDS FILE      PATH may begin with '@': the abstract kind; ends after SECONDS
"""
import socket
import sys
import time

path, seconds, out = sys.argv[1], float(sys.argv[2]), sys.argv[3]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + path[1:] if path.startswith("@") else path)
end = time.monotonic() + seconds
with open(out, "w", buffering=1, encoding="utf-8") as lines:
    while (left := end - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            lines.write(listener.recv(4096).decode().replace("\n", "|") + "\n")
        except TimeoutError:
            break
