#!/usr/bin/env python3
"""Runs a program at a terminal of its own, says lines when it asks, prints all that the terminal showed.

    terminal.py LINE... -- PROGRAM ARGUMENT...
"""
import os
import pty
import sys

at = sys.argv.index("--")
lines, command = sys.argv[1:at], sys.argv[at + 1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    shown += got
    if lines and got.rstrip(b" ").endswith(b":"):
        os.write(fd, lines.pop(0).encode() + b"\n")
os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
