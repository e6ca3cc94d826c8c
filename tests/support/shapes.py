"""Draws images for tests: shapes on a noisy ground, in folders as andon-lab takes them.

    python3 tests/support/shapes.py FOLDER SEED

    FOLDER/classes/{circle,square}   28 x 28, grey, as PGM and PNG in turn
    FOLDER/colours/{circle,square}   64 x 64, coloured PNG
    FOLDER/surface/{normal,hole}     64 x 64, a chequered ground; with a black hole
    FOLDER/masks/{images,masks}      32 x 32, what is drawn is white in the mask

    python3 tests/support/shapes.py FOLDER SEED KIND PART...

    FOLDER/PART.png of each part: a surface as above, of KIND normal, hole (at the upper right), blurred or white.  Each
    is whole when it has its name.
"""
import os
import random
import struct
import sys
import zlib


def png(path, n, channels, values):
    def chunk(tag, data):
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    rows = b"".join(b"\0" + bytes(values[y * n * channels:(y + 1) * n * channels]) for y in range(n))
    head = struct.pack(">IIBBBBB", n, n, 8, 0 if channels == 1 else 2, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def pgm(path, n, values):
    with open(path, "wb") as f:
        f.write(b"P5\n%d %d\n255\n" % (n, n) + bytes(values))


def draw(rng, shape, n, channels):
    """The values, and which of its n * n places are the shape's."""
    x, y, half = rng.randrange(n // 3, 2 * n // 3), rng.randrange(n // 3, 2 * n // 3), rng.randrange(n // 8, n // 4)
    colour = [rng.randrange(150, 256) for _ in range(channels)]
    values = [rng.randrange(40) for _ in range(n * n * channels)]
    inside = [False] * (n * n)
    for at in range(n * n):
        dx, dy = abs(at % n - x), abs(at // n - y)
        # A ring and a filled square: what a small network tells apart in a few epochs.
        inside[at] = half * half >= dx * dx + dy * dy > half * half // 3 if shape == "circle" else max(dx, dy) <= half
        if inside[at]:
            values[at * channels:(at + 1) * channels] = colour
    return values, inside


def chequered(rng, hole):
    n = 64
    values = [128 + 60 * ((at % n // 8 + at // n // 8) % 2) + rng.randrange(20) for at in range(n * n)]
    if hole:
        x, y = rng.randrange(8, n - 16), rng.randrange(8, n - 16)
        for row in range(y, y + 8):
            values[row * n + x:row * n + x + 8] = [0] * 8
    return values


def picture(rng, kind):
    n = 64
    if kind == "white":
        return [255] * (n * n)
    values = chequered(rng, False)
    if kind == "hole":
        for row in range(6, 14):
            values[row * n + 44:row * n + 60] = [0] * 16
    if kind == "blurred":
        values = [sum(values[y * n + (x + d) % n] for d in range(-12, 13)) // 25 for y in range(n) for x in range(n)]
        values = [sum(values[(y + d) % n * n + x] for d in range(-12, 13)) // 25 for y in range(n) for x in range(n)]
    return values


def parts(top, rng, kind, names):
    os.makedirs(top, exist_ok=True)
    for name in names:
        whole = os.path.join(top, name + ".png")
        png(whole + ".part", 64, 1, picture(rng, kind))
        os.rename(whole + ".part", whole)


def main():
    top, rng = sys.argv[1], random.Random(int(sys.argv[2]))
    if len(sys.argv) > 3:
        return parts(top, rng, sys.argv[3], sys.argv[4:])

    def folder(*names):
        path = os.path.join(top, *names)
        os.makedirs(path, exist_ok=True)
        return path

    for i in range(40):
        for shape in ("circle", "square"):
            values, _ = draw(rng, shape, 28, 1)
            if i % 2:
                png(os.path.join(folder("classes", shape), "%d.png" % i), 28, 1, values)
            else:
                pgm(os.path.join(folder("classes", shape), "%d.pgm" % i), 28, values)
    for i in range(8):
        for shape in ("circle", "square"):
            png(os.path.join(folder("colours", shape), "%d.png" % i), 64, 3, draw(rng, shape, 64, 3)[0])
    for i in range(60):
        png(os.path.join(folder("surface", "normal"), "%d.png" % i), 64, 1, chequered(rng, False))
        if i < 10:
            png(os.path.join(folder("surface", "hole"), "%d.png" % i), 64, 1, chequered(rng, True))
    for i in range(20):
        values, inside = draw(rng, "square", 32, 1)
        png(os.path.join(folder("masks", "images"), "part-%d.png" % i), 32, 1, values)
        pgm(os.path.join(folder("masks", "masks"), "part-%d.pgm" % i), 32, [255 * one for one in inside])


main()
