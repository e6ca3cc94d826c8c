# Holds files to ONNX's own checker, shapes included:   check.py FILE...
import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    try:
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as error:
        sys.exit("%s: %s" % (path, error))
    known = {v.name: v.type.tensor_type.shape for v in inferred.graph.output}
    for dim in known[model.graph.output[0].name].dim[1:]:
        if not dim.HasField("dim_value"):
            sys.exit("%s: a dimension of the output is not known" % path)
    names = [n.name for n in model.graph.node]
    if len(names) != len(set(names)):
        sys.exit("%s: two nodes of one name" % path)
    props = {p.key for p in model.metadata_props}
    if not {"andon.model", "andon.loss", "andon.target", "andon.preprocessing"} <= props:
        sys.exit("%s: properties are missing" % path)
print("%d files pass the checker of onnx %s" % (len(sys.argv) - 1, onnx.__version__))
