# Which weights moved between two files of one architecture?   frozen.py BEFORE AFTER LAYER...
# The layers named must be equal bit for bit, and all others differ.
import sys

import onnx
from onnx import numpy_helper


def weights(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


before, after, layers = weights(sys.argv[1]), weights(sys.argv[2]), set(sys.argv[3:])
if before.keys() != after.keys():
    sys.exit("the files have other tensors")
for name in before:
    layer, _, kind = name.rpartition("/")
    if kind not in ("w", "b"):
        continue
    if (before[name] == after[name]).all() != (layer in layers):
        sys.exit("%s %s" % (name, "moved" if layer in layers else "did not move"))
